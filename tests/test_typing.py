"""What a user's editor and type checker know: every public name, and what it returns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import calibrate

ROOT = Path(calibrate.__file__).parent.parent
# Lines that mypy has to object to say with what; a strict mypy objects to such a remark, too, where there is no error.
SCRIPT = """
from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import calibrate
from calibrate import LaxityTest, LogNormal, Normal, ParameterTable, Posterior, Prior, Run, Uniform

Floats = NDArray[np.float64]


def stiffness(path: str) -> float:
    config = calibrate.load_config(path)
    assert_type(config, calibrate.Config)
    posterior = Posterior.from_config(config)
    assert_type(posterior.names, tuple[str, ...])
    assert_type(posterior.priors, tuple[Prior, ...])
    assert_type(posterior.table, ParameterTable)
    assert_type(posterior.tests, tuple[LaxityTest, ...])
    assert_type(posterior.tests[0].measurement, calibrate.Measurement)
    assert_type(posterior.truth, Mapping[str, float])
    q = posterior.prior_sample(np.random.default_rng(1), 10)
    assert_type(q, Floats)
    assert_type(posterior.log_prob(q), Floats)
    assert_type(posterior.predict(q), Floats)
    assert_type(posterior.simulate(q, np.random.default_rng(2)), Floats)
    return float(posterior.values(q, "mcl.k").mean())


def spread(run: Run) -> float:
    assert_type(run.names, tuple[str, ...])
    assert_type(run.samples(), Floats)
    prior: Prior = run.posterior.priors[0]
    if isinstance(prior, Uniform):
        return prior.upper - prior.lower
    return prior.scale if isinstance(prior, Normal) else prior.factor


def widest(path: str) -> float:
    try:
        return spread(calibrate.open_run(path))
    except calibrate.CalibrateError:
        return LogNormal(60.0, 1.5).sd


print(calibrate.__version__.upper())
calibrate.load_confg("knee.toml")  # type: ignore[attr-defined]
calibrate.load_config(3)  # type: ignore[arg-type]
calibrate.open_run("x.h5").smaples()  # type: ignore[attr-defined]
Posterior.from_config("knee.toml")  # type: ignore[arg-type]
Normal("0", 1.0)  # type: ignore[arg-type]
"""


def test_a_users_script_is_checked_strictly(tmp_path: Path) -> None:
    """The script has no error; the same without its remarks has one wherever there was a remark, and no other."""
    (tmp_path / "right.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(SCRIPT.replace("# type: ignore", "# wrong:"))
    # Far from this project and its configuration; what would be kept for the next time is not written.
    line = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"]
    line += [f"--cache-dir={os.devnull}", "right.py", "wrong.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    found = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    lines = [number for number, text in enumerate(SCRIPT.splitlines(), 1) if "# type: ignore" in text]
    assert re.findall(r"^(.+):(\d+): error: ", found.stdout, re.MULTILINE) == [("wrong.py", f"{n}") for n in lines], (
        found
    )
    assert 'maybe "load_config"?' in found.stdout
    assert (found.returncode, found.stderr) == (1, "")


def test_the_stub_has_every_public_name() -> None:
    stub = Path(calibrate.__file__).with_suffix(".pyi").read_text()
    imported = re.findall(r"^from calibrate\.([\w.]+) import (\([^)]*\)|.*)$", stub, re.MULTILINE)
    homes = {name: module for module, names in imported for name in re.findall(r"\w+", names)}
    assert homes == calibrate._HOME
    assert re.findall(r'^    "(\w+)",$', stub, re.MULTILINE) == calibrate.__all__
    for name in calibrate.__all__:
        assert getattr(calibrate, name) is not None
