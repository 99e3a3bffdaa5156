"""The run loop of a population: independent ensembles sweep on all cores until they agree, or out of budget.

What is drawn depends on the seed and the number of sweeps alone, not on threads or interruptions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.cautions import check
from calibrate.population.draws import PopulationDraws
from calibrate.population.model import Population
from calibrate.population.record import Record
from calibrate.population.run import Run
from calibrate.population.start import first_knees
from calibrate.population.sweep import Ensemble, State
from calibrate.population.warmup import STAGES, warm_up
from calibrate.processes import cores
from calibrate.sampling.verdict import Verdict, judge, look, next_look

FloatArray = NDArray[np.float64]
Reason = Literal["converged", "steps", "time", "interrupted"]

# Walkers of an ensemble where nobody says, and for each parameter of the knee that has most.
_WALKERS, _PER_DIMENSION = 24, 4


@dataclass(frozen=True)
class Settings:
    """How a population is sampled, and when to stop.

    Attributes
    ----------
    seed : int
        One seed gives one chain.
    ensembles : int
        Independent ensembles of walkers.
    walkers : int
        In each ensemble; an even number.
    thin : int
        Sweeps in a stored step.
    max_steps : int
        Stored steps at the most.
    max_time : float or None
        Seconds of a sitting at the most.
    max_rhat, min_ess : float
        Converged: R-hat below this, and at least so many effective samples, of every parameter of the population.
    workers : int or None
        Threads; one for each core by default.
    """

    seed: int = 1
    ensembles: int = 4
    walkers: int = _WALKERS
    thin: int = 4
    max_steps: int = 5000
    max_time: float | None = None
    max_rhat: float = 1.01
    min_ess: float = 1000.0
    workers: int | None = None


@dataclass(frozen=True)
class Progress:
    """What a run can say of itself while it runs."""

    steps: int
    max_steps: int
    seconds: float
    verdict: Verdict | None


@dataclass
class Chains:
    """Stored steps as the verdict reads them."""

    record: Record
    _joined: tuple[int, FloatArray, FloatArray] | None = field(default=None, repr=False)

    @property
    def coords(self) -> FloatArray:
        """Populations, (ensembles, steps, walkers, n)."""
        return self._arrays()[0]

    @property
    def log_prob(self) -> FloatArray:
        """What the knees' data say, (ensembles, steps, walkers)."""
        return self._arrays()[1]

    def _arrays(self) -> tuple[FloatArray, FloatArray]:
        if self._joined is None or self._joined[0] != self.record.steps:
            self._joined = self.record.steps, *self.record.joined()
        return self._joined[1:]


def sample(
    population: Population,
    seed: int | None = None,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: float | None,
) -> PopulationDraws:
    """Sample a population and its knees in memory, until converged or out of budget.

    Parameters
    ----------
    population : Population
        What to sample.
    seed : int, optional
        1 by default. The same seed gives the same draws.
    on_progress : callable
        Told after each stored step.
    should_stop : callable
        Asked before each stored step; True ends the run.
    **settings
        See `Settings`.

    Raises
    ------
    ConfigError
        If a knee cannot be started, or there are too few walkers.
    """
    chosen = settings_of(population, seed, **settings)
    run = begin(population, chosen)
    verdict, _ = advance(run, chosen, on_progress=on_progress, should_stop=should_stop)
    return PopulationDraws.of(population, run.record, verdict)


def begin(population: Population, settings: Settings) -> Run:
    """Start the walkers, and let them settle.

    Raises
    ------
    ConfigError
        If a knee cannot be started, or the population cannot be meant.
    """
    check(population)
    starts = first_knees(population, settings.seed, settings.ensembles, settings.walkers, settings.workers)
    ensembles = [Ensemble(population, settings.seed, number) for number in range(settings.ensembles)]
    states = [ensemble.begin(z) for ensemble, z in zip(ensembles, starts, strict=True)]
    with ThreadPoolExecutor(min(settings.workers or cores(), len(ensembles)), "ensemble") as pool:
        tuned = warm_up(population, ensembles, states, pool)
    shape = (settings.ensembles, settings.walkers, len(population.names))
    return Run(population, settings.seed, settings.thin, states, tuned, Record(shape=shape))


