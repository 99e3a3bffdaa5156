"""Normal approximations of what the knees' own data say, by which walkers of different populations are compared.

Of each knee, a quadratic is fitted to the log-density that its own data and priors give to draws of a time that is not
kept:

    log L(z) ~ c + g' z - z' H z / 2

What is sampled does not depend on it, as it is fixed from then on; how well walkers move does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# In standard deviations of the draws: a top that seems to lie farther away than this is drawn nearer.
_FARTHEST = 3.0
# Draws whose log-density is this far below the median, in quartiles, say nothing of the rest.
_OUT = 8.0


class Maps(NamedTuple):
    """Precisions of what the knees' data say, and these times its means: (N, D, D) and (N, D)."""

    h: FloatArray
    g: FloatArray


def fitted(draws: Sequence[tuple[FloatArray, FloatArray]], dims: IntArray) -> Maps:
    """Fit the approximations.

    Parameters
    ----------
    draws : sequence of (ndarray of shape (N, W, D), ndarray of shape (N, W))
        Knees, and what their own data and priors say of them.
    dims : ndarray of int, shape (N,)
        How many free parameters each knee has.
    """
    z = np.concatenate([z for z, _ in draws], axis=1)
    height = np.concatenate([height for _, height in draws], axis=1)
    h, g = np.zeros((*z[:, 0].shape, z.shape[2])), np.zeros(z[:, 0].shape)
    for i, ndim in enumerate(dims.tolist()):
        h[i, :ndim, :ndim], g[i, :ndim] = _quadratic(z[i, :, :ndim], height[i])
    return Maps(h, g)


def _quadratic(z: FloatArray, height: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return H and g of one knee, from draws (n, ndim) and their log-densities (n,)."""
    quartile, median = np.quantile(height, [0.25, 0.5])
    near = height >= median - _OUT * (median - quartile)
    z, height = z[near], height[near]
    ndim = z.shape[1]
    mean = z.mean(axis=0)
    root = np.linalg.cholesky(np.cov(z, rowvar=False).reshape(ndim, ndim))
    x = np.linalg.solve(root, (z - mean).T).T
    i, j = np.triu_indices(ndim)
    found = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x, x[:, i] * x[:, j]]), height, rcond=None)[0]
    slope = found[1 : 1 + ndim]
    curvature = np.zeros((ndim, ndim))
    curvature[i, j] = -found[1 + ndim :]
    curvature += curvature.T  # twice the squares' coefficients on the diagonal
    values, vectors = np.linalg.eigh(curvature)
    along = vectors.T @ slope
    values = np.maximum(values, np.abs(along) / _FARTHEST)
    back = np.linalg.solve(root.T, vectors)
    h = (back * values) @ back.T
    return h, back @ along + h @ mean
