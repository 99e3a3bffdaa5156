"""The parameters of strands, readings and errors, and several tests: what they yield by name, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from config_documents import document, refused
from pydantic import BaseModel, ValidationError

from calibrate.config import Bounds, Gaussian, KneeConfig, NoiseConfig, ParametersConfig, StrandConfig, TestConfig
from calibrate.config.parameters import (
    MOST_TESTS,
    DiscrepancyConfig,
    MeasurementConfig,
    ParametersPart,
    StrandPart,
    check_tests,
    no_strand,
)

LAW = {"k": 50.0, "alpha": 0.06, "l_0": 80.0}
FILE = {"file": "x.csv", "positive": "valgus"}


def test_what_is_not_given_is_not_there() -> None:
    assert dict(StrandPart().items()) == dict(MeasurementConfig().items()) == dict(NoiseConfig().items()) == {}
    assert dict(StrandConfig().items()) == {"f_ref": 0.0}
    test = TestConfig.model_validate(FILE)
    assert (test.hold_out, dict(test.items())) == (False, {})
    assert TestConfig.__test__ is False  # pytest would take the class for one of its own


def test_a_test_yields_what_is_its_own_strands_first() -> None:
    given = {
        "noise": {
            "sigma": 0.5,
            "angle_sigma": 0.1,
            "discrepancy": {"amplitude": 0.2, "length": {"lower": 2.0, "upper": 9.0}},
        },
        "measurement": {"angle_offset": 1.0, "load_bias": 2.0, "hysteresis": 3.0},
        "knee": {"rolling": 0.5},
        "parameters": {"lcl": {"f_ref": 4.0, "reference_strain": 0.02}, "mcl": LAW},
    }
    test = TestConfig.model_validate({**FILE, **given})
    assert list(test.items()) == [
        ("lcl.reference_strain", 0.02),
        ("lcl.f_ref", 4.0),
        ("mcl.k", 50.0),
        ("mcl.alpha", 0.06),
        ("mcl.l_0", 80.0),
        ("knee.rolling", 0.5),
        ("measurement.angle_offset", 1.0),
        ("measurement.load_bias", 2.0),
        ("measurement.hysteresis", 3.0),
        ("noise.sigma", 0.5),
        ("noise.angle_sigma", 0.1),
        ("noise.discrepancy.amplitude", 0.2),
        ("noise.discrepancy.length", Bounds(lower=2.0, upper=9.0)),
    ]
    assert list(NoiseConfig(nu=4.0).items()) == [("nu", 4.0)]


def test_strands_have_names() -> None:
    given = {"mcl": LAW, "lcl": LAW, "dmcl": {"k": 30.0}}
    shared, own = ParametersConfig.model_validate(given), ParametersPart.model_validate({"dmcl": {"k": 30.0}})
    assert [*shared.strands] == ["mcl", "lcl", "dmcl"]
    assert shared.strands["dmcl"] == StrandConfig(k=30.0)
    assert own.strands == {"dmcl": StrandPart(k=30.0)}
    for model in (shared, own):
        with pytest.raises(ValidationError, match="frozen"):
            model.mcl = StrandConfig()  # type: ignore[union-attr]  # that is what is refused


def test_published_values_are_looked_up_by_quantity() -> None:
    found = StrandPart.model_validate({"k": {"literature": "cho2020.mcl.k", "sd": 9.0}, "alpha": 0.06})
    assert found.k == Gaussian(mean=71.97, sd=9.0, literature="cho2020.mcl.k")
    part = StrandPart(k=3.0)
    assert StrandPart.model_validate(part) is part


BOTH = "l_0 and reference_strain are both given, and each says the other; keep one"
SHARE = "must be greater than -1; a strain is a share, like 0.03"
CORRELATED = "discrepancy and nu are both given, and correlated errors are Gaussian here; keep one"
LAW_KEYS = "k, alpha, l_0, reference_strain, f_ref"
SMOOTH = {"amplitude": 0.2, "length": 2.0}


@pytest.mark.parametrize(
    ("model", "given", "says"),
    [
        (StrandPart, 3, " = 3: must be a table with k, alpha, l_0, reference_strain, f_ref"),
        (StrandPart, {"k": -1.0}, "k = -1, but it has to be positive"),
        (StrandPart, {"alpha": -1.0}, "alpha = -1, but it has to be positive"),
        (StrandPart, {"l_0": -1.0}, "l_0 = -1, but it has to be positive"),
        (StrandPart, {"l_0": 80.0, "reference_strain": 0.02}, BOTH),
        (StrandPart, {"reference_strain": 0.02}, None),
        (StrandPart, {"reference_strain": -0.5}, None),
        (StrandPart, {"reference_strain": -1.0}, f"reference_strain = -1.0: {SHARE}"),
        (StrandPart, {"reference_strain": -1.5}, f"reference_strain = -1.5: {SHARE}"),
        (StrandPart, {"reference_strain": {"lower": -0.5, "upper": 0.1}}, None),
        (
            StrandPart,
            {"reference_strain": {"lower": -1.0, "upper": 0.1}},
            f"reference_strain.lower = -1.0: {SHARE}",
        ),
        (StrandPart, {"reference_strain": {"mean": 0.0, "sd": 0.1}}, None),
        (DiscrepancyConfig, {**SMOOTH, "amplitude": -1.0}, "amplitude = -1, but it has to be positive"),
        (DiscrepancyConfig, {**SMOOTH, "length": -1.0}, "length = -1, but it has to be positive"),
        (NoiseConfig, {"sigma": -1.0}, "sigma = -1, but it has to be positive"),
        (NoiseConfig, {"nu": -1.0}, "nu = -1, but it has to be positive"),
        (NoiseConfig, {"angle_sigma": -1.0}, "angle_sigma = -1, but it has to be positive"),
        (NoiseConfig, {"nu": 4.0, "discrepancy": SMOOTH}, CORRELATED),
        (NoiseConfig, {"discrepancy": SMOOTH}, None),
        (TestConfig, {**FILE, "hold_out": 1}, "hold_out = 1: cannot be used here"),
        (TestConfig, {**FILE, "hold_out": True}, None),
        (ParametersConfig, {"mcl": LAW, "lcl": LAW, "pol": {"kk": 3.0}}, "pol.kk: unknown key; did you mean 'k'?"),
        (ParametersConfig, {"mcl": LAW, "lcl": LAW, "pol": {"xyz": 3}}, "pol: unknown key; known here: mcl, lcl"),
        (ParametersConfig, {"mcl": LAW, "lcl": LAW, "dmcl": 3}, "dmcl: unknown key; did you mean 'mcl'?"),
        (ParametersPart, {"mcl": {}, "dmcl": 3}, "dmcl: unknown key; did you mean 'mcl'?"),
        (ParametersPart, {"pol": {"xyz": 3}}, "pol: unknown key; known here: mcl, lcl"),
        (
            ParametersPart,
            {"mcl": {"xyz": 3}},
            f"mcl.xyz: unknown key; known here: {LAW_KEYS}",
        ),
        (ParametersPart, {"pol": {"alhpa": 3}}, "pol.alhpa: unknown key; did you mean 'alpha'?"),
    ],
)
def test_what_is_no_parameter(model: type[BaseModel], given: Any, says: str | None) -> None:
    assert refused(model, given) == says


KNEE = KneeConfig.model_validate(document()["knee"] | {"dmcl": {"femur": [1.0, 2.0, 3.0], "tibia": [1.0, 2.0, 4.0]}})
NONE = "there is no such strand in [knee]"


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("flex30", {"mcl": {"femur": [1.0, 2.0]}, "dmcl": {"tibia": [1.0, 2.0, 3.0]}}, None),
        ("flex 30", {}, "tests: the test 'flex 30': a name is up to 64 letters, digits, - and _, a letter first"),
        ("dmcl", {}, "tests: the test 'dmcl': this name has a meaning of its own; choose another"),
        ("a", {"pol": {"femur": [1.0, 2.0]}}, f"tests.a.knee.pol: {NONE}; add knee.pol"),
        ("a", {"dmlc": {"femur": [1.0, 2.0]}}, f"tests.a.knee.dmlc: {NONE}; did you mean 'dmcl'?"),
        (
            "a",
            {"mcl": {"femur": [1.0, 2.0, 3.0]}},
            "tests.a.knee.mcl.femur has 3 coordinates and knee.mcl has 2; give as many in both",
        ),
        (
            "a",
            {"dmcl": {"tibia": [1.0, 2.0]}},
            "tests.a.knee.dmcl.tibia has 2 coordinates and knee.dmcl has 3; give as many in both",
        ),
    ],
)
def test_tests_that_do_not_fit_the_knee(name: str, given: dict[str, Any], says: str | None) -> None:
    tests = {name: TestConfig.model_validate({**FILE, "knee": given})}
    if says is None:
        check_tests(tests, KNEE)
        return
    with pytest.raises(ValueError) as error:
        check_tests(tests, KNEE)
    assert str(error.value) == says


def test_there_are_at_most_a_thousand_tests() -> None:
    one = TestConfig.model_validate(FILE)
    tests = {f"t{i}": one for i in range(1000)}
    check_tests(tests, KNEE)
    with pytest.raises(ValueError) as error:
        check_tests({**tests, "more": one}, KNEE)
    assert str(error.value) == "tests: there are 1001, and a calibration has 1000 at the most"
    assert MOST_TESTS == 1000


def test_a_strand_that_is_not_there_is_named_or_added() -> None:
    assert no_strand("mlc", ("mcl", "lcl")) == f"{NONE}; did you mean 'mcl'?"
    assert no_strand("pol", ("mcl", "lcl")) == f"{NONE}; add knee.pol"
