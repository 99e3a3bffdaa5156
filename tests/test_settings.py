"""Other people's settings: the same pictures to the pixel, no noise from what is harmless, one line on what is not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import matplotlib
import pytest
from conftest import DATA, Result, config_text
from crafted import PARAMETERS

from calibrate import figures
from calibrate.config import parse_config
from calibrate.results import open_run
from calibrate.runner import start_run
from calibrate.settings import settle

Command = Callable[..., Result]
# A command that draws: the four pictures of a run take three times as long.
ONE_PICTURE = ("predict", "--moments", "10")
ONLY = ("--only=corner", "--only=load_angle", "--only=ligaments", "--only=knee")
DRAW = tuple(kind.draw.__name__ for kind in figures.FIGURES.values())

HOSTILE = """
text.usetex: True
figure.autolayout: True
axes.facecolor: black
figure.facecolor: black
savefig.facecolor: black
text.color: white
axes.labelcolor: white
axes.edgecolor: white
xtick.color: white
ytick.color: white
lines.color: white
grid.color: white
patch.edgecolor: white
axes.prop_cycle: cycler('color', ['w', 'r'])
font.family: Comic Sans MS, fantasy
font.sans-serif: No Such Font
mathtext.fontset: cm
font.size: 22
axes.titlesize: 30
legend.fontsize: 3
savefig.bbox: tight
savefig.pad_inches: 2
savefig.dpi: 31
figure.dpi: 31
figure.figsize: 1, 1
path.sketch: 5, 50, 9
path.simplify_threshold: 1.0
lines.linewidth: 9
lines.antialiased: False
text.antialiased: False
axes.grid: True
axes.xmargin: 0.4
axes.spines.left: False
axes.unicode_minus: False
axes.formatter.use_locale: True
axes.formatter.limits: -1, 1
xtick.top: True
ytick.minor.visible: True
hist.bins: 3
image.cmap: prism
image.interpolation: nearest
contour.linewidth: 7
figure.constrained_layout.use: False
svg.fonttype: none
pdf.fonttype: 42
pdf.compression: 0
this.is.no.key: 3
lines.marker
font.stretch: sideways
"""
PICTURES = """
import hashlib, json, sys
from io import BytesIO
from calibrate import figures, open_run
run = open_run(sys.argv[1])
out = {}
for name in sys.argv[2:]:
    figure = getattr(figures, name)(run)
    for kind in ("png", "svg") if name == "load_angle_plot" else ("png",):
        file = BytesIO()
        figure.savefig(file, format=kind, **({"metadata": {"Date": None}} if kind == "svg" else {}))
        text = file.getvalue()
        out[f"{name}.{kind}"] = hashlib.sha256(text).hexdigest() if kind == "png" else len(text)
print(json.dumps(out))
"""


def environment(**changes: str | None) -> dict[str, str]:
    """Return this process's environment with some changes; None takes a variable away."""
    new = os.environ | {key: value for key, value in changes.items() if value is not None}
    return {key: value for key, value in new.items() if changes.get(key, "") is not None}


