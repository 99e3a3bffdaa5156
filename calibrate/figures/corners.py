"""Pictures of the posterior: histograms of parameters, and contours of their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.errors import ChainError
from calibrate.figures.labels import broken, labels_of, symbol
from calibrate.figures.marginals import columns_of, narrowed, prior_density
from calibrate.figures.style import (
    BAND_50,
    BAND_90,
    COLUMN_WIDTH,
    FAINT,
    INCH,
    MEDIAN,
    PAGE_WIDTH,
    SMALL,
    TEXT,
    TRUTH,
    TRUTH_DASHES,
    decimals,
    dress,
    heading,
    new_figure,
)

FloatArray = NDArray[np.float64]
_Axes: TypeAlias = "np.ndarray[Any, Any]"  # a square of panels

# Each of the n x n panels costs time, those that stay empty as well, and a picture may take two seconds.
MOST = 10
# A corner of more draws than this looks the same and takes longer.
_DRAWS = 20_000
# Of more than the second number, the first are what quantiles are taken of.
_SOME, _LONG = 50_000, 500_000
# Margins [mm], and of more than a line's label the rest.
_LEFT, _BOTTOM, _TOP, _RIGHT, _LINE = 17.0, 15.0, 17.0, 4.0, 3.2
_GAP = 0.8  # mm between panels
_BEST = "black"
# Parameters named as left out.
_NAMED = 24


def corner_pages(run: Draws) -> dict[str, tuple[str, ...]]:
    """Share the free parameters out over pages that can be read.

    Up to ten are on one page, `corner`. Of more, those of the geometry have a page of their own,
    `corner_geometry`. Where that leaves more than ten on a page, it has those whose 90 % interval the data have
    narrowed most against the prior's.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    if len(run.names) <= MOST:
        return {"corner": run.names}
    shape = run.posterior.table.rows("geometry")
    groups = {"corner": np.flatnonzero(~shape), "corner_geometry": np.flatnonzero(shape)}
    if not groups["corner"].size:
        groups = {"corner": groups["corner_geometry"]}
    by_news = np.argsort(narrowed(run), kind="stable")
    return {
        page: tuple(run.names[i] for i in sorted(by_news[np.isin(by_news, group)][:MOST]))
        for page, group in groups.items()
        if group.size
    }


@plainly
def corner_plot(run: Draws, *, names: Sequence[str] | None = None, map: bool = True) -> Figure:
    """Draw parameters' posteriors and those of their pairs, 50 and 90 % contours.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.
    names : sequence of str, optional
        Which free parameters; by default all, or of more than ten those of the first of `corner_pages`.
    map : bool
        Whether to mark the best of the draws (maximum a posteriori), a cross in pairs.

    Returns
    -------
    Figure
        On the diagonal histograms with the median, the 5 and 95 % quantiles and the prior's density in grey, below it
        the pairs; true values and prior bounds where they are known and in view. It says which are left out.

    Raises
    ------
    ChainError
        If nothing is stored yet, or fewer draws than parameters.
    ValueError
        If no free parameter has such a name.
    """
    columns = columns_of(run, corner_pages(run)["corner"] if names is None else names)
    ndim, draws = len(columns), run.thinned(_DRAWS)[:, columns]
    if len(draws) < ndim:
        raise ChainError(f"{len(draws)} draws are too few for {ndim} parameters; sample more or name fewer of them")
    limits = [_limits(run, draws[:, i], column) for i, column in enumerate(columns)]
    labels = [labels_of(run.posterior)[i] for i in columns]
    small = TEXT if ndim <= 5 else SMALL - (0.5 if ndim <= 9 else 1.0)
    side = min((PAGE_WIDTH - _LEFT - _RIGHT) / ndim, 38.0)
    axis_labels = [broken(one, max(8, round(side / (0.21 * small)))) for one in labels] if ndim > 1 else labels
    more = _LINE * max(one.count("\n") for one in axis_labels)

    left, bottom, top = _LEFT + more, _BOTTOM + more, _TOP + max(0.0, more - _LINE)
    panel = min((PAGE_WIDTH - left - _RIGHT) / ndim, 38.0) if ndim > 1 else COLUMN_WIDTH - left - _RIGHT
    height = panel if ndim > 1 else 0.75 * panel
    width, tall = left + _RIGHT + ndim * panel, bottom + top + ndim * height + (10.0 if ndim == 1 else 0.0)
    figure = new_figure(width, tall, constrained=False)
    bins = 30 if ndim < 6 else 24
    axes = _panels(figure, draws, limits, axis_labels, bins, small)
    _place(figure, ndim, (left, bottom), (panel, height))
    _tidy(axes, limits, (panel, height), small)
    best = run.best if map else None
    # All draws that the summary's numbers are of, too, but of a very long chain.
    whole = (run.some_samples() if run.draws <= _LONG else run.thinned(_SOME))[:, columns]
    for i, column in enumerate(columns):
        _mark(run, axes, i, column, whole[:, i], axis_labels[i], limits[i], small)
        _draw_prior(run, axes[i, i], column, limits[i], len(draws) / bins)
    if best is not None:
        _mark_best(axes, best[columns], limits)
    heading(figure, run, x=2.0 / width, y=1.0 - 2.0 / tall, va="top")
    key = _key(run, columns, limits, best=map)
    figure.legend(
        handles=key,
        loc="upper right" if ndim > 1 else "upper left",
        bbox_to_anchor=(1.0 - 2.0 / width, 1.0 - 14.0 / tall) if ndim > 1 else (left / width - 0.02, 1.0 - 6.0 / tall),
        fontsize=SMALL,
        frameon=False,
        ncols=1 if ndim > 1 else 2,
    )
    if left_out := _left_out(run, columns):
        below = 1.0 - (20.0 + 3.7 * len(key)) / tall if ndim > 1 else 0.5
        figure.text(
            1.0 - 3.0 / width,
            below,
            left_out,
            fontsize=SMALL - 0.5,
            color=FAINT,
            ha="right",
            va="top",
            gid="left out",
        )
    return figure


