"""Log-likelihoods of single readings: their sum, and what is left when one is taken out, for every error model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import DATA
from scipy.stats import norm, t
from test_general_posterior import CASES, config_of, data_of, posterior_of

from calibrate.config import parse_config
from calibrate.data import Measurement
from calibrate.posterior import Posterior
from calibrate.scores.pointwise import Foretold, foretold, foretold_by_others, pointwise


def draws(posterior: Posterior, seed: int) -> np.ndarray:
    return np.vstack([posterior.middle, posterior.prior_sample(np.random.default_rng(seed), 3)])


def without(measurement: Measurement, row: int) -> Measurement:
    """All readings but one."""
    assert measurement.direction is not None
    columns = {key: np.delete(getattr(measurement, key), row) for key in ("angles", "loads", "direction")}
    return dataclasses.replace(measurement, **columns)


@pytest.mark.parametrize("number", [0, 3, 5, 10])
@pytest.mark.parametrize("kind", ["gauss", "student", "angle"])
@pytest.mark.parametrize("way", ["laws", "geometry"])
def test_independent_readings_add_up_to_the_likelihood(number: int, kind: str, way: str) -> None:
    posterior = posterior_of(CASES[number], kind, way)
    q = draws(posterior, number)
    each = pointwise(posterior, q)
    assert each.shape == (4, posterior.measurement.loads.size)
    np.testing.assert_allclose(each.sum(axis=1), posterior.log_likelihood(q), rtol=1e-9)


def test_a_given_sigma_of_each_reading_and_several_tests_add_up() -> None:
    config = parse_config((DATA / "oks009_box.toml").read_text(), DATA / "oks009_box.toml")
    given = Posterior.from_config(config).measurement
    sigma = np.linspace(0.2, 1.0, given.loads.size)
    known = config.model_copy(update={"noise": type(config.noise)()})
    posterior = Posterior.from_config(known, dataclasses.replace(given, sigma=sigma))
    q = draws(posterior, 1)
    np.testing.assert_allclose(pointwise(posterior, q).sum(axis=1), posterior.log_likelihood(q), rtol=1e-9)
    text = config_of(CASES[0], "gauss", "reading").replace("[data]", "[tests.one]")
    text += '[tests.two]\nfile = "test.csv"\npositive = "varus"\nflexion = 20.0\nmeasurement.angle_offset = 0.0\n'
    text += "measurement.load_bias = 0.0\nmeasurement.hysteresis = 0.0\nnoise.sigma = 2.0\n"
    first = data_of(CASES[0])
    both = Posterior.from_config(parse_config(text, DATA / "knee.toml"), {"one": first, "two": without(first, 1)})
    q = draws(both, 2)
    each = pointwise(both, q)
    assert each.shape[1] == 2 * first.loads.size - 1
    np.testing.assert_allclose(each.sum(axis=1), both.log_likelihood(q), rtol=1e-9)


@pytest.mark.parametrize("number", [0, 7])
def test_a_correlated_reading_has_what_the_likelihood_loses_without_it(number: int) -> None:
    case = CASES[number]
    posterior = posterior_of(case, "discrepancy", "laws")
    q = draws(posterior, number)
    each = pointwise(posterior, q)
    for row in (0, 4):
        fewer = Posterior.from_config(posterior.config, without(data_of(case), row))
        lost = np.asarray(posterior.log_likelihood(q)) - np.asarray(fewer.log_likelihood(q))
        np.testing.assert_allclose(each[:, row], lost, rtol=1e-8, atol=1e-8)


def test_others_narrow_what_is_foretold_only_where_errors_are_correlated() -> None:
    posterior = posterior_of(CASES[0], "discrepancy", "laws")
    (test,), q = posterior.tests, draws(posterior, 1)
    alone, others = foretold(posterior, test, q), foretold_by_others(posterior, test, q)
    assert (others.scale < alone.scale).all()
    amplitude = posterior.values(q, "noise.discrepancy.amplitude")
    sigma = posterior.values(q, "noise.sigma")
    np.testing.assert_allclose(alone.scale, np.hypot(amplitude, sigma)[:, np.newaxis] * np.ones_like(alone.scale))
    np.testing.assert_allclose(alone.location, posterior.predict(q))
    independent = posterior_of(CASES[0], "gauss", "laws")
    (test,), q = independent.tests, draws(independent, 1)
    np.testing.assert_array_equal(foretold(independent, test, q).scale, foretold_by_others(independent, test, q).scale)


def test_densities_and_shares_are_those_of_scipy() -> None:
    loads, location, scale = (
        np.array([-1.0, 0.5]),
        np.array([[0.2, 0.1], [0.4, 2.0]]),
        np.array([[1.0, 2.0], [0.5, 3.0]]),
    )
    gaussian = Foretold(location, scale, np.full((2, 1), np.inf))
    np.testing.assert_allclose(gaussian.log_density(loads), norm.logpdf(loads, location, scale))
    np.testing.assert_allclose(gaussian.below(loads), norm.cdf(loads, location, scale))
    nu = np.array([[1.5], [1e7]])
    student = Foretold(location, scale, nu)
    np.testing.assert_allclose(student.log_density(loads), t.logpdf(loads, nu, location, scale), rtol=1e-9)
    np.testing.assert_allclose(student.below(loads), t.cdf(loads, nu, location, scale))


def test_parameters_without_a_meaning_say_nothing() -> None:
    posterior = posterior_of(CASES[0], "gauss", "laws")
    q = draws(posterior, 1)
    q[1, 0] = -1.0
    each = pointwise(posterior, q)
    assert (each[1] == -np.inf).all()
    assert np.isfinite(each[[0, 2, 3]]).all()
