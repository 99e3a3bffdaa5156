"""The picture of who bears the load: each strand's part in the moment that holds the knee, over the angle."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.figures.labels import strand_label
from calibrate.figures.style import ENSEMBLES, FAINT, PAGE_WIDTH, SMALL, TEXT, dress, heading, new_figure, open_frame
from calibrate.figures.tensions import angles_of
from calibrate.posed import posed
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

_DRAWS = 400
_NOTHING = 0.01
_HAIR = 1e-9  # degrees, on either side of where the load passes to the other condyle


@plainly
def load_share_plot(run: Draws) -> Figure:
    """Draw what each strand gives to the pure moment that holds the knee.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        A column for each test. Above, the mean of the posterior of each strand's part [N·m] in the file's sign, stacked
        on either side of zero; their sum, the holding moment, is the line. Below, each strand's share of all parts,
        regardless of sign [%], blank where all together are less than a hundredth of their most: next to slack. Parts
        are about the contact, so they jump where the load passes to the other condyle.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    q = run.thinned(_DRAWS)
    tests = run.posterior.tests
    across = 2 if len(tests) == 4 else min(len(tests), 3)
    rows = -(-len(tests) // across)
    figure = new_figure(PAGE_WIDTH, 20.0 + (100.0 if rows == 1 else 88.0) * rows)
    grid = figure.add_gridspec(2 * rows, across, height_ratios=(1.6, 1.0) * rows)
    for i, test in enumerate(tests):
        row, column = divmod(i, across)
        top = figure.add_subplot(grid[2 * row, column])
        bottom = figure.add_subplot(grid[2 * row + 1, column], sharex=top)
        _draw(run, test, q, top, bottom)
        if column == 0 or test.positive != tests[0].positive:
            top.set_ylabel(f"Part in the moment [N·m],\n{test.positive} positive")
            bottom.set_ylabel("Share of all parts [%]")
        bottom.set_xlabel(f"Angle [°], {test.positive} positive")
        top.tick_params(labelbottom=False)
        if test.name:
            top.set_title(f"{test.name}, {test.flexion:g}° of flexion", fontsize=TEXT)
        for ax in (top, bottom):
            dress(ax)
            open_frame(ax)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=SMALL, frameon=False)
    heading(figure, run)
    return figure


def parts_of(run: Draws, test: LaxityTest, q: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return angles (n,) [degrees], the means of strands' parts [N·m, the file's sign], and shares [-], both (S, n)."""
    angles = angles_of(test)
    full = run.posterior.full(q[:1])
    touch = test.sign * np.rad2deg(test.knees(full).theta_0[0]) + full[0, test.slots.reading[0]]
    if not test.posed and angles[0] < touch < angles[-1]:
        angles = np.sort(np.append(angles, [touch - _HAIR, touch + _HAIR]))
    moments = test.sign * posed(run.posterior, q, angles, test=test.name).moments
    size = np.nanmean(np.abs(moments), axis=0).T
    total = size.sum(axis=0)
    with np.errstate(invalid="ignore"):
        shares = np.where(total > _NOTHING * total.max(), size / total, np.nan)
    return angles, np.nanmean(moments, axis=0).T, shares


def _draw(run: Draws, test: LaxityTest, q: FloatArray, top: Axes, bottom: Axes) -> None:
    angles, parts, shares = parts_of(run, test, q)
    names = run.posterior.strands
    up, down, filled = np.zeros_like(angles), np.zeros_like(angles), np.zeros_like(angles)
    for s, (name, part, share) in enumerate(zip(names, parts, shares, strict=True)):
        colour, said = ENSEMBLES[s % len(ENSEMBLES)], strand_label(name)
        rise, fall = np.maximum(part, 0.0), np.minimum(part, 0.0)
        top.fill_between(angles, up, up + rise, color=colour, linewidth=0.0, alpha=0.8, label=said, gid=f"up {name}")
        top.fill_between(angles, down, down + fall, color=colour, linewidth=0.0, alpha=0.8, gid=f"down {name}")
        up, down = up + rise, down + fall
        below, filled = filled, filled + 100.0 * share
        bottom.fill_between(angles, below, filled, color=colour, linewidth=0.0, alpha=0.8, gid=f"share {name}")
    top.plot(angles, parts.sum(axis=0), color="black", linewidth=1.1, label="holding moment", gid="moment")
    top.axhline(0.0, color=FAINT, linewidth=0.5)
    bottom.set_ylim(0.0, 100.0)
    bottom.set_xlim(angles[0], angles[-1])
