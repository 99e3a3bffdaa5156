"""What quantities are called in sentences, and how numbers stand on a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from calibrate.figures.labels import strand_label
from calibrate.problem.quantities import key_of
from calibrate.texts import digits, shown

MINUS = "\N{MINUS SIGN}"
# Between these, numbers are written without an exponent.
_NEAREST, _FARTHEST = 1e-7, 1e9
_NOUNS = {
    "k": "stiffness",
    "alpha": "transition strain",
    "l_0": "slack length",
    "reference_strain": "reference strain",
    "f_ref": "tare of the tension",
    "stiffness_per_strain": "stiffness per strain",
    "reference_tension": "tension of {} at the reference pose",
    "stiffness_share": "share of {} in its side's stiffness",
    "taut_angle": "angle at which {} becomes taut",
    "measurement.angle_offset": "zero of the rig's angle",
    "measurement.load_bias": "bias of the load",
    "measurement.hysteresis": "hysteresis of the load",
    "noise.sigma": "standard deviation of the load's error",
    "noise.nu": "degrees of freedom of the errors",
    "noise.angle_sigma": "standard deviation of the angle's error",
    "noise.discrepancy.amplitude": "amplitude of the model's discrepancy",
    "noise.discrepancy.length": "length of the model's discrepancy",
}
_LAXITY = re.compile(r"laxity_(varus|valgus|total)_(.+)Nm")
_WAYS = {"varus": "varus", "valgus": "valgus", "total": "both ways together"}


def title_of(name: str, tests: Collection[str] = ()) -> str:
    """Return what a parameter or a derived quantity is called.

    Examples
    --------
    >>> title_of("mcl.k"), title_of("flex60.laxity_total_10Nm", ("flex60",))
    ('stiffness of MCL', 'flex60: laxity at 10 N·m, both ways together')
    """
    key = key_of(name, tests)
    test = "" if key == name else f"{name.partition('.')[0]}: "
    if laxity := _LAXITY.fullmatch(key):
        return f"{test}laxity at {laxity[2]} N·m, {_WAYS[laxity[1]]}"
    if key in _NOUNS:
        return f"{test}{_NOUNS[key]}"
    strand, _, quantity = key.rpartition(".")
    if quantity in _NOUNS:
        noun = _NOUNS[quantity]
        return f"{test}{noun if '{}' in noun else f'{noun} of {{}}'}".format(strand_label(strand))
    return f"{test}{key.removeprefix('knee.').replace('_', ' ').replace('.', ' ')}"


def number(value: float | None, form: str = ".4g") -> str:
    """Return a number as people read it: a minus that is one, commas, no exponent unless it is far out.

    Examples
    --------
    >>> number(-11834.2), number(0.000051), number(0.243, ".0%"), number(None)
    ('−11,830', '0.000051', '24 %', '-')
    """
    text = shown(value, form)
    if text == "-":
        return text
    if "e" in text and _NEAREST <= abs(float(text)) < _FARTHEST:
        text = format(Decimal(text), ",f")
    return text.replace("-", MINUS).replace("%", " %")


def unit_after(unit: str) -> str:
    """Return a unit as it stands after a number."""
    return {"": "", "deg": "\N{DEGREE SIGN}"}.get(unit, f" {unit}")


def unit_alone(unit: str) -> str:
    """Return a unit as it stands in a column."""
    return {"": "\N{EN DASH}", "deg": "\N{DEGREE SIGN}"}.get(unit, unit)


def interval(entry: Mapping[str, Any], low: str = "q2.5", high: str = "q97.5") -> str:
    """Return an interval of a summary's entry, like "103 to 245", to the digits that are known."""
    form = digits(entry.get("median"), entry.get("sd"))
    return f"{number(entry.get(low), form)} to {number(entry.get(high), form)}"


def estimate(entry: Mapping[str, Any]) -> str:
    """Return the median and the central 95 % interval with their unit, as a phrase."""
    unit = unit_after(entry["unit"])
    median = number(entry.get("median"), digits(entry.get("median"), entry.get("sd")))
    return f"{median}{unit}, 95 % interval {interval(entry)}{unit}"


def sentence(text: str) -> str:
    """Return a phrase with a capital letter and a full stop."""
    text = text.strip()
    first = text.split(" ", 1)[0]
    if not first.endswith(":") and "_" not in first and "." not in first.rstrip("."):  # a name stays as it is written
        text = f"{text[:1].upper()}{text[1:]}"
    return f"{text}{'' if text.endswith(('.', '!', '?', ':')) else '.'}"
