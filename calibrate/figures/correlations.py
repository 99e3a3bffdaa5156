"""The picture of what goes together: rank correlations of all pairs of parameters."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.figures.labels import symbol
from calibrate.figures.style import PAGE_WIDTH, SMALL, dress, heading, new_figure

FloatArray = NDArray[np.float64]

_DRAWS = 20_000
_WRITTEN = 14  # parameters up to which the numbers are written


@plainly
def correlation_plot(run: Draws) -> Figure:
    """Draw the rank correlations (Spearman) of all pairs of free parameters.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        A lower triangle of coloured squares, blue for parameters that rise together, brown for one that falls while
        the other rises; up to fourteen parameters, with the numbers.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    found = rank_correlations(run.thinned(_DRAWS))
    count, tests = len(found), run.posterior.table.tests
    names = [symbol(name, tests) for name in run.names]
    side = min(140.0, 26.0 + 12.0 * count)
    figure = new_figure(min(PAGE_WIDTH, side + 48.0), side + 24.0)
    ax = figure.subplots()
    shown = np.ma.masked_array(found, mask=np.triu(np.ones_like(found, dtype=bool)) & (count > 1))
    image = ax.imshow(shown, cmap=matplotlib.colormaps["BrBG"], vmin=-1.0, vmax=1.0, aspect="equal", gid="correlations")
    small = SMALL if count <= 16 else SMALL - 2.0
    ax.set_xticks(range(count), names, rotation=90, fontsize=small)
    ax.set_yticks(range(count), names, fontsize=small)
    if count > 1:  # the first row and the last column would be empty
        ax.set_xlim(-0.5, count - 1.5)
        ax.set_ylim(count - 0.5, 0.5)
    if count <= _WRITTEN:
        for row in range(count):
            for column in range(row):
                value = found[row, column]
                ax.text(
                    column,
                    row,
                    f"{round(value, 2) + 0.0:.2f}".replace("-", "−"),
                    ha="center",
                    va="center",
                    fontsize=SMALL if count <= 9 else SMALL - 1.5,
                    color="white" if abs(value) > 0.7 else "black",
                )
    bar = figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02)
    bar.set_label("Rank correlation [-]", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL, width=0.6, length=2.5)
    dress(ax)
    ax.tick_params(labelsize=small, length=0.0)
    ax.spines[:].set_visible(False)
    heading(figure, run)
    return figure


def rank_correlations(draws: FloatArray) -> FloatArray:
    """Return Spearman's correlations of columns (n, ndim), shape (ndim, ndim); 0 with a column that never moves.

    Ties rank in the order of the draws, and in draws of a chain these are repeats of whole rows.
    """
    ranks = np.argsort(np.argsort(draws, axis=0, kind="stable"), axis=0, kind="stable").astype(float)
    ranks[:, np.ptp(draws, axis=0) == 0.0] = 0.0
    ranks -= ranks.mean(axis=0)
    size = np.sqrt((ranks**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = ranks.T @ ranks / np.outer(size, size)
    found = np.nan_to_num(found)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)
