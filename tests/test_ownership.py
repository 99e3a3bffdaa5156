"""Who may write a run, and what becomes of it if its name, its folder or its process is interfered with."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from chains import ORIGIN, STARTS, check_finished, small_chunks, store, stored
from conftest import DATA, Result, begun, bench_config, config_text, process, wait_until
from crafted import PARAMETERS

from calibrate import chain
from calibrate.config import parse_config
from calibrate.errors import ChainError, RunError
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run

Command = Callable[..., Result]

pytestmark = pytest.mark.usefixtures(small_chunks.__name__)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a short run at rest."""
    config = bench_config(extra="[sampling]\nmax_steps = 5\nensembles = 2\nwalkers = 12\n")
    return begun(config, tmp_path / "here" / "run.h5", "small chunks")


def test_a_lock_that_nobody_holds_is_not_in_the_way_whatever_it_says(run: Path) -> None:
    marker = run.with_name("run.h5.lock")
    marker.write_text("process 1 on another-machine")
    resume_run(run, steps=2)
    assert open_run(run).stored == 7
    assert not marker.exists()


def test_a_lock_that_is_held_names_its_holder_however_often_it_is_asked(run: Path, command: Command) -> None:
    marker = run.with_name("run.h5.lock")
    marker.write_text("process 4242 on another-machine")
    with marker.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for _ in range(2):
            result = command("resume", run, "--steps", 2)
            assert result.code == 2
            assert result.err.count("\n") == 1
            assert "process 4242 on another-machine" in result.err
    assert open_run(run).stored == 5


