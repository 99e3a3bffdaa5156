"""The forest plot: one quantity of many knees, each with its median and interval, sorted.

Up to sixty knees have a row and a name each. Of more, rows without names are as thin as the paper allows, and of more
than three hundred, knees that follow each other are drawn as one band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.figures.style import (
    BAND_50,
    BAND_90,
    ENSEMBLES,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    SHADE,
    SMALL,
    WARNING,
    dress,
    new_figure,
    open_frame,
    written,
)
from calibrate.texts import count

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Knees with a name each; rows of their own; bands of more.
NAMED, ROWS, BANDS = 60, 300, 50
_ROW = 3.6  # mm
_TALL = 130.0  # mm, of rows without names
_LETTERS = 24
# Of many knees so many are named at either end.
_ENDS = 3
_COLOURS, _MARKERS = (MEDIAN, ENSEMBLES[1], ENSEMBLES[2]), ("o", "s", "D")


@dataclass(frozen=True, eq=False)
class Estimates:
    """One way of estimating a quantity of each knee.

    Attributes
    ----------
    name : str
        For the legend, like "each knee by itself".
    median, low, high : ndarray, shape (knees,)
        The median and the interval about it; NaN where unknown.
    """

    name: str
    median: FloatArray
    low: FloatArray
    high: FloatArray


@plainly
def forest_plot(
    knees: Sequence[str],
    estimates: Sequence[Estimates],
    *,
    label: str,
    doubtful: BoolArray | None = None,
    population: tuple[float, float, float] | None = None,
    among: str = "all knees",
) -> Figure:
    """Draw a quantity of many knees, sorted by the first estimate's median.

    Parameters
    ----------
    knees : sequence of str
        Their names.
    estimates : sequence of Estimates
        One, or up to three that are shown side by side: of each knee alone and of all knees together, for example.
    label : str
        The quantity and its unit, as on the axis.
    doubtful : ndarray of bool, shape (knees,), optional
        Knees that have not converged, which are hollow and red.
    population : tuple of float, optional
        The 5, 50 and 95 % quantiles of a knee's quantity in the population, drawn behind as a band.
    among : str
        Which knees these are quantiles of, for the legend.

    Returns
    -------
    Figure
        The quantity to the right, the smallest knee at the bottom. Knees that no estimate knows are left out, and
        their number is said.

    Raises
    ------
    ValueError
        If there are no estimates or more than three, or they are not of as many knees.
    """
    if not 1 <= len(estimates) <= len(_COLOURS):
        raise ValueError(f"{len(estimates)} estimates a knee; one to {len(_COLOURS)} can be shown")
    doubts = np.zeros(len(knees), dtype=bool) if doubtful is None else np.asarray(doubtful)
    if {len(doubts), *(len(column) for one in estimates for column in (one.median, one.low, one.high))} != {len(knees)}:
        raise ValueError(f"estimates have to be of {len(knees)} knees")
    rows = _sorted(estimates)
    named, many = len(rows) <= NAMED, len(rows) > ROWS
    figure = new_figure(PAGE_WIDTH, max(45.0, 26.0 + _ROW * len(rows)) if named else _TALL + 26.0)
    ax = figure.add_subplot()
    if population is not None:
        ax.axvspan(population[0], population[2], color=SHADE, zorder=0, gid="population", label=f"90 % of {among}")
        ax.axvline(population[1], color=FAINT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1, gid="population median")
    for place, one in enumerate(estimates):
        if many:
            _bands(ax, one, rows, place)
        else:
            shift = (place - 0.5 * (len(estimates) - 1)) * -0.34 if named else 0.0
            _rows(ax, one, rows, doubts, place, shift, thin=not named)
    ax.set_ylim(-0.8, max(len(rows), 1) - 0.2)
    ax.set_xlabel(label)
    _name(ax, knees, rows, doubts, named=named)
    dress(ax)
    open_frame(ax)
    _legend(figure, ax, estimates, doubts[rows], left_out=len(knees) - len(rows), many=many)
    return figure


def _sorted(estimates: Sequence[Estimates]) -> NDArray[np.intp]:
    """Return the knees that any estimate knows, by the first median that is known of each."""
    order = estimates[0].median
    for one in estimates[1:]:
        order = np.where(np.isfinite(order), order, one.median)
    rows = np.argsort(order, kind="stable")  # what is unknown comes last
    return rows[: int(np.isfinite(order).sum())]


def _rows(
    ax: Axes, one: Estimates, rows: NDArray[np.intp], doubts: BoolArray, place: int, shift: float, *, thin: bool
) -> None:
    """Draw each knee's interval and median in a row of its own."""
    y = np.arange(len(rows)) + shift
    width, size = (0.5, 1.3) if thin else (1.1, 3.4)
    colour, marker = _COLOURS[place], _MARKERS[place]
    for kind, which in (("", ~doubts[rows]), (" doubtful", doubts[rows])):
        if not which.any():
            continue
        ink, face, of = WARNING if kind else colour, "white" if kind else colour, rows[which]
        gid = f"{one.name}{kind}"
        ax.hlines(y[which], one.low[of], one.high[of], color=ink, linewidth=width, zorder=2, gid=gid)
        points = ax.plot(one.median[of], y[which], marker, color=ink, markerfacecolor=face, markersize=size, zorder=3)
        points[0].set_gid(f"{gid} median")


