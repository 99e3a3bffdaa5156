"""Reading the file of a shard, or of a batch of one: what came of each knee, one at a time.

It may be a stranger's: what is read is bounded by what the file holds, typed and checked, and refused in a sentence
where it is not as it should be.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain import guard
from calibrate.chain.layout import open_stream
from calibrate.chain.origin import reason
from calibrate.chain.reader import check_file, is_hdf5
from calibrate.errors import CalibrateError, ChainError
from calibrate.study.file import DRAWS, FORMAT, SCHEMA, STATUSES, TEXTS, Head, Record, sealed

# Bytes of a knee's texts: of its id and why it failed, its configuration and covariates, its summary, its data.
_MOST = {"id": 2**8, "message": 2**14, "covariates": 2**18, "config": 2**20, "summary": 2**22, "data": 2**28}
_TROUBLE = (CalibrateError, OSError, MemoryError, LookupError, ValueError, TypeError, AttributeError, RuntimeError)


class ShardFile:
    """A file of a shard or of a batch; it is open only while something is read from it."""

    def __init__(self, path: Path, head: Head, ids: tuple[str, ...]) -> None:
        self.path, self.head, self.ids = path, head, ids

    def each(self) -> Iterator[Record | ChainError]:
        """Yield what came of each knee, or of one whose record is damaged what is wrong with it.

        Raises
        ------
        ChainError
            If the file is damaged where all knees have their part.
        """
        with _reading(self.path) as f:
            columns = _Columns(f)
            for row in range(columns.knees):
                found: Record | ChainError
                try:
                    with translated(self.path):
                        found = columns.record(row)
                except ChainError as error:
                    found = error
                yield found

    def records(self, first: int = 0) -> Iterator[Record]:
        """Yield what came of each knee, as the file has it.

        Raises
        ------
        ChainError
            If the file is damaged.
        """
        return records_of(self.path, first)


def records_of(path: Path, first: int = 0) -> Iterator[Record]:
    """Yield what came of each knee from a row on; the file is looked through once.

    Raises
    ------
    ChainError
        If it holds no results of a study, or is damaged.
    """
    with _reading(path) as f:
        columns = _Columns(f)
        for row in range(first, columns.knees):
            yield columns.record(row)


def open_shard(path: Path) -> ShardFile:
    """Open a file of a shard or of a batch.

    Raises
    ------
    ChainError
        If it is none, or damaged.
    """
    with _reading(path) as f:
        head = _head(f, path)
        columns = _Columns(f)
        ids = tuple(columns.text("id", row) for row in range(columns.knees))
    if len(set(ids)) < len(ids) or not all(knee.isprintable() for knee in ids):
        raise ChainError(f"{path}: holds a knee twice, or one without a proper name; the file was altered")
    return ShardFile(path, head, ids)


def _head(f: h5py.File, path: Path) -> Head:
    schema = guard.whole_number(f, "schema_version")
    if schema != SCHEMA:
        raise ChainError(f"{path}: written by another calibrate (schema {schema}; this one has {SCHEMA})")
    numbers = {name: guard.whole_number(f, name, 2**32) for name in ("shard", "shards", "planned", "total")}
    head = Head(**numbers, study=guard.word(f, "study"))
    said: dict[str, Any] = {"format": FORMAT, "schema_version": schema, "versions": guard.word(f, "versions")} | asdict(
        head
    )
    if sealed(said) != guard.word(f, "sha256"):
        raise ValueError("its attributes do not match their SHA-256")
    if not isinstance(json.loads(head.study), dict):
        raise ValueError("study is none")
    if not 1 <= head.shard <= head.shards <= head.total + head.shards or head.planned > head.total:
        raise ValueError(f"it is shard {head.shard} of {head.shards}")
    return head


class _Columns:
    """The columns of an open file, checked."""

    def __init__(self, f: h5py.File) -> None:
        self._f = f
        self.seed = _whole(f, "seed", (None,))
        self.knees = len(self.seed)
        self.status = guard.content(guard.numbers(f, "status", (self.knees,), kind=h5py.h5t.STD_U8LE))
        if self.status.max(initial=0) >= len(STATUSES):
            raise ValueError("status is none")
        if self.seed.min(initial=0) < 0:
            raise ValueError("seed is none")
        self._flat: dict[str, h5py.Dataset] = {}
        self._ends: dict[str, NDArray[Any]] = {}
        for name in (*TEXTS, *DRAWS):
            kind = h5py.h5t.STD_U8LE if name in TEXTS else h5py.h5t.IEEE_F64LE
            self._flat[name] = guard.numbers(f, name, (None,), kind=kind)
            ends = self._ends[name] = _whole(f, f"{name}_end", (self.knees,))
            if (np.diff(ends, prepend=0) < 0).any() or (ends[-1] if self.knees else 0) != len(self._flat[name]):
                raise ValueError(f"{name}_end does not divide {name}")

    def _part(self, name: str, row: int) -> NDArray[Any]:
        first, stop = int(self._ends[name][row - 1]) if row else 0, int(self._ends[name][row])
        if name in _MOST and stop - first > _MOST[name]:
            raise ValueError(f"{name} of a knee has {stop - first} bytes, more than the {_MOST[name]} that it may have")
        try:
            return np.asarray(self._flat[name][first:stop])
        except OSError:
            raise ValueError(f"{name} does not match its checksum") from None

    def text(self, name: str, row: int) -> str:
        """Return a knee's text."""
        return bytes(self._part(name, row)).decode()

    def record(self, row: int) -> Record:
        """Return a knee."""
        texts = {name: self.text(name, row) for name in TEXTS}
        draws, log_prob = (self._part(name, row) for name in DRAWS)
        guard.check_rows(draws, "draws")
        guard.check_rows(log_prob, "log_prob")
        if len(draws) % max(len(log_prob), 1) or (len(draws) > 0) != (len(log_prob) > 0):
            raise ValueError("draws and log_prob do not belong together")
        rows = draws.reshape(len(log_prob), -1) if len(log_prob) else draws.reshape(0, 0)
        return Record(
            **texts, seed=int(self.seed[row]), status=STATUSES[self.status[row]], draws=rows, log_prob=log_prob
        )


def _whole(f: h5py.File, name: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    return guard.content(guard.numbers(f, name, shape, kind=h5py.h5t.STD_I64LE))


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    check_file(path)
    if not is_hdf5(path):
        raise ChainError(f"{path}: is no HDF5 file, so no results of a study")
    with translated(path), open_stream(path) as f:
        if not guard.has(f, "format") or guard.word(f, "format") != FORMAT:
            raise ChainError(f"{path}: this HDF5 file holds no results of a study")
        yield f


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn everything that a damaged or foreign file can cause into one sentence."""
    try:
        yield
    except ChainError:
        raise
    except (
        CalibrateError,
        OSError,
        MemoryError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as e:
        raise ChainError(f"{path}: truncated, damaged or no results of a study ({reason(e)})") from None
