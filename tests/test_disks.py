"""Real file systems that run full or turn read-only in mid-run; where mounting is allowed."""

from __future__ import annotations

import gc
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import DATA, Result, config_text, process, wait_until

from calibrate import chain
from calibrate.config import load_config
from calibrate.results import open_run
from calibrate.runner import start_run

Command = Callable[..., Result]
# Steps of 14 kB: 300 of them are 4.3 MB.
SETTINGS = "[sampling]\nwalkers = 64\nmoves = { stretch = 1.0 }\nmin_ess = 1e9\nmax_steps = 300\n"


def mount(*arguments: object) -> None:
    """Mount, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def again(*arguments: object) -> None:
    """Mount where mounting was possible before."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder to mount on."""
    if os.geteuid():
        pytest.skip("only root can mount")
    folder = tmp_path / "mounted"
    folder.mkdir()
    yield folder
    if folder.is_mount():  # lazily: what stays mounted after a test that failed, no later run could clear away
        subprocess.run(["umount", "--lazy", folder], check=True)


def unmount(folder: Path) -> None:
    """Take a file system away once no reader of a file on it is left, not even as garbage."""
    gc.collect()
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def knee(tmp_path: Path) -> Path:
    """Return a configuration of a short run."""
    (tmp_path / "bench_toe.csv").write_bytes((DATA / "bench_toe.csv").read_bytes())
    path = tmp_path / "knee.toml"
    path.write_text(config_text(extra=SETTINGS))
    return path


def check_same_as_never_stopped(path: Path, knee: Path) -> None:
    start_run(load_config(knee), knee.with_name("whole.h5"))
    one, other = (chain.read_chains(p) for p in (path, knee.with_name("whole.h5")))
    np.testing.assert_array_equal(one.coords[:], other.coords[:])
    np.testing.assert_array_equal(one.log_prob[:], other.log_prob[:])


def check_whole(path: Path) -> int:
    """Check every row that is stored; return how many there are."""
    run = open_run(path)
    q = np.asarray(run.chains.coords[:]).reshape(-1, len(run.names))
    np.testing.assert_array_equal(run.posterior.log_prob(q), np.asarray(run.chains.log_prob[:]).ravel())
    return run.stored


def one_line(result: Result, *words: str) -> None:
    assert result.code == 1, result.err
    assert "Traceback" not in result.err
    complaints = [line for line in result.err.splitlines() if "error" in line]
    assert len(complaints) == 1
    for word in (*words, "calibrate resume"):
        assert word in complaints[0]


def test_a_run_on_a_full_disk_goes_on_once_there_is_room(place: Path, knee: Path, command: Command) -> None:
    mount("-t", "tmpfs", "-o", "size=1500k", "none", place)
    path = place / "run.h5"
    one_line(command("run", knee, "-o", path), "writing failed after", "No space left on device")
    assert {p.name for p in place.iterdir()} == {"run.h5"}
    seen = check_whole(path)
    assert 0 < seen < 300
    assert json_steps(command, path) == seen  # and reading needs no room
    one_line(command("resume", path, "--until-steps", 300), "No space left on device")
    assert check_whole(path) >= seen
    # Room for the rows, but not for a second copy of them.
    again("-o", "remount,size=6m", place)
    one_line(command("resume", path, "--until-steps", 300), "all 300 steps are stored", "No space left on device")
    assert check_whole(path) == 300
    again("-o", "remount,size=20m", place)
    assert command("resume", path, "--until-steps", 300).code == 3
    check_same_as_never_stopped(path, knee)
    assert {p.name for p in place.iterdir()} == {"run.h5"}


def json_steps(command: Command, path: Path) -> int:
    return int(json.loads(command("summary", path, "--json").out)["steps"])


def test_a_new_run_without_any_room_leaves_nothing_behind(place: Path, knee: Path, command: Command) -> None:
    mount("-t", "tmpfs", "-o", "size=4k", "none", place)
    result = command("run", knee, "-o", place / "run.h5")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "No space left on device" in result.err
    assert list(place.iterdir()) == []


def test_a_run_whose_file_system_turns_read_only_goes_on_once_it_can_be_written(
    place: Path, knee: Path, tmp_path: Path, command: Command
) -> None:
    image, path = tmp_path / "image", place / "run.h5"
    with image.open("wb") as f:
        f.truncate(2**26)
    if subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, check=False).returncode:
        pytest.skip("there is no mkfs.ext4")
    mount("-o", "loop,errors=remount-ro", image, place)
    knee.write_text(config_text(extra=SETTINGS.replace("300", "100000000")))
    writer = process("run", knee, "-o", path, cwd=tmp_path)
    try:
        wait_until(lambda: path.exists() and open_run(path).stored > 0, writer)
        os.sync()
        again("-o", "remount,abort", place)  # as after an error of the drive
        _, err = writer.communicate(timeout=240)
    finally:
        writer.kill()
    one_line(Result(writer.returncode, "", err), "writing failed after")
    seen = check_whole(path)
    assert seen > 0
    assert command("summary", path, "--json").code == 0
    result = command("resume", path, "--steps", 5)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "Read-only file system" in result.err
    unmount(place)
    again("-o", "loop", image, place)
    seen = check_whole(path)  # what had not reached the drive may be gone: this is no `durability = "fsync"`
    knee.write_text(config_text(extra=SETTINGS.replace("300", str(seen + 5))))
    assert command("resume", path, "--steps", 5).code == 3
    check_same_as_never_stopped(path, knee)