def _panels(
    figure: Figure, draws: FloatArray, limits: list[tuple[float, float]], labels: list[str], bins: int, small: float
) -> _Axes:
    """Return the panels of a lower triangle with histograms and contours, None above it."""
    import corner  # imports pyplot, so only those who want a corner pay for it

    ndim = len(limits)
    axes: _Axes = figure.subplots(ndim, ndim, squeeze=False)
    corner.corner(
        draws,
        fig=figure,
        bins=bins,
        range=limits,
        levels=(0.5, 0.9),
        smooth=1.0,
        quiet=True,
        plot_datapoints=False,
        plot_density=False,
        no_fill_contours=True,
        fill_contours=True,
        contourf_kwargs={"colors": ["white", BAND_90, BAND_50]},
        contour_kwargs={"colors": MEDIAN, "linewidths": 0.5},
        hist_kwargs={"histtype": "stepfilled", "facecolor": BAND_90, "edgecolor": MEDIAN, "linewidth": 0.7},
        labels=labels,
        label_kwargs={"fontsize": small},
        max_n_ticks=0,  # they take most of the time; `_tidy` sets those that have their numbers
    )
    for row in range(ndim):
        for column in range(row + 1):
            axes[row, column].set_label(f"panel {row} {column}")
        for column in range(row + 1, ndim):
            axes[row, column].remove()
            axes[row, column] = None
    return axes


def _place(figure: Figure, ndim: int, corner: tuple[float, float], sides: tuple[float, float]) -> None:
    """Put the panels where they belong; the lower left corner and the sides are in mm."""
    width, tall = (INCH * size for size in figure.get_size_inches())
    gap = _GAP if ndim > 1 else 0.0
    figure.subplots_adjust(
        left=corner[0] / width,
        right=(corner[0] + ndim * sides[0] - gap) / width,
        bottom=corner[1] / tall,
        top=(corner[1] + ndim * sides[1] - gap) / tall,
        wspace=gap / (sides[0] - gap),
        hspace=gap / (sides[1] - gap),
    )


def _tidy(axes: _Axes, limits: list[tuple[float, float]], sides: tuple[float, float], small: float) -> None:
    """Set the ticks of the panels on the outside; `sides` are a panel's width and height [mm]."""
    ndim, (panel, height) = len(limits), sides
    ticks = [_inner_ticks(*one, 4 if ndim <= 9 else 3) for one in limits]
    for row in range(ndim):
        for column in range(row + 1):
            ax, lowest, first = axes[row, column], row == ndim - 1, column == 0 < row
            for spine in ax.spines.values():
                spine.set_linewidth(0.6)
            if lowest or first:
                dress(ax)
                ax.tick_params(labelsize=SMALL if ndim <= 5 else SMALL - 1)
            if lowest:
                ax.set_xticks(ticks[column])
                ax.tick_params(axis="x", labelrotation=45 if ndim > 1 else 0)
                ax.xaxis.set_label_coords(0.5, -11.5 / height)
                ax.xaxis.label.set_fontsize(small)
            if first:
                ax.set_yticks(ticks[row])
                ax.tick_params(axis="y", labelrotation=45)
                ax.yaxis.set_label_coords(-11.5 / panel, 0.5)
                ax.yaxis.label.set_fontsize(small)


def _mark(
    run: Draws,
    axes: _Axes,
    i: int,
    column: int,
    draws: FloatArray,
    label: str,
    limits: tuple[float, float],
    fontsize: float,
) -> None:
    """Draw a parameter's median, interval, bounds and true value into row and column i; write them above."""
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    ax = axes[i, i]
    places = decimals(high - low)
    value = f"${round(middle, places) + 0.0:.{places}f}_{{-{middle - low:.{places}f}}}^{{+{high - middle:.{places}f}}}$"
    ax.set_title(f"{label}\n{value}", fontsize=fontsize, pad=4.5, linespacing=1.35)
    ax.axvline(middle, color=MEDIAN, linewidth=1.0)
    for edge in (low, high):
        ax.axvline(edge, color=MEDIAN, linewidth=0.7, linestyle=(0, (4, 2)))
    for bound in (run.posterior.lower[column], run.posterior.upper[column]):
        if bound in limits:
            ax.axvline(bound, color="black", linewidth=3.0, gid="bound")
    truth = run.truth.get(run.names[column])
    if truth is not None:
        for below in axes[i:, i]:
            below.axvline(truth, color=TRUTH, linewidth=0.9, linestyle=TRUTH_DASHES, gid="truth")
        for beside in axes[i, :i]:
            beside.axhline(truth, color=TRUTH, linewidth=0.9, linestyle=TRUTH_DASHES, gid="truth")


