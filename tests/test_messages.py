"""-q, -v and --log-file: how much is said, and where it is kept; what is no log is never written to."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import pytest
from commands import Command, check_refused, prepare

from calibrate import journal, screen
from calibrate.ends import say, tell

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ calibrate\[\d+\]: (.*)")


@pytest.fixture
def place(folder: Path) -> Path:
    return prepare(folder)


@pytest.fixture(autouse=True)
def _nothing_chosen() -> object:
    yield
    journal.be_silent()


RUN = ("run", "knee.toml", "-o", "x.h5", "--max-steps", "4")


def kept(path: Path) -> list[str]:
    found = [LINE.fullmatch(line) for line in path.read_text().splitlines()]
    assert all(found)
    return [match[1] for match in found if match]


@pytest.mark.parametrize("first", [True, False], ids=["before the command", "behind it"])
def test_quiet_leaves_warnings_and_errors_and_the_log_has_all(first: bool, place: Path, command: Command) -> None:
    (place / "few.csv").write_text("angle_deg,force_N\n-5,-40\n5,30\n")
    text = (place / "knee.toml").read_text()
    (place / "knee.toml").write_text(text.replace("bench_toe.csv", "few.csv"))
    options = ("-q", "--log-file", "my.log")
    result = command(*options, *RUN) if first else command(*RUN, *options)
    assert result.code == 3
    lines = result.err.splitlines()
    assert lines
    assert all(line.startswith("calibrate: warning: ") for line in lines)
    said = kept(place / "my.log")
    assert any(line.startswith("asked: ") for line in said)
    assert any(line.startswith("budget spent after 4 steps") for line in said)
    assert sum(line.startswith("warning: ") for line in said) == len(lines)
    assert command("summary", "none.h5", *options).err.startswith("calibrate: error: none.h5: no such file")
    more = kept(place / "my.log")
    assert more[: len(said)] == said
    assert more[-1].startswith("error: none.h5: no such file")


def test_verbose_says_more_and_no_choice_outlives_its_command(place: Path, command: Command) -> None:
    usual = command("summary", "run.h5")
    assert usual.err == ""
    more = command("summary", "run.h5", "--verbose")
    assert "calibrate: asked: summary run.h5 --verbose" in more.err
    assert more.out == usual.out
    assert command("summary", "run.h5").err == ""


def test_progress_is_kept_and_with_verbose_more_often(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(screen.time, "monotonic", lambda: 0.4 * next(ticks))
    (place / "knee.toml").write_text((place / "knee.toml").read_text() + "max_steps = 40\nmin_ess = 1e9\n")
    counts = {}
    for option in ("-q", "-v"):
        command("run", "knee.toml", "-o", f"x{option}.h5", "--log-file", f"my{option}.log", option)
        counts[option] = sum("log-prob" in line for line in kept(place / f"my{option}.log"))
    assert counts["-v"] > counts["-q"] > 0


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("run.h5", "is that of a chain file"),
        ("knee.toml", "is that of a configuration"),
        ("bench_toe.csv", "is that of a measurement"),
        ("link.log", "holds something else than messages"),
        ("notes.txt", "holds something else than messages"),
        (".", "is no file"),
        ("no/such/folder/x.log", "cannot be written (No such file or directory)"),
        ("knee.toml/x.log", "cannot be written (Not a directory)"),
    ],
)
def test_a_log_that_cannot_be_written_or_is_none_is_refused_before_the_run(
    log: str, says: str, place: Path, command: Command
) -> None:
    (place / "notes.txt").write_text("buy milk\n")
    (place / "link.log").hardlink_to(place / "run.h5")
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    check_refused(command(*RUN, "--log-file", log), says)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_quiet_and_verbose_are_one_or_the_other(place: Path, command: Command) -> None:
    check_refused(command("-q", "summary", "run.h5", "-v"), "--quiet and --verbose: use one of them")


def test_a_log_whose_disk_is_full_loses_lines_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.speak(log_file=tmp_path / "my.log")
    say("one\nline")
    tell("kept")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        say("lost")
    assert kept(tmp_path / "my.log") == ["one\\nline", "kept"]
    assert capsys.readouterr().err == "calibrate: one\\nline\ncalibrate: lost\n"
