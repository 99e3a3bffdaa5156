"""The picture of a validation: rank distributions less the uniform one with their band, and coverage of intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibrate.canvas import plainly
from calibrate.errors import ExportError
from calibrate.figures.style import (
    BAND_90,
    DPI,
    ENSEMBLES,
    FAINT,
    METADATA,
    PAGE_WIDTH,
    SHADE,
    SMALL,
    TEXT,
    WARNING,
    dress,
    new_figure,
    open_frame,
)
from calibrate.files import replacing
from calibrate.texts import printable
from calibrate.validate.uniform import DRAWS, INTERVALS
from calibrate.validate.verdict import Quantity, Validation

# Lines with a colour and a name of their own; the others are faint.
_NAMED = 5
_ROW = 3.6  # mm, of a quantity


@plainly
def validation_plot(found: Validation) -> Figure:
    """Draw the ranks of all quantities.

    Parameters
    ----------
    found : Validation
        With at least one trial that has an answer.

    Returns
    -------
    Figure
        Left, how far the ranks' distribution functions are from the uniform one, with the band that all of a right
        program stay in; right, how many truths the 50, 90 and 99 % intervals hold, the worst quantity on top.
    """
    quantities = found.quantities
    figure = new_figure(PAGE_WIDTH, max(80.0, 25.0 + _ROW * len(quantities)))
    left, *right = figure.subplots(1, 1 + len(INTERVALS), width_ratios=[3.0, *[1.0] * len(INTERVALS)])
    _distributions(left, quantities)
    for i, (ax, percent) in enumerate(zip(right, INTERVALS, strict=True)):
        _coverage(ax, quantities, i)
        ax.set_xlabel(f"{percent} %")
        ax.set_yticks(range(len(quantities)), [one.name for one in quantities] if i == 0 else [])
        ax.set_ylim(len(quantities) - 0.5, -0.5)
        dress(ax)
    right[0].tick_params(axis="y", labelsize=SMALL - 1.0)
    state = "no fault found" if found.passed else "undecided" if found.too_few else "NOT CALIBRATED"
    figure.suptitle(
        f"{printable(Path(found.source).name)}: {state}, {len(found.counted)} knees from the {found.over}; right, "
        "truths in intervals [%]",
        x=0.01,
        ha="left",
        fontsize=TEXT,
        fontweight="normal" if found.passed else "bold",
        color="black" if found.passed else WARNING,
        parse_math=False,
    )
    return figure


def _distributions(ax: Axes, quantities: tuple[Quantity, ...]) -> None:
    places = np.arange(1, DRAWS + 1) / (DRAWS + 1)
    low, high = quantities[0].band
    ax.fill_between(places, low, high, step="mid", color=BAND_90, linewidth=0.0, zorder=1, gid="band", label="band")
    for i, one in reversed(list(enumerate(quantities))):
        failing = not one.passes and i < _NAMED
        ax.plot(
            places,
            one.differences,
            color=ENSEMBLES[i] if failing else FAINT,
            linewidth=1.0 if failing else 0.5,
            zorder=3 if failing else 2,
            label=one.name if failing else None,
            gid=f"ranks {one.name}",
        )
    ax.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
    ax.set_xlabel("share of the posterior below")
    ax.set_ylabel("share of the truths below, less that")
    ax.set_xlim(0.0, 1.0)
    ax.legend(fontsize=SMALL, frameon=False, loc="best")
    dress(ax)
    open_frame(ax)


def _coverage(ax: Axes, quantities: tuple[Quantity, ...], interval: int) -> None:
    for row, one in enumerate(quantities):
        each = one.coverages[interval]
        wrong = not each.low <= each.share <= each.high
        ax.plot(100.0 * each.share, row, "o", markersize=2.5, color=WARNING if wrong else "black", zorder=3)
    band = quantities[0].coverages[interval]
    ax.axvspan(100.0 * band.low, 100.0 * band.high, color=SHADE, zorder=0, gid="may be")
    ax.axvline(band.percent, color=FAINT, linewidth=0.5, zorder=1)


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write the picture as PNG and as PDF, each whole or not at all; return where.

    Raises
    ------
    ExportError
        If it cannot be written.
    """
    written = []
    for kind in ("png", "pdf"):
        path = folder / f"validation.{kind}"
        with replacing(path, ExportError) as temporary:
            figure.savefig(temporary, format=kind, dpi=DPI, metadata=METADATA[kind])
        written.append(path)
    return written
