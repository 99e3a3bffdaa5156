"""Compile what most tests need, before two of their processes do so at the same time.

In one process: compiled functions of one form share the functions that go into them, which each process that compiles
any has to compile anew.
"""

import tempfile
from pathlib import Path

from benchmarks.small_runs import with_many_readings
from calibrate import load_config, open_run, sample
from calibrate.runner import start_run

with tempfile.TemporaryDirectory() as name:
    for knee in ("oks009", "simulated"):
        config = load_config(f"data/{knee}.toml")
        start_run(config.with_sampling(max_steps=40), Path(name) / f"{knee}.h5")
        sample(config, min_ess=200, max_steps=40)  # begins in the brief way
        run = open_run(Path(name) / f"{knee}.h5")
        run.summary()
        run.predict([0.0])
    with_many_readings(Path(name))
