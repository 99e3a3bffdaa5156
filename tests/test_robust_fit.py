"""The fit that far readings pull at little, on a straight line: what the solver is asked, and which answer is taken."""

from typing import Any

import numpy as np
import pytest
from lines import LAW, LOWER, SD, UPPER, WIDTH, Line, line, scale
from scipy.optimize import least_squares

from calibrate import robustfit as module
from calibrate.cauchy import least_cauchy
from calibrate.priors import Normal


def same(found: tuple[Any, ...], *expected: Any) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# --- The robust fit. --------------------------------------------------------------------------------------------------


class Solver:
    """A stand-in for the solver: writes down what it is asked, and answers what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[float]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers = answers
        monkeypatch.setattr(module, "least_cauchy", self)

    def __call__(self, *asked: Any) -> np.ndarray:
        self.calls.append(asked)
        return np.array(self.answers[: len(asked[2])])


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
    from_where = np.array([BEST, *starts(posterior, count)])
    ((residuals, jacobian, begin, bounds, width, scales),) = solver.calls
    margin = 1e-9 * SD[LAW]
    np.testing.assert_array_equal(begin, np.clip(from_where[:, LAW], LOWER[LAW] + margin, UPPER[LAW] - margin))
    same(bounds, LOWER[LAW], UPPER[LAW])
    np.testing.assert_array_equal(width, SD[LAW])
    np.testing.assert_allclose(scales, [0.5 * scale(posterior.residuals(where)) for where in from_where], rtol=1e-12)
    for which, where in enumerate(from_where):
        at = np.array([[3.0, 2.0]]), np.array([which])
        np.testing.assert_allclose(residuals(*at)[0], posterior.residuals(np.array([3.0, where[1], 2.0])))
        np.testing.assert_allclose(jacobian(*at)[0], 3.0 * posterior.columns[:, LAW])
    np.testing.assert_array_equal(found, [1.5, from_where[2][1], 0.5])
    np.testing.assert_array_equal(BEST, [0.0, 0.3, 2.0])


# Residuals by answer: thirty within 1, one of them far off; thirty within a little more. Logarithms tell which counts.
@pytest.mark.parametrize(("far", "wider", "taken"), [(26.0, 1.1, 1), (26.0, 1.4, 0), (2.0, 1.1, 0)])
@pytest.mark.parametrize("small", [1.0, 1e-3])
def test_a_slightly_smaller_scale_is_not_worth_a_reading_far_off(
    far: float, wider: float, taken: int, small: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior, rows = line(), np.linspace(-1.0, 1.0, 30)
    with_far = np.append(rows[:-1], far)
    table = small * np.array([with_far, wider * rows, 3.0 * rows, np.full(30, np.nan)])
    Solver(monkeypatch, *([float(i), 1.0] for i in range(4)))
    spread = [float(np.quantile(np.abs(row), 0.6827)) for row in table[:2]]
    losses = [np.log((0.5 * spread[0]) ** 2 + row**2).sum() for row in table[:2]]
    assert spread[0] < spread[1]
    assert int(np.argmin(losses)) == taken
    answered = iter((np.ones((2048, 30)), np.ones((4, 30)), np.ones((4, 30))))
    posterior.residuals = lambda q: next(answered, table)
    assert module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(30))[0] == float(taken)


@pytest.mark.parametrize(
    ("n", "room", "count"), [(30, None, 2048), (244, None, 2048), (245, None, 2040), (166_667, None, 2), (30, 29, 1)]
)
def test_prior_draws_are_as_many_as_there_is_room_for(
    n: int, room: int | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if room:  # as if there were that many more readings
        monkeypatch.setattr(module, "_PRIOR_READINGS", room)
    posterior, sizes = line(n), []
    real = posterior.residuals

    def residuals(q: np.ndarray) -> np.ndarray:
        sizes.append(len(q))
        return real(q)

    posterior.residuals = residuals
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(len(posterior.offset)))
    assert sizes[0] == count
    assert len(solver.calls[0][2]) == 1 + min(3, count)


@pytest.mark.parametrize(("residuals", "weight"), [(1e150, 1.0), (1e200, 1e-60)])
def test_residuals_whose_squares_are_numbers_are_fitted(
    residuals: float, weight: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior = line()
    posterior.residuals = lambda q: np.full((len(q), 30), residuals)
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.full(30, weight))
    assert len(solver.calls[0][2]) == 4


def test_a_start_whose_squares_are_no_numbers_is_left_out_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    real = posterior.residuals
    posterior.residuals = lambda q: np.where(q[..., :1] == BEST[0], 1e200, real(q))
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 3))
    with np.errstate(over="ignore"):
        module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(30))
    assert len(solver.calls[0][2]) == 3


def test_what_has_no_prediction_is_a_million_scales_off(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(30))
    unit = scale(posterior.residuals(BEST))
    posterior.residuals = lambda q: np.where(np.arange(30) == 7, np.nan, np.zeros((len(q), 1)))
    found = solver.calls[0][0](np.array([[3.0, 2.0]]), np.array([0]))
    np.testing.assert_allclose(found, [np.where(np.arange(30) == 7, 1e6 * unit, 0.0)], rtol=1e-9)


def test_starts_lie_a_little_inside_and_are_positive_where_they_have_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    posterior.lower = np.array([-np.inf, 0.1, -2.0])
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, np.array([-1.0, 0.3, -2.0]), LAW_ONLY, np.ones(30))
    margin = 1e-9 * SD
    np.testing.assert_array_equal(solver.calls[0][2][0], [margin[0], -2.0 + margin[2]])


def test_draws_as_good_as_each_other_are_taken_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    posterior.residuals = lambda q: np.where(q[:, :1] > 2.0, 1.0, 2.0) * np.ones((len(q), 30))
    solver = Solver(monkeypatch, *([[1.0, 1.0]] * 4))
    module.robust_fit(posterior, BEST, LAW_ONLY, np.ones(len(posterior.offset)))
    draws = LOWER + WIDTH * np.random.default_rng(0).random((2048, 3))
    expected = draws[draws[:, 0] > 2.0][:3]
    np.testing.assert_array_equal(solver.calls[0][2][1:], expected[:, LAW])


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
    ((residuals, jacobian, _, _, _, scales),) = solver.calls
    unit, at = scale(posterior.residuals(BEST) * weight), (np.array([[1.0, 2.0]]), np.array([0]))
    found, slopes = residuals(*at)[0], jacobian(*at)[0]
    np.testing.assert_allclose(found[:30], posterior.residuals(np.array([1.0, 0.3, 2.0])) * weight)
    np.testing.assert_allclose(found[30:], unit * (2.0 - 0.7) / 0.2)  # that of sigma's is none of the law's
    np.testing.assert_allclose(slopes[:30], posterior.columns[:, LAW] * weight[:, np.newaxis])
    np.testing.assert_allclose(slopes[30:], [[0.0, unit / 0.2]])
    assert scales[0] == pytest.approx(0.5 * unit)


# --- The solver. ------------------------------------------------------------------------------------------------------

SLOPES = np.random.default_rng(3).standard_normal((4, 25, 3))
AIMS = np.array([0.4, 1.5, -0.7])  # the second lies beyond its bound
ENDS = np.array([-1.0, -1.0, -1.0]), np.array([1.0, 1.0, np.inf])


def curved(x: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return residuals of four problems, far ones and bends among them."""
    away = np.einsum("krn,kn->kr", SLOPES[which], x - AIMS)
    out = away + 0.3 * np.sin(away)
    out[:, :3] += 20.0
    return out


