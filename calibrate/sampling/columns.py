"""Draws of all parameters, some parameters at a time: a long chain of many of them need not be in memory at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Numbers in memory at once: 128 MB, and as much again for whoever copies them.
_AT_ONCE = 2**24


@dataclass(frozen=True, eq=False)
class Columns:
    """Some steps of the ensembles; each turn through them reads them anew, unless all are read at once.

    Attributes
    ----------
    coords : ndarray, or what is read where it is sliced
        Walkers' parameters, shape (ensembles, stored steps, walkers, ndim).
    steps : slice
        Which of the steps.
    """

    coords: Any
    steps: slice

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(ensembles, steps, walkers, ndim)."""
        ensembles, stored, walkers, ndim = self.coords.shape
        return ensembles, len(range(stored)[self.steps]), walkers, ndim

    def __iter__(self) -> Iterator[FloatArray]:
        ensembles, steps, walkers, ndim = self.shape
        width = max(1, _AT_ONCE // max(1, ensembles * steps * walkers))
        if width >= ndim:
            yield self._whole
            return
        for first in range(0, ndim, width):
            yield np.asarray(self.coords[:, self.steps, :, first : first + width])

    @cached_property
    def _whole(self) -> FloatArray:
        return np.asarray(self.coords[:, self.steps])
