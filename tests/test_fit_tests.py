"""Fits of several tests, each with a sigma of its own, and of readings that are compressed into fewer residuals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_fit import NAMES, Line, ridge

from calibrate.priors import Normal
from calibrate.sampling import fit as fit_module


class TwoTests(Line):
    """The first two loads are of one test and the others of another, whose errors are ten times as large."""

    def __init__(self) -> None:
        names = ("a.noise.sigma", "mcl.f_ref", "lcl.f_ref", "b.noise.sigma")
        super().__init__(names, (0.1, 50.0), (-99.0, 99.0), (-99.0, 99.0), (0.1, 500.0))
        self.design = np.array([[1.0, 0.0]] * 4 + [[1.0, 1.0]] * 4)
        self.loads = np.array([1.0, -1.0, 1.0, -1.0, 25.0, 5.0, 25.0, 5.0])
        self.tests = (self.of_sigma("a.noise.sigma", 4), self.of_sigma("b.noise.sigma", 4))

    def compressed(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slopes = np.full((8, 4), np.nan)
        slopes[:, self.law] = self.design
        return np.asarray(self.design @ q[self.law] - self.loads), slopes

    def of_data(self, q: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(q)
        sigma = np.repeat(rows[:, [0, 3]], 4, axis=1)
        value = (-0.5 * ((rows[:, [1, 2]] @ self.design.T - self.loads) / sigma) ** 2 - np.log(sigma)).sum(axis=1)
        return np.asarray(value if np.ndim(q) == 2 else value[0])


def test_each_tests_sigma_follows_from_its_own_residuals() -> None:
    found = fit_module._fit(TwoTests(), np.array([3.0, 5.0, 5.0, 3.0]))
    np.testing.assert_allclose(found.q, [1.0, 0.0, 15.0, 10.0], atol=1e-6)


def test_readings_count_by_their_own_tests_sigma() -> None:
    """Both tests read one constant; the weights of the last round are the sigmas of the one before."""
    posterior = TwoTests()
    posterior.design = np.array([[1.0, 0.0]] * 8)
    q = fit_module._squares(
        posterior,
        np.array([1.0, 5.0, 0.0, 10.0]),
        np.array([False, True, False, False]),
        fit_module._units(np.array([1.0, 5.0, 0.0, 10.0]), fit_module._sigmas(posterior)),
    )
    assert q[1] == pytest.approx((4 * 0.0 + 0.01 * 4 * 15.0) / 4.04, rel=1e-6)


def test_of_one_constant_each_test_knows_as_much_as_its_sigma_says() -> None:
    """Means of 0 and 15, scatter of 1 and 10: three rounds from the constant to both sigmas and back."""
    posterior = TwoTests()
    posterior.design = np.array([[1.0, 0.0]] * 8)
    found = fit_module._fit(posterior, np.array([1.0, 5.0, 0.0, 10.0]))
    a, b = 1.0, 10.0
    for _ in range(3):
        constant = 15.0 / b**2 / (1.0 / a**2 + 1.0 / b**2)
        a, b = math.hypot(1.0, constant), math.hypot(10.0, 15.0 - constant)
    assert constant < 0.1
    np.testing.assert_allclose(found.q[[0, 1, 3]], [a, constant, b], rtol=2e-3)  # nothing depends on the slope


def test_where_sigma_is_known_residuals_are_in_its_units() -> None:
    posterior = TwoTests()
    posterior.tests[0].measurement.sigma = np.full(4, 7.0)
    sigmas = fit_module._sigmas(posterior)
    assert sigmas.tolist() == [-1] * 4 + [3] * 4
    units = fit_module._units(np.array([2.0, 5.0, 0.0, 10.0]), sigmas)
    assert units.tolist() == [1.0] * 4 + [10.0] * 4
    assert fit_module._units(np.array([2.0, 5.0, 0.0, 10.0]), sigmas[4:]).tolist() == [10.0]
    # As where another test's sigma is fixed, and no parameter.
    posterior.tests = (posterior.of_sigma("c.noise.sigma", 3),)
    assert fit_module._sigmas(posterior).tolist() == [-1] * 3


@pytest.mark.parametrize("points", [4, 8])
def test_residuals_of_all_readings_may_be_fewer(points: int) -> None:
    """Their squares add up to those of all readings, of which there are as many as the test has angles."""
    posterior = Line(NAMES, (0.1, 5.0), Normal(-2.0, 0.5), Normal(1.0, 0.25))
    posterior.tests = (posterior.of_sigma("noise.sigma", points),)
    found = fit_module._fit(posterior, np.array([3.0, 0.0, 0.0]))
    sigma = 3.0
    for _ in range(3):
        line = ridge(sigma, (-2.0, 1.0), (0.5, 0.25))
        sigma = math.sqrt(np.sum((line[0] + line[1] * np.arange(4.0) - Line.loads) ** 2) / points)
    np.testing.assert_allclose(found.q, [sigma, *line], rtol=1e-6)
