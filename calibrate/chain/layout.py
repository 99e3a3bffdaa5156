"""Where things lie in a chain file: emcee's groups, their datasets, the two slots; and writing a whole new file.

A file is *at rest* or *live*. Both have emcee's layout. At rest there is exactly what was stored. Live, the datasets
have room for more, none of which is written yet, and `calibrate/slots` says how much of it counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain.disk import Disk, HDF5Stream, read_into
from calibrate.chain.slots import GENERATOR, EnsembleState, newest, pack, record_size
from calibrate.lean import emcee

FloatArray = NDArray[np.float64]
RowReader = Callable[[int, int, int], tuple[FloatArray, FloatArray]]

GROUP = "calibrate"
SLOTS = "slots"
# Bytes of one chunk: many steps of one parameter, so that reading a parameter reads little else.
_CHUNK = 2**18


@dataclass(frozen=True)
class Table:
    """A dataset of rows whose place in the file is known, so that rows are written without HDF5.

    Attributes
    ----------
    offsets : ndarray of int, shape (chunks, columns)
        Where each chunk begins, in bytes.
    rows : int
        Steps in a chunk.
    walkers : int
        Numbers of one step in a chunk.
    """

    offsets: NDArray[np.int64]
    rows: int
    walkers: int

    def write(self, disk: Disk, fd: int, first: int, block: FloatArray) -> None:
        """Write `block` (columns, steps, walkers), contiguous in its last two axes, from step `first` on."""
        for column, values in enumerate(block):
            for chunk, start, stop in self._spans(first, first + values.shape[0]):
                place = int(self.offsets[chunk, column]) + (start - chunk * self.rows) * self.walkers * 8
                disk.write(fd, _bytes(values[start - first : stop - first]), place)

    def read(self, fd: int, first: int, stop: int, step: int = 1) -> FloatArray:
        """Return steps `first:stop:step`, shape (columns, n, walkers)."""
        picked = range(first, stop, step)
        out = np.empty((self.offsets.shape[1], len(picked), self.walkers))
        whole = np.empty((self.rows, self.walkers))
        for column in range(out.shape[0]):
            done = 0
            for chunk, start, end in self._spans(first, stop):
                start += (first - start) % step
                if start >= end:
                    continue
                place = int(self.offsets[chunk, column]) + (start - chunk * self.rows) * self.walkers * 8
                part = whole[: end - start]
                if read_into(fd, _bytes(part), place) != part.nbytes:
                    raise OSError(f"the file ends before step {end}")
                few = part[::step]
                out[column, done : done + len(few)] = few
                done += len(few)
        return out

    def _spans(self, first: int, stop: int) -> list[tuple[int, int, int]]:
        """Cut steps `first` to `stop` at the chunks' borders: (chunk, start, end)."""
        return [
            (chunk, max(first, chunk * self.rows), min(stop, (chunk + 1) * self.rows))
            for chunk in range(first // self.rows, -(-stop // self.rows))
            if max(first, chunk * self.rows) < min(stop, (chunk + 1) * self.rows)
        ]


@dataclass(frozen=True)
class Places:
    """Where a live file is written: for each ensemble the rows of `chain` and `log_prob`, and the slots."""

    chain: list[Table]
    log_prob: list[Table]
    slots: tuple[int, int]
    capacity: int


def chunk_rows(walkers: int) -> int:
    """Return how many steps a chunk holds."""
    return max(1, _CHUNK // (8 * walkers))


def temporary(path: Path) -> Path:
    """Return the hidden name under which a run's next file is written: always the same, so none is left over."""
    return path.with_name(f".{path.name}.new")


def states_of(f: h5py.File, ensembles: int, walkers: int) -> tuple[list[EnsembleState], bool]:
    """Return how far each ensemble has come, and whether the file is live.

    Raises
    ------
    ValueError
        If the file is live and neither slot is whole.
    """
    if GROUP in f and SLOTS in f[GROUP]:
        found = newest(f[GROUP][SLOTS][...], ensembles, walkers)
        if found is None:
            raise ValueError("both records of how much is stored are damaged; 'calibrate repair' may save the rest")
        return found[1], True
    return [_attributes(f[f"ensemble_{i}"]) for i in range(ensembles)], False


def sequence_of(f: h5py.File, ensembles: int, walkers: int) -> int:
    """Return the sequence number of a live file's newest record."""
    found = newest(f[GROUP][SLOTS][...], ensembles, walkers)
    return 0 if found is None else found[0]


def _attributes(group: h5py.Group) -> EnsembleState:
    attrs = group.attrs
    state = None
    if "random_state_4" in attrs:
        state = (GENERATOR, *(attrs[f"random_state_{i}"] for i in range(1, 5)))  # the name is what it is
    return EnsembleState(int(attrs["iteration"]), np.asarray(group["accepted"][...], dtype=float), state)


def places_of(f: h5py.File, ensembles: int) -> Places:
    """Find the rows and slots of a live file."""
    chains = [f[f"ensemble_{i}/chain"] for i in range(ensembles)]
    log_probs = [f[f"ensemble_{i}/log_prob"] for i in range(ensembles)]
    slots = f[GROUP][SLOTS]
    offset = int(slots.id.get_offset())
    return Places(
        [_table(chain) for chain in chains],
        [_table(log_prob) for log_prob in log_probs],
        (offset, offset + slots.shape[1]),
        int(chains[0].shape[0]),
    )


def _table(dataset: h5py.Dataset) -> Table:
    rows, walkers = dataset.chunks[:2]
    columns = dataset.shape[2] if dataset.ndim == 3 else 1
    offsets = np.full((-(-dataset.shape[0] // rows), columns), -1, dtype=np.int64)

    def note(chunk: Any) -> None:
        where = chunk.chunk_offset
        offsets[where[0] // rows, where[2] if len(where) == 3 else 0] = chunk.byte_offset

    dataset.id.chunk_iter(note)
    if (offsets <= 0).any() or walkers != dataset.shape[1] or dataset.dtype != np.dtype("<f8"):
        raise ValueError(f"{dataset.name} does not have the room that it should")
    return Table(offsets, int(rows), int(walkers))


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
    stream = HDF5Stream(disk.create(new), disk)
    try:
        try:
            with h5py.File(stream, "w") as f:
                origin(f)
                compressed = capacity is None and compression != "none"
                for i, state in enumerate(states):
                    _write_ensemble(f.create_group(f"ensemble_{i}"), shape, state, capacity, compressed)
                if compressed:
                    for i, state in enumerate(states):
                        for first, block, log_prob in _blocks(rows, i, state.iteration, chunk_rows(shape[0])):
                            stop = first + block.shape[1]
                            for column, values in enumerate(block):
                                f[f"ensemble_{i}/chain"][first:stop, :, column] = values
                            f[f"ensemble_{i}/log_prob"][first:stop] = log_prob[0]
                if capacity is not None:
                    _write_slots(f[GROUP], states, shape[0])
                tables = [
                    (_table(f[f"ensemble_{i}/chain"]), _table(f[f"ensemble_{i}/log_prob"]))
                    for i in range(len(states))
                    if not compressed
                ]
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
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        stream.close()


def _bytes(values: FloatArray) -> memoryview:
    return memoryview(values.data).cast("B")


def _blocks(rows: RowReader, ensemble: int, steps: int, size: int) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    for first in range(0, steps, size):
        block, log_prob = rows(ensemble, first, min(steps, first + size))
        yield first, np.ascontiguousarray(block), np.ascontiguousarray(log_prob)


def _write_ensemble(
    group: h5py.Group, shape: tuple[int, int], state: EnsembleState, capacity: int | None, compressed: bool
) -> None:
    walkers, ndim = shape
    for key, value in {"version": emcee.__version__, "nwalkers": walkers, "ndim": ndim, "has_blobs": False}.items():
        group.attrs[key] = value
    group.attrs["iteration"] = state.iteration
    for i, value in enumerate(state.random_state or ()):
        group.attrs[f"random_state_{i}"] = value
    group["accepted"] = state.accepted
    steps = state.iteration if capacity is None else capacity
    # A file that is shorter than a chunk need not hold a whole one.
    size = max(1, min(chunk_rows(walkers), steps))
    for name, row in (("chain", (walkers, ndim)), ("log_prob", (walkers,))):
        chunk = (size, walkers, 1) if name == "chain" else (size, walkers)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(chunk)
        if compressed:
            plist.set_shuffle()
            plist.set_deflate(4)
        else:
            # All places are settled now and never change; what is not written stays a hole in the file.
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
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


def origin_of(f: h5py.File) -> Callable[[h5py.File], None]:
    """Return the copier of a file's group `calibrate` that `write_file` takes."""

    def origin(new: h5py.File) -> None:
        group = new.create_group(GROUP)
        for key, value in f[GROUP].attrs.items():
            group.attrs[key] = value
        for name in f[GROUP]:
            if name != SLOTS:
                group.create_dataset(name, data=f[GROUP][name][()], dtype=f[GROUP][name].dtype)

    return origin


def open_stream(path: Path) -> h5py.File:
    """Open a file for reading, without a lock and without HDF5's own idea of which files are the same."""
    return h5py.File(HDF5Stream(os.open(path, os.O_RDONLY | os.O_CLOEXEC)), "r")
