"""When walkers have converged: each threshold from both sides, which steps count, and who straggles."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from calibrate.sampling.convergence import (
    MARGIN,
    MIN_STORED,
    MIN_TIMES,
    Diagnosis,
    Stragglers,
    burn_in,
    diagnose,
    find_stragglers,
    largest_sd_error,
    straggling,
    stride,
)

# --- the verdict ---

# Numbers that binary fractions hold exactly, so that "just met" is meant: 32 samples allow an error of a quarter.
GOOD = Diagnosis(
    rhat=np.array([1.0, 1.125]),
    ess_bulk=np.array([64.0, 32.0]),
    ess_tail=np.array([32.0, 64.0]),
    mcse_mean=np.array([9.0, 9.0]),
    autocorrelation_times=np.array([10.0, 40.0]),
    sd_error=np.array([0.25, 0.125]),
)
STRAY = Stragglers(0.25, 30.0, np.array([1.0, 2.0]))


def test_figures_that_just_suffice_do() -> None:
    assert GOOD.converged(1.126, 32.0) is True
    assert GOOD.worst_rhat == 1.125
    assert GOOD.smallest_ess == 32.0


@pytest.mark.parametrize(
    "change",
    [
        {"rhat": np.array([1.126, 1.0])},
        {"rhat": np.array([1.0, 1.126])},
        {"ess_bulk": np.array([31.999, 64.0])},
        {"ess_bulk": np.array([64.0, 31.999])},
        {"ess_tail": np.array([31.999, 64.0])},
        {"ess_tail": np.array([64.0, 31.999])},
        {"autocorrelation_times": np.array([9.999, 40.0])},
        {"autocorrelation_times": np.array([40.0, 9.999])},
        {"sd_error": np.array([0.2501, 0.1])},
        {"sd_error": np.array([0.1, 0.2501])},
        {"stragglers": STRAY},
    ],
    ids=str,
)
def test_one_figure_that_just_misses_is_enough(change: dict[str, np.ndarray]) -> None:
    assert replace(GOOD, **change).converged(1.126, 32.0) is False


@pytest.mark.parametrize("name", ["rhat", "ess_bulk", "ess_tail", "autocorrelation_times", "sd_error"])
@pytest.mark.parametrize("at", [0, 1])
def test_what_is_unknown_does_not_suffice(name: str, at: int) -> None:
    figures = getattr(GOOD, name).copy()
    figures[at] = np.nan
    assert replace(GOOD, **{name: figures}).converged(1.126, 32.0) is False


def test_rhat_has_to_be_below_the_largest_and_not_at_it() -> None:
    assert not GOOD.converged(1.125, 32.0)


# A margin of 2: 1.0625 is half as far from 1 as 1.125, and twice 32 samples allow an error of sqrt(1/32).
DOUBLED = Diagnosis(
    rhat=np.array([1.0624, 1.0]),
    ess_bulk=np.array([64.0, 64.0]),
    ess_tail=np.array([64.0, 64.0]),
    mcse_mean=np.array([9.0, 9.0]),
    autocorrelation_times=np.array([20.0, 20.0]),
    sd_error=np.array([0.1767, 0.1767]),
)


def test_with_a_margin_every_figure_has_to_be_better_by_that_factor() -> None:
    assert DOUBLED.converged(1.125, 32.0, 2.0)
    assert not replace(DOUBLED, rhat=np.array([1.0625, 1.0])).converged(1.125, 32.0, 2.0)
    assert not replace(DOUBLED, ess_bulk=np.array([63.9, 64.0])).converged(1.125, 32.0, 2.0)
    assert not replace(DOUBLED, ess_tail=np.array([64.0, 63.9])).converged(1.125, 32.0, 2.0)
    assert not replace(DOUBLED, autocorrelation_times=np.array([19.9, 20.0])).converged(1.125, 32.0, 2.0)
    assert not replace(DOUBLED, sd_error=np.array([0.1768, 0.1])).converged(1.125, 32.0, 2.0)
    assert replace(DOUBLED, rhat=np.array([1.124, 1.0]), sd_error=np.array([0.25, 0.25])).converged(1.125, 32.0)


def test_numbers_that_the_documentation_states() -> None:
    """A run stops at 1.25 times what it needs; ten autocorrelation times are wanted; 32 steps are the least."""
    assert (MARGIN, MIN_TIMES, MIN_STORED) == (1.25, 10.0, 32)


@pytest.mark.parametrize(("min_ess", "error"), [(2.0, 1.0), (8.0, 0.5), (800.0, 0.05)])
def test_the_error_allowed_is_twice_that_of_so_many_gaussian_draws(min_ess: float, error: float) -> None:
    assert largest_sd_error(min_ess) == pytest.approx(error, rel=1e-15)
    # The relative error of a Gaussian's standard deviation from n draws is 1 / sqrt(2 n).
    assert largest_sd_error(min_ess) == pytest.approx(2.0 / math.sqrt(2.0 * min_ess), rel=1e-15)


# --- which steps ---


@pytest.mark.parametrize(("stored", "dropped"), [(0, 0), (1, 0), (2, 1), (7, 3), (8, 4)])
def test_the_first_half_is_burn_in(stored: int, dropped: int) -> None:
    assert burn_in(stored) == dropped


@pytest.mark.parametrize(
    ("ensembles", "kept", "walkers", "of"),
    [
        (4, 100, 64, 1),
        (4, 15_623, 64, 1),  # 2,000,000 draws are 7,812 steps of 256 walkers
        (4, 15_624, 64, 2),
        (1, 3_999_999, 1, 1),
        (1, 4_000_000, 1, 2),
        (2, 4_000_000, 1, 4),
        (1, 4_000_000, 2, 4),
        (4, 1_999, 8192, 1),  # of many walkers a thousand steps are never too many
        (4, 2_000, 8192, 2),
        (4, 5_000, 8192, 5),
    ],
)
def test_a_chain_is_thinned_only_where_it_is_too_long(ensembles: int, kept: int, walkers: int, of: int) -> None:
    assert stride(ensembles, kept, walkers) == of


# --- stragglers ---


def test_a_straggler_is_eight_times_as_far_down_as_the_quartile() -> None:
    # Sorted: -80, -10, 0, 10, 20, so that the quartile lies at -10 and the median at 0.
    log_prob = np.array([[[10.0, -80.0, 0.0, 20.0, -10.0]]])
    assert not straggling(log_prob).any()
    log_prob[0, 0, 1] = -80.01
    np.testing.assert_array_equal(straggling(log_prob), [[False, True, False, False, False]])
    np.testing.assert_array_equal(straggling(1000.0 + 3.0 * log_prob), [[False, True, False, False, False]])


def test_where_the_likelihood_is_flat_a_straggler_is_ten_below() -> None:
    log_prob = np.zeros((2, 4, 10))
    log_prob[0, :, 3] = -10.0
    log_prob[1, 2, :] = -0.5  # a moment beyond a soft wall
    assert not straggling(log_prob).any()
    log_prob[0, :, 3] = -10.01
    assert np.argwhere(straggling(log_prob)).tolist() == [[0, 3]]


def test_what_counts_is_a_walkers_mean_over_the_steps() -> None:
    # Walker 1 of the second ensemble lies at -200 for one step in two, and so at -100 in the mean.
    log_prob = np.stack(
        [np.tile([[5.0, -5.0, 0.0, 15.0, -15.0]], (4, 1)), np.tile([[10.0, 0.0, 0.0, 20.0, -10.0]], (4, 1))]
    )
    log_prob[1, :, 1] = [0.0, -200.0, 0.0, -200.0]
    expected = np.zeros((2, 5), dtype=bool)
    expected[1, 1] = True
    quartile, median = np.quantile(log_prob, [0.25, 0.5])
    assert -90.0 < median - 8.0 * (median - quartile) < -10.0
    np.testing.assert_array_equal(straggling(log_prob), expected)


def test_what_is_said_of_stragglers_is_their_share_their_depth_and_where_they_sit() -> None:
    rng = np.random.default_rng(3)
    log_prob = -rng.gamma(3.5, size=(2, 50, 20))
    chains = rng.standard_normal((2, 50, 20, 3))
    log_prob[0, :, 4] -= 40.0
    log_prob[1, :, 7] -= 60.0
    log_prob[1, :, 8] -= 80.0
    found = find_stragglers(chains, log_prob)
    assert found is not None
    theirs = [(0, 4), (1, 7), (1, 8)]
    assert found.share == 3 / 40
    depth = np.median(log_prob) - np.mean([log_prob[e, :, w] for e, w in theirs])
    assert found.depth == pytest.approx(depth, rel=1e-12)
    assert 55.0 < found.depth < 65.0
    np.testing.assert_array_equal(found.place, np.median(np.concatenate([chains[e, :, w] for e, w in theirs]), axis=0))
    assert found.place.shape == (3,)
    told = diagnose(chains, log_prob=log_prob).stragglers
    assert told is not None
    assert told.share == found.share
    assert told.depth == found.depth
    np.testing.assert_array_equal(told.place, found.place)
    assert diagnose(chains).stragglers is None


@pytest.mark.parametrize(("walkers", "found"), [(1, True), (20, True), (0, False)])
def test_a_straggler_is_a_walker_and_not_a_moment(walkers: int, found: bool) -> None:
    rng = np.random.default_rng(3)
    log_prob = -rng.gamma(3.5, size=(2, 50, 100))
    log_prob[1, :, :walkers] -= 30.0
    log_prob[0, 7, 50:60] -= 30.0  # ten walkers for one step
    assert (find_stragglers(rng.standard_normal((2, 50, 100, 2)), log_prob) is not None) == found


def test_a_straggler_stands_in_the_way_of_convergence() -> None:
    rng = np.random.default_rng(3)
    chains = rng.standard_normal((4, 400, 16, 1))
    log_prob = -rng.gamma(3.5, size=(4, 400, 16))
    assert diagnose(chains, log_prob=log_prob).converged(1.01, 1000)
    log_prob[2, :, 3] -= 40.0
    assert not diagnose(chains, log_prob=log_prob).converged(1.01, 1000)
