"""Attachments read from a model: what is said of what was left out or taken for granted, and which knee it is."""

from __future__ import annotations

from pathlib import Path

import osim_knees as knees
import pytest
from osim_knees import changed, read

STRAIGHT = (0.0, 0.0)


def test_a_plain_model_leaves_nothing_to_say(tmp_path: Path) -> None:
    found = read(tmp_path, knees.model(defaults=STRAIGHT), {"mcl": "MCL1", "lcl": "LCL"})
    assert found.notes == ()


VIAS = "".join(
    knees.POINT.format(kind=kind, name=f"v{i}", frame="/bodyset/tibia_r", location="0 0 0")
    for i, kind in enumerate(("PathPoint", "PathPoint", "ConditionalPathPoint", "MovingPathPoint"))
)
WRAPS = b"<PathWrapSet><objects><PathWrap name='w'/><PathWrap name='v'/></objects></PathWrapSet>"
NOTES = {
    "points and wrapping": (
        changed(b"<PathPoint name='b'>", VIAS.encode() + b"<PathPoint name='b'>").replace(
            b"</PathPointSet>", b"</PathPointSet>" + WRAPS, 1
        ),
        "mcl: 'MCL1' is taken straight, without 2 wrap objects, 2 fixed points between its ends, 1 conditional point "
        "between its ends, 1 moving point between its ends",
    ),
    "a pose away from zero": (
        knees.model(defaults=(0.3, 0.0)),
        "the model's default pose is not at zero: flex = 0.3 [rad, m]; it is the reference pose",
    ),
    "a constraint": (
        knees.model(constraints="<PointConstraint name='p'/>"),
        "the pose is that of the coordinates' defaults, without regard to PointConstraint 'p'",
    ),
    "a coupled coordinate": (
        knees.model(
            constraints="<CoordinateCouplerConstraint name='c'><dependent_coordinate_name>slide"
            "</dependent_coordinate_name></CoordinateCouplerConstraint>"
        ),
        "the pose is that of the coordinates' defaults, without regard to CoordinateCouplerConstraint 'c'",
    ),
    "a name of the other side": (
        changed(b"name='MCL1'", b"name='LCL_b'"),
        "mcl: 'LCL_b' is called like a ligament of the knee's other side; check the names",
    ),
}


@pytest.mark.parametrize("case", NOTES)
def test_what_is_left_out_or_taken_for_granted_is_said_once(case: str, tmp_path: Path) -> None:
    model, note = NOTES[case]
    name = "LCL_b" if b"LCL_b" in model else "MCL1"
    assert list(read(tmp_path, model, {"mcl": name, "lcl": "LCL"}).notes).count(note) == 1
    plain = read(tmp_path, knees.model(defaults=STRAIGHT), {"mcl": "MCL1", "lcl": "LCL"})
    assert note not in plain.notes


def test_constraints_of_other_coordinates_and_switched_off_ones_are_not_spoken_of(tmp_path: Path) -> None:
    other = (
        "<CoordinateCouplerConstraint name='c'><dependent_coordinate_name>patella</dependent_coordinate_name>"
        "</CoordinateCouplerConstraint><PointConstraint name='p'><isEnforced>false</isEnforced></PointConstraint>"
        "<PointConstraint name='q'><isDisabled>true</isDisabled></PointConstraint>"
    )
    model = knees.model(defaults=STRAIGHT, constraints=other)
    assert read(tmp_path, model, {"mcl": "MCL1", "lcl": "LCL"}).notes == ()


def test_the_side_is_told_or_read_from_names_or_from_where_the_ligaments_lie(tmp_path: Path) -> None:
    both = {"mcl": "MCL1", "lcl": "LCL"}
    nameless = knees.model(defaults=STRAIGHT).replace(b"femur_r", b"femur").replace(b"tibia_r", b"tibia")
    assert read(tmp_path, nameless, both).side == "r"
    left = nameless.replace(b"name='MCL1'", b"name='X'").replace(b"name='LCL'", b"name='MCL1'")
    assert read(tmp_path, left.replace(b"name='X'", b"name='LCL'"), both).side == "l"
    told = read(tmp_path, knees.model(defaults=STRAIGHT), both, side="l")
    assert told.side == "l"
    assert told.strands[0].femur[0] == pytest.approx(40.0)
    (note,) = told.notes
    assert "mcl is not medial of lcl" in note
    assert "read as a left one" in note
    alone = read(tmp_path, nameless, {"mcl": "MCL1"})
    assert alone.side == "r"
    assert "neither names nor ligaments tell which knee it is: taken for a right one" in alone.notes
    assert "a configuration needs lcl, too" in alone.notes
    by_ligament = nameless.replace(b"name='MCL1'", b"name='MCL_l'")
    assert read(tmp_path, by_ligament, {"mcl": "MCL_l"}).side == "l"


def test_a_model_with_other_axes_is_not_read_in_silence(tmp_path: Path) -> None:
    both = {"mcl": "MCL1", "lcl": "LCL"}
    axes = "axes are not OpenSim's"
    # The femoral ends in the model, [x forward, y up, z right], in m, and their distances [mm] as said.
    for medial, lateral, said in (
        ("-0.040 0.012 0.0", "0.036 0.004 0.001", "76.0 mm apart from front to back and 1.0 mm from side to side"),
        ("0.0 0.0 -0.040", "0.041 0.0 0.0", "41.0 mm apart from front to back and 40.0 mm from side to side"),
        ("0.0 0.0 -0.040", "0.039 0.0 0.0", ""),
        ("0.0 0.0 -0.040", "-0.041 0.0 0.0", "41.0 mm apart from front to back and 40.0 mm from side to side"),
    ):
        ligaments = knees.ligament("MCL1", medial, "0 0 0") + knees.ligament("LCL", lateral, "0 0 0")
        model = knees.model(defaults=STRAIGHT, ligaments=ligaments)
        notes = [note for note in read(tmp_path, model, both).notes if axes in note]
        assert len(notes) == bool(said)
        assert not said or said in notes[0]
