"""Exports: OpenSim reads the tension that the program computed, and a user's model keeps every other byte."""

import difflib
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from conftest import BOX
from opensim_reader import INSTALLED, OpenSim

from calibrate import ExportError, export_osim, open_run, start_run
from calibrate.config import parse_config
from calibrate.export import ligaments
from calibrate.knee.geometry import kinematics
from calibrate.knee.ligament import tension
from calibrate.osim import COORDINATE, planar_model, update_model

# A model as a user may have it: comments, odd spacing, CRLF, letters beyond ASCII, a property left to its default,
# one that closes itself, a default ligament that bears the same name, and another kind of ligament.
THEIRS = """<?xml version="1.0" encoding="UTF-8" ?>\r
<OpenSimDocument Version="40500">\r
  <Model name="Kn\u00e9e > 1">\r
    <!-- the MCL below was fitted by hand; <slack_length>9</slack_length> -->\r
    <defaults>\r
      <Blankevoort1991Ligament name="MCL_deep"><slack_length>1</slack_length></Blankevoort1991Ligament>\r
    </defaults>\r
    <ForceSet name="forceset"><objects>\r
      <Blankevoort1991Ligament name="MCL_deep">\r
        <linear_stiffness>   2000.0 </linear_stiffness><note a='x>y'/>\r
        <transition_strain/>\r
        <slack_length>0.08</slack_length>\r
      </Blankevoort1991Ligament>\r
      <Blankevoort1991Ligament name="LCL">\r
        <slack_length>0.06</slack_length>\r
        <Appearance><slack_length>not this</slack_length></Appearance>\r
      </Blankevoort1991Ligament>\r
      <Ligament name="PFL"><resting_length>0.05</resting_length></Ligament>\r
    </objects></ForceSet>\r
  </Model>\r
</OpenSimDocument>   """.encode()
MCL, LCL = [50.0, 0.0625, 80.0, 3.0], [40.0, 0.05, 60.0, 0.0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short, unconverged run of the real knee with a tared LCL: enough draws to export."""
    text = BOX.read_text()
    head, tail = text.rsplit("f_ref = 0.0", 1)
    config = parse_config(f"{head}f_ref = 4.0{tail}", BOX)
    path = tmp_path_factory.mktemp("run") / "knee.h5"
    start_run(config.with_sampling(max_steps=200), path)
    return open_run(path)


def test_only_the_three_values_of_the_named_ligaments_change():
    updated = update_model(THEIRS, {"MCL_deep": MCL, "LCL": LCL})
    before, after = (text.decode().splitlines(keepends=True) for text in (THEIRS, updated))
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert changes == [
        "-         <linear_stiffness>   2000.0 </linear_stiffness><note a='x>y'/>\r\n",
        "+         <linear_stiffness>   4000.0 </linear_stiffness><note a='x>y'/>\r\n",
        "-         <transition_strain/>\r\n",
        "+         <transition_strain>0.0625</transition_strain>\r\n",
        "+         <linear_stiffness>2400.0</linear_stiffness>\r\n",
        "+         <transition_strain>0.05</transition_strain>\r\n",
    ]  # the slack lengths already had these values


def test_values_that_a_model_already_has_leave_it_byte_for_byte_the_same():
    once = update_model(THEIRS, {"MCL_deep": MCL})
    assert once != THEIRS
    assert update_model(once, {"MCL_deep": MCL}) == once


def test_a_byte_order_mark_and_another_encoding_survive():
    marked = b"\xef\xbb\xbf" + THEIRS
    assert update_model(marked, {"LCL": LCL}) == b"\xef\xbb\xbf" + update_model(THEIRS, {"LCL": LCL})
    latin = THEIRS.decode().replace("UTF-8", "ISO-8859-1").encode("latin-1")
    expected = update_model(THEIRS, {"LCL": LCL}).decode().replace("UTF-8", "ISO-8859-1").encode("latin-1")
    assert update_model(latin, {"LCL": LCL}) == expected


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><OpenSimDocument>&b;</OpenSimDocument>'


@pytest.mark.parametrize(
    ("model", "name", "message"),
    [
        (THEIRS, "MCL_dep", "did you mean 'MCL_deep'"),
        (THEIRS, "PFL", "is a Ligament; only a Blankevoort1991Ligament"),
        (THEIRS.replace(b'"LCL"', b'"MCL_deep"'), "MCL_deep", "2 ligaments are called 'MCL_deep'"),
        (THEIRS[:-200], "LCL", "not valid XML"),
        (b"<html/>", "LCL", "no OpenSim model"),
        (BOMB, "LCL", "document type or entities"),
        (THEIRS.decode().encode("utf-16"), "LCL", "UTF-16"),
    ],
)
def test_a_model_that_cannot_take_the_ligament_is_refused_in_one_line(model, name, message):
    with pytest.raises(ExportError, match=message) as caught:
        update_model(model, {name: LCL}, "theirs.osim")
    assert str(caught.value).startswith("theirs.osim: ")
    assert "\n" not in str(caught.value)


def test_medians_and_single_draws_can_be_chosen(run):
    samples = run.samples()
    np.testing.assert_array_equal(ligaments(run)["mcl"][:3], np.median(samples, axis=0)[:3])
    np.testing.assert_array_equal(ligaments(run, 7)["mcl"][:3], samples[7, :3])
    assert ligaments(run)["lcl"][3] == 4.0  # fixed in the configuration
    with pytest.raises(ExportError, match=f"has the draws 0 to {len(samples) - 1}"):
        ligaments(run, len(samples))


def test_the_command_writes_a_model_says_what_it_cannot_hold_and_overwrites_only_when_told(run, tmp_path):
    def export(*arguments):
        command = [sys.executable, "-W", "error", "-m", "calibrate", "export", run.path, *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    output, theirs = tmp_path / "out.osim", tmp_path / "theirs.osim"
    theirs.write_bytes(THEIRS)
    done = export("--to", "osim", "-o", output, "--model", theirs, "--mcl", "MCL_deep", "--lcl", "LCL")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output}\n"
    assert "lcl.f_ref = 4 N has no place" in done.stderr
    values = ligaments(run)
    assert output.read_bytes() == update_model(THEIRS, {"MCL_deep": values["mcl"], "LCL": values["lcl"]})
    assert theirs.read_bytes() == THEIRS
    with pytest.raises(ExportError, match="exists already"):
        export_osim(run, output)
    export_osim(run, output, overwrite=True)
    assert output.read_bytes().startswith(b"<?xml")
    assert b"planar_knee" in output.read_bytes()


def test_names_without_a_model_and_a_model_without_names_are_refused(run, tmp_path):
    with pytest.raises(ExportError, match="--model"):
        export_osim(run, tmp_path / "out.osim", mcl="MCL")
    theirs = tmp_path / "theirs.osim"
    theirs.write_bytes(THEIRS)
    for names, words in (({}, "name the ligaments to update"), ({"mcl": "LCL", "lcl": "LCL"}, "'LCL' is named twice")):
        with pytest.raises(ExportError, match=words):
            export_osim(run, tmp_path / "out.osim", model=theirs, **names)
    assert not (tmp_path / "out.osim").exists()


STRANDS = THEIRS.replace(b'"MCL_deep"', b'"MCLd"').replace(b'"LCL"', b'"MCLs"')
OFF = THEIRS.replace(b"<slack_length>0.06", b"<appliesForce>false</appliesForce><slack_length>0.06")


@pytest.mark.parametrize(
    ("model", "names", "remark"),
    [
        (STRANDS, {"mcl": "MCLd"}, "mcl: the whole stiffness goes into 'MCLd', one of 2 strands .*: MCLd, MCLs$"),
        (OFF, {"lcl": "LCL"}, "lcl: 'LCL' has appliesForce = false"),
    ],
)
def test_strands_and_switched_off_ligaments_are_pointed_out(run, tmp_path, model, names, remark):
    theirs = tmp_path / "theirs.osim"
    theirs.write_bytes(model)
    notes = export_osim(run, tmp_path / "out.osim", model=theirs, **names)
    assert [note for note in notes if re.search(remark, note)] == notes[:1]
    theirs.write_bytes(THEIRS)
    plain = export_osim(run, tmp_path / "plain.osim", model=theirs, mcl="MCL_deep", lcl="LCL")
    assert not [note for note in plain if re.search(remark, note)]


def test_a_name_given_in_bytes_that_are_no_utf_8_finds_its_ligament(run, tmp_path):
    theirs, output = tmp_path / "theirs.osim", tmp_path / "out.osim"
    theirs.write_bytes(THEIRS.replace(b'"LCL"', b'"L\xe9"'))
    for name in (b"L\xe9", "L\u00e9".encode()):
        command = [
            sys.executable,
            "-m",
            "calibrate",
            "export",
            run.path,
            "-o",
            output,
            "--model",
            theirs,
            "--overwrite",
        ]
        done = subprocess.run([*map(os.fsencode, command), b"--lcl", name], capture_output=True)
        assert done.returncode == 0, done.stderr
        expected = update_model(THEIRS, {"LCL": ligaments(run)["lcl"]}).replace(b'"LCL"', b'"L\xe9"')
        assert output.read_bytes() == expected


def no_model(kind, folder):
    path = folder / "theirs.osim"
    if kind == "endless":
        return Path("/dev/zero")
    if kind == "a folder":
        return folder
    if kind == "huge":
        with path.open("wb") as file:
            file.truncate(50 << 30)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("endless", "/dev/zero: is a device; give an OpenSim model"),
        ("huge", "is larger than 256 MB, as no model is"),
        ("a folder", "cannot be read"),
        ("missing", "cannot be read"),
    ],
)
def test_a_model_that_is_none_is_refused_before_memory_is_gone(run, tmp_path, kind, message):
    with pytest.raises(ExportError, match=message):
        export_osim(run, tmp_path / "out.osim", model=no_model(kind, tmp_path), mcl="MCL")
    assert not (tmp_path / "out.osim").exists()


def test_a_pipe_without_an_end_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("calibrate.osim.source._LARGEST", 1 << 20)
    pipe = tmp_path / "pipe.osim"
    os.mkfifo(pipe)
    endless = ["dd", "if=/dev/zero", f"of={pipe}", "bs=64k"]
    with (
        subprocess.Popen(endless, stderr=subprocess.DEVNULL),
        pytest.raises(ExportError, match="is larger than 1 MB"),
    ):
        export_osim(run, tmp_path / "out.osim", model=pipe, mcl="MCL")


ODD = (
    "a & b <c> \"d\" 'e'",
    "line\nend\ttab",
    "\x1b[31m \x00 \x7f",
    "cut \udce9 \ud83d",
    "\u00e9 \U0001f600 \uffff",
    "]]> -- -->",
)


@pytest.mark.parametrize("credits", ODD)
def test_the_planar_knee_is_valid_xml_whatever_the_files_are_called(run, tmp_path, credits):
    model = planar_model(run.posterior.geometry(), ligaments(run), credits)
    read = ET.fromstring(model).findtext("Model/credits")
    kept = [letter for letter in credits if letter not in "\x1b\x00\udce9\ud83d\uffff"]
    assert "".join(kept) == re.sub(r"\\x1b|\\x00|\\udce9|\\ud83d|\\uffff", "", read)
    if INSTALLED:
        opensim = OpenSim(tmp_path)
        assert set(opensim.read(model)) == {b"MCL", b"LCL"}
        opensim.close()


def tensions_in_opensim(path, angles, names=("MCL", "LCL")):
    """Open a model in OpenSim and read lengths [mm] and tensions [N], (n, 2) each, along its coordinate."""
    opensim = pytest.importorskip("opensim", reason="OpenSim is not installed: pip install 'calibrate[opensim]'")
    model = opensim.Model(str(path))
    state = model.initSystem()
    coordinate = model.getCoordinateSet().get(COORDINATE)
    found = []
    for angle in angles:
        coordinate.setValue(state, float(angle))
        model.realizeDynamics(state)
        for name in names:
            ligament = opensim.Blankevoort1991Ligament.safeDownCast(model.getForceSet().get(name))
            found.append((1000.0 * ligament.getLength(state), ligament.getTotalForce(state)))
    return np.array(found).reshape(len(angles), len(names), 2).transpose(2, 0, 1)


def expected(run, angles, values):
    lengths = kinematics(run.posterior.geometry(), angles).lengths.T
    by_name = [tension(lengths[:, i], *values[name][:3]) for i, name in enumerate(("mcl", "lcl"))]
    return lengths, np.stack(by_name, axis=1)


def test_opensim_reads_the_tension_of_the_stand_alone_model(run, tmp_path):
    middle = run.posterior.geometry().theta_0
    angles = np.concatenate([middle + np.array([-1e-5, 0.0, 1e-5]), np.deg2rad(np.linspace(-43.7, 43.7, 41))])
    for draw in (None, 3):
        path = tmp_path / f"{draw}.osim"
        export_osim(run, path, draw=draw)
        lengths, tensions = tensions_in_opensim(path, angles)
        true_lengths, true_tensions = expected(run, angles, ligaments(run, draw))
        np.testing.assert_allclose(lengths, true_lengths, rtol=1e-10)
        np.testing.assert_allclose(tensions, true_tensions, rtol=1e-8, atol=1e-6)
        at_reference = slice(1, 2)  # a knot of the splines: no interpolation
        np.testing.assert_allclose(lengths[at_reference], true_lengths[at_reference], rtol=1e-12)
        np.testing.assert_allclose(tensions[at_reference], true_tensions[at_reference], rtol=1e-10, atol=1e-10)


def test_opensim_reads_the_new_values_from_an_updated_model(run, tmp_path):
    plain, updated = tmp_path / "plain.osim", tmp_path / "updated.osim"
    export_osim(run, plain, draw=0)
    export_osim(run, updated, model=plain, mcl="MCL", lcl="LCL")
    angles = np.deg2rad(np.linspace(-8.0, 8.0, 9))
    _, before = tensions_in_opensim(plain, angles)
    _, after = tensions_in_opensim(updated, angles)
    true = expected(run, angles, ligaments(run))[1]
    np.testing.assert_allclose(after, true, rtol=1e-8, atol=1e-6)
    assert np.abs(before - true).max() > 1.0
