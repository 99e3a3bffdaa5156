"""A study for programs: one JSON object, and the columns of its table for files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate import __version__
from calibrate.export.sheets import Sheet
from calibrate.study.overview import common, counts, reasons, spread, verdict
from calibrate.study.table import CONVERGED, StudyTable

# By this, `--overwrite` knows a study's table.
MARK = "knees of calibrate"
SENSE = "valgus positive, whatever the files do"
_PARTS = {"median": "median", "q5": "low", "q95": "high"}


def content(table: StudyTable) -> dict[str, Any]:
    """Return all that is known of a study, for JSON: what is unknown is None."""
    found = counts(table)
    return {
        "format": MARK,
        "program": f"calibrate {__version__}",
        "study": table.name,
        "angles": SENSE,
        "verdict": verdict(table),
        "knees": len(table),
        "converged": found[CONVERGED],
        "not_converged": found["not converged"],
        "failed": found["failed"],
        "missing": table.missing,
        "reasons": reasons(table),
        "findings": [asdict(one) for one in common(table)],
        "quantities": {one.name: _quantity(table, one) for one in table.quantities},
        "assumes": dict(table.assumes),
        "versions": dict(table.versions),
        "table": [_row(table, row) for row in range(len(table))],
    }


def _quantity(table: StudyTable, quantity: Any) -> dict[str, Any]:
    found = spread(table, quantity)
    outermost = {
        key: None if one is None else {"knee": one[0], "value": one[1]}
        for key, one in (("smallest", found.smallest), ("largest", found.largest))
    }
    return {
        "unit": found.unit,
        "knees": found.knees,
        "median": found.median,
        "q5": found.low,
        "q95": found.high,
        "width": found.width,
        **outermost,
    }


def _row(table: StudyTable, row: int) -> dict[str, Any]:
    quantities = {}
    for one in table.quantities:
        if one.known[row]:
            quantities[one.name] = {key: _known(getattr(one, part)[row]) for key, part in _PARTS.items()}
            if "laxity_" in one.key:
                quantities[one.name] |= {key: _known(getattr(one, key)[row]) for key in ("beyond", "reached")}
    return {
        "knee": table.ids[row],
        "covariates": {name: values[row] for name, values in table.covariates.items()},
        "status": table.status[row],
        "why": table.reasons[row],
        "missed": list(table.checks[row]),
        "worst_rhat": _known(table.rhat[row]),
        "smallest_ess": _known(table.ess[row]),
        "findings": list(table.findings[row]),
        "quantities": quantities,
    }


def sheet(table: StudyTable) -> Sheet:
    """Return a study's table for a file: a row for each knee."""
    columns: dict[str, NDArray[Any]] = {"knee": _texts(table.ids)}
    for name, values in table.covariates.items():
        texts = any(isinstance(value, str) for value in values)
        column = _texts(values) if texts else np.array([np.nan if v is None else v for v in values], dtype=float)
        columns[f"covariate.{name}"] = column
    columns |= {
        "status": _texts(table.status),
        "why": _texts(table.reasons),
        "findings": _texts([" ".join(codes) for codes in table.findings]),
        "worst_rhat": table.rhat,
        "smallest_ess": table.ess,
    }
    units: dict[str, str] = {}
    for one in table.quantities:
        named: dict[str, NDArray[Any]] = {f"{one.name}.{key}": getattr(one, part) for key, part in _PARTS.items()}
        units |= dict.fromkeys(named, one.unit) if one.unit else {}
        if "laxity_" in one.key:
            named |= {f"{one.name}.{key}": getattr(one, key) for key in ("beyond", "reached")}
        columns |= named
    about: Mapping[str, str | int] = {
        "program": f"calibrate {__version__}",
        "study": table.name,
        "angles": SENSE,
        "verdict": verdict(table),
    }
    return Sheet(MARK, "knees", about, units, columns)


def _texts(values: Any) -> NDArray[Any]:
    """Return texts as a column; NumPy would give all of them the room of the longest."""
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
