"""Compiled work on all knees of an ensemble: updates given the populations, and moves of knees along with these.

Coordinates `z` of a knee are its components, then its other free parameters. Walkers of different populations are hard
to compare: what is far in one is near in another. So each is looked at in standard coordinates `e = R' (z - m)`, with
`m` and `Q = R R'` mean and precision of a normal approximation of the knee given that walker's population:

    Q = H + Sigma^-1,   Q m = g + Sigma^-1 mean

`H` and `g` stand for the knee's own data and are fixed (`calibrate.population.maps`). They decide how well walkers
move, and nothing of what is sampled. Where data say nothing, H = 0, `e` is the knee standardised by its population;
where they say all, it is the knee itself.

Data of a strand that is stretched beyond its toe tell its stiffness and where its straight line begins, at the strain
`alpha / 2`; data within the toe tell `k / alpha` and where the toe begins. So that the approximation may be normal in
either case, `z` stands for bent coordinates above, in which a strand's stiffness and reference strain are

    log k - log(1 + (alpha / c)^2) / 2   and   e - alpha / 2 / sqrt(1 + (alpha / c)^2)

with `c` about as far as the knee's data reach. To bend has Jacobian 1. The population's law is bent at its mean, which
leaves it nearly normal.
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
# The logarithm of a transition strain that is beyond all.
_STEEPEST = 5.0


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
def apart(z: FloatArray, mean: FloatArray, precision: FloatArray, out: FloatArray) -> None:
    """Compute half the squared distances of a knee's components from their mean, in standard deviations, (n,).

    Walkers stand last in all arrays, for the sake of the processor's vector units: z (ndim, n), mean (P, n), precision
    (P, P, n).
    """
    n = out.size
    for w in range(n):
        out[w] = 0.0
    for i in range(mean.shape[0]):
        z_i, m_i = z[i], mean[i]
        for j in range(i):
            p, z_j, m_j = precision[i, j], z[j], mean[j]
            for w in range(n):
                out[w] += p[w] * (z_i[w] - m_i[w]) * (z_j[w] - m_j[w])
        p = precision[i, i]
        for w in range(n):
            out[w] += 0.5 * p[w] * (z_i[w] - m_i[w]) * (z_i[w] - m_i[w])


@borrowing
def condition(
    h: FloatArray,
    g: FloatArray,
    precision: FloatArray,
    mean: FloatArray,
    root: FloatArray,
    middle: FloatArray,
    log_det: FloatArray,
) -> None:
    """Compute the approximations' roots R (ndim, ndim, n), means (ndim, n) and logarithms of R's determinants (n,).

    R is lower triangular, with the inverse of each number on its diagonal in the place of that.
    """
    ndim, n = middle.shape
    size = mean.shape[0]
    for w in range(n):
        log_det[w] = 0.0
    for i in range(ndim):
        middle_i, about = middle[i], g[i]
        for w in range(n):
            middle_i[w] = about
        for j in range(size if i < size else 0):
            p, m_j = precision[i, j], mean[j]
            for w in range(n):
                middle_i[w] += p[w] * m_j[w]
        for j in range(i + 1):
            r, own = root[i, j], h[i, j]
            if i < size:
                p = precision[i, j]
                for w in range(n):
                    r[w] = own + p[w]
            else:
                for w in range(n):
                    r[w] = own
            for k in range(j):
                a, b = root[i, k], root[j, k]
                for w in range(n):
                    r[w] -= a[w] * b[w]
            if j < i:
                d, middle_j = root[j, j], middle[j]
                for w in range(n):
                    r[w] *= d[w]
                    middle_i[w] -= r[w] * middle_j[w]
        r = root[i, i]
        for w in range(n):
            r[w] = 1.0 / math.sqrt(r[w])
            middle_i[w] *= r[w]
        # One logarithm for four: the product of a few numbers neither over- nor underflows.
        if i % 4 == 3 or i == ndim - 1:
            a, b, c = root[i - i % 4, i - i % 4], root[max(0, i - 1), max(0, i - 1)], root[max(0, i - 2), max(0, i - 2)]
            for w in range(n):
                product = r[w]
                if i % 4 > 0:
                    product *= a[w]
                if i % 4 > 1:
                    product *= b[w]
                if i % 4 > 2:
                    product *= c[w]
                log_det[w] -= math.log(product)
    for i in range(ndim - 1, -1, -1):
        middle_i, r = middle[i], root[i, i]
        for k in range(i + 1, ndim):
            a, middle_k = root[k, i], middle[k]
            for w in range(n):
                middle_i[w] -= a[w] * middle_k[w]
        for w in range(n):
            middle_i[w] *= r[w]


@borrowing
def standardise(z: FloatArray, middle: FloatArray, root: FloatArray, e: FloatArray) -> None:
    """Compute standard coordinates (ndim, n)."""
    ndim, n = middle.shape
    for j in range(ndim):
        e_j, z_j, middle_j, d = e[j], z[j], middle[j], root[j, j]
        for w in range(n):
            e_j[w] = (z_j[w] - middle_j[w]) / d[w]
        for k in range(j + 1, ndim):
            r, z_k, middle_k = root[k, j], z[k], middle[k]
            for w in range(n):
                e_j[w] += r[w] * (z_k[w] - middle_k[w])


@borrowing
def place(e: FloatArray, middle: FloatArray, root: FloatArray, z: FloatArray) -> None:
    """Compute coordinates (ndim, n) from standard ones."""
    ndim, n = middle.shape
    for j in range(ndim - 1, -1, -1):
        z_j, e_j, middle_j, d = z[j], e[j], middle[j], root[j, j]
        for w in range(n):
            z_j[w] = e_j[w]
        for k in range(j + 1, ndim):
            r, z_k, middle_k = root[k, j], z[k], middle[k]
            for w in range(n):
                z_j[w] -= r[w] * (z_k[w] - middle_k[w])
        for w in range(n):
            z_j[w] = middle_j[w] + z_j[w] * d[w]


@borrowing
def _bend(z: float, kind: int, reach: float) -> tuple[float, float, float, float]:
    """Return by how much a transition strain's component bends stiffness and strain, and its derivatives of both."""
    if kind == _LOGIT:
        alpha = 1.0 / (1.0 + math.exp(-z))
        slope = alpha * (1.0 - alpha)
    else:
        alpha = slope = math.exp(min(z, _STEEPEST))
    ratio = alpha / (reach * reach)
    square = 1.0 + alpha * ratio
    inverse = 1.0 / math.sqrt(square)
    return 0.5 * math.log(square), 0.5 * alpha * inverse, ratio * slope / square, 0.5 * slope * inverse / square


