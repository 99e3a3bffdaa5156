"""The parts of a best fit: errors, sides, slopes, leverage and neighbours, each by itself."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lines import SD, line, same

from calibrate import bestfit as module

BEST = np.array([2.9, 0.3, 1.0])


# --- Errors and sides. ------------------------------------------------------------------------------------------------


def test_errors_are_those_of_the_best_draw_and_1_where_they_are_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    full = np.array([[2.9, 0.3, 1.0, 7.0]])
    variances = {"t0": np.array([[0.25, 0.0, np.inf]]), "t1": np.array([[np.nan, 16.0]])}

    def variance_of(test: Any, at: np.ndarray, law: str) -> np.ndarray:
        assert at is full
        assert law == f"law of {test.name}"
        return variances[test.name]

    monkeypatch.setattr(module, "variance_of", variance_of)
    posterior: Any = SimpleNamespace(
        tests=[SimpleNamespace(name="t0"), SimpleNamespace(name="t1")],
        full=lambda q: full if q is BEST else None,
        law=lambda q, name: f"law of {name}" if q is BEST else None,
    )
    assert module._sigma(posterior, BEST).tolist() == [0.5, 1.0, 1.0, 1.0, 4.0]


@pytest.mark.parametrize(("sign", "expected"), [(1.0, [False, False, True]), (-1.0, [True, True, False])])
def test_readings_lie_on_the_valgus_side_of_the_pose_in_which_both_condyles_touch(
    sign: float, expected: list[bool]
) -> None:
    """The pose is at 0.1 rad valgus, which is 5.7 degrees; the rig's zero is off by 4."""
    full = np.array([[4.0, 99.0]])
    data = SimpleNamespace(angles=np.array([-30.0, 9.0, 10.0]), in_degrees=lambda angles: angles)
    test: Any = SimpleNamespace(
        measurement=data,
        slots=SimpleNamespace(reading=np.array([0, 1, 1])),
        sign=sign,
        geometry=lambda one: SimpleNamespace(theta_0=0.1 * sign if one.tolist() == [4.0, 99.0] else None),
    )
    posterior: Any = SimpleNamespace(full=lambda q: full if q is BEST else None)
    assert module._valgus(posterior, test, BEST).tolist() == expected


def test_a_reading_in_that_very_pose_lies_on_no_valgus_side() -> None:
    data = SimpleNamespace(angles=np.array([4.0]), in_degrees=lambda angles: angles)
    geometry = SimpleNamespace(theta_0=0.0)
    test: Any = SimpleNamespace(
        measurement=data, slots=SimpleNamespace(reading=np.array([0])), sign=1.0, geometry=lambda _: geometry
    )
    posterior: Any = SimpleNamespace(full=lambda _: np.array([[4.0]]))
    assert module._valgus(posterior, test, BEST).tolist() == [False]


# --- Leverage. --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "draws", "expected"),
    [(100, 1500, 1000), (97_561, 1500, 40), (2_000_001, 1500, 0), (9, 2, 2), (9, 1, 0)],
)
def test_leverage_is_worked_out_from_as_many_draws_as_there_is_room_for(n: int, draws: int, expected: int) -> None:
    posterior: Any = SimpleNamespace(residuals=lambda q: np.zeros((len(q), 1)) + q[:, :1], ndim=3)
    weight = np.broadcast_to(1.0, (n,))
    _, hat = module._of_draws(posterior, np.ones((draws, 3)), weight, weight)
    assert hat.factor.shape[1] == expected


