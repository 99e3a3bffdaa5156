"""How a glance at a run looks: lines and a table for a terminal, one line elsewhere."""

from __future__ import annotations

import math
import shlex

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from calibrate.texts import printable
from calibrate.watching.glance import Glance, Line

_BARS, _PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_LEAST, _MOST = 8, 32  # columns of a course
_NUMBERS = 30  # columns of the table that hold numbers
_LONGEST = 34  # of a name
_AROUND = 6  # lines above and below the parameters
_MISSED = "bold yellow"
_STYLES = {"warning": "yellow", "note": "cyan"}


def view(found: Glance, console: Console, hint: str = "") -> RenderableType:
    """Return what a terminal shows: where the run is, what it lacks, and its parameters.

    Parameters
    ----------
    found : Glance
        The look.
    console : Console
        Where it is shown: its width, height, colours and letters count.
    hint : str
        What the keys do.
    """
    texts = [Text(printable(headline(found)), style="bold"), *(Text(printable(line)) for line in remarks(found))]
    lines = [line for line in found.lines if line.trail.size]
    above = sum(len(text.wrap(console, console.width)) for text in texts)
    most = max(3, console.height - above - _AROUND)
    left_out = max(0, len(lines) - most)
    if left_out:
        worst = sorted(range(len(lines)), key=lambda i: -_distance(lines[i], found))[:most]
        lines = [lines[i] for i in sorted(worst)]
        texts.append(Text(f"the {most} of {most + left_out} that are farthest from what is asked for:"))
    parts: list[RenderableType] = [*texts]
    if lines:
        parts.append(_table(lines, found, console))
    parts += [Text(printable(sentence), style=_STYLES[kind]) for kind, sentence in findings(found)]
    if hint:
        parts.append(Text(hint, style="dim"))
    return Group(*parts)


def headline(found: Glance) -> str:
    """Say in one line how far a run is."""
    state = {"running": "running", "killed": "its process is gone", "ended": "at rest"}[found.state]
    if found.state == "ended" and found.verdict is not None:
        state = "converged" if found.converged else "ended, NOT CONVERGED"
    parts = [f"{found.path}: {state}", f"{found.steps} steps"]
    if found.rate is not None:
        parts.append(f"{found.rate:.3g} steps/s")
    if math.isfinite(found.acceptance):
        parts.append(f"{100 * found.acceptance:.0f} % accepted")
    return ", ".join(parts)


def remarks(found: Glance) -> list[str]:
    """Say what a run lacks, how much longer it takes, and what to do if nobody goes on with it."""
    said = []
    if found.verdict is None:
        said.append("nothing is stored yet")
    elif found.state == "running" or not found.converged:
        said.append(found.verdict.sentence)
    if found.verdict is not None and not found.converged:
        more = found.verdict.more_steps
        if more:
            left = found.seconds_left
            said.append(f"by the pace so far about {more} more steps{'' if left is None else f', {duration(left)}'}")
        elif found.state != "running" and "calibrate resume" not in found.verdict.advice:  # that is said below
            said.append(found.verdict.advice)
    if found.state == "killed":
        said.append("nobody writes this file any more, and it was not finished: its process was killed")
    if found.state != "running" and not found.converged:
        said.append(f"what is stored is whole; to go on: calibrate resume {shlex.quote(str(found.path))}")
    return said


def findings(found: Glance) -> list[tuple[str, str]]:
    """Return the findings as kind and sentence; what `remarks` say already is left out."""
    others = (one for one in found.findings if one.code != "not-converged")
    return [(one.kind, f"{one.kind}: {one}") for one in others]


def plain(found: Glance) -> str:
    """Return a glance as one line."""
    parts = [headline(found)]
    numbers = [line for line in found.lines if math.isfinite(line.rhat)]
    if numbers:
        worst = max(numbers, key=lambda line: line.rhat)
        least = min(numbers, key=lambda line: min(line.ess_bulk, line.ess_tail))
        parts.append(f"R-hat {worst.rhat:.3f} ({worst.name}; below {found.max_rhat:g} wanted)")
        ess = min(least.ess_bulk, least.ess_tail)
        parts.append(f"ESS {ess:.0f} ({least.name}; {found.min_ess:g} wanted)")
    return printable("; ".join([*parts, *remarks(found)]))


def spark(trail: NDArray[np.float64], spread: float, width: int, bars: str = _BARS) -> str:
    """Draw a course with one letter for each column.

    It fills the height if it moves by more than two standard deviations of the walkers; a course that has settled
    moves little, and looks so.
    """
    finite = trail[np.isfinite(trail)]
    if not finite.size:
        return ""
    shown = trail[np.linspace(0, trail.size - 1, min(width, trail.size)).round().astype(int)]
    low, high = float(finite.min()), float(finite.max())
    slack = max(0.0, 2.0 * spread - (high - low)) / 2.0 if math.isfinite(spread) else 0.0
    low, high = low - slack, high + slack
    scaled = np.zeros(shown.size) if high <= low else (shown - low) / (high - low)
    heights = np.clip((np.nan_to_num(scaled) * len(bars)).astype(int), 0, len(bars) - 1)
    return "".join(bars[height] for height in heights)


def duration(seconds: float) -> str:
    """Return a time as a person says it.

    Examples
    --------
    >>> duration(8.4), duration(100.0), duration(9000.0)
    ('8 s', '2 min', '2.5 h')
    """
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"


def _table(lines: list[Line], found: Glance, console: Console) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", max_width=_LONGEST)  # what may wrap gives way first, so that numbers stay
    width = min(_MOST, console.width - min(_LONGEST, max(len(line.name) for line in lines)) - _NUMBERS)
    if width >= _LEAST:
        table.add_column("mean of all walkers" if width > _LEAST + _LEAST else "mean", no_wrap=True, width=width)
    heads = (f"R-hat\n< {found.max_rhat:g}", f"ESS\n≥ {found.min_ess:g}", "tails")
    bars = _BARS
    if not str(console.encoding).lower().startswith("utf"):
        bars, heads = _PLAIN_BARS, (heads[0], heads[1].replace("≥", ">="), heads[2])
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(
            Text(printable(line.name), no_wrap=True, overflow="ellipsis"),
            *([Text(spark(line.trail, line.spread, width, bars))] if width >= _LEAST else []),
            _number(line.rhat, ".3f", line.rhat < found.max_rhat),
            _number(line.ess_bulk, ".0f", line.ess_bulk >= found.min_ess),
            _number(line.ess_tail, ".0f", line.ess_tail >= found.min_ess),
        )
    return table


def _number(value: float, form: str, met: bool) -> Text:
    """Return a number, with a mark if it does not suffice: colours alone are not seen by all."""
    if math.isnan(value):
        return Text("-")
    return Text(format(value, form)) if met else Text(f"{value:{form}}!", style=_MISSED)


def _distance(line: Line, found: Glance) -> float:
    """Return how far a parameter is from what is asked for, unknown ones the farthest."""
    if math.isnan(line.rhat):
        return math.inf
    ess = max(min(line.ess_bulk, line.ess_tail), 1e-9)
    return max((line.rhat - 1.0) / (found.max_rhat - 1.0), found.min_ess / ess)
