"""The picture of tests and of what the posterior makes of them: readings, predicted curves with bands, residuals."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.figures.readings import hysteresis, pieces, readings_at, touching_angles
from calibrate.figures.style import (
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    QUANTILES,
    SHADE,
    SMALL,
    TEXT,
    TRUTH,
    TRUTH_DASHES,
    bands,
    dress,
    heading,
    new_figure,
    open_frame,
    share_of,
    shown_of,
)
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

_DRAWS = 2000
_DOTS = (0, (1, 1.5))


@plainly
def load_angle_plot(run: Draws) -> Figure:
    """Draw each test and what the posterior makes of it: data, predicted curve with bands, residuals below.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        For each test two panels, in the order of the tests. Angles in degrees and loads in the file's unit, both with
        the file's sign. Where one condyle lifts off the load jumps, so median and bands are broken there; where that
        angle differs between draws, its 90 % are shaded. Of very many data points a random share is drawn, and the
        legend says so. The dotted lines hold 90 % of readings that go up or come down at random; the residuals below
        have no hysteresis in them, which is part of the prediction.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    q = run.thinned(_DRAWS)
    tests = run.posterior.tests
    figure, pairs = _grid(tests)
    alike = len({(test.measurement.unit, test.positive) for test in tests}) == 1
    for i, (test, (top, bottom)) in enumerate(zip(tests, pairs, strict=True)):
        _draw_test(run, test, q, top, bottom)
        sense = f"{test.positive} positive"
        first = not alike or top.get_subplotspec().is_first_col()  # type: ignore[union-attr]  # these are subplots
        if first:
            top.set_ylabel(f"{test.measurement.kind.capitalize()} [{test.measurement.unit}], {sense}")
            bottom.set_ylabel(f"Data − median\n[{test.measurement.unit}]")
            figure.align_ylabels((top, bottom))
        bottom.set_xlabel(f"Angle [°], {sense}")
        if test.name:
            top.set_title(f"{test.name}, {test.flexion:g}° of flexion", fontsize=TEXT)
        if len(tests) == 1 and i == 0:
            top.legend(fontsize=SMALL, framealpha=0.85, edgecolor="none", loc="best")
    if len(tests) > 1:
        named = {
            text: handle for top, _ in pairs for handle, text in zip(*top.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            list(named.values()), list(named), loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False
        )
    heading(figure, run)
    return figure


def _grid(tests: tuple[LaxityTest, ...]) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Return a page with two panels for each test, at the most three tests side by side."""
    columns = 2 if len(tests) == 4 else min(len(tests), 3)
    rows = -(-len(tests) // columns)
    figure = new_figure(PAGE_WIDTH, 120.0 if len(tests) == 1 else 22.0 + 88.0 * rows)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=(3, 1) * rows)
    pairs = []
    for i in range(len(tests)):
        row, column = divmod(i, columns)
        top = figure.add_subplot(grid[2 * row, column])
        bottom = figure.add_subplot(grid[2 * row + 1, column], sharex=top)
        top.tick_params(labelbottom=False)
        pairs.append((top, bottom))
    return figure, pairs


def _draw_test(run: Draws, test: LaxityTest, q: FloatArray, top: Axes, bottom: Axes) -> None:
    """Draw a test's data and predictions, and their differences from the median below."""
    measurement = test.measurement
    shown = shown_of(measurement)
    loads = measurement.loads[shown]
    sigma = _sigma(run, test, q)[shown]
    residuals = loads - np.median(readings_at(run.posterior, test, q, shown), axis=0)
    touch = touching_angles(run.posterior, test, q)
    _draw_model(run, test, q, float(np.nanmedian(touch)), top, bottom)
    for ax, values in ((top, loads), (bottom, residuals)):
        _draw_data(run, test, ax, values, sigma, shown)
        ax.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
        dress(ax)
        open_frame(ax)
    _mark_touching(top, bottom, touch)
    reach = 1.25 * float(np.max(np.abs(residuals) + sigma))
    bottom.set_ylim(-reach, reach)
    bottom.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))


