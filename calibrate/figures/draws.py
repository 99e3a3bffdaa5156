"""Pictures of the draws themselves: the corner of the posterior, and the walkers' traces."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.chain import extremes
from calibrate.figures.style import (
    BAND_50,
    BAND_90,
    COLUMN_WIDTH,
    ENSEMBLES,
    MEDIAN,
    PAGE_WIDTH,
    SMALL,
    TEXT,
    TRUTH,
    TRUTH_DASHES,
    WARNING,
    decimals,
    dress,
    heading,
    label,
    new_figure,
)
from calibrate.results import Run
from calibrate.sampling.convergence import MIN_TIMES

FloatArray = NDArray[np.float64]

# A corner of more draws than this looks the same and takes longer.
_CORNER_DRAWS = 50_000
# Walkers and line segments shown in one panel of the traces; the rest would only make it darker.
_WALKERS = 12
_SEGMENTS = 6_000


@plainly
def corner_plot(run: Run) -> Figure:
    """Draw every parameter's posterior and every pair's, 50 and 90 % contours.

    Parameters
    ----------
    run : Run
        Finished or still going.

    Returns
    -------
    Figure
        On the diagonal histograms with the median and the 5 and 95 % quantiles, below it the pairs; true values and
        prior bounds where they are known and in view.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    import corner  # imports pyplot, so only those who want a corner pay for it

    ndim, limits = len(run.names), _limits(run, run.some_samples())
    labels = [label(name, unit) for name, unit in zip(run.names, run.posterior.units, strict=True)]

    left, bottom, top, right = 17.0, 15.0, 17.0, 4.0
    panel = min((PAGE_WIDTH - left - right) / ndim, 38.0) if ndim > 1 else COLUMN_WIDTH - left - right
    height = panel if ndim > 1 else 0.75 * panel
    width, tall = left + right + ndim * panel, bottom + top + ndim * height + (10.0 if ndim == 1 else 0.0)
    figure = new_figure(width, tall, constrained=False)
    figure.subplots(ndim, ndim)
    small = TEXT if ndim <= 5 else SMALL - 0.5
    corner.corner(
        run.thinned(_CORNER_DRAWS),
        fig=figure,
        bins=30 if ndim < 6 else 24,
        range=limits,
        levels=(0.5, 0.9),
        smooth=1.0,
        quiet=True,
        plot_datapoints=False,
        plot_density=False,
        fill_contours=True,
        contourf_kwargs={"colors": ["white", BAND_90, BAND_50]},
        contour_kwargs={"colors": MEDIAN, "linewidths": 0.5},
        hist_kwargs={"color": MEDIAN, "histtype": "stepfilled", "facecolor": BAND_90, "linewidth": 0.7},
        labels=labels,
        label_kwargs={"fontsize": small},
        max_n_ticks=4,
    )
    figure.subplots_adjust(
        left=left / width,
        right=1.0 - right / width,
        bottom=bottom / tall,
        top=(bottom + ndim * height) / tall,
        wspace=0.06,
        hspace=0.06,
    )
    axes = np.array(figure.axes).reshape(ndim, ndim)
    for i, ax in enumerate(axes.flat):
        row, column = divmod(i, ndim)
        if column > row:
            continue
        dress(ax)
        ax.tick_params(labelsize=SMALL if ndim <= 5 else SMALL - 1)
        ax.set_xticks(_inner_ticks(*limits[column]))
        if column < row:
            ax.set_yticks(_inner_ticks(*limits[row]))
        if ndim == 1:
            ax.tick_params(axis="x", labelrotation=0)
        for of_axis, side in ((ax.xaxis, height), (ax.yaxis, panel)):
            of_axis.label.set_fontsize(small)
            at = -11.5 / side
            of_axis.set_label_coords(*((0.5, at) if of_axis is ax.xaxis else (at, 0.5)))
    _mark_parameters(run, axes, labels, limits, small)
    heading(figure, run, x=2.0 / width, y=1.0 - 2.0 / tall, va="top")
    figure.legend(
        handles=_corner_key(run, limits),
        loc="upper right" if ndim > 1 else "upper left",
        bbox_to_anchor=(1.0 - 2.0 / width, 1.0 - 14.0 / tall) if ndim > 1 else (left / width - 0.02, 1.0 - 6.0 / tall),
        fontsize=SMALL,
        frameon=False,
        ncols=1 if ndim > 1 else 2,
    )
    return figure


