"""Pictures held against stored ones, pixel by pixel: a label that moves, a colour that changes, a band that is gone.

`python tests/test_figures_pictures.py` draws the stored ones anew, into tests/golden/pictures; look at each before it
is kept. They are small, 60 dots per inch. The root of the mean squared difference of pixels, of 255 levels, may be 3:
another version of matplotlib's text moves it by 1 or so, a missing curve by 5 and more.
"""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path

import pytest
import shown_runs
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images
from rigs import three_tests

from calibrate import figures
from calibrate.draws import Draws

STORED = Path(__file__).parent / "golden" / "pictures"
TOLERANCE = 3.0
DOTS = 60
# What every change is held against: each kind of picture once, and those that are hard.
PAIRS = [
    *(("real", name) for name in ("trace", "convergence", "residuals", "tension_angle", "load_share", "knee")),
    *(("free", name) for name in ("corner", "correlation", "knee")),
    *(("ugly", name) for name in ("corner", "prior_posterior", "ligaments")),
    *(("one_reading", name) for name in ("load_angle", "laxity")),
]
# All others, a quarter of a minute: with CALIBRATE_ALL_PICTURES=1.
MORE = [
    *(("real", name) for name in figures.FIGURES),
    ("free", "prior_posterior"),
    ("ugly", "trace"),
    ("one_reading", "residuals"),
    *(("three", name) for name in ("load_angle", "residuals", "load_share", "tension_angle", "laxity")),
]
EVERY = list(dict.fromkeys(PAIRS + MORE))


@functools.cache
def run_of(name: str) -> Draws:
    if name == "three":
        return three_tests(Path(tempfile.mkdtemp()))
    return getattr(shown_runs, name)()  # type: ignore[no-any-return]  # one of its functions


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=DOTS, metadata={"Software": None})


CHOSEN = EVERY if os.environ.get("CALIBRATE_ALL_PICTURES") else PAIRS


@pytest.mark.parametrize(("of", "name"), CHOSEN, ids=[f"{of}-{name}" for of, name in CHOSEN])
def test_a_picture_is_as_it_was(of: str, name: str, tmp_path: Path) -> None:
    drawn = tmp_path / f"{of}_{name}.png"
    save(figures.FIGURES[name].draw(run_of(of)), drawn)
    problem = compare_images(str(STORED / drawn.name), str(drawn), tol=TOLERANCE)
    assert problem is None, problem


if __name__ == "__main__":
    STORED.mkdir(parents=True, exist_ok=True)
    for of, name in EVERY:
        save(figures.FIGURES[name].draw(run_of(of)), STORED / f"{of}_{name}.png")
