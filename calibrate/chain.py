"""The HDF5 file of a run: its layout, the backend that streams into it, and reading it back.

One file per run. Groups `ensemble_0`, `ensemble_1`, ... have emcee's own layout, so that
`emcee.backends.HDFBackend(file, name="ensemble_0", read_only=True)` reads them. The group `calibrate` holds all that
is needed to go on: configuration, data, first walkers, and where it all came from.

Every access opens the file, holds HDF5's own lock for some milliseconds and closes it again; whoever finds it locked
waits. So a reader sees whole blocks only, and neither reader nor writer can break the other. A second writer is kept
out by a lock file beside the run, which dies with its process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import emcee
import filelock
import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from calibrate import __version__
from calibrate.config import Config
from calibrate.data import Measurement, parse_measurement
from calibrate.errors import CalibrateError, ChainError

FloatArray = NDArray[np.float64]

SCHEMA = 1
GROUP = "calibrate"
_PACKAGES = ("emcee", "numpy", "scipy", "h5py", "numba")
_PATIENCE = 60.0
_MAX_TEXT = 2**30


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
    """

    config: Config
    measurement: Measurement
    names: tuple[str, ...]
    starts: FloatArray
    created: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Chains:
    """The stored steps of all ensembles, burn-in included, up to the last step that every ensemble has stored.

    Attributes
    ----------
    coords : ndarray, shape (ensembles, steps, walkers, ndim)
        Walkers' parameters.
    log_prob : ndarray, shape (ensembles, steps, walkers)
        Their log-posterior.
    acceptance : float
        Mean acceptance fraction; NaN if nothing is stored.
    """

    coords: FloatArray
    log_prob: FloatArray
    acceptance: float


class StreamingBackend(emcee.backends.HDFBackend):  # type: ignore[misc]  # emcee is untyped
    """emcee's HDF5 backend, writing the steps it was asked to make room for in one go.

    Stock emcee opens the file five times per step. Here `grow(n)` promises n steps; they are copied as they come
    (emcee yields the same mutable state each time) and written when the last has arrived, or when `flush` is called.
    """

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(str(path), name=name)
        self._coords: list[FloatArray] = []
        self._log_prob: list[FloatArray] = []
        self._random_state: Any = None
        self._room = 0
        with self.open() as f:
            attrs = f[name].attrs
            self._shape = (int(attrs["nwalkers"]), int(attrs["ndim"]))
            self._iteration = int(attrs["iteration"])
            self._accepted = f[name]["accepted"][...]

    @property
    def shape(self) -> tuple[int, int]:
        """Walkers and dimensions."""
        return self._shape

    def has_blobs(self) -> bool:
        """Tell that no blobs are stored."""
        return False

    @property
    def iteration(self) -> int:
        """Stored steps, those still in memory included."""
        return self._iteration

    @property
    def accepted(self) -> FloatArray:
        """Accepted moves of each walker in the stored steps."""
        accepted: FloatArray = self._accepted.copy()
        return accepted

    def open(self, mode: str = "r") -> h5py.File:
        """Open the file, waiting while another process has it."""
        return _open(Path(self.filename), mode)

    def grow(self, ngrow: int, blobs: Any) -> None:
        """Make room for the next `ngrow` steps."""
        self.flush()
        self._room = ngrow

    def save_step(self, state: emcee.State, accepted: NDArray[np.bool_]) -> None:
        """Keep one step; written with the last of those announced."""
        self._check(state, accepted)
        self._coords.append(state.coords.copy())
        self._log_prob.append(state.log_prob.copy())
        self._random_state = state.random_state
        self._accepted += accepted
        self._iteration += 1
        self._room -= 1
        if self._room <= 0:
            self.flush()

    def get_value(self, name: str, flat: bool = False, thin: int = 1, discard: int = 0) -> Any:
        """Read stored values; see `emcee.backends.Backend.get_value`."""
        self.flush()
        return super().get_value(name, flat=flat, thin=thin, discard=discard)

    def flush(self) -> None:
        """Write what is held in memory: the rows first, then the counters that make them count."""
        if not self._coords:
            return
        first = self._iteration - len(self._coords)
        with self.open("r+") as f:
            group = f[self.name]
            group["chain"].resize(self._iteration, axis=0)
            group["log_prob"].resize(self._iteration, axis=0)
            group["chain"][first:] = np.stack(self._coords)
            group["log_prob"][first:] = np.stack(self._log_prob)
            group["accepted"][...] = self._accepted
            for i, value in enumerate(self._random_state):
                group.attrs[f"random_state_{i}"] = value
            group.attrs["iteration"] = self._iteration
        self._coords, self._log_prob = [], []


