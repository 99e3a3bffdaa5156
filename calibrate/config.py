"""The TOML file as typed, validated models. Defaults live here and nowhere else.

This room turns text into a frozen `Config` or into one clear sentence about what is wrong. It reads no
measurements (`calibrate.data`) and knows no knee mechanics beyond what makes a number meaningless.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from calibrate.complaints import NEITHER, NUMBER, TABLE, explain
from calibrate.errors import ConfigError
from calibrate.files import read_text
from calibrate.plausible import doubts_of_config, doubts_of_sigma, refuse

LIGAMENTS = ("mcl", "lcl")
QUANTITIES = ("k", "alpha", "l_0", "f_ref")
UNITS = {"k": "N/mm", "alpha": "", "l_0": "mm", "f_ref": "N"}
POSITIVE_QUANTITIES = frozenset({"k", "alpha", "l_0"})
SIGMA = "noise.sigma"
LAW = tuple(f"{ligament}.{quantity}" for ligament in LIGAMENTS for quantity in QUANTITIES)
PARAMETER_NAMES = (*LAW, SIGMA)

# Strict: neither "60" nor true is a number; 60 is.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, lt=2**64)]
Point = tuple[Number, Number]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condyle(_Model):
    """A circular condyle in the femur frame [mm]."""

    centre: Point
    radius: Positive


class Attachments(_Model):
    """Where one ligament is attached: femoral point in the femur frame, tibial point in the tibia frame [mm]."""

    femur: Point
    tibia: Point


class KneeConfig(_Model):
    """The frontal-plane geometry of one knee [mm]; x lateral, y proximal."""

    lateral_condyle: Condyle
    medial_condyle: Condyle
    rolling: Annotated[Number, Field(ge=0, le=1)] = 1.0
    application_point: Point | None = None
    mcl: Attachments
    lcl: Attachments


# Beyond these a number is a slip of the unit or of the keyboard, and floating-point arithmetic no longer holds.
_LARGEST = 1e9
_CLOSEST = 1e-9


class Bounds(_Model):
    """The range in which a free parameter is uniformly likely, and optionally a point to start the fit from."""

    wanted: ClassVar[str] = "must be a number (fixed) or { lower = ..., upper = ... } (free)"

    lower: Number
    upper: Number
    start: Number | None = None

    @model_validator(mode="after")
    def _check(self) -> Bounds:
        if self.lower == self.upper:
            raise ValueError(f"lower and upper are both {self.lower:g}: write the number alone to fix the parameter")
        if self.lower > self.upper:
            raise ValueError(f"lower = {self.lower:g} is above upper = {self.upper:g}: exchange them")
        largest = max(abs(self.lower), abs(self.upper))
        if largest > _LARGEST:
            raise ValueError(f"bounds as large as {largest:g} mean nothing here: check the unit")
        if self.upper - self.lower < _CLOSEST * largest:
            raise ValueError(f"lower and upper are closer than {_CLOSEST:g} of their size: write the number alone")
        if self.start is not None and not self.lower <= self.start <= self.upper:
            raise ValueError(f"start = {self.start:g} lies outside the bounds {self.lower:g} to {self.upper:g}")
        return self


def _form(value: Any) -> str | None:
    """Tell which of the two forms of a parameter somebody has written; None if neither."""
    if isinstance(value, (dict, Bounds)):
        return TABLE
    return NUMBER if isinstance(value, (int, float)) and not isinstance(value, bool) else None


Parameter = Annotated[
    Annotated[Number, Tag(NUMBER)] | Annotated[Bounds, Tag(TABLE)],
    Discriminator(_form, custom_error_type=NEITHER, custom_error_message="neither a number nor a table"),
]


def _check_positive(name: str, parameter: float | Bounds) -> None:
    if isinstance(parameter, Bounds):
        if parameter.upper < 1.0 / _LARGEST:
            raise ValueError(f"{name}: upper = {parameter.upper:g} means nothing here: check the unit")
        if parameter.lower < 0:
            raise ValueError(
                f"{name}: lower = {parameter.lower:g}, but {name} is positive: use a lower bound of 0 or more"
            )
    elif parameter <= 0:
        raise ValueError(f"{name} = {parameter:g}, but it has to be positive")
    elif not 1.0 / _LARGEST < parameter < _LARGEST:
        raise ValueError(f"{name} = {parameter:g} means nothing here: check the unit")


class LigamentConfig(_Model):
    """The four parameters of one ligament: a number fixes a parameter, bounds free it."""

    k: Parameter
    alpha: Parameter
    l_0: Parameter
    f_ref: Parameter = 0.0

    @model_validator(mode="after")
    def _check(self) -> LigamentConfig:
        for name in sorted(POSITIVE_QUANTITIES):
            _check_positive(name, getattr(self, name))
        return self


class ParametersConfig(_Model):
    """The parameters of both ligaments."""

    mcl: LigamentConfig
    lcl: LigamentConfig


class NoiseConfig(_Model):
    """The standard deviation of the load's error, in the data file's load unit."""

    sigma: Parameter | None = None

    @model_validator(mode="after")
    def _check(self) -> NoiseConfig:
        if self.sigma is not None:
            _check_positive("sigma", self.sigma)
        return self


class DataConfig(_Model):
    """The measurement and the direction that it counts as positive."""

    file: Annotated[str, Field(min_length=1)]
    positive: Literal["valgus", "varus"]


class PriorConfig(_Model):
    """What happens outside the bounds: a quadratic penalty, or hard walls."""

    walls: Literal["penalty", "hard"] = "penalty"  # 'penalty' lets parameters spill a little; 'hard' does not
    weight: Positive = 1e6  # weight of the penalty, per squared unit of the parameter


class MovesConfig(_Model):
    """Shares of the moves: each step is one of them, drawn by these weights. What is not named is not used."""

    block: Share = 0.0  # many updates of the whole ensemble in one compiled call
    stretch: Share = 0.0  # emcee's stretch move
    de: Share = 0.0  # emcee's differential evolution
    snooker: Share = 0.0  # snooker updates, the factor right that emcee 3.1.6 has wrong

    @model_validator(mode="after")
    def _check(self) -> MovesConfig:
        shares = self.model_dump().values()
        if not any(shares):
            raise ValueError("all shares are 0, so no walker would move; give one move a positive share")
        if not math.isfinite(sum(shares)):
            raise ValueError("the shares add up to more than a number can be; only their ratios matter, like 8 to 2")
        return self


class SamplingConfig(_Model):
    """How the posterior is sampled, and when to stop."""

    seed: Annotated[Count, Field(ge=0)] = 1  # one seed gives one chain
    ensembles: Annotated[Count, Field(ge=2, le=64)] = 4  # independent ensembles of walkers
    walkers: Annotated[Count, Field(ge=4, le=65536)] = 512  # walkers in each ensemble, an even number
    moves: MovesConfig = MovesConfig(block=0.8, stretch=0.1, de=0.1)  # shares of the moves, by name
    # Threads; one for each core by default. The chain does not depend on it.
    workers: Annotated[Count, Field(ge=1)] | None = None
    thin: Annotated[Count, Field(ge=1)] = 1  # store every n-th step
    max_steps: Annotated[Count, Field(ge=1)] = 100_000  # steps of each ensemble at the most
    max_time: Positive | None = None  # seconds of sampling at the most
    max_rhat: Annotated[Number, Field(gt=1)] = 1.01  # converged: R-hat between ensembles below this
    min_ess: Positive = 10_000.0  # converged: at least this many effective samples of every parameter

    # What is stored survives the end of the process; with 'fsync' a loss of power as well.
    durability: Literal["process", "fsync"] = "process"
    compression: Literal["none", "gzip"] = "none"  # of the finished file

    @model_validator(mode="after")
    def _check(self) -> SamplingConfig:
        if self.thin > self.max_steps:
            raise ValueError(f"thin = {self.thin} is more than max_steps = {self.max_steps}: no step would be stored")
        if self.walkers % 2:
            raise ValueError(f"walkers = {self.walkers}, but an ensemble moves in two halves: use an even number")
        if self.moves.snooker and self.walkers < 6:
            raise ValueError(f"walkers = {self.walkers}, but moves.snooker needs three in each half: use at least 6")
        return self


class Config(_Model):
    """A whole calibration: knee, parameters, noise, data, prior and sampling."""

    knee: KneeConfig
    parameters: ParametersConfig
    noise: NoiseConfig = NoiseConfig()
    data: DataConfig
    prior: PriorConfig = PriorConfig()
    sampling: SamplingConfig = SamplingConfig()

    _source: Path | None = None
    _text: str = ""

    @property
    def source(self) -> Path | None:
        """The file that the configuration came from, or None."""
        return self._source

    @property
    def text(self) -> str:
        """The configuration file's own text, comments and all."""
        return self._text

    @property
    def data_path(self) -> Path:
        """The measurement file: relative names are relative to the configuration file."""
        folder = Path() if self._source is None else self._source.parent
        return folder / self.data.file

    @property
    def data_paths(self) -> dict[str, Path]:
        """The measurement file of each test by the test's name, which is empty where `[data]` gives the only one."""
        return {"": self.data_path}

    def parameter_items(self) -> Iterator[tuple[str, float | Bounds]]:
        """Yield all eight ligament parameters as (name, number or bounds), MCL first."""
        for ligament in LIGAMENTS:
            for quantity in QUANTITIES:
                yield f"{ligament}.{quantity}", getattr(getattr(self.parameters, ligament), quantity)

    def with_sampling(self, **changes: Any) -> Config:
        """Return a copy with some of the `[sampling]` values replaced; None leaves a value as it is.

        Raises
        ------
        ConfigError
            If a new value is not allowed.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        if not given:
            return self
        try:
            sampling = SamplingConfig.model_validate({**self.sampling.model_dump(), **given})
        except ValidationError as error:
            raise ConfigError(explain(error, SamplingConfig, "sampling")) from None
        copy = self.model_copy(update={"sampling": sampling})
        copy._source, copy._text = self._source, self._text
        return copy


def load_config(path: str | Path) -> Config:
    """Read and validate a TOML configuration file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Config
        The validated configuration, every default filled in.

    Raises
    ------
    ConfigError
        If the file is missing, unreadable, no TOML, or says something that cannot be meant; the message names
        the file, the key, the value found and the remedy.
    """
    path = Path(path)
    text = read_text(path, ConfigError, "TOML")
    config = parse_config(text.removeprefix("\ufeff"), path)
    refuse(doubts_of_sigma(config), ConfigError, where=str(path))
    return config


def parse_config(text: str, source: str | Path | None = None) -> Config:
    """Validate the text of a configuration; `source` is the file named in errors and the base of relative paths.

    Raises
    ------
    ConfigError
        As `load_config`.
    """
    path = None if source is None else Path(source)
    where = "configuration" if path is None else str(path)
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # TOML's own errors, and integers of thousands of digits
        raise ConfigError(f"{where}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{where}: not valid TOML: nested too deeply") from None
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error, Config)}") from None
    config._source, config._text = path, text
    refuse(doubts_of_config(config), ConfigError, where=where)
    return config
