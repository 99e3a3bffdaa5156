"""Names and vectors, prior and likelihood, against values computed by hand."""

import math

import numpy as np
import pytest
from conftest import DATA, PARAMETERS, bench_config, config_text

from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.errors import ConfigError
from calibrate.knee.cached import CachedKnee
from calibrate.knee.ligament import tension
from calibrate.posterior import Posterior

TRUTH = np.array([33.5, 0.06, 94.0, 42.8, 0.06, 62.5])
# What normalises the priors of these six: the logarithms of their widths.
WIDTHS = -float(np.log([90.0, 0.1, 20.0, 90.0, 0.1, 16.0]).sum())


def with_data(csv: str, **changes: str) -> Posterior:
    return Posterior.from_config(parse_config(config_text(**changes)), parse_measurement(csv, "test.csv"))


def test_free_parameters_come_in_file_order() -> None:
    parameters = PARAMETERS.replace("alpha = { lower = 0.02, upper = 0.12 }", "alpha = 0.06", 1)
    posterior = with_data(
        "angle_deg,force_N\n-4,-9\n5,20\n", parameters=parameters, noise="sigma = {lower = 1, upper = 9}"
    )
    assert posterior.names == ("mcl.k", "mcl.l_0", "lcl.k", "lcl.alpha", "lcl.l_0", "noise.sigma")
    assert posterior.units == ("N/mm", "mm", "N/mm", "", "mm", "N")
    full = posterior.full([50.0, 95.0, 40.0, 0.08, 60.0, 3.0])
    np.testing.assert_array_equal(full[:, :8], [[50.0, 0.06, 95.0, 0.0, 40.0, 0.08, 60.0, 0.0]])
    assert posterior.full([50.0, 95.0, 40.0, 0.08, 60.0, 3.0])[0, posterior.table.index("noise.sigma")] == 3.0


def test_likelihood_matches_a_hand_computed_value() -> None:
    # One angle, MCL in its toe and LCL slack: the load is the MCL's tension times its coefficient.
    posterior = with_data("angle_rad,force_N\n0.07,30\n")
    knee = posterior.knee_at()
    poses = knee.kinematics
    elongation, toe = poses.lengths[0, 0] - 94.0, 0.06 * 94.0
    assert 0 < elongation < toe
    force = knee.coefficients[0, 0] * 33.5 * elongation**2 / (2 * toe)
    expected = -0.5 * ((force - 30.0) / 2.0) ** 2 - math.log(2.0 * math.sqrt(2.0 * math.pi))
    q = [33.5, 0.06, 94.0, 42.8, 0.06, 65.9]
    assert posterior.log_likelihood(q) == pytest.approx(expected, rel=1e-12)
    assert posterior.log_prior(q) == pytest.approx(WIDTHS, rel=1e-14)
    assert posterior.log_prob(q) == pytest.approx(expected + WIDTHS, rel=1e-12)


def test_penalty_matches_a_hand_computed_value() -> None:
    posterior = Posterior.from_config(bench_config())
    q = TRUTH.copy()
    q[0], q[1], q[5] = 100.01, 0.0185, 66.002
    assert posterior.log_prior(q) == pytest.approx(WIDTHS - 1e6 * (0.01**2 + 0.0015**2 + 0.002**2), rel=1e-9)
    assert posterior.log_prob(q) == pytest.approx(posterior.log_prior(q) + posterior.log_likelihood(q), rel=1e-15)


def test_penalty_weight_and_hard_walls_are_choices() -> None:
    outside = TRUTH + np.array([100.0, 0, 0, 0, 0, 0])
    light = Posterior.from_config(bench_config(extra="[prior]\nweight = 10.0\n"))
    hard = Posterior.from_config(bench_config(extra='[prior]\nwalls = "hard"\n'))
    assert light.log_prior(outside) == pytest.approx(WIDTHS - 10.0 * 33.5**2)
    assert hard.log_prior(outside) == -np.inf
    assert hard.log_prob(outside) == -np.inf
    assert hard.log_prior([100.0, 0.02, 80.0, 10.0, 0.12, 66.0]) == pytest.approx(
        WIDTHS
    )  # the bounds themselves are inside


def test_known_sigma_per_point_and_inferred_sigma_agree_where_they_are_equal() -> None:
    rows = "-4,-9\n1,3\n5,20\n"
    known = with_data(f"angle_deg,force_N\n{rows}", noise="sigma = 3.0")
    inferred = with_data(f"angle_deg,force_N\n{rows}", noise="sigma = { lower = 1.0, upper = 9.0 }")
    columns = "\n".join(f"{row},3.0" for row in rows.split())
    per_point = with_data(f"angle_deg,force_N,sigma_N\n{columns}\n", noise="")
    expected = known.log_prob(TRUTH)
    assert per_point.log_prob(TRUTH) == pytest.approx(expected, rel=1e-13)
    assert inferred.log_prob([*TRUTH, 3.0]) == pytest.approx(expected - math.log(8.0), rel=1e-13)
    assert inferred.log_prob([*TRUTH, 0.0]) == -np.inf


