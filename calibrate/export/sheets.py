"""Columns as tables in files: CSV, JSON, Parquet; each says what its columns are and where they come from.

Numbers are written with as many digits as give them back to the last bit. In CSV, a text that a spreadsheet would take
for a formula has an apostrophe in front, and what steers terminals is written out; JSON and Parquet have texts as they
are.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ExportError
from calibrate.kinds import Kind
from calibrate.texts import printable

# What spreadsheets begin a formula with; full-width forms count for some of them.
_FORMULA = (
    *("=", "+", "-", "@", "\t", "\r", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}"),
    *("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}"),
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
# Enough of the end of a Parquet file, where its schema stands.
_TAIL = 2**18


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table for a file.

    Attributes
    ----------
    mark : str
        What it is, like "draws of calibrate": by this, `--overwrite` knows a table of ours.
    rows : str
        What its rows are called, like "draws".
    about : mapping of str to str or int
        Where it comes from.
    units : mapping of str to str
        The units of columns that have one.
    columns : mapping of str to ndarray, shape (rows,)
        Numbers, NaN where unknown, or texts as objects, None where unknown.
    """

    mark: str
    rows: str
    about: Mapping[str, str | int]
    units: Mapping[str, str]
    columns: Mapping[str, NDArray[Any]]


def kinds_of(name: str, mark: str) -> dict[str, Kind]:
    """Return the kinds of files that tables with this mark are written to, by format; name them with their article."""
    begin = re.compile(rb'\{\s*"format": "' + re.escape(mark.encode()) + b'"')

    def is_parquet(path: Path, head: bytes) -> bool:
        with path.open("rb") as file:
            file.seek(-min(_TAIL, path.stat().st_size), 2)
            return head.startswith(b"PAR1") and mark.encode() in file.read()

    return {
        "csv": Kind(name, (".csv",), lambda path, head: head.startswith(f"# {mark}\n".encode())),
        "json": Kind(name, (".json",), lambda path, head: begin.match(head) is not None),
        "parquet": Kind(name, (".parquet",), is_parquet),
    }


def write_csv(sheet: Sheet, path: Path) -> None:
    """Write comments with provenance and units, a header, and a line for each row; what is unknown stays empty."""
    texts = any(column.dtype.kind == "O" for column in sheet.columns.values())
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {sheet.mark}\n")
        for key, value in sheet.about.items():
            file.write(f"# {key}: {printable(value)}\n")
        for name, unit in sheet.units.items():
            file.write(f"# unit of {printable(name)}: {printable(unit)}\n")
        # In quotes, a text may hold what begins a comment.
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if texts else csv.QUOTE_MINIMAL)
        writer.writerow([_cell(name) for name in sheet.columns])
        writer.writerows(zip(*(_cells(column) for column in sheet.columns.values()), strict=True))


def write_json(sheet: Sheet, path: Path) -> None:
    """Write one object: `format`, `provenance`, `units`, and the rows, a list for each column with null for unknown."""
    content = {
        "format": sheet.mark,
        "provenance": sheet.about,
        "units": sheet.units,
        sheet.rows: {name: _plain(column) for name, column in sheet.columns.items()},
    }
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def write_parquet(sheet: Sheet, path: Path) -> None:
    """Write an Apache Parquet table; units stand beside the columns, provenance beside the schema, as JSON.

    Raises
    ------
    ExportError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ExportError("a Parquet file needs pyarrow: pip install 'calibrate[export]'") from None
    fields, columns = [], []
    for name, column in sheet.columns.items():
        text = column.dtype.kind == "O"
        kind = pa.string() if text else pa.from_numpy_dtype(column.dtype)
        unit = {"unit": sheet.units[name]} if name in sheet.units else None
        fields.append(pa.field(str(_sound(name)), kind, metadata=unit))
        columns.append(pa.array([_sound(value) for value in column.tolist()]) if text else column)
    about = {"format": sheet.mark, "provenance": json.dumps(sheet.about)}
    parquet.write_table(pa.table(columns, schema=pa.schema(fields, metadata=about)), path)


WRITERS: Mapping[str, Callable[[Sheet, Path], None]] = MappingProxyType(
    {"csv": write_csv, "json": write_json, "parquet": write_parquet}
)


def _plain(column: NDArray[Any]) -> list[Any]:
    """Return a column's numbers as Python's, which are written to the last bit, or its texts; None is unknown."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        return [value if np.isfinite(value) else None for value in values]
    return values


def _sound(text: str | None) -> str | None:
    """Return a text that UTF-8 can hold: half a letter is written out."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _cells(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "O":
        return ["" if value is None else _cell(value) for value in column.tolist()]
    return _plain(column)  # None is an empty cell


def _cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, on one line; a number is none."""
    if text.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{printable(text)}"
    return printable(text)
