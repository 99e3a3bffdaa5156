"""The compiled block move: many updates of a whole ensemble in one call, of which emcee sees the last."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.density import Density, likelihood_one, log_prior_one, room_of
from calibrate.knee.jit import borrowing, compiled, merged
from calibrate.lean import emcee
from calibrate.posterior import Posterior
from calibrate.sampling.outposts import outposts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Chosen by the table in benchmarks/README.md, which `python -m benchmarks.moves` makes.
ROUNDS = 2
UPDATES = 8
STRETCH_SHARE = 0.1
DE_SHARE = 0.3
_STRETCH_SCALE = 2.0
_JUMP_SHARE = 0.1
# Kernels of a group: outposts, and for the rest walkers of the other half; the split is random, so any do.
_KERNELS = 32
# Parameters up to which kernels have their full share of the proposals; beyond, so many in all.
FEW = 7
# Beyond, smaller ensembles have more rounds in a step, as many updates in all as this many walkers have.
_WALKERS = 512
# Of a kernel, in standard deviations of the walkers that they are fitted to.
_BANDWIDTH = 0.9
# Directions narrower than this, against their parameter's own spread, are rounding errors.
_FLAT = 1e-10
# Uniform numbers of one update besides one for each dimension of a kernel.
_NUMBERS = 3


class Block(emcee.moves.Move):  # type: ignore[misc]  # emcee is untyped
    """Many updates of an ensemble in one compiled call: stretch, differential evolution and kernel density.

    One half of the walkers moves several times by the positions of the other half, then the other half moves
    (Foreman-Mackey et al. 2013), and so on. Each time each walker draws its own proposal:

    - a stretch (Goodman & Weare 2010, eq. 7);
    - a difference of two walkers (ter Braak 2006) times `2.38 / sqrt(2 ndim)`, jittered, or times 1 in a tenth of
      them, which jumps between modes;
    - new values of one group of parameters (`ParameterTable.groups`), such as a strand's law and the errors, from a
      kernel density estimate of the other half (as Farr & Farr 2015 do with all parameters). Kernels are products of
      `(1 + |e|)^-3` in coordinates that make the half's covariance the identity: quickly drawn and added up, and with
      tails that no walker is lost beyond. A few kernels stay at outposts, chosen once from `draws`.

    All random numbers are drawn beforehand, from a generator that emcee's own seeds in each step.

    Parameters
    ----------
    posterior : Posterior
        What to sample; its compiled density is called directly.
    rounds : int
        How often each half has its turn in one step.
    updates : int
        How often each walker moves in a turn.
    stretch, de : float
        Shares of the first two proposals; the third has the rest. Of more than seven parameters, it has less.
    draws : ndarray, shape (n, ndim), optional
        Draws of the posterior that outposts are chosen from: the same ones in all sittings of a run. Without them
        there are no outposts.
    """

    def __init__(
        self,
        posterior: Posterior,
        rounds: int = ROUNDS,
        updates: int = UPDATES,
        stretch: float = STRETCH_SHARE,
        de: float = DE_SHARE,
        draws: FloatArray | None = None,
    ) -> None:
        self._density = posterior.density
        # Where groups are small parts of the whole, moving one at a time gets nowhere; what kernels lose, others share.
        lost = (1.0 - stretch - de) * max(0.0, 1.0 - FEW / posterior.ndim)
        self._below = (stretch + 0.5 * lost, stretch + de + lost)
        self._rounds, self._updates = rounds, updates
        self._groups, self._sizes = _padded(posterior.table.groups(), posterior.ndim)
        self._numbers = _NUMBERS + max(2, int(self._sizes.max()))
        draws = np.empty((0, posterior.ndim)) if draws is None else draws
        log_prob = np.asarray(posterior.log_prob(draws))
        self._outposts = outposts(draws, log_prob, self._groups, self._sizes, _BANDWIDTH)

    def propose(self, model: Any, state: emcee.State) -> tuple[emcee.State, NDArray[np.bool_]]:
        """Make one step; a walker counts as accepted if it moved in its last update."""
        walkers = state.coords.shape[0]
        order = model.random.permutation(walkers)
        seed = model.random.randint(2**32, size=4, dtype=np.uint32)
        rounds = self._rounds * (max(1, _WALKERS // walkers) if state.coords.shape[1] > FEW else 1)
        numbers = np.random.Generator(np.random.PCG64(seed)).random((rounds, self._updates, walkers, self._numbers))
        accepted = _block(
            state.coords,
            state.log_prob,
            order,
            numbers,
            self._below,
            self._groups,
            self._sizes,
            self._outposts,
            self._density,
        )
        return state, accepted


def _padded(groups: list[list[int]], ndim: int) -> tuple[IntArray, IntArray]:
    """Return groups of parameters as padded rows, and their sizes."""
    padded = np.zeros((len(groups), ndim), dtype=np.int64)
    for row, group in zip(padded, groups, strict=True):
        row[: len(group)] = group
    return padded, np.array([len(group) for group in groups], dtype=np.int64)


@merged
def _fit(
    coords: FloatArray,
    members: IntArray,
    columns: IntArray,
    n: int,
    far: FloatArray,
    mean: FloatArray,
    root: FloatArray,
    at: FloatArray,
) -> bool:
    """Fit the kernels to some walkers: their mean (n,), the kernels' scale (n, n), where they lie (n, kernels).

    Kernels are those of the members first, then the outposts `far` (outposts, n).

    The scale is the Cholesky root of the covariance times the bandwidth; positions are in its units. False if the
    walkers lie in a plane.
    """
    count = members.size
    for i in range(n):
        total = 0.0
        for k in range(count):
            total += coords[members[k], columns[i]]
        mean[i] = total / count
        for k in range(count):
            at[i, k] = coords[members[k], columns[i]] - mean[i]
    for i in range(n):
        for j in range(i + 1):
            covariance = 0.0
            for k in range(count):
                covariance += at[i, k] * at[j, k]
            covariance *= _BANDWIDTH * _BANDWIDTH / (count - 1)
            rest = covariance
            for k in range(j):
                rest -= root[i, k] * root[j, k]
            if i != j:
                root[i, j] = rest / root[j, j]
            elif rest > _FLAT * covariance:
                root[i, i] = math.sqrt(rest)
            else:
                return False
    for i in range(n):
        for k in range(count, at.shape[1]):
            at[i, k] = far[k - count, i] - mean[i]
        for j in range(i):
            for k in range(at.shape[1]):
                at[i, k] -= root[i, j] * at[j, k]
        for k in range(at.shape[1]):
            at[i, k] /= root[i, i]
    return True


@merged
def _kernel_density(x: FloatArray, n: int, at: FloatArray, scratch: FloatArray) -> float:
    """Sum of the kernels at `x` (n,), both in the kernels' units; a constant factor is left out."""
    for k in range(scratch.size):
        scratch[k] = 1.0
    for i in range(n):
        here = x[i]
        for k in range(scratch.size):
            scratch[k] *= 1.0 + abs(at[i, k] - here)
    total = 0.0
    for k in range(scratch.size):
        inverse = 1.0 / scratch[k]
        total += inverse * inverse * inverse
    return total


