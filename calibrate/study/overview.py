"""What a study says as a whole: how many knees have converged, what is common, and how far knees differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calibrate.findings.codes import CODES, ORDER
from calibrate.study.entries import words_of
from calibrate.study.table import CONVERGED, FAILED, NOT_CONVERGED, Quantity, StudyTable
from calibrate.texts import count

# So many names are given as examples.
_NAMED = 5


@dataclass(frozen=True)
class Common:
    """A finding of several knees.

    Attributes
    ----------
    code, kind : str
        As in `calibrate.findings.codes`; a code that this version does not know is a note.
    knees : int
        How many have it.
    share : float
        Of all knees with a summary.
    examples : tuple of str
        Some of them.
    """

    code: str
    kind: str
    knees: int
    share: float
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Spread:
    """How a quantity's medians differ over the knees that have converged.

    Attributes
    ----------
    name, unit : str
        As in `Quantity`.
    knees : int
        How many of them know it.
    low, median, high : float or None
        The 5, 50 and 95 % quantiles of the knees' medians; None if there are none.
    smallest, largest : tuple of str and float, or None
        The outermost knees and their medians.
    width : float or None
        From the 5 to the 95 % quantile of a single knee's posterior, in the middle of all knees.
    """

    name: str
    unit: str
    knees: int
    low: float | None = None
    median: float | None = None
    high: float | None = None
    smallest: tuple[str, float] | None = None
    largest: tuple[str, float] | None = None
    width: float | None = None


def counts(table: StudyTable) -> dict[str, int]:
    """Return how many knees have each status, and how many are missing."""
    found = Counter(table.status)
    return {status: found[status] for status in (CONVERGED, NOT_CONVERGED, FAILED)} | {"missing": table.missing}


def verdict(table: StudyTable) -> str:
    """Return the first sentence about a study."""
    found = counts(table)
    if found[CONVERGED] == len(table):
        said = f"{'all ' if len(table) > 1 else ''}{count(len(table), 'knee')} converged"
    else:
        said = f"{found[CONVERGED]:,} of {count(len(table), 'knee')} converged"
    rest = [f"{found[key]:,} {words}" for key, words in ((NOT_CONVERGED, "did not"), (FAILED, "failed")) if found[key]]
    if table.missing:
        rest.append(f"{table.missing:,} more of the study {'is' if table.missing == 1 else 'are'} not finished yet")
    return "; ".join([said, *rest])


def settled(table: StudyTable) -> bool:
    """Tell whether every knee of the study is there and has converged."""
    return not table.missing and all(status == CONVERGED for status in table.status)


def troubled(table: StudyTable) -> list[int]:
    """Return the rows of knees that have not converged, those that failed first."""
    rows = [row for row, status in enumerate(table.status) if status != CONVERGED]
    return sorted(rows, key=lambda row: table.status[row] != FAILED)


def reasons(table: StudyTable) -> dict[str, int]:
    """Return what knees that have not converged missed, in words, and how many did; who misses two counts for both."""
    found: Counter[str] = Counter()
    for row, status in enumerate(table.status):
        if status == NOT_CONVERGED:
            found.update({words_of(check) for check in table.checks[row]} or {"unknown"})
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def common(table: StudyTable) -> list[Common]:
    """Return the findings of all knees with how many have each: warnings first, the commonest first."""
    rows: dict[str, list[int]] = {}
    for row, codes in enumerate(table.findings):
        for code in codes:
            rows.setdefault(code, []).append(row)
    answered = sum(status != FAILED for status in table.status) or 1
    found = [
        Common(
            code,
            CODES[code].kind if code in CODES else "note",
            len(of),
            len(of) / answered,
            tuple(table.ids[row] for row in of[:_NAMED]),
        )
        for code, of in rows.items()
    ]
    return sorted(found, key=lambda one: (one.kind != "warning", -one.knees, ORDER.get(one.code, len(ORDER))))


def spreads(table: StudyTable, *, headline: bool = False) -> Iterator[Spread]:
    """Yield how each quantity differs over the knees that have converged."""
    for quantity in table.quantities:
        if not headline or quantity.headline:
            yield spread(table, quantity)


def spread(table: StudyTable, quantity: Quantity) -> Spread:
    """Return how a quantity differs over the knees that have converged."""
    rows = np.flatnonzero(quantity.known & table.converged)
    if not rows.size:
        return Spread(quantity.name, quantity.unit, 0)
    medians, widths = quantity.median[rows], (quantity.high - quantity.low)[rows]
    low, median, high = np.quantile(medians, (0.05, 0.5, 0.95)).tolist()
    first, last = int(np.argmin(medians)), int(np.argmax(medians))
    known = widths[np.isfinite(widths)]
    return Spread(
        quantity.name,
        quantity.unit,
        int(rows.size),
        low,
        median,
        high,
        (table.ids[rows[first]], float(medians[first])),
        (table.ids[rows[last]], float(medians[last])),
        float(np.median(known)) if known.size else None,
    )
