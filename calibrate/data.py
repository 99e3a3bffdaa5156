"""Load-angle measurements: units and signs are settled here, on the way in.

A measurement file is CSV (`calibrate.table`) with an angle column (`angle_deg` or `angle_rad`), a load column
(`force_N` or `moment_Nm`) and perhaps a column with the load's standard deviation (`sigma_N` or `sigma_Nm`).
Comments of the form `# truth: mcl.k = 40` state the parameters that simulated data were made with.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate.columns import SUFFIX, AngleUnit, LoadKind, columns_of, refuse_opensim
from calibrate.decimals import read_number
from calibrate.dialects import Plain, plain_of
from calibrate.errors import DataError
from calibrate.files import read_text
from calibrate.plausible import doubts_of_data, refuse
from calibrate.problem.quantities import is_parameter
from calibrate.spellings import Way
from calibrate.table import Table, line_of, lost_row, read_header, read_table

FloatArray = NDArray[np.float64]

LOAD_UNIT: dict[str, str] = {"force": "N", "moment": "N·m"}
_TRUTH = "truth:"
MAX_ANGLE = math.radians(45.0)


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
    direction : ndarray, shape (n,), or None
        1 for readings taken while the load went up, -1 while it went down.
    truth : mapping
        Parameters that simulated data were made with, by name; empty for a real test.
    text : str
        The file as it was read.
    source : str
        The file's name, for messages.
    understood : str
        What the file's dialect was taken for, in a sentence; empty if it is written as this program writes it.
    way : {"varus", "valgus"} or None
        The direction that the names of the file's columns speak of.
    """

    angles: FloatArray
    loads: FloatArray
    sigma: FloatArray | None
    kind: LoadKind
    angle_unit: AngleUnit
    truth: Mapping[str, float] = field(default_factory=dict)
    text: str = ""
    source: str = "data"
    direction: FloatArray | None = None
    understood: str = ""
    way: Way | None = None

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

    def part(self, rows: slice | NDArray[np.intp]) -> Measurement:
        """Return some of the readings alone; `text` stays that of the whole file."""
        sigma, direction = self.sigma, self.direction
        return replace(
            self,
            angles=self.angles[rows],
            loads=self.loads[rows],
            sigma=None if sigma is None else sigma[rows],
            direction=None if direction is None else direction[rows],
        )


def read_measurement(path: str | Path) -> Measurement:
    """Read a measurement file.

    Raises
    ------
    DataError
        If the file is missing, is no such CSV, or holds a value that cannot be meant.
    """
    path = Path(path)
    try:
        return checked_measurement(read_text(path, DataError, "CSV"), str(path))
    except MemoryError:
        raise DataError(f"{path}: is too large for the memory that there is") from None


def checked_measurement(text: str, source: str) -> Measurement:
    """Parse the text of a user's file, and refuse what can hardly be meant; `source` is the name used in errors.

    Raises
    ------
    DataError
        As `read_measurement`.
    """
    measurement = parse_measurement(text, source)
    plain = _plain_text(measurement)
    _refuse_decimal_commas(measurement, plain)
    refuse(doubts_of_data(measurement), DataError, lambda row: f"{source}, line {line_of(plain, row)}")
    return measurement


def _plain_text(measurement: Measurement) -> str:
    """Return the text in the plain form."""
    found = plain_of(measurement.text, measurement.source) if measurement.understood else None
    return measurement.text if found is None else found.text


def parse_measurement(text: str, source: str = "data") -> Measurement:
    """Parse the text of a measurement file; `source` is the name used in errors.

    Raises
    ------
    DataError
        If it is no such CSV, an angle or a sigma cannot be meant, or a row could vanish as a comment.
    """
    measurement, table = _parse(text, source)
    for line, comment in table.comments:
        if line > table.header_line and (complaint := lost_row(comment)):
            raise DataError(f"{source}, line {line}: {complaint}")
    return measurement


def stored_measurement(text: str, source: str = "data") -> Measurement:
    """Parse the text of a measurement that a run was made with: once accepted, it is not doubted again.

    Raises
    ------
    DataError
        If it is no such CSV.
    """
    return _parse(text, source)[0]


def _parse(text: str, source: str) -> tuple[Measurement, Table]:
    """Read the plain form; what is none is looked at again, for it may be in a dialect that leaves no choice."""
    refuse_opensim(text, source)
    try:
        return _parse_plain(text, source)
    except DataError:
        found = plain_of(text, source)
        if found is None:
            raise
        if found.near:
            with contextlib.suppress(DataError):  # what is wrong is said of the file as it stands
                return _understood(found, text, source)
            raise
    return _understood(found, text, source)


