"""How much several chains of one number tell of its mean: effective samples and standard errors.

Walkers of one ensemble move by each other's positions, so they are not independent chains. Two ensembles are. What is
counted is therefore the ensembles' means (Goodman & Weare 2010, section 3), which carry whatever correlation there is
between walkers: with `z` the quantity and `m` its mean over an ensemble, `ESS = (var z / var m) * ESS(m)`.

All is written out here: the libraries that have it take seconds to import, more than a calibration lasts. The tests
hold it to ArviZ's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def independent_draws(chains: FloatArray) -> FloatArray:
    """Effective sample size of the mean over several chains of one number (Vehtari et al. 2021, section 3.2).

    Autocorrelations are those of the halves of the chains together, summed in pairs while these are positive and no
    larger than the one before (Geyer 1992).

    Parameters
    ----------
    chains : ndarray, shape (..., chains, steps)
        At least four steps each.

    Returns
    -------
    ndarray, shape (...)
        The number of draws if the chains never move; more than that if they are anticorrelated.
    """
    x = halves(chains)
    n, size = x.shape[-1], x.shape[-1] * x.shape[-2]
    spectrum = np.fft.rfft(x - x.mean(axis=-1, keepdims=True), n=1 << (2 * n - 1).bit_length())
    covariance = np.fft.irfft((np.abs(spectrum) ** 2).mean(axis=-2))[..., :n] / n
    total = covariance[..., 0] + x.mean(axis=-1).var(axis=-1, ddof=1)
    moves = total > 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        within = covariance[..., :1] * (n / (n - 1.0))
        correlation = 1.0 - (within - covariance) / total[..., np.newaxis]
    correlation[..., 0] = 1.0
    pairs = correlation[..., : n // 2 * 2].reshape(*correlation.shape[:-1], -1, 2).sum(axis=-1)
    negative = pairs <= 0.0
    stop = np.where(negative.any(axis=-1), negative.argmax(axis=-1), pairs.shape[-1] - 1)[..., np.newaxis]
    summed = np.cumsum(np.minimum.accumulate(pairs, axis=-1), axis=-1)
    before = np.where(stop > 0, np.take_along_axis(summed, np.maximum(stop - 1, 0), axis=-1), 0.0)
    time = (2.0 * before - 1.0 + np.maximum(np.take_along_axis(correlation, 2 * stop, axis=-1), 0.0))[..., 0]
    return np.asarray(np.where(moves, size / np.fmax(time, 1.0 / np.log10(size)), float(size)))


def halves(x: FloatArray) -> FloatArray:
    """Return the first and last halves of chains (..., chains, steps), one after the other; a middle step is in none."""
    half = x.shape[-1] // 2
    return np.concatenate([x[..., :half], x[..., -half:]], axis=-2)


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
    return float(effective(x.mean(axis=2), float(x.var()), x.shape[2]))


def effective(means: FloatArray, variance: FloatArray | float, walkers: int) -> FloatArray:
    """Effective sample size from the ensembles' means (..., ensembles, steps) and the variance of all draws (...)."""
    about = means.var(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = variance / about * independent_draws(means)
    most = float(means.shape[-2] * means.shape[-1] * walkers)
    return np.asarray(np.where(about > 0.0, np.minimum(found, most), np.where(about == 0.0, 0.0, np.nan)))


def standard_error(means: FloatArray) -> FloatArray:
    """Return the standard error of the mean over everything, from the ensembles' means (..., ensembles, steps)."""
    return np.asarray(np.sqrt(means.var(axis=(-2, -1)) / independent_draws(means)))


def quantile_error(x: FloatArray, share: float) -> float:
    """Return the standard error of a quantile of all draws, (ensembles, steps, walkers).

    What is below the quantile is a share whose standard error is known; the quantiles of the draws turn it into the
    quantity's unit (as Vehtari et al. 2021, section 4.3, do).
    """
    at = np.quantile(x, share)
    error = float(standard_error((x <= at).mean(axis=2)))
    low, high = np.quantile(x, np.clip([share - error, share + error], 0.0, 1.0))
    return float(0.5 * (high - low))
