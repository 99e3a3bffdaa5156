"""What was imported as a picture: of plain characters for a terminal, or a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calibrate.importing.convert import Imported
from calibrate.texts import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 46, 13
_UNITS = {"deg": "°", "rad": "rad"}


def in_characters(imported: Imported) -> list[str]:
    """Return lines of plain characters, at most 60 wide: load upwards, angle to the right.

    `o` stands for a reading, `8` for several; `|` and `-` are where angle and load are zero.
    """
    found = imported.measurement
    low, high = _ends(found.angles)
    bottom, top = _ends(found.loads)
    grid = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    across, down = _cell(0.0, low, high, _WIDTH), _HEIGHT - 1 - _cell(0.0, bottom, top, _HEIGHT)
    for row in grid:
        row[across] = "|"
    grid[down] = ["-"] * _WIDTH
    grid[down][across] = "+"
    for angle, load in zip(found.angles.tolist(), found.loads.tolist(), strict=True):
        line, column = grid[_HEIGHT - 1 - _cell(load, bottom, top, _HEIGHT)], _cell(angle, low, high, _WIDTH)
        line[column] = "8" if line[column] in "o8" else "o"
    labels = {0: f"{top:.3g}", _HEIGHT - 1: f"{bottom:.3g}", down: "0"}
    lines = [f"{labels.get(i, ''):>8} {''.join(row).rstrip()}" for i, row in enumerate(grid)]
    unit = "N.m" if found.kind == "moment" else "N"
    left, right = f"{low:.3g}", f"{high:.3g} {'deg' if found.angle_unit == 'deg' else 'rad'}"
    lines.append(" " * 9 + left + right.rjust(_WIDTH - len(left)))
    return [f"{found.kind} in {unit}, {imported.positive} positive".rjust(9), *lines]


def _ends(values: np.ndarray) -> tuple[float, float]:
    """Return an axis that holds all values and zero."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _cell(value: float, low: float, high: float, count: int) -> int:
    return min(count - 1, max(0, round((value - low) / (high - low) * (count - 1))))


def figure(imported: Imported) -> Figure:
    """Return a figure of the readings; loading and unloading are told apart where the order says so."""
    from calibrate.figures.style import COLUMN_WIDTH, ENSEMBLES, FAINT, SMALL, TEXT, dress, new_figure, open_frame

    found = imported.measurement
    drawn = new_figure(COLUMN_WIDTH, 70.0)
    ax = drawn.add_subplot()
    ax.axhline(0.0, color=FAINT, linewidth=0.5)
    ax.axvline(0.0, color=FAINT, linewidth=0.5)
    parts = [(np.ones(found.angles.size, dtype=bool), "readings", "o")]
    if found.direction is not None:
        up = found.direction > 0.0
        parts = [(up, "load going up", "^"), (~up, "load going down", "v")]
    for (rows, label, marker), colour in zip(parts, ENSEMBLES, strict=False):
        ax.plot(found.angles[rows], found.loads[rows], marker, ms=2.5, mec=colour, mfc="none", mew=0.6, label=label)
    ax.set_xlabel(f"angle [{_UNITS[found.angle_unit]}], {imported.positive} positive")
    ax.set_ylabel(f"{found.kind} [{found.unit}]")
    ax.set_title(_short(printable(imported.source.name)), fontsize=TEXT, loc="left", parse_math=False)
    if found.direction is not None:
        ax.legend(fontsize=SMALL, frameon=False)
    dress(ax)
    open_frame(ax)
    return drawn


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:19]}…{name[-20:]}"
