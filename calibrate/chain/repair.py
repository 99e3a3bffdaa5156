"""What can be saved of a run whose file was damaged by something else: a bad disk, a broken copy, another program.

The original is only read. Rows count for as long as they can be read and have the log-probability that the
configuration in the file gives them; the rest is left behind. A file cut short is read as far as it goes.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain import layout, whole
from calibrate.chain.disk import Disk, HDF5Stream
from calibrate.chain.origin import RunFile, check_ensemble, copied_origin, read_origin, reason
from calibrate.chain.problem import posterior_in
from calibrate.chain.reader import check_file, translated
from calibrate.chain.slots import EnsembleState
from calibrate.errors import ChainError
from calibrate.files import check_target
from calibrate.kinds import CHAIN
from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError)
_BLOCK = 256
_NEW = "choose another name with -o"
# Bytes that HDF5 asks for at once of what is missing: a chunk at the most.
_LONGEST = 2**24


@dataclass(frozen=True)
class Repair:
    """What was found and what was saved: sentences for the user, and the steps that each ensemble has now."""

    found: tuple[str, ...]
    steps: int


class _Padded(HDF5Stream):
    """A file cut short, as if it had its whole length; what is missing reads as zeros, a little at a time."""

    def __init__(self, fd: int, length: int) -> None:
        super().__init__(fd)
        self._length = length

    def size(self) -> int:
        return max(super().size(), self._length)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._position + view.nbytes > self._length or view.nbytes > max(HDF5Stream.size(self), _LONGEST):
            raise OSError("beyond the file's end")
        return super().readinto(buffer)


def repair(path: Path, output: Path) -> Repair:
    """Copy what is whole of a damaged run to a new file at rest.

    Parameters
    ----------
    path : Path
        The damaged file; only read.
    output : Path
        The file to write, which must not exist.

    Returns
    -------
    Repair
        What was found and saved.

    Raises
    ------
    ChainError
        If nothing can be saved, or the new file cannot be written.
    """
    check_file(path)
    check_target(
        output, ChainError, kind=CHAIN, overwrite=False, spare=(path,), besides=whole.companions(output), hint=_NEW
    )
    found: list[str] = []
    with _damaged(path, found) as f:
        there = path.stat().st_size
        with translated(path), np.errstate(all="ignore"):
            file = read_origin(f, path, there)
            posterior = posterior_in(path, file)
        ensembles, walkers, ndim = file.starts.shape
        states = _states(f, ensembles, walkers, found, there)
        counts = [_whole_rows(f, i, posterior, walkers, found) for i in range(ensembles)]
        steps = min(counts)
        kept = []
        for i, state in enumerate(states):
            if state is not None and counts[i] < state.iteration:
                found.append(f"ensemble_{i}: {counts[i]} of {state.iteration} stored steps are whole")
            if state is None or state.iteration != steps:
                state = _fresh(f, i, steps, walkers, file)
            kept.append(state)
        if any(state is None or state.iteration != steps for state in states):
            found.append(
                "the random state after the last step saved is not known: 'calibrate resume' goes on with new random "
                "numbers, so the chain is a sound one but not that of a run never stopped"
            )
        try:
            whole.write_file(
                output, copied_origin(f, there), (walkers, ndim), kept, whole.rows_of(f), capacity=None, disk=Disk()
            )
        except OSError as error:
            raise ChainError(f"{output}: cannot be written ({reason(error)})") from None
    return Repair(tuple(found), steps)


@contextlib.contextmanager
def _damaged(path: Path, found: list[str]) -> Iterator[h5py.File]:
    with path.open("rb") as start:
        head = start.read(64)
    # Superblock version 0: the length that the file should have stands at byte 40.
    length = struct.unpack_from("<Q", head, 40)[0] if len(head) == 64 and head[8] == 0 else 0
    size = path.stat().st_size
    if size < length < 2**50:
        found.append(f"the file is cut short: {size} of {length} bytes are there")
    try:
        f = h5py.File(_Padded(os.open(path, os.O_RDONLY | os.O_CLOEXEC), max(size, length)), "r")
    except _DAMAGE as error:
        raise ChainError(f"{path}: nothing can be saved, its structure is gone ({reason(error)})") from None
    yield f


def _states(f: h5py.File, ensembles: int, walkers: int, found: list[str], there: int) -> list[EnsembleState | None]:
    try:
        return [*layout.states_of(f, ensembles, walkers, there)[0]]
    except _DAMAGE as error:
        found.append(f"how many steps are stored cannot be read ({reason(error)}); the rows themselves decide")
        return [None] * ensembles


def _whole_rows(f: h5py.File, ensemble: int, posterior: Posterior, walkers: int, found: list[str]) -> int:
    """Count the rows from the first on that can be read and have their own log-probability."""
    rows, steps, name = whole.rows_of(f), 0, f"ensemble_{ensemble}"
    try:
        room = check_ensemble(f, name, (walkers, posterior.ndim))
        size = f[f"{name}/chain"].chunks[0]
    except _DAMAGE as error:
        found.append(f"{name} cannot be read ({reason(error)})")
        return 0
    for first in range(0, room, size):
        try:
            coords, log_prob = rows(ensemble, first, min(room, first + size))
        except _DAMAGE:
            return steps
        right = posterior.log_prob(coords.reshape(posterior.ndim, -1).T).reshape(-1, walkers)
        good = np.isclose(right, log_prob[0], rtol=1e-9, atol=1e-9).all(axis=1)
        if not good.all():
            return steps + int(np.argmin(good))
        steps += len(good)
    return steps


def _fresh(f: h5py.File, ensemble: int, steps: int, walkers: int, file: RunFile) -> EnsembleState:
    """Return the state of a chain cut at `steps`: moves counted from the rows, and new random numbers."""
    accepted, rows = np.zeros(walkers), whole.rows_of(f)
    last = file.starts[ensemble].T[:, np.newaxis]
    for first in range(0, steps, _BLOCK):
        coords, _ = rows(ensemble, first, min(steps, first + _BLOCK))
        path = np.concatenate([last, coords], axis=1)
        accepted += (path[:, 1:] != path[:, :-1]).any(axis=0).sum(axis=0)
        last = path[:, -1:]
    if not steps:
        return EnsembleState(0, accepted, None)
    stream = np.random.SeedSequence([file.config.sampling.seed, ensemble, steps])
    generator: Any = np.random.RandomState(np.random.MT19937(stream)).get_state(legacy=True)
    return EnsembleState(steps, accepted, generator)
