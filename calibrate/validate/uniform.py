"""Are ranks uniform? Bands for the differences of their distribution function, and checks of mean and coverage.

A rank is how many of `DRAWS` posterior draws lie below the truth. If truth and draws come from the same distribution,
each of the `DRAWS + 1` ranks is as likely as any other. All that is asked here of some ranks has an exact answer: the
chance that uniform ranks would be as far off, at every rank at once (Säilynoja, Bürkner & Vehtari 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtri, gammaln, ndtr, ndtri

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Draws of a posterior that a truth is ranked among. So central intervals of 50, 90 and 99 % end at ranks.
DRAWS = 199
INTERVALS = (50, 90, 99)
# The chance with which a fault is found that is said to be.
SEEN = 0.9
_BISECTIONS = 30
# Tails that are equal but for rounding are equal; increments with a chance below this do not happen.
_SAME, _NEVER = 1.0 + 1e-9, 1e-25


def covered(ranks: IntArray, percent: int) -> NDArray[np.bool_]:
    """Tell which ranks, shape (n,), lie in the central interval of so many per cent."""
    outside = round((DRAWS + 1) * (100 - percent) / 200)
    return (ranks >= outside) & (ranks <= DRAWS - outside)


def differences(ranks: IntArray) -> FloatArray:
    """Return the distribution function of ranks less that of uniform ones, shape (DRAWS,), at (i + 1) / (DRAWS + 1)."""
    return _counts(ranks) / len(ranks) - _places()


def distance_chance(ranks: IntArray) -> float:
    """Return the chance that the distribution function of as many uniform ranks is as far off anywhere.

    Farness is that of Säilynoja, Bürkner & Vehtari (2022): the smallest of the binomial chances at all ranks.
    """
    size = len(ranks)
    tails = _tails(size)
    return _chance(size, float(tails[_counts(ranks), np.arange(DRAWS)].min()))


@lru_cache(maxsize=64)
def band(size: int, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the band that differences of `size` uniform ranks leave with the chance `level` at the most.

    Parameters
    ----------
    size : int
        How many ranks there are.
    level : float
        The chance to leave the band anywhere.

    Returns
    -------
    lower, upper : ndarray, shape (DRAWS,)
        The smallest and the largest difference in it; `distance_chance` is above `level` just inside.
    """
    low, high = 0.0, math.log(DRAWS / level)  # of -log of the farness: there are as many chances to leave as ranks
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _chance(size, math.exp(-middle)) <= level else (middle, high)
    inside = _tails(size) > _SAME * math.exp(-high)
    first = np.argmax(inside, axis=0)
    last = size - np.argmax(inside[::-1], axis=0)
    return first / size - _places(), last / size - _places()


def mean_chance(ranks: IntArray) -> float:
    """Return the chance that the mean of as many uniform ranks is as far from the middle, either way."""
    return float(2.0 * ndtr(-abs(offset(ranks))))


def offset(ranks: IntArray) -> float:
    """Return by how many standard errors the mean rank lies above the middle."""
    variance = ((DRAWS + 1) ** 2 - 1) / 12.0
    return float((ranks.mean() - 0.5 * DRAWS) / math.sqrt(variance / len(ranks)))


@dataclass(frozen=True)
class Coverage:
    """How many truths a central interval holds.

    Attributes
    ----------
    percent : int
        Of the posterior in the interval.
    share : float
        Of the truths in it.
    low, high : float
        Between which shares it may be.
    chance : float
        That uniform ranks would be as far off, either way.
    """

    percent: int
    share: float
    low: float
    high: float
    chance: float


def coverage(ranks: IntArray, percent: int, level: float) -> Coverage:
    """Count the truths in a central interval; a right one is outside its band with the chance `level` at the most."""
    size = len(ranks)
    chances = _binomial_chances(size, percent)
    inside = np.flatnonzero(chances > level)
    held = int(covered(ranks, percent).sum())
    low, high = (inside[[0, -1]] / size).tolist()
    return Coverage(percent, held / size, low, high, float(chances[held]))


