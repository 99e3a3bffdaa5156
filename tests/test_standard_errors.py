"""Standard errors of means and quantiles, held to their scatter, and the autocorrelation times they are by."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arviz_stats.base.array import array_stats
from toys import ar1

from calibrate.sampling import series
from calibrate.sampling.series import effective_samples, errors_of, stride, worth

# --- autocorrelation times ---


@pytest.mark.parametrize(
    ("correlation", "time"),
    [
        ([1.0, 0.5, 0.25, 0.125, 0.125, -0.25, 0.5, 0.5], 2 * (1.5 + 0.375) - 1 + 0.125),  # the third pair is negative
        ([1.0, 0.5, 0.25, 0.125, -0.125, -0.25, 0.5, 0.5], 2 * (1.5 + 0.375) - 1),  # and so is its first
        ([1.0, 0.5, 0.25, -0.25, 0.5, 0.25], 2 * 1.5 - 1 + 0.25),  # nought is not positive
        ([1.0, -0.75, 0.5, 0.25, 0.5, -0.5], 2 * (0.25 + 0.25) - 1 + 0.5),  # a pair is no larger than the one before
        ([1.0, 0.5, 0.25, 0.25, 0.125, 0.125, 9.0], 2 * (1.5 + 0.5) - 1 + 0.125),  # the last of an odd number is alone
    ],
)
def test_correlations_are_summed_in_pairs_while_these_are_positive(correlation: list[float], time: float) -> None:
    assert series._time(np.array(correlation)) == time
    assert series._time(np.array([[1.0, *[-0.5] * (len(correlation) - 1)], correlation]))[1] == time


def test_what_is_the_same_in_all_draws_is_known_exactly() -> None:
    assert effective_samples(np.full((2, 40, 8), 3.0)) == 640.0


# --- standard errors of estimates ---


def test_errors_of_means_and_quantiles_are_their_scatter() -> None:
    """Over 200 repetitions of an autoregression of skewed numbers, which tell a scatter to a twentieth."""
    rng, found, errors = np.random.default_rng(9), [], []
    for _ in range(200):
        x = np.exp(0.5 * ar1(0.7, (4, 120, 8), rng))
        found.append([x.mean(), *np.quantile(x, [0.05, 0.95])])
        errors.append(errors_of(x, (0.05, 0.95)))
    ratio = np.sqrt((np.array(errors) ** 2).mean(axis=0)) / np.std(found, axis=0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.17)


def test_errors_of_few_steps_are_unknown_and_of_stuck_walkers_infinite() -> None:
    x = np.random.default_rng(1).standard_normal((2, 40, 4))
    assert np.isfinite(errors_of(x[:, :8], (0.05,))).all()
    assert np.isnan(errors_of(x[:, :7], (0.05,))).all()
    assert np.isnan(errors_of(x[:1], (0.05,))).all()
    assert np.isinf(errors_of(np.ones((2, 40, 4)), (0.05, 0.95))).all()
    assert len(errors_of(x, (0.05, 0.95))) == 3


def test_the_error_of_the_mean_is_arvizs() -> None:
    x = ar1(0.5, (4, 300, 1), np.random.default_rng(2))
    theirs = float(array_stats.mcse(x[..., 0], chain_axis=0, draw_axis=1, method="mean"))
    assert errors_of(x, ())[0] == pytest.approx(theirs, rel=1e-2)
    theirs = float(array_stats.mcse(x[..., 0], chain_axis=0, draw_axis=1, method="quantile", prob=0.95))
    assert errors_of(x, (0.95,))[1] == pytest.approx(theirs, rel=0.15)


def test_a_quantiles_error_is_half_of_what_lies_between_the_draws_at_its_shares_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The numbers from 0 to 80 in any order, so that each is its own place; shares that err by a tenth."""
    x = np.random.default_rng(0).permutation(81.0 * np.arange(81) / 81.0).reshape(3, 9, 3)
    below: list[float] = []

    def tenth(means: np.ndarray) -> np.ndarray:
        below.append(float(means.sum()) * 3.0)
        return np.array(0.1)

    monkeypatch.setattr(series, "standard_error", tenth)
    found = errors_of(x, (0.25, 0.33125, 0.05, 0.95))
    # From place 12 to 28, from 18.5 to 34.5, both rounded down to even; from the first to 12, and from 68 to the last.
    np.testing.assert_allclose(found, [0.1, 8.0, 8.0, 6.0, 6.0], rtol=1e-12)
    # Draws at the quantile are below it: 20, 26.5 midway between two draws, 4 and 76.
    np.testing.assert_allclose(below[1:], [21.0, 27.0, 5.0, 77.0], rtol=1e-12)


def test_each_quantity_has_errors_of_its_own() -> None:
    rng = np.random.default_rng(5)
    x = np.stack(
        [ar1(0.5, (3, 40, 4), rng), np.exp(ar1(0.9, (3, 40, 4), rng)), np.ones((3, 40, 4)), np.zeros((3, 40, 4))]
    )
    x[2] += np.arange(3.0)[:, np.newaxis, np.newaxis]  # never moves, and each ensemble is elsewhere
    x[3, 1] = rng.standard_normal((40, 4))  # one ensemble moves
    together = errors_of(x, (0.05, 0.5))
    assert together.shape == (3, 4)
    for i, one in enumerate(x):
        np.testing.assert_array_equal(together[:, i], errors_of(one, (0.05, 0.5)))
    assert np.isinf(together[:, 2]).all()
    assert np.isfinite(together[:, [0, 1, 3]]).all()


# --- few steps of very many ---


@pytest.mark.parametrize(
    ("ensembles", "kept", "walkers", "of"),
    [
        (4, 0, 32, 1),
        (8, 1999, 500, 1),  # a thousand steps are kept whatever they hold
        (8, 2000, 500, 2),
        (8, 3500, 500, 3),
        (4, 3999, 250, 1),  # two million draws are 2,000 steps
        (4, 4000, 250, 2),
        (2, 6006, 333, 2),  # or 3,003
        (1, 4_000_000, 1, 2),
    ],
)
def test_estimates_are_made_from_a_thousand_steps_and_two_million_draws(
    ensembles: int, kept: int, walkers: int, of: int
) -> None:
    assert stride(ensembles, kept, walkers) == of


@pytest.mark.parametrize(
    ("picks", "chain", "effective", "expected"),
    [
        (4, 8, 2.0, 1.6),  # 1 / (1/4 - 1/8 + 1/2)
        (4000, math.inf, 4000.0, 2000.0),
        (4, 8, 0.5, 8 / 17),
        (10, 10, 5.0, 5.0),  # all that there are
        (10, 5, 5.0, 5.0),  # some of them twice
        (10, 10, 40.0, 10.0),  # draws that alternate are worth more than they are, picks are not
        (4, 8, 0.0, 0.0),
        (4, 8, -1.0, 0.0),
        (4, 8, math.nan, 0.0),
    ],
)
def test_picks_are_worth_what_the_chain_and_their_number_leave(
    picks: int, chain: float, effective: float, expected: float
) -> None:
    assert worth(picks, chain, effective) == pytest.approx(expected, rel=1e-14)
