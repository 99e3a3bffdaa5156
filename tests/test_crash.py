"""A process killed at any moment: after every single write the file is opened, checked and, here and there, resumed.

What is on the disk after a call is what a kill right after it leaves behind, so the disk underneath the writer looks
at the file between any two calls, and in the middle of each.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from chains import ENSEMBLES, NDIM, ORIGIN, STARTS, WALKERS, check_finished, small_chunks, step, store, stored

from calibrate import chain
from calibrate.chain.disk import Disk, HDF5Stream
from calibrate.chain.whole import temporary
from calibrate.errors import ChainError

pytestmark = pytest.mark.usefixtures(small_chunks.__name__)


class WatchedDisk(Disk):
    """Looks at the file after every call that touches it, and after the first half of every write.

    A call that touches another file, the one being written under the hidden name, leaves this one as it was.
    """

    def __init__(self, path: Path, look: Callable[[], None]) -> None:
        self._path, self._look = path, look
        self.calls = 0

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        half = data.nbytes // 2
        for part, place in ((data[:half], offset), (data[half:], offset + half)):
            super().write(fd, part, place)
            self._seen(fd)

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        self._seen(fd)

    def replace(self, new: Path, old: Path) -> None:
        super().replace(new, old)
        self.calls += 1
        self._look()

    def _seen(self, fd: int) -> None:
        self.calls += 1
        if self._path.exists() and os.fstat(fd).st_ino == self._path.stat().st_ino:
            self._look()


class Failing(Disk):
    """Fails one call, and all after it, as a full disk does."""

    def __init__(self, at: int) -> None:
        self._left = at

    def _call(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise OSError(28, "No space left on device")

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        half = data.nbytes // 2
        super().write(fd, data[:half], offset)
        self._call()
        super().write(fd, data[half:], offset + half)

    def truncate(self, fd: int, size: int) -> None:
        self._call()
        super().truncate(fd, size)

    def replace(self, new: Path, old: Path) -> None:
        self._call()
        super().replace(new, old)

    def sync(self, fd: int) -> None:
        self._call()

    def sync_folder(self, folder: Path) -> None:
        self._call()


def test_after_every_single_write_the_file_holds_what_was_promised(tmp_path: Path) -> None:
    path, twin = tmp_path / "run.h5", tmp_path / "twin.h5"
    seen: list[int] = []
    writer: chain.ChainWriter | None = None

    def look() -> None:
        seen.append(stored(path))
        assert seen[-1] >= (0 if writer is None else min(writer.stored))
        if len(seen) % 97 == 0:  # a process killed here would be resumed from just this
            twin.write_bytes(path.read_bytes())
            with chain.ChainWriter(twin, capacity=5) as other:
                store(other, seen[-1] + 9)
                other.finish()
            check_finished(twin, seen[-1] + 9)

    disk = WatchedDisk(path, look)
    chain.create(path, ORIGIN, STARTS, capacity=4, disk=disk)
    writer = chain.ChainWriter(path, buffer=7 * 8 * 2 * 12 * 3, late=math.inf, disk=disk)
    store(writer, 20)  # blocks of three steps; room for 4, then 8, 16, 32
    writer.finish()
    check_finished(path, 20)
    writer = chain.ChainWriter(path, compression="gzip", capacity=4, disk=disk)
    store(writer, 31)
    writer.finish()
    check_finished(path, 31)
    assert disk.calls > 500
    # Three steps fill a buffer, in turn of one ensemble and of the other, which is a step ahead or level by then.
    assert {0, 2, 5, 7, 10, 12, 15, 17, 20, 31} <= set(seen)
    assert not temporary(path).exists()


def test_negative_control_resizing_in_place_does_not_survive_every_write(tmp_path: Path) -> None:
    path = tmp_path / "grown.h5"
    wrong = 0
    rows = np.arange(1.0, 385.0).reshape(-1, 3)

    def look() -> None:
        nonlocal wrong
        try:
            with h5py.File(path, "r", locking=False) as f:
                assert np.array_equal(f["rows"][:64], rows[:64])
        except (OSError, RuntimeError, KeyError, AssertionError):
            wrong += 1

    with h5py.File(path, "w") as f:
        f.create_dataset("rows", data=rows[:64], maxshape=(None, 3), chunks=(1, 3))
    stream = HDF5Stream(Disk().open(path), WatchedDisk(path, look))
    with h5py.File(stream, "r+") as f:
        f["rows"].resize(128, axis=0)
        f["rows"][64:] = rows[64:]
    stream.close()
    assert wrong > 0


def test_a_disk_that_fails_at_any_call_loses_nothing_and_the_run_goes_on_once_it_works(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    at, completed = 0, False
    while not completed:
        disk, promised = Failing(at), 0
        try:
            chain.create(path, ORIGIN, STARTS, durability="fsync", capacity=4, disk=disk)
            with chain.ChainWriter(path, durability="fsync", buffer=7 * 8 * 2 * 12 * 3, disk=disk) as writer:
                try:
                    store(writer, 7)
                    writer.finish()
                    completed = True
                finally:
                    promised = min(writer.stored)
        except ChainError as error:
            assert "No space left on device" in str(error)  # noqa: PT017  # not every call that fails ends the run
            assert not path.exists() or stored(path) == 0  # all is there, only not for certain
            path.unlink(missing_ok=True)
        except OSError as error:
            assert error.errno == 28  # noqa: PT017  # not every call that fails ends the run
            assert stored(path) >= promised
            with chain.ChainWriter(path) as writer:
                store(writer, 7)
                writer.finish()
        if path.exists():
            check_finished(path, 7)
            path.unlink()
        assert list(tmp_path.iterdir()) == []
        at += 2
    assert at > 250


def test_a_step_is_late_by_a_second_at_most_even_if_steps_are_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = tmp_path / "run.h5", [0.0]
    monkeypatch.setattr("calibrate.chain.writer.time.monotonic", lambda: now[0])
    chain.create(path, ORIGIN, STARTS)
    with chain.ChainWriter(path) as writer:
        times: list[float] = []
        for i, pause in enumerate([0.01] * 150 + [0.3] * 9 + [0.7] * 5 + [5.0] * 3):
            now[0] += pause
            if i not in (150, 159, 164):  # a step that takes longer than the one before is not foreseen
                oldest = min(writer.stored)
                assert oldest == len(times) or now[0] - times[oldest] <= 1.0 + 1e-9
            for ensemble, backend in enumerate(writer.backends):
                backend.save_step(*step(ensemble, i))
            times.append(now[0])
        assert stored(path) >= 165


def test_reading_goes_on_in_the_file_that_was_opened_whatever_takes_its_name(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    chain.create(path, ORIGIN, STARTS, capacity=4)
    with chain.ChainWriter(path) as writer:
        store(writer, 3)
        writer.flush()
        look = chain.read_chains(path)
        store(writer, 40)
        writer.finish()
    assert look.coords.shape == (ENSEMBLES, 3, WALKERS, NDIM)
    np.testing.assert_array_equal(look.coords[1], [step(1, i)[0].coords for i in range(3)])
    assert stored(path) == 40


def test_a_torn_record_does_not_count_and_two_torn_ones_are_said(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    chain.create(path, ORIGIN, STARTS, capacity=4)
    with chain.ChainWriter(path) as writer:
        for steps in (2, 3):
            store(writer, steps)
            writer.flush()
    with h5py.File(path, "r+") as f:
        f["calibrate/slots"][0, 40] ^= 1  # the second record, of three steps, is in slot 0
    assert stored(path) == 2
    with h5py.File(path, "r+") as f:
        f["calibrate/slots"][1, 40] ^= 1
    with pytest.raises(ChainError, match="calibrate repair"):
        stored(path)


def test_real_runs_killed_at_random_end_bit_for_bit_as_if_nothing_had_been() -> None:
    top = Path(__file__).parents[1]
    line = [sys.executable, "-m", "benchmarks.kills", "--kills", "8"]
    done = subprocess.run(line, cwd=top, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("8 kills: ")
