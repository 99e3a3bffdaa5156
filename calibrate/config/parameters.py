"""The parameters of strands, readings and errors in a configuration, and the tests that they are to explain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from calibrate.complaints import PlacedError, did_you_mean
from calibrate.config.base import Model, said
from calibrate.config.knee import MAIN_STRANDS, Flexion, KneeConfig, KneePart, refuse_slips
from calibrate.config.values import AnyValue, Distribution, Value, check_name, check_positive, look_up

# More than any laboratory has; a file of a run holds so many.
MOST_TESTS = 1000
LAW_KEYS = ("k", "alpha", "l_0", "reference_strain", "f_ref")


_TARE = said("tare, taken off the tension at every length", "N")
STRAND = said("the law of a strand: `mcl`, `lcl`, or one of yours")


class StrandPart(Model):
    """What a test says of the four parameters of one strand that is its own."""

    k: Annotated[Value | None, said("stiffness of the linear region; needed", "N/mm")] = None
    alpha: Annotated[Value | None, said("transition strain, at which the toe ends; needed")] = None
    l_0: Annotated[Value | None, said("slack length; needed, or the reference strain in its place", "mm")] = None
    reference_strain: Annotated[
        Value | None,
        said("strain where both condyles touch, at `knee.reference_flexion`; needed, or the slack length in its place"),
    ] = None
    f_ref: Annotated[Value | None, _TARE] = None

    @model_validator(mode="before")
    @classmethod
    def _look_up(cls, given: Any) -> Any:
        return {key: look_up(key, value) for key, value in given.items()} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("alpha", "k", "l_0"):
            check_positive(name, getattr(self, name))
        if self.l_0 is not None and self.reference_strain is not None:
            raise ValueError("l_0 and reference_strain are both given, and each says the other; keep one")
        _check_strain(self.reference_strain)
        return self

    def items(self) -> Iterator[tuple[str, AnyValue]]:
        """Yield what is given, by quantity."""
        for key in LAW_KEYS:
            if (value := getattr(self, key)) is not None:
                yield key, value


class StrandConfig(StrandPart):
    """The four parameters of one strand, the slack length as such or by the reference strain."""

    f_ref: Annotated[Value, _TARE] = 0.0


def _check_strain(strain: AnyValue | None) -> None:
    """Refuse strains at which nothing is left of a strand, for its slack length is L / (1 + strain)."""
    key, lowest = "reference_strain", strain
    if isinstance(strain, Distribution):
        key, lowest = "reference_strain.lower", strain.lower
    if isinstance(lowest, float) and lowest <= -1.0:
        raise PlacedError(f"{key} = {lowest!r}: must be greater than -1; a strain is a share, like 0.03")


class ParametersConfig(Model):
    """The parameters of all strands."""

    model_config: ClassVar[Any] = {"extra": "allow"}
    __pydantic_extra__: dict[str, StrandConfig]

    mcl: Annotated[StrandConfig, STRAND]
    lcl: Annotated[StrandConfig, STRAND]

    @model_validator(mode="before")
    @classmethod
    def _no_slips(cls, given: Any) -> Any:
        refuse_slips(given, list(cls.model_fields), LAW_KEYS)
        return given

    @property
    def strands(self) -> dict[str, StrandConfig]:
        """What is said of each strand, by name."""
        return {"mcl": self.mcl, "lcl": self.lcl, **self.__pydantic_extra__}


class ParametersPart(Model):
    """What a test says of strands' parameters that is its own."""

    model_config: ClassVar[Any] = {"extra": "allow"}
    __pydantic_extra__: dict[str, StrandPart]

    @model_validator(mode="before")
    @classmethod
    def _no_slips(cls, given: Any) -> Any:
        refuse_slips(given, list(MAIN_STRANDS), LAW_KEYS)
        return given

    @property
    def strands(self) -> dict[str, StrandPart]:
        """What is said of each strand, by name."""
        return dict(self.__pydantic_extra__)


class DiscrepancyConfig(Model):
    """What the model cannot do: a smooth error of the loads, correlated over neighbouring angles."""

    amplitude: Annotated[Value, said("standard deviation of what the model cannot do", "load")]
    length: Annotated[Value, said("angle over which it is correlated", "deg")]

    @model_validator(mode="after")
    def _check(self) -> DiscrepancyConfig:
        check_positive("amplitude", self.amplitude)
        check_positive("length", self.length)
        return self


