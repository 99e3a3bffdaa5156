"""The ensembles of a run: where their walkers are, their random numbers, and the backends that keep their chains."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from calibrate.lean import emcee
from calibrate.posterior import Posterior
from calibrate.sampling.moves import Moves
from calibrate.sampling.stepping import Stepper, generator

FloatArray = NDArray[np.float64]


def generators(seed: int, ensembles: int) -> list[np.random.RandomState]:
    """Return the random numbers of each ensemble, which are independent."""
    return [generator(stream) for stream in np.random.SeedSequence(seed).spawn(ensembles)]


class Ensemble(ABC):
    """An ensemble's chain, as far as it is stored, and the state that it has reached."""

    def __init__(self, backend: emcee.backends.Backend, state: emcee.State, thin: int) -> None:
        self._backend, self._thin = backend, thin
        self.state = state
        self.stored = int(backend.iteration)

    @property
    def acceptance(self) -> float:
        """Mean acceptance fraction of the stored steps."""
        return float(self._backend.accepted.mean() / self.stored) if self.stored else math.nan

    @abstractmethod
    def advance(self, target: int) -> None:
        """Step until `target` stored steps."""

    @abstractmethod
    def leave(self) -> None:
        """Leave a backend that a later sitting can go on from."""


class Streamed(Ensemble):
    """One emcee sampler."""

    def __init__(
        self,
        posterior: Posterior,
        backend: emcee.backends.Backend,
        start: FloatArray,
        random: np.random.RandomState,
        moves: Moves,
        thin: int,
    ) -> None:
        self._sampler = emcee.EnsembleSampler(
            *start.shape, posterior.log_prob, moves=moves, vectorize=True, backend=backend
        )
        # emcee silently ignores a RandomState object: the state has to be its tuple.
        first = emcee.State(start, random_state=random.get_state(legacy=True))
        super().__init__(backend, backend.get_last_sample() if backend.iteration else first, thin)

    def advance(self, target: int) -> None:
        """Step until `target` stored steps."""
        # The check of the first state is for users' own walkers; a chain that goes on has no first state.
        steps = self._sampler.sample(
            self.state, iterations=target - self.stored, thin_by=self._thin, skip_initial_state_check=True
        )
        for state in steps:
            self.state = state
            self.stored += 1

    def leave(self) -> None:
        """Do nothing: after each step emcee leaves it so."""


class InMemory(Ensemble):
    """The same steps, brisker, of a chain in memory."""

    def __init__(
        self,
        posterior: Posterior,
        backend: emcee.backends.Backend,
        start: FloatArray,
        random: np.random.RandomState,
        moves: Moves,
        thin: int,
    ) -> None:
        state = emcee.State(start)
        if not backend.initialized:
            backend.reset(*start.shape)
        if backend.iteration:
            state = backend.get_last_sample()
            random.set_state(state.random_state)
        self._random = random
        self._stepper = Stepper(posterior, moves, state, random)
        super().__init__(backend, self._stepper.state, thin)

    def advance(self, target: int) -> None:
        """Step until `target` stored steps."""
        self._make_room(target)
        while self.stored < target:
            for _ in range(self._thin):
                accepted = self._stepper.step()
            self.state = self._stepper.state
            self._backend.save_step(self.state, accepted)
            self.stored += 1

    def leave(self) -> None:
        """Leave a backend that a later sitting can go on from; the generator's 624 words are copied here alone."""
        self.state.random_state = self._backend.random_state = self._random.get_state(legacy=True)

    def _make_room(self, steps: int) -> None:
        """Have room for so many steps; as emcee does, but a long chain is copied some times and not once a turn."""
        if len(self._backend.chain) < steps:
            for name in ("chain", "log_prob"):
                stored = getattr(self._backend, name)[: self.stored]
                room = np.empty((max(steps, 3 * self.stored // 2), *stored.shape[1:]))
                room[: self.stored] = stored
                setattr(self._backend, name, room)
