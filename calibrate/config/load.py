"""The TOML file as typed, validated models. Defaults live in this package and nowhere else.

This package turns text into a frozen `Config` or into one clear sentence about what is wrong. It reads no
measurements (`calibrate.data`) and knows no knee mechanics beyond what makes a number meaningless.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from calibrate.complaints import explain
from calibrate.config.base import Model, said
from calibrate.config.doubts import doubts_of_config, doubts_of_sigma
from calibrate.config.knee import KneeConfig
from calibrate.config.knees import with_numbers
from calibrate.config.parameters import (
    DataConfig,
    MeasurementConfig,
    NoiseConfig,
    ParametersConfig,
    StrandConfig,
    TestConfig,
    check_tests,
    no_strand,
)
from calibrate.config.sampling import PriorConfig, SamplingConfig
from calibrate.config.values import AnyValue
from calibrate.errors import ConfigError
from calibrate.files import meant, read_text
from calibrate.plausible import refuse
from calibrate.problem.ties import root_of

# What a shared parameter is where nobody says anything.
_DEFAULTS = {f"measurement.{key}": 0.0 for key in ("angle_offset", "load_bias", "hysteresis")}


class Config(Model):
    """A whole calibration: knee, parameters, noise, data, prior and sampling."""

    knee: Annotated[KneeConfig, said("the geometry: condyles and strands; x lateral, y proximal, z anterior")]
    parameters: Annotated[ParametersConfig, said("the law of each strand")]
    measurement: Annotated[
        MeasurementConfig, said("what turns the load at an angle into a reading: zeros and friction")
    ] = MeasurementConfig()
    noise: Annotated[NoiseConfig, said("the errors of the readings")] = NoiseConfig()
    data: Annotated[DataConfig | None, said("a single test; or `[tests.NAME]` for each of several")] = None
    tests: Annotated[
        dict[str, TestConfig],
        Field(default_factory=dict),
        said("several tests, by names of yours, in the place of `[data]`"),
    ]
    prior: Annotated[PriorConfig, said("what stands at the bounds of parameters")] = PriorConfig()
    sampling: Annotated[SamplingConfig, said("how the posterior is sampled, and when to stop")] = SamplingConfig()

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

    @model_validator(mode="after")
    def _check(self) -> Config:
        strands = self.knee.strands
        if self.data is None and not self.tests:
            what = "tests: there are none" if "tests" in self.model_fields_set else "data: missing"
            raise ValueError(f"{what}; give [data] for a single test, or [tests.NAME] for each of several")
        if self.data is not None and self.tests:
            raise ValueError("data and tests are both given; [data] is for a single test, so make it one of [tests]")
        check_tests(self.tests, self.knee)
        if self.tests and not self.fitted:
            raise ValueError("tests: all are held out, so there is nothing to fit; leave one in")
        named = {"parameters": tuple(self.parameters.strands)}
        named |= {f"tests.{name}.parameters": tuple(test.parameters.strands) for name, test in self.tests.items()}
        for where, names in named.items():
            if unknown := [name for name in names if name not in strands]:
                raise ValueError(f"{where}.{unknown[0]}: {no_strand(unknown[0], strands)}")
        for name in self.all_tests:
            for strand in strands:
                self._need_law(strand, name)
        self._roots  # noqa: B018  # refuses ties that lead nowhere
        return self

    def _need_law(self, strand: str, test: str) -> None:
        """Refuse a strand whose law is not complete for a test."""
        declared, whose = self._declared, f", and tests.{test} has none of its own" if test else ""
        for options in (("k",), ("alpha",), ("l_0", "reference_strain")):
            names = [f"{owner}{strand}.{key}" for owner in ("", f"{test}.") for key in options]
            if not any(name in declared for name in names):
                also = f"; give {' or '.join(options)}" if len(options) > 1 else ""
                raise ValueError(f"parameters.{strand}.{options[0]}: missing{whose}{also}")

    @property
    def all_tests(self) -> Mapping[str, DataConfig]:
        """The tests by name; the only one of the one-test form has none, ''."""
        return self.tests if self.data is None else {"": self.data}

    @property
    def held_out(self) -> tuple[str, ...]:
        """The tests that are read but not fitted, by name."""
        return tuple(name for name, test in self.tests.items() if test.hold_out)

    @property
    def fitted(self) -> tuple[str, ...]:
        """The tests that are fitted, by name."""
        return tuple(name for name in self.all_tests if name not in self.held_out)

    @property
    def data_paths(self) -> dict[str, Path]:
        """The measurement file of each test: relative names are relative to the configuration file."""
        folder = Path() if self._source is None else self._source.parent
        return {name: folder / test.file for name, test in self.all_tests.items()}

    @property
    def data_path(self) -> Path:
        """The measurement file of the first test."""
        return next(iter(self.data_paths.values()))

    def declared(self) -> Mapping[str, AnyValue]:
        """Return all that is said of parameters, by name: what is shared first, then each test's own.

        Strands come first, `mcl` and `lcl` before the others, then the geometry, readings and errors.
        """
        return self._declared

    def roots(self) -> Mapping[str, str]:
        """Return for each declared name the one whose value it has, itself unless it is tied."""
        return self._roots

    def resolved(self, name: str) -> AnyValue:
        """Return a declared parameter's number or distribution, if it is tied that of the other."""
        return self._declared[self._roots[name]]

    @cached_property
    def _declared(self) -> dict[str, AnyValue]:
        found: dict[str, AnyValue] = {}
        for strand in self.knee.strands:
            given = self.parameters.strands.get(strand, StrandConfig())
            found |= {f"{strand}.{key}": value for key, value in given.items()}
        found |= {f"knee.{key}": value for key, value in self.knee.items()}
        found |= _DEFAULTS | {f"measurement.{key}": value for key, value in self.measurement.items()}
        found |= {f"noise.{key}": value for key, value in self.noise.items()}
        for name, test in self.tests.items():
            found |= {f"{name}.{key}": value for key, value in test.items()}
        return found

    @cached_property
    def _roots(self) -> dict[str, str]:
        return {name: root_of(name, self._declared, self.tests) for name in self._declared}

    def model_copy(self, **options: Any) -> Self:
        """Return a copy, see pydantic's; what was derived from the original is derived anew."""
        copy = super().model_copy(**options)
        for derived in ("_declared", "_roots"):
            copy.__dict__.pop(derived, None)
        return copy

    def with_held_out(self, names: Collection[str]) -> Config:
        """Return a copy in which these tests are held out, besides those that are.

        Raises
        ------
        ConfigError
            If there is no such test, or none is left.
        """
        for name in names:
            if name not in self.tests:
                known = f"there are {', '.join(self.tests)}" if self.tests else "a single test, [data], has no name"
                raise ConfigError(f"hold_out: no test is called '{name}'; {known}")
        tests = {name: test.model_copy(update={"hold_out": True}) for name, test in self.tests.items() if name in names}
        copy = self.model_copy(update={"tests": {**self.tests, **tests}})
        if names and not copy.fitted:
            raise ConfigError("hold_out: all tests are held out, so there is nothing to fit; leave one in")
        return copy

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
            sampling = SamplingConfig.model_validate({**self.sampling.model_dump(exclude_unset=True), **given})
        except ValidationError as error:
            raise ConfigError(explain(error, SamplingConfig, "sampling")) from None
        return self.model_copy(update={"sampling": sampling})


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
    for test in config.all_tests:
        refuse(doubts_of_sigma(config, test=test), ConfigError, where=str(path))
    return config


