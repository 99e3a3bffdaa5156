"""Are reported Monte-Carlo standard errors true? `python -m benchmarks.errors`; some minutes of CPU time.

Many seeds calibrate the same knee, in short runs that stop by themselves and in runs of a fixed number of steps. The
scatter of their means and of their 5 and 95 % quantiles is held against the standard errors that they report: the ratio
has to be 0.9 to 1.1, all parameters together. Exit code 1 means that some is not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.problems import NAMES, problem
from benchmarks.table import busy, markdown, setting
from calibrate.config import Config, load_config
from calibrate.examples import example
from calibrate.runner import sample

FloatArray = NDArray[np.float64]

ESTIMATES = ("mean", "5 %", "95 %")
# What a run may be: one that stops when it has converged, and one of so many steps.
KINDS: dict[str, dict[str, Any]] = {
    "until converged": {"min_ess": 1000.0},
    "120 steps": {"min_ess": 1e9, "max_steps": 120},
}
# Few walkers, so that a thousand effective samples take more than the shortest run.
_WALKERS = 24
_LOW, _HIGH = 0.9, 1.1


@dataclass(frozen=True)
class Answers:
    """What runs with many seeds say, each array of shape (runs, 3, ndim): see `ESTIMATES`."""

    names: tuple[str, ...]
    estimates: FloatArray
    errors: FloatArray
    steps: FloatArray

    @property
    def ratios(self) -> FloatArray:
        """Reported error over scatter, (3, ndim)."""
        return np.asarray(np.sqrt((self.errors**2).mean(axis=0)) / self.estimates.std(axis=0, ddof=1))

    @property
    def pooled(self) -> FloatArray:
        """The same of all parameters together, (3,): the mean of their logarithms."""
        return np.asarray(np.exp(np.log(self.ratios).mean(axis=1)))

    @property
    def known_to(self) -> float:
        """The standard error of one parameter's ratio, by the scatter's own."""
        return float(np.sqrt(0.5 / (len(self.estimates) - 1)))


def answer(config: Config, kind: dict[str, Any], seed: int) -> tuple[FloatArray, FloatArray, int]:
    """Calibrate once; return estimates and their errors, (3, ndim) each, and the steps taken."""
    draws = sample(config, seed, walkers=_WALKERS, **kind)
    samples = draws.some_samples()
    return np.array([samples.mean(axis=0), *np.quantile(samples, [0.05, 0.95], axis=0)]), draws.errors(), draws.steps


def answers(config: Config, kind: dict[str, Any], seeds: Sequence[int], processes: int = 1) -> Answers:
    """Calibrate with many seeds."""
    names = sample(config, seeds[0], walkers=_WALKERS, max_steps=1).names
    one = partial(answer, config, kind)
    if processes > 1:
        with ProcessPoolExecutor(processes) as pool:
            found = list(pool.map(one, seeds))
    else:
        found = [one(seed) for seed in seeds]
    estimates, errors, steps = zip(*found, strict=True)
    return Answers(names, np.stack(estimates), np.stack(errors), np.array(steps, dtype=float))


def main() -> int:
    """Run all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["toe", "bundled"], help=f"of {', '.join(NAMES)}, bundled")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    rows, failed = [], False
    for name in options.names:
        config = load_config(example("oks009.toml")) if name == "bundled" else problem(name)
        for kind, settings in KINDS.items():
            found = answers(config, settings, range(1, options.seeds + 1), options.processes)
            failed |= not ((found.pooled > _LOW) & (found.pooled < _HIGH)).all()
            for i, estimate in enumerate(ESTIMATES):
                ratios = found.ratios[i]
                ends = " to ".join(f"{end:.2f} ({found.names[at]})" for end, at in _ends(ratios))
                steps = f"{np.median(found.steps):.0f}"
                rows.append(
                    [f"{name}, {kind}", estimate, steps, f"{found.pooled[i]:.2f}", ends, f"{found.known_to:.2f}"]
                )
                print(rows[-1], file=sys.stderr, flush=True)
    head = ["runs", "estimate", "steps, median", "reported / scatter", "single parameters", "each known to"]
    print(markdown(head, rows))
    print(f"\n{options.seeds} seeds; {setting()}; {busy()}")
    return int(failed)


def _ends(ratios: FloatArray) -> list[tuple[float, int]]:
    order = np.argsort(ratios)
    return [(float(ratios[at]), int(at)) for at in order[[0, -1]]]


if __name__ == "__main__":
    sys.exit(main())
