"""What if, ahead of time: a strand's stiffness and slack length changed in steps, and what the knee would do then.

Each step is what `calibrate predict --change` says of the same draws; the page goes from one to the next by straight
lines, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.comparison import QUANTILES as SHARES
from calibrate.comparison import Comparison
from calibrate.derived import most_draws
from calibrate.errors import ParameterError
from calibrate.figures.labels import strand_label
from calibrate.posed import posed_of
from calibrate.report.knee import span, ticks
from calibrate.results import Run
from calibrate.whatif import changes_of, knees_of

FloatArray = NDArray[np.float64]

MOMENT = 10.0  # N·m, at which laxity is read
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
SHIFTS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)  # mm
_FEW_FACTORS, _FEW_SHIFTS = (0.0, 0.5, 1.0, 2.0), (-4.0, -2.0, 0.0, 2.0, 4.0)
ANGLES = 21
# Knees changed in all; of those with a geometry of their own each takes some hundred times longer.
_WORK, _WORK_POSED = 40_000, 20_000
_MOST, _LEAST = 300, 40
# Share of the calibrated loads' range that is drawn beyond it, either way.
_ROOM = 0.4
WAYS = ("varus", "valgus", "total")


@dataclass(frozen=True)
class Grid:
    """One strand's changes in one test.

    Attributes
    ----------
    test, strand : str
        Which; the test's name is empty if there is only one.
    data : dict
        What the script shows, see the names in `report.js`.
    """

    test: str
    strand: str
    data: dict[str, Any]


def grids(run: Run) -> list[Grid]:
    """Return the changes of all strands in all tests, as far as `predict --change` allows them."""
    tests, strands = run.posterior.tests, run.posterior.strands
    work = _WORK if most_draws(run.posterior) > 2000 else _WORK_POSED
    factors: Sequence[float] = FACTORS
    shifts: Sequence[float] = SHIFTS
    if len(tests) * len(strands) * len(FACTORS) * len(SHIFTS) * _LEAST > work:
        factors, shifts = _FEW_FACTORS, _FEW_SHIFTS
    draws = work // (len(tests) * len(strands) * len(factors) * len(shifts))
    draws = max(_LEAST, min(_MOST, draws))
    found = []
    for test in tests:
        for strand in strands:
            data = grid(run, test.name, strand, draws, factors, shifts)
            if data is not None:
                found.append(Grid(test.name, strand, data))
    return found


def grid(
    run: Run, test: str, strand: str, draws: int, factors: Sequence[float], shifts: Sequence[float]
) -> dict[str, Any] | None:
    """Return one strand's changes; None if neither its stiffness nor its slack length can be changed."""
    factors = _allowed(run, test, [(f"{strand}.k", f"*{factor:g}", factor) for factor in factors], 1.0)
    shifts = _allowed(run, test, [(f"{strand}.l_0", f"{shift:+g}", shift) for shift in shifts], 0.0)
    if len(factors) == len(shifts) == 1:
        return None
    q = run.thinned(draws)
    before = knees_of(run.posterior, q, (), test)
    degrees = np.linspace(*span(before.test), ANGLES)
    curves, laxities = [], []
    first: dict[str, Any] = {}
    for factor in factors:
        for shift in shifts:
            change = {f"{strand}.k": f"*{factor:g}"} if factor != 1.0 else {}
            change |= {f"{strand}.l_0": f"{shift:+g}"} if shift != 0.0 else {}
            changes = changes_of(run.posterior, test, change)
            compared = Comparison(
                run, changes, before, knees_of(run.posterior, q, changes, test) if changes else before
            )
            loads = posed_of(before.test, compared.after.full, compared.after.law, degrees).readings
            curve = [_rounded(row) for row in np.quantile(loads, list(SHARES.values()), axis=0).tolist()]
            laxity = compared.content(moments=[MOMENT])["laxity"][0]
            curves.append(curve)
            if not changes:
                first = {"angle": _rounded(degrees.tolist()), "now": curve}
                first["laxity"] = [_three(laxity[way]["calibrated"]) for way in WAYS]
            laxities.append([_of_laxity(laxity[way], bool(changes)) for way in WAYS])
    measurement = before.test.measurement
    bottom, top = _extent(first["now"])
    return first | {
        "test": test,
        "extent": [bottom, top],
        "ticks": [ticks(first["angle"][0], first["angle"][-1]), ticks(bottom, top)],
        "label": strand_label(strand),
        "name": strand,
        "factors": list(factors),
        "shifts": list(shifts),
        "curves": curves,
        "laxities": laxities,
        "draws": len(q),
        "unit": measurement.unit,
        "kind": measurement.kind,
        "positive": before.test.positive,
    }


def _extent(curve: Sequence[Sequence[float | None]]) -> tuple[float, float]:
    """Return which loads are drawn: the calibrated knee's, nought, and room for what a change adds."""
    loads = [load for row in curve for load in row if load is not None]
    bottom, top = min(*loads, 0.0), max(*loads, 0.0)
    room = _ROOM * (top - bottom) or 1.0
    return bottom - room, top + room


def _allowed(run: Run, test: str, ways: Sequence[tuple[str, str, float]], none: float) -> tuple[float, ...]:
    """Return the changes that have a meaning in every draw; no change always has."""
    q, found = run.thinned(_LEAST), []
    for name, text, value in ways:
        if value != none:
            try:
                knees_of(run.posterior, q, changes_of(run.posterior, test, {name: text}), test)
            except ParameterError:
                continue
        found.append(value)
    return tuple(found)


def _of_laxity(of: dict[str, Any], changed: bool) -> list[list[float | None]]:
    """Return a laxity's quantiles after a change, and of what the change does to each draw."""
    after = _three(of["changed" if changed else "calibrated"])
    return [after, _three(of["difference"]) if changed else [0.0, 0.0, 0.0]]


def _three(of: dict[str, Any]) -> list[float | None]:
    return _rounded([of[key] for key in SHARES])


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None or not math.isfinite(value) else round(value, 3) + 0.0 for value in values]
