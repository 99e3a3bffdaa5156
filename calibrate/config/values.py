"""What a parameter may be given as: a number, one of the priors, a published value, or another parameter's name."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from calibrate import literature
from calibrate.complaints import BOUNDS, LOG_NORMAL, NEITHER, NORMAL, NUMBER, TIE, WANTED, PlacedError, explain
from calibrate.config.base import Model, Number, Positive, said
from calibrate.config.knees import MadeOf
from calibrate.priors import LogNormal, Normal, Prior, Uniform

# Beyond these a number is a slip of the unit or of the keyboard, and floating-point arithmetic no longer holds.
LARGEST = 1e9
_CLOSEST = 1e-9


class Distribution(Model):
    """A free parameter: where it may lie, and optionally a point to start the fit from."""

    wanted: ClassVar[str] = WANTED
    tag: ClassVar[str]

    @property
    def prior(self) -> Prior:
        """The distribution itself."""
        raise NotImplementedError  # each form says its own


def _within(value: float | None, lower: float | None, upper: float | None) -> None:
    """Refuse bounds that are none, and a start outside of them."""
    low, high = _ends(lower, upper)
    if low > high:
        raise ValueError(f"lower = {low:g} is above upper = {high:g}: exchange them")
    if low == high:
        raise ValueError(f"lower and upper are both {low:g}: write the number alone to fix the parameter")
    largest = max(abs(lower or 0.0), abs(upper or 0.0))
    if largest > LARGEST:
        raise ValueError(f"bounds as large as {largest:g} mean nothing here: check the unit")
    if high - low < _CLOSEST * largest:
        raise ValueError(f"lower and upper are closer than {_CLOSEST:g} of their size: write the number alone")
    if value is not None and not low <= value <= high:
        raise ValueError(f"start = {value:g} lies outside the bounds {low:g} to {high:g}")


_LOWER = said("lower bound; of a normal or log-normal distribution optional, and truncates it")
_UPPER = said("upper bound, likewise")
_START = said("where a fit should look first; it is no prior")
_MEAN = said("mean of a normal distribution")
_SD = said("standard deviation of a normal distribution")
_MEDIAN = said("median of a log-normal distribution")
_FACTOR = said("spread of a log-normal distribution: 68 % lie between median / factor and median * factor")
_LITERATURE = said("key of a published value, as `calibrate priors` lists them; of a strand's parameter")
_KNEES = said("the knees that the numbers were made of; written on loading, in the place of their file's name")


class Bounds(Distribution):
    """Free, uniform between bounds."""

    tag = BOUNDS

    lower: Annotated[Number, _LOWER]
    upper: Annotated[Number, _UPPER]
    start: Annotated[Number | None, _START] = None

    @model_validator(mode="after")
    def _check(self) -> Bounds:
        _within(self.start, self.lower, self.upper)
        return self

    @property
    def prior(self) -> Prior:
        """Uniform between the bounds."""
        return Uniform(self.lower, self.upper)


class Gaussian(Distribution):
    """Free, normal; cut off at the bounds if there are any."""

    tag = NORMAL

    mean: Annotated[Number, _MEAN]
    sd: Annotated[Positive, _SD]
    lower: Annotated[Number | None, _LOWER] = None
    upper: Annotated[Number | None, _UPPER] = None
    start: Annotated[Number | None, _START] = None
    literature: Annotated[str | None, _LITERATURE] = None  # where mean and sd are from
    knees: Annotated[MadeOf | None, _KNEES] = None  # likewise

    @model_validator(mode="after")
    def _check(self) -> Gaussian:
        _within(self.start, self.lower, self.upper)
        if max(abs(self.mean), self.sd) > LARGEST or self.sd < _CLOSEST * abs(self.mean):
            raise ValueError(f"mean = {self.mean:g} with sd = {self.sd:g} means nothing here: check the unit")
        self.prior  # noqa: B018  # refuses what has no mass inside its bounds
        return self

    @property
    def prior(self) -> Prior:
        """Normal, truncated."""
        return Normal(self.mean, self.sd, *_ends(self.lower, self.upper))


class LogGaussian(Distribution):
    """Free, log-normal: the logarithm's sd is `ln factor`; cut off at the bounds if there are any."""

    tag = LOG_NORMAL

    median: Annotated[Positive, _MEDIAN]
    factor: Annotated[Number, Field(gt=1), _FACTOR]
    lower: Annotated[Number | None, _LOWER] = None
    upper: Annotated[Number | None, _UPPER] = None
    start: Annotated[Number | None, _START] = None
    literature: Annotated[str | None, _LITERATURE] = None  # where median and factor are from
    knees: Annotated[MadeOf | None, _KNEES] = None  # likewise

    @model_validator(mode="after")
    def _check(self) -> LogGaussian:
        _within(self.start, self.lower, self.upper)
        if not 1.0 / LARGEST <= self.median <= LARGEST or self.factor < 1.0 + _CLOSEST:
            raise ValueError(f"median = {self.median:g} with factor = {self.factor:g} means nothing here: check both")
        self.prior  # noqa: B018  # refuses what has no mass inside its bounds
        return self

    @property
    def prior(self) -> Prior:
        """Log-normal, truncated."""
        return LogNormal(self.median, self.factor, *_ends(self.lower, self.upper))


