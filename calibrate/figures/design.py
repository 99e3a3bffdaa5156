"""The picture of what to measure next: what each candidate promises, over the angle where it is one of an angle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibrate.canvas import plainly
from calibrate.design import Design, Outlook
from calibrate.figures.style import FAINT, MEDIAN, PAGE_WIDTH, SHADE, SMALL, dress, heading, new_figure, open_frame
from calibrate.results import Run
from calibrate.texts import printable

# Candidates in the ranking at the most, and angles from which on they are drawn over the angle.
_BARS, _CURVE = 15, 3
_BAR = 5.5  # mm
_MARGIN, _PANEL = 22.0, 62.0  # mm
_FIRST = "#D55E00"


@plainly
def design_plot(run: Run, found: Design) -> Figure:
    """Draw what candidates promise for a quantity.

    Parameters
    ----------
    run : Run
        The calibration.
    found : Design
        What `calibrate.design.design` returns of it.

    Returns
    -------
    Figure
        Readings at an angle over that angle, from three such on, and the ranking of all candidates, the best on top.
        Bars of errors are twice the Monte-Carlo error either way.
    """
    alone = [one for one in found.outlooks if one.candidate.flexion is None and len(one.candidate.angles) == 1]
    over_angle = len({one.candidate.angles for one in alone}) >= _CURVE
    ranked = found.outlooks[:_BARS]
    height = _MARGIN + _BAR * len(ranked)
    figure = new_figure(PAGE_WIDTH, height + (_PANEL if over_angle else 0.0))
    if over_angle:
        top, bottom = figure.subplots(2, 1, height_ratios=(_PANEL, height))
        _over_angle(top, run, found, alone)
    else:
        bottom = figure.subplots()
    _ranking(bottom, found, ranked)
    heading(figure, run)
    return figure


def _over_angle(ax: Axes, run: Run, found: Design, alone: Sequence[Outlook]) -> None:
    """Draw what readings at an angle promise; the best one in another colour, and where there are data."""
    alone = sorted(alone, key=lambda one: one.candidate.angles)
    angles = np.array([one.candidate.angles[0] for one in alone])
    share, error = _percent(alone)
    measurement = next(test for test in run.posterior.tests if test.name == found.test).measurement
    measured = measurement.in_degrees(measurement.angles)
    ax.axvspan(
        float(measured.min()),
        float(measured.max()),
        facecolor=SHADE,
        edgecolor=FAINT,
        linewidth=0.5,
        zorder=0,
        label="measured",
    )
    ax.errorbar(angles, share, 2.0 * error, fmt="o-", color=MEDIAN, markersize=3.5, linewidth=0.8, gid="over angle")
    best = int(np.argmax(share))
    ax.plot(angles[best], share[best], "o", color=_FIRST, markersize=5.0, zorder=4, label=f"best, {angles[best]:g}°")
    ax.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
    ax.set_xlabel(f"Angle of the reading [°], {found.positive} positive")
    ax.set_ylabel("sd shrinks by [%]")
    dress(ax)
    open_frame(ax)
    ax.legend(fontsize=SMALL, frameon=False, loc="best")


def _ranking(ax: Axes, found: Design, ranked: Sequence[Outlook]) -> None:
    """Draw a bar for each candidate, the best on top; hollow where it is the least that it promises."""
    places = np.arange(len(ranked))[::-1]
    share, error = _percent(ranked)
    colors = [_FIRST if i == 0 else MEDIAN for i in range(len(ranked))]
    for place, value, twice, color, one in zip(places, share, 2.0 * error, colors, ranked, strict=True):
        hollow = one.shrinkage.at_least
        ax.barh(
            place, value, 0.6, facecolor="white" if hollow else color, edgecolor=color, linewidth=0.8, gid="promise"
        )
        ax.errorbar(value, place, xerr=twice, fmt="none", ecolor="black", elinewidth=0.6, capsize=1.5)
    names = [
        f"{printable(one.candidate.label)}  ({one.candidate.readings} reading{'s' * (one.candidate.readings > 1)})"
        for one in ranked
    ]
    ax.set_yticks(places, names, parse_math=False)
    ax.axvline(0.0, color=FAINT, linewidth=0.5, zorder=0)
    unit = f" {found.unit}" if found.unit else ""
    least = ", hollow: at least" if any(one.shrinkage.at_least for one in ranked) else ""
    ax.set_xlabel(
        f"sd of {printable(found.target)}, now {found.sd:.3g}{unit}, is expected to shrink by [%]{least}",
        parse_math=False,
    )
    dress(ax)
    open_frame(ax)


def _percent(outlooks: Sequence[Outlook]) -> tuple[np.ndarray, np.ndarray]:
    """Return what candidates promise and its standard error, in per cent."""
    shares = np.array([(one.shrinkage.share, one.shrinkage.error) for one in outlooks])
    return 100.0 * shares[:, 0], 100.0 * shares[:, 1]
