"""Too little memory or disk: a run that cannot fit is refused before it begins, and a limit that is met is one line."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from commands import CODES, PREPARED, Command, prepare, shell
from conftest import config_text

from calibrate import needs
from calibrate.config import SamplingConfig
from calibrate.ends import is_about_memory
from calibrate.errors import ConfigError


@pytest.fixture
def place(folder: Path) -> Path:
    return prepare(folder)


GIANTS = ("ensembles = 64\nwalkers = 65536", "ensembles = 2\nwalkers = 65536", "walkers = 16384")


@pytest.mark.parametrize("sampling", GIANTS)
def test_a_run_too_large_for_the_memory_or_the_disk_is_refused_before_anything_is_computed(
    sampling: str, folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "giant.toml").write_text(config_text(extra=f"[sampling]\n{sampling}\n"))

    def no_fit(*_: object) -> None:
        raise AssertionError("something is computed")

    monkeypatch.setattr("calibrate.sampling.brief.first_walkers", no_fit)
    for what, words in (("free_memory", "GB of memory, and 0.1 GB are free"), ("disk_usage", "GB on the disk of")):
        with monkeypatch.context() as patch:
            patch.setattr(needs, "free_memory", lambda what=what: 10**8 if what == "free_memory" else None)
            if what == "disk_usage":
                patch.setattr(needs.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10**6))
            result = command("run", "giant.toml", "-o", "deep/x.h5")
        assert result.code == 2
        assert words in result.err
        assert not (folder / "deep").exists()


def test_an_ordinary_run_needs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "free_memory", lambda: 2 * 10**8)
    needs.check_needs(SamplingConfig(), 9, tmp_path)
    with pytest.raises(ConfigError, match="use fewer walkers"):
        needs.check_needs(SamplingConfig(ensembles=64, walkers=65536, max_steps=1), 9, tmp_path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux limits the space of addresses")
@pytest.mark.parametrize("megabytes", [60, 300, 600])
@pytest.mark.parametrize("name", ["summary", "run", "plot", "drawn", "simulate", "knee"])
def test_a_limit_of_memory_is_one_line_or_enough(name: str, megabytes: int, place: Path) -> None:
    done = shell(f"ulimit -v {megabytes * 1024}; calibrate {' '.join(PREPARED[name])}", place)
    assert done.returncode in (1, CODES.get(name, 0))
    assert done.returncode == 1 or done.stderr.startswith("calibrate: ") or not done.stderr
    if done.returncode == 1:
        assert f"memory is limited to {megabytes} MB" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "yes"),
    [
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("x.so: failed to map segment from shared object"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("other"), False),
        (ImportError("No module named x"), False),
    ],
)
def test_want_of_memory_is_told_from_bugs(
    error: Exception, yes: bool, folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_about_memory(error) == yes
    wrapped = ValueError("in a library")
    wrapped.__cause__ = error
    assert is_about_memory(wrapped) == yes

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("calibrate.sitting.open_run", fail)
    if yes:
        result = command("summary", "run.h5")
        assert result.code == 1
        assert "not enough memory" in result.err
    else:
        monkeypatch.setattr(sys, "argv", ["calibrate", "summary", "run.h5"])
        from calibrate import cli

        with pytest.raises(type(error)):
            cli.main()
