"""Several tests in one calibration: what they share, what is a test's own, and their names."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import DATA, KNEE, PARAMETERS

from calibrate.config import Config, parse_config
from calibrate.data import Measurement, parse_measurement
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior

FILES = {
    "flex30": "angle_deg,moment_Nm\n-6,-9.1\n-3,-3.7\n0,0.2\n3,4.2\n6,8.8\n",
    "flex60": "angle_deg,moment_Nm,direction\n-5,-6.1,1\n-2,-2.7,-1\n4,5.2,1\n",
    "push": "angle_rad,force_N,sigma_N\n-0.1,21.0,1.5\n0.02,-1.0,1.0\n0.09,-25.0,2.0\n",
}
TEXT = f"""
{KNEE}
{PARAMETERS}
[noise]
nu = 6.0
[tests.flex30]
file = "30deg.csv"
positive = "valgus"
flexion = 30.0
noise = {{ sigma = {{ lower = 0.1, upper = 2.0 }} }}
[tests.flex60]
file = "60deg.csv"
positive = "valgus"
flexion = 60.0
noise = {{ sigma = "flex30.noise.sigma" }}
measurement = {{ load_bias = {{ mean = 0.0, sd = 0.5 }}, hysteresis = 0.2 }}
parameters.mcl.l_0 = {{ mean = 92.0, sd = 3.0 }}
knee.medial_condyle.centre = [-22.0, {{ mean = -19.5, sd = 1.0 }}]
[tests.push]
file = "push.csv"
positive = "varus"
parameters.lcl = {{ reference_strain = 0.02 }}
"""
NAMES = (
    *("mcl.k", "mcl.alpha", "mcl.l_0", "lcl.k", "lcl.alpha", "lcl.l_0"),
    *("flex30.noise.sigma", "flex60.mcl.l_0", "flex60.knee.medial_condyle.centre.y", "flex60.measurement.load_bias"),
)
Q = np.array([50.0, 0.06, 91.0, 40.0, 0.07, 60.0, 0.7, 93.0, -19.0, 0.3])


def measurements(*names: str) -> dict[str, Measurement]:
    return {name: parse_measurement(FILES[name], f"{name}.csv") for name in names or FILES}


def build(text: str = TEXT) -> Posterior:
    return Posterior.from_config(parse_config(text, "knee.toml"), measurements())


POSTERIOR = build()


def single(name: str, law: str, sigma: str, extra: str = "", knee: str = KNEE, where: str = "") -> Posterior:
    """One of the tests by itself."""
    test = POSTERIOR.test(name)
    text = f"{knee}{law}[noise]\nnu = 6.0\n{sigma}\n{extra}\n[data]\nfile = 'x.csv'\npositive = '{test.positive}'\n"
    return Posterior.from_config(parse_config(f"{text}flexion = {test.flexion}\n"), measurements(name)[name])


def law(mcl: float, lcl: str, alpha: str = "{ lower = 0.02, upper = 0.12 }") -> str:
    return (
        f"[parameters.mcl]\nk = 50.0\nalpha = {alpha}\nl_0 = {mcl}\n[parameters.lcl]\nk = 40.0\nalpha = 0.07\n{lcl}\n"
    )


def test_names_and_units_are_in_order_shared_ones_first() -> None:
    assert POSTERIOR.names == NAMES
    assert POSTERIOR.units == ("N/mm", "", "mm", "N/mm", "", "mm", "N·m", "mm", "mm", "N·m")
    assert [(test.name, test.label, test.flexion, test.positive) for test in POSTERIOR.tests] == [
        ("flex30", "flex30.", 30.0, "valgus"),
        ("flex60", "flex60.", 60.0, "valgus"),
        ("push", "push.", 0.0, "varus"),
    ]
    assert [test.posed for test in POSTERIOR.tests] == [False, True, False]
    assert POSTERIOR.test("flex60") is POSTERIOR.tests[1]
    with pytest.raises(ConfigError, match="which test: flex30, flex60, push"):
        POSTERIOR.test()
    with pytest.raises(ConfigError, match="no test is called 'flex90'; there are flex30, flex60, push"):
        POSTERIOR.test("flex90")


def test_the_likelihood_is_the_product_of_the_single_ones() -> None:
    knee60 = KNEE.replace("centre = [-22.0, -20.0]", "centre = [-22.0, -19.0]")
    strain = "reference_strain = 0.02"
    singles = {
        "flex30": single("flex30", law(91.0, "l_0 = 60.0"), "sigma = 0.7"),
        "flex60": single(
            "flex60", law(93.0, "l_0 = 60.0"), "sigma = 0.7", "[measurement]\nload_bias = 0.3\nhysteresis = 0.2", knee60
        ),
        "push": single("push", law(91.0, strain), ""),
    }
    found = {name: one.log_likelihood([0.06]) for name, one in singles.items()}
    assert POSTERIOR.log_likelihood(Q) == pytest.approx(sum(found.values()), rel=1e-10)
    together = POSTERIOR.predict(Q)
    assert together.shape == (1, 11)
    apart = [one.predict([0.06]) for one in singles.values()]
    np.testing.assert_allclose(together, np.concatenate(apart, axis=1), rtol=1e-10)
    for name, alone in zip(singles, apart, strict=True):
        np.testing.assert_allclose(POSTERIOR.predict(Q, test=name), alone, rtol=1e-10)
        np.testing.assert_allclose(
            POSTERIOR.predict(Q, [0.01, -0.02], name), singles[name].predict([0.06], [0.01, -0.02]), rtol=1e-10
        )
        np.testing.assert_allclose(POSTERIOR.law(Q, name), singles[name].law([0.06]), rtol=1e-12)
    with pytest.raises(ConfigError, match="which test"):
        POSTERIOR.predict(Q, [1.0])


def test_a_tests_own_parameter_is_its_own() -> None:
    moved = Q + np.where(np.array(NAMES) == "flex60.mcl.l_0", -1.0, 0.0)
    before, after = POSTERIOR.predict(Q)[0], POSTERIOR.predict(moved)[0]
    np.testing.assert_array_equal(before[:5], after[:5])
    np.testing.assert_array_equal(before[8:], after[8:])
    assert (before[5:8] != after[5:8]).any()
    table = POSTERIOR.table
    assert table.find("flex60", "mcl.l_0") == table.index("flex60.mcl.l_0") != table.index("mcl.l_0")
    assert table.find("flex30", "mcl.l_0") == table.find("", "mcl.l_0") == table.index("mcl.l_0")
    assert table.index("flex60.noise.sigma") == table.index("flex30.noise.sigma")
    assert table.find("push", "noise.sigma") is None
    assert POSTERIOR.values(Q, "flex60.mcl.l_0").tolist() == [93.0]
    assert POSTERIOR.law(Q, "push")[0, 1, 2] == pytest.approx(
        POSTERIOR.geometry(Q, "push").reference_lengths()[1] / 1.02
    )
    assert POSTERIOR.geometry(Q, "flex60").medial_centre == (-22.0, -19.0)
    assert POSTERIOR.geometry(Q, "flex30").medial_centre == (-22.0, -20.0)


def test_the_data_say_what_is_true_of_each() -> None:
    files = dict(measurements())
    stated = "# truth: mcl.k = 50.5\n# truth: mcl.l_0 = 93.5\n"
    files["flex60"] = parse_measurement(stated + FILES["flex60"], "60.csv")
    posterior = Posterior.from_config(parse_config(TEXT), files)
    assert dict(posterior.truth) == {"mcl.k": 50.5, "flex60.mcl.l_0": 93.5}
    both = stated + "# truth: flex60.mcl.l_0 = 92.5\n# truth: flex60.noise.sigma = 0.7\n# truth: mcl.f_ref = 0.0\n"
    files["flex60"] = parse_measurement(both + FILES["flex60"], "60.csv")
    posterior = Posterior.from_config(parse_config(TEXT), files)
    assert dict(posterior.truth) == {
        "mcl.k": 50.5,
        "mcl.l_0": 93.5,
        "flex30.noise.sigma": 0.7,  # to which that of flex60 is tied
        "flex60.mcl.l_0": 92.5,
    }


def test_simulated_readings_come_in_the_order_of_the_tests() -> None:
    rows = np.tile(Q, (3000, 1))
    drawn = POSTERIOR.simulate(rows, np.random.default_rng(0))
    assert drawn.shape == (3000, 11)
    scale = np.concatenate([np.full(8, 0.7), [1.5, 1.0, 2.0]]) * np.sqrt(6.0 / 4.0)
    off = (drawn - POSTERIOR.predict(Q)) / scale
    np.testing.assert_allclose(off.std(axis=0), 1.0, atol=0.12)
    np.testing.assert_allclose(off.mean(axis=0), 0.0, atol=0.08)
    np.testing.assert_array_equal(
        POSTERIOR.simulate(Q, np.random.default_rng(5), "push"), POSTERIOR.simulate(Q, np.random.default_rng(5), "push")
    )
    assert POSTERIOR.simulate(Q, np.random.default_rng(5), "push").shape == (1, 3)


def test_a_configuration_survives_being_stored() -> None:
    config = parse_config(TEXT)
    again = Config.model_validate(json.loads(config.model_dump_json()))
    assert again.model_dump() == config.model_dump()
    assert dict(again.declared()) == dict(config.declared())
    assert Posterior.from_config(again, measurements()).log_prob(Q) == POSTERIOR.log_prob(Q)
    assert [*config.data_paths] == ["flex30", "flex60", "push"]


def test_a_test_that_informs_nothing_is_named() -> None:
    law_of = "k = 50.0\nalpha = 0.06\nl_0 = 90.0\n"
    text = f"""{KNEE}