def calibrate(*arguments: object, cwd: Path, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own and in these surroundings."""
    line = [sys.executable, "-m", "calibrate", *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, env=environment(**changes), capture_output=True, text=True, errors="replace")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short run; two parameters are enough to have every kind of panel."""
    folder = tmp_path_factory.mktemp("settings")
    text = config_text(parameters=PARAMETERS, extra="[sampling]\nmax_steps = 40\nwalkers = 64\n")
    start_run(parse_config(text, DATA / "bench.toml"), folder / "run.h5")
    return folder / "run.h5"


@pytest.fixture(scope="module")
def plain(short: Path) -> dict[str, bytes]:
    """Return the pictures of the short run as they are without any settings."""
    folder = short.with_name("plain")
    done = calibrate("plot", short, "-o", folder, *ONLY, cwd=short.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert calibrate(*ONE_PICTURE, short, "-o", folder / "one.png", cwd=short.parent).returncode == 0
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("where", "only"), [("MPLCONFIGDIR", ONLY), ("working directory", ONLY[1:2])])
def test_a_hostile_matplotlibrc_leaves_every_picture_as_it_is_and_makes_no_noise(
    where: str, only: tuple[str, ...], short: Path, plain: dict[str, bytes], tmp_path: Path
) -> None:
    """Wherever it lies it is the same to matplotlib, so that the second place is asked for one picture alone."""
    (tmp_path / "matplotlibrc").write_text(HOSTILE)
    changes = {} if where == "working directory" else {where: str(tmp_path)}
    cwd = tmp_path if where == "working directory" else short.parent
    done = calibrate("plot", short, "-o", tmp_path / "plots", *only, cwd=cwd, **changes)
    assert (done.returncode, done.stderr) == (0, "")
    plots = {path.name: path.read_bytes() for path in (tmp_path / "plots").iterdir()}
    assert len(plots) == 2 * len(only)  # as PNG and as PDF
    assert plots == {name: plain[name] for name in plots}


def test_figures_from_python_are_the_same_to_the_pixel_under_hostile_settings(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "matplotlibrc").write_text(HOSTILE)
    line = [sys.executable, "-c", PICTURES, str(short), *DRAW]
    hostile = environment(MATPLOTLIBRC=str(tmp_path))
    there = subprocess.run(line, env=hostile, capture_output=True, text=True, check=True).stdout
    monkeypatch.setattr("sys.argv", line[2:])
    exec(PICTURES)
    assert json.loads(there) == json.loads(capsys.readouterr().out)


def test_the_users_own_settings_stay_and_the_control_shows_that_they_matter(short: Path) -> None:
    run = open_run(short)

    def pixels(figure: matplotlib.figure.Figure) -> str:
        file = BytesIO()
        figure.savefig(file, format="png")
        return hashlib.sha256(file.getvalue()).hexdigest()

    def someone_elses() -> matplotlib.figure.Figure:
        figure = matplotlib.figure.Figure()
        figure.subplots().plot([1, 2])
        return figure

    before, theirs = pixels(figures.trace_plot(run)), pixels(someone_elses())
    with matplotlib.rc_context({"font.size": 30.0, "axes.facecolor": "black", "savefig.dpi": 20, "lines.linewidth": 9}):
        mine = dict(matplotlib.rcParams)
        figure = figures.trace_plot(run)
        assert dict(matplotlib.rcParams) == mine
        assert pixels(figure) == before
        assert dict(matplotlib.rcParams) == mine
        assert pixels(someone_elses()) != theirs
    assert pixels(figures.trace_plot(run)) == before


def test_the_profile_chart_is_drawn_with_the_defaults_too(tmp_path: Path) -> None:
    from calibrate.profile_view import draw

    rungs = [{"name": name, "seconds_per_evaluation": 1.0, "speedup": 1.0} for name in "ab"]
    content = {"angles": 3, "original": {"seconds_per_evaluation": 2.7}, "rungs": rungs}
    draw(content, tmp_path / "plain.png")
    with matplotlib.rc_context({"font.size": 30.0, "figure.autolayout": True, "savefig.bbox": "tight"}):
        draw(content, tmp_path / "hostile.png")
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "hostile.png").read_bytes()


MATPLOTLIBS = {
    "no such backend, and a folder that cannot be made": {"MPLBACKEND": "nonesuch", "MPLCONFIGDIR": "file/folder"},
    "a notebook's backend, and a folder that is a file": {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": "file",
    },
    "windows, and no home": {"MPLBACKEND": "TkAgg", "HOME": None, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "a home that is no folder, and no such file": {"HOME": "/dev/null", "MATPLOTLIBRC": "/nowhere/at/all"},
}


@pytest.mark.parametrize("kind", MATPLOTLIBS)
def test_what_is_harmless_to_pictures_makes_no_noise(
    kind: str, short: Path, plain: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = calibrate(*ONE_PICTURE, short, "-o", tmp_path / "one.png", cwd=tmp_path, **MATPLOTLIBS[kind])
    assert (done.returncode, done.stderr) == (0, f"calibrate: {tmp_path / 'one.png'}: load over angle\n")
    assert (tmp_path / "one.png").read_bytes() == plain["one.png"]
    assert {path.name for path in tmp_path.iterdir()} == {"file", "one.png"}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"font.size: \x80"])
