"""Kill real runs with SIGKILL, again and again, at random moments of their life.

`python -m benchmarks.kills [--kills 500] [--quick]`. `calibrate run` and `calibrate resume` processes are killed while
they create, enlarge, write, take up again and finish their file, until the run is done; then it begins anew. A file
has room for few steps only, so that it grows often. After every kill the file has to open, hold at least what a
reader saw before, and have the log-probabilities that its rows have. Each finished file has to equal, to the last
bit, that of a run never stopped, also as read by stock emcee. Exit code 1 if anything else happens.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import BOX
from calibrate import chain, cli, runner
from calibrate.chain import whole, writer
from calibrate.lean import emcee
from calibrate.results import open_run

STEPS = 160
CAPACITY = 8
CONFIG = """
[sampling]
seed = 5
walkers = 16
ensembles = 2
max_steps = 160
min_ess = 1e9
"""


def knee() -> str:
    """Return the configuration of the bundled example with a short run."""
    text = BOX.read_text()
    return text.split("[sampling]")[0] + CONFIG


class Child:
    """A calibration as a process of its own, forked so that 500 of them need not import everything again."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(reading)
                os.dup2(writing, 1)
                os.dup2(os.open(folder / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
                os.chdir(folder)
                sys.argv = ["calibrate", *arguments]
                announce()
                cli.main()
            except SystemExit as left:
                code = int(left.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(writing)
        self.folder = folder
        self.lines = os.fdopen(reading)

    def end(self, kill: bool) -> tuple[int, str]:
        """Wait for the end, or make it; return the exit code, negative for a signal, and what was said."""
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        else:
            self.lines.read()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.lines.close()
        return code, (self.folder / "stderr.txt").read_text()


def announce() -> None:
    """Make this process say what it is about to do, grow its file often, and write blocks often."""

    def announced(owner: Any, name: str, phase: Callable[[dict[str, Any]], str]) -> None:
        function = getattr(owner, name)

        def call(*args: Any, **given: Any) -> Any:
            os.write(1, f"{phase(given)}\n".encode())
            return function(*args, **given)

        setattr(owner, name, call)

    def rewriting(given: dict[str, Any]) -> str:
        return {None: "finish", CAPACITY: "creation"}.get(given["capacity"], "growth")

    begin = writer.ChainWriter.__init__

    def impatient(self: Any, path: Path, **given: Any) -> None:
        begin(self, path, **{**given, "late": 0.002})

    writer.ChainWriter.__init__ = impatient  # type: ignore[method-assign]  # in the child alone
    runner._CAPACITY = CAPACITY
    announced(whole, "write_file", rewriting)
    announced(writer.ChainWriter, "flush", lambda given: "flush")
    announced(writer.ChainWriter, "_open", lambda given: "recovery")


def rows(path: Path) -> np.ndarray:
    """Return everything that a run holds, as this program reads it."""
    stored = chain.read_chains(path)
    return np.concatenate([np.asarray(stored.coords), np.asarray(stored.log_prob)[..., np.newaxis]], axis=-1)


def look(path: Path, seen: int) -> int:
    """Check a file left behind by a kill; return how many steps it has."""
    run = open_run(path)
    assert run.stored >= seen, (run.stored, seen)
    if run.stored:
        q = np.asarray(run.chains.coords[:]).reshape(-1, len(run.names))
        np.testing.assert_array_equal(run.posterior.log_prob(q), np.asarray(run.chains.log_prob[:]).ravel())
    return run.stored


def campaign(kills: int, seed: int, folder: Path) -> tuple[Counter[str], int]:
    """Kill that many times; return how often in which phase, and how many runs came to their end."""
    rng = random.Random(seed)
    (folder / "knee.toml").write_text(knee())
    for data in BOX.parent.glob("*.csv"):
        (folder / data.name).write_bytes(data.read_bytes())
    code, err = Child(["run", "knee.toml", "-o", "whole.h5"], folder).end(kill=False)
    assert code == 3, err
    expected = rows(folder / "whole.h5")
    assert expected.shape[1] == STEPS

    done: Counter[str] = Counter()
    path, seen, finished = folder / "run.h5", 0, 0
    while sum(done.values()) < kills:
        arguments = (
            ["resume", "run.h5", "--until-steps", str(STEPS)] if path.exists() else ["run", "knee.toml", "-o", "run.h5"]
        )
        child = Child(arguments, folder)
        # Wait for a phase, or for any, then for a moment shorter than most of them last.
        target = rng.choice(["creation", "growth", "flush", "recovery", "finish", "any"])
        patience = rng.randrange(1, 4) if target in ("growth", "flush") else 1
        phase = "start"
        for line in child.lines:
            phase = line.strip()
            patience -= phase == target or target == "any"
            if patience <= 0:
                break
        time.sleep(rng.choice([0.0, rng.uniform(0.0, 0.003), rng.uniform(0.0, 0.03)]))
        code, err = child.end(kill=True)
        assert "Traceback" not in err, err
        assert code in (0, 3, -signal.SIGKILL), err
        killed = code == -signal.SIGKILL
        if killed:
            done[phase] += 1
            if sys.stderr.isatty():
                print(f"\r{sum(done.values())} of {kills} kills, {finished} runs ended", end="", file=sys.stderr)
        if path.exists():
            seen = look(path, seen)
        if not killed:
            np.testing.assert_array_equal(rows(path), expected)
            for i in range(2):
                backend = emcee.backends.HDFBackend(str(path), name=f"ensemble_{i}", read_only=True)
                np.testing.assert_array_equal(backend.get_chain(), expected[i, ..., :-1])
                np.testing.assert_array_equal(backend.get_log_prob(), expected[i, ..., -1])
            finished += 1
            path.unlink()
            seen = 0
    return done, finished


def main() -> int:
    """Kill and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="20 kills")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done, finished = campaign(20 if given.quick else given.kills, given.seed, Path(folder))
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"{sum(done.values())} kills: " + ", ".join(f"{count} in {phase}" for phase, count in done.most_common()))
    print(f"{finished} runs came to their end in spite of it, all bit for bit; no file was bad")
    return 0


if __name__ == "__main__":
    sys.exit(main())
