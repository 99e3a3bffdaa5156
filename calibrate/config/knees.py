"""A prior made of knees: the file that a population's posterior is summed up in, and where a configuration names it.

The file is TOML. It says for each parameter which family describes a new knee best, how well it does, and how strongly
the parameters go together over the knees, which priors of single parameters cannot say.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from calibrate.complaints import PlacedError, did_you_mean, explain
from calibrate.config.base import Count, Model, Number, Positive, Share, said
from calibrate.errors import ConfigError
from calibrate.files import read_text
from calibrate.texts import count, printable

FORMAT = "calibrate knees prior"
VERSION = 1
# A family whose quantiles miss those of the prediction by more than this, in its standard deviations, is a poor one.
POOR = 0.15
_FEWEST, _MOST = 2, 10**9
_COORDINATES = "xyz"
_TABLES = ("parameters", "knee", "measurement", "noise", "tests")
Knees = Annotated[Count, Field(ge=_FEWEST, le=_MOST)]
Correlation = Annotated[Number, Field(ge=-1, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Given = Annotated[
    dict[Name, Annotated[str, Field(max_length=200)] | Number], Field(default_factory=dict, max_length=100)
]
Sha = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class MadeOf(Model):
    """Where the numbers of a prior made of knees are from; it is kept with them."""

    file: Annotated[Name, said("the file of the prior, as the configuration named it")]
    sha256: Annotated[Sha, said("that file's SHA-256")]
    knees: Annotated[Knees, said("how many knees it was made of")]
    parameter: Annotated[Name, said("the parameter in that file")]
    misfit: Annotated[Share, said("largest error of the family's quantiles, in its standard deviations")]
    correlations: Annotated[
        dict[Name, Correlation],
        Field(default_factory=dict),
        said("correlation of ranks with the file's other parameters, which is left out here"),
    ]
    given: Annotated[Given, said("what the knee that it is for was said to be")]

    @property
    def short(self) -> str:
        """Where the numbers are from, like "8 knees, given sex = male (prior.toml, SHA-256 0123456789ab)"."""
        given = ", ".join(f"{key} = {value}" for key, value in self.given.items())
        whose = f", given {given}" if given else ""
        return printable(f"{count(self.knees, 'knee')}{whose} ({self.file}, SHA-256 {self.sha256[:12]})")


def together(made: Mapping[str, MadeOf]) -> tuple[str, str, float] | None:
    """Return which two of these parameters of a configuration go together most over the knees, and their correlation.

    Parameters
    ----------
    made : mapping
        Provenance by the configuration's names, all of one file.
    """
    pairs = [
        (one, other, r)
        for one, other in combinations(made, 2)
        if (r := made[one].correlations.get(made[other].parameter)) is not None
    ]
    return max(pairs, key=lambda pair: abs(pair[2]), default=None)


class Fitted(Model):
    """What the file says of a parameter of a new knee."""

    family: Annotated[Literal["normal", "log-normal"], said("which distribution it is")]
    mean: Annotated[Number | None, said("of a normal one")] = None
    sd: Annotated[Positive | None, said("its spread")] = None
    median: Annotated[Positive | None, said("of a log-normal one")] = None
    factor: Annotated[Annotated[Number, Field(gt=1)] | None, said("its spread, as a factor")] = None
    unit: Annotated[str, Field(max_length=20), said("the parameter's unit")] = ""
    misfit: Annotated[Share, said("largest difference of quantiles from the predictive draws, in sd of the family")]

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = {key for key in ("mean", "sd", "median", "factor") if getattr(self, key) is not None}
        if given != (wanted := set(self.keys)):
            wrong = next(iter(sorted(given - wanted) or sorted(wanted - given)))
            raise PlacedError(f"{wrong}: a {self.family} distribution has {' and '.join(self.keys)}")
        return self

    @property
    def keys(self) -> tuple[str, str]:
        """The names of its two numbers."""
        return ("mean", "sd") if self.family == "normal" else ("median", "factor")

    @property
    def numbers(self) -> dict[str, float]:
        """Its two numbers, as a configuration has them."""
        return {key: getattr(self, key) for key in self.keys}


class Origin(Model):
    """What the file was made from."""

    knees: Annotated[Knees, said("how many knees")]
    study: Annotated[str, Field(max_length=1000), said("what study they are of")] = ""
    source: Annotated[str, Field(max_length=1000), said("the population's file")] = ""
    sha256: Annotated[Sha | None, said("the SHA-256 of it")] = None
    created: Annotated[str, Field(max_length=40), said("when, ISO 8601")] = ""
    calibrate: Annotated[str, Field(max_length=40), said("the version that made it")] = ""
    seed: Annotated[Count | None, said("of the predictive draws")] = None
    draws: Annotated[Count | None, said("how many predictive draws the families were fitted to")] = None
    given: Annotated[Given, said("covariates of the new knee")]
    outside: Annotated[
        dict[Name, Annotated[tuple[Number, Number], Field(strict=False)]],
        Field(default_factory=dict, max_length=100),
        said("of those that lie outside the study's knees: the range of these"),
    ]


class Together(Model):
    """How strongly two parameters go together over the knees."""

    between: Annotated[tuple[Name, Name], Field(strict=False), said("the two parameters")]
    r: Annotated[Correlation, said("their correlation of ranks, in the prediction")]


class KneesPrior(Model):
    """A prior made of knees, as its file has it."""

    format: Annotated[Literal["calibrate knees prior"], said("what the file is")]
    version: Annotated[Literal[1], said("of the format")]
    made: Annotated[Origin, said("provenance")]
    priors: Annotated[dict[Name, Fitted], Field(min_length=1, max_length=1000), said("families by parameter")]
    correlations: Annotated[
        tuple[Together, ...], Field(strict=False, max_length=100_000), said("what independent priors leave out")
    ] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for i, pair in enumerate(self.correlations):
            for name in pair.between:
                if name not in self.priors:
                    raise PlacedError(f"correlations[{i}].between: {did_you_mean(name, [*self.priors])}")
        return self

    def made_of(self, file: str, sha256: str, name: str) -> MadeOf:
        """Return what is kept with the numbers of one of the parameters."""
        others = {}
        for pair in self.correlations:
            if name in pair.between and pair.between[0] != pair.between[1]:
                others[pair.between[1] if pair.between[0] == name else pair.between[0]] = pair.r
        fitted = self.priors[name]
        return MadeOf(
            file=file,
            sha256=sha256,
            knees=self.made.knees,
            parameter=name,
            misfit=fitted.misfit,
            correlations=others,
            given=self.made.given,
        )


class Named(Model):
    """A prior made of knees where it is named: the file, and what of it."""

    knees: Annotated[Name, said("a prior made of knees, by its file; relative to the configuration")]
    parameter: Annotated[Name | None, said("the parameter in the file of knees; without it, the one of this name")] = (
        None
    )
    lower: Annotated[Number | None, said("bounds cut a prior made of knees off as any other")] = None
    upper: Annotated[Number | None, said("see `lower`")] = None
    start: Annotated[Number | None, said("see there; of any form")] = None


def read_knees(path: Path) -> tuple[KneesPrior, str]:
    """Read the file of a prior made of knees.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    KneesPrior, str
        What it says, and its SHA-256.

    Raises
    ------
    ConfigError
        If it is missing, unreadable, or no such file; the message begins with its name.
    """
    text = read_text(path, ConfigError, "TOML")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    if document.get("format") != FORMAT:
        raise ConfigError(f'{path}: this is no prior made of knees, which has format = "{FORMAT}"')
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ConfigError(f"{path}: written by a newer calibrate (version {version}; this one reads {VERSION})")
    try:
        found = KneesPrior.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error, KneesPrior)}") from None
    return found, hashlib.sha256(text.encode()).hexdigest()


def with_numbers(
    document: Mapping[str, Any], folder: Path, known: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Return a configuration with numbers in the places that name a prior made of knees.

    Parameters
    ----------
    document : mapping
        The configuration as TOML has it.
    folder : Path
        Where names of files start from.
    known : mapping, optional
        Values by the parameters' names that stand in for the files where they are made of knees: those of a run that
        was started with this text, so that it can be read without them.

    Raises
    ------
    ConfigError
        Naming the key, if a file cannot be read or does not have the parameter.
    """
    if next(_places(document), None) is None:
        return document
    read: dict[str, tuple[KneesPrior, str]] = {}
    document = deepcopy(document)  # others may hold it, too
    for place in _places(document):
        before = None if known is None else known.get(place.name)
        if before is not None and getattr(before, "knees", None) is not None:
            place.holder[place.at] = before.model_dump(exclude_none=True)
        else:
            place.holder[place.at] = _numbers(place, folder, read)
    return document


