"""Text as laboratories write it, and OpenSim's tables (.sto, .mot), which are text with a head of their own."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from calibrate.dialects import SEPARATORS, body_of, find_separator, lost_rows
from calibrate.errors import DataError
from calibrate.importing.source import Column, Readings, Source, from_cells, names_in
from calibrate.layout import Layout
from calibrate.spellings import name_of
from calibrate.table import UNPRINTABLE, lines_of
from calibrate.texts import printable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMED = {"comma": ",", "semicolon": ";", "tab": "\t", "blank": " ", "space": " ", "\\t": "\t"}
_HEAD_ENDS = re.compile(r"^\s*endheader\s*$", re.IGNORECASE)
_LONGEST = 2**17  # characters of a line
# How far an OpenSim head may reach.
_HEAD = 1000


def decoded(content: bytes, where: str, encoding: str | None = None) -> tuple[str, str]:
    """Return a text, and what its encoding was taken for if it is not UTF-8.

    Raises
    ------
    DataError
        If it is no text, or not in that encoding.
    """
    found = encoding or next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if found is None and b"\0" in content[:4096]:
        found = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be" if content[:1] == b"\0" else None
        if found is None:
            raise DataError(f"{where}: holds NUL bytes, so it is no text, and no other format that is known here")
    for name in [found] if found else ["utf-8", "cp1252", "latin-1"]:
        try:
            text = content.decode(name)
        except LookupError:
            raise DataError(f"{where}: '{printable(name)}' is no encoding; use one like utf-8 or latin-1") from None
        except UnicodeDecodeError as error:
            if found:
                raise DataError(
                    f"{where}: is no text in {printable(found)} (byte {error.start}); say its encoding with --encoding"
                ) from None
            continue
        said = {"utf-8": "", "utf-8-sig": "", "cp1252": "Windows-1252"}.get(name.lower(), name.upper())
        return text.removeprefix("\ufeff"), said
    raise AssertionError("Latin-1 has all bytes")


def read_text_table(
    content: bytes,
    path: Path,
    sha256: str,
    *,
    separator: str | None = None,
    encoding: str | None = None,
) -> Source:
    """Read text: which separators, where the header, which columns.

    Raises
    ------
    DataError
        If there is no table in it.
    """
    where = printable(path)
    text, said = decoded(content, where, encoding)
    if not text.strip():
        raise DataError(f"{where}: is empty")
    odd = UNPRINTABLE.search(text.replace("\r", "")) is not None
    for number, line in lines_of(text):
        if odd and (found := UNPRINTABLE.search(line)) is not None:
            raise DataError(f"{where}, line {number}: the control character U+{ord(found[0]):04X}; remove it")
        if len(line) > _LONGEST:
            raise DataError(f"{where}, line {number}: has {len(line):,} characters, more than a row of a table may")
    head = _head_of(text)
    if head is not None:
        return _opensim(text, head, path, sha256)
    given = None if separator is None else _NAMED.get(separator.lower(), separator)
    if given is not None and given not in SEPARATORS:
        raise DataError(f"--separator {printable(separator)}: use one of comma, semicolon, tab, blank")
    chosen, layout = find_separator(text, where, given)
    form = f"text, cells separated by {SEPARATORS[chosen]}"
    return _source(text, chosen, layout, path, sha256, form, _notes(layout, said))


def _notes(layout: Layout, encoding: str) -> tuple[str, ...]:
    notes = [f"encoding {encoding}"] if encoding else []
    if layout.units_at:
        notes.append(f"line {layout.units_at} holds units")
    if layout.above:
        count = len(layout.above)
        notes.append(f"{count} line{'s' if count > 1 else ''} above the header left out")
    if not layout.header_at:
        notes.append("no header: columns have numbers for names")
    return tuple(notes)


def _source(
    text: str, separator: str, layout: Layout, path: Path, sha256: str, form: str, notes: tuple[str, ...]
) -> Source:
    where = printable(path)
    if (lost := lost_rows(text, separator, layout)) is not None:
        raise DataError(f"{where}, line {lost[0]}: {lost[1]}")
    names = names_in(layout, f"{where}, line")

    def rows() -> Iterator[tuple[int, list[str]]]:
        return body_of(text, separator, layout)

    def read(wanted: Sequence[int], decimal: str | None) -> Readings:
        plain = separator == "," and '"' not in text
        return from_cells(rows(), wanted, names, where, decimal or ("." if plain else None), "line")

    columns = tuple(Column(name, unit) for name, unit in zip(names, layout.units, strict=True))
    return Source(path, sha256, form, columns, read, "line", notes)


class _Head(NamedTuple):
    """OpenSim's head: the line that ends it, and its `key=value` pairs in lower case."""

    end: int
    said: dict[str, str]


def _head_of(text: str) -> _Head | None:
    said: dict[str, str] = {}
    for number, line in lines_of(text):
        if _HEAD_ENDS.match(line):
            return _Head(number, said)
        if number > _HEAD:
            return None
        key, equals, value = line.partition("=")
        if equals:
            said[key.strip().lower()] = value.strip().lower()
    return None


def _opensim(text: str, head: _Head, path: Path, sha256: str) -> Source:
    """Read an OpenSim table: columns are separated by blanks or tabs; degrees or radians are said in the head."""
    where = printable(path)
    degrees = head.said.get("indegrees")
    if degrees not in ("yes", "no"):
        raise DataError(f"{where}: its head does not say inDegrees=yes or inDegrees=no; add which")
    lines = [f"# {line}" if number <= head.end else line for number, line in lines_of(text)]
    first = next((line for line in lines[head.end :] if line.strip()), "")
    separator = "\t" if "\t" in first.strip() else " "
    body = "\n".join(line.strip() if separator == " " else line for line in lines)
    chosen, layout = find_separator(body, where, separator)
    rows = sum(1 for _ in body_of(body, chosen, layout))
    for key, found in (("nrows", rows), ("datarows", rows), ("ncolumns", len(layout.header))):
        stated = head.said.get(key)
        if stated is not None and stated != str(found):
            raise DataError(
                f"{where}: its head says {key}={printable(stated)}, and there are {found}; is the file whole?"
            )
    if layout.header_at and layout.above:
        raise DataError(f"{where}: lines between its head and the names of its columns; remove them")
    said = f"inDegrees={degrees}"
    source = _source(body, chosen, layout, path, sha256, "OpenSim table", (said,))
    units = {"angle": "deg" if degrees == "yes" else "rad", "moment": "N·m", "force": "N"}
    units["flexion"] = units["angle"]
    columns = tuple(
        Column(column.name, units.get(name_of(column.name).quantity, "")) if not column.unit else column
        for column in source.columns
    )
    return Source(path, sha256, source.form, columns, source.read, "line", source.notes)
