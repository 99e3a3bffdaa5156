"""A run file that a stranger may have made: refused in one line, with little memory, before anything is believed."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import DATA, Result, config_text

from calibrate import chain
from calibrate.chain.slots import EnsembleState, newest, pack
from calibrate.config import parse_config
from calibrate.errors import ChainError
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run

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


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "run.h5"
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


COMPOUND = np.zeros(3, dtype=[("a", "i4"), ("b", "f8")])
SHAPE = (STEPS, WALKERS, 2)
# How a file is spoilt, and what the user is told.
CRAFTED: dict[str, tuple[Spoil, str]] = {
    "position 1e9": (unsealed("random_state_2", 10**9), "random_state_2 is 1000000000, not from 0 to 624"),
    "position negative": (unsealed("random_state_2", -1), "random_state_2 is -1"),
    "position real": (unsealed("random_state_2", 3.5), "random_state_2 is no whole number"),
    "gaussian flag": (unsealed("random_state_3", 7), "random state that NumPy cannot have had"),
    "gaussian NaN": (unsealed("random_state_4", np.nan), "random_state_4 is nan"),
    "keys all 0": (unsealed("random_state_1", np.zeros(624, "u4")), "random state that NumPy cannot have had"),
    "keys too few": (unsealed("random_state_1", np.ones(623, "u4")), "random_state_1 is no array"),
    "keys real": (unsealed("random_state_1", np.ones(624)), "random_state_1 is no array"),
    "no random state": (lambda f: f["ensemble_1"].attrs.__delitem__("random_state_4"), "no random state"),
    "state changed": (moved_on, "does not match its checksum"),
    "iteration infinite": (unsealed("iteration", np.inf), "iteration is no whole number"),
    "iteration negative": (unsealed("iteration", -5), "iteration is -5"),
    "iteration an array": (unsealed("iteration", np.arange(3)), "iteration is no whole number"),
    "iteration too small": (unsealed("iteration", STEPS - 1), f"has {STEPS} steps, not {STEPS - 1}"),
    "iteration huge": (unsealed("iteration", 2**61), "counts 2305843009213693952 steps"),
    "schema infinite": (attribute("calibrate", "schema_version", np.inf), "schema_version is no whole number"),
    "schema real": (attribute("calibrate", "schema_version", 2.5), "schema_version is no whole number"),
    "schema negative": (attribute("calibrate", "schema_version", -2), "schema_version is -2"),
    "schema an array": (attribute("calibrate", "schema_version", [2, 2]), "schema_version is no whole number"),
    "schema a text": (attribute("calibrate", "schema_version", "2"), "schema_version is no whole number"),
    "schema a reference": (lambda f: f["calibrate"].attrs.__setitem__("schema_version", f.ref), "no whole number"),
    "versions a list": (attribute("calibrate", "versions", np.bytes_(b'["emcee"]')), "no record of versions"),
    "versions of numbers": (attribute("calibrate", "versions", np.bytes_(b'{"a": 1}')), "no record of versions"),
    "created 64 kB": (attribute("calibrate", "created", np.bytes_(b"x" * 60_000)), "created is larger"),
    "created on a heap": (attribute("calibrate", "created", "today"), "created is no text"),
    "fingerprint a list": (dataset("calibrate", "fingerprint", data=np.bytes_(b"[]")), "fingerprint"),
    "fingerprint nested": (nested, "recursion"),
    "config a list": (dataset("calibrate", "config", data=np.bytes_(b"[1]")), "its configuration"),
    "config on a heap": (dataset("calibrate", "config", data="{}"), "claims|config is no text"),
    "text in the chain": (dataset("ensemble_0", "chain", data=np.full(SHAPE, b"text")), "chain does not hold"),
    "chain of float32": (dataset("ensemble_0", "chain", shape=SHAPE, dtype="f4"), "claims|does not hold"),
    "chain big-endian": (dataset("ensemble_0", "chain", data=np.zeros(SHAPE, ">f8")), "chain does not hold"),
    "chain compound": (dataset("ensemble_0", "chain", data=COMPOUND), "chain does not hold"),
    "chain of references": (dataset("ensemble_0", "chain", shape=SHAPE, dtype=h5py.ref_dtype), "chain"),
    "chain a scalar": (dataset("ensemble_0", "chain", data=1.0), "chain has shape ()"),
    "chain empty": (dataset("ensemble_0", "chain", data=h5py.Empty("f8")), "chain is empty"),
    "chain a group": (linked("ensemble_0", "chain", lambda f: f["calibrate"]), "chain is no dataset"),
    "chain a type": (linked("ensemble_0", "chain", np.dtype("f8")), "chain is no dataset"),
    "chain elsewhere": (linked("ensemble_0", "chain", h5py.ExternalLink("x.h5", "/")), "no part of this file"),
    "chain a loop": (linked("ensemble_0", "chain", h5py.SoftLink("/ensemble_0/chain")), "no part of this file"),
    "chain external": (
        dataset("ensemble_0", "chain", shape=SHAPE, dtype="f8", external=[("/dev/zero", 0, 10**6)]),
        "chain lies outside",
    ),
    "chain unpacked": (dataset("ensemble_0", "chain", data=np.zeros(SHAPE)), "cut into pieces that no run has"),
    "chain of foreign filter": (dataset("ensemble_0", "chain", data=np.zeros(SHAPE), compression="lzf"), "a filter"),
    "chain of absurd chunks": (
        dataset("ensemble_0", "chain", shape=(2**20, 2**10, 2), dtype="f8", chunks=(2**18, 2**10, 1)),
        "chain is cut into",
    ),
    "4e9 rows never allocated": (tall(4 * 10**9), "claims|is cut into"),
    "200000 rows never allocated": (tall(200_000), "claims|is cut into"),
    "100000 packed rows never allocated": (tall_and_packed, "claims"),
    "a bomb": (bomb, "packed into"),
    "slots of 8 GB": (lambda f: f["calibrate"].create_dataset("slots", (2, 2**32), "u1"), "slots claims"),
    "slots of another size": (lambda f: f["calibrate"].create_dataset("slots", data=np.zeros((2, 9), "u1")), "shape"),
    "starts of gigabytes": (dataset("calibrate", "starts", shape=(2, 2**28, 2), dtype="f8"), "starts claims"),
    "starts NaN": (values("calibrate/starts", np.nan), "starts holds numbers that are not finite"),
    "data of gigabytes": (dataset("calibrate", "data", shape=(2**33,), dtype="u1"), "data claims"),
    "data packed": (dataset("calibrate", "data", data=np.zeros(2**28, "u1"), compression="gzip"), "packed into"),
    "names too many": (dataset("calibrate", "names", data=np.array([b"mcl.k"] * 2**19)), "names is no short list"),
    "names numbers": (dataset("calibrate", "names", data=np.arange(2)), "names is no short list"),
    "names no text": (dataset("calibrate", "names", data=np.array([b"\xff", b"\xfe"])), "utf-8"),
    "names with escapes": (dataset("calibrate", "names", data=np.array([b"\x1b[2J", b"mcl.l_0"])), "holds"),
    "names twice": (dataset("calibrate", "names", data=np.array([b"mcl.k", b"mcl.k"])), "holds mcl.k, mcl.k"),
    "names swapped": (swapped, "holds mcl.l_0, mcl.k"),
    "log-probabilities NaN": (values("ensemble_0/log_prob", np.nan), "numbers that no chain has"),
    "log-probabilities 0": (values("ensemble_0/log_prob", 0.0), "the posterior has changed"),
    "coordinates infinite": (values("ensemble_0/chain", np.inf), "numbers that no chain has"),
    "accepted negative": (values("ensemble_0/accepted", -1.0), "accepted moves"),
    "accepted NaN": (values("ensemble_0/accepted", np.nan), "accepted moves"),
    "one chain twice": (twins, "the same chain"),
    "one group twice": (linked("/", "ensemble_1", lambda f: f["ensemble_0"]), "the same chain"),
    "group missing": (lambda f: f.__delitem__("ensemble_1"), "ensemble_1 is missing"),
    "group elsewhere": (linked("/", "calibrate", h5py.ExternalLink("x.h5", "/")), "no part of this file"),
    "group a dataset": (linked("/", "ensemble_1", np.zeros(3)), "ensemble_1 is no group"),
    "walkers others": (setting("sampling.walkers", 8), "starts has shape"),
    "ensembles others": (setting("sampling.ensembles", 3), "starts has shape"),
    "a parameter fixed": (setting("parameters.mcl.k", 50.0), "its configuration frees mcl.l_0"),
    "a parameter freed": (setting("parameters.mcl.alpha", {"lower": 0.01, "upper": 0.1}), "its configuration frees"),
    "positive exchanged": (setting("data.positive", "varus"), "the posterior has changed"),
    "a radius": (setting("knee.lateral_condyle.radius", 21.0), "the posterior has changed"),
    "a fixed parameter": (setting("parameters.lcl.k", 41.0), "the posterior has changed"),
    "sigma": (setting("noise.sigma", 2.5), "the posterior has changed"),
    "an attachment": (setting("knee.mcl.femur", [-40.0, 1.0]), "the posterior has changed"),
    "no knee": (setting("knee.mcl.femur", [1e300, -1e300]), "knee|posterior has changed"),
    "data with a right SHA-256": (other_data, "the posterior has changed"),
}


def one_line(result: Result, words: str) -> None:
    assert result.code == 2, result.err
    assert result.out == ""
    assert result.err.count("\n") == 1, result.err
    assert result.err.isprintable() or result.err[:-1].isprintable()
    assert any(word in result.err for word in words.split("|")), result.err


@pytest.mark.parametrize("kind", CRAFTED)
@pytest.mark.usefixtures("little_memory")
def test_a_crafted_file_is_refused_by_all_who_read_it(kind: str, good: Path, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    spoil, words = CRAFTED[kind]
    with h5py.File(path, "r+") as f:
        spoil(f)
    before = path.read_bytes()
    one_line(command("summary", path), words)
    one_line(command("resume", path, "--steps", 1), words)
    one_line(command("plot", path, "-o", tmp_path / "plots"), words)
    one_line(command("export", path, "-o", tmp_path / "x.osim"), words)
    assert path.read_bytes() == before
    # What repair makes of it is a sound file or none.
    result = command("repair", path, "-o", tmp_path / "saved.h5")
    assert result.code in (0, 2)
    assert "Traceback" not in result.err
    if result.code == 0:
        try:
            open_run(tmp_path / "saved.h5")
        except ChainError as error:
            assert "same chain" in str(error)  # noqa: PT017  # each of them is whole
    assert {p.name for p in tmp_path.iterdir()} <= {"run.h5", "saved.h5"}


def record(change: Callable[[EnsembleState], EnsembleState]) -> Spoil:
    """Write two records with right checksums and a wrong state."""

    def spoil(f: h5py.File) -> None:
        sequence, states = newest(f["calibrate/slots"][...], 2, WALKERS)
        states[1] = change(states[1])
        for i in range(2):
            f["calibrate/slots"][(sequence + i) % 2] = np.frombuffer(pack(sequence + i, states), dtype=np.uint8)

    return spoil


def with_state(position: int = 5, has_gauss: int = 0, gauss: float = 0.0, keys: Any = None) -> Spoil:
    def change(state: EnsembleState) -> EnsembleState:
        name, old, *_ = state.random_state
        random_state = (name, old if keys is None else keys, position, has_gauss, gauss)
        return EnsembleState(state.iteration, state.accepted, random_state)

    return record(change)


LIVE: dict[str, tuple[Spoil, str]] = {
    "position 1e9": (with_state(position=10**9), "random state that NumPy cannot have had"),
    "position negative": (with_state(position=-1), "random state that NumPy cannot have had"),
    "gaussian flag": (with_state(has_gauss=2), "random state that NumPy cannot have had"),
    "gaussian infinite": (with_state(gauss=np.inf), "random state that NumPy cannot have had"),
    "keys all 0": (with_state(keys=np.zeros(624, "u4")), "random state that NumPy cannot have had"),
    "no state": (record(lambda s: EnsembleState(s.iteration, s.accepted, None)), "no random state"),
    "steps negative": (record(lambda s: EnsembleState(-1, s.accepted, s.random_state)), "counts -1 steps"),
    "steps beyond": (record(lambda s: EnsembleState(10**6, s.accepted, s.random_state)), "not 1000000"),
    "steps unwritten": (record(lambda s: EnsembleState(STEPS + 2, s.accepted, s.random_state)), ""),
    "moves": (record(lambda s: EnsembleState(s.iteration, s.accepted + 1e6, s.random_state)), "accepted moves"),
    "room elsewhere": (lambda f: f["ensemble_1/chain"].resize(3, axis=0), "claims|shape"),
}


@pytest.mark.parametrize("kind", LIVE)
@pytest.mark.usefixtures("little_memory")
def test_a_crafted_live_file_is_refused_by_all_who_read_it(
    kind: str, good: Path, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    with chain.ChainWriter(path, capacity=5):
        pass
    assert open_run(path).stored == STEPS
    spoil, words = LIVE[kind]
    with h5py.File(path, "r+") as f:
        spoil(f)
    if kind == "steps unwritten":  # in one ensemble only, and steps that one alone has do not count
        assert open_run(path).stored == STEPS
        return
    one_line(command("summary", path), words)
    one_line(command("resume", path, "--steps", 1), words)


def test_a_run_of_an_older_calibrate_with_the_same_posterior_stays_readable(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    with h5py.File(path, "r+") as f:
        group = f["calibrate"]
        mark = json.loads(group["fingerprint"][()])
        for key in ("moves", "thin"):  # as if only a newer calibrate knew these
            del mark["config"]["sampling"][key]
        sealed = json.dumps(mark).encode()
        del group["fingerprint"]
        group["fingerprint"] = np.bytes_(sealed)
        group.attrs["fingerprint_sha256"] = np.bytes_(hashlib.sha256(sealed).hexdigest())
        f["ensemble_0/log_prob"][...] *= 1.0 + 1e-12  # and another processor
    run = open_run(path)
    assert run.summary()["steps"] == STEPS
    resume_run(path, steps=2)
    assert open_run(path).stored == STEPS + 2
    with h5py.File(path, "r+") as f:
        f["ensemble_0/log_prob"][...] *= 1.0 + 1e-7
    with pytest.raises(ChainError, match="the posterior has changed"):
        open_run(path)


def test_the_first_middle_and_last_steps_of_every_ensemble_are_compared(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    for ensemble in range(2):
        for step in (0, STEPS // 2, STEPS - 1):
            shutil.copy(good, path)
            with h5py.File(path, "r+") as f:
                f[f"ensemble_{ensemble}/log_prob"][step, 3] += 1e-3
            with pytest.raises(ChainError, match="the posterior has changed"):
                open_run(path)


def test_spoilt_files_by_the_hundred_do_no_more_than_be_refused() -> None:
    line = [sys.executable, "-m", "benchmarks.fuzz", "--files", "1000", "--seed", "3"]
    done = subprocess.run(line, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("\n0 failed\n")
    assert done.stdout.startswith("1000 files")


def test_the_fuzzer_notices_a_traceback_a_crash_and_a_hang() -> None:
    script = (
        "import os, sys\n"
        "from benchmarks import fuzz\n"
        "right = fuzz.open_run\n"
        "def wrong(path):\n"
        "    number = len(path.read_bytes()) % 7\n"
        "    if os.getpid() != parent and number < 3:\n"
        "        if number == 0: raise ZeroDivisionError\n"
        "        if number == 1: os.abort()\n"
        "        while True: pass\n"
        "    return right(path)\n"
        "parent = os.getpid()\n"
        "fuzz.open_run, fuzz.SECONDS = wrong, 0.3\n"
        "sys.argv = ['fuzz', '--files', '40']\n"
        "sys.exit(fuzz.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("40 files")
    for words in ("ZeroDivisionError", "SIGABRT", "hang, SIGPROF"):
        assert words in done.stdout
