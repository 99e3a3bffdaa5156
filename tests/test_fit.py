"""Fits on made-up posteriors: where they begin, what they minimise, and that the best comes first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares
from toys import Toy, table, toy

from calibrate.errors import ConfigError
from calibrate.priors import LogNormal, Normal, Prior, Uniform
from calibrate.sampling import fit as fit_module
from calibrate.sampling.fit import Fit, find_map


class Line(Toy):
    """Loads along a straight line: residuals are linear in all parameters but sigma, which they are not divided by."""

    design: np.ndarray
    loads = np.array([1.0, 3.5, 4.5, 7.0])

    def __init__(self, names: tuple[str, ...], *priors: tuple[float, float] | Prior) -> None:
        super().__init__(table([Uniform(*p) if isinstance(p, tuple) else p for p in priors], names), self.of_data)
        self.design = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])[:, : len(self.law)]
        self.tests = (self.of_sigma("noise.sigma", 4),)
        self.residuals_of = SimpleNamespace(compressed=self.compressed)
        self.fitted: list[np.ndarray] = []

    def of_sigma(self, sigma: str, points: int) -> SimpleNamespace:
        row = self.names.index(sigma) if sigma in self.names else len(self.names)
        measurement = SimpleNamespace(angles=np.arange(float(points)), sigma=None)
        return SimpleNamespace(measurement=measurement, slots=SimpleNamespace(errors=np.array([row])))

    @property
    def law(self) -> list[int]:
        return [i for i, name in enumerate(self.names) if not name.endswith("noise.sigma")]

    def compressed(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.fitted.append(q.copy())
        slopes = np.full((4, len(self.names)), np.nan)  # nobody asks for the column of sigma
        slopes[:, self.law] = self.design
        return np.asarray(self.design @ q[self.law] - self.loads), slopes

    def of_data(self, q: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(q)
        square = ((rows[:, self.law] @ self.design.T - self.loads) ** 2).sum(axis=1)
        sigma = rows[:, self.names.index("noise.sigma")] if "noise.sigma" in self.names else 1.0
        value = -0.5 * square / sigma**2 - 4.0 * np.log(sigma)
        return np.asarray(value if np.ndim(q) == 2 else value[0])


NAMES = ("noise.sigma", "mcl.f_ref", "lcl.f_ref")
SD = np.sqrt(1.0 / 12.0)  # of a uniform prior's width
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
    posterior = Line(NAMES, (0.1, 5.0), (-10.0, 30.0), (-20.0, 80.0))
    start = np.array([3.0, -10.0, 80.0])  # at the bounds: moved inside by a billionth of the prior's sd
    given = start.copy()
    found = fit_module._fit(posterior, start)
    np.testing.assert_allclose(found.q, [RMS, INTERCEPT, SLOPE], rtol=1e-7)
    assert found.log_prob == float(posterior.log_prob(found.q))
    assert isinstance(found.log_prob, float)
    np.testing.assert_array_equal(start, given)
    assert {q[0] for q in posterior.fitted} == {3.0}  # all the while sigma is where it began
    (call,) = told
    np.testing.assert_array_equal(call["start"], [-10.0 + 1e-9 * 40.0 * SD, 80.0 - 1e-9 * 100.0 * SD])
    np.testing.assert_array_equal(call["bounds"], [[-10.0, -20.0], [30.0, 80.0]])
    np.testing.assert_allclose(call["x_scale"], [40.0 * SD, 100.0 * SD], rtol=1e-15)
    np.testing.assert_array_equal(call["jac"](np.array([5.0, 6.0])), [*posterior.design, [0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(posterior.fitted[-1][1:], [5.0, 6.0])
    assert call["max_nfev"] == 200
    assert set(call) == {"start", "jac", "bounds", "x_scale", "max_nfev"}


def test_a_line_is_fitted_with_a_known_sigma() -> None:
    posterior = Line(NAMES[1:], (-10.0, 30.0), (-20.0, 80.0))
    found = fit_module._fit(posterior, np.array([20.0, 20.0]))
    np.testing.assert_allclose(found.q, [INTERCEPT, SLOPE], rtol=1e-7)


def test_sigma_alone_is_fitted_without_least_squares(told: list[dict[str, Any]]) -> None:
    posterior = Line(NAMES[:1], (0.1, 5.0))
    found = fit_module._fit(posterior, np.array([3.0]))
    assert found.q[0] == pytest.approx(np.sqrt((1.0 + 12.25 + 20.25 + 49.0) / 4.0), rel=1e-12)
    assert told == []


@pytest.mark.parametrize(
    ("lower", "upper", "sigma"), [(10.0, 30.0, 10.0 + 1e-6 * 20.0 * SD), (0.5, 4.5, 4.5 - 1e-6 * 4.0 * SD)]
)
def test_sigma_stays_within_its_bounds_by_a_millionth_of_the_priors_deviation(
    lower: float, upper: float, sigma: float
) -> None:
    posterior = Line(NAMES[:1], (lower, upper))
    assert fit_module._fit(posterior, np.array([0.5 * (lower + upper)])).q[0] == pytest.approx(sigma, rel=1e-14)


def test_a_sigma_without_a_lower_bound_stays_above_zero() -> None:
    posterior = Line(NAMES[:1], Normal(2.0, 0.5))
    posterior.loads = np.zeros(4)
    assert fit_module._fit(posterior, np.array([2.0])).q[0] == pytest.approx(1e-6 * 0.5, rel=1e-12)


# --- with priors that are not uniform ---


def ridge(sigma: float, means: tuple[float, float], sds: tuple[float, float]) -> np.ndarray:
    """Return the best line by the normal equations, priors counted as readings of the parameters themselves."""
    design, loads = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), Line.loads
    weights = np.diag(1.0 / np.array(sds) ** 2)
    return np.linalg.solve(design.T @ design / sigma**2 + weights, design.T @ loads / sigma**2 + weights @ means)


def test_normal_priors_count_as_readings() -> None:
    posterior = Line(NAMES[1:], Normal(-2.0, 0.5), Normal(1.0, 0.25))
    found = fit_module._fit(posterior, np.array([20.0, 20.0]))
    expected = ridge(1.0, (-2.0, 1.0), (0.5, 0.25))
    # The control: the priors pull the line by much more than what the fit may err.
    assert (np.abs(expected - [INTERCEPT, SLOPE]) > 0.1).all()
    np.testing.assert_allclose(found.q, expected, rtol=1e-7)
    at_best = posterior.log_prob(found.q + 1e-3 * np.random.default_rng(0).standard_normal((200, 2)))
    assert (at_best < found.log_prob).all()


def test_one_prior_of_two_may_be_normal() -> None:
    posterior = Line(NAMES[1:], (-10.0, 30.0), Normal(1.0, 0.25))
    np.testing.assert_allclose(
        fit_module._fit(posterior, np.array([20.0, 20.0])).q, ridge(1.0, (0.0, 1.0), (1e9, 0.25)), rtol=1e-7
    )


@pytest.mark.parametrize(
    ("lower", "upper", "end"), [(-np.inf, 0.5, 0.5), (0.75, np.inf, 0.75), (-np.inf, np.inf, None)]
)
def test_a_truncated_normal_prior_ends_the_fit_at_its_bound(lower: float, upper: float, end: float | None) -> None:
    posterior = Line(NAMES[1:2], Normal(-8.0, 1.0, lower, upper))
    # Four readings whose mean is 4, and one of the prior at -8.
    expected = (4.0 * 4.0 - 8.0) / 5.0
    assert expected == 1.6
    posterior.loads = posterior.loads if end != 0.75 else posterior.loads - 9.0
    found = fit_module._fit(posterior, np.array([0.6 if end == 0.5 else 2.0]))
    assert found.q[0] == pytest.approx(expected if end is None else end, abs=1e-6)


def test_a_log_normal_prior_has_its_maximum_where_its_density_has() -> None:
    """The density of x falls by 1 / x besides the bell of its logarithm: without data the mode is median / e^b^2."""
    for median in (3.0, 0.2):
        posterior = Line(NAMES[1:2], LogNormal(median, 1.7))
        posterior.design = np.zeros((4, 1))
        found = fit_module._fit(posterior, np.array([20.0]))
        assert found.q[0] == pytest.approx(median / np.exp(np.log(1.7) ** 2), rel=1e-6)
    # With the readings, on a fine grid.
    posterior = Line(NAMES[1:2], LogNormal(1.0, 1.3))
    grid = np.linspace(0.5, 5.0, 450_001)[:, np.newaxis]
    best = grid[np.argmax(posterior.log_prob(grid)), 0]
    assert 1.2 < best < 3.8  # neither the prior's nor the data's
    assert fit_module._fit(posterior, np.array([20.0])).q[0] == pytest.approx(best, abs=1e-3)


def test_an_inferred_sigma_weighs_data_and_priors_in_three_rounds(told: list[dict[str, Any]]) -> None:
    posterior = Line(NAMES, (0.1, 5.0), Normal(-2.0, 0.5), Normal(1.0, 0.25))
    sigma = 3.0
    found = fit_module._fit(posterior, np.array([sigma, 0.0, 0.0]))
    sigmas = []
    for _ in range(3):
        line = ridge(sigma, (-2.0, 1.0), (0.5, 0.25))
        sigmas.append(sigma)
        sigma = float(np.sqrt(np.mean((line[0] + line[1] * np.arange(4.0) - Line.loads) ** 2)))
    np.testing.assert_allclose(found.q, [sigma, *line], rtol=1e-6)
    assert len(told) == 3
    for call, at in zip(told, sigmas, strict=True):
        slopes = call["jac"](np.array([5.0, 6.0]))
        np.testing.assert_allclose(slopes[:4], posterior.design / at, rtol=1e-6)
        np.testing.assert_allclose(slopes[4:], np.diag([2.0, 4.0]), rtol=1e-15)


def test_positive_parameters_stay_positive_without_a_lower_bound() -> None:
    posterior = Line(("mcl.k",), Normal(-3.0, 2.0))
    posterior.design = np.full((4, 1), -1.0)
    x = fit_module._squares(posterior, np.array([2.0]), np.array([True]), np.ones(1))
    assert 0.0 < x[0] < 1e-6
    assert all(q[0] > 0.0 for q in posterior.fitted)


def test_where_the_knee_has_no_pose_the_fit_turns_back(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = Line(NAMES[1:], (-10.0, 30.0), (-20.0, 80.0))
    whole = posterior.compressed

    def without_pose(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        residuals, slopes = whole(q)
        return (residuals if q[1] < 10.0 else np.full(4, np.nan)), slopes

    def watched(function: Any, start: np.ndarray, **settings: Any) -> Any:
        far.extend(function(np.array([5.0, 11.0])))
        return least_squares(function, start, **settings)

    far: list[float] = []
    posterior.residuals_of = SimpleNamespace(compressed=without_pose)
    monkeypatch.setattr(fit_module, "least_squares", watched)
    found = fit_module._fit(posterior, np.array([20.0, 9.0]))
    assert far == [1e6] * 4 + [0.0, 0.0]  # and what two uniform priors say
    np.testing.assert_allclose(found.q, [INTERCEPT, SLOPE], rtol=1e-6)


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
    return toy(lambda q: -q.sum(axis=1) if values is None else values, (-3.0, 1.0), (10.0, 30.0), start=start)


DRAWN = [-3.0, 10.0] + np.array([4.0, 20.0]) * np.random.default_rng(5).random((2, 8192)).T


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
    posterior = Line((*NAMES[1:], NAMES[0]), (-10.0, 30.0), (-20.0, 80.0), (0.1, 5.0))
    for seed in range(3):
        found = find_map(posterior, np.random.default_rng(seed))
        assert len(found) == 8
        for fit in found:
            np.testing.assert_allclose(fit.q, [INTERCEPT, SLOPE, RMS], rtol=1e-6)
