"""`calibrate check`: what a configuration means, and whether its priors allow the knee, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import Command, check_refused
from conftest import BOX, config_text

from calibrate import load_config
from calibrate.examples import example
from calibrate.precheck import precheck


def test_what_is_understood_is_said_and_nothing_is_run(folder: Path, command: Command) -> None:
    text = config_text().replace("alpha = { lower = 0.02, upper = 0.12 }", 'alpha = "lcl.alpha"', 1)
    (folder / "knee.toml").write_text(text.replace("l_0 = { lower = 50.0, upper = 66.0 }", "l_0 = 58.0"))
    before = {path.name for path in folder.iterdir()}
    result = command("check", "knee.toml")
    assert (result.code, result.err) == (0, "")
    assert "valid; 4 free parameters" in result.out
    assert "33 readings of" in result.out
    assert "the priors allow this knee: 33 of 33 readings" in result.out
    assert {path.name for path in folder.iterdir()} == before
    content = json.loads(command("check", "knee.toml", "--json").out)
    assert content["parameters"]["mcl.k"] == {"unit": "N/mm", "state": "free", "prior": "uniform, 10 to 100 N/mm"}
    assert content["parameters"]["mcl.alpha"] == {"unit": "", "state": "tied", "to": "lcl.alpha"}
    assert content["parameters"]["lcl.l_0"] == {"unit": "mm", "state": "fixed", "value": 58.0}
    assert content["allowed"] is True
    (test,) = content["tests"]
    assert (test["points"], test["unit"], test["positive"], test["angles"]) == (33, "N", "valgus", [-8.0, 8.0])
    assert all(sentence in result.out for sentence in test["sentences"])


def test_priors_of_another_knee_are_found_out(folder: Path, command: Command) -> None:
    mirrored = config_text().replace('positive = "valgus"', 'positive = "varus"')
    narrow = mirrored.replace("lower = 10.0, upper = 100.0", "lower = 60.0, upper = 100.0")
    for lower, upper in ((80.0, 100.0), (50.0, 66.0)):
        narrow = narrow.replace(f"lower = {lower}, upper = {upper}", f"lower = {lower + 8}, upper = {lower + 8.5}")
    (folder / "other.toml").write_text(narrow)
    result = command("check", "other.toml")
    assert result.code == 0
    assert "the priors do not allow this knee" in result.out
    assert json.loads(command("check", "other.toml", "--json").out)["allowed"] is False


def test_the_share_inside_is_that_of_a_band_of_simulated_readings_and_the_threshold_that_of_their_own() -> None:
    (found,) = precheck(load_config(BOX)).tests
    loads = found.test.measurement.loads
    posterior = precheck(load_config(BOX)).posterior
    rng = np.random.default_rng(7)
    readings = posterior.simulate(posterior.prior_sample(rng, 4000), rng)
    readings = readings[np.isfinite(readings).all(axis=1)]
    # Quantiles of a thousand knees: 0.5 % is their standard error.
    np.testing.assert_allclose(np.mean(readings < found.band[0], axis=0), 0.025, atol=0.02)
    np.testing.assert_allclose(np.mean(readings > found.band[2], axis=0), 0.025, atol=0.02)
    assert found.inside == np.mean((loads >= found.band[0]) & (loads <= found.band[2]))
    inside = np.mean((readings >= found.band[0]) & (readings <= found.band[2]), axis=1)
    assert np.mean(inside >= found.enough) > 0.95 - 0.03
    assert np.mean(inside > found.enough) < 0.95 + 0.03


def test_several_tests_many_readings_and_published_laxity() -> None:
    found = precheck(load_config(example("s192803.toml")))
    assert [test.test.name for test in found.tests] == [test.name for test in found.posterior.tests]
    published = {test.test.name: test.published for test in found.tests}
    assert published["flex0"] is not None
    assert published["flex0"].flexion == 5.5
    for test in found.tests:
        low, high = test.laxity[0], test.laxity[2]
        if test.published is not None:
            where = "inside" if low <= test.published.total <= high else "outside"
            assert f"is {where} (" in test.sentences[-1]


def test_of_very_many_readings_some_are_looked_at(folder: Path, command: Command) -> None:
    assert command("simulate", "knee.toml", "--angles=-8:8:701", "-o", "many.csv").code == 0
    (folder / "many.toml").write_text(config_text(file="many.csv"))
    assert "200 (of 701) readings" in command("check", "many.toml").out


@pytest.mark.parametrize("name", ["x.png", "x.pdf", "x.svg"])
def test_a_picture_is_drawn(name: str, folder: Path, command: Command) -> None:
    result = command("check", "knee.toml", "-o", name)
    assert result.code == 0
    assert (folder / name).stat().st_size > 10_000


@pytest.mark.parametrize(
    ("output", "says"),
    [("knee.toml", "no kind of picture"), ("bench_toe.csv", "no kind of picture"), ("no/x.png", "o such")],
)
def test_a_picture_that_cannot_be_is_refused(output: str, says: str, folder: Path, command: Command) -> None:
    if output == "no/x.png":
        (folder / "no").write_text("a file")
        says = "no/x.png"
    check_refused(command("check", "knee.toml", "-o", output), says)


def test_what_a_run_refuses_of_its_walkers_is_refused_here(folder: Path, command: Command) -> None:
    for walkers, verb, code in ((8, "check", 2), (8, "run", 2), (12, "check", 0)):
        (folder / "few.toml").write_text(config_text(extra=f"[sampling]\nwalkers = {walkers}\n"))
        result = command(verb, "few.toml")
        assert result.code == code
        said = "calibrate: error: sampling.walkers = 8: 6 free parameters need at least 12 walkers\n"
        assert result.err == (said if code else "")


def test_what_cannot_be_run_is_refused(folder: Path, command: Command) -> None:
    (folder / "bad.toml").write_text(config_text().replace("rolling", "roling"))
    check_refused(command("check", "bad.toml"), "did you mean 'rolling'?")
    check_refused(command("check", "none.toml"), "no such file")
    check_refused(command("check", "bad.toml", "--json"), "bad.toml")