def _draw_data(
    run: Draws, test: LaxityTest, ax: Axes, values: FloatArray, sigma: FloatArray, shown: NDArray[np.intp] | slice
) -> None:
    """Draw readings with their errors; where the file says which way the load went, up and down are told apart."""
    measurement = test.measurement
    degrees, share = measurement.in_degrees(measurement.angles[shown]), share_of(measurement)
    inferred = measurement.sigma is None and test.slots.errors[0] in run.posterior.table.columns
    crowded = bool(share)
    ways = [(np.ones(values.shape, dtype=bool), "o", "black", "")]
    if measurement.direction is not None:
        up = measurement.direction[shown] > 0.0
        ways = [(up, "^", "black", ", load going up"), (~up, "v", "white", ", load going down")]
    for these, marker, fill, words in ways:
        ax.errorbar(
            degrees[these],
            values[these],
            yerr=sigma[these],
            fmt=marker,
            color="black",
            markerfacecolor=fill,
            markersize=1.5 if crowded else 3.0 if marker == "o" else 3.3,
            markeredgewidth=0.0 if fill == "black" else 0.4,
            elinewidth=0.3 if crowded else 0.7,
            alpha=0.5 if crowded else None,
            capsize=0.0,
            zorder=1 if crowded else 5,
            label=rf"data $\pm\sigma$ ({'inferred' if inferred else 'given'}){words}{share}",
        )


def _draw_model(run: Draws, test: LaxityTest, q: FloatArray, touch: float, top: Axes, bottom: Axes) -> None:
    """Draw what `q` predict, and the truth if it is known: loads on top, differences from the median below."""
    lag = hysteresis(run.posterior, test, q)
    hysteretic = test.measurement.direction is not None and lag.any()
    way = np.random.default_rng(1).choice((-1.0, 1.0), len(q))
    for i, piece in enumerate(pieces(run.posterior, test, q, touch)):
        curves, degrees = piece.curves, piece.degrees
        quantiles = np.quantile(curves, QUANTILES, axis=0)
        bands(top, degrees, quantiles, named=i == 0)
        bands(bottom, degrees, quantiles - quantiles[2], named=False)
        if hysteretic:
            for sign in (1.0, -1.0):
                name = "posterior median, load going up and down" if i == 0 and sign > 0.0 else None
                moved = np.median(curves + sign * lag[piece.posed, np.newaxis], axis=0)
                top.plot(degrees, moved, color=MEDIAN, linewidth=0.4, gid="hysteresis", label=name)
        if piece.errors is not None:
            readings = curves + piece.errors
            below = np.quantile(readings, (0.05, 0.95), axis=0)
            above = below
            if hysteretic:
                above = np.quantile(readings + (way * lag)[piece.posed, np.newaxis], (0.05, 0.95), axis=0)
            for j in range(2):
                name = "90 % with measurement error" if i == j == 0 else None
                for ax, values in ((top, above[j]), (bottom, below[j] - quantiles[2])):
                    ax.plot(degrees, values, color=MEDIAN, linewidth=0.6, linestyle=_DOTS, gid="with error", label=name)
        if piece.truth is not None:
            name = "truth" if i == 0 else None
            for ax, values in ((top, piece.truth), (bottom, piece.truth - quantiles[2])):
                ax.plot(
                    degrees,
                    values,
                    color=TRUTH,
                    linewidth=1.1,
                    linestyle=TRUTH_DASHES,
                    zorder=4,
                    gid="truth",
                    label=name,
                )


def _mark_touching(top: Axes, bottom: Axes, angles: FloatArray) -> None:
    """Mark the angle at which the load passes from one condyle to the other, if it is in view."""
    early, touch, late = np.nanquantile(angles, (0.05, 0.5, 0.95)).tolist()
    low, high = top.get_xlim()
    if not low < touch < high:
        return
    for ax in (top, bottom):
        ax.axvline(touch, color=FAINT, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0, gid="both touch")
        if late > early:
            ax.axvspan(
                early, late, color=SHADE, linewidth=0, zorder=-1, gid="touch 90", label="both condyles touch, 90 %"
            )
            ax.set_xlim(low, high)
    top.annotate(
        "both condyles touch",
        (touch, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(2, 0),
        textcoords="offset points",
        rotation=90,
        fontsize=SMALL,
        color=FAINT,
        va="bottom",
        ha="left",
    )


def _sigma(run: Draws, test: LaxityTest, q: FloatArray) -> FloatArray:
    """Return each data point's standard deviation [the load's unit]; where it is inferred, the posterior median."""
    measurement = test.measurement
    if measurement.sigma is not None:
        return measurement.sigma
    return np.full(measurement.angles.shape, float(np.median(run.posterior.full(q)[:, test.slots.errors[0]])))
