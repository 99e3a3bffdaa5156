"""Tables that are not written as this program writes them: other separators, decimal commas, units, marks of comments.

What a dialect is, is told from the file, and where that leaves a choice the file is refused. The text is brought into
the plain form line by line, so that lines keep their numbers, and `calibrate.table` reads it: it stays the only reader.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from calibrate.columns import KNOWN, known_name
from calibrate.decimals import shown
from calibrate.errors import DataError
from calibrate.layout import MINUS, Layout, Row, decimal_of, find_layout, fitted, in_plain, is_some_number
from calibrate.spellings import Way, name_of
from calibrate.table import UNPRINTABLE, lines_of, lost_row

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "blanks"}
_SEP = re.compile(r"\"?sep=(.?)\"?[,;\t]*", re.IGNORECASE)
_COMMENTS = ("#", "%")
_UNIT_BEHIND = re.compile(r"(?<=\S) +(?=[\[(][^\])]*[\])])")


@dataclass(frozen=True)
class Plain:
    """A measurement file in the plain form.

    Attributes
    ----------
    text : str
        Header and numbers as `calibrate.table` reads them, line by line those of the file.
    understood : str
        What the file's dialect was taken for, in a sentence.
    way : {"varus", "valgus"} or None
        The direction that the names of angle or load speak of.
    near : bool
        Whether header and separators are those of the plain form already.
    """

    text: str
    understood: str
    way: Way | None
    near: bool


def rows_of(text: str, separator: str) -> Iterator[Row]:
    """Yield all lines that are not blank, taken apart at a separator; a blank stands for any number of them."""
    for number, line in lines_of(text):
        stripped = line.strip(" \t")
        if not stripped:
            continue
        if stripped.startswith(_COMMENTS) or (_SEP.fullmatch(stripped)):
            yield number, stripped
            continue
        yield number, _cells(line, separator)


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return [cell.replace("\u00a0", " ") for cell in re.split(" +", _UNIT_BEHIND.sub("\u00a0", line.strip(" ")))]
    if '"' in line:
        try:
            row = next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
            return [cell.strip(" \t") for cell in row]
        except csv.Error:
            return [line]  # no row of cells; its quotes are the reader's to complain of
    return [cell.strip(" \t") for cell in line.split(separator)]


def said_separator(text: str) -> str | None:
    """Return the separator that a first line like `sep=;` names for Excel."""
    for _, line in lines_of(text):
        if line.strip():
            found = _SEP.fullmatch(line.strip())
            return found[1] or None if found else None
    return None


def find_separator(text: str, source: str, given: str | None = None) -> tuple[str, Layout]:
    """Return what separates the cells of a text, and the table's layout.

    Raises
    ------
    DataError
        If there is no table, or more than one way to see one.
    """
    chosen = given or said_separator(text)
    found: dict[str, Layout] = {}
    for separator in [chosen] if chosen else SEPARATORS:
        layout = find_layout(rows_of(text, separator), partial(_cells, separator=separator))
        if layout is not None and len(layout.header) > 1:
            found[separator] = layout
    named = {separator: layout for separator, layout in found.items() if layout.header_at} or found
    if len(named) == 1:
        return next(iter(named.items()))
    if not named:
        raise DataError(f"{source}{_no_table(text, [chosen] if chosen else list(SEPARATORS))}")
    kinds = " or ".join(SEPARATORS.get(separator, shown(separator)) for separator in named)
    raise DataError(f"{source}: cells may be separated by {kinds}; say which with --separator to 'calibrate import'")


def _no_table(text: str, separators: list[str]) -> str:
    """Say why there is no table: numbers and names that do not fit each other, or none of them."""
    for separator in separators:
        above = 0
        for number, cells in rows_of(text, separator):
            if isinstance(cells, str):
                continue
            if len(cells) > 1 and all(map(is_some_number, cells)):
                if above > 1:
                    comma = "; if a comma stands for the decimal point, something else has to separate the cells"
                    return (
                        f", line {number}: {len(cells)} cells, and the line above names {above} columns"
                        f"{comma if separator == ',' else ''}"
                    )
                break
            above = len(cells)
    return ": no table of numbers with a header above it; expected are columns like angle_deg and moment_Nm"


def body_of(text: str, separator: str, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of numbers.

    Yields
    ------
    (int, list of str)
        The line's number, and its cells without empty ones beyond the header.
    """
    start = max(layout.header_at, layout.units_at)
    for number, cells in rows_of(text, separator):
        if number > start and not isinstance(cells, str):
            yield number, fitted(cells, layout)


