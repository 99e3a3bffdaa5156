"""Fits on made-up posteriors: where they begin, what they minimise, and that the best comes first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares
from toys import Toy, toy

from calibrate.errors import ConfigError
from calibrate.sampling import fit as fit_module
from calibrate.sampling.fit import Fit, find_map


class Line(Toy):
    """Loads along a straight line: residuals are linear in all parameters but sigma, which scales nothing here."""

    def __init__(self, names: tuple[str, ...], lower: list[float], upper: list[float]) -> None:
        super().__init__(np.array(lower), np.array(upper), self.at)
        self.names = names
        self.start = np.full(len(names), np.nan)
        self.design = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])[:, : len(self.law)]
        self.loads = np.array([1.0, 3.5, 4.5, 7.0])
        self.measurement = SimpleNamespace(angles=np.arange(4.0))
        self.fitted: list[np.ndarray] = []

    @property
    def law(self) -> list[int]:
        return [i for i, name in enumerate(self.names) if name != "noise.sigma"]

    def fit_residuals(self, q: np.ndarray) -> np.ndarray:
        self.fitted.append(q.copy())
        return np.asarray(self.design @ q[self.law] - self.loads)

    def fit_jacobian(self, q: np.ndarray) -> np.ndarray:
        self.fitted.append(q.copy())
        out = np.full((4, len(self.names)), np.nan)  # nobody asks for the column of sigma
        out[:, self.law] = self.design
        return out

    def at(self, q: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(q)
        square = ((rows[:, self.law] @ self.design.T - self.loads) ** 2).sum(axis=1)
        sigma = rows[:, self.names.index("noise.sigma")] if "noise.sigma" in self.names else 1.0
        value = -0.5 * square / sigma**2 - 4.0 * np.log(sigma)
        return np.asarray(value if np.ndim(q) == 2 else value[0])


# By the normal equations: the best line through the loads, and its root mean square residual.
INTERCEPT, SLOPE = 1.15, 1.9
RMS = np.sqrt(np.mean((np.array([1.0, 3.5, 4.5, 7.0]) - INTERCEPT - SLOPE * np.arange(4.0)) ** 2))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what least squares are told, call by call."""
    calls: list[dict[str, Any]] = []

    def watched(function: Any, start: np.ndarray, **settings: Any) -> Any:
        calls.append({"start": start.copy(), **settings})
        return least_squares(function, start, **settings)

    monkeypatch.setattr(fit_module, "least_squares", watched)
    return calls


def test_a_line_is_fitted_and_sigma_follows_from_the_residuals(told: list[dict[str, Any]]) -> None:
    posterior = Line(("noise.sigma", "mcl.k", "lcl.k"), [0.1, -10.0, -20.0], [5.0, 30.0, 80.0])
    start = np.array([3.0, -10.0, 80.0])  # at the bounds: moved inside by a billionth of their width
    given = start.copy()
    found = fit_module._fit(posterior, start)
    np.testing.assert_allclose(found.q, [RMS, INTERCEPT, SLOPE], rtol=1e-7)
    assert found.log_prob == float(posterior.at(found.q))
    assert isinstance(found.log_prob, float)
    np.testing.assert_array_equal(start, given)
    assert {q[0] for q in posterior.fitted} == {3.0}  # all the while sigma is where it began
    (call,) = told
    np.testing.assert_array_equal(call["start"], [-10.0 + 1e-9 * 40.0, 80.0 - 1e-9 * 100.0])
    np.testing.assert_array_equal(call["bounds"], [[-10.0, -20.0], [30.0, 80.0]])
    np.testing.assert_array_equal(call["x_scale"], [40.0, 100.0])
    np.testing.assert_array_equal(call["jac"](np.array([5.0, 6.0])), posterior.design)
    np.testing.assert_array_equal(posterior.fitted[-1][1:], [5.0, 6.0])
    assert call["max_nfev"] == 200
    assert set(call) == {"start", "jac", "bounds", "x_scale", "max_nfev"}


def test_a_line_is_fitted_with_a_known_sigma() -> None:
    posterior = Line(("mcl.k", "lcl.k"), [-10.0, -20.0], [30.0, 80.0])
    found = fit_module._fit(posterior, np.array([20.0, 20.0]))
    np.testing.assert_allclose(found.q, [INTERCEPT, SLOPE], rtol=1e-7)


def test_sigma_alone_is_fitted_without_least_squares(told: list[dict[str, Any]]) -> None:
    posterior = Line(("noise.sigma",), [0.1], [5.0])
    found = fit_module._fit(posterior, np.array([3.0]))
    assert found.q[0] == pytest.approx(np.sqrt((1.0 + 12.25 + 20.25 + 49.0) / 4.0), rel=1e-12)
    assert told == []


