"""Samplers side by side: `python -m benchmarks [--quick] [--posterior NAME] [--sampler WORD]`.

All get the same posteriors and data, sit in turn in one process, are counted with one estimator and face one accuracy
test. Prints Markdown. Exit code 1 if calibrate's own run fails the test, or a wrong sampler, which has to, does not.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import math
import os
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import competitors, ensembles, scaling
from benchmarks.accuracy import Comparison, Estimate, compare, reference
from benchmarks.problems import NAMES, posterior
from benchmarks.sitting import Contender, Sit, Sitting, Size
from benchmarks.table import busy, markdown, number, setting

FULL = Size(seconds=6.0, ess=100_000.0, kish=20_000, live=1000, warm_up=500, chunk=250)
QUICK = Size(seconds=1.5, ess=20_000.0, kish=3_000, live=400, warm_up=150, chunk=100)
ROUNDS = 3
# Where the package is not called as it is imported.
_MODULES = {"zeus-mcmc": "zeus", "nautilus-sampler": "nautilus"}
_OURS, _STOCK, _NUTS = "calibrate", "stock emcee", "NUTS"
_TARGETS = {_STOCK: 500.0, _NUTS: 250.0}


@dataclass
class Row:
    """One sampler on one posterior."""

    contender: Contender
    sit: Sit
    sittings: list[Sitting] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Its name in the tables."""
        return self.contender.label

    @property
    def control(self) -> bool:
        """Whether it is wrong on purpose."""
        return self.contender.control

    @property
    def estimate(self) -> Estimate:
        """From all its sittings."""
        return Estimate.pooled([sitting.estimate for sitting in self.sittings])

    def rates(self, whole: bool) -> np.ndarray:
        """Effective samples per second of each sitting."""
        return np.array([sitting.rate if whole else sitting.kept_rate for sitting in self.sittings])


def samplers(words: list[str], quick: bool) -> list[Contender]:
    """Choose the samplers whose packages are there; say what to install for the others."""
    chosen = []
    for one in itertools.chain(ensembles.rows(), competitors.rows(quick), ensembles.controls()):
        if words and not any(word in one.label for word in words):
            continue
        if one.package and importlib.util.find_spec(_MODULES.get(one.package, one.package)) is None:
            print(f"{one.label}: skipped; python -m pip install {one.package}, or '.[bench]' for all of them\n")
        else:
            chosen.append(one)
    return chosen


def measure(name: str, chosen: list[Contender], size: Size, rounds: int, folder: Path) -> list[Row]:
    """Make all samplers ready, then let them sit in turn."""
    rows = []
    for one in chosen:
        begin = time.perf_counter()
        try:
            rows.append(Row(one, one.prepare(name, size, folder)))
        except Exception:
            # A sampler of others that cannot run is a line before the tables, not the end of the comparison.
            print(f"{one.label}: cannot run on {name}: {traceback.format_exc().splitlines()[-1]}\n")
        _note(f"{name}: {one.label}: ready in {time.perf_counter() - begin:.1f} s")
    for turn in range(rounds):
        for row in rows:
            if row.contender.once and turn:
                continue
            sitting = row.sit(turn + 1)
            row.sittings.append(sitting)
            _note(f"{name}: {row.label}: {sitting.estimate.ess:.0f} effective samples in {sitting.seconds:.1f} s")
    return rows


def speed_table(rows: list[Row], comparisons: list[Comparison]) -> str:
    """Return effective samples per second, and the verdict on them."""
    lines = []
    for row, comparison in zip(rows, comparisons, strict=True):
        estimate = row.estimate
        kept, whole = (_spread(row.rates(which)) for which in (False, True))
        known = float((comparison.sd_errors).max())
        lines.append(
            [
                row.label + (" (wrong on purpose)" if row.control else ""),
                number(estimate.ess),
                "" if math.isnan(estimate.rhat) else f"{estimate.rhat:.3f}",
                "" if row.control else kept,
                "" if row.control else whole,
                f"{np.abs(comparison.mean_errors).max():.1f}",
                f"{100 * np.abs(comparison.sd_shares).max():.1f} ± {100 * known:.1f}",
                comparison.verdict,
            ]
        )
    head = [
        "sampler",
        "ESS",
        "R-hat",
        "ESS/s kept",
        "ESS/s whole",
        "worst mean [errors]",
        "worst sd [%]",
        "accuracy",
    ]
    return markdown(head, lines)


