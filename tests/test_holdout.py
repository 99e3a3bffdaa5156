"""Tests that are held out: read, not fitted, and scored by what the others say of them."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import DATA
from scipy.stats import multivariate_normal, norm
from test_scores_predictive import GRID, KNEE, readings

from calibrate.config import Config, parse_config
from calibrate.data import Measurement
from calibrate.errors import ConfigError, ParameterError
from calibrate.posterior import Posterior
from calibrate.scores.holdout import check_held_out, held_out, without

TWO = (
    KNEE.replace("[data]", "[tests.flex0]")
    + """
[tests.flex30]
file = "other.csv"
positive = "varus"
flexion = 30.0
hold_out = true
measurement.load_bias = { mean = 0.3, sd = 0.8 }
noise.sigma = 0.4
[sampling]
ensembles = 2
walkers = 16
max_steps = 200
min_ess = 300
"""
)
BOTH = ["flex0", "flex30"]


def config(text: str = TWO) -> Config:
    return parse_config(text, DATA / "knee.toml")


@pytest.fixture(scope="module")
def data() -> dict[str, Measurement]:
    """Both tests of one knee, a load bias in the second."""
    plain = {"flex0": readings(12), "flex30": readings(7)}
    posterior = Posterior.from_config(config(), plain, tests=BOTH)
    (drawn,) = posterior.simulate(
        posterior.table.pack({"mcl.k": 70.0, "flex30.measurement.load_bias": 0.5})[np.newaxis], np.random.default_rng(1)
    )
    return {
        name: dataclasses.replace(test, loads=loads)
        for (name, test), loads in zip(plain.items(), np.split(drawn, [12]), strict=True)
    }


def draws(posterior: Posterior, seed: int = 1, converged: bool = True) -> Any:
    """Four thousand draws of the stiffness, which the fitted test alone decides; as much of draws as is asked for."""
    log_prob = posterior.log_prob(GRID[:, np.newaxis])
    weight = np.exp(log_prob - log_prob.max())
    q = np.random.default_rng(seed).choice(GRID, 4000, p=weight / weight.sum())[:, np.newaxis]
    diagnosis = SimpleNamespace(smallest_ess=4000.0)
    return SimpleNamespace(
        posterior=posterior,
        thinned=lambda count: q[:count],
        diagnosis=diagnosis,
        converged=converged,
        settings=posterior.config.sampling,
    )


def test_a_test_held_out_is_read_but_tells_the_posterior_nothing(data: dict[str, Measurement]) -> None:
    posterior = Posterior.from_config(config(), data)
    alone = Posterior.from_config(config(KNEE), data["flex0"])
    q = GRID[::200, np.newaxis]
    assert posterior.names == ("mcl.k",)
    assert [*posterior.measurements] == BOTH
    np.testing.assert_allclose(posterior.log_prob(q), alone.log_prob(q), rtol=1e-12)
    assert not [warning for warning in posterior.warnings if "load_bias" in warning]
    with pytest.raises(ConfigError, match="flex30 is held out; there are flex0"):
        posterior.test("flex30")
    whole = Posterior.from_config(config(), data, tests=BOTH)
    assert whole.names == ("mcl.k", "flex30.measurement.load_bias")


def test_its_density_is_the_integral_over_draws_and_over_the_prior_of_what_is_its_own(
    data: dict[str, Measurement],
) -> None:
    posterior = Posterior.from_config(config(), data)
    run = draws(posterior)
    (found,) = held_out(run)
    whole = Posterior.from_config(config(), data, tests=BOTH)
    k = GRID[::4, np.newaxis]
    weight = np.exp(posterior.log_prob(k) - np.max(posterior.log_prob(k)))
    weight /= weight.sum()
    means = whole.predict(np.hstack([k, np.full_like(k, 0.3)]), None, "flex30")
    covariance = 0.4**2 * np.eye(7) + 0.8**2
    density = np.array([multivariate_normal.pdf(data["flex30"].loads, mean, covariance) for mean in means])
    exact = np.log(weight @ density)
    assert 0.0 < found.error < 0.1
    assert found.log_density == pytest.approx(exact, abs=4.0 * found.error)
    below = np.array([norm.cdf(data["flex30"].loads, mean, np.hypot(0.4, 0.8)) for mean in means])
    np.testing.assert_allclose(found.pit, weight @ below, atol=0.03)
    error = weight @ means - data["flex30"].loads
    assert found.rmse() == pytest.approx(np.sqrt(np.mean(error**2)), abs=0.05)
    assert (found.name, found.unit, found.loads.size, found.converged) == ("flex30", "N·m", 7, True)
    assert str(found).startswith(f"flex30, held out: log predictive density {found.log_density:.2f} (± ")
    content = found.content()
    json.dumps(content, allow_nan=False)
    assert (content["log_density"], content["sentence"]) == (found.log_density, str(found))
    doubtful = dataclasses.replace(found, error=0.6, converged=False)
    assert "; few draws decide it)" in str(doubtful)
    assert str(doubtful).endswith("NOT CONVERGED without it")


def test_what_is_held_out_is_refused_as_if_it_were_fitted(data: dict[str, Measurement]) -> None:
    check_held_out(Posterior.from_config(config(), data))
    slide = TWO.replace("load_bias = {", "hysteresis = {")
    with pytest.raises(ConfigError, match=r"hysteresis is given, but knee\.csv has no column"):
        check_held_out(Posterior.from_config(config(slide), data))
    with pytest.raises(ConfigError, match=r"no data are given for tests\.flex30"):
        Posterior.from_config(config(), {"flex0": data["flex0"]})


@pytest.mark.parametrize(
    ("text", "held", "told"),
    [
        (TWO, ["flex60"], "no test is called 'flex60'; there are flex0, flex30"),
        (TWO, ["flex0"], "all tests are held out, so there is nothing to fit"),
        (KNEE, ["flex0"], "no test is called 'flex0'; a single test, .data., has no name"),
    ],
)
def test_tests_that_cannot_be_held_out(text: str, held: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        config(text).with_held_out(held)


def test_the_key_is_true_or_false_and_one_test_is_left() -> None:
    for wrong in ('"yes"', "1"):
        with pytest.raises(ConfigError, match=r"tests\.flex30\.hold_out"):
            config(TWO.replace("hold_out = true", f"hold_out = {wrong}"))
    with pytest.raises(ConfigError, match="all are held out"):
        config(
            TWO.replace("flexion = 30.0", "flexion = 30.0").replace("[tests.flex0]", "[tests.flex0]\nhold_out = true")
        )
    with pytest.raises(ConfigError, match="hold_out"):
        config(KNEE + "hold_out = true\n")
    plain = config(TWO.replace("hold_out = true", ""))
    assert (plain.held_out, plain.fitted) == ((), tuple(BOTH))
    held = plain.with_held_out(["flex30"])
    assert (held.held_out, held.fitted, held.text) == (("flex30",), ("flex0",), plain.text)


def test_leaving_out_the_only_reading_of_a_test_leaves_the_test_out(data: dict[str, Measurement]) -> None:
    posterior = Posterior.from_config(config(), data, tests=BOTH)
    fewer, names = without(posterior, "flex30", 2)
    assert names == BOTH
    np.testing.assert_array_equal(fewer["flex30"].loads, np.delete(data["flex30"].loads, 2))
    assert fewer["flex0"] is data["flex0"]
    single = {**data, "flex30": data["flex30"].part(np.array([3]))}
    assert without(Posterior.from_config(config(), single, tests=BOTH), "flex30", 0)[1] == ["flex0"]
    with pytest.raises(ParameterError, match="there is one reading"):
        without(Posterior.from_config(config(KNEE), readings(1)), "", 0)
