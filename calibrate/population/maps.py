"""What sampling learns of a population before anything is kept: normal approximations of the knees, and what is slow.

Of each knee, a quadratic is fitted to the log-density that its own data and priors give to draws:

    log L(z) ~ c + g' z - z' H z / 2

By it walkers of different populations are compared (`calibrate.population.standard`). What is sampled does not depend
on it, as it is fixed from then on; how well walkers move does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.population.forms import Forms
from calibrate.population.standard import bent

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Strains that data may reach to; the one that fits best is taken.
_REACHES = (0.04, 0.06, 0.09, 0.13, 0.2, 0.3)
# Draws that it is chosen by.
_FEW = 300
# In standard deviations of the draws: a top that seems to lie farther away than this is drawn nearer.
_FARTHEST = 3.0
# Draws whose log-density is this far below the median, in quartiles, say nothing of the rest.
_OUT = 8.0
# Draws for each coefficient at the least; of fewer, the quadratic is that of the draws' own covariance.
_ENOUGH = 3.0
# The precision that is left to a parameter that is no component, as a share of that of the draws.
_LEAST = 0.05
# As a share of a variance, what keeps covariances from being singular.
_FLAT = 1e-9
# A component is at most so many times as slow as if it moved all the way.
_SLOWEST = 100.0


class Maps(NamedTuple):
    """What the knees' data say, nearly.

    Attributes
    ----------
    h, g : ndarray, shapes (N, D, D) and (N, D)
        Precisions in bent coordinates, and these times the means.
    reach : ndarray, shape (N, B)
        How far data reach, by which coordinates are bent.
    """

    h: FloatArray
    g: FloatArray
    reach: FloatArray


class Tuning(NamedTuple):
    """What has been learnt.

    Attributes
    ----------
    maps : Maps
        Of the knees.
    chances : ndarray, shape (2 P + P (P - 1) / 2,)
        See `slowness`.
    """

    maps: Maps
    chances: FloatArray


def fitted(draws: Sequence[tuple[FloatArray, FloatArray]], forms: Forms, before: FloatArray | None = None) -> Maps:
    """Fit the approximations.

    Parameters
    ----------
    draws : sequence of (ndarray of shape (N, W, D), ndarray of shape (N, W))
        Knees, and what their own data and priors say of them.
    forms : Forms
        The knees.
    before : ndarray, shape (N, B), optional
        How far data seemed to reach; what fits best of this and its neighbours is taken. Else it is not looked for.
    """
    z = np.concatenate([z for z, _ in draws], axis=1)
    height = np.concatenate([height for _, height in draws], axis=1)
    h, g = np.zeros((*z[:, 0].shape, z.shape[2])), np.zeros(z[:, 0].shape)
    reach = np.full((len(z), len(forms.bends)), _REACHES[len(_REACHES) // 2]) if before is None else before.copy()
    size = forms.kinds.shape[1]
    for i, ndim in enumerate(forms.dims.tolist()):
        own = z[i, :, :ndim]
        if before is not None:
            reach[i] = _reach(own, height[i], forms, i, reach[i])
        found = _quadratic(_bent(own, forms, i, reach[i]), height[i], size)
        h[i, :ndim, :ndim], g[i, :ndim] = found.h, found.g
    return Maps(h, g, reach)


def _reach(z: FloatArray, height: FloatArray, forms: Forms, knee: int, reach: FloatArray) -> FloatArray:
    """Return how far a knee's data reach (B,), at most one step from what was thought before."""
    few = slice(None, None, max(1, len(z) // _FEW))
    size = forms.kinds.shape[1]
    error = _quadratic(_bent(z[few], forms, knee, reach), height[few], size).error
    for number in range(len(reach)):
        at = _REACHES.index(reach[number])
        for one in (*_REACHES[max(0, at - 1) : at], *_REACHES[at + 1 : at + 2]):
            tried = reach.copy()
            tried[number] = one
            other = _quadratic(_bent(z[few], forms, knee, tried), height[few], size).error
            if other < error:
                error, reach = other, tried
    return reach


def _bent(z: FloatArray, forms: Forms, knee: int, reach: FloatArray) -> FloatArray:
    """Return draws (n, ndim) of a knee in bent coordinates."""
    out = np.ascontiguousarray(z.T)
    bent(out, forms.bends, forms.kinds[knee], reach)
    return out.T


class _Fit(NamedTuple):
    """H and g of one knee, and how far the quadratic is off on average."""

    h: FloatArray
    g: FloatArray
    error: float


def _quadratic(z: FloatArray, height: FloatArray, size: int) -> _Fit:
    """Fit a quadratic to log-densities (n,) of draws (n, ndim), of which so many are components."""
    quartile, median = np.quantile(height, [0.25, 0.5])
    near = height >= median - _OUT * (median - quartile)
    z, height = z[near], height[near]
    ndim = z.shape[1]
    mean, variance = z.mean(axis=0), z.var(axis=0)
    covariance = np.cov(z, rowvar=False).reshape(ndim, ndim) + _FLAT * np.diag(variance)
    i, j = np.triu_indices(ndim)
    if len(z) < _ENOUGH * (1 + ndim + i.size):
        h = np.asarray(np.linalg.inv(covariance))
        return _Fit(h, h @ mean, 0.0)
    root = np.linalg.cholesky(covariance)
    x = np.linalg.solve(root, (z - mean).T).T
    terms = np.column_stack([np.ones(len(x)), x, x[:, i] * x[:, j]])
    # Of white numbers the normal equations are as good as any, and take a hundredth of the time.
    normal = terms.T @ terms
    found = np.linalg.solve(normal + _FLAT * np.diag(np.diag(normal)), terms.T @ height)
    error = float(np.std(height - terms @ found))
    slope = found[1 : 1 + ndim]
    curvature = np.zeros((ndim, ndim))
    curvature[i, j] = -found[1 + ndim :]
    curvature += curvature.T  # twice the squares' coefficients on the diagonal
    values, vectors = np.linalg.eigh(curvature)
    along = vectors.T @ slope
    values = np.maximum(values, np.abs(along) / _FARTHEST)
    back = np.linalg.solve(root.T, vectors)
    h = (back * values) @ back.T
    g = back @ along + h @ mean
    own = range(size, ndim)
    h[own, own] += _LEAST / variance[size:]
    g[size:] += _LEAST / variance[size:] * mean[size:]
    return _Fit(h, g, error)


def number_of_moves(size: int) -> int:
    """Return how many moves of a law of so many components there are: shifts, spreads, shears."""
    return 2 * size + size * (size - 1) // 2


def slowness(b: FloatArray, sigma: FloatArray) -> FloatArray:
    """Return how slow components' means, standard deviations and correlations are: shares of all, summed up.

    Parameters
    ----------
    b, sigma : ndarray, shapes (sweeps, walkers, q, P) and (sweeps, walkers, P, P)
        Populations, one sweep after another.
    """
    logs = 0.5 * np.log(np.diagonal(sigma, axis1=2, axis2=3))
    upper = np.triu_indices(sigma.shape[2], 1)
    correlations = sigma[:, :, upper[0], upper[1]] / np.exp(logs[:, :, upper[0]] + logs[:, :, upper[1]])
    x = np.concatenate([b[:, :, 0], logs, correlations], axis=2)
    step, about = ((x[1:] - x[:-1]) ** 2).mean(axis=(0, 1)), 2.0 * x.var(axis=(0, 1))
    slow = 1.0 / np.clip(step / np.where(about > 0.0, about, 1.0), 1.0 / _SLOWEST, None)
    return np.asarray(np.cumsum(slow / slow.sum()))
