"""What a calibration takes of its readings: against whole matrices of a linear model, and against SciPy."""

import math

import numpy as np
import pytest
from scipy import stats

from calibrate.hat import Hat, against_others, explained_by, tails, unequal

N, P = 20, 4
RNG = np.random.default_rng(5)
SLOPES = 2.0 * RNG.standard_normal((N, P))
# Of a linear model with standard normal priors and errors: posterior covariance, and what is left of the noise.
COVARIANCE = np.linalg.inv(np.eye(P) + SLOPES.T @ SLOPES)
H = SLOPES @ COVARIANCE @ SLOPES.T
LEFT = np.eye(N) - H


def exact() -> Hat:
    """Return the hat of the linear model, from its matrices and not from draws."""
    root = np.linalg.cholesky(COVARIANCE)
    return Hat(SLOPES @ root, SLOPES @ COVARIANCE / np.sqrt(np.diag(COVARIANCE)))


def readings(rng: np.random.Generator) -> np.ndarray:
    return SLOPES @ rng.standard_normal(P) + rng.standard_normal(N)


def test_a_hat_of_posterior_draws_is_that_of_the_linear_model() -> None:
    rng = np.random.default_rng(1)
    y = readings(rng)
    draws = COVARIANCE @ SLOPES.T @ y + rng.standard_normal((40_000, P)) @ np.linalg.cholesky(COVARIANCE).T
    for unit in (1.0, 7.0):  # of the readings
        errors = unit * (draws @ SLOPES.T - y)
        hat = Hat.of(errors, draws)
        # Its unit is the mean square of all errors, which is near that of the noise.
        scale = float(np.mean(errors**2)) / unit**2
        np.testing.assert_allclose(hat.factor @ hat.factor.T * scale, H, atol=0.02)
        np.testing.assert_allclose(hat.swing * math.sqrt(scale), exact().swing, atol=0.02)
        np.testing.assert_allclose(errors.mean(axis=0) / unit, -LEFT @ y, atol=0.03)


def test_leverage_and_what_is_left() -> None:
    hat = exact()
    np.testing.assert_allclose(hat.leverage, np.diag(H))
    assert hat.free == pytest.approx(np.trace(LEFT))
    np.testing.assert_allclose(hat.left(np.arange(N) * 1.0), LEFT @ np.arange(N))
    np.testing.assert_allclose(hat.kept, np.maximum(np.diag(LEFT), 0.2))
    some = hat.some(np.array([3, 7]))
    np.testing.assert_array_equal(some.swing, hat.swing[[3, 7]])
    np.testing.assert_allclose(some.factor @ some.factor.T, H[np.ix_([3, 7], [3, 7])])
    nothing = Hat.nothing(3)
    assert (nothing.leverage.tolist(), nothing.free, nothing.left(np.ones(3)).tolist()) == ([0.0] * 3, 3.0, [1.0] * 3)
    assert nothing.factor.shape == nothing.swing.shape == (3, 0)
    assert Hat(np.full((2, 1), 1.1), np.zeros((2, 0))).free == 0.0  # never below


def test_what_does_not_move_swings_nothing_and_a_large_mean_costs_no_digits() -> None:
    rng = np.random.default_rng(8)
    errors, draws = rng.standard_normal((64, 3)), np.round(8.0 * rng.standard_normal((64, 2))) / 8.0
    swing = Hat.of(errors, draws).swing
    np.testing.assert_allclose(Hat.of(errors, draws + np.array([2.0**40, 0.0])).swing, swing, rtol=1e-9)
    np.testing.assert_array_equal(Hat.of(errors, np.column_stack([draws[:, 0], np.ones(64)])).swing[:, 1], 0.0)
    nothing = Hat.of(np.zeros((64, 3)), draws)
    assert not nothing.factor.any()
    assert not nothing.swing.any()


