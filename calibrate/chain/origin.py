"""The group `calibrate` of a run: all that is needed to go on, and where it all came from."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from calibrate import __version__
from calibrate.chain import guard, measured
from calibrate.chain.layout import GROUP
from calibrate.complaints import explain
from calibrate.config import Config
from calibrate.data import Measurement
from calibrate.density import MODEL_VERSION
from calibrate.errors import ChainError

FloatArray = NDArray[np.float64]

SCHEMA = 3
_OLDEST = 2  # schemas from this one on are read
_PACKAGES = ("emcee", "numpy", "scipy", "h5py", "numba")
_LABELS = ("created", "versions", "config_name", "fingerprint_sha256")
_LABELS_2 = (*_LABELS, "data_name", "data_sha256")
_TEXTS = ("config_text", "config", "fingerprint")
_ARRAYS = ("names", "starts")
# Where a fingerprint, or a configuration alone, has one entry for each test.
_BY_TEST = ("config.tests.", "tests.", "data_sha256.")
# What may change between two sittings: how long to go on, and how the file is written. No chain depends on it.
_FREE = {"max_steps", "max_time", "max_rhat", "min_ess", "durability", "compression", "workers"}


@dataclass(frozen=True)
class RunFile:
    """What the group `calibrate` of a run says.

    Attributes
    ----------
    config : Config
        The configuration, every default filled in.
    measurements : mapping
        The data of each test by its name, in the file's order; the one test of `[data]` has the empty name.
    names : tuple of str
        The free parameters.
    starts : ndarray, shape (ensembles, walkers, ndim)
        The first walkers.
    created : str
        When the run was started, ISO 8601 in UTC.
    versions : dict
        Of Python and the packages that started it.
    fingerprint : dict
        The problem as it was at the start, see `fingerprint`.
    """

    config: Config
    measurements: Mapping[str, Measurement]
    names: tuple[str, ...]
    starts: FloatArray
    created: str
    versions: dict[str, str]
    fingerprint: dict[str, Any]

    @property
    def measurement(self) -> Measurement:
        """The data of the first test, or of the only one."""
        return next(iter(self.measurements.values()))

    @property
    def model_version(self) -> int:
        """The version of the model that the chain was drawn from."""
        return int(self.fingerprint["model_version"])

    @property
    def outposts(self) -> bool:
        """Whether kernels stand at outposts; in runs from before there were any they do not, to the last step."""
        return bool(self.fingerprint.get("outposts", False))


def fingerprint(
    config: Config, measurements: Mapping[str, Measurement], model_version: int | None = None
) -> dict[str, Any]:
    """Return what a chain depends on: the resolved configuration, the data's SHA-256, versions of model and moves.

    Parameters
    ----------
    config : Config
        The configuration.
    measurements : mapping
        The data of each test by its name. The SHA-256 of a test without a name stands alone, those of named ones in a
        mapping by name.
    model_version : int, optional
        The version of the model; the present one by default.
    """
    resolved = config.model_dump(mode="json")
    resolved["sampling"] = {key: value for key, value in resolved["sampling"].items() if key not in _FREE}
    shas: Any = {name: measurement.sha256 for name, measurement in measurements.items()}
    return {
        "config": resolved,
        "data_sha256": shas[""] if [*shas] == [""] else shas,
        "model_version": MODEL_VERSION if model_version is None else model_version,
        "outposts": True,
    }


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """Return where two fingerprints differ, one phrase each.

    Keys that only a newer calibrate knows do not count. The names of tests are the user's, so each of them counts.
    """
    found = []
    named = prefix in _BY_TEST
    for key in {**before, **now} if named else before:
        name = f"tests.{key}" if named else f"{prefix}{key}".removeprefix("config.")
        if isinstance(before.get(key), dict) and isinstance(now.get(key), dict):
            found += differences(before[key], now[key], f"{prefix}{key}.")
        elif before.get(key) != now.get(key):
            found.append(f"{name[:60]} was {_short(before.get(key))} and is {_short(now.get(key))}")
    return found


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


@functools.cache
def _versions() -> str:
    """Return the versions of all that a chain is made with, as JSON; looking them up takes longer than writing them."""
    versions = {"calibrate": __version__, "python": platform.python_version()}
    return json.dumps(versions | {name: version(name) for name in _PACKAGES})


def new_origin(
    config: Config, measurements: Mapping[str, Measurement], names: tuple[str, ...], starts: FloatArray
) -> Callable[[h5py.File], None]:
    """Return the writer of a new run's group `calibrate`.

    Parameters
    ----------
    config : Config
        The configuration.
    measurements : mapping
        The data of each test by its name; the one test of `[data]` has the empty name.
    names : tuple of str
        The free parameters.
    starts : ndarray, shape (ensembles, walkers, ndim)
        The first walkers.

    Raises
    ------
    ChainError
        If the tests are too many, their names too long, or their data too large for a file.
    """
    tests, texts = measured.parts(measurements)

    def origin(f: h5py.File) -> None:
        group = f.create_group(GROUP)
        group.attrs["schema_version"] = SCHEMA
        mark = json.dumps(fingerprint(config, measurements))
        labels = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": _versions(),
            "config_name": "" if config.source is None else config.source.name,
            "fingerprint_sha256": hashlib.sha256(mark.encode()).hexdigest(),
        }
        _put(
            group,
            {name: text.encode("utf-8", "surrogateescape") for name, text in labels.items()},
            {
                "config_text": config.text.encode(),
                "config": config.model_dump_json().encode(),
                "fingerprint": mark.encode(),
                "tests": tests,
            },
            texts | {"names": np.array([name.encode() for name in names]), "starts": starts},
        )

    return origin


def copied_origin(f: h5py.File, limit: int | None = None) -> Callable[[h5py.File], None]:
    """Return the writer of a group `calibrate` like that of another file; what calibrate does not know is left behind.

    The schema stays: it says what the stored configuration means, and what has made a file can go on reading it.
    `limit` is the number of bytes that there are to be read, the file's size by default.
    """

    def origin(new: h5py.File) -> None:
        old, group = guard.group(f, GROUP), new.create_group(GROUP)
        schema = guard.whole_number(old, "schema_version")
        group.attrs["schema_version"] = schema
        labels = _LABELS_2 if schema == 2 else _LABELS
        texts, arrays = measured.copied(old, schema, limit)
        _put(
            group,
            {name: guard.word(old, name).encode("utf-8", "surrogateescape") for name in labels},
            {name: guard.text(old, name, limit) for name in _TEXTS} | texts,
            {name: guard.content(guard.dataset(old, name, limit)) for name in _ARRAYS} | arrays,
        )

    return origin


def _put(group: h5py.Group, labels: dict[str, bytes], texts: dict[str, bytes], arrays: dict[str, NDArray[Any]]) -> None:
    for name, content in labels.items():
        group.attrs[name] = np.bytes_(content or b"\n")
    for name, content in texts.items():
        guard.put_text(group, name, content)
    for name, values in arrays.items():
        guard.put_numbers(group, name, values)


def read_origin(f: h5py.File, path: Path, limit: int | None = None) -> RunFile:
    """Read the group `calibrate`; `limit` is the number of bytes that there are to be read, the file's by default.

    Raises
    ------
    ChainError
        If there is none, it is of another schema, or it contradicts itself.
    ValueError
        If something in it is not what it should be.
    """
    group = guard.group(f, GROUP)
    if not guard.has(group, "schema_version"):
        raise ChainError(f"{path}: this HDF5 file is no run of calibrate (its group '{GROUP}' has no schema)")
    schema = guard.whole_number(group, "schema_version")
    if not _OLDEST <= schema <= SCHEMA:
        age, remedy = ("a newer", "upgrade calibrate") if schema > SCHEMA else ("an older", "use that calibrate")
        raise ChainError(f"{path}: written by {age} calibrate (schema {schema}; this one has {SCHEMA}); {remedy}")
    config = _config(group, path, limit)
    measurements = measured.read_measurements(group, schema, path, limit)
    names = guard.words(group, "names", limit)
    shape = (config.sampling.ensembles, config.sampling.walkers, len(names))
    starts = guard.content(guard.numbers(group, "starts", shape, limit))
    if not np.isfinite(starts).all():
        raise ValueError("starts holds numbers that are not finite")
    mark = _fingerprint(group, path, limit)
    versions = json.loads(guard.word(group, "versions"))
    if not isinstance(versions, dict) or not all(isinstance(one, str) for one in versions.values()):
        raise ValueError("versions is no record of versions")
    return RunFile(config, measurements, names, starts, guard.word(group, "created"), versions, mark)


def check_ensemble(f: h5py.File, name: str, shape: tuple[int, int], limit: int | None = None) -> int:
    """Return how many steps, each (walkers, ndim), an ensemble has room for; ValueError if they have another shape."""
    group = guard.group(f, name)
    chain = guard.numbers(group, "chain", (None, *shape), limit)
    log_prob = guard.numbers(group, "log_prob", (len(chain), shape[0]), limit)
    if chain.chunks is None or chain.chunks[1:] != (shape[0], 1) or log_prob.chunks != chain.chunks[:2]:
        raise ValueError(f"{name} is cut into pieces that no run has")
    return len(chain)


def _config(group: h5py.Group, path: Path, limit: int | None) -> Config:
    try:
        config = Config.model_validate_json(guard.text(group, "config", limit))
    except ValidationError as error:
        raise ValueError(f"its configuration: {explain(error, Config)}") from None
    name = guard.word(group, "config_name") or path.name
    config._source, config._text = Path(name), guard.text(group, "config_text", limit).decode()
    return config


def _fingerprint(group: h5py.Group, path: Path, limit: int | None) -> dict[str, Any]:
    mark = guard.text(group, "fingerprint", limit)
    if hashlib.sha256(mark).hexdigest() != guard.word(group, "fingerprint_sha256"):
        raise ChainError(f"{path}: the fingerprint does not match its SHA-256, so the file was altered or damaged")
    known = json.loads(mark)
    if not isinstance(known, dict) or not isinstance(known.get("config"), dict):
        raise ValueError("fingerprint is no record of a problem")
    model = known.get("model_version")
    if not isinstance(model, int) or isinstance(model, bool) or model < 1:
        raise ValueError("fingerprint has no version of the model")
    if model > MODEL_VERSION:
        raise ChainError(
            f"{path}: drawn from the model of a newer calibrate (version {_short(model)} of it; this one has "
            f"{MODEL_VERSION}); upgrade calibrate"
        )
    return known


def reason(error: BaseException) -> str:
    """Say in a few words what an exception is about, on one line."""
    text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return " ".join(text.split())[:160] or type(error).__name__
