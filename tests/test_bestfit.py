"""The best draw as a fit, on a straight line in place of a knee: what is asked of which fit, and with which numbers."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lines import SD, line, same

from calibrate import bestfit as module
from calibrate.bestfit import best_fits
from calibrate.priors import Normal


@pytest.fixture(autouse=True)
def errors_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def sigma(posterior: Any, q: np.ndarray) -> Any:
        assert q.shape == (posterior.ndim,)
        return posterior.sigma

    def valgus(posterior: Any, test: Any, q: np.ndarray) -> Any:
        assert q.shape == (posterior.ndim,)
        return test.measurement.angles > 3.0

    monkeypatch.setattr(module, "_sigma", sigma)
    monkeypatch.setattr(module, "_valgus", valgus)


# --- The whole. -------------------------------------------------------------------------------------------------------

DRAWS = np.array([[1.0, 0.2, 0.0], [2.9, 0.3, 1.0], [0.5, 0.4, -1.0]])
ROBUST = np.array([1.6, 0.3, 0.4])


class Asked:
    """What the parts of a fit were asked, and what they answered."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, rows: list[int], shares: tuple[float, ...] = (0.5, 0.25)
    ) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.beside = -1
        answers = iter((share, 0.9 + i) for i, share in enumerate(shares))
        found = np.array(rows, dtype=np.intp), np.arange(len(rows)) + 7.0, 5.5

        def part(name: str, answer: Any) -> None:
            def asked(*arguments: Any) -> Any:
                self.calls.append((name, *arguments))
                return next(answer) if isinstance(answer, Iterator) else answer

            monkeypatch.setattr(module, name, asked)

        part("robust_fit", ROBUST)
        part("outlying", found)
        monkeypatch.setattr(module, "isolated", self.isolated)
        part("explained", answers)
        part("_serial", ((0.1, 0.2), (0.3, 0.4)))
        monkeypatch.setattr(module, "look", self.look)

    def isolated(self, *arguments: Any) -> Any:
        """Take all readings for apart from their neighbours, but one."""
        self.calls.append(("isolated", *arguments))
        return np.array(arguments[2], dtype=np.intp) != self.beside

    def look(self, *arguments: Any) -> Any:
        """See a loop of 0.25 in all residuals, and take it out."""
        self.calls.append(("look", *arguments))
        self.seen = SimpleNamespace(straight=arguments[3] - 0.25)
        return self.seen

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


def test_a_fit_without_readings_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, posterior = Asked(monkeypatch, []), line(sigma=0.5, unit=0.25)
    (fit,) = best_fits(posterior, DRAWS)
    residuals, robust = (0.5 * posterior.residuals(q[np.newaxis])[0] for q in (DRAWS[1], ROBUST))
    angles, loads = posterior.measurement.angles, posterior.measurement.loads
    ((of, best, law, weight),) = asked.of("robust_fit")
    assert of is posterior
    same((best, law, weight), DRAWS[1], [True, False, True], [0.5] * 30)
    same(asked.of("outlying")[0], robust, 2)
    ((*data, last),) = asked.of("explained")
    same((*data, last), angles, loads, 0.5 * residuals, np.full(30, 0.5))
    slopes = 2.9 * posterior.columns * SD * 0.5 / np.sqrt(np.mean(residuals**2))
    ((where, what, known),) = asked.of("_serial")
    same((where, what), angles, residuals - 0.25)  # the loop is taken out
    ((at, direction, valgus, seen, sigma, hat, chance),) = asked.of("look")
    # These draws lie too far apart to be a posterior.
    same((at, direction, valgus, seen, sigma), angles, None, angles > 3.0, residuals, np.full(30, 0.5))
    assert hat.factor.size == hat.swing.size == 0
    assert chance == 1e-3
    assert fit.scatter == pytest.approx(0.5 * np.sqrt(np.mean(residuals**2)))
    assert fit.looks is asked.seen
    assert fit.rows.tolist() == list(range(30))
    np.testing.assert_allclose(known, slopes)
    assert (fit.explained, fit.possible, fit.threshold) == (0.5, 0.9, 5.5)
    assert (fit.by_angle, fit.by_row) == ((0.1, 0.2), (0.3, 0.4))
    assert fit.outlying.tolist() == fit.sizes.tolist() == []
    assert fit.misfit == pytest.approx(np.mean(residuals**2))
    assert fit.test is posterior.tests[0]
    np.testing.assert_array_equal(fit.q, DRAWS[1])


