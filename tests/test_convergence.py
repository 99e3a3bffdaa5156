"""Whether walkers have converged: nested R-hat, drift and burn-in from the chains, and who straggles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arviz_stats.base.array import array_stats
from toys import ar1

from calibrate.sampling.burnin import FORGET, PARTS, burn_in, drift
from calibrate.sampling.columns import Columns
from calibrate.sampling.convergence import (
    MIN_STEPS,
    MIN_TIMES,
    diagnose,
    find_stragglers,
    floor,
    largest_sd_error,
    straggling,
)


def test_numbers_that_the_documentation_states() -> None:
    assert (MIN_STEPS, MIN_TIMES, FORGET, PARTS) == (16, 10.0, 2.0, (8, 4, 2))


@pytest.mark.parametrize(("min_ess", "error"), [(2.0, 1.0), (8.0, 0.5), (800.0, 0.05)])
def test_the_error_allowed_is_twice_that_of_so_many_gaussian_draws(min_ess: float, error: float) -> None:
    assert largest_sd_error(min_ess) == pytest.approx(error, rel=1e-15)
    # The relative error of a Gaussian's standard deviation from n draws is 1 / sqrt(2 n).
    assert largest_sd_error(min_ess) == pytest.approx(2.0 / math.sqrt(2.0 * min_ess), rel=1e-15)


# --- nested R-hat ---


@pytest.mark.parametrize("apart", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("skewed", [False, True])
def test_rhat_is_nested_rhat_with_the_halves_of_ensembles_as_superchains(apart: float, skewed: bool) -> None:
    ensembles, steps, walkers = 4, 200, 32
    x = ar1(0.6, (ensembles, steps, walkers), np.random.default_rng(7))
    x += apart * np.arange(ensembles)[:, np.newaxis, np.newaxis]
    if skewed:
        x = np.exp(x)
    # ArviZ's chains are the walkers' halves, each of which belongs to its ensemble's half.
    halves = np.concatenate([x[:, : steps // 2], x[:, steps // 2 :]]).transpose(0, 2, 1).reshape(-1, steps // 2)
    whose = np.repeat(np.arange(2 * ensembles), walkers)
    nested = float(array_stats.rhat_nested(halves, whose, method="rank", chain_axis=0, draw_axis=1))
    found = float(diagnose(x[..., np.newaxis]).rhat[0])
    # ArviZ splits its chains once more, which changes nothing within, and the plain R-hat has 1 / 2n less; ranks are
    # among a thousand. R-hat - 1 itself is known to a third: eight means scatter like chi-squared with seven degrees.
    assert found - 1.0 == pytest.approx(nested - 1.0, rel=0.05, abs=3e-4)
    assert (found > 1.01) == (apart > 0.0)


# --- burn-in ---


def means_of(x: np.ndarray) -> np.ndarray:
    """Return the ensembles' means of (ensembles, steps, walkers, quantities), as `burn_in` takes them."""
    return np.moveaxis(x.mean(axis=2), -1, 0)


