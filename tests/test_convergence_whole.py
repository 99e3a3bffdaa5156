"""A diagnosis as a whole: behind a burn-in, read in parts, with the log-probability, and by the walkers' own spread."""

from __future__ import annotations

import numpy as np
import pytest
from toys import ar1

from calibrate.sampling.columns import Columns
from calibrate.sampling.convergence import Diagnosis, _rhat, diagnose, floor
from calibrate.sampling.ladder import EXACT

FIGURES = ("rhat", "ess_bulk", "ess_tail", "mcse_mean", "autocorrelation_times", "sd_error")


def check_same(one: Diagnosis | None, other: Diagnosis | None) -> None:
    assert one is not None
    assert other is not None
    for name in FIGURES:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, err_msg=name)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Three quantities that differ in all figures, off their places in the first ten of sixty steps."""
    rng = np.random.default_rng(5)
    found = np.stack([3.0 + ar1(rho, (3, 60, 8), rng) ** power for rho, power in ((0.2, 1), (0.6, 1), (0.4, 3))], -1)
    found[:, :10] += np.array([5.0, -7.0, 9.0])
    return found


def test_the_steps_that_count_are_those_behind_the_burn_in(x: np.ndarray) -> None:
    check_same(diagnose(x, first=10), diagnose(x[:, 10:]))
    assert diagnose(x).log_prob is None
    assert not np.isclose(diagnose(x).rhat, diagnose(x, first=10).rhat, rtol=1e-3).any()
    assert np.isfinite(diagnose(x, first=44).rhat).all()  # sixteen steps
    assert np.isnan(diagnose(x, first=45).rhat).all()


@pytest.mark.parametrize("at_once", [3 * 2**22, 1])
def test_columns_are_diagnosed_as_the_array_is_whether_read_at_once_or_not(
    x: np.ndarray, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("calibrate.sampling.columns._AT_ONCE", at_once)
    found = diagnose(Columns(x, slice(10, None)))
    check_same(found, diagnose(x[:, 10:]))
    assert found.rhat.shape == (3,)


def test_the_log_probability_is_one_more_quantity_and_stragglers_are_of_the_kept_steps(x: np.ndarray) -> None:
    """One of 24 walkers stays 40 below the rest; another one did so before the burn-in was over, by far more."""
    log_prob = -np.random.default_rng(6).gamma(1.5, size=x.shape[:-1])
    log_prob[1, :, 3] -= 40.0
    log_prob[2, :10, 5] -= 1e4
    found = diagnose(x, log_prob, first=10)
    check_same(found, diagnose(x[:, 10:]))
    check_same(found.log_prob, diagnose(log_prob[:, 10:, :, np.newaxis]))
    lost = found.stragglers
    assert lost is not None
    assert lost.share == 1 / 24
    kept = log_prob[:, 10:]
    assert lost.depth == pytest.approx(np.median(kept) - kept[1, :, 3].mean())
    np.testing.assert_allclose(lost.place, np.median(x[1, 10:, 3], axis=0))
    assert found.log_prob is not None
    assert found.log_prob.stragglers is found.log_prob.log_prob is None


def test_where_only_walkers_differ_their_squares_decide_on_the_error_of_the_standard_deviation() -> None:
    """All ensembles have walkers far out; their squares among the others' are what the standard deviation hangs on.

    They are so many that sums are taken about the mean of some of them.
    """
    rng = np.random.default_rng(8)
    places = np.tile([2.0, 2.5, 3.0, 3.5, 2.2, 2.7, 3.2, 9.0], 4)
    x = places + 0.1 * rng.standard_normal((4, 80, 32))
    assert x.size > EXACT
    square = (x - x.mean()) ** 2
    error = square.mean(axis=1).std() / np.sqrt(4 * 32)
    by_ensembles = square.mean(axis=2).std() / np.sqrt(4 * 80)
    assert by_ensembles < 0.2 * error
    assert diagnose(x[..., np.newaxis]).sd_error[0] == pytest.approx(error / (2.0 * square.mean()), rel=1e-9)


def test_a_quantity_that_is_often_nought_is_diagnosed_as_it_is_alone() -> None:
    """Half of its draws are one, so that the mean of their normal scores is not nought as the others' is."""
    found = ar1(0.5, (4, 200, 8, 2), np.random.default_rng(9))
    found[..., 0] = np.maximum(found[..., 0], 0.0)
    for i in range(2):
        assert diagnose(found).ess_bulk[i] == pytest.approx(diagnose(found[..., i : i + 1]).ess_bulk[0], rel=1e-9)


@np.errstate(divide="ignore")  # as where it is asked
def test_scores_that_are_one_but_for_rounding_agree() -> None:
    """Ensembles 1e-6 apart: the variance of that is 1e-12, below 1e-9. Twice 5e-10 is 1e-9 and no longer below it."""
    means = np.broadcast_to(1.0 + 1e-6 * np.arange(4.0)[:, np.newaxis], (1, 4, 100))
    assert _rhat(means, means**2, 8).tolist() == [1.0]
    nought = np.zeros((1, 3, 4))
    assert _rhat(nought, nought + 5e-10, 1).tolist() == [0.5**0.5]


@pytest.mark.parametrize(("size", "every"), [(19_999, 1), (20_000, 3), (40_000, 5)])
def test_of_twice_ten_thousand_draws_every_third_tells_the_floor(size: int, every: int) -> None:
    """The median less eight times its distance from the quartile, which is more than ten."""
    draws = 5.0 * np.random.default_rng(0).standard_normal(size)
    quartile, median = np.percentile(draws[::every], [25, 50])
    assert floor(draws) == pytest.approx(median - 8.0 * (median - quartile), rel=1e-12)
