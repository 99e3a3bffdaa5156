"""Load-angle measurements: units and signs are settled here, on the way in.

A measurement file is CSV with `#` comments, an angle column (`angle_deg` or `angle_rad`), a load column
(`force_N` or `moment_Nm`) and perhaps a column with the load's standard deviation (`sigma_N` or `sigma_Nm`).
Comments of the form `# truth: mcl.k = 40` state the parameters that simulated data were made with.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrate.complaints import did_you_mean
from calibrate.config import PARAMETER_NAMES
from calibrate.errors import DataError
from calibrate.files import read_text

FloatArray = NDArray[np.float64]
LoadKind = Literal["force", "moment"]
AngleUnit = Literal["deg", "rad"]

LOAD_UNIT: dict[str, str] = {"force": "N", "moment": "N·m"}
_COLUMNS = ("angle_deg", "angle_rad", "force_N", "moment_Nm", "sigma_N", "sigma_Nm")
_SUFFIX = {"force": "N", "moment": "Nm"}
_TRUTH = "truth:"
MAX_ANGLE = math.radians(45.0)
# What numbers in decimal are written with, and what stands between them. With these, NumPy and `float` read the same.
_PLAIN = b"0123456789+-.eE, \n"
_CHUNK = 1 << 20  # characters


@dataclass(frozen=True)
class Measurement:
    """A laxity test as its file states it.

    Attributes
    ----------
    angles : ndarray, shape (n,)
        Angles in `angle_unit`, counted as the file counts them.
    loads : ndarray, shape (n,)
        Loads in N (`kind` "force") or N·m ("moment"), counted as the file counts them.
    sigma : ndarray, shape (n,), or None
        Standard deviation of each load, in the load's unit.
    kind : {"force", "moment"}
        What was applied.
    angle_unit : {"deg", "rad"}
        The unit of `angles`.
    truth : mapping
        Parameters that simulated data were made with, by name; empty for a real test.
    text : str
        The file as it was read.
    source : str
        The file's name, for messages.
    """

    angles: FloatArray
    loads: FloatArray
    sigma: FloatArray | None
    kind: LoadKind
    angle_unit: AngleUnit
    truth: Mapping[str, float] = field(default_factory=dict)
    text: str = ""
    source: str = "data"

    @property
    def unit(self) -> str:
        """The unit of the loads, as printed."""
        return LOAD_UNIT[self.kind]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def to_radians(self, angles: FloatArray) -> FloatArray:
        """Convert angles from this file's unit to radians."""
        return np.deg2rad(angles) if self.angle_unit == "deg" else np.asarray(angles, dtype=float)

    def in_degrees(self, angles: FloatArray) -> FloatArray:
        """Convert angles from this file's unit to degrees."""
        return np.asarray(angles, dtype=float) if self.angle_unit == "deg" else np.rad2deg(angles)


def read_measurement(path: str | Path) -> Measurement:
    """Read a measurement file.

    Raises
    ------
    DataError
        If the file is missing, is no such CSV, or holds a value that cannot be meant.
    """
    path = Path(path)
    text = read_text(path, DataError, "CSV")
    return parse_measurement(text, str(path))


def parse_measurement(text: str, source: str = "data") -> Measurement:
    """Parse the text of a measurement file; `source` is the name used in errors.

    Raises
    ------
    DataError
        As `read_measurement`.
    """
    table = _read_quickly(text)
    if table is not None:
        with suppress(DataError):  # the careful reader knows the line
            return _measurement(table, text, source)
    return _measurement(_read_carefully(text, source), text, source)


@dataclass(frozen=True)
class _Table:
    """A file's header, the line it stands in, its numbers (rows, columns), their lines, and the stated truth."""

    header: list[str]
    header_line: int
    values: FloatArray
    lines: Sequence[int]
    truth: dict[str, float]


