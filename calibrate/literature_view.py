"""How published values look: tables for a terminal, one object for programs. What they say is `literature`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibrate.complaints import did_you_mean
from calibrate.errors import ConfigError
from calibrate.literature import QUANTITIES, Entry, Source, entries
from calibrate.screen import page


def chosen(structure: str | None = None) -> tuple[Entry, ...]:
    """Return the values of a structure and of its parts, and those of any structure; all of them for None.

    Raises
    ------
    ConfigError
        If nothing is listed of such a structure.
    """
    if structure is None:
        return entries()
    asked = structure.lower()
    known = sorted({entry.structure for entry in entries()} - {"any"})
    if not asked or not any(asked in name for name in known):
        raise ConfigError(f"nothing is listed of a structure '{structure}'; {did_you_mean(asked, known)}")
    return tuple(entry for entry in entries() if asked in entry.structure or entry.structure == "any")


def as_json(values: Sequence[Entry]) -> dict[str, Any]:
    """Return values and their sources as one object; no prior where the source alone makes none."""
    return {
        "values": [
            {
                **{name: content for name, content in asdict(entry).items() if name != "source"},
                "unit": entry.unit,
                "source": entry.source.key,
                "prior": None if entry.why_not or entry.missing else {"mean": entry.value, "sd": entry.stated_sd},
                "missing": entry.missing or None,
                "why_not": entry.why_not or None,
            }
            for entry in values
        ],
        "sources": {source.key: asdict(source) for source in _sources(values)},
    }


def tables(values: Sequence[Entry]) -> None:
    """Print values, and then their sources, to stdout."""
    usable = [entry for entry in values if not entry.why_not]
    others = [entry for entry in values if entry.why_not]
    with page() as paper:
        if usable:
            title = 'Priors by name, like k = { literature = "KEY" }'
            paper.print(_table(title, {"KEY": _key, "as stated": Entry.stated, "as a prior": _as_prior}, usable))
            _notes(paper, usable)
        if others:
            title = "Published as well, but no priors of parameters"
            paper.print(_table(title, {"": _key, "as stated": Entry.stated}, others))
            reasons = {entry.quantity: QUANTITIES[entry.quantity].why_not for entry in others}
            for reason in dict.fromkeys(reasons.values()):
                _line(paper, [quantity for quantity in reasons if reasons[quantity] == reason], reason)
            _notes(paper, others)
        paper.print("Sources", style="bold")
        for source in _sources(values):
            _line(paper, [source.key], f"{source.citation} (seen: {source.seen})")


def _table(title: str, columns: Mapping[str, Callable[[Entry], str]], values: Sequence[Entry]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    for heading in columns:
        table.add_column(heading, no_wrap=True)
    for entry in values:
        table.add_row(*(Text(cell(entry)) for cell in columns.values()))
    return table


def _key(entry: Entry) -> str:
    return entry.key


def _as_prior(entry: Entry) -> str:
    return f"with {entry.missing} beside it" if entry.missing else entry.prior().describe(entry.unit)


def _notes(console: Console, values: Sequence[Entry]) -> None:
    """Print each note once, with the keys that it is about."""
    for note in dict.fromkeys(entry.note for entry in values if entry.note):
        _line(console, [entry.key for entry in values if entry.note == note], note)
    console.print()


def _line(console: Console, names: Sequence[str], text: str) -> None:
    console.print(f"{', '.join(names)}: {text}", markup=False, soft_wrap=True)


def _sources(values: Sequence[Entry]) -> list[Source]:
    return list(dict.fromkeys(entry.source for entry in values))
