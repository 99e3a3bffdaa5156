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
from calibrate.importing.cycles import order_of
from calibrate.importing.picture import figure, in_characters
from calibrate.importing.source import UnansweredError
from calibrate.spellings import foreign, is_unit, name_of, unit_of

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


def test_falling_loads_are_asked_for_until_it_is_said_what_they_count(tmp_path: Path) -> None:
    falling = text(PLAIN, body=[[a, -m] for a, m in rows()])
    with pytest.raises(UnansweredError, match=r"correlation -0\.9") as question:
        taken(tmp_path, falling)
    assert question.value.option == "--load-positive"
    assert taken(tmp_path, falling, load_positive="valgus").measurement.loads.tolist() == LOADS
    stubborn = taken(tmp_path, falling, load_positive="varus")  # it is the user's word, and a doubt remains
    assert any("the loads fall as the angles rise" in doubt for doubt in stubborn.doubts)


# --- Units and names. -------------------------------------------------------------------------------------------------

UNITS = {
    ("angle", "deg", 1.0, 1.0): "deg|[deg]|(°)|Degrees|DEG|º|[ deg ]|deg.",
    ("angle", "rad", 1.0, 1.0): "rad|[rad]|Radians|RAD",
    ("force", "N", 1.0, 1.0): "N|n|(N)|Newton|newtons",
    ("force", "N", 1e3, 1.0): "kN|[kN]",
    ("force", "N", 1.0, 1e3): "mN",
    ("moment", "Nm", 1.0, 1.0): "Nm|N.m|N·m|N-m|N m|N*m|nm|NM|N⋅m|[N.m]|Newtonmetre|kN.mm",
    ("moment", "Nm", 1.0, 1e3): "Nmm|N.mm|N·mm|nmm|NMM|N mm|mN.m|mNm",
    ("moment", "Nm", 1.0, 1e2): "Ncm|N.cm|N·cm",
    ("moment", "Nm", 1e3, 1.0): "kNm|kN·m",
}


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit(unit: tuple[str, str, float, float]) -> None:
    for spelt in UNITS[unit].split("|"):
        assert unit_of(spelt) == unit, spelt
        assert foreign(spelt) is None
        assert is_unit(spelt)


@pytest.mark.parametrize(
    "spelt",
    ["kip", "lbf", "lb", "in-lb", "ft·lbf", "kgf", "kg", "kgf·m", "mrad", "Grad", "gon", "MN", "MN.m", "V", "rev"],
)
def test_units_that_are_known_and_not_converted(spelt: str) -> None:
    assert unit_of(spelt) is None
    assert foreign(spelt)


@pytest.mark.parametrize(
    "spelt", ["", "mm", "s", "deg/s", "Nm/deg", "N/mm", "%", "K", "x", "Mn", "mn", "kn", "KNM", "knm", "mnm"]
)
def test_what_is_no_unit_here(spelt: str) -> None:
    assert unit_of(spelt) is None
    assert foreign(spelt) is None


@pytest.mark.parametrize(
    ("name", "quantity", "sure", "unit", "way", "side"),
    [
        ("JCS Load Varus Torque [N-m]", "moment", 2, "N-m", "varus", None),
        ("JcsVarusAngle (deg)", "angle", 2, "deg", "varus", None),
        ("knee_adduction_r", "angle", 2, None, "varus", "right"),
        ("L abduction moment, Nm", "moment", 2, "Nm", "valgus", "left"),
        ("Varus-valgus / °", "angle", 2, "°", None, None),
        ("Winkel in deg", "angle", 1, "deg", None, None),
        ("load_kN", "load", 1, "kN", None, None),
        ("forcekN", "", 0, None, None, None),
        ("Knee angle [deg]", "angle", 0, "deg", None, None),
        ("Varus velocity [deg/s]", "angle", 0, "deg/s", "varus", None),
        ("Flexion [deg]", "flexion", 1, "deg", None, None),
        ("Varus at 30 flexion [deg]", "angle", 0, "deg", "varus", None),
        ("sd Varus torque [Nm]", "sigma", 0, "Nm", "varus", None),
        ("Zeit [s]", "time", 1, "s", None, None),
        ("", "", 0, None, None, None),
    ],
)
def test_names(name: str, quantity: str, sure: int, unit: str | None, way: str | None, side: str | None) -> None:
    assert tuple(name_of(name)) == (quantity, sure, unit, way, side)


def test_a_row_of_units_that_contradicts_a_name_makes_it_no_unit() -> None:
    assert name_of("Angle [deg]", "°").unit == "°"
    assert name_of("Angle", " rad ").unit == "rad"
    assert name_of("Angle [deg]", "-").unit == "deg"
    assert unit_of(str(name_of("Angle [deg]", "rad").unit)) is None


