"""Small run files, spoilt in every way that HDF5 and a text editor know: what `python -m benchmarks.fuzz` tries.

A mutation is a function of one number. Some are made with h5py, so that the file is sound HDF5 and wrong in one place
only; some with bytes. Checksums are mended afterwards more often than not: otherwise nothing behind them is reached.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from benchmarks.forged_texts import (
    change_data,
    change_json,
    change_tests,
    data_names,
    put_names,
    put_text,
    read_small,
    rename,
    seal_data,
)
from benchmarks.small_runs import ENSEMBLES
from calibrate import chain
from calibrate.chain.layout import states_of
from calibrate.chain.slots import EnsembleState, newest, pack, seal
from calibrate.config import Config
from calibrate.data import parse_measurement
from calibrate.errors import CalibrateError
from calibrate.posterior import Posterior

Random = random.Random
_WRONG = (
    CalibrateError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    struct.error,
)
_BOMB = zlib.compress(bytes(2**23), 9)


def mutate(content: list[bytes], seed: int, number: int) -> bytes:
    """Return the mutated file of that number."""
    rng = Random(f"{seed}-{number}")
    spoilt = rng.choice(content)
    if rng.random() < 0.7:
        spoilt = _by_h5py(spoilt, rng)
    if rng.random() < 0.45:
        spoilt = _by_bytes(spoilt, rng, rng.choice(content))
    return spoilt


def _by_bytes(content: bytes, rng: Random, other: bytes) -> bytes:
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if len(out) < 16:
            break
        at = rng.randrange(len(out))
        size = rng.choice((1, 2, 4, 8))
        match rng.randrange(10):
            case 0 | 1 | 2 | 3:
                out[at] ^= 1 << rng.randrange(8)
            case 4 | 5:
                number = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, 10**9, len(out), at))
                out[at : at + size] = (number % 2 ** (8 * size)).to_bytes(size, "little")
            case 6:
                out[at : at + size] = rng.randbytes(size)
            case 7:
                out = out[:at] if rng.random() < 0.5 else out + bytes(rng.randrange(4096))
            case 8:
                start, length = rng.randrange(len(other)), rng.choice((8, 64, 512, 4096))
                out[at : at + length] = other[start : start + length]
            case _:
                start = rng.randrange(len(out))
                out[at : at + 8] = out[start : start + 8]
    return bytes(out)


def _by_h5py(content: bytes, rng: Random) -> bytes:
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as f:
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            try:
                rng.choice(_WAYS)(f, rng)
            except _WRONG:
                continue  # not every way is open to every file
        mend = rng.random()
        try:
            if mend < 0.7:
                _mend(f, like=mend < 0.3)
        except _WRONG:
            pass  # too far gone to be mended
    return stream.getvalue()


def _mend(f: h5py.File, *, like: bool) -> None:
    """Make checksums right again; `like`: the fingerprint and log-probabilities as well, as a forger would."""
    group = f["calibrate"]
    seal_data(group)
    if like:
        config = Config.model_validate_json(read_small(group["config"]))
        texts = [read_small(group[name]).tobytes().decode() for name in data_names(group)]
        measurements = dict(zip(config.data_paths, map(parse_measurement, texts), strict=True))
        put_text(group, "fingerprint", json.dumps(chain.fingerprint(config, measurements)))
        posterior = Posterior.from_config(config, measurements)
        put_names(group, list(posterior.names))
        for i in range(ENSEMBLES):
            one = f[f"ensemble_{i}"]
            one["log_prob"][...] = posterior.log_prob(read_small(one["chain"]).reshape(-1, posterior.ndim)).reshape(
                one["log_prob"].shape
            )
    group.attrs["fingerprint_sha256"] = np.bytes_(hashlib.sha256(read_small(group["fingerprint"])).hexdigest())
    for i in range(ENSEMBLES):
        attrs = f[f"ensemble_{i}"].attrs
        random_state = ("MT19937", *(attrs[f"random_state_{j}"] for j in range(1, 5)))
        state = EnsembleState(int(attrs["iteration"]), read_small(f[f"ensemble_{i}/accepted"]), random_state)
        attrs["state_crc32"] = seal(state)


def _odd(rng: Random) -> Any:
    """Return what nobody expects as a value."""
    return rng.choice(
        (
            lambda: rng.choice((0, 1, -1, 2, 3, 2**31, 2**63 - 1, -(2**63), 10**9, 4 * 10**9)),
            lambda: rng.choice((np.inf, -np.inf, np.nan, 0.5, 1e308, -0.0)),
            lambda: np.uint64(2**64 - 1),
            lambda: rng.choice(("", "text", "\x1b[31mred\x1b[0m", "x" * 70_000, "\u202egnal", '{"a": 1}', "[1, 2]")),
            lambda: np.bytes_(
                rng.choice((b"", b"\xff\xfe", b"\x1b]0;title\x07", b"x" * 60_000, b"[" * 50_000, b"null"))
            ),
            lambda: np.zeros(rng.choice((0, 1, 2, 624, 625, 7_900))),
            lambda: np.zeros(rng.choice(((1, 1), (2, 3, 4))), dtype=rng.choice(("u4", "i1", "f4", ">f8", "c16", "S3"))),
            lambda: np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
            lambda: h5py.Empty("f8"),
            lambda: np.full(624, rng.choice((0, 2**32 - 1)), dtype="u4"),
            lambda: np.array([b"mcl.k", b"mcl.k"]),
            lambda: np.array(["vlen", "strings"], dtype=h5py.string_dtype()),
            lambda: bool(rng.randrange(2)),
        )
    )()


def _item(f: h5py.File, rng: Random) -> tuple[h5py.Group, str]:
    group = f[rng.choice(("calibrate", "ensemble_0", "ensemble_1", "calibrate"))]
    return group, rng.choice(sorted(group))


def _attribute(f: h5py.File, rng: Random) -> None:
    item = f[rng.choice(("calibrate", "ensemble_0", "ensemble_1", "calibrate/config"))]
    name = rng.choice(sorted(item.attrs))
    match rng.randrange(6):
        case 0:
            del item.attrs[name]
        case 1:
            item.attrs.rename(name, rng.choice(("other", "iteration", "random_state_1", "versions")))
        case 2:
            item.attrs[name] = rng.choice((f.ref, f["calibrate"].ref))
        case _:
            item.attrs[name] = _odd(rng)


def _number(f: h5py.File, rng: Random) -> None:
    """Change the numbers that a chain goes on from, as numbers of the right type."""
    attrs = f[f"ensemble_{rng.randrange(ENSEMBLES)}"].attrs
    name = rng.choice(("iteration", "random_state_1", "random_state_2", "random_state_3", "random_state_4"))
    if name == "random_state_1":
        keys = attrs[name].copy()
        keys[rng.randrange(624)] = rng.randrange(2**32)
        attrs[name] = keys * rng.choice((0, 1, 1))
    elif name == "random_state_4":
        attrs[name] = rng.choice((np.nan, np.inf, 1e308, 0.0))
    else:
        attrs[name] = np.int64(rng.choice((0, 1, 2, 7, 623, 624, 625, 10**9, -1, 2**62, -(2**63))))


def _slots(f: h5py.File, rng: Random) -> None:
    """Write a record with a right checksum and wrong content."""
    slots = f["calibrate/slots"]
    sequence, states = newest(read_small(slots), ENSEMBLES, f["ensemble_0/chain"].shape[1])
    i = rng.randrange(ENSEMBLES)
    state = states[i]
    steps, accepted, (name, keys, position, has_gauss, gauss) = state.iteration, state.accepted, state.random_state
    match rng.randrange(6):
        case 0:
            steps = rng.choice((0, 1, -1, 2**40, 2**62, steps + 1, steps - 1))
        case 1:
            position = rng.choice((-1, 0, 624, 625, 10**9, -(2**31)))
        case 2:
            has_gauss, gauss = rng.choice((-1, 0, 1, 2**30)), rng.choice((np.nan, np.inf, 0.0))
        case 3:
            keys = np.zeros(624, dtype="u4")
        case 4:
            accepted = accepted + rng.choice((np.nan, np.inf, -1e9, 1e9))
        case _:
            sequence = rng.choice((0, 2**63))
    states[i] = EnsembleState(steps, accepted, (name, keys, position, has_gauss, gauss))
    slots[rng.randrange(2)] = np.frombuffer(pack(sequence + 1, states), dtype=np.uint8)


def _values(f: h5py.File, rng: Random) -> None:
    group, name = _item(f, rng)
    item = group[name]
    values = read_small(item)
    if values.dtype.kind not in "fui" or not values.size:
        return
    wrong = rng.choice((np.nan, np.inf, -np.inf, 0, 1, -1, 1e300, 1e-300)) if values.dtype.kind == "f" else 255
    match rng.randrange(5):
        case 0:
            values[...] = wrong
        case 1:
            values.flat[rng.randrange(values.size)] = wrong
        case 2:
            values = values[::-1]
        case 3:
            values[rng.randrange(len(values))] = wrong
        case _:
            values = values * rng.choice((2, -1, 0))
    item[...] = values


def _replace(f: h5py.File, rng: Random) -> None:
    """Put another kind of thing in a dataset's place."""
    group, name = _item(f, rng)
    shape, dtype = group[name].shape, group[name].dtype
    del group[name]
    tall = (rng.choice((0, 3, 200_000, 2**32, 2**62)), *shape[1:]) if shape else (2**33,)
    rng.choice(
        (
            lambda: None,
            lambda: group.create_dataset(name, data=_odd(rng)),
            lambda: group.create_dataset(name, tall, dtype, chunks=(1, *shape[1:]) if shape else (64,)),
            lambda: group.create_dataset(name, tall[:1] + shape[1:], dtype),
            lambda: group.create_dataset(name, shape, dtype, chunks=tuple(2**20 for _ in shape) or None, maxshape=None),
            lambda: group.create_dataset(name, shape, rng.choice(("f4", "i8", ">f8", "S8", "f2", "?", "c8", "O8"))),
            lambda: group.create_dataset(name, data=np.zeros(shape), compression="lzf"),
            lambda: group.create_dataset(name, data=np.zeros(shape), scaleoffset=3),
            lambda: group.create_dataset(name, shape, dtype, external=[("/etc/passwd", 0, 100)]),
            lambda: group.create_virtual_dataset(name, _virtual(shape)),
            lambda: group.create_group(name),
            lambda: _bomb(group, name, shape),
            lambda: group.__setitem__(name, h5py.SoftLink(rng.choice(("/calibrate", name, "/nowhere", "/ensemble_0")))),
            lambda: group.__setitem__(name, h5py.ExternalLink(rng.choice(("/etc/passwd", "other.h5")), "/chain")),
            lambda: group.__setitem__(name, f[rng.choice(("/", "/calibrate", "/ensemble_0/chain"))]),
            lambda: group.__setitem__(name, np.dtype("f8")),
        )
    )()


