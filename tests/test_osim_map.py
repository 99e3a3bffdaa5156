"""One strand of ours over several of theirs: who gets what, what is said of it, and which maps are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BOX, Result
from opensim_reader import INSTALLED, OpenSim
from planted import constant, plant

from calibrate import ExportError, export_osim, open_run, start_run
from calibrate.config import load_config
from calibrate.export import ligaments, strand_names
from calibrate.osim import ForeignModel
from calibrate.osim.strands import crossed

# MCL: 3600 N per strain, 75 mm; LCL: 3920 N per strain, 56 mm.
LAW = (48.0, 0.08, 75.0, 0.0, 70.0, 0.125, 56.0, 0.0)
VALUES = {"mcl": LAW[:4], "lcl": LAW[4:]}
PATH = "<GeometryPath><PathPointSet><objects>{}</objects></PathPointSet></GeometryPath>".format(
    "".join(
        f"<PathPoint name='{name}'><socket_parent_frame>/ground</socket_parent_frame>"
        f"<location>0 {y} 0</location></PathPoint>"
        for name, y in (("p", 0), ("q", 0.05))
    )
)
STRAND = (
    '<Blankevoort1991Ligament name="{}">'
    + PATH
    + "<linear_stiffness>{}</linear_stiffness><slack_length>{}</slack_length></Blankevoort1991Ligament>\n"
)
# Stiffness of 1000 and 3000 N: shares of a quarter and three quarters, a weighted mean of 60 mm.
STRANDS = {"MCL1": (1000, 0.072), "MCL2": (3000, 0.056), "LCL": (2000, 0.05), "PFL": (5000, 0.04)}


def model_of(strands: dict[str, tuple[object, object]]) -> bytes:
    written = "".join(STRAND.format(name, *values) for name, values in strands.items())
    return (
        '<OpenSimDocument Version="40600"><Model name="k"><Ground name="ground"/><ForceSet name="forceset">'
        f"<objects>\n{written}</objects></ForceSet></Model></OpenSimDocument>"
    ).encode()


def told(model: bytes) -> dict[str, dict[str, float]]:
    """Return the numbers of each ligament; a pattern of its own, so that nothing of the program is needed."""
    found = {}
    for name, text in re.findall(r'<Blankevoort1991Ligament name="(\w+)">(.*?)</Blank', model.decode(), re.DOTALL):
        found[name] = {tag: float(value) for tag, value in re.findall(r"<(\w+)>([-+.e\d]+)</", text)}
    return found


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.osim"
    path.write_bytes(model_of(STRANDS))
    return path


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a real run of a few steps: the command looks closely at what it is given."""
    path = tmp_path_factory.mktemp("run") / "knee.h5"
    start_run(load_config(BOX).with_sampling(max_steps=10), path)
    return path


def test_stiffness_is_shared_out_as_it_was_and_slack_lengths_keep_their_ratio() -> None:
    model = model_of(STRANDS)
    content, sentences = ForeignModel(model).shared_out({"mcl": ["MCL2", "MCL1"], "lcl": ["LCL"]}, VALUES)
    new, before = told(content), told(model)
    # 75 mm over a mean of 60 mm: every slack length grows by a quarter.
    expected = {"linear_stiffness": 900.0, "transition_strain": 0.08, "slack_length": 0.09}
    assert new["MCL1"] == pytest.approx(expected, rel=1e-14)
    expected = {"linear_stiffness": 2700.0, "transition_strain": 0.08, "slack_length": 0.07}
    assert new["MCL2"] == pytest.approx(expected, rel=1e-14)
    expected = {"linear_stiffness": 3920.0, "transition_strain": 0.125, "slack_length": 0.056}
    assert new["LCL"] == pytest.approx(expected, rel=1e-14)
    assert new["PFL"] == before["PFL"]
    assert sentences == [
        "mcl: 3600 N per strain shared out as their stiffness was, 2700 to 'MCL2', 900 to 'MCL1'; transition strain "
        "0.08; slack lengths times 1.25, their mean now 75 mm",
        "lcl: 'LCL' has 3920 N per strain, transition strain 0.125, slack length 56 mm",
    ]