def settled(seed: int, steps: int = 160, correlation: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([ar1(correlation, (4, steps, 8), rng) for _ in range(3)], axis=-1)


def test_of_settled_chains_an_eighth_is_dropped_nearly_always() -> None:
    dropped = [burn_in(means_of(settled(seed))) for seed in range(60)]
    assert dropped.count(20) >= 55  # one in a hundred is more by chance
    assert set(dropped) <= {20, 40, 80}


@pytest.mark.parametrize(("off", "dropped"), [(15, 20), (30, 40), (60, 80), (100, 80)])
def test_what_is_off_is_dropped_and_no_more(off: int, dropped: int) -> None:
    x = settled(1)
    x[:, :off, :, 1] += 3.0
    assert burn_in(means_of(x)) == dropped
    # What is left of a chain that is off for more than half of its steps counts against it.
    assert (drift(means_of(x)[..., 80:]) > 1.0) == (off > 80)


def test_two_autocorrelation_times_are_dropped_at_the_least() -> None:
    # An autoregression's time is (1 + r) / (1 - r): 3, 19 and 99 steps of 400, of which 50, 100 and 200 are an option.
    for correlation, dropped in ((0.5, 50), (0.93, 100), (0.98, 200)):
        found = [burn_in(means_of(settled(seed, 400, correlation))) for seed in range(9)]
        assert np.median(found) == dropped, correlation


@pytest.mark.parametrize(("steps", "dropped"), [(0, 0), (1, 0), (2, 1), (7, 3), (8, 4), (17, 8)])
def test_of_few_steps_half_are_dropped(steps: int, dropped: int) -> None:
    assert burn_in(means_of(settled(1, steps=20)[:, :steps])) == dropped


def test_drift_is_students_t_as_a_multiple_of_what_chance_does_in_one_of_a_hundred_runs() -> None:
    from scipy.stats import t as student

    x = means_of(settled(3))[:, :, 3:]  # 157 steps: eighths of 19, the last four from step 81 on
    ts = []
    for one in x:
        blocks = np.array([[row[81 + 19 * k : 81 + 19 * (k + 1)].mean() for k in range(4)] for row in one])
        variance = blocks.var(axis=1, ddof=1).mean()
        apart = np.mean([row[:19].mean() for row in one] - blocks.mean(axis=1))
        ts.append(abs(apart) / math.sqrt(variance / 4.0 * (1.0 + 0.25)))
    assert drift(x) == pytest.approx(max(ts) / student.ppf(1.0 - 0.005 / 3, 12), rel=1e-9)
    assert math.isnan(drift(x[..., :15]))
    assert math.isfinite(drift(x[..., :16]))


def test_what_never_changes_does_not_drift_and_what_changed_once_for_all_does() -> None:
    x = np.zeros((1, 2, 32))
    assert drift(x) == 0.0
    x[..., :4] = 1.0
    assert drift(x) == math.inf


@pytest.mark.parametrize(("draws", "dropped"), [(56.0, 20), (55.9, 40), (24.0, 40), (23.9, 80)])
def test_what_is_dropped_lasts_two_autocorrelation_times(
    draws: float, dropped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four ensembles 56 draws in 140 steps are 14 times: two in 20 steps. In 120 steps 6 times: two in 40."""
    monkeypatch.setattr("calibrate.sampling.burnin.independent_draws", lambda rest: np.array([draws, 1e3]))
    assert burn_in(means_of(settled(1))) == dropped


@pytest.mark.parametrize(("before", "dropped"), [(20.0, 20), (19.9, 40), (0.0, 40), (1e6, 20)])
def test_steps_before_the_first_have_been_forgotten_as_well(
    before: float, dropped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four ensembles 28 draws in 140 steps are 7 times, of which two last 40 steps."""
    monkeypatch.setattr("calibrate.sampling.burnin.independent_draws", lambda rest: np.array([28.0, 1e3]))
    assert burn_in(means_of(settled(1)), before) == dropped
    monkeypatch.setattr("calibrate.sampling.burnin.drift", lambda rest: 1.0)
    assert burn_in(means_of(settled(1)), before) == 80  # which says nothing of where they are


@pytest.mark.parametrize(("off", "dropped"), [(0.999, 20), (1.0, 80)])
def test_what_drifts_as_much_as_chance_allows_is_not_settled(
    off: float, dropped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrate.sampling.burnin.drift", lambda rest: off)
    assert burn_in(means_of(settled(1))) == dropped


def test_settled_chains_drift_once_in_a_hundred() -> None:
    drifts = [drift(means_of(settled(seed))) for seed in range(60)]
    assert sum(value > 1.0 for value in drifts) <= 4  # 0.6 expected; neighbouring eighths are a little alike
    assert np.median(drifts) > 0.3


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
    found = find_stragglers(Columns(chains, slice(None)), log_prob)
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
    assert (find_stragglers(Columns(rng.standard_normal((2, 50, 100, 2)), slice(None)), log_prob) is not None) == found


def test_the_floor_is_taken_from_all_parts_of_very_many_draws() -> None:
    x = np.random.default_rng(1).standard_normal((4, 100, 512))
    quartile, median = np.quantile(x, [0.25, 0.5])
    assert floor(x) == pytest.approx(median - 10.0, abs=0.1)
    assert floor(10.0 * x) == pytest.approx(10.0 * (median - 8.0 * (median - quartile)), rel=0.1)
    x[2:] -= 1000.0  # half of the ensembles
    assert -1800.0 < floor(x) / 8.0 < -600.0
