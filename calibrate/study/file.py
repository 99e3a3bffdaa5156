"""The file of a shard: what came of each of its knees, column by column, so that many knees are a few datasets.

Attributes of the file say what it is: `format` ("calibrate cohort"), `schema_version`, `shard` and `shards`, `planned`
(knees that the shard is to have), `total` (knees of the study), `study` (JSON: its seed, settings and draws kept) and
`versions` (JSON). A column of numbers is a dataset with one for each knee: `seed`, `status` (0 converged, 1 not
converged, 2 failed). A column of texts or of draws is two: all of them one after another, and under `NAME_end` where
each knee's ends: `id`, `message`, `covariates`, `config`, `data` and `summary` (bytes of UTF-8; the last four are
JSON), `draws` (draw after draw, parameters as in the summary) and `log_prob`. What is finished is in
`shard-0001-of-0100.h5`; batches on the way there are files of the same kind, not packed, in
`shard-0001-of-0100.parts`.

HDF5 and not Parquet, because each package that can read one must have the other's library besides, and runs are HDF5:
same library, same checksums (Fletcher32 of each chunk), same guard against what a stranger may have made.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate import __version__
from calibrate.chain.disk import Disk, HDF5Stream
from calibrate.chain.whole import make_way, temporary
from calibrate.files import unfinished

FloatArray = NDArray[np.float64]
Status = Literal["converged", "not converged", "failed"]

FORMAT, SCHEMA = "calibrate cohort", 1
STATUSES: tuple[Status, ...] = ("converged", "not converged", "failed")
TEXTS = ("id", "message", "covariates", "config", "data", "summary")
DRAWS = ("draws", "log_prob")
_PACKAGES = ("emcee", "numpy", "scipy", "h5py", "numba")
# Knees that are held in memory while a file is written; the file does not depend on how they come.
_GROUP = 64
# Elements of a chunk.
_BYTES, _NUMBERS, _ROWS = 2**17, 2**14, 2**10
_NOTHING = {"u1": 255, "<i8": -1, "<f8": np.nan}


@dataclass(frozen=True)
class Head:
    """What a shard's file says of the study.

    Attributes
    ----------
    shard, shards : int
        Which part of how many.
    planned : int
        Knees that the shard is to have.
    total : int
        Knees of the whole study.
    study : str
        JSON of what all knees have in common: seed, settings, draws kept, version of the model.
    """

    shard: int
    shards: int
    planned: int
    total: int
    study: str


@dataclass(frozen=True)
class Record:
    """What came of a knee, as the file has it.

    Attributes
    ----------
    id, message, covariates, config, data, summary : str
        `covariates`, `config`, `data` and `summary` are JSON. The message says why a knee failed.
    seed : int
        Of its chain.
    status : {"converged", "not converged", "failed"}
        What came of it.
    draws : ndarray, shape (n, ndim)
        Thinned draws; none of a knee that failed.
    log_prob : ndarray, shape (n,)
        Their log-posterior.
    """

    id: str
    seed: int
    status: Status
    message: str
    covariates: str
    config: str
    data: str
    summary: str
    draws: FloatArray
    log_prob: FloatArray


def shard_file(folder: Path, shard: int, shards: int) -> Path:
    """Return the file of a shard."""
    return folder / f"shard-{shard:04d}-of-{shards:04d}.h5"


def parts_folder(folder: Path, shard: int, shards: int) -> Path:
    """Return the folder of a shard's finished batches."""
    return shard_file(folder, shard, shards).with_suffix(".parts")


def batch_file(parts: Path, ids: Iterable[str]) -> Path:
    """Return the file of a finished batch: the same knees, the same name."""
    return parts / f"batch-{hashlib.sha256('/'.join(ids).encode('utf-8', 'surrogateescape')).hexdigest()[:24]}.h5"