[parameters.mcl]
{law_of}
[parameters.lcl]
k = 40.0
alpha = 0.06
l_0 = 60.0
[tests.flex30]
file = "30deg.csv"
positive = "valgus"
noise.sigma = 1.0
[tests.flex60]
file = "60deg.csv"
positive = "valgus"
noise.sigma = 1.0
measurement.load_bias = {{ mean = 0.0, sd = 1.0 }}
"""
    posterior = Posterior.from_config(parse_config(text), measurements())
    assert posterior.names == ("flex60.measurement.load_bias",)
    idle = "the column 'direction' is not used; give measurement.hysteresis, or remove it"
    said = [warning for warning in posterior.warnings if not warning.endswith(idle)]
    assert said == ["tests.flex30 (flex30.csv) depends on no free parameter: it adds nothing"]


def test_a_shared_parameter_that_every_test_has_of_its_own_is_left_out_and_said() -> None:
    own = "parameters.mcl.l_0 = { mean = 92.0, sd = 3.0 }\n"
    text = TEXT.replace('"30deg.csv"\n', '"30deg.csv"\n' + own).replace('"push.csv"\n', '"push.csv"\n' + own)
    posterior = build(text)
    assert "mcl.l_0" not in posterior.names
    assert {"flex30.mcl.l_0", "flex60.mcl.l_0", "push.mcl.l_0"} <= set(posterior.names)
    assert posterior.table.unused == ("mcl.l_0",)
    assert "parameters.mcl.l_0 is free, but no reading depends on it: it is left out" in posterior.warnings
    assert POSTERIOR.table.unused == ()


def test_tests_of_other_senses_and_units_have_readings_of_their_own() -> None:
    """What may be shared is: an angle's zero by tests that count alike, whatever their unit of the angle."""
    extra = "[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\n"
    alike = TEXT.replace('"varus"', '"valgus"').replace("[noise]", extra + "[noise]", 1)
    posterior = build(alike)
    assert "measurement.angle_offset" in posterior.names
    offset = np.insert(Q, posterior.names.index("measurement.angle_offset"), 0.4)
    # The same shift for all: 0.4 degrees in a file of radians, too.
    at = posterior.test("push").measurement.angles - np.deg2rad(0.4)
    same = build(TEXT.replace('"varus"', '"valgus"')).predict(Q, at, "push")
    np.testing.assert_allclose(posterior.predict(offset, test="push"), same, rtol=1e-10)


