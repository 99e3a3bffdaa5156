"""The knees of a study: which there are, what each one's configuration is, and its seed.

A study is a folder of TOML files, a glob for them, or a manifest (`calibrate.study.manifest`).
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from calibrate.complaints import explain
from calibrate.config import Config, SamplingConfig, config_of
from calibrate.decimals import shown
from calibrate.errors import ConfigError
from calibrate.files import read_text
from calibrate.posterior import Posterior
from calibrate.study.manifest import LONGEST_ID, Row, read_manifest

# No spreadsheet spoils a number of 15 digits, and JavaScript's none of 16.
_SEED_BITS = 48
_MOST_SHARDS = 1_000_000
_MAGIC = re.compile(r"[*?\[]")
_REMEDY = "give a folder of TOML files, a glob for them, or a manifest that ends in .csv"


@dataclass(frozen=True)
class Knee:
    """A knee of a study.

    Attributes
    ----------
    id : str
        Its name, the only one of the study.
    covariates : mapping
        What the manifest's other columns say of it: numbers or text.
    document : mapping
        Its configuration as TOML's tables, with the study's settings and its own seed under `sampling`.
    source : Path or None
        The TOML file; names of data files are relative to its folder.
    where : str
        What messages call it.
    """

    id: str
    covariates: Mapping[str, str | float]
    document: Mapping[str, Any]
    source: Path | None
    where: str

    @property
    def config(self) -> Config:
        """The configuration, validated anew each time it is asked for, so that many knees take little memory.

        Raises
        ------
        ConfigError
            If it says something that cannot be meant.
        """
        return config_of(self.document, self.where, self.source)

    @property
    def seed(self) -> int:
        """The seed of its chain."""
        return int(self.document["sampling"]["seed"])

    def posterior(self) -> Posterior:
        """Read the data and build the posterior.

        Raises
        ------
        CalibrateError
            If configuration or data cannot be used.
        """
        return Posterior.from_config(self.config)


@dataclass(frozen=True)
class Study:
    """Knees to calibrate, one like the other.

    Attributes
    ----------
    source : str
        What it was loaded from.
    knees : tuple of Knee
        Those of the shard.
    total : int
        How many the whole study has.
    shard : tuple of int
        Which part this is: `(3, 100)` is the third of a hundred; `(1, 1)` is all.
    seed : int
        The study's, of which each knee's is made.
    settings : mapping
        What was said of `[sampling]` for all knees.
    """

    source: str
    knees: tuple[Knee, ...]
    total: int
    shard: tuple[int, int] = (1, 1)
    seed: int = 1
    settings: Mapping[str, Any] | None = None


def load_study(
    source: str | Path, *, seed: int = 1, shard: tuple[int, int] = (1, 1), **settings: float | str | None
) -> Study:
    """Read which knees a study has; their data are read when they are needed.

    Parameters
    ----------
    source : str or Path
        A folder, every `*.toml` in which is a knee by the name of its stem; a glob, likewise; or a manifest, `*.csv`.
    seed : int
        Of the study. A knee's own depends on it and on the knee's id, see `seed_of`, and on nothing else.
    shard : tuple of int
        `(i, n)`: only the knees with numbers `i, i + n, i + 2 n, ...` in the study's order.
    **settings
        What `[sampling]` of every knee's configuration may say, in place of what it says: `min_ess=1000`, ...

    Returns
    -------
    Study
        With at least one knee, unless the shard has none.

    Raises
    ------
    ConfigError
        If there is no such study, an id is there twice, or a setting is not allowed.
    """
    path = Path(source)
    _check_shard(shard)
    given = {key: value for key, value in settings.items() if value is not None}
    try:
        said = SamplingConfig.model_validate({**given, "seed": seed})
    except ValidationError as error:
        raise ConfigError(explain(error, SamplingConfig, "sampling")) from None
    given = said.model_dump(mode="json", include=set(given))  # 1000 and 1000.0 are one
    if path.suffix.lower() == ".csv" and not path.is_dir():
        total, rows = read_manifest(path, shard)
    else:
        total, rows = _from_files(source, shard)
    folder = path.parent if path.suffix.lower() == ".csv" else Path()
    documents = _Documents()
    knees = tuple(_knee(row, path, folder, documents, seed, given) for row in rows)
    return Study(str(source), knees, total, shard, seed, given)


def seed_of(study: int, knee: str) -> int:
    """Return the seed of a knee: the first 48 bits, high ones first, of SHA-256 of `STUDY:KNEE` in UTF-8.

    It depends on nothing else, so the knee's chain is the same whatever other knees there are and whoever computes it.

    Examples
    --------
    >>> seed_of(1, "S01-left")
    233343217678138
    """
    digest = hashlib.sha256(f"{study}:{knee}".encode()).digest()
    return int.from_bytes(digest[: _SEED_BITS // 8], "big")


class _Documents:
    """TOML files, each read once."""

    def __init__(self) -> None:
        self._read: dict[Path, dict[str, Any]] = {}

    def __getitem__(self, path: Path) -> dict[str, Any]:
        if path not in self._read:
            text = read_text(path, ConfigError, "TOML").removeprefix("\ufeff")
            try:
                self._read[path] = tomllib.loads(text)
            except ValueError as error:  # TOML's own errors, and integers of thousands of digits
                raise ConfigError(f"{path}: not valid TOML: {error}") from None
            except RecursionError:
                raise ConfigError(f"{path}: not valid TOML: nested too deeply") from None
        return self._read[path]


def _check_shard(shard: tuple[int, int]) -> None:
    number, shards = shard
    if not 1 <= number <= shards <= _MOST_SHARDS:
        raise ConfigError(f"shard {number}/{shards}: must be i/N with i from 1 to N, and N at most {_MOST_SHARDS:,}")


def _from_files(source: str | Path, shard: tuple[int, int]) -> tuple[int, list[Row]]:
    """Return the knees of a folder or a glob, as a manifest would have them."""
    path = Path(source)
    try:
        if path.is_dir():
            found = sorted(path.glob("*.toml"))
        elif _MAGIC.search(str(source)):
            found = sorted(one for one in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if _is_toml(one))
        elif path.exists():
            raise ConfigError(f"{path}: is no study; {_REMEDY}")
        else:
            raise ConfigError(f"{path}: no such folder or file; {_REMEDY}")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not found:
        raise ConfigError(f"{source}: there is no TOML file, so no knee")
    places: dict[str, Path] = {}
    for place in found:
        if place.stem in places:
            raise ConfigError(f"{source}: two knees are called {shown(place.stem)}: {places[place.stem]} and {place}")
        if len(place.stem.encode("utf-8", "surrogateescape")) > LONGEST_ID or not place.stem.isprintable():
            raise ConfigError(f"{place}: {shown(place.stem)}: a knee's id has up to {LONGEST_ID} printable bytes")
        places[place.stem] = place
    number, shards = shard
    kept = [*places.items()][number - 1 :: shards]
    return len(places), [Row(name, str(place), {}, {}, 0) for name, place in kept]


def _is_toml(path: Path) -> bool:
    return path.suffix == ".toml"


def _knee(
    row: Row, manifest: Path, folder: Path, documents: _Documents, seed: int, settings: Mapping[str, Any]
) -> Knee:
    """Return the knee of a row: what the TOML says, what the row's cells say, and the study's settings."""
    source = folder / row.config
    where = f"{manifest}, line {row.line}, knee {row.knee}" if row.line else str(source)
    try:
        document = documents[source]
    except ConfigError as error:
        raise ConfigError(f"{manifest}, line {row.line}: {error}" if row.line else str(error)) from None
    for name, value in row.settings.items():
        if name.endswith(".file"):  # relative to the manifest, as it is read
            value = _beside(source.parent, folder, str(value))
        document = _with(document, name.split("."), value, f"{where}: {name}")
    sampling = document.get("sampling", {})
    if isinstance(sampling, Mapping):
        own = {**sampling, **settings, "seed": seed_of(seed, row.knee)}
        document = {**document, "sampling": own}
    return Knee(row.knee, row.covariates, document, source, where)


def _beside(base: Path, folder: Path, name: str) -> str:
    """Return a name relative to one folder as one that is relative to another."""
    return name if base == folder or Path(name).is_absolute() else os.path.relpath(folder / name, base)


def _with(document: Mapping[str, Any], keys: Sequence[str], value: Any, where: str) -> dict[str, Any]:
    """Return a document in which one key has another value; all else is shared with the old one."""
    key, *rest = keys
    if not key:
        raise ConfigError(f"{where}: a dot with no name beside it")
    if not rest:
        return {**document, key: value}
    inner = document.get(key, {})
    if not isinstance(inner, Mapping):
        raise ConfigError(f"{where}: '{key}' is a single value there, so nothing below it can be set")
    return {**document, key: _with(inner, rest, value, where)}
