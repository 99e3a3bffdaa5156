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
    from calibrate.columns import LoadKind
    from calibrate.config import Attachments, Bounds, Config, KneeConfig
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


def doubts_of_config(config: Config) -> Iterator[Doubt]:
    """Yield what is odd about a configuration's numbers, sigma apart, whose unit only the data know."""
    yield from _doubts_of_knee(config.knee)
    for name, parameter in config.parameter_items():
        yield from _doubts_of_parameter(f"parameters.{name}", QUANTITIES[name.split(".")[1]], parameter)
    for ligament in ("mcl", "lcl"):
        yield from _doubts_of_slack(ligament, getattr(config.knee, ligament), getattr(config.parameters, ligament).l_0)


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
            yield from _doubts_of_number(name, quantity, float(measurement.sigma[row]), row)
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
        along = float(np.corrcoef(measurement.angles, measurement.loads)[0, 1])
        if along < _CORRELATED:
            yield Doubt(
                f"the loads fall as the angles rise (correlation {along:.2f}), and a knee pushes back: one of the two "
                "columns counts the other direction as positive; change its sign",
                refused=False,
            )


def doubts_of_sigma(config: Config, kind: LoadKind | None = None) -> Iterator[Doubt]:
    """Yield what is odd about the configuration's sigma, for data of a kind, or for any as long as it is not known."""
    if config.noise.sigma is not None:
        quantity = QUANTITIES["sigma" if kind is None else f"sigma_{kind}"]
        yield from _doubts_of_parameter("noise.sigma", quantity, config.noise.sigma)


def doubts_of(config: Config, measurement: Measurement) -> Iterator[Doubt]:
    """Yield all that is odd about a calibration's numbers."""
    yield from doubts_of_config(config)
    yield from doubts_of_data(measurement)
    yield from doubts_of_sigma(config, measurement.kind)


def _column(unit: str) -> str:
    return unit.replace("·", "")


def _doubts_of_knee(knee: KneeConfig) -> Iterator[Doubt]:
    """Doubt the geometry: sizes, and where things lie to each other, which a unit mixed up puts elsewhere."""
    for side in ("lateral_condyle", "medial_condyle"):
        yield from _doubts_of_number(f"knee.{side}.radius", QUANTITIES["radius"], getattr(knee, side).radius)
    lateral, medial = knee.lateral_condyle.centre, knee.medial_condyle.centre
    spacing = math.dist(lateral, medial)
    if lateral[0] <= medial[0] or spacing <= abs(knee.lateral_condyle.radius - knee.medial_condyle.radius):
        return  # the sides are exchanged, or no plateau touches both: the geometry says so
    yield from _doubts_of_number("knee: the distance of the condyles' centres", QUANTITIES["spacing"], spacing)
    joint_line = min(c.centre[1] - c.radius for c in (knee.lateral_condyle, knee.medial_condyle))
    if knee.application_point is not None:
        lever = math.dist(knee.application_point, (0.5 * (lateral[0] + medial[0]), joint_line))
        yield from _doubts_of_number("knee.application_point: its distance", QUANTITIES["lever"], lever)
    yield from _doubts_of_strand("mcl", knee.mcl, joint_line, medial[0], -1.0)
    yield from _doubts_of_strand("lcl", knee.lcl, joint_line, lateral[0], 1.0)


def _doubts_of_strand(name: str, ends: Attachments, joint_line: float, centre: float, side: float) -> Iterator[Doubt]:
    """Doubt a ligament's attachments, `side` -1 for the medial one."""
    length = math.dist(ends.femur, ends.tibia)
    if length == 0.0:
        yield Doubt(f"knee: {name}: femur and tibia are one point, the attachments coincide; check both", refused=True)
        return
    yield from _doubts_of_number(f"knee.{name}: the distance of its attachments", QUANTITIES["strand"], length)
    remedy = "check its unit, all lengths are in mm, and its sign: x points laterally, y proximally"
    for end, wrong, place in (
        ("femur", ends.femur[1] < joint_line, "below the joint line"),
        ("tibia", ends.tibia[1] > joint_line, "above the joint line"),
        ("femur", side * (ends.femur[0] - centre) < 0.0, "on the wrong side of its condyle's centre"),
    ):
        if wrong:
            x, y = getattr(ends, end)
            yield Doubt(f"knee.{name}.{end} = [{x:g}, {y:g}] lies {place}; {remedy}", refused=True)


