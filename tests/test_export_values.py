"""What an exported file says, against values worked out by hand: units, medians, single draws, and what it cannot say.

The knees are those of `planted`. How a user's own model is changed is the subject of `test_export`.
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from planted import ANGLE, COS, SIN, TILTED, UPRIGHT, constant, plant

from calibrate import __version__
from calibrate.errors import ChainError, ExportError
from calibrate.export import export_osim, ligaments
from calibrate.osim import planar_model, properties
from calibrate.results import Run

# [k N/mm, alpha, l_0 mm, f_ref N] of MCL and LCL; per strain k l_0: 48 * 75 = 3600 N and 70 * 56 = 3920 N.
LAW = (48.0, 0.08, 75.0, 0.0, 70.0, 0.125, 56.0, 0.0)
VALUES = {"mcl": LAW[:4], "lcl": LAW[4:]}


def read(path: Path) -> ET.Element:
    """Return the document's only model."""
    (model,) = ET.parse(path).getroot()
    assert model.tag == "Model"
    return model


def told(model: ET.Element, name: str) -> dict[str, float]:
    """Return the numbers that a ligament's own elements hold."""
    (ligament,) = [item for item in model.iter("Blankevoort1991Ligament") if item.get("name") == name]
    return {child.tag: float(str(child.text)) for child in ligament if not len(child)}


def numbers(element: ET.Element | None) -> list[float]:
    """Return the numbers in an element's text."""
    assert element is not None
    return [float(part) for part in str(element.text).split()]


# --- Which values -----------------------------------------------------------------------------------------------------


def test_properties_are_newtons_per_strain_a_pure_number_and_metres() -> None:
    assert properties([48.0, 0.08, 75.0, 5.0]) == {
        "linear_stiffness": 3600.0,
        "transition_strain": 0.08,
        "slack_length": pytest.approx(0.075),
    }
    assert properties((70, 0.125, 56, -9)) == properties(np.array([70.0, 0.125, 56.0, 0.0]))
    assert all(isinstance(value, float) for value in properties([48, 1, 75, 5]).values())


def test_medians_are_of_each_parameter_by_itself_and_fixed_ones_are_as_given(varus: Run) -> None:
    samples, found = varus.samples(), ligaments(varus)
    median = [float(np.percentile(samples[:, i], 50)) for i in range(6)]
    assert list(found) == ["mcl", "lcl"]
    assert found["mcl"].tolist() == pytest.approx(median[:4], rel=1e-12)
    assert found["lcl"].tolist() == pytest.approx([50.0, median[4], median[5], -4.0], rel=1e-12)


@pytest.mark.parametrize("number", [0, 1, 1000, 5087])
def test_one_draw_is_its_parameters_as_they_go_together(varus: Run, number: int) -> None:
    row, found = varus.samples()[number], ligaments(varus, number)
    assert found["mcl"].tolist() == row[:4].tolist()
    assert found["lcl"].tolist() == [50.0, row[4], row[5], -4.0]


