"""How a comparison of knees looks: tables for a terminal, a picture for a page. What it says is `comparison`'s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibrate.comparison import QUANTILES
from calibrate.errors import ExportError
from calibrate.files import check_target
from calibrate.kinds import picture_of
from calibrate.screen import page
from calibrate.texts import printable

_HEADINGS = {"median": "median", "q5": "5 %", "q95": "95 %"}
_NAMES = {"calibrated": "calibrated", "changed": "changed", "difference": "change"}


def tables(content: Mapping[str, Any]) -> None:
    """Print a comparison to stdout."""
    with page() as paper:
        _tables(paper, content)


def _tables(console: Console, content: Mapping[str, Any]) -> None:
    test = f", test {content['test']}" if content["test"] else ""
    console.print(f"{printable(content['file'])}{printable(test)}", style="bold", markup=False, soft_wrap=True)
    changed = ", ".join(content["changes"]) or "nothing is changed"
    console.print(f"{printable(changed)}; {content['draws']} draws", markup=False, soft_wrap=True)
    table = _curve(content) if "curve" in content else _laxity(content)
    console.print(table)
    for note in content["notes"]:
        console.print(f"note: {printable(note)}", style="yellow", markup=False, soft_wrap=True)


def _curve(content: Mapping[str, Any]) -> Table:
    curve = content["curve"]
    title = f"{content['load'].capitalize()} [{content['unit']}] over angle [°], {content['positive']} positive"
    table = _empty(title, ("angle",), [key for key in _NAMES if key in curve])
    for i, angle in enumerate(curve["angle"]):
        cells = [_show(curve[key][name][i]) for key in _NAMES if key in curve for name in QUANTILES]
        table.add_row(Text(_show(angle)), *map(Text, cells))
    return table


def _laxity(content: Mapping[str, Any]) -> Table:
    entries = content["laxity"]
    title = f"Laxity [°] at pure moments, {content['positive']} positive"
    table = _empty(title, ("N·m", "way"), [key for key in _NAMES if key in entries[0]["total"]])
    for entry in entries:
        for way, label in (("varus", "varus"), ("valgus", "valgus"), ("total", "in all")):
            of = entry[way]
            cells = [
                _show(of[key][name], "-" if key == "difference" else "beyond")
                for key in _NAMES
                if key in of
                for name in QUANTILES
            ]
            table.add_row(Text(f"{entry['moment']:g}"), Text(label), *map(Text, cells))
    return table


def _empty(title: str, first: tuple[str, ...], columns: list[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    for heading in (*first, *_headings(columns)):
        table.add_column(heading, justify="left" if heading == "way" else "right", no_wrap=True)
    return table


def _headings(columns: list[str]) -> Iterator[str]:
    """Yield headings: what a group of columns is about stands over its first one."""
    for column in columns:
        for name, heading in _HEADINGS.items():
            yield f"{_NAMES[column]}\n{heading}" if name == "median" else f"\n{heading}"


def _show(value: float | None, otherwise: str = "-") -> str:
    return otherwise if value is None else f"{round(value, 2) + 0.0:.2f}"  # no minus before nought


def check_picture(path: Path, *read: Path) -> None:
    """Refuse a picture that could not be written, before anything is drawn.

    Raises
    ------
    ExportError
        If its ending is no picture's, or it is one of what is read, or another file than a picture of that kind.
    """
    kind = picture_of(path)
    if kind is None or path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ExportError(f"{path}: no kind of picture; use one of .png, .pdf and .svg")
    check_target(path, ExportError, kind=kind, overwrite=True, spare=read)
