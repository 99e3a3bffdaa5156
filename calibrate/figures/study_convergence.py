"""The picture of which knees have not converged: why, and by how much."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.figures.style import (
    ENSEMBLES,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    SMALL,
    WARNING,
    dress,
    entitle,
    new_figure,
    open_frame,
)
from calibrate.study.overview import counts, reasons, settled, verdict
from calibrate.study.table import CONVERGED, FAILED, NOT_CONVERGED, StudyTable
from calibrate.texts import elided

FloatArray = NDArray[np.float64]

# So many of those that have not converged are looked at for a name, and what a name takes of the axes.
_NAMED, _ROOM = 20, (0.15, 0.045)
_BARS = 10
_COLOURS = {CONVERGED: MEDIAN, NOT_CONVERGED: WARNING, FAILED: "black", "missing": FAINT}
_LEAST = 1e-5  # of what R-hat exceeds 1 by


@plainly
def study_convergence_plot(table: StudyTable) -> Figure:
    """Draw which knees have converged.

    Parameters
    ----------
    table : StudyTable
        The study.

    Returns
    -------
    Figure
        Left, how many knees have each status, and of those that have not converged what they missed; right, the worst
        R-hat of each knee, by which it exceeds 1, over its smallest effective sample size, with the farthest of those
        that have not converged by name.
    """
    figure = new_figure(PAGE_WIDTH, 85.0)
    left, right = figure.subplots(1, 2, width_ratios=[1.0, 1.4])
    _bars(left, table)
    _points(right, table)
    for ax in (left, right):
        dress(ax)
        open_frame(ax)
    entitle(figure, table.name, verdict(table), good=settled(table))
    return figure


def _bars(ax: Axes, table: StudyTable) -> None:
    """Draw how many knees there are of each status, and below them for each reason."""
    statuses = {status: many for status, many in counts(table).items() if many}
    why = dict(list(reasons(table).items())[:_BARS])
    names = [*statuses, *(f"missed: {what}" for what in why)]
    numbers = [*statuses.values(), *why.values()]
    colours = [*(_COLOURS[status] for status in statuses), *[ENSEMBLES[4]] * len(why)]
    places = np.arange(len(names)) + np.where(np.arange(len(names)) >= len(statuses), 0.5, 0.0)
    bars = ax.barh(places, numbers, color=colours, height=0.7)
    for bar, name, number in zip(bars, names, numbers, strict=True):
        bar.set_gid(f"bar {name}")
        ax.annotate(f" {number:,}", (number, bar.get_y() + 0.35), va="center", fontsize=SMALL)
    ax.set_yticks(places, names)
    ax.set_ylim(max(places[-1], 3.0) + 0.7, -0.7)
    ax.set_xlim(0.0, 1.2 * max(numbers))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("knees")


def _points(ax: Axes, table: StudyTable) -> None:
    """Draw each knee's R-hat over its effective samples, both on a logarithmic scale."""
    excess = np.maximum(table.rhat - 1.0, _LEAST)
    known = np.isfinite(excess) & np.isfinite(table.ess) & (table.ess > 0.0)
    status, size = np.array(table.status), 3.4 if len(table) <= 200 else 2.0
    for name in (CONVERGED, NOT_CONVERGED):
        of = known & (status == name)
        if of.any():
            (points,) = ax.plot(table.ess[of], excess[of], "o", color=_COLOURS[name], markersize=size, label=name)
            points.set_markerfacecolor("white" if name == NOT_CONVERGED else _COLOURS[name])
            points.set_gid(name)
    if not known.all():
        ax.plot([], [], linestyle="none", label=f"{int((~known).sum()):,} without numbers")
    wanted = table.thresholds
    if "rhat" in wanted:
        ax.axhline(wanted["rhat"] - 1.0, color=FAINT, linewidth=0.8, linestyle="--", gid="wanted", label="wanted")
    if "ess_bulk" in wanted:
        ax.axvline(wanted["ess_bulk"], color=FAINT, linewidth=0.8, linestyle="--", gid="wanted")
    _scale(ax, table.ess[known], excess[known], wanted)
    _name(ax, table, excess, np.flatnonzero(known & (status == NOT_CONVERGED)))
    ax.set_xlabel("smallest effective sample size")
    ax.set_ylabel("worst R-hat \N{MINUS SIGN} 1")
    ax.get_figure().legend(  # type: ignore[union-attr]  # it is in a figure
        *ax.get_legend_handles_labels(), loc="outside lower right", ncols=4, fontsize=SMALL, frameon=False
    )


def _scale(ax: Axes, x: FloatArray, y: FloatArray, wanted: Mapping[str, float]) -> None:
    """Show whole decades, and label nothing between them."""
    ends = ((x, wanted.get("ess_bulk", 1000.0)), (y, wanted.get("rhat", 1.01) - 1.0))
    for axis, (values, threshold) in zip((ax.xaxis, ax.yaxis), ends, strict=True):
        powers = np.log10([*values, threshold])
        low, high = np.floor(powers.min() - 0.1), np.ceil(powers.max() + 0.1)
        set_scale, set_limits = (ax.set_xscale, ax.set_xlim) if axis is ax.xaxis else (ax.set_yscale, ax.set_ylim)
        set_scale("log")
        set_limits(10.0**low, 10.0**high)
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_formatter(NullFormatter())


def _name(ax: Axes, table: StudyTable, excess: FloatArray, far: NDArray[np.intp]) -> None:
    """Name knees that have not converged, the farthest first, where there is room for a name."""
    taken: list[NDArray[np.float64]] = []
    for row in far[np.argsort(-excess[far], kind="stable")][:_NAMED]:
        place = ax.transAxes.inverted().transform(ax.transData.transform((table.ess[row], excess[row])))
        if any((np.abs(place - other) < _ROOM).all() for other in taken):
            continue
        taken.append(place)
        ax.annotate(
            elided(table.ids[row], 16),
            (table.ess[row], excess[row]),
            xytext=(4.0, 0.0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL - 1.0,
            color=WARNING,
            parse_math=False,
        )