@pytest.mark.parametrize("number", [-1, 5088, 10**12])
def test_a_draw_that_there_is_not_is_refused(varus: Run, number: int, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as refused:
        export_osim(varus, tmp_path / "knee.osim", draw=number)
    assert str(refused.value) == f"--draw {number}: {varus.path} has the draws 0 to 5087"
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_nothing_stored_has_nothing_to_export(tmp_path: Path) -> None:
    run = plant(tmp_path, constant(*[1.0] * 8, steps=0))
    with pytest.raises(ChainError, match="nothing is stored yet"):
        ligaments(run)


# --- The planar knee --------------------------------------------------------------------------------------------------


def test_the_planar_knee_says_the_values_in_opensims_units(tmp_path: Path) -> None:
    run = plant(tmp_path, constant(*LAW))
    assert export_osim(run, tmp_path / "knee.osim") == []
    model = read(tmp_path / "knee.osim")
    damping = {"damping_coefficient": 0.0}
    mcl = {"linear_stiffness": 3600.0, "transition_strain": 0.08, "slack_length": 0.075}
    lcl = {"linear_stiffness": 3920.0, "transition_strain": 0.125, "slack_length": 0.056}
    assert told(model, "MCL") == pytest.approx(mcl | damping, rel=1e-12)
    assert told(model, "LCL") == pytest.approx(lcl | damping, rel=1e-12)


@pytest.mark.parametrize(("draw", "of"), [(None, "medians"), (0, "posterior draw 0"), (5087, "posterior draw 5087")])
def test_the_planar_knee_of_a_draw_and_of_the_medians(varus: Run, tmp_path: Path, draw: int | None, of: str) -> None:
    path = tmp_path / "knee.osim"
    export_osim(varus, path, draw=draw)
    model = read(path)
    samples = varus.samples()
    k, alpha, l_0 = np.median(samples[:, :3], axis=0) if draw is None else samples[draw, :3]
    found = told(model, "MCL")
    assert found["linear_stiffness"] == pytest.approx(k * l_0)
    assert found["transition_strain"] == pytest.approx(alpha)
    assert found["slack_length"] == pytest.approx(l_0 / 1000.0)
    assert model.findtext("credits") == f"calibrate {__version__}: {of} of planted.h5, data planted.csv"


@pytest.mark.parametrize(("knee", "s", "c"), [(UPRIGHT, 0.0, 1.0), (TILTED, SIN, COS)], ids=["upright", "tilted"])
def test_attachments_are_in_metres_each_in_its_own_frame(tmp_path: Path, knee: str, s: float, c: float) -> None:
    export_osim(plant(tmp_path, constant(*LAW), knee=knee), tmp_path / "knee.osim")
    model = read(tmp_path / "knee.osim")
    # Where both condyles touch the tibial attachments lie at (-40, -80) and (40, -60): turned back by that angle.
    mcl = ((c * -40 + s * -80) / 1000, (-s * -40 + c * -80) / 1000, 0.0)
    lcl = ((c * 40 + s * -60) / 1000, (-s * 40 + c * -60) / 1000, 0.0)
    expected = {
        "MCL_femur": ("/ground", (-0.04, 0.0, 0.0)),
        "MCL_tibia": ("/bodyset/tibia", mcl),
        "LCL_femur": ("/ground", (0.04, 0.0, 0.0)),
        "LCL_tibia": ("/bodyset/tibia", lcl),
        "application_point": ("/bodyset/tibia", (0.0, -0.4, 0.0)),
    }
    found = {p.get("name"): p for tag in ("PathPoint", "Marker") for p in model.iter(tag)}
    assert set(found) == set(expected)
    for name, (frame, place) in expected.items():
        assert found[name].findtext("socket_parent_frame") == frame
        assert numbers(found[name].find("location")) == pytest.approx(place, abs=1e-12)


def test_a_knee_without_an_application_point_has_no_marker(tmp_path: Path) -> None:
    knee = UPRIGHT.replace("application_point = [0.0, -400.0]\n", "")
    export_osim(plant(tmp_path, constant(*LAW), knee=knee), tmp_path / "knee.osim")
    assert list(read(tmp_path / "knee.osim").iter("Marker")) == []


def test_the_joint_carries_the_tibia_as_the_condyles_do(tmp_path: Path) -> None:
    """At 10.39 degrees valgus the upright knee's lateral condyle bears at C + r n = (20 + 20 sin, -20 - 20 cos).

    The contact stays at (20, -40) on the tibia, so that the tibia's origin lies at
    C + r n - R (20, -40) = (20 + 20 sin - 20 cos - 40 sin, -20 - 20 cos - 20 sin + 40 cos).
    """
    model = read_planar(plant(tmp_path, constant(*LAW)), tmp_path)
    (coordinate,) = model.iter("Coordinate")
    assert coordinate.get("name") == "knee_valgus"
    assert coordinate.findtext("default_value") == "0.0"
    low, high = numbers(coordinate.find("range"))
    assert (low, high) == (pytest.approx(-high), pytest.approx(math.radians(50.0), abs=math.radians(1.0)))
    axes = {axis.get("name"): axis for axis in model.iter("TransformAxis")}
    assert axes["rotation1"].findtext("axis") == "0 0 1"
    assert numbers(axes["rotation1"].find("LinearFunction/coefficients")) == [1.0, 0.0]
    expected = {
        "translation1": (20 + 20 * SIN - 20 * COS - 40 * SIN) / 1000,
        "translation2": (-20 - 20 * COS - 20 * SIN + 40 * COS) / 1000,
    }
    for name, value in expected.items():
        x, y = (numbers(axes[name].find(f"SimmSpline/{of}")) for of in "xy")
        assert axes[name].findtext("coordinates") == "knee_valgus"
        assert np.interp(math.radians(ANGLE), x, y) == pytest.approx(value, abs=1e-6)
    fixed = {"rotation2": "0 1 0", "rotation3": "1 0 0", "translation3": "0 0 1"}
    for name, direction in fixed.items():
        assert axes[name].findtext("axis") == direction
        assert numbers(axes[name].find("Constant/value")) == [0.0]


def read_planar(run: Run, folder: Path) -> ET.Element:
    """Return the planar knee of a run's medians."""
    path = folder / "knee.osim"
    export_osim(run, path, overwrite=True)
    return read(path)


def test_the_tilted_knee_rests_where_both_condyles_touch(tmp_path: Path) -> None:
    model = read_planar(plant(tmp_path, constant(*LAW), knee=TILTED), tmp_path)
    (coordinate,) = model.iter("Coordinate")
    assert float(str(coordinate.findtext("default_value"))) == pytest.approx(math.radians(ANGLE))
    assert [p.get("name") for p in model.iter("Body")] == ["tibia"]
    assert model.findtext("gravity") == "0 0 0"
    assert (model.findtext("length_units"), model.findtext("force_units")) == ("meters", "N")


def test_a_planar_knee_is_a_document_that_begins_as_xml_does(tmp_path: Path) -> None:
    run = plant(tmp_path, constant(*LAW))
    content = planar_model(run.posterior.geometry(), VALUES, "by hand & <others>")
    assert content.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<OpenSimDocument Version=\"40000\">\n\t<Model")
    assert content.endswith(b"</OpenSimDocument>\n")
    assert b"by hand &amp; &lt;others&gt;" in content


