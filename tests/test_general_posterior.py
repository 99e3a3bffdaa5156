"""Whole calibrations of the general model, from the file's text to the log-probability: against independent numbers.

The twelve knees of `general_reference.json` are written as configurations and measurement files, in every form that a
file allows; readings and log-likelihoods have to be those of the code that made them.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from conftest import DATA

from calibrate.config import parse_config
from calibrate.data import Measurement, format_measurement, parse_measurement
from calibrate.knee.pair import Pair
from calibrate.posterior import Posterior

Case = dict[str, Any]
CASES: list[Case] = json.loads((DATA / "general_reference.json").read_text())
NUMBERS = range(len(CASES))
KINDS = ("gauss", "student", "angle", "discrepancy")
# How the numbers are given: fixed ones; the laws and the errors free; readings as well; the geometry as well.
WAYS = ("fixed", "laws", "reading", "geometry")


def uniform(value: float) -> str:
    """A uniform prior around a value."""
    wide = 0.3 * abs(value) + 0.1
    lower = max(value - wide, 0.5 * value) if value > 0.0 else value - wide
    return f"{{ lower = {lower!r}, upper = {value + wide!r} }}"


def normal(value: float) -> str:
    """A normal prior that is not centred at a value."""
    return f"{{ mean = {value + 0.01!r}, sd = {0.1 * abs(value) + 0.1!r} }}"


def pair(point: list[float], number: Any = repr) -> str:
    return "[" + ", ".join(number(value) for value in point) + "]"


def config_of(case: Case, kind: str = "gauss", way: str = "fixed", strain: bool = False, positive: str = "") -> str:
    """Write a case as a configuration; in the fixed way an amplitude of the tare's is all that is free."""
    law = repr if way == "fixed" else uniform
    reading = normal if way in ("reading", "geometry") else repr
    shape = normal if way == "geometry" else repr
    knee, test, errors = case["geometry"], case["test"], case["errors"]
    lines = ["[knee]"]
    lines += [f"reference_flexion = {test['flexion']}"] if strain else []
    for side, key in (("lateral", "lat"), ("medial", "med")):
        lines.append(
            f"{side}_condyle = {{ centre = {pair(knee[key + '_c'], shape)}, radius = {shape(knee[key + '_r'])} }}"
        )
    lines += [f"rolling = {knee['rho']}", f"application_point = {pair(knee['app'], shape)}"]
    lines += [f"flexion_axis = {pair(knee['axis'], shape)}"] if knee["axis_given"] else []
    lines += [f"{s['name']} = {{ femur = {pair(s['F'], shape)}, tibia = {pair(s['T'])} }}" for s in case["strands"]]
    for strand in case["strands"]:
        lines += [f"[parameters.{strand['name']}]", f"k = {law(strand['k'])}", f"alpha = {law(strand['alpha'])}"]
        lines += [f"reference_strain = {normal(strand['e_ref'])}"] if strain else [f"l_0 = {law(strand['l_0'])}"]
        free = way == "fixed" and strand["name"] == "mcl"
        lines.append(f"f_ref = {normal(strand['f_ref']) if free else repr(strand['f_ref'])}")
    given = case["measurement"]
    lines += ["[measurement]", f"angle_offset = {reading(given['offset'])}"]
    lines += [f"load_bias = {reading(given['bias'])}", f"hysteresis = {reading(given['hyst'])}"]
    lines += ["[noise]", f"sigma = {law(case['sigma'])}"]
    lines += [f"nu = {law(errors['nu'])}"] if kind == "student" else []
    lines += [f"angle_sigma = {law(errors['angle_sigma'])}"] if kind == "angle" else []
    if kind == "discrepancy":
        lines.append(f"discrepancy = {{ amplitude = {law(errors['amp'])}, length = {law(errors['ell'])} }}")
    lines += ["[data]", 'file = "test.csv"', f'positive = "{positive or test["positive"]}"']
    return "\n".join([*lines, f"flexion = {test['flexion']}", ""])


def data_of(case: Case, sign: float = 1.0) -> Measurement:
    """Write a case's test as a file and read it; a sign turns both columns."""
    test = case["test"]
    angles, loads = sign * np.array(test["angle"]), sign * np.array(test["load"])
    text = format_measurement(
        angles, loads, test["kind"], test["unit"], [], {}, None, sign * np.array(test["direction"])
    )
    return parse_measurement(text, "test.csv")


def posterior_of(case: Case, *args: Any, **how: Any) -> Posterior:
    return Posterior.from_config(parse_config(config_of(case, *args, **how), DATA / "knee.toml"), data_of(case))


