"""The run loop: independent ensembles step on all cores until they agree, or until the budget is spent.

Takes emcee backends and makes emcee's steps on each, in threads: a compiled move lets go of Python's lock for nearly
all of its time. What is stored, and when the run stops, depends on the seed and the number of steps
alone: never on the number of threads, on the clock unless a time limit is given, nor on how often the run was
interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrate.config import SamplingConfig
from calibrate.lean import emcee
from calibrate.posterior import Posterior
from calibrate.processes import cores
from calibrate.sampling.ensembles import Ensemble, InMemory, Streamed, generators
from calibrate.sampling.moves import moves_of
from calibrate.sampling.stepping import threads
from calibrate.sampling.verdict import Derive, Verdict, judge, look, next_look

FloatArray = NDArray[np.float64]
Reason = Literal["converged", "steps", "time", "interrupted"]

# Seconds between two looks at the clock, the user and the progress.
_TURN = 0.1


@dataclass(frozen=True)
class Budget:
    """How far to go.

    Attributes
    ----------
    steps : int
        Total steps of each ensemble.
    seconds : float or None
        Time for this sitting, which takes one step at least.
    until_converged : bool
        Stop as soon as the ensembles have converged, or use all steps.
    """

    steps: int
    seconds: float | None = None
    until_converged: bool = True


@dataclass(frozen=True)
class Progress:
    """What a run can say of itself while it runs: counts are per ensemble, `verdict` is of the last look."""

    steps: int
    max_steps: int
    seconds: float
    log_prob: float
    acceptance: float
    verdict: Verdict | None


@dataclass(frozen=True)
class Outcome:
    """How a sitting ended: all steps, its own seconds and steps, and the last verdict, None if there was no look."""

    reason: Reason
    steps: int
    seconds: float
    verdict: Verdict | None
    taken: int = 0


def sample(
    posterior: Posterior,
    backends: Sequence[emcee.backends.Backend],
    starts: FloatArray,
    settings: SamplingConfig,
    budget: Budget,
    *,
    outposts: bool = True,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    derive: Derive | None = None,
) -> Outcome:
    """Run, or go on running, until converged or out of budget.

    Parameters
    ----------
    posterior : Posterior
        What to sample.
    backends : sequence of emcee backends
        One per ensemble, empty or holding a chain to go on from.
    starts : ndarray, shape (ensembles, walkers, ndim)
        First walkers of the ensembles whose backend is empty, and what outposts are chosen from.
    settings : SamplingConfig
        Seed, moves, thinning, threads and thresholds.
    budget : Budget
        How far to go.
    outposts : bool
        Whether moves stand by the first walkers, too; a run keeps to what it began with.
    on_progress : callable
        Told after each turn.
    should_stop : callable
        Asked before each turn, of a tenth of a second or one stored step; True ends the run, whole and resumable.
    derive : callable, optional
        Returns quantities that follow from rows of parameters; the run goes on until these have converged, too.

    Returns
    -------
    Outcome
        How it ended.
    """
    begin = time.monotonic()
    moves = moves_of(posterior, settings.moves, starts if outposts else None)
    kind = InMemory if all(type(backend) is emcee.backends.Backend for backend in backends) else Streamed
    ensembles = [
        kind(posterior, backend, start, random, moves, settings.thin)
        for backend, start, random in zip(backends, starts, generators(settings.seed, len(backends)), strict=True)
    ]
    last, pace = budget.steps // settings.thin, 1
    verdict: Verdict | None = None

    def level() -> int:
        return min(e.stored for e in ensembles)

    first = level()

    def elapsed() -> float:
        return time.monotonic() - begin

    def report() -> None:
        steps, total = level() * settings.thin, last * settings.thin
        on_progress(Progress(steps, total, elapsed(), *_heights(ensembles), verdict))

    def outcome(reason: Reason) -> Outcome:
        for one in ensembles:
            one.leave()
        return Outcome(reason, level() * settings.thin, elapsed(), verdict, (level() - first) * settings.thin)

    looks = _Looks(posterior.names, _Chains(_Rows(backends, "chain"), _Rows(backends, "log_prob")), settings)
    with threads(min(settings.workers or cores(), len(ensembles)), "ensemble") as pool:
        while True:
            stored = level()
            due = stored >= last or next_look(stored - 1, settings.min_ess) == stored
            if due and stored > 0 and stored not in looks.seen:
                verdict = judge(looks.chains, stored, settings, looks, derive)
                report()
                if budget.until_converged and verdict.converged:
                    return outcome("converged")
            if stored >= last:
                return outcome("converged" if verdict is not None and verdict.converged else "steps")
            if should_stop():
                return outcome("interrupted")
            if budget.seconds is not None and stored > first and elapsed() > budget.seconds:
                return outcome("time")
            # All go as far: so the ensembles are level, or get level if a killed run left them uneven.
            target, turn = min(last, next_look(stored, settings.min_ess), stored + pace), time.monotonic()
            list(pool.map(lambda one: one.advance(target), ensembles))  # noqa: B023  # done before the next turn
            pace = 2 * pace if time.monotonic() - turn < 0.5 * _TURN else max(1, pace // 2)
            report()


def _heights(ensembles: Sequence[Ensemble]) -> tuple[float, float]:
    """Return the mean log-probability of all walkers, NaN before the first step, and the mean acceptance."""
    log_prob = [one.state.log_prob.mean() for one in ensembles if one.state.log_prob is not None]
    return float(np.mean(log_prob or [np.nan])), float(np.mean([one.acceptance for one in ensembles]))


@dataclass(frozen=True)
class _Rows:
    """What all backends have stored of one thing, read where it is sliced by steps."""

    backends: Sequence[emcee.backends.Backend]
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """(ensembles, steps, walkers[, ndim]), as far as all have come."""
        walkers, ndim = self.backends[0].shape
        steps = min(int(backend.iteration) for backend in self.backends)
        return (len(self.backends), steps, walkers, ndim)[: 4 if self.name == "chain" else 3]

    def __getitem__(self, key: tuple[slice, ...]) -> FloatArray:
        first, some, *rest = key
        steps = range(self.shape[1])[some]
        thin, end, part = steps.step, len(steps), (..., *rest[1:])
        rows = []
        for b in self.backends[first]:
            values = b.get_value(self.name, thin=thin, discard=steps.start - thin + 1)[:end]
            rows.append(values[part].copy() if rest else values)  # of a part, all that was read need not be kept
        return np.stack(rows)


@dataclass(frozen=True)
class _Chains:
    coords: _Rows
    log_prob: _Rows


@dataclass
class _Looks:
    """Looks at a growing chain, each remembered: the next one needs the one before."""

    names: tuple[str, ...]
    chains: _Chains
    settings: SamplingConfig
    seen: dict[int, Verdict] = field(default_factory=dict)

    def __call__(self, upto: int) -> Verdict:
        if upto not in self.seen:
            self.seen[upto] = look(self.names, self.chains, upto, self.settings)
        return self.seen[upto]