def test_equal_strands_pull_together_as_ours_does_and_a_second_update_changes_nothing() -> None:
    many = {f"S{i}": (7.0, 0.03) for i in range(1, 8)}
    mapping = {"mcl": list(many)}
    content, _ = ForeignModel(model_of(many)).shared_out(mapping, VALUES)
    new = told(content)
    assert sum(values["linear_stiffness"] for values in new.values()) == pytest.approx(3600.0, rel=1e-14)
    assert {round(values["slack_length"], 15) for values in new.values()} == {0.075}
    again = told(ForeignModel(content).shared_out(mapping, VALUES)[0])
    for name, values in new.items():
        assert again[name] == pytest.approx(values, rel=1e-14)


def test_a_strand_by_itself_gets_everything_whatever_stood_there() -> None:
    for stiffness, slack in (("0", "-1"), ("", ""), ("words", "nan")):
        content, _ = ForeignModel(model_of({"A": (stiffness, slack)})).shared_out({"mcl": ["A"]}, VALUES)
        expected = {"linear_stiffness": 3600.0, "transition_strain": 0.08, "slack_length": 0.075}
        assert told(content)["A"] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("stiffness", "slack", "words"),
    [
        ("0", "0.06", "'MCL1' has linear_stiffness = 0;"),
        ("-3", "0.06", "'MCL1' has linear_stiffness = -3;"),
        ("nan", "0.06", "'MCL1' has linear_stiffness = nan;"),
        ("1e999", "0.06", "'MCL1' has linear_stiffness = 1e999;"),
        ("1_0", "0.06", "'MCL1' has linear_stiffness = 1_0;"),
        ("", "0.06", "'MCL1' has no linear_stiffness;"),
        ("1000", "0", "'MCL1' has slack_length = 0;"),
        ("1000", "", "'MCL1' has no slack_length;"),
    ],
)
def test_strands_that_nothing_can_be_shared_by_are_refused(stiffness: str, slack: str, words: str) -> None:
    model = ForeignModel(model_of({**STRANDS, "MCL1": (stiffness, slack)}), "theirs.osim")
    with pytest.raises(ExportError) as refused:
        model.shared_out({"mcl": ["MCL1", "MCL2"]}, VALUES)
    assert str(refused.value).startswith(f"theirs.osim: {words} one strand is shared out")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("ours", "name", "expected"),
    [
        ("mcl", "LCL", True),
        ("lcl", "r_MCL_2", True),
        ("dmcl", "lateral_collateral", True),
        ("mcl", "medial_collateral", False),
        ("lcl", "medial_collateral", True),
        ("mcl", "collateral", False),
        ("mcl", "Lig7", False),
        ("pfl", "MCL", False),
        ("mcl", "MCL_and_LCL", False),
        ("lcl", "LCL", False),
    ],
)
def test_names_of_the_other_side_are_seen(ours: str, name: str, expected: bool) -> None:
    assert crossed(ours, name) is expected


def test_what_is_said_of_left_out_and_crossed_strands() -> None:
    names = ("MCLs1", "MCLs2", "MCLd", "LCL1", "LCL2")
    model = ForeignModel(model_of(dict.fromkeys(names, (1000, 0.06))))
    assert model.remarks({"mcl": ["MCLs1", "MCLs2"], "dmcl": ["MCLd"], "lcl": ["LCL1", "LCL2"]}) == []
    assert model.remarks({"mcl": ["MCLs1", "MCLs2"]}) == [
        "mcl: the whole stiffness goes into 'MCLs1', 'MCLs2', 2 of 3 strands that look like one ligament: "
        "MCLs1, MCLs2, MCLd"
    ]
    assert model.remarks({"mcl": ["LCL1", "LCL2"]}) == [
        f"mcl: '{name}' is called like a ligament of the knee's other side; check the map" for name in ("LCL1", "LCL2")
    ]


def test_a_map_in_python_is_names_or_a_list_and_mcl_is_short_for_it(tmp_path: Path, theirs: Path) -> None:
    run = plant(tmp_path, constant(*LAW))
    assert strand_names(run) == ("mcl", "lcl")
    new = tmp_path / "new.osim"
    notes = export_osim(run, new, model=theirs, map={"mcl": ("MCL1", "MCL2"), "lcl": "LCL"})
    expected, sentences = ForeignModel(theirs.read_bytes()).shared_out(
        {"mcl": ["MCL1", "MCL2"], "lcl": ["LCL"]}, VALUES
    )
    assert told(new.read_bytes())["MCL1"] == pytest.approx(told(expected)["MCL1"], rel=1e-12)
    assert notes[:2] == sentences
    export_osim(run, tmp_path / "a.osim", model=theirs, map={"lcl": ["LCL"]})
    export_osim(run, tmp_path / "b.osim", model=theirs, lcl="LCL")
    assert (tmp_path / "a.osim").read_bytes() == (tmp_path / "b.osim").read_bytes() != theirs.read_bytes()
    for mapping, words in (
        ({"mcl": "MCL1", "lcl": "LCL"}, "'lcl' is mapped twice"),
        ({"mcl": []}, "'mcl' is mapped to no name"),
        ({"mcl": ["MCL1", ""]}, "'mcl' is mapped to no name"),
    ):
        with pytest.raises(ExportError, match=words):
            export_osim(run, tmp_path / "c.osim", model=theirs, map=mapping, lcl="LCL")
    with pytest.raises(ExportError, match="give it with --model"):
        export_osim(run, tmp_path / "c.osim", map={"mcl": "MCL1"})
    assert not (tmp_path / "c.osim").exists()


