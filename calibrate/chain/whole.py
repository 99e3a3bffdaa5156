"""Writing a whole new chain file: to begin a run, give it more room, leave it at rest, or save what is whole of it.

It is written under a hidden name and then given its own, so under that name there is the old file or the new one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain.checksum import with_checksum
from calibrate.chain.disk import Disk, HDF5Stream
from calibrate.chain.layout import GROUP, SLOTS, chunk_rows, places_of, put_attributes
from calibrate.chain.origin import reason
from calibrate.chain.slots import EnsembleState, pack, record_size
from calibrate.errors import ChainError
from calibrate.files import unfinished

FloatArray = NDArray[np.float64]
RowReader = Callable[[int, int, int], tuple[FloatArray, FloatArray]]

# Bytes that a new file has room for at least: holes, which take no space until they are written.
_ROOM = 2**26


def temporary(path: Path) -> Path:
    """Return the hidden name under which a run's next file is written: always the same, so none is left over."""
    return path.with_name(f".{path.name}.new")


def companions(path: Path) -> tuple[Path, Path]:
    """Return the names that writing a run takes besides its own: the next file's, and the lock's."""
    file = Path(os.path.realpath(path))
    return temporary(file), file.with_name(file.name + ".lock")


def make_way(new: Path) -> None:
    """Remove what a killed process has left under a hidden name, but nothing else that has that name.

    Raises
    ------
    ChainError
        If it is no beginning of a chain file.
    """
    with contextlib.suppress(OSError):
        with new.open("rb") as file:
            head = file.read(8)
        if head.strip(b"\0") and head != b"\x89HDF\r\n\x1a\n":
            raise ChainError(f"{new}: is in the way, for a run is first written under that name; give it another")
        new.unlink(missing_ok=True)


def real(path: Path) -> Path:
    """Return the file that a name stands for: what a link points to is replaced, not the link.

    Raises
    ------
    ChainError
        If links lead in a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise ChainError(f"{path}: cannot be written ({reason(error)})") from None


def create(
    path: Path,
    origin: Any,
    starts: FloatArray,
    *,
    durability: Literal["process", "fsync"] = "process",
    capacity: int | None = None,
    disk: Disk | None = None,
) -> None:
    """Write a new run with nothing stored yet; it appears under its name only when it is whole.

    Parameters
    ----------
    path : Path
        The file; one that is there is replaced.
    origin : callable
        Writes the group `calibrate`; see `calibrate.chain.origin.new_origin`.
    starts : ndarray, shape (ensembles, walkers, ndim)
        The first walkers.
    durability : {"process", "fsync"}
        See `ChainWriter`.
    capacity : int, optional
        Steps that it has room for at first.
    disk : Disk, optional
        To write with.

    Raises
    ------
    ChainError
        If it cannot be written.
    """
    ensembles, walkers, ndim = starts.shape
    states = [EnsembleState(0, np.zeros(walkers), None) for _ in range(ensembles)]
    rows = room(ensembles, walkers, ndim) if capacity is None else capacity

    def none(ensemble: int, first: int, stop: int) -> Any:
        raise AssertionError("a new run has no rows")

    try:
        write_file(
            real(path),
            origin,
            (walkers, ndim),
            states,
            none,
            capacity=rows,
            sync=durability == "fsync",
            disk=disk or Disk(),
        )
    except OSError as error:
        raise ChainError(f"{path}: cannot be written ({reason(error)})") from None


def room(ensembles: int, walkers: int, ndim: int) -> int:
    """Return the steps that a new file has room for: whole chunks, so that it rarely has to be enlarged."""
    rows = chunk_rows(walkers)
    return rows * max(1, _ROOM // (8 * ensembles * walkers * (ndim + 1) * rows))


def write_file(
    path: Path,
    origin: Callable[[h5py.File], None],
    shape: tuple[int, int],
    states: Sequence[EnsembleState],
    rows: RowReader,
    *,
    capacity: int | None,
    compression: str = "none",
    sync: bool = False,
    disk: Disk,
) -> None:
    """Write a whole new file beside `path`, then give it that name: whoever opens `path` finds the old or the new.

    Parameters
    ----------
    path : Path
        The name.
    origin : callable
        Writes the group `calibrate`.
    shape : tuple of int
        Walkers and dimensions.
    states : sequence of EnsembleState
        How far each ensemble has come.
    rows : callable
        Gives steps `first` to `stop` of an ensemble: coordinates (ndim, n, walkers) and log-probabilities
        (1, n, walkers).
    capacity : int or None
        Steps that a live file has room for; None for a file at rest.
    compression : {"none", "gzip"}
        Of a file at rest.
    sync : bool
        Wait for the disk before and after the new file gets the name.
    disk : Disk
        To write with.

    Raises
    ------
    OSError
        If it cannot be written; then the file of that name is as it was.
    """
    new = temporary(path)
    make_way(new)
    with unfinished(new):
        _write_new(new, path, origin, shape, states, rows, capacity, compression, sync, disk)


def _write_new(
    new: Path,
    path: Path,
    origin: Callable[[h5py.File], None],
    shape: tuple[int, int],
    states: Sequence[EnsembleState],
    rows: RowReader,
    capacity: int | None,
    compression: str,
    sync: bool,
    disk: Disk,
) -> None:
    """Do what `write_file` says; what is left of `new` in the end is the caller's to remove."""
    stream = HDF5Stream(disk.create(new), disk)
    try:
        try:
            with h5py.File(stream, "w") as f:
                origin(f)
                for i, state in enumerate(states):
                    group = f.create_group(f"ensemble_{i}")
                    _write_ensemble(group, shape, state, capacity, compression != "none")
                    if capacity is None:
                        _fill(group, _blocks(rows, i, state.iteration, group["chain"].chunks[0]), stream)
                tables = []
                if capacity is not None:
                    _write_slots(f[GROUP], states, shape[0])
                    places = places_of(f, len(states))
                    tables = [*zip(places.chain, places.log_prob, strict=True)]
        except Exception:
            stream.check()  # the first cause, in place of what HDF5 made of it
            raise
        stream.check()
        for i, (chain, log_probs) in enumerate(tables):
            for first, block, log_prob in _blocks(rows, i, states[i].iteration, chain.rows):
                chain.write(disk, stream.fd, first, block)
                log_probs.write(disk, stream.fd, first, log_prob)
        if sync:
            disk.sync(stream.fd)
        disk.replace(new, path)
        if sync:
            disk.sync_folder(path.parent)
    finally:
        stream.close()