@pytest.mark.parametrize("shares", [(0.5, 0.25), (0.25, 0.5)])
def test_readings_apart_are_left_out(shares: tuple[float, float], monkeypatch: pytest.MonkeyPatch) -> None:
    sigma = np.arange(30) + 1.0
    asked, posterior = Asked(monkeypatch, [29, 3, 0], shares), line(sigma=sigma, unit=sigma)
    posterior.measurement.direction = np.tile([1.0, -1.0], 15)
    (fit,) = best_fits(posterior, DRAWS)
    rest = np.r_[1:3, 4:29]
    residuals, robust = (posterior.residuals(q[np.newaxis])[0] for q in (DRAWS[1], ROBUST))
    angles, loads = posterior.measurement.angles, posterior.measurement.loads
    first, second = asked.of("explained")
    same(first, angles, loads, residuals * sigma, sigma)
    same(second, angles[rest], loads[rest], (robust * sigma)[rest], sigma[rest])
    ((where, what, known),) = asked.of("_serial")
    same((where, what), angles[rest], robust[rest] - 0.25)
    ((at, direction, valgus, seen, noise, hat, _),) = asked.of("look")
    same((at, valgus, seen, noise), angles[rest], angles[rest] > 3.0, robust[rest], sigma[rest])
    same((direction,), np.tile([1.0, -1.0], 15)[rest])
    assert len(hat.factor) == 27
    assert fit.rows.tolist() == rest.tolist()
    assert fit.scatter == pytest.approx(np.sqrt(np.mean((robust * sigma)[rest] ** 2)))
    # The slopes are those of the robust fit, too: the best draw is dragged along.
    np.testing.assert_allclose(known, 1.6 * posterior.columns[rest] * SD / np.sqrt(np.mean(robust[rest] ** 2)))
    assert (fit.explained, fit.possible) == (0.5, 0.9)
    assert fit.outlying.tolist() == [29, 3, 0]
    assert fit.sizes.tolist() == [7.0, 8.0, 9.0]
    # As far from the neighbours as from all: 5.5 times the scale, of which they are 7, 8 and 9 times.
    far = 5.5 * np.abs(robust[[29, 3, 0]]) / [7.0, 8.0, 9.0]
    same(asked.of("isolated")[0], angles, robust, [29, 3, 0], far)


def test_a_reading_that_goes_along_with_its_neighbours_is_no_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, [29, 3, 0])
    asked.beside = 3
    (fit,) = best_fits(line(), DRAWS)
    assert fit.outlying.tolist() == [29, 0]
    assert fit.sizes.tolist() == [7.0, 9.0]
    assert asked.of("_serial")[0][0].size == 28


@pytest.mark.parametrize(("n", "apart", "slips"), [(30, 3, True), (30, 4, False), (9, 1, True), (9, 2, False)])
def test_more_than_a_tenth_are_no_slips(n: int, apart: int, slips: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, list(range(apart)))
    (fit,) = best_fits(line(n), DRAWS)
    assert (fit.outlying.size, fit.sizes.size) == ((apart, apart) if slips else (0, 0))
    assert len(asked.of("explained")) == 1 + slips
    assert asked.of("_serial")[0][0].size == n - apart * slips


@pytest.mark.parametrize(("n", "robust", "slopes"), [(2000, True, True), (2001, False, True), (20_000, False, True)])
def test_many_readings_are_not_fitted_again(
    n: int, robust: bool, slopes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, posterior = Asked(monkeypatch, []), line(n)
    best_fits(posterior, DRAWS)
    assert len(asked.of("robust_fit")) == robust
    q = ROBUST if robust else DRAWS[1]
    same(asked.of("outlying")[0], posterior.residuals(q[np.newaxis])[0], 2)
    assert asked.of("_serial")[0][2].shape == (n, 3)


def test_very_many_readings_keep_no_trace_of_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, [])
    best_fits(line(20_001), DRAWS)
    assert asked.of("_serial")[0][2] is None


def test_loads_that_overflow_break_nothing() -> None:
    posterior = line()
    posterior.offset *= 1e200
    posterior.measurement.loads *= 1e200
    (fit,) = best_fits(posterior, DRAWS)
    assert np.isnan(fit.explained)
    assert fit.by_angle == (0.0, 1.0)


NEAR = DRAWS[1] + 0.02 * np.random.default_rng(1).standard_normal((50, 3))


