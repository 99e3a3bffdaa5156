"""Ends: closed and full streams, readers who are gone, and hostile names on their way to a terminal."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from commands import CODES, PREPARED, Command, prepare, shell
from conftest import bench_config, config_text
from forked import CLOSED, FULL, GONE, READ_ONLY, forked

from calibrate.config import parse_config
from calibrate.results import open_run
from calibrate.runner import start_run
from calibrate.texts import known, printable


@pytest.fixture
def place(folder: Path) -> Path:
    return prepare(folder)


STREAMS = {"closed": CLOSED, "full": FULL, "only to be read": READ_ONLY, "gone": GONE}
# A stream that is not there and one that takes nothing, for every command; each other kind for every way of writing:
# a table, a text, a name, a page of help, none. Pictures' names are written as those of exports.
FAILED = [(name, stream) for name in PREPARED if name not in ("plot", "drawn") for stream in ("closed", "full")]
FAILED += [(name, stream) for name in ("summary", "json", "export", "help", "run") for stream in [*STREAMS][2:]]


def check_lost(name: str, code: int, err: str) -> None:
    """Check what a command says whose results cannot be written."""
    assert code == CODES.get(name, 1)
    assert "Traceback" not in err
    if name not in CODES:
        assert err.startswith("calibrate: error: the output could not be written (")
        assert err.count("\n") == 1


@pytest.mark.parametrize(("name", "stream"), FAILED)
def test_results_that_cannot_be_written_are_exit_1_and_one_line(name: str, stream: str, place: Path) -> None:
    done = forked(PREPARED[name], place, out=STREAMS[stream])
    check_lost(name, done.code, done.err)


@pytest.mark.parametrize(
    ("name", "stream"), [("summary", "closed"), ("json", "full"), ("version", "only to be read"), ("help", "gone")]
)
def test_a_shell_says_the_same_of_results_that_cannot_be_written(name: str, stream: str, place: Path) -> None:
    command = "calibrate " + " ".join(PREPARED[name])
    # The reader has ended before anything is written.
    line = f"exec 3> >(true); wait $!; {command} >&3" if stream == "gone" else f"{command} {STREAMS[stream]}"
    done = shell(line, place)
    assert done.stdout == ""
    check_lost(name, done.returncode, done.stderr)


@pytest.mark.parametrize("command", ["calibrate --help", "calibrate run --help", "calibrate summary run.h5"])
def test_a_reader_who_takes_a_line_and_leaves_is_no_failure(command: str, place: Path) -> None:
    done = shell(f"set -o pipefail; {command} | python -c 'input()'", place)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_command_is_the_help_and_bad_usage(place: Path) -> None:
    for command in ("calibrate", "calibrate -q"):
        done = shell(command, place)
        assert (done.returncode, done.stderr) == (2, "")
        assert "Usage: calibrate" in done.stdout


def check_unheard(name: str, code: int, out: str, place: Path) -> None:
    """Check what a command does whose messages nobody hears."""
    assert code == CODES.get(name, 0)
    assert (out[:1] == "{") == (name == "json")  # no message has strayed to stdout
    if name in {"run", "resume"}:
        assert open_run(place / ("x.h5" if name == "run" else "run.h5")).steps in (4, 42)


@pytest.mark.parametrize("stream", ["closed", "full"])
@pytest.mark.parametrize("name", ["json", "simulate", "run", "resume", "nonsense"])
def test_messages_that_nobody_hears_change_nothing(name: str, stream: str, place: Path) -> None:
    done = forked(PREPARED[name], place, err=STREAMS[stream])
    assert done.err == ""
    check_unheard(name, done.code, done.out, place)


@pytest.mark.parametrize(("name", "stream"), [("run", "2>&- <&-"), ("nonsense", "2>/dev/full")])
def test_a_shell_says_the_same_of_messages_that_nobody_hears(name: str, stream: str, place: Path) -> None:
    done = shell(f"calibrate {' '.join(PREPARED[name])} {stream}", place)
    assert done.stderr == ""
    check_unheard(name, done.returncode, done.stdout, place)


@pytest.mark.parametrize("name", ["json", "run", "resume", "nonsense"])
def test_with_every_stream_closed_no_file_takes_the_place_of_one(name: str, place: Path) -> None:
    done = forked(PREPARED[name], place, out=CLOSED, err=CLOSED)
    assert done.code == CODES.get(name, 1)
    assert open_run(place / "run.h5").steps in (40, 42)


def test_a_shell_says_the_same_with_every_stream_closed(place: Path) -> None:
    done = shell(f"calibrate {' '.join(PREPARED['resume'])} <&- >&- 2>&-", place)
    assert done.returncode == CODES["resume"]
    assert open_run(place / "run.h5").steps == 42


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_no_file_is_opened_as_a_stream(closed: str, folder: Path) -> None:
    code = "from calibrate.ends import open_streams; open_streams(); import sys; sys.exit(open(sys.argv[1]).fileno())"
    done = shell(f"'{sys.executable}' -c '{code}' knee.toml {closed}", folder)
    assert done.returncode > 2


EVIL = ("\x1b[31mred", "\x1b]0;title\x07", "a\rb", "a\nb", "\u202egnp", "\x9b2J", "\udcff")


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_names_reach_the_terminal_written_out(name: str, place: Path, command: Command) -> None:
    shutil.copy(place / "run.h5", place / f"{name}.h5")
    (place / f"{name}.csv").write_bytes((place / "bench_toe.csv").read_bytes())
    text = config_text(file="DATA", extra="[sampling]\nmax_steps = 4\n")
    (place / f"{name}.toml").write_text(text.replace("DATA", "bench_toe.csv"))
    for arguments in (
        ("summary", f"{name}.h5"),
        ("export", f"{name}.h5", "-o", f"{name}.osim"),
        ("knee", f"{name}.osim", "--strands", "mcl=MCL", "lcl=LCL"),
        ("knee", f"{name}.osim", "--strands", f"{name}=MCL"),
        ("run", f"{name}.toml", "-o", f"{name}2.h5"),
        ("resume", f"{name}.h5", "--steps", 1),
        ("repair", f"{name}.h5", "-o", f"{name}3.h5"),
        ("simulate", f"{name}.toml", "-o", f"{name}2.csv"),
        ("summary", f"{name}2.h5"),
        ("summary", f"no {name}.h5"),
    ):
        result = command(*arguments)
        shown = result.out + result.err
        assert all(letter.isprintable() or letter == "\n" for letter in shown), shown
        assert name not in shown
        assert printable(name) in shown or arguments[0] == "summary"


def test_the_name_of_the_data_in_a_run_is_written_out_too(folder: Path, command: Command) -> None:
    (folder / "\x1b[2J.csv").write_bytes((folder / "bench_toe.csv").read_bytes())
    text = config_text(file="\\u001b[2J.csv", extra="[sampling]\nmax_steps = 4\n")
    start_run(parse_config(text, folder / "knee.toml"), folder / "run.h5")
    assert "of \\x1b[2J.csv" in command("summary", "run.h5").out
    assert "\\x1b" not in repr(open_run("run.h5").summary()).replace("\\\\", "")


@pytest.mark.parametrize(("text", "shown"), [("Knie ü 膝.h5", "Knie ü 膝.h5"), ("a\x1b", "a\\x1b"), ("\x7f", "\\x7f")])
def test_letters_of_all_languages_stay(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_number_that_is_not_known_is_said_to_be_so(place: Path, command: Command) -> None:
    assert known(float("nan"), ".3f") == "unknown so far"
    assert known(1.5, ".3f") == "1.500"
    start_run(bench_config(extra="[sampling]\nmax_steps = 4\nwalkers = 16\n"), place / "few.h5")
    out = command("summary", "few.h5").out
    assert "4 steps are too few to tell" in out
    assert "nan" not in out
