"""Readers and a writer at once: neither notices the other, and the checker that says so notices what it should."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import bench_config

from benchmarks.readers import Checker
from calibrate import chain
from calibrate.chain.slots import EnsembleState, newest, pack
from calibrate.runner import start_run

STEPS = 60


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with some steps, as a killed writer leaves it."""
    path = tmp_path_factory.mktemp("live") / "run.h5"
    start_run(bench_config(extra=f"[sampling]\nmax_steps = {STEPS}\nmin_ess = 1e9\nensembles = 2\n"), path)
    with chain.ChainWriter(path):
        pass
    return path


def test_readers_see_whole_steps_only_and_the_writer_does_not_notice_them() -> None:
    line = [sys.executable, "-m", "benchmarks.readers", "--quick"]
    done = subprocess.run(line, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "no error on either side" in done.stdout


def test_the_checker_notices_a_record_that_counts_a_step_too_many(live: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(live, path)
    checker = Checker()
    checker.look(path)
    assert checker.steps == STEPS
    with h5py.File(path, "r+") as f:
        slots = f["calibrate/slots"]
        walkers = f["ensemble_0/chain"].shape[1]
        sequence, states = newest(slots[...], 2, walkers)
        more = [EnsembleState(state.iteration + 1, state.accepted, state.random_state) for state in states]
        slots[(sequence + 1) % 2] = np.frombuffer(pack(sequence + 1, more), dtype=np.uint8)
    assert chain.read_chains(path).log_prob.shape[1] == STEPS + 1
    for fresh in (checker, Checker()):
        with pytest.raises(AssertionError, match=f"step {STEPS} of {STEPS + 1} is not what belongs there"):
            fresh.look(path)


def test_the_checker_notices_a_row_that_changes_even_into_a_right_one(live: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(live, path)
    checker = Checker()
    checker.look(path)
    checker.look(path)  # nothing has changed
    with h5py.File(path, "r+") as f:
        for name in ("chain", "log_prob"):
            f[f"ensemble_1/{name}"][7] = f[f"ensemble_1/{name}"][STEPS - 1]
    Checker().look(path)  # seen for the first time, it is a chain like any other
    with pytest.raises(AssertionError, match="has changed"):
        checker.look(path)


def test_the_checker_notices_one_wrong_bit_and_steps_that_are_gone(live: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(live, path)
    checker = Checker()
    checker.steps = STEPS + 1
    with pytest.raises(AssertionError, match=f"{STEPS + 1} steps were there, now {STEPS}"):
        checker.look(path)
    with h5py.File(path, "r+") as f:
        value = f["ensemble_0/log_prob"][31, 5]
        f["ensemble_0/log_prob"][31, 5] = np.nextafter(value, np.inf)
    with pytest.raises(AssertionError, match="step 31"):
        Checker().look(path)
