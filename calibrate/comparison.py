"""A knee as it was calibrated beside the same knee changed: numbers for a table, a JSON object and a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.derived import RANGE
from calibrate.errors import ParameterError
from calibrate.findings.extrapolation import BEYOND, ends, outside
from calibrate.results import Run
from calibrate.whatif import Change, ChangedKnees, changes_of, knees_of

FloatArray = NDArray[np.float64]

QUANTILES = {"median": 0.5, "q5": 0.05, "q95": 0.95}
_DRAWS = 2000
# Angles of a table, where nobody says which.
_ROWS = 13
_NOUGHT = 1e-9


@dataclass(frozen=True, eq=False)
class Comparison:
    """Draws of a knee in one test before and after changes.

    Attributes
    ----------
    run : Run
        The calibration.
    changes : tuple of Change
        What was changed; nothing perhaps.
    before, after : ChangedKnees
        The same draws.
    """

    run: Run
    changes: tuple[Change, ...]
    before: ChangedKnees
    after: ChangedKnees

    @property
    def measured(self) -> tuple[float, float]:
        """Between which angles the test measured, in degrees as the file counts."""
        measurement = self.before.test.measurement
        degrees = measurement.in_degrees(measurement.angles)
        return float(degrees.min()), float(degrees.max())

    def in_file(self, degrees: FloatArray) -> FloatArray:
        """Convert degrees to the file's unit of angles."""
        return degrees if self.before.test.measurement.angle_unit == "deg" else np.deg2rad(degrees)

    def curves(self, degrees: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return readings before and after, (n, m) each, at angles in degrees as the file counts."""
        at = self.in_file(degrees)
        before = self.before.readings(at)
        return before, self.after.readings(at) if self.changes else before

    def content(self, degrees: ArrayLike | None = None, moments: Sequence[float] | None = None) -> dict[str, Any]:
        """Return all that is said, as one object of plain numbers.

        Parameters
        ----------
        degrees : ndarray, shape (m,), optional
            Angles of the curve, as the file counts; evenly over the measured ones by default.
        moments : sequence of float, optional
            In N·m: laxity in the place of the curve.

        Returns
        -------
        dict
            `file`, `converged`, `draws`, `test`, `flexion`, `positive`, `load`, `unit`, `measured`, `changes`,
            `released`; then `curve` with `angle`, `calibrated` and, if anything is changed, `changed` and `difference`,
            each with lists `median`, `q5`, `q95`; or `laxity`, one entry a moment, with `varus`, `valgus` and `total`
            [degrees], each of these with `calibrated`, ..., with the shares of the draws that have `reached` it, and
            that have it `beyond` the measured angles; last `notes`. A quantile of an angle that lies beyond 20 degrees
            is None. Laxity counts from the knee's own zero.
        """
        test, run = self.before.test, self.run
        out: dict[str, Any] = {
            "file": str(run.path),
            "converged": run.converged,
            "draws": len(self.before.full),
            "test": test.name or None,
            "flexion": test.flexion,
            "positive": test.positive,
            "load": test.measurement.kind,
            "unit": test.measurement.unit,
            "measured": list(self.measured),
            "changes": [str(change) for change in self.changes],
            "released": list(self.after.released),
        }
        notes = self._notes()
        if moments is None:
            at = np.linspace(*self.measured, _ROWS) if degrees is None else np.atleast_1d(np.asarray(degrees, float))
            out["curve"] = {"angle": at.tolist(), **self._columns(*self.curves(at))}
            low, high = self.measured
            if at.min() < low - _NOUGHT or at.max() > high + _NOUGHT:
                notes.append(f"measured were {low:g} to {high:g} degrees: beyond, the curve is the model's alone")
        else:
            out["laxity"] = self._laxity(moments)
            notes += self._notes_of_laxity(out["laxity"])
        return {**out, "notes": notes}

    def _columns(self, before: FloatArray, after: FloatArray) -> dict[str, Any]:
        """Return quantiles of columns before, and if anything is changed, after, and of each draw's difference."""
        if not self.changes:
            return {"calibrated": _quantiles(before)}
        with np.errstate(invalid="ignore"):
            difference = after - before
        return {
            "calibrated": _quantiles(before),
            "changed": _quantiles(after),
            "difference": _quantiles(difference),
        }

    def _laxity(self, moments: Sequence[float]) -> list[dict[str, Any]]:
        before = self.before.laxity(moments)
        after = self.after.laxity(moments) if self.changes else before
        low, high = self._ends
        found = []
        for moment in moments:
            entry: dict[str, Any] = {"moment": moment}
            either = np.zeros((2, len(low)), dtype=bool)  # of the total where one of the sides is
            for way in ("varus", "valgus", "total"):
                # What is not reached lies beyond all that is.
                end = math.inf if way in ("total", self.before.test.positive) else -math.inf
                name = f"laxity_{way}_{moment:g}Nm"
                pair = np.array([np.where(np.isnan(of[name]), end, of[name]) for of in (before, after)])
                own = either if way == "total" else outside(pair, low, high)
                either |= own
                of = self._columns(*pair[..., np.newaxis])
                entry[way] = {key: {q: value[0] for q, value in columns.items()} for key, columns in of.items()}
                for key, values, far in zip(("calibrated", "changed"), pair, own, strict=True):
                    if key in entry[way]:
                        entry[way][key] |= {"reached": float(np.isfinite(values).mean()), "beyond": float(far.mean())}
            found.append(entry)
        return found

    @property
    def _ends(self) -> tuple[FloatArray, FloatArray]:
        """Between which angles the test measured, in degrees from the knee's own zero in each draw as calibrated."""
        return ends(self.before.test, self.before.full)

    def _notes(self) -> list[str]:
        notes = [] if self.run.converged else ["the run has not converged: medians and intervals may still move"]
        notes += [f"{name} is released: it bears nothing at any length" for name in self.after.released]
        if any("_condyle." in change.parameter.name for change in self.changes):
            notes.append(
                "a condyle was changed: the plateau moves in the tibia, whose place where both touch stays as it is; "
                "for a thicker insert move all tibial attachments away from the plateau, like knee.mcl.tibia.y=-2"
            )
        return notes

    def _notes_of_laxity(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        notes, far = [], []
        offset = self.before.full[:, self.before.test.slots.reading[0]].any()
        if offset:
            notes.append("angles of laxity are the knee's own: the offset of the file's zero is taken off")
        for entry in entries:
            for way in ("varus", "valgus"):
                for key in ("calibrated", "changed"):
                    of = entry[way].get(key)
                    if of is None:
                        continue
                    if of["reached"] < 1.0:
                        by = f"by {of['reached']:.1%} of the draws only" if of["reached"] else "by none of the draws"
                        notes.append(f"{entry['moment']:g} N·m {way}, {key}: reached within {RANGE:g} degrees {by}")
                    if of["beyond"] > BEYOND:
                        far.append(f"{entry['moment']:g} N·m {way}, {key} ({of['beyond']:.0%} of the draws)")
        if far:
            low, high = (round(float(np.median(of)), 2) for of in self._ends)
            zero = " from the knee's own zero (medians of the draws)" if offset else ""
            notes.append(
                f"laxity is the model's alone beyond the measured {low:g} to {high:g} degrees{zero}: {'; '.join(far)}"
            )
        return notes


def compare(
    run: Run, change: Mapping[str, str | float] | None = None, test: str | None = None, draws: int = _DRAWS
) -> Comparison:
    """Compare a calibrated knee with what it would be if some of its numbers were others.

    Parameters
    ----------
    run : Run
        The calibration.
    change : mapping, optional
        See `calibrate.whatif.changes_of`.
    test : str, optional
        Which test; not needed if there is one.
    draws : int
        Of the posterior, at the most.

    Raises
    ------
    ConfigError
        If there is no such test.
    ParameterError
        If a change cannot be meant.
    ChainError
        If nothing is stored yet.
    """
    posterior = run.posterior
    name = posterior.test(test).name
    changes = changes_of(posterior, name, change or {})
    for one in changes:
        if one.parameter.quantity.key == "measurement.hysteresis":
            raise ParameterError(f"change {one}: a curve has no direction, so that hysteresis has no part in it")
    q = run.thinned(draws)
    before = knees_of(posterior, q, (), name)
    return Comparison(run, changes, before, knees_of(posterior, q, changes, name) if changes else before)


def _quantiles(values: FloatArray) -> dict[str, list[float | None]]:
    """Return quantiles of columns (n, m); infinite values count, and where there are any, so do only drawn values."""
    out: dict[str, list[float | None]] = {}
    for name, share in QUANTILES.items():
        if np.isfinite(values).all():
            row = np.quantile(values, share, axis=0)
        else:
            row = np.quantile(values, share, axis=0, method="inverted_cdf")
        out[name] = [float(value) if np.isfinite(value) else None for value in row]
    return out
