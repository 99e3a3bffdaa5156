"""A run file that a stranger may have made: refused in one line, with little memory, before anything is believed."""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from crafted import (
    STEPS,
    WALKERS,
    Command,
    Spoil,
    attribute,
    bomb,
    dataset,
    linked,
    little_memory,
    moved_on,
    nested,
    one_line,
    other_data,
    packed,
    setting,
    sound,
    swapped,
    tall,
    tall_and_packed,
    twins,
    unsealed,
    values,
)

from calibrate.errors import ChainError
from calibrate.results import open_run
from calibrate.runner import resume_run


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound(tmp_path_factory.mktemp("good") / "run.h5")


FEWER = "chain has a chunk that is packed from fewer bytes than it has, or from more"
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
    "a chunk packed from too little": (packed(lambda n: zlib.compress(bytes(n - 8))), FEWER),
    "a chunk packed from too much": (packed(lambda n: zlib.compress(bytes(n + 1))), FEWER),
    "a chunk packed from nothing": (packed(lambda _: zlib.compress(b""), summed=False), FEWER),
    "a chunk with no end": (packed(lambda n: zlib.compress(bytes(n))[:8], summed=False), FEWER),
    "a chunk of its checksum alone": (packed(lambda _: b""), "chain has a chunk of 4 bytes"),
    "a chunk said not to be packed": (
        packed(lambda n: bytes(n - 1), mask=1, summed=False),
        "has a chunk of 1439 bytes",
    ),
    "a chunk too short": (packed(lambda n: bytes(n - 8), gzip=False), "claims|a chunk of"),
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


@pytest.mark.parametrize("kind", CRAFTED)
@pytest.mark.usefixtures(little_memory.__name__)
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
