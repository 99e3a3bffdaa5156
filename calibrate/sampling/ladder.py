"""Rank-normalised scores of many draws without sorting them all: by a ladder of a thousand of them.

R-hat and effective samples look at normal scores of ranks (Vehtari et al. 2021). Sorting a quarter of a million draws
of each parameter costs more than sampling some of them, and a rank among a thousand draws spread over the chain serves
as well: the scores are then a monotone function of the draws that makes them normal to a thousandth. Of few draws the
ladder has them all, and the ranks are the usual ones.

One compiled pass over the draws takes all sums that the statistics need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrate.knee.jit import compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Draws of one quantity up to which ranks are among all, and how many stand for more.
EXACT = 8192
_RUNGS = 1024
# Intervals of equal width in which a draw's place on the ladder is looked up. Of more than so many rungs in one, it is
# searched for: a narrow hill beside a wide one is seen in full.
_INTERVALS = 1024
_WIDE = 8
# What is summed over the walkers of a step: the value less a centre, its square, the score, its square, the folded
# score (of the distance from the median), its square, whether it is among the lowest and the highest twentieth.
SUMS = ("value", "square", "score", "score2", "folded", "folded2", "low", "high")
_TAIL = 0.05


@dataclass(frozen=True)
class Sums:
    """Means over the walkers of each step, and means over the steps of each walker.

    Attributes
    ----------
    steps : ndarray, shape (8, quantities, ensembles, steps)
        The first index is that of `SUMS`.
    walkers : ndarray, shape (2, quantities, ensembles, walkers)
        Of the value less the centre, and of its square.
    centre : ndarray, shape (quantities,)
        The centres.
    """

    steps: FloatArray
    walkers: FloatArray
    centre: FloatArray

    def __getitem__(self, name: str) -> FloatArray:
        return np.asarray(self.steps[SUMS.index(name)])

    def __add__(self, other: Sums) -> Sums:
        """Return the sums of both's quantities."""
        pairs = ((self.steps, other.steps), (self.walkers, other.walkers))
        steps, walkers = (np.concatenate(pair, axis=1) for pair in pairs)
        return Sums(steps, walkers, np.append(self.centre, other.centre))


@dataclass(frozen=True)
class Ladder:
    """One quantity's scores by the number of rungs that are no larger than a value.

    Attributes
    ----------
    rungs : ndarray, shape (n,)
        Different values, rising.
    scores, folded : ndarray, shape (n + 1,)
        Normal scores of the value, and of its distance from the median.
    centre, low, high : float
        The mean, and the ends of the lowest and highest twentieth.
    """

    rungs: FloatArray
    scores: FloatArray
    folded: FloatArray
    centre: float
    low: float
    high: float


def ladder(x: FloatArray) -> Ladder:
    """Make a ladder of some draws, shape (n,), none of them NaN."""
    place = np.sort(x)
    first = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
    rungs, count = place[first], np.diff(np.append(first, x.size))
    low, median, high = (_quantile(place, share) for share in (_TAIL, 0.5, 1.0 - _TAIL))
    alike = _alike(np.abs(rungs - median))
    scores = _blom(_ranks(count), x.size)
    folded = _blom(_ranks(np.bincount(alike, weights=count))[alike], x.size)
    centre = float(x.mean())
    return Ladder(rungs, np.append(scores[:1], scores), np.append(folded[:1], folded), centre, low, high)


def _alike(x: FloatArray) -> IntArray:
    """Return the number of each value among the different ones, counted from below."""
    order = np.argsort(x)
    rising = x[order]
    out = np.empty(x.size, dtype=np.int64)
    out[order] = np.cumsum(np.append(False, rising[1:] != rising[:-1]))
    return out


def _quantile(rising: FloatArray, share: float) -> float:
    """Return a quantile of rising values, by NumPy's rule."""
    at = share * (rising.size - 1)
    below = int(at)
    above = min(below + 1, rising.size - 1)
    return float(rising[below] + (at - below) * (rising[above] - rising[below]))


def _ranks(count: NDArray[Any]) -> FloatArray:
    """Return the mean ranks of rising values that occur so often."""
    return np.asarray(np.cumsum(count) - 0.5 * (count - 1.0))


def _blom(ranks: FloatArray, n: int) -> FloatArray:
    """Return the normal quantiles of ranks from 1 to n (Blom 1958): whole and half numbers, which draws share."""
    return _quantiles(n)[np.asarray(2.0 * ranks, dtype=np.int64) - 2]


@lru_cache(maxsize=32)
def _quantiles(n: int) -> FloatArray:
    """Return the normal quantiles of the ranks 1, 1.5, 2, ..., n; lengths of chains are few."""
    return np.asarray(ndtri((0.5 * np.arange(2, 2 * n + 1) - 0.375) / (n + 0.25)))


