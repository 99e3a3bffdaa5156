"""The picture of what is left over: residuals by angle in units of their errors, and whether errors are as foretold."""

from __future__ import annotations

import dataclasses

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.special import bdtr

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.figures.style import (
    BAND_50,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    SHADE,
    SMALL,
    TEXT,
    dress,
    heading,
    new_figure,
    open_frame,
    share_of,
    shown_of,
)
from calibrate.problem.laxity_test import LaxityTest
from calibrate.scores.holdout import efficiency_of
from calibrate.scores.loo import FEWEST_DRAWS, leave_one_out
from calibrate.scores.pointwise import foretold, foretold_by_others

FloatArray = NDArray[np.float64]

_DRAWS = 1000
_DRAWS_OF_SLOPES = 250  # where each draw has slopes of its own, which take long
_BAND = 0.9  # of histograms of a right model, bar by bar
_CENTRAL = 1.645  # standard deviations that hold 90 % of Gaussian errors


@plainly
def residual_plot(run: Draws) -> Figure:
    """Draw the residuals of every test by angle, and the histogram of their probability integral transform (PIT).

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        A row for each test. Left, reading less median prediction over the standard deviation of its error (posterior
        median), hysteresis and the error of the angle included; 90 % of Gaussian errors lie in the shaded band. Right,
        the probability that was foretold for less than each reading, by all other readings (Pareto-smoothed leave one
        out); uniform if errors are as the model says. The grey band holds each bar in 90 % of such data sets. Of very
        many readings a random share is judged, and the legend says so.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    tests = [_share_of(test) for test in run.posterior.tests]
    found = [judged(run, test) for test in tests]
    figure = new_figure(PAGE_WIDTH, 22.0 + (62.0 if len(tests) == 1 else 48.0) * len(tests))
    grid = figure.subplots(len(tests), 2, width_ratios=(3.0, 1.4), squeeze=False)
    for (left, right), test, (residuals, pit, _) in zip(grid, run.posterior.tests, found, strict=True):
        _draw_residuals(left, test, residuals)
        _draw_pit(right, pit)
        left.set_ylabel(r"(reading − median) / $\sigma$ [-]")
        right.set_ylabel("readings")
        if test.name:
            left.set_title(f"{test.name}, {test.flexion:g}° of flexion", fontsize=TEXT)
        for ax in (left, right):
            dress(ax)
            open_frame(ax)
    grid[-1, 1].set_xlabel(
        "foretold probability of less [-]\n" + ("by all others" if found[-1][2] else "by all readings")
    )
    handles = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True))
    handles |= dict(zip(*reversed(grid[0, 1].get_legend_handles_labels()), strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, fontsize=SMALL, frameon=False
    )
    heading(figure, run)
    return figure


def judged(run: Draws, test: LaxityTest) -> tuple[FloatArray, FloatArray, bool]:
    """Judge a test's readings: what is left over, what was foretold, and whether by all others.

    Returns
    -------
    residuals, pit : ndarray, shape (readings,)
        Reading less median prediction over the error's median scale; the probability foretold for less.
    others : bool
        Whether each by all other readings; by all of them where draws are too few to tell.
    """
    posterior, loads = run.posterior, test.measurement.loads
    slow = test.posed and test.slots.errors[2] < len(posterior.table.parameters)
    q = run.thinned(_DRAWS_OF_SLOPES if slow else _DRAWS)
    q = q[np.isfinite(posterior.log_likelihood(q))]
    alone = foretold(posterior, test, q)
    residuals = (loads - np.median(alone.location, axis=0)) / np.median(alone.scale, axis=0)
    correlated = test.slots.errors[3] < len(posterior.table.parameters)
    others = foretold_by_others(posterior, test, q) if correlated else alone
    efficiency = efficiency_of(run, len(q))
    plain = alone.below(loads).mean(axis=0)
    if efficiency * len(q) < FEWEST_DRAWS:
        return residuals, plain, False
    with np.errstate(over="ignore", invalid="ignore"):  # readings that a draw finds impossible
        left = leave_one_out(others.log_density(loads), efficiency)
    pit = (left.weights * others.below(loads)).sum(axis=0)
    known = np.isfinite(pit)  # draws may be too far apart to be weighted
    return residuals, np.where(known, pit, plain), bool(known.all())


def _share_of(test: LaxityTest) -> LaxityTest:
    """Return a test with the readings that are shown, of very many a random share."""
    return dataclasses.replace(
        test, measurement=test.measurement.part(np.arange(test.measurement.loads.size)[shown_of(test.measurement)])
    )


def _draw_residuals(ax: Axes, test: LaxityTest, values: FloatArray) -> None:
    measurement, shown = test.measurement, shown_of(test.measurement)
    degrees, share = measurement.in_degrees(measurement.angles[shown]), share_of(measurement)
    said = "90 % of Gaussian errors"
    ax.axhspan(-_CENTRAL, _CENTRAL, color=SHADE, linewidth=0.0, zorder=0, gid="central", label=said)
    ax.axhline(0.0, color=FAINT, linewidth=0.5, zorder=1)
    ways = [(np.ones(values.shape, dtype=bool), "o", "black", "readings")]
    if measurement.direction is not None:
        up = measurement.direction[shown] > 0.0
        ways = [(up, "^", "black", "load going up"), (~up, "v", "white", "load going down")]
    for these, marker, fill, words in ways:
        ax.plot(
            degrees[these],
            values[these],
            marker,
            color="black",
            markerfacecolor=fill,
            markersize=1.5 if share else 3.2,
            markeredgewidth=0.5,
            zorder=3,
            gid="residuals",
            label=f"{words}{share}",
        )
    reach = max(2.6, 1.15 * float(np.nanmax(np.abs(values))))
    ax.set_ylim(-reach, reach)
    ax.set_xlabel(f"Angle [°], {test.positive} positive")


def _draw_pit(ax: Axes, pit: FloatArray) -> None:
    bars = bars_of(pit.size)
    counts, edges = np.histogram(np.clip(pit, 0.0, 1.0), bins=bars, range=(0.0, 1.0))
    low, high = sampling_band(pit.size, bars)
    ax.axhspan(
        low, high, color="#D9D9D9", linewidth=0.0, zorder=0, gid="pit band", label=f"{100 * _BAND:.0f} % by chance"
    )
    ax.axhline(pit.size / bars, color=FAINT, linewidth=0.6, linestyle=(0, (4, 2)), zorder=3, gid="pit flat")
    ax.stairs(counts, edges, fill=True, color=BAND_50, alpha=0.75, zorder=1, gid="pit", label="PIT")
    ax.stairs(counts, edges, color=MEDIAN, linewidth=0.7, zorder=2)
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(0.0, 1.12 * max(float(counts.max(initial=0)), high, 1.0))
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def bars_of(count: int) -> int:
    """Return how many bars a histogram of so many probabilities has: five readings for each, 4 to 20."""
    return int(np.clip(count // 5, 4, 20))


def sampling_band(count: int, bars: int) -> tuple[float, float]:
    """Return between which numbers of readings a bar is in 90 % of data sets of a right model, ends included."""
    below = bdtr(np.arange(count + 1.0), count, 1.0 / bars)
    return float(np.searchsorted(below, 0.5 * (1.0 - _BAND))), float(np.searchsorted(below, 0.5 * (1.0 + _BAND)))
