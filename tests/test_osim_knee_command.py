"""Attachments read from a model: what cannot be known is refused in one line; the table, and the command."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import osim_knees as knees
import pytest
from conftest import Result
from osim_cases import BASE, UNREADABLE, mutated
from osim_knees import ALL, changed, read

from calibrate import ExportError, knee_from_osim
from calibrate.importing.osim_knee import knee_table

STRAIGHT = (0.0, 0.0)


# --- What is refused --------------------------------------------------------------------------------------------------

GCV = "<GCVSpline name='function'><x>0 1</x><y>0 1</y></GCVSpline>"
KNEE = b"<CustomJoint name='knee_r'>"


def with_axis(coordinates: str, function: str, axis: str = "0 1 0") -> bytes:
    return knees.model(more=knees.custom({**knees.AXES, "rotation2": (coordinates, axis, function)}))


REFUSED = {
    "a joint of another kind": (
        changed(KNEE, b"<EllipsoidJoint name='knee_r'>").replace(b"</CustomJoint>", b"</EllipsoidJoint>"),
        "EllipsoidJoint 'knee_r' is of a kind that is not supported; these are: CustomJoint, WeldJoint, PinJoint",
    ),
    "a class of the user's own": (
        changed(KNEE, b"<My::KneeJoint name='knee_r'>").replace(b"</CustomJoint>", b"</My::KneeJoint>"),
        "My::KneeJoint 'knee_r' is of a kind that is not supported",
    ),
    "a function of another kind": (with_axis("flex", GCV), "TransformAxis 'rotation2' has a GCVSpline; supported are"),
    "a spline that goes back": (
        with_axis("flex", knees.spline("0 1 1", "0 1 2")),
        "has a SimmSpline that does not fit",
    ),
    "a spline of one point": (with_axis("flex", knees.spline("0", "0")), "has a SimmSpline that does not fit"),
    "a spline of two lengths": (with_axis("flex", knees.spline("0 1", "0 1 2")), "has a SimmSpline that does not fit"),
    "a spline of two coordinates": (with_axis("flex slide", knees.spline("0 1", "0 1")), "its 2 coordinates"),
    "a line of no coordinate": (with_axis("", knees.linear(1, 0)), "has a LinearFunction that does not fit its 0"),
    "an unknown coordinate": (with_axis("bend", knees.linear(1, 0)), "names the coordinate 'bend'"),
    "functions without an end": (
        with_axis("flex", "<MultiplierFunction><function>" * 11 + "</function></MultiplierFunction>" * 11),
        "functions within functions",
    ),
    "an axis without a direction": (with_axis("", knees.constant(0), "0 0 0"), "has an axis without a direction"),
    "axes in a plane": (with_axis("", knees.constant(0), "0.02 0.01 1"), "has axes that lie in one plane"),
    "an axis of two numbers": (with_axis("", knees.constant(0), "0 1"), "<axis> of TransformAxis 'rotation2' is '0 1'"),
    "no transform": (knees.model(more=""), "CustomJoint 'knee_r' has no SpatialTransform"),
    "a default that is no number": (
        changed(b"<default_value>0.3<", b"<default_value>straight<"),
        "<default_value> of Coordinate 'flex' is 'straight'; it has to be a number",
    ),
    "a prescribed coordinate": (
        changed(b"<default_value>0.3<", b"<prescribed>true</prescribed><default_value>0.3<"),
        "Coordinate 'flex' is prescribed",
    ),
    "a reversed joint": (changed(KNEE, KNEE + b"<reverse>true</reverse>"), "CustomJoint 'knee_r' is reversed"),
    "no place": (changed(b"<location>0.002 -0.39 -0.04</location>", b""), "<location> of PathPoint 'a' is ''"),
    "a place in two texts": (
        changed(b"<location>0.002 -0.39 -0.04<", b"<location>0.002 <![CDATA[0.002 -0.39 -0.04]]><"),
        "<location> of PathPoint 'a' is ''",
    ),
    "a place that is none": (changed(b"<location>0.002 ", b"<location>nan "), "it has to be 3 numbers"),
    "a point of no frame": (
        changed(b"<socket_parent_frame>/bodyset/tibia_r<", b"<socket_parent_frame>/bodyset/shin_r<"),
        "no frames are called '/bodyset/shin_r'",
    ),
    "a format in between": (
        changed(b"<socket_parent_frame>/bodyset/tibia_r</socket_parent_frame>", b""),
        "names no parent frame; formats between 3.3 and 4.0",
    ),
    "a frame on itself": (
        changed(b"<socket_parent>/bodyset/femur_r<", b"<socket_parent>/jointset/knee_r/femur_r_offset<"),
        "or on itself",
    ),
    "no joint between": (
        changed(b"<socket_child_frame>tibia_r_offset<", b"<socket_child_frame>femur_r_offset<"),
        "no joints lead from 'tibia_r' to 'femur_r'",
    ),
    "an end on the patella": (
        knees.model().replace(b"tibia_r", b"patella_r"),
        "'MCL1' is attached to 'patella_r', which is called neither femur nor tibia",
    ),
    "both ends on the femur": (
        changed(b"<socket_parent_frame>/bodyset/tibia_r<", b"<socket_parent_frame>/bodyset/femur_r<"),
        "'MCL1' has both ends on the femur",
    ),
    "a moving end": (
        changed(b"<PathPoint name='a'>", b"<MovingPathPoint name='a'>").replace(
            b"</PathPoint>", b"</MovingPathPoint>", 1
        ),
        "'MCL1' ends in a MovingPathPoint",
    ),
    "one point": (
        knees.model(ligaments=re.sub("<PathPoint name='a'>.*?</PathPoint>", "", knees.STRANDS)),
        "'MCL1' has no path through two points",
    ),
    "a joint set in another file": (
        changed(b"<JointSet ", b"<JointSet file='joints.xml' "),
        "from the file 'joints.xml'",
    ),
    "millimetres": (
        changed(b"<location>0.002 -0.39 -0.04<", b"<location>2 -390 -40<"),
        "at 2, -390, -40 m in the frame",
    ),
    "a coordinate beyond all measure": (
        changed(b"<default_value>0.004<", b"<default_value>1e308<"),
        "which no leg is long enough for",
    ),
    "no such ligament": (changed(b"name='MCL1'", b"name='MCL7'"), "is called 'MCL1'; did you mean 'MCL"),
    "elements without number": (
        changed(b"<ForceSet ", b"<a/>" * 5_001 + b"<ForceSet "),
        "has more than 5,000 elements, as no model has",
    ),
    **{case: UNREADABLE[case] for case in ("UTF-16", "a format of long ago")},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_known_is_refused_in_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrate.osim.tree._MOST", 5_000)
    model, words = REFUSED[case]
    with pytest.raises(ExportError) as refused:
        read(tmp_path, model)
    assert words in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path / 'theirs.osim'}: ")
    assert "\n" not in str(refused.value)


def test_strands_of_two_knees_are_refused(tmp_path: Path) -> None:
    other = "".join(knees.BODY.format(name, "") for name in ("femur_l", "tibia_l"))
    joints = "".join(
        knees.JOINT.format(
            kind=kind, name=name, parent=parent, child=f"/bodyset/{child}", coordinates="", frames="", more=""
        )
        for kind, name, parent, child in (
            ("PinJoint", "hip_l", "/ground", "femur_l"),
            ("WeldJoint", "knee_l", "/bodyset/femur_l", "tibia_l"),
        )
    )
    ends = ("/bodyset/femur_l", "/bodyset/tibia_l")
    left = knees.ligament("LCL_l", "0 0 -0.04", "0 -0.05 -0.04", ends=ends)
    model = knees.model(ligaments=knees.STRANDS + left).decode()
    model = model.replace("</objects></BodySet>", f"{other}</objects></BodySet>")
    model = model.replace("</objects></JointSet>", f"{joints}</objects></JointSet>")
    with pytest.raises(ExportError, match="'femur_l' and 'femur_r' move against each other"):
        read(tmp_path, model.encode(), {"mcl": "MCL1", "lcl": "LCL_l"})


@pytest.mark.parametrize(
    ("strands", "words"),
    [
        ({}, "no strands are named"),
        ({"m cl": "MCL1"}, "'m cl' cannot be a strand's name"),
        ({"knee.mcl": "MCL1"}, "cannot be a strand's name"),
        ({"rolling": "MCL1"}, "'rolling' cannot be a strand's name"),
        ({"mcl": []}, "'mcl' is mapped to no name"),
        ({"mcl": ["MCL1", ""]}, "'mcl' is mapped to no name"),
        ({"mcl": ["MCL1", "MCL1"]}, "'MCL1' is named twice"),
        ({"mcl": "MCL1", "lcl": "MCL1"}, "'MCL1' is named twice"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(
    strands: dict[str, list[str] | str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=words):
        read(tmp_path, knees.model(), strands)


@pytest.mark.parametrize("settings", [{"side": "left"}, {"theta_0": 1.0}, {"theta_0": float("nan")}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"side|theta_0"):
        read(tmp_path, knees.model(), **settings)


def test_after_any_accident_there_are_finite_attachments_or_one_line(tmp_path: Path) -> None:
    rng, counts = random.Random(7), [0, 0]
    for i in range(600):
        model = bytearray(mutated(rng) if i % 3 == 0 else knees.model())
        if i % 3:
            for _ in range(rng.choice([1, 1, 2, 5])):
                at = rng.randrange(len(model))
                token = rng.choice(
                    [b"", b"1e308", b"-", b"0", b"nan", b"..", b"/", b" ", b"<a>", b"</a>", b"_r", b"<a/>"]
                )
                model[at : at + rng.choice([0, 1, 3, 40])] = token
        try:
            found = read(tmp_path, bytes(model), {"mcl": "MCL" if i % 3 == 0 else "MCL1", "lcl": "LCL"})
        except ExportError:
            counts[0] += 1
            continue
        counts[1] += 1
        for strand in found.strands:
            assert np.isfinite([strand.femur, strand.tibia]).all(), bytes(model)
        tomllib.loads(knee_table(found, tmp_path / "theirs.osim"))
    assert min(counts) > 50


@pytest.mark.parametrize("nested", [b"<components>", b"<objects>", b"<frames>", b"<a>", b"<Body name='b'><components>"])
def test_elements_nested_by_the_thousand_are_read_as_fast_as_others(nested: bytes, tmp_path: Path) -> None:
    tags = re.findall(rb"<(\w+)", nested)
    deep = nested * 40_000 + b"".join(b"</%b>" % tag for tag in reversed(tags)) * 40_000
    found = read(tmp_path, changed(b"<BodySet ", deep + b"<BodySet "))
    assert len(found.strands) == 2


# --- The table and the command ----------------------------------------------------------------------------------------


def test_the_table_is_toml_with_every_number_and_no_condyles(tmp_path: Path) -> None:
    found = read(tmp_path, knees.model())
    text = knee_table(found, tmp_path / "a\nb = 1.osim")
    table = tomllib.loads(text)
    assert list(table) == ["knee"]
    assert list(table["knee"]) == ["mcl", "lcl"]
    for strand in found.strands:
        for bone, point in strand.ends.items():
            np.testing.assert_allclose(table["knee"][strand.name][bone], point, rtol=0, atol=1e-9)
    assert "# lateral_condyle = { centre = [x, y], radius = r }" in text
    assert "a right knee, frame of 'femur_r'" in text
    assert "-0.0" not in knee_table(read(tmp_path, BASE, {"mcl": "MCL", "lcl": "LCL"}), "x.osim")


def test_the_command_writes_to_stdout_or_to_a_new_file(tmp_path: Path, command: Callable[..., Result]) -> None:
    theirs, new = tmp_path / "theirs.osim", tmp_path / "knee.toml"
    theirs.write_bytes(knees.model())
    line = ("knee", theirs, "--strands", "mcl=MCL1,MCL2", "lcl=LCL")
    shown = command(*line)
    assert shown.code == 0
    assert shown.out == knee_table(knee_from_osim(theirs, ALL), theirs)
    notes = [
        *knee_from_osim(theirs, ALL).notes,
        "the model does not give the condyles: measure them, in the same frame",
    ]
    assert shown.err.splitlines() == [f"calibrate: {note}" for note in notes]
    written = command(*line, "-o", new)
    assert (written.code, written.out) == (0, f"{new}\n")
    assert new.read_text() == shown.out
    assert command("knee", "--strands", "mcl=MCL1,MCL2", "lcl=LCL", theirs).out == shown.out
    assert command("knee", "--strands", "mcl=MCL1,MCL2", "--strands", "lcl=LCL", theirs).out == shown.out
    named = tmp_path / "a=b.osim"
    named.write_bytes(theirs.read_bytes())
    assert command("knee", named, "--strands", "mcl=MCL1,MCL2", "lcl=LCL").code == 0
    again = command(*line, "-o", new)
    assert again.code == 2
    assert "exists already" in again.err
    turned = command(*line, "--theta-0", "2", "--side", "l")
    expected = knee_from_osim(theirs, ALL, side="l", theta_0=np.deg2rad(2.0))
    assert turned.out == knee_table(expected, theirs, np.deg2rad(2.0))
    assert theirs.read_bytes() == knees.model()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("theirs.osim",), "no strands are named"),
        (("theirs.osim", "--strands", "mcl"), "--strands mcl: has to be of the form"),
        (("theirs.osim", "--strands", "mcl=MCL1", "mcl=MCL2"), "'mcl' is given twice"),
        (("theirs.osim", "--strands", "mcl=MCL9"), "did you mean 'MCL"),
        (("none.osim", "--strands", "mcl=MCL1"), "none.osim: cannot be read"),
        (("theirs.osim", "--strands", "mcl=MCL1", "--side", "x"), "side"),
        (("theirs.osim", "--strands", "mcl=MCL1", "--theta-0", "90"), "theta_0 of 90 degrees"),
        (("theirs.osim", "--strands", "mcl=MCL1", "-o", "x.osim"), "this name is that of an OpenSim model"),
        (("theirs.osim", "--strands", "mcl=MCL1", "-o", "theirs.osim"), "is what this command reads"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_is_written(
    arguments: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Result],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("theirs.osim").write_bytes(knees.model())
    done = command("knee", *arguments, *(() if "-o" in arguments else ("-o", "knee.toml")))
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert words in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.osim"]
