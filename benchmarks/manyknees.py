"""What one knee among many costs: `python -m benchmarks.manyknees`.

A hundred simulated knees of fifteen readings and six free parameters, truths from the prior, each sampled in memory by
`calibrate.sample` to a thousand effective samples of every parameter, on one core. Beside it stands a whole process
`calibrate run` a knee. Intervals of 90 % have to hold 90 % of the truths.

    python -m benchmarks.manyknees --knees 1000       # two minutes
    python -m benchmarks.manyknees --processes 0      # without whole processes

Exit code 1 means that a knee did not converge or that intervals hold too few or too many truths.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.problems import KNEE
from benchmarks.table import busy, markdown, number, setting
from calibrate import Config, Posterior, sample
from calibrate.config import parse_config
from calibrate.data import Measurement, parse_measurement
from calibrate.validate.truths import prior_draw, readings_of

FloatArray = NDArray[np.float64]

MIN_ESS = 1000.0
SHARE = 0.9
# Intervals of all knees and parameters may be off by so many standard errors.
_ERRORS = 4.0
_ANGLES = np.linspace(-8.0, 8.0, 15)
_SIGMA = 0.5
_LAWS = {
    "bounds alone": (
        "k = { lower = 5.0, upper = 200.0 }\nalpha = { lower = 0.02, upper = 0.12 }\n"
        "l_0 = { lower = 70.0, upper = 100.0 }",
        "k = { lower = 5.0, upper = 200.0 }\nalpha = { lower = 0.02, upper = 0.12 }\n"
        "l_0 = { lower = 50.0, upper = 75.0 }",
    ),
    "priors with shapes": (
        "k = { median = 70.0, factor = 1.4, upper = 300.0 }\nalpha = { lower = 0.02, upper = 0.12 }\n"
        "reference_strain = { mean = 0.02, sd = 0.03 }",
        "k = { median = 60.0, factor = 1.5, upper = 300.0 }\nalpha = { lower = 0.02, upper = 0.12 }\n"
        "reference_strain = { mean = 0.0, sd = 0.05 }",
    ),
}


@dataclass(frozen=True)
class Sampled:
    """One knee: CPU seconds, whether it converged, fewest effective samples, walkers, and which truths are held."""

    cpu: float
    converged: bool
    ess: float
    walkers: int
    holds: NDArray[np.bool_]


def config_of(laws: str) -> Config:
    """Return the configuration of all knees with one of the priors."""
    mcl, lcl = _LAWS[laws]
    text = f"""
{KNEE}rolling = 1.0
[parameters.mcl]
{mcl}
[parameters.lcl]
{lcl}
[noise]
sigma = {_SIGMA}
[data]
file = "knee.csv"
positive = "varus"
[sampling]
min_ess = {MIN_ESS}
workers = 1
"""
    return parse_config(text, Path("knee.toml"))


def _csv(loads: FloatArray) -> str:
    rows = [f"{angle:.4f},{load:.6f}" for angle, load in zip(_ANGLES, loads, strict=True)]
    return "\n".join(["angle_deg,moment_Nm", *rows, ""])


def knees(config: Config, count: int, seed: int) -> list[tuple[FloatArray, Measurement]]:
    """Draw truths from the prior, and what they read."""
    blank = parse_measurement(_csv(np.zeros(_ANGLES.size)), "knee.csv")
    posterior, rng, found = Posterior.from_config(config, blank), np.random.default_rng(seed), []
    while len(found) < count:
        truth = prior_draw(posterior, rng)
        readings = readings_of(posterior, {"": blank}, truth, rng)
        if readings is not None:
            found.append((truth, parse_measurement(_csv(readings[""].loads), "knee.csv")))
    return found


def one(config: Config, truth: FloatArray, measurement: Measurement, seed: int) -> Sampled:
    """Sample one knee, from its configuration and readings on."""
    begin = time.process_time()
    draws = sample(Posterior.from_config(config, measurement), seed)
    verdict = draws.verdict
    cpu = time.process_time() - begin
    low, high = np.quantile(draws.samples(), [0.5 - SHARE / 2, 0.5 + SHARE / 2], axis=0)
    held = (low <= truth) & (truth <= high)
    return Sampled(cpu, verdict.converged, verdict.diagnosis.smallest_ess, draws.chains.coords.shape[2], held)


def process(config: Config, measurement: Measurement, seed: int) -> float:
    """Return the CPU seconds of a whole process that calibrates one knee."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.joinpath("knee.toml").write_text(f"{config.text}seed = {seed}\n")
        place.joinpath("knee.csv").write_text(measurement.text)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "calibrate", "run", "knee.toml", "-o", "knee.h5"]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


HEAD = [
    "priors",
    "knees",
    "converged",
    "brief start",
    "CPU s a knee",
    "median",
    "most",
    "knees a second",
    "effective samples, fewest",
    "median",
    "90 % intervals that hold the truth",
    "`calibrate run` each, CPU s",
]


def row(laws: str, count: int, processes: int, seed: int) -> tuple[list[str], bool]:
    """Return a row of the table, and whether all is well."""
    config = config_of(laws)
    made = knees(config, count, seed)
    one(config, *made[0], seed=0)  # compiles
    found = [one(config, truth, measurement, i) for i, (truth, measurement) in enumerate(made, 1)]
    whole = [process(config, measurement, i) for i, (_, measurement) in enumerate(made[:processes], 1)]
    cpu, ess = np.array([knee.cpu for knee in found]), [knee.ess for knee in found]
    holds = np.array([knee.holds for knee in found])
    converged = sum(knee.converged for knee in found)
    # A knee's parameters depend on each other, so knees are counted.
    error = max(float(holds.mean(axis=1).std()), 0.1) / np.sqrt(count)
    cells = [
        laws,
        str(count),
        str(converged),
        str(sum(knee.walkers < 512 for knee in found)),
        f"{cpu.mean():.3f}",
        f"{np.median(cpu):.3f}",
        f"{cpu.max():.2f}",
        f"{1.0 / cpu.mean():.1f}",
        number(min(ess)),
        number(float(np.median(ess))),
        f"{100 * holds.mean():.1f} ± {100 * error:.1f} %",
        f"{np.mean(whole):.2f}" if whole else "",
    ]
    return cells, converged == count and abs(holds.mean() - SHARE) <= _ERRORS * error


def main() -> int:
    """Sample all knees and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--knees", type=int, default=100)
    parser.add_argument("--processes", type=int, default=3, help="knees that a whole process is timed on, too")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = [row(laws, options.knees, options.processes, options.seed) for laws in _LAWS]
    print(markdown(HEAD, [cells for cells, _ in rows]))
    print(f"\n{setting()}; {busy()}")
    return int(not all(well for _, well in rows))


if __name__ == "__main__":
    sys.exit(main())
