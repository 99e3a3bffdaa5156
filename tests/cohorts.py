"""A small study, what workers do to it in tests, and what its results have to be."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
from conftest import DATA, bench_config, config_text

from calibrate.simulation import simulate
from calibrate.study.file import Record
from calibrate.study.work import Done, Job, Plan, calibrate_batch

IDS = ("S01-left", "S01-right", "S02-left", "S03-left", "S03-right")
SMALL = (
    "[sampling]\nensembles = 2\nwalkers = 16\nmax_steps = 24\nmin_ess = 10\nmax_rhat = 1.9\nmoves = { stretch = 1.0 }\n"
)


def study(folder: Path, ids: Sequence[str] = IDS) -> Path:
    """Write a manifest, a configuration, and a data file for each knee; return the manifest."""
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "configs" / "knee.toml").write_text(config_text(extra=SMALL))
    rows = ["knee,config,data.file,parameters.mcl.k.upper,sex,age"]
    for number, knee in enumerate(ids):
        (folder / f"{knee}.csv").write_text(_simulated(number))
        rows.append(f"{knee},configs/knee.toml,{knee}.csv,{'' if number else 95},{'fm'[number % 2]},{30 + number}")
    path = folder / "study.csv"
    path.write_text("\n".join([*rows, ""]))
    return path


@functools.cache
def _simulated(number: int) -> str:
    truth = {"mcl.k": 30.0 + 5.0 * number}
    return simulate(bench_config(), truth, angles="-8:8:15", seed=number, load="force").text


def made_up(jobs: Sequence[Job], plan: Plan) -> list[Done]:
    """Take the place of `calibrate_batch` where it does not matter what comes of a knee: numbers from its seed."""
    done = []
    for job in jobs:
        rng = np.random.default_rng(job.seed)
        texts = job.covariates, job.config, job.data, '{"parameters": {"mcl.k": {}, "lcl.k": {}}}'
        record = Record(job.id, job.seed, "converged", "", *texts, rng.random((plan.draws, 2)), rng.random(plan.draws))
        done.append(Done(record, b"chain of " + job.id.encode() if plan.chains else None))
    return done


def deadly(jobs: Sequence[Job], plan: Plan) -> list[Done]:
    """Die of one knee, each time."""
    if any(job.id == "S02-left" for job in jobs):
        os.kill(os.getpid(), signal.SIGKILL)
    return calibrate_batch(jobs, plan)


class Here(Executor):
    """Do everything at once, in this thread."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, and what is in them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


__all__ = ["DATA", "IDS", "Here", "deadly", "files", "made_up", "study"]
