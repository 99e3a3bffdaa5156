"""A run stopped in every way there is, with every move on offer: it ends bit for bit as if nothing had been."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import emcee
import numpy as np
import pytest
from conftest import Result, bench_config, process, wait_until

from calibrate import chain
from calibrate.chain.disk import Disk
from calibrate.config import MovesConfig
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run

Command = Callable[..., Result]
ENDLESS = "100000000"


def rows(path: Path) -> np.ndarray:
    """Return all that is stored, having checked that each row has its own log-probability."""
    run = open_run(path)
    coords, log_prob = np.asarray(run.chains.coords[:]), np.asarray(run.chains.log_prob[:])
    right = run.posterior.log_prob(coords.reshape(-1, coords.shape[-1]))
    np.testing.assert_array_equal(right, log_prob.ravel())
    return np.concatenate([coords, log_prob[..., np.newaxis]], axis=-1)


class Full(Disk):
    """A disk that has no room left after some writes."""

    left = 40

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        type(self).left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        super().write(fd, data, offset)


def stop_by(number: signal.Signals, path: Path, more: int) -> None:
    """Resume in a process of its own, and send it a signal once it has stored some more steps."""
    before = open_run(path).stored
    writer = process("resume", path, "--steps", ENDLESS, cwd=path.parent)
    try:
        wait_until(lambda: open_run(path).stored >= before + more, writer)
        writer.send_signal(number)
        _, err = writer.communicate(timeout=240)
    finally:
        writer.kill()
    if number == signal.SIGKILL:
        assert writer.returncode == -signal.SIGKILL
    else:
        assert writer.returncode == 130
        assert "the file is whole: calibrate resume" in err
        emcee.backends.HDFBackend(str(path), name="ensemble_0", read_only=True).get_chain()


def test_stopped_in_every_way_a_chain_is_that_of_a_run_never_stopped(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole = tmp_path / "run.h5", tmp_path / "whole.h5"
    # Every move, by turns: one that did not go on as it would have shows in the very next step.
    moves = ", ".join(f"{move} = 0.25" for move in MovesConfig.model_fields)

    def settings(steps: int) -> str:
        return (
            f"[sampling]\nmoves = {{ {moves} }}\nthin = 3\nensembles = 3\nwalkers = 16\n"
            f"min_ess = 1e9\nmax_steps = {steps}\n"
        )

    start_run(bench_config(extra=settings(21)), path)
    stop_by(signal.SIGTERM, path, 20)
    stop_by(signal.SIGKILL, path, 20)
    stop_by(signal.SIGINT, path, 20)
    before = open_run(path).stored
    assert command("resume", path, "--steps", ENDLESS, "--max-time", 1e-3, "--workers", 2).code == 3
    after = open_run(path).stored
    assert before < after
    monkeypatch.setattr("calibrate.chain.writer.Disk", Full)
    monkeypatch.setattr(Full, "left", _writes_to_begin(path) + 40)
    result = command("resume", path, "--steps", ENDLESS)
    assert result.code == 1
    assert "No space left on device" in result.err
    monkeypatch.undo()
    stored = open_run(path).stored
    resume_run(path, steps=9)
    assert open_run(path).stored == stored + 3
    start_run(bench_config(extra=settings(3 * (stored + 3))), whole)
    np.testing.assert_array_equal(rows(path), rows(whole))
    # What the next step depends on is the same, too.
    for i in range(3):
        one, other = (emcee.backends.HDFBackend(str(p), name=f"ensemble_{i}", read_only=True) for p in (path, whole))
        np.testing.assert_array_equal(one.accepted, other.accepted)
        for found, wanted in zip(one.random_state, other.random_state, strict=True):
            np.testing.assert_array_equal(found, wanted)


def _writes_to_begin(path: Path) -> int:
    """Count the writes that make a copy of the file live."""
    copy = path.with_name("copy.h5")
    copy.write_bytes(path.read_bytes())

    class Counting(Disk):
        count = 0

        def write(self, fd: int, data: memoryview, offset: int) -> None:
            type(self).count += 1
            super().write(fd, data, offset)

    with chain.ChainWriter(copy, disk=Counting()):
        pass
    copy.unlink()
    return Counting.count
