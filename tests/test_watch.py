"""Watching a run: what one glance shows, and how the command begins and ends, beside a process that writes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import DATA, Result, bench_config, config_text, process, wait_until
from rich.console import Console
from terminals import terminal
from test_golden import golden, lines

from calibrate import chain
from calibrate.results import Run, open_run
from calibrate.runner import start_run
from calibrate.watching.glance import Glance, Watcher, glance_of
from calibrate.watching.view import duration, headline, plain, remarks, spark, view

SMALL = bench_config(extra="[sampling]\nwalkers = 16\nensembles = 2\nmax_steps = 48\nworkers = 1\n")


def shown(found: Glance, width: int = 80, height: int = 50) -> str:
    """Return what a terminal of this size shows."""
    paper = Console(width=width, height=height, force_terminal=True, color_system=None, highlight=False)
    with paper.capture() as text:
        paper.print(view(found, paper, "q leaves"))
    return lines(text.get())


@pytest.fixture
def still(varus: Run, monkeypatch: pytest.MonkeyPatch) -> Glance:
    """Return a glance at a run that is always the same, as a user in its folder gets it."""
    monkeypatch.chdir(varus.path.parent)
    return Watcher(Path(varus.path.name)).glance(0.0)


def test_a_terminal_shows_the_golden_view(still: Glance) -> None:
    unlike = replace(still, state="running", rate=12.34, findings=(), max_rhat=1.005, min_ess=2000.0)
    text = f"{shown(still)}\n{shown(unlike, width=60)}"
    assert text == golden("watch.txt", text)


def test_what_misses_has_a_mark_besides_its_colour(still: Glance) -> None:
    strict = shown(replace(still, min_ess=2000.0))
    marked = {line.split()[0] for line in strict.splitlines() if line.rstrip().endswith("!") or "! " in line}
    few = {line.name for line in still.lines if min(line.ess_bulk, line.ess_tail) < 2000.0}
    assert few
    assert marked == few
    assert "!" not in shown(still).split("warning")[0].split("note")[0]


def test_a_narrow_terminal_has_the_numbers_and_no_course(still: Glance) -> None:
    narrow = shown(still, width=42)
    assert max(map(len, narrow.splitlines())) <= 42
    for line in still.lines:
        assert f"{line.rhat:.3f}" in narrow
        assert f"{line.ess_tail:.0f}" in narrow
    assert "▄" not in narrow
    assert "…" not in narrow


def test_on_a_narrow_terminal_a_long_name_gives_way_to_numbers(still: Glance) -> None:
    long = replace(still, lines=tuple(replace(line, name=f"{'bundle_' * 8}{line.name}") for line in still.lines))
    narrow = shown(long, width=40)
    for line in still.lines:
        assert f"{line.rhat:.3f}" in narrow
        assert f"{line.ess_tail:.0f}" in narrow


def test_a_low_terminal_shows_what_is_farthest_from_convergence(still: Glance) -> None:
    low = shown(still, height=13)
    worst = max(still.lines, key=lambda line: max((line.rhat - 1.0) / 0.01, still.min_ess / line.ess_tail))
    assert worst.name in low
    assert "farthest from what is asked for" in low
    assert sum(line.name in low for line in still.lines) < len(still.lines)


def test_a_course_shows_where_it_goes_and_rest_as_rest() -> None:
    rising = spark(np.linspace(0.0, 8.0, 9), 1.0, 8)
    assert (rising[0], rising[-1]) == ("▁", "█")
    assert list(rising) == sorted(rising)
    assert set(spark(np.array([1.0, 1.01, 0.99]), 5.0, 8)) <= set("▄▅")
    assert spark(np.full(3, 2.0), 0.0, 8) == "▁▁▁"
    assert spark(np.empty(0), 1.0, 8) == ""
    assert len(spark(np.arange(100.0), 1.0, 8)) == 8
    assert spark(np.linspace(1.0, 0.0, 4), 0.0, 8, "_#") == "##__"


def test_times_are_said_in_their_unit() -> None:
    assert [duration(x) for x in (0.4, 89.0, 91.0, 5399.0, 5401.0)] == ["0 s", "89 s", "2 min", "90 min", "1.5 h"]


def test_glances_at_a_run_that_goes_know_how_far_it_is_and_its_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher looks from inside of the run, by a clock that is made up: a second for each look."""
    monkeypatch.setattr("calibrate.chain.layout._CHUNK", 6 * 8 * 16)  # every six steps are written at once
    path, watcher = tmp_path / "run.h5", Watcher(tmp_path / "run.h5")
    found: list[Glance] = []

    def look(*_: object) -> bool:
        if path.exists():
            found.append(watcher.glance(float(len(found))))
        return False

    start_run(SMALL, path, should_stop=look)
    assert {one.state for one in found} == {"running"}
    assert found[0].steps == 0
    assert (found[0].verdict, found[0].rate) == (None, None)
    assert "nothing is stored yet" in plain(found[0])
    steps = [one.steps for one in found]
    assert steps == sorted(steps)
    first = max(0, len(steps) - 32)
    assert found[-1].rate == pytest.approx((steps[-1] - steps[first]) / (len(steps) - 1 - first))
    assert all(one.findings == () for one in found)
    last = watcher.glance(99.0)
    assert (last.state, last.steps, last.rate, last.converged) == ("ended", 48, None, False)
    assert [one.code for one in last.findings] == [one.code for one in open_run(path).findings()]


