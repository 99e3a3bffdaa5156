"""Run files with the data of several tests: all of them are kept, named in messages, and believed no more than one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from chains import CONFIG as ONE
from chains import ENSEMBLES, STARTS, WALKERS, store, stored
from chains import POSTERIOR as POSTERIOR_OF_ONE
from conftest import KNEE, PARAMETERS, Result
from test_checksums import flip

from calibrate import beside, chain, runner
from calibrate.chain import measured
from calibrate.chain.problem import posterior_in, posterior_of
from calibrate.chain.repair import repair
from calibrate.config import parse_config
from calibrate.data import Measurement, parse_measurement
from calibrate.errors import ChainError
from calibrate.posterior import Posterior

HEAD = "angle_deg,moment_Nm\n"
TESTS = {
    "flex60": parse_measurement(f"{HEAD}-4,-7.25\n4,6.5\n", "some/where/60deg.csv"),
    "flex30": parse_measurement(f"# Knie, 30°\n{HEAD}-4,-9\n4,8\n5,9.5\n", "30deg.csv"),
    "standing": parse_measurement(f"{HEAD}-3,-2\n3,2\n", "b\udcffse.csv"),  # a name on the disk that is no UTF-8
}
CONFIG = parse_config(
    f"""{KNEE}{PARAMETERS}