def test_files_are_found_beside_the_configuration() -> None:
    config = parse_config(TEXT, DATA / "knee.toml")
    assert config.data_paths["push"] == DATA / "push.csv"
    assert config.data_path == DATA / "30deg.csv"


def test_reference_strains_refer_to_the_shared_knee() -> None:
    """A free number of the shared knee counts where every test has its own, and so does its fixed one's length."""
    knee = KNEE.replace("mcl = { femur = [-40.0, 0.0]", "mcl = { femur = [{ mean = -40.0, sd = 1.0 }, 0.0]")
    own = "knee.mcl.femur = [-40.0, 0.0]\n"
    text = TEXT.replace(KNEE, knee).replace("parameters.mcl.l_0 = { mean = 92.0, sd = 3.0 }\n", own)
    text = text.replace('"30deg.csv"\n', f'"30deg.csv"\n{own}').replace('"push.csv"\n', f'"push.csv"\n{own}')
    assert "knee.mcl.femur.x" not in build(text).names
    strained = text.replace("l_0 = { lower = 80.0, upper = 100.0 }", "reference_strain = 0.02")
    posterior = build(strained)
    assert "knee.mcl.femur.x" in posterior.names
    assert not posterior.test("flex30").posed
    q = np.tile(posterior.middle, (2, 1))
    column = posterior.names.index("knee.mcl.femur.x")
    q[:, column] = -40.0, -38.0
    laws = posterior.law(q, "flex30")[:, 0, 2]
    lengths = [posterior.reference.geometry(row).reference_lengths()[0] for row in posterior.full(q)]
    np.testing.assert_allclose(laws, np.array(lengths) / 1.02, rtol=1e-12)
    assert laws[0] != laws[1]
    found = posterior.log_likelihood(q)
    fixed = build(strained.replace("femur = [{ mean = -40.0, sd = 1.0 }, 0.0]", "femur = [-38.0, 0.0]"))
    assert found[1] == pytest.approx(fixed.log_likelihood(np.delete(q[1], column)), rel=1e-9)
    assert found[0] != found[1]
