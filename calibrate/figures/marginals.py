"""The picture of what the data have taught: every parameter's prior against its posterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.complaints import did_you_mean
from calibrate.draws import Draws
from calibrate.figures.labels import labels_of
from calibrate.figures.style import (
    BAND_50,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    SMALL,
    TRUTH,
    TRUTH_DASHES,
    dress,
    heading,
    new_figure,
    open_frame,
)

FloatArray = NDArray[np.float64]

_DRAWS = 50_000
_BINS = 40
_ROW = 33.0  # mm
_SHADE = "#D9D9D9"
# A posterior this much narrower than its prior is shown with so many of its own widths on either side.
_AROUND = 2.0


@plainly
def prior_posterior_plot(run: Draws, *, names: Sequence[str] | None = None) -> Figure:
    """Draw every parameter's prior and posterior.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.
    names : sequence of str, optional
        Which free parameters; all by default.

    Returns
    -------
    Figure
        A panel for each: the prior's normalised density in grey, a normalised histogram of the draws in blue, the
        median and the 90 % interval below it, and how wide that is against the prior's. A posterior much narrower than
        its prior is shown with its surroundings.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ValueError
        If no free parameter has such a name.
    """
    columns = columns_of(run, run.names if names is None else names)
    draws, labels, shares = run.thinned(_DRAWS), labels_of(run.posterior), narrowed(run)
    across = min(len(columns), 4 if len(columns) <= 24 else 5)
    rows = -(-len(columns) // across)
    figure = new_figure(PAGE_WIDTH if across > 1 else 0.5 * PAGE_WIDTH, 20.0 + _ROW * rows)
    axes: list[Axes] = list(figure.subplots(rows, across, squeeze=False).flat)
    for ax in axes[len(columns) :]:
        ax.remove()
    for ax, column in zip(axes, columns, strict=False):
        _draw(run, ax, column, draws[:, column])
        ax.set_xlabel(labels[column], labelpad=1.5)
        dress(ax)
        ax.xaxis.label.set_fontsize(SMALL if across < 5 else SMALL - 0.5)
        ax.set_title(
            f"{100 * shares[column]:.0f} % as wide as the prior" if across < 5 else f"{100 * shares[column]:.0f} %",
            fontsize=SMALL - 0.5,
            color=FAINT if shares[column] > 0.8 else "black",
            pad=2.0,
        )
    said = "median, 90 % interval" + ("" if across < 5 else " (above: its width against the prior's)")
    figure.legend(handles=_key(run, said), loc="outside lower center", ncols=5, fontsize=SMALL, frameon=False)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(h_pad=0.06)
    heading(figure, run)
    return figure


def columns_of(run: Draws, names: Sequence[str]) -> list[int]:
    """Return the columns of free parameters.

    Raises
    ------
    ValueError
        If no free parameter has such a name, or none is named.
    """
    for name in names:
        if name not in run.names:
            raise ValueError(f"no free parameter is called '{name}'; {did_you_mean(name, list(run.names))}")
    if not names:
        raise ValueError("no parameter is named; name at least one")
    return [run.names.index(name) for name in names]


def narrowed(run: Draws) -> FloatArray:
    """Return the widths of the posterior's 90 % intervals as shares of the priors', shape (ndim,)."""
    low, high = np.quantile(run.thinned(_DRAWS), [0.05, 0.95], axis=0)
    widths = [float(np.ptp(prior.quantile([0.05, 0.95]))) for prior in run.posterior.priors]
    return np.asarray((high - low) / np.array(widths))


def prior_density(run: Draws, column: int, x: FloatArray) -> FloatArray:
    """Return a prior's normalised density, nought outside of its bounds and where the quantity has no meaning."""
    meant = (x >= run.posterior.lower[column]) & (x <= run.posterior.upper[column])
    if run.posterior.table.free[column].quantity.positive:
        meant &= x > 0.0
    density = np.zeros_like(x)
    density[meant] = np.exp(run.posterior.priors[column].log_density(x[meant]))
    return density


def _draw(run: Draws, ax: Axes, column: int, draws: FloatArray) -> None:
    """Draw one parameter."""
    low, high = _range(run, column, draws)
    x = np.linspace(low, high, 301)
    prior = prior_density(run, column, x)
    ax.fill_between(x, prior, color=_SHADE, linewidth=0.0, zorder=1, gid="prior")
    counts, edges = np.histogram(draws, bins=_BINS, range=(low, high))
    density = counts / (len(draws) * (edges[1] - edges[0]))
    ax.stairs(density, edges, fill=True, color=BAND_50, alpha=0.75, zorder=2, gid="posterior")
    ax.stairs(density, edges, color=MEDIAN, linewidth=0.7, zorder=3)
    q05, q50, q95 = np.quantile(draws, (0.05, 0.5, 0.95))
    top = 1.08 * max(float(density.max()), float(prior.max()))
    ax.set_ylim(-0.09 * top, top)
    ax.plot([q05, q95], [-0.045 * top] * 2, color=MEDIAN, linewidth=2.0, solid_capstyle="butt", gid="interval")
    ax.plot([q50], [-0.045 * top], "o", color="white", markeredgecolor=MEDIAN, markersize=3.0, gid="median")
    for bound in (run.posterior.lower[column], run.posterior.upper[column]):
        if low <= bound <= high:
            ax.axvline(bound, color="black", linewidth=1.5, gid="bound")
    if (truth := run.truth.get(run.names[column])) is not None:
        ax.axvline(truth, color=TRUTH, linewidth=1.1, linestyle=TRUTH_DASHES, zorder=4, gid="truth")
    ax.set_xlim(low, high)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(4))
    open_frame(ax)
    ax.spines["left"].set_visible(False)


def _range(run: Draws, column: int, draws: FloatArray) -> tuple[float, float]:
    """Return where a parameter is shown: where its prior is, or the surroundings of a much narrower posterior."""
    prior = run.posterior.priors[column]
    first, last = (float(value) for value in prior.quantile([0.005, 0.995]))
    low, high = np.quantile(draws, (0.003, 0.997)).tolist()
    around = _AROUND * (high - low) or 0.01 * abs(high) or 1.0
    start, end = min(low, max(first, low - around)), max(high, min(last, high + around))
    truth = run.truth.get(run.names[column])
    if truth is not None:
        start, end = min(start, truth), max(end, truth)
    air = 0.03 * (end - start)
    lower, upper = float(run.posterior.lower[column]), float(run.posterior.upper[column])
    return (start - air if start > lower else lower - air), (end + air if end < upper else upper + air)


def _key(run: Draws, said: str) -> list[Artist]:
    key: list[Artist] = [
        Patch(facecolor=_SHADE, label="prior"),
        Patch(facecolor=BAND_50, edgecolor=MEDIAN, linewidth=0.5, label="posterior"),
        Line2D(
            [],
            [],
            color=MEDIAN,
            linewidth=2.0,
            marker="o",
            markerfacecolor="white",
            markersize=3.0,
            label="median, 90 %",
        ),
    ]
    bounds = np.concatenate([run.posterior.lower, run.posterior.upper])
    if np.isfinite(bounds).any():
        key.append(Line2D([], [], color="black", linewidth=1.5, label="prior bound"))
    if run.truth:
        key.append(Line2D([], [], color=TRUTH, linewidth=1.1, linestyle=TRUTH_DASHES, label="truth"))
    return key
