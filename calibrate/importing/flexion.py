"""At which flexion a test was made: said by the user, by a column, or by the file's name."""

from __future__ import annotations

import re

import numpy as np

from calibrate.errors import DataError
from calibrate.importing.choose import Answers, Choice
from calibrate.importing.source import FloatArray, Readings, Source, UnansweredError
from calibrate.spellings import name_of, unit_of
from calibrate.texts import printable

_REACH = 5.0  # degrees that a test at one flexion may vary by
_NAMED = re.compile(
    r"(?<![0-9.])([0-9]{1,3})[ _-]?(?:deg|degrees|°)(?![a-z/])|(?:flexion|flex)[ _-]?([0-9]{1,3})(?![0-9])",
    re.IGNORECASE,
)


def at_one_flexion(
    source: Source, choice: Choice, answers: Answers, readings: Readings
) -> tuple[Readings, float | None, list[str]]:
    """Return the readings of one test, its flexion in degrees if it is known, and what is to be said of it.

    Raises
    ------
    UnansweredError
        If a column of flexion goes farther than a test does, so that there is more than one in the file.
    DataError
        If no reading is at the flexion that is asked for.
    """
    found = _column(source, choice, answers, readings)
    wanted = answers.at_flexion
    said: list[str] = []
    if found is None:
        if wanted is not None:
            raise DataError(
                f"{source.where}: --at-flexion {wanted:g}: there is no column of flexion, reading by reading"
            )
    elif wanted is not None:
        near = np.abs(found - wanted) <= 0.5 * _REACH
        if not near.any():
            raise DataError(
                f"{source.where}: --at-flexion {wanted:g}: flexion goes from {found.min():g} to {found.max():g} "
                f"degrees, and no reading is within {0.5 * _REACH:g} degrees of that"
            )
        said = [f"{int((~near).sum())} readings at other flexions left out (--at-flexion)"]
        readings, found = readings.part(np.flatnonzero(near)), found[near]
    elif answers.flexion is None and float(np.ptp(found)) > _REACH:
        raise UnansweredError(
            f"{source.where}: flexion goes from {found.min():g} to {found.max():g} degrees, so there is more than one "
            "test in it; keep one with --at-flexion, or say --flexion if it is one",
            "--at-flexion",
        )
    flexion, how = _flexion(source, choice, answers, found)
    return readings, flexion, said + how


def _column(source: Source, choice: Choice, answers: Answers, readings: Readings) -> FloatArray | None:
    """Return the flexion of each reading in degrees; None if no column says it."""
    if choice.flexion is None:
        return None
    column = source.columns[choice.flexion]
    unit = unit_of(name_of(column.name, column.unit).unit or "")
    if unit is None or unit.of != "angle":
        return None
    read = source.read([choice.flexion], answers.decimal)
    values = np.rad2deg(read.values[:, 0]) if unit.name == "rad" else read.values[:, 0]
    at = np.searchsorted(read.places, readings.places)
    if at.max() >= read.places.size or (read.places[at] != readings.places).any():
        return None  # it is not known for each of them
    return values[at]


def _flexion(
    source: Source, choice: Choice, answers: Answers, found: FloatArray | None
) -> tuple[float | None, list[str]]:
    if answers.flexion is not None:
        return answers.flexion, [f"flexion {answers.flexion:g} degrees, as you say"]
    if found is not None and choice.flexion is not None:
        name = printable(source.columns[choice.flexion].name)
        mean = round(float(found.mean()), 1) + 0.0
        spread = "" if np.ptp(found) == 0.0 else f", which goes from {found.min():g} to {found.max():g}"
        return mean, [f"flexion {mean:g} degrees, the mean of '{name}'{spread}"]
    named = {first or second for first, second in _NAMED.findall(source.path.stem)}
    if len(named) == 1 and float(next(iter(named))) <= 150.0:
        value = float(named.pop())
        return value, [f"flexion {value:g} degrees, from the file's name"]
    return None, []
