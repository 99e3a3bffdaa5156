"""A chain larger than memory: its size, and the most memory that `calibrate summary` and `plot` take of it.

`python -m benchmarks.large_chain [--quick]`: 10 GB, or 1 GB with `--quick`, in the folder for temporary files, and for
a while as much again, for the copy that makes it a finished file. The rows are independent normal draws. Exit code 1
if one of the commands needs 1 GB or more.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
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

LIMIT = 2**30


def measure(*arguments: str) -> int:
    """Run a command in a process of its own; print and return the most memory that it took, in bytes."""
    begin = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "calibrate", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    most = usage.ru_maxrss * 1024
    print(f"calibrate {arguments[0]}: {most / 1e6:.0f} MB at the most, in {time.monotonic() - begin:.0f} s", flush=True)
    if child.returncode:
        raise SystemExit(f"calibrate {arguments[0]} failed")
    return most


def main() -> int:
    """Make the chain, summarise it, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1 GB")
    size = 10**9 if parser.parse_args().quick else 10**10
    config = load_config(BOX)
    posterior = Posterior.from_config(config)
    ensembles, walkers, ndim = config.sampling.ensembles, config.sampling.walkers, posterior.ndim
    rng = np.random.default_rng(1)
    middle, width = (posterior.lower + posterior.upper) / 2, (posterior.upper - posterior.lower) / 20
    starts = middle + width * rng.normal(size=(ensembles, walkers, ndim))
    steps = size // (8 * ensembles * walkers * (ndim + 1))
    # Drawing so many numbers would take longer than writing them: a thousand of them in random order do.
    pool = middle + width * rng.normal(size=(997, walkers, ndim))
    # Whoever opens a run checks some log-probabilities.
    states = [
        emcee.State(q, log_prob=posterior.log_prob(q), random_state=np.random.RandomState(1).get_state()) for q in pool
    ]
    accepted = np.ones(walkers, dtype=bool)
    with tempfile.TemporaryDirectory() as folder:
        path, begin = Path(folder) / "large.h5", time.monotonic()
        chain.create(path, chain.new_origin(config, {"": posterior.measurement}, posterior.names, starts), starts)
        with chain.ChainWriter(path) as writer:
            for order in rng.integers(len(states), size=(steps, ensembles)):
                for backend, one in zip(writer.backends, order, strict=True):
                    backend.save_step(states[one], accepted)
            writer.finish()
        took = time.monotonic() - begin
        writing = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(f"{path.stat().st_size / 1e9:.2f} GB, {steps} steps, written in {took:.0f} s", flush=True)
        print(f"writing: {writing / 1e6:.0f} MB at the most", flush=True)
        most = max(measure("summary", str(path), "--json"), measure("plot", str(path)))
    return int(most >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
