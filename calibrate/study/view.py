"""How a study looks on a terminal: the verdict, the knees that have not converged, and how the others differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from calibrate.screen import console, page
from calibrate.study.overview import Common, common, reasons, settled, spreads, troubled, verdict
from calibrate.study.table import CONVERGED, Quantity, StudyTable
from calibrate.texts import digits, elided, printable, shown

# So many knees are shown one by one; files have all of them.
_ROWS = 40
_TROUBLED = 20
_LETTERS = 24
_SENTENCE = 300
_LARGEST = 1000
_STYLES = {"warning": "yellow", "note": "cyan"}


def show(table: StudyTable) -> None:
    """Print a study to stdout."""
    tables = [one for one in (_over_knees(table), _knees(table)) if one.row_count]
    least = max((console(sys.stdout, _LARGEST).measure(one).maximum for one in tables), default=0)
    with page(least) as paper:

        def say(text: str, style: str | None = None) -> None:
            paper.print(printable(text), style=style, markup=False, soft_wrap=True)

        say(f"{elided(table.name, 80)}: {verdict(table)}", "bold" if settled(table) else "bold yellow")
        for line in _troubles(table):
            say(line, "yellow")
        for one in tables:
            paper.print(one)
        if len(table) > _ROWS:
            say(f"{len(table) - _ROWS:,} more knees: -o DIR or -o TABLE.csv writes all of them")
        for found in common(table):
            say(_finding(found), _STYLES[found.kind])
        if table.assumes:
            say(f"assumed: {'; '.join(table.assumes)}")


def _troubles(table: StudyTable) -> Iterator[str]:
    """Yield a line for each knee that has not converged, and what they miss, if they are many."""
    rows = troubled(table)
    for row in rows[:_TROUBLED]:
        yield f"{elided(table.ids[row], _LETTERS)} {table.status[row]}: {elided(table.reasons[row], _SENTENCE)}"
    if len(rows) > _TROUBLED:
        yield f"and {len(rows) - _TROUBLED:,} more"
    missed = ", ".join(f"{what} ({many:,})" for what, many in reasons(table).items())
    if len(rows) > 1 and missed:
        yield f"missed: {missed}"


def _table(title: str, headings: list[str], left: int) -> Table:
    out = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    for i, heading in enumerate(headings):
        out.add_column(heading, justify="left" if i < left else "right", no_wrap=True)
    return out


def _over_knees(table: StudyTable) -> Table:
    """Return how headline quantities differ over the knees that have converged."""
    headings = ["", "unit", "knees", "median", "5 %", "95 %", "smallest", "largest", "width of one"]
    out = _table("Medians over the knees that have converged; angles valgus positive", headings, 2)
    for one in spreads(table, headline=True):
        if one.knees:
            ends = [None if end is None else end[1] for end in (one.smallest, one.largest)]
            form = digits(one.median, one.width)
            numbers = [shown(value, form) for value in (one.median, one.low, one.high, *ends)]
            cells = [one.name, one.unit, f"{one.knees:,}", *numbers, shown(one.width, ".3g")]
            out.add_row(*(Text(printable(cell)) for cell in cells))
    return out


def _knees(table: StudyTable) -> Table:
    """Return a row for each knee, with the medians of headline quantities."""
    columns = table.headline
    if not columns:
        return Table()
    out = _table("Each knee's medians", ["", "", *(one.name for one in columns)], 2)
    for row in range(min(len(table), _ROWS)):
        status = table.status[row]
        medians = [_median(one, row) for one in columns]
        style = None if status == CONVERGED else "yellow"
        cells = [elided(table.ids[row], _LETTERS), "" if status == CONVERGED else status, *medians]
        out.add_row(*(Text(cell) for cell in cells), style=style)
    return out


def _median(quantity: Quantity, row: int) -> str:
    """Return a knee's median, to the digits that its interval leaves: of a normal one, 3.29 standard deviations."""
    value, width = quantity.median[row], quantity.high[row] - quantity.low[row]
    return shown(value, digits(value, width / 3.29 if width > 0.0 else None))


def _finding(one: Common) -> str:
    examples = ", ".join(elided(name, _LETTERS) for name in one.examples)
    more = ", ..." if one.knees > len(one.examples) else ""
    return f"{one.kind}: {one.code} of {one.knees:,} ({100.0 * one.share:.0f} %): {examples}{more}"
