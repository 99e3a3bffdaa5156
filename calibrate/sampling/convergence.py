"""When have the walkers converged: R-hat between ensembles, and effective samples of the whole run.

R-hat compares ensembles and their halves: it is the nested R-hat of Margossian et al. (2024), with the halves of the
ensembles as superchains, of rank-normalised draws and of their distances from the median (Vehtari et al. 2021).
Effective samples are counted on the ensembles' means (`series`).

Neither sees what all ensembles share, a few walkers each on a hill that has no mass. These show in two other ways: a
walker of a converged ensemble goes everywhere, so none stays far below the rest (Hou et al. 2012 look for that in the
means of the log-probability), and the standard deviation, which the farthest walkers make, has a standard error too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from calibrate.sampling.columns import Columns
from calibrate.sampling.ladder import Sums, sums_of
from calibrate.sampling.series import effective, halves, independent_draws

FloatArray = NDArray[np.float64]

# Steps of a look below which nothing can be said.
MIN_STEPS = 16
# Autocorrelation times that the kept part of a run has to last.
MIN_TIMES = 10.0
# A straggler's mean log-probability is this many times as far below the median draw as the first quartile, and as far
# as the second number at the least. The mean of ten autocorrelation times has a chance far below 1e-9 of that, in one
# dimension as in thirty.
_FAR = 8.0
_DEEP = 10.0
# Draws that quartile and median are taken of, if there are twice as many.
_ENOUGH = 10_000
# Variance of normal scores, 1 of draws that differ, below which these are all one but for rounding.
_ALIKE = 1e-9


@dataclass(frozen=True)
class Stragglers:
    """Walkers that stay where the posterior has next to no mass.

    Attributes
    ----------
    share : float
        Of all walkers.
    depth : float
        How far below the median draw their log-probability lies in the mean.
    place : ndarray, shape (ndim,)
        The median of their parameters.
    """

    share: float
    depth: float
    place: FloatArray


@dataclass(frozen=True)
class Diagnosis:
    """Convergence of some quantities; arrays have shape (quantities,), NaN where too few steps are stored.

    Attributes
    ----------
    rhat : ndarray
        Rank-normalised nested R-hat between the halves of ensembles.
    ess_bulk, ess_tail : ndarray
        Effective samples for the middle of the distribution, and for its 5 and 95 % quantiles.
    mcse_mean : ndarray
        Monte-Carlo standard error of the mean, in the quantity's unit.
    autocorrelation_times : ndarray
        How many autocorrelation times of the ensemble's mean each ensemble has run since the burn-in. Many walkers
        give many effective samples at once, but only time lets them forget where they started.
    sd_error : ndarray
        Relative Monte-Carlo standard error of the standard deviation.
    stragglers : Stragglers or None
        Walkers without which the run might have converged; None if there are none.
    log_prob : Diagnosis or None
        The same of the log-probability; None if it was not given.
    """

    rhat: FloatArray
    ess_bulk: FloatArray
    ess_tail: FloatArray
    mcse_mean: FloatArray
    autocorrelation_times: FloatArray
    sd_error: FloatArray
    stragglers: Stragglers | None = None
    log_prob: Diagnosis | None = None

    @property
    def worst_rhat(self) -> float:
        """The largest R-hat; NaN if any is unknown."""
        return float(np.max(self.rhat))

    @property
    def smallest_ess(self) -> float:
        """The smallest effective sample size, bulk or tail; NaN if any is unknown."""
        return float(np.minimum(self.ess_bulk, self.ess_tail).min())


def diagnose(chains: FloatArray | Columns, log_prob: FloatArray | None = None, first: int = 0) -> Diagnosis:
    """Diagnose ensembles.

    Parameters
    ----------
    chains : ndarray, shape (ensembles, steps, walkers, quantities), or Columns
        At least two ensembles.
    log_prob : ndarray, shape (ensembles, steps, walkers), optional
        The log-posterior of the same draws; without it, stragglers are not looked for.
    first : int
        The first step after the burn-in.

    Returns
    -------
    Diagnosis
        NaN throughout if there are fewer than `MIN_STEPS` steps.
    """
    ensembles, steps, _, quantities = chains.shape
    if ensembles < 2 or steps - first < MIN_STEPS:
        unknown = np.full(quantities, np.nan)
        return Diagnosis(unknown, unknown, unknown, unknown, unknown, unknown)
    columns = Columns(chains, slice(None)) if isinstance(chains, np.ndarray) else chains
    sums = reduce(add, columns.each(lambda part: sums_of(part, first)))
    if log_prob is None:
        return _figures(sums)
    both = _figures(sums + sums_of(log_prob[..., np.newaxis], first))
    stragglers = find_stragglers(columns, log_prob, first)
    return replace(_part(both, slice(-1)), stragglers=stragglers, log_prob=_part(both, slice(-1, None)))


def _part(found: Diagnosis, which: slice) -> Diagnosis:
    """Return the figures of some of the quantities."""
    return Diagnosis(
        found.rhat[which],
        found.ess_bulk[which],
        found.ess_tail[which],
        found.mcse_mean[which],
        found.autocorrelation_times[which],
        found.sd_error[which],
    )


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # draws of a spoilt file may be anything
def _figures(sums: Sums) -> Diagnosis:
    """Return the figures of all quantities."""
    value, square, low, high, score = (sums[name] for name in ("value", "square", "low", "high", "score"))
    ensembles = value.shape[1]
    walkers = sums.walkers.shape[3]
    mean = value.mean(axis=(1, 2))[:, np.newaxis, np.newaxis]
    # The square of the distance from the mean, and not from the centre that the sums were taken about.
    square = square - 2.0 * mean * value + mean**2
    by_walker = sums.walkers[1] - 2.0 * mean * sums.walkers[0]  # only how they differ counts
    means = np.stack([score, low, high, value, square])
    independent = independent_draws(means)
    shares = np.stack([low, high]).mean(axis=(2, 3))
    spreads = np.stack([_variance(score, sums["score2"]), *(shares * (1.0 - shares)), square.mean(axis=(1, 2))])
    bulk, *tails, plain = effective(means[:4], spreads, walkers, independent[:4])
    rhat = np.fmax(_rhat(score, sums["score2"], walkers), _rhat(sums["folded"], sums["folded2"], walkers))
    # By the ensembles and by the walkers, and the larger one counts: the few walkers that lie farthest out decide on
    # the square, and if all ensembles have some, only the walkers differ.
    of_square = np.sqrt(square.var(axis=(1, 2)) / independent[4])
    of_square = np.fmax(of_square, by_walker.std(axis=(1, 2)) / np.sqrt(ensembles * walkers))
    sd_error, mcse = of_square / (2.0 * spreads[3]), np.sqrt(spreads[3] / plain)
    stuck = ~(np.ptp(value, axis=2) > 0.0).any(axis=1)  # no walker has ever moved

    def known(figure: FloatArray, never: float) -> FloatArray:
        return np.asarray(np.where(stuck, never, figure))

    return Diagnosis(
        rhat=known(rhat, np.inf),
        ess_bulk=known(bulk, 0.0),
        ess_tail=known(np.minimum(*tails), 0.0),
        mcse_mean=known(mcse, np.inf),
        autocorrelation_times=known(independent[0] / ensembles, 0.0),
        sd_error=known(sd_error, np.inf),
    )


def _variance(means: FloatArray, squares: FloatArray) -> FloatArray:
    """Return the variance of all draws, from means of the draws and of their squares (..., ensembles, steps)."""
    return np.asarray(squares.mean(axis=(-2, -1)) - means.mean(axis=(-2, -1)) ** 2)


def _rhat(means: FloatArray, squares: FloatArray, walkers: int) -> FloatArray:
    """Return the plain R-hat of the ensembles' halves (Vehtari et al. 2021, equation 4).

    Where next to all draws are the same, like a tension that is nought, their scores are all one: nothing disagrees.
    """
    means, squares = halves(means), halves(squares)
    n = means.shape[-1] * walkers
    middle = means.mean(axis=-1)
    within = ((squares.mean(axis=-1) - middle**2) * n / (n - 1.0)).mean(axis=-1)
    between = n * middle.var(axis=-1, ddof=1)
    alike = within + between / n < _ALIKE
    return np.asarray(np.where(alike, 1.0, np.sqrt((between / within + n - 1.0) / n)))


def largest_sd_error(min_ess: float) -> float:
    """Return the relative error that a standard deviation may have: twice that of `min_ess` draws of a Gaussian."""
    return float(np.sqrt(2.0 / min_ess))


def find_stragglers(columns: Columns, log_prob: FloatArray, first: int = 0) -> Stragglers | None:
    """Find walkers that stay far below the rest.

    Parameters
    ----------
    columns : Columns
        Ensembles.
    log_prob : ndarray, shape (ensembles, steps, walkers)
        The log-posterior of the same draws.
    first : int
        The first step after the burn-in.

    Returns
    -------
    Stragglers or None
        None if there are none.
    """
    log_prob = log_prob[:, first:]
    lost = straggling(log_prob)
    if not lost.any():
        return None
    depth = float(np.median(log_prob) - log_prob.mean(axis=1)[lost].mean())
    places = columns.each(lambda part: np.median(part[:, first:].transpose(0, 2, 1, 3)[lost], axis=(0, 1)))
    return Stragglers(float(lost.mean()), depth, np.concatenate(places))


@np.errstate(over="ignore", invalid="ignore")  # as above
def straggling(log_prob: FloatArray) -> NDArray[np.bool_]:
    """Tell which walkers stay far below the rest, (ensembles, walkers), from `log_prob` (ensembles, steps, walkers)."""
    return np.asarray(log_prob.mean(axis=1) < floor(log_prob))


def floor(log_prob: FloatArray) -> float:
    """Return the log-probability below which nobody stays, from draws of any shape."""
    every = max(1, log_prob.size // _ENOUGH) | 1  # odd, so that it does not always meet the same of an even number
    quartile, median = np.quantile(log_prob.reshape(-1)[::every], [0.25, 0.5])
    return float(median - max(_FAR * (median - quartile), _DEEP))
