"""The knee in pictures and in motion: where it is drawn, what it says, and what is refused."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import planted
import pytest
import shown_runs
from matplotlib.figure import Figure
from pictures import marked, texts, x_of, y_of
from PIL import Image

from calibrate import figures
from calibrate.errors import ExportError, GeometryError, ParameterError

DRAWN = {name: functools.cache(getattr(shown_runs, name)) for name in ("free", "ugly")}


def test_the_knee_is_drawn_where_it_is_and_says_what_holds_it() -> None:
    run = DRAWN["ugly"]()
    figure = figures.knee_plot(run, angle=5.0, draw=7)
    ax = figure.axes[0]
    q = run.draw(7)
    predicted = float(run.posterior.predict(q, [5.0])[0, 0])
    assert ax.get_title(loc="left") == f"0° of flexion, at 5.0°: moment {predicted:.1f} N·m (valgus positive)"
    centres = sorted(patch.center for patch in marked(ax, "condyle"))
    assert centres == [(-22.0, -20.0), (22.0, -20.0)]
    (mcl,) = marked(ax, "strand mcl")
    assert (x_of(mcl)[0], y_of(mcl)[0]) == (-40.0, 0.0)
    length = math.hypot(np.ptp(x_of(mcl)), np.ptp(y_of(mcl)))
    assert length == pytest.approx(run.posterior.knee_at([5.0], q).kinematics.lengths[0, 0])
    (contact,) = marked(ax, "contact")
    angle = math.radians(5.0)
    assert (x_of(contact)[0], y_of(contact)[0]) == pytest.approx(
        (22.0 + 20.0 * math.sin(angle), -20.0 - 20.0 * math.cos(angle))
    )
    for strand, of, law in zip(
        ("MCL", "LCL"), run.posterior.knee_at([5.0], q).kinematics.lengths, run.posterior.law(q)[0], strict=True
    ):
        k, alpha, l_0, _ = law
        e = of[0] - l_0
        tension = k * (e - 0.5 * alpha * l_0) if e > alpha * l_0 else k * max(e, 0.0) ** 2 / (2.0 * alpha * l_0)
        assert f"{strand}\n{f'{tension:.0f} N' if e > 0.0 else 'slack'}" in set(texts(ax))
    assert f"{predicted:.1f} N·m\nvalgus" in set(texts(ax))
    # The reaction's arrow ends at the contact and points down; the moment's goes counter-clockwise about its number.
    (arrow,) = marked(ax, "reaction")
    start, end = arrow._posA_posB
    assert tuple(end) == (x_of(contact)[0], y_of(contact)[0])
    assert start[1] > end[1] + 5.0
    assert _turns(figure) > 0.0
    assert _turns(figures.knee_plot(run, angle=-5.0, draw=7)) < 0.0


def test_a_knee_is_drawn_where_its_test_loaded_it_most() -> None:
    run = DRAWN["ugly"]()
    measurement = run.posterior.tests[0].measurement
    angle = float(measurement.angles[np.abs(measurement.loads).argmax()])
    assert abs(angle) > 1.0
    assert f", at {angle:.1f}°: " in figures.knee_plot(run).axes[0].get_title(loc="left")


def test_a_load_that_is_written_as_nothing_has_no_sign_and_no_way() -> None:
    run = DRAWN["ugly"]()
    angles = np.linspace(-5.0, 5.0, 2001)
    loads = run.posterior.predict(np.median(run.samples(), axis=0), angles)[0]
    angle = float(angles[np.flatnonzero((loads < 0.0) & (loads > -0.04))[-1]])
    ax = figures.knee_plot(run, angle=angle).axes[0]
    assert ": moment 0.0 N·m (valgus positive)" in ax.get_title(loc="left")
    assert "0.0 N·m" in [text.strip() for text in texts(ax)]


def _turns(figure: Figure) -> float:
    """Return what the bent arrow of a moment turns by, positive for counter-clockwise."""
    (bend,), (said,) = marked(figure, "moment"), marked(figure, "load said")
    x, y = x_of(bend) - said.xy[0], y_of(bend) - said.xy[1]
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"angle": 46.0}, ParameterError, "beyond 45"),
        ({"draw": 8000}, ParameterError, "there are the draws 0 to 7999"),
        ({"draw": -1}, ParameterError, "there are the draws 0 to 7999"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, float], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        figures.knee_plot(DRAWN["ugly"](), **options)  # type: ignore[arg-type]  # a draw is a whole number


def test_a_knee_without_a_pose_is_no_picture() -> None:
    run = DRAWN["free"]()
    coords = np.array(run.chains.coords)
    coords[..., run.names.index("knee.lateral_condyle.centre.x")] = -90.0
    with pytest.raises(GeometryError, match="has to lie lateral"):
        figures.knee_plot(shown_runs.drawn(run.posterior, coords))


def test_a_force_acts_at_its_point_in_its_sense(tmp_path: Path) -> None:
    run = planted.valgus_run(tmp_path)
    figure = figures.knee_plot(run, angle=float(np.rad2deg(0.3)))
    (arrow,) = marked(figure, "load")
    tail, head = arrow.get_path().vertices[0], arrow._posA_posB[1]
    assert len(tail) == len(head) == 2
    q = np.median(run.samples(), axis=0)
    force = float(run.posterior.predict(q, [0.3])[0, 0])
    assert f"{abs(force):.1f} N\n{'valgus' if force > 0 else 'varus'}" in set(texts(figure))
    start, end = arrow._posA_posB
    assert np.sign(end[0] - start[0]) == np.sign(force)


# --- In motion --------------------------------------------------------------------------------------------------------


def test_the_knee_in_motion_is_the_same_bytes_and_takes_its_name(tmp_path: Path) -> None:
    run = DRAWN["ugly"]()
    first, second = (figures.knee_animation(run, tmp_path / f"{i}.gif", frames=2) for i in range(2))
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as film:
        assert film.n_frames == 2
        frames = []
        for i in range(2):
            film.seek(i)
            frames.append(np.asarray(film.convert("L"), dtype=float))
    assert np.abs(frames[0] - frames[1]).max() > 50.0  # it moves
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.gif", "1.gif"]


def test_an_animation_of_another_name_or_in_place_of_a_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.gif").write_text("mine")
    monkeypatch.setattr("matplotlib.animation.writers.is_available", lambda name: False)
    for name, words in (
        ("knee.mp4", "matplotlib finds no program to write films"),
        ("knee.png", r"an animation is a \.gif or an \.mp4"),
        ("notes.gif", r"notes\.gif"),
    ):
        with pytest.raises(ExportError, match=words):
            figures.knee_animation(DRAWN["ugly"](), tmp_path / name, frames=2)
    assert (tmp_path / "notes.gif").read_text() == "mine"


def test_only_known_pictures_are_drawn(tmp_path: Path) -> None:
    run = planted.valgus_run(tmp_path)
    written = figures.save_all(run, tmp_path / "p", only=["knee"])
    assert [path.name for path in written] == ["knee.png", "knee.pdf"]
    again = figures.save_all(run, tmp_path / "q", only=["knee"])
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]
    with pytest.raises(ParameterError, match="no picture is called 'knees'; did you mean 'knee'"):
        figures.save_all(run, tmp_path / "r", only=["knees"])
    assert not (tmp_path / "r").exists()