@pytest.mark.parametrize(("lower", "upper", "sigma"), [(10.0, 30.0, 10.0 + 1e-6 * 20.0), (0.5, 4.5, 4.5 - 1e-6 * 4.0)])
def test_sigma_stays_within_its_bounds_by_a_millionth_of_their_width(lower: float, upper: float, sigma: float) -> None:
    posterior = Line(("noise.sigma",), [lower], [upper])
    assert fit_module._fit(posterior, np.array([lower])).q[0] == pytest.approx(sigma, rel=1e-14)


# --- from several places ---


class Fitted:
    """Stands in for one fit: keeps where it begins, and returns that, with the values told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, values: list[float] | None = None) -> None:
        self.starts: list[np.ndarray] = []
        self.values = values

        def of(posterior: Toy, start: np.ndarray) -> Fit:
            self.starts.append(start.copy())
            return Fit(start, 0.0 if self.values is None else self.values[len(self.starts) - 1])

        monkeypatch.setattr(fit_module, "_fit", of)


def plain(values: np.ndarray | None = None, start: tuple[float, float] = (np.nan, np.nan)) -> Any:
    """Return a posterior between -3 and 1, and 10 and 30, that is highest where both parameters are small."""
    posterior: Any = toy(lambda q: -q.sum(axis=1) if values is None else values, (-3.0, 1.0), (10.0, 30.0))
    posterior.start = np.array(start)
    return posterior


DRAWN = [-3.0, 10.0] + np.array([4.0, 20.0]) * np.random.default_rng(5).random((8192, 2))


def test_fits_begin_at_every_other_of_the_best_of_8192_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, fitted = plain(), Fitted(monkeypatch)
    found = find_map(posterior, np.random.default_rng(5))
    np.testing.assert_array_equal(posterior.asked[0], DRAWN)
    best = DRAWN[np.argsort(DRAWN.sum(axis=1))]
    np.testing.assert_array_equal(fitted.starts, best[[0, 2, 4, 6, 8, 10, 12, 14]])
    np.testing.assert_array_equal([fit.q for fit in found], fitted.starts)


def test_among_equals_the_first_draws_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = Fitted(monkeypatch)
    values = np.random.default_rng(0).integers(0, 3, 8192).astype(float)
    find_map(plain(values), np.random.default_rng(5))
    np.testing.assert_array_equal(fitted.starts, DRAWN[values == 2.0][:16:2])


def test_the_best_fit_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [-5.0, -1.0, -9.0, -7.0, -2.0, -4.0, -8.0, -3.0]
    fitted = Fitted(monkeypatch, values)
    found = find_map(plain(), np.random.default_rng(5))
    assert [fit.log_prob for fit in found] == sorted(values, reverse=True)
    np.testing.assert_array_equal(found[0].q, fitted.starts[1])


@pytest.mark.parametrize(
    ("start", "begins"),
    [((-2.0, 11.0), (-2.0, 11.0)), ((-2.0, np.nan), (-2.0, 20.0)), ((np.nan, 12.0), (-1.0, 12.0))],
)
def test_a_given_start_comes_first_and_the_middle_stands_for_what_is_not_given(
    start: tuple[float, float], begins: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = Fitted(monkeypatch)
    find_map(plain(start=start), np.random.default_rng(5))
    assert len(fitted.starts) == 9
    np.testing.assert_array_equal(fitted.starts[0], begins)
    best = DRAWN[np.argsort(DRAWN.sum(axis=1))]
    np.testing.assert_array_equal(fitted.starts[1:], best[:16:2])


def test_one_possible_draw_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.full(8192, -np.inf)
    values[4000] = -1e300
    fitted = Fitted(monkeypatch)
    find_map(plain(values), np.random.default_rng(5))
    np.testing.assert_array_equal(fitted.starts[0], DRAWN[4000])


def test_where_no_draw_is_possible_the_reason_is_said() -> None:
    with pytest.raises(ConfigError) as refused:
        find_map(plain(np.full(8192, -np.inf)), np.random.default_rng(5))
    assert str(refused.value) == (
        "no parameters within the bounds explain the data with a finite probability; check units, signs and sigma"
    )


def test_the_whole_of_it_finds_the_line_from_any_seed() -> None:
    posterior = Line(("mcl.k", "lcl.k", "noise.sigma"), [-10.0, -20.0, 0.1], [30.0, 80.0, 5.0])
    for seed in range(3):
        found = find_map(posterior, np.random.default_rng(seed))
        assert len(found) == 8
        for fit in found:
            np.testing.assert_allclose(fit.q, [INTERCEPT, SLOPE, RMS], rtol=1e-6)
