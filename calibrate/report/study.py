"""The page of a study: verdict first, then how knees differ, every knee in a table that can be sorted, and figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from calibrate.errors import ExportError
from calibrate.figures.study import StudyFigure, study_figures
from calibrate.files import check_target, replacing
from calibrate.findings.codes import CODES
from calibrate.kinds import STUDY_REPORT
from calibrate.report.page import render
from calibrate.report.pictures import Picture, png_of
from calibrate.report.words import number, sentence, title_of, unit_after, unit_alone
from calibrate.study.content import SENSE
from calibrate.study.overview import Spread, common, reasons, settled, spread, spreads, troubled, verdict
from calibrate.study.table import CONVERGED, FAILED, Quantity, StudyTable
from calibrate.texts import count, digits, elided

# What a page holds at the most, so that a registry's can be sent, too; tables in files have everything.
ROWS, TROUBLED, COLUMNS, COVARIATES = 1_500, 200, 12, 6
_NAME, _REASON = 60, 400
_VALUE = 40


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, and by what it is sorted: a number, or its text if that is empty."""

    text: str
    more: str = ""
    sort: str = ""


@dataclass(frozen=True)
class KneeRow:
    """A knee's row: its name, whether it has converged, and its cells in the order of the columns."""

    name: str
    good: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class SpreadRow:
    """How a quantity differs over knees, every number as text."""

    name: str
    title: str
    unit: str
    knees: str
    median: str
    interval: str
    smallest: str
    largest: str
    width: str


def study_report_of(table: StudyTable, *, made: datetime | None = None) -> str:
    """Return the page of a study.

    Parameters
    ----------
    table : StudyTable
        The study.
    made : datetime, optional
        When it is made, as the page says; now by default.
    """
    return render(contents(table), made or datetime.now(UTC), "study")


def save_study_report(table: StudyTable, path: Path, *, overwrite: bool = False, spare: tuple[Path, ...] = ()) -> None:
    """Write the page of a study, whole or not at all.

    Raises
    ------
    ExportError
        If the file exists and may not be replaced, or cannot be written.
    """
    check_target(path, ExportError, kind=STUDY_REPORT, overwrite=overwrite, spare=spare)
    text = study_report_of(table)
    with replacing(path, ExportError) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def contents(table: StudyTable) -> dict[str, Any]:
    """Return all that the page says, by the names that the template uses."""
    rows = troubled(table)
    columns = _columns(table)
    return {
        "name": elided(table.name, 2 * _NAME),
        "good": settled(table),
        "state": _capital(verdict(table)),
        "unfinished": [sentence(text) for text in table.unfinished[:TROUBLED]],
        "missing": table.missing,
        "troubled": [
            {
                "name": elided(table.ids[row], _NAME),
                "status": table.status[row],
                "why": sentence(elided(table.reasons[row], _REASON)),
            }
            for row in rows[:TROUBLED]
        ],
        "more_troubled": max(0, len(rows) - TROUBLED),
        "reasons": reasons(table),
        "common": list(_common(table)),
        "assumes": list(_assumes(table)),
        "sense": SENSE,
        "headline": [_spread_row(table, one) for one in spreads(table, headline=True)],
        "others": [_spread_row(table, spread(table, one)) for one in table.quantities if not one.headline],
        "converged": int(table.converged.sum()),
        "columns": columns,
        "knees": list(_knee_rows(table, columns)),
        "total": len(table),
        "pictures": [_picture(table, one) for one in study_figures(table)],
        "about": _about(table),
    }


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _common(table: StudyTable) -> Iterator[dict[str, Any]]:
    for one in common(table):
        known = CODES.get(one.code)
        yield {
            "code": one.code,
            "kind": one.kind,
            "knees": f"{one.knees:,}",
            "share": number(one.share, ".0%"),
            "when": known.when if known else "a finding that this version does not know",
            "do": known.do.replace("`", "") if known else "",
            "examples": ", ".join(elided(name, _NAME) for name in one.examples),
            "more": one.knees > len(one.examples),
        }


def _assumes(table: StudyTable) -> Iterator[str]:
    most = max(table.assumes.values(), default=0)
    for text, many in table.assumes.items():
        yield sentence(text if many == most else f"{text} ({count(many, 'knee')})")


def _title(quantity: Quantity | Spread, table: StudyTable) -> str:
    one = quantity if isinstance(quantity, Quantity) else table.quantity(quantity.name)
    title = title_of(one.key)
    return f"{one.test}: {title}" if one.test else title