class NoiseConfig(Model):
    """The errors of the readings."""

    sigma: Annotated[
        Value | None,
        said(
            "standard deviation of the load's errors, or the scale of Student's t; needed, or a column of the data",
            "load",
        ),
    ] = None
    nu: Annotated[Value | None, said("degrees of freedom of Student's t; without it, errors are Gaussian")] = None
    angle_sigma: Annotated[
        Value | None, said("standard deviation of the angle's errors; without it, angles are exact", "deg")
    ] = None
    discrepancy: Annotated[
        DiscrepancyConfig | None,
        said("a smooth error of the model, correlated over neighbouring angles; not with `nu`, up to 500 readings"),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> NoiseConfig:
        for name in ("sigma", "nu", "angle_sigma"):
            check_positive(name, getattr(self, name))
        if self.discrepancy is not None and self.nu is not None:
            raise ValueError("discrepancy and nu are both given, and correlated errors are Gaussian here; keep one")
        return self

    def items(self) -> Iterator[tuple[str, AnyValue]]:
        """Yield what is given, by name without the leading `noise.`."""
        for key in ("sigma", "nu", "angle_sigma"):
            if (value := getattr(self, key)) is not None:
                yield key, value
        if self.discrepancy is not None:
            yield "discrepancy.amplitude", self.discrepancy.amplitude
            yield "discrepancy.length", self.discrepancy.length


class MeasurementConfig(Model):
    """What turns the load at an angle into a reading: the zero of the angle, the zero of the load, friction."""

    angle_offset: Annotated[
        Value | None,
        said(
            "where the rig's zero lies for the model: reading at `a` is the load at `a - angle_offset`; 0 without it",
            "deg",
        ),
    ] = None
    load_bias: Annotated[Value | None, said("added to every load; 0 without it", "load")] = None
    hysteresis: Annotated[
        Value | None,
        said("times the column `direction`, +1 while the load goes up and -1 while it goes down; 0 without it", "load"),
    ] = None

    def items(self) -> Iterator[tuple[str, AnyValue]]:
        """Yield what is given, by name without the leading `measurement.`."""
        for key in ("angle_offset", "load_bias", "hysteresis"):
            if (value := getattr(self, key)) is not None:
                yield key, value


class DataConfig(Model):
    """The measurement of a single test, and the direction that it counts as positive."""

    file: Annotated[str, Field(min_length=1), said("the measurement, a CSV file; relative to the configuration")]
    positive: Annotated[Literal["valgus", "varus"], said("what the file counts as positive, in angles and loads")]
    flexion: Annotated[Flexion, said("flexion of the knee in the test", "deg")] = 0.0


class TestConfig(DataConfig):
    """One of several tests: its measurement, and what is its own."""

    __test__ = False  # is no test of pytest's

    hold_out: Annotated[bool, Field(strict=True), said("read, but not fitted: scored by what the others foretell")] = (
        False
    )
    knee: Annotated[KneePart, said("the test's own geometry: any number of `[knee]`")] = KneePart()
    parameters: Annotated[ParametersPart, said("the test's own parameters of strands")] = ParametersPart()
    noise: Annotated[NoiseConfig, said("the test's own errors")] = NoiseConfig()
    measurement: Annotated[MeasurementConfig, said("the test's own zeros and friction")] = MeasurementConfig()

    def items(self) -> Iterator[tuple[str, AnyValue]]:
        """Yield what is this test's own, by name without that of the test."""
        for strand, given in self.parameters.strands.items():
            yield from ((f"{strand}.{key}", value) for key, value in given.items())
        for table in ("knee", "measurement", "noise"):
            yield from ((f"{table}.{key}", value) for key, value in getattr(self, table).items())


def check_tests(tests: dict[str, TestConfig], knee: KneeConfig) -> None:
    """Refuse tests whose names are no names, or taken by strands, and attachments of theirs that do not fit the knee.

    Raises
    ------
    ValueError
        Naming the test.
    """
    if len(tests) > MOST_TESTS:
        raise ValueError(f"tests: there are {len(tests)}, and a calibration has {MOST_TESTS} at the most")
    for name, test in tests.items():
        check_name("tests: the test", name, knee.strands)
        for strand in test.knee.strands:
            if strand not in knee.strands:
                raise ValueError(f"tests.{name}.knee.{strand}: {no_strand(strand, knee.strands)}")
            own, shared = test.knee.attachments(strand), len(knee.attachments(strand).femur)
            for end, point in (("femur", own.femur), ("tibia", own.tibia)):
                if point is not None and len(point) != shared:
                    raise ValueError(
                        f"tests.{name}.knee.{strand}.{end} has {len(point)} coordinates and knee.{strand} has "
                        f"{shared}; give as many in both"
                    )


def no_strand(name: str, strands: tuple[str, ...]) -> str:
    """Say what to do about a strand that the knee does not have."""
    near = did_you_mean(name, strands, otherwise="")
    return "there is no such strand in [knee]; " + (near or f"add knee.{name}")