def deviation_table(name: str, rows: list[Row], comparisons: list[Comparison], truth: Estimate) -> str:
    """Return means and sds, with what they deviate by: means in standard errors, sds in per cent."""
    lines = [["reference", *(f"{m:.5g} / {s:.4g}" for m, s in zip(truth.mean, truth.sd, strict=True))]]
    for row, comparison in zip(rows, comparisons, strict=True):
        estimate = row.estimate
        cells = [
            f"{mean:.5g} / {sd:.4g} ({errors:+.1f}, {100 * share:+.1f} %)"
            for mean, sd, errors, share in zip(
                estimate.mean, estimate.sd, comparison.mean_errors, comparison.sd_shares, strict=True
            )
        ]
        lines.append([row.label, *cells])
    return markdown(["mean / sd", *posterior(name).names], lines)


def ratios(rows: list[Row]) -> list[list[str]]:
    """Return calibrate's speed over stock emcee's, and over the faster NUTS, by both measures."""
    medians = {
        row.label: [float(np.median(row.rates(whole))) for whole in (False, True)] for row in rows if not row.control
    }
    if _OURS not in medians:
        return []
    lines = []
    for other, target in _TARGETS.items():
        found = [rates for label, rates in medians.items() if label.startswith(other)]
        if found:
            kept, whole = (medians[_OURS][i] / max(rates[i] for rates in found) for i in (0, 1))
            lines.append([f"calibrate / {other}", number(kept), number(whole), f"{target:.0f}"])
    return lines


def _spread(rates: np.ndarray) -> str:
    if len(rates) == 1:
        return number(float(rates[0]))
    return f"{number(float(np.median(rates)))} ({number(float(rates.min()))}-{number(float(rates.max()))})"


def _note(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short sitting of each, on ridge and toe")
    parser.add_argument("--posterior", action="append", choices=NAMES, help="only this one; repeat as needed")
    parser.add_argument("--sampler", action="append", default=[], help="only those with this word in their name")
    parser.add_argument("--rounds", type=int, help=f"sittings of each sampler; {ROUNDS} by default")
    options = parser.parse_args()
    # What others' packages warn of is not ours to show between the tables.
    warnings.simplefilter("ignore")
    size = QUICK if options.quick else FULL
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    chosen = samplers(options.sampler, options.quick)
    print(f"{setting()}; {busy()}\n", flush=True)
    wrong, summary = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.posterior or (NAMES[:2] if options.quick else NAMES):
            rows = measure(name, chosen, size, rounds, Path(folder))
            truth = reference(name)
            comparisons = [compare(row.estimate, truth) for row in rows]
            print(f"### {name}\n\n{speed_table(rows, comparisons)}\n")
            print(f"{deviation_table(name, rows, comparisons, truth)}\n", flush=True)
            summary += [[name, *line] for line in ratios(rows)]
            for row, comparison in zip(rows, comparisons, strict=True):
                if row.control and comparison.verdict != "FAIL":
                    wrong.append(f"{name}: {row.label} has to fail the accuracy test, but: {comparison.verdict}")
                if row.label.startswith(_OURS) and comparison.verdict == "FAIL":
                    wrong.append(f"{name}: {row.label} fails the accuracy test")
                if row.label == _OURS and comparison.verdict != "pass":
                    wrong.append(f"{name}: {row.label} does not pass the accuracy test: {comparison.verdict}")
    if summary:
        print("### Ratios\n")
        print(markdown(["posterior", "ratio", "ESS/s kept", "ESS/s whole", "target on ridge and toe"], summary) + "\n")
    if not options.sampler and not options.posterior:
        scaling.tables(options.quick)
    print(f"At the end: {busy()}.")
    for complaint in wrong:
        _note(complaint)
    return int(bool(wrong))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # JAX's threads may outlive their use and complain; nothing is left to be done.
    os._exit(code)
