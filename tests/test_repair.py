"""Saving what is whole of a damaged file, and refusing to go on with another problem."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import emcee
import h5py
import numpy as np
import pytest
from conftest import Result, bench_config

from calibrate import chain
from calibrate.density import MODEL_VERSION
from calibrate.errors import ChainError
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "run.h5"
    start_run(bench_config(extra="[sampling]\nmax_steps = 70\nmin_ess = 1e9\nensembles = 2\n"), path)
    return path


def test_rows_up_to_the_first_wrong_one_are_saved_and_the_original_is_left(
    good: Path, tmp_path: Path, command: Command
) -> None:
    bad, new = tmp_path / "bad.h5", tmp_path / "new.h5"
    shutil.copy(good, bad)
    with h5py.File(bad, "r+") as f:
        f["ensemble_1/chain"][41, 3, 2] += 1e-3
    before = bad.read_bytes()
    result = command("repair", bad, "-o", new)
    assert result.code == 0
    assert "ensemble_1: 41 of 70" in result.err
    assert "41 steps of each ensemble saved" in result.err
    assert bad.read_bytes() == before
    np.testing.assert_array_equal(open_run(new).chains.coords[:], open_run(good).chains.coords[:, :41])
    assert emcee.backends.HDFBackend(str(new), name="ensemble_1", read_only=True).iteration == 41
    resume_run(new, steps=9)
    assert open_run(new).stored == 50


def test_a_whole_file_comes_out_as_it_went_in(good: Path, tmp_path: Path, command: Command) -> None:
    result = command("repair", good, "-o", tmp_path / "new.h5")
    assert result.code == 0
    assert "no damage found" in result.err
    resume_run(tmp_path / "new.h5", until_steps=90)
    shutil.copy(good, tmp_path / "old.h5")
    resume_run(tmp_path / "old.h5", until_steps=90)
    new, old = (open_run(tmp_path / f"{name}.h5").chains.coords[:] for name in ("new", "old"))
    np.testing.assert_array_equal(new, old)


def test_a_file_cut_short_is_saved_as_far_as_it_goes_or_said_to_be_lost(
    good: Path, tmp_path: Path, command: Command
) -> None:
    content = good.read_bytes()
    for number, share in enumerate((0.2, 0.5, 0.9, 0.999)):
        bad, new = tmp_path / f"bad{number}.h5", tmp_path / f"new{number}.h5"
        bad.write_bytes(content[: int(share * len(content))])
        result = command("repair", bad, "-o", new)
        assert result.code in (0, 2)
        assert "Traceback" not in result.err
        assert new.exists() == (result.code == 0)
        if new.exists():
            run = open_run(new)
            np.testing.assert_array_equal(run.chains.coords[:], open_run(good).chains.coords[:, : run.stored])


def test_a_changed_problem_is_not_resumed_and_the_difference_is_shown(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    with h5py.File(path, "r+") as f:
        config = json.loads(f["calibrate/config"][()])
        config["parameters"]["mcl"]["k"]["upper"] = 90.0
        del f["calibrate/config"]
        f["calibrate/config"] = np.bytes_(json.dumps(config))
    with pytest.raises(ChainError, match=r"parameters\.mcl\.k\.upper was 100\.0 and is 90\.0"):
        resume_run(path, steps=3)


def test_a_run_of_a_newer_model_is_not_resumed(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    monkeypatch.setattr("calibrate.chain.origin.MODEL_VERSION", MODEL_VERSION - 1)
    with pytest.raises(ChainError, match=rf"the model of a newer calibrate \(version {MODEL_VERSION} of it; .*upgrade"):
        resume_run(path, steps=3)
    monkeypatch.undo()
    resume_run(path, steps=3)  # the negative control: unchanged, it goes on


def test_another_posterior_is_noticed_by_its_values_alone(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    with h5py.File(path, "r+") as f:
        sha = hashlib.sha256(f["calibrate/data"][()].tobytes()).hexdigest()
        assert sha == chain.read(path).measurement.sha256
        f["ensemble_0/log_prob"][69, 5] -= 1e-3
    with pytest.raises(ChainError, match="the posterior has changed"):
        resume_run(path, steps=3)


def test_what_cannot_be_read_or_written_is_said_in_one_line(good: Path, tmp_path: Path, command: Command) -> None:
    (tmp_path / "taken.h5").write_text("mine")
    os.mkfifo(tmp_path / "pipe.h5")
    for source, target, words in (
        (good, tmp_path / f"{'x' * 300}.h5", "File name too long"),
        (tmp_path / f"{'x' * 300}.h5", tmp_path / "new.h5", "File name too long"),
        (tmp_path / "none.h5", tmp_path / "new.h5", "no such file"),
        (tmp_path, tmp_path / "new.h5", "is no file"),
        (tmp_path / "pipe.h5", tmp_path / "new.h5", "is no file"),
        (good, tmp_path / "taken.h5", "exists already"),
        (good, tmp_path / "none" / "new.h5", "No such file or directory"),
    ):
        result = command("repair", source, "-o", target)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert words in result.err
    assert {p.name for p in tmp_path.iterdir()} == {"taken.h5", "pipe.h5"}
