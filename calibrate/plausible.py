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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from calibrate.config.knee import KneeConfig
from calibrate.config.values import AnyValue, Bounds, Distribution, middle, reach
from calibrate.errors import CalibrateError
from calibrate.problem.quantities import place

if TYPE_CHECKING:
    from calibrate.columns import LoadKind
    from calibrate.config import Config
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
# Quantities of parameters that are checked by name; sigma's range depends on the data's unit.
_CHECKED = ("k", "alpha", "l_0", "reference_strain", "f_ref", "angle_offset", "angle_sigma")
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
    declared = config.declared()
    for name, value in declared.items():
        end = name.rsplit(".", 1)[-1]
        if end in _CHECKED and not isinstance(value, str):
            yield from _doubts_of_parameter(place(name, config.tests), QUANTITIES[end], value)
    for strand in config.knee.strands:
        for name, value in declared.items():
            if name.endswith(f"{strand}.l_0") and not isinstance(value, str):
                yield from _doubts_of_slack(place(name, config.tests), config.knee, strand, value)


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


def doubts_of_sigma(config: Config, kind: LoadKind | None = None, test: str = "") -> Iterator[Doubt]:
    """Yield what is odd about the configuration's sigma, for data of a kind, or for any as long as it is not known."""
    declared = config.declared()
    name = f"{test}.noise.sigma" if f"{test}.noise.sigma" in declared else "noise.sigma"
    value = declared.get(name)
    if value is not None and not isinstance(value, str):
        quantity = QUANTITIES["sigma" if kind is None else f"sigma_{kind}"]
        yield from _doubts_of_parameter(place(name, config.tests), quantity, value)


def doubts_of(config: Config, measurements: Mapping[str, Measurement]) -> Iterator[Doubt]:
    """Yield all that is odd about a calibration's numbers; of several tests, each doubt names its own."""
    yield from doubts_of_config(config)
    for name, measurement in measurements.items():
        label = f"tests.{name}: " if name else ""
        for doubt in (*doubts_of_data(measurement), *doubts_of_sigma(config, measurement.kind, name)):
            yield doubt._replace(text=label + doubt.text)


def _column(unit: str) -> str:
    return unit.replace("·", "")


def _doubts_of_knee(knee: KneeConfig) -> Iterator[Doubt]:
    """Doubt the geometry: sizes, and where things lie to each other, which a unit mixed up puts elsewhere."""
    numbers = {key: middle(value) for key, value in knee.items() if not isinstance(value, str)}

    def point(name: str, axes: str = "xy") -> tuple[float, ...]:
        return tuple(numbers.get(f"{name}.{axis}", 0.0) for axis in axes)

    for side in ("lateral_condyle", "medial_condyle"):
        yield from _doubts_of_number(f"knee.{side}.radius", QUANTITIES["radius"], numbers[f"{side}.radius"])
    lateral, medial = point("lateral_condyle.centre"), point("medial_condyle.centre")
    radii = numbers["lateral_condyle.radius"], numbers["medial_condyle.radius"]
    spacing = math.dist(lateral, medial)
    if lateral[0] <= medial[0] or spacing <= abs(radii[0] - radii[1]):
        return  # the sides are exchanged, or no plateau touches both: the geometry says so
    yield from _doubts_of_number("knee: the distance of the condyles' centres", QUANTITIES["spacing"], spacing)
    joint_line = min(lateral[1] - radii[0], medial[1] - radii[1])
    if knee.application_point is not None:
        lever = math.dist(point("application_point"), (0.5 * (lateral[0] + medial[0]), joint_line))
        yield from _doubts_of_number("knee.application_point: its distance", QUANTITIES["lever"], lever)
    for strand in knee.strands:
        ends = point(f"{strand}.femur", "xyz"), point(f"{strand}.tibia", "xyz")
        condyle = {"mcl": (-1.0, medial[0]), "lcl": (1.0, lateral[0])}.get(strand)
        yield from _doubts_of_strand(strand, *ends, joint_line, condyle)


def _doubts_of_strand(
    name: str, femur: Sequence[float], tibia: Sequence[float], joint_line: float, side: tuple[float, float] | None
) -> Iterator[Doubt]:
    """Doubt a strand's attachments; `side` is -1 for the medial one, and its condyle's centre, where that is known."""
    length = math.dist(femur, tibia)
    if length == 0.0:
        yield Doubt(f"knee: {name}: femur and tibia are one point, the attachments coincide; check both", refused=True)
        return
    yield from _doubts_of_number(f"knee.{name}: the distance of its attachments", QUANTITIES["strand"], length)
    if side is None:
        return
    remedy = "check its unit, all lengths are in mm, and its sign: x points laterally, y proximally"
    for end, (x, y, *_), wrong, where in (
        ("femur", femur, femur[1] < joint_line, "below the joint line"),
        ("tibia", tibia, tibia[1] > joint_line, "above the joint line"),
        ("femur", femur, side[0] * (femur[0] - side[1]) < 0.0, "on the wrong side of its condyle's centre"),
    ):
        if wrong:
            yield Doubt(f"knee.{name}.{end} = [{x:g}, {y:g}] lies {where}; {remedy}", refused=True)


def _doubts_of_slack(key: str, knee: KneeConfig, strand: str, l_0: AnyValue) -> Iterator[Doubt]:
    """Doubt a slack length that is another ligament's, or in another unit, by the attachments' distance."""
    ends = knee.attachments(strand)
    distance = math.dist([middle(value) for value in ends.femur], [middle(value) for value in ends.tibia])
    low, high = reach(l_0)
    if distance > 0.0 and (high < 0.5 * distance or low > 2.0 * distance):
        found = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        yield Doubt(
            f"{key} = {found} mm, but its attachments are {distance:.3g} mm apart: no ligament is "
            "stretched or slack by half of its length; check both",
            refused=True,
        )


def _doubts_of_parameter(key: str, quantity: Quantity, value: AnyValue) -> Iterator[Doubt]:
    """Doubt a fixed parameter's number, or a range: all of it, or an end that is far from all that was measured."""
    if not isinstance(value, Distribution):
        yield from _doubts_of_number(key, quantity, middle(value))
        return
    lower, upper = reach(value)
    low, high = quantity.meaning
    ends = f"{lower:g} to {upper:g}"
    # A range that holds nothing measured but would in another unit is in that one.
    mistaken = upper < quantity.measured[0] and _meant(quantity, lower, upper)
    if lower > high or upper < low or mistaken:
        nearer = lower if lower > high else upper
        yield Doubt(f"{key} = {ends}{_outside(quantity, nearer)}", refused=True)
    elif upper > high or (lower < low and lower != 0.0):
        end = "upper" if upper > high else "lower"
        what = "bounds" if isinstance(value, Bounds) else "its prior's 95 %,"
        yield Doubt(
            f"{key}: {what} {ends} reach far beyond what was ever measured in a knee, {_range(quantity)}: check the "
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
