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
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.density import room_of
from calibrate.knee.jit import borrowing, compiled
from calibrate.population.block import gathered, halves, known, room_to_fill, turned
from calibrate.population.lanes import whole
from calibrate.population.standard import apart, bend, bend_law, condition, log_determinant, place, standardise
from calibrate.population.steps import OF_KNEES, SHEAR_PERSONS, SPREAD_PERSONS, Moved, proposed

if TYPE_CHECKING:
    from calibrate.population.forms import Forms
    from calibrate.population.maps import Maps

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Moves of a sweep, and those more where there are persons.
MOVES = (OF_KNEES,) * 7
OF_PERSONS = (SPREAD_PERSONS, SPREAD_PERSONS, SHEAR_PERSONS)
# Degrees of freedom of the standard deviations' half-t.
NU = 2.0


class Prior(NamedTuple):
    """Priors of a population: of B where it lies and how wide, (q, P), and how wide of standard deviations, (P,)."""

    centre: FloatArray
    sd: FloatArray
    spread: FloatArray


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
def _log_effects(b: FloatArray, prior: Prior) -> float:
    """Return the prior log-density of B, without its constant."""
    value = 0.0
    for i in range(b.shape[0]):
        for k in range(b.shape[1]):
            off = (b[i, k] - prior.centre[i, k]) / prior.sd[i, k]
            value -= 0.5 * off * off
    return value


@borrowing
def _log_prior(laws: Moved, me: int, of_knees: bool, log_det: float, prior: Prior) -> float:
    """Return the prior log-density of what a move changes of a population."""
    precision = laws.precision[me] if of_knees else laws.precision_u[me]
    return _log_effects(laws.b[me], prior) + _log_covariance(precision, log_det, prior.spread)


@borrowing
def _means(x: FloatArray, laws: Moved, person: int, of: IntArray, mean: FloatArray) -> None:
    """Compute what a knee's components scatter about in the populations of some walkers, (P, n)."""
    for j in range(of.size):
        me = of[j]
        for k in range(mean.shape[0]):
            value = laws.u[me, person, k] if person >= 0 else 0.0
            for i in range(x.size):
                value += x[i] * laws.b[me, i, k]
            mean[k, j] = value


@borrowing
def _copied(values: FloatArray, out: FloatArray) -> None:
    """Copy a matrix: NumPy's own assignment takes long to compile."""
    for i in range(values.shape[0]):
        for k in range(values.shape[1]):
            out[i, k] = values[i, k]


@borrowing
def _put(laws: Moved, me: int, out: Moved) -> None:
    """Copy a walker's population."""
    _copied(laws.b[me], out.b[me])
    _copied(laws.sigma[me], out.sigma[me])
    _copied(laws.precision[me], out.precision[me])
    _copied(laws.u[me], out.u[me])
    _copied(laws.sigma_u[me], out.sigma_u[me])
    _copied(laws.precision_u[me], out.precision_u[me])


@borrowing
def _propose(
    what: int,
    chances: FloatArray,
    numbers: FloatArray,
    moving: IntArray,
    others: IntArray,
    laws: Moved,
    new: Moved,
    strand: IntArray,
    s: FloatArray,
    log_dets: FloatArray,
) -> None:
    """Change the populations of one half of the walkers by those of the other."""
    half = moving.size
    for j in range(half):
        me, mine = moving[j], numbers[moving[j]]
        first, second = int(mine[0] * half), int(mine[1] * (half - 1))
        one, two = others[first], others[second if second < first else second + 1]
        log_dets[j] = proposed(what, chances, mine, new, me, laws, one, two, strand, s)


