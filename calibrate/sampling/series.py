"""How much several chains of one number tell of its mean: effective samples and standard errors.

Walkers of one ensemble move by each other's positions, so they are not independent chains. Two ensembles are. What is
counted is therefore the ensembles' means (Goodman & Weare 2010, section 3), which carry whatever correlation there is
between walkers: with `z` the quantity and `m` its mean over an ensemble, `ESS = (var z / var m) * ESS(m)`.

All is written out here: the libraries that have it take seconds to import, more than a calibration lasts. The tests
hold it to ArviZ's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Steps of each ensemble below which nothing can be said of errors.
_FEWEST = 8
# Draws of one parameter that estimates are made from at the most, and kept steps below which none is left out.
_DRAWS = 2_000_000
_STEPS = 1000


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
    with np.errstate(invalid="ignore"):
        within = covariance[..., :1] * (n / (n - 1.0))
        correlation = 1.0 - (within - covariance) / total[..., np.newaxis]
    correlation[..., 0] = 1.0
    return np.asarray(np.where(moves, size / np.fmax(_time(correlation), 1.0 / np.log10(size)), float(size)))


def _time(correlation: FloatArray) -> FloatArray:
    """Return the autocorrelation time (...) by the correlations of so many lags (..., lags); none or less if negative.

    Pairs are summed up to the first that is not positive, or to the last one; of that pair its first lag counts.
    """
    lags = correlation.shape[-1]
    pairs = correlation[..., : lags // 2 * 2].reshape(*correlation.shape[:-1], -1, 2).sum(axis=-1)
    negative = pairs <= 0.0
    stop = np.where(negative.any(axis=-1), negative.argmax(axis=-1), pairs.shape[-1] - 1)[..., np.newaxis]
    summed = np.cumsum(np.minimum.accumulate(pairs, axis=-1), axis=-1)
    before = np.take_along_axis(summed, np.maximum(stop - 1, 0), axis=-1)
    return np.asarray(
        (2.0 * before - 1.0 + np.maximum(np.take_along_axis(correlation, 2 * stop, axis=-1), 0.0))[..., 0]
    )


def halves(x: FloatArray) -> FloatArray:
    """Return the first and last halves of chains (..., chains, steps); a middle step is in none."""
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
    means = x.mean(axis=2)
    return float(effective(means, x.var(), x.shape[2], independent_draws(means)))


def effective(means: FloatArray, variance: FloatArray, walkers: int, independent: FloatArray) -> FloatArray:
    """Effective sample size from the ensembles' means (..., ensembles, steps) and the variance of all draws (...).

    `independent` are the `independent_draws` of the means.
    """
    about = means.var(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = variance / about * independent
    most = float(means.shape[-2] * means.shape[-1] * walkers)
    # What is the same in all draws is known exactly; means that are the same of draws that are not come from walkers
    # that never move.
    still = np.where(about == 0.0, np.where(variance == 0.0, most, 0.0), np.nan)
    return np.asarray(np.where(about > 0.0, np.minimum(found, most), still))


def worth(picks: float, chain: float, effective: float) -> float:
    """Return how many independent draws some picks of a chain are worth; 0 if that of the chain is unknown.

    Picking adds an error of its own to the chain's: of n random or even picks of a chain of N draws that are worth m,
    1 / (1/n - 1/N + 1/m) are left.

    Examples
    --------
    >>> worth(4000, float("inf"), 4000.0), worth(4000, 4000, 1000.0)
    (2000.0, 1000.0)
    """
    if not effective > 0.0:
        return 0.0
    return min(float(picks), 1.0 / (max(1.0 / picks - 1.0 / chain, 0.0) + 1.0 / effective))


def standard_error(means: FloatArray) -> FloatArray:
    """Return the standard error of the mean of all draws (...), from the ensembles' means (..., ensembles, steps)."""
    return np.asarray(np.sqrt(means.var(axis=(-2, -1)) / independent_draws(means)))


@np.errstate(over="ignore", invalid="ignore")  # draws of a spoilt file may be anything that is finite
def errors_of(x: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Return the Monte-Carlo standard errors of the means of quantities and of some of their quantiles.

    What is below a quantile is a share with a standard error of its own; the quantiles of the draws turn it into the
    quantity's unit (as Vehtari et al. 2021, section 4.3, do).

    Parameters
    ----------
    x : ndarray, shape (..., ensembles, steps, walkers)
        The quantities, of eight steps at the least.
    shares : sequence of float
        Which quantiles: 0.05, ...

    Returns
    -------
    ndarray, shape (1 + shares, ...)
        In the quantities' units; infinite if no walker has ever moved, NaN of fewer steps or of one ensemble.
    """
    out = np.full((1 + len(shares), *x.shape[:-3]), np.nan)
    if x.shape[-3] < 2 or x.shape[-2] < _FEWEST:
        return out
    means = x.mean(axis=-1)
    rising = np.sort(x.reshape(*x.shape[:-3], -1))
    last = rising.shape[-1] - 1
    out[0] = standard_error(means)
    for row, share in enumerate(shares, start=1):
        at = rising[..., [int(share * last), int(np.ceil(share * last))]].mean(axis=-1)
        error = standard_error((x <= at[..., np.newaxis, np.newaxis, np.newaxis]).mean(axis=-1))
        ends = np.stack([share - error, share + error], axis=-1)
        places = np.rint(np.clip(ends, 0.0, 1.0) * last).astype(np.int64)
        out[row] = 0.5 * np.diff(np.take_along_axis(rising, places, axis=-1))[..., 0]
    still = ~np.ptp(means, axis=-1).any(axis=-1)
    out[:, still] = np.inf
    return out


def stride(ensembles: int, kept: int, walkers: int) -> int:
    """Return of how many kept steps one suffices for estimates: 1 unless a chain is too long to hold in memory."""
    return max(1, kept // max(_STEPS, _DRAWS // (ensembles * walkers)))
