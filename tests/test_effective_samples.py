"""R-hat, effective samples and errors of made-up chains: by hand, against ArviZ and against what is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arviz_stats.base.array import array_stats
from toys import ar1

from calibrate.sampling.convergence import MIN_TIMES, Diagnosis, diagnose
from calibrate.sampling.ladder import EXACT, ladders, sums_of
from calibrate.sampling.series import effective_samples, independent_draws


def one(x: np.ndarray) -> Diagnosis:
    """Diagnose one parameter (ensembles, steps, walkers)."""
    return diagnose(x[..., np.newaxis])


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
    assert np.isfinite(found.rhat[1])


def test_walkers_that_each_stay_where_they_are_have_no_effective_samples() -> None:
    stays = np.tile(np.arange(8.0), (2, 40, 1))
    found = one(stays)
    assert found.ess_bulk[0] == 0.0
    assert effective_samples(stays) == 0.0


def test_each_parameter_is_diagnosed_by_itself_and_in_its_order() -> None:
    rng = np.random.default_rng(4)
    x = np.stack([rng.standard_normal((2, 50, 8)), ar1(0.5, (2, 50, 8), rng), rng.gamma(1.0, size=(2, 50, 8))], axis=-1)
    together, height = diagnose(x), diagnose(x[..., :1], x[..., 2]).log_prob
    assert height is not None
    for name in ("rhat", "ess_bulk", "ess_tail", "mcse_mean", "autocorrelation_times", "sd_error"):
        alone = [getattr(one(x[..., i]), name)[0] for i in range(3)]
        np.testing.assert_array_equal(getattr(together, name), alone)
        np.testing.assert_array_equal(getattr(height, name), alone[2:])
        later = getattr(diagnose(x, first=17), name)
        np.testing.assert_array_equal(later, getattr(diagnose(x[:, 17:]), name))


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
    assert one(x).ess_tail[0] == pytest.approx(ends[0], rel=1e-9)
    assert one(x).ess_tail[0] == pytest.approx(one(-x).ess_tail[0], rel=1e-12)


def test_bulk_figures_do_not_depend_on_the_scale_and_the_error_does() -> None:
    x = ar1(0.3, (2, 64, 8), np.random.default_rng(3))
    found, cubed = one(x), one(x**3)
    for name in ("ess_bulk", "ess_tail", "autocorrelation_times"):
        np.testing.assert_allclose(getattr(found, name), getattr(cubed, name), rtol=1e-9)
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
        theirs = float(array_stats.rhat(x, chain_axis=0, draw_axis=1))
        # ArviZ ranks without the middle step, ours with it.
        assert one(x[..., np.newaxis]).rhat[0] == pytest.approx(theirs, rel=1e-12 if steps < 300 else 2e-4)


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
    found = one(x[..., np.newaxis]).rhat[0]
    assert found > 1.05
    assert found == pytest.approx(float(array_stats.rhat(x, chain_axis=0, draw_axis=1)), rel=1e-12)


def test_ensembles_that_disagree_do_so_in_their_own_parameter() -> None:
    rng = np.random.default_rng(4)
    agreed = rng.standard_normal((4, 400, 16, 2))
    assert diagnose(agreed).worst_rhat < 1.005
    apart = agreed.copy()
    apart[0, ..., 1] += 1.0
    assert diagnose(apart).rhat[0] < 1.01
    assert diagnose(apart).rhat[1] > 1.05


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


def test_many_walkers_do_not_make_up_for_time() -> None:
    slow = ar1(0.98, (4, 100, 512), np.random.default_rng(0))[..., np.newaxis]
    found = diagnose(slow)
    assert found.smallest_ess > 200
    assert found.autocorrelation_times[0] < MIN_TIMES


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


def test_a_few_sums_are_those_of_all_draws() -> None:
    from scipy.stats import norm, rankdata

    x = np.round(ar1(0.3, (2, 12, 5), np.random.default_rng(3)), 1)  # ties
    x[0, 3, 2] = 1e9
    found = sums_of(x[..., np.newaxis])
    scores = norm.ppf((rankdata(x).reshape(x.shape) - 0.375) / (x.size + 0.25))
    folded = norm.ppf((rankdata(np.abs(x - np.median(x))).reshape(x.shape) - 0.375) / (x.size + 0.25))
    low, high = np.quantile(x, [0.05, 0.95])
    away = x - x.mean()
    for name, values in {
        "value": away,
        "square": away**2,
        "score": scores,
        "score2": scores**2,
        "folded": folded,
        "folded2": folded**2,
        "low": x <= low,
        "high": x >= high,
    }.items():
        np.testing.assert_allclose(found[name][0], values.mean(axis=2), rtol=1e-9, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(found.walkers[:, 0], [away.mean(axis=1), (away**2).mean(axis=1)], rtol=1e-9, atol=1e-12)
    assert found.centre == pytest.approx([x.mean()])


@pytest.mark.parametrize("kind", ["normal", "two hills of unlike width", "heavy tails", "very narrow"])
def test_of_many_draws_the_scores_are_normal_nearly(kind: str) -> None:
    """Also within a hill that is a thousandth as wide as the other: an interval there has half of the rungs."""
    from scipy.stats import norm, rankdata

    x = np.random.default_rng(5).standard_normal((2, 50, 200))
    if kind == "two hills of unlike width":
        x[:, :, ::2] = 3.0 + 1e-3 * x[:, :, ::2]
    elif kind == "heavy tails":
        x = np.sinh(4.0 * x)
    elif kind == "very narrow":
        x = 1e6 + 1e-6 * x
    assert x.size > EXACT
    exact = norm.ppf((rankdata(x).reshape(x.shape) - 0.375) / (x.size + 0.25))
    found = sums_of(x[..., np.newaxis])
    np.testing.assert_allclose(found["score"][0], exact.mean(axis=2), atol=0.06)
    assert np.corrcoef(found["score"].ravel(), exact.mean(axis=2).ravel())[0, 1] > 0.99
    assert found["score2"].mean() == pytest.approx(1.0, abs=0.1)
    assert found["low"].mean() == pytest.approx(0.05, abs=0.02)
    assert found["high"].mean() == pytest.approx(0.05, abs=0.02)
    narrow = x[:, :, ::2][..., np.newaxis]  # one hill by itself, seen as sharply
    own = norm.ppf((rankdata(narrow).reshape(narrow.shape) - 0.375) / (narrow.size + 0.25))
    assert np.corrcoef(sums_of(narrow)["score"].ravel(), own.mean(axis=2).ravel())[0, 1] > 0.99


def test_differences_within_a_narrow_hill_show_beside_a_wide_one() -> None:
    x = np.random.default_rng(6).standard_normal((4, 50, 100))
    x[:, :, ::2] = 3.0 + 1e-3 * x[:, :, ::2]
    assert one(x).rhat[0] < 1.005
    x[0, :, ::2] += 3e-3  # by three of the narrow hill's widths
    assert one(x).rhat[0] > 1.02


def test_ranks_become_normal_scores_and_ties_share_theirs() -> None:
    from scipy.stats import norm, rankdata

    ties = np.array([3.0, 1.0, 2.0, 2.0, 5.0, 2.0, -1.0, 5.0])
    above = np.array([4.0, 4.0, 4.0, 4.0, 4.0, 7.0, 8.0, 6.0])  # the median is the lowest
    infinite = np.array([-np.inf, 1.0, np.inf, 2.0, 3.0, -np.inf, 4.0, 0.0])
    with np.errstate(invalid="ignore"):  # as `sums_of` does: what a quantile between infinities is nobody knows
        found = ladders(np.stack([ties, above, infinite, np.zeros(8)]))
    np.testing.assert_array_equal(found.count, [5, 4, 7, 1])
    np.testing.assert_array_equal(found.rungs[0, :5], [-1.0, 1.0, 2.0, 3.0, 5.0])
    for i, x in enumerate((ties, above, infinite, np.zeros(8))):
        at = np.searchsorted(found.rungs[i, : found.count[i]], x, side="right")
        for scores, value in ((found.scores[i], x), (found.folded[i], np.abs(x - np.median(x)))):
            np.testing.assert_allclose(scores[at], norm.ppf((rankdata(value) - 0.375) / 8.25), rtol=1e-12, atol=1e-15)
            assert scores[0] == scores[1]
        if i != 2:
            np.testing.assert_allclose(found.ends[i, 2:], [x.mean(), *np.quantile(x, [0.05, 0.95])], rtol=1e-12)
    # What lies below is in the first interval, what lies above in the last.
    starts, (lowest, scale, *_) = found.starts[2], found.ends[2]
    assert lowest == 0.0
    assert scale == (len(starts) - 1) / 4.0
    np.testing.assert_array_equal(starts[[0, 1, 256, 257, 512, 513, -2, -1]], [0, 2, 2, 3, 3, 4, 5, 7])


def test_where_next_to_all_draws_are_alike_nothing_disagrees() -> None:
    """A tension that is nought but for one draw in ten thousand: its scores are all one, and that is no R-hat."""
    x = np.zeros((4, 100, 100))
    x[2, 17, 3] = 5.0
    assert one(x).rhat[0] == pytest.approx(1.0, abs=1e-3)
    x[1, :50] = 5.0  # the control: half of an ensemble is elsewhere
    assert one(x).rhat[0] > 1.1
