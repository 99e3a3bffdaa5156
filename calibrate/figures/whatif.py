"""The picture of a comparison: load over angle of the calibrated knee and of the changed one, each with its band."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.comparison import Comparison
from calibrate.errors import ExportError
from calibrate.figures.style import (
    DPI,
    FAINT,
    MEDIAN,
    METADATA,
    PAGE_WIDTH,
    SMALL,
    dress,
    heading,
    new_figure,
    open_frame,
)
from calibrate.files import replacing
from calibrate.whatif import ChangedKnees

FloatArray = NDArray[np.float64]

_POINTS = 200
_MARKS = 1000
CHANGED = "#D55E00"
# Far below a line's width, far above the rounding of degrees to radians.
_HAIR = 1e-9


@plainly
def what_if_plot(comparison: Comparison, low: float | None = None, high: float | None = None) -> Figure:
    """Draw the load-angle curves of a knee before and after changes.

    Parameters
    ----------
    comparison : Comparison
        The knees.
    low, high : float, optional
        Between which angles [degrees, as the file counts]; the measured ones by default.

    Returns
    -------
    Figure
        Medians and 90 % bands of the posterior, without measurement error, over the data. Lines are broken where one
        condyle lifts off, if that is at one angle for all draws.
    """
    measurement, test = comparison.before.test.measurement, comparison.before.test
    first, last = comparison.measured
    low, high = first if low is None else low, last if high is None else high
    figure = new_figure(PAGE_WIDTH, 100.0)
    ax = figure.subplots()
    degrees = measurement.in_degrees(measurement.angles)
    shown = (degrees >= low) & (degrees <= high)
    if np.count_nonzero(shown) > _MARKS:
        shown = np.random.default_rng(0).choice(np.flatnonzero(shown), _MARKS, replace=False)
    ax.plot(
        degrees[shown],
        measurement.loads[shown],
        "o",
        color=FAINT,
        markersize=2.5,
        markeredgewidth=0.0,
        zorder=1,
        label="data",
    )
    _draw(ax, comparison, comparison.before, (low, high), MEDIAN, "as calibrated")
    if comparison.changes:
        name = ", ".join(str(change) for change in comparison.changes)
        _draw(ax, comparison, comparison.after, (low, high), CHANGED, name if len(name) <= 60 else "changed")
    ax.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
    sense = f"{test.positive} positive"
    ax.set_ylabel(f"{measurement.kind.capitalize()} [{measurement.unit}], {sense}")
    ax.set_xlabel(f"Angle [°], {sense}")
    dress(ax)
    open_frame(ax)
    legend = ax.legend(fontsize=SMALL, frameon=False, loc="best", title="median and 90 % of the posterior")
    legend.get_title().set_fontsize(SMALL)
    heading(figure, comparison.run)
    return figure


def _draw(
    ax: Axes, comparison: Comparison, knees: ChangedKnees, ends: tuple[float, float], color: str, name: str
) -> None:
    for i, degrees in enumerate(_pieces(knees, *ends)):
        q05, q50, q95 = np.quantile(knees.readings(comparison.in_file(degrees)), (0.05, 0.5, 0.95), axis=0)
        ax.fill_between(degrees, q05, q95, color=color, alpha=0.25, linewidth=0, zorder=2, gid=f"band {name}")
        ax.plot(
            degrees, q50, color=color, linewidth=1.1, zorder=3, gid=f"median {name}", label=name if i == 0 else None
        )


def _pieces(knees: ChangedKnees, low: float, high: float) -> list[FloatArray]:
    """Return angles [degrees], in one piece for each condyle that bears, if all draws lift off at one angle."""
    test = knees.test
    touch = math.nan
    if not test.posed:
        offset = float(knees.full[0, test.slots.reading[0]])
        touch = test.sign * math.degrees(test.geometry(knees.full[0]).theta_0) + offset
    if not low + _HAIR < touch < high - _HAIR:
        return [np.linspace(low, high, _POINTS)]
    return [np.linspace(low, touch - _HAIR, _POINTS), np.linspace(touch + _HAIR, high, _POINTS)]


def save(figure: Figure, path: Path) -> None:
    """Write the picture, whole or not at all; its name says of which kind.

    Raises
    ------
    ExportError
        If it cannot be written.
    """
    kind = path.suffix.lstrip(".").lower()
    with replacing(path, ExportError) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI, metadata=METADATA[kind])