def plain_of(text: str, source: str) -> Plain | None:
    """Bring a measurement file of another dialect into the plain form.

    Parameters
    ----------
    text : str
        The file's text.
    source : str
        Its name, for messages.

    Returns
    -------
    Plain or None
        None if there is nothing to change, so that what was wrong with the file is something else.

    Raises
    ------
    DataError
        If the dialect is a matter of choice; says what to write.
    """
    if any(UNPRINTABLE.search(line) for _, line in lines_of(text)):
        return None
    try:
        separator, layout = find_separator(text, source)
    except DataError:
        return None
    if not layout.header_at or layout.above:
        return None
    if layout.wide > len(layout.header):  # 1,2, may be a decimal comma and nothing behind it
        every = rows_of(text, separator)
        lengths = {len(cells) for at, cells in every if at > layout.header_at and not isinstance(cells, str)}
        if lengths != {layout.wide}:
            return None
    names = [name_of(name, unit) for name, unit in zip(layout.header, layout.units, strict=True)]
    header = [known_name(name, unit) for name, unit in zip(layout.header, layout.units, strict=True)]
    if separator == "," and any(name not in KNOWN for name in header):
        return None
    ways = {name.way for name, known in zip(names, header, strict=True) if name.way and known in KNOWN}
    where = f"{source}, line {layout.header_at}"
    if len(ways) > 1:
        raise DataError(
            f"{where}: one column speaks of varus and one of valgus, so they count opposite directions as positive; "
            "change the sign of one, or let 'calibrate import' do it"
        )
    decimal = "."
    if separator != "," or '"' in text:
        angle = next((name for name in header if name.startswith("angle")), "")
        rows = body_of(text, separator, layout)
        cells = ((name, cell) for _, row in rows for name, cell in zip(header, row, strict=False))
        decimal = decimal_of(cells, angle, source)
    return Plain(
        _written(text, separator, layout, header, decimal),
        _sentence(text, separator, layout, header, decimal),
        ways.pop() if ways else None,
        separator == "," and header == layout.header and not layout.units_at,
    )


def _written(text: str, separator: str, layout: Layout, header: list[str], decimal: str) -> str:
    """Write the plain form: every line where it was, comments and what is no row behind a `#`."""
    lines: list[str] = []
    start = max(layout.header_at, layout.units_at)
    change = partial(in_plain, decimal=decimal)
    for number, cells in rows_of(text, separator):
        lines += [""] * (number - 1 - len(lines))
        if number == layout.header_at:
            lines.append(",".join(_quoted(name) for name in header))
        elif isinstance(cells, str):
            lines.append(cells if cells.startswith("#") else f"# {cells}")
        elif number <= start:
            lines.append(f"# {separator.join(cells)}")
        else:
            lines.append(",".join(map(change, fitted(cells, layout))))
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if re.search('[",#]', name) else name


def _sentence(text: str, separator: str, layout: Layout, header: list[str], decimal: str) -> str:
    said = [", ".join(map(_changed, layout.header, header))]
    if separator != ",":
        said.append(f"cells separated by {SEPARATORS.get(separator, shown(separator))}")
    if decimal == ",":
        said.append("decimal commas")
    if layout.units_at:
        said.append(f"line {layout.units_at} holds units")
    if layout.wide > len(header):
        said.append("empty cells at the ends of rows left out")
    if MINUS in text:
        said.append(f"{MINUS} is a minus")
    comments = [cells for _, cells in rows_of(text, separator) if isinstance(cells, str)]
    if any(comment.startswith("%") for comment in comments):
        said.append("lines that begin with % are comments")
    if any(_SEP.fullmatch(comment) for comment in comments):
        said.append("'sep=' is Excel's")
    return f"understood as {'; '.join(said)}"


def _changed(theirs: str, ours: str) -> str:
    return ours if theirs == ours else f"{ours} (from {shown(theirs)})"


def lost_rows(text: str, separator: str, layout: Layout) -> tuple[int, str] | None:
    """Return the first comment below the header that could be a row, and what is wrong with it."""
    for number, cells in rows_of(text, separator) if "#" in text else ():
        below = number > layout.header_at and isinstance(cells, str) and cells.startswith("#")
        if below and (complaint := lost_row(str(cells))):
            return number, complaint
    return None
