"""When walkers have converged, on made-up arrays: by hand, against ArviZ, and each threshold from both sides."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from arviz_stats.base.array import array_stats

from calibrate.sampling import convergence
from calibrate.sampling.convergence import (
    MARGIN,
    MIN_STORED,
    MIN_TIMES,
    Diagnosis,
    Stragglers,
    burn_in,
    diagnose,
    effective_samples,
    find_stragglers,
    independent_draws,
    largest_sd_error,
    split_rhat,
    straggling,
    stride,
)


def ar1(correlation: float, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Return independent first-order autoregressions with unit variance, one per walker."""
    noise = rng.standard_normal(shape) * np.sqrt(1 - correlation**2)
    noise[:, 0] /= np.sqrt(1 - correlation**2)
    for step in range(1, shape[1]):
        noise[:, step] += correlation * noise[:, step - 1]
    return noise


def one(x: np.ndarray) -> Diagnosis:
    """Diagnose one parameter (ensembles, steps, walkers)."""
    return diagnose(x[..., np.newaxis])


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


# --- every parameter's figures ---


def test_of_too_few_steps_or_of_one_ensemble_nothing_is_known() -> None:
    x = np.random.default_rng(0).standard_normal((2, 16, 8, 3))
    for unknown in (diagnose(x[:, :15]), diagnose(x[:1])):
        for name in ("rhat", "ess_bulk", "ess_tail", "mcse_mean", "autocorrelation_times", "sd_error"):
            assert np.isnan(getattr(unknown, name)).all()
            assert getattr(unknown, name).shape == (3,)
        assert unknown.stragglers is None
        assert math.isnan(unknown.worst_rhat)
        assert math.isnan(unknown.smallest_ess)
        assert not unknown.converged(9.0, 0.001)
    known = diagnose(x)
    assert np.isfinite(known.rhat).all()
    assert np.isfinite(known.sd_error).all()


def test_a_chain_that_never_moved_has_not_converged() -> None:
    stuck = np.ones((4, 400, 16, 2))
    stuck[..., 1] = np.random.default_rng(0).standard_normal((4, 400, 16))
    found = diagnose(stuck)
    assert found.rhat[0] == np.inf
    assert found.ess_bulk[0] == 0.0
    assert found.ess_tail[0] == 0.0
    assert found.mcse_mean[0] == np.inf
    assert found.autocorrelation_times[0] == 0.0
    assert found.sd_error[0] == np.inf
    assert not found.converged(1e9, 1e-9)
    assert np.isfinite(found.rhat[1])


def test_walkers_that_each_stay_where_they_are_have_no_effective_samples() -> None:
    stays = np.tile(np.arange(8.0), (2, 40, 1))
    found = one(stays)
    assert found.ess_bulk[0] == 0.0
    assert effective_samples(stays) == 0.0


def test_each_parameter_is_diagnosed_by_itself_and_in_its_order() -> None:
    rng = np.random.default_rng(4)
    x = np.stack([rng.standard_normal((2, 50, 8)), ar1(0.5, (2, 50, 8), rng), rng.gamma(1.0, size=(2, 50, 8))], axis=-1)
    together, asked = diagnose(x), []

    def watched(function: Callable[..., object], columns: object) -> list[object]:
        asked.append(function)
        return [function(column) for column in columns]

    for name in ("rhat", "ess_bulk", "ess_tail", "mcse_mean", "autocorrelation_times", "sd_error"):
        alone = [getattr(one(x[..., i]), name)[0] for i in range(3)]
        np.testing.assert_array_equal(getattr(together, name), alone)
        np.testing.assert_array_equal(getattr(diagnose(x, watched), name), alone)
    assert len(asked) == 6


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize("kind", ["smooth", "rounded", "skewed"])
def test_with_one_walker_the_figures_are_those_of_arviz(correlation: float, kind: str) -> None:
    x = ar1(correlation, (4, 198, 1), np.random.default_rng(7))
    if kind == "rounded":  # ties, also at the 5 and 95 % quantiles
        x = np.round(2.0 * x)
    if kind == "skewed":
        x = np.exp(x)
    found, chains = one(x), x[..., 0]
    by_arviz = {
        method: float(array_stats.ess(chains, chain_axis=0, draw_axis=1, method=method)) for method in ("bulk", "mean")
    }
    assert found.rhat[0] == pytest.approx(float(array_stats.rhat(chains, chain_axis=0, draw_axis=1)), rel=1e-12)
    assert found.ess_bulk[0] == pytest.approx(min(by_arviz["bulk"], x.size), rel=1e-9)
    assert found.autocorrelation_times[0] == pytest.approx(by_arviz["bulk"] / 4.0, rel=1e-9)
    assert found.mcse_mean[0] == pytest.approx(chains.std() / math.sqrt(min(by_arviz["mean"], x.size)), rel=1e-9)
    # The tail's are those of the indicators of both ends; the draws at a quantile belong to its end.
    low, high = np.quantile(chains, [0.05, 0.95])
    ends = [
        min(float(array_stats.ess(end.astype(float), chain_axis=0, draw_axis=1, method="mean")), x.size)
        for end in (chains <= low, chains >= high)
    ]
    assert ends[0] != ends[1]
    assert found.ess_tail[0] == pytest.approx(min(ends), rel=1e-9)