def create(path: Path, config: Config, measurement: Measurement, names: tuple[str, ...], starts: FloatArray) -> None:
    """Write a new run with nothing stored yet; it appears under its name only when it is whole.

    Raises
    ------
    ChainError
        If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with h5py.File(temporary, "w") as f:
            group = f.create_group(GROUP)
            group.attrs["schema_version"] = SCHEMA
            group.attrs["created"] = datetime.now(UTC).isoformat(timespec="seconds")
            group.attrs["versions"] = json.dumps(
                {"calibrate": __version__, "python": platform.python_version()}
                | {name: version(name) for name in _PACKAGES}
            )
            group.attrs["config_name"] = "" if config.source is None else config.source.name
            group.attrs["data_name"] = Path(measurement.source).name
            group.attrs["data_sha256"] = measurement.sha256
            group["config_text"] = config.text
            group["config"] = config.model_dump_json()
            group["data"] = np.frombuffer(measurement.text.encode(), dtype=np.uint8)
            group["names"] = list(names)
            group["starts"] = starts
        for i, start in enumerate(starts):
            emcee.backends.HDFBackend(str(temporary), name=f"ensemble_{i}").reset(*start.shape)
        temporary.replace(path)
    except OSError as error:
        raise ChainError(f"{path}: cannot be written ({_reason(error)})") from None
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> RunFile:
    """Read what a run says of itself.

    Raises
    ------
    ChainError
        If the file is missing, damaged, no run, or written by a newer version of the program.
    """
    with _reading(path) as f:
        if GROUP not in f or "schema_version" not in f[GROUP].attrs:
            raise ChainError(f"{path}: this HDF5 file is no run of calibrate (it has no group '{GROUP}')")
        group = f[GROUP]
        schema = int(group.attrs["schema_version"])
        if schema > SCHEMA:
            raise ChainError(
                f"{path}: written by a newer calibrate (schema {schema}; this one reads up to {SCHEMA}); "
                "upgrade calibrate to use it"
            )
        config = Config.model_validate_json(_value(group, "config"))
        config._source, config._text = (
            Path(str(group.attrs["config_name"]) or path.name),
            _value(group, "config_text").decode(),
        )
        data = _value(group, "data").tobytes()
        if hashlib.sha256(data).hexdigest() != group.attrs["data_sha256"]:
            raise ChainError(f"{path}: the data inside do not match their SHA-256, so the file was altered or damaged")
        measurement = parse_measurement(data.decode(), str(group.attrs["data_name"]))
        names = tuple(name.decode() for name in _value(group, "names"))
        starts = np.asarray(_value(group, "starts"), dtype=float)
        shape = (config.sampling.ensembles, config.sampling.walkers, len(names))
        if starts.shape != shape:
            raise ChainError(
                f"{path}: the first walkers have shape {starts.shape}, the configuration says {shape}; "
                "the file is damaged"
            )
        for i in range(shape[0]):
            _check_ensemble(f, f"ensemble_{i}", shape[1:])
        return RunFile(
            config, measurement, names, starts, str(group.attrs["created"]), json.loads(group.attrs["versions"])
        )


def read_chains(path: Path) -> Chains:
    """Read all stored steps at one moment, also while a run is writing.

    Raises
    ------
    ChainError
        If the file is damaged.
    """
    with _reading(path) as f:
        ensembles, *shape = _dataset(f[GROUP], "starts").shape
        groups = [_check_ensemble(f, f"ensemble_{i}", tuple(shape)) for i in range(ensembles)]
        steps = min(int(group.attrs["iteration"]) for group in groups)
        coords = np.stack([group["chain"][:steps] for group in groups])
        log_prob = np.stack([group["log_prob"][:steps] for group in groups])
        rates = [float(group["accepted"][...].mean()) / max(int(group.attrs["iteration"]), 1) for group in groups]
    return Chains(coords, log_prob, float(np.mean(rates)) if steps else float("nan"))


def backends(path: Path, ensembles: int) -> list[StreamingBackend]:
    """Open the ensembles of a run for writing."""
    try:
        return [StreamingBackend(path, f"ensemble_{i}") for i in range(ensembles)]
    except (OSError, KeyError) as error:
        raise ChainError(f"{path}: damaged: {_reason(error)}") from None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Be the one process that writes a run.

    Raises
    ------
    ChainError
        If another process is, or the folder cannot be written to.
    """
    marker = path.with_name(path.name + ".lock")
    lock = filelock.FileLock(marker)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        try:
            holder = marker.read_text().strip()
        except OSError:
            holder = ""
        raise ChainError(
            f"{path}: is being written by another calibrate{f' ({holder})' if holder else ''}; wait for it or stop it"
        ) from None
    except OSError as error:
        raise ChainError(
            f"{path}: its folder cannot be written to ({_reason(error)}); choose another with -o"
        ) from None
    try:
        marker.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        # Gone while still held: who comes next makes a new one, who waits finds this one unlinked.
        marker.unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    """Open a run for reading and turn everything that a damaged or foreign file can cause into one sentence."""
    if not path.exists():
        raise ChainError(f"{path}: no such file")
    if not path.is_file():
        raise ChainError(f"{path}: is no file")
    if not is_hdf5(path):
        raise ChainError(f"{path}: is no HDF5 file, so no run of calibrate")
    try:
        with _open(path, "r") as f:
            yield f
    except ChainError:
        raise
    except (
        CalibrateError,
        OSError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
        ValidationError,
    ) as error:
        raise ChainError(f"{path}: truncated, damaged or no run of calibrate ({_reason(error)})") from None


