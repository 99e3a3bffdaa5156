"""The bundled examples: they are found, they mean what their sources say, and they are honest about what they know."""

import csv
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from calibrate.config import Config, load_config, parse_config
from calibrate.errors import ConfigError
from calibrate.examples import example
from calibrate.posterior import Posterior
from calibrate.priors import Uniform

FOLDER = example("s192803.toml").with_suffix("")


@pytest.fixture(scope="module")
def six_strands() -> Config:
    return load_config(example("s192803.toml"))


def fibres(name: str) -> list[dict[str, float]]:
    """Return the rows of the specimen's geometry that belong to a strand."""
    lines = (FOLDER / "s192803_geometry.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [
        {key: float(value) for key, value in row.items() if key != "fibre" and value}
        for row in rows
        if row["fibre"] == name
    ]


@pytest.mark.parametrize("name", [path.name for path in sorted(example("oks009.toml").parent.glob("*.toml"))])
def test_every_example_can_be_calibrated(name: str) -> None:
    posterior = Posterior.from_config(load_config(example(name)))
    assert np.isfinite(posterior.log_prob(posterior.middle))
    few = sum(test.measurement.angles.size for test in posterior.tests) < posterior.ndim
    assert len(posterior.warnings) == few


def test_the_first_thing_that_a_user_sees_doubts_the_angle_and_has_no_bounds_to_end_at() -> None:
    posterior = Posterior.from_config(load_config(example("oks009.toml")))
    assert "measurement.angle_offset" in posterior.names
    assert not any(isinstance(prior, Uniform) for prior in posterior.priors)
    assert not np.isfinite(posterior.upper).any()


def test_an_unknown_example_is_refused() -> None:
    with pytest.raises(ConfigError, match="no bundled example"):
        example("hip.toml")


@pytest.mark.parametrize(
    ("strand", "fibre"),
    [("mcl", "MCLa"), ("mclm", "MCLm"), ("mclp", "MCLp"), ("dmcl", "dMCL"), ("pol", "POL"), ("lcl", "LCL")],
)
def test_a_strand_runs_between_the_means_of_its_fibres_ends(six_strands: Config, strand: str, fibre: str) -> None:
    rows = fibres(fibre)
    femur, tibia = (
        np.array([np.mean([row[f"{end}_{axis}"] for row in rows]) for axis in "xyz"]) for end in ("femur", "tibia")
    )
    ends = six_strands.knee.attachments(strand)
    assert ends.femur == pytest.approx(femur, abs=0.0051)
    geometry = Posterior.from_config(six_strands).geometry(test="flex0")
    # The tibial end is in the tibia's frame: turned by theta_0 it is where the MRI has it.
    turn = geometry.theta_0
    x, y, z = ends.tibia
    turned = (x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), z)
    assert turned == pytest.approx(tibia, abs=0.0121)
    if len(rows) == 1:
        assert np.linalg.norm(np.array(turned) - ends.femur) == pytest.approx(rows[0]["length"], abs=0.02)


def test_flexion_is_the_measured_one_counted_from_the_pose_of_the_mri(six_strands: Config) -> None:
    for name, path in six_strands.data_paths.items():
        nominal, measured = re.search(r"nominal flexion (\d+) degrees \(measured ([\d.]+)\)", path.read_text()).groups()
        assert name == f"flex{nominal}"
        assert six_strands.tests[name].flexion == pytest.approx(float(measured) + 6.1)


@pytest.mark.parametrize(("nu", "survived"), [("3.0", True), ("1e4", False)])
def test_a_reading_that_is_wrong_costs_students_t_little_and_a_gaussian_all(nu: str, survived: bool) -> None:
    path = example("s192803.toml")
    text = path.read_text()
    assert "nu = 3.0" in text
    config = parse_config(text.replace("nu = 3.0", f"nu = {nu}"), path)
    posterior = Posterior.from_config(config)
    data = dict(posterior.measurements)
    there = posterior.log_likelihood(posterior.middle)
    wrong = data["flex60"].loads.copy()
    assert wrong[1] == pytest.approx(9.6026)
    wrong[1] += 40.0
    data["flex60"] = dataclasses.replace(data["flex60"], loads=wrong)
    farther = Posterior.from_config(config, data).log_likelihood(posterior.middle)
    assert (there - farther < 10.0) == survived


def test_a_wheel_takes_the_whole_folder_along() -> None:
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert '"data" = "calibrate/bundled"' in project
    assert {path.name for path in FOLDER.iterdir()} >= {f"s192803_{flexion}deg.csv" for flexion in (0, 30, 60, 90)}
