"""Commands of every kind with all that they need, and a shell to run them in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import osim_knees
from conftest import Result, begun, bench_config, config_text

Command = Callable[..., Result]

PREPARED = {
    "summary": ("summary", "run.h5"),
    "json": ("summary", "run.h5", "--json"),
    "plot": ("plot", "run.h5", "--only=corner"),
    "export": ("export", "run.h5", "-o", "x.osim"),
    "knee": ("knee", "theirs.osim", "--strands", "mcl=MCL1", "lcl=LCL"),
    "simulate": ("simulate", "knee.toml", "-o", "x.csv"),
    "predict": ("predict", "run.h5", "--change", "lcl.k=0"),
    "drawn": ("predict", "run.h5", "--moments", "10", "-o", "x.png"),
    "design": ("design", "run.h5", "--candidates=8"),
    "priors": ("priors",),
    "check": ("check", "knee.toml"),
    "help": ("--help",),
    "version": ("--version",),
    "run": ("run", "knee.toml", "-o", "x.h5", "--max-steps", "4"),
    "resume": ("resume", "run.h5", "--steps", "2"),
    "import": ("import", "theirs.txt", "--positive", "varus", "-o", "x.csv"),
    "nonsense": ("nonsense",),
}
# What a command gives on stdout is what it was asked for: without it, it has failed.
CODES = {"simulate": 0, "run": 3, "resume": 3, "nonsense": 2}


def check_refused(result: Result, says: str) -> None:
    """Check that a command has refused what it was given: exit code 2, one line that says why, nothing on stdout."""
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.startswith("calibrate: error: ")
    assert result.err.count("\n") == 1


def prepare(folder: Path) -> Path:
    """Add a short run and a model to a folder with a configuration and its data; few walkers make quick commands."""
    few = "walkers = 16\nensembles = 2\n"
    begun(bench_config(extra=f"[sampling]\nmax_steps = 40\n{few}"), folder / "run.h5")
    (folder / "knee.toml").write_text(config_text(extra=f"[sampling]\n{few}"))
    (folder / "theirs.osim").write_bytes(osim_knees.model())
    (folder / "theirs.txt").write_text("Winkel [°];Moment [Nm]\n-4,5;-6,6\n5,6;4,9\n", encoding="utf-8")
    return folder


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `calibrate` is the command; what the first on a machine says is left out."""
    definition = f'calibrate() {{ "{sys.executable}" -m calibrate "$@"; }}\n'
    done = subprocess.run(["bash", "-c", definition + line], cwd=cwd, capture_output=True, text=True)
    lines = done.stderr.splitlines(keepends=True)
    done.stderr = "".join(line for line in lines if not line.startswith("calibrate: compiling for this machine"))
    return done
