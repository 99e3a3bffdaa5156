"""Where in a table the header stands, where its units, where the numbers begin; and how decimals are written there.

A table is rows of cells as text, whoever made them: lines of a file, rows of a sheet. Nothing is turned into numbers
here, that is `calibrate.table`'s; here its dialect is told, and brought into the one that is read there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from calibrate.decimals import is_plain, shown
from calibrate.errors import DataError
from calibrate.spellings import is_unit

# A row's number in the file, from 1, and its cells; a comment has none but its text.
Row = tuple[int, list[str] | str]

MINUS = "\u2212"  # the one sign that means nothing but minus
_MISSING = re.compile(r"|na|n/a|[+-]?nan|null|none|-+", re.IGNORECASE)
# A number in some dialect; dates, times and names of files are none.
_SOME = re.compile(r"[+\-−]?(?:[0-9]+(?:[.,'’\u00a0\u202f][0-9]+)*[.]?|[.,][0-9]+)(?:[eE][+\-−]?[0-9]+)?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]*)?")
_SEARCHED = 2000  # rows above the first numbers, at the most
_MARK = re.compile(r"[.,]")


@dataclass(frozen=True)
class Layout:
    """A table's shape.

    Attributes
    ----------
    header : list of str
        Names of the columns, empty ones at the end left out; all empty if there is no header.
    header_at, units_at : int
        The rows' numbers; 0 if there is no such row.
    units : list of str
        The cells of the row of units, as many as there are columns; all empty without one.
    above : list of int
        Rows above the header that are neither blank nor comments.
    wide : int
        Cells of a row, with the empty ones at the end that some programs write.
    """

    header: list[str]
    header_at: int
    units: list[str]
    units_at: int
    above: list[int]
    wide: int


def is_missing(cell: str) -> bool:
    """Tell whether a cell holds nothing: it is empty, or says so."""
    return not cell[-1:].isdigit() and _MISSING.fullmatch(cell) is not None


def is_some_number(cell: str) -> bool:
    """Tell whether a cell is a number in one of the dialects."""
    return _SOME.fullmatch(cell) is not None


def fitted(cells: Sequence[str], layout: Layout) -> list[str]:
    """Return a row's cells without the empty ones that the rows of this table have at their ends."""
    width = len(layout.header)
    alike = len(cells) == layout.wide and not any(cells[width:])
    return list(cells[:width] if alike else cells)


def find_layout(rows: Iterable[Row], split: Callable[[str], list[str]] | None = None) -> Layout | None:
    """Find header and units of a table; None if these rows hold none.

    The header is the last row of text above the first numbers, but for a row of units below it; or a comment, which
    `split` takes apart.
    """
    texts: list[tuple[int, list[str]]] = []
    comment: tuple[int, list[str]] | None = None
    for number, cells in islice(rows, _SEARCHED):
        if isinstance(cells, str):
            if split is not None:
                comment = number, split(cells.lstrip("#% \t"))
            continue
        found = [is_some_number(cell) for cell in cells]
        held = sum(not is_missing(cell) for cell in cells)
        if (sum(found) >= 2 and sum(found) * 2 >= held) or (texts and len(cells) > 1 and 1 <= sum(found) == held):
            if not texts and comment and len(comment[1]) == len(cells) and not any(map(is_some_number, comment[1])):
                texts.append(comment)
            return _layout(texts, cells)
        if not all(map(is_missing, cells)):
            texts.append((number, cells))
    return None


def _layout(texts: list[tuple[int, list[str]]], first: list[str]) -> Layout | None:
    """Return the layout that rows of text and the first row of numbers below them make."""
    needed = len(_trimmed(first))
    if not texts:
        return Layout([""] * needed, 0, [""] * needed, 0, [], len(first))
    at = len(texts) - 1
    units, units_at = [""] * len(texts[at][1]), 0
    if at and len(texts[at][1]) == len(texts[at - 1][1]) and all(map(is_unit, texts[at][1])):
        units_at, units = texts[at]
        at -= 1
    number, names = texts[at]
    header = _trimmed(names)
    if not needed <= len(header) <= len(first):
        return None
    units = (units + [""] * len(header))[: len(header)]
    wide = max(len(names), len(first))
    return Layout(header, number, units, units_at, [number for number, _ in texts[:at]], wide)


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Return cells without the empty ones at the end."""
    cut = len(cells)
    while cut and not cells[cut - 1]:
        cut -= 1
    return list(cells[:cut])


def decimal_of(cells: Iterable[tuple[str, str]], angle: str, where: str) -> str:
    """Return which mark stands for the decimal point in some columns, "." or ",".

    Parameters
    ----------
    cells : iterable of (str, str)
        Cells, each with the name of its column.
    angle : str
        The name of the angles' column: none of them has thousands, in whatever unit.
    where : str
        Name of the file, for messages.

    Raises
    ------
    DataError
        If both are there, or a mark may group thousands as well.
    """
    seen: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    for name, cell in cells:
        marks = _MARK.findall(cell) if "." in cell or "," in cell else ()
        if not marks or (len(marks) == 1 and marks[0] in seen) or not is_some_number(cell):
            continue
        number = cell.lstrip("+-" + MINUS)
        if len(marks) == 1:
            sort = doubtful if name != angle and _GROUPED.fullmatch(number) else seen
            sort.setdefault(marks[0], cell)
        elif _THOUSANDS.fullmatch(number):
            raise DataError(
                f"{where}, column {shown(name)}: {shown(cell)} has marks for thousands; write numbers without grouping"
            )
    both = doubtful | seen
    if len(both) == 2:
        raise DataError(
            f"{where}: {shown(both['.'])} and {shown(both[','])} have different decimal marks; write one of them "
            "everywhere"
        )
    if doubtful and not seen:
        raise DataError(
            f"{where}: the mark in {shown(next(iter(doubtful.values())))} may be a decimal one or one for thousands; "
            "say which with --decimal to 'calibrate import', or write decimal points and no grouping"
        )
    return next(iter(both), ".")


def in_plain(cell: str, decimal: str) -> str:
    """Return a number's text with a decimal point and an ASCII minus; what is no number of this dialect as it is.

    >>> in_plain("−4,5", ",")
    '-4.5'
    """
    changed = cell.replace(MINUS, "-")
    if decimal == ",":
        if "." in changed:
            return cell
        changed = changed.replace(",", ".")
    return changed if is_plain(changed) else cell
