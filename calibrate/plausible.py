"""Which numbers can be meant, and which anybody has measured: one table, and what is said of a number outside it.

Each quantity has two ranges. Outside the first it has no meaning as what it is called, and is refused where a user's
file is read; outside the second nobody has measured it in a human knee, and a warning says so. Runs that are already
stored are never refused for it: their numbers are warned of at the most.

Sources of the measured ranges. *Geometry*: the frontal-plane knees of Lenhart et al. 2015 (condylar radii 15 to 18 mm,
spacing 44 mm, ankle 403 mm away) and S192803 (doi:10.5061/dryad.zkh1893gw; 12 to 19 mm, 54 mm), with room for small
and large adults. *Lengths*: strands of 31 to 104 mm in these two; LCL 59 to 74 mm (Meister 2000). *Stiffness*: 33 to
72 N/mm of an isolated ligament (LaPrade 2005; Cho & Kwak 2020), several hundred where one spring stands for a whole
side (S192803). *Tare*: no more than ligaments bear before they fail, some 500 N (Cho & Kwak 2020). *Transition strain,
loads, sigma, reach of the angle*: practice rather than a source; 0.06 in both models, laxity tests of some 10 N·m and
several degrees, with room on either side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from calibrate.errors import CalibrateError

if TYPE_CHECKING:
    from calibrate.data import Measurement


class Quantity(NamedTuple):
    """A quantity's unit, the range in which it has a meaning, the one in which it was measured, and units mistaken.

    `mistaken` maps a unit to the factor that brings a number from it into `unit`.
    """

    unit: str
    meaning: tuple[float, float]
    measured: tuple[float, float]
    mistaken: dict[str, float]


_LENGTHS = {"metres": 1e3, "centimetres": 10.0, "inches": 25.4, "micrometres": 1e-3}
QUANTITIES = {
    "k": Quantity("N/mm", (0.2, 2000.0), (5.0, 500.0), {"N/m": 1e-3, "kN/mm": 1e3, "N per strain (k l_0)": 1.0 / 80.0}),
    "alpha": Quantity("", (0.0, 0.5), (0.01, 0.3), {"per cent": 1e-2, "per mille": 1e-3}),
    "l_0": Quantity("mm", (10.0, 400.0), (20.0, 150.0), _LENGTHS),
    "reference_strain": Quantity("", (-0.5, 0.5), (-0.2, 0.2), {"per cent": 1e-2}),
    "angle_offset": Quantity("degrees", (-45.0, 45.0), (-20.0, 20.0), {}),
    "angle_sigma": Quantity("degrees", (1e-6, 20.0), (0.001, 5.0), {"radians": 180.0 / math.pi}),
    "f_ref": Quantity("N", (-2000.0, 2000.0), (-500.0, 500.0), {"mN": 1e-3}),
    "sigma_moment": Quantity("N·m", (1e-5, 25.0), (0.001, 5.0), {"N·mm": 1e-3, "N·cm": 1e-2}),
    "sigma_force": Quantity("N", (1e-5, 250.0), (0.005, 50.0), {"mN": 1e-3}),
    "sigma": Quantity("N or N·m", (1e-5, 250.0), (0.001, 50.0), {"N·mm": 1e-3, "mN": 1e-3}),
    "radius": Quantity("mm", (4.0, 100.0), (10.0, 40.0), _LENGTHS),
    "spacing": Quantity("mm", (28.0, 100.0), (35.0, 70.0), _LENGTHS),
    "strand": Quantity("mm", (10.0, 300.0), (20.0, 150.0), _LENGTHS),
    "lever": Quantity("mm", (50.0, 1000.0), (150.0, 600.0), _LENGTHS),
    "moment": Quantity("N·m", (0.0, 300.0), (0.5, 50.0), {"N·mm": 1e-3, "N·cm": 1e-2, "kN·m": 1e3}),
    "force": Quantity("N", (0.0, 3000.0), (1.0, 500.0), {"mN": 1e-3, "kN": 1e3}),
    "angle_deg": Quantity("degrees", (0.35, 45.0), (1.0, 45.0), {"radians": 180.0 / math.pi}),
}
# A reading taken for noise: loads against angles that run the other way than this are no laxity test.
_CORRELATED = -0.5


class Doubt(NamedTuple):
    """What is odd about a number: where it stands, what is said of it, and whether it can be meant at all.

    `row` is that of a measurement's reading, None if the doubt is not about one of them.
    """

    text: str
    refused: bool
    row: int | None = None


def refuse(
    doubts: Iterable[Doubt], error: type[CalibrateError], place: Callable[[int], str] = str, where: str = ""
) -> None:
    """Raise the first doubt about a number that cannot be meant.

    Parameters
    ----------
    doubts : iterable of Doubt
        What is odd.
    error : type
        What to raise.
    place : callable
        Names file and line of a reading, given its row.
    where : str
        Names the file for all others.

    Raises
    ------
    CalibrateError
        Of type `error`.
    """
    for doubt in doubts:
        if doubt.refused:
            raise error(f"{where if doubt.row is None else place(doubt.row)}: {doubt.text}")


def doubts_of_data(measurement: Measurement) -> Iterator[Doubt]:
    """Yield what is odd about a laxity test's numbers."""
    if measurement.angle_unit == "deg":
        yield from _doubts_of_reach("angle_deg", QUANTITIES["angle_deg"], measurement.angles)
    loads = QUANTITIES[measurement.kind]
    yield from _doubts_of_reach(f"{measurement.kind}_{_column(loads.unit)}", loads, measurement.loads)
    if measurement.sigma is not None:
        quantity = QUANTITIES[f"sigma_{measurement.kind}"]
        for row in {int(np.argmin(measurement.sigma)), int(np.argmax(measurement.sigma))}:
            name = f"sigma_{_column(quantity.unit)}"
            yield from doubts_of_number(name, quantity, float(measurement.sigma[row]), row)
        if measurement.sigma.min() > np.abs(measurement.loads).max() > 0.0:
            least = f"{measurement.sigma.min():g} {measurement.unit}"
            yield Doubt(
                f"sigma is {least} at the least, more than any load, so the data say next to nothing; check the column "
                "and its unit",
                refused=False,
            )
    if measurement.angles.size >= 3 and np.ptp(measurement.loads) == 0.0:
        yield Doubt(
            f"all loads are {measurement.loads[0] + 0.0:g}: nothing was measured; check the column", refused=False
        )
    if measurement.angles.size >= 3 and np.ptp(measurement.angles) == 0.0:
        yield Doubt(f"all angles are {measurement.angles[0] + 0.0:g}: nothing was turned; check them", refused=False)
    if measurement.angles.size >= 4 and np.ptp(measurement.angles) > 0.0 and np.ptp(measurement.loads) > 0.0:
        copies = _copies(measurement)
        if copies > max(1, measurement.angles.size // 10):
            yield Doubt(
                f"{copies} of {measurement.angles.size} readings are copies of others to the last digit, and count "
                "as if they were new; remove them unless the knee was turned again",
                refused=False,
            )
        along = float(np.corrcoef(measurement.angles, measurement.loads)[0, 1])
        if along < _CORRELATED:
            yield Doubt(
                f"the loads fall as the angles rise (correlation {along:.2f}), and a knee pushes back: one of the two "
                "columns counts the other direction as positive; change its sign",
                refused=False,
            )


def _copies(measurement: Measurement) -> int:
    """Return how many readings say the same as the one so many rows before, the number of rows that most have.

    So it is where a file was put together twice or each row was written again, and seldom where coarse digits agree.
    """
    columns = [measurement.angles, measurement.loads]
    if measurement.direction is not None:
        columns.append(measurement.direction)
    order = np.lexsort(columns)  # stable: copies stay in the order of the file
    same = np.logical_and.reduce([one[order[1:]] == one[order[:-1]] for one in columns])
    return int(np.bincount(np.diff(order)[same], minlength=1).max())


def _column(unit: str) -> str:
    return unit.replace("·", "")


def _doubts_of_reach(key: str, quantity: Quantity, values: np.ndarray) -> Iterator[Doubt]:
    """Doubt a column by the value that is farthest from zero."""
    row = int(np.argmax(np.abs(values)))
    if values[row] != 0.0:
        yield from doubts_of_number(f"the largest {key}", quantity, float(values[row]), row, abs(float(values[row])))


def doubts_of_number(
    key: str, quantity: Quantity, value: float, row: int | None = None, size: float | None = None
) -> Iterator[Doubt]:
    """Doubt a number; `size` is what is compared, where that is another."""
    size = value if size is None else size
    if not quantity.meaning[0] <= size <= quantity.meaning[1]:
        yield Doubt(f"{key} = {value:g}{outside(quantity, size)}", refused=True, row=row)
    elif not quantity.measured[0] <= size <= quantity.measured[1]:
        unit = f" {quantity.unit}" if quantity.unit else ""
        guess = meant(quantity, size)
        yield Doubt(
            f"{key} = {value:g}{unit}: nobody has measured that in a knee ({range_of(quantity)} is known); "
            + (f"is it in {guess}?" if guess else "check it and its unit"),
            refused=False,
            row=row,
        )


def outside(quantity: Quantity, value: float) -> str:
    """Say that a number has no meaning, and which unit was probably meant."""
    unit = f" {quantity.unit}" if quantity.unit else ""
    guessed = meant(quantity, value)
    wanted = quantity.unit or "a plain number"
    guess = f"is it in {guessed}? {wanted} is wanted" if guessed else f"check the unit, {wanted} is wanted"
    return f"{unit} means nothing in a knee ({range_of(quantity)} is known); {guess}"


def meant(quantity: Quantity, *values: float) -> str:
    """Return the units in which these values would all be such as have been measured, or nothing."""
    low, high = quantity.measured
    factors = quantity.mistaken.items()
    return " or ".join(unit for unit, factor in factors if all(low <= value * factor <= high for value in values))


def range_of(quantity: Quantity) -> str:
    """Return the range that was measured, in words."""
    low, high = quantity.measured
    return f"{low:g} to {high:g}{' ' + quantity.unit if quantity.unit else ''}"
