"""How far a run has come, as one record that is either whole or visibly not: the slots of a file being written.

Two slots of fixed size are written in turn, so the one before the last is whole whatever happens to the last. The
reader takes the valid one with the larger sequence number.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_HEAD = struct.Struct("<8sQ")
_MAGIC = b"calibrat"
_COUNTS = struct.Struct("<qii i d")  # iteration, has random state, position, has Gaussian, cached Gaussian
KEYS = 624
_CRC = struct.Struct("<I")
GENERATOR = "MT19937"
# Of steps and of what is counted in them; beyond that is no chain, and no number that counts one by one.
MOST_STEPS = 2**48


@dataclass(frozen=True)
class EnsembleState:
    """What belongs to a chain besides its rows.

    Attributes
    ----------
    iteration : int
        Stored steps.
    accepted : ndarray, shape (walkers,)
        Accepted moves of each walker in these.
    random_state : tuple or None
        NumPy's legacy MT19937 state after the last of them; None before the first.
    """

    iteration: int
    accepted: FloatArray
    random_state: Any


def record_size(ensembles: int, walkers: int) -> int:
    """Return the bytes of one record."""
    return _HEAD.size + ensembles * (_COUNTS.size + 8 * walkers + 4 * KEYS) + _CRC.size


def pack(sequence: int, states: Sequence[EnsembleState]) -> bytes:
    """Write a record; `sequence` is larger than in all records before."""
    parts = [_HEAD.pack(_MAGIC, sequence)]
    for state in states:
        name, keys, position, has_gauss, gauss = state.random_state or (GENERATOR, np.zeros(KEYS), 0, 0, 0.0)
        if name != GENERATOR:
            raise ValueError(f"the random state is one of {name}, not of {GENERATOR}")
        counts = (state.iteration, state.random_state is not None, int(position), int(has_gauss), float(gauss))
        parts += [
            _COUNTS.pack(*counts),
            np.asarray(state.accepted, dtype="<f8").tobytes(),
            np.asarray(keys, dtype="<u4").tobytes(),
        ]
    body = b"".join(parts)
    return body + _CRC.pack(zlib.crc32(body))


def seal(state: EnsembleState) -> int:
    """Return the checksum of one ensemble's state, that of its record.

    Not of the record with its checksum behind it: that of any such bytes is one and the same number.
    """
    return int(_CRC.unpack(pack(0, [state])[-_CRC.size :])[0])


def unpack(record: bytes, ensembles: int, walkers: int) -> tuple[int, list[EnsembleState]] | None:
    """Read a record; None if it is not whole."""
    if len(record) != record_size(ensembles, walkers) or not record.startswith(_MAGIC):
        return None
    body = record[: -_CRC.size]
    if _CRC.unpack(record[-_CRC.size :])[0] != zlib.crc32(body):
        return None
    sequence = int(_HEAD.unpack_from(body)[1])
    states, at = [], _HEAD.size
    for _ in range(ensembles):
        iteration, known, position, has_gauss, gauss = _COUNTS.unpack_from(body, at)
        at += _COUNTS.size
        accepted = np.frombuffer(body, "<f8", walkers, at).astype(np.float64)
        at += 8 * walkers
        keys = np.frombuffer(body, "<u4", KEYS, at).astype(np.uint32)
        at += 4 * KEYS
        state = (GENERATOR, keys, position, has_gauss, gauss) if known else None
        states.append(EnsembleState(iteration, accepted, state))
    return sequence, states


def check(state: EnsembleState, name: str) -> EnsembleState:
    """Return what was read from a file if it can be meant; NumPy takes any random state, and reads beyond its keys.

    Raises
    ------
    ValueError
        If a number is outside of its range.
    """
    if not 0 <= state.iteration <= MOST_STEPS:
        raise ValueError(f"{name} counts {state.iteration} steps")
    if not ((state.accepted >= 0) & (state.accepted <= state.iteration)).all():
        raise ValueError(f"{name} counts accepted moves that are not from 0 to {state.iteration}")
    if state.random_state is None:
        if state.iteration:
            raise ValueError(f"{name} has {state.iteration} steps but no random state")
        return state
    _, keys, position, has_gauss, gauss = state.random_state
    # From zeros alone, the last 31 bits of the first key left aside, nothing but zeros ever come.
    if not 0 <= position <= KEYS or has_gauss not in (0, 1) or not math.isfinite(gauss):
        raise ValueError(f"{name} has a random state that NumPy cannot have had")
    if keys.shape != (KEYS,) or keys.dtype != np.uint32 or not (keys[1:].any() or keys[0] >> 31):
        raise ValueError(f"{name} has a random state that NumPy cannot have had")
    return state


def newest(slots: NDArray[np.uint8], ensembles: int, walkers: int) -> tuple[int, list[EnsembleState]] | None:
    """Return the newest whole record of `slots` (2, bytes); None if there is none."""
    records = [unpack(slot.tobytes(), ensembles, walkers) for slot in slots]
    return max((record for record in records if record is not None), key=lambda record: record[0], default=None)
