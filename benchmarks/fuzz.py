"""Run files from a stranger: spoilt ones by the thousand, of which none may do more than be refused in one line.

`python -m benchmarks.fuzz [--files 1000000] [--seconds 3600] [--seed 1] [--processes 2]`. Each file is opened,
summarised to JSON, resumed by a step and repaired, in child processes that may take 1 GB of memory more than they
begin with, and 5 s for a file; numpy's warnings count as tracebacks. A child that dies is replaced. Exit code 1 if any
file leads to anything but a result or a `CalibrateError`; `--only N` tries one file again in this process, and
`--keep FOLDER` leaves the files that failed there.

A mutator of our own, and not a coverage-guided one: what is to be reached lies in HDF5's C code, which is not
instrumented, or behind checksums, which only a mutator that knows the layout can mend. It makes a file in 2 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import mmap
import os
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py

from benchmarks.mutations import mutate
from benchmarks.small_runs import bases, with_many_readings
from calibrate.chain.repair import repair
from calibrate.errors import CalibrateError
from calibrate.results import open_run
from calibrate.runner import resume_run

MEMORY = 2**30
SECONDS = 5.0
# What waits for ever does no work. Others on the same machine may keep a process from its work for minutes.
_IDLE = 1200.0
_ALARMS = (signal.SIGPROF, signal.SIGALRM)
# What a sitting does at the most, whatever a stored configuration thins by.
_THIN = 10
# Seconds after which a word on how far it has come is due, to standard error.
_BETWEEN_WORDS = 120.0


def attempt(path: Path, number: int = 0) -> Iterator[str]:
    """Do all that a user does with a run; yield how each part of it ended.

    What takes longest is left out at most numbers, and at all those of which nothing new is to be expected.

    Raises
    ------
    Exception
        Anything but a `CalibrateError`, which is a bug.
    """
    thin, opened = 1, False
    try:
        run = open_run(path)
        opened = True
        thin = run.config.sampling.thin
        yield "opened"
        if run.stored and number % 2 == 0:
            run.samples()
            json.dumps(dict(run.summary()), allow_nan=False)
            yield "summarised"
    except CalibrateError as error:
        yield _refusal(error)
    saved = path.with_name("saved.h5")
    try:
        if number % 3 == 0:
            repair(path, saved)
            yield "repaired"
    except CalibrateError as error:
        yield f"repair: {_refusal(error)}"
    finally:
        saved.unlink(missing_ok=True)
    if not opened and number % 8:
        return
    polls = iter(range(2))
    try:
        resume_run(path, steps=thin, should_stop=lambda: thin > _THIN or next(polls, None) is None)
        yield "resumed"
    except CalibrateError as error:
        yield f"resume: {_refusal(error)}"


def _refusal(error: CalibrateError) -> str:
    """Return a refusal as its kind; a message of several lines, or one about memory, is as bad as a traceback."""
    text = str(error)
    if "\n" in text or len(text) > 1500:
        raise AssertionError(f"not one line: {text!r}")
    if "Unable to allocate" in text:  # NumPy's; what HDF5 asks for and never touches is no matter
        raise AssertionError(f"memory: {text}")
    text = re.sub(r"^\S+: ", "", text)
    return f"{type(error).__name__}: {re.sub('[0-9.e+-]*[0-9][0-9.e+-]*', 'N', text)[:90]}"


class Tally:
    """Where a process is, for the one that started it and may have to bury it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def say(self, number: int, *, made: bool) -> None:
        """Say which file is being made or, if it is made, tried."""
        self._memory[:16] = struct.pack("<qq", number, made)

    def ask(self) -> tuple[int, bool]:
        """Return what was said last."""
        number, made = struct.unpack("<qq", self._memory[:16])
        return int(number), bool(made)