def test_a_settings_file_here_that_is_no_text_is_one_line(content: bytes, short: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(content)
    done = calibrate("plot", short, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "matplotlibrc" in done.stderr


NUMBAS = (
    {"NUMBA_DISABLE_JIT": "1", "NUMBA_NUM_THREADS": "0", "NUMBA_OPT": "fast", "NUMBA_BOUNDSCHECK": "x"},
    {
        **{"NUMBA_NUM_THREADS": "many", "NUMBA_DEBUG": "1", "NUMBA_DUMP_IR": "1", "NUMBA_CPU_NAME": "abacus"},
        **{"OMP_NUM_THREADS": "junk", "OPENBLAS_NUM_THREADS": "-4", "MKL_NUM_THREADS": ""},
        "NUMBA_THREADING_LAYER": "none",
    },
)


def test_settings_of_the_compiler_neither_speak_nor_change_a_chain(folder: Path) -> None:
    (folder / "knee.toml").write_text(config_text(extra="[sampling]\nwalkers = 64\n"))
    chains = []
    for number, changes in enumerate(({}, *NUMBAS)):
        done = calibrate("run", "knee.toml", "--max-steps", 8, "-o", f"{number}.h5", cwd=folder, **changes)
        assert done.returncode == 3
        assert done.stderr.splitlines()[-3].startswith("calibrate: budget spent after 8 steps")
        assert all(line.startswith("calibrate: ") for line in done.stderr.splitlines())
        chains.append(open_run(folder / f"{number}.h5").chains.coords[:].tobytes())
    assert len(set(chains)) == 1


@pytest.mark.parametrize("cache", ["file", "file/deeper", "/dev/null/x"])
def test_where_compiled_code_cannot_be_kept_that_is_said_and_how_to_choose_a_folder(cache: str, folder: Path) -> None:
    (folder / "file").touch()
    code = "from calibrate.knee import jit; print(jit.place(), jit.is_compiled())"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=folder, env=environment(NUMBA_CACHE_DIR=cache), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("None False\n", "")


def test_a_sitting_that_cannot_keep_compiled_code_does_not_promise_to(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrate.knee.jit._FOLDER", None)
    err = command("run", "knee.toml", "--max-steps", 3).err
    assert "each time anew" in err
    assert "NUMBA_CACHE_DIR" in err
    assert "done once" not in err
    monkeypatch.setattr("calibrate.knee.jit._FOLDER", folder / "empty")
    assert "done once" in command("run", "knee.toml", "--max-steps", 3, "-o", "y.h5").err


def test_without_a_home_no_folder_called_tilde_is_made(folder: Path) -> None:
    code = """
from pathlib import Path
import platformdirs
platformdirs.user_cache_path = lambda name: Path("~/.cache") / name
from calibrate.knee import jit
jit._PACKAGE = Path("/dev/null")
print(jit._folder())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("None\n", "")
    assert not (folder / "~").exists()


LOOKS = (
    {
        "FORCE_COLOR": "1",
        "CLICOLOR_FORCE": "1",
        "PY_COLORS": "1",
        "TTY_COMPATIBLE": "1",
        "TTY_INTERACTIVE": "1",
        "GITHUB_ACTIONS": "true",
        "COLUMNS": "20",
    },
    {"NO_COLOR": "1", "FORCE_COLOR": "3", "TERM": "dumb", "COLUMNS": "junk", "TERMINAL_WIDTH": "wide"},
    {"PYTHONWARNINGS": "error", "COLUMNS": "\u00b2", "LC_ALL": "no_SUCH.locale"},
    {"PYTHONOPTIMIZE": "2", "COLUMNS": "9" * 20, "LC_ALL": "C"},
    {"PYTHONDEVMODE": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "0", "LINES": "-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
)
SPEAKING = {"FORCE_COLOR", "PYTHONWARNINGS", "PYTHONDEVMODE"}


@pytest.mark.parametrize("changes", LOOKS, ids=lambda changes: " ".join(f"{k}={v}" for k, v in changes.items()))
def test_what_goes_into_a_log_has_no_escapes_and_no_noise(changes: dict[str, str], short: Path) -> None:
    # A summary loads what might speak up about its surroundings; the rest is the same for any table.
    tables = ("summary", short) if changes.keys() & SPEAKING else ("priors", "--structure", "mcl")
    for arguments in (tables, ("--help",)):
        done = calibrate(*arguments, cwd=short.parent, **changes)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
        assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TTY_COMPATIBLE": "1", "NO_COLOR": "1"}, {"NO_COLOR": "1"}),
        ({"COLUMNS": "132", "LINES": "50"}, {"COLUMNS": "132", "LINES": "50"}),
        ({"COLUMNS": "19", "LINES": "x"}, {}),
        ({"COLUMNS": "-80", "LINES": "1e3"}, {}),
        ({"NUMBA_CACHE_DIR": "here", "NUMBA_DEBUG": "1"}, {"NUMBA_CACHE_DIR": "here"}),
    ],
)
def test_what_means_something_is_kept(
    given: dict[str, str], left: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", dict(given))
    monkeypatch.setattr("sys.warnoptions", [])
    settle()
    own = {"MPLBACKEND", "MATPLOTLIBRC", "NUMBA_DISABLE_JIT", "OPENBLAS_NUM_THREADS"}
    assert {key: value for key, value in os.environ.items() if key not in own} == left
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"


def test_nothing_rests_on_assertions_or_docstrings(folder: Path) -> None:
    changes = {"PYTHONOPTIMIZE": "2"}
    assert calibrate("simulate", "knee.toml", "-o", "s.csv", cwd=folder, **changes).returncode == 0
    done = calibrate("simulate", "knee.toml", "-o", "knee.toml", "--overwrite", cwd=folder, **changes)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
