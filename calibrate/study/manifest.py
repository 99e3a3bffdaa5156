"""A study's manifest: a CSV with one knee a row.

`knee` is the knee's id, `config` a TOML file, relative to the manifest. A column with a dot in its name is a key of the
configuration that the cell sets, like `data.file` or `parameters.mcl.k`; an empty cell leaves what the TOML says. Every
other column is a covariate: numbers if all of its cells are, else text; an empty cell is no covariate of that knee. A
column of names that are digits is text, too, where numbers would lose them: a cell has more than 15 digits, or two
cells differ and are one number, like `007` and `7`. Lines that begin with `#` are comments.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibrate.complaints import did_you_mean
from calibrate.config import Config
from calibrate.decimals import is_error_value, is_plain, read_number, shown
from calibrate.errors import ConfigError
from calibrate.files import read_text
from calibrate.table import UNPRINTABLE

KNEE, CONFIG = "knee", "config"
# Of a knee's id, which may become the name of a file.
LONGEST_ID = 64
_FORBIDDEN = re.compile(r"[/\\]|^\.|^#")
_SEED = "sampling.seed"
# What a cell is that says more than a number or a word: a table, a list, a text in quotes, true or false.
_TOML = re.compile(r"[{\[\"']|(?:true|false)$")
# A number that may be a name, like `007` or `1E5`, and the digits that a number keeps for certain.
_NAME = re.compile(r"[0-9]+(?:[eE][0-9]+)?")
_DIGITS = 15


@dataclass(frozen=True)
class Row:
    """A knee of a manifest.

    Attributes
    ----------
    knee : str
        Its id.
    config : str
        The TOML file, as the cell says.
    settings : mapping
        Configuration keys with dots that cells set, and their values.
    covariates : mapping
        By column.
    line : int
        Where it stands in the manifest.
    """

    knee: str
    config: str
    settings: Mapping[str, Any]
    covariates: Mapping[str, str | float]
    line: int


def read_manifest(path: Path, shard: tuple[int, int] = (1, 1)) -> tuple[int, list[Row]]:
    """Read a manifest.

    Parameters
    ----------
    path : Path
        The CSV.
    shard : tuple of int
        Which part of the rows to keep, `(i, n)`: those with numbers `i, i + n, i + 2 n, ...`. All are checked.

    Returns
    -------
    int
        Knees in the whole manifest.
    list of Row
        Those of the shard, in the manifest's order.

    Raises
    ------
    ConfigError
        If it is no such table: names the line, what is found there, and the remedy.
    """
    text = read_text(path, ConfigError, "CSV").removeprefix("\ufeff")
    rows = _rows(text, path)
    at, header = next(rows, (0, []))
    if not header:
        raise ConfigError(f"{path}: no header and no knees; expected columns knee, config, data.file, or the like")
    _check_header(header, f"{path}, line {at}")
    overlapping = [(one, other) for one in header for other in header if "." in one and other.startswith(f"{one}.")]
    covariates = [name for name in header if name not in (KNEE, CONFIG) and "." not in name]
    kept: list[tuple[int, dict[str, str]]] = []
    lines: dict[str, int] = {}
    textual: set[str] = set()
    names: dict[tuple[str, float], str] = {}
    for line, cells in rows:
        row = _row(header, cells, f"{path}, line {line}")
        for one, other in overlapping:
            if one in row and other in row:
                raise ConfigError(
                    f"{path}, line {line}: columns {one} and {other} both say what {one} is; leave one cell empty"
                )
        knee = _checked_id(row[KNEE], f"{path}, line {line}")
        if knee in lines:
            raise ConfigError(f"{path}, line {line}: knee {shown(knee)} is there already, in line {lines[knee]}")
        textual.update(name for name in covariates if row.get(name) and _is_text(name, row[name], names))
        if len(lines) % shard[1] == shard[0] - 1:
            kept.append((line, row))
        lines[knee] = line
    if not lines:
        raise ConfigError(f"{path}: a header but no knees below it")
    return len(lines), [_parsed(line, row, covariates, textual, path) for line, row in kept]


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that say something, each with its number, as cells without blanks around them."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not cells[0].startswith("#"):
                yield reader.line_num, cells
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: not CSV: {error}") from None


def _check_header(header: Sequence[str], where: str) -> None:
    """Refuse columns that are not named, there twice, or no key of any configuration."""
    if len(header) == 1 and (mark := next((mark for mark in ";\t" if mark in header[0]), None)):
        raise ConfigError(f"{where}: columns are separated by commas in a manifest, not by {mark!r}")
    for name, times in Counter(header).items():
        if not name:
            raise ConfigError(f"{where}: a column has no name; name it, or remove it")
        if UNPRINTABLE.search(name) or len(name) > 4 * LONGEST_ID:
            raise ConfigError(f"{where}: {shown(name)} is no name of a column")
        if times > 1:
            raise ConfigError(f"{where}: column {shown(name)} is there {times} times")
    for needed in (KNEE, CONFIG):
        if needed not in header:
            remedy = did_you_mean(needed, header, f"give each row's {'id' if needed == KNEE else 'TOML file'} in it")
            raise ConfigError(f"{where}: no column is called '{needed}'; {remedy}")
    for name in header:
        first = name.partition(".")[0]
        if "." in name and first not in Config.model_fields:
            raise ConfigError(f"{where}: {name}: unknown key; {did_you_mean(first, list(Config.model_fields))}")
        if name == _SEED:
            raise ConfigError(f"{where}: {name}: a knee's seed follows from the study's and its id; remove it")


def _row(header: Sequence[str], cells: Sequence[str], where: str) -> dict[str, str]:
    """Return a row's cells that are not empty, by column."""
    if len(cells) != len(header):
        raise ConfigError(f"{where}: {len(cells)} cells, but the header names {len(header)} columns")
    for name, cell in zip(header, cells, strict=True):
        if UNPRINTABLE.search(cell):
            raise ConfigError(f"{where}, column {name}: a control character in {shown(cell)}; remove it")
        if is_error_value(cell):
            raise ConfigError(f"{where}, column {name}: {shown(cell)} is a spreadsheet's error value; fill it in")
        if not cell and name in (KNEE, CONFIG):
            raise ConfigError(f"{where}, column {name}: the cell is empty; fill it in")
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell}


