"""Ranks of a right program stay in their bands with the chance that is promised; those of a wrong one leave them."""

import itertools

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from calibrate.validate.uniform import (
    DRAWS,
    INTERVALS,
    band,
    coverage,
    covered,
    differences,
    distance_chance,
    mean_chance,
    offset,
    sight,
)


def uniform(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(DRAWS + 1, size=size)


def of_normal(size: int, *, shift: float = 0.0, spread: float = 1.0) -> np.ndarray:
    """Ranks of truths that lie in posteriors at normal places, shifted or spread."""
    z = shift + spread * np.random.default_rng(3).standard_normal(size)
    return np.floor(ndtr(z) * (DRAWS + 1)).astype(int)


@pytest.mark.parametrize(("rank", "chance"), [(0, 0.01), (DRAWS, 0.01), (1, 0.02), (4, 0.05), (DRAWS - 4, 0.05)])
def test_the_chance_of_one_rank_is_that_of_as_many_ranks_as_near_to_an_end(rank: int, chance: float) -> None:
    assert distance_chance(np.array([rank])) == pytest.approx(chance, abs=1e-12)


def test_the_chance_of_two_ranks_is_counted_out() -> None:
    """All pairs of ranks on a grid that is coarse enough, by the definition, without the convolutions."""
    places = np.arange(1, DRAWS + 1) / (DRAWS + 1)
    counts = np.arange(3)[:, np.newaxis]
    tails = 2.0 * np.minimum(binom.cdf(counts, 2, places), binom.sf(counts - 1, 2, places))
    at = np.arange(DRAWS)
    below = np.arange(DRAWS + 1)[:, np.newaxis] <= at
    every = np.array([tails[below + one, at].min(axis=1) for one in below.astype(int)])
    for a, b in itertools.product([0, 3, 30, 100, DRAWS], repeat=2):
        expected = (every <= every[a, b] * (1.0 + 1e-9)).mean()
        assert distance_chance(np.array([a, b])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [25, 200])
def test_uniform_ranks_leave_the_band_anywhere_with_the_chance_of_its_level(size: int) -> None:
    low, high = band(size, 0.05)
    rng = np.random.default_rng(2)
    left = 0
    for _ in range(1000):
        found = differences(rng.integers(DRAWS + 1, size=size))
        left += bool(((found < low - 1e-9) | (found > high + 1e-9)).any())
    # Counts are whole, so the band is a little wide; four standard errors of 1,000 trials above 5 %.
    assert 0.03 < left / 1000 < 0.05 + 4.0 * np.sqrt(0.05 * 0.95 / 1000)


def test_ranks_are_outside_of_the_band_when_their_chance_is_below_its_level() -> None:
    low, high = band(40, 0.3)
    outside = []
    for seed in range(40):
        found = differences(uniform(40, seed))
        outside.append(bool(((found < low - 1e-9) | (found > high + 1e-9)).any()))
        assert outside[-1] == (distance_chance(uniform(40, seed)) <= 0.3)
    assert 3 < sum(outside) < 25


def test_a_shift_by_a_quarter_of_a_standard_deviation_is_found_in_500_ranks() -> None:
    shifted = of_normal(500, shift=0.25)
    assert mean_chance(shifted) < 1e-5
    assert distance_chance(shifted) < 1e-3
    assert offset(shifted) > 4.0
    assert offset(DRAWS - shifted) == pytest.approx(-offset(shifted), rel=1e-12)


def test_intervals_too_narrow_by_a_fifth_are_found_in_500_ranks() -> None:
    narrow = of_normal(500, spread=1.25)
    assert mean_chance(narrow) > 0.01
    assert min(coverage(narrow, percent, 0.01).chance for percent in INTERVALS) < 1e-4


@pytest.mark.parametrize("percent", INTERVALS)
def test_an_interval_holds_its_share_of_all_ranks(percent: int) -> None:
    ranks = np.arange(DRAWS + 1)
    inside = covered(ranks, percent)
    assert inside.mean() == pytest.approx(percent / 100.0, abs=1e-12)
    assert (inside == inside[::-1]).all()


def test_coverage_has_the_binomial_band_and_chance() -> None:
    ranks = np.concatenate([np.full(80, 100), np.full(20, 0)])
    found = coverage(ranks, 90, 0.01)
    assert found.share == 0.8
    assert found.chance == pytest.approx(2.0 * binom.cdf(80, 100, 0.9), rel=1e-9)
    counts = np.arange(101)
    inside = np.minimum(binom.cdf(counts, 100, 0.9), binom.sf(counts - 1, 100, 0.9)) > 0.005
    assert (found.low, found.high) == (counts[inside][0] / 100, counts[inside][-1] / 100)


def test_thousands_of_ranks_have_a_band_too() -> None:
    low, high = band(3000, 1e-4)
    assert (low < 0.0).all()
    assert (high > 0.0).all()
    assert high[DRAWS // 2] == pytest.approx(-low[DRAWS // 2], abs=1e-3)
    assert 3.7 < high[DRAWS // 2] / np.sqrt(0.25 / 3000) < 6.0


@pytest.mark.parametrize(
    ("size", "lowest", "highest", "narrow", "wide", "shift"),
    # Of 25 quantities: 20 ranks pass with 12 to 20 in their 90 % intervals and 2 to 18 in their 50 % ones.
    [(20, 12, 18, 0.433, 0.973, 1.25), (100, 78, 68, 0.718, 0.742, 0.504), (500, 425, 290, 0.827, 0.609, 0.222)],
)
def test_what_so_many_ranks_show_they_show_nine_times_in_ten(
    size: int, lowest: int, highest: int, narrow: float, wide: float, shift: float
) -> None:
    level = 0.05 / (5 * 25)
    found = sight(size, level)
    assert (found.narrow, found.wide) == (pytest.approx(narrow, abs=1e-3), pytest.approx(wide, abs=1e-3))
    assert found.shift == pytest.approx(shift, rel=0.01)
    ranks = np.full(size, DRAWS // 2)
    assert round(size * coverage(ranks, 90, level).low) == lowest
    assert round(size * coverage(ranks, 50, level).high) == highest
    assert binom.cdf(lowest - 1, size, found.narrow) == pytest.approx(0.9, rel=1e-9)
    assert binom.sf(highest, size, found.wide) == pytest.approx(0.9, rel=1e-9)
    z = found.shift + np.random.default_rng(1).standard_normal((2000, size))
    missed = np.mean([mean_chance(np.floor(ndtr(row) * (DRAWS + 1)).astype(int)) > level for row in z])
    assert 0.03 < missed < 0.13  # a tenth, or somewhat less where the shift is large


def test_ranks_that_may_all_be_held_show_no_wide_intervals() -> None:
    assert sight(20, 1e-6).wide == 1.0
    assert sight(20, 1e-6).narrow < sight(20, 1e-4).narrow
