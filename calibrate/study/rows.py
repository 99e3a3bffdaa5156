"""The table of a study, made of what came of each knee: one pass over the results, whose draws are not kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ChainError
from calibrate.study.entries import (
    NOT_CONVERGED,
    Entry,
    checks_of,
    entries_of,
    flexions_of,
    number_of,
    reason_of,
    texts_of,
    thresholds_of,
)
from calibrate.study.results import KneeResult, open_cohort
from calibrate.study.table import CONVERGED, HEADLINE, Quantity, StudyTable
from calibrate.texts import elided

FloatArray = NDArray[np.float64]

_WAYS = ("laxity_valgus_10Nm", "laxity_varus_10Nm")
# Knees of one study have parameters alike; more of them than this are no study's.
_MOST = 2_000


def read_study(path: str | Path) -> StudyTable:
    """Return the table of a study's results, whether all of them are there or not.

    Parameters
    ----------
    path : str or Path
        The folder, or the file of a shard.

    Raises
    ------
    ChainError
        If there are none, or one is damaged or of another study.
    """
    cohort = open_cohort(path)
    name = Path(path).resolve().name or str(path)
    table = study_table(cohort.knees, name)
    missing = max(0, cohort.total - len(table))
    return replace(table, about=cohort.study, missing=missing, unfinished=cohort.missing)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that a study is read from, which nothing may be written over.

    Raises
    ------
    ChainError
        As `read_study`.
    """
    return tuple(file.path for file in open_cohort(path).files)


def study_table(results: Iterable[KneeResult], name: str) -> StudyTable:
    """Return the table of knees.

    Parameters
    ----------
    results : iterable of KneeResult
        Looked at one after another; their draws are not kept.
    name : str
        What the study is called.

    Raises
    ------
    ChainError
        If there are none, or they have more than 2,000 different quantities.
    """
    rows = _Rows()
    for result in results:
        rows.add(result)
    if not rows.ids:
        raise ChainError(f"{name}: no knee is finished yet; 'calibrate cohort' calibrates them")
    return rows.table(name)


class _Rows:
    """Gathers rows; columns are made when all are there."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.covariates: dict[str, dict[int, str | float]] = {}
        self.status: list[str] = []
        self.reasons: list[str] = []
        self.checks: list[tuple[str, ...]] = []
        self.findings: list[tuple[str, ...]] = []
        self.numbers: list[tuple[float, float]] = []
        self.entries: dict[tuple[str, str, str], dict[int, Entry]] = {}
        self.flexions: dict[str, dict[int, float]] = {}
        self.thresholds: dict[str, set[float]] = {}
        self.assumes: dict[str, int] = {}
        self.versions: dict[str, int] = {}

    def add(self, result: KneeResult) -> None:
        """Add a knee."""
        row, summary = len(self.ids), result.summary
        self.ids.append(str(result.id))
        for name, value in result.covariates.items():
            self.covariates.setdefault(str(name), {})[row] = value
        converged = result.status == CONVERGED
        self.status.append(result.status)
        self.reasons.append("" if converged else reason_of(result.message, summary))
        self.checks.append(() if converged else checks_of(summary))
        codes = dict.fromkeys(texts_of(summary, "findings", "code"))
        self.findings.append(tuple(code for code in codes if code != NOT_CONVERGED))
        self.numbers.append((number_of(summary.get("worst_rhat")), number_of(summary.get("smallest_ess"))))
        for test, flexion in flexions_of(summary):
            self.flexions.setdefault(test, {})[row] = flexion
        for check, threshold in thresholds_of(summary):
            self.thresholds.setdefault(check, set()).add(threshold)
        for entry in entries_of(summary):
            self.entries.setdefault((entry.test, entry.key, entry.unit), {})[row] = entry
        if len(self.entries) > _MOST:
            raise ChainError(
                f"{elided(result.id)}: with it, knees have more than {_MOST:,} different quantities, so they are "
                "no knees of one study"
            )
        for text in dict.fromkeys(texts_of(summary, "assumes")):
            self.assumes[text] = self.assumes.get(text, 0) + 1
        if version := summary.get("calibrate"):
            self.versions[str(version)] = self.versions.get(str(version), 0) + 1

    def table(self, name: str) -> StudyTable:
        """Return all rows as columns."""
        many = len(self.ids)
        rhat, ess = np.array(self.numbers, dtype=float).reshape(many, 2).T
        return StudyTable(
            name=name,
            ids=tuple(self.ids),
            covariates={key: _covariate(values, many) for key, values in self.covariates.items()},
            status=tuple(self.status),
            reasons=tuple(self.reasons),
            checks=tuple(self.checks),
            findings=tuple(self.findings),
            rhat=rhat,
            ess=ess,
            thresholds={check: found.pop() for check, found in self.thresholds.items() if len(found) == 1},
            quantities=tuple(sorted(self._quantities(many), key=_place)),
            flexions={test: _column(values, many) for test, values in self.flexions.items()},
            assumes=dict(sorted(self.assumes.items(), key=lambda one: -one[1])),
            versions=dict(self.versions),
        )

    def _quantities(self, many: int) -> Iterator[Quantity]:
        named: dict[tuple[str, str], int] = {}
        for test, key, _ in self.entries:
            named[test, key] = named.get((test, key), 0) + 1
        for (test, key, unit), rows in self.entries.items():
            full = f"{test}.{key}" if test else key
            columns = {
                part: _column({row: getattr(entry, part) for row, entry in rows.items()}, many)
                for part in ("low", "median", "high", "beyond", "reached")
            }
            several = named[test, key] > 1
            yield Quantity(f"{full} [{unit or '-'}]" if several else full, unit, key, test, **columns)


def _place(quantity: Quantity) -> int:
    """Return where a quantity stands: headline ones, each way of laxity, then the rest as they came."""
    ends = (*HEADLINE, *_WAYS)
    return next((i for i, end in enumerate(ends) if quantity.key.endswith(end)), len(ends))


def _column(values: Mapping[int, float], many: int) -> FloatArray:
    column = np.full(many, np.nan)
    column[list(values)] = list(values.values())
    return column


def _covariate(values: Mapping[int, str | float], many: int) -> tuple[str | float | None, ...]:
    """Return a covariate of all knees: numbers, or texts if one of them is a text."""
    if any(isinstance(value, str) for value in values.values()):
        return tuple(None if (one := values.get(row)) is None else _text(one) for row in range(many))
    numbers = (number_of(values.get(row)) for row in range(many))
    return tuple(None if one != one else one for one in numbers)


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"
