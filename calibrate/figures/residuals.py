"""The picture of what is left over: residuals by angle in units of their errors, and whether errors are as foretold."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import bdtr

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.errors import ParameterError
from calibrate.figures.readings import readings_at
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
)
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.noise import variance_of
from calibrate.scores.holdout import efficiency_of
from calibrate.scores.predictive import readings, scores

FloatArray = NDArray[np.float64]

_DRAWS = 1000
# More readings than this are judged as they are, not each by all others: no one of them matters.
_LEFT_OUT = 1000
_MARKS = 1000
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
        the probability that was foretold for less than each reading, by all other readings where there are up to a
        thousand; uniform if errors are as the model says. The grey band holds each bar in 90 % of such data sets.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    q = run.thinned(_DRAWS)
    tests = run.posterior.tests
    pits, left_out = pit_of(run, q)
    figure = new_figure(PAGE_WIDTH, 22.0 + (62.0 if len(tests) == 1 else 48.0) * len(tests))
    grid = figure.subplots(len(tests), 2, width_ratios=(3.0, 1.4), squeeze=False)
    for (left, right), test, pit in zip(grid, tests, pits, strict=True):
        _draw_residuals(left, run, test, q)
        _draw_pit(right, pit)
        left.set_ylabel(r"(reading − median) / $\sigma$ [-]")
        right.set_ylabel("readings")
        if test.name:
            left.set_title(f"{test.name}, {test.flexion:g}° of flexion", fontsize=TEXT)
        for ax in (left, right):
            dress(ax)
            open_frame(ax)
    grid[-1, 1].set_xlabel("foretold probability of less [-]\n" + ("by all others" if left_out else "by all readings"))
    handles = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True))
    handles |= dict(zip(*reversed(grid[0, 1].get_legend_handles_labels()), strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, fontsize=SMALL, frameon=False
    )
    heading(figure, run)
    return figure


def pit_of(run: Draws, q: FloatArray) -> tuple[list[FloatArray], bool]:
    """Return the probability foretold for less than each reading, test by test, and whether by all others."""
    posterior = run.posterior
    good = q[np.isfinite(posterior.log_likelihood(q))]
    if sum(test.measurement.loads.size for test in posterior.tests) <= _LEFT_OUT:
        try:
            found = scores(posterior, good, efficiency_of(run, len(good)))
            return [test.pit_loo for test in found.tests], True
        except ParameterError:  # too few draws, as yet
            pass
    return [readings(posterior, test, good).pit for test in posterior.tests], False


def standardised(run: Draws, test: LaxityTest, q: FloatArray, shown: NDArray[np.intp] | slice) -> FloatArray:
    """Return residuals of some readings: reading less median prediction over the error's median scale."""
    posterior = run.posterior
    median = np.median(readings_at(posterior, test, q, shown), axis=0)
    full = posterior.full(q)
    variance = variance_of(test, full, posterior.law(q, test.name))
    amplitude = test.slots.errors[3]
    if amplitude < full.shape[1] - 2:
        variance = variance + full[:, [amplitude]] ** 2
    scale = np.sqrt(np.nanmedian(variance, axis=0))
    return np.asarray((test.measurement.loads[shown] - median) / scale[shown])


def _draw_residuals(ax: Axes, run: Draws, test: LaxityTest, q: FloatArray) -> None:
    measurement = test.measurement
    count = measurement.angles.size
    shown: NDArray[np.intp] | slice = slice(None)
    if count > _MARKS:
        shown = np.sort(np.random.default_rng(0).choice(count, _MARKS, replace=False))
    degrees, values = measurement.in_degrees(measurement.angles[shown]), standardised(run, test, q, shown)
    ax.axhspan(
        -_CENTRAL, _CENTRAL, color=SHADE, linewidth=0.0, zorder=0, gid="central", label="90 % of Gaussian errors"
    )
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
            markersize=3.2 if count <= 200 else 1.5,
            markeredgewidth=0.5,
            zorder=3,
            gid="residuals",
            label=words if count <= _MARKS else f"{words}, {_MARKS:,} of {count:,}",
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
    ax.yaxis.get_major_locator().set_params(integer=True)


def bars_of(count: int) -> int:
    """Return how many bars a histogram of so many probabilities has: five readings for each, 4 to 20."""
    return int(np.clip(count // 5, 4, 20))


def sampling_band(count: int, bars: int) -> tuple[float, float]:
    """Return between which numbers of readings a bar is in 90 % of data sets of a right model, ends included."""
    below = bdtr(np.arange(count + 1.0), count, 1.0 / bars)
    return float(np.searchsorted(below, 0.5 * (1.0 - _BAND))), float(np.searchsorted(below, 0.5 * (1.0 + _BAND)))
