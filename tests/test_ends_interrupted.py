"""Signals at any moment: one line, exit code 130, nothing half-written, and no process left behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import PREPARED, prepare
from conftest import bench_config
from forked import forked

from calibrate.ends import SIGNALS
from calibrate.screen import Watch


@pytest.fixture
def place(folder: Path) -> Path:
    return prepare(folder)


# The moment to send a signal: when Python imports this, or calls that.
HIT = """
import os, signal, sys
name, times, where = {when!r}
number = getattr(signal, name)

def hit():
    for _ in range(int(times)):
        os.kill(os.getpid(), number)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == where:
            hit()
        return None

def spy(frame, event, argument):
    if event == "call" and frame.f_code.co_name == where.removeprefix("call:"):
        sys.setprofile(None)
        hit()

sys.meta_path.insert(0, Finder())
if where.startswith("call:"):
    sys.setprofile(spy)
"""
STOP = """
import sys
from calibrate import __main__
when, sys.argv = sys.argv[1:4], ["calibrate", *sys.argv[4:]]
exec(HIT.format(when=when))
__main__.main()
""".replace("HIT", repr(HIT))
MOMENTS = [
    ("summary", "numpy"),
    ("summary", "call:summarise"),
    ("json", "rich.console"),
    ("plot", "matplotlib.figure"),
    ("plot", "call:savefig"),
    ("export", "call:planar_model"),
    ("export", "call:replacing"),
    ("knee", "numpy"),
    ("knee", "call:knee_table"),
    ("simulate", "call:format_measurement"),
    ("simulate", "call:unfinished"),
    ("predict", "call:compare"),
    ("drawn", "call:savefig"),
    ("run", "emcee"),
    ("run", "call:find_map"),
    ("run", "call:settle"),
    ("help", "typer"),
]


# Ctrl-C at every moment; the other signal, twice, while something is imported, computed, drawn and written.
SENT = [("SIGINT", 1, *moment) for moment in MOMENTS if moment[0] != "json"]
SENT += [
    ("SIGTERM", 2, *moment)
    for moment in (
        ("summary", "numpy"),
        ("summary", "call:summarise"),
        ("plot", "call:savefig"),
        ("export", "call:replacing"),
        ("simulate", "call:unfinished"),
        ("run", "call:find_map"),
        ("run", "call:settle"),
    )
]


@pytest.mark.parametrize(("signal_name", "times", "name", "where"), SENT)
def test_a_signal_at_any_moment_is_one_line_exit_130_and_nothing_half_written(
    signal_name: str, times: int, name: str, where: str, place: Path
) -> None:
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    if where.startswith("call:"):
        done = forked(PREPARED[name], place, before=HIT.format(when=(signal_name, times, where)))
        code, err = done.code, done.err
    else:  # while modules are loaded
        line = [sys.executable, "-c", STOP, signal_name, str(times), where, *PREPARED[name]]
        loading = subprocess.run(line, cwd=place, capture_output=True, text=True)
        code, err = loading.returncode, loading.stderr
    assert (code, err) == (130, "calibrate: error: interrupted\n")
    shutil.rmtree(place / "run_plots", ignore_errors=True)  # whole pictures may be in there, hidden ones may not
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_an_interrupted_plot_leaves_only_whole_pictures(place: Path) -> None:
    done = forked(PREPARED["plot"], place, before=HIT.format(when=("SIGINT", 1, "call:print_pdf")))
    assert (done.code, done.err) == (130, "calibrate: error: interrupted\n")
    assert [path.name for path in (place / "run_plots").iterdir()] == ["corner.png"]


def test_ctrl_c_in_a_terminal_ends_the_pool_of_a_profile_as_well(place: Path) -> None:
    arguments = ("profile", "knee.toml", "--angles=-8:8:2", "--workers", "1")
    line = [sys.executable, "-c", STOP.replace("os.kill(os.getpid()", "os.killpg(0"), "SIGINT", "2", "call:result"]
    # Workers that are left behind would keep the streams open, and this would wait for them.
    done = subprocess.run(
        [*line, *arguments], cwd=place, capture_output=True, text=True, start_new_session=True, timeout=240
    )
    assert (done.returncode, done.stderr) == (130, "calibrate: error: interrupted\n")


def test_workers_that_are_busy_do_not_outlive_an_interruption(folder: Path) -> None:
    code = """
import multiprocessing, os, signal
from calibrate.ends import watch_signals
watch_signals()
def busy():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        signal.pause()
multiprocessing.get_context("fork").Process(target=busy).start()
os.kill(os.getpid(), signal.SIGINT)
"""
    # One that went on would keep the streams open, and this would wait for it.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "calibrate: error: interrupted\n")


def test_a_signal_that_was_to_be_ignored_is_ignored(place: Path) -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + STOP
    line = [sys.executable, "-c", code, "SIGINT", "1", "numpy", *PREPARED["summary"]]
    done = subprocess.run(line, cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_is_asked_to_stop_once_it_has_begun_and_left_before_that_or_when_asked_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Left(BaseException):
        pass

    def leave(number: int, frame: object) -> None:
        raise Left

    monkeypatch.setattr("calibrate.screen.leave", leave)
    before = [signal.getsignal(name) for name in SIGNALS]
    with Watch(bench_config()) as watch:
        for name in SIGNALS:
            with pytest.raises(Left):
                signal.raise_signal(name)
        assert not watch.should_stop()
        signal.raise_signal(signal.SIGTERM)
        assert watch.should_stop()
        for name in SIGNALS:
            with pytest.raises(Left):
                signal.raise_signal(name)
    assert [signal.getsignal(name) for name in SIGNALS] == before