def test_a_link_and_its_target_are_one_run_with_one_lock(run: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.h5"
    link.symlink_to("here/run.h5")
    with chain.writing(run), pytest.raises(ChainError, match="is being written by another"):
        resume_run(link, steps=2)
    resume_run(link, steps=2)
    assert link.is_symlink()
    assert open_run(run).stored == 7
    start_run(bench_config(extra="[sampling]\nmax_steps = 3\nwalkers = 16\n"), link, overwrite=True)
    assert link.is_symlink()
    assert open_run(run).stored == 3
    assert {p.name for p in (*tmp_path.iterdir(), *run.parent.iterdir())} == {"here", "link.h5", "run.h5"}


def test_links_in_a_circle_are_refused(tmp_path: Path, command: Command) -> None:
    (tmp_path / "a.h5").symlink_to("b.h5")
    (tmp_path / "b.h5").symlink_to("a.h5")
    config = tmp_path / "knee.toml"
    config.write_text(bench_config().text.replace('"bench_toe.csv"', f'"{Path(__file__).parent}/data/bench_toe.csv"'))
    for arguments in (("run", config, "-o"), ("resume",), ("summary",), ("repair",)):
        more = ("-o", tmp_path / "new.h5") if arguments == ("repair",) else ()
        result = command(*arguments, tmp_path / "a.h5", *more)
        assert result.code == 2
        assert result.err.count("\n") == 1


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_a_file_that_loses_its_name_in_mid_run_has_it_again_in_the_end(how: str, tmp_path: Path) -> None:
    path, kept = tmp_path / "run.h5", tmp_path / "kept.h5"
    chain.create(path, ORIGIN, STARTS, capacity=16)
    with chain.ChainWriter(path) as writer:
        store(writer, 5)
        writer.flush()
        path.rename(kept)
        if how == "deleted":
            kept.unlink()
        store(writer, 9)
        writer.flush()
        if how == "renamed":
            assert stored(kept) == 9
        store(writer, 40)  # needs more room
        assert stored(path) > 0
        writer.finish()
    check_finished(path, 40)
    if how == "renamed":
        assert stored(kept) >= 9


def test_a_file_that_has_taken_the_name_is_left_alone_and_the_run_can_be_resumed_under_its_new_one(
    tmp_path: Path,
) -> None:
    path, kept = tmp_path / "run.h5", tmp_path / "kept.h5"
    config = bench_config(extra="[sampling]\nmax_steps = 90\nwalkers = 64\nmin_ess = 1e9\n")
    turns = iter(range(1000))

    def steal(progress: object) -> None:
        if next(turns) == 1:
            path.rename(kept)
            path.write_bytes(b"something else")

    with pytest.raises(RunError, match=r"another file has taken this name.*holds 90 steps"):
        start_run(config, path, on_progress=steal)
    assert path.read_bytes() == b"something else"
    resume_run(kept, steps=5)
    assert open_run(kept).stored == 95
    assert {p.name for p in tmp_path.iterdir()} == {"run.h5", "kept.h5"}


def test_a_folder_deleted_in_mid_run_is_said_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "here" / "run.h5"
    config = bench_config(extra="[sampling]\nmax_steps = 60\nwalkers = 64\nmin_ess = 1e9\n")
    with pytest.raises(RunError, match="No such file or directory"):
        start_run(config, path, on_progress=lambda progress: shutil.rmtree(path.parent, ignore_errors=True))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_closed_to_writing_is_refused_in_one_line_and_reading_needs_none(run: Path) -> None:
    # Root may write everywhere and has to become somebody else, who may enter no folder of pytest's.
    become = "os.geteuid() or (os.setgroups([]), os.setegid(65534), os.seteuid(65534))"
    load = "import os, sys; from calibrate import cli, results, runner, screen"
    load += f"; results.open_run({str(run)!r}).summary()"  # with all modules, which nobody may not be able to load
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        shutil.copy(run, path)
        path.chmod(0o644)
        path.parent.chmod(0o555)
        for arguments, code in ((["resume", str(path), "--steps", "5"], 2), (["summary", str(path), "--json"], 0)):
            line = f"{load}; {become}; sys.argv = ['calibrate', *{arguments}]; cli.main()"
            done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
            if "ModuleNotFoundError" in done.stderr:
                pytest.skip("nobody cannot read the installed packages")
            assert done.returncode == code, done.stderr
            if code:
                assert done.stderr.count("\n") == 1
                assert "cannot be written to" in done.stderr
        path.parent.chmod(0o755)
        assert path.read_bytes() == run.read_bytes()
        assert [p.name for p in path.parent.iterdir()] == ["run.h5"]


def test_a_process_that_slept_goes_on_as_if_nothing_had_been(run: Path, tmp_path: Path) -> None:
    writer = process("resume", run, "--steps", "100000000", cwd=tmp_path)
    try:
        for _ in range(3):
            before = open_run(run).stored
            wait_until(lambda before=before: open_run(run).stored > before, writer)
            writer.send_signal(signal.SIGSTOP)
            asleep = open_run(run)
            q = np.asarray(asleep.chains.coords[:]).reshape(-1, 6)
            np.testing.assert_array_equal(asleep.posterior.log_prob(q), np.asarray(asleep.chains.log_prob[:]).ravel())
            writer.send_signal(signal.SIGCONT)
        writer.send_signal(signal.SIGTERM)
        writer.communicate(timeout=240)
    finally:
        writer.kill()
    assert writer.returncode == 130
    steps = open_run(run).stored
    whole = tmp_path / "whole.h5"
    config = bench_config(extra=f"[sampling]\nmax_steps = {steps}\nensembles = 2\nwalkers = 12\nmin_ess = 1e9\n")
    start_run(config, whole)
    np.testing.assert_array_equal(open_run(run).chains.coords[:], open_run(whole).chains.coords[:])


def test_a_thread_that_comes_late_stores_nothing_in_a_closed_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    chain.create(path, ORIGIN, STARTS, capacity=4)
    writer = chain.ChainWriter(path, late=0.0)
    store(writer, 3)
    writer.close()
    before = path.read_bytes()
    with pytest.raises(OSError, match="closed"):
        store(writer, 9)  # would need more room, too
    assert path.read_bytes() == before
    assert stored(path) == 3


INTERRUPT = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                [None for _ in range(1000)]
            except KeyboardInterrupt:
                raise ImportError("what a module makes of it")
sys.meta_path.insert(0, Interrupt())
sys.argv = ["calibrate", "summary", {path!r}]
from {home} import main
main()
"""


def interrupted(module: str, path: Path, home: str = "calibrate.__main__") -> tuple[int, str]:
    code = INTERRUPT.format(module=module, path=str(path), home=home)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("module", ["typer", "numpy", "scipy.special", "emcee", "calibrate.results"])
def test_ctrl_c_while_modules_are_loaded_is_answered_in_one_line(module: str, run: Path) -> None:
    assert interrupted(module, run) == (130, "calibrate: error: interrupted\n")


def test_negative_control_unprepared_ctrl_c_while_modules_are_loaded_is_a_traceback(run: Path) -> None:
    assert "Traceback" in interrupted("typer", run, "calibrate.cli")[1]


@pytest.mark.parametrize("stem", [os.fsdecode(b"\xff\xfe"), "a\nb", "$\\frac$ 膝"])
def test_any_name_will_do(stem: str, folder: Path, command: Command) -> None:
    config = folder / f"{stem}.toml"
    config.write_text(config_text(extra="[sampling]\nmax_steps = 60\nensembles = 2\nwalkers = 16\nmin_ess = 1e9\n"))
    for arguments, code in (
        (("run", f"{stem}.toml"), 3),
        (("run", "-o", f"{stem}.h5", "--", f"{stem}.toml"), 3),
        (("resume", "--steps", 5, "--", f"{stem}.h5"), 3),
        (("summary", "--", f"{stem}.h5"), 0),
        (("summary", "--json", "--", f"{stem}.h5"), 0),
        (("repair", "-o", f"{stem}2.h5", "--", f"{stem}.h5"), 0),
        (("export", "-o", f"{stem}.osim", "--", f"{stem}.h5"), 0),
        (("simulate", "-o", f"{stem}.csv", "--", f"{stem}.toml"), 0),
        (("summary", "--", f"{stem}-none.h5"), 2),
        (("run", "--", f"{stem}-none.toml"), 2),
    ):
        result = command(*arguments)
        assert result.code == code, result.err
        assert "Traceback" not in result.err
    assert (folder / "runs" / f"{stem}.h5").exists()
    assert open_run(folder / f"{stem}.h5").config.source.name == f"{stem}.toml"


def test_a_picture_of_a_run_with_any_name_is_drawn(command: Command, tmp_path: Path) -> None:
    sampling = "[sampling]\nmax_steps = 60\nensembles = 2\nwalkers = 12\nmin_ess = 1e9\n"
    config = parse_config(config_text(parameters=PARAMETERS, extra=sampling), DATA / "bench.toml")
    run = begun(config, tmp_path / "here" / "run.h5", "small chunks")
    for stem in (os.fsdecode(b"\xff\xfe"), "$\\frac$"):
        odd = run.with_name(f"{stem}.h5")
        shutil.copy(run, odd)
        result = command("plot", odd, "--only=knee")
        assert result.code == 0, result.err
