"""The posteriors that samplers are compared on, all with hard walls so that every sampler can be given the same.

`ridge` and `toe` are simulated knees with known answers, `oks009` is a real knee with bounds in the place of priors,
and `wide` has so few and such poor data that its posterior fills the bounds. Run one with
`calibrate run benchmarks/data/toe.toml`.
"""

from __future__ import annotations

from pathlib import Path

from calibrate.config import Config, parse_config
from calibrate.posterior import Posterior

NAMES = ("ridge", "toe", "oks009", "wide")
# The knee oks009 with bounds only, an exact geometry and an exact angle, its data beside it.
BOX = Path(__file__).parent.parent / "tests" / "data" / "oks009_box.toml"
# The planar geometry of that knee, for configurations of benchmarks and tests.
KNEE = """
[knee]
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
mcl = { femur = [-40.0, 12.0], tibia = [-16.0, -65.0] }
lcl = { femur = [36.0, 4.0], tibia = [44.8, -50.7] }
"""
_DATA = Path(__file__).parent / "data"
_HARD = '\n[prior]\nwalls = "hard"\n'


def problem(name: str) -> Config:
    """Return the configuration of one of `NAMES`."""
    if name == "oks009":
        return parse_config(BOX.read_text() + _HARD, BOX)
    path = _DATA / f"{name}.toml"
    return parse_config(path.read_text(), path)


def posterior(name: str) -> Posterior:
    """Return the posterior of one of `NAMES`."""
    return Posterior.from_config(problem(name))
