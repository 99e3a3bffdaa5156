"""The TOML file as typed, validated models. Defaults live in this package and nowhere else.

This package turns text into a frozen `Config` or into one clear sentence about what is wrong. It reads no
measurements (`calibrate.data`) and knows no knee mechanics beyond what makes a number meaningless.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from calibrate.complaints import explain
from calibrate.config.doubts import doubts_of_config, doubts_of_sigma
from calibrate.config.knee import KneeConfig
from calibrate.config.parameters import (
    DataConfig,
    MeasurementConfig,
    NoiseConfig,
    ParametersConfig,
    TestConfig,
    check_tests,
)
from calibrate.config.sampling import PriorConfig, SamplingConfig
from calibrate.config.values import AnyValue, Model
from calibrate.errors import ConfigError
from calibrate.files import read_text
from calibrate.plausible import refuse

# What a shared parameter is where nobody says anything.
_DEFAULTS = {f"measurement.{key}": 0.0 for key in ("angle_offset", "load_bias", "hysteresis")}


class Config(Model):
    """A whole calibration: knee, parameters, noise, data, prior and sampling."""

    knee: KneeConfig
    parameters: ParametersConfig
    measurement: MeasurementConfig = MeasurementConfig()
    noise: NoiseConfig = NoiseConfig()
    data: DataConfig | None = None
    tests: dict[str, TestConfig] = Field(default_factory=dict)
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

    @model_validator(mode="after")
    def _check(self) -> Config:
        strands = self.knee.strands
        if self.data is None and not self.tests:
            raise ValueError("data: missing")
        if self.data is not None and self.tests:
            raise ValueError("data and tests are both given; [data] is for a single test, so make it one of [tests]")
        check_tests(self.tests, strands)
        for where, named in (("parameters", self.parameters.strands), *_own_strands(self.tests)):
            if unknown := [name for name in named if name not in strands]:
                raise ValueError(f"{where}.{unknown[0]}: there is no such strand in [knee]; add knee.{unknown[0]}")
        for name, test in self.all_tests.items():
            own = dict(test.items()) if isinstance(test, TestConfig) else {}
            for strand in strands:
                given = dict(self.parameters.strand(strand).items())
                _need_law(strand, {key.rsplit(".", 1)[1] for key in own if key.startswith(f"{strand}.")}, given, name)
        return self

    @property
    def all_tests(self) -> Mapping[str, DataConfig]:
        """The tests by name; the only one of the one-test form has none, ''."""
        return self.tests if self.data is None else {"": self.data}

    @property
    def data_paths(self) -> dict[str, Path]:
        """The measurement file of each test: relative names are relative to the configuration file."""
        folder = Path() if self._source is None else self._source.parent
        return {name: folder / test.file for name, test in self.all_tests.items()}

    @property
    def data_path(self) -> Path:
        """The measurement file of the first test."""
        return next(iter(self.data_paths.values()))

    def declared(self) -> dict[str, AnyValue]:
        """Return all that is said of parameters, by name: what is shared first, then each test's own.

        Strands come first, `mcl` and `lcl` before the others, then the geometry, readings and errors.
        """
        found: dict[str, AnyValue] = {}
        for strand in self.knee.strands:
            given = dict(self.parameters.strand(strand).items())
            found |= {f"{strand}.{key}": value for key, value in ({"f_ref": 0.0} | given).items() if key != "f_ref"}
            found[f"{strand}.f_ref"] = given.get("f_ref", 0.0)
        found |= {f"knee.{key}": value for key, value in self.knee.items()}
        found |= _DEFAULTS | {f"measurement.{key}": value for key, value in self.measurement.items()}
        found |= {f"noise.{key}": value for key, value in self.noise.items()}
        for name, test in self.tests.items():
            found |= {f"{name}.{key}": value for key, value in test.items()}
        return found

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


def _own_strands(tests: Mapping[str, TestConfig]) -> list[tuple[str, tuple[str, ...]]]:
    found = [(f"tests.{name}.parameters", test.parameters.strands) for name, test in tests.items()]
    return found + [(f"tests.{name}.knee", test.knee.strands) for name, test in tests.items()]


def _need_law(strand: str, own: set[str], shared: Mapping[str, Any], test: str) -> None:
    """Refuse a strand whose law is not complete for a test."""
    for key in ("k", "alpha"):
        if key not in own and key not in shared:
            raise ValueError(f"parameters.{strand}.{key}: missing" + (f", and tests.{test} has none" if test else ""))
    slack = {"l_0", "reference_strain"}
    if not slack & (own | set(shared)):
        raise ValueError(
            f"parameters.{strand}.l_0: missing; give l_0 or reference_strain"
            + (f", here or in tests.{test}" if test else "")
        )


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
