"""The picture of how knees differ: each quantity's medians over the knees, all of them or by a covariate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.figures.labels import broken
from calibrate.figures.study_labels import label_of
from calibrate.figures.style import (
    BAND_50,
    ENSEMBLES,
    FAINT,
    MEDIAN,
    PAGE_WIDTH,
    SMALL,
    dress,
    entitle,
    new_figure,
    open_frame,
)
from calibrate.study.overview import settled, verdict
from calibrate.study.table import Quantity, StudyTable
from calibrate.texts import elided

FloatArray = NDArray[np.float64]

# More groups than this are no groups, and more panels no picture.
GROUPS = 8
PANELS = 12
_ROW = 48.0  # mm
_LETTERS = 14
# More letters than this below a panel have to be turned.
_CROWDED = 24
# Of more knees than this, points would be a cloud: so many quantiles stand for them.
_POINTS = 300
# Of more than this, a file of lines would be large: they are drawn as dots.
_VECTORS = 2000


def groups_of(table: StudyTable, covariate: str) -> tuple[str, ...]:
    """Return the values of a covariate that is a text, commonest first; empty if it is a number or makes no groups.

    Raises
    ------
    KeyError
        If no knee has it.
    """
    values = table.covariates[covariate]
    if any(isinstance(value, float) for value in values):
        return ()
    found = Counter(value for value in values if isinstance(value, str))
    if len(found) > GROUPS or max(found.values(), default=0) < 2:  # a name of each knee's own makes no groups
        return ()
    return tuple(value for value, _ in found.most_common())


def is_shown(table: StudyTable, covariate: str) -> bool:
    """Tell whether knees can be told apart by a covariate: a number that differs, or a text with few values."""
    values = table.covariates[covariate]
    numbers = {value for value in values if isinstance(value, float)}
    return len(numbers) > 1 or len(groups_of(table, covariate)) > 1


@plainly
def spread_plot(table: StudyTable, covariate: str | None = None) -> Figure:
    """Draw how knees that have converged differ in each headline quantity.

    Parameters
    ----------
    table : StudyTable
        The study.
    covariate : str, optional
        By which covariate: a text's values are set side by side, a number is the abscissa. All knees by default.

    Returns
    -------
    Figure
        A panel for each of up to twelve quantities: every knee's median as a point, beside them the median of the
        knees and the range from the 5 to the 95 % quantile; the grey bar is as wide as a single knee's 90 % interval
        is on average. So the spread of the points holds the knees' own uncertainties, too.

    Raises
    ------
    KeyError
        If no knee has such a covariate.
    """
    quantities = [one for one in table.headline if (one.known & table.converged).any()][:PANELS]
    across = min(max(len(quantities), 1), 4)
    rows = max(1, -(-len(quantities) // across))
    figure = new_figure(PAGE_WIDTH if across > 1 else 0.5 * PAGE_WIDTH, 22.0 + _ROW * rows)
    axes: list[Axes] = list(figure.subplots(rows, across, squeeze=False).flat)
    for ax in axes[len(quantities) :]:
        ax.remove()
    for ax, one in zip(axes, quantities, strict=False):
        chosen = one.known & table.converged
        if covariate is not None and not groups_of(table, covariate):
            _scatter(ax, one, table, covariate, chosen)
        else:
            _strips(ax, one, table, covariate, chosen)
        ax.set_title(broken(label_of(one), 30), fontsize=SMALL)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        dress(ax)
        open_frame(ax)
    by = "" if covariate is None else f" by {elided(covariate, 24)}"
    said = f"{verdict(table)}; medians of converged knees{by}"
    entitle(figure, table.name, said, good=settled(table))
    return figure


def _scatter(ax: Axes, one: Quantity, table: StudyTable, covariate: str, chosen: NDArray[np.bool_]) -> None:
    """Draw medians and intervals over a number."""
    x = np.array([value if isinstance(value, float) else np.nan for value in table.covariates[covariate]])
    of = chosen & np.isfinite(x)
    faint = 0.5 if of.sum() <= _POINTS else 0.15
    ax.vlines(x[of], one.low[of], one.high[of], color=BAND_50, linewidth=0.8, alpha=faint, zorder=1, gid="interval")
    ax.plot(x[of], one.median[of], "o", color=MEDIAN, markersize=2.4, alpha=2.0 * faint, zorder=2, gid="knees")
    if of.sum() > _VECTORS:
        for artist in (*ax.lines, *ax.collections):
            artist.set_rasterized(True)
    ax.set_xlabel(elided(covariate, 24), parse_math=False)
    ax.xaxis.set_major_locator(MaxNLocator(4))


def _strips(ax: Axes, one: Quantity, table: StudyTable, covariate: str | None, chosen: NDArray[np.bool_]) -> None:
    """Draw medians in a strip for each group."""
    groups: Sequence[str | None] = [None] if covariate is None else groups_of(table, covariate)
    values = np.array([None] * len(table) if covariate is None else table.covariates[covariate], dtype=object)
    names = []
    for place, group in enumerate(groups):
        of = chosen & (np.array([value == group for value in values]))
        many = int(of.sum())
        names.append(f"{'all' if group is None else elided(group, _LETTERS)}\n{many:,}")
        if not many:
            continue
        medians, colour = one.median[of], ENSEMBLES[place % len(ENSEMBLES)]
        shown = medians
        if many > _POINTS:  # as many, evenly by rank, in an order that is no rank
            shown = np.quantile(medians, np.random.default_rng(0).permutation(_POINTS) / (_POINTS - 1.0))
        # Set apart evenly in the order of the study, and not by chance: alike in every picture.
        apart = place - 0.05 - 0.25 * np.linspace(0.0, 1.0, len(shown))
        ax.plot(apart, shown, "o", color=colour, markersize=2.4, alpha=0.7, zorder=2, gid=f"knees {group}")
        low, middle, high = np.quantile(medians, (0.05, 0.5, 0.95))
        right = place + 0.15
        ax.vlines([right], [low], [high], color=colour, linewidth=1.6, zorder=3, gid=f"range {group}")
        ax.plot([right], [middle], "o", color=colour, markersize=4.5, zorder=4, gid=f"middle {group}")
        widths = (one.high - one.low)[of]
        half = 0.5 * float(np.nanmedian(widths)) if np.isfinite(widths).any() else 0.0
        ax.vlines(
            [place + 0.32], [middle - half], [middle + half], color=FAINT, linewidth=3.0, alpha=0.5, gid=f"one {group}"
        )
    crowded = sum(map(len, names)) > _CROWDED
    if crowded:
        names = [name.replace("\n", ": ") for name in names]
    turned: dict[str, Any] = {"rotation": 45.0, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    ax.set_xticks(range(len(groups)), names, parse_math=False, **turned)
    ax.set_xlim(-0.5, len(groups) - 0.5)
