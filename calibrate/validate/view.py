"""How a validation looks on a terminal: the verdict, then all quantities, the worst first."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from calibrate.screen import page
from calibrate.texts import printable
from calibrate.validate.verdict import Validation


def table(found: Validation) -> None:
    """Print a validation to stdout."""
    content = found.content()
    with page() as paper:
        lost = f"; left out: {found.lost}" if found.lost else ""
        lines = [
            f"{content['source']}: {content['verdict']}",
            f"{content['counted']} truths from the {content['over']}, each ranked among {content['draws']} draws, seed "
            f"{content['seed']}, {content['cpu_seconds']:.0f} s of the processor{lost}",
        ]
        for line, style in zip(lines, ("bold", None), strict=True):
            paper.print(printable(line), style=style, markup=False, soft_wrap=True)
        if found.quantities:
            paper.print(_table(content))
            bands = ", ".join(
                f"{each.percent} % intervals {100 * each.low:.1f} to {100 * each.high:.1f} %"
                for each in found.quantities[0].coverages
            )
            paper.print(f"right ones hold: {bands}; chances below {found.quantities[0].level:.2g} fail", soft_wrap=True)


def _table(content: dict[str, Any]) -> Table:
    out = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    out.add_column("", no_wrap=True)
    out.add_column("unit", no_wrap=True)
    intervals = list(content["quantities"][0]["coverage"])
    for heading in ("mean rank", "farthest", *(f"{percent} %" for percent in intervals), "chance"):
        out.add_column(heading, justify="right", no_wrap=True)
    out.add_column("", no_wrap=True)
    for one in content["quantities"]:
        cells = [
            one["name"],
            one["unit"],
            f"{one['mean_rank']:.3f}",
            f"{one['largest_difference']:+.3f}",
            *(f"{100 * one['coverage'][percent]['share']:.1f}" for percent in intervals),
            f"{one['chance']:.2g}",
            one["fault"],
        ]
        out.add_row(*(Text(printable(cell)) for cell in cells))
    return out
