"""Does the check of the program pass a right one, and fail each wrong one? `python -m benchmarks.validation`.

Simulation-based calibration, as `calibrate validate` does it, of 500 knees from each of three configurations; and of
as few knees as it takes with fits that have one fault each. `--keep FILE` stores every trial, and goes on from there.
Exit code 1 means that a right program failed, or that a fault was not found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.table import busy, markdown, setting
from benchmarks.validation_cases import CASES, CONTROLS, FAULTS, config_of, data
from calibrate.validate import judged
from calibrate.validate.batch import trials
from calibrate.validate.trial import Fit, Plan, Trial, fit
from calibrate.validate.verdict import Validation

# Knees of a fault: more, until it is found. With fewer than the first, chance is found now and then.
ROUNDS = (100, 200, 300, 400, 500)
HEAD = ["fit", "knees", "without an answer", "quantities", "failing", "worst", "its chance", "level", "CPU s a knee"]


class Kept:
    """Trials that have been made, in a file of one line each."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, dict[int, Trial]] = {}
        for line in path.read_text().splitlines() if path is not None and path.exists() else ():
            name, number, ranks, missing, tied, trouble, seconds = json.loads(line)
            self._found.setdefault(name, {})[number] = Trial(
                number, ranks, frozenset(missing), frozenset(tied), trouble, seconds
            )

    def of(self, name: str) -> dict[int, Trial]:
        """Return the trials of a fit, by number."""
        return self._found.setdefault(name, {})

    def add(self, name: str, trial: Trial) -> None:
        """Keep one more."""
        self.of(name)[trial.number] = trial
        if self._path is not None:
            unknown = sorted(trial.missing), sorted(trial.tied)
            row = [name, trial.number, trial.ranks, *unknown, trial.trouble, trial.seconds]
            with self._path.open("a") as file:
                file.write(json.dumps(row) + "\n")


def answer(name: str, case: str, how: Fit, knees: int, kept: Kept, processes: int, seed: int = 1) -> Validation:
    """Make what is missing of some trials, and judge them."""
    plan = Plan(config_of(case), data(), None, seed, how)
    missing = [number for number in range(knees) if number not in kept.of(name)]
    if missing:
        trials(plan, missing, processes, lambda trial: kept.add(name, trial))
    return judged(plan, name, [kept.of(name)[number] for number in range(knees)])


def row(found: Validation) -> list[str]:
    """Return a line of the table."""
    worst = found.quantities[0]
    return [
        found.source,
        str(len(found.trials)),
        str(len(found.trials) - len(found.counted)),
        str(len(found.quantities)),
        str(len(found.failing)),
        f"{worst.name}{f', {worst.fault}' if worst.fault else ''}",
        f"{worst.chance:.2g}",
        f"{worst.level:.2g}",
        f"{sum(trial.seconds for trial in found.trials) / len(found.trials):.2f}",
    ]


def complaints(found: Validation, *, right: bool) -> Iterator[str]:
    """Yield what is not as it should be."""
    if right and not found.passed:
        yield f"{found.source}: {found.verdict}"
    if not right and not found.failing:
        yield f"{found.source}: not found in {len(found.trials)} knees"


def main() -> int:
    """Validate, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*CASES, *FAULTS, *CONTROLS]
    parser.add_argument("fits", nargs="*", default=names, help=f"of {'; '.join(names)}; all by default")
    parser.add_argument("--knees", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="file of trials")
    options = parser.parse_args()
    if unknown := [name for name in options.fits if name not in names]:
        parser.error(f"no fit is called '{unknown[0]}'; there are {'; '.join(names)}")
    kept, rows, wrong = Kept(options.keep), [], []
    for name in options.fits:
        case, how = {**{case: (case, fit) for case in CASES}, **FAULTS, **CONTROLS}[name]
        faulty = name in FAULTS
        for knees in [knees for knees in ROUNDS if knees < options.knees] * faulty + [options.knees]:
            found = answer(name, case, how, knees, kept, options.processes, options.seed)
            if found.failing:
                break
        rows.append(row(found))
        wrong += complaints(found, right=not faulty)
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    print(markdown(HEAD, rows))
    print(f"\n{setting()}; {busy()}")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