BAD = {
    "a strand that the run has not": (("mlc=MCL1",), "no strand of the run is called 'mlc'; did you mean 'mcl'[?]"),
    "a name that the model has not": (("mcl=MCL1,MCL3",), "no Blankevoort1991Ligament is called 'MCL3'; did you mean"),
    "one of theirs twice": (("mcl=MCL1,MCL1",), "'MCL1' is named twice"),
    "one of theirs for both": (("mcl=MCL1", "lcl=LCL,MCL1"), "'MCL1' is named twice"),
    "no equals sign": (("mcl",), "--map mcl: has to be of the form NAME=THEIRS"),
    "no name": (("mcl=",), "--map mcl=: has to be of the form"),
    "an empty name": (("mcl=MCL1,,MCL2",), "has to be of the form"),
    "no strand": (("=MCL1",), "has to be of the form"),
    "a strand twice": (("mcl=MCL1", "mcl=MCL2"), "'mcl' is given twice"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_map_is_one_line_exit_2_and_nothing_is_written(
    case: str, short: Path, tmp_path: Path, theirs: Path, command: Callable[..., Result]
) -> None:
    items, words = BAD[case]
    new = tmp_path / "new.osim"
    before = sorted(tmp_path.iterdir())
    done = command("export", short, "--model", theirs, "-o", new, *(part for item in items for part in ("--map", item)))
    assert done.code == 2
    assert done.out == ""
    lines = [line for line in done.err.splitlines() if line.startswith("calibrate: error")]
    assert len(lines) == 1
    assert re.search(words, lines[0])
    assert sorted(tmp_path.iterdir()) == before


def test_the_command_says_in_one_line_each_what_was_done(
    short: Path, tmp_path: Path, theirs: Path, command: Callable[..., Result]
) -> None:
    new, values = tmp_path / "new.osim", ligaments(open_run(short))
    expected, sentences = ForeignModel(theirs.read_bytes()).shared_out(
        {"mcl": ["MCL1", "MCL2"], "lcl": ["PFL"]}, values
    )
    done = command("export", short, "--model", theirs, "-o", new, "--map", "mcl=MCL1, MCL2", "--lcl", "PFL")
    assert done.code == 0
    assert done.out == f"{new}\n"
    lines = done.err.splitlines()
    assert all(f"calibrate: {sentence}" in lines for sentence in sentences)
    assert len(sentences) == 2
    assert new.read_bytes() == expected
    twice = command("export", short, "--model", theirs, "-o", tmp_path / "x.osim", "--map", "mcl=MCL1", "--mcl", "MCL2")
    assert twice.code == 2
    assert "'mcl' is given twice" in twice.err
    crossing = command("export", short, "--model", theirs, "-o", tmp_path / "x.osim", "--map", "mcl=LCL")
    assert crossing.code == 0
    assert "mcl: 'LCL' is called like a ligament of the knee's other side" in crossing.err


@pytest.mark.skipif(not INSTALLED, reason="OpenSim is not installed: pip install 'calibrate[opensim]'")
def test_opensim_reads_what_was_shared_out(tmp_path: Path) -> None:
    content, _ = ForeignModel(model_of(STRANDS)).shared_out({"mcl": ["MCL1", "MCL2"]}, VALUES)
    opensim = OpenSim(tmp_path)
    read = opensim.read(content)
    opensim.close()
    assert read[b"MCL1"] == pytest.approx((900.0, 0.08, 0.09), rel=1e-14)
    assert read[b"MCL2"] == pytest.approx((2700.0, 0.08, 0.07), rel=1e-14)
    assert read[b"PFL"] == (5000.0, 0.06, 0.04)
