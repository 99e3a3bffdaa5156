"""The text of a CSV file as a table of numbers: one reader, and one that explains what the reader refuses.

NumPy's parser in C reads all numbers, from lines that hold nothing but plain decimals, commas and blanks. Where it
refuses, or what it read is not finite, the lines are looked at again, one by one, to say which of them is wrong and
why; that second look never accepts anything.

Lines end in a line feed, a carriage return or both. Blank lines count for nothing. A line that begins with `#` is a
comment; `lost_row` tells those that could be a row whose first cell is an error value of a spreadsheet (`#N/A`, `#NV`,
`#REF!`, ...) or a value behind a `#`, which a reader of a user's file refuses: dropping a reading in silence is worse.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from calibrate.decimals import is_error_value, is_not_finite, is_plain, read_number, shown
from calibrate.errors import DataError

FloatArray = NDArray[np.float64]

# All that plain rows are written with. NumPy would take more (`inf`, form feeds), which is not to be had in silence.
_PLAIN = b"0123456789+-.eE, \t\n"
_QUOTED = re.compile(r'(?:(?<=^)|(?<=,))([ \t]*)"([^",\n]*)"(?=[ \t]*(?:,|$))', re.MULTILINE)
# Controls and separators that some programs take for the end of a line and others do not.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_CHUNK = 1 << 20  # characters


@dataclass(frozen=True)
class Table:
    """A file's header and the line it stands in, its numbers (rows, columns), and its comments with their lines."""

    header: list[str]
    header_line: int
    values: FloatArray
    comments: list[tuple[int, str]]


def read_header(text: str, source: str) -> tuple[int, list[str]]:
    """Return the first line that is neither blank nor a comment: its number, from 1, and its cells.

    Raises
    ------
    DataError
        If there is none, or it is not CSV.
    """
    for number, line in lines_of(text):
        if UNPRINTABLE.search(line):
            raise DataError(_unprintable(line, f"{source}, line {number}"))
        if _holds(line) and not _is_comment(line):
            try:
                cells = next(csv.reader([line], strict=True, skipinitialspace=True))
            except csv.Error as error:
                raise DataError(f"{source}, line {number}: not CSV: {error}") from None
            return number, [cell.strip() for cell in cells]
    raise DataError(f"{source}: no header and no data; expected columns angle_deg and moment_Nm, or the like")


def read_table(text: str, source: str) -> Table:
    """Read a table of numbers.

    Parameters
    ----------
    text : str
        The file's text, with or without a byte order mark.
    source : str
        Its name, for messages.

    Raises
    ------
    DataError
        If it is no such table: names the line, what is found there, and the remedy.
    """
    at, header = read_header(text, source)
    comments: list[tuple[int, str]] = []
    lines = _plain_lines(text, at, comments)
    try:
        first = next(filter(None, lines), None)
        values = None if first is None else np.loadtxt(chain([first], lines), delimiter=",", comments=None, ndmin=2)
    except ValueError as error:
        raise DataError(_explain(text, source, at, header) or f"{source}: no table of numbers ({error})") from None
    for number, comment in comments:  # a program that ends lines there would see a row in it
        if UNPRINTABLE.search(comment):
            raise DataError(_unprintable(comment, f"{source}, line {number}"))
    if values is None:
        raise DataError(f"{source}: a header but no data below it")
    if values.shape[1] != len(header) or not np.isfinite(values).all():
        raise DataError(_explain(text, source, at, header) or f"{source}: not a table of {len(header)} columns")
    return Table(header, at, values, comments)


def line_of(text: str, row: int) -> int:
    """Return the number of the line, from 1, that a row of the table stands in; rows are counted from 0."""
    header, _ = read_header(text, "")
    rows = (number for number, line in lines_of(text) if number > header and _holds(line) and not _is_comment(line))
    return next(number for i, number in enumerate(rows) if i == row)


