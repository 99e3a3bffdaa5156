"""Compiled work on all knees of an ensemble: updates given the populations, and moves of knees along with these.

Coordinates `z` of a knee are its components, then its other free parameters. Walkers of different populations are hard
to compare: what is far in one is near in another. So each is looked at in standard coordinates `e = R' (z - m)`, with
`m` and `Q = R R'` mean and precision of a normal approximation of the knee given that walker's population:

    Q = H + Sigma^-1,   Q m = g + Sigma^-1 mean

`H` and `g` stand for the knee's own data and are fixed (`calibrate.population.maps`). They decide how well walkers
move, and nothing of what is sampled. Where data say nothing, H = 0, `e` is the knee standardised by its population;
where they say all, it is the knee itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.density import likelihood_one, log_prior_one, room_of
from calibrate.knee.jit import borrowing, compiled
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
_LOG, _LOGIT, _SLACK = 1, 2, 3


@borrowing
def parameters(z: FloatArray, theta: FloatArray, kinds: IntArray, references: FloatArray) -> None:
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
def apart(z: FloatArray, mean: FloatArray, precision: FloatArray) -> float:
    """Return half the squared distance of a knee's components from their mean, in standard deviations."""
    total = 0.0
    for i in range(mean.size):
        x = z[i] - mean[i]
        value = 0.5 * precision[i, i] * x
        for j in range(i):
            value += precision[i, j] * (z[j] - mean[j])
        total += value * x
    return total


@borrowing
def condition(
    h: FloatArray, g: FloatArray, precision: FloatArray, mean: FloatArray, root: FloatArray, middle: FloatArray
) -> float:
    """Compute the approximation's root R and mean, of ndim = `middle.size`; return the logarithm of R's determinant.

    R is lower triangular, with the inverse of each number on its diagonal in the place of that.
    """
    ndim, size = middle.size, mean.size
    log_det, product = 0.0, 1.0
    for i in range(ndim):
        value = g[i]
        if i < size:
            for j in range(size):
                value += precision[i, j] * mean[j]
        for j in range(i):
            entry = h[i, j]
            if i < size:
                entry += precision[i, j]
            for k in range(j):
                entry -= root[i, k] * root[j, k]
            entry *= root[j, j]
            root[i, j] = entry
            value -= entry * middle[j]
        square = h[i, i]
        if i < size:
            square += precision[i, i]
        for k in range(i):
            square -= root[i, k] * root[i, k]
        # One logarithm for many: the product of a few numbers neither over- nor underflows.
        product *= square
        if i % 4 == 3:
            log_det += 0.5 * math.log(product)
            product = 1.0
        root[i, i] = 1.0 / math.sqrt(square)
        middle[i] = value * root[i, i]
    for i in range(ndim - 1, -1, -1):
        value = middle[i]
        for k in range(i + 1, ndim):
            value -= root[k, i] * middle[k]
        middle[i] = value * root[i, i]
    return log_det + 0.5 * math.log(product)


@borrowing
def standardise(z: FloatArray, middle: FloatArray, root: FloatArray, e: FloatArray) -> None:
    """Compute standard coordinates."""
    for j in range(middle.size):
        value = (z[j] - middle[j]) / root[j, j]
        for k in range(j + 1, middle.size):
            value += root[k, j] * (z[k] - middle[k])
        e[j] = value


@borrowing
def place(e: FloatArray, middle: FloatArray, root: FloatArray, z: FloatArray) -> None:
    """Compute coordinates from standard ones."""
    for j in range(middle.size - 1, -1, -1):
        value = e[j]
        for k in range(j + 1, middle.size):
            value -= root[k, j] * (z[k] - middle[k])
        z[j] = middle[j] + value * root[j, j]


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
    densities: Any,
    dims: IntArray,
    kinds: IntArray,
    references: FloatArray,
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
    h, g : ndarray, shapes (N, D, D) and (N, D)
        Of the approximations.
    densities, dims, kinds, references, groups, all_sizes
        See `Forms`.
    """
    knees, updates, walkers, _ = numbers.shape
    half, most = walkers // 2, z.shape[2]
    taken = 0
    x_, q_, theta_ = np.empty(most), np.empty(most), np.empty(most)
    e_, middle_, root = np.empty((walkers, most)), np.empty((walkers, most)), np.empty((walkers, most, most))
    # What is sampled.
    value_at = np.empty(walkers)
    every = np.arange(most)
    for a in range(knees):
        i = first + a
        d, ndim, sizes = densities[i], dims[i], all_sizes[i]
        prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
        room = room_of(knee)
        x, q, theta, e, middle = x_[:ndim], q_[:ndim], theta_[:ndim], e_[:, :ndim], middle_[:, :ndim]
        count = 0
        while count < sizes.size and sizes[count] > 0:
            count += 1
        for w in range(walkers):
            condition(h[i], g[i], precision[w], mean[i, w], root[w], middle[w])
            standardise(z[i, w], middle[w], root[w], e[w])
            value_at[w] = height[i, w] - apart(z[i, w], mean[i, w], precision[w])
        for turn in range(2):
            moving = order[:half] if turn == 0 else order[half:]
            others = order[half:] if turn == 0 else order[:half]
            for step in range(updates):
                for j in range(half):
                    me = moving[j]
                    u = numbers[a, step, me]
                    if u[0] < _DE:
                        factor = _from_walkers(x, e, me, others, u, (_STRETCH, _DE))
                    elif u[0] < _WHOLE:
                        factor = _renew(x, e[me], u, every, ndim)
                    else:
                        group = int(u[1] * count)
                        factor = _renew(x, e[me], u, groups[i, group], sizes[group])
                    place(x, middle[me], root[me], q)
                    own = log_prior_one(q, prior)
                    if own > -np.inf:
                        parameters(q, theta, kinds[i], references[i])
                        own += likelihood_one(theta, p, columns, knee, room)
                    value = own - apart(q, mean[i, me], precision[me])
                    if value + factor - value_at[me] > math.log(u[2]):
                        taken += 1
                        value_at[me] = value
                        height[i, me] = own
                        for m in range(ndim):
                            e[me, m] = x[m]
                            z[i, me, m] = q[m]
    return taken
