"""One ensemble's steps: those of `emcee.EnsembleSampler`, bit for bit, without what it does besides.

A step of fifty walkers takes a tenth of a millisecond. emcee copies the generator's 624 words after each, which takes
nearly as long, and looks for what a posterior of ours has no use for: blobs, tuning, progress, pools.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from calibrate.lean import emcee
from calibrate.posterior import Posterior
from calibrate.sampling.moves import Moves

FloatArray = NDArray[np.float64]


class Mapper(Protocol):
    """What has the `map` of an executor."""

    def map(self, function: Callable[..., Any], /, *rows: Iterable[Any]) -> Iterable[Any]:
        """Return what the function makes of each row."""


class _Here:
    """Maps in the thread that asks."""

    def map(self, function: Callable[..., Any], /, *rows: Iterable[Any]) -> Iterable[Any]:
        return map(function, *rows)


def threads(count: int, name: str) -> AbstractContextManager[Mapper]:
    """Return so many threads to map over; one needs none besides the one that asks."""
    return nullcontext(_Here()) if count == 1 else ThreadPoolExecutor(count, name)


def generator(stream: np.random.SeedSequence) -> np.random.RandomState:
    """Return the random numbers of an ensemble; emcee takes them by their `get_state(legacy=True)`."""
    return np.random.RandomState(np.random.MT19937(stream))


class Stepper:
    """An ensemble and its random numbers.

    Parameters
    ----------
    posterior : Posterior
        What to sample.
    moves : sequence of (emcee move, share)
        Each step is one of them, drawn by the shares.
    state : emcee.State
        Where the walkers are; they are copied.
    random : numpy.random.RandomState
        The random numbers, which are drawn.
    """

    def __init__(self, posterior: Posterior, moves: Moves, state: emcee.State, random: np.random.RandomState) -> None:
        self.state = emcee.State(state, copy=True)
        self._random = random
        if self.state.log_prob is None:
            self.state.log_prob = np.array(posterior.log_prob(self.state.coords))
        self._moves = [move for move, _ in moves]
        # As emcee and NumPy's `choice` compute it, so that the same uniform number means the same move.
        shares = np.array([share for _, share in moves])
        summed = (shares / shares.sum()).cumsum()
        self._summed = (summed / summed[-1]).tolist()
        self._model = emcee.model.Model(posterior.log_prob, self._unasked, map, self._random)

    def step(self) -> NDArray[np.bool_]:
        """Make one step in place; return which walkers moved. The state's own random state is left as it was."""
        move = self._moves[bisect_right(self._summed, self._random.random_sample())]
        self.state, accepted = move.propose(self._model, self.state)
        return np.asarray(accepted)

    @staticmethod
    def _unasked(coords: FloatArray) -> Any:
        raise NotImplementedError  # moves of ours ask the density itself
