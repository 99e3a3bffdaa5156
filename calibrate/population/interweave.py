"""Moves of a population together with all its knees, at fixed standard coordinates of these (Yu & Meng 2011).

Given its knees, a population of few or ill-known knees hardly moves: knees are drawn towards it, and it to them. So it
is also moved with its knees. What is held are not the knees, nor the knees standardised by their population, but what
lies in between as far as their data tell (Papaspiliopoulos, Roberts & Sköld 2007): the coordinates `e = R' (z - m)` of
`calibrate.population.standard`. If knees were as normal as their approximation, this would sample the population with
all knees integrated out.

What moves there are, `calibrate.population.steps` says. One is accepted with the ratio of the densities times the
Jacobian:

- of B and Sigma: `p(B) p(Sigma)`, and `|det G|^(P + 1)` for `Sigma -> G Sigma G'`: 1 for a shear, `exp((P + 1) sum s)`
  for a spread;
- of each knee: `N(phi; mean, Sigma) L(z)`, and `|R| / |R'|` for `z -> z'`;
- of the persons: nothing, for `N(u; 0, Sigma_u) du` stays.

Of `p(Sigma)`, Huang & Wand's auxiliary numbers are integrated out; who needs these draws them anew from Sigma:

    p(Sigma) ~ |Sigma|^-(nu + 2 P) / 2  prod_k (nu (Sigma^-1)_kk + 1 / A_k^2)^-(nu + P) / 2
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.density import likelihood_one, log_prior_one, room_of
from calibrate.knee.jit import borrowing, compiled
from calibrate.population.standard import apart, bend, bend_law, condition, parameters, place, standardise
from calibrate.population.steps import OF_KNEES, SHEAR_PERSONS, SPREAD_PERSONS, proposed

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Moves of a sweep, and those more where there are persons.
MOVES = (OF_KNEES,) * 7
OF_PERSONS = (SPREAD_PERSONS, SPREAD_PERSONS, SHEAR_PERSONS)
# Degrees of freedom of the standard deviations' half-t.
NU = 2.0


@borrowing
def jacobian(log_det: float, size: int) -> float:
    """Return the logarithm of the Jacobian of `Sigma -> G Sigma G'`, of P components, given that of `|det G|`."""
    return (size + 1.0) * log_det


@borrowing
def _log_covariance(precision: FloatArray, log_det: float, spread: FloatArray) -> float:
    """Return the prior log-density of a covariance, given its inverse and the logarithm of its root's determinant."""
    size = spread.size
    value = -(NU + 2.0 * size) * log_det
    for k in range(size):
        value -= 0.5 * (NU + size) * math.log(NU * precision[k, k] + 1.0 / (spread[k] * spread[k]))
    return value


@borrowing
def _log_effects(b: FloatArray, centre: FloatArray, sd: FloatArray) -> float:
    """Return the prior log-density of B, without its constant."""
    value = 0.0
    for i in range(b.shape[0]):
        for k in range(b.shape[1]):
            off = (b[i, k] - centre[i, k]) / sd[i, k]
            value -= 0.5 * off * off
    return value


@borrowing
def _means(x: FloatArray, b: FloatArray, u: FloatArray, person: int, of: IntArray, mean: FloatArray) -> None:
    """Compute what a knee's components scatter about in the populations of some walkers, (P, n)."""
    for j in range(of.size):
        me = of[j]
        for k in range(mean.shape[0]):
            value = u[me, person, k] if person >= 0 else 0.0
            for i in range(x.size):
                value += x[i] * b[me, i, k]
            mean[k, j] = value


@borrowing
def _turned(precision: FloatArray, of: IntArray, out: FloatArray) -> None:
    """Put the precisions of some walkers into an array in which walkers stand last."""
    for j in range(of.size):
        for k in range(out.shape[0]):
            for m in range(out.shape[1]):
                out[k, m, j] = precision[of[j], k, m]