def _fill(group: h5py.Group, blocks: Iterator[tuple[int, FloatArray, FloatArray]], stream: HDF5Stream) -> None:
    """Write the rows of a file at rest, a chunk at a time."""
    chain, log_probs = group["chain"], group["log_prob"]
    size, walkers = log_probs.chunks
    for first, block, log_prob in blocks:
        stop = first + block.shape[1]
        if chain.compression is not None:
            for column, values in enumerate(block):
                chain[first:stop, :, column] = values
            log_probs[first:stop] = log_prob[0]
        else:
            padded = np.full((len(block) + 1, size, walkers), np.nan)
            padded[:-1, : stop - first], padded[-1, : stop - first] = block, log_prob[0]
            for column, values in enumerate(padded[:-1]):
                chain.id.write_direct_chunk((first, 0, column), with_checksum(values))
            log_probs.id.write_direct_chunk((first, 0), with_checksum(padded[-1]))
        stream.check()  # HDF5 goes on without a word


def _blocks(rows: RowReader, ensemble: int, steps: int, size: int) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    for first in range(0, steps, size):
        block, log_prob = rows(ensemble, first, min(steps, first + size))
        yield first, np.ascontiguousarray(block), np.ascontiguousarray(log_prob)


def _write_ensemble(
    group: h5py.Group, shape: tuple[int, int], state: EnsembleState, capacity: int | None, compressed: bool
) -> None:
    walkers, ndim = shape
    put_attributes(group, state, shape)
    steps = state.iteration if capacity is None else capacity
    # As few chunks as need be, and these as even as can be: no last one that is nearly empty.
    chunks = max(1, -(-steps // chunk_rows(walkers)))
    size = max(1, -(-steps // chunks))
    for name, row in (("chain", (walkers, ndim)), ("log_prob", (walkers,))):
        chunk = (size, walkers, 1) if name == "chain" else (size, walkers)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(chunk)
        if capacity is not None:
            # All places are settled now and never change; what is not written stays a hole in the file.
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        else:
            if compressed:
                plist.set_shuffle()
                plist.set_deflate(4)
            plist.set_fletcher32()
            # A chunk that a damaged index does not lead to any more shows.
            plist.set_fill_value(np.array(np.nan))
        space = h5py.h5s.create_simple((steps, *row), (h5py.h5s.UNLIMITED, *row))
        h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F64LE, space, plist)


def _write_slots(group: h5py.Group, states: Sequence[EnsembleState], walkers: int) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple((2, record_size(len(states), walkers)))
    h5py.h5d.create(group.id, SLOTS.encode(), h5py.h5t.STD_U8LE, space, plist)
    group[SLOTS][0] = np.frombuffer(pack(0, states), dtype=np.uint8)


def rows_of(f: h5py.File) -> RowReader:
    """Return the reader of a file's rows that `write_file` takes; one parameter at a time, as they lie."""

    def rows(ensemble: int, first: int, stop: int) -> tuple[FloatArray, FloatArray]:
        chain = f[f"ensemble_{ensemble}/chain"]
        block = np.stack([chain[first:stop, :, column] for column in range(chain.shape[2])])
        return block, f[f"ensemble_{ensemble}/log_prob"][first:stop][np.newaxis]

    return rows
