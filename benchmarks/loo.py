"""Is leave-one-out from the draws of one fit what calibrating without each reading gives? `python -m benchmarks.loo`.

Prints Markdown. Exit code 1 if the sums differ by more than four of their Monte-Carlo errors.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time

import numpy as np

from benchmarks.problems import NAMES, posterior
from benchmarks.table import busy, markdown, setting
from calibrate.runner import sample
from calibrate.scores.holdout import refitted, scored
from calibrate.scores.loo import BAD_K, mean_density
from calibrate.scores.pointwise import pointwise
from calibrate.scores.predictive import DRAWS

_FAR = 4.0


def row(name: str, seed: int) -> tuple[list[str], bool]:
    """Score a posterior both ways; return a line of the table, and whether both agree."""
    begin = time.process_time()
    draws = sample(posterior(name), seed)
    once = time.process_time() - begin
    found = scored(draws)
    # A k without limit: each reading is to be left out in earnest.
    doubted = [dataclasses.replace(test, k=np.full_like(test.k, math.inf)) for test in found.tests]
    exact = refitted(draws, dataclasses.replace(found, tests=tuple(doubted)), seed + 1)
    spent = time.process_time() - begin - once
    (ours,), (theirs,) = found.tests, exact.tests
    missed = int(np.isinf(theirs.k).sum())  # did not converge
    each = (ours.elpd - theirs.elpd) / np.hypot(ours.error, theirs.error)
    errors = math.hypot(found.error, float(np.sqrt((theirs.error**2).sum())))
    fitted, _ = mean_density(pointwise(draws.posterior, draws.thinned(DRAWS)))
    good = ours.k <= BAD_K
    line = [
        name,
        str(ours.elpd.size),
        f"{found.total:.2f} ± {found.error:.2f}",
        f"{exact.total:.2f} ± {math.sqrt(float((theirs.error**2).sum())):.2f}",
        f"{(found.total - exact.total) / errors:+.1f}",
        f"{np.sqrt(np.mean(each[good] ** 2)):.1f}",
        f"{np.abs(each).max():.1f}",
        f"{found.k.max():.2f}",
        f"{float(fitted.sum()):.2f}",
        f"{found.parameters:.1f}",
        f"{found.spread:.2f}",
        f"{once:.0f}",
        f"{spent:.0f}",
    ]
    return line, missed == 0 and abs(found.total - exact.total) <= _FAR * errors


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posterior", action="append", choices=NAMES, help="only this one; repeat as needed")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{setting()}; {busy()}\n", flush=True)
    lines, agreed = zip(*(row(name, options.seed) for name in options.posterior or ("ridge", "toe")), strict=True)
    head = ["posterior", "readings", "leave-one-out", "exact", "difference [errors]", "rms of readings [errors]"]
    head += [
        "worst reading [errors]",
        "worst k",
        "nothing left out",
        "effective parameters",
        "± se",
        "CPU s of one fit",
    ]
    print(markdown([*head, "CPU s of all refits"], lines))
    return int(not all(agreed))


if __name__ == "__main__":
    sys.exit(main())