# --- What the file cannot say -----------------------------------------------------------------------------------------

THEIRS = b"""<?xml version="1.0"?>
<OpenSimDocument Version="40500"><Model><objects>
<Blankevoort1991Ligament name="A"><slack_length>1</slack_length></Blankevoort1991Ligament>
<Blankevoort1991Ligament name="B"><slack_length>2</slack_length></Blankevoort1991Ligament>
</objects></Model></OpenSimDocument>
"""
FOREIGN = (
    "slack lengths belong to the calibrated attachments; if the model's differ, check its ligaments' lengths at the "
    "reference pose"
)


DONE = {
    "mcl": "mcl: '{}' has 3600 N per strain, transition strain 0.08, slack length 75 mm",
    "lcl": "lcl: '{}' has 3920 N per strain, transition strain 0.125, slack length 56 mm",
}


def tare(name: str, value: str) -> str:
    """Return what is said of a reading that was tared."""
    return (
        f"{name}.f_ref = {value} N has no place in an OpenSim ligament: the file's tension is T, without the tare that "
        "this program subtracts"
    )


@pytest.mark.parametrize(
    ("f_ref", "names", "notes"),
    [
        ((0.0, 0.0), None, []),
        ((12.3456, 0.0), None, [tare("mcl", "12.35")]),
        ((0.0, -0.5), None, [tare("lcl", "-0.5")]),
        ((3.0, 4.0), None, [tare("mcl", "3"), tare("lcl", "4")]),
        ((3.0, 4.0), {"mcl": "A"}, [tare("mcl", "3"), FOREIGN]),
        ((3.0, 4.0), {"lcl": "A"}, [tare("lcl", "4"), FOREIGN]),
        ((0.0, 4.0), {"mcl": "A"}, [FOREIGN]),
        ((3.0, 4.0), {"mcl": "B", "lcl": "A"}, [tare("mcl", "3"), tare("lcl", "4"), FOREIGN]),
    ],
)
def test_notes_name_the_tare_of_what_is_written_and_the_attachments_of_others(
    tmp_path: Path, f_ref: tuple[float, float], names: dict[str, str] | None, notes: list[str]
) -> None:
    run = plant(tmp_path, constant(*LAW[:3], f_ref[0], *LAW[4:7], f_ref[1]))
    model = None if names is None else tmp_path / "theirs.osim"
    if model is not None:
        model.write_bytes(THEIRS)
    done = [DONE[ours].format(theirs) for ours, theirs in (names or {}).items()]
    assert export_osim(run, tmp_path / "out.osim", model=model, **(names or {})) == done + notes


