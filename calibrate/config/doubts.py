"""Which numbers of a configuration can be meant: what `calibrate.plausible` knows of ranges, asked of each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from calibrate.config.values import AnyValue, Bounds, Distribution, middle, reach
from calibrate.plausible import (
    QUANTITIES,
    Doubt,
    Quantity,
    doubts_of_data,
    doubts_of_number,
    meant,
    outside,
    range_of,
)
from calibrate.problem.quantities import key_of, place, quantity_of

if TYPE_CHECKING:
    from calibrate.columns import LoadKind
    from calibrate.config.load import Config
    from calibrate.data import Measurement

# Whose range does not depend on the data's unit, as sigma's does.
_CHECKED = ("k", "alpha", "l_0", "reference_strain", "f_ref", "measurement.angle_offset", "noise.angle_sigma")
# Flexion angles that differ by no more than this, and are no round degrees, have been given in radians: this is 150
# degrees, all that a knee bends.
_RADIANS = 2.62
_Shape = Mapping[str, float]


def doubts_of_config(config: Config) -> Iterator[Doubt]:
    """Yield what is odd about a configuration's numbers, sigma apart, whose unit only the data know."""
    shapes = {"": _shape_of(config)}
    shapes |= {name: _shape_of(config, name) for name, test in config.tests.items() if any(test.knee.items())}
    for test, shape in shapes.items():
        yield from _doubts_of_knee(f"tests.{test}.knee" if test else "knee", shape, config.knee.strands)
    yield from _doubts_of_flexion(config)
    for name, value in config.declared().items():
        key = key_of(name, config.tests)
        quantity = quantity_of(key).key
        if isinstance(value, str) or quantity not in _CHECKED:
            continue
        where = place(name, config.tests)
        yield from _doubts_of_parameter(where, QUANTITIES[quantity.rpartition(".")[2]], value)
        if quantity == "l_0":
            shape = shapes.get(name.partition(".")[0], shapes[""])
            yield from _doubts_of_slack(where, shape, key.removesuffix(".l_0"), value)


def doubts_of_sigma(config: Config, kind: LoadKind | None = None, test: str = "") -> Iterator[Doubt]:
    """Yield what is odd about the sigma that a test has, for data of a kind, or for any as long as it is not known."""
    declared = config.declared()
    name = f"{test}.noise.sigma" if f"{test}.noise.sigma" in declared else "noise.sigma"
    value = declared.get(name)
    if value is not None and not isinstance(value, str):
        quantity = QUANTITIES["sigma" if kind is None else f"sigma_{kind}"]
        yield from _doubts_of_parameter(place(name, config.tests), quantity, value)


def doubts_of(config: Config, measurements: Mapping[str, Measurement]) -> Iterator[Doubt]:
    """Yield all that is odd about a calibration's numbers; of several tests, each doubt names its own."""
    yield from doubts_of_config(config)
    sigmas: dict[Doubt, None] = {}  # one that tests share is doubted once
    for name, measurement in measurements.items():
        label = f"tests.{name}: " if name else ""
        for doubt in doubts_of_data(measurement):
            yield doubt._replace(text=label + doubt.text)
        sigmas |= dict.fromkeys(doubts_of_sigma(config, measurement.kind, name))
    yield from sigmas


def _doubts_of_flexion(config: Config) -> Iterator[Doubt]:
    """Doubt flexion angles that differ, none by as much as two tests of a knee are apart."""
    angles = [config.knee.reference_flexion, *(test.flexion for test in config.all_tests.values())]
    apart = max(angles) - min(angles)
    if 0.0 < apart <= _RADIANS and any(angle % 0.5 for angle in angles):
        yield Doubt(
            f"flexion: {min(angles):g} and {max(angles):g} degrees are next to nothing apart; is it in radians? "
            "degrees are wanted",
            refused=False,
        )


def _shape_of(config: Config, test: str = "") -> _Shape:
    """Return the geometry of a test, or the shared one, by key, with the middles of what is uncertain."""
    found = {key: middle(config.resolved(f"knee.{key}")) for key, _ in config.knee.items()}
    if test:
        found |= {key: middle(config.resolved(f"{test}.knee.{key}")) for key, _ in config.tests[test].knee.items()}
    return found