def _mark_parameters(
    run: Run, axes: NDArray[np.object_], labels: list[str], limits: list[tuple[float, float]], fontsize: float
) -> None:
    """Draw medians, intervals, bounds and true values into the corner, and write them above the diagonal."""
    quantiles = np.quantile(run.some_samples(), [0.05, 0.5, 0.95], axis=0)
    for i, name in enumerate(run.names):
        low, middle, high = quantiles[:, i]
        ax = axes[i, i]
        places = decimals(high - low)
        value = f"${middle:.{places}f}_{{-{middle - low:.{places}f}}}^{{+{high - middle:.{places}f}}}$"
        ax.set_title(f"{labels[i]}\n{value}", fontsize=fontsize, pad=4.5, linespacing=1.35)
        ax.axvline(middle, color=MEDIAN, linewidth=1.0)
        for edge in (low, high):
            ax.axvline(edge, color=MEDIAN, linewidth=0.7, linestyle=(0, (4, 2)))
        for bound in (run.posterior.lower[i], run.posterior.upper[i]):
            if bound in limits[i]:
                ax.axvline(bound, color="black", linewidth=3.0, gid="bound")
        if name in run.truth:
            for below in axes[i:, i]:
                below.axvline(run.truth[name], color=TRUTH, linewidth=0.9, linestyle=TRUTH_DASHES, gid="truth")
            for beside in axes[i, :i]:
                beside.axhline(run.truth[name], color=TRUTH, linewidth=0.9, linestyle=TRUTH_DASHES, gid="truth")


def _limits(run: Run, samples: FloatArray) -> list[tuple[float, float]]:
    """Settle where each parameter is shown: nearly all draws and some air, but no empty strip beyond a prior bound."""
    limits = []
    low, high = np.quantile(samples, [0.003, 0.997], axis=0)
    for i in range(samples.shape[1]):
        air = 0.08 * (high[i] - low[i])
        if not air > 1e-9 * abs(high[i]):  # no walker has moved: any width will do
            air = 0.01 * abs(high[i]) or 1.0
            limits.append((low[i] - air, high[i] + air))
            continue
        start, end = max(low[i] - air, run.posterior.lower[i]), min(high[i] + air, run.posterior.upper[i])
        truth = run.truth.get(run.names[i], start)
        limits.append(
            (min(start, truth - 0.5 * air), max(end, truth + 0.5 * air)) if not start <= truth <= end else (start, end)
        )
    return limits


def _inner_ticks(low: float, high: float) -> list[float]:
    """Round numbers away from an axis' ends, where they would run into the neighbour's."""
    edge = 0.08 * (high - low)
    return [tick for tick in MaxNLocator(4).tick_values(low, high) if low + edge <= tick <= high - edge]


def _corner_key(run: Run, limits: list[tuple[float, float]]) -> list[Artist]:
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
    bounds = zip(run.posterior.lower, run.posterior.upper, limits, strict=True)
    if any(lower in shown or upper in shown for lower, upper, shown in bounds):
        key.append(Line2D([], [], color="black", linewidth=2.0, label="prior bound"))
    if run.truth:
        key.append(Line2D([], [], color=TRUTH, linewidth=0.9, linestyle=TRUTH_DASHES, label="truth"))
    return key


