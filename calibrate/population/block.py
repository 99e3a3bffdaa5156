"""Compiled updates of all knees of an ensemble, each walker's knees under that walker's own population.

Of one knee, one half of the walkers moves several times by the positions of the other half, then the other half moves;
proposals are those of `calibrate.sampling.block`. What is sampled differs between walkers, for each has its own
population: that changes nothing, because a proposal depends on the other half alone, and each walker is accepted by
its own density.

Coordinates `z` of a knee are its components, then its other free parameters.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.density import likelihood_one, log_prior_one, room_of
from calibrate.knee.jit import borrowing, compiled
from calibrate.sampling.block import (
    _NUMBERS,
    _fit,
    _from_kernels,
    _from_walkers,
    _into_kernels,
    _kernel_density,
    _picked,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Kernels of a group at the most.
_KERNELS = 32
# Uniform numbers of one update besides one for each dimension of a kernel.
NUMBERS = _NUMBERS
_LOG, _LOGIT, _SLACK = 1, 2, 3


@borrowing
def _parameters(z: FloatArray, theta: FloatArray, kinds: IntArray, references: FloatArray) -> None:
    """Turn coordinates (ndim,) into free parameters; NaN or infinite where they have no meaning."""
    for c in range(kinds.size):
        kind, x = kinds[c], z[c]
        if kind == _LOG:
            theta[c] = math.exp(x)
        elif kind == _LOGIT:
            theta[c] = 1.0 / (1.0 + math.exp(-x))
        elif kind == _SLACK:
            theta[c] = references[c] / (1.0 + x) if x > -1.0 else np.nan
        else:
            theta[c] = x
    for i in range(kinds.size, z.size):
        theta[i] = z[i]


@borrowing
def _apart(z: FloatArray, mean: FloatArray, root: FloatArray) -> float:
    """Return half the squared distance of a knee's components from their mean, in standard deviations.

    `root` (P, P), lower triangular, makes the covariance the identity.
    """
    total = 0.0
    for i in range(mean.size):
        value = 0.0
        for j in range(i + 1):
            value += root[i, j] * (z[j] - mean[j])
        total += value * value
    return 0.5 * total


@compiled
def heights(z: FloatArray, densities: Any, dims: IntArray, kinds: IntArray, references: FloatArray) -> FloatArray:
    """Return what the knees' own data and priors say of coordinates (N, walkers, D): log-densities, (N, walkers)."""
    out = np.empty(z.shape[:2])
    for i in range(z.shape[0]):
        d = densities[i]
        prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
        room = room_of(knee)
        here, theta = np.empty(dims[i]), np.empty(dims[i])
        for w in range(z.shape[1]):
            for j in range(dims[i]):
                here[j] = z[i, w, j]
            value = log_prior_one(here, prior)
            if value > -np.inf:
                _parameters(here, theta, kinds[i], references[i])
                value += likelihood_one(theta, p, columns, knee, room)
            out[i, w] = value
    return out


@compiled
def update(
    first: int,
    z: FloatArray,
    height: FloatArray,
    mean: FloatArray,
    root: FloatArray,
    order: IntArray,
    numbers: FloatArray,
    below: tuple[float, float],
    densities: Any,
    dims: IntArray,
    kinds: IntArray,
    references: FloatArray,
    groups: IntArray,
    all_sizes: IntArray,
) -> int:
    """Update some knees of all walkers in place, from knee `first` on; return how many proposals were taken.

    Parameters
    ----------
    first : int
        The first knee; as many as `numbers` has.
    z, height : ndarray, shapes (N, walkers, D) and (N, walkers)
        Coordinates, and what the knees' own data and priors say of them.
    mean : ndarray, shape (N, walkers, P)
        Of each knee's components in each walker's population.
    root : ndarray, shape (walkers, P, P)
        Makes the covariance between knees the identity.
    order : ndarray of int, shape (walkers,)
        Its first half is moved first.
    numbers : ndarray, shape (knees, updates, walkers, NUMBERS + what proposals need)
        Uniform on [0, 1).
    below : tuple of float
        See `calibrate.sampling.block`.
    densities, dims, kinds, references, groups, all_sizes
        See `Forms`.
    """
    knees, updates, walkers, _ = numbers.shape
    half = walkers // 2
    taken = 0
    count = min(half, _KERNELS)
    for k in range(knees):
        i = first + k
        d, ndim, coords, sizes = densities[i], dims[i], z[i], all_sizes[i]
        prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
        room = room_of(knee)
        q, theta = np.empty(ndim), np.empty(ndim)
        fitted = np.empty(sizes.size, dtype=np.bool_)
        middle, scale = np.empty((sizes.size, ndim)), np.empty((sizes.size, ndim, ndim))
        at, kernels = np.empty((sizes.size, ndim, count)), np.empty(count)
        far = np.empty((0, ndim))
        here, there = np.empty(ndim), np.empty(ndim)
        density = np.empty((sizes.size, half))
        # What is sampled, of the walkers that move.
        value_at = np.empty(half)
        for turn in range(2):
            moving = order[:half] if turn == 0 else order[half:]
            others = order[half:] if turn == 0 else order[:half]
            for g in range(sizes.size):
                fitted[g] = False
                if sizes[g] > 0:
                    fitted[g] = _fit(coords, others[:count], groups[i, g], sizes[g], far, middle[g], scale[g], at[g])
                density[g, :] = -1.0
            for j in range(half):
                me = moving[j]
                value_at[j] = height[i, me] - _apart(coords[me], mean[i, me], root[me])
            for step in range(updates):
                for j in range(half):
                    me = moving[j]
                    u = numbers[k, step, j if turn == 0 else half + j]
                    factor, proposed = 0.0, 0.0
                    g, kernel = _picked(u, below[1], fitted, count)
                    if g >= 0:
                        _from_kernels(q, there, coords, me, u, g, kernel, groups[i], sizes, at, middle, scale)
                    else:
                        factor = _from_walkers(q, coords, me, others, u, below)
                    own = log_prior_one(q, prior)
                    if own > -np.inf:
                        if g >= 0:
                            if density[g, j] < 0.0:
                                _into_kernels(here, coords, me, g, groups[i], sizes, middle, scale)
                                density[g, j] = _kernel_density(here, sizes[g], at[g], kernels)
                            proposed = _kernel_density(there, sizes[g], at[g], kernels)
                            factor = math.log(density[g, j] / proposed)
                        _parameters(q, theta, kinds[i], references[i])
                        own += likelihood_one(theta, p, columns, knee, room)
                    value = own - _apart(q, mean[i, me], root[me])
                    if value + factor - value_at[j] > math.log(u[2]):
                        taken += 1
                        value_at[j] = value
                        height[i, me] = own
                        for m in range(ndim):
                            coords[me, m] = q[m]
                        density[:, j] = -1.0
                        if g >= 0:
                            density[g, j] = proposed
    return taken