class _Place(NamedTuple):
    """Where a file of knees is named: key as printed, parameter's name, that without its test, what holds it, where."""

    key: str
    name: str
    shared: str
    holder: Any
    at: str | int


def _numbers(place: _Place, folder: Path, read: dict[str, tuple[KneesPrior, str]]) -> dict[str, Any]:
    """Return the table that says the same in numbers."""
    try:
        asked = Named.model_validate(place.holder[place.at])
    except ValidationError as error:
        raise ConfigError(explain(error, Named, place.key)) from None
    file = asked.knees
    try:
        read[file] = prior, sha256 = read.get(file) or read_knees(folder / file)
    except ConfigError as error:
        raise ConfigError(f"{place.key}: knees: {error}") from None
    of = asked.parameter or (place.name if place.name in prior.priors else place.shared)
    if of not in prior.priors:
        raise ConfigError(f'{place.key}: knees = "{file}": it has no {of}, but {", ".join(prior.priors)}')
    rest = {at: value for at in ("lower", "upper", "start") if (value := getattr(asked, at)) is not None}
    return {**prior.priors[of].numbers, **rest, "knees": prior.made_of(file, sha256, of).model_dump()}


def _places(document: Any) -> Iterator[_Place]:
    """Yield where a configuration names files of knees: in tables of parameters, at whatever depth."""
    for table in _TABLES:
        if table in document:
            yield from _within(document[table], (table,), document, table)


def _within(node: Any, path: tuple[str, ...], holder: Any, at: str | int) -> Iterator[_Place]:
    if isinstance(node, dict):
        if not isinstance(node.get("knees", {}), dict) and len(path) > 1:  # a table is what stands there afterwards
            own = f"{path[1]}." if path[0] == "tests" else ""
            rest = path[2:] if own else path
            shared = ".".join(rest[1:] if rest[:1] == ("parameters",) else rest)
            yield _Place(".".join(path), own + shared, shared, holder, at)
            return
        for key, inner in list(node.items()):
            yield from _within(inner, (*path, key), node, key)
    elif isinstance(node, list) and len(node) <= len(_COORDINATES):
        for i, inner in enumerate(node):
            yield from _within(inner, (*path, _COORDINATES[i]), node, i)
