"""Ends: closed and full streams, readers who are gone, signals at any moment, too little memory, and hostile names."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import osim_knees
import pytest
from conftest import Result, bench_config, config_text

from calibrate import needs
from calibrate.config import SamplingConfig, parse_config
from calibrate.ends import SIGNALS, is_about_memory
from calibrate.errors import ConfigError
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run
from calibrate.screen import Watch
from calibrate.texts import known, printable

Command = Callable[..., Result]

PREPARED = {
    "summary": ("summary", "run.h5"),
    "json": ("summary", "run.h5", "--json"),
    "plot": ("plot", "run.h5"),
    "export": ("export", "run.h5", "-o", "x.osim"),
    "knee": ("knee", "theirs.osim", "--strands", "mcl=MCL1", "lcl=LCL"),
    "simulate": ("simulate", "knee.toml", "-o", "x.csv"),
    "predict": ("predict", "run.h5", "--change", "lcl.k=0"),
    "drawn": ("predict", "run.h5", "--moments", "10", "-o", "x.png"),
    "priors": ("priors",),
    "help": ("--help",),
    "version": ("--version",),
    "run": ("run", "knee.toml", "-o", "x.h5", "--max-steps", "4"),
    "resume": ("resume", "run.h5", "--steps", "2"),
    "nonsense": ("nonsense",),
}
# What a command gives on stdout is what it was asked for: without it, it has failed.
CODES = {"simulate": 0, "run": 3, "resume": 3, "nonsense": 2}


@pytest.fixture
def place(folder: Path) -> Path:
    """Return a folder with a configuration, its data, and a short run."""
    start_run(bench_config(extra="[sampling]\nmax_steps = 40\nwalkers = 16\nensembles = 2\n"), folder / "run.h5")
    (folder / "theirs.osim").write_bytes(osim_knees.model())
    return folder


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `calibrate` is the command; what the first on a machine says is left out."""
    definition = f'calibrate() {{ "{sys.executable}" -m calibrate "$@"; }}\n'
    done = subprocess.run(["bash", "-c", definition + line], cwd=cwd, capture_output=True, text=True)
    lines = done.stderr.splitlines(keepends=True)
    done.stderr = "".join(line for line in lines if not line.startswith("calibrate: compiling for this machine"))
    return done


STREAMS = {"closed": ">&-", "full": ">/dev/full", "only to be read": "1</dev/null", "gone": "| true"}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", [name for name in PREPARED if name not in ("plot", "drawn")])  # as export
def test_results_that_cannot_be_written_are_exit_1_and_one_line(name: str, stream: str, place: Path) -> None:
    command = "calibrate " + " ".join(PREPARED[name])
    # The reader has ended before anything is written.
    line = f"exec 3> >(true); wait $!; {command} >&3" if stream == "gone" else f"{command} {STREAMS[stream]}"
    done = shell(line, place)
    assert done.returncode == CODES.get(name, 1)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    if name not in CODES:
        assert done.stderr.startswith("calibrate: error: the output could not be written (")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full", "2>&- <&-"])
@pytest.mark.parametrize("name", ["json", "simulate", "run", "resume", "nonsense"])
def test_messages_that_nobody_hears_change_nothing(name: str, stream: str, place: Path) -> None:
    done = shell(f"calibrate {' '.join(PREPARED[name])} {stream}", place)
    assert done.returncode == CODES.get(name, 0)
    assert done.stderr == ""
    assert (done.stdout[:1] == "{") == (name == "json")  # no message has strayed to stdout
    if name in {"run", "resume"}:
        assert open_run(place / ("x.h5" if name == "run" else "run.h5")).steps in (4, 42)


@pytest.mark.parametrize("name", ["json", "run", "resume", "nonsense"])
def test_with_every_stream_closed_no_file_takes_the_place_of_one(name: str, place: Path) -> None:
    done = shell(f"calibrate {' '.join(PREPARED[name])} <&- >&- 2>&-", place)
    assert done.returncode == CODES.get(name, 1)
    assert open_run(place / "run.h5").steps in (40, 42)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_no_file_is_opened_as_a_stream(closed: str, folder: Path) -> None:
    code = "from calibrate.ends import open_streams; open_streams(); import sys; sys.exit(open(sys.argv[1]).fileno())"
    done = shell(f"'{sys.executable}' -c '{code}' knee.toml {closed}", folder)
    assert done.returncode > 2


# The moment to send a signal: when Python imports this, or calls that.
STOP = """
import os, signal, sys, time
from calibrate import __main__
name, times, where, *arguments = sys.argv[1:]
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
sys.argv = ["calibrate", *arguments]
__main__.main()
"""
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


@pytest.mark.parametrize(("signal_name", "times"), [("SIGINT", 1), ("SIGTERM", 2)])
@pytest.mark.parametrize(("name", "where"), [moment for moment in MOMENTS if moment[0] != "json"])
def test_a_signal_at_any_moment_is_one_line_exit_130_and_nothing_half_written(
    name: str, where: str, signal_name: str, times: int, place: Path
) -> None:
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    line = [sys.executable, "-c", STOP, signal_name, str(times), where, *PREPARED[name]]
    done = subprocess.run(line, cwd=place, capture_output=True, text=True)
    assert done.stderr == "calibrate: error: interrupted\n"
    assert done.returncode == 130
    shutil.rmtree(place / "run_plots", ignore_errors=True)  # whole pictures may be in there, hidden ones may not
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_an_interrupted_plot_leaves_only_whole_pictures(place: Path) -> None:
    line = [sys.executable, "-c", STOP, "SIGINT", "1", "call:print_pdf", *PREPARED["plot"]]
    done = subprocess.run(line, cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "calibrate: error: interrupted\n")
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
    assert "worst R-hat unknown so far" in out
    assert "nan" not in out


