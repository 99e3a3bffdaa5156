"""Numbers about residuals against the same worked out in another way: sums written out, and whole matrices."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from calibrate.residuals import explained, isolated, outlying, serial

ANGLES = [4.0, 1.0, 3.0, 2.0]
LOADS = [9.0, 1.0, 6.0, 2.0]
RESIDUALS = [0.5, -1.0, 0.25, 2.0]
SIGMA = [1.0, 2.0, 4.0, 2.0]


def test_shares_of_weighted_readings() -> None:
    weights = [1.0, 1 / 4, 1 / 16, 1 / 4]
    mean = sum(w * y for w, y in zip(weights, LOADS, strict=True)) / sum(weights)
    total = sum(w * (y - mean) ** 2 for w, y in zip(weights, LOADS, strict=True))
    left = sum(w * r**2 for w, r in zip(weights, RESIDUALS, strict=True))
    order = [1, 3, 2, 0]  # by angle
    noise = sum((LOADS[j] - LOADS[i]) ** 2 / (1 / weights[i] + 1 / weights[j]) for i, j in pairwise(order)) / 3
    expected = 1 - left / total, 1 - noise * sum(weights) / total
    for unit in (1.0, 100.0):
        found = explained(*(np.array(part) for part in (ANGLES, LOADS, RESIDUALS)), unit * np.array(SIGMA))
        assert found == pytest.approx(expected, rel=1e-14)


def test_three_readings_are_enough_and_small_loads_are_loads() -> None:
    angles, ones = np.arange(3.0), np.ones(3)
    loads = np.array([0.0, 0.1, 0.2])
    assert explained(angles, loads, np.array([0.1, 0.0, 0.0]), ones) == pytest.approx((0.5, 0.25))
    for n, y in ((2, [0.0, 1.0]), (3, [2.0, 2.0, 2.0])):
        share, possible = explained(np.arange(n), np.array(y), np.zeros(n), np.ones(n))
        assert math.isnan(share)
        assert possible == 0.0
    with np.errstate(over="ignore"):
        share, possible = explained(angles, np.array([0.0, 1e200, 0.0]), np.zeros(3), ones)
    assert math.isnan(share)
    assert possible == 0.0


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4]])
def test_what_scatters_at_one_angle_is_no_curve_in_whatever_order(order: list[int]) -> None:
    """Two, three and one reading at three angles, with means of 2, 5 and 9, which scatter by 2 and 6 squares."""
    angles, loads = np.array([[0.0, 0.0, 1.0, 1.0, 1.0, 2.0], [1.0, 3.0, 4.0, 7.0, 4.0, 9.0]])[:, order]
    noise = (2.0 + 6.0 + 3.0**2 / (1 / 2 + 1 / 3) + 4.0**2 / (1 / 3 + 1)) / 5
    total = float(((loads - 28 / 6) ** 2).sum())
    assert explained(angles, loads, np.zeros(6), np.ones(6)) == pytest.approx((1.0, 1.0 - noise * 6 / total))
    flat = explained(np.zeros(6), loads, loads - 28 / 6, np.ones(6))
    assert flat == pytest.approx((0.0, 1.0 - 6 / 5), abs=1e-12)


def test_slips_are_apart_from_their_neighbours_and_a_bend_is_not() -> None:
    angles = np.array([5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0])
    residuals = np.array([0.1, 9.0, 0.2, -7.0, 6.0, 5.0, 0.0])
    # By angle 9, 0.2, -7, 6, 0.1, 5, 0: from the next on either side that is not asked about by 8.8, 7.1, 5.8 and 4.9.
    rows = np.array([1, 3, 4, 5])
    for off, expected in ((-1e-9, [True] * 4), (1e-9, [False] * 4)):
        assert isolated(angles, residuals, rows, np.array([8.8, 7.1, 5.8, 4.9]) + off).tolist() == expected
    assert isolated(angles, residuals, rows[:0], np.empty(0)).tolist() == []
    assert not isolated(np.arange(3.0), np.array([0.0, 9.0, 0.0]), np.array([1]), np.array([9.0])).any()  # just as far
    # At one angle the next one is that of the file: beside 8.5 before it 9 is near, whatever comes after.
    same = np.zeros(60)
    same[[30, 32]] = 8.5, 9.0
    assert not isolated(np.tile([0.0, 1.0], 30), same, np.array([32]), np.array([1.0])).any()
    # Beside 5.5 at 5.5 degrees, which is not asked about, 5 is half away from one side.
    near = isolated(np.append(angles, 5.5), np.append(residuals, 5.5), rows, np.full(4, 0.6))
    assert near.tolist() == [True, True, True, False]


def spread(n: int, *far: float) -> np.ndarray:
    """Return residuals of alternating sign, evenly spread up to 0.01, the last ones as given."""
    even = 0.01 * np.arange(1.0, n + 1) / n * (-1.0) ** np.arange(n)
    even[n - len(far) :] = far
    return even


@pytest.mark.parametrize("fitted", [0, 4])
def test_readings_apart(fitted: int) -> None:
    n, free = 40, 40 - fitted
    residuals = spread(n, 1.0, -3.0, 2.0)
    scale = np.quantile(np.abs(residuals), 0.6827) * math.sqrt(n / free)
    expected = norm.isf(1e-3 / n / 2) * (1 + 20 / free + 100 / free**2)
    rows, sizes, threshold = outlying(residuals, fitted)
    assert rows.tolist() == [38, 39, 37]
    assert sizes == pytest.approx(np.array([3.0, 2.0, 1.0]) / scale, rel=1e-12)
    assert threshold == pytest.approx(expected, rel=1e-10)
    for factor, found in ((0.999999, []), (1.000001, [39])):
        assert outlying(spread(n, factor * expected * scale_of(n, fitted)), fitted)[0].tolist() == found


def scale_of(n: int, fitted: int) -> float:
    """Return the scale of `spread` with one reading far off, wherever it is."""
    return float(np.quantile(np.abs(spread(n, 9.0)), 0.6827) * math.sqrt(n / (n - fitted)))


def test_a_reading_just_at_the_threshold_is_not_apart() -> None:
    scale = scale_of(40, 4)
    threshold = outlying(spread(40, 9.0), 4)[2]
    near = threshold * scale
    at = [r for r in (np.nextafter(near, 0.0), near, np.nextafter(near, 1e9)) if r / scale == threshold]
    assert at
    assert outlying(spread(40, float(at[0])), 4)[0].size == 0


@pytest.mark.parametrize(("n", "fitted", "enough"), [(9, 4, False), (10, 4, True), (5, 0, False), (6, 0, True)])
def test_readings_enough_to_tell(n: int, fitted: int, enough: bool) -> None:
    rows, sizes, threshold = outlying(spread(n, 1e6), fitted)
    assert (rows.size, sizes.size, math.isfinite(threshold)) == ((1, 1, True) if enough else (0, 0, False))
    assert rows.dtype == np.intp
    assert sizes.dtype == np.float64
    none = outlying(np.zeros(n), fitted)
    assert (none[0].tolist(), none[1].tolist(), none[2]) == ([], [], math.inf)
    np.arange(3)[none[0]]  # rows are an index, however many


def by_matrices(residuals: np.ndarray, columns: np.ndarray) -> tuple[float, float]:
    """Return Durbin and Watson's numbers by whole matrices."""
    n = residuals.size
    steps = np.diff(np.eye(n), axis=0)
    left = np.eye(n) - (columns @ np.linalg.pinv(columns) if columns.size else 0.0)
    matrix = left @ steps.T @ steps @ left
    free = n - columns.shape[1]
    mean = np.trace(matrix) / free
    variance = 2.0 * (np.trace(matrix @ matrix) - free * mean**2) / (free * (free + 2.0))
    ratio = residuals @ steps.T @ steps @ residuals / (residuals @ residuals)
    return 1.0 - ratio / mean, float(norm.cdf((ratio - mean) / math.sqrt(variance)))