def _doubts_of_slack(name: str, ends: Attachments, l_0: float | Bounds) -> Iterator[Doubt]:
    """Doubt a slack length that is another ligament's, or in another unit, by the attachments' distance."""
    distance = math.dist(ends.femur, ends.tibia)
    low, high = (l_0, l_0) if isinstance(l_0, float) else (l_0.lower, l_0.upper)
    if distance > 0.0 and (high < 0.5 * distance or low > 2.0 * distance):
        found = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        yield Doubt(
            f"parameters.{name}.l_0 = {found} mm, but its attachments are {distance:.3g} mm apart: no ligament is "
            "stretched or slack by half of its length; check both",
            refused=True,
        )


def _doubts_of_parameter(key: str, quantity: Quantity, value: float | Bounds) -> Iterator[Doubt]:
    """Doubt a fixed parameter's number, or bounds: all of them, or an end that is far from all that was measured."""
    if isinstance(value, float):
        yield from _doubts_of_number(key, quantity, value)
        return
    low, high = quantity.meaning
    ends = f"{value.lower:g} to {value.upper:g}"
    # Bounds that hold nothing measured but would in another unit are in that one.
    mistaken = value.upper < quantity.measured[0] and _meant(quantity, value.lower, value.upper)
    if value.lower > high or value.upper < low or mistaken:
        nearer = value.lower if value.lower > high else value.upper
        yield Doubt(f"{key} = {ends}{_outside(quantity, nearer)}", refused=True)
    elif value.upper > high or (value.lower < low and value.lower != 0.0):
        end = "upper" if value.upper > high else "lower"
        yield Doubt(
            f"{key}: bounds {ends} reach far beyond what was ever measured in a knee, {_range(quantity)}: check the "
            f"unit of the {end} one",
            refused=False,
        )


def _doubts_of_reach(key: str, quantity: Quantity, values: np.ndarray) -> Iterator[Doubt]:
    """Doubt a column by the value that is farthest from zero."""
    row = int(np.argmax(np.abs(values)))
    if values[row] != 0.0:
        yield from _doubts_of_number(f"the largest {key}", quantity, float(values[row]), row, abs(float(values[row])))


def _doubts_of_number(
    key: str, quantity: Quantity, value: float, row: int | None = None, size: float | None = None
) -> Iterator[Doubt]:
    """Doubt a number; `size` is what is compared, where that is another."""
    size = value if size is None else size
    if not quantity.meaning[0] <= size <= quantity.meaning[1]:
        yield Doubt(f"{key} = {value:g}{_outside(quantity, size)}", refused=True, row=row)
    elif not quantity.measured[0] <= size <= quantity.measured[1]:
        unit = f" {quantity.unit}" if quantity.unit else ""
        meant = _meant(quantity, size)
        yield Doubt(
            f"{key} = {value:g}{unit}: nobody has measured that in a knee ({_range(quantity)} is known); "
            + (f"is it in {meant}?" if meant else "check it and its unit"),
            refused=False,
            row=row,
        )


def _outside(quantity: Quantity, value: float) -> str:
    """Say that a number has no meaning, and which unit was probably meant."""
    unit = f" {quantity.unit}" if quantity.unit else ""
    meant = _meant(quantity, value)
    wanted = quantity.unit or "a plain number"
    guess = f"is it in {meant}? {wanted} is wanted" if meant else f"check the unit, {wanted} is wanted"
    return f"{unit} means nothing in a knee ({_range(quantity)} is known); {guess}"


def _meant(quantity: Quantity, *values: float) -> str:
    """Return the units in which these values would all be such as have been measured, or nothing."""
    low, high = quantity.measured
    factors = quantity.mistaken.items()
    return " or ".join(unit for unit, factor in factors if all(low <= value * factor <= high for value in values))


def _range(quantity: Quantity) -> str:
    low, high = quantity.measured
    return f"{low:g} to {high:g}{' ' + quantity.unit if quantity.unit else ''}"