def _understood(found: Plain, text: str, source: str) -> tuple[Measurement, Table]:
    measurement, table = _parse_plain(found.text, source)
    return replace(measurement, text=text, understood=found.understood, way=found.way), table


def _parse_plain(text: str, source: str) -> tuple[Measurement, Table]:
    header_line, header = read_header(text, source)
    columns = columns_of(header, f"{source}, line {header_line}")
    table = read_table(text, source)
    truth: dict[str, float] = {}
    for line, comment in table.comments:
        _read_truth(comment[1:].strip(), truth, f"{source}, line {line}")
    angles = table.values[:, header.index(f"angle_{columns.angle_unit}")].copy()
    sigma = table.values[:, header.index(columns.sigma)].copy() if columns.sigma else None
    if sigma is not None and not (sigma > 0).all():
        bad = int(np.argmin(sigma > 0))
        raise DataError(
            f"{source}, line {line_of(text, bad)}: {columns.sigma} = {sigma[bad]:g}, but it has to be positive"
        )
    _check_range(angles, columns.angle_unit, text, source)
    loads = table.values[:, header.index(f"{columns.kind}_{SUFFIX[columns.kind]}")].copy()
    direction = table.values[:, header.index("direction")].copy() if columns.direction else None
    if direction is not None and not (np.abs(direction) == 1.0).all():
        bad = int(np.argmin(np.abs(direction) == 1.0))
        raise DataError(
            f"{source}, line {line_of(text, bad)}: direction = {direction[bad]:g}, but it has to be "
            "1 (the load goes up) or -1 (it goes down)"
        )
    return Measurement(angles, loads, sigma, columns.kind, columns.angle_unit, truth, text, source, direction), table


def _refuse_decimal_commas(measurement: Measurement, text: str) -> None:
    """Refuse three columns of whole numbers: two columns with one decimal comma in each row look the same."""
    columns = [measurement.angles, measurement.loads, measurement.sigma]
    if any(column is None or (column != np.round(column)).any() for column in columns):
        return
    line, header = read_header(text, measurement.source)
    rows = text.splitlines()[line:]
    if not any("." in row or "e" in row.lower() for row in rows if not row.lstrip().startswith("#")):
        raise DataError(
            f"{measurement.source}: whole numbers in all of {', '.join(header)} could be numbers with a decimal comma; "
            "write decimal points, or if whole numbers are meant, at least one of them like 5.0"
        )


def format_measurement(
    angles: FloatArray,
    loads: FloatArray,
    kind: LoadKind,
    angle_unit: AngleUnit,
    comments: Sequence[str],
    truth: Mapping[str, float],
    sigma: FloatArray | None = None,
    direction: FloatArray | None = None,
) -> str:
    """Write a measurement as the text of a file that `parse_measurement` reads back to the last bit."""
    lines = [f"# {comment}" for comment in comments]
    lines += [f"# {_TRUTH} {name} = {value!r}" for name, value in truth.items()]
    header = [f"angle_{angle_unit}", f"{kind}_{SUFFIX[kind]}"]
    columns = [angles, loads]
    if sigma is not None:
        header.append(f"sigma_{SUFFIX[kind]}")
        columns.append(sigma)
    if direction is not None:
        header.append("direction")
        columns.append(direction)
    lines.append(",".join(header))
    numbers = [map(repr, np.asarray(column, dtype=float).tolist()) for column in columns]
    lines += map(",".join, zip(*numbers, strict=True))
    return "\n".join(lines) + "\n"


def _read_truth(comment: str, truth: dict[str, float], where: str) -> None:
    if not comment.startswith(_TRUTH):
        return
    name, separator, value = (part.strip() for part in comment.removeprefix(_TRUTH).partition("="))
    if separator and is_parameter(name):  # anything else is somebody's remark
        try:
            truth[name] = read_number(value)
        except ValueError as error:
            raise DataError(f"{where}, truth of {name}: {error}") from None


def _check_range(angles: FloatArray, unit: AngleUnit, text: str, source: str) -> None:
    limit = MAX_ANGLE if unit == "rad" else 45.0
    worst = int(np.argmax(np.abs(angles)))
    if abs(angles[worst]) <= limit:
        return
    where = f"{source}, line {line_of(text, worst)}: angle_{unit} = {angles[worst]:g}"
    if unit == "rad":
        raise DataError(
            f"{where} is {math.degrees(angles[worst]):.0f} degrees, beyond 45; "
            "if the column is in degrees, name it angle_deg"
        )
    raise DataError(f"{where} is beyond 45 degrees, more than any varus-valgus test; check the column and its unit")