def _checked_id(knee: str, where: str) -> str:
    """Return a knee's id, or refuse one that could be no file's name."""
    if len(knee.encode()) > LONGEST_ID or not knee.isprintable() or _FORBIDDEN.search(knee):
        raise ConfigError(
            f"{where}: knee {shown(knee)}: an id has up to {LONGEST_ID} bytes, no slash, and no dot or # in front"
        )
    return knee


def _is_text(column: str, cell: str, names: dict[tuple[str, float], str]) -> bool:
    """Tell whether a cell is more than its number says; names, by column and number, are those met before."""
    if not _NAME.fullmatch(cell):
        return not is_plain(cell)
    long = cell.isdigit() and len(cell.lstrip("0")) > _DIGITS
    return long or names.setdefault((column, float(cell)), cell) != cell


def _parsed(line: int, row: Mapping[str, str], covariates: Sequence[str], textual: set[str], path: Path) -> Row:
    settings = {}
    for name, cell in row.items():
        if "." in name:
            settings[name] = _value(name, cell, f"{path}, line {line}, column {name}")
    found: dict[str, str | float] = {}
    for name in covariates:
        if name in row:
            found[name] = row[name] if name in textual else _number(row[name], f"{path}, line {line}, column {name}")
    return Row(row[KNEE], row[CONFIG], settings, found, line)


def _value(name: str, cell: str, where: str) -> Any:
    """Return what a cell says of a configuration key: a number, what TOML makes of it, or the text that it is."""
    if name.endswith(".file"):  # may be called 12
        return cell
    if is_plain(cell):
        number = _number(cell, where)
        return int(cell) if re.fullmatch(r"[+-]?[0-9]{1,19}", cell) else number
    if not _TOML.match(cell):
        return cell
    try:
        return tomllib.loads(f"value = {cell}")["value"]
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{where}: {shown(cell)} is no value; write a number, a text, or a table like {{ lower = 5, upper = 200 }}"
        ) from None


def _number(cell: str, where: str) -> float:
    try:
        return read_number(cell)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
