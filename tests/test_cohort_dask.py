"""Dask's workers calibrate a study, one is killed in the midst of it, and the results have the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cohorts
import pytest
from conftest import wait_until

from calibrate.study import CohortProgress, load_study, run_cohort
from calibrate.study.engines import dask_executor

WORKERS = 2


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """Start a scheduler and workers, each a process of its own without a nanny; return its address, and the workers."""

    def start(what: str, *arguments: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "distributed.cli." + what, *arguments, "--scheduler-file", str(address)]
        environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
        return subprocess.Popen(line, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL, text=True)

    address = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        scheduler = start("dask_scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard")
        processes = [scheduler]

        def end() -> None:
            for one in processes:
                one.kill()
                one.wait()

        stack.callback(end)
        few = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        wait_until(address.exists, scheduler)
        processes += [start("dask_worker", *few) for _ in range(WORKERS)]
        yield json.loads(address.read_text())["address"], processes[1:]


def test_a_worker_of_dasks_is_killed_and_nothing_is_lost(
    cluster: tuple[str, list[subprocess.Popen[str]]], tmp_path: Path
) -> None:
    address, workers = cluster
    study = load_study(cohorts.study(tmp_path / "study"))
    killed = []

    def kill(progress: CohortProgress) -> None:
        if progress.taken and not killed:
            killed.append(progress.done)
            os.kill(workers[0].pid, signal.SIGKILL)

    with dask_executor(address) as executor:
        outcome = run_cohort(study, tmp_path / "out", executor=executor, batch=1, draws=20, on_progress=kill)
    assert killed
    assert (outcome.reason, outcome.knees, outcome.failed) == ("done", 5, {})
    run_cohort(study, tmp_path / "here", executor=cohorts.Here(), draws=20)
    assert cohorts.files(tmp_path / "out") == cohorts.files(tmp_path / "here")
