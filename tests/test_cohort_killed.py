"""Workers and coordinators that are killed, shards started twice, disks that fill up: nothing is lost or done twice."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cohorts
import h5py
import pytest
from conftest import process

from calibrate.chain import Disk
from calibrate.errors import ChainError, RunError
from calibrate.study import CohortProgress, load_study, open_cohort, run_cohort
from calibrate.study.reader import open_shard

NAME = "shard-0001-of-0001.h5"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    cohorts.study(folder)
    return folder


@pytest.fixture(scope="module")
def whole(root: Path) -> bytes:
    """Return the file of the study, calibrated here without any accident."""
    run_cohort(load_study(root / "study.csv"), root / "done", executor=cohorts.Here(), draws=20)
    return (root / "done" / NAME).read_bytes()


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have knees done at once."""
    monkeypatch.setattr("calibrate.study.engines.calibrate_batch", cohorts.made_up)
    return


def test_a_knee_that_kills_its_worker_is_reported_and_all_others_are_done(
    root: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real process, SIGKILLed with another knee of the same batch and one that waits."""
    monkeypatch.setattr("calibrate.study.engines.calibrate_batch", cohorts.deadly)
    study = load_study(root / "study.csv")
    outcome = run_cohort(study, tmp_path, workers=1, batch=2, draws=20)
    assert (outcome.reason, outcome.knees, [*outcome.failed]) == ("done", 5, ["S02-left"])
    assert "its worker process died twice" in outcome.failed["S02-left"]
    monkeypatch.undo()
    # What has failed is tried again on resume, and then all is as if nothing had been killed.
    outcome = run_cohort(study, tmp_path, executor=cohorts.Here(), draws=20, resume=True)
    assert (outcome.taken, outcome.failed) == (1, {})
    assert cohorts.files(tmp_path) == {NAME: whole}


COORDINATOR = """
import concurrent.futures, os, signal, sys
from calibrate.study import load_study, run_cohort
def kill(progress):
    if progress.taken >= 2:
        os.kill(os.getpid(), signal.SIGKILL)
pool = concurrent.futures.ThreadPoolExecutor(1)
run_cohort(load_study("study.csv"), sys.argv[1], executor=pool, batch=2, draws=20, on_progress=kill)
"""


def test_a_coordinator_that_is_killed_loses_nothing(root: Path, whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "go.py").write_text(COORDINATOR)
    out = tmp_path / "out"
    assert subprocess.run([sys.executable, tmp_path / "go.py", out], cwd=root, check=False).returncode == -9
    assert not (out / NAME).exists()
    assert len(open_cohort(out)) == 2
    outcome = run_cohort(load_study(root / "study.csv"), out, executor=cohorts.Here(), draws=20, resume=True)
    assert outcome.taken == 3
    assert (out / NAME).read_bytes() == whole


@pytest.mark.usefixtures("made_up")
def test_the_second_of_two_is_told_and_does_nothing(root: Path, tmp_path: Path) -> None:
    """A process of its own, while the first one is in the midst of the study."""
    study, seen = load_study(root / "study.csv"), []

    def second(progress: CohortProgress) -> None:
        if progress.taken == 2:
            before = cohorts.files(tmp_path)
            other = process("cohort", root / "study.csv", "-o", tmp_path, "--resume", "--workers", "1", cwd=root)
            out, err = other.communicate()
            lines = [line for line in err.splitlines() if "compiling" not in line]
            seen.append((other.returncode, out, len(lines), "is being written by another calibrate" in lines[0]))
            with pytest.raises(ChainError, match="is being written by another calibrate"):
                run_cohort(study, tmp_path, executor=cohorts.Here(), resume=True)
            assert cohorts.files(tmp_path) == before

    outcome = run_cohort(study, tmp_path, executor=cohorts.Here(), batch=2, on_progress=second)
    assert seen == [(2, "", 1, True)]
    assert (outcome.reason, outcome.taken) == ("done", 5)
    assert [*cohorts.files(tmp_path)] == [NAME]


class Stop(BaseException):
    """What stands for a kill: nothing tidies up after it but what the kernel would."""


class Failing(Disk):
    """A disk whose n-th call fails, or ends the process."""

    left = 0
    error: BaseException | None = None

    def _count(self) -> None:
        Failing.left -= 1
        if Failing.left == 0 and Failing.error is not None:
            raise Failing.error

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """Write, unless it is its turn."""
        self._count()
        super().write(fd, data, offset)

    def sync(self, fd: int) -> None:
        """Sync, unless it is its turn."""
        self._count()
        super().sync(fd)

    def replace(self, new: Path, old: Path) -> None:
        """Rename, unless it is its turn."""
        self._count()
        super().replace(new, old)

    def sync_folder(self, folder: Path) -> None:
        """Sync a folder, unless it is its turn."""
        self._count()
        super().sync_folder(folder)


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no"), Stop()], ids=["full", "killed"])
def test_whatever_call_fails_all_before_is_kept_and_goes_on(
    error: BaseException, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrate.study.file.Disk", Failing)
    study, options = load_study(root / "study.csv"), {"executor": cohorts.Here(), "batch": 2, "draws": 3}
    Failing.left, Failing.error = 0, error
    run_cohort(study, tmp_path / "sound", **options)
    calls, sound = -Failing.left, cohorts.files(tmp_path / "sound")
    assert calls > 40
    for number in {*range(1, calls + 1, calls // 7), calls}:
        out, told = tmp_path / f"out{number}", list[int]()
        Failing.left = number
        with pytest.raises((RunError, Stop)) as stopped:
            run_cohort(study, out, **options, on_progress=lambda progress, told=told: told.append(progress.done))
        if isinstance(stopped.value, RunError):
            assert "No space left on device" in str(stopped.value)
            assert "go on by --resume" in str(stopped.value)
        kept = 0
        for path in [*out.glob("*.h5"), *out.glob("*.parts/*.h5")]:
            kept += len(open_shard(path).ids)
            with h5py.File(path) as f:
                assert len(f["status"]) == len(f["id_end"])
        assert kept >= told[-1]
        outcome = run_cohort(study, out, **options, resume=True)
        assert (outcome.reason, outcome.knees) == ("done", 5)
        assert outcome.taken <= 5 - told[-1]
        assert cohorts.files(out) == sound


@pytest.mark.usefixtures("made_up")
def test_a_limit_of_the_systems_on_the_size_of_files_is_said(root: Path, tmp_path: Path) -> None:
    study, before = load_study(root / "study.csv"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(RunError, match=r"batch-[0-9a-f]+\.h5: writing failed \(File too large\)"):
            run_cohort(study, tmp_path, executor=cohorts.Here())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert cohorts.files(tmp_path) == {}
    assert run_cohort(study, tmp_path, executor=cohorts.Here()).taken == 5


@pytest.mark.usefixtures("made_up")
def test_what_one_who_was_killed_has_left_half_written_goes(root: Path, tmp_path: Path) -> None:
    study, options = load_study(root / "study.csv"), {"executor": cohorts.Here(), "batch": 2}
    run_cohort(study, tmp_path / "sound", **options)
    out: Any = tmp_path / "out"
    parts = out / "shard-0001-of-0001.parts"
    parts.mkdir(parents=True)
    (parts / ".batch-00.h5.new").write_bytes(b"\x89HDF\r\n\x1a\nhalf")
    run_cohort(study, out, **options)
    assert cohorts.files(out) == cohorts.files(tmp_path / "sound")
    assert not parts.exists()
