"""Leave-one-out: how well each reading is foretold by all others, from the draws of one fit.

Importance sampling with Pareto-smoothed weights (PSIS-LOO; Vehtari, Gelman & Gabry 2017, Statistics and Computing
27:1413; Vehtari et al. 2024, JMLR 25:72), by the library arviz-stats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

FloatArray = NDArray[np.float64]

# Above this Pareto k the weights have no variance to speak of, and what they give is not to be relied on.
BAD_K = 0.7
# The library fits a tail to this many draws at least.
FEWEST_DRAWS = 100
# Weights of the tail that differ by less are the same: the reading tells these draws nothing.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """What the draws say of each reading once its own part in them is taken away.

    Attributes
    ----------
    weights : ndarray, shape (n, readings)
        Of the draws; each column adds up to 1.
    elpd : ndarray, shape (readings,)
        Logarithm of the density that all others foretell for a reading.
    error : ndarray, shape (readings,)
        Its Monte-Carlo standard error, to be believed where `k` is good.
    k : ndarray, shape (readings,)
        Pareto's shape of the largest weights; beyond `BAD_K` not to be relied on.
    parameters : float
        The effective number of parameters: how much better the readings are foretold with their own part.
    shares : ndarray, shape (n,)
        What each draw adds to the total's Monte-Carlo error, see `joint_error`.
    """

    weights: FloatArray
    elpd: FloatArray
    error: FloatArray
    k: FloatArray
    parameters: float
    shares: FloatArray


def standard_error(each: FloatArray) -> float:
    """Return the standard error of a sum over readings as an estimate for others of the kind, by how they scatter."""
    return math.sqrt(each.size * float(each.var()))


def mean_density(log_density: FloatArray, efficiency: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Return the logarithm of the mean of densities (n, m) over draws, shape (m,), and its Monte-Carlo error.

    The delta method's error is of no use where a few draws decide; it is then about 1 or more. Infinite where the
    effective draws are unknown.
    """
    mean = logsumexp(log_density, axis=0) - math.log(len(log_density))
    variance = np.expm1(log_density - mean).var(axis=0)
    effective = efficiency * len(log_density)
    return mean, np.sqrt(variance / effective) if effective > 0.0 else np.full_like(mean, np.inf)


def leave_one_out(log_likelihood: FloatArray, efficiency: float = 1.0) -> LeaveOneOut:
    """Leave each reading out in turn.

    Parameters
    ----------
    log_likelihood : ndarray, shape (n, readings)
        See `calibrate.scores.pointwise.pointwise`; finite, of `FEWEST_DRAWS` draws at least.
    efficiency : float
        Effective draws for each of them; 1 if they are independent.
    """
    weights, k = np.empty_like(log_likelihood), np.empty(log_likelihood.shape[1])
    for i, column in enumerate(log_likelihood.T):
        log_weights, k[i] = smoothed(column, efficiency)
        weights[:, i] = np.exp(log_weights - logsumexp(log_weights))
    with np.errstate(divide="ignore"):  # the logarithm of a weight that is nought
        elpd = logsumexp(log_likelihood, axis=0, b=weights)
    # The delta method for a mean by normalised weights.
    shares = weights * np.expm1(log_likelihood - elpd) / math.sqrt(efficiency)
    error = np.sqrt((shares**2).sum(axis=0))
    fitted, _ = mean_density(log_likelihood)
    return LeaveOneOut(weights, elpd, error, k, float((fitted - elpd).sum()), shares.sum(axis=1))


def smoothed(log_likelihood: FloatArray, efficiency: float) -> tuple[FloatArray, float]:
    """Return log-weights of the draws for one reading, and Pareto's k."""
    from arviz_stats.base.array import array_stats  # takes seconds where xarray is installed as well

    smooth: Any = array_stats.psislw
    draws = log_likelihood.size
    count = int(3.0 * math.sqrt(draws / efficiency)) if draws * efficiency > 225 else draws // 5  # as the library
    tail = np.partition(-log_likelihood, -count)[-count:]
    if np.ptp(tail) < _SAME:  # there is no tail to fit, and no draw with more weight than others
        return -log_likelihood, -math.inf
    with np.errstate(all="ignore"):  # what cannot be fitted has a k that is not finite, which is bad
        log_weights, k = smooth(log_likelihood, r_eff=efficiency)
    return np.asarray(log_weights), float(k)
