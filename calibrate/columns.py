"""Which column of a measurement file is which, by name; and what to call it where the name says too little.

A name has two parts, the quantity and its unit, and both are required: a column called `angle` may be in degrees or in
radians, and nobody but the user knows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from calibrate.decimals import is_plain, shown
from calibrate.errors import DataError
from calibrate.spellings import name_of, unit_of

LoadKind = Literal["force", "moment"]
AngleUnit = Literal["deg", "rad"]

KNOWN = ("angle_deg", "angle_rad", "force_N", "moment_Nm", "sigma_N", "sigma_Nm", "direction")
SUFFIX: dict[str, str] = {"force": "N", "moment": "Nm"}
_ANGLE = "angle_deg (degrees) or angle_rad (radians)"
_LOAD = "force_N (newtons) or moment_Nm (newton metres)"
_SIGMA = "sigma_N or sigma_Nm (standard deviation of the load)"
_EXPORT = f"read it with 'calibrate import', or write a CSV with columns {_ANGLE} and {_LOAD}"
# What reads the files of other programs.
_IMPORT = "; 'calibrate import' takes what it needs of such files"

_UNITS = {
    "deg": ("deg", "degs", "degree", "degrees", "°"),
    "rad": ("rad", "rads", "radian", "radians"),
    "N": ("n", "newton", "newtons"),
    "Nm": ("nm", "n·m", "n-m", "n*m", "n.m", "n m", "newtonmeter", "newtonmeters", "newtonmetre", "newtonmetres"),
}
# Which quantity a word speaks of, the more telling words first: a varus torque is a torque.
_WORDS = {
    "sigma": ("sigma", "std", "error", "uncertainty"),
    "moment": ("moment", "torque"),
    "force": ("force",),
    "load": ("load",),
    "angle": ("angle", "theta", "rotation", "winkel", "varus", "valgus", "adduction", "abduction"),
}
_NAMES = {"sigma": _SIGMA, "moment": "moment_Nm (newton metres)", "force": "force_N (newtons)", "load": _LOAD}
_NAMES["angle"] = _ANGLE


class Columns(NamedTuple):
    """What the header says: the kind of load, the angle's unit, the sigma column's name if there is one.

    `direction` tells whether there is a column of that name.
    """

    kind: LoadKind
    angle_unit: AngleUnit
    sigma: str | None
    direction: bool


def columns_of(header: Sequence[str], where: str) -> Columns:
    """Understand a header.

    Parameters
    ----------
    header : sequence of str
        The names in the file.
    where : str
        File and line, for messages.

    Raises
    ------
    DataError
        If a column is missing, unknown, or there twice; says what to write.
    """
    _refuse_other_formats(header, where)
    for i, name in enumerate(header, start=1):
        if name not in KNOWN:
            raise DataError(f"{where}: {_unknown(name, i, header)}{_IMPORT}")
        if header.count(name) > 1:
            raise DataError(f"{where}: column '{name}' stands there twice; keep one")
    angle = _only(header, ("angle_deg", "angle_rad"), "angle", where)
    load = _only(header, ("force_N", "moment_Nm"), "load", where)
    kind: LoadKind = "force" if load == "force_N" else "moment"
    sigmas = [name for name in header if name.startswith("sigma")]
    if any(name != f"sigma_{SUFFIX[kind]}" for name in sigmas):
        raise DataError(f"{where}: column {sigmas[0]} does not go with {load}; use sigma_{SUFFIX[kind]}")
    return Columns(kind, "deg" if angle == "angle_deg" else "rad", sigmas[0] if sigmas else None, "direction" in header)


def known_name(name: str, unit: str = "") -> str:
    """Return what a column is called here, if its own name and unit leave no choice; else its own.

    Parameters
    ----------
    name : str
        As the file has it, like "Angle [deg]" or "Moment (Nm)".
    unit : str
        What a row of units says of it.
    """
    found = name_of(name, unit)
    spelt = unit_of(found.unit) if found.unit else None
    if spelt is None or (spelt.times, spelt.by) != (1.0, 1.0) or not found.sure:
        return name if name in KNOWN and found.unit is None else f"{name} [{unit}]" if unit.strip() else name
    fits = {"load": ("force", "moment"), "sigma": ("force", "moment")}.get(found.quantity, (found.quantity,))
    if spelt.of not in fits:
        return name
    return f"{'sigma' if found.quantity == 'sigma' else spelt.of}_{spelt.name}"


def _refuse_other_formats(header: Sequence[str], where: str) -> None:
    """Refuse what is no header of a CSV file, by what other programs begin their files with."""
    line = ",".join(header)
    if all(is_plain(cell) for cell in header):
        raise DataError(f"{where}: no header; the first line should name the columns, like angle_deg,moment_Nm")
    if re.fullmatch(r"sep=.?,?", line, re.IGNORECASE):
        raise DataError(f"{where}: '{line[:4]}' is for Excel alone; remove this line")
    if line.startswith(("%", "//", "!", "*", "'")):
        raise DataError(f"{where}: {shown(line)} is no header; begin a comment with '# '")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise DataError(
            f"{where}: columns are separated by commas in these files, not by semicolons or tabs; and numbers have a "
            "decimal point"
        )


def _unknown(name: str, position: int, header: Sequence[str]) -> str:
    """Say what to do about a column whose name is not known."""
    if not name:
        return f"column {position} has no name; remove it, or the comma too many"
    remedy = _suggestion(name)
    if remedy is None:
        rest = [other for other in header if other in KNOWN]
        if any(n.startswith("angle") for n in rest) and any(n.startswith(("force", "moment")) for n in rest):
            remedy = f"remove it; {', '.join(rest)} are all that is needed here"
        else:
            remedy = f"name the columns {_ANGLE}, {_LOAD}, and perhaps {_SIGMA}, and remove the rest"
    return f"unknown column {shown(name)}; {remedy}"


def _suggestion(name: str) -> str | None:
    """Return which known name is meant, or what to choose from; None if nothing is recognised."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    for known in KNOWN:
        if plain == re.sub(r"[^a-z]", "", known.lower()):
            return f"did you mean '{known}'?"
    words = [word for word in re.split(r"[\s_/\[\](){}:]+", name.lower()) if word]
    quantity = next((q for q, found in _WORDS.items() if any(w.startswith(found) for w in words)), None)
    ends = {*words[-1:], " ".join(words[-2:])}  # a unit may be two words, N m
    unit = next((u for u, spelt in _UNITS.items() if not ends.isdisjoint(spelt)), None)
    if quantity is None:
        near = difflib.get_close_matches(name, KNOWN, cutoff=0.8)
        return f"did you mean '{near[0]}'?" if near and near[0].endswith(f"_{unit}") else None
    options = [known for known in KNOWN if known in _NAMES[quantity]]
    if unit is not None:
        fitting = [known for known in options if known.endswith(f"_{unit}")]
        return f"did you mean '{fitting[0]}'?" if fitting else f"name it {_NAMES[quantity]}, and check the unit"
    if not words[-1].startswith(_WORDS[quantity]):
        return f"name it {_NAMES[quantity]}; if it is in another unit, convert the numbers"
    return f"name it {_NAMES[quantity]}"


def _only(header: Sequence[str], options: tuple[str, str], what: str, where: str) -> str:
    found = [name for name in options if name in header]
    if not found:
        raise DataError(
            f"{where}: no {what} column; one of {options[0]} and {options[1]} is needed, found {', '.join(header)}"
        )
    if len(found) == 2:
        raise DataError(f"{where}: both {options[0]} and {options[1]} are there; keep one")
    return found[0]


def refuse_opensim(text: str, source: str) -> None:
    """Refuse OpenSim's tables (.sto, .mot) by their header, which ends in a line of its own.

    Raises
    ------
    DataError
        If the text is one.
    """
    if re.search(r"^\s*endheader\s*$", text[:100_000], re.IGNORECASE | re.MULTILINE):
        raise DataError(f"{source}: this is a table of OpenSim's (.sto or .mot); {_EXPORT}")
