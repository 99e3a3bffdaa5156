"""Compiled work on all knees of an ensemble: what data say of them, and updates given the populations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate.density import Density, likelihood_one, log_prior_one, room_of
from calibrate.knee.jit import borrowing, compiled, merged
from calibrate.population.lanes import whole
from calibrate.population.standard import apart, bend, bend_law, condition, parameters, place, standardise
from calibrate.sampling.block import _NUMBERS, _from_walkers

if TYPE_CHECKING:
    from calibrate.population.forms import Forms
    from calibrate.population.maps import Maps

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Uniform numbers of one update besides one for each dimension, of which there are an even number.
NUMBERS = _NUMBERS
# Shares of the updates that are stretches, differential evolution, and new values from the approximation, of all
# coordinates; the rest is that of a group.
_STRETCH, _DE, _WHOLE = 0.1, 0.4, 0.7
# Of new values, in the approximation's standard deviations: a little wider, so that walkers come back from its tails.
_WIDER = 1.15


@borrowing
def known(
    z: FloatArray,
    theta: FloatArray,
    q: FloatArray,
    kinds: IntArray,
    references: FloatArray,
    d: Density,
    filled: FloatArray,
    room: Any,
    out: FloatArray,
) -> None:
    """Compute what a knee's own data and priors say of the first of coordinates (ndim, n), as many as `out` has.

    There are `theta` (ndim, n), `q` (ndim,), `filled` and `room` to compute in. The density comes as a whole: to take
    it apart costs nothing here, see `borrowing`.
    """
    prior, columns, knee, p = d.prior, d.columns, d.knee, filled[: d.template.size]
    for i in range(p.size):
        p[i] = d.template[i]
    parameters(z, kinds, references, theta)
    for w in range(out.size):
        for i in range(q.size):
            q[i] = z[i, w]
        value = log_prior_one(q, prior)
        if value > -np.inf:
            for i in range(q.size):
                q[i] = theta[i, w]
            value += likelihood_one(q, p, columns, knee, room)
        out[w] = value


@merged
def room_to_fill(densities: Any) -> FloatArray:
    """Return an array as long as the longest template."""
    longest = 0
    for i in range(len(densities)):
        longest = max(longest, densities[i].template.size)
    return np.empty(longest)


@borrowing
def gathered(z: FloatArray, of: IntArray, out: FloatArray) -> None:
    """Put the coordinates (walkers, D) of some walkers into an array in which walkers stand last."""
    for i in range(out.shape[0]):
        for j in range(of.size):
            out[i, j] = z[of[j], i]


@borrowing
def turned(precision: FloatArray, of: IntArray, out: FloatArray) -> None:
    """Put the precisions of some walkers into an array in which walkers stand last."""
    for i in range(out.shape[0]):
        gathered(precision[:, i], of, out[i])


@borrowing
def halves(order: IntArray, out: IntArray) -> None:
    """Put either half of the walkers into a row as long as whole lanes, the last of them as often as it takes."""
    half = order.size // 2
    for turn in range(2):
        for j in range(out.shape[1]):
            out[turn, j] = order[turn * half + min(j, half - 1)]


@compiled
def heights(z: FloatArray, forms: Forms) -> FloatArray:
    """Return what the knees' own data and priors say of coordinates (N, walkers, D): log-densities, (N, walkers)."""
    knees, walkers, most = z.shape
    out = np.empty((knees, walkers))
    densities, dims, kinds, references = forms.densities, forms.dims, forms.kinds, forms.references
    every = np.minimum(np.arange(whole(walkers)), walkers - 1)
    there_, theta_, q_ = np.empty((most, every.size)), np.empty((most, every.size)), np.empty(most)
    filled = room_to_fill(densities)
    for i in range(knees):
        d, ndim = densities[i], dims[i]
        gathered(z[i], every, there_[:ndim])
        known(there_[:ndim], theta_[:ndim], q_[:ndim], kinds[i], references[i], d, filled, room_of(d.knee), out[i])
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
    maps: Maps,
    forms: Forms,
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
    maps, forms
        The knees' approximations, and the knees.
    """
    knees, updates, walkers, _ = numbers.shape
    half, most, size = walkers // 2, z.shape[2], mean.shape[2]
    n = whole(half)
    taken = 0
    rows = np.empty((2, n), dtype=np.int64)
    halves(order, rows)
    e_, x_, q_ = np.empty((walkers, most)), np.empty(most), np.empty(most)
    y_, root_ = np.empty((2, most, n)), np.empty((2, most, most, n))
    there_, new_, theta_ = np.empty((most, n)), np.zeros((most, n)), np.empty((most, n))
    means, precisions = np.empty((2, size, n)), np.empty((2, size, size, n))
    bent_mean, bent_precision, pull = np.empty((size, n)), np.empty((size, size, n)), np.empty((size, n))
    off, factors, value_at, own = np.empty(n), np.empty(half), np.empty((2, half)), np.empty(half)
    every, filled = np.arange(most), room_to_fill(forms.densities)
    densities, dims, kinds, references, bends = forms.densities, forms.dims, forms.kinds, forms.references, forms.bends
    groups, h, g, reach = forms.groups, maps.h, maps.g, maps.reach
    for turn in range(2):
        turned(precision, rows[turn], precisions[turn])
    for a in range(knees):
        i = first + a
        d, ndim, sizes = densities[i], dims[i], forms.sizes[i]
        room = room_of(d.knee)
        q, e, x = q_[:ndim], e_[:, :ndim], x_[:ndim]
        there, new, theta = there_[:ndim], new_[:ndim], theta_[:ndim]
        count = 0
        while count < sizes.size and sizes[count] > 0:
            count += 1
        # Each half is first looked at where it stands, in the two steps below zero.
        for step in range(-2, 2 * updates):
            stands = step < 0
            turn = step + 2 if stands else step // updates
            moving, others = order[turn * half : (turn + 1) * half], order[half:] if turn == 0 else order[:half]
            y, root = y_[turn, :ndim], root_[turn, :ndim, :ndim]
            if stands:
                gathered(mean[i], rows[turn], means[turn])
                gathered(z[i], rows[turn], there)
                bend_law(
                    means[turn],
                    precisions[turn],
                    bends,
                    kinds[i],
                    reach[i],
                    bent_mean,
                    bent_precision,
                    pull,
                )
                condition(h[i], g[i], bent_precision, pull, root, y)
                bend(there, bends, kinds[i], reach[i], 1.0, new)
                standardise(new, root, y, new)
                for j in range(half):
                    for k in range(ndim):
                        e[moving[j], k] = new[k, j]
            else:
                for j in range(half):
                    me = moving[j]
                    u = numbers[a, step - turn * updates, me]
                    if u[0] < _DE:
                        factors[j] = _from_walkers(x, e, me, others, u, (_STRETCH, _DE))
                    elif u[0] < _WHOLE:
                        factors[j] = _renew(x, e[me], u, every, ndim)
                    else:
                        group = int(u[1] * count)
                        factors[j] = _renew(x, e[me], u, groups[i, group], sizes[group])
                    for k in range(ndim):
                        new[k, j] = x[k]
                place(new, root, y, there)
                bend(there, bends, kinds[i], reach[i], -1.0, there)
            apart(there, means[turn], precisions[turn], off)
            if stands:
                for j in range(half):
                    value_at[turn, j] = height[i, moving[j]] - off[j]
                continue
            known(there, theta, q, kinds[i], references[i], d, filled, room, own)
            for j in range(half):
                me = moving[j]
                value = own[j] - off[j]
                if value + factors[j] - value_at[turn, j] > math.log(numbers[a, step - turn * updates, me, 2]):
                    taken += 1
                    value_at[turn, j] = value
                    height[i, me] = own[j]
                    for k in range(ndim):
                        e[me, k] = new[k, j]
                        z[i, me, k] = there[k, j]
    return taken
