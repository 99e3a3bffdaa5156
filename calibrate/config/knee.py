"""The knee's geometry in a configuration; any of its numbers may be a distribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from calibrate.complaints import did_you_mean
from calibrate.config.values import Model, Number, Value, check_name, check_positive

Point = tuple[Value, Value]
Attachment = tuple[Value, Value] | tuple[Value, Value, Value]
CONDYLES = ("lateral_condyle", "medial_condyle")
MAIN_STRANDS = ("mcl", "lcl")
AXES = ("x", "y", "z")
_TAKEN = (
    "knee",
    "measurement",
    "noise",
    "parameters",
    "tests",
    "data",
    "prior",
    "sampling",
    "file",
    "positive",
    "flexion",
)


class Condyle(Model):
    """A circular condyle in the femur frame [mm]."""

    centre: Point
    radius: Value

    @model_validator(mode="after")
    def _check(self) -> Condyle:
        check_positive("radius", self.radius)
        return self


class Attachments(Model):
    """Where a strand is attached: femoral point in the femur frame, tibial point in the tibia frame [mm].

    Two coordinates, x and y, or three, with z anterior.
    """

    femur: Annotated[tuple[Value, ...], Field(min_length=2, max_length=3)]
    tibia: Annotated[tuple[Value, ...], Field(min_length=2, max_length=3)]

    @model_validator(mode="after")
    def _check(self) -> Attachments:
        if len(self.femur) != len(self.tibia):
            more, less = ("femur", "tibia") if len(self.femur) > len(self.tibia) else ("tibia", "femur")
            raise ValueError(f"{more} has a third coordinate and {less} has none; give both or neither")
        return self


class CondylePart(Model):
    """What a test says of a condyle that is its own."""

    centre: Point | None = None
    radius: Value | None = None

    @model_validator(mode="after")
    def _check(self) -> CondylePart:
        check_positive("radius", self.radius)
        return self


class AttachmentsPart(Model):
    """What a test says of a strand's attachments that is its own."""

    femur: Annotated[tuple[Value, ...], Field(min_length=2, max_length=3)] | None = None
    tibia: Annotated[tuple[Value, ...], Field(min_length=2, max_length=3)] | None = None


class KneePart(Model):
    """A test's own geometry: any of the knee's numbers, in the place of the shared ones."""

    model_config: ClassVar[Any] = {"extra": "allow", "frozen": True}
    __pydantic_extra__: dict[str, AttachmentsPart]

    lateral_condyle: CondylePart | None = None
    medial_condyle: CondylePart | None = None
    rolling: Value | None = None
    application_point: Point | None = None
    flexion_axis: Point | None = None

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands whose attachments are given."""
        return tuple(self.__pydantic_extra__)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield the numbers that are given, by name without the leading `knee.`."""
        yield from _items(self, list(self.__pydantic_extra__))


class KneeConfig(Model):
    """The geometry of one knee [mm]; x lateral, y proximal, z anterior.

    Strands besides `mcl` and `lcl` have names of the user's.
    """

    model_config: ClassVar[Any] = {"extra": "allow", "frozen": True}
    __pydantic_extra__: dict[str, Attachments]

    lateral_condyle: Condyle
    medial_condyle: Condyle
    rolling: Value = 1.0
    application_point: Point | None = None
    reference_flexion: Number = 0.0
    flexion_axis: Point | None = None
    mcl: Attachments
    lcl: Attachments

    @model_validator(mode="before")
    @classmethod
    def _no_slips(cls, given: Any) -> Any:
        for key, value in given.items() if isinstance(given, dict) else ():
            if key not in cls.model_fields:
                refuse_slip("knee", str(key), value, list(cls.model_fields), ("femur", "tibia"))
        return given

    @model_validator(mode="after")
    def _check(self) -> KneeConfig:
        if isinstance(self.rolling, float) and not 0.0 <= self.rolling <= 1.0:
            raise ValueError(f"rolling = {self.rolling:g}: must be 0 (slides) to 1 (rolls)")
        if abs(self.reference_flexion) > 180.0:
            raise ValueError(f"reference_flexion = {self.reference_flexion:g}: is in degrees, 0 to 150 in a knee")
        return self

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands' names, `mcl` and `lcl` first."""
        return (*MAIN_STRANDS, *self.__pydantic_extra__)

    def attachments(self, strand: str) -> Attachments:
        """Return where a strand is attached."""
        found: Attachments = getattr(self, strand)
        return found

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield all of the geometry's numbers by name without the leading `knee.`, like `mcl.femur.x`."""
        yield from _items(self, list(self.strands))


def refuse_slip(table: str, key: str, value: Any, known: list[str], inside: tuple[str, ...]) -> None:
    """Refuse a key that is no strand's table but a known one misspelt.

    Raises
    ------
    ValueError
        With the key that was meant.
    """
    looks_right = isinstance(value, (dict, Model)) and (isinstance(value, Model) or set(value) & set(inside))
    if not looks_right:
        raise SlipError(key, did_you_mean(key, known))
    check_name(f"{table}: the strand", key, _TAKEN)


class SlipError(ValueError):
    """A key that is not known: its name and the remedy."""

    def __init__(self, key: str, remedy: str) -> None:
        super().__init__(remedy)
        self.key, self.remedy = key, remedy


def _items(knee: Any, strands: list[str]) -> Iterator[tuple[str, Any]]:
    for condyle in CONDYLES:
        part = getattr(knee, condyle)
        if part is not None:
            yield from _point(f"{condyle}.centre", part.centre)
            if part.radius is not None:
                yield f"{condyle}.radius", part.radius
    if knee.rolling is not None:
        yield "rolling", knee.rolling
    yield from _point("application_point", knee.application_point)
    yield from _point("flexion_axis", knee.flexion_axis, ("y", "z"))
    for strand in strands:
        ends = getattr(knee, strand)
        yield from _point(f"{strand}.femur", ends.femur)
        yield from _point(f"{strand}.tibia", ends.tibia)


def _point(name: str, point: Any, axes: tuple[str, ...] = AXES) -> Iterator[tuple[str, Any]]:
    for axis, value in zip(axes, point or (), strict=False):
        yield f"{name}.{axis}", value