def settings_of(population: Population, seed: int | None, **settings: float | None) -> Settings:
    """Fill in settings that nobody has chosen.

    Raises
    ------
    ConfigError
        If one has no meaning.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    most = int(population.forms.dims.max())
    chosen = Settings(**{"walkers": max(_WALKERS, _PER_DIMENSION * most), "seed": 1 if seed is None else seed, **given})  # type: ignore[arg-type]  # each is of its own type
    if chosen.walkers % 2 or chosen.walkers < max(8, 2 * most):
        raise ConfigError(
            f"walkers = {chosen.walkers}: an even number is wanted, {max(8, 2 * most)} at the least, because a knee "
            f"has {most} free parameters"
        )
    if chosen.ensembles < 2:
        raise ConfigError(
            f"ensembles = {chosen.ensembles}: two at the least are wanted, or nobody can tell convergence"
        )
    for name in ("thin", "max_steps"):
        if getattr(chosen, name) < 1:
            raise ConfigError(f"{name} = {getattr(chosen, name)}: one at the least is wanted")
    return chosen


def advance(
    run: Run,
    settings: Settings,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Verdict, Reason]:
    """Go on with a run until converged or out of budget.

    Parameters
    ----------
    run : Run
        Changes in place.
    settings : Settings
        How far to go.
    on_progress, should_stop : callable
        See `sample`.
    on_step : callable
        Called after each stored step: a time to write things down.

    Returns
    -------
    verdict : Verdict
        The last one.
    reason : str
        Why it ended.
    """
    population, record, states = run.population, run.record, run.states
    ensembles = [Ensemble(population, run.seed, number) for number in range(len(states))]
    since, first = time.monotonic(), record.steps
    looks = Looks(run, settings)
    verdict: Verdict | None = None

    def step(ensemble: Ensemble, state: State) -> tuple[FloatArray, FloatArray]:
        for _ in range(run.thin):
            ensemble.sweep(state, run.tuned)
        return ensemble.row(state), ensemble.log_prob(state)

    with ThreadPoolExecutor(min(settings.workers or cores(), len(ensembles)), "ensemble") as pool:
        while True:
            stored = record.steps
            if stored and (stored >= settings.max_steps or next_look(stored - 1) == stored):
                verdict = looks.judge()
                if verdict.converged:
                    return verdict, "converged"
            if stored >= settings.max_steps:
                return looks.judge(), "steps"
            if should_stop():
                return looks.judge(), "interrupted"
            if settings.max_time is not None and stored > first and time.monotonic() - since > settings.max_time:
                return looks.judge(), "time"
            rows = list(pool.map(step, ensembles, states))
            record.add(
                np.stack([one for one, _ in rows]), np.stack([one for _, one in rows]), [state.z for state in states]
            )
            on_step()
            on_progress(Progress(record.steps, settings.max_steps, time.monotonic() - since, verdict))


class Looks:
    """Looks at a growing run, each remembered: the next one needs the one before.

    Parameters
    ----------
    run : Run
        What is looked at.
    settings : Settings
        The thresholds.
    """

    def __init__(self, run: Run, settings: Settings) -> None:
        self._run, self._wanted = run, replace(settings, thin=run.thin)
        self._chains, self._seen = Chains(run.record), dict[int, Verdict]()

    def judge(self) -> Verdict:
        """Return the verdict on all there is."""
        return judge(self._chains, self._run.record.steps, self._wanted, self._look)

    def _look(self, stored: int) -> Verdict:
        if stored not in self._seen:
            before = STAGES[-1] / self._run.thin
            self._seen[stored] = look(self._run.population.names, self._chains, stored, self._wanted, before=before)
        return self._seen[stored]
