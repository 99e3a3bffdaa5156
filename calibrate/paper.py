"""Tables that fit: what is wider than a terminal is cut between columns, and set one below the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

# Of the width, what the names of rows may take at the most where a table is cut; longer ones are folded.
_NAMES = 0.5


class Paper(Console):
    """A console whose tables are never cropped, as long as a column fits."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as `rich.console.Console` does; a table alone, in as many pieces as it needs."""
        if len(objects) == 1 and isinstance(objects[0], Table):
            objects = tuple(pieces(objects[0], self.width))
        for one in objects if objects and isinstance(objects[0], Table) else [objects]:
            super().print(*(one if isinstance(one, tuple) else (one,)), **options)


def pieces(table: Table, width: int) -> Iterator[Table]:
    """Yield a table whole if it fits into so many columns, else some of its columns at a time.

    Each piece begins with the first column, which says what its rows are.
    """
    widths = [_width(column) for column in table.columns]
    if _across(table, widths) <= width or len(widths) < 2:
        yield table
        return
    names = min(widths[0], math.floor(_NAMES * width))
    group: list[int] = []
    for i in range(1, len(widths)):
        if group and _across(table, [names, *(widths[j] for j in group), widths[i]]) > width:
            yield _part(table, [0, *group], names, width)
            group = []
        group.append(i)
    yield _part(table, [0, *group], names, width)


def _across(table: Table, widths: Sequence[int]) -> int:
    """Return the width of a table whose columns have these: padding, a blank between columns, one at each end."""
    _, right, _, left = table.padding
    return sum(widths) + len(widths) * (right + left + 1) + 1


def _width(column: Column) -> int:
    lines = [line for cell in (column.header, *column.cells) for line in str(cell).split("\n")]
    return max(map(cell_len, lines), default=0)


def _part(table: Table, columns: list[int], names: int, width: int) -> Table:
    """Return a table of some columns, the first of which is no wider than `names`; what fits no line is folded."""
    part = Table(
        title=table.title,
        box=table.box,
        title_justify=table.title_justify,
        title_style=table.title_style,
        padding=table.padding,
    )
    for i in columns:
        column = table.columns[i]
        part.add_column(
            column.header,
            justify=column.justify,
            no_wrap=column.no_wrap and i > 0 and _across(table, [names, _width(column)]) <= width,
            overflow="fold",
            max_width=names if i == 0 else None,
        )
    for row in zip(*(table.columns[i].cells for i in columns), strict=True):
        part.add_row(*row)
    return part