@pytest.mark.parametrize(("ndim", "posterior"), [(3, True), (2, False)])
def test_draws_that_decide_more_readings_than_there_are_parameters_are_no_posterior(ndim: int, posterior: bool) -> None:
    """Four draws in which each of three readings varies as much as its noise: three are decided."""
    errors = np.array([[1.0, 1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])
    of: Any = SimpleNamespace(residuals=lambda _: errors, ndim=ndim)
    residuals = np.full(3, 7.0)
    mean, hat = module._of_draws(of, np.ones((4, ndim)), np.ones(3), residuals)
    assert hat.leverage.tolist() == [float(posterior)] * 3
    assert mean.tolist() == ([0.0] * 3 if posterior else [7.0] * 3)


@pytest.mark.parametrize(("lost", "expected"), [(3, 2), (4, 0)])
def test_two_draws_with_a_prediction_are_enough(lost: int, expected: int) -> None:
    of: Any = SimpleNamespace(residuals=lambda _: np.where(np.arange(5) < lost, np.nan, 1.0)[:, np.newaxis], ndim=3)
    _, hat = module._of_draws(of, np.ones((5, 3)), np.ones(1), np.ones(1))
    assert hat.factor.shape[1] == expected


def test_as_many_parameters_are_fitted_as_readings_decide_against_the_prior() -> None:
    """Of squares of 1.5 the prior leaves 1 / 2.5: each of two parameters is decided to 0.6, 1.2 in all."""
    root = np.sqrt(1.5)
    whole: Any = SimpleNamespace(slopes=np.array([[root, 0.0], [0.0, root]]), residuals=np.array([1.0, -1.0]))
    assert module._taken(whole, line(2).tests, 9, flat=False) == [2]
    assert module._taken(whole, line(2).tests, 1, flat=False) == [1]
    assert module._taken(whole, line(2).tests, 9, flat=True) == [9]
    assert module._taken(whole, line(2, sizes=(1, 1)).tests, 9, flat=True) == [1, 1]
    whole.slopes = None
    assert module._taken(whole, line(2).tests, 9, flat=False) == [9]


# --- Slopes and neighbours. -------------------------------------------------------------------------------------------


def test_slopes_are_in_units_of_priors_and_errors() -> None:
    posterior, best = line(), BEST
    weight = np.arange(30.0)
    expected = 2.9 * posterior.columns * SD * weight[:, np.newaxis]
    np.testing.assert_allclose(module._slopes(posterior, best, weight), expected)
    posterior.columns[3, 1], posterior.columns[4, 2] = np.inf, np.nan
    found = module._slopes(posterior, best, weight)
    assert found[3, 1] == found[4, 2] == 0.0
    np.testing.assert_allclose(found[5:], expected[5:])
    assert module._noise(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))
    assert module._noise(np.zeros(2)) == module._noise(np.zeros(0)) == 1.0


@pytest.mark.parametrize("rows", [0, 2, 3, 40])
def test_what_other_tests_tell_is_taken_from_the_slopes(rows: int) -> None:
    rng = np.random.default_rng(1)
    slopes, others = rng.standard_normal((5, 3)), rng.standard_normal((rows, 3))
    found = module._beyond_others(slopes, others)
    np.testing.assert_allclose(found @ found.T, slopes @ np.linalg.inv(np.eye(3) + others.T @ others) @ slopes.T)


@pytest.mark.parametrize("steep", [1e10, 1e100])
def test_slopes_so_steep_that_a_square_forgets_the_prior_are_worked_out(steep: float) -> None:
    """Other tests tell the sum of the first two parameters, and nothing of the rest: 1 + steep**2 is steep**2."""
    others = np.outer(np.linspace(1.0, 2.0, 10), [steep, steep, 0.0])
    found = module._beyond_others(np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, 3.0]]), others)
    np.testing.assert_allclose(found @ found.T, np.diag([0.0, 2.0, 9.0]), atol=1e-6)
    with np.errstate(over="ignore"):
        assert np.abs(module._scaled(np.array([[1e305, -1e305]]), np.array([1e-9]))).max() == 1e100


def test_neighbours_by_angle_and_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def serial(*arguments: Any) -> tuple[float, float]:
        calls.append(arguments)
        return float(len(calls)), 0.5

    monkeypatch.setattr(module, "serial", serial)
    residuals, slopes = np.arange(4.0), np.arange(8.0).reshape(4, 2)
    angles = np.array([2.0, 1.0, 1.0, 3.0])
    assert module._serial(angles, residuals, slopes) == ((1.0, 0.5), (2.0, 0.5))
    same(calls[0], [1.0, 2.0, 0.0, 3.0], slopes[[1, 2, 0, 3]])
    same(calls[1], residuals, slopes)
    assert module._serial(angles, residuals, None)[1] == (4.0, 0.5)
    same(calls[2], [1.0, 2.0, 0.0, 3.0], None)
    same(calls[3], residuals, None)
    assert module._serial(np.array([1.0, 1.5, 1.0, 1.5]), residuals, slopes)[1] is not None
    for one_way in ([1.0, 2.0, 2.0, 3.0], [3.0, 2.0, 2.0, 1.0], [2.0] * 4):
        assert module._serial(np.array(one_way), residuals, slopes)[1] is None


def test_readings_at_one_angle_keep_the_order_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "serial", lambda residuals, _: residuals.tolist())
    by_angle: Any = module._serial(np.tile([1.0, 0.0], 100), np.arange(200.0), None)[0]
    assert by_angle == [*range(1, 200, 2), *range(0, 200, 2)]
