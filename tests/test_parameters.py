"""The table of parameters, ties, priors of every kind, and the log-prior that they make."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import KNEE, PARAMETERS, bench_config, config_text
from scipy import stats

from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.knee.ligament import tension
from calibrate.posterior import Posterior
from calibrate.problem.quantities import is_parameter

DATA = "angle_deg,moment_Nm,direction\n-6,-9.1,1\n-3,-3.7,-1\n0,0.2,1\n3,4.2,-1\n6,8.8,1\n"
MEASUREMENT = parse_measurement(DATA, "x.csv")
MCL, LCL = PARAMETERS.replace("[parameters.lcl]", "|").split("|")


def posterior_of(
    *, parameters: str = PARAMETERS, noise: str = "sigma = 0.5", knee: str = KNEE, extra: str = ""
) -> Posterior:
    text = config_text(knee=knee, parameters=parameters, noise=noise, extra=extra)
    return Posterior.from_config(parse_config(text), MEASUREMENT)


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


# --- Priors. ----------------------------------------------------------------------------------------------------------

# What is written, and SciPy's distribution of it.
NORMAL = stats.truncnorm(-2.0, 1.5, loc=90.0, scale=5.0)
PRIORS = {
    "{ lower = 10.0, upper = 100.0 }": (stats.uniform(10.0, 90.0), "mcl.k", 10.0, 100.0),
    "{ median = 60.0, factor = 1.5 }": (stats.lognorm(math.log(1.5), scale=60.0), "mcl.k", 0.0, math.inf),
    "{ mean = 60.0, sd = 9.0 }": (stats.norm(60.0, 9.0), "mcl.k", -math.inf, math.inf),
    "{ mean = 90.0, sd = 5.0, lower = 80.0, upper = 97.5 }": (NORMAL, "mcl.l_0", 80.0, 97.5),
    "{ mean = 0.0, sd = 40.0, upper = 80.0 }": (
        stats.truncnorm(-math.inf, 2.0, scale=40.0),
        "mcl.f_ref",
        -math.inf,
        80.0,
    ),
}


def log_pdf_of_log_normal(x: float, median: float, factor: float, lower: float, upper: float) -> float:
    free = stats.lognorm(math.log(factor), scale=median)
    return float(free.logpdf(x) - math.log(free.cdf(upper) - free.cdf(lower)))


def with_prior(name: str, prior: str, extra: str = "") -> Posterior:
    """Return the posterior in which one parameter of the MCL has a prior, and the LCL is fixed."""
    given = {"k": "50.0", "alpha": "0.06", "l_0": "90.0", "f_ref": "0.0"} | {name.split(".")[1]: prior}
    law = "[parameters.mcl]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())
    return posterior_of(parameters=law + "[parameters.lcl]\nk = 40.0\nalpha = 0.06\nl_0 = 60.0\n", extra=extra)


@pytest.mark.parametrize("prior", PRIORS)
def test_a_log_prior_is_scipys_inside_the_bounds(prior: str) -> None:
    known, name, lower, upper = PRIORS[prior]
    posterior = with_prior(name, prior)
    assert (posterior.names, posterior.lower[0], posterior.upper[0]) == ((name,), lower, upper)
    x = known.ppf(np.linspace(0.001, 0.999, 11))
    np.testing.assert_allclose(posterior.log_prior(x[:, np.newaxis]), known.logpdf(x), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(posterior.scale, [known.std()], rtol=1e-6)
    drawn = posterior.prior_sample(np.random.default_rng(3), 4000)
    assert drawn.shape == (4000, 1)
    assert stats.kstest(drawn[:, 0], known.cdf).pvalue > 1e-3


def test_a_truncated_log_normal_prior_is_normalised() -> None:
    posterior = with_prior("mcl.k", "{ median = 60.0, factor = 1.5, lower = 50.0, upper = 90.0 }")
    for x in (50.0, 61.0, 90.0):
        wanted = log_pdf_of_log_normal(x, 60.0, 1.5, 50.0, 90.0)
        assert posterior.log_prior([x]) == pytest.approx(wanted, rel=1e-9)


def test_priors_are_independent_and_add_up() -> None:
    parameters = changed(
        PARAMETERS,
        ("k = { lower = 10.0, upper = 100.0 }", "k = { median = 60.0, factor = 1.5 }"),
        ("l_0 = { lower = 80.0, upper = 100.0 }", "reference_strain = { mean = 0.02, sd = 0.03 }"),
    )
    posterior = posterior_of(
        parameters=parameters,
        noise="sigma = { median = 0.5, factor = 2.0 }",
        extra="[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\n",
    )
    known = {
        "mcl.k": stats.lognorm(math.log(1.5), scale=60.0),
        "mcl.alpha": stats.uniform(0.02, 0.1),
        "mcl.reference_strain": stats.norm(0.02, 0.03),
        "lcl.k": stats.uniform(10.0, 90.0),
        "lcl.alpha": stats.uniform(0.02, 0.1),
        "lcl.l_0": stats.uniform(50.0, 16.0),
        "measurement.angle_offset": stats.norm(0.0, 2.0),
        "noise.sigma": stats.lognorm(math.log(2.0), scale=0.5),
    }
    assert posterior.names == tuple(known)
    q = posterior.prior_sample(np.random.default_rng(8), 50)
    wanted = sum(prior.logpdf(column) for prior, column in zip(known.values(), q.T, strict=True))
    np.testing.assert_allclose(posterior.log_prior(q), wanted, rtol=1e-9)
    np.testing.assert_allclose(
        posterior.log_prob(q), np.asarray(posterior.log_prior(q)) + np.asarray(posterior.log_likelihood(q)), rtol=1e-14
    )


@pytest.mark.parametrize("walls", ["penalty", "hard"])
def test_outside_the_bounds_there_is_a_penalty_or_a_wall(walls: str) -> None:
    prior = "{ mean = 90.0, sd = 5.0, lower = 80.0, upper = 97.5 }"
    posterior = with_prior("mcl.l_0", prior, f'[prior]\nwalls = "{walls}"\nweight = 100.0\n')
    constant = NORMAL.logpdf(90.0)
    for x, beyond in ((79.0, 1.0), (98.0, 0.5)):
        if walls == "hard":
            assert posterior.log_prior([x]) == -math.inf
        else:  # the formula goes on, and the penalty comes on top
            wanted = constant - 0.5 * ((x - 90.0) / 5.0) ** 2 - 100.0 * beyond**2
            assert posterior.log_prior([x]) == pytest.approx(wanted, rel=1e-12)
    assert posterior.log_prior([80.0]) == pytest.approx(NORMAL.logpdf(80.0))


def test_what_has_to_be_positive_is_impossible_elsewhere_and_never_drawn() -> None:
    posterior = with_prior("mcl.k", "{ mean = 1.0, sd = 50.0 }")
    assert posterior.log_prior([-1e-9]) == posterior.log_prior([0.0]) == -math.inf
    assert posterior.log_prob([-1.0]) == -math.inf
    # A normal prior is not normalised anew for it.
    assert posterior.log_prior([1.0]) == pytest.approx(stats.norm(1.0, 50.0).logpdf(1.0), rel=1e-12)
    drawn = posterior.prior_sample(np.random.default_rng(1), 2000)[:, 0]
    assert drawn.min() > 0.0
    assert stats.kstest(drawn, stats.truncnorm(-0.02, math.inf, loc=1.0, scale=50.0).cdf).pvalue > 1e-3
    nearly_none = posterior_of(
        noise="sigma = 0.5\nnu = { mean = -4.0, sd = 1.0 }"
    )  # one draw in thirty thousand is positive
    assert nearly_none.prior_sample(np.random.default_rng(1), 500)[:, -1].min() > 0.0
    signed = with_prior("mcl.f_ref", "{ mean = 0.0, sd = 1.0 }")
    assert signed.prior_sample(np.random.default_rng(1), 500).min() < 0.0


# --- The old form. ----------------------------------------------------------------------------------------------------


def old_log_prob(posterior: Posterior, q: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """The model of two ligaments as it was: a penalty of 1e6, and Gaussian errors of sigma = 2; written out."""
    outside = np.maximum(0.0, np.maximum(lower - q, q - upper))
    knee, measurement = posterior.knee_at(), posterior.tests[0].measurement
    pull = [tension(lengths, *law) for lengths, law in zip(knee.kinematics.lengths, (q[:3], q[3:6]), strict=True)]
    loads = (knee.coefficients * np.array(pull)).sum(axis=0)
    sigma = q[6] if q.size == 7 else 2.0
    residuals = (loads - measurement.loads) / sigma
    constant = measurement.loads.size * math.log(sigma * math.sqrt(2.0 * math.pi))
    return float(-1e6 * (outside**2).sum() - 0.5 * (residuals**2).sum() - constant)


@pytest.mark.parametrize("noise", ["sigma = 2.0", "sigma = { lower = 0.5, upper = 4.0 }"])
@pytest.mark.parametrize("name", ["toe", "ridge"])
def test_the_old_form_differs_from_the_old_formula_by_the_widths_alone(name: str, noise: str) -> None:
    config = bench_config(name, noise=noise)
    posterior, old = Posterior.from_config(config), Posterior.from_config(config, normalised=False)
    lower = np.array([10.0, 0.02, 80.0, 10.0, 0.02, 50.0, 0.5])[: posterior.ndim]
    upper = np.array([100.0, 0.12, 100.0, 100.0, 0.12, 66.0, 4.0])[: posterior.ndim]
    rng = np.random.default_rng(2)
    q = lower + rng.uniform(0.0, 1.0, (200, posterior.ndim)) * (upper - lower)
    q[150:, 2] = 100.0 + rng.uniform(0.0, 0.003, 50)  # a little beyond the bound
    wanted = np.array([old_log_prob(posterior, row, lower, upper) for row in q])
    np.testing.assert_allclose(old.log_prob(q), wanted, rtol=1e-9)
    np.testing.assert_allclose(posterior.log_prob(q), wanted - np.log(upper - lower).sum(), rtol=1e-9, atol=1e-9)


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
    assert posterior.warnings[-2:] == tuple(
        f"{name} is free, but no reading depends on it: it is left out" for name in posterior.table.unused
    )
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