def _mark_best(axes: _Axes, best: FloatArray, limits: list[tuple[float, float]]) -> None:
    """Mark the best draw: a cross in pairs, a wedge on top of histograms, if it is in view."""
    for row in range(len(limits)):
        if not limits[row][0] <= best[row] <= limits[row][1]:
            continue
        own = axes[row, row]
        own.plot([best[row]], [0.97], "v", transform=own.get_xaxis_transform(), color=_BEST, markersize=3.5, gid="map")
        for column in range(row):
            if limits[column][0] <= best[column] <= limits[column][1]:
                axes[row, column].plot(
                    [best[column]], [best[row]], "x", color=_BEST, markersize=3.5, markeredgewidth=0.9, gid="map"
                )


def _draw_prior(run: Draws, ax: Axes, column: int, limits: tuple[float, float], scale: float) -> None:
    """Draw a prior's density on the scale of a histogram; `scale` is the mean of its counts."""
    x = np.linspace(*limits, 201)
    density = prior_density(run, column, x)
    y = scale * (limits[1] - limits[0]) * density[density > 0.0]
    ax.plot(x[density > 0.0], y, color=FAINT, linewidth=0.8, zorder=3, gid="prior")
    ax.set_ylim(0.0, max(ax.get_ylim()[1], 1.1 * float(y.max(initial=0.0))))


def _limits(run: Draws, samples: FloatArray, column: int) -> tuple[float, float]:
    """Settle where a parameter is shown: nearly all draws and some air, but no empty strip where none can be."""
    low, high = np.quantile(samples, [0.003, 0.997]).tolist()
    air = 0.08 * (high - low)
    if not air > 1e-9 * abs(high):  # no walker has moved: any width will do
        air = 0.01 * abs(high) or 1.0
        return low - air, high + air
    lower, upper = float(run.posterior.lower[column]), float(run.posterior.upper[column])
    if run.posterior.table.free[column].quantity.positive:
        lower = max(lower, 0.0)
    start, end = max(low - air, lower), min(high + air, upper)
    truth = run.truth.get(run.names[column], start)
    return (start, end) if start <= truth <= end else (min(start, truth - 0.5 * air), max(end, truth + 0.5 * air))


def _inner_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers away from an axis' ends, where they would run into the neighbour's."""
    edge = 0.08 * (high - low)
    return [tick for tick in MaxNLocator(most).tick_values(low, high) if low + edge <= tick <= high - edge]


def _key(run: Draws, columns: list[int], limits: list[tuple[float, float]], *, best: bool) -> list[Artist]:
    """Explain the marks that the corner uses."""
    key: list[Artist] = [
        Line2D([], [], color=MEDIAN, linewidth=1.0, label="median"),
        Line2D([], [], color=MEDIAN, linewidth=0.7, linestyle=(0, (4, 2)), label="5 % and 95 %"),
    ]
    if len(limits) > 1:
        key += [
            Patch(facecolor=BAND_50, edgecolor=MEDIAN, linewidth=0.5, label="50 % of the draws"),
            Patch(facecolor=BAND_90, edgecolor=MEDIAN, linewidth=0.5, label="90 % of the draws"),
        ]
    key.append(Line2D([], [], color=FAINT, linewidth=0.8, label="prior"))
    bounds = zip(run.posterior.lower[columns], run.posterior.upper[columns], limits, strict=True)
    if any(lower in shown or upper in shown for lower, upper, shown in bounds):
        key.append(Line2D([], [], color="black", linewidth=2.0, label="prior bound"))
    if best:
        key.append(Line2D([], [], color=_BEST, marker="x", markersize=3.5, linestyle="none", label="best draw (MAP)"))
    if run.truth:
        key.append(Line2D([], [], color=TRUTH, linewidth=0.9, linestyle=TRUTH_DASHES, label="truth"))
    return key


def _left_out(run: Draws, columns: list[int]) -> str:
    """Say which parameters a page has not, by group where a whole group is missing; empty if it has all."""
    table, rest = run.posterior.table, [i for i in range(len(run.names)) if i not in columns]
    if not rest:
        return ""
    shape = table.rows("geometry")
    named: list[str] = []
    for group, words in ((~shape, "laws, readings and errors"), (shape, "the geometry")):
        missing = [i for i in rest if group[i]]
        if len(missing) == group.sum() and len(missing) > 1:
            named.append(f"{words} ({len(missing)})")
        else:
            named += [symbol(run.names[i], table.tests) for i in missing]
    if len(named) > _NAMED:
        named[_NAMED:] = [f"{len(named) - _NAMED} more"]
    return f"{len(columns)} of {len(run.names)} parameters; left out here:\n{broken(', '.join(named), 44)}"
