"""What many tests need: knees to calibrate, the command line in this process and in another, and one finished run."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# As in `calibrate.settings`, before anything loads NumPy: threads for large matrices cost a tenth of the tests' time.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import planted
import pytest

from calibrate import cli
from calibrate.config import Config, parse_config
from calibrate.knee.geometry import Geometry, Strand
from calibrate.results import Run
from calibrate.runner import start_run

DATA = Path(__file__).parent / "data"
# Processes that tests start have the package from where the tests have it: code that is compiled once serves both.
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]).strip(
    os.pathsep
)
# The knee oks009 in the short form: bounds only, an exact geometry, an exact angle. It compiles in a moment.
BOX = DATA / "oks009_box.toml"

SYMMETRIC = Geometry(
    lateral_centre=(22.0, -20.0),
    lateral_radius=20.0,
    medial_centre=(-22.0, -20.0),
    medial_radius=20.0,
    strands=(
        Strand("mcl", (-40.0, 0.0, 0.0), (-36.0, -94.8, 0.0)),
        Strand("lcl", (38.0, 0.0, 0.0), (36.0, -63.1, 0.0)),
    ),
    rolling=0.0,
    application_point=(0.0, -340.0),
)
LENHART = Geometry(
    lateral_centre=(23.5, -6.0),
    lateral_radius=15.5,
    medial_centre=(-20.4, -6.0),
    medial_radius=17.5,
    strands=(
        Strand("mcl", (-40.0, 12.0, 0.0), (-16.0, -65.0, 0.0)),
        Strand("lcl", (36.0, 4.0, 0.0), (44.8, -50.7, 0.0)),
    ),
    rolling=1.0,
    application_point=(0.0, -403.0),
)

KNEE = """
[knee]
lateral_condyle = { centre = [22.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-22.0, -20.0], radius = 20.0 }
rolling = 0.0
application_point = [0.0, -340.0]
mcl = { femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }
lcl = { femur = [38.0, 0.0], tibia = [36.0, -63.1] }
"""
PARAMETERS = """
[parameters.mcl]
k = { lower = 10.0, upper = 100.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 80.0, upper = 100.0 }
[parameters.lcl]
k = { lower = 10.0, upper = 100.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 50.0, upper = 66.0 }
"""


def config_text(
    *,
    knee: str = KNEE,
    parameters: str = PARAMETERS,
    noise: str = "sigma = 2.0",
    file: str = "bench_toe.csv",
    extra: str = "",
) -> str:
    """Return a whole configuration, the benchmark posterior 'toe' unless told otherwise."""
    return f'{knee}{parameters}\n[noise]\n{noise}\n[data]\nfile = "{file}"\npositive = "valgus"\n{extra}'


def bench_config(name: str = "toe", *, noise: str = "sigma = 2.0", extra: str = "") -> Config:
    """Return the configuration of a benchmark posterior, its data beside the tests."""
    return parse_config(config_text(noise=noise, file=f"bench_{name}.csv", extra=extra), DATA / "bench.toml")


# Files that take longest: they begin, so that no process is left alone with one of them at the end.
LONGEST = (
    *("test_pages", "test_settings", "test_crash", "test_cli", "test_notebook", "test_ownership", "test_sampling"),
    *("test_accuracy", "test_targets", "test_start", "test_ends", "test_cohort_killed", "test_figures", "test_chain"),
    *("test_fuzz", "test_watch", "test_export", "test_readers", "test_durability", "test_kernel", "test_findings_rigs"),
    *("test_ends_interrupted", "test_sums", "test_interruptions", "test_profile", "test_cohort", "test_cohort_dask"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file, tests stay in their order."""
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what is there for good, modules and tests: half a million objects.

    It went over them every few seconds, and a sixth of the time of tests was for that. It may come more seldom, too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is also the working directory, with a good configuration and its data in it.

    Fewer walkers than by default start in a quarter of the time.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench_toe.csv").write_bytes((DATA / "bench_toe.csv").read_bytes())
    (tmp_path / "knee.toml").write_text(config_text(extra="[sampling]\nwalkers = 64\n"))
    return tmp_path


_BEGUN: dict[tuple[str, str], bytes] = {}


def begun(config: Config, path: Path, layout: str = "usual") -> Path:
    """Start a run as `start_run` does, or copy the one that was started from this text and in this layout before."""
    made = _BEGUN.get((config.text, layout))
    if made is None:
        start_run(config, path)
        _BEGUN[config.text, layout] = path.read_bytes()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made)
    return path


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Return a function that runs the command line in this process."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["calibrate", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Result(left.value.code, captured.out, captured.err)

    return run


def process(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    line = [sys.executable, "-m", "calibrate", *map(str, arguments)]
    return subprocess.Popen(line, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that a process does, as long as it is alive, however slow the machine is.

    The limit is for a process that lives and never does it: no test hangs on how long anything takes. Looks are seldom
    enough to leave the processor to the process.
    """
    limit = time.monotonic() + 600
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.1)  # between two looks at another process, so as not to take its processor


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a converged run of the benchmark posterior 'toe'; not to be written to."""
    path = tmp_path_factory.mktemp("run") / "toe.h5"
    assert start_run(bench_config(), path).reason == "converged"
    return path


@pytest.fixture(scope="session")
def varus(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a planted run, see `planted.varus_run`: converged, seven free parameters, varus positive."""
    return planted.varus_run(tmp_path_factory.mktemp("varus"))


@pytest.fixture(scope="session")
def true(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a planted run of which all is known, see `planted.true_run`."""
    return planted.true_run(tmp_path_factory.mktemp("true"))


@pytest.fixture(scope="session")
def valgus(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a planted run, see `planted.valgus_run`: not converged, three free parameters, radians and a force."""
    return planted.valgus_run(tmp_path_factory.mktemp("valgus"))