def test_either_end_of_the_distribution_can_be_the_worse() -> None:
    x = ar1(0.0, (2, 400, 4), np.random.default_rng(1))
    low, high = x < np.quantile(x, 0.05), x > np.quantile(x, 0.95)
    x[:, :20][low[:, :20]] = x[:, 300:320][high[:, 300:320]].mean()  # the low end is empty at first
    ends = [effective_samples(end.astype(float)) for end in (x <= np.quantile(x, 0.05), x >= np.quantile(x, 0.95))]
    assert ends[0] < 0.9 * ends[1]
    assert one(x).ess_tail[0] == ends[0]
    assert one(x).ess_tail[0] == pytest.approx(one(-x).ess_tail[0], rel=1e-12)


def test_bulk_figures_do_not_depend_on_the_scale_and_the_error_does() -> None:
    x = ar1(0.3, (2, 64, 8), np.random.default_rng(3))
    found, cubed = one(x), one(x**3)
    for name in ("ess_bulk", "ess_tail", "autocorrelation_times"):
        np.testing.assert_allclose(getattr(found, name), getattr(cubed, name), rtol=1e-12)
    np.testing.assert_allclose(one(7.0 * x).mcse_mean, 7.0 * found.mcse_mean, rtol=1e-12)
    assert found.mcse_mean[0] == pytest.approx(x.std() / math.sqrt(effective_samples(x)), rel=1e-12)


# --- R-hat ---


@pytest.mark.parametrize(
    ("correlation", "steps"),
    [(-0.9, 40), (-0.5, 333), (0.0, 16), (0.0, 333), (0.5, 333), (-0.5, 2000), (0.5, 2000), (0.9, 18), (0.9, 4000)],
)
def test_effective_samples_and_rhat_are_those_of_arviz(correlation: float, steps: int) -> None:
    chains = ar1(correlation, (4, steps, 1), np.random.default_rng(steps))[..., 0]
    chains[0] += 0.1
    rounded = np.round(chains, 1)  # ties, as rejected proposals make them
    for x in (chains, rounded):
        ours, theirs = independent_draws(x), array_stats.ess(x, chain_axis=0, draw_axis=1, method="mean")
        assert ours == pytest.approx(float(theirs), rel=1e-9)
        assert split_rhat(x) == pytest.approx(float(array_stats.rhat(x, chain_axis=0, draw_axis=1)), rel=1e-12)


def test_where_no_pair_is_negative_all_are_summed_but_the_last() -> None:
    """By the formulas of Vehtari et al. (2021), section 3.2, on the halves of two chains of sixteen steps."""
    x = np.linspace(0.0, 1.0, 16) ** 2 + np.array([[0.0], [2.0]])
    halves = np.array([x[0, :8], x[0, 8:], x[1, :8], x[1, 8:]])
    inner = halves - halves.mean(axis=1, keepdims=True)
    covariance = [sum((row[: 8 - t] * row[t:]).sum() for row in inner) / 8.0 / 4.0 for t in range(8)]
    within = covariance[0] * 8.0 / 7.0
    total = within * 7.0 / 8.0 + halves.mean(axis=1).var(ddof=1)
    rho = [1.0, *(1.0 - (within - c) / total for c in covariance[1:])]
    assert min(rho) > 0.0
    assert independent_draws(x) == pytest.approx(32.0 / (2.0 * sum(rho[:6]) - 1.0 + rho[6]), rel=1e-12)