def _chunks(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield some lines at a time: the number of the first, the text without its last line feed, and the lines."""
    at, number = int(text.startswith("\ufeff")), 1
    while at < len(text):
        end = text.find("\n", at + _CHUNK) + 1 or len(text)
        chunk = text[at:end]
        if "\r" in chunk:
            chunk = chunk.replace("\r\n", "\n").replace("\r", "\n")
        chunk = chunk.removesuffix("\n")
        lines = chunk.split("\n")
        yield number, chunk, lines
        at, number = end, number + len(lines)


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield all lines, numbered from 1, without their ends and without a byte order mark."""
    for number, _, lines in _chunks(text):
        yield from enumerate(lines, start=number)


def _plain_lines(text: str, header: int, comments: list[tuple[int, str]]) -> Iterator[str]:
    """Yield the lines below the header that hold numbers, and collect all comments; ValueError if any is odd.

    Lines with nothing in them may be among them, which NumPy passes over.
    """
    for number, chunk, lines in _chunks(text):
        if number <= header:
            above = min(len(lines), header - number)
            comments += [(number + i, line.strip()) for i, line in enumerate(lines[:above]) if _holds(line)]
            lines, number = lines[above + 1 :], header + 1
            chunk = "\n".join(lines)
        if "#" in chunk:
            which = [_is_comment(line) for line in lines]
            comments += [(number + i, line.strip()) for i, line in enumerate(lines) if which[i]]
            lines = [line for line, comment in zip(lines, which, strict=True) if not comment]
            chunk = "\n".join(lines)
        if '"' in chunk:
            chunk = _QUOTED.sub(r"\1\2", chunk)
            lines = chunk.split("\n")
        if chunk.encode().translate(None, _PLAIN):
            raise ValueError("not plain")
        if " " in chunk or "\t" in chunk:
            lines = [line for line in lines if _holds(line)]
        yield from lines


def _holds(line: str) -> bool:
    return line.strip(" \t") != ""


def _is_comment(line: str) -> bool:
    return line.lstrip(" \t").startswith("#")


def lost_row(comment: str) -> str | None:
    """Say why a comment below the header could be a row that would vanish; None if it is a comment.

    A comment is `#` followed by a blank, by nothing, or by a word that is no error value of a spreadsheet and does not
    have numbers in cells behind it.
    """
    first, *others = (cell.strip() for cell in re.split("[,;\t]", comment))
    if comment[1:2] in (" ", "\t"):
        return None
    if is_error_value(comment) and (others or first.strip("#")):
        return (
            f"{shown(first)} is a spreadsheet's error value; remove the line or fill it in (a comment begins with '# ')"
        )
    if others and " " not in first and all(_fills_a_cell(cell) for cell in others):
        return f"{shown(first)} could be a value or a comment; begin a comment with '# ', or remove the '#'"
    return None


def _fills_a_cell(cell: str) -> bool:
    return not cell or is_plain(cell) or is_error_value(cell) or is_not_finite(cell)


def _explain(text: str, source: str, header_line: int, header: list[str]) -> str | None:
    """Say what is wrong with the first line that cannot be read; None if nothing is found."""
    for number, line in lines_of(text):
        where = f"{source}, line {number}"
        if UNPRINTABLE.search(line):
            return _unprintable(line, where)
        row = number > header_line and _holds(line) and not _is_comment(line)
        if row and (complaint := _explain_row(line, where, header)):
            return complaint
    return None


def _explain_row(line: str, where: str, header: list[str]) -> str | None:
    plain = _QUOTED.sub(r"\1\2", line)
    cells = [cell.strip(" \t") for cell in plain.split(",")]
    if '"' in plain:
        if re.search(r'"[^",]*,[^",]*"', plain):
            return f"{where}: a comma in quotes; write numbers with a decimal point and without grouping"
        return f"{where}: a quotation mark that does not enclose a whole cell; remove it"
    if len(cells) != len(header):
        return f"{where}: {len(cells)} cells, but the header names {len(header)} columns{_hint(line, cells, header)}"
    for name, cell in zip(header, cells, strict=True):
        try:
            read_number(cell)
        except ValueError as error:
            units = all((cell and cell[0].isalpha()) or cell[:1] in "[(°" for cell in cells)
            about = "; is this a row of units? remove it" if units and "remove" not in str(error) else ""
            return f"{where}, column {name}: {error}{about}"
    return None


def _hint(line: str, cells: list[str], header: list[str]) -> str:
    """Guess why a row has another number of cells than the header."""
    if any(mark in line for mark in ";\t"):
        return "; columns are separated by commas in these files, not by semicolons or tabs"
    if len(cells) == len(header) + 1 and not cells[-1]:
        return "; remove the comma at the end"
    if len(cells) > len(header) and all(is_plain(cell) for cell in cells):
        return "; if a comma stands for the decimal point, write a point"
    return ""


def _unprintable(line: str, where: str) -> str:
    found = UNPRINTABLE.search(line)
    assert found is not None
    if found[0] == "\0":
        return f"{where}: a NUL byte, so this is no text in UTF-8; save it as UTF-8"
    return f"{where}: the control character U+{ord(found[0]):04X} in the midst of a line; remove it"
