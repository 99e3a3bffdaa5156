"""The picture of the walkers' ways: traces of every parameter, with what their convergence is."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.chain import extremes
from calibrate.draws import Draws
from calibrate.figures.labels import broken, labels_of
from calibrate.figures.style import (
    ENSEMBLES,
    PAGE_WIDTH,
    SMALL,
    TRUTH_DASHES,
    WARNING,
    dress,
    heading,
    new_figure,
)
from calibrate.sampling.convergence import MIN_TIMES

FloatArray = NDArray[np.float64]

# Walkers and line segments shown in one panel of the traces; the rest would only make it darker.
_WALKERS = 12
_SEGMENTS = 6_000
# Panels that one column holds, and heights of a panel and of a page [mm].
_COLUMN = 13
_HEIGHT = 21.0
_PAGE = 290.0


@plainly
def trace_plot(run: Draws) -> Figure:
    """Draw the walkers' way through the run, every ensemble in its own colour.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        One panel per parameter and one for the log-posterior, over the steps taken: thin lines are single walkers,
        thick ones the means of whole ensembles. More than twelve parameters are in columns. The steps dropped as
        burn-in are shaded; beside each panel stand R-hat, effective sample size and length in autocorrelation
        times of the rest, red where they do not suffice.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    run.thinned(1)  # says so if nothing is stored
    ensembles, stored, walkers, ndim = run.chains.coords.shape
    figure, axes, height = _page(ndim + 1)
    shown = np.linspace(0, walkers - 1, max(1, min(walkers, _WALKERS // ensembles))).round().astype(int)
    points = max(50, _SEGMENTS // (ensembles * (shown.size + 1)))
    if len(axes) > _COLUMN:
        points = max(50, points * _COLUMN // len(axes))
    picked = np.unique(np.linspace(0, stored - 1, min(stored, points)).round().astype(int))
    for i, ax in enumerate(axes):
        values = [
            run.chains.coords[e, picked, :, i] if i < ndim else run.chains.log_prob[e, picked] for e in range(ensembles)
        ]
        _draw(run, ax, np.stack(values), (picked + 1) * run.settings.thin, shown)
    _name(run, axes, room=round(13.0 * height / _HEIGHT))
    _see_the_kept(axes[-1], run)
    if edge := run.burn_in * run.settings.thin:
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
    _explain(run, axes[0], ensembles)
    return figure


def _page(panels: int) -> tuple[Figure, list[Axes], float]:
    """Return a page, its panels in the order of reading, in as many columns as it takes, and their height [mm]."""
    columns = 1 if panels <= _COLUMN else 2 if panels <= 3 * _COLUMN else 3
    rows = -(-panels // columns)
    height = _HEIGHT if columns == 1 else max(13.0, min(_HEIGHT, (_PAGE - 14.0) / rows))
    figure = new_figure(PAGE_WIDTH, 14.0 + height * rows)
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
    axes: list[Axes] = list(grid.T.flat)
    for ax in axes[panels - 1 : -1]:  # the log-posterior's panel comes last, and is at the bottom in any case
        ax.remove()
    for ax in grid[-1]:
        ax.set_xlabel("Step")
    return figure, [*axes[: panels - 1], axes[-1]], height


def _draw(run: Draws, ax: Axes, values: FloatArray, steps: NDArray[np.intp], shown: NDArray[np.intp]) -> None:
    """Draw single walkers and the means of ensembles, `values` (ensembles, steps, walkers), and shade the burn-in."""
    marker = "." if run.stored == 1 else ""
    for e, ensemble in enumerate(values):
        colour = ENSEMBLES[e % len(ENSEMBLES)]
        ax.plot(steps, ensemble[:, shown], color=colour, linewidth=0.35, alpha=0.5, marker=marker, gid="walker")
        ax.plot(steps, ensemble.mean(axis=1), color=colour, linewidth=1.0, marker=marker, gid="mean")
    thin = run.settings.thin
    if run.burn_in:
        ax.axvspan(0.0, run.burn_in * thin, color="#E0E0E0", linewidth=0, zorder=0, gid="burn-in")
    ax.set_xlim(0.0, run.steps + 0.5 * thin)


def _name(run: Draws, axes: list[Axes], room: int) -> None:
    """Label the panels, `room` letters to a line; write each parameter's convergence beside it; draw true values."""
    narrow = len(axes) > _COLUMN
    for i, (ax, label) in enumerate(zip(axes, [*labels_of(run.posterior), "log-posterior [-]"], strict=True)):
        what, unit = label.rsplit(" ", 1)
        ax.set_ylabel(f"{broken(what, room)}\n{unit}")
        ax.yaxis.set_major_locator(MaxNLocator(4 if not narrow else 3))
        dress(ax)
        if not narrow:
            ax.yaxis.set_label_coords(-0.075, 0.5)
        if i == len(run.names):
            break
        if run.names[i] in run.truth:
            ax.axhline(run.truth[run.names[i]], color="black", linewidth=0.9, linestyle=TRUTH_DASHES, gid="truth")
        for line, (verdict, good) in enumerate(_verdicts(run, i)):
            ax.text(
                1.01,
                0.86 - 0.26 * line,
                verdict,
                transform=ax.transAxes,
                fontsize=SMALL if not narrow else SMALL - 1.0,
                va="center",
                color="black" if good else WARNING,
            )
    axes[-1].xaxis.set_major_locator(MaxNLocator(8 if not narrow else 5, integer=True))


def _explain(run: Draws, ax: Axes, ensembles: int) -> None:
    """Put the ensembles' colours, and the truth's, above the first panel."""
    key = [
        Line2D([], [], color=ENSEMBLES[e], linewidth=1.2, label=f"{e + 1}")
        for e in range(min(ensembles, len(ENSEMBLES)))
    ]
    if run.truth:
        key.append(Line2D([], [], color="black", linewidth=0.9, linestyle=TRUTH_DASHES, label="truth"))
    ax.legend(
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


def _verdicts(run: Draws, i: int) -> list[tuple[str, bool]]:
    """Say what the diagnosis makes of parameter `i`, each with whether that is good enough."""
    found, wanted = run.diagnosis, run.settings
    rhat, times = float(found.rhat[i]), float(found.autocorrelation_times[i])
    ess = float(min(found.ess_bulk[i], found.ess_tail[i]))
    if math.isnan(rhat):
        return [("too few steps", False), (r"for $\hat{R}$ and ESS", False)]
    return [
        (rf"$\hat{{R}}$ = {rhat:.3f}", rhat < wanted.max_rhat),
        (f"ESS = {ess:.0f}", ess >= wanted.min_ess),
        (rf"length = {times:.0f} $\tau$", times >= MIN_TIMES),
    ]


def _see_the_kept(ax: Axes, run: Draws) -> None:
    """Scale the log-posterior to the kept steps: a walker's first steps can lie a million below."""
    low, high = extremes(run.chains.log_prob, run.burn_in)
    air = 0.05 * (high - low) or 1.0
    ax.set_ylim(max(extremes(run.chains.log_prob)[0], low - 10.0 * air) - air, high + air)