def test_chains_that_differ_in_their_width_alone_do_not_agree() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((4, 400)) * np.array([[1.0], [1.0], [1.0], [3.0]])
    assert split_rhat(x) > 1.05
    assert split_rhat(x) == pytest.approx(float(array_stats.rhat(x, chain_axis=0, draw_axis=1)), rel=1e-12)


# Steps and walkers, and of how many one is looked at: a hundred steps and 4,000 draws of each ensemble or more.
@pytest.mark.parametrize(
    ("steps", "walkers", "by_step", "by_walker"),
    [(199, 40, 1, 1), (200, 79, 2, 1), (200, 80, 2, 2), (201, 60, 2, 1), (40, 199, 1, 1), (40, 200, 1, 2)],
)
def test_rhat_looks_at_some_thousand_draws_of_a_long_chain(
    steps: int, walkers: int, by_step: int, by_walker: int
) -> None:
    x = ar1(0.5, (2, steps, walkers), np.random.default_rng(steps))
    seen = x[:, ::by_step, ::by_walker]
    assert one(x).rhat[0] == split_rhat(seen.reshape(2, -1))


def test_ensembles_that_disagree_have_not_converged() -> None:
    rng = np.random.default_rng(4)
    agreed = rng.standard_normal((4, 400, 16, 2))
    assert diagnose(agreed).converged(1.01, 1000)
    apart = agreed.copy()
    apart[0, ..., 1] += 1.0
    assert diagnose(apart).rhat[0] < 1.01
    assert diagnose(apart).rhat[1] > 1.05
    assert not diagnose(apart).converged(1.01, 1000)


def test_drift_is_seen_with_any_number_of_walkers() -> None:
    rng = np.random.default_rng(1)
    for walkers in (16, 64, 8192):
        drifting = rng.standard_normal((4, 40, walkers, 1)) + np.linspace(0, 3, 40)[:, np.newaxis, np.newaxis]
        assert diagnose(drifting).rhat[0] > 1.1


# --- effective samples ---


def test_effective_samples_of_an_autoregression_are_known() -> None:
    rng = np.random.default_rng(4)
    x = ar1(0.9, (4, 4000, 16), rng)
    expected = x.size * (1 - 0.9) / (1 + 0.9)
    assert effective_samples(x) == pytest.approx(expected, rel=0.15)
    # Walkers that move together are worth one: what counting each walker as a chain of its own would miss.
    together = np.repeat(x[:, :, :1], 16, axis=2)
    assert effective_samples(together) == pytest.approx(expected / 16, rel=0.3)


def test_effective_samples_are_the_means_scaled_by_the_variances() -> None:
    x = ar1(0.7, (2, 300, 8), np.random.default_rng(6))
    means = x.mean(axis=2)
    by_arviz = float(array_stats.ess(means, chain_axis=0, draw_axis=1, method="mean"))
    assert effective_samples(x) == pytest.approx(x.var() / means.var() * by_arviz, rel=1e-9)


def test_there_are_never_more_effective_samples_than_draws() -> None:
    x = ar1(-0.9, (2, 200, 8), np.random.default_rng(6))
    assert effective_samples(x) == x.size
    # As chains, what is anticorrelated is worth more; the time is bounded as in ArviZ.
    alternating = np.tile([1.0, -1.0], (2, 20)) + 1e-3 * np.random.default_rng(0).standard_normal((2, 40))
    assert independent_draws(alternating) == pytest.approx(80.0 * math.log10(80.0), rel=1e-12)


def test_chains_that_never_move_count_every_draw() -> None:
    assert independent_draws(np.full((3, 10), 2.0)) == 30.0
    # A middle step is in neither half.
    assert independent_draws(np.full((3, 11), 2.0)) == 30.0


def test_many_walkers_with_no_time_to_forget_have_not_converged() -> None:
    slow = ar1(0.98, (4, 100, 512), np.random.default_rng(0))[..., np.newaxis]
    found = diagnose(slow)
    assert found.smallest_ess > 200
    assert found.autocorrelation_times[0] < MIN_TIMES
    assert not found.converged(1.5, 200)


