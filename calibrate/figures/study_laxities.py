"""The picture of all knees' laxity: the angles at which 10 N·m is reached, by flexion, beside published ones.

Up to a hundred knees have a line each; of more, the middle and the outer knees of each flexion are drawn as bands.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.figures.laxities import draw_published
from calibrate.figures.style import (
    BAND_50,
    BAND_90,
    ENSEMBLES,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    QUANTILES,
    SMALL,
    WARNING,
    dress,
    entitle,
    new_figure,
    open_frame,
)
from calibrate.study.overview import settled, verdict
from calibrate.study.table import StudyTable

FloatArray = NDArray[np.float64]

_MOMENT = 10.0  # N·m
# More lines than this make a black cloud.
_LINES = 100
# Flexions within so many degrees are taken for one where knees are drawn as bands.
_NEAR = 2.0
_WAYS = {"valgus": ENSEMBLES[0], "varus": ENSEMBLES[1]}


@plainly
def study_laxity_plot(table: StudyTable) -> Figure:
    """Draw the laxity of all knees at 10 N·m, by flexion.

    Parameters
    ----------
    table : StudyTable
        The study.

    Returns
    -------
    Figure
        Left, each way's angle, valgus positive; right, both together, with published laxities. Medians of each knee,
        joined over its flexions; hollow where most draws lie beyond the measured angles, red where a knee has not
        converged. Of more than a hundred knees, at each flexion the median, the middle 50 and the middle 90 % of the
        medians of knees that have converged.
    """
    figure = new_figure(PAGE_WIDTH, 96.0)
    left, right = figure.subplots(1, 2, sharex=True)
    for ax, ways in ((left, _WAYS), (right, {"total": MEDIAN})):
        for way, colour in ways.items():
            flexion, values, beyond = _of(table, way)
            if len(table) > _LINES:
                _draw_bands(ax, flexion[table.converged], values[table.converged], colour, way)
            else:
                _draw_lines(ax, table, flexion, values, beyond, colour, way)
    left.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
    left.set_ylabel(f"Angle at {_MOMENT:g} N·m [°], valgus positive")
    right.set_ylabel(f"Varus-valgus laxity at ±{_MOMENT:g} N·m [°]")
    draw_published(right, _MOMENT)
    right.set_ylim(0.0, max(right.get_ylim()[1], 1.0))
    _finish(figure, (left, right), table)
    entitle(figure, table.name, verdict(table), good=settled(table))
    return figure


def _of(table: StudyTable, way: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return flexions, medians and shares beyond the readings, (knees, tests), each knee's by rising flexion."""
    columns = list(_columns(table, way))
    if not columns:
        return tuple(np.empty((3, len(table), 0)))  # type: ignore[return-value]  # three of them
    found = np.moveaxis(np.array(columns), 0, 2)  # (3, knees, tests)
    order = np.argsort(np.where(np.isfinite(found[1]), found[0], np.inf), axis=1, kind="stable")
    flexion, values, beyond = (np.take_along_axis(part, order, axis=1) for part in found)
    return flexion, values, beyond


def _columns(table: StudyTable, way: str) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    for one in table.quantities:
        if one.key == f"laxity_{way}_{_MOMENT:g}Nm" and one.test in table.flexions:
            yield table.flexions[one.test], one.median, one.beyond


def _draw_lines(
    ax: Axes, table: StudyTable, flexion: FloatArray, values: FloatArray, beyond: FloatArray, colour: str, way: str
) -> None:
    """Draw a line and points for each knee; the more there are, the fainter."""
    for row, converged in enumerate(table.converged):
        known = np.isfinite(values[row]) & np.isfinite(flexion[row])
        ink = colour if converged else WARNING
        x, y = flexion[row][known], values[row][known]
        ax.plot(x, y, "-", color=ink, linewidth=0.7, alpha=0.5, zorder=2, gid=f"{way} line")
        for hollow in (False, True):
            which = (beyond[row][known] > 0.5) == hollow
            face = "white" if hollow else ink
            gid = f"{way}{' beyond' if hollow else ''}"
            ax.plot(x[which], y[which], "o", color=ink, markerfacecolor=face, markersize=2.8, zorder=3, gid=gid)


def _draw_bands(ax: Axes, flexion: FloatArray, values: FloatArray, colour: str, way: str) -> None:
    """Draw the quantiles over knees at each flexion; flexions of a degree or two are one."""
    known = np.isfinite(values) & np.isfinite(flexion)
    x, y = flexion[known], values[known]
    places = _NEAR * np.round(x / _NEAR)
    total = way == "total"
    for i, at in enumerate(np.unique(places)):
        here = y[places == at]
        middle = float(np.mean(x[places == at]))
        q05, q25, q50, q75, q95 = np.quantile(here, QUANTILES)
        for low, high, ink, width, share in (
            (q05, q95, BAND_90 if total else colour, 5.0, 1.0 if total else 0.3),
            (q25, q75, BAND_50 if total else colour, 5.0, 1.0 if total else 0.5),
        ):
            line = ax.vlines(middle, low, high, color=ink, linewidth=width, alpha=share, zorder=2)
            line.set_gid(f"{way} {'90' if high == q95 else '50'}")
        ax.plot([middle], [q50], "o", color=colour, markersize=3.4, zorder=4, gid=f"{way} median")
        if i == 0:
            said = f"{way}: middle 50 % of the knees (light: 90 %)"
            ax.plot([], [], "-", color=BAND_50 if total else colour, linewidth=5.0, alpha=0.6, label=said)


def _finish(figure: Figure, axes: tuple[Axes, Axes], table: StudyTable) -> None:
    """Share what is alike, and say what the marks are."""
    left, right = axes
    if few := len(table) <= _LINES:
        for way, colour in _WAYS.items():
            left.plot([], [], "o-", color=colour, markersize=2.8, linewidth=0.7, label=way)
        right.plot([], [], "o-", color=MEDIAN, markersize=2.8, linewidth=0.7, label="knees of this study")
        left.plot([], [], "o", color="black", markerfacecolor="white", markersize=2.8, label="beyond the readings")
        if not table.converged.all():
            left.plot([], [], "o-", color=WARNING, markersize=2.8, linewidth=0.7, label="not converged")
    flexions = np.concatenate([*table.flexions.values(), [0.0]])
    flexions = flexions[np.isfinite(flexions)]
    for ax in axes:
        low, high = min(ax.dataLim.x0, flexions.min()), max(ax.dataLim.x1, flexions.max())
        low, high = (float(end) if np.isfinite(end) else 0.0 for end in (low, high))
        air = max(5.0, 0.06 * (high - low))
        ax.set_xlim(low - air, high + air)
        ax.set_xlabel("Flexion [°]")
        dress(ax)
        open_frame(ax)
    named = {text: handle for ax in axes for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(
        list(named.values()),
        list(named),
        loc="outside lower center",
        ncols=3 if few else 2,
        fontsize=SMALL,
        frameon=False,
    )
