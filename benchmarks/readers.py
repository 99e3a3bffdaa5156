"""Read a run while it is written, as often and as much as can be, and see that neither side notices.

`python -m benchmarks.readers [--steps 12000] [--room STEPS] [--quick]`. While a real `calibrate run` and a
`calibrate resume` write a file, three others read it all the time: `calibrate summary --json` as processes, one after
the other; the same command in one process, every 50 ms; and a checker that reads the whole chain again and again. Each
row has to have the log-probability of its coordinates, and a row once read never changes nor disappears. The file has
to equal, to the last bit, that of a run that nobody read. Exit code 1 if anything else happens.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import BOX
from calibrate import chain, cli, runner
from calibrate.chain.problem import posterior_in
from calibrate.config import load_config
from calibrate.errors import ChainError
from calibrate.runner import start_run

PAUSE = 0.05
# Readers and sittings are forked from a process that has loaded all modules: loading takes longer than they work here.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["benchmarks.problems", "calibrate.screen", "calibrate.sitting"])
# What a command may say of a file that has not come into being yet, or has no step yet.
EARLY = ("no such file", "nothing is stored yet")
CONFIG = """
[sampling]
seed = 5
min_ess = 1e9
moves = { stretch = 0.9, block = 0.1 }
"""


class Checker:
    """Reads a whole chain, checks every number in it, and remembers all that it has read before."""

    def __init__(self) -> None:
        self.steps = self.rows = 0
        self._digests: list[Any] = []

    def look(self, path: Path) -> None:
        """Check a file.

        Raises
        ------
        AssertionError
            If a row does not have its own log-probability, or rows read before have changed or are gone.
        """
        file, chains = chain.read_run(path)  # not `open_run`, which would refuse some of what is to be noticed here
        posterior = posterior_in(path, file)
        ensembles, steps, walkers = chains.log_prob.shape
        assert steps >= self.steps, f"{self.steps} steps were there, now {steps}"
        for i in range(ensembles):
            coords, log_prob = np.asarray(chains.coords[i]), np.asarray(chains.log_prob[i])
            assert np.isfinite(coords).all(), "a coordinate is not finite"
            assert np.isfinite(log_prob).all(), "a log-probability is not finite"
            if len(self._digests) == i:
                self._digests.append(hashlib.sha256())
            again = hashlib.sha256()
            fold(again, coords[: self.steps], log_prob[: self.steps])
            assert again.digest() == self._digests[i].digest(), "a row that was read before has changed"
            fold(again, coords[self.steps :], log_prob[self.steps :])
            self._digests[i] = again
            right = posterior.log_prob(coords.reshape(-1, coords.shape[2])).reshape(-1, walkers)
            wrong = np.flatnonzero((right != log_prob).any(axis=1))
            assert not wrong.size, f"step {wrong[0]} of {steps} is not what belongs there"
        self.steps = steps
        self.rows += ensembles * steps * walkers


def fold(digest: Any, coords: np.ndarray, log_prob: np.ndarray) -> None:
    """Add steps to a hash, one after the other, however many come at a time."""
    digest.update(np.concatenate([coords, log_prob[..., np.newaxis]], axis=-1).tobytes())


def judge(code: int, out: str, err: str, seen: int) -> tuple[int, bool]:
    """Check what `summary --json` said; return the steps that it saw, and whether there was something to see."""
    if code == 2 and seen == 0 and any(words in err for words in EARLY):
        return 0, False
    assert code == 0, (code, err)
    assert err == "", err
    content = json.loads(out)
    assert content["steps"] >= seen, (content["steps"], seen)
    return int(content["steps"]), True


def processes(path: Path, stop: Event) -> str:
    """Run `calibrate summary --json`, one process after the other."""
    seen = count = 0
    while not stop.is_set():
        line = [sys.executable, "-m", "calibrate", "summary", str(path), "--json"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        seen, there = judge(done.returncode, done.stdout, done.stderr, seen)
        count += there
    return f"{count} processes of calibrate summary, the last one saw {seen} steps"


def polls(path: Path, stop: Event) -> str:
    """Run the same command in this process, every 50 ms, or as soon as the last one is through."""
    seen = count = 0
    due = time.monotonic()
    while not stop.is_set():
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["calibrate", "summary", str(path), "--json"]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as left:
                code = int(left.code or 0)
        seen, there = judge(code, out.getvalue(), err.getvalue(), seen)
        count += there
        due = max(due + PAUSE, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))  # leaves the writer some of the processor
    return f"{count} polls of calibrate summary in one process, the last one saw {seen} steps"


def checks(path: Path, stop: Event) -> str:
    """Read and check the whole chain, again and again, with a pause in which others may work."""
    checker, count = Checker(), 0
    while not stop.is_set():
        try:
            checker.look(path)
            count += checker.steps > 0
        except ChainError as error:
            if checker.steps or EARLY[0] not in str(error):
                raise
        time.sleep(PAUSE)
    return f"{count} times the whole chain, {checker.rows:.3g} rows in all, the last time {checker.steps} steps"


def reader(look: Callable[[Path, Event], str], path: Path, stop: Event, results: Any) -> None:
    """Be one reader's process."""
    try:
        results.put((True, look(path, stop)))
    except BaseException:
        results.put((False, traceback.format_exc()))


