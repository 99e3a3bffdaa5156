"""The group `calibrate` of a run: all that is needed to go on, and where it all came from."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate import __version__
from calibrate.chain.layout import GROUP
from calibrate.config import Config
from calibrate.data import Measurement, stored_measurement
from calibrate.density import MODEL_VERSION
from calibrate.errors import ChainError

FloatArray = NDArray[np.float64]

SCHEMA = 2
_PACKAGES = ("emcee", "numpy", "scipy", "h5py", "numba")
_MAX_TEXT = 2**30
# What may change between two sittings: how long to go on, and how the file is written. No chain depends on it.
_FREE = {"max_steps", "max_time", "max_rhat", "min_ess", "durability", "compression", "workers"}


@dataclass(frozen=True)
class RunFile:
    """What the group `calibrate` of a run says.

    Attributes
    ----------
    config : Config
        The configuration, every default filled in.
    measurement : Measurement
        The data.
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
    measurement: Measurement
    names: tuple[str, ...]
    starts: FloatArray
    created: str
    versions: dict[str, str]
    fingerprint: dict[str, Any]


def fingerprint(config: Config, measurement: Measurement) -> dict[str, Any]:
    """Return what a chain depends on: the resolved configuration, the data's SHA-256, the version of the model."""
    resolved = config.model_dump(mode="json")
    resolved["sampling"] = {key: value for key, value in resolved["sampling"].items() if key not in _FREE}
    return {"config": resolved, "data_sha256": measurement.sha256, "model_version": MODEL_VERSION}


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """Return where two fingerprints differ, one phrase each; keys that only a newer calibrate knows do not count."""
    found = []
    for key in before:
        name = f"{prefix}{key}".removeprefix("config.")
        if isinstance(before[key], dict) and isinstance(now.get(key), dict):
            found += differences(before[key], now[key], f"{prefix}{key}.")
        elif before[key] != now.get(key):
            found.append(f"{name} was {before[key]!r} and is {now.get(key)!r}")
    return found


def new_origin(
    config: Config, measurement: Measurement, names: tuple[str, ...], starts: FloatArray
) -> Callable[[h5py.File], None]:
    """Return the writer of a new run's group `calibrate`."""

    def origin(f: h5py.File) -> None:
        group = f.create_group(GROUP)
        group.attrs["schema_version"] = SCHEMA
        group.attrs["created"] = _fixed(datetime.now(UTC).isoformat(timespec="seconds"))
        versions = {"calibrate": __version__, "python": platform.python_version()}
        group.attrs["versions"] = _fixed(json.dumps(versions | {name: version(name) for name in _PACKAGES}))
        group.attrs["config_name"] = _fixed("" if config.source is None else config.source.name)
        group.attrs["data_name"] = _fixed(Path(measurement.source).name)
        group.attrs["data_sha256"] = _fixed(measurement.sha256)
        group["config_text"] = _fixed(config.text)
        group["config"] = _fixed(config.model_dump_json())
        group["data"] = np.frombuffer(measurement.text.encode(), dtype=np.uint8)
        group["names"] = np.array([name.encode() for name in names])
        group["starts"] = starts
        mark = _fixed(json.dumps(fingerprint(config, measurement)))
        group["fingerprint"] = mark
        group.attrs["fingerprint_sha256"] = _fixed(hashlib.sha256(mark).hexdigest())

    return origin


def read_origin(f: h5py.File, path: Path) -> RunFile:
    """Read the group `calibrate`.

    Raises
    ------
    ChainError
        If there is none, it is of another schema, or it contradicts itself.
    """
    if GROUP not in f or "schema_version" not in f[GROUP].attrs:
        raise ChainError(f"{path}: this HDF5 file is no run of calibrate (it has no group '{GROUP}')")
    group = f[GROUP]
    schema = int(group.attrs["schema_version"])
    if schema != SCHEMA:
        age, remedy = ("a newer", "upgrade calibrate") if schema > SCHEMA else ("an older", "use that calibrate")
        raise ChainError(f"{path}: written by {age} calibrate (schema {schema}; this one has {SCHEMA}); {remedy}")
    config = Config.model_validate_json(value(group, "config"))
    config._source, config._text = (
        Path(_text(group, "config_name") or path.name),
        value(group, "config_text").decode(),
    )
    data = value(group, "data").tobytes()
    if hashlib.sha256(data).hexdigest() != _text(group, "data_sha256"):
        raise ChainError(f"{path}: the data inside do not match their SHA-256, so the file was altered or damaged")
    measurement = stored_measurement(data.decode(), _text(group, "data_name"))
    names = tuple(name.decode() for name in value(group, "names"))
    starts = np.asarray(value(group, "starts"), dtype=float)
    shape = (config.sampling.ensembles, config.sampling.walkers, len(names))
    if starts.shape != shape:
        raise ChainError(
            f"{path}: the first walkers have shape {starts.shape}, the configuration says {shape}; the file is damaged"
        )
    mark = value(group, "fingerprint")
    if hashlib.sha256(mark).hexdigest() != _text(group, "fingerprint_sha256"):
        raise ChainError(f"{path}: the fingerprint does not match its SHA-256, so the file was altered or damaged")
    versions = json.loads(_text(group, "versions"))
    return RunFile(config, measurement, names, starts, _text(group, "created"), versions, json.loads(mark))


def _fixed(text: str) -> np.bytes_:
    """Return a text as HDF5 keeps it in place: strings of variable length lie in a heap, on whose damage HDF5 hangs.

    File names may hold bytes that are no text in UTF-8; these stay as they are.
    """
    return np.bytes_(text.encode("utf-8", "surrogateescape") or b"\n")


def _text(group: h5py.Group, name: str) -> str:
    found = group.attrs[name]
    return (found.decode("utf-8", "surrogateescape") if isinstance(found, bytes) else str(found)).strip()


def check_ensemble(f: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless an ensemble's group can hold steps of `shape`, (walkers, ndim)."""
    if not isinstance(f.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is missing")
    group = f[name]
    for key, row in (("chain", shape), ("log_prob", shape[:1])):
        item = dataset(group, key)
        if item.shape[1:] != row or item.dtype != np.float64:
            raise ValueError(f"{name}/{key} does not have steps of {row} numbers as it should")
    if dataset(group, "accepted").shape != shape[:1]:
        raise ValueError(f"{name}/accepted does not have {shape[0]} numbers")


def dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset that lies in this very file: a link elsewhere could show what the user never meant to."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is no part of this file")
    item = group[name]
    if not isinstance(item, h5py.Dataset) or item.external or item.is_virtual:
        raise ValueError(f"{name} is no plain dataset")
    return item


def value(group: h5py.Group, name: str) -> Any:
    """Return a small dataset's content."""
    item = dataset(group, name)
    if item.nbytes > _MAX_TEXT:
        raise ValueError(f"{name} is larger than anything calibrate writes")
    return item[()]


def reason(error: BaseException) -> str:
    """Say in a few words what an exception is about, on one line."""
    text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return " ".join(text.split())[:160] or type(error).__name__
