"""What a reader makes of a file: columns by name, and their numbers when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.decimals import read_number, shown
from calibrate.errors import DataError
from calibrate.layout import Layout, decimal_of, in_plain, is_missing, is_some_number
from calibrate.table import read_table
from calibrate.texts import printable

FloatArray = NDArray[np.float64]
_LISTED = 4


class UnansweredError(DataError):
    """A question that the file leaves open: names the option that answers it, and the answers that there are."""

    def __init__(self, message: str, option: str, choices: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.option, self.choices = option, tuple(choices)


class Column(NamedTuple):
    """A column's name, the unit that is stated elsewhere (a row of units, a property of the file), and its place."""

    name: str
    unit: str = ""
    group: str = ""

    @property
    def full(self) -> str:
        """The name with that of its group, which ends in what stands between them."""
        return f"{self.group}{self.name}"


@dataclass(frozen=True)
class Readings:
    """Numbers of some columns.

    Attributes
    ----------
    values : ndarray, shape (n, m)
        One row a reading, one column for each that was asked for.
    places : ndarray, shape (n,)
        Where each row stands in the file, in the source's `counted`.
    missing : list of int
        Rows that were left out, because a cell that is needed holds nothing.
    notes : tuple of str
        What was understood on the way.
    """

    values: FloatArray
    places: NDArray[np.intp]
    missing: list[int]
    notes: tuple[str, ...] = ()

    def part(self, rows: NDArray[np.intp]) -> Readings:
        """Return some of the readings."""
        return replace(self, values=self.values[rows], places=self.places[rows])


@dataclass(frozen=True)
class Source:
    """A file of another program.

    Attributes
    ----------
    path : Path
        The file.
    sha256 : str
        SHA-256 of its bytes, in hexadecimal.
    form : str
        What it is, like "text, cells separated by semicolons".
    columns : tuple of Column
        All columns that could be asked for.
    read : callable
        Told the numbers of columns and the decimal mark (None: as the file says), returns `Readings`.
    counted : str
        What a place is: "line", "row" or "sample".
    notes : tuple of str
        What was understood of the file as a whole.
    """

    path: Path
    sha256: str
    form: str
    columns: tuple[Column, ...]
    read: Callable[[Sequence[int], str | None], Readings]
    counted: str = "line"
    notes: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The file's name for messages, safe to show."""
        return printable(self.path)


def names_in(layout: Layout, where: str) -> list[str]:
    """Return the names of a table's columns; what has none is called by its number.

    Raises
    ------
    DataError
        If there are numbers among them: a first row that is damaged would pass for a header.
    """
    if any(map(is_some_number, layout.header)):
        listed = ", ".join(map(shown, layout.header[:_LISTED]))
        raise DataError(f"{where} {layout.header_at}: {listed} are neither all names of columns nor all numbers")
    return [name or f"column {i}" for i, name in enumerate(layout.header, start=1)]


def from_cells(
    rows: Iterable[tuple[int, list[str]]],
    wanted: Sequence[int],
    names: Sequence[str],
    where: str,
    decimal: str | None,
    counted: str = "row",
) -> Readings:
    """Read some columns of a table of text; `calibrate.table` makes the numbers.

    Parameters
    ----------
    rows : iterable of (int, list of str)
        Each row's number and its cells.
    wanted : sequence of int
        The columns' numbers, the angle's first: it decides what a decimal mark is.
    names : sequence of str
        Names of all columns.
    where : str
        The file's name, for messages.
    decimal : {".", ","} or None
        The decimal mark, if the user says it.
    counted : str
        What a row is called.

    Raises
    ------
    DataError
        If a cell holds something that is no number, or the decimal mark is a matter of choice.
    """
    kept: list[tuple[int, list[str]]] = []
    missing: list[int] = []
    for number, cells in rows:
        if len(cells) != len(names):
            raise DataError(
                f"{where}, {counted} {number}: {len(cells)} cells, but the header names {len(names)} columns"
            )
        some = [cells[at] for at in wanted]
        if any(map(is_missing, some)):
            for at, cell in zip(wanted, some, strict=True):
                if not is_some_number(cell):
                    _check(cell, f"{where}, {counted} {number}, column {printable(names[at])}")
            missing.append(number)
        else:
            kept.append((number, some))
    if not kept:
        raise DataError(
            f"{where}: no {counted} has a number in each of {', '.join(printable(names[at]) for at in wanted)}"
        )
    short = [f"c{i}" for i in range(len(wanted))]
    called = [names[at] if names.count(names[at]) == 1 else f"{names[at]} (column {at + 1})" for at in wanted]
    mark = decimal or decimal_of(((called[i], cell) for _, row in kept for i, cell in enumerate(row)), called[0], where)
    if mark == ",":
        for number, row in kept:
            if any("." in cell for cell in row):
                bad = next(cell for cell in row if "." in cell)
                raise DataError(f"{where}, {counted} {number}: {shown(bad)} has a point, and decimal marks are commas")
    lines = [",".join(short), *(",".join([_plain(cell, mark) for cell in row]) for _, row in kept)]
    try:
        values = read_table("\n".join(lines), where).values
    except DataError:
        for number, row in kept:
            for at, cell in zip(wanted, row, strict=True):
                _check(in_plain(cell, mark), f"{where}, {counted} {number}, column {printable(names[at])}")
        raise
    notes = ("decimal commas",) if mark == "," else ()
    return Readings(values, np.array([number for number, _ in kept], dtype=np.intp), missing, notes)


def _plain(cell: str, mark: str) -> str:
    """Return a number's text as it is read here; what is none is left for the reader to refuse."""
    return cell if mark == "." and cell.isascii() else in_plain(cell, mark)


def _check(cell: str, where: str) -> None:
    """Refuse a cell that is neither a number nor nothing: the reader of numbers has the words for it."""
    if not is_missing(cell):
        try:
            read_number(cell)
        except ValueError as error:
            raise DataError(f"{where}: {error}") from None


def from_arrays(arrays: Sequence[FloatArray], wanted: Sequence[int], names: Sequence[str], where: str) -> Readings:
    """Put some columns of numbers together; rows without a number are left out and counted.

    Raises
    ------
    DataError
        If their lengths differ, or a value is infinite.
    """
    some = [arrays[at] for at in wanted]
    lengths = {array.size for array in some}
    if len(lengths) > 1:
        sizes = ", ".join(f"{printable(names[at])} {arrays[at].size}" for at in wanted)
        raise DataError(f"{where}: columns of different lengths ({sizes}); choose others with --angle and --load")
    values = np.column_stack(some).astype(float)
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values).any(axis=1)))
        raise DataError(f"{where}, sample {row + 1}: an infinite value; remove the sample")
    gone = np.isnan(values).any(axis=1)
    if gone.all():
        raise DataError(
            f"{where}: no sample has a number in each of {', '.join(printable(names[at]) for at in wanted)}"
        )
    return Readings(values[~gone], np.flatnonzero(~gone) + 1, (np.flatnonzero(gone) + 1).tolist())
