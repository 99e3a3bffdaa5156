"""The writer of a run: emcee backends that copy steps into a buffer, and one open file that the buffers go to.

The rows' and slots' places in the file are known once it is made, so a step is stored without HDF5: see
`calibrate.chain` for what that is good for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain import guard, layout, whole
from calibrate.chain.damage import damaged_rows
from calibrate.chain.disk import Disk, HDF5Stream
from calibrate.chain.origin import copied_origin
from calibrate.chain.reader import reading, translated
from calibrate.chain.slots import EnsembleState, pack
from calibrate.errors import RunError
from calibrate.lean import emcee

FloatArray = NDArray[np.float64]

# Bytes held in memory at the most, if a step of all ensembles is smaller than that.
_BUFFER = 2**21
# Seconds that a stored step may be late in the file.
_LATE = 1.0


class StreamingBackend(emcee.backends.Backend):  # type: ignore[misc]  # emcee is untyped
    """One ensemble of a `ChainWriter`, as `emcee.EnsembleSampler` takes it."""

    def __init__(self, writer: ChainWriter, index: int, shape: tuple[int, int], state: EnsembleState) -> None:
        super().__init__()
        self._writer, self._index = writer, index
        self.nwalkers, self.ndim = shape
        self.iteration = state.iteration
        self.accepted = np.array(state.accepted, dtype=float)
        self.random_state = state.random_state
        self.blobs = None
        self.initialized = True
        self._log_prob_shape = shape[:1]
        self._coords = np.empty((shape[1], writer.block, shape[0]))
        self._log_prob = np.empty((1, writer.block, shape[0]))
        self.held = 0

    def reset(self, nwalkers: int, ndim: int) -> None:
        """Do nothing: the file of a run begins empty, and what is stored is not thrown away.

        Raises
        ------
        ValueError
            If something is stored, or the shape is another.
        """
        if (nwalkers, ndim) != self.shape or self.iteration:
            raise ValueError("a stored chain is not reset; start a new file")

    def has_blobs(self) -> bool:
        """Tell that no blobs are stored."""
        return False

    def grow(self, ngrow: int, blobs: Any) -> None:
        """Do nothing: the file grows when a block needs the room.

        Raises
        ------
        ValueError
            If there are blobs, which a run does not store.
        """
        if blobs is not None:
            raise ValueError("blobs are not stored")

    def save_step(self, state: emcee.State, accepted: NDArray[np.bool_]) -> None:
        """Copy one step into the buffer: emcee yields the same mutable state each time."""
        coords, log_prob = state.coords, state.log_prob
        if coords.shape != (self.nwalkers, self.ndim) or log_prob.shape != self._log_prob_shape:
            raise ValueError(f"expected {self.nwalkers} walkers in {self.ndim} dimensions, not {coords.shape}")
        with self._writer.lock:
            held = self.held
            self._coords[:, held] = coords.T
            self._log_prob[0, held] = log_prob
            self.accepted += accepted
            self.random_state = state.random_state
            self.iteration += 1
            self.held = held + 1
            self._writer.stored_one(self._index, self.held)

    def get_value(self, name: str, flat: bool = False, thin: int = 1, discard: int = 0) -> Any:
        """Read stored values; see `emcee.backends.Backend.get_value`. Only what is asked for is read."""
        if self.iteration <= 0:
            raise AttributeError("nothing is stored yet")
        if name == "blobs":
            return None
        values = self._writer.read(self._index, name, discard + thin - 1, self.iteration, thin)
        return values.reshape(-1, *values.shape[2:]) if flat else values

    def flush(self) -> None:
        """Write what is held in memory, of all ensembles."""
        self._writer.flush()

    def state(self) -> EnsembleState:
        """Return what belongs to the chain besides its rows."""
        return EnsembleState(self.iteration, self.accepted.copy(), self.random_state)

    def held_rows(self) -> tuple[FloatArray, FloatArray]:
        """Return the steps that only the buffer has, (ndim, n, walkers) and (1, n, walkers)."""
        return self._coords[:, : self.held], self._log_prob[:, : self.held]


class ChainWriter:
    """The one writer of a run's file; its backends may be stored to from several threads.

    Parameters
    ----------
    path : Path
        The file, at rest or left behind by a writer that was killed.
    durability : {"process", "fsync"}
        Whether what is stored has to survive the end of the process, or of the machine.
    compression : {"none", "gzip"}
        Of the finished file.
    capacity : int, optional
        Steps that a file made live has room for beyond those that it holds; it doubles as need be.
    buffer : int
        Bytes held in memory at the most, if a step of all ensembles is smaller than that.
    late : float
        Seconds that a step may be late in the file. Looked at whenever a step arrives: what arrives is written at
        once if the next step, should it take as long as the last one, would come too late for that.
    disk : Disk
        To write with.

    Raises
    ------
    ChainError
        If the file is damaged.
    OSError
        If there is no room to make it live.
    RunError
        From `flush` and `finish`, if another file has taken the name in mid-run.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: Literal["process", "fsync"] = "process",
        compression: Literal["none", "gzip"] = "none",
        capacity: int | None = None,
        buffer: int = _BUFFER,
        late: float = _LATE,
        disk: Disk | None = None,
    ) -> None:
        self.path, self._disk = path, disk or Disk()
        self.lock = threading.RLock()  # held while a step is stored, and whenever the file is in use
        self._closed = False
        self._sync, self._compression, self._late = durability == "fsync", compression, late
        self._fd = -1
        whole.make_way(whole.temporary(whole.real(path)))
        with reading(path) as f:
            shapes = [f[f"ensemble_{i}/chain"].shape[1:] for i in range(_ensembles(f))]
            self._shape: tuple[int, int] = shapes[0]
            walkers, ndim = self._shape
            states, live = layout.states_of(f, len(shapes), walkers)
            self._sequence = layout.sequence_of(f, len(shapes), walkers) if live else 0
        self._last = states
        self.stored = [state.iteration for state in states]
        rows = whole.room(len(states), walkers, ndim) if capacity is None else capacity
        self.block = max(1, min(buffer // (8 * len(states) * walkers * (ndim + 1)), layout.chunk_rows(walkers)))
        self.backends = [StreamingBackend(self, i, self._shape, state) for i, state in enumerate(states)]
        self._flushed = time.monotonic()
        self._previous = [self._flushed] * len(states)
        if live:
            self._open()
        else:
            self._make_live(max(self.stored) + rows, states)

    def __enter__(self) -> ChainWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def stored_one(self, ensemble: int, held: int) -> None:
        """Write if a buffer is full, or if the next step would come too late to do so."""
        now = time.monotonic()
        if held >= self.block or 2.0 * now - self._previous[ensemble] - self._flushed >= self._late:
            self.flush()
        self._previous[ensemble] = now

    def flush(self) -> None:
        """Write what is held in memory: first the rows, then the record that makes them count.

        Raises
        ------
        OSError
            If it cannot be written; it is still held then, and the file has what it had.
        """
        with self.lock:
            self._flush()

    def _flush(self) -> None:
        if self._closed:  # a thread that has not heard yet of the end
            raise OSError(errno.EBADF, "the file is closed")
        if not any(backend.held for backend in self.backends):
            self._flushed = time.monotonic()
            return
        need = max(backend.iteration for backend in self.backends)
        if need > self._places.capacity:
            self._make_live(max(need, 2 * self._places.capacity), self._last)
        for i, backend in enumerate(self.backends):
            coords, log_prob = backend.held_rows()
            self._places.chain[i].write(self._disk, self._fd, self.stored[i], coords)
            self._places.log_prob[i].write(self._disk, self._fd, self.stored[i], log_prob)
        if self._sync:
            self._disk.sync(self._fd)
        states = [backend.state() for backend in self.backends]
        record = pack(self._sequence + 1, states)
        self._disk.write(self._fd, memoryview(record), self._places.slots[(self._sequence + 1) % 2])
        if self._sync:
            self._disk.sync(self._fd)
        self._sequence += 1
        self._last = states
        self.stored = [backend.iteration for backend in self.backends]
        for backend in self.backends:
            backend.held = 0
        self._flushed = time.monotonic()

    def read(self, ensemble: int, name: str, first: int, stop: int, step: int) -> FloatArray:
        """Return steps `first:stop:step` of an ensemble's `chain` (n, walkers, ndim) or `log_prob` (n, walkers)."""
        with self.lock:
            self.flush()
            table = {"chain": self._places.chain, "log_prob": self._places.log_prob}[name][ensemble]
            values = table.read(self._fd, first, stop, step)
        with translated(self.path):
            guard.check_rows(values, f"ensemble_{ensemble}/{name}")
        return np.ascontiguousarray(values.transpose(1, 2, 0)) if name == "chain" else values[0]

    def finish(self) -> None:
        """Write what is held and leave the file at rest.

        Raises
        ------
        OSError
            If there is no room for that; the live file is whole then, and everything stored is in it.
        """
        with self.lock:
            self.flush()
            self._rewrite(None, self._last)
            self.close()

    def close(self) -> None:
        """Let go of the file as it is; nothing is stored any more."""
        with self.lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _make_live(self, capacity: int, states: list[EnsembleState]) -> None:
        """Put a larger live file with the same content in the place of the file."""
        self._rewrite(capacity, states)
        self._sequence = 0
        self._open()

    def _rewrite(self, capacity: int | None, states: list[EnsembleState]) -> None:
        with self._reading() as f:
            origin, stored_rows = copied_origin(f), whole.rows_of(f)

        def rows(ensemble: int, first: int, stop: int) -> tuple[FloatArray, FloatArray]:
            with translated(self.path):  # reading it may fail for damage, writing it for want of space
                try:
                    return stored_rows(ensemble, first, stop)
                except OSError as error:
                    raise damaged_rows(self.path, f, error) from None

        whole.write_file(
            whole.real(self.path),
            origin,
            self._shape,
            states,
            rows,
            capacity=capacity,
            compression=self._compression,
            sync=self._sync,
            disk=self._disk,
        )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[h5py.File]:
        """Open the file that is being written, whatever has become of its name; none if none is yet."""
        if self._fd < 0:
            with reading(self.path) as f:
                yield f
            return
        mine = os.fstat(self._fd)
        with contextlib.suppress(FileNotFoundError):  # renamed or deleted: the next whole file has the name again
            if not os.path.samestat(mine, self.path.stat()):
                raise RunError(
                    f"{self.path}: another file has taken this name in mid-run and is left alone; the run's own file, "
                    f"if it was only renamed, holds {min(self.stored)} steps and can be resumed"
                )
        with translated(self.path):
            yield h5py.File(HDF5Stream(os.dup(self._fd)), "r")

    def _open(self) -> None:
        with reading(self.path) as f, translated(self.path):
            self._places = layout.places_of(f, len(self.backends))
            self._last, _ = layout.states_of(f, len(self.backends), self._shape[0])
        self._let_go()
        self._fd = self._disk.open(self.path)


def _ensembles(f: h5py.File) -> int:
    return int(f[layout.GROUP]["starts"].shape[0])