def test_of_a_posterior_the_mean_prediction_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, asked = line(sigma=0.5, unit=0.25), Asked(monkeypatch, [])
    best_fits(posterior, NEAR)
    ((*_, seen, _, hat, _),) = asked.of("look")
    errors = 0.5 * posterior.residuals(NEAR)
    np.testing.assert_allclose(seen, errors.mean(axis=0))
    np.testing.assert_allclose(hat.leverage, errors.var(axis=0) / np.mean(errors**2))
    asked = Asked(monkeypatch, [3])
    best_fits(posterior, NEAR)
    ((*_, seen, _, hat, _),) = asked.of("look")
    same((seen,), 0.5 * np.delete(posterior.residuals(ROBUST[np.newaxis])[0], 3))
    np.testing.assert_allclose(hat.leverage, np.delete(errors.var(axis=0) / np.mean(errors**2), 3))


def test_draws_without_a_prediction_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, real = line(), line().residuals
    lost = NEAR.copy()
    lost[::2, 1] = 9.0
    monkeypatch.setattr(posterior, "residuals", lambda q: np.where(q[:, [1]] == 9.0, np.nan, real(q)))
    monkeypatch.setattr(posterior, "log_prob", lambda q: np.where(q[:, 1] == 9.0, -np.inf, q[:, 0]))
    asked = Asked(monkeypatch, [])
    best_fits(posterior, lost)
    np.testing.assert_allclose(asked.of("look")[0][3], real(NEAR[1::2]).mean(axis=0))


# --- Several tests. ---------------------------------------------------------------------------------------------------


def test_each_test_has_its_own_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third reading of each lies apart: in the second test it is the robust fit that the others are judged by."""
    asked, posterior = Asked(monkeypatch, [2], (0.5, 0.25, 0.7, 0.9)), line(sizes=(20, 10))
    first, second = best_fits(posterior, DRAWS)
    residuals, robust = (posterior.residuals(q[np.newaxis])[0] for q in (DRAWS[1], ROBUST))
    (one, _), (other, _) = asked.of("outlying")
    same((one, other), robust[:20], robust[20:])
    (angles, tidy, known), (angles_2, tidy_2, _) = asked.of("_serial")
    rest, rest_2 = np.r_[:2, 3:20], np.r_[20:22, 23:30]
    both = np.concatenate([test.measurement.angles for test in posterior.tests])
    same((angles, tidy, angles_2, tidy_2), both[rest], robust[rest] - 0.25, both[rest_2], robust[rest_2] - 0.25)
    slopes = [1.6 * posterior.columns[part] * SD / np.sqrt(np.mean(robust[part] ** 2)) for part in (rest, rest_2)]
    np.testing.assert_allclose(
        known @ known.T, slopes[0] @ np.linalg.inv(np.eye(3) + slopes[1].T @ slopes[1]) @ slopes[0].T
    )
    assert (first.explained, second.explained) == (0.5, 0.9)
    assert first.misfit == pytest.approx(np.mean(residuals[:20] ** 2))
    assert second.misfit == pytest.approx(np.mean(residuals[20:] ** 2))
    assert [fit.test.name for fit in (first, second)] == ["t0", "t1"]


def test_readings_of_three_tests_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, posterior = Asked(monkeypatch, [], (0.5, 0.5, 0.5)), line(sizes=(14, 9, 7))
    best_fits(posterior, DRAWS)
    robust = posterior.residuals(ROBUST[np.newaxis])[0]
    (one, _), (two, _), (three, _) = asked.of("outlying")
    same((one, two, three), robust[:14], robust[14:23], robust[23:])


def test_parameters_count_as_fitted_to_the_tests_that_decide_them(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line(sizes=(20, 10))
    posterior.columns[20:, :2] = 0.0  # the second test knows the last one only
    posterior.columns[:20, 2] = 0.0
    asked = Asked(monkeypatch, [], (0.5, 0.5))
    best_fits(posterior, DRAWS)
    assert [count for _, count in asked.of("outlying")] == [2, 1]


def test_what_the_prior_decides_is_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = line()
    posterior.columns[:, 2] *= 1e-6
    for priors, count in ((posterior.priors, 2), ((*posterior.priors[:2], Normal(0.0, 1.0)), 2)):
        posterior.priors = priors
        asked = Asked(monkeypatch, [])
        best_fits(posterior, DRAWS)
        assert asked.of("outlying")[0][1] == count
    posterior.columns[:, 1:] *= 1e-6
    for priors, count in ((posterior.priors, 1), (line().priors, 2)):  # flat ones decide nothing
        posterior.priors = priors
        asked = Asked(monkeypatch, [])
        best_fits(posterior, DRAWS)
        assert asked.of("outlying")[0][1] == count