def test_the_time_left_is_the_verdicts_steps_by_the_pace(varus: Run) -> None:
    run = replace(varus, settings=varus.settings.model_copy(update={"min_ess": 5000.0}))
    found = glance_of(run, run.path, "running", run.verdict, 10.0)
    assert run.verdict.more_steps
    assert found.seconds_left == run.verdict.more_steps / 10.0
    assert f"about {run.verdict.more_steps} more steps, {duration(found.seconds_left)}" in remarks(found)[1]
    assert "10 steps/s" in headline(found)
    assert glance_of(run, run.path, "running", run.verdict, None).seconds_left is None


def test_a_lines_numbers_are_the_verdicts(still: Glance, varus: Run) -> None:
    assert [line.name for line in still.lines] == [*varus.names, "log_prob"]
    for i, line in enumerate(still.lines[:-1]):
        found = varus.diagnosis
        assert (line.rhat, line.ess_bulk, line.ess_tail) == (found.rhat[i], found.ess_bulk[i], found.ess_tail[i])
        assert line.trail[-1] == pytest.approx(np.asarray(varus.chains.coords[:, -1, :, i]).mean())
    assert varus.diagnosis.log_prob is not None
    assert still.lines[-1].rhat == varus.diagnosis.log_prob.rhat[0]


def test_json_is_one_object_of_the_same_numbers(still: Glance, varus: Run, command: Callable[..., Result]) -> None:
    done = command("watch", varus.path.name, "--json")
    assert (done.code, done.err) == (0, "")
    content = json.loads(done.out)
    assert content == json.loads(json.dumps(still.content()))
    assert (content["state"], content["steps"]) == ("ended", varus.steps)
    assert content["checks"] == varus.verdict.numbers()


def test_a_run_at_rest_is_shown_once_and_its_verdict_is_the_exit_code(
    varus: Run, valgus: Run, command: Callable[..., Result]
) -> None:
    done = command("watch", varus.path)
    assert (done.code, done.err) == (0, "")
    assert done.out.count("converged") >= 1
    assert done.out.count(str(varus.path)) == 1
    unconverged = command("watch", valgus.path)
    assert unconverged.code == 3
    assert "ended, NOT CONVERGED" in unconverged.out
    assert f"calibrate resume {valgus.path}" in unconverged.out
    assert command("watch", valgus.path, "--once").code == 0


@pytest.mark.parametrize("name", ["nothing.h5", "knee.toml"])
def test_what_is_no_run_is_refused_in_one_line(folder: Path, command: Callable[..., Result], name: str) -> None:
    done = command("watch", folder / name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("calibrate: error: ")
    assert done.err.count("\n") == 1


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run to be made that takes for ever."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "bench_toe.csv").write_bytes((DATA / "bench_toe.csv").read_bytes())
    forever = "[sampling]\nwalkers = 16\nensembles = 2\nmin_ess = 1e9\nmax_steps = 10000000\nworkers = 1\n"
    (folder / "knee.toml").write_text(config_text(extra=forever))
    return folder


@pytest.fixture
def writer(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a process that holds a run with some steps and is stopped, so that it takes no time from others."""
    path = place / "run.h5"
    path.unlink(missing_ok=True)
    run = process("run", "knee.toml", "-o", "run.h5", cwd=place)
    try:
        wait_until(lambda: path.exists() and chain.read_chains(path).coords.shape[1] > 16, run)
        run.send_signal(signal.SIGSTOP)
        yield run
    finally:
        run.kill()
        run.communicate()


def test_a_live_run_is_watched_until_the_user_leaves(place: Path, writer: subprocess.Popen[str]) -> None:
    with terminal("watch", "run.h5", "--every", "0.2", cwd=place) as screen:
        assert "run.h5: running" in screen.wait_for("q leaves; the run goes on")
        screen.press("xq")
        assert screen.end() == 0
        assert screen.as_before
        assert screen.shown.rstrip().endswith("\x1b[?25h")  # the cursor is back
    assert writer.poll() is None
    assert chain.is_written(place / "run.h5")
    with terminal("watch", "run.h5", cwd=place) as screen:
        screen.wait_for("q leaves; the run goes on")
        screen.press("\x03")
        assert screen.end() == 130
        assert screen.as_before
        assert screen.plain.rstrip().endswith("\ncalibrate: error: interrupted")
        assert "\x1b[?25h" in screen.shown[-100:]
    assert writer.poll() is None


def test_without_a_terminal_there_are_lines_and_a_killed_writer_is_told(
    place: Path, writer: subprocess.Popen[str]
) -> None:
    with process("watch", "run.h5", "--every", "0.2", cwd=place) as watcher:
        assert watcher.stdout is not None
        first = watcher.stdout.readline()
        assert re.match(r"run\.h5: running, \d+ steps, \d+ % accepted; ", first)
        assert "\x1b" not in first
        writer.kill()
        writer.wait()
        rest, err = watcher.communicate()
    assert watcher.returncode == 3, err
    told = [line for line in rest.splitlines() if "its process is gone" in line]
    assert len(told) == 1
    assert "its process was killed" in told[0]
    assert "calibrate resume run.h5" in told[0]


def test_run_shows_the_view_in_place_of_its_progress(place: Path) -> None:
    with terminal("run", "knee.toml", "-o", "shown.h5", "--watch", cwd=place) as screen:
        assert "fitting" in screen.wait_for("mean of all walkers")
        screen.wait_for("Ctrl-C stops at the next step")
        screen.press("\x03")
        assert screen.end() == 130
        assert "the file is whole: calibrate resume shown.h5" in screen.plain
        assert screen.as_before
    assert not chain.is_written(place / "shown.h5")
    assert open_run(place / "shown.h5").stored > 0