@borrowing
def _decide(
    of_knees: bool,
    numbers: FloatArray,
    moving: IntArray,
    laws: Moved,
    new: Moved,
    prior: Prior,
    log_dets: FloatArray,
    value: FloatArray,
    new_value: FloatArray,
    z: FloatArray,
    new_z: FloatArray,
    height: FloatArray,
    new_height: FloatArray,
) -> int:
    """Let walkers go where they would, or not; return how many went."""
    knees, size = z.shape[0], prior.spread.size
    taken = 0
    for j in range(moving.size):
        me = moving[j]
        gain = new_value[j] - value[j] + jacobian(log_dets[j], size)
        gain += _log_prior(new, me, of_knees, log_dets[j], prior) - _log_prior(laws, me, of_knees, 0.0, prior)
        if of_knees:
            gain -= knees * log_dets[j]
        if gain > math.log(numbers[me, 2]):
            taken += 1
            value[j] = new_value[j]
            _put(new, me, laws)
            for i in range(knees):
                height[i, me] = new_height[i, j]
                for k in range(z.shape[2]):
                    z[i, me, k] = new_z[i, k, j]
        else:
            _put(laws, me, new)
    return taken


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
    laws: Moved,
    x: FloatArray,
    person: IntArray,
    turns: IntArray,
    fresh: NDArray[np.bool_],
    prior: Prior,
    strand: IntArray,
    moves: IntArray,
    chances: FloatArray,
    order: IntArray,
    numbers: FloatArray,
    maps: Maps,
    forms: Forms,
) -> IntArray:
    """Make some moves of each walker in place; return how many walkers took each of them.

    Parameters
    ----------
    z, height : ndarray, shapes (N, W, D) and (N, W)
        The knees, and what their own data and priors say of them.
    laws : Moved
        The populations.
    x, person : ndarray, shapes (N, q) and (N,)
        Covariates, and whose knee each is; -1 where that does not matter.
    turns, fresh : ndarray, shape (N,)
        See `in_turn`.
    prior : Prior
        The populations'.
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
    maps, forms
        The knees' approximations, and the knees.
    """
    knees, walkers, most = z.shape
    size, half = strand.size, walkers // 2
    n = whole(half)
    rows = np.empty((2, n), dtype=np.int64)
    halves(order, rows)
    e, new_z, new_height = np.empty((2, knees, most, n)), np.empty((knees, most, n)), np.empty((knees, half))
    y_, root_, curved_, theta_ = (
        np.empty((most, n)),
        np.empty((most, most, n)),
        np.empty((most, n)),
        np.empty((most, n)),
    )
    means, precisions, q_, s = np.empty((size, n)), np.empty((size, size, n)), np.empty(most), np.empty(size)
    bent_mean, bent_precision, pull = np.empty((size, n)), np.empty((size, size, n)), np.empty((size, n))
    off, log_det = np.empty(n), np.empty(n)
    new = Moved(
        laws.b.copy(),
        laws.sigma.copy(),
        laws.precision.copy(),
        laws.u.copy(),
        laws.sigma_u.copy(),
        laws.precision_u.copy(),
    )
    log_dets = np.empty(half)
    # Of all knees together, what is sampled at fixed standard coordinates: of either half where it stands, and would.
    value, new_value = np.empty((2, half)), np.empty(half)
    filled = room_to_fill(forms.densities)
    taken = np.zeros(moves.size, dtype=np.int64)
    densities, dims, kinds, references, bends = forms.densities, forms.dims, forms.kinds, forms.references, forms.bends
    h, g, reach = maps.h, maps.g, maps.reach
    # Each half is first looked at where it stands, before the first move.
    for at_turn in range(-2, 2 * moves.size):
        stands, move, turn = at_turn < 0, at_turn // 2, at_turn % 2
        moving, others = order[turn * half : (turn + 1) * half], order[half:] if turn == 0 else order[:half]
        if not stands:
            _propose(moves[move], chances, numbers[move], moving, others, laws, new, strand, s, log_dets)
        turned(new.precision, rows[turn], precisions)
        for j in range(half):
            new_value[j] = 0.0
        for at in range(knees):
            i = turns[at]
            ndim = dims[i]
            y, root, there, curved = y_[:ndim], root_[:ndim, :ndim], new_z[i, :ndim], curved_[:ndim]
            if fresh[at]:
                _means(x[i], new, person[i], rows[turn], means)
                bend_law(means, precisions, bends, kinds[i], reach[i], bent_mean, bent_precision, pull)
            condition(h[i], g[i], bent_precision, pull, root, y)
            log_determinant(root, log_det)
            own = new_height[i]
            if stands:
                gathered(z[i], rows[turn], there)
                bend(there, bends, kinds[i], reach[i], 1.0, curved)
                standardise(curved, root, y, e[turn, i, :ndim])
                for j in range(half):
                    own[j] = height[i, moving[j]]
            else:
                place(e[turn, i, :ndim], root, y, curved)
                bend(curved, bends, kinds[i], reach[i], -1.0, there)
                d = densities[i]
                known(there, theta_[:ndim], q_[:ndim], kinds[i], references[i], d, filled, room_of(d.knee), own)
            apart(there, means, precisions, off)
            for j in range(half):
                new_value[j] += own[j] - off[j] - log_det[j]
        if stands:
            for j in range(half):
                value[turn, j] = new_value[j]
        else:
            of_knees = moves[move] == OF_KNEES
            taken[move] += _decide(
                of_knees,
                numbers[move],
                moving,
                laws,
                new,
                prior,
                log_dets,
                value[turn],
                new_value,
                z,
                new_z,
                height,
                new_height,
            )
    return taken
