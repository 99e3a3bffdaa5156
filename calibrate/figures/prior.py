"""The picture of a configuration before it is run: the knee, and what its priors foretell beside what was read."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from calibrate.canvas import plainly
from calibrate.figures.knees import draw_knee
from calibrate.figures.scene import scene_of
from calibrate.figures.style import (
    BAND_90,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    SMALL,
    TEXT,
    WARNING,
    dress,
    new_figure,
    open_frame,
)
from calibrate.posed import posed
from calibrate.precheck import Precheck, PriorPredictive
from calibrate.texts import printable

_KNEE, _ROW = 95.0, 62.0  # mm high
_MOST = 12  # tests; more make a picture that nobody can hold


@plainly
def prior_plot(found: Precheck) -> Figure:
    """Draw the knee at the middle of its priors, and each test's readings over the band that the priors foretell.

    Parameters
    ----------
    found : Precheck
        What `precheck` returns.

    Returns
    -------
    Figure
        The knee as the first test has it, at no load or nearest to it; below, the tests, twelve at the most.
    """
    tests = found.tests[:_MOST]
    columns = min(2, len(tests))
    rows = -(-len(tests) // columns)
    figure = new_figure(PAGE_WIDTH, _KNEE + _ROW * rows)
    upper, lower = np.ravel(np.asarray(figure.subfigures(2, 1, height_ratios=[_KNEE, _ROW * rows])))
    _draw_knee(upper, found)
    axes = lower.subplots(rows, columns, squeeze=False).ravel()
    for ax, test in zip(axes, tests, strict=False):
        _draw_test(ax, test)
    for ax in axes[len(tests) :]:
        ax.set_visible(False)
    source = found.config.source
    name = "configuration" if source is None else printable(source.name)
    upper.suptitle(
        f"{name}: before any run; the knee at the middle of its priors",
        x=0.01,
        ha="left",
        fontsize=TEXT,
        parse_math=False,
    )
    return figure


def _draw_knee(figure: SubFigure, found: Precheck) -> None:
    of, q = found.posterior.tests[0], found.posterior.middle
    angle = float(np.clip(0.0, *found.tests[0].content()["angles"]))
    knee = posed(found.posterior, q, [angle], test=of.name)
    if knee.applied is None:
        ax = figure.subplots()
    else:
        ax, shank = figure.subplots(1, 2, width_ratios=[3.0, 1.0])
        shank.set_label("shank")
    draw_knee(ax, knee, 0, scene_of(found.posterior, of, q, also=angle))
    ax.set_aspect("equal")


def _draw_test(ax: Axes, found: PriorPredictive) -> None:
    test, of = found.test, found.test.measurement
    degrees = of.in_degrees(of.angles)
    order = np.argsort(degrees, kind="stable")
    low, middle, high = found.band[:, order]
    name = "95 % of the priors' knees"
    ax.fill_between(degrees[order], low, high, color=BAND_90, linewidth=0, label=name, gid="band 95")
    ax.plot(degrees[order], middle, color=MEDIAN, linewidth=1.0, label="their median", gid="median")
    out = (of.loads < found.band[0]) | (of.loads > found.band[2])
    for some, colour, name in ((~out, "black", "readings"), (out, WARNING, "readings outside")):
        if some.any():
            ax.plot(degrees[some], of.loads[some], "o", color=colour, markersize=3.0, label=name, gid=name)
    ax.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
    ax.set_xlabel(f"Angle [°], {test.positive} positive")
    ax.set_ylabel(f"{of.kind.capitalize()} [{of.unit}]")
    ax.set_title(
        f"{printable(test.name)}{', ' if test.name else ''}{test.flexion:g}° of flexion: "
        f"{100 * found.inside:.0f} % inside, {100 * found.enough:.0f} % wanted",
        fontsize=TEXT,
        loc="left",
        color="black" if found.allowed else WARNING,
        parse_math=False,
    )
    ax.legend(fontsize=SMALL, frameon=False)
    dress(ax)
    open_frame(ax)