GIANTS = ("ensembles = 64\nwalkers = 65536", "ensembles = 2\nwalkers = 65536", "walkers = 16384")


@pytest.mark.parametrize("sampling", GIANTS)
def test_a_run_too_large_for_the_memory_or_the_disk_is_refused_before_anything_is_computed(
    sampling: str, folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "giant.toml").write_text(config_text(extra=f"[sampling]\n{sampling}\n"))

    def no_fit(*_: object) -> None:
        raise AssertionError("something is computed")

    monkeypatch.setattr("calibrate.runner.first_walkers", no_fit)
    for what, words in (("free_memory", "GB of memory, and 0.1 GB are free"), ("disk_usage", "GB on the disk of")):
        with monkeypatch.context() as patch:
            patch.setattr(needs, "free_memory", lambda what=what: 10**8 if what == "free_memory" else None)
            if what == "disk_usage":
                patch.setattr(needs.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10**6))
            result = command("run", "giant.toml", "-o", "deep/x.h5")
        assert result.code == 2
        assert words in result.err
        assert not (folder / "deep").exists()


def test_an_ordinary_run_needs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "free_memory", lambda: 2 * 10**8)
    needs.check_needs(SamplingConfig(), 9, tmp_path)
    with pytest.raises(ConfigError, match="use fewer walkers"):
        needs.check_needs(SamplingConfig(ensembles=64, walkers=65536, max_steps=1), 9, tmp_path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux limits the space of addresses")
@pytest.mark.parametrize("megabytes", [60, 300, 600])
@pytest.mark.parametrize("name", ["summary", "run", "plot", "drawn", "simulate", "knee"])
def test_a_limit_of_memory_is_one_line_or_enough(name: str, megabytes: int, place: Path) -> None:
    done = shell(f"ulimit -v {megabytes * 1024}; calibrate {' '.join(PREPARED[name])}", place)
    assert done.returncode in (1, CODES.get(name, 0))
    assert done.returncode == 1 or done.stderr.startswith("calibrate: ") or not done.stderr
    if done.returncode == 1:
        assert f"memory is limited to {megabytes} MB" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "yes"),
    [
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("x.so: failed to map segment from shared object"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("other"), False),
        (ImportError("No module named x"), False),
    ],
)
def test_want_of_memory_is_told_from_bugs(
    error: Exception, yes: bool, folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_about_memory(error) == yes
    wrapped = ValueError("in a library")
    wrapped.__cause__ = error
    assert is_about_memory(wrapped) == yes

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("calibrate.results.open_run", fail)
    if yes:
        result = command("summary", "run.h5")
        assert result.code == 1
        assert "not enough memory" in result.err
    else:
        monkeypatch.setattr(sys, "argv", ["calibrate", "summary", "run.h5"])
        from calibrate import cli

        with pytest.raises(type(error)):
            cli.main()


@pytest.mark.parametrize("shares", ["stretch = 1e308, de = 1e308", "block = 1.7e308, stretch = 1.7e308, snooker = 1.0"])
def test_shares_of_moves_that_overflow_are_refused(shares: str, folder: Path, command: Command) -> None:
    (folder / "x.toml").write_text(config_text(extra=f"[sampling]\nmoves = {{ {shares} }}\n"))
    result = command("run", "x.toml")
    assert result.code == 2
    assert "sampling.moves: the shares add up" in result.err


@pytest.mark.parametrize("shares", ["stretch = 1e308, de = 1e-300", "block = 5e-324, stretch = 5e-324"])
def test_shares_of_moves_of_any_other_size_are_fine(shares: str, folder: Path, command: Command) -> None:
    (folder / "x.toml").write_text(config_text(extra=f"[sampling]\nmoves = {{ {shares} }}\nmax_steps = 4\n"))
    assert command("run", "x.toml").code == 3


def _edit(name: str, old: str, new: str) -> Callable[[], object]:
    return lambda: Path(name).write_text(Path(name).read_text().replace(old, new, 1))


CHANGES = {
    "a bound": (_edit("knee.toml", "upper = 100.0", "upper = 99.0"), "parameters.mcl.k.upper was 100.0 and is 99.0"),
    "the knee": (_edit("knee.toml", "radius = 20.0", "radius = 21.0"), "radius was 20.0 and is 21.0"),
    "broken": (_edit("knee.toml", "[knee]", "[knee"), "is another now"),
    "the data": (_edit("bench_toe.csv", "\n", "\n# seen\n"), "bench_toe.csv: has changed"),
    "other data": (lambda: Path("bench_toe.csv").write_text("x"), "bench_toe.csv: has changed"),
    "a comment": (_edit("knee.toml", "[knee]", "# my knee\n[knee]"), None),
    "nothing": (lambda: None, None),
    "gone": (lambda: (Path("knee.toml").unlink(), Path("bench_toe.csv").unlink()), None),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("output", ["x.h5", "runs/x.h5"])
def test_resume_goes_on_with_what_is_stored_and_says_so_where_the_files_beside_differ(
    kind: str, output: str, folder: Path, command: Command
) -> None:
    change, words = CHANGES[kind]
    assert command("run", "knee.toml", "-o", output, "--max-steps", 4, "--seed", 3).code == 3
    change()
    result = command("resume", output, "--steps", 2)
    assert result.code == 3
    assert open_run(output).steps == 6
    if words is None:
        assert "goes on with what is stored" not in result.err
    else:
        assert words in result.err
        assert "the run goes on with what is stored in it" in result.err
        told: list[str] = []
        resume_run(output, steps=1, on_warning=told.append)
        assert len(told) == 1