[noise]
sigma = 2.0
[tests.flex60]
file = "some/where/60deg.csv"
positive = "valgus"
flexion = 60.0
[tests.flex30]
file = "30deg.csv"
positive = "valgus"
flexion = 30.0
[tests.standing]
file = "bad.csv"
positive = "valgus"
[sampling]
ensembles = {ENSEMBLES}
walkers = {WALKERS}
"""
)
POSTERIOR = Posterior.from_config(CONFIG, TESTS)
Spoil = Callable[[h5py.File], Any]


def written(path: Path, tests: dict[str, Measurement] = TESTS, steps: int = 0) -> Path:
    """Write a file with some steps that holds these tests; its configuration has the three."""
    chain.create(path, chain.new_origin(CONFIG, tests, POSTERIOR.names, STARTS), STARTS, capacity=4)
    with chain.ChainWriter(path, capacity=4) as writer:
        store(writer, steps)
        writer.finish()
    return path


def check_same(found: dict[str, Measurement] | Any, wanted: dict[str, Measurement] = TESTS) -> None:
    """Check that these are the same tests in the same order, texts and all."""
    assert [*found] == [*wanted]
    for name, one in wanted.items():
        assert (found[name].text, found[name].sha256) == (one.text, one.sha256)
        assert found[name].source == Path(one.source).name
        np.testing.assert_array_equal(found[name].loads, one.loads)


def test_every_test_is_kept_in_its_order(tmp_path: Path) -> None:
    file = chain.read(written(tmp_path / "run.h5"))
    check_same(file.measurements)
    assert file.measurement is file.measurements["flex60"]


def test_the_layout_is_the_one_that_is_described(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path / "run.h5")) as f:
        group = f["calibrate"]
        assert group.attrs["schema_version"] == 3
        assert {"data_name", "data_sha256"}.isdisjoint(group.attrs)
        assert [name for name in group if name.startswith("data")] == ["data", "data_1", "data_2"]
        for i, one in enumerate(TESTS.values()):
            item = group[f"data_{i}" if i else "data"]
            assert item[()].tobytes() == one.text.encode()
            assert item.fletcher32
        assert json.loads(group["tests"][()]) == [
            {"name": name, "file": Path(one.source).name, "sha256": one.sha256} for name, one in TESTS.items()
        ]
        assert bytes(group["tests"].attrs["sha256"]).decode() == hashlib.sha256(group["tests"][()]).hexdigest()


def test_a_file_of_one_test_lists_it_without_a_name(tmp_path: Path) -> None:
    one = {"": POSTERIOR_OF_ONE.measurement}
    path = written(tmp_path / "run.h5", one)
    check_same(chain.read(path).measurements, one)
    with h5py.File(path) as f:
        (test,) = json.loads(f["calibrate/tests"][()])
        assert (test["name"], test["file"]) == ("", "bench_toe.csv")
        assert "data_1" not in f["calibrate"]


def test_growing_finishing_and_repairing_keep_every_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, saved = written(tmp_path / "run.h5", steps=21), tmp_path / "saved.h5"  # room for 4 at first
    assert stored(path) == 21
    check_same(chain.read(path).measurements)
    monkeypatch.setattr("calibrate.posterior.Posterior.log_prob", lambda self, q: -np.asarray(q)[:, 0])
    assert repair(path, saved).steps == 21
    check_same(chain.read(saved).measurements)
    assert stored(saved) == 21
    with h5py.File(path) as old, h5py.File(saved) as new:
        assert sorted(old["calibrate"]) == sorted(new["calibrate"])
        for name in ("data", "data_1", "data_2", "tests", "fingerprint"):
            assert old["calibrate"][name][()].tobytes() == new["calibrate"][name][()].tobytes()


def test_a_thousand_tests_fit_and_one_more_does_not(tmp_path: Path) -> None:
    tests = {f"t{i:0{measured.LONGEST_NAME - 1}}": TESTS["flex60"] for i in range(measured.MOST_TESTS)}
    check_same(chain.read(written(tmp_path / "run.h5", tests)).measurements, tests)
    tests["another"] = TESTS["flex30"]
    with pytest.raises(ChainError, match="cannot hold these tests: there are 1001 tests, not 1 to 1000"):
        chain.new_origin(CONFIG, tests, POSTERIOR.names, STARTS)


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ({}, "there are 0 tests"),
        ({"": TESTS["flex30"], "a": TESTS["flex60"]}, "one of several tests has no name"),
        ({"x" * (measured.LONGEST_NAME + 1): TESTS["flex30"]}, "up to 64 printable characters"),
        ({"a\nb": TESTS["flex30"]}, r"printable characters, not 'a\\nb'"),
    ],
)
def test_what_a_file_cannot_hold_is_not_written(tests: dict[str, Measurement], words: str) -> None:
    with pytest.raises(ChainError, match=words):
        chain.new_origin(CONFIG, tests, POSTERIOR.names, STARTS)


def test_the_data_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "run.h5")
    size = sum(len(one.text.encode()) for one in TESTS.values())
    monkeypatch.setattr(measured, "_MOST_DATA", size)
    chain.read(path)
    monkeypatch.setattr(measured, "_MOST_DATA", size - 1)
    with pytest.raises(ChainError, match="the data are larger than"):
        chain.read(path)
    with pytest.raises(ChainError, match="the data are larger than"):
        chain.new_origin(CONFIG, TESTS, POSTERIOR.names, STARTS)


def test_a_fingerprint_has_the_form_of_the_calibration() -> None:
    one, several = POSTERIOR_OF_ONE.measurement, {name: test.sha256 for name, test in TESTS.items()}
    mark = chain.fingerprint(ONE, {"": one})
    assert mark["data_sha256"] == one.sha256
    assert chain.fingerprint(CONFIG, TESTS)["data_sha256"] == several
    assert chain.fingerprint(CONFIG, {"a": one})["data_sha256"] == {"a": one.sha256}
    assert mark["config"]["data"] == {"file": "bench_toe.csv", "positive": "valgus", "flexion": 0.0}
    assert "workers" not in mark["config"]["sampling"]


def test_differences_name_the_tests() -> None:
    before = chain.fingerprint(CONFIG, TESTS)
    now = chain.fingerprint(CONFIG, {**TESTS, "flex30": TESTS["flex60"]})
    (found,) = chain.differences(before, now)
    assert found.startswith(f"tests.flex30 was '{TESTS['flex30'].sha256[:50]}")
    assert chain.differences(before, chain.fingerprint(CONFIG, dict(reversed(TESTS.items())))) == []
    fewer = {name: TESTS[name] for name in ("flex60", "standing")}
    assert "tests.flex30 was '" in chain.differences(before, chain.fingerprint(CONFIG, fewer))[0]
    (found,) = chain.differences(chain.fingerprint(CONFIG, fewer), before)
    assert found.startswith("tests.flex30 was None and is '")
    # The same of a configuration: tests are the user's, other keys may be a newer calibrate's.
    old = {"tests": {"flex30": {"positive": "varus"}}}
    for prefix in ({}, {"config": old}):
        new = {"tests": {"flex30": {"positive": "valgus", "flexion": 0.0}, "flex60": {}}, "prior": {}}
        found_all = chain.differences(prefix or old, {"config": new} if prefix else new)
        assert found_all == ["tests.flex30.positive was 'varus' and is 'valgus'", "tests.flex60 was None and is {}"]


def test_a_file_with_other_tests_than_its_configuration_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5", {"": POSTERIOR_OF_ONE.measurement})
    with pytest.raises(ChainError, match=r"holds data, but .* has tests\.flex60, tests\.flex30, tests\.standing; "):
        posterior_of(path, *chain.read_run(path))
    with pytest.raises(ChainError, match="holds data"):
        repair(path, tmp_path / "saved.h5")
    many = written(tmp_path / "many.h5", {f"t{i}": TESTS["flex60"] for i in range(200)})
    with pytest.raises(ChainError) as caught:
        posterior_in(many, chain.read(many))
    assert "tests.t4, ..., but" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_data_forged_with_their_sha256_are_another_problem(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5")
    posterior_of(path, *chain.read_run(path))
    with h5py.File(path, "r+") as f:
        replace_data(f, 1, f"{HEAD}1,2\n".encode())
        change(lambda tests: tests[1].update(sha256=hashlib.sha256(f"{HEAD}1,2\n".encode()).hexdigest()))(f)
    with pytest.raises(ChainError, match=r"not the problem that the run was started with: tests\.flex30 was '"):
        posterior_of(path, *chain.read_run(path))


def change(how: Callable[[list[Any]], Any]) -> Spoil:
    """Change the list of tests, or put what is returned in its place."""

    def spoil(f: h5py.File) -> None:
        tests = json.loads(f["calibrate/tests"][()])
        other = how(tests)
        replace(f, json.dumps(tests if other is None else other).encode())

    return spoil


def replace(f: h5py.File, text: bytes) -> None:
    del f["calibrate/tests"]
    f["calibrate/tests"] = np.bytes_(text)


def replace_data(f: h5py.File, number: int, text: bytes) -> None:
    del f[f"calibrate/data_{number}"]
    f[f"calibrate/data_{number}"] = np.frombuffer(text, dtype=np.uint8)


CRAFTED: dict[str, tuple[Spoil, str]] = {
    "no list": (lambda f: f.__delitem__("calibrate/tests"), "tests is missing"),
    "list elsewhere": (lambda f: link(f, h5py.ExternalLink("x.h5", "/")), "tests is no part of this file"),
    "list a number": (change(lambda tests: 3), "tests is no list of 1000 tests"),
    "list a table": (change(lambda tests: {"flex30": {}}), "tests is no list of 1000 tests"),
    "list no JSON": (lambda f: replace(f, b"[{"), "damaged or no run of calibrate (Expecting"),
    "list no UTF-8": (lambda f: replace(f, b'["\xff"]'), "'utf-8' codec"),
    "list nested": (lambda f: replace(f, b"[" * 90_000 + b"]" * 90_000), "recursion"),
    "list very long": (lambda f: replace(f, b" " * 2**22 + b"[]"), "more than the"),
    "list empty": (change(lambda tests: []), "there are 0 tests"),
    "list too long": (change(lambda tests: tests * 400), "tests is no list of 1000 tests"),
    "a line a list": (change(lambda tests: [*tests[:2], ["standing", "x.csv", "0"]]), "without name, file and sha256"),
    "a name a number": (change(lambda tests: tests[1].update(name=3)), "without name, file and sha256"),
    "no file": (change(lambda tests: tests[1].__delitem__("file")), "without name, file and sha256"),
    "no sha256": (change(lambda tests: tests[1].update(sha256=None)), "without name, file and sha256"),
    "no name": (change(lambda tests: tests[1].update(name="")), "one of several tests has no name"),
    "a name twice": (change(lambda tests: tests[1].update(name="flex60")), "two tests have the same name"),
    "a name too long": (change(lambda tests: tests[1].update(name="x" * 65)), "printable characters"),
    "a name with escapes": (change(lambda tests: tests[1].update(name="\x1b[2J")), "printable characters"),
    "a name of surrogates": (change(lambda tests: tests[1].update(name="\udcff")), "printable characters"),
    "a file name too long": (change(lambda tests: tests[1].update(file="x" * 256)), "whose name no file can have"),
    "a file name of surrogates": (change(lambda tests: tests[1].update(file="\ud800")), "whose name no file can have"),
    "a file name with zero": (change(lambda tests: tests[1].update(file="a\0b")), "whose name no file can have"),
    "exchanged": (change(lambda tests: tests[::-1]), "the data of tests.standing inside do not match their SHA-256"),
    "one more": (change(lambda tests: [*tests, {**tests[0], "name": "a"}]), "data_3 is missing"),
    "one less": (change(lambda tests: tests[:2]), "data_2 belongs to no test"),
    "data missing": (lambda f: f.__delitem__("calibrate/data_1"), "data_1 is missing"),
    "data others": (lambda f: replace_data(f, 1, b"1,2"), "the data of tests.flex30 inside do not match"),
    "data of reals": (lambda f: numbers(f, np.zeros(3)), "data_2 does not hold the numbers that it should"),
    "data of two dimensions": (lambda f: numbers(f, np.zeros((3, 3), "u1")), "data_2 has shape (3, 3)"),
    "data of gigabytes": (lambda f: numbers(f, None, shape=(2**33,), dtype="u1"), "data_2 claims"),
    "data elsewhere": (
        lambda f: numbers(f, None, shape=(9,), dtype="u1", external=[("/dev/zero", 0, 9)]),
        "data_2 lies outside of this file",
    ),
    "schema real": (lambda f: f["calibrate"].attrs.__setitem__("schema_version", 3.0), "is no whole number"),
    "schema newer": (
        lambda f: f["calibrate"].attrs.__setitem__("schema_version", 4),
        "written by a newer calibrate (schema 4; this one has 3); upgrade calibrate",
    ),
    "schema older": (lambda f: f["calibrate"].attrs.__setitem__("schema_version", 1), "written by an older calibrate"),
    "schema of one test": (lambda f: f["calibrate"].attrs.__setitem__("schema_version", 2), "data_name is missing"),
}


def numbers(f: h5py.File, values: np.ndarray | None, **how: Any) -> None:
    del f["calibrate/data_2"]
    f["calibrate"].create_dataset("data_2", data=values, **how)


def link(f: h5py.File, target: Any) -> None:
    del f["calibrate/tests"]
    f["calibrate/tests"] = target


@pytest.mark.parametrize("kind", CRAFTED)
def test_a_crafted_list_of_tests_is_refused_in_one_line(
    kind: str, tmp_path: Path, command: Callable[..., Result]
) -> None:
    path = written(tmp_path / "run.h5", steps=2)
    spoil, words = CRAFTED[kind]
    with h5py.File(path, "r+") as f:
        spoil(f)
    for line in (("summary", path), ("resume", path, "--steps", 1), ("repair", path, "-o", tmp_path / "new.h5")):
        result = command(*line)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert words in result.err
        assert result.err[:-1].isprintable()
        assert len(result.err) < 400
    assert {p.name for p in tmp_path.iterdir()} == {"run.h5"}


def test_a_flipped_bit_in_any_data_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5")
    with h5py.File(path) as f:
        place = f["calibrate/data_2"].id.get_chunk_info(0).byte_offset
    flip(path, place + 4)
    with pytest.raises(ChainError, match="calibrate/data_2 does not match its checksum"):
        chain.read(path)


def test_every_file_that_has_changed_beside_a_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "run.h5")
    for name, place in CONFIG.data_paths.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(TESTS[name].text)
    file = chain.read(path)
    assert [*beside.changes(path, file)] == []
    for name in ("flex60", "standing"):
        CONFIG.data_paths[name].write_text(f"{HEAD}1,2\n")
    said = [*beside.changes(path, file)]
    assert [line.partition(": ")[2].partition(";")[0] for line in said] == [
        "has changed since the run was started (tests.flex60)",
        "has changed since the run was started (tests.standing)",
    ]
    assert said[0].startswith(str(tmp_path / "some/where/60deg.csv"))


def test_no_run_is_written_over_any_of_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "30deg.csv").write_text("mine")
    with pytest.raises(ChainError, match=r"30deg\.csv: is what this command reads"):
        runner.start_run(CONFIG, "30deg.csv", overwrite=True)
    assert (tmp_path / "30deg.csv").read_text() == "mine"
