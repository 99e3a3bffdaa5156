"""When have the walkers converged: R-hat between ensembles, and effective samples of the whole run.

Walkers of one ensemble move by each other's positions, so they are not independent chains. Two ensembles are.
R-hat therefore compares ensembles, and the effective sample size is counted on the ensembles' means (Goodman &
Weare 2010, section 3), which carry whatever correlation there is between walkers: with `z` the quantity and `m` its
mean over an ensemble, `ESS = (var z / var m) * ESS(m)`.

Neither sees what all ensembles share, a few walkers each on a hill that has no mass. These show in two other ways: a
walker of a converged ensemble goes everywhere, so none stays far below the rest (Hou et al. 2012 look for that in the
means of the log-probability), and the standard deviation, which the farthest walkers make, has a standard error too.

R-hat and the effective sample size of a few series are written out here: the libraries that have them take seconds to
import, more than a calibration lasts. The tests hold both to ArviZ's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

FloatArray = NDArray[np.float64]

# Stored steps per ensemble, burn-in included, below which nothing can be said.
MIN_STORED = 32
# Autocorrelation times that the kept half of a run has to last, and so the dropped half as well.
MIN_TIMES = 10.0
# A run stops when it has more than it needs by this factor: the estimates err by a tenth or so, and a few steps more
# should not take the verdict back.
MARGIN = 1.25
# A straggler's mean log-probability is this many times as far below the median draw as the first quartile, and as far
# as the second number at the least. The mean of ten autocorrelation times has a chance far below 1e-9 of that, in one
# dimension as in thirty.
_FAR = 8.0
_DEEP = 10.0
_RHAT_STEPS = 100
_RHAT_DRAWS = 4000
# Draws of one parameter that estimates are made from at the most, and kept steps below which none is left out.
_DRAWS = 2_000_000
_STEPS = 1000


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
    """Convergence of every parameter; arrays have shape (ndim,), NaN where too few steps are stored.

    Attributes
    ----------
    rhat : ndarray
        Rank-normalised split R-hat between ensembles (Vehtari et al. 2021).
    ess_bulk, ess_tail : ndarray
        Effective samples for the middle of the distribution, and for its 5 and 95 % quantiles.
    mcse_mean : ndarray
        Monte-Carlo standard error of the mean, in the parameter's unit.
    autocorrelation_times : ndarray
        How many autocorrelation times of the ensemble's mean each ensemble has run since the burn-in. Many walkers
        give many effective samples at once, but only time lets them forget where they started.
    sd_error : ndarray
        Relative Monte-Carlo standard error of the standard deviation.
    stragglers : Stragglers or None
        Walkers without which the run might have converged; None if there are none.
    """

    rhat: FloatArray
    ess_bulk: FloatArray
    ess_tail: FloatArray
    mcse_mean: FloatArray
    autocorrelation_times: FloatArray
    sd_error: FloatArray
    stragglers: Stragglers | None = None

    @property
    def worst_rhat(self) -> float:
        """The largest R-hat; NaN if any is unknown."""
        return float(np.max(self.rhat))

    @property
    def smallest_ess(self) -> float:
        """The smallest effective sample size, bulk or tail; NaN if any is unknown."""
        return float(np.minimum(self.ess_bulk, self.ess_tail).min())

    def converged(self, max_rhat: float, min_ess: float, margin: float = 1.0) -> bool:
        """Tell whether every parameter's figures suffice and no walker straggles; what is unknown does not suffice.

        With a margin, all figures have to be better by that factor.
        """
        agreed = margin * (self.worst_rhat - 1.0) < max_rhat - 1.0
        long_enough = float(np.min(self.autocorrelation_times)) >= margin * MIN_TIMES
        known = float(np.max(self.sd_error)) <= largest_sd_error(margin * min_ess)
        return bool(
            agreed and self.smallest_ess >= margin * min_ess and long_enough and known and self.stragglers is None
        )


def largest_sd_error(min_ess: float) -> float:
    """Return the relative error that a standard deviation may have: twice that of `min_ess` draws of a Gaussian."""
    return float(np.sqrt(2.0 / min_ess))


def burn_in(stored: int) -> int:
    """Return how many of the stored steps to drop: the first half."""
    return stored // 2


def stride(ensembles: int, kept: int, walkers: int) -> int:
    """Return of how many kept steps one suffices for estimates: 1 unless a chain is too long to hold in memory.

    Effective samples are those of the steps looked at, so a long chain has at least what is reported.
    """
    return max(1, kept // max(_STEPS, _DRAWS // (ensembles * walkers)))


def diagnose(
    chains: FloatArray, each: Callable[..., Iterable[Any]] = map, log_prob: FloatArray | None = None
) -> Diagnosis:
    """Diagnose ensembles whose burn-in has been dropped.

    Parameters
    ----------
    chains : ndarray, shape (ensembles, steps, walkers, ndim)
        At least two ensembles.
    each : callable
        Does for all parameters what is done for one, like `map`; an executor's `map` does it in threads.
    log_prob : ndarray, shape (ensembles, steps, walkers), optional
        The log-posterior of the same draws; without it, stragglers are not looked for.

    Returns
    -------
    Diagnosis
        NaN throughout if there are fewer steps than half of `MIN_STORED`.
    """
    ensembles, steps, _, ndim = chains.shape
    if ensembles < 2 or steps < MIN_STORED // 2:
        unknown = np.full(ndim, np.nan)
        return Diagnosis(unknown, unknown, unknown, unknown, unknown, unknown)
    columns = each(_diagnose_one, (np.ascontiguousarray(chains[..., i]) for i in range(ndim)))
    found = None if log_prob is None else find_stragglers(chains, log_prob)
    rhat, bulk, tail, error, times, sd_error = np.array(list(columns)).T
    return Diagnosis(rhat, bulk, tail, error, times, sd_error, found)


def find_stragglers(chains: FloatArray, log_prob: FloatArray) -> Stragglers | None:
    """Find walkers that stay far below the rest.

    Parameters
    ----------
    chains : ndarray, shape (ensembles, steps, walkers, ndim)
        Ensembles whose burn-in has been dropped.
    log_prob : ndarray, shape (ensembles, steps, walkers)
        The log-posterior of the same draws.

    Returns
    -------
    Stragglers or None
        None if there are none.
    """
    lost = straggling(log_prob)
    if not lost.any():
        return None
    depth = float(np.median(log_prob) - log_prob.mean(axis=1)[lost].mean())
    theirs = chains.transpose(0, 2, 1, 3)[lost].reshape(-1, chains.shape[-1])
    return Stragglers(float(lost.mean()), depth, np.median(theirs, axis=0))


@np.errstate(over="ignore", invalid="ignore")  # as below
def straggling(log_prob: FloatArray) -> NDArray[np.bool_]:
    """Tell which walkers stay far below the rest, (ensembles, walkers), from `log_prob` (ensembles, steps, walkers)."""
    quartile, median = np.quantile(log_prob, [0.25, 0.5])
    return np.asarray(log_prob.mean(axis=1) < median - max(_FAR * (median - quartile), _DEEP))


@np.errstate(over="ignore", invalid="ignore")  # draws of a spoilt file may be anything that is finite
def _diagnose_one(x: FloatArray) -> tuple[float, float, float, float, float, float]:
    if not np.ptp(x, axis=1).any():  # no walker has ever moved
        return np.inf, 0.0, 0.0, np.inf, 0.0, np.inf
    scores = _normal_scores(x)
    low, high = np.quantile(x, [0.05, 0.95])
    tail = min(effective_samples((x <= low).astype(float)), effective_samples((x >= high).astype(float)))
    error = float(x.std()) / np.sqrt(effective_samples(x))
    times = _effective_steps(scores) / x.shape[0]
    return _rhat(x), effective_samples(scores), tail, error, times, _sd_error(x)


def _sd_error(x: FloatArray) -> float:
    """Relative standard error of the standard deviation, from the error of the mean square.

    That error is told by the ensembles' means and by the walkers', and the larger one counts: the few walkers that lie
    farthest out decide on the square, and if all ensembles have some, only the walkers differ.
    """
    square = (x - x.mean()) ** 2
    by_ensembles = float(square.std() / np.sqrt(effective_samples(square)))
    by_walkers = float(square.mean(axis=1).std() / np.sqrt(x.shape[0] * x.shape[2]))
    return max(by_ensembles, by_walkers) / (2.0 * float(square.mean()))


def effective_samples(x: FloatArray) -> float:
    """Effective sample size of the mean of one quantity, from the ensembles' means.

    Parameters
    ----------
    x : ndarray, shape (ensembles, steps, walkers)
        The quantity.

    Returns
    -------
    float
        Never more than the number of draws.
    """
    spread = float(x.mean(axis=2).var())
    if spread == 0.0:
        return 0.0
    return min(float(x.var()) / spread * _effective_steps(x), float(x.size))


def _effective_steps(x: FloatArray) -> float:
    """Independent positions of the ensembles, of all together."""
    return independent_draws(x.mean(axis=2))


def independent_draws(chains: FloatArray) -> float:
    """Effective sample size of the mean over several chains of one number (Vehtari et al. 2021, section 3.2).

    Autocorrelations are those of the halves of the chains together, summed in pairs while these are positive and no
    larger than the one before (Geyer 1992).

    Parameters
    ----------
    chains : ndarray, shape (chains, steps)
        At least four steps each.

    Returns
    -------
    float
        The number of draws if the chains never move; more than that if they are anticorrelated.
    """
    x = _halves(chains)
    n = x.shape[1]
    spectrum = np.fft.rfft(x - x.mean(axis=1, keepdims=True), n=1 << (2 * n - 1).bit_length())
    covariance = np.fft.irfft(np.abs(spectrum) ** 2)[:, :n].mean(axis=0) / n
    total = covariance[0] + x.mean(axis=1).var(ddof=1)
    if not total > 0.0:
        return float(x.size)
    correlation = 1.0 - (covariance[0] * n / (n - 1.0) - covariance) / total
    correlation[0] = 1.0
    pairs = correlation[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0.0)
    stop = int(negative[0]) if negative.size else len(pairs) - 1
    time = 2.0 * np.minimum.accumulate(pairs)[:stop].sum() - 1.0 + max(float(correlation[2 * stop]), 0.0)
    return float(x.size / max(time, 1.0 / np.log10(x.size)))


def split_rhat(chains: FloatArray) -> float:
    """Rank-normalised split R-hat of several chains of one number, (chains, steps): the larger of bulk and folded.

    See Vehtari et al. 2021, equations 4, 14 and 15.
    """
    x = _halves(chains)
    folded = np.abs(x - np.median(x))
    return max(_plain_rhat(_normal_scores(x)), _plain_rhat(_normal_scores(folded)))


def _plain_rhat(x: FloatArray) -> float:
    n = x.shape[1]
    between = n * x.mean(axis=1).var(ddof=1)
    return float(np.sqrt((between / x.var(axis=1, ddof=1).mean() + n - 1.0) / n))


def _halves(x: FloatArray) -> FloatArray:
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, -half:]])


def _rhat(x: FloatArray) -> float:
    ensembles, steps, walkers = x.shape
    # Ranking is the cost of R-hat, and some thousand draws of each ensemble show a difference as well as all do.
    by_step = max(1, steps // _RHAT_STEPS)
    by_walker = max(1, steps // by_step * walkers // _RHAT_DRAWS)
    return split_rhat(x[:, ::by_step, ::by_walker].reshape(ensembles, -1))


def _normal_scores(x: FloatArray) -> FloatArray:
    """Replace values by the normal quantiles of their ranks (Blom 1958), ties sharing the mean rank."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - 0.5 * (count - 1.0)
    scores: FloatArray = ndtri((rank - 0.375) / (x.size + 0.25))
    return scores[place]
