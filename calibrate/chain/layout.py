"""Where things lie in a chain file: emcee's groups, their datasets, the two slots.

A file is *at rest* or *live*. Both have emcee's layout. At rest there is exactly what was stored. Live, the datasets
have room for more, none of which is written yet, and `calibrate/slots` says how much of it counts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain import guard
from calibrate.chain.disk import Disk, HDF5Stream, read_into
from calibrate.chain.slots import GENERATOR, KEYS, EnsembleState, check, newest, record_size, seal
from calibrate.lean import emcee

FloatArray = NDArray[np.float64]

GROUP = "calibrate"
SLOTS = "slots"
_CHECKSUM = "state_crc32"
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


def states_of(f: h5py.File, ensembles: int, walkers: int, limit: int | None = None) -> tuple[list[EnsembleState], bool]:
    """Return how far each ensemble has come, and whether the file is live.

    Raises
    ------
    ValueError
        If it says what cannot be meant, or if the file is live and neither slot is whole.
    """
    if is_live(f):
        found = newest(_slots(f, ensembles, walkers, limit)[...], ensembles, walkers)
        if found is None:
            raise ValueError("both records of how much is stored are damaged; 'calibrate repair' may save the rest")
        return [check(state, f"ensemble_{i}") for i, state in enumerate(found[1])], True
    return [_attributes(guard.group(f, f"ensemble_{i}"), f"ensemble_{i}", walkers) for i in range(ensembles)], False


def sequence_of(f: h5py.File, ensembles: int, walkers: int) -> int:
    """Return the sequence number of a live file's newest record."""
    found = newest(_slots(f, ensembles, walkers)[...], ensembles, walkers)
    return 0 if found is None else found[0]


def is_live(f: h5py.File) -> bool:
    """Tell whether a file has room for more, so that slots say how much of it counts."""
    return guard.holds(guard.group(f, GROUP), SLOTS)


def put_attributes(group: h5py.Group, state: EnsembleState, shape: tuple[int, int]) -> None:
    """Write what emcee keeps beside the rows, and a checksum of those that a chain goes on from."""
    for key, value in {
        "version": emcee.__version__,
        "nwalkers": shape[0],
        "ndim": shape[1],
        "has_blobs": False,
        "iteration": state.iteration,
        _CHECKSUM: seal(state),
    }.items():
        group.attrs[key] = value
    for i, value in enumerate(state.random_state or ()):
        group.attrs[f"random_state_{i}"] = value
    guard.put_numbers(group, "accepted", state.accepted)


def _attributes(group: h5py.Group, name: str, walkers: int) -> EnsembleState:
    random_state = None
    if guard.has(group, "random_state_4"):
        keys = guard.whole_numbers(group, "random_state_1", (KEYS,))
        position, has_gauss = (guard.whole_number(group, f"random_state_{i}", KEYS) for i in (2, 3))
        random_state = (GENERATOR, keys, position, has_gauss, guard.real_number(group, "random_state_4"))
    accepted = guard.content(guard.numbers(group, "accepted", (walkers,)))
    state = check(EnsembleState(guard.whole_number(group, "iteration"), accepted, random_state), name)
    # A file of an older calibrate has none.
    if guard.has(group, _CHECKSUM) and guard.whole_number(group, _CHECKSUM) != seal(state):
        raise ValueError(f"what {name} says of its steps and random state does not match its checksum")
    return state


def _slots(f: h5py.File, ensembles: int, walkers: int, limit: int | None = None) -> h5py.Dataset:
    shape = (2, record_size(ensembles, walkers))
    slots = guard.numbers(guard.group(f, GROUP), SLOTS, shape, limit, h5py.h5t.STD_U8LE)
    if slots.id.get_offset() is None:
        raise ValueError(f"{SLOTS} is not in one piece")
    return slots


def places_of(f: h5py.File, ensembles: int) -> Places:
    """Find the rows and slots of a live file."""
    chains = [f[f"ensemble_{i}/chain"] for i in range(ensembles)]
    log_probs = [f[f"ensemble_{i}/log_prob"] for i in range(ensembles)]
    slots = f[GROUP][SLOTS]
    offset, end = int(slots.id.get_offset()), f.id.get_filesize()
    tables = [table_of(item) for item in (*chains, *log_probs)]
    if any(table.offsets.max(initial=0) + table.rows * table.walkers * 8 > end for table in tables):
        raise ValueError("there is room said to lie beyond the file's end")
    return Places(
        tables[:ensembles],
        tables[ensembles:],
        (offset, offset + slots.shape[1]),
        min(item.shape[0] for item in (*chains, *log_probs)),
    )


def table_of(dataset: h5py.Dataset) -> Table:
    """Find the rows of a dataset; a chunk that has no place yet is an error.

    Raises
    ------
    ValueError
        If the dataset is laid out in another way.
    """
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


def _bytes(values: FloatArray) -> memoryview:
    return memoryview(values.data).cast("B")


def open_stream(path: Path) -> h5py.File:
    """Open a file for reading, without a lock and without HDF5's own idea of which files are the same."""
    return h5py.File(HDF5Stream(os.open(path, os.O_RDONLY | os.O_CLOEXEC)), "r")