@plainly
def trace_plot(run: Run) -> Figure:
    """Draw the walkers' way through the run, every ensemble in its own colour.

    Parameters
    ----------
    run : Run
        Finished or still going.

    Returns
    -------
    Figure
        One panel per parameter and one for the log-posterior, over the steps taken: thin lines are single walkers,
        thick ones the means of whole ensembles. The steps dropped as burn-in are shaded; beside each panel stand
        R-hat, effective sample size and length in autocorrelation times of the rest, red where they do not suffice.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    run.some_samples()  # says so if nothing is stored
    ensembles, stored, walkers, ndim = run.chains.coords.shape
    shown = np.linspace(0, walkers - 1, max(1, min(walkers, _WALKERS // ensembles))).round().astype(int)
    points = max(50, _SEGMENTS // (ensembles * (shown.size + 1)))
    picked = np.unique(np.linspace(0, stored - 1, min(stored, points)).round().astype(int))
    thin = run.config.sampling.thin
    steps = (picked + 1) * thin
    edge = run.burn_in * thin

    figure = new_figure(PAGE_WIDTH, 14.0 + 21.0 * (ndim + 1))
    axes = figure.subplots(ndim + 1, 1, sharex=True)
    labels = [
        *(label(name, unit) for name, unit in zip(run.names, run.posterior.units, strict=True)),
        "log-posterior [-]",
    ]
    marker = "." if stored == 1 else ""
    for i, ax in enumerate(axes):
        for e in range(ensembles):
            colour = ENSEMBLES[e % len(ENSEMBLES)]
            values = run.chains.coords[e, picked, :, i] if i < ndim else run.chains.log_prob[e, picked]
            few = values[:, shown]
            ax.plot(steps, few, color=colour, linewidth=0.35, alpha=0.5, marker=marker, gid="walker")
            mean = values.mean(axis=1)
            ax.plot(steps, mean, color=colour, linewidth=1.0, marker=marker, gid="mean")
        if edge:
            ax.axvspan(0.0, edge, color="#E0E0E0", linewidth=0, zorder=0, gid="burn-in")
        if i < ndim and run.names[i] in run.truth:
            ax.axhline(run.truth[run.names[i]], color="black", linewidth=0.9, linestyle=TRUTH_DASHES, gid="truth")
        ax.set_ylabel("\n".join(labels[i].rsplit(" ", 1)))
        ax.yaxis.set_label_coords(-0.075, 0.5)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.set_xlim(0.0, run.steps + 0.5 * thin)
        dress(ax)
        for line, (verdict, good) in enumerate(_verdicts(run, i) if i < ndim else ()):
            ax.text(
                1.01,
                0.86 - 0.26 * line,
                verdict,
                transform=ax.transAxes,
                fontsize=SMALL,
                va="center",
                color="black" if good else WARNING,
            )
    _see_the_kept(axes[-1], run)
    axes[-1].set_xlabel("Step")
    axes[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))
    if edge:
        axes[0].annotate(
            "burn-in, dropped",
            (0.5 * edge, 0.96),
            xycoords=("data", "axes fraction"),
            fontsize=SMALL,
            ha="center",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
        )
    heading(figure, run)
    key = [
        Line2D([], [], color=ENSEMBLES[e], linewidth=1.2, label=f"{e + 1}")
        for e in range(min(ensembles, len(ENSEMBLES)))
    ]
    if run.truth:
        key.append(Line2D([], [], color="black", linewidth=0.9, linestyle=TRUTH_DASHES, label="truth"))
    axes[0].legend(
        handles=key,
        title="ensemble (thick: its mean)",
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(key),
        fontsize=SMALL,
        title_fontsize=SMALL,
        frameon=False,
        borderaxespad=0.1,
        columnspacing=1.2,
        handlelength=1.4,
    )
    return figure


def _verdicts(run: Run, i: int) -> list[tuple[str, bool]]:
    """Say what the diagnosis makes of parameter `i`, each with whether that is good enough."""
    found, wanted = run.diagnosis, run.config.sampling
    rhat, times = float(found.rhat[i]), float(found.autocorrelation_times[i])
    ess = float(min(found.ess_bulk[i], found.ess_tail[i]))
    if math.isnan(rhat):
        return [("too few steps", False), (r"for $\hat{R}$ and ESS", False)]
    return [
        (rf"$\hat{{R}}$ = {rhat:.3f}", rhat < wanted.max_rhat),
        (f"ESS = {ess:.0f}", ess >= wanted.min_ess),
        (rf"length = {times:.0f} $\tau$", times >= MIN_TIMES),
    ]


def _see_the_kept(ax: Axes, run: Run) -> None:
    """Scale the log-posterior to the kept steps: a walker's first steps can lie a million below."""
    low, high = extremes(run.chains.log_prob, run.burn_in)
    air = 0.05 * (high - low) or 1.0
    ax.set_ylim(max(extremes(run.chains.log_prob)[0], low - 10.0 * air) - air, high + air)
