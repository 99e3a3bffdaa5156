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

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrate.knee.jit import borrowing, compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Draws of one quantity up to which ranks are among all, and how many stand for more.
EXACT = 8192
_RUNGS = 1024
# Intervals of equal width in which a draw's place on the ladder is looked up, at the least; else as many as draws. Of
# more than so many rungs in one, it is searched for: a narrow hill beside a wide one is seen in full.
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
class Ladders:
    """Scores of some quantities by the number of rungs that are no larger than a value.

    Attributes
    ----------
    rungs : ndarray, shape (quantities, n)
        Different values, rising; of n draws, the first `count` in each row.
    scores, folded : ndarray, shape (quantities, n + 1)
        Normal scores of the value, and of its distance from the median.
    count : ndarray, shape (quantities,)
        How many rungs there are.
    starts : ndarray, shape (quantities, intervals + 1)
        How many rungs lie below each of the intervals of equal width between the lowest and the highest.
    ends : ndarray, shape (quantities, 5)
        The lowest finite rung, intervals for each unit, the mean, and the ends of the lowest and highest twentieth.
    """

    rungs: FloatArray
    scores: FloatArray
    folded: FloatArray
    count: IntArray
    starts: IntArray
    ends: FloatArray


def ladders(draws: FloatArray) -> Ladders:
    """Make the ladders of some quantities' draws, shape (quantities, n), none of them NaN."""
    rising = np.sort(draws, axis=1)
    quantities, n = rising.shape
    rungs, (scores, folded) = np.empty((quantities, n)), np.empty((2, quantities, n + 1))
    count = np.empty(quantities, dtype=np.int64)
    starts = np.empty((quantities, max(_INTERVALS, n) + 1), dtype=np.int64)
    low, median, high = (_quantile(rising, share) for share in (_TAIL, 0.5, 1.0 - _TAIL))
    ends = np.stack([np.zeros(quantities), np.zeros(quantities), draws.mean(axis=1), low, high], axis=1)
    _climb(rising, median, _quantiles(n), rungs, scores, folded, count, starts, ends)
    return Ladders(rungs, scores, folded, count, starts, ends)


def _quantile(rising: FloatArray, share: float) -> FloatArray:
    """Return a quantile of each row of rising values, by NumPy's rule."""
    last = rising.shape[1] - 1
    at = share * last
    below = int(at)
    lower, upper = rising[:, below], rising[:, min(below + 1, last)]
    return np.asarray(lower + (at - below) * (upper - lower))


@lru_cache(maxsize=32)
def _quantiles(n: int) -> FloatArray:
    """Return the normal quantiles of the ranks 1, 1.5, 2, ..., n (Blom 1958); lengths of chains are few.

    Mean ranks of draws that are alike are whole or half numbers.
    """
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
    by = ladders(np.ascontiguousarray(some.T))
    # Of many draws that are alike, such as a tension that is often nought, a place nearby is not near enough.
    wide = np.where(few | (2 * by.count < len(some)), 0, _WIDE)
    by_step = np.empty((len(SUMS), quantities, ensembles, steps - first))
    by_walker = np.zeros((2, quantities, ensembles, walkers))
    _pass(chains, first, by.rungs, by.starts, by.scores, by.folded, by.ends, wide, by_step, by_walker)
    return Sums(by_step / walkers, by_walker / (steps - first), by.ends[:, 2])


def _spread(chains: FloatArray, first: int) -> FloatArray:
    """Return about as many draws (n, quantities) as a ladder has rungs, from all steps."""
    ensembles, steps, walkers, quantities = chains.shape
    each = _RUNGS // ensembles
    at = np.arange(each) * ((steps - first) * walkers // each | 1) % ((steps - first) * walkers)
    return np.asarray(chains[:, first + at // walkers, at % walkers].reshape(-1, quantities))


@compiled
def _climb(
    rising: FloatArray,
    median: FloatArray,
    quantiles: FloatArray,
    rungs: FloatArray,
    scores: FloatArray,
    folded: FloatArray,
    count: IntArray,
    starts: IntArray,
    ends: FloatArray,
) -> None:
    """Fill the ladders of rising draws (quantities, n)."""
    quantities, draws = rising.shape
    upto, away = np.zeros(draws + 1, dtype=np.int64), np.empty(draws)
    for i in range(quantities):
        n = k = 0
        while k < draws:  # as many as are alike share their mean rank
            first, value = k, rising[i, k]
            k += 1
            while k < draws and rising[i, k] == value:
                k += 1
            scores[i, n + 1] = quantiles[first + k - 1]
            rungs[i, n], away[n], upto[n + 1] = value, abs(value - median[i]), k
            n += 1
        count[i], scores[i, 0] = n, scores[i, 1]
        _fold(np.searchsorted(rungs[i, :n], median[i]), n, away, upto, quantiles, folded[i])
        _divide(rungs[i], n, starts[i], ends[i])


@borrowing
def _fold(right: int, n: int, away: FloatArray, upto: IntArray, quantiles: FloatArray, folded: FloatArray) -> None:
    """Fill the scores of distances from the median, which rise both ways from it: before rung `right` and after.

    Of the first j rungs there are `upto[j]` draws.
    """
    left, nearer = right - 1, 0
    while left >= 0 or right < n:
        near = away[left] if left >= 0 and not (right < n and away[right] < away[left]) else away[right]
        low, high = left, right
        while low >= 0 and not away[low] > near:
            low -= 1
        while high < n and not away[high] > near:
            high += 1
        alike = upto[left + 1] - upto[low + 1] + upto[high] - upto[right]
        score = quantiles[2 * nearer + alike - 1]
        folded[low + 2 : left + 2] = score
        folded[right + 1 : high + 1] = score
        nearer += alike
        left, right = low, high
    folded[0] = folded[1]


@borrowing
def _divide(rungs: FloatArray, n: int, starts: IntArray, ends: FloatArray) -> None:
    """Fill where intervals of equal width begin, by the pass's arithmetic: rounding parts no value from its rung."""
    cells, first, last, lowest, highest, scale = starts.size - 1, 0, n - 1, 0.0, 0.0, 0.0
    while first < n and not np.isfinite(rungs[first]):
        first += 1
    while last > first and not np.isfinite(rungs[last]):
        last -= 1
    if first < n:
        lowest, highest = rungs[first], rungs[last]
    if 0.0 < highest - lowest < np.inf:
        scale = cells / (highest - lowest)
    ends[0], ends[1] = lowest, scale
    cell = 0
    for rung in range(n):
        place = (rungs[rung] - lowest) * scale
        if not place > 0.0:
            place = 0.0
        elif place > cells - 1.0:
            place = cells - 1.0
        while cell <= place:
            starts[cell] = rung
            cell += 1
    while cell <= cells:
        starts[cell] = n
        cell += 1


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
