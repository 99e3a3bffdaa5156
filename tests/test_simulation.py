"""Simulated laxity tests: distributed as the general model says, of any test, with their truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import KNEE, PARAMETERS, Result, config_text

import calibrate
from calibrate.config import Config, parse_config
from calibrate.data import Measurement, parse_measurement, read_measurement
from calibrate.errors import CalibrateError, ConfigError, DataError, ParameterError
from calibrate.posterior import Posterior
from calibrate.problem.noise import slopes_of

Command = Callable[..., Result]
FREE_OFFSET = "[measurement]\nangle_offset = { mean = 0.5, sd = 1.0 }\n"
TWO_TESTS = f"""{KNEE}{PARAMETERS}
[parameters.dmcl]
k = {{ median = 20.0, factor = 1.5 }}
alpha = "mcl.alpha"
reference_strain = {{ mean = 0.02, sd = 0.02 }}
[knee.dmcl]
femur = [-38.0, -5.0]
tibia = [-36.0, -45.0]
[noise]
sigma = {{ lower = 0.1, upper = 9.0 }}
[tests.flex0]
file = "flex0.csv"
positive = "valgus"
[tests.flex30]
file = "flex30.csv"
positive = "varus"
flexion = 30.0
parameters.mcl.l_0 = {{ lower = 80.0, upper = 90.0 }}
measurement.angle_offset = {{ mean = 0.0, sd = 1.0 }}
noise.nu = 5.0
"""


def config_of(extra: str = "", noise: str = "sigma = 0.5", **parts: str) -> Config:
    """Return a configuration whose data are not there."""
    return parse_config(config_text(noise=noise, file="none.csv", extra=extra, **parts))


def exact(config: Config, angles: object, truth: dict[str, float] | None = None, **options: str) -> Measurement:
    """Simulate next to no noise."""
    return calibrate.simulate(config, {"noise.sigma": 1e-13, **(truth or {})}, angles=angles, **options)


def test_readings_are_those_that_the_posterior_predicts_at_the_truth() -> None:
    config = config_of("[measurement]\nangle_offset = { mean = 1.0, sd = 0.5 }\nload_bias = 0.25\n")
    angles = np.linspace(-8.0, 8.0, 9)
    data = exact(config, angles, {"mcl.k": 47.0})
    posterior = Posterior.from_config(config, data)
    assert posterior.truth == {
        **dict(zip(posterior.names, posterior.middle, strict=True)),
        "mcl.k": 47.0,
    }
    assert posterior.truth["measurement.angle_offset"] == 1.0
    q = posterior.table.pack(posterior.truth)
    np.testing.assert_allclose(data.loads, posterior.predict(q)[0], rtol=0.0, atol=1e-11)
    unmoved = exact(config, angles, {"mcl.k": 47.0, "measurement.angle_offset": 0.0, "measurement.load_bias": 0.0})
    moved = exact(config, angles + 1.0, {"mcl.k": 47.0})
    np.testing.assert_allclose(moved.loads - 0.25, unmoved.loads, rtol=0.0, atol=1e-11)


def test_gaussian_and_students_errors_have_their_spread_and_their_tails() -> None:
    n, at = 100_000, np.linspace(-8.0, 8.0, 100_000)
    normal = calibrate.simulate(config_of(), angles=at).loads - exact(config_of(), at).loads
    assert normal.std() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * n))
    assert (normal**4).mean() / normal.var() ** 2 == pytest.approx(3.0, abs=4 * np.sqrt(24.0 / n))
    heavy = config_of(noise="sigma = 0.5\nnu = 12.0")
    student = calibrate.simulate(heavy, angles=at).loads - exact(heavy, at).loads
    # sigma is a scale: the variance is nu / (nu - 2) of its square, and the kurtosis 3 + 6 / (nu - 4). Moments up to
    # the eighth of t_12 are 1, 1.2 (variance), 5.4, 54, 945: the standard errors follow.
    assert student.var() == pytest.approx(0.25 * 1.2, abs=4 * 0.25 * np.sqrt((5.4 - 1.2**2) / n))
    fourth = (student**4).mean() / 0.5**4
    assert fourth == pytest.approx(5.4, abs=4 * np.sqrt((945.0 - 5.4**2) / n))
    assert abs(fourth - 3 * 1.2**2) > 4 * np.sqrt((945.0 - 5.4**2) / n)  # a Gaussian of that variance has not


def test_an_error_of_the_angle_widens_steep_readings_by_their_slope() -> None:
    config = config_of(noise="sigma = 0.5\nangle_sigma = 0.4")
    at = np.repeat([1.0, 8.0], 20_000)
    noise = (
        calibrate.simulate(config, angles=at).loads - exact(config, at, {"noise.angle_sigma": 1e-13}).loads
    ).reshape(2, -1)
    step = 1e-5
    ends = exact(config, [1.0 - step, 1.0 + step, 8.0 - step, 8.0 + step], {"noise.angle_sigma": 1e-13}).loads
    slopes = (ends[1::2] - ends[::2]) / (2.0 * step)
    assert slopes[1] > 2.0  # else there is nothing to see
    expected = np.hypot(0.5, 0.4 * slopes)
    np.testing.assert_allclose(noise.std(axis=1) / expected, 1.0, atol=4 / np.sqrt(2 * 20_000))


def test_a_discrepancy_is_correlated_over_neighbouring_angles() -> None:
    config = config_of(noise="sigma = 1.0\ndiscrepancy = { amplitude = 2.0, length = 3.0 }")
    at, n = [0.0, 3.0, 30.0], 600
    rng = np.random.default_rng(1)
    drawn = np.array([calibrate.simulate(config, angles=at, seed=rng).loads for _ in range(n)])
    mean = exact(config, at, {"noise.discrepancy.amplitude": 1e-13}).loads
    found = (drawn - mean).T @ (drawn - mean) / n
    near = 4.0 * np.exp(-0.5)
    wanted = np.array([[5.0, near, 0.0], [near, 5.0, 0.0], [0.0, 0.0, 5.0]])
    errors = np.sqrt((np.outer(np.diag(wanted), np.diag(wanted)) + wanted**2) / n)
    assert (np.abs(found - wanted) < 4 * errors).all()


def test_with_hysteresis_the_load_goes_up_through_the_angles_and_down_again() -> None:
    config = config_of("[measurement]\nhysteresis = { lower = 0.0, upper = 3.0 }\n")
    data = exact(config, "-8:8:5", {"measurement.hysteresis": 2.0})
    np.testing.assert_array_equal(data.angles, [-8, -4, 0, 4, 8, 8, 4, 0, -4, -8])
    np.testing.assert_array_equal(data.direction, [1.0] * 5 + [-1.0] * 5)
    up, down = data.loads[:5], data.loads[5:][::-1]
    np.testing.assert_allclose(up - down, 4.0, atol=1e-10)
    assert data.truth["measurement.hysteresis"] == 2.0
    posterior = Posterior.from_config(config, data)
    np.testing.assert_allclose(posterior.predict(posterior.table.pack(posterior.truth))[0], data.loads, atol=1e-10)
    assert exact(config_of(), "-8:8:5").direction is None
    assert exact(config_of(), "-8:8:5", {"measurement.hysteresis": 1.0}).direction is not None


def test_the_datas_own_angles_directions_and_sigmas_are_kept(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").write_text(
        "angle_rad,moment_Nm,sigma_Nm,direction\n0.1,9,0.25,1\n-0.1,-9,0.5,-1\n0,0,1,1\n"
    )
    (tmp_path / "knee.toml").write_text(config_text(file="loop.csv", noise=""))
    config = calibrate.load_config(tmp_path / "knee.toml")
    data = calibrate.simulate(config, {"measurement.hysteresis": 1.5})
    assert (data.kind, data.angle_unit) == ("moment", "rad")
    np.testing.assert_array_equal(data.angles, [0.1, -0.1, 0.0])
    np.testing.assert_array_equal(data.direction, [1.0, -1.0, 1.0])
    np.testing.assert_array_equal(data.sigma, [0.25, 0.5, 1.0])
    assert "noise.sigma" not in data.truth
    still = calibrate.simulate(config)
    np.testing.assert_allclose(data.loads - still.loads, 1.5 * data.direction, atol=1e-12)
    given = calibrate.simulate(config, {"noise.sigma": 0.1})
    assert given.sigma is None
    assert given.truth["noise.sigma"] == 0.1
    # At other angles the load still goes up and down, as that file's does.
    assert calibrate.simulate(config, {"noise.sigma": 0.1}, angles=[1.0, 2.0]).direction is not None
    # Without a direction in the file, its rows are gone through both ways, each with its own sigma.
    (tmp_path / "loop.csv").write_text("angle_deg,moment_Nm,sigma_Nm\n5,9,0.25\n-5,-9,0.5\n")
    both = calibrate.simulate(config, {"measurement.hysteresis": 1.5})
    np.testing.assert_array_equal(both.angles, [-5.0, 5.0, 5.0, -5.0])
    np.testing.assert_array_equal(both.sigma, [0.5, 0.25, 0.25, 0.5])


def test_one_of_several_tests_is_simulated_and_its_truth_found_again_in_either_form() -> None:
    config = parse_config(TWO_TESTS)
    truth = {"mcl.l_0": 84.5, "dmcl.reference_strain": 0.05, "noise.sigma": 1e-9}
    bent = calibrate.simulate(config, truth, angles="-8:8:9", test="flex30")
    straight = calibrate.simulate(config, {"mcl.l_0": 95.5}, angles="-8:8:9", test="flex0")
    assert bent.truth["mcl.l_0"] == 84.5
    assert bent.truth["noise.nu"] == 5.0
    assert "noise.nu" not in straight.truth
    assert bent.truth["dmcl.alpha"] == bent.truth["mcl.alpha"]
    assert "knee.mcl.femur.x" not in bent.truth
    posterior = Posterior.from_config(config, {"flex0": straight, "flex30": bent})
    assert posterior.truth["flex30.mcl.l_0"] == 84.5
    assert posterior.truth["mcl.l_0"] == 95.5  # not what the other test has as its own
    assert posterior.truth.keys() == set(posterior.names)
    q = posterior.table.pack(posterior.truth)
    # The strain of the shared knee, so of both tests.
    np.testing.assert_allclose(posterior.predict(q, test="flex30")[0], bent.loads, atol=1e-7)
    alone = parse_config(
        TWO_TESTS[: TWO_TESTS.index("[tests.flex0]")].replace(
            "lower = 80.0, upper = 100.0", "lower = 80.0, upper = 90.0"
        )
        + 'nu = 5.0\n[data]\nfile = "x.csv"\npositive = "varus"\nflexion = 30.0\n'
        + FREE_OFFSET
    )
    single = Posterior.from_config(alone, bent)
    assert single.truth["mcl.l_0"] == 84.5
    assert single.truth["measurement.angle_offset"] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(single.predict(single.table.pack(single.truth))[0], bent.loads, atol=1e-7)


def test_a_files_truth_may_name_its_test_too() -> None:
    config = parse_config(TWO_TESTS)
    data = calibrate.simulate(config, angles="-8:8:9", test="flex30")
    text = data.text.replace("truth: mcl.l_0 = 85.0", "truth: flex30.mcl.l_0 = 81.0")
    tests = {"flex0": calibrate.simulate(config, angles="-8:8:9", test="flex0"), "flex30": parse_measurement(text)}
    assert Posterior.from_config(config, tests).truth["flex30.mcl.l_0"] == 81.0


def test_geometry_that_was_set_is_true_and_moves_reference_lengths() -> None:
    config = parse_config(TWO_TESTS)
    name = "knee.dmcl.femur.x"
    data = exact(config, "-8:8:9", {name: -45.0}, test="flex0")
    assert data.truth[name] == -45.0
    moved = parse_config(TWO_TESTS.replace("femur = [-38.0,", "femur = [-45.0,"))
    np.testing.assert_array_equal(data.loads, exact(moved, "-8:8:9", test="flex0").loads)
    assert np.abs(data.loads - exact(config, "-8:8:9", test="flex0").loads).max() > 1e-3


def test_all_may_be_fixed_and_a_seed_may_be_a_generator() -> None:
    fixed = PARAMETERS.replace("{ lower = 10.0, upper = 100.0 }", "50.0")
    fixed = fixed.replace("{ lower = 0.02, upper = 0.12 }", "0.06").replace("{ lower = 80.0, upper = 100.0 }", "94.0")
    config = config_of(parameters=fixed.replace("{ lower = 50.0, upper = 66.0 }", "62.0"))
    first = calibrate.simulate(config, angles="-8:8:9", seed=3)
    again = calibrate.simulate(config, angles="-8:8:9", seed=np.random.default_rng(3))
    np.testing.assert_array_equal(first.loads, again.loads)
    assert "seed 3" in first.text
    assert "seed" not in again.text


def test_slopes_of_a_posed_knee_are_those_of_the_true_one() -> None:
    config = config_of(
        "[measurement]\nangle_offset = { mean = 0.0, sd = 1.0 }\n", noise="sigma = 1.0\nangle_sigma = 0.3"
    )
    posterior = Posterior.from_config(config, exact(config, "-8:8:9"))
    test, full = posterior.tests[0], posterior.full(posterior.middle)
    assert test.posed
    still = dataclasses.replace(test, posed=False)
    law = posterior.law(posterior.middle)
    np.testing.assert_allclose(slopes_of(test, full, law), slopes_of(still, full, law), rtol=1e-12)


@pytest.mark.parametrize(
    ("truth", "options", "error", "says"),
    [
        ({"mcl.kk": 3.0}, {}, ParameterError, r"^mcl\.kk: unknown parameter; did you mean 'mcl\.k'\?"),
        ({"xyz": 3.0}, {}, ParameterError, "xyz: unknown parameter; known here: mcl.k, .* like knee.mcl.femur.x"),
        ({"mcl.k": -3.0}, {}, ParameterError, "mcl.k = -3: has to be positive"),
        ({"knee.rolling": 1.5}, {}, ParameterError, "knee.rolling = 1.5: has to be between 0"),
        ({"dmcl.reference_strain": -1.0}, {}, ParameterError, "has to be above -1"),
        ({"dmcl.alpha": 0.05}, {}, ParameterError, "dmcl.alpha: is tied to mcl.alpha; change that"),
        ({"dmcl.l_0": 40.0}, {}, ParameterError, "dmcl.l_0: follows from dmcl.reference_strain"),
        ({"mcl.reference_strain": 0.0}, {}, ParameterError, "follows from (flex30.)?mcl.l_0"),
        ({"flex30.mcl.l_0": 84.0}, {}, ParameterError, "is test flex30's own, and this is about test flex0"),
        ({"noise.nu": 4.0}, {}, ParameterError, "noise.nu: is not in the configuration; add it"),
        ({}, {"test": "flex90"}, ConfigError, "no test is called 'flex90'; there are flex0, flex30"),
        ({}, {"test": None}, ConfigError, "which test: flex0, flex30"),
        ({}, {"angles": [50.0]}, ConfigError, "none beyond 45 degrees"),
        ({}, {"angles": None}, DataError, "give angles, LOW:HIGH:N, to simulate without it"),
        ({}, {"load": "torque"}, ConfigError, "must be force or moment"),
        ({"knee.lateral_condyle.radius": 90.0}, {}, ConfigError, "tests.flex0.knee: one condyle lies inside"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    truth: dict[str, float], options: dict[str, object], error: type[CalibrateError], says: str
) -> None:
    with pytest.raises(error, match=says):
        calibrate.simulate(parse_config(TWO_TESTS), truth, **{"angles": "-8:8:5", "test": "flex0", **options})


def test_numbers_in_the_unit_of_other_loads_are_refused_unless_given(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("angle_deg,force_N\n-5,-40\n5,30\n")
    (tmp_path / "knee.toml").write_text(
        config_text(file="f.csv", noise="sigma = 2.0\nnu = 4.0", extra="[measurement]\nload_bias = 0.5\n")
    )
    config = calibrate.load_config(tmp_path / "knee.toml")
    with pytest.raises(
        ConfigError, match=r"measurement.load_bias, noise.sigma are in N, the unit of .*f\.csv; give them"
    ):
        calibrate.simulate(config, load="moment")
    with pytest.raises(ConfigError, match=r"load moment: measurement.load_bias is in N"):
        calibrate.simulate(config, {"noise.sigma": 0.3}, load="moment")
    data = calibrate.simulate(config, {"noise.sigma": 0.3, "measurement.load_bias": 0.1}, load="moment")
    assert data.kind == "moment"


def test_sigma_may_be_given_where_the_configuration_has_none() -> None:
    config = config_of(noise="")
    with pytest.raises(ConfigError, match=r"noise\.sigma: missing"):
        calibrate.simulate(config, angles="-8:8:5")
    with pytest.raises(ParameterError, match=r"noise\.sigma = 0: has to be positive"):
        calibrate.simulate(config, {"noise.sigma": 0.0}, angles="-8:8:5")
    at = np.linspace(-8, 8, 4001)
    data = calibrate.simulate(config, {"noise.sigma": 0.3}, angles=at)
    noise = data.loads - calibrate.simulate(config, {"noise.sigma": 1e-13}, angles=at).loads
    assert noise.std() == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(2 * 4001))
    assert data.sigma is None
    assert data.truth["noise.sigma"] == 0.3


def test_the_command_writes_one_of_several_tests(folder: Path, command: Command) -> None:
    (folder / "two.toml").write_text(TWO_TESTS)
    result = command("simulate", "two.toml", "--angles=-8:8:9", "-o", "flex30.csv")
    assert result.code == 2
    assert result.err == "calibrate: error: which test: flex0, flex30? Name it by --test, in Python by test=\n"
    arguments = ("simulate", "two.toml", "--angles=-8:8:9", "--set", "flex30.mcl.l_0=84.5", "--test", "flex30", "-o")
    result = command(*arguments, "new.csv")
    assert result.code == 0
    assert "mcl.l_0 = 84.5" in result.err
    assert read_measurement(folder / "new.csv").truth["mcl.l_0"] == 84.5
    # The configuration's own data are its input, of whatever test.
    (folder / "flex30.csv").write_bytes((folder / "new.csv").read_bytes())
    for name in ("flex30.csv", "two.toml"):
        result = command("simulate", "two.toml", "--test", "flex0", "--angles=-8:8:9", "--overwrite", "-o", name)
        assert result.code == 2
        assert "is what this command reads" in result.err
    result = command("simulate", "two.toml", "--test", "flex0", "--set", "mcl.k=1", "--set", "mcl.k=2", "-o", "b.csv")
    assert result.code == 2
    assert "mcl.k is given twice" in result.err
    assert not (folder / "b.csv").exists()