def _virtual(shape: tuple[int, ...]) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(shape or (1,), dtype="f8")
    layout[...] = h5py.VirtualSource(".", "ensemble_0/chain", shape or (1,))
    return layout


def _bomb(group: h5py.Group, name: str, shape: tuple[int, ...]) -> None:
    """Claim much, packed into little: each chunk of 8 MB is 8 kB of zeros."""
    row = int(np.prod(shape[1:])) * 8
    steps = max(1, 2**23 // row)
    item = group.create_dataset(name, (40 * steps, *shape[1:]), "f8", chunks=(steps, *shape[1:]), compression="gzip")
    for i in range(40):
        item.id.write_direct_chunk((i * steps, *(0 for _ in shape[1:])), _BOMB)


def _links(f: h5py.File, rng: Random) -> None:
    name = rng.choice(("calibrate", "ensemble_0", "ensemble_1", "ensemble_2"))
    other = rng.choice(("calibrate", "ensemble_0", "ensemble_1", "/"))
    if name in f:
        del f[name]
    f[name] = rng.choice(
        (f[other], h5py.SoftLink(f"/{other}"), h5py.ExternalLink("other.h5", "/"), h5py.SoftLink(name))
    )


def _resize(f: h5py.File, rng: Random) -> None:
    item = f[f"ensemble_{rng.randrange(ENSEMBLES)}/{rng.choice(('chain', 'log_prob'))}"]
    rows = [0, 1, len(item) - 1, len(item) + 1]
    if item.id.get_create_plist().get_alloc_time() != h5py.h5d.ALLOC_TIME_EARLY:  # or HDF5 would allocate all of it
        rows += [200_000, 4 * 10**9, 2**62]
    item.resize(rng.choice(rows), axis=0)


def _rest(f: h5py.File, rng: Random) -> None:
    """Make a live file one at rest, or give one at rest slots."""
    states, live = states_of(f, ENSEMBLES, f["ensemble_0/chain"].shape[1])
    if live:
        del f["calibrate/slots"]
    else:
        record = np.frombuffer(pack(1, states), dtype=np.uint8)
        f["calibrate/slots"] = np.stack([record, record]) if rng.random() < 0.7 else record


_WAYS: tuple[Callable[[h5py.File, Random], None], ...] = (
    *(_attribute,) * 3,
    *(_number,) * 2,
    *(_slots,) * 2,
    *(_values,) * 3,
    *(_replace,) * 4,
    _links,
    *(_resize,) * 2,
    rename,
    *(change_json,) * 4,
    *(change_data,) * 2,
    *(change_tests,) * 2,
    _rest,
)
