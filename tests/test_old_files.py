"""Run files of schema 2, made by the last calibrate that wrote them, and what that calibrate said of them.

`schema2_rest.h5` and `schema2_live.h5` are runs of the bundled knee (`oks009.toml`) with two ensembles of 16 walkers:
seed 3 and every tenth step of 400, ended by itself; seed 4 and every fifth step, its process killed after 64 stored
ones. `schema2.json` holds the summary of each, and the chain after `resume --steps` for three stored steps more (the
last of them, and the SHA-256 of all), all by that same calibrate. They cannot be made again and stay as they are.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import llvmlite.binding
import numpy as np
import pytest
from conftest import DATA, Result

from calibrate import chain
from calibrate.chain.problem import posterior_in
from calibrate.chain.repair import repair
from calibrate.config import parse_config
from calibrate.density import MODEL_VERSION
from calibrate.errors import ChainError
from calibrate.results import Run, open_run
from calibrate.runner import resume_run

KNOWN: dict[str, Any] = json.loads((DATA / "schema2.json").read_text())
BOTH = ("rest", "live")


@pytest.fixture
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of one of the files."""
    path = tmp_path / "old.h5"
    shutil.copy(DATA / f"schema2_{request.param}.h5", path)
    return path


def check_contains(found: Any, wanted: Any, where: str = "") -> None:
    """Check that all numbers that were told then are told now; there may be more of them."""
    if isinstance(wanted, dict):
        for key in wanted:
            check_contains(found[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, float):
        # That calibrate interpolated taut angles between steps of 0.01 degrees; now they are solved for.
        close = 1e-6 if "taut_angle" in where else 1e-8
        # Convergence is estimated otherwise, from some thousand numbers.
        close = {"rhat": 0.1, "mcse_mean": 0.5, "ess_bulk": 0.5, "ess_tail": 0.5}.get(where.rpartition("/")[2], close)
        assert found == pytest.approx(wanted, rel=close, abs=1e-12), where
    else:
        assert found == wanted, where


def rows(run: Run) -> np.ndarray:
    """Return every stored step, its log-probability in the last column."""
    log_prob = np.asarray(run.chains.log_prob)
    return np.concatenate([np.asarray(run.chains.coords), log_prob[..., np.newaxis]], axis=-1)


@pytest.mark.parametrize(("old", "name"), [(name, name) for name in BOTH], indirect=["old"])
def test_an_old_run_is_summarised_to_the_same_numbers(old: Path, name: str, command: Callable[..., Result]) -> None:
    run = open_run(old)
    assert run.stored == KNOWN[name]["stored"]
    assert [*run.file.measurements] == [""]
    assert run.measurement.source == "oks009_30deg.csv"
    assert run.file.model_version == 1
    # That calibrate dropped half.
    shown = command("summary", old, "--json", "--burn-in", str(run.steps // 2))
    assert (shown.code, shown.err) == (0, "")
    check_contains(json.loads(shown.out), KNOWN[name]["summary"])
    with pytest.raises(AssertionError):
        check_contains(json.loads(shown.out), KNOWN["live" if name == "rest" else "rest"]["summary"])


@pytest.mark.parametrize("old", BOTH, indirect=True)
def test_an_old_configuration_says_what_it_said(old: Path) -> None:
    with h5py.File(old) as f:
        group = f["calibrate"]
        stored, text = json.loads(group["config"][()]), bytes(group["config_text"][()]).decode()
    now = parse_config(text).model_dump(mode="json")
    check_contains(now, stored)
    assert now["parameters"]["mcl"]["f_ref"] == 0.0
    # Keys that are new since stand at what means the same as before.
    assert now["measurement"] == dict.fromkeys(("angle_offset", "load_bias", "hysteresis"))
    assert (now["tests"], now["data"]["flexion"], now["knee"]["reference_flexion"]) == ({}, 0.0, 0.0)
    assert chain.differences(stored, now) == []


@pytest.mark.parametrize("old", ["rest"], indirect=True)
def test_an_old_run_is_plotted_and_exported(old: Path, tmp_path: Path, command: Callable[..., Result]) -> None:
    assert command("plot", old, "-o", tmp_path / "plots", "--only=corner", "--only=trace").code == 0
    assert len([*(tmp_path / "plots").iterdir()]) >= 4
    assert command("export", old, "--to", "osim", "-o", tmp_path / "old.osim").code == 0
    assert (tmp_path / "old.osim").read_text().count("<Blankevoort1991Ligament ") == 2


@pytest.mark.parametrize(("old", "name"), [(name, name) for name in BOTH], indirect=["old"])
def test_an_old_run_goes_on_to_the_last_bit_as_its_own_calibrate_would_have(old: Path, name: str) -> None:
    wanted = KNOWN[name]["resumed"]
    before = rows(open_run(old))
    resume_run(old, steps=3 * open_run(old).config.sampling.thin)
    run = open_run(old)
    after = rows(run)
    assert after.shape[1] == wanted["stored"] == before.shape[1] + 3
    np.testing.assert_array_equal(after[:, : before.shape[1]], before)
    # Another processor may round otherwise, which some steps do not carry far.
    np.testing.assert_allclose(after[:, -1], wanted["last"], rtol=1e-6)
    if llvmlite.binding.get_host_cpu_name() == KNOWN["processor"]:
        assert hashlib.sha256(after.astype("<f8").tobytes()).hexdigest() == wanted["sha256"]


@pytest.mark.parametrize("old", BOTH, indirect=True)
def test_an_old_run_has_the_log_probability_of_its_own_model(old: Path) -> None:
    run = open_run(old)
    draws, before = run.samples(), run.log_prob()
    np.testing.assert_allclose(run.posterior.log_prob(draws), before, rtol=1e-9)
    # The second model has the prior's normalising constant in it, and nothing else of it has changed.
    constant = -np.log(run.posterior.upper - run.posterior.lower).sum() if MODEL_VERSION > 1 else 0.0
    mark = {**run.file.fingerprint, "model_version": MODEL_VERSION}
    now = posterior_in(old, dataclasses.replace(run.file, fingerprint=mark)).log_prob(draws)
    np.testing.assert_allclose(now - before, constant, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("old", ["rest"], indirect=True)
@pytest.mark.parametrize("way", ["resume", "repair"])
def test_a_copy_of_an_old_run_keeps_its_schema_and_its_model(old: Path, way: str, tmp_path: Path) -> None:
    with h5py.File(old) as f:
        before = {name: bytes(f["calibrate"].attrs[name]) for name in ("data_name", "data_sha256", "created")}
    path = old
    if way == "resume":
        resume_run(old, steps=10)
    else:
        path = tmp_path / "repaired.h5"
        assert repair(old, path).found == ()
    with h5py.File(path) as f:
        group = f["calibrate"]
        assert group.attrs["schema_version"] == 2
        assert {name: bytes(group.attrs[name]) for name in before} == before
        assert "tests" not in group
        assert json.loads(group["fingerprint"][()])["model_version"] == 1


@pytest.mark.parametrize("old", ["rest"], indirect=True)
def test_a_later_model_version_is_no_difference_to_an_old_run(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.chain.origin.MODEL_VERSION", MODEL_VERSION + 1)
    file = open_run(old).file
    resume_run(old, steps=10)
    assert open_run(old).file.model_version == 1
    assert chain.fingerprint(file.config, file.measurements)["model_version"] == MODEL_VERSION + 1


@pytest.mark.parametrize("old", ["rest"], indirect=True)
@pytest.mark.parametrize(
    ("version", "words"),
    [
        (MODEL_VERSION + 1, "of a newer calibrate"),
        (10**400, "of a newer calibrate"),
        (0, "no version of the model"),
        (-1, "no version of the model"),
        (True, "no version of the model"),
        (1.0, "no version of the model"),
        ("1", "no version of the model"),
        (None, "no version of the model"),
    ],
)
def test_a_model_version_that_is_none_or_a_newer_one_is_refused(
    old: Path, version: object, words: str, command: Callable[..., Result]
) -> None:
    with h5py.File(old, "r+") as f:
        group = f["calibrate"]
        mark = json.loads(group["fingerprint"][()])
        if version is None:
            del mark["model_version"]
        else:
            mark["model_version"] = version
        sealed = json.dumps(mark).encode()
        del group["fingerprint"]
        group["fingerprint"] = np.bytes_(sealed)
        group.attrs["fingerprint_sha256"] = np.bytes_(hashlib.sha256(sealed).hexdigest())
    for line in (("summary", old), ("resume", old, "--steps", 10), ("repair", old, "-o", old.with_name("new.h5"))):
        result = command(*line)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert words in result.err
        assert len(result.err) < 400
    assert not old.with_name("new.h5").exists()


@pytest.mark.parametrize("old", ["rest"], indirect=True)
def test_an_old_run_of_another_posterior_is_refused(old: Path) -> None:
    with h5py.File(old, "r+") as f:
        f["ensemble_1/log_prob"][...] += 1e-3
    with pytest.raises(ChainError, match="the posterior has changed"):
        open_run(old)


@pytest.mark.parametrize("old", ["rest"], indirect=True)
def test_of_names_that_are_no_names_a_message_has_the_beginning(old: Path) -> None:
    file = chain.read(old)
    altered = dataclasses.replace(file, names=("x" * 5000, *file.names[1:]))
    with pytest.raises(
        ChainError, match=f"holds x{{70}}\\.\\.\\., {file.names[1]}, .*the file was altered$"
    ) as refused:
        posterior_in(old, altered)
    assert len(str(refused.value)) < 500 + len(str(old))