class Published(Model):
    """A published value, by its key in `calibrate priors`, and perhaps a spread that the source does not state."""

    literature: Annotated[str, _LITERATURE]
    sd: Annotated[Positive | None, _SD] = None
    factor: Annotated[Annotated[Number, Field(gt=1)] | None, _FACTOR] = None
    lower: Annotated[Number | None, _LOWER] = None
    upper: Annotated[Number | None, _UPPER] = None
    start: Annotated[Number | None, _START] = None

    def expanded(self, quantity: str) -> dict[str, Any]:
        """Return the table that says the same in numbers, for a parameter of some quantity.

        Raises
        ------
        ValueError
            If there is no such value, or it cannot be a prior of this quantity.
        """
        low, high = _ends(self.lower, self.upper)
        found = literature.prior(self.literature, quantity, sd=self.sd, factor=self.factor, lower=low, upper=high)
        rest = {key: getattr(self, key) for key in ("literature", "lower", "upper", "start")}
        if isinstance(found, LogNormal):
            return {"median": found.median, "factor": found.factor, **rest}
        assert isinstance(found, Normal)
        return {"mean": found.location, "sd": found.scale, **rest}


def look_up(quantity: str, value: Any) -> Any:
    """Put numbers in the place of a published value's key, for a parameter of some quantity.

    Raises
    ------
    PlacedError
        If there is no such value, or it cannot be a prior of this quantity.
    """
    if not isinstance(value, dict) or "literature" not in value or value.keys() & {"mean", "median"}:
        return value
    try:
        return Published.model_validate(value).expanded(quantity)
    except ValidationError as error:
        raise PlacedError(explain(error, Published, quantity)) from None
    except ValueError as error:
        raise PlacedError(f"{quantity}: {error}") from None


def _ends(lower: float | None, upper: float | None) -> tuple[float, float]:
    return -math.inf if lower is None else lower, math.inf if upper is None else upper


def source_of(value: AnyValue) -> str:
    """Return where a distribution is from: a published value's key, or how many knees of which file; "" if neither."""
    if not isinstance(value, Gaussian | LogGaussian):
        return ""
    return value.literature or ("" if value.knees is None else value.knees.short)


def _form(value: Any) -> str | None:
    """Tell which form of a parameter somebody has written; None if none."""
    if isinstance(value, Distribution):
        return value.tag
    if isinstance(value, dict):
        if value.keys() & {"median", "factor"}:
            return LogGaussian.tag
        if value.keys() & {"mean", "sd"}:
            return Gaussian.tag
        return None if "literature" in value else Bounds.tag
    if isinstance(value, str):
        return TIE
    return NUMBER if isinstance(value, (int, float)) and not isinstance(value, bool) else None


# The name of another parameter, whose value this one has.
Tie = Annotated[str, Field(min_length=1)]
Value = Annotated[
    Annotated[Number, Tag(NUMBER)]
    | Annotated[Bounds, Tag(Bounds.tag)]
    | Annotated[Gaussian, Tag(Gaussian.tag)]
    | Annotated[LogGaussian, Tag(LogGaussian.tag)]
    | Annotated[Tie, Tag(TIE)],
    Discriminator(_form, custom_error_type=NEITHER, custom_error_message=WANTED),
]
AnyValue = float | Bounds | Gaussian | LogGaussian | str
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Of the names that users give to strands and tests: what a file of a run can hold, and what else is said by a name.
LONGEST_NAME = 64
TAKEN = (
    "knee",
    "parameters",
    "measurement",
    "noise",
    "tests",
    "data",
    "prior",
    "sampling",
    "file",
    "positive",
    "flexion",
)


def check_name(what: str, name: str, taken: tuple[str, ...] = ()) -> None:
    """Refuse a user's own name that is no word, or another's.

    Raises
    ------
    ValueError
        Saying what it may be.
    """
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} {name[:60]!r}: a name is up to {LONGEST_NAME} letters, digits, - and _, a letter first"
        )
    if name in TAKEN or name in taken:
        raise ValueError(f"{what} {name!r}: this name has a meaning of its own; choose another")


def check_positive(name: str, value: AnyValue | None) -> None:
    """Refuse what a positive quantity cannot be.

    Raises
    ------
    ValueError
        Saying what it has to be.
    """
    if isinstance(value, Distribution):
        lower, upper = value.lower, value.upper
        if upper is not None and upper <= 0:
            raise ValueError(f"{name}: upper = {upper:g}, but {name} is positive: use bounds above 0")
        if upper is not None and upper < 1.0 / LARGEST:
            raise ValueError(f"{name}: upper = {upper:g} means nothing here: check the unit")
        if lower is not None and lower < 0:
            raise ValueError(f"{name}: lower = {lower:g}, but {name} is positive: use a lower bound of 0 or more")
        if isinstance(value, Gaussian) and value.mean + 5.0 * value.sd < 0.0:
            raise ValueError(
                f"{name}: mean = {value.mean:g} with sd = {value.sd:g}, but {name} is positive: check its sign"
            )
    elif isinstance(value, float | int):
        if value <= 0:
            raise ValueError(f"{name} = {value:g}, but it has to be positive")
        if not 1.0 / LARGEST < value < LARGEST:
            raise ValueError(f"{name} = {value:g} means nothing here: check the unit")


def middle(value: AnyValue) -> float:
    """Return a number or the middle of a distribution: what stands for it where one number is needed."""
    if isinstance(value, str):
        raise ValueError("a tie has no value of its own")
    if not isinstance(value, Distribution):
        return float(value)
    # Where nothing is cut off, it is to the last digit what was given.
    if isinstance(value, LogGaussian):
        return float(value.prior.quantile(0.5)) if value.lower or value.upper else value.median
    if isinstance(value, Gaussian) and value.lower is None and value.upper is None:
        return value.mean
    return value.prior.mean


def reach(value: AnyValue) -> tuple[float, float]:
    """Return between which numbers a value lies: bounds, or the central 95 % of another distribution."""
    if isinstance(value, Bounds):
        return value.lower, value.upper
    if isinstance(value, Distribution):
        prior = value.prior
        return float(prior.quantile(0.025)), float(prior.quantile(0.975))
    number = middle(value)
    return number, number