def is_hdf5(path: Path) -> bool:
    """Tell an HDF5 file by its first bytes; asking HDF5 itself fails while a writer holds its lock."""
    try:
        with path.open("rb") as f:
            return f.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise ChainError(f"{path}: cannot be read ({_reason(error)})") from None


def _open(path: Path, mode: str) -> h5py.File:
    """Open an HDF5 file, waiting for whoever has it open the other way."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return h5py.File(path, mode)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ChainError(
                    f"{path}: another program has kept it open for {_PATIENCE:.0f} s; close it there"
                ) from None
            time.sleep(0.002)


def _check_ensemble(f: h5py.File, name: str, shape: tuple[int, ...]) -> h5py.Group:
    """Return an ensemble's group if it holds what `shape`, (walkers, ndim), and its own counter promise."""
    if not isinstance(f.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is missing")
    group = f[name]
    iteration = int(group.attrs["iteration"])
    for key, row in (("chain", shape), ("log_prob", shape[:1])):
        item = _dataset(group, key)
        if item.shape[1:] != row or not 0 <= iteration <= item.shape[0] or item.dtype != np.float64:
            raise ValueError(f"{name}/{key} does not have the {iteration} steps of {row} numbers that it should")
    if _dataset(group, "accepted").shape != shape[:1]:
        raise ValueError(f"{name}/accepted does not have {shape[0]} numbers")
    return group


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset that lies in this very file: a link elsewhere could show what the user never meant to."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is no part of this file")
    item = group[name]
    if not isinstance(item, h5py.Dataset) or item.external or item.is_virtual:
        raise ValueError(f"{name} is no plain dataset")
    return item


def _value(group: h5py.Group, name: str) -> Any:
    item = _dataset(group, name)
    if item.nbytes > _MAX_TEXT:
        raise ValueError(f"{name} is larger than anything calibrate writes")
    return item[()]


def _reason(error: BaseException) -> str:
    """Say in a few words what an exception is about, on one line."""
    text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return " ".join(text.split())[:160] or type(error).__name__
