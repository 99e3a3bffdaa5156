"""`calibrate cohort-summary`: what it prints and writes, and what it refuses in one line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from studies import entry, knees_of, made, summary, write_study

from calibrate.figures import study as pictures
from calibrate.report import study as report
from calibrate.study.content import content
from calibrate.study.rows import read_study

Command = Callable[..., Result]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a study of which two knees are not there yet; each has one quantity, so that few pictures are drawn."""
    monkeypatch.chdir(tmp_path)
    said = [summary({"mcl.k": entry([50.0 + i, 60.0 + i, 80.0], "N/mm")}, {}) for i in range(3)]
    return write_study(Path("OUT"), [made(f"K{i}", one, {"sex": "f"}) for i, one in enumerate(said)], total=5)


def test_it_prints_the_study_or_its_json(out: Path, command: Command) -> None:
    shown = command("cohort-summary", out)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("OUT: all 3 knees converged; 2 more of the study are not finished yet\n")
    shown = command("cohort-summary", out, "--json")
    assert (shown.code, shown.err) == (0, "")
    found = json.loads(shown.out)
    assert found == json.loads(json.dumps(content(read_study(out))))
    assert (found["missing"], found["table"][2]["quantities"]["mcl.k"]["median"]) == (2, 62.0)
    assert command("cohort-summary", out / "shard-0001-of-0001.h5", "--json").code == 0


def test_a_folder_holds_tables_report_and_pictures(
    out: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "DPI", 30)
    shown = command("cohort-summary", out, "-o", "views", "--json")
    assert shown.code == 0
    drawn = [f"{name}.{kind}" for name in ("convergence", "forest_mcl.k", "spread") for kind in ("png", "pdf")]
    wanted = ["knees.csv", "knees.json", "knees.parquet", "report.html", *drawn]
    assert json.loads(shown.out) == {"study": "OUT", "written": [f"views/{name}" for name in wanted]}
    assert sorted(path.name for path in Path("views").iterdir()) == sorted(wanted)
    page = Path("views/report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    assert "shard 1 of 1: 3 of 5 knees" in page.lower()
    assert json.loads(Path("views/knees.json").read_text())["verdict"].startswith("all 3 knees converged")
    for module in (pictures, report):
        monkeypatch.setattr(module, "study_figures", lambda table: [])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    Path("views/knees.parquet").unlink()
    shown = command("cohort-summary", out, "-o", "views")  # what is there is replaced
    assert shown.code == 0
    assert "knees.parquet is left out" in shown.err
    assert not Path("views/knees.parquet").exists()


def test_a_name_says_what_is_written(out: Path, command: Command) -> None:
    for name in ("k.csv", "k.json", "k.parquet"):
        assert command("cohort-summary", out, "-o", name) == Result(0, f"{name}\n", "")
        before = Path(name).read_bytes()
        shown = command("cohort-summary", out, "-o", name)
        assert (shown.code, shown.out) == (2, "")
        assert (
            shown.err
            == f"calibrate: error: {name}: exists already; replace it with --overwrite, or choose another with -o\n"
        )
        assert command("cohort-summary", out, "-o", name, "--overwrite").code == 0
        assert Path(name).read_bytes() == before
    Path("mine.csv").write_text("angle_deg,moment_Nm\n1,2\n")
    for name in ("mine.csv", "k.png", "k.h5", "OUT/shard-0001-of-0001.h5"):
        shown = command("cohort-summary", out, "-o", name, "--overwrite")
        assert (shown.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    os.link("OUT/shard-0001-of-0001.h5", "linked.csv")
    shown = command("cohort-summary", out, "-o", "linked.csv", "--overwrite")
    assert (shown.code, shown.err) == (
        2,
        "calibrate: error: linked.csv: is what this command reads; choose another with -o\n",
    )
    assert read_study(out).ids == ("K0", "K1", "K2")


def test_what_is_no_study_is_one_line(out: Path, command: Command) -> None:
    Path("empty").mkdir()
    Path("text.h5").write_text("no HDF5")
    write_study(Path("none"), [], total=3)
    for name in ("empty", "nowhere", "text.h5", "none"):
        for options in ((), ("-o", "views")):
            shown = command("cohort-summary", name, *options)
            assert (shown.code, shown.out, shown.err.count("\n")) == (2, "", 1), name
            assert name in shown.err
    assert not Path("views").exists()
    several = [made(one.id, {**one.summary, "parameters": {"a b": {}}}) for one in knees_of(1)]
    shown = command("cohort-summary", write_study(Path("bad"), several))
    assert (shown.code, shown.err.count("\n")) == (2, 1)
