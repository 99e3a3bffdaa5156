"""The knee that a page moves: some draws posed at some angles, rounded to what a drawing shows.

Numbers are whole: tenths of a millimetre, of a newton and of the load's unit times ten. The first drawing is part of
the page, so that it is there without JavaScript; the script only moves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.figures.labels import strand_label
from calibrate.posed import REGIONS, Posed, posed
from calibrate.problem.laxity_test import LaxityTest
from calibrate.report.words import number, unit_alone
from calibrate.results import Run

FloatArray = NDArray[np.float64]

# Draws and angles in all, shared out among the tests; and readings drawn beside the curve.
_DRAWS, _FEWEST, _ANGLES = 32, 8, 41
_READINGS = 300
# Degrees shown on either side of readings at one angle.
_AROUND = 3.0
# Whole numbers in a millimetre, a newton and the load's unit.
_FINE, _LOAD = 10, 1000
_MARGIN = 6.0  # mm
# The reaction's arrow [mm/N], and its length at the most [mm].
_ARROW, _LONGEST = 0.1, 45.0
_WIDTH, _HEIGHT, _PAD = 320.0, 220.0, 34.0  # of the curve's drawing


@dataclass(frozen=True)
class Moved:
    """The knee of one test.

    Attributes
    ----------
    test : str
        Its name; empty if there is only one.
    data : dict
        What the script draws from, see the names in `report.js`.
    first : dict
        The drawing as the page shows it at first.
    """

    test: str
    data: dict[str, Any]
    first: dict[str, Any]


def moved(run: Run) -> list[Moved]:
    """Return the knees of all tests."""
    tests = run.posterior.tests
    q = run.thinned(max(_FEWEST, _DRAWS // len(tests)))
    found = []
    for test in tests:
        knee = _sorted(run, q, np.linspace(*span(test), _ANGLES), test.name)
        if knee is not None:
            found.append(_moved(run, knee))
    return found


def span(test: LaxityTest) -> tuple[float, float]:
    """Return between which angles a knee is shown [degrees, as the file counts]: the measured ones, or about one."""
    degrees = test.measurement.in_degrees(test.measurement.angles)
    low, high = float(degrees.min()), float(degrees.max())
    return (low, high) if high > low else (low - _AROUND, high + _AROUND)


def _sorted(run: Run, q: FloatArray, angles: FloatArray, test: str) -> Posed | None:
    """Pose draws that have a pose, the most compliant first; None if none has."""
    knee = posed(run.posterior, q, angles, test=test)
    whole = np.isfinite(knee.readings).all(axis=1)
    if not whole.any():
        return None
    stiff = np.abs(knee.readings[whole][:, [0, -1]]).sum(axis=1)
    return posed(run.posterior, q[whole][np.argsort(stiff, kind="stable")], angles, test=test)


def _moved(run: Run, knee: Posed) -> Moved:
    measurement, m, n = knee.test.measurement, *knee.readings.shape
    degrees = measurement.in_degrees(measurement.angles)
    shown = np.unique(np.linspace(0, degrees.size - 1, min(degrees.size, _READINGS)).round().astype(int))
    box = _box(knee)
    scale = _Scale(knee.angles, np.concatenate([knee.readings.ravel(), measurement.loads[shown]]))
    data = {
        "angles": np.round(knee.angles, 3).tolist(),
        "positive": knee.test.positive,
        "kind": measurement.kind,
        "unit": measurement.unit,
        "strands": list(knee.strands),
        "labels": [strand_label(name) for name in knee.strands],
        "fine": _FINE,
        "fineLoad": _LOAD,
        "condyles": _whole(_down(knee.condyles)),
        "femur": _whole(_down(knee.femur[..., :2])),
        "plateau": _whole(_down(knee.plateau)),
        "contact": _whole(_down(knee.contact)),
        "arrow": _whole(_down(_arrows(knee))),
        "reaction": np.round(np.hypot(*np.moveaxis(knee.reaction, -1, 0))).astype(int).ravel().tolist(),
        "tibia": _whole(_down(knee.tibia[..., :2])),
        "tension": _whole(knee.tensions),
        "region": "".join(str(one) for one in knee.regions.ravel().tolist()),
        "reading": np.round(knee.readings * _LOAD).astype(int).ravel().tolist(),
        "draws": m,
        "most": float(np.round(max(knee.tensions.max(), 1.0), 1)),
        "scale": scale.numbers(),
    }
    draw = m // 2
    angle = int(np.argmax(np.abs(knee.readings[draw])))  # where most is to be seen
    first = {
        "draw": draw,
        "angle": angle,
        "box": box,
        "strands": [],
        "marks": scale.marks(degrees[shown], measurement.loads[shown]),
    }
    first |= {"draws": m, "angles": n, "ticks": scale.ticks(), "load": f"{measurement.kind} [{measurement.unit}]"}
    first |= _drawing(knee, draw, angle, scale)
    return Moved(knee.test.name, data, first)


def _drawing(knee: Posed, draw: int, angle: int, scale: _Scale) -> dict[str, Any]:
    """Return one drawing as numbers and texts for the template."""
    start, end = _down(knee.plateau)[draw, angle]
    strands = [
        {
            "name": name,
            "label": strand_label(name),
            "from": _down(knee.femur[draw, s, :2]).round(1).tolist(),
            "to": _down(knee.tibia[draw, angle, s, :2]).round(1).tolist(),
            "tension": number(float(knee.tensions[draw, angle, s]), ".1f"),
            "region": REGIONS[int(knee.regions[draw, angle, s])],
        }
        for s, name in enumerate(knee.strands)
    ]
    reading = float(knee.readings[draw, angle])
    return {
        "condyles": _down(knee.condyles)[draw].round(1).tolist(),
        "plateau": [*start.round(1).tolist(), *end.round(1).tolist()],
        "contact": _down(knee.contact)[draw, angle].round(1).tolist(),
        "arrow": _down(_arrows(knee))[draw, angle].round(1).tolist(),
        "strands": strands,
        "degrees": number(float(knee.angles[angle]), ".2f"),
        "reading": f"{number(reading, '.2f')} {unit_alone(knee.test.measurement.unit)}",
        "reaction": number(float(np.hypot(*knee.reaction[draw, angle])), ".0f"),
        "curve": " ".join(
            f"{scale.x(a):.1f},{scale.y(r):.1f}" for a, r in zip(knee.angles, knee.readings[draw], strict=True)
        ),
        "point": [round(scale.x(knee.angles[angle]), 1), round(scale.y(reading), 1)],
    }


def _down(points: FloatArray) -> FloatArray:
    """Return points (..., 2 or 3) in a drawing's coordinates: y points down there; a radius stays."""
    return np.asarray(points * np.array([1.0, -1.0, 1.0])[: points.shape[-1]])


