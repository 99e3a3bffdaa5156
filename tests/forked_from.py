"""What the process that `forked` forks from has done: all modules are loaded, and compiled code is in its memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

from conftest import bench_config

from calibrate import cli, figures, screen
from calibrate.results import open_run
from calibrate.runner import start_run

__all__ = ["cli", "figures", "screen"]

with tempfile.TemporaryDirectory() as folder:
    run = Path(folder) / "run.h5"
    start_run(bench_config(extra="[sampling]\nmax_steps = 40\nwalkers = 16\nensembles = 2\n"), run)
    open_run(run).summary()
