"""How much narrower a quantity's posterior would be after readings that nobody has taken yet.

The draws of the posterior in hand are both the truths that the readings may come from, and what these readings leave
of it: a reading drawn under one of them gives each of the others a weight, its likelihood, and the weighted draws are
the posterior that would be (nested Monte Carlo; Ryan 2003, Journal of Computational and Graphical Statistics 12:585).

Many readings at once leave next to no draw. Then a regression of the quantity on readings, one set from each draw, says
what they leave at the most: the best guess from all that readings say is no worse than the best linear one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.design.foreseen import Foreseen

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Groups of neighbouring draws, one of which is left out at a time: what that changes is the error of the rest.
_GROUPS = 20
# Sets of readings that are weighed at a time.
_BLOCK = 100
# Draws that the weights have to leave in the median; and draws for each reading that a regression needs.
FEW, _PER_READING = 100.0, 4
# Of a reading's variance: keeps readings that are all but the same from being told apart by rounding.
_RIDGE = 1e-10


@dataclass(frozen=True)
class Shrinkage:
    """What readings would leave of a standard deviation.

    Attributes
    ----------
    sd : float
        The standard deviation that is to be expected, in the quantity's unit.
    ratio : float
        That over the one now.
    error : float
        The ratio's Monte-Carlo standard error.
    effective : float
        How many draws the weights leave, in the median.
    at_least : bool
        Whether that was too few, so that the promise is a regression's: the readings say so much or more.
    """

    sd: float
    ratio: float
    error: float
    effective: float
    at_least: bool

    @property
    def share(self) -> float:
        """By what share of itself the standard deviation is to shrink; less than nought by chance only."""
        return 1.0 - self.ratio


def expected_shrinkage(target: FloatArray, readings: Foreseen, sets: int, seed: int) -> Shrinkage:
    """Return how far a quantity's standard deviation is to be expected to shrink.

    Parameters
    ----------
    target : ndarray, shape (n,)
        The quantity in each draw.
    readings : Foreseen
        What each draw foresees.
    sets : int
        How many sets of readings are drawn, each from another draw if there are as many.
    seed : int
        Draws them; the same for candidates that are to be compared.
    """
    rng = np.random.default_rng(seed)
    n = len(target)
    truths = rng.permutation(n)[: min(sets, n)]
    y = readings.draw(truths, rng)
    scaled = (target - target.mean()) / target.std()
    edges = np.linspace(0, n, _GROUPS + 1).astype(int)[:-1]
    sums, effective = _weighed(scaled, readings, truths, y, edges)
    few = effective < FEW and n >= _PER_READING * y.shape[1]
    ratio, error = _regressed(scaled, readings.draw(np.arange(n), rng), edges) if few else _nested(scaled, sums, edges)
    return Shrinkage(ratio * float(target.std()), ratio, error, effective, bool(effective < FEW))


def _weighed(
    scaled: FloatArray, readings: Foreseen, truths: IntArray, y: FloatArray, edges: IntArray
) -> tuple[FloatArray, float]:
    """Return sums of weights, times x, times x squared, and of squared weights, (4, sets, groups), of draws x (n,).

    And how many draws the weights leave.
    """
    powers = np.stack([np.ones_like(scaled), scaled, scaled**2])
    sums = np.empty((4, len(truths), len(edges)))
    for first in range(0, len(truths), _BLOCK):
        some = slice(first, first + _BLOCK)
        log_weight = readings.log_density(y[some])
        # A reading says too much for the very draw that it comes from.
        log_weight[np.arange(len(log_weight)), truths[some]] = -np.inf
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        for power in range(3):
            sums[power, some] = np.add.reduceat(weight * powers[power], edges, axis=1)
        sums[3, some] = np.add.reduceat(weight**2, edges, axis=1)
    total = sums.sum(axis=2)
    return sums, float(np.median(total[0] ** 2 / total[3]))


def _nested(scaled: FloatArray, sums: FloatArray, edges: IntArray) -> tuple[float, float]:
    """Return the mean weighted standard deviation over that of all draws, and its error."""
    powers = np.stack([np.ones_like(scaled), scaled, scaled**2])
    now = np.add.reduceat(powers, edges, axis=1)
    whole, all_now = sums.sum(axis=2), now.sum(axis=1)
    after = _deviations(whole)
    without = [
        float(_deviations(whole - sums[:, :, group]).mean()) / _now(all_now - now[:, group])
        for group in range(len(edges))
    ]
    return float(after.mean()) / _now(all_now), math.hypot(_jackknife(without), float(after.std()) / len(after) ** 0.5)


def _regressed(scaled: FloatArray, y: FloatArray, edges: IntArray) -> tuple[float, float]:
    """Return what a linear regression on sets of readings (n, readings) leaves of a standard deviation, and its error.

    The standard deviation of the residuals over that of all.
    """
    columns = np.column_stack([np.ones(len(y)), (y - y.mean(axis=0)) / y.std(axis=0), scaled])
    ends = np.append(edges[1:], len(y))
    parts = [columns[a:b].T @ columns[a:b] for a, b in zip(edges, ends, strict=True)]
    whole = np.sum(parts, axis=0)
    return _left(whole), _jackknife([_left(whole - part) for part in parts])


def _left(products: FloatArray) -> float:
    """Return the residuals' standard deviation over that of all, from sums of products of (1, readings, x)."""
    n, outer = products[0, 0], products[:-1, -1]
    inner = products[:-1, :-1] + _RIDGE * n * np.eye(len(outer))
    fitted = float(outer @ np.linalg.solve(inner, outer))
    variance = (products[-1, -1] - fitted) / (n - len(inner))
    return float(math.sqrt(max(variance, 0.0) / (products[-1, -1] / n - (products[0, -1] / n) ** 2)))


def _jackknife(without: list[float]) -> float:
    """Return the standard error of a number from what it is without each of the groups."""
    count = len(without)
    return math.sqrt((count - 1.0) / count * float(((np.array(without) - np.mean(without)) ** 2).sum()))


def _deviations(sums: FloatArray) -> FloatArray:
    """Return weighted standard deviations (m,) from sums (4, m): of weights, times x, times x squared; their squares.

    Few draws have a smaller deviation than what they are drawn from, in the square by one in so many.
    """
    total = np.maximum(sums[0], 1e-100)
    mean = sums[1] / total
    variance = np.maximum(sums[2] / total - mean**2, 0.0)
    lost = np.clip(sums[3] / total / total, 0.0, 0.5)
    return np.asarray(np.sqrt(variance / (1.0 - lost)) * (1.0 + 0.25 * lost))


def _now(sums: FloatArray) -> float:
    """Return the standard deviation from the sums of ones, x and x squared."""
    return math.sqrt(sums[2] / sums[0] - (sums[1] / sums[0]) ** 2)
