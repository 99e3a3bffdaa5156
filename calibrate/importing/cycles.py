"""A test in the order of time: where the load turns, what is loading and what unloading, cycles, and holds.

A turn is where the load has come back from an extreme by a share of its whole range, so that noise makes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]

_TURN = 0.15  # of the load's range
_STILL = 0.02  # of either range: readings that are no farther from where a hold began
_HOLD = 5  # readings that stay so
_STEP = 0.06  # of either range: holds are as far apart; what moves slowly only seems to stand still
_FEWEST = 8
_STRETCH = 4  # readings between two turns, on average: fewer are points in no order


@dataclass(frozen=True)
class Order:
    """What the order of readings says.

    Attributes
    ----------
    turns : ndarray
        Rows where the load turns, the first and the last row among them.
    up : ndarray of float, shape (n,)
        1 while the load goes up, -1 while it goes down, as a file's column `direction` has it.
    loading : ndarray of bool, shape (n,)
        Whether the load moves away from zero.
    cycle : ndarray of int, shape (n,)
        The number of each reading's cycle, from 1.
    holds : list of slice
        Readings during which neither angle nor load moves.
    """

    turns: Rows
    up: FloatArray
    loading: NDArray[np.bool_]
    cycle: Rows
    holds: list[slice]

    @property
    def cycles(self) -> int:
        """How many cycles there are."""
        return int(self.cycle[-1])

    @property
    def is_series(self) -> bool:
        """Whether the readings go up and come back, so that their order has a meaning."""
        return self.turns.size > 2 and self.up.size >= _STRETCH * (self.turns.size - 1)


def order_of(angles: FloatArray, loads: FloatArray) -> Order:
    """Find turns, cycles and holds of readings in the order of time.

    Parameters
    ----------
    angles, loads : ndarray, shape (n,)
        The readings, in any unit.
    """
    turns = _turns(loads)
    up = np.empty(loads.size)
    for start, end in pairwise(turns.tolist()):
        up[start : end + 1] = 1.0 if loads[end] >= loads[start] else -1.0
    if turns.size == 1:
        up[:] = 1.0
    loading = (up > 0.0) == (loads >= 0.0)
    return Order(turns, up, loading, _cycles(loads, turns), _holds(angles, loads))


def _turns(loads: FloatArray) -> Rows:
    """Return the rows of turns, with both ends."""
    found = [0]
    last = loads.size - 1
    least = _TURN * float(np.ptp(loads))
    if loads.size < _FEWEST or least == 0.0:
        return np.unique(np.array([0, last], dtype=np.intp))
    low = high = 0
    way = 0
    for row, load in enumerate(loads.tolist()):
        if load > loads[high]:
            high = row
        if load < loads[low]:
            low = row
        if way >= 0 and loads[high] - load > least:
            if way > 0 or high > 0:
                found.append(high)
            way, low, high = -1, row, row
        elif way <= 0 and load - loads[low] > least:
            if way < 0 or low > 0:
                found.append(low)
            way, low, high = 1, row, row
    return np.unique(np.array([*found, last], dtype=np.intp))


def _cycles(loads: FloatArray, turns: Rows) -> Rows:
    """Return the numbers of cycles: each begins where the load comes by where it began, on its first way."""
    cycle = np.ones(loads.size, dtype=np.intp)
    inner = turns[1:-1]
    first_up = loads[turns[1]] >= loads[0] if turns.size > 1 else True
    number = 1
    # Every second turn after the first is one from which the load sets out again as it did at first.
    for at in inner[1::2].tolist():
        later = turns[turns > at]
        stretch = np.arange(at, int(later[0]) + 1)
        if abs(loads[stretch[-1]] - loads[0]) < 0.5 * abs(loads[inner[0]] - loads[0]) and later.size == 1:
            break  # it only comes back to where it began
        number += 1
        crossed = loads[stretch] >= loads[0] if first_up else loads[stretch] <= loads[0]
        cycle[stretch[int(np.argmax(crossed))] if crossed.any() else at :] = number
    return cycle


def _holds(angles: FloatArray, loads: FloatArray) -> list[slice]:
    """Return the readings during which nothing moves, where the whole test does."""
    reach, span = float(np.ptp(angles)), float(np.ptp(loads))
    if angles.size < _FEWEST or reach == 0.0 or span == 0.0:
        return []
    found: list[slice] = []
    start = 0
    angle, load, count = angles.tolist(), loads.tolist(), angles.size
    near, light = _STILL * reach, _STILL * span
    for row in range(1, count + 1):
        still = row < count and abs(angle[row] - angle[start]) <= near and abs(load[row] - load[start]) <= light
        if not still:
            if row - start >= _HOLD:
                found.append(slice(start, row))
            start = row
    levels = np.array([[angles[hold].mean() / reach, loads[hold].mean() / span] for hold in found])
    held = sum(hold.stop - hold.start for hold in found)
    if len(found) < 2 or held < 0.5 * angles.size:
        return []
    steps = np.abs(np.diff(levels, axis=0)).max(axis=1)
    return found if float(np.median(steps)) >= _STEP else []