def _bands(ax: Axes, one: Estimates, rows: NDArray[np.intp], place: int) -> None:
    """Draw knees that follow each other as one: the medians of medians and intervals, and the outermost ends."""
    colour = _COLOURS[place]
    groups = np.array_split(np.arange(len(rows)), BANDS)
    at = [float(part.mean()) for part in groups]

    def along(values: FloatArray, share: float) -> list[float]:
        return [_quantile(values[rows[part]], share) for part in groups]

    outer, inner = (BAND_90, BAND_50) if place == 0 else (colour, colour)
    for name, share, ink in (("outer", 0.05, outer), ("inner", 0.5, inner)):
        ax.fill_betweenx(
            at,
            along(one.low, share),
            along(one.high, 1.0 - share),
            color=ink,
            alpha=0.9 if place == 0 else 0.25,
            linewidth=0.0,
            zorder=2 + 2 * place,
            gid=f"{one.name} {name}",
        )
    ax.plot(along(one.median, 0.5), at, color=colour, linewidth=1.1, zorder=6 + place, gid=f"{one.name} median")


def _quantile(values: FloatArray, share: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, share)) if known.size else np.nan


def _name(ax: Axes, knees: Sequence[str], rows: NDArray[np.intp], doubts: BoolArray, *, named: bool) -> None:
    """Write the knees' names, or of many those at the ends."""
    if named:
        names = [written(knees[row], _LETTERS) for row in rows]
        ax.set_yticks(np.arange(len(rows)), names, parse_math=False)
        for text, row in zip(ax.get_yticklabels(), rows, strict=True):
            text.set_color(WARNING if doubts[row] else "black")
        return
    ax.set_ylabel(f"{count(len(rows), 'knee')}, by the median")
    names = [written(knees[row], _LETTERS) for row in rows]
    ends = f"smallest: {', '.join(names[:_ENDS])}; largest: {', '.join(reversed(names[-_ENDS:]))}"
    ax.set_title(ends, fontsize=SMALL, loc="left", color=FAINT, parse_math=False)


def _legend(
    figure: Figure, ax: Axes, estimates: Sequence[Estimates], doubts: BoolArray, *, left_out: int, many: bool
) -> None:
    alone = "median, 90 % interval"
    for place, one in enumerate(estimates):
        said = alone if len(estimates) == 1 else one.name
        ax.plot([], [], f"{_MARKERS[place]}-", color=_COLOURS[place], markersize=3.4, linewidth=1.1, label=said)
    if many:
        said = f"bands: of {BANDS} groups of knees the middle (dark) and the outer 5 % (light) of the intervals' ends"
        ax.plot([], [], linestyle="none", label=said)
    if doubts.any() and many:
        ax.plot([], [], linestyle="none", label=f"{doubts.sum():,} of the knees have not converged")
    elif doubts.any():
        said = f"not converged ({doubts.sum():,})"
        ax.plot([], [], "o-", color=WARNING, markerfacecolor="white", markersize=3.4, label=said)
    if left_out:
        ax.plot([], [], linestyle="none", label=f"{count(left_out, 'knee')} without a number")
    handles, names = ax.get_legend_handles_labels()
    columns = 1 if many else 3
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=SMALL, frameon=False)