@pytest.mark.parametrize("n", [8, 30])
def test_neighbours_by_whole_matrices(n: int) -> None:
    rng = np.random.default_rng(n)
    columns = 100.0 * rng.standard_normal((n, 2))
    residuals = np.cumsum(rng.standard_normal(n))
    assert serial(residuals) == pytest.approx(by_matrices(residuals, np.zeros((n, 0))), rel=1e-9)
    for scale in (1.0, 1e-9):
        found = serial(scale * residuals, columns)
        assert found == pytest.approx(by_matrices(residuals, columns), rel=1e-9)


@pytest.mark.parametrize(("size", "fitted"), [(1.0, 0), (float(np.nextafter(1.0, 2.0)), 1), (50.0, 1)])
def test_a_direction_counts_as_fitted_if_the_readings_tell_more_than_the_prior(size: float, fitted: int) -> None:
    residuals = np.cumsum(np.random.default_rng(1).standard_normal(12))
    column = np.zeros((12, 1))
    column[4] = size
    assert serial(residuals, column) == pytest.approx(by_matrices(residuals, column[:, :fitted]), rel=1e-9)


def test_fewest_readings_that_tell_a_pattern() -> None:
    rising = np.arange(9.0)
    one, two = np.eye(9)[:, :1] * 9.0, np.eye(9)[:, :2] * 9.0
    assert serial(rising[:5]) == serial(rising[:6], one[:6]) == (0.0, 1.0)
    assert serial(rising[:6])[0] > 0.5
    assert serial(rising[:7], one[:7])[0] > 0.5
    assert serial(rising[:7], two[:7]) == (0.0, 1.0)
    assert serial(np.zeros(9)) == (0.0, 1.0)
    with np.errstate(over="ignore"):
        assert serial(1e200 * rising) == (0.0, 1.0)
