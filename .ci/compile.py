"""Compile what most tests need, before two of their processes do so at the same time.

In one process: compiled functions of one form share the functions that go into them, which each process that compiles
any has to compile anew.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.small_runs import with_many_readings
from calibrate import load_config, open_run
from calibrate.population import Member, Population, sample
from calibrate.runner import start_run
from calibrate.sampling.climb import climb

with tempfile.TemporaryDirectory() as name:
    for knee in ("oks009", "simulated"):
        start_run(load_config(f"data/{knee}.toml").with_sampling(max_steps=40), Path(name) / f"{knee}.h5")
        run = open_run(Path(name) / f"{knee}.h5")
        run.summary()
        run.predict([0.0])
        posterior = run.posterior
        climb(posterior.middle[np.newaxis], posterior.scale, posterior.density)
        sample(Population([Member(f"{i}", posterior) for i in range(3)]), walkers=32, max_steps=4)
    with_many_readings(Path(name))
