"""The knee's geometry in a configuration; any of its numbers may be a distribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from calibrate.complaints import PlacedError, SlipError, did_you_mean
from calibrate.config.base import Model, Number, said
from calibrate.config.values import AnyValue, Bounds, Value, check_name, check_positive

Point = tuple[Value, Value]
Attachment = Annotated[tuple[Value, ...], Field(min_length=2, max_length=3)]
Flexion = Annotated[Number, Field(ge=-30, le=180)]  # degrees
CONDYLES = ("lateral_condyle", "medial_condyle")
MAIN_STRANDS = ("mcl", "lcl")
AXES = ("x", "y", "z")
ENDS = ("femur", "tibia")


_CENTRE = said("centre (x, y) of the circle that the condyle is, in the femur's frame", "mm")
_RADIUS = said("radius of that circle", "mm")
_FEMUR = said("femoral attachment, in the femur's frame; x and y, or x, y and z", "mm")
_TIBIA = said("tibial attachment, in the tibia's frame; as many coordinates as the femoral one", "mm")
_LATERAL = said("the lateral condyle")
_MEDIAL = said("the medial condyle")
_ROLLING = said("how the tibia moves over the condyle: 0 slides, 1 rolls without slip")
_POINT_OF_FORCE = said("point (x, y) where a force acts, in the tibia's frame; needed where the load is a force", "mm")
_AXIS = said(
    "axis of flexion (y, z), a line along x; without it, through the mean of the femoral ends of `mcl` and `lcl`",
    "mm",
)
# What each strand is, whatever its name: of those in the user's own names, too.
STRAND = said("a strand: where it is attached; `mcl` and `lcl` are needed, others have names of yours")


class Condyle(Model):
    """A circular condyle in the femur frame [mm]."""

    centre: Annotated[Point, _CENTRE]
    radius: Annotated[Value, _RADIUS]

    @model_validator(mode="after")
    def _check(self) -> Condyle:
        check_positive("radius", self.radius)
        return self


class Attachments(Model):
    """Where a strand is attached: femoral point in the femur frame, tibial point in the tibia frame [mm].

    Two coordinates, x and y, or three, with z anterior.
    """

    femur: Annotated[Attachment, _FEMUR]
    tibia: Annotated[Attachment, _TIBIA]

    @model_validator(mode="after")
    def _check(self) -> Attachments:
        if len(self.femur) != len(self.tibia):
            less, more = sorted(ENDS, key=lambda end: len(getattr(self, end)))
            raise ValueError(f"{more} has a third coordinate and {less} has none; give both or neither")
        return self


class CondylePart(Model):
    """What a test says of a condyle that is its own."""

    centre: Annotated[Point | None, _CENTRE] = None
    radius: Annotated[Value | None, _RADIUS] = None

    @model_validator(mode="after")
    def _check(self) -> CondylePart:
        check_positive("radius", self.radius)
        return self


class AttachmentsPart(Model):
    """What a test says of a strand's attachments that is its own."""

    femur: Annotated[Attachment | None, _FEMUR] = None
    tibia: Annotated[Attachment | None, _TIBIA] = None


class KneePart(Model):
    """A test's own geometry: any of the knee's numbers, in the place of the shared ones."""

    model_config: ClassVar[Any] = {"extra": "allow"}
    __pydantic_extra__: dict[str, AttachmentsPart]

    lateral_condyle: Annotated[CondylePart | None, _LATERAL] = None
    medial_condyle: Annotated[CondylePart | None, _MEDIAL] = None
    rolling: Annotated[Value | None, _ROLLING] = None
    application_point: Annotated[Point | None, _POINT_OF_FORCE] = None
    flexion_axis: Annotated[Point | None, _AXIS] = None

    @model_validator(mode="before")
    @classmethod
    def _no_slips(cls, given: Any) -> Any:
        refuse_slips(given, [*cls.model_fields, *MAIN_STRANDS], ENDS)
        return given

    @model_validator(mode="after")
    def _check(self) -> KneePart:
        _check_rolling(self.rolling)
        return self

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands whose attachments are given."""
        return tuple(self.__pydantic_extra__)

    def attachments(self, strand: str) -> AttachmentsPart:
        """Return what is said of a strand's attachments."""
        return self.__pydantic_extra__[strand]

    def items(self) -> Iterator[tuple[str, AnyValue]]:
        """Yield the numbers that are given, by name without the leading `knee.`."""
        yield from _items(self, self.strands)


