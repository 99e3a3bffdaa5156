"""How a configuration's check looks on a terminal. What it says is `precheck`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibrate.screen import page
from calibrate.texts import count, printable


def tables(content: Mapping[str, Any]) -> None:
    """Print what a configuration means to stdout."""
    with page() as paper:
        _tables(paper, content)


def _tables(console: Console, content: Mapping[str, Any]) -> None:
    name = "configuration" if content["file"] is None else content["file"]
    _say(console, f"{name}: valid; {count(content['free'], 'free parameter')}", style="bold")
    for test in content["tests"]:
        label = f"{test['name']}: " if test["name"] else ""
        low, high = test["angles"]
        least, most = test["loads"]
        _say(
            console,
            f"{label}{count(test['points'], 'reading')} of {test['file']}: {test['load']} {least:g} to {most:g} "
            f"{test['unit']} at {low:g} to {high:g} degrees, {test['positive']} positive, "
            f"{test['flexion']:g} degrees of flexion",
        )
        if test["understood"]:
            _say(console, f"{label}{test['understood']}")
    if content["held_out"]:
        _say(console, f"held out, not looked at: {', '.join(content['held_out'])}")
    console.print(_parameters(content["parameters"]))
    for test in content["tests"]:
        for number, sentence in enumerate(test["sentences"]):
            _say(console, sentence, style="yellow" if number == 0 and not test["allowed"] else None)
    for warning in content["warnings"]:
        _say(console, f"warning: {warning}", style="yellow")


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(printable(text), style=style, markup=False, soft_wrap=True)


def _parameters(parameters: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table that wraps rather than crops; numbers that are nought by default are left out."""
    table = Table(
        title="Parameters", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0)
    )
    table.add_column("", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("prior, number, or what it is tied to", overflow="fold")
    for name, one in parameters.items():
        if one["state"] == "fixed" and one["value"] == 0.0:
            continue
        unit = f" {one['unit']}" if one["unit"] else ""
        what = (
            one["prior"]
            if one["state"] == "free"
            else one["to"]
            if one["state"] == "tied"
            else f"{one['value']:g}{unit}"
        )
        table.add_row(*(Text(printable(cell)) for cell in (name, one["state"], what)))
    return table
