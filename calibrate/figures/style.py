"""What all pictures share: sizes for print, colours, bands, and the line on top.

Everything is set on the objects themselves, and the rest is matplotlib's default (`calibrate.canvas`), never a global
setting: so a picture is the same in any process, and a notebook's own style stays untouched.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from calibrate.canvas import PlainFigure
from calibrate.data import Measurement
from calibrate.draws import Draws
from calibrate.results import Run
from calibrate.texts import elided

DPI = 300
# The same picture gives the same bytes: no dates and no program versions inside.
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Date": None, "Creator": None},
}
INCH = 25.4  # mm
PAGE_WIDTH = 180.0  # mm, two columns of a journal
COLUMN_WIDTH = 90.0  # mm, one column

TEXT = 8.0  # pt
SMALL = 7.0  # pt

# Okabe & Ito's colours keep apart for colour-blind eyes; the posterior's shades keep apart in grey as well.
ENSEMBLES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000")
MEDIAN = "#08306B"
BAND_50 = "#6BAED6"
BAND_90 = "#C6DBEF"
TRUTH = "#D55E00"
WARNING = "#C1272D"
FAINT = "#767676"
SHADE = "#EFEFEF"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # what `bands` shows
TRUTH_DASHES = (0, (5, 1, 1, 1))  # the truth is told from a median in grey as well


def decimals(width: float) -> int:
    """Return the decimal places that show an interval of this width to two significant digits."""
    if not width > 0.0 or not math.isfinite(width):
        return 3
    return max(0, 1 - math.floor(math.log10(width)))


# More data points than this make a black band: that many are drawn, and the legend says so.
_MARKS = 1000


def shown_of(measurement: Measurement) -> NDArray[np.intp] | slice:
    """Return which data points are drawn: all, or of very many a random share, which favours none."""
    count = measurement.angles.size
    if count <= _MARKS:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(count, _MARKS, replace=False))


def share_of(measurement: Measurement) -> str:
    """Say in a legend that not all data points are drawn; empty if they are."""
    count = measurement.angles.size
    return "" if count <= _MARKS else f", {_MARKS:,} of {count:,} points"


def new_figure(width: float, height: float, *, constrained: bool = True) -> Figure:
    """Return an empty figure of this size [mm], on white."""
    return PlainFigure(
        figsize=(width / INCH, height / INCH), layout="constrained" if constrained else None, facecolor="white"
    )


def name_of(run: Draws) -> str:
    """Return what draws are called: their file, or in memory the configuration that they are of."""
    if isinstance(run, Run):
        return run.path.name
    source = run.posterior.config.source
    return "draws" if source is None else source.name


def heading(figure: Figure, run: Draws, x: float = 0.01, **place: Any) -> None:
    """Say on top, from `x` on (a share of the width), whose picture this is and whether it may be believed yet."""
    state = f"{'converged' if run.converged else 'NOT CONVERGED'} after {run.steps} step{'' if run.steps == 1 else 's'}"
    entitle(figure, name_of(run), state, good=run.converged, x=x, **place)


def entitle(figure: Figure, name: str, state: str, *, good: bool, x: float = 0.01, **place: Any) -> None:
    """Say on top whose picture this is, and its state: in bold and red if it is not a good one."""
    # A long name gives way, so that what follows it is never cut off; 2.1 mm hold a bold letter.
    room = max(8, int((1.0 - x) * figure.get_figwidth() * INCH / 2.1) - len(state) - 4)
    figure.suptitle(
        f"{elided(name, room)}: {state}",
        x=x,
        ha="left",
        fontsize=TEXT,
        fontweight="normal" if good else "bold",
        color="black" if good else WARNING,
        parse_math=False,  # a dollar sign in a file's name is no formula
        **place,
    )


def dress(ax: Axes) -> None:
    """Give an axis the quiet look of all pictures."""
    ax.tick_params(labelsize=SMALL, width=0.6, length=2.5, color="black", direction="out")
    ax.xaxis.label.set_fontsize(TEXT)
    ax.yaxis.label.set_fontsize(TEXT)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)


def open_frame(ax: Axes) -> None:
    """Take away the frame's upper and right side, where they say nothing."""
    ax.spines[["top", "right"]].set_visible(False)


def bands(ax: Axes, x: ArrayLike, quantiles: Any, *, named: bool = True) -> None:
    """Draw the 90 and 50 % bands and the median from five quantile rows (5, 25, 50, 75, 95 %).

    Parameters
    ----------
    ax : Axes
        Where.
    x : array_like, shape (n,)
        Abscissa.
    quantiles : ndarray, shape (5, n)
        The rows in rising order.
    named : bool
        Whether they appear in the legend.
    """
    names = ("90 % of the posterior", "50 % of the posterior", "posterior median") if named else (None, None, None)
    q05, q25, q50, q75, q95 = quantiles
    ax.fill_between(x, q05, q95, color=BAND_90, linewidth=0, label=names[0], zorder=1, gid="band 90")
    ax.fill_between(x, q25, q75, color=BAND_50, linewidth=0, label=names[1], zorder=2, gid="band 50")
    ax.plot(x, q50, color=MEDIAN, linewidth=1.1, label=names[2], zorder=3, gid="median")