def sit(folder: Path, arguments: list[str], room: int | None, said: str) -> None:
    """Be one sitting's process, with all that it says in a file."""
    os.chdir(folder)
    if room is not None:  # make the file grow often
        runner._CAPACITY = room
    with Path(said).open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        sys.argv = ["calibrate", *arguments]
        cli.main()


def write(folder: Path, name: str, steps: int, room: int | None) -> None:
    """Run to half of the steps, then resume to all of them, as processes of their own."""
    sittings = (
        ["run", "knee.toml", "-o", name, "--max-steps", str(steps // 2)],
        ["resume", name, "--until-steps", str(steps)],
    )
    for arguments in sittings:
        one = _CONTEXT.Process(target=sit, args=(folder, arguments, room, "said.txt"))
        one.start()
        one.join()
        said = (folder / "said.txt").read_text()
        assert one.exitcode == 3, said
        assert "Traceback" not in said, said


def campaign(folder: Path, steps: int, room: int | None, walkers: int = 512) -> list[str]:
    """Write a run under everybody's eyes, and at one go the same with nobody looking; return what the readers saw."""
    (folder / "knee.toml").write_text(BOX.read_text().split("[sampling]")[0] + CONFIG + f"walkers = {walkers}\n")
    for data in BOX.parent.glob("*.csv"):
        (folder / data.name).write_bytes(data.read_bytes())
    stop, results = _CONTEXT.Event(), _CONTEXT.Queue()
    readers = [
        _CONTEXT.Process(target=reader, args=(look, folder / "watched.h5", stop, results))
        for look in (processes, polls, checks)
    ]
    for one in readers:
        one.start()
    try:
        write(folder, "watched.h5", steps, room)
    finally:
        stop.set()
        said = [results.get(timeout=300) for _ in readers]
        for one in readers:
            one.join()
    for fine, text in said:
        assert fine, text
    start_run(load_config(folder / "knee.toml").with_sampling(max_steps=steps), folder / "alone.h5")
    watched, alone = (chain.read_chains(folder / f"{name}.h5") for name in ("watched", "alone"))
    assert alone.log_prob.shape[1] == steps
    for i in range(alone.log_prob.shape[0]):
        np.testing.assert_array_equal(watched.coords[i], alone.coords[i])
        np.testing.assert_array_equal(watched.log_prob[i], alone.log_prob[i])
    return sorted(text for _, text in said)


def main() -> int:
    """Write, read and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument(
        "--room", type=int, help="steps that the file has room for at first; the writer's own by default"
    )
    parser.add_argument("--quick", action="store_true", help="120 steps of 64 walkers, and room for 8 at first")
    given = parser.parse_args()
    steps, room, walkers = (120, 8, 64) if given.quick else (given.steps, given.room, 512)
    with tempfile.TemporaryDirectory() as folder:
        for line in campaign(Path(folder), steps, room, walkers):
            print(line)
    print(f"{steps} steps, written in two sittings, are bit for bit those of one sitting that nobody read")
    print("no error on either side")
    return 0


if __name__ == "__main__":
    sys.exit(main())