@np.errstate(over="ignore", invalid="ignore")  # draws of a spoilt file may be anything
def sums_of(chains: FloatArray, first: int = 0) -> Sums:
    """Take all sums of some chains.

    Parameters
    ----------
    chains : ndarray, shape (ensembles, steps, walkers, quantities)
        Values that may be infinite.
    first : int
        The step to begin with; those before are not looked at.
    """
    chains = np.ascontiguousarray(chains)
    ensembles, steps, walkers, quantities = chains.shape
    few = ensembles * (steps - first) * walkers <= EXACT
    some = chains[:, first:].reshape(-1, quantities) if few else _spread(chains, first)
    wide = np.empty(quantities, dtype=np.int64)
    ladders = [ladder(x) for x in np.ascontiguousarray(some.T)]
    most = max(one.rungs.size for one in ladders)
    rungs, (scores, folded) = np.empty((quantities, most)), np.empty((2, quantities, most + 1))
    starts = np.empty((quantities, _INTERVALS + 1), dtype=np.int64)
    ends = np.empty((quantities, 5))
    for i, one in enumerate(ladders):
        n = one.rungs.size
        # Of many draws that are alike, such as a tension that is often nought, a place nearby is not near enough.
        wide[i] = 0 if few or 2 * n < len(some) else _WIDE
        rungs[i, :n], scores[i, : n + 1], folded[i, : n + 1] = one.rungs, one.scores, one.folded
        finite = one.rungs[np.isfinite(one.rungs)]
        lowest, highest = finite[[0, -1]] if finite.size else (0.0, 0.0)
        scale = _INTERVALS / (highest - lowest) if 0.0 < highest - lowest < np.inf else 0.0
        ends[i] = lowest, scale, one.centre, one.low, one.high
        # By the same arithmetic as in the pass, so that rounding cannot part a value from its rung.
        place = np.clip((one.rungs - lowest) * scale, 0.0, _INTERVALS - 1.0)
        starts[i] = np.searchsorted(np.where(np.isnan(place), 0.0, place).astype(np.int64), np.arange(_INTERVALS + 1))
    by_step = np.empty((len(SUMS), quantities, ensembles, steps - first))
    by_walker = np.zeros((2, quantities, ensembles, walkers))
    _pass(chains, first, rungs, starts, scores, folded, ends, wide, by_step, by_walker)
    return Sums(by_step / walkers, by_walker / (steps - first), ends[:, 2])


def _spread(chains: FloatArray, first: int) -> FloatArray:
    """Return about as many draws (n, quantities) as a ladder has rungs, from all steps."""
    ensembles, steps, walkers, quantities = chains.shape
    each = _RUNGS // ensembles
    at = np.arange(each) * ((steps - first) * walkers // each | 1) % ((steps - first) * walkers)
    return np.asarray(chains[:, first + at // walkers, at % walkers].reshape(-1, quantities))


@compiled
def _pass(
    chains: FloatArray,
    begin: int,
    rungs: FloatArray,
    starts: IntArray,
    scores: FloatArray,
    folded: FloatArray,
    ends: FloatArray,
    wide: IntArray,
    by_step: FloatArray,
    by_walker: FloatArray,
) -> None:
    """Fill the sums; where an interval has more than `wide` rungs, a value is sought among them.

    `wide` has one number for each quantity.
    """
    ensembles, steps, walkers, quantities = chains.shape
    last = starts.shape[1] - 2.0
    column = np.empty(walkers)
    for e in range(ensembles):
        for t in range(begin, steps):
            for i in range(quantities):
                lowest, scale, centre, low, high = ends[i, 0], ends[i, 1], ends[i, 2], ends[i, 3], ends[i, 4]
                score = score2 = fold = fold2 = 0.0
                below, above = 0, 0
                for w in range(walkers):
                    x = chains[e, t, w, i]
                    column[w] = x - centre
                    place = (x - lowest) * scale
                    if not place > 0.0:
                        place = 0.0
                    elif place > last:
                        place = last
                    j = np.uintp(place)
                    rung, stop = starts[i, j], starts[i, j + 1]
                    if stop - rung <= wide[i]:
                        rung = (rung + stop) >> 1
                    else:
                        while rung < stop:  # the number of rungs that are no larger, by halving
                            middle = (rung + stop) >> 1
                            if rungs[i, middle] <= x:
                                rung = middle + 1
                            else:
                                stop = middle
                    value = scores[i, rung]
                    score += value
                    score2 += value * value
                    value = folded[i, rung]
                    fold += value
                    fold2 += value * value
                    below += x <= low
                    above += x >= high
                total = square = 0.0
                for w in range(walkers):
                    value = column[w]
                    total += value
                    square += value * value
                    by_walker[0, i, e, w] += value
                    by_walker[1, i, e, w] += value * value
                by_step[0, i, e, t - begin], by_step[1, i, e, t - begin] = total, square
                by_step[2, i, e, t - begin], by_step[3, i, e, t - begin] = score, score2
                by_step[4, i, e, t - begin], by_step[5, i, e, t - begin] = fold, fold2
                by_step[6, i, e, t - begin], by_step[7, i, e, t - begin] = below, above