@dataclass(frozen=True)
class Sight:
    """From where on so many ranks show a fault of one quantity, with the chance `SEEN` at the least.

    Attributes
    ----------
    narrow : float
        90 % intervals that hold a smaller share of the truths than this.
    wide : float
        50 % intervals that hold a larger one; 1 if none is found.
    shift : float
        Estimates that are off by more standard deviations of a normal posterior.
    """

    narrow: float
    wide: float
    shift: float


def sight(size: int, level: float) -> Sight:
    """Return what `size` ranks show, by the checks of coverage and of the mean rank, each at this level.

    All checks together show somewhat more.
    """
    narrow, wide = (np.flatnonzero(_binomial_chances(size, percent) > level) for percent in (90, 50))
    # The mean of Phi(Z) is Phi(shift / sqrt(2)) for a normal Z about the shift; it scatters less than without.
    off = (ndtri(1.0 - 0.5 * level) + ndtri(SEEN)) / math.sqrt(12.0 * size)
    return Sight(
        float(bdtri(narrow[0] - 1.0, size, SEEN)),
        float(bdtri(wide[-1], size, 1.0 - SEEN)) if wide[-1] < size else 1.0,
        float(math.sqrt(2.0) * ndtri(0.5 + off)) if off < 0.5 else math.inf,
    )


def _places() -> FloatArray:
    """Return where the distribution function is looked at: its uniform values."""
    return np.arange(1, DRAWS + 1) / (DRAWS + 1)


def _counts(ranks: IntArray) -> IntArray:
    """Return how many ranks are at most 0, 1, ..., DRAWS - 1."""
    return np.cumsum(np.bincount(ranks, minlength=DRAWS + 1))[:-1]


@lru_cache(maxsize=8)
def _tails(size: int) -> FloatArray:
    """Return twice the smaller binomial tail of each count at each place, (size + 1, DRAWS)."""
    counts = np.arange(size + 1.0)[:, np.newaxis]
    return _two_sided(counts, size, _places())


@lru_cache(maxsize=32)
def _binomial_chances(size: int, percent: int) -> FloatArray:
    return np.minimum(_two_sided(np.arange(size + 1.0), size, np.array(percent / 100.0)), 1.0)


def _two_sided(counts: FloatArray, size: int, p: FloatArray) -> FloatArray:
    """Return twice the smaller of P(X <= count) and P(X >= count) for binomial X."""
    # The upper tail is a lower one of what is left: no difference from one, which rounds.
    return np.asarray(2.0 * np.minimum(bdtr(counts, size, p), bdtr(size - counts, size, 1.0 - p)))


def _chance(size: int, farness: float) -> float:
    """Return the chance that the smallest of the tails of uniform ranks is this or smaller.

    Counts at the places are those of a Poisson process of which the end is known, so its increments are independent:
    one convolution for each place, and what leaves the allowed counts is dropped.
    """
    inside = _tails(size) > _SAME * farness
    rate = size / (DRAWS + 1)
    steps = np.arange(size + 1.0)
    increment = np.exp(steps * math.log(rate) - rate - gammaln(steps + 1.0))
    increment = increment[: int(np.flatnonzero(increment > _NEVER)[-1]) + 1]
    first, reached = 0, np.ones(1)
    for column in inside.T:
        allowed = np.flatnonzero(column)
        if not allowed.size:
            return 1.0
        now = np.convolve(reached, increment)
        low, high = int(allowed[0]), int(allowed[-1]) + 1
        padded = np.zeros(high - low)
        begin, end = max(low, first), min(high, first + len(now))
        if begin < end:
            padded[begin - low : end - low] = now[begin - first : end - first]
        first, reached = low, padded
    last = size - (first + np.arange(len(reached)))
    ends = np.where(last < len(increment), increment[np.clip(last, 0, len(increment) - 1)], 0.0)
    whole = math.exp(size * math.log(size) - size - math.lgamma(size + 1.0))
    return float(np.clip(1.0 - (reached * ends).sum() / whole, 0.0, 1.0))
