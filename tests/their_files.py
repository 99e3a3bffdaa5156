"""Files as laboratories write them, one test of a knee in each dialect, made anew by whoever asks."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from conftest import DATA

ANGLES = [-4.5, -4.1, -3.6, 5.6, 6.0, 6.3]
LOADS = [-6.6, -4.7, -2.8, 4.9, 7.3, 9.7]
Rows = Sequence[Sequence[object]]


def case(name: str) -> bytes:
    """Return one of the project's own small inputs."""
    return (DATA / "cases" / "csv" / f"{name}.csv").read_bytes()


def write(folder: Path, content: str | bytes, name: str = "theirs") -> Path:
    """Write a file under a name that says nothing; version 4 of MATLAB's is told by its name alone."""
    binary = content if isinstance(content, bytes) else content.encode()
    path = folder / f"{name}{'.mat' if binary[:4] == bytes(4) else '.dat'}"
    path.write_bytes(binary)
    return path


def rows(*more: Sequence[object]) -> list[list[object]]:
    """Return angle and load row by row, with further columns behind them."""
    return [list(row) for row in zip(ANGLES, LOADS, *more, strict=True)]


def text(
    header: str, *lines: str, body: Rows | None = None, sep: str = ",", mark: str = ".", end: str = "\n", tail: str = ""
) -> str:
    """Return a table as text: lines above it, the header, rows."""
    cells = [[str(cell).replace(".", mark) for cell in row] for row in (rows() if body is None else body)]
    return end.join([*lines, header, *(sep.join(row) + tail for row in cells)]) + end


def german(header: str = "Winkel [°];Moment [Nm]", *lines: str, **options: Any) -> str:
    """Return a table with semicolons and decimal commas."""
    return text(header, *lines, sep=";", mark=",", **options)


def workbook(*sheets: tuple[str, Rows], edit: Callable[[Any], None] | None = None) -> bytes:
    """Return an Excel workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    for i, (title, content) in enumerate(sheets):
        sheet = book.active if i == 0 else book.create_sheet()
        sheet.title = title
        for row in content:
            sheet.append(list(row))
    if edit is not None:
        edit(book)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def matlab(variables: dict[str, Any], **options: Any) -> bytes:
    """Return a MATLAB file of version 5, or 4."""
    from scipy.io import savemat

    held = io.BytesIO()
    savemat(held, variables, **options)
    return held.getvalue()


def matlab_73(fields: dict[str, Any], group: str = "test") -> bytes:
    """Return a MATLAB file of version 7.3, a structure in it: HDF5 behind 512 bytes of text, columns first."""
    held = io.BytesIO()
    with h5py.File(held, "w", userblock_size=512) as file:
        struct = file.create_group(group)
        struct.attrs["MATLAB_class"] = np.bytes_("struct")
        for name, values in fields.items():
            item = struct.create_dataset(name, data=np.atleast_2d(np.asarray(values, dtype=float)))
            item.attrs["MATLAB_class"] = np.bytes_("double")
    content = bytearray(held.getvalue())
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 ."
    content[: len(head)] = head
    return bytes(content)


def tdms(*channels: tuple[str, str, Sequence[float], str]) -> bytes:
    """Return a TDMS file of channels: group, name, values, unit."""
    from nptdms import ChannelObject, TdmsWriter

    held = io.BytesIO()
    with TdmsWriter(held) as writer:
        writer.write_segment(
            [
                ChannelObject(group, name, np.asarray(values, dtype=float), properties={"unit_string": unit})
                for group, name, values, unit in channels
            ]
        )
    return held.getvalue()


def opensim(
    names: Sequence[str] = ("time", "knee_adduction_r", "knee_adduction_r_moment"),
    body: Rows | None = None,
    degrees: str = "inDegrees=yes",
    count: int = 6,
) -> str:
    """Return a table of OpenSim's."""
    content = [[i / 10, *row] for i, row in enumerate(rows())] if body is None else body
    head = ["laxity", "version=1", f"nRows={count}", f"nColumns={len(names)}", *([degrees] if degrees else [])]
    lines = ["\t".join(map(str, row)) for row in [names, *content]]
    return "\n".join([*head, "endheader", *lines]) + "\n"


def formulas(stored: bool) -> bytes:
    """Return a workbook whose loads are formulas, with or without what they came to."""
    import zipfile

    content = [["Angle [deg]", "Moment [Nm]"], *([angle, f"={load}*1"] for angle, load in rows())]
    made = workbook(("data", content))
    if not stored:
        return made
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(held, "w") as new:
        for item in old.namelist():
            part = old.read(item)
            if item == "xl/worksheets/sheet1.xml":
                for load in LOADS:
                    part = part.replace(f"<f>{load}*1</f><v />".encode(), f"<f>{load}*1</f><v>{load}</v>".encode())
                    part = part.replace(f"<f>{load}*1</f><v></v>".encode(), f"<f>{load}*1</f><v>{load}</v>".encode())
            new.writestr(item, part)
    return held.getvalue()


def as_date() -> list[list[object]]:
    """Return rows in which a spreadsheet has made a date of 4.5."""
    found = rows()
    found[1][1] = datetime(2026, 5, 4)
    return [["Angle [deg]", "Moment [Nm]"], *found]


def merged(book: Any) -> None:
    """Make a title of the first row."""
    book.active.merge_cells("A1:C1")


def series(cycles: int = 2, per: int = 20, hold: int = 0) -> list[list[float]]:
    """Return time, angle and moment of a test that goes up and down, with a loop in it."""
    phase = np.linspace(0.0, 2.0 * np.pi * cycles, cycles * 4 * per + 1)
    load = 10.0 * np.sin(phase)
    angle = 0.6 * load + 0.5 * np.cos(phase)
    if hold:
        load, angle = np.repeat(load, hold), np.repeat(angle, hold)
    return [[i / 100.0, float(a), float(m)] for i, (a, m) in enumerate(zip(angle.round(4), load.round(4), strict=True))]