@borrowing
def _picked(u: FloatArray, below: float, fitted: NDArray[np.bool_], count: int) -> tuple[int, int]:
    """Group to be moved and which of its `count` kernels by; no group, -1, for other proposals or without kernels."""
    if u[0] < below:
        return -1, 0
    pick = u[1] * fitted.size
    g = int(pick)
    # What is left of a uniform number after a choice is uniform again.
    return (g if fitted[g] else -1), int((pick - g) * count)


@borrowing
def _from_kernels(
    q: FloatArray,
    there: FloatArray,
    coords: FloatArray,
    me: int,
    u: FloatArray,
    g: int,
    kernel: int,
    groups: IntArray,
    sizes: IntArray,
    at: FloatArray,
    mean: FloatArray,
    root: FloatArray,
) -> None:
    """Propose `q` for walker `me`: group g from one of its kernels, `there` in their units, and all else as it is."""
    for i in range(q.size):
        q[i] = coords[me, i]
    for i in range(sizes[g]):
        # A kernel has 1 / (1 + |e|)^2 of its weight beyond |e|.
        c = 2.0 * u[_NUMBERS + i] - 1.0
        there[i] = at[g, i, kernel] + math.copysign(1.0 / math.sqrt(1.0 - abs(c)) - 1.0, c)
        value = mean[g, i]
        for k in range(i + 1):
            value += root[g, i, k] * there[k]
        q[groups[g, i]] = value


@borrowing
def _into_kernels(
    here: FloatArray,
    coords: FloatArray,
    me: int,
    g: int,
    groups: IntArray,
    sizes: IntArray,
    mean: FloatArray,
    root: FloatArray,
) -> None:
    """Put group g of walker `me` into the kernels' units."""
    for i in range(sizes[g]):
        here[i] = coords[me, groups[g, i]] - mean[g, i]
        for k in range(i):
            here[i] -= root[g, i, k] * here[k]
        here[i] /= root[g, i, i]