def values_of(case: Case) -> dict[str, float]:
    """A case's numbers by the names of parameters."""
    knee, errors, given = case["geometry"], case["errors"], case["measurement"]
    found = {"noise.sigma": case["sigma"], "noise.nu": errors["nu"], "noise.angle_sigma": errors["angle_sigma"]}
    found |= {"noise.discrepancy.amplitude": errors["amp"], "noise.discrepancy.length": errors["ell"]}
    found |= {
        f"measurement.{key}": given[short] for key, short in zip(READING, ("offset", "bias", "hyst"), strict=True)
    }
    for side in ("lateral", "medial"):
        found |= dict(zip((f"knee.{side}_condyle.centre.{axis}" for axis in "xy"), knee[f"{side[:3]}_c"], strict=True))
        found[f"knee.{side}_condyle.radius"] = knee[f"{side[:3]}_r"]
    found |= dict(zip((f"knee.application_point.{axis}" for axis in "xy"), knee["app"], strict=True))
    found |= dict(zip((f"knee.flexion_axis.{axis}" for axis in "yz"), knee["axis"], strict=True))
    for strand in case["strands"]:
        name = strand["name"]
        found |= {f"{name}.{key}": strand[key] for key in ("k", "alpha", "l_0", "f_ref")}
        found[f"{name}.reference_strain"] = strand["e_ref"]
        found |= dict(zip((f"knee.{name}.femur.{axis}" for axis in "xyz"), strand["F"], strict=False))
    return found


READING = ("angle_offset", "load_bias", "hysteresis")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", NUMBERS)
def test_readings_and_likelihoods_are_those_of_the_independent_code(number: int, kind: str, way: str) -> None:
    case = CASES[number]
    posterior = posterior_of(case, kind, way)
    q = posterior.table.pack(values_of(case))
    np.testing.assert_allclose(posterior.predict(q)[0], case["reading"], rtol=1e-9, atol=1e-9)
    assert posterior.log_likelihood(q) == pytest.approx(case["log_likelihood"][kind], rel=1e-9, abs=1e-9)
    assert posterior.tests[0].posed is (way in ("reading", "geometry"))
    assert isinstance(posterior.density.knee, Pair) is (
        len(case["strands"]) == 2 and kind == "gauss" and way in ("fixed", "laws")
    )


@pytest.mark.parametrize("way", ["laws", "geometry"])
@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_strain_is_the_slack_length(number: int, way: str) -> None:
    case = CASES[number]
    posterior = posterior_of(case, "gauss", way, strain=True)
    q = posterior.table.pack(values_of(case))
    np.testing.assert_allclose(posterior.predict(q)[0], case["reading"], rtol=1e-9, atol=1e-9)
    assert posterior.log_likelihood(q) == pytest.approx(case["log_likelihood"]["gauss"], rel=1e-9)
    wanted = [[s["k"], s["alpha"], s["l_0"], s["f_ref"]] for s in case["strands"]]
    np.testing.assert_allclose(posterior.law(q)[0], wanted, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", NUMBERS)
def test_the_other_sign_of_a_file_is_the_same_test(number: int, kind: str) -> None:
    case = CASES[number]
    other = "varus" if case["test"]["positive"] == "valgus" else "valgus"
    config = parse_config(config_of(case, kind, "reading", positive=other), DATA / "knee.toml")
    mirrored = Posterior.from_config(config, data_of(case, -1.0))
    values = values_of(case)
    # A direction of -1 is that of a load that is counted the other way, so the hysteresis keeps its sign here.
    turned = values | {f"measurement.{key}": -values[f"measurement.{key}"] for key in READING[:2]}
    q = mirrored.table.pack(turned)
    assert mirrored.log_likelihood(q) == pytest.approx(case["log_likelihood"][kind], rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(mirrored.predict(q)[0], -np.array(case["reading"]), rtol=1e-9, atol=1e-9)
    with_direction = data_of(case, -1.0)
    kept = Measurement(
        with_direction.angles,
        with_direction.loads,
        None,
        with_direction.kind,
        with_direction.angle_unit,
        direction=np.array(case["test"]["direction"]),
    )
    turned["measurement.hysteresis"] *= -1.0
    found = Posterior.from_config(config, kept).log_likelihood(mirrored.table.pack(turned))
    assert found == pytest.approx(case["log_likelihood"][kind], rel=1e-9, abs=1e-9)
    unturned = mirrored.log_likelihood(mirrored.table.pack(values))
    assert unturned != pytest.approx(case["log_likelihood"][kind], rel=1e-3)