def test_sigma_has_to_come_from_exactly_one_place() -> None:
    with pytest.raises(ConfigError, match=r"noise\.sigma: missing"):
        with_data("angle_deg,force_N\n5,20\n", noise="")
    with pytest.raises(ConfigError, match="keep one"):
        with_data("angle_deg,force_N,sigma_N\n5,20,1\n")


def test_scalar_for_a_vector_and_an_array_for_rows() -> None:
    posterior = Posterior.from_config(bench_config())
    rows = TRUTH + np.linspace(0, 0.1, 5)[:, np.newaxis] * [1, 0.01, 1, 1, 0.01, 1]
    values = posterior.log_prob(rows)
    assert values.shape == (5,)
    assert isinstance(posterior.log_prob(rows[2]), float)
    assert [posterior.log_prob(row) for row in rows] == list(values)
    with pytest.raises(ValueError, match="expected"):
        posterior.log_prob(np.zeros((3, 5)))


def test_log_prob_is_never_nan_or_positive_infinity() -> None:
    posterior = Posterior.from_config(bench_config(noise="sigma = { lower = 0.1, upper = 9.0 }"))
    rng = np.random.default_rng(5)
    extremes = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-320, 1e300, 1e-9, 50.0])
    values = posterior.log_prob(rng.choice(extremes, (5000, 7)))
    assert not np.isnan(values).any()
    assert not (values == np.inf).any()


def test_prediction_is_in_the_files_unit_and_sign() -> None:
    text = config_text().replace('positive = "valgus"', 'positive = "varus"')
    measurement = parse_measurement("angle_deg,moment_Nm\n-5,-7\n4,6\n", "test.csv")
    posterior = Posterior.from_config(parse_config(text), measurement)
    # Varus 4 degrees stretches the LCL; its moment in N·m, written out from the law and the arm.
    knee = CachedKnee.build(posterior.geometry(), np.deg2rad([-4.0]), "moment", "valgus")
    pull = tension(knee.kinematics.lengths[1, 0], 42.8, 0.06, 62.5)
    slack = tension(knee.kinematics.lengths[0, 0], 33.5, 0.06, 94.0)
    expected = -(pull * knee.kinematics.arms[1, 0] + slack * knee.kinematics.arms[0, 0]) / 1000.0
    assert expected > 0
    np.testing.assert_allclose(posterior.predict(TRUTH), posterior.predict(TRUTH, [-5.0, 4.0]), rtol=0)
    assert posterior.predict(TRUTH, 4.0)[0, 0] == pytest.approx(expected, rel=1e-12)


def test_more_free_parameters_than_points_is_a_warning() -> None:
    assert "2 data points for 6 free parameters" in with_data("angle_deg,force_N\n-4,-9\n5,20\n").warnings[0]
    assert "1 data point for 6 free parameters" in with_data("angle_deg,force_N\n-4,-9\n").warnings[0]
    assert Posterior.from_config(bench_config()).warnings == ()


@pytest.mark.parametrize(
    ("prior", "beyond"),
    [
        ("{ mean = 0.5, sd = 0.2 }", True),
        ("{ mean = 0.5, sd = 0.2, lower = 0.0 }", True),
        ("{ median = 0.5, factor = 1.5, upper = 1.0 }", False),
        ("{ mean = 0.5, sd = 0.2, lower = 0.0, upper = 1.0 }", False),
        ("{ lower = 0.0, upper = 1.0 }", False),
    ],
)
def test_a_prior_of_rolling_beyond_sliding_and_rolling_is_warned_of(prior: str, beyond: bool) -> None:
    text = config_text().replace("rolling = 0.0", f"rolling = {prior}")
    angles = ["angle_deg,force_N", *(f"{angle},{5 * angle}" for angle in range(-9, 10, 2)), ""]
    warnings = Posterior.from_config(parse_config(text), parse_measurement("\n".join(angles), "test.csv")).warnings
    assert [warning for warning in warnings if "rolling" in warning] == beyond * [
        "knee.rolling: its prior reaches beyond 0 (slides) and 1 (rolls), where rolling means nothing; add lower = 0.0 "
        "and upper = 1.0"
    ]


def test_known_truth_of_simulated_data_is_kept() -> None:
    posterior = with_data("# truth: mcl.k = 33.5\n# truth: mcl.f_ref = 0.0\nangle_deg,force_N\n5,20\n")
    assert dict(posterior.truth) == {"mcl.k": 33.5}


def test_a_configuration_is_found_beside_its_data() -> None:
    assert bench_config().data_path == DATA / "bench_toe.csv"


@pytest.mark.parametrize("given", ["knee.toml", None, {}])
def test_a_posterior_is_built_from_a_configuration_and_nothing_else(given: object) -> None:
    kind = type(given).__name__
    with pytest.raises(ConfigError, match=f"^a Config is wanted, not {kind}; read a file with calibrate.load_config$"):
        Posterior.from_config(given)  # type: ignore[arg-type]  # the mistake itself
