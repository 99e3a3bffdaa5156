"""Numbers about residuals, against values worked out by hand and against noise itself."""

import math

import numpy as np
import pytest

from calibrate.residuals import explained, outlying, serial


def test_share_explained_matches_a_hand_computed_value() -> None:
    angles, loads = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 6.0])
    share, possible = explained(angles, loads, np.array([1.0, 0.0, 0.0, -1.0]), np.full(4, 7.0))
    assert share == pytest.approx(1.0 - 2.0 / 14.0)  # squares about the mean of 3: 4 + 1 + 0 + 9
    assert possible == pytest.approx(1.0 - 4.0 * (1.0 + 1.0 + 9.0) / 6.0 / 14.0)
    again = explained(angles[::-1], loads[::-1], np.array([-1.0, 0.0, 0.0, 1.0]), np.full(4, 0.1))
    assert again == pytest.approx((share, possible))
    mixed = [2, 0, 3, 1]  # neighbours are those by angle, in whatever order they were read
    assert explained(angles[mixed], loads[mixed], np.array([0.0, 1.0, -1.0, 0.0]), np.full(4, 7.0))[1] == possible


def test_readings_count_by_their_weight() -> None:
    # With a sigma of 1e6 the last reading is not there, neither for the mean nor for the squares.
    sigma = np.array([1.0, 1.0, 1.0, 1e6])
    share, _ = explained(np.arange(4.0), np.array([1.0, 2.0, 3.0, 99.0]), np.array([1.0, 0.0, 0.0, 50.0]), sigma)
    assert share == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(("n", "loads"), [(1, 3.0), (2, None), (5, 3.0)])
def test_nothing_is_said_of_too_few_or_constant_loads(n: int, loads: float | None) -> None:
    y = np.arange(float(n)) if loads is None else np.full(n, loads)
    share, possible = explained(np.arange(float(n)), y, np.zeros(n), np.ones(n))
    assert math.isnan(share)
    assert possible == 0.0


def test_a_curve_is_told_from_noise() -> None:
    x, rng = np.linspace(0.0, 6.0, 400), np.random.default_rng(0)
    assert explained(x, np.sin(x), np.zeros(400), np.ones(400))[1] > 0.999
    assert abs(explained(x, rng.standard_normal(400), np.zeros(400), np.ones(400))[1]) < 0.3


def test_probability_of_a_pattern_is_uniform_in_the_residuals_of_a_fit() -> None:
    # Ten columns fitted to 30 numbers: their residuals alternate, and would look odd without the correction.
    rng = np.random.default_rng(1)
    columns = np.cos(np.outer(np.arange(30.0) + 0.5, np.arange(10.0)) * np.pi / 30.0)
    root = np.linalg.qr(columns)[0]
    found, plain = [], []
    for _ in range(2000):
        noise = rng.standard_normal(30)
        left = noise - root @ (root.T @ noise)
        found.append(serial(left, 100.0 * columns)[1])
        plain.append(serial(left)[1])
    # Kolmogorov's statistic at 1 in 1000, and half as much again since the ratio is not quite Gaussian.
    grid = (np.arange(2000) + 0.5) / 2000
    assert np.abs(np.sort(found) - grid).max() < 1.5 * 1.95 / math.sqrt(2000)
    assert np.abs(np.sort(plain) - grid).max() > 0.5  # the control


def test_directions_that_the_prior_knows_better_do_not_count_as_fitted() -> None:
    noise = np.random.default_rng(2).standard_normal(30)
    columns = np.random.default_rng(3).standard_normal((30, 4))
    assert serial(noise, 1e-3 * columns) == serial(noise)
    assert serial(noise, 1e3 * columns) != serial(noise)


@pytest.mark.parametrize(
    ("residuals", "expected"),
    [(np.zeros(20), (0.0, 1.0)), (np.arange(5.0), (0.0, 1.0)), (np.full(20, np.nan), (0.0, 1.0))],
)
def test_what_tells_nothing_is_no_pattern(residuals: np.ndarray, expected: tuple[float, float]) -> None:
    assert serial(residuals) == expected


def test_one_reading_far_off_is_found_and_noise_is_not() -> None:
    noise = np.random.default_rng(4).standard_normal(50)
    assert outlying(noise, 6)[0].size == 0
    far = noise.copy()
    far[[7, 30]] = 20.0, -40.0
    rows, sizes, threshold = outlying(far, 6)
    assert rows.tolist() == [30, 7]
    assert sizes[0] == pytest.approx(2.0 * sizes[1])
    assert 5.0 < threshold < sizes[1]
    assert outlying(far[:8], 6)[0].size == 0  # too few to tell


def test_thresholds_fall_with_what_is_left_over_by_the_fit() -> None:
    few, many = (outlying(np.random.default_rng(5).standard_normal(n), 6)[2] for n in (15, 500))
    # Beyond 4.7 standard deviations noise lies once in 500 * 1000 / 2.
    assert few > 3.0 * many
    assert many == pytest.approx(4.75, rel=0.1)
