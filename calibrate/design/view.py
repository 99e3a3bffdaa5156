"""How a ranking of candidates looks on a terminal. What it says is `choice`'s."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from calibrate.screen import page
from calibrate.texts import printable

# Candidates that a table shows.
_ROWS = 40


def table(content: Mapping[str, Any], path: Path) -> None:
    """Print what `Design.content` returns to stdout."""
    unit = f" {content['unit']}" if content["unit"] else ""
    test = f", test {content['test']}" if content["test"] else ""
    with page() as paper:
        paper.print(f"{printable(path)}{printable(test)}", style="bold", markup=False, soft_wrap=True)
        now = f"{content['mean']:.4g} ± {content['sd']:.3g}{unit}"
        paper.print(f"{printable(content['target'])} is {now}; {content['draws']} draws", markup=False, soft_wrap=True)
        found = Table(
            title="What to measure next",
            box=box.SIMPLE_HEAD,
            title_justify="left",
            title_style="bold",
            padding=(0, 1, 0, 0),
        )
        found.add_column("candidate")
        load, after = f"load\n[{content['load_unit']}]", f"sd after\n[{content['unit'] or '-'}]"
        for heading in ("readings", load, after, "shrinks by\n[%]", "error\n[%]"):
            found.add_column(Text(heading), justify="right", no_wrap=True)  # no markup: [deg] is a unit
        for row in content["candidates"][:_ROWS]:
            load = f"{row['loads'][0]:.2f}" if len(row["loads"]) == 1 else ""
            share = f"{'≥ ' if row['at_least'] else ''}{100.0 * row['shrinkage']:.1f}"
            cells = [
                str(row["readings"]),
                load,
                f"{row['sd_after']:.3g}",
                share,
                f"{100.0 * row['shrinkage_error']:.1f}",
            ]
            found.add_row(Text(printable(row["label"])), *map(Text, cells))
        paper.print(found)
        if len(content["candidates"]) > _ROWS:
            paper.print(f"and {len(content['candidates']) - _ROWS} more, which promise less", soft_wrap=True)
        for note in content["notes"]:
            paper.print(f"note: {printable(note)}", style="yellow", markup=False, soft_wrap=True)
