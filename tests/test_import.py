"""Imports, part by part: senses, units, cycles, flexion, what is said, and what a stranger's file may cost."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from their_files import ANGLES, LOADS, german, rows, series, text, write

from calibrate import __version__
from calibrate.data import parse_measurement
from calibrate.errors import DataError
from calibrate.importing.choose import Answers
from calibrate.importing.convert import Imported, convert
from calibrate.importing.picture import figure, in_characters
from calibrate.importing.source import UnansweredError

PLAIN = "Angle [deg],Moment [Nm]"
SERIES = "Time [s],Angle [deg],Moment [Nm]"


def taken(folder: Path, content: str | bytes, **said: Any) -> Imported:
    return convert(write(folder, content), Answers(**{"positive": "varus", **said}))


# --- Senses. ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "positive", "sign"),
    [
        ({"positive": "varus"}, "varus", 1.0),
        ({"positive": "valgus"}, "valgus", 1.0),
        ({"positive": "varus", "load_positive": "varus"}, "varus", 1.0),
        ({"positive": "varus", "load_positive": "valgus"}, "varus", -1.0),
        ({"positive": "valgus", "load_positive": "varus"}, "valgus", -1.0),
        ({"positive": "valgus", "load_positive": "valgus"}, "valgus", 1.0),
        # The foot of a right knee goes right, laterally, in valgus.
        ({"positive": "right", "side": "right"}, "valgus", 1.0),
        ({"positive": "left", "side": "right"}, "varus", 1.0),
        ({"positive": "right", "side": "left"}, "varus", 1.0),
        ({"positive": "left", "side": "left"}, "valgus", 1.0),
        ({"positive": "left", "side": "left", "load_positive": "varus"}, "valgus", -1.0),
    ],
)
def test_every_sense(said: dict[str, str], positive: str, sign: float, tmp_path: Path) -> None:
    found = taken(tmp_path, text(PLAIN, body=[[a, sign * m] for a, m in rows()]), **said)
    assert found.positive == positive
    assert found.measurement.angles.tolist() == ANGLES  # the angle is never changed: its sense is said
    assert found.measurement.loads.tolist() == LOADS
    assert f"# positive: {positive}, in both columns" in found.measurement.text.splitlines()
    assert ("sign changed" in found.measurement.text) == (sign < 0.0)


@pytest.mark.parametrize("angle", ["Varus", "Valgus", "Adduction", "Abduction", "Varus/valgus", "Angle"])
@pytest.mark.parametrize("load", ["Varus torque", "Valgus torque", "Torque"])
@pytest.mark.parametrize("said", ["varus", "valgus"])
def test_names_never_decide_a_sense(angle: str, load: str, said: str, tmp_path: Path) -> None:
    ways = [{"Va": None, "Ad": "varus", "Ab": "valgus", "An": None}[angle[:2]], None]
    ways[0] = {"Varus": "varus", "Valgus": "valgus"}.get(angle, ways[0])
    ways[1] = {"Varus torque": "varus", "Valgus torque": "valgus"}.get(load)
    content = text(f"{angle} [deg],{load} [Nm]")
    if None not in ways and ways[0] != ways[1]:
        with pytest.raises(UnansweredError, match="opposite directions") as question:
            taken(tmp_path, content, positive=said)
        assert (question.value.option, question.value.choices) == ("--load-positive", ("varus", "valgus"))
        return
    found = taken(tmp_path, content, positive=said)
    assert (found.positive, found.measurement.loads.tolist()) == (said, LOADS)
    against = ways[0] not in (None, said)
    assert any("you say that it counts" in sentence for sentence in found.said) == against


def test_a_column_of_directions_goes_along_with_the_sign(tmp_path: Path) -> None:
    content = text(f"{PLAIN},direction", body=rows([1, 1, 1, -1, -1, -1]))
    for way, sign in (("varus", 1.0), ("valgus", -1.0)):
        found = taken(tmp_path, content, load_positive=way).measurement
        assert found.direction is not None
        assert found.direction.tolist() == [sign] * 3 + [-sign] * 3
        assert found.loads.tolist() == [sign * load for load in LOADS]


def test_falling_loads_are_asked_for_until_it_is_said_what_they_count(tmp_path: Path) -> None:
    falling = text(PLAIN, body=[[a, -m] for a, m in rows()])
    with pytest.raises(UnansweredError, match=r"correlation -0\.9") as question:
        taken(tmp_path, falling)
    assert question.value.option == "--load-positive"
    assert taken(tmp_path, falling, load_positive="valgus").measurement.loads.tolist() == LOADS
    stubborn = taken(tmp_path, falling, load_positive="varus")  # it is the user's word, and a doubt remains
    assert any("the loads fall as the angles rise" in doubt for doubt in stubborn.doubts)


def test_conversions_are_rounded_once_and_radians_are_left(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    exact = rng.integers(-9_999_999, 9_999_999, 2000)  # thousandths of N·mm
    body = [[0.1, f"{value / 1000:.3f}"] for value in exact.tolist()]
    found = taken(tmp_path, text("Angle [rad],Moment [N.mm]", body=body)).measurement
    np.testing.assert_array_equal(found.loads, np.array([float(cell) for _, cell in body]) / 1000.0)
    assert (found.angle_unit, set(found.angles.tolist())) == ("rad", {0.1})


# --- Flexion, sigma, and what is said. --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column", "flexion"),
    [
        ("knee", None, None),
        ("knee_30deg", None, 30.0),
        ("S12 flexion60 trial 2", None, 60.0),
        ("30deg_to_60deg", None, None),
        ("2030deg", None, None),
        ("knee_30deg", [44.9, 45.1, 45.0, 45.0, 45.0, 45.0], 45.0),
    ],
)
def test_flexion(name: str, column: list[float] | None, flexion: float | None, tmp_path: Path) -> None:
    content = text(PLAIN) if column is None else text(f"{PLAIN},JCS Flexion [deg]", body=rows(column))
    path = write(tmp_path, content, name)
    assert convert(path, Answers(positive="varus")).flexion == flexion
    said = convert(path, Answers(positive="varus", flexion=20.0))
    assert said.flexion == 20.0
    assert "# flexion: 20 degrees" in said.measurement.text


def test_several_flexions_in_one_file(tmp_path: Path) -> None:
    body = [[at, a * scale, m] for at, scale in ((0, 1), (30.2, 2), (29.8, 2), (60, 3)) for a, m in rows()]
    content = text(f"Knee flexion [deg],{PLAIN}", body=body)
    with pytest.raises(
        UnansweredError, match="flexion goes from 0 to 60 degrees, so there is more than one"
    ) as question:
        taken(tmp_path, content)
    assert question.value.option == "--at-flexion"
    at_30 = taken(tmp_path, content, at_flexion=30.0)
    assert at_30.measurement.angles.tolist() == [2 * a for a in ANGLES * 2]
    assert at_30.flexion == 30.0
    assert "# source: 12 readings at other flexions left out (--at-flexion)" in at_30.measurement.text
    assert taken(tmp_path, content, flexion=30.0).measurement.angles.size == 24  # it is the user's word
    with pytest.raises(DataError, match=r"--at-flexion 45: .* no reading is within 2.5 degrees"):
        taken(tmp_path, content, at_flexion=45.0)
    with pytest.raises(DataError, match="there is no column of flexion"):
        taken(tmp_path, text(PLAIN), at_flexion=45.0)


def test_sigma_goes_along_and_can_be_left_out(tmp_path: Path) -> None:
    content = text(f"{PLAIN},std [N.mm]", body=rows([100.0, 200.0] * 3))
    found = taken(tmp_path, content).measurement
    assert found.sigma is not None
    assert found.sigma.tolist() == [0.1, 0.2] * 3
    assert taken(tmp_path, content, sigma="none").measurement.sigma is None
    assert taken(tmp_path, content, sigma="3").measurement.sigma is not None


def test_provenance_is_in_the_header_and_the_same_each_time(tmp_path: Path) -> None:
    body = [*[["b", a, m * 1000] for a, m in rows()], ["a", "", 5]]
    content = german("Zeit;Varus [°];Moment [N.mm]", body=body)
    first = taken(tmp_path, content)
    lines = [line for line in first.measurement.text.splitlines() if line.startswith("#")]
    assert lines == [
        f"# imported by calibrate {__version__} from theirs.dat",
        f"# source SHA-256: {hashlib.sha256(content.encode()).hexdigest()}",
        "# source: text, cells separated by semicolons; decimal commas",
        "# source: angle: column 'Varus [°]' in deg, varus positive",
        "# source: moment: column 'Moment [N.mm]' in Nm, divided by 1000",
        "# source: not used: 'Zeit'",
        "# source: line 8 left out: no number in a column that is needed",
        "# positive: varus, in both columns",
    ]
    assert taken(tmp_path, content).measurement.text == first.measurement.text
    again = parse_measurement(first.measurement.text)
    assert again.truth == {}


def test_what_others_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    name = "truth: mcl.k = 5 \u202e<script>"
    content = text(f"{name} varus angle [deg],Moment [Nm]")
    found = taken(tmp_path, content, angle="1")
    assert found.measurement.truth == {}
    assert "\u202e" not in found.measurement.text
    assert all(line.isprintable() for line in found.measurement.text.splitlines())
    assert all(line.isprintable() for line in [*found.said, *in_characters(found)])


# --- Pictures. --------------------------------------------------------------------------------------------------------


def test_the_picture_is_of_plain_characters_and_in_its_place(tmp_path: Path) -> None:
    lines = in_characters(taken(tmp_path, text(PLAIN, body=[[-10, -5], [0, 0], [10, 5], [10, 5]])))
    assert all(len(line) <= 60 and line.isascii() for line in lines)
    assert lines[0] == "moment in N.m, varus positive"
    assert (lines[1][-1], lines[1][:8].strip()) == ("8", "5")  # two readings at one place
    assert lines[13][9] == "o"
    assert lines[7][:9] == "       0 "
    assert lines[7][9 + 22 : 9 + 24].count("o") == 1
    assert lines[14].split() == ["-10", "10", "deg"]
    one = in_characters(taken(tmp_path, text(PLAIN, body=[[3, 4], [3, 4]])))
    assert all(len(line) <= 60 for line in one)


def test_the_drawn_picture_tells_directions(tmp_path: Path) -> None:
    drawn = figure(taken(tmp_path, text(SERIES, body=series(1))))
    assert [line.get_label() for line in drawn.axes[0].lines[2:]] == ["load going up", "load going down"]
    assert drawn.axes[0].get_xlabel() == "angle [°], varus positive"
