"""The posteriors that samplers are compared on, all with hard walls so that every sampler can be given the same.

`ridge` and `toe` are simulated knees with known answers, `oks009` is the bundled real knee with bounds alone, its
geometry and zero taken as exact, and `wide` has so few and such poor data that its posterior fills the bounds. Run one
with `calibrate run benchmarks/data/toe.toml`.
"""

from __future__ import annotations

from pathlib import Path

from calibrate.config import Config, load_config
from calibrate.posterior import Posterior

NAMES = ("ridge", "toe", "oks009", "wide")
_DATA = Path(__file__).parent / "data"


def problem(name: str) -> Config:
    """Return the configuration of one of `NAMES`."""
    return load_config(_DATA / f"{name}.toml")


def posterior(name: str) -> Posterior:
    """Return the posterior of one of `NAMES`."""
    return Posterior.from_config(problem(name))
