"""The moves on offer, as emcee takes them.

`Block`, in its own file, does most of the work: many updates of the whole ensemble in one compiled call.
`Stretch` and `DifferentialEvolution` are emcee's own proposals with the accept step done for a half-ensemble at once,
on the same random numbers, so a chain is bit for bit the one that emcee's loop over walkers gives. `Snooker` is our
own: emcee 3.1.6's `DESnookerMove` neither normalises the direction nor has the whole factor, and gives a Gaussian a
variance of 0.63 of the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.config import MovesConfig
from calibrate.lean import emcee
from calibrate.posterior import Posterior
from calibrate.sampling.block import Block

FloatArray = NDArray[np.float64]


# Moves with their shares. They remember nothing, so that ensembles in several threads have the same ones.
Moves = Sequence[tuple[emcee.moves.Move, float]]


class _VectorizedAccept(emcee.moves.RedBlueMove):  # type: ignore[misc]  # emcee is untyped
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
            # A uniform number may be 0; a walker of a spoilt file, at -inf, stays where a proposal is no better.
            with np.errstate(divide="ignore", invalid="ignore"):
                gain = factors + log_prob - state.log_prob[moving]
                yes = gain > np.log(model.random.rand(moving.size))
            state.coords[moving[yes]] = proposed[yes]
            state.log_prob[moving[yes]] = log_prob[yes]
            accepted[moving[yes]] = True
        return state, accepted


class Stretch(_VectorizedAccept, emcee.moves.StretchMove):  # type: ignore[misc]  # as above
    """The affine-invariant stretch move (Goodman & Weare 2010)."""


class DifferentialEvolution(_VectorizedAccept, emcee.moves.DEMove):  # type: ignore[misc]  # as above
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


def moves_of(posterior: Posterior, shares: MovesConfig, starts: FloatArray | None) -> Moves:
    """Return all ensembles' moves with their shares; outposts are of `starts`, all ensembles' first walkers."""
    draws = None if starts is None else starts.reshape(-1, posterior.ndim)
    makers: dict[str, Callable[[], emcee.moves.Move]] = {
        "block": lambda: Block(posterior, draws=draws),
        "stretch": Stretch,
        "de": DifferentialEvolution,
        "snooker": Snooker,
    }
    return [(makers[name](), share) for name, share in shares if share > 0.0]
