"""Mutation testing: `nice python -m benchmarks.mutation [MODULE.py ...]` (needs the `mutation` extra).

Changes the code in every small way that mutmut knows of, one at a time, and lets the tests find it: no change may
survive that is not shown to be no change at all. `pyproject.toml` says which modules, and by which tests;
`equivalent_mutants.toml` which changes cannot be found by any test, and why. Exit code 1 if others survive.

It works in a copy of the project, so that this can be edited meanwhile. The copy is made in a place that stays, beside
others if several of these run at a time: code that is compiled once serves all modules.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib
import os
import re
import resource
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from benchmarks.mutants_tried import NotPassingError, tried

TOP = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
# Imported before forking; nothing of the project's own.
_HEAVY = ("numpy", "scipy.special", "h5py", "numba", "emcee", "pydantic", "rich.console", "arviz_base", "arviz_stats")


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """Choose a folder that no other process works in."""
    for number in range(64):
        folder = platformdirs.user_cache_path("calibrate") / "mutation" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return
    raise SystemExit("64 others are at it")


def copied(folder: Path) -> Path:
    """Copy the project, dates included: by these numba knows what it has compiled."""
    copy = folder / "project"
    shutil.rmtree(copy, ignore_errors=True)
    for part in ("calibrate", "benchmarks", "tests", "data"):
        shutil.copytree(TOP / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(TOP / "pyproject.toml", copy)
    return copy


def _seconds() -> float:
    """Return the seconds of a processor that all children have taken."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Run what is asked for and print what has survived."""
    settings = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]
    tests_of: dict[str, list[str]] = settings["calibrate"]["mutation"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("modules", nargs="*", metavar="MODULE.py", help=f"of {', '.join(tests_of)}; all by default")
    asked = parser.parse_args()
    modules = asked.modules or list(tests_of)
    known = tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    used, failed = [0] * len(known), False
    head = ("module", "mutants", "killed", "equivalent", "survived", "s of a processor")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|", flush=True)
    with place() as folder:
        os.environ["NUMBA_CACHE_DIR"] = str(folder / "compiled")
        for name in _HEAVY:
            importlib.import_module(name)
        for module in modules:
            before, mutants, equivalent, survived = _seconds(), 0, 0, 0
            try:
                for change, found in tried(copied(folder), module, tests_of[module]):
                    mutants += 1
                    if found:
                        continue
                    which = [
                        i for i, k in enumerate(known) if module == k["module"] and re.fullmatch(k["change"], change)
                    ]
                    for i in which:
                        used[i] += 1
                    equivalent += bool(which)
                    survived += not which
                    if not which:
                        print(f"  survived: {change}", flush=True)
            except NotPassingError as error:
                raise SystemExit(f"the tests of {error} do not pass as it is") from None
            counts = (mutants, mutants - equivalent - survived, equivalent, survived)
            print("|", " | ".join(map(str, (module, *counts, round(_seconds() - before)))), "|", flush=True)
            failed |= bool(survived)
    for count, entry in zip(used, known, strict=True):
        if not count and entry["module"] in modules:
            print(f"no longer needed in {EQUIVALENT.name}: {entry['change']}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
