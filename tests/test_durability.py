"""`durability = "fsync"`: what is reported as stored is there after the machine has lost power.

The disk underneath the writer keeps what was synced apart from what was not. At any moment the power may go: what was
synced stays, of the rest any part may have reached the disk, each write whole, half or not at all, in any order, and a
new name or the old one.
"""

from __future__ import annotations

import math
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chains import ORIGIN, STARTS, check_finished, small_chunks, store, stored

from calibrate import chain
from calibrate.chain.disk import Disk
from calibrate.errors import ChainError

pytestmark = pytest.mark.usefixtures(small_chunks.__name__)

# Three steps of both ensembles fill this buffer; the file has room for 4 steps, then 8, 16, 32.
BUFFER, ROOM = 7 * 8 * 2 * 12 * 3, 4


@dataclass
class Content:
    """One file: what is on the disk for certain, and the writes since, each (offset, bytes), or a length."""

    safe: bytes = b""
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)

    def after(self, writes: list[tuple[int, bytes] | int]) -> bytes:
        """Return the content if these writes have reached the disk."""
        content = bytearray(self.safe)
        for write in writes:
            if isinstance(write, int):
                content[write:] = bytes(max(0, write - len(content)))
            else:
                offset, data = write
                content.extend(bytes(max(0, offset - len(content))))
                content[offset : offset + len(data)] = data
        return bytes(content)


class Power(Disk):
    """A disk in a machine whose power may go, with one kind of sync left out if told so.

    `log` has a letter for each call: `h` a write to the hidden file, `r` rows and `s` a slot of the one in use, `H` and
    `R` and `S` the sync that follows it, `N` the new name, `F` the folder's sync.
    """

    def __init__(self, path: Path, without: str = "") -> None:
        self.path, self.without, self.log = path, without, ""
        self.writer: chain.ChainWriter | None = None
        self.reported = -1  # steps; nothing until the file is there
        self.failures: list[str] = []
        self.looks = 0
        self._named: dict[Path, Content] = {}
        self._opened: dict[int, Content] = {}
        self._certain: Content | None = None  # whose name is on the disk

    def create(self, path: Path) -> int:
        fd = super().create(path)
        self._named[path] = self._opened[fd] = Content()
        return fd

    def open(self, path: Path) -> int:
        fd = super().open(path)
        self._opened[fd] = self._named[path]
        return fd

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        super().write(fd, data, offset)
        self._opened[fd].pending.append((offset, bytes(data)))
        self._called(fd, "h" if self._hidden(fd) else "s" if bytes(data[:8]) == b"calibrat" else "r")

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        self._opened[fd].pending.append(size)
        self._called(fd, "h")

    def sync(self, fd: int) -> None:
        kind = self.log[-1].upper()
        if kind != self.without:
            content = self._opened[fd]
            content.safe, content.pending = content.after(content.pending), []
        self._called(fd, kind)

    def replace(self, new: Path, old: Path) -> None:
        super().replace(new, old)
        self._named[old] = self._named.pop(new)
        self.log += "N"
        self._lose_power()

    def sync_folder(self, folder: Path) -> None:
        if self.without != "F":
            self._certain = self._named[self.path]
        self.log += "F"
        self._lose_power()

    def _hidden(self, fd: int) -> bool:
        return self._opened[fd] is not self._named.get(self.path)

    def _called(self, fd: int, kind: str) -> None:
        self.log += kind
        if not self._hidden(fd):
            self._lose_power()

    def _lose_power(self) -> None:
        """See for many a way to lose power now what is left; one failure is enough."""
        if self.failures:
            return
        if self.writer is not None:
            self.reported = min(self.writer.stored)
        twin = self.path.with_name("twin.h5")
        for content in {id(c): c for c in (self._certain, self._named.get(self.path))}.values():
            if content is None:
                if self.reported >= 0:
                    self.failures.append(f"{self.log[-9:]}: no file")
                continue
            for part in outcomes(content.pending, len(self.log)):
                self.looks += 1
                twin.write_bytes(content.after(part))
                try:
                    steps = stored(twin)
                    if steps < self.reported:
                        self.failures.append(f"{self.log[-9:]}: {steps} steps of {self.reported}")
                except (ChainError, AssertionError) as error:
                    self.failures.append(f"{self.log[-9:]}: {str(error)[:60]}")
        twin.unlink(missing_ok=True)


def outcomes(pending: list[tuple[int, bytes] | int], seed: int) -> Iterator[list[tuple[int, bytes] | int]]:
    """Yield parts of the pending writes that may have reached the disk."""
    yield []
    if not pending:
        return
    yield pending
    yield pending[-1:]
    yield pending[1:]
    yield pending[:-1]
    last = pending[-1]
    if not isinstance(last, int):
        yield [*pending[:-1], (last[0], last[1][: len(last[1]) // 2])]
    rng = random.Random(seed)
    for _ in range(3):
        some = [write for write in pending if rng.random() < 0.5]
        rng.shuffle(some)
        yield some


def history(path: Path, disk: Power, durability: str = "fsync") -> None:
    """Create, write, enlarge twice and finish a file; then take it up again and finish it."""
    chain.create(path, ORIGIN, STARTS, durability=durability, capacity=ROOM, disk=disk)
    disk.reported = 0
    for steps in (11, 14):
        given = {"durability": durability, "capacity": ROOM, "buffer": BUFFER, "late": math.inf, "disk": disk}
        with chain.ChainWriter(path, **given) as writer:
            disk.writer = writer
            store(writer, steps)
            writer.finish()


def test_no_loss_of_power_takes_what_was_reported_as_stored(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    disk = Power(path)
    history(path, disk)
    assert disk.failures == []
    assert disk.looks > 300
    check_finished(path, 14)
    # Rows are synced before their record, and a new file before its name.
    assert re.fullmatch(r"h+HNF((r+RsS)|(h+HNF))+", disk.log)
    assert disk.log.count("NF") == 6  # made, enlarged twice, finished, taken up again, finished
    assert disk.log.count("sS") >= 5


@pytest.mark.parametrize("sync", ["R", "S", "H", "F"])
def test_negative_control_without_one_of_the_syncs_something_is_lost(sync: str, tmp_path: Path) -> None:
    disk = Power(tmp_path / "run.h5", without=sync)
    history(disk.path, disk)
    assert disk.failures


def test_negative_control_without_durability_nothing_is_synced_and_much_is_lost(tmp_path: Path) -> None:
    disk = Power(tmp_path / "run.h5")
    history(disk.path, disk, "process")
    assert not set(disk.log) & set("RSHF")
    assert disk.failures


def test_syncs_reach_the_operating_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd: synced.append(os.fstat(fd).st_mode & 0o170000))
    path = tmp_path / "run.h5"
    chain.create(path, ORIGIN, STARTS, capacity=ROOM)
    assert synced == []
    chain.create(path, ORIGIN, STARTS, durability="fsync", capacity=ROOM)
    assert synced == [0o100000, 0o040000]  # the file, then its folder
