"""The picture of convergence: R-hat and effective samples of every parameter as the run grew, with the thresholds."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.figures.labels import symbol
from calibrate.figures.style import ENSEMBLES, FAINT, PAGE_WIDTH, SMALL, WARNING, dress, heading, new_figure, open_frame
from calibrate.sampling.convergence import MIN_STEPS
from calibrate.sampling.verdict import Verdict

FloatArray = NDArray[np.float64]

# Lengths at which to look; fewer of very many numbers, which take long.
_LENGTHS, _FEWER, _MANY = 8, 5, 10_000_000
_NAMED = 6
_LEAST = 1e-4  # R-hat less 1 is drawn from here on
_SHORTEST = 0.04  # of the run


@plainly
def convergence_plot(run: Draws) -> Figure:
    """Draw R-hat and the effective sample size of every parameter over the steps that had been taken.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        Above the rank-normalised R-hat, below the smaller of the bulk and tail effective sample sizes, at eight lengths
        of the run (five of a very long one), each with the burn-in that the verdict would have dropped then. The last
        points are the verdict's. The six that are worst in the end have a colour and a name; the thresholds are dashed.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    run.thinned(1)  # says so if nothing is stored
    count = _FEWER if run.draws * len(run.names) > _MANY else _LENGTHS
    looks = [run.look(int(upto)) for upto in lengths(run.stored, count)]
    steps = np.array([look.steps * run.settings.thin for look in looks])
    rhat = np.array([_with_height(look, "rhat") for look in looks])
    ess = np.array([np.fmin(_with_height(look, "ess_bulk"), _with_height(look, "ess_tail")) for look in looks])
    tests = run.posterior.table.tests
    names = [*(symbol(name, tests) for name in run.names), "log-posterior"]
    figure = new_figure(PAGE_WIDTH, 118.0)
    top, bottom = figure.subplots(2, 1, sharex=True)
    _draw(top, steps, np.maximum(rhat - 1.0, _LEAST), _worst(rhat[-1]), names)
    _draw(bottom, steps, ess, _worst(-ess[-1]), names)
    _scale_rhat(top, run.settings.max_rhat)
    _threshold(bottom, run.settings.min_ess, f"at least {run.settings.min_ess:g}")
    bottom.set_ylabel("Effective samples [-]\n(smaller of bulk and tail)")
    bottom.set_xlabel("Steps taken")
    bottom.set_xlim(0.0, 1.02 * run.steps)
    for ax in (top, bottom):
        dress(ax)
        open_frame(ax)
        if not ax.has_data() or not np.isfinite(rhat).any():
            ax.text(0.5, 0.5, "too few steps to tell", transform=ax.transAxes, ha="center", color=WARNING)
        elif ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=SMALL, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), title="worst now")
            ax.get_legend().get_title().set_fontsize(SMALL)
    heading(figure, run)
    return figure


def lengths(stored: int, count: int) -> NDArray[np.intp]:
    """Return the stored steps at which to look, so many at the most, growing by a factor up to the last one."""
    first = min(stored, max(2 * MIN_STEPS, round(_SHORTEST * stored)))
    return np.unique(np.geomspace(first, stored, count).round().astype(int))


def _with_height(look: Verdict, name: str) -> FloatArray:
    """Return a figure of every parameter, and of the log-probability."""
    found = look.diagnosis
    height = getattr(found.log_prob, name) if found.log_prob is not None else np.array([np.nan])
    return np.append(getattr(found, name), height)


def _worst(values: FloatArray) -> list[int]:
    """Return which are largest, the largest first."""
    known = np.flatnonzero(np.isfinite(values))
    return [int(i) for i in known[np.argsort(-values[known], kind="stable")][:_NAMED]]


def _draw(ax: Axes, steps: FloatArray, values: FloatArray, named: list[int], names: list[str]) -> None:
    for i in range(len(names)):
        place = named.index(i) if i in named else None
        ax.plot(
            steps,
            values[:, i],
            marker="o",
            markersize=2.6 if place is not None else 1.5,
            color=FAINT if place is None else ENSEMBLES[place],
            linewidth=0.5 if place is None else 1.1,
            zorder=2 if place is None else 4 - 0.1 * place,
            gid=f"figure {i}",
        )
    for place, i in enumerate(named):  # the legend in the order of how bad they are
        ax.plot([], [], marker="o", markersize=2.6, color=ENSEMBLES[place], linewidth=1.1, label=names[i])
    if len(names) > len(named) > 0:
        ax.plot(
            [], [], marker="o", markersize=1.5, color=FAINT, linewidth=0.5, label=f"{len(names) - len(named)} others"
        )
    ax.set_yscale("log")


def _scale_rhat(ax: Axes, most: float) -> None:
    """Write R-hat on an axis of R-hat less 1."""
    _threshold(ax, most - 1.0, f"below {most:g}")
    marks = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0]
    low, high = ax.get_ylim()
    ax.set_yticks([mark for mark in marks if low <= mark <= high])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1.0 + value:.5g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel(r"$\hat{R}$, rank-normalised [-]")


def _threshold(ax: Axes, value: float, said: str) -> None:
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 0.6 * value), max(high, 1.6 * value))
    ax.axhline(value, color="black", linewidth=0.9, linestyle=(0, (4, 2)), zorder=5, gid="threshold")
    ax.annotate(
        said,
        (1.0, value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        fontsize=SMALL,
        ha="right",
        va="bottom",
        zorder=6,
    )
