"""Pictures of what a population does to its knees: a forest plot of each component, and the population's curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from calibrate.canvas import plainly
from calibrate.figures.labels import symbol
from calibrate.figures.study_forest import Estimates, forest_plot
from calibrate.figures.style import ENSEMBLES, FAINT, MEDIAN, PAGE_WIDTH, SHADE, SMALL, dress, new_figure, open_frame
from calibrate.population.shrinkage import Shrinkage

ALONE, TOGETHER = "each knee by itself", "with all others"
_ROW = 46.0  # mm
_COLUMNS = 3
# Points of a curve.
_POINTS = 200


@plainly
def shrinkage_plot(one: Shrinkage) -> Figure:
    """Draw one parameter of all knees: by itself, with all others, and where 90 % of new knees are expected."""
    estimates = [
        Estimates(name, values[:, 1], values[:, 0], values[:, 2])
        for name, values in ((ALONE, one.alone), (TOGETHER, one.together))
    ]
    return forest_plot(one.knees, estimates, label=_label(one), population=one.population, among=one.among)


@plainly
def population_plot(found: Sequence[Shrinkage]) -> Figure:
    """Draw how each parameter is distributed over knees: the curve of a new knee above all knees' medians."""
    rows = -(-len(found) // _COLUMNS)
    figure = new_figure(PAGE_WIDTH, 18.0 + _ROW * rows)
    axes = figure.subplots(rows, min(_COLUMNS, len(found)), squeeze=False).ravel()
    for ax, one in zip(axes, found, strict=False):
        low, high = _span(one)
        inside = one.new[(one.new >= low) & (one.new <= high)]
        x = np.linspace(low, high, _POINTS)
        y = _density(inside, x)
        said = f"new {one.among}" if one.covariates else None
        ax.fill_between(x, y, color=SHADE, linewidth=0.0, zorder=1, gid="curve", label=said)
        ax.plot(x, y, color=FAINT, linewidth=1.0, zorder=2, gid="curve line")
        top = float(y.max())
        for place, (values, colour) in enumerate(((one.alone, MEDIAN), (one.together, ENSEMBLES[1]))):
            name = (ALONE, TOGETHER)[place]
            at = np.full(len(values), -top * (0.12 + 0.12 * place))
            ax.plot(values[:, 1], at, "|", color=colour, markersize=6.0, zorder=3, gid=name, label=f"{name}: medians")
        ax.set_xlim(low, high)
        ax.set_ylim(-0.34 * top, 1.08 * top)
        ax.set_yticks([])
        ax.set_xlabel(_label(one))
        dress(ax)
        open_frame(ax)
    for ax in axes[len(found) :]:
        ax.remove()
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False)
    return figure


def _span(one: Shrinkage) -> tuple[float, float]:
    """Return what is shown: 98 % of new knees, and all knees' medians."""
    low, high = np.quantile(one.new, [0.01, 0.99])
    medians = np.concatenate([one.alone[:, 1], one.together[:, 1]])
    low, high = min(low, np.nanmin(medians)), max(high, np.nanmax(medians))
    room = 0.03 * (high - low)
    return float(low - room), float(high + room)


def _density(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return a density at x, smoothed by Silverman's width."""
    quartiles = np.quantile(values, [0.25, 0.75])
    width = 0.9 * min(float(values.std()), float(np.diff(quartiles)[0]) / 1.34) * len(values) ** -0.2
    z = (x[:, np.newaxis] - values) / width
    return np.asarray(np.exp(-0.5 * z * z).sum(axis=1) / (len(values) * width * np.sqrt(2.0 * np.pi)))


def _label(one: Shrinkage) -> str:
    return f"{symbol(one.parameter)} [{one.unit or '-'}]"
