"""How a population looks on a terminal: the verdict, then its parameters, in their own units where they have any."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from calibrate.population.components import LOG, Component
from calibrate.screen import console, page
from calibrate.texts import count, digits, printable, shown

if TYPE_CHECKING:
    from calibrate.population.file import Stored

_LARGEST = 1000


def show(path: Path, stored: Stored) -> None:
    """Print a population to stdout."""
    draws = stored.draws
    content, population = draws.summary(), draws.population
    table = _table(content["population"])
    with page(console(sys.stdout, _LARGEST).measure(table).maximum) as paper:

        def say(text: str, style: str | None = None) -> None:
            paper.print(printable(text), style=style, markup=False, soft_wrap=True)

        state = "converged" if draws.converged else "not converged"
        say(f"{path}: {state}", "bold" if draws.converged else "bold yellow")
        if not draws.converged:
            say(draws.verdict.sentence, "yellow")
        how = "made of finished calibrations" if stored.run is None else "sampled jointly"
        say(f"{count(len(population.ids), 'knee')} of {stored.study}, {how}; {content['steps']:,} steps")
        paper.print(table)
        for line in _middles(content["population"], population.components):
            say(line)
        say(
            "assumed: components are normal over knees, with linear effects of covariates; knees are a sample of the "
            "population that is meant; priors and bounds that configurations give to components are replaced"
        )


def _table(entries: dict[str, dict[str, float | None]]) -> Table:
    out = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, heading in enumerate(["", "median", "2.5 %", "97.5 %", "sd", "rhat", "ess"]):
        out.add_column(heading, justify="left" if i == 0 else "right", no_wrap=True)
    for name, entry in entries.items():
        form = digits(entry["median"], entry["sd"])
        numbers = [shown(entry[key], form) for key in ("median", "q2.5", "q97.5")]
        worst = min(entry["ess_bulk"] or 0.0, entry["ess_tail"] or 0.0)
        cells = [name.removeprefix("population."), *numbers, shown(entry["sd"], ".3g")]
        cells += [shown(entry["rhat"], ".3f"), f"{worst:.0f}"]
        out.add_row(*(Text(printable(cell)) for cell in cells))
    return out


def _middles(entries: dict[str, dict[str, float | None]], components: tuple[Component, ...]) -> list[str]:
    """Return what logarithms mean: the middle knee, and the factor that one standard deviation is."""
    lines = []
    for one in components:
        mean, sd = (entries[f"population.{one.name}.{key}"]["median"] for key in ("mean", "sd"))
        if one.transform == LOG and mean is not None and sd is not None:
            unit = " N/mm" if one.key == "log_k" else ""
            name = f"{one.strand}.{one.key.removeprefix('log_')}"
            middle = f"{name}: the middle knee has {math.exp(mean):.4g}{unit}"
            lines.append(f"{middle}, two of three are within a factor of {math.exp(sd):.3g} of it")
    return lines
