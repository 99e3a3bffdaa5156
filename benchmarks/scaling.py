"""How cost grows: time per evaluation with angles and walkers; time and memory of whole runs.

`python -m benchmarks.scaling [--quick]`; `python -m benchmarks` prints the same tables at its end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from timeit import timeit

import numpy as np

from benchmarks.problems import BOX, problem
from benchmarks.table import markdown, number, setting
from calibrate.density import evaluate
from calibrate.posterior import Posterior
from calibrate.simulation import simulate

ANGLES = (10, 33, 100, 1_000, 10_000, 100_000, 1_000_000)
WALKERS = (8, 64, 512, 4_096)
# Evaluations times angles that are timed at once, and turns, of which the median is taken.
_WORK = 4_000_000
_TURNS = 7
_REPEATS = 3
# The child takes the time since its parent called it, by the clock that all processes share, so that the start of
# Python itself is in it. Linux's own count of peak memory begins with that of the parent, `VmHWM` with the child's.
_CHILD = """
import resource, sys, time
from pathlib import Path
begin = float(sys.argv.pop(1))
from calibrate import cli, runner
sample = runner.sample
def marked(*arguments, **options):
    print("start-up", time.monotonic() - begin, flush=True)
    return sample(*arguments, **options)
runner.sample = marked
try:
    cli.main()
finally:
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(float(line.split()[1]) / 1e3 for line in status.read_text().splitlines() if "VmHWM" in line)
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print("memory", peak)
"""


def simulated(angles: int) -> Posterior:
    """Return the posterior `toe` with other data: simulated in memory, at many angles."""
    config = problem("toe")
    truth = {"mcl.k": 33.5, "mcl.alpha": 0.06, "mcl.l_0": 94.0, "lcl.k": 42.8, "lcl.alpha": 0.06, "lcl.l_0": 62.5}
    return Posterior.from_config(config, simulate(config, truth, angles=f"-8:8:{angles}", load="force"))


def evaluation_times(target: Posterior, walkers: int) -> tuple[float, float]:
    """Return nanoseconds per evaluation of `Posterior.log_prob` and of the compiled function alone."""
    rng = np.random.default_rng(0)
    q = target.lower + (target.upper - target.lower) * rng.random((walkers, target.ndim))
    target.log_prob(q)
    calls = max(1, _WORK // (walkers * target.measurement.angles.size))
    calls = min(calls, 2_000)
    turns = [
        (
            timeit(lambda: target.log_prob(q), number=calls),
            timeit(lambda: evaluate(q, target.density), number=calls),
        )
        for _ in range(_TURNS)
    ]
    whole, inner = np.median(turns, axis=0) / (calls * walkers) * 1e9
    return float(whole), float(inner)


def evaluations(quick: bool) -> str:
    """Return the table of times per evaluation."""
    rows = []
    for angles in ANGLES[:-1] if quick else ANGLES:
        target = simulated(angles)
        for walkers in WALKERS if angles == 33 else (8 if angles == ANGLES[-1] else 64,):
            whole, inner = evaluation_times(target, walkers)
            rows.append([f"{angles:,}", f"{walkers:,}", number(whole), number(inner)])
    return markdown(["angles", "walkers", "Posterior.log_prob [ns]", "compiled [ns]"], rows)


def whole_run(min_ess: float, folder: Path, seed: int) -> tuple[float, float, float]:
    """Run the real knee in a process of its own; return wall time [s], start-up [s] and peak memory [MB]."""
    source = BOX
    config = folder / "oks009.toml"
    config.write_text(source.read_text() + f"\nmin_ess = {min_ess}\n")
    data = source.with_name("oks009_30deg.csv")
    (folder / data.name).write_bytes(data.read_bytes())
    arguments = ["run", str(config), "-o", str(folder / "run.h5"), "--overwrite", "--seed", str(seed)]
    begin = time.monotonic()
    child = subprocess.run([sys.executable, "-c", _CHILD, str(begin), *arguments], capture_output=True, text=True)
    wall = time.monotonic() - begin
    if child.returncode:
        raise SystemExit(f"calibrate run ended with {child.returncode}: {child.stderr}")
    said = {line.split()[0]: line.split()[-1] for line in child.stdout.splitlines() if line.strip()}
    return wall, float(said["start-up"]), float(said["memory"])


def whole_runs(quick: bool) -> str:
    """Return the table of whole runs; the first run, which may compile, is not counted."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        whole_run(1000.0, Path(folder), 1)
        for min_ess in (1_000, 10_000):
            seeds = range(1 if quick else _REPEATS)
            times = np.array([whole_run(float(min_ess), Path(folder), 1 + seed) for seed in seeds])
            cells = [f"{median:.2f} ({low:.2f}-{high:.2f})" for median, low, high in _spread(times[:, :2])]
            rows.append([f"oks009, {min_ess:,} effective samples", *cells, f"{np.median(times[:, 2]):.0f}"])
    return markdown(["`calibrate run`", "wall [s]", "of it start-up [s]", "peak memory [MB]"], rows)


def _spread(columns: np.ndarray) -> list[tuple[float, float, float]]:
    return [(float(np.median(c)), float(c.min()), float(c.max())) for c in columns.T]


def tables(quick: bool) -> None:
    """Print both tables."""
    print("### Time per evaluation\n")
    print(evaluations(quick), end="\n\n", flush=True)
    print("### Whole runs\n")
    print(whole_runs(quick), end="\n\n", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, no million angles")
    options = parser.parse_args()
    print(f"{setting()}\n")
    tables(options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
