"""Excel's workbooks (.xlsx, .xlsm), read by openpyxl: stored values only, nothing is computed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calibrate.errors import DataError
from calibrate.importing.guard import check_zip, reading
from calibrate.importing.source import Column, Readings, Source, UnansweredError, from_cells, names_in
from calibrate.layout import Layout, find_layout, fitted
from calibrate.texts import printable

_FORM = "an Excel workbook"
# A reader in Python takes some microseconds for each cell. A sheet has no more rows in Excel itself.
_MOST_UNPACKED, _MOST_CELLS, _MOST_ROWS = 2**27, 2**22, 2**20
_DATE = "the date or time"  # what Excel makes of 4.5
_Rows = list[tuple[int, list[str]]]


def read_workbook(content: bytes, path: Path, sha256: str, *, sheet: str | None = None) -> Source:
    """Read a sheet of a workbook; of several with numbers, the user says which.

    Raises
    ------
    DataError
        If there is no table in it.
    """
    with reading(path, _FORM):
        check_zip(content, path, _MOST_UNPACKED)
        found = _sheets(content, path, sheet)
    where = printable(path)
    tables = {name: (rows, layout) for name, (rows, layout) in found.items() if layout is not None}
    if sheet is not None and sheet not in found:
        raise DataError(f"{where}: has no sheet {printable(sheet)!r}; it has {_listed(found)}")
    if not tables:
        _refuse_formulas(content, path, [name for name in found if sheet in (None, name)])
        which = f"sheet {printable(sheet)!r}" if sheet is not None else "no sheet"
        raise DataError(f"{where}: {which} holds {'no' if sheet is not None else 'a'} table of numbers below a header")
    if len(tables) > 1:
        raise UnansweredError(
            f"{where}: has tables on the sheets {_listed(tables)}; choose one with --sheet", "--sheet", tuple(tables)
        )
    name, (rows, layout) = next(iter(tables.items()))
    return _source(content, path, sha256, name, rows, layout)


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(repr(printable(name)) for name in list(names)[:10])


def _sheets(content: bytes, path: Path, only: str | None) -> dict[str, tuple[_Rows, Layout | None]]:
    """Return the rows of each sheet, or of one of them, and the layout if there is a table."""
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    found: dict[str, tuple[_Rows, Layout | None]] = {}
    for sheet in book.worksheets:
        if only is not None and sheet.title != only:
            found[sheet.title] = ([], None)
            continue
        rows = _rows(sheet, path)
        layout = find_layout(rows)
        found[sheet.title] = rows, layout if layout is not None and len(layout.header) > 1 else None
    return found


def _rows(sheet: Any, path: Path) -> _Rows:
    """Return the rows that hold something, all of one width, as text."""
    sheet.reset_dimensions()  # what the file says of its size is not to be relied on
    rows: _Rows = []
    count = width = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            rows.append((number, cells))
            count += len(cells)
            width = max(width, len(cells))
        if count > _MOST_CELLS or number > _MOST_ROWS or width * len(rows) > 4 * _MOST_CELLS:
            raise DataError(
                f"{printable(path)}: has more than {_MOST_CELLS:,} cells or {_MOST_ROWS:,} rows; export the columns "
                "that are needed as CSV"
            )
    return [(number, cells + [""] * (width - len(cells))) for number, cells in rows]


def _text(value: Any) -> str:
    """Return a cell's value as text; numbers so that they are read back to the last bit."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return value.strip()
    return f"{_DATE} {value}"


def _source(content: bytes, path: Path, sha256: str, sheet: str, rows: _Rows, layout: Layout) -> Source:
    where = f"{printable(path)}, sheet {printable(sheet)!r}"
    names = names_in(layout, f"{where}, row")
    body = [
        (number, fitted(cells, layout)) for number, cells in rows if number > max(layout.header_at, layout.units_at)
    ]

    def read(wanted: Sequence[int], decimal: str | None) -> Readings:
        empty = {number for number, cells in body if not all(cells[at : at + 1] != [""] for at in wanted)}
        if empty:
            _refuse_formulas(content, path, [sheet], empty, wanted)
        for number, cells in body:
            for at in wanted:
                if cells[at : at + 1] and cells[at].startswith(_DATE):
                    raise DataError(
                        f"{where}, row {number}, column {printable(names[at])}: {cells[at]}, which a spreadsheet may "
                        "have made of a number; enter the number again"
                    )
        return from_cells(body, wanted, names, where, decimal)

    columns = tuple(Column(name, unit) for name, unit in zip(names, layout.units, strict=True))
    notes = [f"row {layout.units_at} holds units"] if layout.units_at else []
    if layout.above:
        notes.append(f"{len(layout.above)} row{'s' if len(layout.above) > 1 else ''} above the header left out")
    return Source(path, sha256, f"workbook, sheet {printable(sheet)!r}", columns, read, "row", tuple(notes))


def _refuse_formulas(
    content: bytes, path: Path, sheets: Sequence[str], rows: set[int] | None = None, columns: Sequence[int] = ()
) -> None:
    """Refuse formulas whose values nobody has stored, in some rows and columns that are empty, or anywhere."""
    import openpyxl

    with reading(path, _FORM):
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        for name in sheets:
            book[name].reset_dimensions()
            for number, row in enumerate(book[name].iter_rows(values_only=True), start=1):
                cells = row if rows is None else [row[at] for at in columns if at < len(row)]
                if (rows is None or number in rows) and any(map(_is_formula, cells)):
                    where = f"{printable(path)}, sheet {printable(name)!r}, row {number}"
                    raise DataError(
                        f"{where}: a formula without a stored value; "
                        "open the file in a spreadsheet program and save it, or save the values alone"
                    )


def _is_formula(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith("=")
    return type(value).__name__ in ("ArrayFormula", "DataTableFormula")
