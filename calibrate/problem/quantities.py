"""All quantities that a parameter can be: unit, symbol, support and role, in one table that everything else asks.

A parameter's name ends in its quantity: `mcl.k`, `flex60.measurement.angle_offset`, `knee.mcl.femur.x`.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

Role = Literal["law", "geometry", "reading", "error"]

SIGMA = "noise.sigma"
# Stands for the unit of a test's load, N or N·m, which only its data file knows.
LOAD = "load"


@dataclass(frozen=True)
class Quantity:
    """What a parameter is.

    Attributes
    ----------
    key : str
        The end of the parameter's name.
    unit : str
        As printed; empty for a pure number, `LOAD` for the unit of a test's load.
    symbol : str
        In formulas, as matplotlib's mathtext without the dollars.
    positive : bool
        Whether it means nothing at zero and below.
    role : {"law", "geometry", "reading", "error"}
        The strand's law, the knee's shape, what turns a load into a reading, or the errors of readings.
    """

    key: str
    unit: str
    symbol: str
    positive: bool
    role: Role


LAW = (
    Quantity("k", "N/mm", "k", True, "law"),
    Quantity("alpha", "", r"\alpha", True, "law"),
    Quantity("l_0", "mm", "l_0", True, "law"),
    Quantity("reference_strain", "", r"\varepsilon_\mathrm{ref}", False, "law"),
    Quantity("f_ref", "N", r"f_\mathrm{ref}", False, "law"),
)
READING = (
    Quantity("measurement.angle_offset", "deg", r"\theta_\mathrm{off}", False, "reading"),
    Quantity("measurement.load_bias", LOAD, r"b", False, "reading"),
    Quantity("measurement.hysteresis", LOAD, r"h", False, "reading"),
)
ERROR = (
    Quantity("noise.sigma", LOAD, r"\sigma", True, "error"),
    Quantity("noise.nu", "", r"\nu", True, "error"),
    Quantity("noise.angle_sigma", "deg", r"\sigma_\theta", True, "error"),
    Quantity("noise.discrepancy.amplitude", LOAD, r"a_\mathrm{d}", True, "error"),
    Quantity("noise.discrepancy.length", "deg", r"\ell_\mathrm{d}", True, "error"),
)
_RADIUS = Quantity("radius", "mm", "r", True, "geometry")
_ROLLING = Quantity("rolling", "", r"\rho", False, "geometry")
_COORDINATES = {axis: Quantity(axis, "mm", axis, False, "geometry") for axis in ("x", "y", "z")}
_BY_KEY = {quantity.key: quantity for quantity in (*LAW, *READING, *ERROR)}


def quantity_of(key: str) -> Quantity:
    """Return the quantity of a parameter, given its name without that of a test.

    Examples
    --------
    >>> quantity_of("mcl.l_0").unit
    'mm'
    >>> quantity_of("knee.lateral_condyle.centre.y").role
    'geometry'
    """
    if key in _BY_KEY:
        return _BY_KEY[key]
    end = key.rsplit(".", 1)[-1]
    if key.startswith("knee."):
        return {"radius": _RADIUS, "rolling": _ROLLING}.get(end) or _COORDINATES[end]
    return _BY_KEY[end]


_NAME = re.compile(r"[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)+")
_ENDS = {key.rsplit(".", 1)[-1] for key in _BY_KEY} | {"radius", "rolling", *_COORDINATES}


def is_parameter(name: str) -> bool:
    """Tell whether a name is formed like a parameter's: words with dots between them, a quantity at the end."""
    return _NAME.fullmatch(name) is not None and name.rsplit(".", 1)[-1] in _ENDS


def key_of(name: str, tests: Container[str]) -> str:
    """Return a parameter's name without that of its test."""
    first, _, rest = name.partition(".")
    return rest if first in tests else name


def place(name: str, tests: Container[str]) -> str:
    """Return where a parameter stands in a configuration file."""
    key = key_of(name, tests)
    table = "" if key.startswith(("knee.", "measurement.", "noise.")) else "parameters."
    return f"{table}{key}" if key == name else f"tests.{name.partition('.')[0]}.{table}{key}"
