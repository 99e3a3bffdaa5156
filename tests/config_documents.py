"""A small configuration, and what is said of it with some values changed; without anything of `conftest`."""

import copy
import tomllib
from typing import Any

from pydantic import BaseModel, ValidationError

from calibrate.complaints import explain
from calibrate.config import Config

TEXT = """
[knee]
lateral_condyle = { centre = [24.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-18.0, -20.0], radius = 20.0 }
mcl = { femur = [-40.0, 0.0], tibia = [-40.0, -80.0] }
lcl = { femur = [40.0, 0.0], tibia = [40.0, -60.0] }
[parameters.mcl]
k = 50.0
alpha = { lower = 0.01, upper = 0.2 }
l_0 = 80.0
[parameters.lcl]
k = 60
alpha = 0.07
l_0 = 60.0
[data]
file = "x.csv"
positive = "valgus"
"""


def document(**changes: Any) -> dict[str, Any]:
    """Return the configuration with some values changed; `__` stands for the point in a key."""
    whole = copy.deepcopy(tomllib.loads(TEXT))
    for key, value in changes.items():
        table, parts = whole, key.split("__")
        for part in parts[:-1]:
            table = table.setdefault(part, {})
        table[parts[-1]] = value
    return whole


def complaint(**changes: Any) -> str | None:
    """Return what is said of a configuration with some values changed; None if it is accepted."""
    try:
        Config.model_validate(document(**changes))
    except ValidationError as error:
        return explain(error, Config)
    return None


def refused(model: type[BaseModel], given: Any) -> str | None:
    """Return what is said of what a model refuses, None if it takes it."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        return explain(error, model)
    return None
