"""Small studies for tests of populations: knees of a few readings, one to six free parameters each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calibrate.config import parse_config
from calibrate.data import Measurement
from calibrate.population import Member
from calibrate.posterior import Posterior

ANGLES = np.linspace(-8.0, 8.0, 7)
FIXED = {"k": 60.0, "alpha": 0.06, "f_ref": 0.0}
LENGTH = {"mcl": 80.0, "lcl": 59.0}

_TEXT = """
[knee]
lateral_condyle = {{ centre = [23.5, -6.0], radius = 15.5 }}
medial_condyle = {{ centre = [-20.4, -6.0], radius = 17.5 }}
mcl = {{ femur = [-40.0, 12.0], tibia = [-16.0, -65.0] }}
lcl = {{ femur = [36.0, 4.0], tibia = [44.8, -50.7] }}
{parameters}
[data]
file = "none.csv"
positive = "varus"
"""


def knee(sigma: float = 0.5, loads: np.ndarray | None = None, **free: str) -> Posterior:
    """Return a knee; `mcl_k="{ lower = 5.0, upper = 500.0 }"` and the like are free, all else is fixed."""
    lines = []
    for strand in ("mcl", "lcl"):
        lines.append(f"[parameters.{strand}]")
        fixed = {**FIXED, "l_0": LENGTH[strand]}
        if f"{strand}_reference_strain" in free:
            del fixed["l_0"]
            fixed["reference_strain"] = 0.0
        lines += [f"{key} = {free.get(f'{strand}_{key}', value)}" for key, value in fixed.items()]
    config = parse_config(_TEXT.format(parameters="\n".join(lines)))
    loads = np.zeros(ANGLES.size) if loads is None else loads
    data = Measurement(ANGLES, loads, np.full(ANGLES.size, sigma), "moment", "deg")
    return Posterior.from_config(config, data)


def study(
    truths: Sequence[Mapping[str, float]],
    rng: np.random.Generator,
    *,
    covariates: Sequence[Mapping[str, str | float]] | None = None,
    sigma: float = 0.5,
    **free: str,
) -> list[Member]:
    """Return knees with the readings that true parameters make."""
    blank = knee(sigma, **free)
    members = []
    for number, truth in enumerate(truths):
        loads = blank.simulate(blank.table.pack(truth)[np.newaxis], rng)[0]
        about = covariates[number] if covariates is not None else {}
        members.append(Member(f"knee {number}", knee(sigma, loads, **free), about))
    return members