def try_files(
    content: list[bytes], seed: int, numbers: Iterator[int], tally: Tally, folder: Path, until: float
) -> Counter[str]:
    """Try files until there are no more or the time is over; a failure ends it with an exception."""
    counts: Counter[str] = Counter()
    path = folder / "run.h5"
    for number in numbers:
        if time.monotonic() > until:
            break
        tally.say(number, made=False)
        _alarm(SECONDS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                spoilt = mutate(content, seed, number)
            except Exception:
                counts[f"not made: {_where()}"] += 1
                continue
        path.write_bytes(spoilt)
        tally.say(number, made=True)
        _alarm(SECONDS)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                counts.update(attempt(path, number))
            except Exception:
                counts[f"FAILED {number}: {_where()}"] += 1
        (folder / "counts.json").write_text(json.dumps(counts))  # before a later file kills this process
        _alarm(0.0)
        counts["files"] += 1
    return counts


def _alarm(seconds: float) -> None:
    """Have this process killed after so many seconds of work, or very many of none; HDF5 cannot put that off."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, _IDLE if seconds else 0.0)


def _where() -> str:
    lines = [line.strip() for line in traceback.format_exc().splitlines() if line.strip()]
    places = [line for line in lines if line.startswith("File ")]
    return f"{lines[-1][:200]} <- {places[-1] if places else ''}"


class Worker:
    """A process that tries every n-th file, and another in its place when it dies."""

    def __init__(
        self, content: list[bytes], options: argparse.Namespace, first: int, folder: Path, until: float
    ) -> None:
        self._content, self._options, self._folder, self._until = content, options, folder, until
        self._tally, self._next = Tally(), first
        self._slow = -1
        self._folder.mkdir()
        self.counts: Counter[str] = Counter()
        self.pid = 0
        self._start()

    def _start(self) -> None:
        options, report = self._options, self._folder / "counts.json"
        report.unlink(missing_ok=True)
        self._tally.say(self._next, made=False)
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for alarm in _ALARMS:
                signal.signal(alarm, signal.SIG_DFL)
            # A child now and then is a fresh one: what leaks is of no interest here.
            numbers = iter(
                range(self._next, min(options.files, self._next + 5000 * options.processes), options.processes)
            )
            counts = try_files(self._content, options.seed, numbers, self._tally, self._folder, self._until)
            report.write_text(json.dumps(counts))
            os._exit(0)

    def ended(self, status: int) -> bool:
        """Take in what a child did; tell whether there is nothing left for another."""
        code, report = os.waitstatus_to_exitcode(status), self._folder / "counts.json"
        known = json.loads(report.read_text()) if report.exists() else {}
        number, made = self._tally.ask()
        before = max(0, (number - self._next) // self._options.processes)
        if code == 0 and known:
            self.counts.update(known)
        else:
            self.counts.update(known | {"files": before})
            if -code in _ALARMS and made and number != self._slow:
                # A machine that others are at work on may count their time as this process's: a hang is one twice.
                self._slow = self._next = number
                self._start()
                return False
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            what = f"FAILED {number}: {'hang, ' if -code in _ALARMS else ''}{name}" if made else f"not made: {name}"
            self.counts[what] += 1
            self.counts["files"] += 1
        self._next = number + self._options.processes
        if self._next >= self._options.files or time.monotonic() > self._until:
            return True
        self._start()
        return False


def campaign(options: argparse.Namespace, folder: Path) -> Counter[str]:
    """Try the files in several processes."""
    content = bases(folder)
    # All is loaded and compiled before time and memory are limited: also what only data with many readings take.
    for sound in (*content, with_many_readings(folder)):
        (folder / "run.h5").write_bytes(sound)
        list(attempt(folder / "run.h5"))
    until = time.monotonic() + options.seconds
    workers = [Worker(content, options, i, folder / f"{i}", until) for i in range(options.processes)]
    busy, next_word = list(workers), time.monotonic() + _BETWEEN_WORDS
    while busy:
        pid, status = os.wait()
        worker = next(one for one in busy if one.pid == pid)
        if worker.ended(status):
            busy.remove(worker)
        if time.monotonic() > next_word:  # a child ends every 5,000 files
            next_word = time.monotonic() + _BETWEEN_WORDS
            print(_done(_total(workers)), *_bad(_total(workers)), sep="\n", file=sys.stderr, flush=True)
    counts = _total(workers)
    if options.keep is not None:
        options.keep.mkdir(exist_ok=True)
        for number in failures(counts):
            (options.keep / f"{options.seed}-{number}.h5").write_bytes(mutate(content, options.seed, number))
    return counts


def _total(workers: list[Worker]) -> Counter[str]:
    """Return what all of them have counted."""
    counts: Counter[str] = Counter()
    for worker in workers:
        counts.update(worker.counts)
    return counts


def _done(counts: Counter[str]) -> str:
    """Say how many files have been tried, with how much of a processor's time, and what became of them."""
    usage, files = resource.getrusage(resource.RUSAGE_CHILDREN), counts["files"]
    busy = usage.ru_utime + usage.ru_stime
    parts = ", ".join(f"{counts[key]} {key}" for key in ("opened", "summarised", "resumed", "repaired"))
    return f"{files} files in {busy:.0f} s of a processor ({1000 * busy / max(1, files):.1f} ms each): {parts}"


def _bad(counts: Counter[str]) -> list[str]:
    """Say what did what no file may."""
    return sorted(key for key in counts if key.startswith("FAILED"))


def failures(counts: Counter[str]) -> list[int]:
    """Return the numbers of the files that did what no file may."""
    return sorted(int(key.split()[1].rstrip(":")) for key in _bad(counts))


def main() -> int:
    """Try, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3600.0, help="stop after this many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", type=int, help="the number of one file to try in this process")
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    parser.add_argument("--verbose", action="store_true", help="print how often each refusal occurred")
    options = parser.parse_args()
    shared = Path("/dev/shm")  # in memory where there is such a place
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        folder = Path(name)
        if options.only is not None:
            path = folder / "run.h5"
            path.write_bytes(mutate(bases(folder), options.seed, options.only))
            with contextlib.suppress(OSError), h5py.File(path) as f:
                print(sorted(f))
            warnings.simplefilter("error")
            for part in attempt(path, options.only):
                print(part)
            return 0
        begin = time.monotonic()
        counts = campaign(options, folder)
    failed = _bad(counts)
    print(f"{_done(counts)}; {time.monotonic() - begin:.0f} s by the clock")
    if options.verbose:
        for key, count in counts.most_common():
            if "Error: " in key:
                print(f"{count:8d} {key}")
    for key in sorted(key for key in counts if key.startswith("not made")):
        print(counts[key], key)
    for key in failed:
        print(key)
    print(f"{len(failed)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
