"""What is kept of a population's chains while they grow: all of the populations, and some draws of each knee."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Knees are kept of so many steps at the most: if there are more, of every second one that was kept.
_STEPS = 512
# Of one step and ensemble, at most so many numbers, but one walker at the least.
_NUMBERS = 12_000


@dataclass
class Record:
    """Stored steps of all ensembles.

    Attributes
    ----------
    rows : list of ndarray, shape (ensembles, walkers, n)
        The populations' parameters, one array a step.
    log_prob : list of ndarray, shape (ensembles, walkers)
        What the knees' own data and priors say of them, summed up.
    knees : list of ndarray, shape (ensembles, some walkers, N, D)
        Coordinates of the knees, of the steps that are multiples of `every`.
    every : int
        Grows with the number of steps, and follows from it.
    shape : tuple of int
        Ensembles, walkers and parameters, where there is no step yet.
    """

    rows: list[FloatArray] = field(default_factory=list)
    log_prob: list[FloatArray] = field(default_factory=list)
    knees: list[FloatArray] = field(default_factory=list)
    every: int = 1
    shape: tuple[int, int, int] = (0, 0, 0)

    @property
    def steps(self) -> int:
        """How many are stored."""
        return len(self.rows)

    def joined(self) -> tuple[FloatArray, FloatArray]:
        """Return populations (ensembles, steps, walkers, n), and log-densities (ensembles, steps, walkers)."""
        if not self.rows:
            return np.empty((self.shape[0], 0, *self.shape[1:])), np.empty((self.shape[0], 0, self.shape[1]))
        return np.stack(self.rows, axis=1), np.stack(self.log_prob, axis=1)

    def add(self, rows: FloatArray, log_prob: FloatArray, z: list[FloatArray]) -> None:
        """Store a step; z (N, walkers, D) of each ensemble."""
        self.rows.append(rows)
        self.log_prob.append(log_prob)
        if self.steps % self.every:
            return
        knees, walkers, dims = z[0].shape
        some = min(walkers, max(1, _NUMBERS // (knees * dims)))
        # Walkers in turn, so that all have theirs.
        which = (np.arange(some) + self.steps // self.every * some) % walkers
        self.knees.append(np.stack([one[:, which].transpose(1, 0, 2) for one in z]))
        if len(self.knees) > _STEPS:
            self.knees = self.knees[1::2]
            self.every *= 2