@borrowing
def bend(z: FloatArray, bends: IntArray, kinds: IntArray, reach: FloatArray, way: float) -> None:
    """Bend coordinates (ndim, n) in place; by -1 they are straightened."""
    for number in range(bends.shape[0]):
        a, k, s = bends[number, 0], bends[number, 1], bends[number, 2]
        for w in range(z.shape[1]):
            stiffer, longer, _, _ = _bend(z[a, w], kinds[a], reach[number])
            if k >= 0:
                z[k, w] -= way * stiffer
            if s >= 0:
                z[s, w] -= way * longer


@borrowing
def bend_law(
    mean: FloatArray,
    precision: FloatArray,
    bends: IntArray,
    kinds: IntArray,
    reach: FloatArray,
    new_mean: FloatArray,
    new_precision: FloatArray,
) -> None:
    """Compute mean (P, n) and precision (P, P, n) of a normal law in bent coordinates, nearly."""
    size, n = mean.shape
    for i in range(size):
        for w in range(n):
            new_mean[i, w] = mean[i, w]
        for j in range(size):
            before, after = precision[i, j], new_precision[i, j]
            for w in range(n):
                after[w] = before[w]
    for number in range(bends.shape[0]):
        a, k, s = bends[number, 0], bends[number, 1], bends[number, 2]
        for w in range(n):
            stiffer, longer, by_k, by_s = _bend(mean[a, w], kinds[a], reach[number])
            if k >= 0:
                new_mean[k, w] -= stiffer
                for i in range(size):
                    new_precision[i, a, w] += by_k * new_precision[i, k, w]
            if s >= 0:
                new_mean[s, w] -= longer
                for i in range(size):
                    new_precision[i, a, w] += by_s * new_precision[i, s, w]
            for i in range(size):
                if k >= 0:
                    new_precision[a, i, w] += by_k * new_precision[k, i, w]
                if s >= 0:
                    new_precision[a, i, w] += by_s * new_precision[s, i, w]


@compiled
def bent(z: FloatArray, bends: IntArray, kinds: IntArray, reach: FloatArray) -> None:
    """Bend coordinates of a knee (ndim, n) in place."""
    bend(z, bends, kinds, reach, 1.0)


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
