"""The picture of tension over the angle: every strand's, test by test, slack, in its toe or linear."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.figures.labels import strand_label
from calibrate.figures.style import ENSEMBLES, PAGE_WIDTH, SHADE, SMALL, TEXT, dress, heading, new_figure, open_frame
from calibrate.posed import REGIONS, posed
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

_DRAWS = 400
_POINTS = 121
_STYLES: dict[str, Any] = {"slack": (0, (1, 1.2)), "toe": (0, (3.5, 1.5)), "linear": "-"}
_AIR = 0.08  # of the measured angles, on either side


@plainly
def tension_angle_plot(run: Draws) -> Figure:
    """Draw the tension of each strand over the varus-valgus angle, test by test.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        The median and 90 % band of the law's tension (`f_ref` not subtracted). The line is dotted where most draws are
        slack, dashed in the toe and solid where the law is linear. Angles between the outermost readings are shaded.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    q = run.thinned(_DRAWS)
    tests = run.posterior.tests
    across = min(len(tests), 2)
    rows = -(-len(tests) // across)
    figure = new_figure(PAGE_WIDTH, 24.0 + (80.0 if rows == 1 else 62.0) * rows)
    axes: list[Axes] = list(figure.subplots(rows, across, squeeze=False).flat)
    for ax in axes[len(tests) :]:
        ax.remove()
    for ax, test in zip(axes, tests, strict=False):
        _draw(ax, run, test, q)
        ax.set_ylabel("Tension [N]")
        ax.set_xlabel(f"Angle [°], {test.positive} positive")
        if test.name:
            ax.set_title(f"{test.name}, {test.flexion:g}° of flexion", fontsize=TEXT)
        dress(ax)
        open_frame(ax)
    figure.legend(handles=_key(run), loc="outside lower center", ncols=5, fontsize=SMALL, frameon=False)
    heading(figure, run)
    return figure


def angles_of(test: LaxityTest, points: int = _POINTS) -> FloatArray:
    """Return angles [degrees, as the file counts] a little past a test's readings."""
    degrees = test.measurement.in_degrees(test.measurement.angles)
    low, high = float(degrees.min()), float(degrees.max())
    air = max(_AIR * (high - low), 1.0)
    return np.linspace(low - air, high + air, points)


def _draw(ax: Axes, run: Draws, test: LaxityTest, q: FloatArray) -> None:
    angles = angles_of(test)
    knees = posed(run.posterior, q, angles, test=test.name)
    degrees = test.measurement.in_degrees(test.measurement.angles)
    ax.axvspan(float(degrees.min()), float(degrees.max()), color=SHADE, linewidth=0.0, zorder=0, gid="test")
    for s, strand in enumerate(run.posterior.strands):
        colour = ENSEMBLES[s % len(ENSEMBLES)]
        q05, q50, q95 = np.nanquantile(knees.tensions[..., s], (0.05, 0.5, 0.95), axis=0)
        ax.fill_between(angles, q05, q95, color=colour, alpha=0.18, linewidth=0.0, zorder=1, gid=f"band {strand}")
        region = np.median(knees.regions[..., s], axis=0).round().astype(int)
        for first, last, which in _runs(region):
            some = slice(first, last + 1)  # up to where the next begins, so that the line is whole
            ax.plot(
                angles[some],
                q50[some],
                color=colour,
                linewidth=1.3,
                linestyle=_STYLES[REGIONS[which]],
                zorder=3,
                gid=f"{REGIONS[which]} {strand}",
            )
    ax.set_xlim(angles[0], angles[-1])
    ax.set_ylim(bottom=-0.02 * ax.get_ylim()[1])


def _runs(values: NDArray[np.intp]) -> list[tuple[int, int, int]]:
    """Return where equal neighbours begin and end, and what they are."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(first, last, int(values[first])) for first, last in itertools.pairwise(edges)]


def _key(run: Draws) -> list[Artist]:
    key: list[Artist] = [
        Line2D([], [], color=ENSEMBLES[s % len(ENSEMBLES)], linewidth=1.6, label=strand_label(name))
        for s, name in enumerate(run.posterior.strands)
    ]
    key += [Line2D([], [], color="black", linewidth=1.2, linestyle=_STYLES[name], label=name) for name in REGIONS]
    band = Patch(facecolor="black", alpha=0.18, label="90 % of the posterior")
    return [*key, band, Patch(facecolor=SHADE, label="angles of the readings")]