@pytest.mark.parametrize("names", [{"mcl": "A", "lcl": "B"}, {"mcl": "B", "lcl": "A"}, {"mcl": "A"}, {"lcl": "B"}])
def test_each_ligament_goes_where_it_is_told(tmp_path: Path, names: dict[str, str]) -> None:
    theirs = tmp_path / "theirs.osim"
    theirs.write_bytes(THEIRS)
    run = plant(tmp_path, constant(*LAW))
    export_osim(run, tmp_path / "out.osim", model=theirs, **names)
    model, before = read(tmp_path / "out.osim"), read(theirs)
    assert theirs.read_bytes() == THEIRS
    for name in ("A", "B"):
        expected = told(before, name)
        for ligament, chosen in names.items():
            if chosen == name:
                k, alpha, l_0, _ = VALUES[ligament]
                expected = {"linear_stiffness": k * l_0, "transition_strain": alpha, "slack_length": l_0 / 1000.0}
        assert told(model, name) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({}, "--model: name the ligaments to update, each once, like --map mcl=MCL1,MCL2"),
        ({"mcl": "A", "lcl": "A"}, "{}: 'A' is named twice; name each once"),
    ],
)
def test_names_that_leave_open_what_is_meant_are_refused(tmp_path: Path, names: dict[str, str], words: str) -> None:
    theirs = tmp_path / "theirs.osim"
    theirs.write_bytes(THEIRS)
    run = plant(tmp_path, constant(*LAW))
    with pytest.raises(ExportError) as refused:
        export_osim(run, tmp_path / "out.osim", model=theirs, **names)
    assert str(refused.value) == words.format(theirs)
    assert not (tmp_path / "out.osim").exists()


@pytest.mark.parametrize("names", [{"mcl": "A"}, {"lcl": "B"}, {"mcl": "A", "lcl": "B"}])
def test_names_of_no_model_are_refused(tmp_path: Path, names: dict[str, str]) -> None:
    with pytest.raises(ExportError) as refused:
        export_osim(plant(tmp_path, constant(*LAW)), tmp_path / "out.osim", **names)
    assert str(refused.value) == "--map, --mcl and --lcl name ligaments of a model; give it with --model"


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    run, path = plant(tmp_path, constant(*LAW)), tmp_path / "out.osim"
    path.write_text("<OpenSimDocument/>")
    with pytest.raises(ExportError, match="exists already"):
        export_osim(run, path)
    assert path.read_text() == "<OpenSimDocument/>"
    export_osim(run, str(path), overwrite=True)
    assert told(read(path), "MCL")["slack_length"] == pytest.approx(0.075)


def test_a_model_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    run = plant(tmp_path, constant(*LAW))
    for model, reason in ((tmp_path / "none.osim", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ExportError) as refused:
            export_osim(run, tmp_path / "out.osim", model=model, mcl="A")
        assert str(refused.value) == f"{model}: cannot be read ({reason})"


def test_a_model_that_cannot_take_the_ligament_is_named(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.osim"
    theirs.write_bytes(THEIRS)
    with pytest.raises(ExportError, match=str(theirs)):
        export_osim(plant(tmp_path, constant(*LAW)), tmp_path / "out.osim", model=str(theirs), mcl="C")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=r"out\.osim"):
        export_osim(plant(tmp_path, constant(*LAW)), tmp_path / "file" / "out.osim")
