"""All pictures of a study: their names, titles and captions, said once for files and reports."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from calibrate.canvas import plainly
from calibrate.errors import ExportError
from calibrate.figures.study_convergence import study_convergence_plot
from calibrate.figures.study_forest import Estimates, forest_plot
from calibrate.figures.study_labels import label_of
from calibrate.figures.study_laxities import study_laxity_plot
from calibrate.figures.study_spread import is_shown, spread_plot
from calibrate.figures.style import DPI, METADATA, entitle
from calibrate.files import check_target, replacing
from calibrate.kinds import picture_of
from calibrate.report.words import title_of
from calibrate.study.overview import settled, verdict
from calibrate.study.table import StudyTable
from calibrate.texts import elided

KINDS = ("png", "pdf")
# More pictures than these of one sort nobody looks at.
FORESTS, COVARIATES = 24, 8


@dataclass(frozen=True)
class StudyFigure:
    """A picture of a study.

    Attributes
    ----------
    name : str
        Of its files.
    title, caption : str
        What it is, and what is seen and what it assumes.
    draw : callable
        Draws it.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


def study_figures(table: StudyTable) -> list[StudyFigure]:
    """Return the pictures of a study: convergence, laxity, a forest plot for each headline quantity, and spreads."""
    found = [
        StudyFigure(
            "convergence",
            "Which knees have converged",
            "How many knees have converged and what the others missed; each knee's worst R-hat over its smallest "
            "effective sample size, with what was wanted dashed.",
            partial(study_convergence_plot, table),
        )
    ]
    headline = table.headline
    if any("laxity_" in one.key for one in headline):
        found.append(
            StudyFigure(
                "laxity",
                "Laxity at 10 N·m of all knees",
                "The angles at which a pure moment of 10 N·m is reached, by flexion, beside published values; medians "
                "of each knee, which assume one set of slack lengths and no axial rotation.",
                partial(study_laxity_plot, table),
            )
        )
    for one in headline[:FORESTS]:
        title = _capital(title_of(one.key))
        found.append(
            StudyFigure(
                f"forest_{_slug(one.name)}",
                f"{one.test}: {title}" if one.test else title,
                "Medians with 90 % intervals of each knee by itself, sorted; knees that have not converged are red.",
                partial(study_forest_plot, table, one.name),
            )
        )
    spread = "Each knee's median as a point, beside them the middle and the central 90 % of the knees; the grey bar is "
    spread += "as wide as one knee's own 90 % interval, so the points differ by that, too."
    known = any((one.known & table.converged).any() for one in headline)
    if known:
        found.append(StudyFigure("spread", "How knees differ", spread, partial(spread_plot, table)))
    shown = [name for name in table.covariates if is_shown(table, name)][:COVARIATES] if known else []
    for number, name in enumerate(shown, 1):
        title = f"How knees differ by {elided(name)}"
        found.append(StudyFigure(f"spread_{number}_{_slug(name)}", title, spread, partial(spread_plot, table, name)))
    return found


@plainly
def study_forest_plot(table: StudyTable, name: str) -> Figure:
    """Draw the forest plot of one of a study's quantities.

    Raises
    ------
    KeyError
        If no knee has it.
    """
    one = table.quantity(name)
    estimates = Estimates("each knee by itself", one.median, one.low, one.high)
    figure = forest_plot(table.ids, [estimates], label=label_of(one), doubtful=~table.converged)
    entitle(figure, table.name, verdict(table), good=settled(table))
    return figure


def check_pictures(folder: Path, figures: list[StudyFigure], spare: tuple[Path, ...]) -> None:
    """Refuse before anything is drawn.

    Raises
    ------
    ExportError
        If what has a picture's name is an input, or no picture of that kind.
    """
    for one in figures:
        for ending in KINDS:
            path = folder / f"{one.name}.{ending}"
            kind = picture_of(path)
            assert kind is not None
            check_target(path, ExportError, kind=kind, overwrite=True, spare=spare)


def save_pictures(folder: Path, figures: list[StudyFigure]) -> list[Path]:
    """Draw pictures and write each as PNG and PDF, whole or not at all; return where.

    Raises
    ------
    ExportError
        If they cannot be written.
    """
    written = []
    for one in figures:
        figure = one.draw()
        for kind in KINDS:
            path = folder / f"{one.name}.{kind}"
            with replacing(path, ExportError) as temporary:
                figure.savefig(temporary, format=kind, dpi=DPI, metadata=METADATA[kind])
            figure.set_layout_engine("none")  # laid out once is enough
            written.append(path)
    return written


def _slug(text: str) -> str:
    """Return a text as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)[:80].strip("._-") or "x"


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
