"""`python .ci/compile.py oks009` or `simulated`: compile for one form of model what most tests need.

Before two of their processes do so at the same time, and in one process: compiled functions of one form share the
functions that go into them, which each process that compiles any has to compile anew. Forms share next to nothing.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.small_runs import with_many_readings
from calibrate import load_config, open_run
from calibrate.population import Member, Population, sample
from calibrate.runner import start_run
from calibrate.sampling.climb import climb

(knee,) = sys.argv[1:]
with tempfile.TemporaryDirectory() as name:
    start_run(load_config(f"data/{knee}.toml").with_sampling(max_steps=40), Path(name) / "run.h5")
    run = open_run(Path(name) / "run.h5")
    run.summary()
    run.predict([0.0])
    posterior = run.posterior
    climb(posterior.middle[np.newaxis], posterior.scale, posterior.density)
    sample(Population([Member(f"{i}", posterior) for i in range(3)]), walkers=32, max_steps=4)
    if knee == "simulated":
        with_many_readings(Path(name))
