"""The picture of strands: tension over length, as far as the tests can tell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.figures.labels import strand_label
from calibrate.figures.readings import true_law, true_numbers
from calibrate.figures.style import (
    BAND_50,
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
    decimals,
    dress,
    heading,
    new_figure,
    share_of,
    shown_of,
)
from calibrate.knee.ligament import tension

FloatArray = NDArray[np.float64]

_DRAWS = 2000
_POINTS = 300
_NARROW = 0.1  # of a panel: too little for a name


@dataclass(frozen=True)
class _Panel:
    """One strand's law, and the tests in which it holds.

    Attributes
    ----------
    title : str
        The strand, with the tests in front where it has several laws.
    law : ndarray, shape (draws, 4)
        See `Posterior.law`.
    slack : ndarray, shape (draws,)
        Slack lengths [mm]; of all draws where they are parameters.
    visited, ticked : ndarray
        Its lengths [mm] in those tests, and those that are drawn.
    reference : float
        Its length [mm] in the reference pose.
    truth : ndarray, shape (4,), or None
        The true law, if it is known.
    share, plural : str
        Says if not all lengths are drawn; an s if there are several tests.
    """

    title: str
    law: FloatArray
    slack: FloatArray
    visited: FloatArray
    ticked: FloatArray
    reference: float
    truth: FloatArray | None
    share: str
    plural: str


@plainly
def ligament_plot(run: Draws) -> Figure:
    """Draw the tension of each strand against its length, as far as the tests can tell.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.

    Returns
    -------
    Figure
        One panel per strand, and per law where tests have laws of their own: the tension of the law (`f_ref` not
        subtracted) over the length below, and over the elongation from the reference pose, where both condyles touch,
        above. Lengths within the tests are shaded and each data point's length is ticked: beyond, the curve is
        extrapolation. Slack, toe and linear region are marked for the medians of the law. Where the geometry or the
        angle's zero is uncertain, lengths are those at the parameters' medians. The bar under the curve is the slack
        length.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    panels = _panels(run, run.thinned(_DRAWS))
    columns = 2 if len(panels) <= 4 else 3
    rows = -(-len(panels) // columns)
    figure = new_figure(PAGE_WIDTH, 88.0 if rows == 1 else 18.0 + 66.0 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    axes: list[Axes] = list(grid.flat)
    for ax in axes[len(panels) :]:
        ax.remove()
    axes = axes[: len(panels)]
    untared = not any(panel.law[:, 3].any() for panel in panels)
    written = TEXT if columns == 2 else SMALL - 0.5
    ceiling = max(_draw(ax, panel, written) for ax, panel in zip(axes, panels, strict=True)) or 1.0
    for ax, panel in zip(axes, panels, strict=True):
        _draw_elongation(run, ax, panel.reference, narrow=columns > 2)
        ax.set_ylabel("Tension [N]" if untared else r"Tension [N], $f_\mathrm{ref}$ not subtracted")
        dress(ax)
        ax.spines["right"].set_visible(False)
        ax.set_yticks([tick for tick in MaxNLocator(6).tick_values(0.0, ceiling) if 0.0 <= tick <= 1.03 * ceiling])
    axes[0].set_ylim(-0.12 * ceiling, 1.03 * ceiling)
    named = {text: handle for ax in axes for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False)
    heading(figure, run)
    return figure


def _panels(run: Draws, q: FloatArray) -> list[_Panel]:
    """Collect what is to be drawn, strand by strand."""
    posterior, table = run.posterior, run.posterior.table
    middle = posterior.full(np.median(q, axis=0))
    reference = posterior.reference_lengths(middle)[0]
    laws = {test.name: posterior.law(q, test.name) for test in posterior.tests}
    lengths = {test.name: test.knee(middle[0]).kinematics.lengths for test in posterior.tests}
    out = []
    for i, strand in enumerate(posterior.strands):
        groups: dict[tuple[int, ...], list[int]] = {}
        for t, test in enumerate(posterior.tests):
            groups.setdefault((*test.slots.law[i].tolist(), int(test.slots.strain[i])), []).append(t)
        for rows, members in groups.items():
            tests = [posterior.tests[t] for t in members]
            law = laws[tests[0].name][:, i]
            slack, found = law[:, 2], np.flatnonzero(table.columns == rows[2])
            if found.size and not tests[0].slots.strain[i]:
                slack = run.some_samples()[:, found[0]]
            truths = [
                true_law(posterior, test, numbers)[i]
                for test in tests
                if (numbers := true_numbers(posterior, test)) is not None
            ]
            whole = [law for law in truths if np.isfinite(law[:3]).all()]
            own = f"{', '.join(test.name for test in tests)}: " if len(groups) > 1 else ""
            out.append(
                _Panel(
                    f"{own}{strand_label(strand)}",
                    law,
                    slack,
                    np.concatenate([lengths[test.name][i] for test in tests]),
                    np.concatenate([lengths[test.name][i][shown_of(test.measurement)] for test in tests]),
                    float(reference[i]),
                    whole[0] if whole else None,
                    next((share for test in tests if (share := share_of(test.measurement))), ""),
                    "s" if len(posterior.tests) > 1 else "",
                )
            )
    return out


def _draw(ax: Axes, panel: _Panel, fontsize: float) -> float:
    """Draw one law; returns the highest tension [N] in view."""
    k, alpha, l_0 = panel.law[:, :3].T
    visited = panel.visited
    slack = np.quantile(panel.slack, QUANTILES)
    start, end = _length_range(slack, visited)
    length = np.linspace(start, end, _POINTS)
    curves = tension(length, k[:, np.newaxis], alpha[:, np.newaxis], l_0[:, np.newaxis])
    quantiles = np.quantile(curves, QUANTILES, axis=0)
    bands(ax, length, quantiles)
    ceiling = float(quantiles[4].max())
    if panel.truth is not None:
        curve = tension(length, *panel.truth[:3])
        ceiling = max(ceiling, float(curve.max()))
        ax.plot(length, curve, color=TRUTH, linewidth=1.1, linestyle=TRUTH_DASHES, zorder=4, gid="truth", label="truth")
    ax.axvspan(
        visited.min(),
        visited.max(),
        color=SHADE,
        linewidth=0,
        zorder=0,
        gid="test",
        label=f"lengths within the test{panel.plural}",
    )
    _mark_regions(ax, float(slack[2]), float(np.median((1.0 + alpha) * l_0)), (start, end))
    _slack_bar(ax, slack, fontsize)
    ax.plot(
        panel.ticked,
        np.full(panel.ticked.shape, 0.0),
        "|",
        transform=ax.get_xaxis_transform(),
        color="black",
        markersize=7.0,
        markeredgewidth=0.6,
        zorder=5,
        gid="data",
        label=f"data points' lengths{panel.share}",
    )
    ax.set_xlim(start, end)
    ax.set_xlabel(f"{panel.title} length [mm]")
    ax.tick_params(labelleft=True)
    return ceiling


def _mark_regions(ax: Axes, taut: float, linear: float, view: tuple[float, float]) -> None:
    """Mark at which lengths [mm] the median law becomes taut, and linear, and name what lies between."""
    across, share = ax.get_xaxis_transform(), 1.0 / (view[1] - view[0])
    for at in (taut, linear):
        ax.axvline(
            at, ymin=0.09, ymax=0.80, color=FAINT, linewidth=0.6, linestyle=(0, (1, 1.5)), zorder=2.5, gid="region"
        )
    middle = 0.5 * (taut + min(linear, view[1]))
    narrow = (min(linear, view[1]) - taut) * share < _NARROW
    names = [("slack", taut, "right", 0.75), ("toe", middle, "center", 0.82 if narrow else 0.75)]
    if linear < view[1] - _NARROW / share:
        names.append(("linear", linear, "left", 0.75))
    for name, at, side, height in names:
        ax.annotate(
            name,
            (at, height),
            xycoords=across,
            xytext=({"right": -2, "center": 0, "left": 2}[side], 0),
            textcoords="offset points",
            fontsize=SMALL - 0.5,
            color=FAINT,
            ha=side,
            va="center",
            zorder=5,
            gid=f"{name} named",
        )


def _draw_elongation(run: Draws, ax: Axes, reference: float, narrow: bool) -> None:
    """Write the elongation from the reference length [mm] above a panel."""
    above = ax.secondary_xaxis("top", functions=(partial(np.add, -reference), partial(np.add, reference)))
    flexion = run.posterior.config.knee.reference_flexion
    above.set_xlabel(
        f"Elongation from the pose{f' at {flexion:g}°' if flexion else ''}{chr(10) if narrow else ' '}"
        "where both condyles touch [mm]",
        fontsize=SMALL,
    )
    above.tick_params(labelsize=SMALL, width=0.6, length=2.5)


def _length_range(slack: FloatArray, visited: FloatArray) -> tuple[float, float]:
    """Lengths [mm] worth showing: from some way before the ligament becomes taut to a little past the test."""
    longest = max(float(visited.max()), float(slack[4]))
    shortest = min(float(slack[0]), float(visited.max()))
    span = max(longest - shortest, 1.0)
    return shortest - 0.35 * span, longest + 0.12 * span


def _slack_bar(ax: Axes, slack: FloatArray, fontsize: float) -> None:
    """Draw the slack length's median, 50 and 90 % intervals as a bar under the curve, and write them beside it."""
    q05, q25, q50, q75, q95 = slack
    height = 0.06
    across = ax.get_xaxis_transform()
    ax.plot([q05, q95], [height, height], color=MEDIAN, linewidth=0.9, transform=across, zorder=5, gid="slack 90")
    ax.plot(
        [q25, q75], [height, height], color=BAND_50, linewidth=4.0, solid_capstyle="butt", transform=across, zorder=5
    )
    ax.plot([q50], [height], "|", color=MEDIAN, markersize=7.0, markeredgewidth=1.2, transform=across, zorder=6)
    places = decimals(q95 - q05)
    text = f"{q50:.{places}f} mm\n(90 %: {q05:.{places}f} to {q95:.{places}f})" if q95 > q05 else f"{q50:g} mm, fixed"
    ax.annotate(
        f"slack length $l_0$ = {text}",
        (0.03, 0.96),
        xycoords="axes fraction",
        fontsize=fontsize,
        va="top",
        color=MEDIAN,
    )
