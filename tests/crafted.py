"""A sound run, and ways to spoil its file as a stranger might: what is refused in one line, with little memory."""

from __future__ import annotations

import hashlib
import json
import resource
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import DATA, Result, config_text

from calibrate.chain.checksum import checksum
from calibrate.config import parse_config
from calibrate.runner import start_run

Command = Callable[..., Result]
Spoil = Callable[[h5py.File], Any]

WALKERS, STEPS = 6, 30
PARAMETERS = """
[parameters.mcl]
k = { lower = 10.0, upper = 100.0 }
alpha = 0.06
l_0 = { lower = 80.0, upper = 100.0 }
[parameters.lcl]
k = 40.0
alpha = 0.06
l_0 = 58.0
"""
SAMPLING = f"[sampling]\nwalkers = {WALKERS}\nensembles = 2\nmax_steps = {STEPS}\nmin_ess = 1e9\n"


def sound(path: Path) -> Path:
    """Write a sound run, to be spoilt, and return its path."""
    start_run(parse_config(config_text(parameters=PARAMETERS, extra=SAMPLING), DATA / "bench.toml"), path)
    return path


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Let this process have 1 GB more than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def attribute(where: str, name: str, value: Any) -> Spoil:
    return lambda f: f[where].attrs.__setitem__(name, value)


def unsealed(name: str, value: Any) -> Spoil:
    """Change what a chain goes on from, without the checksum that would tell."""

    def spoil(f: h5py.File) -> None:
        attrs = f["ensemble_1"].attrs
        del attrs["state_crc32"]
        attrs[name] = value

    return spoil


def dataset(where: str, name: str, **how: Any) -> Spoil:
    def spoil(f: h5py.File) -> None:
        del f[where][name]
        f[where].create_dataset(name, **how)

    return spoil


def linked(where: str, name: str, link: Any) -> Spoil:
    def spoil(f: h5py.File) -> None:
        target = link(f) if callable(link) else link
        del f[where][name]
        f[where][name] = target

    return spoil


def tall(rows: int) -> Spoil:
    """Claim rows that were never allocated."""

    def spoil(f: h5py.File) -> None:
        for name in ("chain", "log_prob"):
            f[f"ensemble_0/{name}"].resize(rows, axis=0)
        f["ensemble_0"].attrs["iteration"] = rows
        del f["ensemble_0"].attrs["state_crc32"]

    return spoil


def tall_and_packed(f: h5py.File) -> None:
    """Claim a little more than there is, which packed chunks would have room for."""
    for name in ("chain", "log_prob"):
        rows, shape = f[f"ensemble_0/{name}"][...], f[f"ensemble_0/{name}"].shape
        del f[f"ensemble_0/{name}"]
        how: dict[str, Any] = {"chunks": (*shape[:2], 1)[: len(shape)], "maxshape": (None, *shape[1:])}
        f["ensemble_0"].create_dataset(name, data=rows, compression="gzip", **how)
    tall(100_000)(f)


def bomb(f: h5py.File) -> None:
    """Claim gigabytes packed into megabytes."""
    del f["ensemble_0/chain"]
    rows = 2**16
    packed = zlib.compress(bytes(rows * WALKERS * 8), 9)
    how: dict[str, Any] = {"chunks": (rows, WALKERS, 1), "compression": "gzip"}
    item = f.create_dataset("ensemble_0/chain", (500 * rows, WALKERS, 2), "f8", **how)
    for i in range(1000):
        item.id.write_direct_chunk((i // 2 * rows, 0, i % 2), packed)


def packed(content: Callable[[int], bytes], *, mask: int = 0, summed: bool = True, gzip: bool = True) -> Spoil:
    """Put other content into the first chunk of a chain, of a given number of bytes, past HDF5's own filters."""

    def spoil(f: h5py.File) -> None:
        rows = f["ensemble_0/chain"][...]
        del f["ensemble_0/chain"]
        how: dict[str, Any] = {"chunks": (STEPS, WALKERS, 1), "compression": "gzip" if gzip else None}
        item = f.create_dataset("ensemble_0/chain", data=rows, fletcher32=summed, maxshape=(None, WALKERS, 2), **how)
        inside = content(STEPS * WALKERS * 8)
        item.id.write_direct_chunk((0, 0, 0), inside + (checksum(inside) if summed else b""), filter_mask=mask)

    return spoil


def values(where: str, number: float) -> Spoil:
    return lambda f: f[where].__setitem__(..., number)


def stored_config(change: Callable[[Any], Any]) -> Spoil:
    """Edit the configuration in the file, and the fingerprint alike, as a forger would."""

    def spoil(f: h5py.File) -> None:
        group = f["calibrate"]
        config, mark = (json.loads(group[name][()]) for name in ("config", "fingerprint"))
        change(config)
        change(mark["config"])
        sealed = json.dumps(mark).encode()
        for name, content in (("config", json.dumps(config).encode()), ("fingerprint", sealed)):
            del group[name]
            group[name] = np.bytes_(content)
        group.attrs["fingerprint_sha256"] = np.bytes_(hashlib.sha256(sealed).hexdigest())

    return spoil


def other_data(f: h5py.File) -> None:
    """Edit the data, and every checksum of them."""
    group = f["calibrate"]
    text = group["data"][()].tobytes().decode().splitlines()
    angle, load = text[-1].split(",")
    data = "\n".join([*text[:-1], f"{angle},{float(load) + 1.0!r}"]).encode() + b"\n"
    sha = hashlib.sha256(data).hexdigest()
    mark = json.loads(group["fingerprint"][()])
    mark["data_sha256"] = sha
    sealed = json.dumps(mark).encode()
    tests = json.loads(group["tests"][()])
    tests[0]["sha256"] = sha
    for name in ("data", "fingerprint", "tests"):
        del group[name]
    group["data"], group["fingerprint"] = np.frombuffer(data, dtype=np.uint8), np.bytes_(sealed)
    group["tests"] = np.bytes_(json.dumps(tests).encode())
    group.attrs["fingerprint_sha256"] = np.bytes_(hashlib.sha256(sealed).hexdigest())


def moved_on(f: h5py.File) -> None:
    attrs = f["ensemble_0"].attrs
    attrs["random_state_2"] = (attrs["random_state_2"] + 1) % 624


def swapped(f: h5py.File) -> None:
    names = f["calibrate/names"][()]
    f["calibrate/names"][...] = names[::-1]


def twins(f: h5py.File) -> None:
    for name in ("chain", "log_prob"):
        f[f"ensemble_1/{name}"][...] = f[f"ensemble_0/{name}"][...]


def nested(f: h5py.File) -> None:
    del f["calibrate/fingerprint"]
    deep = b'{"config": ' + b"[" * 90_000 + b"]" * 90_000 + b"}"
    f["calibrate/fingerprint"] = np.bytes_(deep)
    f["calibrate"].attrs["fingerprint_sha256"] = np.bytes_(hashlib.sha256(deep).hexdigest())


def put(tree: Any, path: str, value: Any) -> None:
    *keys, last = path.split(".")
    for key in keys:
        tree = tree[key]
    tree[last] = value


def setting(path: str, value: Any) -> Spoil:
    return stored_config(lambda tree: put(tree, path, value))


def one_line(result: Result, words: str) -> None:
    assert result.code == 2, result.err
    assert result.out == ""
    assert result.err.count("\n") == 1, result.err
    assert result.err.isprintable() or result.err[:-1].isprintable()
    assert any(word in result.err for word in words.split("|")), result.err