def _measurement(table: _Table, text: str, source: str) -> Measurement:
    """Take the columns, and refuse values that cannot be meant."""
    header, values = table.header, table.values
    kind, angle_unit, sigma_column = _read_header(header, f"{source}, line {table.header_line}")
    angles = values[:, header.index(f"angle_{angle_unit}")].copy()
    sigma = values[:, header.index(sigma_column)].copy() if sigma_column else None
    if sigma is not None and not (sigma > 0).all():
        bad = int(np.argmin(sigma > 0))
        raise DataError(
            f"{source}, line {table.lines[bad]}: {sigma_column} = {sigma[bad]:g}, but it has to be positive"
        )
    _check_range(angles, angle_unit, table.lines, source)
    loads = values[:, header.index(f"{kind}_{_SUFFIX[kind]}")].copy()
    return Measurement(angles, loads, sigma, kind, angle_unit, table.truth, text, source)


def _read_quickly(text: str) -> _Table | None:
    """Read a file in which nothing is odd, many times faster than line by line; None if anything is."""
    truth: dict[str, float] = {}
    at, number = int(text.startswith("\ufeff")), 0
    try:
        while (end := text.find("\n", at)) >= 0:
            line, at, number = text[at:end], end + 1, number + 1
            if _is_comment(line):
                _read_truth(line.strip()[1:].strip(), truth, "")
            elif line.strip():
                _require_one(line)
                break
        else:
            return None
        header = [cell.strip() for cell in next(csv.reader([line]))]
        lines = _plain_lines(text, at, truth)
        first = next((line for line in lines if line), None)
        if first is None:
            return None
        values = np.loadtxt(chain([first], lines), delimiter=",", comments=None, ndmin=2)
    except (ValueError, csv.Error, DataError):
        return None
    if values.shape[1] != len(header) or not np.isfinite(values).all():
        return None
    return _Table(header, number, values, range(len(values)), truth)


def _plain_lines(text: str, at: int, truth: dict[str, float]) -> Iterator[str]:
    """Yield the lines from a place on, less the comments; ValueError if there is more in them than plain numbers."""
    while at < len(text):
        end = text.find("\n", at + _CHUNK) + 1 or len(text)
        chunk = text[at:end].replace("\r\n", "\n")
        at = end
        lines = chunk.split("\n")
        if "#" in chunk:
            for line in lines:
                if _is_comment(line):
                    _read_truth(line.strip()[1:].strip(), truth, "")
            lines = [line for line in lines if not _is_comment(line)]
            chunk = "\n".join(lines)
        if chunk.encode().translate(None, _PLAIN):
            raise ValueError("not plain")
        yield from lines


def _is_comment(line: str) -> bool:
    """Tell whether a line is a comment."""
    if not line.lstrip().startswith("#"):
        return False
    _require_one(line)
    return True


def _require_one(line: str) -> None:
    """Raise ValueError if there are line ends in a line that are not those of the file."""
    if len(line.splitlines()) > 1:
        raise ValueError("not one line")


def _read_carefully(text: str, source: str) -> _Table:
    """Read a file line by line, as the csv module and `float` do, and say exactly what is wrong with it."""
    rows: list[tuple[int, list[str]]] = []
    truth: dict[str, float] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("#"):
            _read_truth(stripped[1:].strip(), truth, f"{source}, line {number}")
        elif stripped:
            try:
                rows.append((number, [cell.strip() for cell in next(csv.reader([line]))]))
            except csv.Error as error:
                raise DataError(f"{source}, line {number}: not CSV: {error}") from None
    if not rows:
        raise DataError(f"{source}: no header and no data; expected columns angle_deg and moment_Nm, or the like")
    header = rows[0][1]
    _read_header(header, f"{source}, line {rows[0][0]}")
    if len(rows) == 1:
        raise DataError(f"{source}: a header but no data below it")

    values = np.empty((len(rows) - 1, len(header)))
    for i, (number, cells) in enumerate(rows[1:]):
        if len(cells) != len(header):
            raise DataError(f"{source}, line {number}: {len(cells)} cells, but the header names {len(header)} columns")
        for j, cell in enumerate(cells):
            values[i, j] = _number(cell, f"{source}, line {number}, column {header[j]}")

    return _Table(header, rows[0][0], values, [number for number, _ in rows[1:]], truth)


