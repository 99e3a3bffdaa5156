"""The fit that far readings pull at little, on a straight line: what the solver is asked, and which answer is taken."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lines import LAW, LOWER, SD, UPPER, WIDTH, Line, line, scale

from calibrate import robustfit as module
from calibrate.priors import Normal


def same(found: tuple[Any, ...], *expected: Any) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# --- The robust fit. --------------------------------------------------------------------------------------------------


class Solver:
    """A stand-in for SciPy's solver: writes down what it is asked, and answers what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[float]) -> None:
        self.calls: list[tuple[Any, np.ndarray, dict[str, Any]]] = []
        self.answers = iter(answers)
        monkeypatch.setattr("scipy.optimize.least_squares", self)

    def __call__(self, residuals: Any, start: np.ndarray, **options: Any) -> Any:
        self.calls.append((residuals, start, options))
        return SimpleNamespace(x=np.array(next(self.answers)))


def starts(posterior: Line, count: int) -> np.ndarray:
    """Return the three draws of the prior that most readings are nearest to."""
    draws = LOWER + WIDTH * np.random.default_rng(0).random((count, 3))
    spread = [scale(posterior.residuals(q)) for q in draws]
    return draws[np.argsort(spread)[:3]]


LAW_ONLY = np.array([True, False, True])
BEST = np.array([0.0, 0.3, 2.0])  # at a lower and an upper bound


@pytest.mark.parametrize(("n", "count"), [(30, 2048), (1000, 500)])
def test_the_robust_fit_starts_from_four_places_and_takes_the_nearest(
    n: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior = line(n)
    answers = [[3.0, 0.0], [0.5, 0.1], [1.5, 0.5], [2.0, 2.0]]
    solver = Solver(monkeypatch, *answers)
    found = module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(n))
    from_where = [BEST, *starts(posterior, count)]
    assert len(solver.calls) == 4
    for (residuals, start, options), where in zip(solver.calls, from_where, strict=True):
        margin = 1e-9 * SD[LAW]
        np.testing.assert_array_equal(start, np.clip(where[LAW], LOWER[LAW] + margin, UPPER[LAW] - margin))
        jacobian, bounds = options.pop("jac"), options.pop("bounds")
        same(bounds, LOWER[LAW], UPPER[LAW])
        np.testing.assert_array_equal(options.pop("x_scale"), SD[LAW])
        assert options.pop("f_scale") == pytest.approx(0.5 * scale(posterior.residuals(where)), rel=1e-12)
        assert options == {"loss": "cauchy", "max_nfev": 100}
        np.testing.assert_allclose(residuals(np.array([1.0, 2.0])), posterior.residuals(np.array([1.0, where[1], 2.0])))
        np.testing.assert_allclose(jacobian(np.array([3.0, 2.0])), 3.0 * posterior.columns[:, LAW])
    np.testing.assert_array_equal(found, [1.5, from_where[2][1], 0.5])
    np.testing.assert_array_equal(BEST, [0.0, 0.3, 2.0])


@pytest.mark.parametrize(("n", "count"), [(30, 2048), (244, 2048), (245, 2040), (166_667, 2)])
def test_prior_draws_are_as_many_as_there_is_room_for(n: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, sizes = line(n), []
    real = posterior.residuals

    def residuals(q: np.ndarray) -> np.ndarray:
        sizes.append(len(q))
        return real(q)

    posterior.residuals = residuals
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(len(posterior.offset)))
    assert max(sizes) == count
    assert len(solver.calls) == 1 + min(3, count)


def test_residuals_whose_squares_are_numbers_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    posterior.residuals = lambda q: np.full((len(q), 30), 1e150)
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(len(posterior.offset)))
    assert len(solver.calls) == 4


def test_draws_as_good_as_each_other_are_taken_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    posterior.residuals = lambda q: np.where(q[:, :1] > 2.0, 1.0, 2.0) * np.ones((len(q), 30))
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(len(posterior.offset)))
    draws = LOWER + WIDTH * np.random.default_rng(0).random((2048, 3))
    expected = draws[draws[:, 0] > 2.0][:3]
    np.testing.assert_array_equal([start for _, start, _ in solver.calls[1:]], expected[:, LAW])


def test_where_nothing_can_be_fitted_the_nearest_start_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = Solver(monkeypatch)
    posterior = line()
    found = module.robust_fit(posterior, BEST, ~np.ones(3, bool), np.ones(30))
    np.testing.assert_array_equal(found, starts(posterior, 2048)[0])
    for residuals in (0.0, 1e200, np.inf):
        posterior.residuals = lambda q, residuals=residuals: np.full((len(q), 30), residuals)
        with np.errstate(over="ignore", invalid="ignore"):
            found = module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(len(posterior.offset)))
        np.testing.assert_array_equal(found, BEST)
    assert not solver.calls


def test_the_robust_fit_is_not_dragged_along() -> None:
    posterior = line()
    posterior.offset[[3, 8]] += [50.0, -30.0]
    found = module.robust_fit(posterior, BEST, np.ones(3, bool), np.ones(30))
    np.testing.assert_allclose(found, [1.5, 0.5, 0.5], atol=0.2)
    assert scale(posterior.residuals(found)) < 0.02


def test_the_robust_fit_weighs_readings_and_heeds_priors(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, weight = line(), np.arange(30.0) + 1.0
    posterior.priors = (posterior.priors[0], Normal(0.5, 0.1), Normal(0.7, 0.2))
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, weight)
    residuals, _, options = solver.calls[0]
    unit = scale(posterior.residuals(BEST) * weight)
    found, slopes = residuals(np.array([1.0, 2.0])), options["jac"](np.array([1.0, 2.0]))
    np.testing.assert_allclose(found[:30], posterior.residuals(np.array([1.0, 0.3, 2.0])) * weight)
    np.testing.assert_allclose(found[30:], unit * (2.0 - 0.7) / 0.2)  # that of sigma's is none of the law's
    np.testing.assert_allclose(slopes[:30], posterior.columns[:, LAW] * weight[:, np.newaxis])
    np.testing.assert_allclose(slopes[30:], [[0.0, unit / 0.2]])
    assert options["f_scale"] == pytest.approx(0.5 * unit)


def test_bounds_may_be_infinite_and_what_is_positive_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    posterior.priors = (Normal(1.0, 1.0), Normal(0.5, 0.2), Normal(0.0, 2.0))
    posterior.lower, posterior.upper = np.full(3, -np.inf), np.full(3, np.inf)
    low, high = module._inside(posterior)
    np.testing.assert_allclose(low, [1e-9, 2e-10, -np.inf])
    np.testing.assert_array_equal(high, np.full(3, np.inf))
    found = module.robust_fit(posterior, np.array([1.0, 0.5, 0.0]), LAW_ONLY, np.ones(30))
    assert np.isfinite(found).all()


def test_a_place_without_a_pose_is_far_beyond_all_data(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    real, unit = posterior.residuals, scale(posterior.residuals(BEST))
    posterior.residuals = lambda q: np.where(q[:, :1] < 3.0, real(q), np.nan)
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(30))
    np.testing.assert_allclose(solver.calls[0][0](np.array([3.5, 1.0])), 1e6 * unit)


def test_places_without_a_pose_are_no_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    real = posterior.residuals
    posterior.residuals = lambda q: np.where(q[:, :1] > 1.0, real(q), np.nan)
    found = module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(30))
    assert found[0] > 1.0
