"""The moves on offer, as emcee takes them.

`Block` does most of the work: many updates of the whole ensemble in one compiled call, of which emcee sees the last.
`Stretch` and `DifferentialEvolution` are emcee's own proposals with the accept step done for a half-ensemble at once,
on the same random numbers, so a chain is bit for bit the one that emcee's loop over walkers gives. `Snooker` is our
own: emcee 3.1.6's `DESnookerMove` neither normalises the direction nor has the whole factor, and gives a Gaussian a
variance of 0.63 of the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import emcee
import numpy as np
from emcee.moves import DEMove, Move, RedBlueMove, StretchMove
from numpy.typing import NDArray

from calibrate.config import MovesConfig
from calibrate.density import Density, likelihood_one, log_prior_one
from calibrate.knee.kernel import compiled
from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

# Updates of the whole ensemble in one block.
SWEEPS = 32
_STRETCH_SCALE = 2.0
_JUMP_SHARE = 0.1


class Block(Move):  # type: ignore[misc]  # emcee is untyped
    """Many updates of an ensemble in one compiled call: half stretch moves, half differential evolution.

    In each sweep first one half of the walkers moves by the positions of the other half, then the other half
    (Foreman-Mackey et al. 2013). Each walker draws its own proposal: a stretch (Goodman & Weare 2010, eq. 7), or a
    difference of two walkers (ter Braak 2006) times `2.38 / sqrt(2 ndim)`, jittered, or times 1 in a tenth of them,
    which jumps between modes. All random numbers are drawn from emcee's generator beforehand.

    Parameters
    ----------
    posterior : Posterior
        What to sample; its compiled density is called directly.
    sweeps : int
        Updates of the whole ensemble that make one step.
    """

    def __init__(self, posterior: Posterior, sweeps: int = SWEEPS) -> None:
        self._density = posterior.density
        self._sweeps = sweeps

    def propose(self, model: Any, state: emcee.State) -> tuple[emcee.State, NDArray[np.bool_]]:
        """Make one step; a walker counts as accepted if it moved in the last sweep."""
        walkers = state.coords.shape[0]
        order = model.random.permutation(walkers)
        numbers = model.random.random_sample((self._sweeps, walkers, 5))
        accepted = _sweep(state.coords, state.log_prob, order, numbers, self._density)
        return state, accepted


@compiled
def _sweep(
    coords: FloatArray, log_prob: FloatArray, order: NDArray[np.int64], numbers: FloatArray, d: Density
) -> NDArray[np.bool_]:
    """Update `coords` (walkers, ndim) and `log_prob` in place; halves are the first and second half of `order`."""
    walkers, ndim = coords.shape
    half = walkers // 2
    accepted = np.empty(walkers, dtype=np.bool_)
    q = np.empty(ndim)
    scratch = d.template.copy()
    gamma_0 = 2.38 / math.sqrt(2.0 * ndim)
    for sweep in range(numbers.shape[0]):
        for position in range(walkers):
            me = order[position]
            others = half if position < half else 0
            u = numbers[sweep, position]
            first = int(u[1] * half)
            a = order[others + first]
            factor = 0.0
            if u[0] < 0.5:
                # z has density 1 / sqrt(z) on [1/2, 2]
                z = ((_STRETCH_SCALE - 1.0) * u[2] + 1.0) ** 2 / _STRETCH_SCALE
                factor = (ndim - 1.0) * math.log(z)
                for i in range(ndim):
                    q[i] = coords[a, i] + z * (coords[me, i] - coords[a, i])
            else:
                second = int(u[2] * (half - 1))
                b = order[others + (second if second < first else second + 1)]
                # A share of the same uniform number decides on the jump, the rest of it is the jitter.
                gamma = 1.0 if u[3] < _JUMP_SHARE else gamma_0 * (0.5 + (u[3] - _JUMP_SHARE) / (1.0 - _JUMP_SHARE))
                for i in range(ndim):
                    q[i] = coords[me, i] + gamma * (coords[a, i] - coords[b, i])
            value = log_prior_one(q, d)
            if value > -np.inf:
                value += likelihood_one(q, scratch, d)
            yes = value + factor - log_prob[me] > math.log(u[4])
            accepted[me] = yes
            if yes:
                log_prob[me] = value
                for i in range(ndim):
                    coords[me, i] = q[i]
    return accepted


class _VectorizedAccept(RedBlueMove):  # type: ignore[misc]
    """A red-blue move (Foreman-Mackey et al. 2013) that accepts or rejects a whole half at once.

    The log-probability has to take all walkers at once and to return neither NaN nor `+inf`, as
    `Posterior.log_prob` does: emcee's own checks for that cost more than the likelihood and are left out.
    """

    def propose(self, model: Any, state: emcee.State) -> tuple[emcee.State, NDArray[np.bool_]]:
        """Move both halves once; see `emcee.moves.RedBlueMove.propose`."""
        walkers = state.coords.shape[0]
        self.setup(state.coords)
        accepted = np.zeros(walkers, dtype=bool)
        halves = np.arange(walkers) % self.nsplits
        if self.randomize_split:
            model.random.shuffle(halves)
        members = [np.flatnonzero(halves == half) for half in range(self.nsplits)]
        for half, moving in enumerate(members):
            others = [state.coords[m] for other, m in enumerate(members) if other != half]
            proposed, factors = self.get_proposal(state.coords[moving], others, model.random)
            log_prob = model.log_prob_fn(proposed)
            gain = factors + log_prob - state.log_prob[moving]
            yes = gain > np.log(model.random.rand(moving.size))
            state.coords[moving[yes]] = proposed[yes]
            state.log_prob[moving[yes]] = log_prob[yes]
            accepted[moving[yes]] = True
        return state, accepted


class Stretch(_VectorizedAccept, StretchMove):  # type: ignore[misc]
    """The affine-invariant stretch move (Goodman & Weare 2010)."""


class DifferentialEvolution(_VectorizedAccept, DEMove):  # type: ignore[misc]
    """Differential evolution (ter Braak 2006; Nelson et al. 2013)."""


class Snooker(_VectorizedAccept):
    """Snooker updates (ter Braak & Vrugt 2008): along the line to another walker, by a difference of two more.

    With `x` the walker and `z`, `a`, `b` three of the other half, `x' = x + gamma e e.(a - b)` with `e` the direction
    from `z` to `x` and `gamma` uniform between 1.2 and 2.2, and the acceptance has the factor
    `(|x' - z| / |x - z|)^(ndim - 1)`.
    """

    def get_proposal(
        self, coords: FloatArray, others: Sequence[FloatArray], random: np.random.RandomState
    ) -> tuple[FloatArray, FloatArray]:
        """Propose new positions (n, ndim) for walkers (n, ndim), and the logarithms of their factors (n,)."""
        other = np.concatenate(others)
        count, ndim = coords.shape
        # The three smallest of as many random keys as there are walkers: three different ones, none preferred.
        chosen = np.argpartition(random.random_sample((count, len(other))), 2, axis=1)[:, :3]
        chosen = np.take_along_axis(chosen, np.argsort(random.random_sample((count, 3)), axis=1), axis=1)
        z, a, b = (other[chosen[:, i]] for i in range(3))
        line = coords - z
        before = np.linalg.norm(line, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # a walker at z has no line to go along: it stays
            direction = line / before[:, np.newaxis]
            gamma = random.uniform(1.2, 2.2, count)
            proposed = coords + (gamma * ((a - b) * direction).sum(axis=1))[:, np.newaxis] * direction
            factors = (ndim - 1.0) * np.log(np.linalg.norm(proposed - z, axis=1) / before)
        stuck = ~np.isfinite(factors)
        proposed[stuck], factors[stuck] = coords[stuck], -np.inf
        return proposed, factors


def moves_of(posterior: Posterior, shares: MovesConfig) -> list[tuple[Move, float]]:
    """Return one ensemble's moves with their shares."""
    makers: dict[str, Callable[[], Move]] = {
        "block": lambda: Block(posterior),
        "stretch": Stretch,
        "de": DifferentialEvolution,
        "snooker": Snooker,
    }
    return [(makers[name](), share) for name, share in shares if share > 0.0]
