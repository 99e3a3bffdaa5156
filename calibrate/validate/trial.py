"""One trial: a knee whose truth is known is simulated and calibrated, and the truth ranked among the posterior's draws.

What a worker process needs to know is a `Plan`; what it sends back is a `Trial`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.derived import derived, unit_of
from calibrate.errors import CalibrateError
from calibrate.posterior import Posterior
from calibrate.problem.assemble import assemble
from calibrate.runner import sample
from calibrate.sampling.block import FEW
from calibrate.sampling.start import walkers_for
from calibrate.validate.truths import prior_draw, readings_of
from calibrate.validate.uniform import DRAWS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LIKELIHOOD = "log-likelihood"
# Effective samples of each fit: far more than the draws that truths are ranked among, so these are nearly independent.
MIN_ESS = 1000.0
# Steps of a fit at the most; what has not converged by then is counted as such.
MAX_STEPS = 10_000
# Walkers in an ensemble, of as few parameters as the sampler has a fixed number for: what a fit waits for is steps, ten
# autocorrelation times of them, and with a run's own 512 walkers each costs eight times as much. With fewer than these
# it takes more of them, and some knees take all.
WALKERS = 64


class Fitted(Protocol):
    """What a fit has to know of itself: `calibrate.draws.Draws` does."""

    @property
    def converged(self) -> bool:
        """Whether it believes its own draws."""

    def thinned(self, draws: int) -> FloatArray:
        """Return at most so many draws, (draws, ndim)."""


# Calibrates a posterior with a seed.
Fit = Callable[[Posterior, int], Fitted]


def fit(posterior: Posterior, seed: int) -> Fitted:
    """Calibrate as `calibrate run` does, in memory and with as many samples as ranks need."""
    walkers = WALKERS if posterior.ndim <= FEW else walkers_for(posterior.ndim, MIN_ESS)
    return sample(posterior, seed, min_ess=MIN_ESS, max_steps=MAX_STEPS, walkers=walkers)


@dataclass(frozen=True, eq=False)
class Plan:
    """What all trials have in common.

    Attributes
    ----------
    config : Config
        The knee, its priors and its tests.
    measurements : mapping of str to Measurement
        The tests' data by name. Over the prior only angles, units and known errors count.
    truths : ndarray, shape (trials, ndim), or None
        Draws of the posterior of `measurements`; None to draw truths from the prior.
    seed : int
        One seed gives the same trials, on any number of processes.
    fit : callable
        Calibrates; a test of the check itself gives one that does so wrongly.
    """

    config: Config
    measurements: Mapping[str, Measurement]
    truths: FloatArray | None = None
    seed: int = 1
    fit: Fit = fit

    def simulator(self) -> Posterior:
        """Return what draws truths and readings."""
        return Posterior.from_config(self.config, self.measurements)

    def posterior(self, readings: Mapping[str, Measurement]) -> Posterior:
        """Return what a trial's fit samples: the prior or the run's posterior, and the simulated readings."""
        if self.truths is None:
            return Posterior.from_config(self.config, readings)
        return Posterior(*assemble(self.config, self.measurements, normalised=True, again=readings))


@dataclass(frozen=True)
class Trial:
    """Where the truth lies in one calibration.

    Attributes
    ----------
    number : int
        Which, from 0.
    ranks : dict of str to int
        For each quantity how many of the draws lie below the truth, ties broken by chance.
    missing, tied : frozenset of str
        Quantities that the true knee has no number for; those for which all draws have the truth's.
    trouble : str
        Why there are no ranks, or why they do not count; empty for a converged fit.
    seconds : float
        Of the processor.
    """

    number: int
    ranks: Mapping[str, int]
    missing: frozenset[str]
    tied: frozenset[str]
    trouble: str
    seconds: float


def attempt(plan: Plan, number: int) -> Trial:
    """Draw, simulate, calibrate and rank one knee.

    Parameters
    ----------
    plan : Plan
        What to do.
    number : int
        Which trial; its random numbers follow from the plan's seed and this.
    """
    begin = time.process_time()
    rng = np.random.default_rng([plan.seed, number])
    simulator = plan.simulator()

    def without(trouble: str) -> Trial:
        return Trial(number, {}, frozenset(), frozenset(), trouble, time.process_time() - begin)

    truth = prior_draw(simulator, rng) if plan.truths is None else plan.truths[number]
    readings = readings_of(simulator, plan.measurements, truth, rng)
    if readings is None:
        return without("the knee has no readings that a number can hold")
    try:
        posterior = plan.posterior(readings)
        found = plan.fit(posterior, int(rng.integers(2**31)))
    except CalibrateError as error:
        return without(f"the fit failed: {error}")
    if not found.converged:
        return without("the fit did not converge")
    draws = found.thinned(DRAWS)
    values = quantities(simulator, posterior, np.concatenate([truth[np.newaxis], draws]))
    missing = frozenset(name for name, value in values.items() if np.isnan(value[0]))
    tied = frozenset(name for name, value in values.items() if _all_equal(value))
    ranks = {name: rank(value[0], value[1:], rng) for name, value in values.items()}
    return Trial(number, ranks, missing, tied, "", time.process_time() - begin)


def _all_equal(values: FloatArray) -> bool:
    return bool((values == values[0]).all() or np.isnan(values).all())


def quantities(simulator: Posterior, posterior: Posterior, q: FloatArray) -> dict[str, FloatArray]:
    """Return all that is ranked, by name, (n,) for rows of free parameters: they, what follows, and their likelihood.

    The likelihood is that of a trial's own data: it alone sees some faults that leave each parameter's ranks uniform
    (Modrák et al. 2023).
    """
    found = {name: q[:, i] for i, name in enumerate(simulator.names)}
    with np.errstate(all="ignore"):  # draws of a faulty fit may be anything
        return found | derived(simulator, q) | {LIKELIHOOD: np.asarray(posterior.log_likelihood(q))}


def units(simulator: Posterior, names: list[str]) -> list[str]:
    """Return the units of quantities, as printed."""
    of_parameters = dict(zip(simulator.names, simulator.units, strict=True))
    return ["" if name == LIKELIHOOD else of_parameters.get(name, unit_of(name)) for name in names]


def rank(truth: float, draws: FloatArray, rng: np.random.Generator) -> int:
    """Return how many draws lie below the truth; among equals its place is drawn.

    What is not a number counts as larger than all numbers and equal to its like: so that a strand which never becomes
    taut is found again as such.
    """
    value, others = np.nan_to_num(truth, nan=np.inf), np.nan_to_num(draws, nan=np.inf, posinf=np.inf, neginf=-np.inf)
    below, equal = int((others < value).sum()), int((others == value).sum())
    return below + int(rng.integers(equal + 1))