def _spread_row(table: StudyTable, one: Spread) -> SpreadRow:
    form = digits(one.median, None if one.width is None else one.width / 3.29)
    ends = ["-" if end is None else f"{number(end[1], form)} ({elided(end[0], _VALUE)})" for end in _ends(one)]
    interval = "-" if one.low is None else f"{number(one.low, form)} to {number(one.high, form)}"
    return SpreadRow(
        one.name,
        _title(one, table),
        unit_alone(one.unit),
        f"{one.knees:,}",
        number(one.median, form),
        interval,
        ends[0],
        ends[1],
        number(one.width, ".3g"),
    )


def _ends(one: Spread) -> tuple[tuple[str, float] | None, ...]:
    return one.smallest, one.largest


def _columns(table: StudyTable) -> list[dict[str, Any]]:
    """Return the columns of the knees' table after the name: status, covariates, headline quantities, findings."""
    found: list[dict[str, Any]] = [{"title": "Converged", "of": "status", "number": False}]
    for name in [*table.covariates][:COVARIATES]:
        numbers = any(isinstance(value, float) for value in table.covariates[name])
        found.append({"title": elided(name, _VALUE), "of": "covariate", "key": name, "number": numbers})
    for one in table.headline[:COLUMNS]:
        title = f"{_title(one, table)}{f' [{unit}]' if (unit := unit_after(one.unit).strip()) else ''}"
        found.append({"title": title, "of": "quantity", "key": one.name, "number": True})
    return [*found, {"title": "Findings", "of": "findings", "number": False}]


def _knee_rows(table: StudyTable, columns: list[dict[str, Any]]) -> Iterator[KneeRow]:
    """Yield a row for each knee; of too many, those that have not converged and the first of the others."""
    rows = np.arange(len(table))
    if len(rows) > ROWS:
        doubtful = np.flatnonzero(~table.converged)[:ROWS]
        rest = np.flatnonzero(table.converged)[: ROWS - len(doubtful)]
        rows = np.sort(np.concatenate([doubtful, rest]))
    quantities = {one.name: one for one in table.headline}
    for row in rows.tolist():
        cells = tuple(_cell(table, row, column, quantities) for column in columns)
        yield KneeRow(elided(table.ids[row], _NAME), table.status[row] == CONVERGED, cells)


def _cell(table: StudyTable, row: int, column: Mapping[str, Any], quantities: Mapping[str, Quantity]) -> Cell:
    kind = column["of"]
    if kind == "status":
        return Cell("yes" if table.status[row] == CONVERGED else table.status[row])
    if kind == "findings":
        nothing = "-" if table.status[row] == FAILED else "none"
        return Cell(", ".join(table.findings[row]) or nothing)
    if kind == "covariate":
        value = table.covariates[column["key"]][row]
        if isinstance(value, float):
            return Cell(f"{value:.0f}" if value.is_integer() else number(value), sort=f"{value:.10g}")
        return Cell("-" if value is None else elided(value, _VALUE))
    one = quantities[column["key"]]
    low, median, high = (float(part[row]) for part in (one.low, one.median, one.high))
    if not one.known[row]:
        return Cell("-")
    form = digits(median, (high - low) / 3.29 if high > low else None)
    return Cell(number(median, form), f"{number(low, form)} to {number(high, form)}", f"{median:.10g}")


def _picture(table: StudyTable, one: StudyFigure) -> Picture:
    source, width, height = png_of(one.draw())
    return Picture(one.name, one.title, one.caption, source, _alt(table, one), width, height, ())


def _alt(table: StudyTable, one: StudyFigure) -> str:
    """Say what is seen: the title, and the numbers behind it."""
    named = [each for each in table.headline if f"forest_{each.name}" == one.name] or list(table.headline)
    said = []
    for each in named[:6]:
        found = spread(table, each)
        if found.median is not None:
            ends = f"5 to 95 % of the knees {number(found.low)} to {number(found.high)}"
            said.append(f"{each.name} {number(found.median)}{unit_after(each.unit)}, {ends}")
    numbers = f" Medians: {'; '.join(said)}." if said and one.name != "convergence" else ""
    return f"{one.title}. {sentence(verdict(table))}{numbers}"


def _about(table: StudyTable) -> list[str]:
    """Return what all knees have in common, in phrases."""
    made = [f"{elided(version, _VALUE)} ({count(many, 'knee')})" for version, many in table.versions.items()]
    found = [f"Summaries by calibrate {', '.join(made)}"] if made else []
    return [*found, *(f"{key}: {elided(value, 4 * _NAME)}" for key, value in table.about.items())]
