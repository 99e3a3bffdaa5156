"""Tests that are held out: read, not fitted, and scored by what the others say of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import DATA, Result
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from test_scores_predictive import GRID, KNEE, readings, simulated

from calibrate import chain
from calibrate.config import Config, parse_config
from calibrate.data import Measurement, format_measurement
from calibrate.errors import ConfigError, ParameterError
from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.scores.holdout import check_held_out, foretell, held_out, leave_tests_out, refitted, without
from calibrate.scores.pointwise import pointwise
from calibrate.scores.predictive import scores

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
        draws=4000,
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


def test_each_test_left_out_is_scored_as_if_it_had_been_held_out(data: dict[str, Measurement]) -> None:
    both = Posterior.from_config(config(), data, tests=BOTH)
    run = SimpleNamespace(posterior=both, settings=both.config.sampling)
    first, second = leave_tests_out(run)
    held = foretell(draws(Posterior.from_config(config(), data)), "flex30")
    assert (first.name, second.name) == tuple(BOTH)
    assert first.converged
    assert second.converged
    assert second.log_density == pytest.approx(held.log_density, abs=4.0 * np.hypot(second.error, held.error))
    alone = draws(Posterior.from_config(config(KNEE), data["flex0"]))
    with pytest.raises(ParameterError, match="there is one test"):
        next(leave_tests_out(alone))


def test_a_reading_that_decides_is_scored_exactly_by_calibrating_without_it() -> None:
    posterior, q = simulated(0)
    found = scores(posterior, q)
    bad = np.arange(15) == 14
    doubted = dataclasses.replace(found.tests[0], k=np.where(bad, 0.9, 0.1), elpd=found.elpd - 5.0 * bad)
    found = dataclasses.replace(found, tests=(doubted,))
    short = posterior.config.with_sampling(ensembles=2, walkers=16, max_steps=200, min_ess=300)
    posterior = Posterior.from_config(short, posterior.measurement)
    run = SimpleNamespace(posterior=posterior, settings=short.sampling)
    exact = refitted(run, found)
    each = pointwise(posterior, GRID[:, np.newaxis])
    others = each.sum(axis=1, keepdims=True) - each
    truth = logsumexp(each.sum(axis=1)) - logsumexp(others, axis=0)
    (test,) = exact.tests
    assert test.elpd[bad] == pytest.approx(truth[bad], abs=4.0 * float(test.error[bad][0]))
    assert test.k[bad] == 0.0
    weight = np.exp(others[:, 14] - logsumexp(others[:, 14]))
    below = norm.cdf(posterior.measurement.loads[14], posterior.predict(GRID[:, np.newaxis])[:, 14], 0.5)
    assert test.pit_loo[14] == pytest.approx(weight @ below, abs=0.03)
    np.testing.assert_array_equal(test.elpd[~bad], found.elpd[~bad])
    np.testing.assert_array_equal(test.pit_loo[~bad], found.tests[0].pit_loo[~bad])
    assert exact.parameters == pytest.approx(found.parameters + found.total - exact.total)
    hopeless = Posterior.from_config(short.with_sampling(max_steps=2), posterior.measurement)
    again = refitted(SimpleNamespace(posterior=hopeless, settings=hopeless.config.sampling), found)
    np.testing.assert_array_equal(again.k, found.k)


@pytest.fixture(scope="module")
def files(data: dict[str, Measurement], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both tests, a configuration that holds none of them out, and one with another stiffness."""
    folder = tmp_path_factory.mktemp("held")
    text = TWO.replace("hold_out = true", "").replace("knee.csv", "first.csv")
    (folder / "knee.toml").write_text(text)
    (folder / "other.toml").write_text(text.replace("k = 60.0", "k = 55.0"))
    for name, file in zip(BOTH, ("first.csv", "other.csv"), strict=True):
        columns = data[name].angles, data[name].loads
        (folder / file).write_text(format_measurement(*columns, "moment", "deg", [], {}))
    return folder


@pytest.fixture
def at(files: Path, command: Callable[..., Result]) -> Callable[..., Result]:
    """Run the command line on files of the folder."""
    return lambda *words: command(*(files / word if word.endswith((".h5", ".toml")) else word for word in words))


def test_a_run_without_a_test_says_how_that_is_foretold_now_and_later(at: Callable[..., Result], files: Path) -> None:
    done = at("run", "knee.toml", "-o", "held.h5", "--hold-out", "flex30")
    assert done.code == 0, done.err
    assert done.out.startswith("flex30, held out: log predictive density ")
    run = open_run(files / "held.h5")
    assert run.config.held_out == ("flex30",)
    assert run.names == ("mcl.k",)
    assert [*chain.read(files / "held.h5").measurements] == BOTH
    assert done.out.strip() in at("summary", "held.h5").out
    summary = json.loads(at("summary", "held.h5", "--json").out)
    assert [test["name"] for test in summary["tests"]] == ["flex0"]
    assert [test["name"] for test in summary["held_out"]] == ["flex30"]
    assert at("resume", "held.h5", "--steps", "1").code == 0
    shown = at("score", "held.h5")
    assert "Each reading foretold by all others" in shown.out
    assert "flex30, held out" in shown.out
    scored = json.loads(at("score", "held.h5", "--json").out)
    assert (scored["readings"], len(scored["held_out"])) == (12, 1)
    short = at("run", "knee.toml", "-o", "short.h5", "--hold-out", "flex30", "--max-steps", "1")
    assert (short.code, "few draws decide it" in short.out) == (3, True)
    summary = json.loads(at("summary", "short.h5", "--json").out)
    assert (summary["held_out"][0]["converged"], summary["held_out"][0]["log_density_error"]) == (False, None)
    few = at("score", "short.h5")
    assert (few.code, "0 effective draws, and scores need 100 at least" in few.err) == (2, True)
    refused = at("score", "held.h5", "--tests")
    assert (refused.code, "has one test that is fitted" in refused.err) == (2, True)


def test_a_run_does_not_begin_where_what_is_held_out_could_not_be_scored(
    at: Callable[..., Result], files: Path
) -> None:
    text = (files / "knee.toml").read_text()
    (files / "slide.toml").write_text(text.replace("load_bias = {", "hysteresis = {"))
    refused = at("run", "slide.toml", "-o", "slide.h5", "--hold-out", "flex30")
    assert (refused.code, refused.err.count("\n"), "no column 'direction'" in refused.err) == (2, 1, True)
    assert not (files / "slide.h5").exists()


def test_runs_are_compared_or_refused_in_one_line(at: Callable[..., Result]) -> None:
    for name in ("knee", "other"):
        assert at("run", f"{name}.toml", "-o", f"{name}.h5").code == 0
    compared = json.loads(at("compare", "knee.h5", "other.h5", "--json").out)
    assert compared["readings"] == 19
    assert {Path(model["file"]).name for model in compared["models"]} == {"knee.h5", "other.h5"}
    assert "Leave-one-out scores of 19 readings" in at("compare", "knee.h5", "other.h5").out
    left = json.loads(at("score", "knee.h5", "--tests", "--json").out)["left_out"]
    assert [test["name"] for test in left] == BOTH
    for words, told in (
        (("compare", "knee.h5"), "give two runs at least"),
        (("compare", "knee.h5", "knee.h5"), "is given twice"),
        (("compare", "knee.h5", "held.h5"), "fitted to 2 and 1 tests"),
        (("run", "knee.toml", "-o", "no.h5", "--hold-out", "flex60"), "no test is called 'flex60'"),
    ):
        refused = at(*words)
        assert (refused.code, refused.err.count("\n"), told in refused.err) == (2, 1, True), refused.err