def test_conversions_are_rounded_once_and_radians_are_left(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    exact = rng.integers(-9_999_999, 9_999_999, 2000)  # thousandths of N·mm
    body = [[0.1, f"{value / 1000:.3f}"] for value in exact.tolist()]
    found = taken(tmp_path, text("Angle [rad],Moment [N.mm]", body=body)).measurement
    np.testing.assert_array_equal(found.loads, np.array([float(cell) for _, cell in body]) / 1000.0)
    assert (found.angle_unit, set(found.angles.tolist())) == ("rad", {0.1})


# --- A series in time. ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cycles", [1, 2, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cycles_and_directions(cycles: int, sign: float) -> None:
    _, angles, loads = sign * np.array(series(cycles)).T
    order = order_of(angles, loads)
    assert order.is_series
    assert order.cycles == cycles
    assert order.turns.tolist() == [0, *range(20, 80 * cycles, 40), 80 * cycles]
    rising = np.diff(loads) > 0.0
    assert ((order.up[1:] > 0.0) == rising)[np.abs(np.diff(loads)) > 0.1].all()
    away = np.diff(np.abs(loads)) > 0.0
    assert (order.loading[1:] == away)[np.abs(np.diff(np.abs(loads))) > 0.1].mean() > 0.97
    assert np.bincount(order.cycle)[1:].tolist() == [80] * (cycles - 1) + [81]
    assert order.holds == []


def test_points_in_no_order_or_one_way_are_no_series() -> None:
    rng = np.random.default_rng(1)
    angles = rng.uniform(-5.0, 5.0, 60)
    assert not order_of(angles, 2.0 * angles).is_series
    assert not order_of(np.sort(angles), 2.0 * np.sort(angles)).is_series
    assert not order_of(np.zeros(1), np.zeros(1)).is_series
    assert order_of(np.zeros(9), np.zeros(9)).holds == []


def test_one_sided_cycles() -> None:
    phase = np.linspace(0.0, 3.0, 181)
    loads = 10.0 * np.abs(np.sin(np.pi * phase))
    order = order_of(0.5 * loads, loads)
    assert order.cycles == 3
    assert np.bincount(order.cycle)[1:].tolist() == pytest.approx([60, 60, 61], abs=1)


def test_nothing_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    body = series(2)
    content = text(SERIES, body=body)
    whole = taken(tmp_path, content)
    assert whole.measurement.loads.tolist() == [row[2] for row in body]
    assert whole.measurement.direction is not None
    assert whole.measurement.direction[5] == 1.0
    assert any("2 cycles of loading and unloading; choose with --direction and --cycle" in d for d in whole.doubts)
    loading = taken(tmp_path, content, direction="loading").measurement
    unloading = taken(tmp_path, content, direction="unloading").measurement
    assert loading.loads.size + unloading.loads.size == 161
    assert 70 <= loading.loads.size <= 90
    last = taken(tmp_path, content, cycle="last")
    assert last.measurement.loads.tolist() == [row[2] for row in body[80:]]
    assert "# source: cycle 2 of 2 kept, 80 readings of others left out (--cycle)" in last.measurement.text
    both = taken(tmp_path, content, cycle="1", direction="loading", thin=4).measurement
    assert "left out (--direction)" in both.text
    assert "each 4th reading kept" in both.text
    assert both.loads.size == -(-int((order_of(*np.array(body).T[1:]).loading[:80]).sum()) // 4)
    with pytest.raises(DataError, match="--cycle 3: there are 2 cycles"):
        taken(tmp_path, content, cycle="3")


def test_holds_are_found_and_averaged_when_asked(tmp_path: Path) -> None:
    body = series(1, per=5, hold=30)
    for i, row in enumerate(body):
        row[2] = round(row[2] + 0.01 * (-1) ** i, 4)
    content = text(SERIES, body=body)
    kept = taken(tmp_path, content)
    assert (len(kept.order.holds), kept.measurement.loads.size) == (21, 630)
    mean = taken(tmp_path, content, holds="mean").measurement
    level = [row[2] for row in series(1, per=5)]
    np.testing.assert_allclose(mean.loads, level, atol=1e-12)
    assert mean.direction is not None
    assert set(mean.direction.tolist()) == {1.0, -1.0}
    last = taken(tmp_path, content, holds="last").measurement
    np.testing.assert_allclose(last.loads, np.array(level) - 0.01, atol=1e-12)
    assert "# source: 21 holds made one reading each, their mean, 609 fewer (--holds)" in mean.text


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
        ("knee_30deg", [10.0, 45.1, 45.0, 45.0, 45.0, 45.0], None),
    ],
)
def test_flexion(name: str, column: list[float] | None, flexion: float | None, tmp_path: Path) -> None:
    content = text(PLAIN) if column is None else text(f"{PLAIN},JCS Flexion [deg]", body=rows(column))
    path = write(tmp_path, content, name)
    assert convert(path, Answers(positive="varus")).flexion == flexion
    said = convert(path, Answers(positive="varus", flexion=20.0))
    assert said.flexion == 20.0
    assert "# flexion: 20 degrees" in said.measurement.text


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
