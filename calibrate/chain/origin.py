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
from pydantic import ValidationError

from calibrate import __version__
from calibrate.chain import guard
from calibrate.chain.layout import GROUP
from calibrate.complaints import explain
from calibrate.config import Config
from calibrate.data import Measurement, stored_measurement
from calibrate.density import MODEL_VERSION
from calibrate.errors import ChainError
from calibrate.files import MOST

FloatArray = NDArray[np.float64]

SCHEMA = 2
_PACKAGES = ("emcee", "numpy", "scipy", "h5py", "numba")
_LABELS = ("created", "versions", "config_name", "data_name", "data_sha256", "fingerprint_sha256")
_TEXTS = ("config_text", "config", "fingerprint")
_ARRAYS = ("data", "names", "starts")
# Some ten million points, which take minutes to read.
_MOST_DATA = MOST["CSV"]
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
            found.append(f"{name[:60]} was {_short(before[key])} and is {_short(now.get(key))}")
    return found


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def new_origin(
    config: Config, measurement: Measurement, names: tuple[str, ...], starts: FloatArray
) -> Callable[[h5py.File], None]:
    """Return the writer of a new run's group `calibrate`."""

    def origin(f: h5py.File) -> None:
        group = f.create_group(GROUP)
        group.attrs["schema_version"] = SCHEMA
        versions = {"calibrate": __version__, "python": platform.python_version()}
        mark = json.dumps(fingerprint(config, measurement))
        labels = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": json.dumps(versions | {name: version(name) for name in _PACKAGES}),
            "config_name": "" if config.source is None else config.source.name,
            "data_name": Path(measurement.source).name,
            "data_sha256": measurement.sha256,
            "fingerprint_sha256": hashlib.sha256(mark.encode()).hexdigest(),
        }
        _put(
            group,
            {name: text.encode("utf-8", "surrogateescape") for name, text in labels.items()},
            {
                "config_text": config.text.encode(),
                "config": config.model_dump_json().encode(),
                "fingerprint": mark.encode(),
            },
            {
                "data": np.frombuffer(measurement.text.encode(), dtype=np.uint8),
                "names": np.array([name.encode() for name in names]),
                "starts": starts,
            },
        )

    return origin


def copied_origin(f: h5py.File, limit: int | None = None) -> Callable[[h5py.File], None]:
    """Return the writer of a group `calibrate` like that of another file; what calibrate does not know is left behind.

    `limit` is the number of bytes that there are to be read, the file's size by default.
    """

    def origin(new: h5py.File) -> None:
        old, group = guard.group(f, GROUP), new.create_group(GROUP)
        group.attrs["schema_version"] = SCHEMA
        _put(
            group,
            {name: guard.word(old, name).encode("utf-8", "surrogateescape") for name in _LABELS},
            {name: guard.text(old, name, limit) for name in _TEXTS},
            {name: guard.content(guard.dataset(old, name, limit)) for name in _ARRAYS},
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
    if schema != SCHEMA:
        age, remedy = ("a newer", "upgrade calibrate") if schema > SCHEMA else ("an older", "use that calibrate")
        raise ChainError(f"{path}: written by {age} calibrate (schema {schema}; this one has {SCHEMA}); {remedy}")
    config = _config(group, path, limit)
    data = _data(group, limit)
    if hashlib.sha256(data).hexdigest() != guard.word(group, "data_sha256"):
        raise ChainError(f"{path}: the data inside do not match their SHA-256, so the file was altered or damaged")
    measurement = stored_measurement(data.decode(), guard.word(group, "data_name"))
    names = guard.words(group, "names", limit)
    shape = (config.sampling.ensembles, config.sampling.walkers, len(names))
    starts = guard.content(guard.numbers(group, "starts", shape, limit))
    if not np.isfinite(starts).all():
        raise ValueError("starts holds numbers that are not finite")
    mark = guard.text(group, "fingerprint", limit)
    if hashlib.sha256(mark).hexdigest() != guard.word(group, "fingerprint_sha256"):
        raise ChainError(f"{path}: the fingerprint does not match its SHA-256, so the file was altered or damaged")
    known = json.loads(mark)
    if not isinstance(known, dict) or not isinstance(known.get("config"), dict):
        raise ValueError("fingerprint is no record of a problem")
    versions = json.loads(guard.word(group, "versions"))
    if not isinstance(versions, dict) or not all(isinstance(one, str) for one in versions.values()):
        raise ValueError("versions is no record of versions")
    return RunFile(config, measurement, names, starts, guard.word(group, "created"), versions, known)


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


def _data(group: h5py.Group, limit: int | None) -> bytes:
    item = guard.numbers(group, "data", (None,), limit, h5py.h5t.STD_U8LE)
    if item.nbytes > _MOST_DATA:
        raise ValueError(f"its data are larger than {_MOST_DATA >> 20} MB")
    return guard.content(item).tobytes()


def reason(error: BaseException) -> str:
    """Say in a few words what an exception is about, on one line."""
    text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return " ".join(text.split())[:160] or type(error).__name__
