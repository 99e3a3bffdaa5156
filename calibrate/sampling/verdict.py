"""One verdict on a run: converged or not, and by which number against which threshold.

`look` looks at the chains up to some step, and `judge` asks for two looks in a row and for what follows from the
parameters. Both depend on the chains and the thresholds alone, so that a run, whoever resumes it and whoever reads its
file come to the same verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from calibrate.sampling.burnin import burn_in, drift
from calibrate.sampling.columns import Columns
from calibrate.sampling.convergence import MIN_TIMES, Diagnosis, diagnose, floor, largest_sd_error
from calibrate.sampling.remedy import estimate, phrase
from calibrate.sampling.series import worth

FloatArray = NDArray[np.float64]
Derive = Callable[[FloatArray], Mapping[str, FloatArray]]

# Stored steps per ensemble, burn-in included, at the first look of a run.
FIRST_LOOK = 64
# Where few effective samples are asked for, looks come before that, too.
EARLY_LOOKS = (32, 40, 50)
FEW_SAMPLES = 2000.0
# Each look comes after so many times the steps of the one before.
GROWTH = 1.25
# A look takes all steps up to so many, and evenly spread ones of more; but so many draws, and so many times the wanted
# effective samples.
_STEPS = 256
_DRAWS = 500_000
_SAMPLES = 4
# Of derived quantities, which cost a thousand times as much, each ensemble gives so many draws for each part by which
# R-hat may exceed 1, and by chance exceeds that once in a thousand times. So many at the least, and steps at the most.
_TELLING = 2.5
_LEAST = 250
_DERIVED_STEPS = 64
# Times as many are looked at where these do not suffice: among many quantities chance has its way.
_AGAIN = 4
# Draws of a derived quantity have to be worth half of what as many of a run that suffices would be.
_WORTH = 0.5


class Chains(Protocol):
    """Stored steps, as `chain.Chains` has them: anything that is read where it is sliced by steps."""

    @property
    def coords(self) -> Any:
        """Walkers, (ensembles, steps, walkers, ndim)."""

    @property
    def log_prob(self) -> Any:
        """Their log-probability, (ensembles, steps, walkers)."""


class Wanted(Protocol):
    """The thresholds, as `SamplingConfig` has them."""

    @property
    def max_rhat(self) -> float:
        """What R-hat has to be below."""

    @property
    def min_ess(self) -> float:
        """Effective samples at the least."""

    @property
    def thin(self) -> int:
        """Steps for each that is stored."""


@dataclass(frozen=True)
class Check:
    """One number against one threshold, of the quantity that meets it least.

    Attributes
    ----------
    name : str
        `looks`, `rhat`, `ess_bulk`, `ess_tail`, `autocorrelation_times`, `sd_error`, `drift`, `stragglers`,
        `derived_rhat` or `derived_ess`.
    subject : str
        The quantity: a parameter, `log_prob` or a derived quantity; empty where it is the run.
    value, threshold : float
        The number, NaN if unknown, and what it is held against.
    met : bool
        Whether it suffices.
    """

    name: str
    subject: str
    value: float
    threshold: float
    met: bool


@dataclass(frozen=True)
class Verdict:
    """Whether a run has converged, and why.

    Attributes
    ----------
    steps, burn_in : int
        Stored steps of each ensemble, and how many of them are dropped.
    diagnosis : Diagnosis
        The figures of every free parameter, and of the log-probability.
    checks : tuple of Check
        Everything that is asked for; what is unknown does not suffice.
    thin : int
        Steps for each that is stored.
    derived : Diagnosis or None
        The figures of derived quantities, as far as a thousand draws tell; None unless all else suffices.
    derived_names : tuple of str
        Theirs.
    """

    steps: int
    burn_in: int
    diagnosis: Diagnosis
    checks: tuple[Check, ...]
    thin: int
    derived: Diagnosis | None = None
    derived_names: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether all checks are met."""
        return all(check.met for check in self.checks)

    @property
    def missed(self) -> tuple[Check, ...]:
        """The checks that are not met."""
        return tuple(check for check in self.checks if not check.met)

    @property
    def more_steps(self) -> int | None:
        """About how many more steps, not counted in stored ones, would do by the pace so far; None if unknown."""
        return estimate(self)

    @property
    def sentence(self) -> str:
        """What is the case: which numbers miss their thresholds, and by how much."""
        return phrase(self)[0]

    @property
    def advice(self) -> str:
        """What to try if the run has not converged; else empty."""
        return phrase(self)[1]

    def numbers(self) -> dict[str, dict[str, str | float | bool | None]]:
        """Return the checks by name, for JSON: `subject`, `value`, `threshold` (None if there is no number), `met`."""
        return {
            check.name: {
                "subject": check.subject,
                "value": check.value if math.isfinite(check.value) else None,
                "threshold": check.threshold if math.isfinite(check.threshold) else None,
                "met": check.met,
            }
            for check in self.checks
        }


