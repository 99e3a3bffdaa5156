"""Texts in a run file, spoilt: configuration, fingerprint, data, the list of tests, names."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import zlib
from typing import Any

import h5py
import numpy as np

Random = random.Random
_ZEROS = zlib.compress(bytes(2**20), 9)


def read_small(item: h5py.Dataset) -> Any:
    """Return a dataset's content, unless an earlier mutation made it huge."""
    if item.size > 10**6:
        raise ValueError("too large")
    return item[()]


def put_text(group: h5py.Group, name: str, text: str) -> None:
    """Put a text in the place of another."""
    del group[name]
    group[name] = np.bytes_(text.encode("utf-8", "surrogatepass") or b"\n")


def put_names(group: h5py.Group, names: list[str]) -> None:
    """Put other names of parameters in the place of those that are there."""
    del group["names"]
    group["names"] = np.array([name.encode() for name in names])


def rename(f: h5py.File, rng: Random) -> None:
    """Exchange, spoil, repeat or lose the names of the parameters."""
    names = [name.decode() for name in read_small(f["calibrate/names"])]
    match rng.randrange(5):
        case 0:
            names.reverse()
        case 1:
            names[0] = "\x1b[2J" + names[0]
        case 2:
            names[-1] = names[0]
        case 3:
            names = names * rng.choice((0, 2, 500))
        case _:
            names[0] = rng.choice(("", "noise.sigma", "x" * 10_000, "mcl", "lcl.f_ref"))
    put_names(f["calibrate"], names)


def change_json(f: h5py.File, rng: Random) -> None:
    """Change a leaf of the configuration, the fingerprint, or both alike."""
    seed, both = rng.random(), rng.random() < 0.4
    for name in ("config", "fingerprint") if both else (rng.choice(("config", "config", "fingerprint")),):
        content = json.loads(read_small(f["calibrate"][name]))
        _leaf(content["config"] if both and name == "fingerprint" else content, Random(seed))
        put_text(f["calibrate"], name, json.dumps(content))


def _leaf(content: Any, rng: Random) -> None:
    at = content
    while True:
        key = rng.choice(sorted(at)) if isinstance(at, dict) else rng.randrange(len(at))
        if not isinstance(at[key], (dict, list)) or not at[key] or rng.random() < 0.1:
            break
        at = at[key]
    value = at[key]
    if isinstance(at, dict) and rng.random() < 0.1:
        del at[key]
    elif isinstance(value, (int, float)) and rng.random() < 0.7:
        at[key] = rng.choice((0, 1, -value, value * 1.001, value * 1000, 1e308, 1e-308, 10**30, float("nan"), 1e999, 2))
    else:
        deep: Any = []
        for _ in range(rng.choice((3, 100, 900))):
            deep = [deep]
        at[key] = rng.choice(
            (
                None,
                True,
                "varus",
                "valgus",
                "hard",
                "gzip",
                "fsync",
                "\x1b[31m",
                "x" * 50_000,
                {},
                [],
                deep,
                {"lower": 1},
            )
        )


def change_data(f: h5py.File, rng: Random) -> None:
    """Change the data, whose checksum is mended afterwards as like as not."""
    name = rng.choice(data_names(f["calibrate"]))
    text = bytearray(read_small(f["calibrate"][name]).tobytes())
    match rng.randrange(6):
        case 0:
            text = bytearray(rng.choice((b"", b"\x00", b"\xff" * 9, b"angle_deg\n1\n", b'"', b"a,b\n", b"#\n" * 999)))
        case 1:
            text += rng.choice(
                (b"7,1e308\n", b"45.1,1\n", b"nan,1\n", b"1_0,2\n", b"1,2,3\n", b"\x1b[31m,1\n", b"1e-300,1e300\n")
            )
        case 2:
            text += b"1,2\n" * rng.choice((10, 1000))
        case 3:
            text = text.replace(b"angle_deg", b"angle_rad").replace(
                b"moment_Nm", rng.choice((b"force_N", b"moment_Nm"))
            )
        case 4:
            text = bytearray(b"# truth: mcl.k = 1e400\n# truth: mcl.k = 4\n") + text
        case _:
            text[rng.randrange(len(text))] = rng.randrange(256)
    del f["calibrate"][name]
    f["calibrate"][name] = np.frombuffer(bytes(text), dtype=np.uint8)


def data_names(group: h5py.Group) -> list[str]:
    """Return the names of the datasets with the data, in their order."""
    return ["data", *itertools.takewhile(group.__contains__, (f"data_{i}" for i in itertools.count(1)))]


def seal_data(group: h5py.Group) -> None:
    """Make the SHA-256 of the data right again."""
    found = [hashlib.sha256(read_small(group[name]).tobytes()).hexdigest() for name in data_names(group)]
    if "tests" not in group:  # schema 2
        group.attrs["data_sha256"] = np.bytes_(found[0])
        return
    tests = json.loads(read_small(group["tests"]))
    for test, sha in zip(tests, found, strict=True):
        test["sha256"] = sha
    put_text(group, "tests", json.dumps(tests))


def change_tests(f: h5py.File, rng: Random) -> None:
    """Spoil the list of tests, or the datasets that it tells of."""
    group = f["calibrate"]
    tests, last = json.loads(read_small(group["tests"])), data_names(group)[-1]
    one = rng.choice(tests)
    match rng.randrange(8):
        case 0:
            key = rng.choice(sorted(one))
            one[key] = rng.choice(("", "x" * 300, "\x1b[2J", "\ud800", "\0", "../" * 9, "a.b", None, 1, [], {"a": 1}))
        case 1:
            del one[rng.choice(sorted(one))]
        case 2:
            tests = rng.choice(([], {}, 3, None, tests[:-1], tests * 2, tests * 2000, [tests], [[]] * 9, tests[::-1]))
        case 3:
            tests.append({"name": "another", "file": "x.csv", "sha256": one["sha256"]})
        case 4:
            for i, test in enumerate(tests):
                test["name"] = rng.choice(("", "same", f"t{i}", "mcl", "noise"))
        case 5:
            group[f"data_{rng.choice((1, 2, 3))}"] = np.frombuffer(b"angle_deg,moment_Nm\n-1,2\n", dtype=np.uint8)
        case 6:
            group.move(last, rng.choice(("data_7", "data_01", "data_-1", "other")))
        case _:
            # Much more text than the file has bytes.
            del group[last]
            pieces = rng.choice((1, 17, 64))
            item = group.create_dataset(last, (pieces * 2**20,), "u1", chunks=(2**20,), compression="gzip")
            for i in range(pieces):
                item.id.write_direct_chunk((i * 2**20,), _ZEROS)
    put_text(group, "tests", json.dumps(tests))