def _arrows(knee: Posed) -> FloatArray:
    """Return where the tail of the reaction's arrow lies, whose head is at the contact, (m, n, 2)."""
    size = np.hypot(*np.moveaxis(knee.reaction, -1, 0))[..., np.newaxis]
    length = np.minimum(_ARROW * size, _LONGEST)
    return np.asarray(knee.contact - length * knee.reaction / np.where(size > 0.0, size, 1.0))


def _whole(values: FloatArray) -> list[int]:
    return [int(one) for one in np.round(values * _FINE).ravel()]


def _box(knee: Posed) -> list[float]:
    """Return the drawing's left, top, width and height, whatever the draw and the angle."""
    circles, points = (
        _down(knee.condyles),
        [_down(knee.femur[..., :2]), _down(knee.tibia[..., :2]), _down(knee.plateau)],
    )
    flat = np.concatenate([one.reshape(-1, 2) for one in points])
    centres, radii = circles[..., :2].reshape(-1, 2), circles[..., 2].reshape(-1, 1)
    flat = np.concatenate([flat, centres - radii, centres + radii])
    low, high = flat.min(axis=0) - _MARGIN, flat.max(axis=0) + _MARGIN
    return [float(one) for one in np.round([*low, *(high - low)], 1)]


class _Scale:
    """From angles and loads to a drawing's coordinates."""

    def __init__(self, angles: FloatArray, loads: FloatArray) -> None:
        self.low, self.high = float(angles[0]), float(angles[-1])
        if self.high == self.low:
            self.low, self.high = self.low - 1.0, self.high + 1.0
        bottom, top = float(min(loads.min(), 0.0)), float(max(loads.max(), 0.0))
        room = 0.05 * (top - bottom) or 1.0
        self.bottom, self.top = bottom - room, top + room

    def x(self, angle: float) -> float:
        """Return the abscissa of an angle."""
        return _PAD + (angle - self.low) / (self.high - self.low) * (_WIDTH - _PAD - 8.0)

    def y(self, load: float) -> float:
        """Return the ordinate of a load."""
        return 8.0 + (self.top - load) / (self.top - self.bottom) * (_HEIGHT - 8.0 - _PAD)

    def numbers(self) -> list[float]:
        """Return factor and offset of x, then of y."""
        kx, ky = (self.x(1.0) - self.x(0.0)), (self.y(1.0) - self.y(0.0))
        return [float(f"{one:.8g}") for one in (kx, self.x(0.0), ky, self.y(0.0))]

    def marks(self, angles: FloatArray, loads: FloatArray) -> list[list[float]]:
        """Return where readings lie."""
        return [
            [round(self.x(a), 1), round(self.y(r), 1)] for a, r in zip(angles.tolist(), loads.tolist(), strict=True)
        ]

    def ticks(self) -> dict[str, list[tuple[float, str]]]:
        """Return places and texts of a few ticks on either axis."""
        x, y = (ticks(*ends) for ends in ((self.low, self.high), (self.bottom, self.top)))
        return {
            "x": [(round(self.x(at), 1), number(at, "g")) for at in x],
            "y": [(round(self.y(at), 1), number(at, "g")) for at in y],
        }


def ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers between two."""
    raw = (high - low) / 5.0 or 1.0
    size = 10.0 ** np.floor(np.log10(raw))
    step = float(size * next(s for s in (1.0, 2.0, 5.0, 10.0) if s * size >= raw))
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [float(f"{step * i:.10g}") for i in range(first, last + 1)]