def steepness(x: np.ndarray, which: np.ndarray) -> np.ndarray:
    away = np.einsum("krn,kn->kr", SLOPES[which], x - AIMS)
    return SLOPES[which] * (1.0 + 0.3 * np.cos(away))[..., np.newaxis]


def test_the_solver_ends_where_scipys_does_each_start_by_itself() -> None:
    scales, begin = np.array([1.0, 2.0, 3.0, 5.0]), np.zeros((4, 3))
    found = least_cauchy(curved, steepness, begin, ENDS, np.ones(3), scales)
    for i, of in enumerate(scales.tolist()):
        own = np.array([i])
        theirs = least_squares(
            lambda x, own=own: curved(x[np.newaxis], own)[0],
            begin[i],
            jac=lambda x, own=own: steepness(x[np.newaxis], own)[0],
            bounds=ENDS,
            loss="cauchy",
            f_scale=of,
            xtol=1e-12,
            ftol=1e-12,
        )
        np.testing.assert_allclose(found[i], theirs.x, atol=2e-4)
    assert found[:, 1] == pytest.approx(1.0)
    np.testing.assert_array_equal(begin, 0.0)


def test_the_solver_stays_where_nothing_is_better_and_heeds_its_budget() -> None:
    nothing = least_cauchy(
        lambda x, _: np.full((len(x), 5), np.nan),
        lambda x, _: np.ones((len(x), 5, 3)),
        *[np.full((1, 3), 0.5), ENDS, np.ones(3), np.ones(1)],
    )
    np.testing.assert_array_equal(nothing, [[0.5, 0.5, 0.5]])
    calls = []

    def counted(x: np.ndarray, which: np.ndarray) -> np.ndarray:
        calls.append(len(x))
        return curved(x, which)

    least_cauchy(counted, steepness, np.zeros((4, 3)), ENDS, np.ones(3), np.ones(4), most=3)
    assert calls == [4] * 4  # the starts, and three steps
