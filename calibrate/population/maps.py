"""Normal approximations of what the knees' own data say, by which walkers of different populations are compared.

They come from draws of a time that is not kept, and are fixed from then on: what is sampled does not depend on them.
Of a knee whose data say nothing, draws have the covariance that its population has, uncertainty of the mean included.
What they are narrower than that, its data have made them:

    H = C^-1 - M^-1,   g = C^-1 z - M^-1 m

with z and C mean and covariance of the draws, m and M those that the populations alone would give; nothing of H may be
negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.population.gibbs import Design, Laws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Of each standard deviation, added to what is narrower than that.
_LEAST = 1e-6
# Of a draw's precision, the least share that is taken for the data's.
_TOLD = 0.05


class Maps(NamedTuple):
    """Precisions and precisions times means of what the knees' data say, (N, D, D) and (N, D)."""

    h: FloatArray
    g: FloatArray


def fitted(draws: Sequence[tuple[FloatArray, Laws]], design: Design, dims: IntArray) -> Maps:
    """Fit the approximations.

    Parameters
    ----------
    draws : sequence of (ndarray of shape (N, W, D), Laws)
        Knees, and the populations that they are of.
    design : Design
        Covariates and persons.
    dims : ndarray of int, shape (N,)
        How many free parameters each knee has.
    """
    z = np.concatenate([z for z, _ in draws], axis=1)
    mean = np.concatenate([laws.means(design) for _, laws in draws], axis=1)
    sigma = np.concatenate([laws.sigma for _, laws in draws]).mean(axis=0)
    size = len(sigma)
    middle, theirs = z.mean(axis=1), mean.mean(axis=1)
    h, g = np.zeros((*middle.shape, z.shape[2])), np.zeros(middle.shape)
    for i, ndim in enumerate(dims.tolist()):
        off, about = z[i, :, :ndim] - middle[i, :ndim], mean[i] - theirs[i]
        own = off.T @ off / len(off)
        own[range(ndim), range(ndim)] *= 1.0 + _LEAST
        prior = np.zeros((ndim, ndim))
        prior[:size, :size] = np.linalg.inv(sigma + about.T @ about / len(about))
        h[i, :ndim, :ndim], g[i, :ndim] = _rest(np.linalg.inv(own), prior, middle[i, :ndim], theirs[i])
    return Maps(h, g)


def _rest(
    precision: FloatArray, prior: FloatArray, middle: FloatArray, theirs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return H and g from the precisions of draws and of populations, and their means."""
    scale = np.sqrt(np.diagonal(precision))
    values, vectors = np.linalg.eigh((precision - prior) / scale[:, np.newaxis] / scale)
    known = values > _TOLD
    h = (vectors * np.where(known, values, 0.0)) @ vectors.T * scale[:, np.newaxis] * scale
    # Together with the populations, the mean is that of the draws; where the data tell nothing, they do not pull.
    pull = prior[:, : len(theirs)] @ (middle[: len(theirs)] - theirs)
    inside = vectors[:, known] @ vectors[:, known].T
    return h, h @ middle + scale * (inside @ (pull / scale))