def format_measurement(
    angles: FloatArray,
    loads: FloatArray,
    kind: LoadKind,
    angle_unit: AngleUnit,
    comments: Sequence[str],
    truth: Mapping[str, float],
    sigma: FloatArray | None = None,
) -> str:
    """Write a measurement as the text of a file that `parse_measurement` reads back to the last bit."""
    lines = [f"# {comment}" for comment in comments]
    lines += [f"# {_TRUTH} {name} = {value!r}" for name, value in truth.items()]
    header = [f"angle_{angle_unit}", f"{kind}_{_SUFFIX[kind]}"]
    columns = [angles, loads]
    if sigma is not None:
        header.append(f"sigma_{_SUFFIX[kind]}")
        columns.append(sigma)
    lines.append(",".join(header))
    numbers = [map(repr, np.asarray(column, dtype=float).tolist()) for column in columns]
    lines += map(",".join, zip(*numbers, strict=True))
    return "\n".join(lines) + "\n"


def _read_truth(comment: str, truth: dict[str, float], where: str) -> None:
    if not comment.startswith(_TRUTH):
        return
    name, separator, value = (part.strip() for part in comment.removeprefix(_TRUTH).partition("="))
    if separator and name in PARAMETER_NAMES:  # anything else is somebody's remark
        truth[name] = _number(value, f"{where}, truth of {name}")


def _read_header(header: Sequence[str], where: str) -> tuple[LoadKind, AngleUnit, str | None]:
    if all(_is_number(cell) for cell in header):
        raise DataError(f"{where}: no header; the first line should name the columns, like angle_deg,moment_Nm")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise DataError(f"{where}: columns are separated by commas in these files, not by semicolons or tabs")
    for name in header:
        if name not in _COLUMNS:
            raise DataError(f"{where}: unknown column '{name}'; {did_you_mean(name, _COLUMNS)}")
        if header.count(name) > 1:
            raise DataError(f"{where}: column '{name}' stands there twice; keep one")
    angle = _only(header, ("angle_deg", "angle_rad"), "angle", where)
    load = _only(header, ("force_N", "moment_Nm"), "load", where)
    kind: LoadKind = "force" if load == "force_N" else "moment"
    sigmas = [name for name in header if name.startswith("sigma")]
    if any(name != f"sigma_{_SUFFIX[kind]}" for name in sigmas):
        raise DataError(f"{where}: column {sigmas[0]} does not go with {load}; use sigma_{_SUFFIX[kind]}")
    return kind, "deg" if angle == "angle_deg" else "rad", sigmas[0] if sigmas else None


def _only(header: Sequence[str], options: tuple[str, str], what: str, where: str) -> str:
    found = [name for name in options if name in header]
    if not found:
        raise DataError(
            f"{where}: no {what} column; one of {options[0]} and {options[1]} is needed, found {', '.join(header)}"
        )
    if len(found) == 2:
        raise DataError(f"{where}: both {options[0]} and {options[1]} are there; keep one")
    return found[0]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, where: str) -> float:
    if not cell:
        raise DataError(f"{where}: the cell is empty; remove the line or fill it in")
    if not _is_number(cell):
        raise DataError(f"{where}: '{cell}' is no number")
    value = float(cell)
    if not math.isfinite(value):
        raise DataError(f"{where}: '{cell}' is not finite; remove the line or fill it in")
    return value


def _check_range(angles: FloatArray, unit: AngleUnit, lines: Sequence[int], source: str) -> None:
    limit = MAX_ANGLE if unit == "rad" else 45.0
    worst = int(np.argmax(np.abs(angles)))
    if abs(angles[worst]) <= limit:
        return
    where = f"{source}, line {lines[worst]}: angle_{unit} = {angles[worst]:g}"
    if unit == "rad":
        raise DataError(
            f"{where} is {math.degrees(angles[worst]):.0f} degrees, beyond 45; "
            "if the column is in degrees, name it angle_deg"
        )
    raise DataError(f"{where} is beyond 45 degrees, more than any varus-valgus test; check the column and its unit")