def test_autocorrelation_times_are_the_ensembles_own() -> None:
    # A first-order autoregression has an autocorrelation time of (1 + r) / (1 - r), for any number of ensembles.
    for ensembles in (2, 8):
        x = ar1(0.8, (ensembles, 9000, 2), np.random.default_rng(ensembles))
        assert one(x).autocorrelation_times[0] == pytest.approx(9000 / 9.0, rel=0.2)


# --- the error of the standard deviation ---


def test_the_error_of_a_standard_deviation_is_known() -> None:
    # The square of a first-order autoregression decays with the square of its correlation.
    correlation, shape = 0.8, (4, 3000, 16)
    x = ar1(correlation, shape, np.random.default_rng(5))
    effective = x.size * (1 - correlation**2) / (1 + correlation**2)
    assert one(x).sd_error[0] == pytest.approx(np.sqrt(0.5 / effective), rel=0.2)


def test_ensembles_tell_the_error_where_walkers_move_together() -> None:
    rng = np.random.default_rng(8)
    x = 5.0 + np.repeat(ar1(0.9, (2, 500, 1), rng), 64, axis=2) + 0.1 * rng.standard_normal((2, 500, 64))
    square = (x - x.mean()) ** 2
    expected = square.std() / math.sqrt(effective_samples(square)) / (2.0 * square.mean())
    assert one(x).sd_error[0] == pytest.approx(expected, rel=1e-12)


def test_walkers_tell_the_error_where_some_stay_far_out() -> None:
    # Of 2 times 8 walkers one in each ensemble jumps between -3 and 3, the others between -1 and 1, all always at the
    # same distance: mean squares of 9 and 1, mean 2, standard deviation sqrt(7), error sqrt(7) / 4 of the mean square.
    signs = np.where((np.arange(64)[:, np.newaxis] + np.arange(8)) % 2, 1.0, -1.0)
    x = 100.0 + np.stack([signs, signs]) * np.array([3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    x[:, :, 0] = np.where(np.arange(64) % 2, 103.0, 97.0)
    jitter = 1e-9 * np.random.default_rng(0).standard_normal(x.shape)
    assert one(x + jitter).sd_error[0] == pytest.approx(math.sqrt(7.0) / 4.0 / (2.0 * 2.0), rel=1e-6)


# --- stragglers ---


def test_a_straggler_is_eight_times_as_far_down_as_the_quartile() -> None:
    # Sorted: -8, -1, 0, 1, 2, so that the quartile lies at -1 and the median at 0.
    log_prob = np.array([[[1.0, -8.0, 0.0, 2.0, -1.0]]])
    assert not straggling(log_prob).any()
    log_prob[0, 0, 1] = -8.001
    np.testing.assert_array_equal(straggling(log_prob), [[False, True, False, False, False]])
    np.testing.assert_array_equal(straggling(100.0 + 3.0 * log_prob), [[False, True, False, False, False]])


def test_what_counts_is_a_walkers_mean_over_the_steps() -> None:
    level = np.array([[1.0, -8.0, 0.0, 2.0, -1.0]])
    # Walker 1 of the second ensemble lies at -20 for one step in two, and so at -10 in the mean.
    log_prob = np.stack([np.tile([[0.5, -0.5, 0.0, 1.5, -1.5]], (4, 1)), np.tile(level, (4, 1))])
    log_prob[1, :, 1] = [0.0, -20.0, 0.0, -20.0]
    expected = np.zeros((2, 5), dtype=bool)
    expected[1, 1] = True
    quartile, median = np.quantile(log_prob, [0.25, 0.5])
    assert median - 8.0 * (median - quartile) > -10.0
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


# --- ranks ---


def test_ranks_become_normal_scores_and_ties_share_theirs() -> None:
    from scipy.stats import norm, rankdata

    x = np.array([[3.0, 1.0, 2.0, 2.0], [5.0, 2.0, -1.0, 5.0]])
    expected = norm.ppf((rankdata(x).reshape(2, 4) - 0.375) / 8.25)
    np.testing.assert_allclose(convergence._normal_scores(x), expected, rtol=1e-12)
