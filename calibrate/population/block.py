"""Compiled work on all knees of an ensemble: what data say of them, and updates given the populations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.density import likelihood_one, log_prior_one, room_of
from calibrate.knee.jit import borrowing, compiled
from calibrate.population.standard import apart, bend, bend_law, condition, parameters, place, standardise
from calibrate.sampling.block import _NUMBERS, _from_walkers

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Uniform numbers of one update besides one for each dimension, of which there are an even number.
NUMBERS = _NUMBERS
# Shares of the updates that are stretches, differential evolution, and new values from the approximation, of all
# coordinates; the rest is that of a group.
_STRETCH, _DE, _WHOLE = 0.1, 0.4, 0.7
# Of new values, in the approximation's standard deviations: a little wider, so that walkers come back from its tails.
_WIDER = 1.15


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
                parameters(here, theta, kinds[i], references[i])
                value += likelihood_one(theta, p, columns, knee, room)
            out[i, w] = value
    return out


@borrowing
def _renew(x: FloatArray, e: FloatArray, u: FloatArray, group: IntArray, n: int) -> float:
    """Propose `x`: `e` with new values of n coordinates; return the logarithm of the factor."""
    for i in range(e.size):
        x[i] = e[i]
    factor, other = 0.0, 0.0
    for i in range(n):
        # Box & Muller, two at a time.
        if i % 2 == 0:
            radius = _WIDER * math.sqrt(-2.0 * math.log(1.0 - u[_NUMBERS + i]))
            angle = 2.0 * math.pi * u[_NUMBERS + i + 1]
            value, other = radius * math.cos(angle), radius * math.sin(angle)
        else:
            value = other
        old = e[group[i]]
        factor += (value - old) * (value + old)
        x[group[i]] = value
    return 0.5 * factor / (_WIDER * _WIDER)


@compiled
def update(
    first: int,
    z: FloatArray,
    height: FloatArray,
    mean: FloatArray,
    precision: FloatArray,
    order: IntArray,
    numbers: FloatArray,
    h: FloatArray,
    g: FloatArray,
    reach: FloatArray,
    densities: Any,
    dims: IntArray,
    kinds: IntArray,
    references: FloatArray,
    bends: IntArray,
    groups: IntArray,
    all_sizes: IntArray,
) -> int:
    """Update some knees of all walkers in place, from knee `first` on; return how many proposals were taken.

    Of one knee, one half of the walkers moves several times by the positions of the other half, then the other half
    moves. In standard coordinates, each proposal is a stretch or differential evolution as in
    `calibrate.sampling.block`, or new values, of all coordinates or of a group, from the normal approximation. What is
    sampled differs between walkers, for each has its own population. That changes nothing: a proposal depends on the
    other half alone, and each walker is accepted by its own density.

    Parameters
    ----------
    first : int
        The first knee; as many as `numbers` has.
    z, height : ndarray, shapes (N, walkers, D) and (N, walkers)
        Coordinates, and what the knees' own data and priors say of them.
    mean, precision : ndarray, shapes (N, walkers, P) and (walkers, P, P)
        Of each knee's components in each walker's population.
    order : ndarray of int, shape (walkers,)
        Its first half is moved first.
    numbers : ndarray, shape (knees, updates, walkers, NUMBERS + D or D + 1)
        Uniform on [0, 1).
    h, g, reach : ndarray, shapes (N, D, D), (N, D) and (N, B)
        Of the approximations.
    densities, dims, kinds, references, bends, groups, all_sizes
        See `Forms`.
    """
    knees, updates, walkers, _ = numbers.shape
    half, most, size = walkers // 2, z.shape[2], mean.shape[2]
    taken = 0
    here, theta_ = np.empty(most), np.empty(most)
    e_, x_ = np.empty((walkers, most)), np.empty(most)
    middle_, root_ = np.empty((2, most, half)), np.empty((2, most, most, half))
    there_, new_ = np.empty((most, half)), np.empty((most, half))
    means, precisions = np.empty((size, half)), np.empty((2, size, size, half))
    bent_means, bent_precisions = np.empty((size, half)), np.empty((size, size, half))
    off, log_det, factors, value_at = np.empty(half), np.empty(half), np.empty(half), np.empty(half)
    every = np.arange(most)
    for turn in range(2):
        for j in range(half):
            me = order[turn * half + j]
            for k in range(size):
                for m in range(size):
                    precisions[turn, k, m, j] = precision[me, k, m]
    for a in range(knees):
        i = first + a
        d, ndim, sizes = densities[i], dims[i], all_sizes[i]
        prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
        room = room_of(knee)
        q, theta, e, x = here[:ndim], theta_[:ndim], e_[:, :ndim], x_[:ndim]
        there, new = there_[:ndim], new_[:ndim]
        count = 0
        while count < sizes.size and sizes[count] > 0:
            count += 1
        for turn in range(2):
            moving = order[turn * half : (turn + 1) * half]
            middle, root = middle_[turn, :ndim], root_[turn, :ndim, :ndim]
            for j in range(half):
                for k in range(size):
                    means[k, j] = mean[i, moving[j], k]
                for k in range(ndim):
                    there[k, j] = z[i, moving[j], k]
            bend_law(means, precisions[turn], bends, kinds[i], reach[i], bent_means, bent_precisions)
            condition(h[i], g[i], bent_precisions, bent_means, root, middle, log_det)
            bend(there, bends, kinds[i], reach[i], 1.0)
            standardise(there, middle, root, new)
            for j in range(half):
                for k in range(ndim):
                    e[moving[j], k] = new[k, j]
        for turn in range(2):
            moving = order[turn * half : (turn + 1) * half]
            others = order[half:] if turn == 0 else order[:half]
            middle, root = middle_[turn, :ndim], root_[turn, :ndim, :ndim]
            for j in range(half):
                for k in range(size):
                    means[k, j] = mean[i, moving[j], k]
                for k in range(ndim):
                    there[k, j] = z[i, moving[j], k]
            apart(there, means, precisions[turn], off)
            for j in range(half):
                value_at[j] = height[i, moving[j]] - off[j]
            for step in range(updates):
                for j in range(half):
                    me = moving[j]
                    u = numbers[a, step, me]
                    if u[0] < _DE:
                        factors[j] = _from_walkers(x, e, me, others, u, (_STRETCH, _DE))
                    elif u[0] < _WHOLE:
                        factors[j] = _renew(x, e[me], u, every, ndim)
                    else:
                        group = int(u[1] * count)
                        factors[j] = _renew(x, e[me], u, groups[i, group], sizes[group])
                    for k in range(ndim):
                        new[k, j] = x[k]
                place(new, middle, root, there)
                bend(there, bends, kinds[i], reach[i], -1.0)
                apart(there, means, precisions[turn], off)
                for j in range(half):
                    me = moving[j]
                    for k in range(ndim):
                        q[k] = there[k, j]
                    own = log_prior_one(q, prior)
                    if own > -np.inf:
                        parameters(q, theta, kinds[i], references[i])
                        own += likelihood_one(theta, p, columns, knee, room)
                    if own - off[j] + factors[j] - value_at[j] > math.log(numbers[a, step, me, 2]):
                        taken += 1
                        value_at[j] = own - off[j]
                        height[i, me] = own
                        for k in range(ndim):
                            e[me, k] = new[k, j]
                            z[i, me, k] = q[k]
    return taken