def batches_in(parts: Path) -> list[Path]:
    """Return the files of finished batches in a folder; none if there is no folder."""
    return sorted(parts.glob("batch-*.h5"))


def write(path: Path, head: Head, records: Iterable[Record], disk: Disk | None = None, *, packed: bool = True) -> None:
    """Write a file; it appears under its name when it is whole and on the disk, in the place of one that was there.

    The bytes depend on head and records alone, and on whether they are packed, which takes longer than all else.

    Raises
    ------
    OSError
        If it cannot be written; then nothing has changed.
    """
    disk = disk or Disk()
    new = temporary(path)
    make_way(new)
    with unfinished(new):
        stream = HDF5Stream(disk.create(new), disk)
        try:
            try:
                with h5py.File(stream, "w") as f:
                    _fill(f, head, iter(records), stream, packed)
            except Exception:
                stream.check()  # the first cause, in place of what HDF5 made of it
                raise
            stream.check()
            disk.sync(stream.fd)
            disk.replace(new, path)
            disk.sync_folder(path.parent)
        finally:
            stream.close()


def sealed(values: Mapping[str, str | int]) -> str:
    """Return the SHA-256 of a file's attributes, which have no checksum of HDF5's."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()


@cache
def _versions() -> str:
    """Return JSON of the versions of Python and the packages; to look them up takes longer than to write a knee."""
    own = {"calibrate": __version__, "python": platform.python_version()}
    return json.dumps(own | {name: version(name) for name in _PACKAGES})


def _fill(f: h5py.File, head: Head, records: Iterator[Record], stream: HDF5Stream, packed: bool) -> None:
    said: dict[str, str | int] = {"format": FORMAT, "schema_version": SCHEMA, "versions": _versions()}
    said |= asdict(head)
    for name, value in (said | {"sha256": sealed(said)}).items():
        f.attrs[name] = np.bytes_(value) if isinstance(value, str) else value
    for name in TEXTS:
        _column(f, name, "u1", _BYTES, packed)
    for name in DRAWS:
        _column(f, name, "<f8", _NUMBERS, packed)
    for name in (*TEXTS, *DRAWS):
        _column(f, f"{name}_end", "<i8", _ROWS, packed)
    _column(f, "seed", "<i8", _ROWS, packed)
    _column(f, "status", "u1", _ROWS, packed)
    while group := [*islice(records, _GROUP)]:
        _append(f["seed"], np.array([one.seed for one in group]))
        _append(f["status"], np.array([STATUSES.index(one.status) for one in group]))
        for name in TEXTS:
            # Bytes of a file's name that are no UTF-8 are written out; nothing but a message has any.
            texts = [getattr(one, name).encode("utf-8", "backslashreplace") for one in group]
            _append_ragged(f, name, [np.frombuffer(text, dtype=np.uint8) for text in texts])
        for name in DRAWS:
            _append_ragged(f, name, [getattr(one, name).reshape(-1) for one in group])
        stream.check()  # HDF5 goes on without a word


def _column(f: h5py.File, name: str, kind: str, chunk: int, packed: bool) -> None:
    """Make a column. A chunk that a damaged index does not lead to any more reads as what no column has."""
    f.create_dataset(
        name,
        (0,),
        kind,
        maxshape=(None,),
        chunks=(chunk,),
        shuffle=packed and kind != "u1",
        compression=(1 if kind == "<f8" else 4) if packed else None,  # there is little to gain in draws
        fletcher32=True,
        fillvalue=_NOTHING[kind],
    )


def _append_ragged(f: h5py.File, name: str, parts: Sequence[NDArray[Any]]) -> None:
    before = len(f[name])
    _append(f[name], np.concatenate(parts))
    _append(f[f"{name}_end"], before + np.cumsum([len(part) for part in parts]))


def _append(column: h5py.Dataset, values: NDArray[Any]) -> None:
    first = len(column)
    column.resize(first + len(values), axis=0)
    column[first:] = values