def test_an_added_column_has_the_coefficient_of_a_fit_with_it() -> None:
    y, column = readings(np.random.default_rng(2)), np.repeat([1.0, -1.0], N // 2)
    found, probability = explained_by(column, LEFT @ y, exact())
    # Generalised least squares of the data, whose covariance without the column is 1 + S S'.
    inverse = np.linalg.inv(np.eye(N) + SLOPES @ SLOPES.T)
    assert found == pytest.approx(column @ inverse @ y / (column @ inverse @ column))
    rest = LEFT @ y - found * LEFT @ column
    free = np.trace(LEFT) - 1.0
    t = found * math.sqrt(column @ inverse @ column) / math.sqrt(rest @ rest / free)
    assert probability == pytest.approx(2.0 * stats.t.sf(abs(t), free))


def test_a_column_that_the_model_has_already_explains_nothing() -> None:
    factor = np.zeros((N, 1))
    factor[0] = 1.0
    hat = Hat(factor, np.zeros((N, 1)))
    assert explained_by(factor[:, 0], np.ones(N), hat) == (0.0, 1.0)
    residuals = np.random.default_rng(4).standard_normal(N)
    for kept, known in ((0.201, True), (0.199, False)):  # what draws leave of it by chance is not divided by
        factor[0] = math.sqrt(1.0 - kept)
        for unit in (0.1, 1.0, 10.0):
            found = explained_by((np.arange(N) == 0) * unit, residuals, hat)
            assert found[0] == (pytest.approx(residuals[0] / kept / unit) if known else 0.0)
    # Of five readings that make up a column, four decide their own predictions: a fifth of it is left, to the digit.
    assert explained_by((np.arange(N) < 5) * 1.0, residuals, Hat(np.eye(N, 4), np.zeros((N, 0)))) == (0.0, 1.0)
    assert explained_by(np.ones(5), np.ones(5) * 0.1, Hat.nothing(5)) == (0.0, 1.0)  # nothing remains
    assert explained_by(np.ones(4), np.arange(4.0), Hat.nothing(4)) == (0.0, 1.0)  # three are left, too few
    assert explained_by(np.ones(5), np.arange(5.0), Hat.nothing(5))[0] == pytest.approx(2.0)


def test_tests_do_not_depend_on_the_residuals_unit_up_to_where_numbers_end() -> None:
    residuals, half = LEFT @ readings(np.random.default_rng(7)), np.arange(N) < N // 2
    column = np.repeat([1.0, -1.0], N // 2)
    coefficient, probability = explained_by(column, residuals, exact())
    far, chances, pull = against_others(residuals, exact())
    for unit in (1e-6, 1e6):
        assert explained_by(column, unit * residuals, exact()) == pytest.approx((unit * coefficient, probability))
        for one, same in zip(against_others(unit * residuals, exact()), (far, chances, pull), strict=True):
            np.testing.assert_allclose(one, same)
        assert unequal(unit * residuals, half, exact()) == pytest.approx(unequal(residuals, half, exact()))
    with np.errstate(over="ignore"):
        assert explained_by(column, 1e200 * residuals, exact()) == (0.0, 1.0)
        assert unequal(1e200 * residuals, half, exact()) == (1.0, 1.0)
        assert tails(1e200 * residuals, Hat.nothing(N)) == (0.0, 1.0)
    far, chances, pull = against_others(np.full(N, math.inf), exact())
    assert (far.any(), chances.min(), pull.any()) == (False, 1.0, False)


def test_each_reading_is_held_against_the_prediction_of_all_others() -> None:
    y = readings(np.random.default_rng(3))
    far, probability, pull = against_others(LEFT @ y, exact())
    free = np.trace(LEFT) - 1.0
    for i in (0, 11):
        rest = np.arange(N) != i
        inverse = np.linalg.inv(np.eye(P) + SLOPES[rest].T @ SLOPES[rest])
        without = inverse @ SLOPES[rest].T @ y[rest]
        expected, variance = SLOPES[i] @ without, 1.0 + SLOPES[i] @ inverse @ SLOPES[i]
        residuals = LEFT @ y
        scale = math.sqrt((residuals @ residuals - residuals[i] ** 2 / LEFT[i, i]) / free)
        assert far[i] == pytest.approx((y[i] - expected) / (scale * math.sqrt(variance)))
        assert probability[i] == pytest.approx(2.0 * stats.t.sf(abs(far[i]), free))
        moved = (COVARIANCE @ SLOPES.T @ y - without) / np.sqrt(np.diag(COVARIANCE))
        np.testing.assert_allclose(pull[i], moved / scale)


def test_of_few_readings_or_one_that_has_more_than_all_nothing_is_said() -> None:
    far, probability, pull = against_others(np.ones(4), Hat(np.zeros((4, 1)), np.ones((4, 2))))
    assert (far.tolist(), probability.tolist(), pull.tolist()) == ([0.0] * 4, [1.0] * 4, [[0.0] * 2] * 4)
    assert against_others(np.ones(5), Hat.nothing(5))[1].max() < 1.0  # four are left, which is enough
    factor = np.zeros((8, 1))
    factor[0] = 0.999  # keeps a fifth, so that 3 squared by five is more than the sum of squares
    far, _, pull = against_others(np.array([3.0] + [0.1] * 7), Hat(factor, np.ones((8, 1))))
    assert far[0] == pull[0, 0] == 0.0
    assert against_others(np.zeros(8), Hat.nothing(8))[1].tolist() == [1.0] * 8


def test_unequal_halves_are_told_by_brown_and_forsythe() -> None:
    rng = np.random.default_rng(4)
    first = np.arange(40) < 15
    residuals = rng.standard_normal(40) * np.where(first, 3.0, 1.0)
    ratio, probability = unequal(residuals, first, Hat.nothing(40))
    wide, narrow = residuals[first], residuals[~first]
    assert ratio == pytest.approx(math.sqrt(np.mean(wide**2) / np.mean(narrow**2)))
    assert probability == pytest.approx(stats.levene(wide, narrow, center="median").pvalue)
    assert unequal(residuals, ~first, Hat.nothing(40)) == pytest.approx((1.0 / ratio, probability))
    assert unequal(residuals, np.arange(40) < 3, Hat.nothing(40)) == (1.0, 1.0)
    assert unequal(residuals, np.arange(40) < 4, Hat.nothing(40)) != (1.0, 1.0)
    # Nothing to compare: no scatter at all, none of the distances, none in one half.
    even = np.arange(40) < 16
    for same in (np.zeros(40), np.tile([1.0, -1.0], 20), np.where(even, residuals, 0.0)):
        assert unequal(same, even, Hat.nothing(40)) == (1.0, 1.0)
    # A fit that takes half of the noise of the first half leaves its residuals narrower, and fewer to count.
    factor = np.where(first[:, np.newaxis] & (np.arange(40)[:, np.newaxis] == np.arange(15)), math.sqrt(0.5), 0.0)
    hat = Hat(factor, np.zeros((40, 1)))
    leaner = unequal(np.where(first, math.sqrt(0.5), 1.0) * residuals, first, hat)
    assert leaner[0] == pytest.approx(ratio)
    assert leaner[1] > probability


def test_tails_are_told_by_anscombe_and_glynn() -> None:
    for seed, n in ((1, 20), (2, 57), (3, 400)):
        x = np.random.default_rng(seed).standard_t(4.0, n)
        expected = stats.kurtosistest(x, alternative="greater").pvalue
        for unit in (1.0, 1e100):
            assert tails(unit * x, Hat.nothing(n)) == pytest.approx((stats.kurtosis(x), expected))
    light = np.linspace(-1.0, 1.0, 20)
    expected = stats.kurtosistest(light, alternative="greater").pvalue
    assert 0.9 < expected < 0.99
    assert tails(light, Hat.nothing(20)) == pytest.approx((stats.kurtosis(light), expected))
    # SciPy takes the lightest tails that there are for heavy ones.
    even = np.tile([-1.0, 1.0], 20)
    assert tails(even, Hat.nothing(40)) == (-2.0, 1.0)
    assert tails(even[:19], Hat.nothing(19)) == tails(np.zeros(40), Hat.nothing(40)) == (0.0, 1.0)
    # A fit that takes half of the noise of some readings leaves these residuals narrower.
    x = np.random.default_rng(3).standard_t(4.0, 60)
    taken = Hat(math.sqrt(0.5) * np.eye(60, 20), np.zeros((60, 0)))
    found = tails(np.where(np.arange(60) < 20, math.sqrt(0.5), 1.0) * x, taken)
    assert found == pytest.approx(tails(x, Hat.nothing(60)))


def test_in_noise_each_test_finds_as_much_as_it_says() -> None:
    """Over data that prior and model expect: one in ten is below 0.1, and a wrong hat would show."""
    rng, hat = np.random.default_rng(6), exact()
    column, half = np.repeat([1.0, -1.0], N // 2), np.arange(N) < N // 2
    found = []
    for _ in range(600):
        residuals = LEFT @ readings(rng)
        found.append(
            [
                explained_by(column, residuals, hat)[1],
                against_others(residuals, hat)[1][0],
                unequal(residuals, half, hat)[1],
            ]
        )
    share = np.mean(np.array(found) < 0.1, axis=0)
    spread = math.sqrt(0.1 * 0.9 / 600)
    np.testing.assert_allclose(share[:2], 0.1, atol=4.0 * spread)
    assert share[2] < 0.1 + 4.0 * spread
