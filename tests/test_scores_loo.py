"""Leave-one-out by importance weights, against a posterior of which all of it can be written down."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from calibrate.scores.loo import BAD_K, leave_one_out, mean_density, standard_error

SIGMA, WIDTH = 0.5, 2.0
LINE = np.vander(np.linspace(-1.0, 1.0, 20), 2)


def fitted(rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of a line's coefficients, a priori independent with sd `WIDTH`."""
    covariance = np.linalg.inv(rows.T @ rows / SIGMA**2 + np.eye(2) / WIDTH**2)
    return covariance @ rows.T @ y / SIGMA**2, covariance


def log_normal(residual: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    return np.asarray(-0.5 * residual**2 / variance - 0.5 * np.log(2.0 * np.pi * variance))


def exact(y: np.ndarray) -> np.ndarray:
    """The log-density of each reading given all others."""
    out = []
    for i, row in enumerate(LINE):
        mean, covariance = fitted(np.delete(LINE, i, axis=0), np.delete(y, i))
        out.append(log_normal(y[i] - row @ mean, SIGMA**2 + row @ covariance @ row))
    return np.array(out)


def case(seed: int, outlier: float = 0.0, draws: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Readings, and their log-likelihoods (draws, 20) in draws of the posterior."""
    rng = np.random.default_rng(seed)
    y = LINE @ rng.normal(0.0, WIDTH, 2) + rng.normal(0.0, SIGMA, 20)
    y[0] += outlier
    mean, covariance = fitted(LINE, y)
    q = rng.multivariate_normal(mean, covariance, draws)
    return y, log_normal(y - q @ LINE.T, SIGMA**2)


def test_each_reading_is_as_exactly_without_it_within_the_error() -> None:
    misses, sums, counted = [], [], []
    for seed in range(8):
        y, log_likelihood = case(seed)
        found = leave_one_out(log_likelihood)
        assert (found.k < BAD_K).all()
        misses.append((found.elpd - exact(y)) / found.error)
        error = float(np.sqrt(found.shares @ found.shares))
        sums.append((found.elpd - exact(y)).sum() / error)
        fit, _ = mean_density(log_likelihood)
        counted.append((fit - exact(y)).sum() / error)
        assert found.parameters == pytest.approx(float((fit - exact(y)).sum()), abs=5.0 * error)
    # 160 and 8 misses in units of their errors; what is not left out at all is off by tens.
    assert 0.7 < np.sqrt(np.mean(np.square(misses))) < 1.4
    assert np.abs(sums).max() < 4.0
    assert np.min(counted) > 15.0


def test_a_reading_that_decides_has_a_k_that_says_so() -> None:
    _, log_likelihood = case(1, outlier=6.0)
    k = leave_one_out(log_likelihood).k
    assert k[0] > BAD_K
    assert (k[5:15] < 0.5).all()


def test_a_reading_that_tells_the_draws_nothing_weighs_them_alike() -> None:
    _, log_likelihood = case(2, draws=500)
    log_likelihood[:, 3] = -1.25
    log_likelihood[:5, 4], log_likelihood[5:, 4] = 0.0, -1.0  # the tail is all the same, the rest is not
    found = leave_one_out(log_likelihood)
    assert (found.elpd[3], found.error[3], found.k[3]) == (pytest.approx(-1.25), pytest.approx(0.0), -np.inf)
    np.testing.assert_allclose(found.weights[:, 3], 1.0 / 500)
    assert found.k[4] == -np.inf
    assert found.elpd[4] == pytest.approx(-np.log((5.0 + 495.0 * np.e) / 500.0))
    np.testing.assert_allclose(found.weights.sum(axis=0), 1.0)


def test_draws_that_hang_together_make_the_error_larger() -> None:
    _, log_likelihood = case(3)
    one, quarter = leave_one_out(log_likelihood), leave_one_out(log_likelihood, 0.25)
    np.testing.assert_allclose(quarter.error / one.error, 2.0, rtol=0.2)


def test_a_mean_of_densities_and_its_error_are_those_of_a_normal_distribution() -> None:
    rng = np.random.default_rng(4)
    misses, width = [], np.array([0.5, 1.0])
    for _ in range(200):
        mean, error = mean_density(log_normal(0.3 - rng.normal(0.0, width, (1000, 2)), 1.0))
        misses.append((mean - log_normal(np.array(0.3), 1.0 + width**2)) / error)
    np.testing.assert_allclose(np.std(misses, axis=0), 1.0, atol=0.2)
    np.testing.assert_allclose(np.mean(misses, axis=0), 0.0, atol=0.3)
    density = log_normal(rng.normal(size=(1000, 1)), 1.0)
    assert mean_density(density, 0.25)[1] == pytest.approx(2.0 * mean_density(density)[1])


def test_a_sum_scatters_as_its_parts_do() -> None:
    parts = np.random.default_rng(5).normal(3.0, 2.0, 10_000)
    assert standard_error(parts) == pytest.approx(200.0, rel=0.03)


LEAN = """
import sys
import calibrate.cli, calibrate.runner, calibrate.results, calibrate.cli.scores, calibrate.scores.models
assert "arviz_stats" not in sys.modules
sys.modules.update(dict.fromkeys(("xarray", "pandas", "arviz_base", "xarray_einstats")))
import numpy as np
from calibrate.scores.loo import leave_one_out
print(leave_one_out(np.random.default_rng(1).normal(size=(200, 1))).k)
"""


def test_runs_do_not_load_the_library_and_scores_need_nothing_of_it_but_numpy() -> None:
    done = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