def _point(shape: _Shape, name: str, axes: str = "xy") -> tuple[float, ...]:
    return tuple(shape.get(f"{name}.{axis}", 0.0) for axis in axes)


def _doubts_of_knee(knee: str, shape: _Shape, strands: Sequence[str]) -> Iterator[Doubt]:
    """Doubt the geometry: sizes, and where things lie to each other, which a unit mixed up puts elsewhere."""
    for side in ("lateral_condyle", "medial_condyle"):
        yield from doubts_of_number(f"{knee}.{side}.radius", QUANTITIES["radius"], shape[f"{side}.radius"])
    lateral, medial = _point(shape, "lateral_condyle.centre"), _point(shape, "medial_condyle.centre")
    radii = shape["lateral_condyle.radius"], shape["medial_condyle.radius"]
    spacing = math.dist(lateral, medial)
    if lateral[0] <= medial[0] or spacing <= abs(radii[0] - radii[1]):
        return  # the sides are exchanged, or no plateau touches both: the geometry says so
    yield from doubts_of_number(f"{knee}: the distance of the condyles' centres", QUANTITIES["spacing"], spacing)
    joint_line = min(lateral[1] - radii[0], medial[1] - radii[1])
    if "application_point.x" in shape:
        lever = math.dist(_point(shape, "application_point"), (0.5 * (lateral[0] + medial[0]), joint_line))
        yield from doubts_of_number(f"{knee}.application_point: its distance", QUANTITIES["lever"], lever)
    for strand in strands:
        ends = _point(shape, f"{strand}.femur", "xyz"), _point(shape, f"{strand}.tibia", "xyz")
        condyle = {"mcl": (-1.0, medial[0]), "lcl": (1.0, lateral[0])}.get(strand)
        yield from _doubts_of_strand(f"{knee}.{strand}", *ends, joint_line, condyle)


def _doubts_of_strand(
    name: str, femur: Sequence[float], tibia: Sequence[float], joint_line: float, side: tuple[float, float] | None
) -> Iterator[Doubt]:
    """Doubt a strand's attachments; `side` is -1 for the medial one, and its condyle's centre, where that is known."""
    length = math.dist(femur, tibia)
    if length == 0.0:
        knee, _, strand = name.rpartition(".")
        yield Doubt(
            f"{knee}: {strand}: femur and tibia are one point, the attachments coincide; check both", refused=True
        )
        return
    yield from doubts_of_number(f"{name}: the distance of its attachments", QUANTITIES["strand"], length)
    if side is None:
        return
    remedy = "check its unit, all lengths are in mm, and its sign: x points laterally, y proximally"
    for end, (x, y, *_), wrong, where in (
        ("femur", femur, femur[1] < joint_line, "below the joint line"),
        ("tibia", tibia, tibia[1] > joint_line, "above the joint line"),
        ("femur", femur, side[0] * (femur[0] - side[1]) < 0.0, "on the wrong side of its condyle's centre"),
    ):
        if wrong:
            yield Doubt(f"{name}.{end} = [{x:g}, {y:g}] lies {where}; {remedy}", refused=True)


def _doubts_of_slack(key: str, shape: _Shape, strand: str, l_0: AnyValue) -> Iterator[Doubt]:
    """Doubt a slack length that is another ligament's, or in another unit, by the attachments' distance."""
    distance = math.dist(*(_point(shape, f"{strand}.{end}", "xyz") for end in ("femur", "tibia")))
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
        yield from doubts_of_number(key, quantity, middle(value))
        return
    lower, upper = reach(value)
    low, high = quantity.meaning
    ends = f"{lower:g} to {upper:g}"
    # A range that holds nothing measured but would in another unit is in that one.
    mistaken = upper < quantity.measured[0] and meant(quantity, lower, upper)
    if lower > high or upper < low or mistaken:
        nearer = lower if lower > high else upper
        yield Doubt(f"{key} = {ends}{outside(quantity, nearer)}", refused=True)
    elif upper > high or (lower < low and lower != 0.0):
        end = "upper" if upper > high else "lower"
        what = "bounds" if isinstance(value, Bounds) else "its prior's 95 %,"
        yield Doubt(
            f"{key}: {what} {ends} reach far beyond what was ever measured in a knee, {range_of(quantity)}: check the "
            f"unit of the {end} one",
            refused=False,
        )
