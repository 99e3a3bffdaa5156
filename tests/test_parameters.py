"""The table of parameters, ties, what is left out, and draws of data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import KNEE, PARAMETERS, config_text
from five_readings import DATA, MEASUREMENT, changed, posterior_of

from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.posterior import Posterior
from calibrate.problem.quantities import is_parameter

# --- Ties. ------------------------------------------------------------------------------------------------------------


def test_tied_parameters_move_together() -> None:
    parameters = changed(PARAMETERS, ("alpha = { lower = 0.02, upper = 0.12 }", 'alpha = "lcl.alpha"'))
    tied, apart = posterior_of(parameters=parameters), posterior_of()
    assert tied.names == ("mcl.k", "mcl.l_0", "lcl.k", "lcl.alpha", "lcl.l_0")
    assert tied.units == ("N/mm", "mm", "N/mm", "", "mm")
    q = np.array([[50.0, 90.0, 40.0, 0.05, 60.0], [60.0, 91.0, 45.0, 0.07, 61.0]])
    both = q[:, [0, 3, 1, 2, 3, 4]]
    np.testing.assert_allclose(tied.log_likelihood(q), apart.log_likelihood(both), rtol=1e-12)
    np.testing.assert_allclose(tied.predict(q), apart.predict(both), rtol=1e-12)
    np.testing.assert_array_equal(tied.law(q), apart.law(both))
    assert tied.values(q, "mcl.alpha").tolist() == [0.05, 0.07]
    assert tied.table.index("mcl.alpha") == tied.table.index("lcl.alpha")
    np.testing.assert_allclose(tied.log_prior(q), np.asarray(apart.log_prior(both)) + math.log(0.1), rtol=1e-12)
    np.testing.assert_allclose(tied.residuals(q), apart.residuals(both), rtol=1e-9, atol=1e-9)
    slopes = apart.jacobian(both)
    slopes[..., 4] += slopes[..., 1]
    np.testing.assert_allclose(tied.jacobian(q), slopes[..., [0, 2, 3, 4, 5]], rtol=1e-5, atol=1e-5)


def test_ties_go_over_several_steps_and_to_fixed_numbers() -> None:
    parameters = changed(
        PARAMETERS,
        ("k = { lower = 10.0, upper = 100.0 }", 'k = "lcl.k"'),
        ("[parameters.lcl]\nk = { lower = 10.0, upper = 100.0 }", '[parameters.lcl]\nk = "dmcl.k"'),
    )
    parameters += '[parameters.dmcl]\nk = 33.0\nalpha = "mcl.alpha"\nreference_strain = 0.01\nf_ref = "mcl.f_ref"\n'
    posterior = posterior_of(
        parameters=parameters, knee=KNEE + "dmcl = { femur = [-38.0, 1.7], tibia = [-31.4, -62.3] }\n"
    )
    assert posterior.strands == ("mcl", "lcl", "dmcl")
    law = posterior.law([0.05, 90.0, 0.07, 60.0])[0]
    assert law[:, 0].tolist() == [33.0] * 3
    assert law[:, 1].tolist() == [0.05, 0.07, 0.05]
    length = posterior.geometry().reference_lengths()[2]
    assert law[2, 2] == pytest.approx(length / 1.01, rel=1e-14)


def test_geometry_and_reading_may_be_tied() -> None:
    knee = changed(
        KNEE,
        ("centre = [22.0, -20.0], radius = 20.0", 'centre = [22.0, "knee.medial_condyle.centre.y"], radius = 20.0'),
        ("centre = [-22.0, -20.0]", "centre = [-22.0, { mean = -20.0, sd = 1.0 }]"),
    )
    posterior = posterior_of(knee=knee)
    assert posterior.names[-1] == "knee.medial_condyle.centre.y"
    q = np.array([50.0, 0.06, 90.0, 40.0, 0.06, 60.0, -21.0])
    geometry = posterior.geometry(q)
    assert (geometry.lateral_centre, geometry.medial_centre) == ((22.0, -21.0), (-22.0, -21.0))
    fixed = posterior_of(knee=KNEE.replace("-20.0]", "-21.0]"))
    assert posterior.log_likelihood(q) == pytest.approx(fixed.log_likelihood(q[:6]), rel=1e-9)


# --- The table. -------------------------------------------------------------------------------------------------------


def test_the_table_knows_names_rows_and_values() -> None:
    table = posterior_of(extra="[measurement]\nload_bias = { mean = 0.0, sd = 1.0 }\n").table
    assert table.names == ("mcl.k", "mcl.alpha", "mcl.l_0", "lcl.k", "lcl.alpha", "lcl.l_0", "measurement.load_bias")
    assert [parameter.unit for parameter in table.free] == ["N/mm", "", "mm"] * 2 + ["N·m"]
    values = dict(zip(table.names, (50.0, 0.06, 90.0, 40.0, 0.07, 60.0, 0.3), strict=True))
    q = table.pack({**values, "something.else": 1.0})
    full = table.full(q[np.newaxis])
    assert full.shape == (1, len(table.parameters))
    for name, value in {**values, "mcl.f_ref": 0.0, "knee.mcl.femur.x": -40.0, "noise.sigma": 0.5}.items():
        assert full[0, table.index(name)] == value
        assert table.parameters[table.index(name)].name == name
        assert table.find("", name) == table.index(name)
    assert np.isfinite(full).all()
    assert table.find("", "noise.nu") is None
    with pytest.raises(KeyError):
        table.index("noise.nu")
    with pytest.raises(KeyError):
        table.pack({"mcl.k": 50.0})
    assert table.rows("law").tolist() == [True] * 6 + [False]
    assert table.rows("reading", "law").all()
    assert (table.tests, table.unused) == (("",), ())
    assert all(is_parameter(parameter.name) for parameter in table.parameters)


def names_of(posterior: Posterior) -> list[set[str]]:
    return [{posterior.names[i] for i in group} for group in posterior.table.groups()]


def test_groups_hold_what_a_kernel_moves_together() -> None:
    assert names_of(posterior_of()) == [{f"{name}.{key}" for key in ("k", "alpha", "l_0")} for name in ("mcl", "lcl")]
    knee = KNEE.replace("femur = [-40.0, 0.0]", "femur = [{ mean = -40.0, sd = 1.0 }, 0.0]")
    knee = knee.replace("radius = 20.0", "radius = { mean = 20.0, sd = 1.0 }")
    posterior = posterior_of(
        knee=knee,
        noise="sigma = { lower = 0.1, upper = 2.0 }",
        extra="[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\n",
    )
    assert names_of(posterior) == [
        {"mcl.k", "mcl.alpha", "mcl.l_0", "noise.sigma"},
        {"lcl.k", "lcl.alpha", "lcl.l_0", "noise.sigma"},
        {"knee.lateral_condyle.radius", "knee.medial_condyle.radius"},
        {"knee.mcl.femur.x", "mcl.l_0"},
        {"measurement.angle_offset", "mcl.l_0", "lcl.l_0"},
    ]
    assert set().union(*names_of(posterior)) == set(posterior.names)


def test_every_parameter_is_in_a_group_and_no_group_is_large() -> None:
    free = "{ mean = %s, sd = 1.0 }"
    knee = KNEE.replace("radius = 20.0", f"radius = {free % 20.0}")
    for point in ("[22.0, -20.0]", "[-22.0, -20.0]", "[-40.0, 0.0]", "[-36.0, -94.8]", "[38.0, 0.0]", "[36.0, -63.1]"):
        knee = knee.replace(point, "[" + ", ".join(free % value for value in point[1:-1].split(", ")) + "]")
    errors = "sigma = { lower = 0.1, upper = 2.0 }\nangle_sigma = { lower = 0.01, upper = 1.0 }\n"
    errors += "discrepancy = { amplitude = { lower = 0.01, upper = 1.0 }, length = { lower = 1.0, upper = 9.0 } }"
    reading = "[measurement]\nangle_offset = %s\nload_bias = %s\nhysteresis = %s\n" % ((free % 0.0,) * 3)
    groups = posterior_of(knee=knee, noise=errors, extra=reading).table.groups()
    assert sorted({i for group in groups for i in group}) == list(range(27))
    assert max(map(len, groups)) <= 8
    assert all(len(set(group)) == len(group) for group in groups)


def test_what_has_no_law_to_go_with_is_a_group_of_its_own() -> None:
    fixed = (
        "[parameters.mcl]\nk = 50.0\nalpha = 0.06\nl_0 = 90.0\n[parameters.lcl]\nk = 40.0\nalpha = 0.06\nl_0 = 60.0\n"
    )
    posterior = posterior_of(
        parameters=fixed,
        noise="sigma = { lower = 0.1, upper = 2.0 }",
        extra="[measurement]\nload_bias = { mean = 0.0, sd = 1.0 }\n",
    )
    assert names_of(posterior) == [{"measurement.load_bias"}, {"noise.sigma"}]


def test_errors_alone_are_a_group() -> None:
    fixed = (
        "[parameters.mcl]\nk = 50.0\nalpha = 0.06\nl_0 = 90.0\n[parameters.lcl]\nk = 40.0\nalpha = 0.06\nl_0 = 60.0\n"
    )
    posterior = posterior_of(parameters=fixed, noise="sigma = { lower = 0.1, upper = 2.0 }")
    assert names_of(posterior) == [{"noise.sigma"}]


# --- What no reading depends on. --------------------------------------------------------------------------------------


def test_what_no_reading_depends_on_is_left_out_and_said() -> None:
    knee = KNEE.replace("[0.0, -340.0]", "[0.0, { mean = -340.0, sd = 5.0 }]")  # the data are moments
    knee += "flexion_axis = [{ mean = 0.0, sd = 2.0 }, 0.0]\n"  # and not flexed
    posterior = posterior_of(knee=knee)
    assert posterior.names == posterior_of().names
    assert not posterior.tests[0].posed
    assert posterior.table.unused == ("knee.application_point.y", "knee.flexion_axis.y")
    assert [warning for warning in posterior.warnings if "no reading depends" in warning] == [
        f"{name} is free, but no reading depends on it: it is left out" for name in posterior.table.unused
    ]
    q = [50.0, 0.06, 90.0, 40.0, 0.06, 60.0]
    assert posterior.log_prob(q) == posterior_of().log_prob(q)
    force = parse_measurement(DATA.replace("moment_Nm", "force_N"), "x.csv")
    text = config_text(knee=knee, noise="sigma = 0.5").replace('"valgus"', '"valgus"\nflexion = 30.0')
    used = Posterior.from_config(parse_config(text), force)
    assert used.names[-2:] == ("knee.application_point.y", "knee.flexion_axis.y")
    assert used.table.unused == ()


# --- Draws of data. ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "noise",
    [
        "sigma = 0.5",
        "sigma = 0.5\nnu = 5.0",
        "sigma = 0.5\nangle_sigma = 0.2",
        "sigma = 0.1\ndiscrepancy = { amplitude = 0.5, length = 4.0 }",
    ],
)
def test_simulated_readings_scatter_about_the_prediction_as_the_errors_say(noise: str) -> None:
    posterior = posterior_of(
        noise=noise, extra="[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\nhysteresis = 0.2\n"
    )
    q = np.array([50.0, 0.06, 90.0, 40.0, 0.06, 60.0, 0.5])
    exact = posterior.predict(q)[0]
    drawn = posterior.simulate(np.tile(q, (4000, 1)), np.random.default_rng(4)) - exact
    slope = (posterior.predict(q, MEASUREMENT.angles + 1e-5) - posterior.predict(q, MEASUREMENT.angles - 1e-5))[
        0
    ] / 2e-5
    variance = np.full(5, 0.25)
    if "nu" in noise:
        variance *= 5.0 / 3.0
    elif "angle_sigma" in noise:
        variance += (0.2 * slope) ** 2
    elif "discrepancy" in noise:
        variance = np.full(5, 0.01 + 0.25)
        correlation = np.corrcoef(drawn.T)[0, 1]
        assert correlation == pytest.approx(0.25 * math.exp(-9.0 / 32.0) / 0.26, abs=0.06)
    sizes = drawn.std(axis=0)
    np.testing.assert_allclose(sizes, np.sqrt(variance), rtol=0.12)
    assert np.abs(drawn.mean(axis=0) / sizes).max() < 4.5 / math.sqrt(4000)
