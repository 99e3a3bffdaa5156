"""The chain file: resumed bit for bit, read by emcee itself, refused when it is not what it should be."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import emcee
import h5py
import numpy as np
import pytest
from conftest import Result, begun, bench_config, process, wait_until

from calibrate import chain
from calibrate.errors import CalibrateError, ChainError, RunError
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run


def coords(path: Path) -> np.ndarray:
    stored = chain.read_chains(path)
    return np.concatenate([stored.coords, stored.log_prob[..., np.newaxis]], axis=-1)


@pytest.mark.parametrize("thin", [1, 3])
def test_resumed_chain_is_bit_for_bit_the_uninterrupted_one(thin: int, tmp_path: Path) -> None:
    settings = f"[sampling]\nthin = {thin}\nwalkers = 64\nmin_ess = 1e9\nmax_steps = "
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    assert start_run(bench_config(extra=f"{settings}{90 * thin}\n"), whole).reason == "steps"
    start_run(bench_config(extra=f"{settings}{20 * thin}\n"), parts)
    resume_run(parts, steps=31 * thin)
    polls = iter(range(1000))
    assert resume_run(parts, until_steps=90 * thin, should_stop=lambda: next(polls) > 2).reason == "interrupted"
    resume_run(parts, until_steps=90 * thin)
    np.testing.assert_array_equal(coords(whole), coords(parts))
    # Acceptance counts and the random state go on as well.
    with h5py.File(whole) as a, h5py.File(parts) as b:
        for i in range(4):
            np.testing.assert_array_equal(a[f"ensemble_{i}/accepted"], b[f"ensemble_{i}/accepted"])
            np.testing.assert_array_equal(
                a[f"ensemble_{i}"].attrs["random_state_1"], b[f"ensemble_{i}"].attrs["random_state_1"]
            )


def test_run_interrupted_before_its_first_step_can_be_resumed(tmp_path: Path) -> None:
    config = bench_config(extra="[sampling]\nmax_steps = 12\nmin_ess = 1e9\n")
    start_run(config, tmp_path / "whole.h5")
    assert start_run(config, tmp_path / "parts.h5", should_stop=lambda: True).reason == "interrupted"
    with pytest.raises(ChainError, match="nothing is stored yet"):
        open_run(tmp_path / "parts.h5").summary()
    resume_run(tmp_path / "parts.h5", until_steps=12)
    np.testing.assert_array_equal(coords(tmp_path / "whole.h5"), coords(tmp_path / "parts.h5"))


def test_resume_to_convergence_stops_where_the_uninterrupted_run_does(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    config = bench_config(extra="[sampling]\nmin_ess = 36_000\n")
    assert start_run(config, whole).reason == "converged"
    assert len(coords(whole)[0]) > 70

    def after(polls: int) -> Callable[[], bool]:
        count = iter(range(polls))
        return lambda: next(count, None) is None

    # A sitting's turns grow from one step to a tenth of a second.
    outcome = start_run(config, parts, should_stop=after(5))
    assert outcome.reason == "interrupted"
    while outcome.reason != "converged":
        outcome = resume_run(parts, should_stop=after(6))
    np.testing.assert_array_equal(coords(whole), coords(parts))


def test_stock_emcee_reads_a_run_at_rest(finished_run: Path) -> None:
    stored = chain.read_chains(finished_run)
    for i in range(4):
        backend = emcee.backends.HDFBackend(str(finished_run), name=f"ensemble_{i}", read_only=True)
        np.testing.assert_array_equal(backend.get_chain(), stored.coords[i])
        np.testing.assert_array_equal(backend.get_log_prob(), stored.log_prob[i])
        assert backend.iteration == stored.coords.shape[1]
        with h5py.File(finished_run) as file:
            assert file[f"ensemble_{i}/chain"].shape[0] == backend.iteration  # no unused rows


def test_log_prob_in_the_file_is_that_of_the_posterior_in_the_file(finished_run: Path) -> None:
    run = open_run(finished_run)
    np.testing.assert_array_equal(run.posterior.log_prob(run.samples()), run.log_prob())


def test_file_needs_nothing_but_itself(finished_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.h5"
    shutil.copy(finished_run, copy)
    run = open_run(copy)
    assert run.names == ("mcl.k", "mcl.alpha", "mcl.l_0", "lcl.k", "lcl.alpha", "lcl.l_0")
    assert run.file.measurement.sha256 == bench_sha()
    assert run.config.model_dump() == bench_config().model_dump()
    assert run.config.text == bench_config().text
    assert set(run.file.versions) >= {"calibrate", "python", "emcee", "numpy"}


def bench_sha() -> str:
    import hashlib

    from conftest import DATA

    return hashlib.sha256((DATA / "bench_toe.csv").read_bytes()).hexdigest()


def spoil(kind: str, path: Path, good: Path) -> None:
    """Make a file that is no usable run, in one of several ways."""
    if kind == "text":
        path.write_text("angle_deg,moment_Nm\n1,2\n")
    elif kind == "empty":
        path.touch()
    elif kind == "other hdf5":
        with h5py.File(path, "w") as file:
            file["x"] = np.arange(3)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        shutil.copy(good, path)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "newer":
        with h5py.File(path, "r+") as file:
            file["calibrate"].attrs["schema_version"] = chain.SCHEMA + 1
    elif kind == "older":
        with h5py.File(path, "r+") as file:
            file["calibrate"].attrs["schema_version"] = 1
    elif kind == "altered data":
        with h5py.File(path, "r+") as file:
            file["calibrate/data"][-2] = ord("7")
    elif kind == "bad config":
        with h5py.File(path, "r+") as file:
            del file["calibrate/config"]
            file["calibrate/config"] = '{"knee": 3}'
    elif kind == "no ensembles":
        with h5py.File(path, "r+") as file:
            del file["ensemble_2"]
    elif kind == "linked elsewhere":
        with h5py.File(path, "r+") as file:
            del file["ensemble_0/chain"]
            file["ensemble_0/chain"] = h5py.ExternalLink(str(good), "ensemble_0/chain")


KINDS = {
    "missing": "no such file",
    "folder": "is no file",
    "text": "no HDF5 file",
    "empty": "no HDF5 file",
    "other hdf5": "no run of calibrate",
    "truncated": "truncated",
    "newer": "newer calibrate",
    "older": "older calibrate",
    "altered data": "SHA-256",
    "bad config": "damaged",
    "no ensembles": "ensemble_2 is missing",
    "linked elsewhere": "no part of this file",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["resume", "summary", "plot"])
def test_what_is_no_run_is_refused_in_one_line(
    kind: str, name: str, finished_run: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    path = tmp_path / "bad.h5"
    spoil(kind, path, finished_run)
    before = path.read_bytes() if path.is_file() else None
    result = command(name, path)
    assert result.code == 2
    assert result.out == ""
    assert KINDS[kind] in result.err
    assert result.err.count("\n") == 1
    assert result.err.startswith(f"calibrate: error: {path}: ")
    assert (path.read_bytes() if path.is_file() else None) == before
    assert {p.name for p in tmp_path.iterdir()} <= {"bad.h5"}


@pytest.mark.parametrize("seed", range(30))
def test_a_file_with_flipped_bytes_never_causes_a_traceback(seed: int, finished_run: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(finished_run.read_bytes())
    # Half of the damage to the first kilobytes, where the structure is.
    for place in [*rng.integers(len(content), size=20), *rng.integers(20_000, size=20)]:
        content[place] = rng.integers(256)
    path = tmp_path / "bad.h5"
    path.write_bytes(content)
    try:
        open_run(path).summary()
    except CalibrateError as error:
        assert str(path) in str(error)  # noqa: PT017  # a readable file with a few wrong numbers in it is as good


def test_second_writer_is_refused_and_told_who_has_it(tmp_path: Path, command: Callable[..., Result]) -> None:
    path = tmp_path / "run.h5"
    begun(bench_config(extra="[sampling]\nmax_steps = 5\nwalkers = 16\nensembles = 2\nthin = 5\n"), path)
    writer = process("resume", path, "--steps", "100000000", cwd=tmp_path)
    try:
        wait_until(lambda: open_run(path).stored > 5, writer)
        result = command("resume", path, "--steps", 5)
        assert result.code == 2
        assert f"process {writer.pid} on " in result.err
        result = command("run", tmp_path / "none.toml", "-o", path, "--overwrite")
        assert result.code == 2
        # Reading is welcome at any time.
        for _ in range(2):
            summary = command("summary", path, "--json")
            assert summary.code == 0
            assert json.loads(summary.out)["steps"] > 5
    finally:
        writer.send_signal(signal.SIGTERM)
        _, err = writer.communicate(timeout=120)
    assert writer.returncode == 130
    assert "the file is whole" in err
    # The lock is gone with its owner.
    assert command("resume", path, "--steps", 5).code in (0, 3)
    assert {p.name for p in tmp_path.iterdir()} == {"run.h5"}


def test_lock_of_a_killed_process_is_not_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    begun(bench_config(extra="[sampling]\nmax_steps = 5\nwalkers = 16\nensembles = 2\nthin = 5\n"), path)
    writer = process("resume", path, "--steps", "100000000", cwd=tmp_path)
    wait_until((tmp_path / "run.h5.lock").exists, writer)
    writer.kill()
    writer.communicate()
    assert resume_run(path, steps=5).reason in ("steps", "converged")


def test_failed_write_says_so_and_leaves_a_file_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.h5"
    config = bench_config(extra="[sampling]\nmax_steps = 120\nwalkers = 64\nmin_ess = 1e9\n")
    flush = chain.ChainWriter.flush

    def full(self: chain.ChainWriter) -> None:
        if min(self.stored) > 60:
            raise OSError(28, "No space left on device")
        flush(self)

    monkeypatch.setattr(chain.ChainWriter, "flush", full)
    with pytest.raises(RunError, match=r"No space left on device.*calibrate resume"):
        start_run(config, path)
    monkeypatch.undo()
    assert 0 < open_run(path).stored < 120
    resume_run(path, until_steps=120)
    start_run(config, tmp_path / "whole.h5")
    np.testing.assert_array_equal(coords(tmp_path / "whole.h5"), coords(path))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"until_steps": 8}, "already has 12 steps, more than 8; use --steps to add some"),
        ({"steps": 2}, "stores every 4th step, so --steps has to be 4 at least"),
    ],
)
def test_what_is_refused_leaves_a_finished_run_as_it_is(asked: dict[str, int], says: str, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    start_run(bench_config(extra="[sampling]\nwalkers = 16\nthin = 4\nmax_steps = 12\nmin_ess = 1e9\n"), path)
    before = path.read_bytes()
    with pytest.raises(ChainError) as error:
        resume_run(path, **asked)
    assert str(error.value) == f"{path}: {says}"
    assert path.read_bytes() == before
    resume_run(path, until_steps=12)
    resume_run(path, steps=4)
    assert len(open_run(path).chains.log_prob[0]) == 4
