"""A population for people: its parameters as a table."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from calibrate.population.draws import PopulationDraws
from calibrate.screen import console, page
from calibrate.texts import count, printable

_LARGEST = 1000


def show(draws: PopulationDraws) -> None:
    """Print the population's parameters and how far they have converged."""
    found = draws.summary()
    table = _table(f"Population of {count(len(draws.population.ids), 'knee')}", found["population"])
    with page(console(sys.stdout, _LARGEST).measure(table).maximum) as paper:
        paper.print(table)
    _show_correlations(found["population"])
    print(f"{found['verdict']}; {found['steps']} steps, the first {found['burn_in']} left out")
    print("log_k is that of N/mm; sd is between knees, person_sd between persons; corr between knees")
    if draws.population.pairs:
        print("of one person's knees sd and corr are what is left beside what they have in common")


def _table(title: str, found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a row for each parameter but correlations."""
    out = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("parameter", "mean", "sd", "5 %", "95 %", "R-hat", "ESS"):
        out.add_column(name, justify="left" if name == "parameter" else "right", no_wrap=True)
    for name, entry in found.items():
        if "corr(" in name:
            continue
        numbers = [_number(entry[key]) for key in ("mean", "sd", "q5", "q95")]
        rhat = "?" if entry["rhat"] is None else f"{entry['rhat']:.3f}"
        known = [entry[key] for key in ("ess_bulk", "ess_tail")]
        cells = [_short(name), *numbers, rhat, "?" if None in known else f"{min(known):.0f}"]
        out.add_row(*(Text(printable(cell)) for cell in cells))
    return out


def _show_correlations(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print those correlations whose 90 % interval leaves out nought."""
    every = {name: entry for name, entry in found.items() if "corr(" in name}
    told = {name: entry for name, entry in every.items() if entry["q5"] > 0.0 or entry["q95"] < 0.0}
    for name, entry in told.items():
        print(f"{_short(name)}: {_number(entry['median'])} ({_number(entry['q5'])} to {_number(entry['q95'])})")
    if len(told) < len(every):
        print(f"{count(len(every) - len(told), 'correlation')} of {len(every)}: not told from none (--json has all)")


def _short(name: str) -> str:
    """Return a parameter's name as it fits into a line."""
    return name.removeprefix("population.").replace("reference_strain", "strain")


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
