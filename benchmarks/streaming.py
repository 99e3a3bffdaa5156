"""What storing costs: CPU time of a run with a trivial log-probability, by backend and number of walkers.

`python -m benchmarks.streaming [--quick]`. All backends run in one process, in turn, many short runs of each; the
table gives the median over these of the CPU time per step, in milliseconds, and the median of the ratio to emcee's
in-memory backend in the same turn. Exit code 1 if streaming takes more than 1.05 times the in-memory backend.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import emcee
import numpy as np

from benchmarks.problems import BOX
from calibrate import chain
from calibrate.config import load_config
from calibrate.posterior import Posterior

NDIM = 6
LIMIT = 1.05


def log_prob(q: np.ndarray) -> np.ndarray:
    """Give a standard normal density."""
    return -0.5 * np.einsum("ij,ij->i", q, q)


def spend(backend: emcee.backends.Backend, walkers: int, steps: int) -> float:
    """Return the CPU seconds that a step takes."""
    start = np.random.default_rng(1).normal(size=(walkers, NDIM))
    begin = time.process_time()
    sampler = emcee.EnsembleSampler(walkers, NDIM, log_prob, vectorize=True, backend=backend)
    sampler.run_mcmc(start, steps, skip_initial_state_check=True)
    if isinstance(backend, chain.StreamingBackend):
        backend.flush()
    return (time.process_time() - begin) / steps


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    quick = parser.parse_args().quick
    config = load_config(BOX)
    posterior = Posterior.from_config(config)
    turns, steps, few = (8, 400, 40) if quick else (15, 1000, 100)
    print(f"{'walkers':>8}{'memory [ms]':>13}{'streaming [ms]':>16}{'stock HDF5 [ms]':>17}{'ratio':>8}{'stock':>8}")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for walkers in (32, 64, 512):
            starts = np.zeros((1, walkers, NDIM))
            origin = chain.new_origin(config, {"": posterior.measurement}, posterior.names, starts)
            times = []
            for turn in range(turns + 1):
                path = Path(folder) / "stream.h5"
                chain.create(path, origin, starts)
                stock = Path(folder) / "stock.h5"
                stock.unlink(missing_ok=True)

                def stream(path: Path = path, walkers: int = walkers) -> float:
                    with chain.ChainWriter(path) as writer:
                        return spend(writer.backends[0], walkers, steps)

                row = {}
                for name in ("memory", "stream") if turn % 2 else ("stream", "memory"):
                    row[name] = spend(emcee.backends.Backend(), walkers, steps) if name == "memory" else stream()
                row["stock"] = spend(emcee.backends.HDFBackend(str(stock)), walkers, few)
                times.append([row["memory"], row["stream"], row["stock"]])
            memory, streaming, stock_time = np.array(times[1:]).T
            ratio = float(np.median(streaming / memory))
            worst = max(worst, ratio)
            medians = [1e3 * float(np.median(x)) for x in (memory, streaming, stock_time)]
            print(
                f"{walkers:8d}{medians[0]:13.4f}{medians[1]:16.4f}{medians[2]:17.4f}"
                f"{ratio:8.3f}{float(np.median(stock_time / memory)):8.1f}",
                flush=True,
            )
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
