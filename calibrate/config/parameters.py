"""The parameters of strands, readings and errors in a configuration, and the tests that they are to explain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from calibrate.config.knee import KneePart, refuse_slip
from calibrate.config.values import Model, Number, Published, Value, check_name, check_positive

LAW_KEYS = ("k", "alpha", "l_0", "reference_strain", "f_ref")


class StrandConfig(Model):
    """The four parameters of one strand, the slack length as such or by the reference strain."""

    k: Value | None = None
    alpha: Value | None = None
    l_0: Value | None = None
    reference_strain: Value | None = None
    f_ref: Value | None = None

    @model_validator(mode="before")
    @classmethod
    def _look_up(cls, given: Any) -> Any:
        """Put numbers in the place of published values' keys."""
        if not isinstance(given, dict):
            return given
        return {
            key: Published.model_validate(value).expanded(key) if _is_published(value) else value
            for key, value in given.items()
        }

    @model_validator(mode="after")
    def _check(self) -> StrandConfig:
        for name in ("alpha", "k", "l_0"):
            check_positive(name, getattr(self, name))
        if self.l_0 is not None and self.reference_strain is not None:
            raise ValueError("l_0 and reference_strain are both given, and each says the other; keep one")
        if isinstance(self.reference_strain, float) and self.reference_strain <= -0.5:
            raise ValueError(
                f"reference_strain = {self.reference_strain:g} means nothing in a knee: it is a share, like 0.03"
            )
        return self

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield what is given, by quantity."""
        for key in LAW_KEYS:
            if (value := getattr(self, key)) is not None:
                yield key, value


def _is_published(value: Any) -> bool:
    return isinstance(value, dict) and "literature" in value and not value.keys() & {"mean", "median"}


class ParametersConfig(Model):
    """The parameters of all strands."""

    model_config: ClassVar[Any] = {"extra": "allow", "frozen": True}
    __pydantic_extra__: dict[str, StrandConfig]

    mcl: StrandConfig = StrandConfig()
    lcl: StrandConfig = StrandConfig()

    @model_validator(mode="before")
    @classmethod
    def _no_slips(cls, given: Any) -> Any:
        for key, value in given.items() if isinstance(given, dict) else ():
            if key not in cls.model_fields:
                refuse_slip("parameters", str(key), value, list(cls.model_fields), LAW_KEYS)
        return given

    @property
    def strands(self) -> tuple[str, ...]:
        """The names of the strands that have parameters."""
        return ("mcl", "lcl", *self.__pydantic_extra__)

    def strand(self, name: str) -> StrandConfig:
        """Return what is said of one strand."""
        found: StrandConfig = getattr(self, name, StrandConfig())
        return found


class DiscrepancyConfig(Model):
    """What the model cannot do: a smooth error of the loads, correlated over neighbouring angles."""

    amplitude: Value
    length: Value

    @model_validator(mode="after")
    def _check(self) -> DiscrepancyConfig:
        check_positive("amplitude", self.amplitude)
        check_positive("length", self.length)
        return self


class NoiseConfig(Model):
    """The errors of the readings."""

    sigma: Value | None = None
    nu: Value | None = None
    angle_sigma: Value | None = None
    discrepancy: DiscrepancyConfig | None = None

    @model_validator(mode="after")
    def _check(self) -> NoiseConfig:
        for name in ("sigma", "nu", "angle_sigma"):
            check_positive(name, getattr(self, name))
        if self.discrepancy is not None and self.nu is not None:
            raise ValueError("discrepancy and nu are both given, and correlated errors are Gaussian here; keep one")
        return self

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield what is given, by name without the leading `noise.`."""
        for key in ("sigma", "nu", "angle_sigma"):
            if (value := getattr(self, key)) is not None:
                yield key, value
        if self.discrepancy is not None:
            yield "discrepancy.amplitude", self.discrepancy.amplitude
            yield "discrepancy.length", self.discrepancy.length


class MeasurementConfig(Model):
    """What turns the load at an angle into a reading: the zero of the angle, the zero of the load, friction."""

    angle_offset: Value | None = None
    load_bias: Value | None = None
    hysteresis: Value | None = None

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield what is given, by name without the leading `measurement.`."""
        for key in ("angle_offset", "load_bias", "hysteresis"):
            if (value := getattr(self, key)) is not None:
                yield key, value


Flexion = Annotated[Number, Field(ge=-30, le=180)]


class DataConfig(Model):
    """The measurement of a single test, and the direction that it counts as positive."""

    file: Annotated[str, Field(min_length=1)]
    positive: Literal["valgus", "varus"]
    flexion: Flexion = 0.0


class TestConfig(DataConfig):
    """One of several tests: its measurement, and what is its own."""

    __test__ = False  # is no test of pytest's

    knee: KneePart = KneePart()
    parameters: ParametersConfig = ParametersConfig()
    noise: NoiseConfig = NoiseConfig()
    measurement: MeasurementConfig = MeasurementConfig()

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield what is this test's own, by name without that of the test."""
        for strand in self.parameters.strands:
            yield from ((f"{strand}.{key}", value) for key, value in self.parameters.strand(strand).items())
        for table in ("knee", "measurement", "noise"):
            yield from ((f"{table}.{key}", value) for key, value in getattr(self, table).items())


TestName = str


def check_tests(tests: dict[TestName, TestConfig], strands: tuple[str, ...]) -> None:
    """Refuse tests whose names are no names, or taken by strands.

    Raises
    ------
    ValueError
        Naming the test.
    """
    for name in tests:
        check_name("tests: the test", name, ("knee", "measurement", "noise", *strands))