def in_turn(x: FloatArray, person: IntArray, reach: FloatArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return in which order knees are taken, and whether each has another law than the one before it (N,).

    Knees with the same covariates, of the same person and bent alike follow each other: their law is bent once.
    """
    keys = np.column_stack([person, x, reach])
    turns = np.lexsort(keys.T)
    ordered = keys[turns]
    return turns, np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])


@compiled
def interweave(
    z: FloatArray,
    height: FloatArray,
    b: FloatArray,
    sigma: FloatArray,
    precision: FloatArray,
    u: FloatArray,
    sigma_u: FloatArray,
    precision_u: FloatArray,
    x: FloatArray,
    person: IntArray,
    turns: IntArray,
    fresh: NDArray[np.bool_],
    centre: FloatArray,
    sd: FloatArray,
    spread: FloatArray,
    strand: IntArray,
    moves: IntArray,
    chances: FloatArray,
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
) -> IntArray:
    """Make some moves of each walker in place; return how many walkers took each of them.

    Parameters
    ----------
    z, height : ndarray, shapes (N, W, D) and (N, W)
        The knees, and what their own data and priors say of them.
    b, sigma, precision : ndarray, shapes (W, q, P), (W, P, P) and (W, P, P)
        The populations; precision is sigma's inverse.
    u, sigma_u, precision_u : ndarray, shapes (W, persons, P), (W, P, P) and (W, P, P)
        Of the persons.
    x, person : ndarray, shapes (N, q) and (N,)
        Covariates, and whose knee each is; -1 where that does not matter.
    turns, fresh : ndarray, shape (N,)
        See `in_turn`.
    centre, sd, spread : ndarray
        The priors, see `Design`.
    strand : ndarray of int, shape (P,)
        Which strand each component is of.
    moves : ndarray of int, shape (M,)
        `OF_KNEES`, `SPREAD_PERSONS`, `SHEAR_PERSONS`.
    chances : ndarray, shape (2 P + P (P - 1) / 2,)
        Chances, summed up, of the knees' moves: which component is shifted, which spread, which two sheared.
    order : ndarray of int, shape (W,)
        Its first half is moved first.
    numbers : ndarray, shape (M, W, NUMBERS)
        Uniform on [0, 1).
    h, g, reach : ndarray, shapes (N, D, D), (N, D) and (N, B)
        Of the approximations.
    densities, dims, kinds, references, bends
        See `Forms`.
    """
    knees, walkers, most = z.shape
    size, half = spread.size, walkers // 2
    e, new_z, new_height = np.empty((2, knees, most, half)), np.empty((knees, most, half)), np.empty((knees, half))
    middle_, root_ = np.empty((most, half)), np.empty((most, most, half))
    theta_, q_, s = np.empty(most), np.empty(most), np.empty(size)
    means, precisions = np.empty((size, half)), np.empty((size, size, half))
    bent_means, bent_precisions = np.empty((size, half)), np.empty((size, size, half))
    off, log_det = np.empty(half), np.empty(half)
    new_b, new_sigma, new_precision = b.copy(), sigma.copy(), precision.copy()
    new_u, new_sigma_u, new_precision_u = u.copy(), sigma_u.copy(), precision_u.copy()
    # Of all knees together, what is sampled at fixed standard coordinates.
    value, new_value, log_dets = np.zeros(walkers), np.zeros(walkers), np.zeros(walkers)
    taken = np.zeros(moves.shape[0], dtype=np.int64)
    for turn in range(2):
        moving = order[turn * half : (turn + 1) * half]
        _turned(precision, moving, precisions)
        for at in range(knees):
            i = turns[at]
            ndim = dims[i]
            middle, root, there = middle_[:ndim], root_[:ndim, :ndim], new_z[i, :ndim]
            if fresh[at]:
                _means(x[i], b, u, person[i], moving, means)
                bend_law(means, precisions, bends, kinds[i], reach[i], bent_means, bent_precisions)
            for j in range(half):
                for m in range(ndim):
                    there[m, j] = z[i, moving[j], m]
            condition(h[i], g[i], bent_precisions, bent_means, root, middle, log_det)
            apart(there, means, precisions, off)
            bend(there, bends, kinds[i], reach[i], 1.0)
            standardise(there, middle, root, e[turn, i, :ndim])
            for j in range(half):
                value[moving[j]] += height[i, moving[j]] - off[j] - log_det[j]
    for move in range(moves.shape[0]):
        what = moves[move]
        of_persons = what != OF_KNEES
        for turn in range(2):
            moving = order[:half] if turn == 0 else order[half:]
            others = order[half:] if turn == 0 else order[:half]
            for j in range(half):
                me, mine = moving[j], numbers[move, moving[j]]
                new_value[me] = 0.0
                first = int(mine[0] * half)
                second = int(mine[1] * (half - 1))
                one, two = others[first], others[second if second < first else second + 1]
                log_dets[me] = proposed(
                    what,
                    chances,
                    mine,
                    new_b[me],
                    new_sigma[me],
                    new_precision[me],
                    new_u[me],
                    new_sigma_u[me],
                    new_precision_u[me],
                    b[one],
                    sigma_u[one] if of_persons else sigma[one],
                    b[two],
                    sigma_u[two] if of_persons else sigma[two],
                    strand,
                    s,
                )
            _turned(new_precision, moving, precisions)
            for at in range(knees):
                i = turns[at]
                d, ndim = densities[i], dims[i]
                prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
                room = room_of(knee)
                middle, root, there = middle_[:ndim], root_[:ndim, :ndim], new_z[i, :ndim]
                theta, q = theta_[:ndim], q_[:ndim]
                if fresh[at]:
                    _means(x[i], new_b, new_u, person[i], moving, means)
                    bend_law(means, precisions, bends, kinds[i], reach[i], bent_means, bent_precisions)
                condition(h[i], g[i], bent_precisions, bent_means, root, middle, log_det)
                place(e[turn, i, :ndim], middle, root, there)
                bend(there, bends, kinds[i], reach[i], -1.0)
                apart(there, means, precisions, off)
                for j in range(half):
                    for m in range(ndim):
                        q[m] = there[m, j]
                    own = log_prior_one(q, prior)
                    if own > -np.inf:
                        parameters(q, theta, kinds[i], references[i])
                        own += likelihood_one(theta, p, columns, knee, room)
                    new_value[moving[j]] += own - off[j] - log_det[j]
                    new_height[i, j] = own
            for j in range(half):
                me = moving[j]
                gain = new_value[me] - value[me]
                gain += _log_effects(new_b[me], centre, sd) - _log_effects(b[me], centre, sd)
                gain += jacobian(log_dets[me], size)
                if of_persons:
                    gain += _log_covariance(new_precision_u[me], log_dets[me], spread)
                    gain -= _log_covariance(precision_u[me], 0.0, spread)
                else:
                    gain += _log_covariance(new_precision[me], log_dets[me], spread)
                    gain -= _log_covariance(precision[me], 0.0, spread) + knees * log_dets[me]
                if gain > math.log(numbers[move, me, 2]):
                    taken[move] += 1
                    value[me] = new_value[me]
                    b[me], sigma[me], precision[me] = new_b[me], new_sigma[me], new_precision[me]
                    u[me], sigma_u[me], precision_u[me] = new_u[me], new_sigma_u[me], new_precision_u[me]
                    z[:, me], height[:, me] = new_z[:, :, j], new_height[:, j]
                else:
                    new_b[me], new_sigma[me], new_precision[me] = b[me], sigma[me], precision[me]
                    new_u[me], new_sigma_u[me], new_precision_u[me] = u[me], sigma_u[me], precision_u[me]
    return taken
