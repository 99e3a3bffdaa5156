"""How much narrower a quantity's posterior would be after readings that nobody has taken yet.

The draws of the posterior in hand are both the truths that the readings may come from, and what these readings leave
of it: a reading drawn under one of them gives each of the others a weight, its likelihood, and the weighted draws are
the posterior that would be (nested Monte Carlo; Ryan 2003, Journal of Computational and Graphical Statistics 12:585).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.design.foreseen import Foreseen

FloatArray = NDArray[np.float64]

# Groups of neighbouring draws, one of which is left out at a time: what that changes is the error of the rest.
_GROUPS = 20
# Sets of readings that are weighed at a time.
_BLOCK = 100


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
        How many draws are left by the weights, in the median: of few, the ratio is not sure.
    """

    sd: float
    ratio: float
    error: float
    effective: float

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
    powers = np.stack([np.ones(n), scaled, scaled**2])
    sums, squares = np.empty((4, len(truths), _GROUPS)), np.empty(len(truths))
    for first in range(0, len(truths), _BLOCK):
        some = slice(first, first + _BLOCK)
        log_weight = readings.log_density(y[some])
        # A reading says too much for the very draw that it comes from.
        log_weight[np.arange(len(log_weight)), truths[some]] = -np.inf
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        for power in range(3):
            sums[power, some] = np.add.reduceat(weight * powers[power], edges, axis=1)
        weight **= 2
        sums[3, some] = np.add.reduceat(weight, edges, axis=1)
        squares[some] = weight.sum(axis=1)
    whole = sums.sum(axis=2)
    effective = whole[0] ** 2 / squares
    after = _deviations(whole)
    now = np.add.reduceat(powers, edges, axis=1)
    ratio = float(after.mean()) / _now(now.sum(axis=1))
    without = np.array(
        [
            _deviations(whole - sums[:, :, group]).mean() / _now(now.sum(axis=1) - now[:, group])
            for group in range(_GROUPS)
        ]
    )
    by_draws = (_GROUPS - 1.0) / _GROUPS * float(((without - without.mean()) ** 2).sum())
    by_sets = float(after.var()) / len(truths)
    return Shrinkage(ratio * float(target.std()), ratio, math.sqrt(by_draws + by_sets), float(np.median(effective)))


def _deviations(sums: FloatArray) -> FloatArray:
    """Return weighted standard deviations (m,) from sums (4, m): of weights, times x, times x squared; their squares.

    Few draws have a smaller deviation than what they are drawn from, in the square by one in so many.
    """
    total = np.maximum(sums[0], np.finfo(float).tiny)
    mean = sums[1] / total
    variance = np.maximum(sums[2] / total - mean**2, 0.0)
    lost = np.minimum(sums[3] / total**2, 0.999)
    return np.asarray(np.sqrt(variance / (1.0 - lost)) * (1.0 + 0.25 * lost))


def _now(sums: FloatArray) -> float:
    """Return the standard deviation from the sums of ones, x and x squared."""
    return math.sqrt(sums[2] / sums[0] - (sums[1] / sums[0]) ** 2)