def next_look(stored: int, min_ess: float = math.inf) -> int:
    """Return the stored step at which a run looks next: a growing grid that does not depend on the past."""
    return next(look for look in _grid(min_ess) if look > stored)


def look_before(stored: int, min_ess: float = math.inf) -> int:
    """Return the last look of the grid that is at least a fifth of the steps back; 0 if there is none."""
    before = 0
    for look in _grid(min_ess):
        if math.ceil(GROWTH * look) > stored:
            return before
        before = look
    raise AssertionError  # the grid has no end


def _grid(min_ess: float) -> Iterator[int]:
    """Yield the steps at which a run looks that is to have so many effective samples."""
    if min_ess <= FEW_SAMPLES:
        yield from EARLY_LOOKS
    look = FIRST_LOOK
    while True:
        yield look
        look = math.ceil(GROWTH * look)


def stride(stored: int, draws: int, min_ess: float) -> int:
    """Return of how many stored steps a look takes one, if each step has so many `draws` in all ensembles."""
    return max(1, stored // max(_STEPS, math.ceil(max(_DRAWS, _SAMPLES * min_ess) / draws)))


@np.errstate(over="ignore", invalid="ignore")  # draws that somebody has made up may be anything that is finite
def look(
    names: Sequence[str], chains: Chains, stored: int, wanted: Wanted, dropped: int | None = None, before: float = 0.0
) -> Verdict:
    """Look at the chains up to some step.

    Parameters
    ----------
    names : sequence of str
        The free parameters.
    chains : Chains
        At least two ensembles.
    stored : int
        How far to look.
    wanted : Wanted
        The thresholds.
    dropped : int, optional
        The burn-in that a user has chosen, in stored steps; else the fewest steps whose rest is settled.
    before : float
        Steps of the same moves before the first that is stored, in stored steps.
    """
    ensembles, _, walkers = chains.log_prob.shape
    thin = stride(stored, ensembles * walkers, wanted.min_ess)
    some = slice(thin - 1, stored, thin)
    coords, log_prob = Columns(chains.coords, some), np.asarray(chains.log_prob[:, some])
    means = _means(coords, log_prob)
    drop = burn_in(means, before / thin) if dropped is None else min(dropped, stored) // thin
    diagnosis = diagnose(coords, log_prob, drop)
    checks = tuple(_checks(names, diagnosis, drift(means[..., drop:]), wanted))
    return Verdict(stored, drop * thin if dropped is None else min(dropped, stored), diagnosis, checks, wanted.thin)


def judge(
    chains: Chains, stored: int, wanted: Wanted, looks: Callable[[int], Verdict], derive: Derive | None = None
) -> Verdict:
    """Return the verdict on the chains up to some step: this look, the look before, and derived quantities.

    Parameters
    ----------
    chains, stored, wanted
        See `look`.
    looks : callable
        Looks up to some step; who asks may remember earlier looks.
    derive : callable, optional
        Returns derived quantities of rows of parameters; without it, they are not looked at.
    """
    found, before = looks(stored), look_before(stored, wanted.min_ess)
    if not found.converged:
        return found
    agreed = bool(before) and looks(before).converged
    found = replace(found, checks=(*found.checks, Check("looks", "", 1.0 + agreed, 2.0, agreed)))
    if derive is None or not agreed:
        return found
    each = max(_LEAST, math.ceil(_TELLING / (wanted.max_rhat - 1.0)))
    for draws in (each, _AGAIN * each):
        derived, labels, checks = _derived(chains, found, draws, derive, wanted)
        if all(check.met for check in checks):
            break
    return replace(found, checks=(*found.checks, *checks), derived=derived, derived_names=labels)


def _derived(
    chains: Chains, found: Verdict, each: int, derive: Derive, wanted: Wanted
) -> tuple[Diagnosis | None, tuple[str, ...], tuple[Check, ...]]:
    """Diagnose derived quantities of so many draws of each ensemble: figures, names and checks."""
    rows = spread_draws(chains, found.burn_in, found.steps, each)
    *shape, ndim = rows.shape
    looked_at = math.prod(shape)
    values = {name: _ranked(value) for name, value in derive(rows.reshape(looked_at, ndim)).items()}
    names = tuple(name for name, value in values.items() if np.ptp(value) > 0.0)
    if not names:
        return None, (), ()
    derived = diagnose(np.stack([values[name] for name in names], axis=1).reshape(*shape, len(names)))
    ensembles, _, walkers = chains.log_prob.shape
    all_draws = ensembles * (found.steps - found.burn_in) * walkers
    enough = _WORTH * worth(looked_at, all_draws, wanted.min_ess)
    return (
        derived,
        names,
        (
            _largest("derived_rhat", names, derived.rhat, wanted.max_rhat),
            _smallest("derived_ess", names, np.minimum(derived.ess_bulk, derived.ess_tail), enough),
        ),
    )


def _ranked(values: FloatArray) -> FloatArray:
    """Return values in which what is unknown, such as an angle that is not reached, ranks below all that is known."""
    known = np.isfinite(values)
    if known.all() or not known.any():
        return np.where(known, values, 0.0)
    low, high = values[known].min(), values[known].max()
    return np.where(known, values, low - (high - low) - 1.0)


def spread_draws(chains: Chains, first: int, stored: int, each: int) -> FloatArray:
    """Return at most so many draws of each ensemble from `first` on, evenly spread: (ensembles, steps, walkers, ndim).

    Of each step some walkers, always the same random ones. All draws if they are few enough.
    """
    walkers = chains.log_prob.shape[2]
    thin = math.ceil((stored - first) / max(min(_DERIVED_STEPS, each), each // walkers))
    coords = np.asarray(chains.coords[:, first + thin - 1 : stored : thin])
    some = each // coords.shape[1]
    if some >= walkers:
        return coords
    order = np.random.default_rng(0).permuted(np.tile(np.arange(walkers), (coords.shape[1], 1)), axis=1)
    return np.take_along_axis(coords, order[np.newaxis, :, :some, np.newaxis], axis=2)


def _means(coords: Columns, log_prob: FloatArray) -> FloatArray:
    """Return the ensembles' means (quantities, ensembles, steps); a lost walker moves the heights' but little."""
    heights = (np.maximum(log_prob, floor(log_prob)) if log_prob.size else log_prob).mean(axis=2)
    means = coords.each(lambda part: np.moveaxis(np.einsum("etwi->eti", part) / part.shape[2], -1, 0))
    return np.concatenate([*means, heights[np.newaxis]])


def _checks(names: Sequence[str], found: Diagnosis, off: float, wanted: Wanted) -> Iterator[Check]:
    """Yield what one look is asked for."""
    every, height = (*names, "log_prob"), found.log_prob

    def of(name: str) -> FloatArray:
        own = np.asarray(getattr(found, name))
        return np.append(own, np.nan if height is None else getattr(height, name))

    yield _largest("rhat", every, of("rhat"), wanted.max_rhat)
    yield _smallest("ess_bulk", every, of("ess_bulk"), wanted.min_ess)
    yield _smallest("ess_tail", every, of("ess_tail"), wanted.min_ess)
    yield _smallest("autocorrelation_times", every, of("autocorrelation_times"), MIN_TIMES)
    most = largest_sd_error(wanted.min_ess)
    worst = _largest("sd_error", names, found.sd_error, most)
    yield replace(worst, met=bool(worst.value <= most))
    yield Check("drift", "", off, 1.0, bool(off < 1.0))
    share = 0.0 if found.stragglers is None else found.stragglers.share
    yield Check("stragglers", "", share, 0.0, share == 0.0)


def _largest(name: str, subjects: Sequence[str], values: FloatArray, most: float) -> Check:
    """Hold the largest value against a threshold that it has to be below; NaN is the largest."""
    at = int(np.argmax(values))
    return Check(name, subjects[at], float(values[at]), most, bool(values[at] < most))


def _smallest(name: str, subjects: Sequence[str], values: FloatArray, least: float) -> Check:
    """Hold the smallest value against a threshold that it has to reach; NaN is the smallest."""
    at = int(np.argmin(values))
    return Check(name, subjects[at], float(values[at]), least, bool(values[at] >= least))