class KneeConfig(Model):
    """The geometry of one knee [mm]; x lateral, y proximal, z anterior.

    Strands besides `mcl` and `lcl` have names of the user's.
    """

    model_config: ClassVar[Any] = {"extra": "allow"}
    __pydantic_extra__: dict[str, Attachments]

    lateral_condyle: Annotated[Condyle, _LATERAL]
    medial_condyle: Annotated[Condyle, _MEDIAL]
    rolling: Annotated[Value, _ROLLING] = 1.0
    application_point: Annotated[Point | None, _POINT_OF_FORCE] = None
    reference_flexion: Annotated[Flexion, said("flexion to which reference strains refer", "deg")] = 0.0
    flexion_axis: Annotated[Point | None, _AXIS] = None
    mcl: Annotated[Attachments, STRAND]
    lcl: Annotated[Attachments, STRAND]

    @model_validator(mode="before")
    @classmethod
    def _no_slips(cls, given: Any) -> Any:
        refuse_slips(given, list(cls.model_fields), ENDS)
        return given

    @model_validator(mode="after")
    def _check(self) -> KneeConfig:
        _check_rolling(self.rolling)
        return self

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands' names, `mcl` and `lcl` first."""
        return (*MAIN_STRANDS, *self.__pydantic_extra__)

    def attachments(self, strand: str) -> Attachments:
        """Return where a strand is attached."""
        return {"mcl": self.mcl, "lcl": self.lcl, **self.__pydantic_extra__}[strand]

    def items(self) -> Iterator[tuple[str, AnyValue]]:
        """Yield all of the geometry's numbers by name without the leading `knee.`, like `mcl.femur.x`."""
        yield from _items(self, self.strands)


def refuse_slips(given: Any, known: list[str], inside: tuple[str, ...]) -> None:
    """Refuse keys of a table that are no strands but known ones misspelt; a strand's table has some of `inside`.

    Raises
    ------
    ValueError
        With the key that was meant.
    """
    if not isinstance(given, dict):
        return
    for key, value in given.items():
        if key in known:
            continue
        keys = value if isinstance(value, dict) else ()
        if not isinstance(value, Model) and not any(did_you_mean(word, inside, "") for word in keys):
            raise SlipError(key, did_you_mean(key, known))
        check_name("the strand", key)
    # Other programs do not tell names by the case of their letters, and OpenSim's strands are written in capitals.
    strands = [key for key in given if key not in known]
    for i, name in enumerate(strands):
        if name.lower() in (other.lower() for other in (*MAIN_STRANDS, *strands[:i])):
            raise ValueError(f"the strand {name!r}: another one has this name but for capitals; choose another")


def _check_rolling(rolling: AnyValue | None) -> None:
    """Refuse what is neither sliding nor rolling nor between the two."""
    ends = {"rolling": rolling}
    if isinstance(rolling, Bounds):
        ends = {"rolling.lower": rolling.lower, "rolling.upper": rolling.upper}
    for key, value in ends.items():
        if isinstance(value, float) and value < 0.0:
            raise PlacedError(f"{key} = {value!r}: must be greater than or equal to 0.0; 0 slides, 1 rolls")
        if isinstance(value, float) and value > 1.0:
            raise PlacedError(f"{key} = {value!r}: must be less than or equal to 1.0; 0 slides, 1 rolls")


def _items(knee: KneeConfig | KneePart, strands: tuple[str, ...]) -> Iterator[tuple[str, AnyValue]]:
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
        ends = knee.attachments(strand)
        yield from _point(f"{strand}.femur", ends.femur)
        yield from _point(f"{strand}.tibia", ends.tibia)


def _point(
    name: str, point: tuple[AnyValue, ...] | None, axes: tuple[str, ...] = AXES
) -> Iterator[tuple[str, AnyValue]]:
    for i, value in enumerate(point or ()):
        yield f"{name}.{axes[i]}", value
