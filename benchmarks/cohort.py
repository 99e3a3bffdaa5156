"""What a study of many knees costs, and how it grows with processes: `python -m benchmarks.cohort`.

A thousand simulated knees of fifteen readings and six free parameters (those of `benchmarks.manyknees`), each to a
thousand effective samples of every parameter, by `calibrate cohort`'s own path: configuration, data, sampling, summary
with findings, file. With one process and with two, beginnings of processes included; then a million knees on a hundred
tasks, reckoned from that.

    python -m benchmarks.cohort --knees 100                 # a fifth of a minute
    python -m benchmarks.cohort --keep results              # the study and its results stay

Exit code 1 means that a knee failed, or that two processes were not 1.8 times as fast as one where the machine was free
(with `--loaded`, that is only said).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import manyknees
from benchmarks.table import busy, markdown, setting
from calibrate.study import load_study, run_cohort

TARGET = 1.8
LAWS = "bounds alone"
MILLION, TASKS = 1_000_000, 100


@dataclass(frozen=True)
class Timed:
    """One sitting: seconds by the clock, CPU seconds of the coordinator and of the workers, bytes of the file."""

    workers: int
    knees: int
    converged: int
    wall: float
    own: float
    theirs: float
    size: int


def write_study(folder: Path, count: int, seed: int) -> Path:
    """Write a manifest, a configuration and the data of so many knees; return the manifest."""
    config = manyknees.config_of(LAWS)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "knee.toml").write_text(config.text)
    rows = ["knee,config,data.file,sex"]
    for number, (_, measurement) in enumerate(manyknees.knees(config, count, seed)):
        (folder / f"k{number:06d}.csv").write_text(measurement.text)
        rows.append(f"k{number:06d},knee.toml,k{number:06d}.csv,{'fm'[number % 2]}")
    path = folder / "study.csv"
    path.write_text("\n".join([*rows, ""]))
    return path


def timed(study: Path, out: Path, workers: int) -> Timed:
    """Calibrate a study."""

    def children() -> float:
        for child in multiprocessing.active_children():
            child.join()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, own, begin = children(), time.process_time(), time.monotonic()
    outcome = run_cohort(load_study(study, seed=1), out, workers=workers)
    wall, own = time.monotonic() - begin, time.process_time() - own
    bad = len(outcome.not_converged) + len(outcome.failed)
    if outcome.failed:
        print(f"failed: {dict(list(outcome.failed.items())[:3])}", file=sys.stderr)
    size = outcome.file.stat().st_size
    return Timed(workers, outcome.knees, outcome.knees - bad, wall, own, children() - before, size)


HEAD = [
    "processes",
    "knees",
    "converged",
    "seconds",
    "knees a second",
    "workers' CPU s a knee",
    "coordinator's CPU ms a knee",
    "kB a knee",
]


def row(one: Timed) -> list[str]:
    """Return a row of the table."""
    return [
        str(one.workers),
        str(one.knees),
        str(one.converged),
        f"{one.wall:.1f}",
        f"{one.knees / one.wall:.2f}",
        f"{one.theirs / one.knees:.3f}",
        f"{1e3 * one.own / one.knees:.1f}",
        f"{one.size / one.knees / 1e3:.1f}",
    ]


def million(one: Timed) -> str:
    """Say what a million knees on a hundred tasks would take."""
    each = MILLION // TASKS
    hours = each * (one.theirs + one.own) / one.knees / 3600.0
    return (
        f"{MILLION:,} knees on {TASKS} tasks of one core: {each:,} knees and {hours:.2f} hours of CPU each, "
        f"{one.size / one.knees * each / 1e6:.0f} MB a shard, {one.size / one.knees * MILLION / 1e9:.0f} GB in all"
    )


def main() -> int:
    """Time it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--knees", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the study and its results")
    parser.add_argument("--loaded", action="store_true", help="the machine is not free: judge no times")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        study = write_study(root / "study", options.knees, options.seed)
        found = [timed(study, root / f"out{workers}", workers) for workers in options.workers]
    print(markdown(HEAD, [row(one) for one in found]))
    first, last = found[0], found[-1]
    gain = first.wall / last.wall
    print(f"\n{last.workers} processes are {gain:.2f} times as fast as {first.workers} (wanted {TARGET})")
    print(f"\n{million(first)}\n\n{setting()}; {busy()}")
    slow = gain < TARGET and len(found) > 1 and not options.loaded
    return int(slow or any(one.converged < one.knees for one in found))


if __name__ == "__main__":
    sys.exit(main())