def parse_config(text: str, source: str | Path | None = None, *, known: Config | None = None) -> Config:
    """Validate the text of a configuration.

    Parameters
    ----------
    text : str
        TOML.
    source : str or Path, optional
        The file named in errors and the base of relative paths.
    known : Config, optional
        One that was made of this text before: its priors made of knees stand in for their files.

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
        raise ConfigError(f"{where}: not valid TOML: {error}{meant(path, 'TOML') if path else ''}") from None
    except RecursionError:
        raise ConfigError(f"{where}: not valid TOML: nested too deeply") from None
    return config_of(document, where, path, text, known=known)


def config_of(
    document: Mapping[str, Any], where: str, source: Path | None = None, text: str = "", *, known: Config | None = None
) -> Config:
    """Validate what a TOML file says, given as tables in memory.

    Parameters
    ----------
    document : mapping
        The tables.
    where : str
        What errors name.
    source : Path, optional
        The file, base of relative names of files; of these only priors made of knees are read.
    text : str
        Its text.
    known : Config, optional
        As for `parse_config`.

    Raises
    ------
    ConfigError
        As `load_config`.
    """
    try:
        folder, before = Path() if source is None else source.parent, None if known is None else known.declared()
        document = with_numbers(document, folder, before)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error, Config)}") from None
    config._source, config._text = source, text
    refuse(doubts_of_config(config), ConfigError, where=where)
    return config
