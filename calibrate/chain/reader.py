"""Reading a run, finished or still being written, without holding its chain in memory.

A reader opens the file once and takes the newest whole record of how far each ensemble has come. The rows before that
are never written again, and the file that it has open stays, whatever takes over its name: so all that it reads
later, a parameter at a time, is of that moment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from calibrate.chain import guard
from calibrate.chain.damage import damaged_rows
from calibrate.chain.layout import GROUP, is_live, open_stream, states_of
from calibrate.chain.origin import RunFile, check_ensemble, read_origin, reason
from calibrate.errors import CalibrateError, ChainError

FloatArray = NDArray[np.float64]

# Numbers read at a time where all have to be looked at.
_BLOCK = 2**21


class Stored:
    """An array in the file, (ensembles, steps, walkers[, ndim]), read where it is indexed.

    Basic indices, and an increasing list of steps. NumPy functions take it whole.
    """

    def __init__(self, path: Path, datasets: list[h5py.Dataset], steps: int) -> None:
        self._path, self._datasets = path, datasets
        self._file = datasets[0].file  # closed with the last who needs it
        self.shape: tuple[int, ...] = (len(datasets), steps, *datasets[0].shape[1:])
        self.ndim = len(self.shape)
        self.dtype = np.dtype(np.float64)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        key = tuple(key) if isinstance(key, tuple) else (key,)
        if any(k is None for k in key):
            return np.asarray(self)[key]
        if any(k is Ellipsis for k in key):
            at = next(i for i, k in enumerate(key) if k is Ellipsis)
            key = (*key[:at], *[slice(None)] * (self.ndim - len(key) + 1), *key[at + 1 :])
        padded: list[Any] = [*key, *[slice(None)] * (self.ndim - len(key))]
        first, steps, *rest = padded
        if isinstance(steps, slice):
            start, stop, step = steps.indices(self.shape[1])
            steps = slice(start, max(start, stop), step)
        elif np.ndim(steps) == 0:
            steps = range(self.shape[1])[int(steps)]
        if isinstance(first, slice):
            items = self._datasets[first]
            return _stacked((self._read(item, steps, rest) for item in items), len(items), axis=0)
        return self._read(self._datasets[first], steps, rest)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        return np.asarray(self[:], dtype=dtype)

    def _read(self, item: h5py.Dataset, steps: Any, rest: list[Any]) -> FloatArray:
        with translated(self._path):
            try:
                if not rest or len(rest) == 1 or not isinstance(rest[1], slice):
                    values = np.asarray(item[(steps, *rest)])
                else:
                    # A parameter at a time, as they lie: all at once, HDF5 would go number by number.
                    columns = range(self.shape[3])[rest[1]]
                    values = _stacked((item[(steps, rest[0], i)] for i in columns), len(columns), axis=-1)
            except OSError as error:
                raise damaged_rows(self._path, self._file, error) from None
            guard.check_rows(values, item.name[1:])
            return values


def _stacked(parts: Iterator[FloatArray], count: int, axis: int) -> FloatArray:
    """Return what `numpy.stack` does, with one part in memory besides the whole."""
    part = np.asarray(next(parts))
    whole = np.empty((*part.shape, count) if axis else (count, *part.shape), part.dtype)
    places = np.moveaxis(whole, axis, 0)
    places[0] = part
    for i, part in enumerate(parts, start=1):
        places[i] = part
    return whole


@dataclass(frozen=True)
class Chains:
    """The stored steps of all ensembles, burn-in included, up to the last step that every ensemble has stored.

    Attributes
    ----------
    coords : Stored or ndarray, shape (ensembles, steps, walkers, ndim)
        Walkers' parameters; `coords[..., i]` reads the i-th of them alone.
    log_prob : Stored or ndarray, shape (ensembles, steps, walkers)
        Their log-posterior.
    acceptance : float
        Mean acceptance fraction; NaN if nothing is stored.
    """

    coords: Any
    log_prob: Any
    acceptance: float


def extremes(values: Any, first: int = 0) -> tuple[float, float]:
    """Return the least and the largest of `values` (ensembles, steps, ...) from step `first` on, block by block."""
    low, high = np.inf, -np.inf
    size = max(1, _BLOCK // (values.shape[0] * int(np.prod(values.shape[2:]))))
    for start in range(first, values.shape[1], size):
        block = values[:, start : start + size]
        low, high = min(low, float(block.min())), max(high, float(block.max()))
    return low, high


def read(path: Path) -> RunFile:
    """Read what a run says of itself.

    Raises
    ------
    ChainError
        If the file is missing, damaged, no run, or written by a newer version of the program.
    """
    return read_run(path)[0]


def read_chains(path: Path) -> Chains:
    """Find all stored steps at one moment, also while a run is writing.

    Raises
    ------
    ChainError
        If the file is damaged.
    """
    return read_run(path)[1]


def read_run(path: Path) -> tuple[RunFile, Chains]:
    """Take one look at a run: what it says of itself, and the steps stored by now.

    Raises
    ------
    ChainError
        As `read`.
    """
    with reading(path) as f:
        file = read_origin(f, path)
        ensembles, walkers, ndim = file.starts.shape
        rooms = [check_ensemble(f, f"ensemble_{i}", (walkers, ndim)) for i in range(ensembles)]
        states, live = states_of(f, ensembles, walkers)
        for i, (state, room) in enumerate(zip(states, rooms, strict=True)):
            if not (state.iteration <= room if live else state.iteration == room):
                raise ValueError(f"ensemble_{i} has {room} steps, not {state.iteration} as it should")
        groups = [f[f"ensemble_{i}"] for i in range(ensembles)]
        coords, log_prob = ([group[name] for group in groups] for name in ("chain", "log_prob"))
        steps = min(state.iteration for state in states)
        rates = [float(state.accepted.mean()) / max(state.iteration, 1) for state in states]
        acceptance = float(np.mean(rates)) if steps else float("nan")
        return file, Chains(Stored(path, coords, steps), Stored(path, log_prob, steps), acceptance)


def is_unfinished(path: Path) -> bool:
    """Tell whether whoever wrote a run last has not come to the end: it is at work, or was killed.

    Raises
    ------
    ChainError
        As `read`.
    """
    with reading(path) as f:
        return is_live(f)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[h5py.File]:
    """Open a run for reading; it stays open for as long as anything of it is in use."""
    check_file(path)
    if not is_hdf5(path):
        raise ChainError(f"{path}: is no HDF5 file, so no run of calibrate")
    with translated(path):
        f = open_stream(path)
        if not guard.holds(f, GROUP):
            raise ChainError(f"{path}: this HDF5 file is no run of calibrate (it has no group '{GROUP}')")
        yield f


def check_file(path: Path) -> None:
    """Refuse what is no file.

    Raises
    ------
    ChainError
        If there is nothing of that name, or a folder or a device.
    """
    try:
        if not path.exists():
            raise ChainError(f"{path}: no such file")
        if not path.is_file():
            raise ChainError(f"{path}: is no file")
    except (OSError, ValueError) as error:  # a name too long, a folder that is closed to us
        raise ChainError(f"{path}: cannot be read ({reason(error)})") from None


def is_hdf5(path: Path) -> bool:
    """Tell an HDF5 file by its first bytes.

    Raises
    ------
    ChainError
        If it cannot be read.
    """
    try:
        with path.open("rb") as start:
            return start.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise ChainError(f"{path}: cannot be read ({reason(error)})") from None


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
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
        IndexError,
        ValidationError,
    ) as error:
        raise ChainError(f"{path}: truncated, damaged or no run of calibrate ({reason(error)})") from None
