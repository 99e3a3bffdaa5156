"""A whole run on many points: it converges on the truth, goes on, and its summary and pictures keep up."""

from pathlib import Path

import numpy as np
import pytest
from conftest import config_text

from calibrate import open_run, resume_run, start_run, texts
from calibrate.config import load_config
from calibrate.figures import ligament_plot, load_angle_plot
from calibrate.problem.build import MANY
from calibrate.results import Run
from calibrate.simulation import simulate, write

POINTS = 4 * MANY
TRUTH = {"mcl.k": 33.5, "mcl.alpha": 0.06, "mcl.l_0": 94.0, "lcl.k": 42.8, "lcl.alpha": 0.06, "lcl.l_0": 62.5}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converged run on simulated data, sigma inferred."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "knee.toml").write_text(config_text(noise="sigma = { lower = 0.5, upper = 9.0 }", file="many.csv"))
    config = load_config(folder / "knee.toml")
    truth = {**TRUTH, "noise.sigma": 2.0}
    write(simulate(config, truth, angles=f"-8:8:{POINTS}", load="force"), folder / "many.csv", config)
    assert start_run(config, folder / "run.h5").reason == "converged"
    return folder / "run.h5"


@pytest.fixture(scope="module")
def run(path: Path) -> Run:
    return open_run(path)


def test_run_on_many_points_finds_the_truth(run: Run) -> None:
    assert run.posterior.density.knee.sums
    summary = run.summary()
    for name, value in {**TRUTH, "noise.sigma": 2.0}.items():
        entry = summary["parameters"][name]
        # Seven parameters: one of them beyond 4 standard deviations once in two thousand data sets.
        assert abs(entry["median"] - value) < 4.0 * entry["sd"]
    # The sigma of n points is known to sigma / sqrt(2 n); the sampling error of that is a few per cent.
    assert summary["parameters"]["noise.sigma"]["sd"] == pytest.approx(2.0 / np.sqrt(2.0 * POINTS), rel=0.1)


def test_run_on_many_points_goes_on_from_its_file(path: Path) -> None:
    before = open_run(path).steps
    assert resume_run(path, steps=10).steps == before + 10


def test_pictures_of_many_points_say_how_many_they_draw(run: Run) -> None:
    for figure in (load_angle_plot(run), ligament_plot(run)):
        boxes = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend() is not None)]
        texts = [text.get_text() for box in boxes for text in box.get_texts()]
        assert any(f"1,000 of {POINTS:,} points" in text for text in texts), texts
    ax = load_angle_plot(run).axes[0]
    (points,) = [line for line in ax.lines if line.get_marker() == "o"]
    shown = dict(zip(run.measurement.angles, run.measurement.loads, strict=True))
    assert len(points.get_xdata()) == 1000
    assert all(shown[x] == y for x, y in zip(points.get_xdata(), points.get_ydata(), strict=True))


@pytest.mark.parametrize(
    ("value", "sd", "shown"),
    [(82.00003, 0.0012, "82.0000"), (60.0049, 17.9, "60"), (0.0599931, 4.95e-5, "0.059993"), (0.0, 0.1, "0")],
)
def test_summaries_show_the_digits_that_are_known(value: float, sd: float, shown: str) -> None:
    assert format(value, texts.digits(value, sd)) == shown