@borrowing
def _from_walkers(
    q: FloatArray, coords: FloatArray, me: int, others: IntArray, u: FloatArray, below: tuple[float, float]
) -> float:
    """Propose `q` for walker `me` by one or two of the others; return the logarithm of the factor."""
    ndim, half = q.size, others.size
    pick = u[1] * half
    first = int(pick)
    pick -= first
    a = others[first]
    if u[0] < below[0]:
        # z has density 1 / sqrt(z) on [1/2, 2]
        z = ((_STRETCH_SCALE - 1.0) * pick + 1.0) ** 2 / _STRETCH_SCALE
        for i in range(ndim):
            q[i] = coords[a, i] + z * (coords[me, i] - coords[a, i])
        return (ndim - 1.0) * math.log(z)
    second = int(u[_NUMBERS] * (half - 1))
    b = others[second if second < first else second + 1]
    w = u[_NUMBERS + 1]
    gamma = 1.0
    if w >= _JUMP_SHARE:
        gamma = 2.38 / math.sqrt(2.0 * ndim) * (0.5 + (w - _JUMP_SHARE) / (1.0 - _JUMP_SHARE))
    for i in range(ndim):
        q[i] = coords[me, i] + gamma * (coords[a, i] - coords[b, i])
    return 0.0


@compiled
def _block(
    coords: FloatArray,
    log_prob: FloatArray,
    order: IntArray,
    numbers: FloatArray,
    below: tuple[float, float],
    groups: IntArray,
    sizes: IntArray,
    far: FloatArray,
    d: Density,
) -> NDArray[np.bool_]:
    """Update `coords` (walkers, ndim) and `log_prob` in place; halves are the first and second half of `order`.

    `numbers` are uniform on [0, 1), shape (rounds, updates, walkers, 3 + the most that a proposal needs); one below
    the first of `below` means a stretch, below the second differential evolution. Outposts are `far`, shape (groups,
    outposts, ndim).
    """
    rounds, updates, walkers, _ = numbers.shape
    ndim, half = coords.shape[1], walkers // 2
    accepted = np.empty(walkers, dtype=np.bool_)
    prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
    q, room = np.empty(ndim), room_of(knee)
    fitted = np.empty(sizes.size, dtype=np.bool_)
    mean, root = np.empty((sizes.size, ndim)), np.empty((sizes.size, ndim, ndim))
    fitted_to = min(half, _KERNELS - far.shape[1])
    count = fitted_to + far.shape[1]
    at, kernels = np.empty((sizes.size, ndim, count)), np.empty(count)
    here, there = np.empty(ndim), np.empty(ndim)
    # Kernel density of each moving walker, as long as neither it nor the other half has moved; else negative.
    density = np.empty((sizes.size, half))
    for turn in range(2 * rounds):
        first_half = turn % 2 == 0
        moving = order[:half] if first_half else order[half:]
        others = order[half:] if first_half else order[:half]
        for g in range(sizes.size):
            fitted[g] = _fit(coords, others[:fitted_to], groups[g], sizes[g], far[g], mean[g], root[g], at[g])
            density[g, :] = -1.0
        for update in range(updates):
            for j in range(half):
                me = moving[j]
                u = numbers[turn // 2, update, j if first_half else half + j]
                factor, proposed = 0.0, 0.0
                g, kernel = _picked(u, below[1], fitted, count)
                if g >= 0:
                    _from_kernels(q, there, coords, me, u, g, kernel, groups, sizes, at, mean, root)
                else:
                    factor = _from_walkers(q, coords, me, others, u, below)
                value = log_prior_one(q, prior)
                if value > -np.inf:
                    if g >= 0:
                        if density[g, j] < 0.0:
                            _into_kernels(here, coords, me, g, groups, sizes, mean, root)
                            density[g, j] = _kernel_density(here, sizes[g], at[g], kernels)
                        proposed = _kernel_density(there, sizes[g], at[g], kernels)
                        factor = math.log(density[g, j] / proposed)
                    value += likelihood_one(q, p, columns, knee, room)
                yes = value + factor - log_prob[me] > math.log(u[2])
                accepted[me] = yes
                if yes:
                    log_prob[me] = value
                    for i in range(ndim):
                        coords[me, i] = q[i]
                    density[:, j] = -1.0
                    if g >= 0:
                        density[g, j] = proposed
    return accepted
