"""What to say of a run that has not converged: by how much, and what to try."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from calibrate.texts import known

if TYPE_CHECKING:
    from calibrate.sampling.verdict import Check, Verdict

# More times as many steps than this nobody waits for; R-hat above this is no want of steps.
_PATIENCE = 100.0
_APART = 1.1
# A run needs two looks in a row, so some steps more than by its numbers.
_TWO_LOOKS = 1.25

# What people call the checks that are numbers of one quantity.
NAMES = {
    "rhat": "R-hat",
    "derived_rhat": "R-hat",
    "ess_bulk": "effective samples",
    "ess_tail": "effective samples of the tails",
    "derived_ess": "effective samples of the draws looked at",
    "autocorrelation_times": "autocorrelation times",
    "sd_error": "error of the standard deviation",
}


def phrase(verdict: Verdict) -> tuple[str, str]:
    """Return a sentence on a verdict and the advice that goes with it; no advice where the run has converged."""
    if verdict.converged:
        return "converged", ""
    return f"not converged: {', '.join(_faults(verdict))}", _advice(verdict)


def estimate(verdict: Verdict) -> int | None:
    """Return about how many more steps would do, by the pace so far; None if nobody can tell, 0 if none are needed."""
    factors = [_times(check) for check in verdict.missed]
    if not factors:
        return 0
    factor = _TWO_LOOKS * max(factors)
    if not factor <= _PATIENCE:
        return None
    more = (factor - 1.0) * verdict.steps * verdict.thin
    digits = int(10 ** max(0, len(str(int(more))) - 2))  # two are said
    return math.ceil(more / digits) * digits


def _times(check: Check) -> float:
    """Return how many times as many steps would meet a check, by what is usual: errors fall as 1 / sqrt(n)."""
    value, threshold = check.value, check.threshold
    if check.name == "looks":
        return 1.0
    if not math.isfinite(value) or check.name in ("stragglers", "drift"):
        return math.inf
    if check.name in ("rhat", "derived_rhat"):
        return max(1.0, (value - 1.0) / (threshold - 1.0)) if value < _APART else math.inf
    if check.name == "sd_error":
        return max(1.0, (value / threshold) ** 2)
    return max(1.0, threshold / value) if value > 0.0 else math.inf


def _faults(verdict: Verdict) -> Iterator[str]:
    """Yield each number that misses its threshold."""
    if math.isnan(verdict.diagnosis.worst_rhat):
        yield f"{verdict.steps * verdict.thin} steps are too few to tell"
        return
    for check in verdict.missed:
        if check.name == "looks":
            yield "all numbers suffice, but not on two looks in a row (each after a quarter more steps)"
        elif check.name == "drift":
            times = known(check.value, ".1f")
            yield f"the first steps kept differ from the last ones, {times} times as much as chance allows"
        elif check.name == "stragglers":
            yield f"{100.0 * check.value:.2g} % of the walkers stay far below the others (none wanted)"
        else:
            yield _fault(check)


def _fault(check: Check) -> str:
    subject = "the log-probability" if check.subject == "log_prob" else check.subject
    what = f"{NAMES[check.name]} of {subject}"
    if check.name in ("rhat", "derived_rhat"):
        return f"{what} {known(check.value, '.3f')} (below {check.threshold:g} wanted)"
    if check.name == "sd_error":
        return f"{what} {known(100.0 * check.value, '.1f', ' %')} ({100.0 * check.threshold:.1f} % wanted)"
    digits = ".1f" if check.name == "autocorrelation_times" else ".0f"
    return f"{what} {known(check.value, digits)} ({check.threshold:.6g} wanted)"


def _advice(verdict: Verdict) -> str:
    """Say what to try: more steps if these would do, and else what is the matter with a run that they do not help."""
    more = estimate(verdict)
    resume = "go on with 'calibrate resume'"
    if more is not None:
        return f"{resume}: by the pace so far about {more} more steps would do"
    if any(math.isnan(check.value) for check in verdict.missed):
        return resume
    names = {check.name for check in verdict.missed}
    if names & {"stragglers", "drift"}:
        return f"{resume}, or start anew with another seed; if that happens again, narrow the bounds"
    apart = next((c for c in verdict.missed if c.name in ("rhat", "derived_rhat") and not c.value < _APART), None)
    if apart is not None:
        return (
            f"the ensembles are in different places: look at the traces of {apart.subject}, {resume}, or start anew "
            "with another seed or narrower bounds; if they stay apart, the posterior has several hills"
        )
    return (
        f"more than {_PATIENCE:g} times as many steps would be needed: ask for fewer effective samples "
        "(sampling.min_ess), narrow the bounds or give priors, and store fewer steps (sampling.thin) if the file grows "
        "too large"
    )
