"""The file of a shard: what is written is read, damage is noticed, and a stranger's file can at worst be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calibrate.errors import CalibrateError, ChainError
from calibrate.study import open_cohort
from calibrate.study.file import Head, Record, sealed, shard_file, write
from calibrate.study.reader import records_of

HEAD = Head(shard=1, shards=1, planned=3, total=3, study='{"seed": 1}')
SUMMARY = json.dumps({"parameters": {"mcl.k": {}, "lcl.k": {}}})


def record(number: int, **changes: Any) -> Record:
    rng = np.random.default_rng(number)
    draws = rng.random((5 + number, 2))
    plain = Record(
        f"k{number}", 7 * number, "converged", "", '{"sex": "ü", "age": 3}', "{}", "{}", SUMMARY, draws, draws[:, 0]
    )
    return replace(plain, **changes)


RECORDS = [record(0), record(1, status="failed", summary="{}", draws=np.empty((0, 0)), log_prob=np.empty(0)), record(2)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = shard_file(tmp_path, 1, 1)
    write(path, HEAD, RECORDS)
    return path


def test_what_is_written_is_read(path: Path) -> None:
    cohort = open_cohort(path)
    assert (len(cohort), cohort.total, cohort.missing, cohort.study) == (3, 3, (), {"seed": 1})
    for wanted, found in zip(RECORDS, cohort.knees, strict=True):
        assert (found.id, found.seed, found.status) == (wanted.id, wanted.seed, wanted.status)
        assert found.covariates == {"sex": "ü", "age": 3}
        assert found.names == (() if wanted.status == "failed" else ("mcl.k", "lcl.k"))
        np.testing.assert_array_equal(found.draws, wanted.draws)
        np.testing.assert_array_equal(found.log_prob, wanted.log_prob)
    with pytest.raises(ChainError, match="has no knee 'k9'"):
        cohort.knee("k9")
    with h5py.File(path) as f:
        assert all(f[name].fletcher32 and f[name].compression == "gzip" for name in f)
        # What a damaged index does not lead to any more reads as what no column has.
        assert np.isnan([f["draws"].fillvalue, f["log_prob"].fillvalue]).all()
        assert [f[name].fillvalue for name in ("status", "summary", "seed", "draws_end")] == [255, 255, -1, -1]


def test_a_batch_is_not_packed_and_reads_the_same(path: Path, tmp_path: Path) -> None:
    write(tmp_path / "batch.h5", HEAD, RECORDS, packed=False)
    with h5py.File(tmp_path / "batch.h5") as f:
        assert all(f[name].fletcher32 and f[name].compression is None and not f[name].shuffle for name in f)
    for wanted, found in zip(records_of(path), records_of(tmp_path / "batch.h5"), strict=True):
        np.testing.assert_equal(vars(found), vars(wanted))
    assert [one.id for one in records_of(tmp_path / "batch.h5", first=2)] == ["k2"]


def test_the_bytes_depend_on_what_is_written_alone(path: Path, tmp_path: Path) -> None:
    write(tmp_path / "again.h5", HEAD, iter(RECORDS))
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_a_shard_may_have_no_knee(tmp_path: Path) -> None:
    write(tmp_path / "x.h5", replace(HEAD, shard=4, shards=5, planned=0), [])
    assert len(open_cohort(tmp_path / "x.h5")) == 0


def attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    """Give the file another attribute, and the seal that goes with it."""

    def spoil(f: h5py.File) -> None:
        f.attrs[name] = value
        found = {key: f.attrs[key] for key in f.attrs if key != "sha256"}
        said = {key: one.decode() if isinstance(one, bytes) else one for key, one in found.items()}
        f.attrs["sha256"] = np.bytes_(sealed({k: v if isinstance(v, str) else int(v) for k, v in said.items()}))

    return spoil


def dataset(name: str, data: Any, **how: Any) -> Callable[[h5py.File], None]:
    def spoil(f: h5py.File) -> None:
        del f[name]
        f.create_dataset(name, data=data, **how)

    return spoil


def text(name: str, row: int, value: bytes) -> Callable[[h5py.File], None]:
    """Give a knee another text, and all ends that go with it."""

    def spoil(f: h5py.File) -> None:
        ends = [0, *f[f"{name}_end"][()].tolist()]
        parts = [f[name][a:b].tobytes() for a, b in pairwise(ends)]
        parts[row] = value
        dataset(name, np.frombuffer(b"".join(parts), np.uint8), chunks=(2**16,), maxshape=(None,))(f)
        dataset(f"{name}_end", np.cumsum([len(part) for part in parts]))(f)

    return spoil


def outside(f: h5py.File) -> None:
    del f["draws"]
    f["draws"] = h5py.ExternalLink("elsewhere.h5", "draws")


def huge(f: h5py.File) -> None:
    del f["draws"]
    f.create_dataset("draws", (2**40,), "<f8", chunks=(2**14,), maxshape=(None,))


DEEP = b"[" * 100_000 + b"]" * 100_000
CRAFTED: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "format": (attribute("format", np.bytes_("a film")), "holds no results of a study"),
    "no format": (lambda f: f.attrs.__delitem__("format"), "holds no results of a study"),
    "newer": (attribute("schema_version", 9), "written by another calibrate (schema 9; this one has 1)"),
    "shard": (attribute("shard", 3), "it is shard 3 of 1"),
    "shards": (attribute("shards", 2**40), "shards is 1099511627776, not from 0 to"),
    "planned": (attribute("planned", 99), "it is shard"),
    "planned text": (attribute("planned", np.bytes_("x")), "planned is no whole number"),
    "study a heap": (attribute("study", "variable"), "study is no text"),
    "total changed": (lambda f: f.attrs.__setitem__("total", 4), "attributes do not match their SHA-256"),
    "study no object": (attribute("study", np.bytes_("[1]")), "study is none"),
    "seed negative": (dataset("seed", np.array([1, -1, 1])), "seed is none"),
    "column gone": (lambda f: f.__delitem__("summary"), "summary is missing"),
    "a group": (lambda f: (f.__delitem__("seed"), f.create_group("seed")), "seed is no dataset"),
    "linked": (outside, "draws is no part of this file"),
    "huge": (huge, "that are not in the file"),
    "status": (dataset("status", np.array([0, 7, 0], np.uint8)), "status is none"),
    "status long": (dataset("status", np.zeros(4, np.uint8)), "status has shape"),
    "seed real": (dataset("seed", np.zeros(3)), "seed does not hold the numbers"),
    "ends back": (dataset("draws_end", np.array([10, 5, 24])), "draws_end does not divide draws"),
    "ends short": (dataset("draws_end", np.array([10, 10, 23])), "draws_end does not divide draws"),
    "draws odd": (dataset("draws_end", np.array([11, 11, 24])), "draws and log_prob do not belong together"),
    "draws of the failed": (dataset("draws_end", np.array([10, 12, 24])), "draws and log_prob do not belong together"),
    "draws NaN": (lambda f: f["draws"].__setitem__(0, np.nan), "draws holds numbers that no chain has"),
    "id twice": (text("id", 1, b"k0"), "holds a knee twice"),
    "id a path": (text("id", 1, b"a\x1bb"), "one without a proper name"),
    "id long": (text("id", 1, b"a" * 300), "id of a knee has 300 bytes, more than the 256"),
    "summary no JSON": (text("summary", 0, b"{"), "Expecting property name"),
    "summary no object": (text("summary", 0, b"[1]"), "no JSON object"),
    "summary deep": (text("summary", 0, DEEP), "JSON nested too deeply"),
    "summary empty": (text("summary", 0, b"{}"), "summary is none"),
    "summary of the failed": (text("summary", 1, SUMMARY.encode()), "summary is none"),
    "parameters": (text("summary", 0, b'{"parameters": [1]}'), "summary is none"),
    "other parameters": (text("summary", 0, b'{"parameters": {"mcl.k": {}}}'), "other parameters than the summary"),
    "covariates": (text("covariates", 0, b'{"sex": [1]}'), "covariates hold something else"),
    "message long": (text("message", 0, b"a" * 20_000), "message of a knee has 20000 bytes"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_strangers_file_is_refused_in_one_line(name: str, path: Path) -> None:
    spoil, says = CRAFTED[name]
    with h5py.File(path, "r+") as f:
        spoil(f)
    with pytest.raises(ChainError) as refused:
        [*open_cohort(path).knees]
    assert says in str(refused.value)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_what_a_stranger_wrote_as_configuration_is_refused_when_it_is_asked_for(path: Path) -> None:
    for name, value in (("config", b"{"), ("config", b'{"knee": 3}'), ("data", b"[]"), ("data", b'{"": [1, 2]}')):
        with h5py.File(path, "r+") as f:
            text(name, 0, value)(f)
        knee = next(open_cohort(path).knees)
        with pytest.raises(CalibrateError) as refused:
            knee.posterior()
        assert "\n" not in str(refused.value)


def test_damage_is_noticed_or_does_no_harm(path: Path) -> None:
    """Bytes changed all over the file: it is refused, or says what it said."""
    sound, whole = path.read_bytes(), [*open_cohort(path).knees]
    refused = 0
    for at in range(8, len(sound), max(1, len(sound) // 90)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        try:
            found = [*open_cohort(path).knees]
        except ChainError:
            refused += 1
            continue
        for one, other in zip(found, whole, strict=True):
            assert one.record.id == other.record.id
            assert one.record.summary == other.record.summary
            np.testing.assert_array_equal(one.draws, other.draws)
    assert refused > 9  # of 90; much of a small file is room
    for size in range(0, len(sound), len(sound) // 12):
        path.write_bytes(sound[:size])
        with pytest.raises(ChainError):
            [*open_cohort(path).knees]


def test_what_is_no_cohort_is_said(tmp_path: Path, path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("no")
    other = tmp_path / "other.h5"
    write(other, replace(HEAD, study='{"seed": 2}'), [record(5)])
    write(tmp_path / "same.h5", HEAD, [record(0)])
    for asked, says in (
        (tmp_path / "empty", "holds no results of a study"),
        ([], "holds no results of a study"),
        (tmp_path / "none", "no such file"),
        (tmp_path / "text.h5", "is no HDF5 file"),
        ([path, other], "is of another study than"),
        ([path, tmp_path / "same.h5"], "knee 'k0' is in"),
    ):
        with pytest.raises(ChainError, match=says):
            open_cohort(asked)
