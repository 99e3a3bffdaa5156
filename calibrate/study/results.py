"""The results of a study: the files of its shards, finished or on the way, one knee at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.chain.origin import reason
from calibrate.config import Config, config_of
from calibrate.data import Measurement, stored_measurement
from calibrate.errors import ChainError
from calibrate.posterior import Posterior
from calibrate.study.file import Record, Status, batches_in
from calibrate.study.reader import ShardFile, open_shard, translated
from calibrate.texts import count

FloatArray = NDArray[np.float64]

_NAME = re.compile(r"shard-([0-9]{4,7})-of-([0-9]{4,7})(\.h5|\.parts)")


@dataclass(frozen=True, eq=False)
class KneeResult:
    """What came of a knee.

    Attributes
    ----------
    id : str
        Its name.
    covariates : mapping
        Numbers or text, as the manifest has them.
    seed : int
        Of its chain.
    status : {"converged", "not converged", "failed"}
        What came of it.
    message : str
        Why it failed; empty if it did not.
    summary : mapping
        What `Draws.summary` returned; empty if it failed.
    draws : ndarray, shape (n, ndim)
        Thinned draws; columns as in `names`.
    log_prob : ndarray, shape (n,)
        Their log-posterior.
    """

    id: str
    covariates: Mapping[str, str | float]
    seed: int
    status: Status
    message: str
    summary: Mapping[str, Any] = field(repr=False)
    draws: FloatArray = field(repr=False)
    log_prob: FloatArray = field(repr=False)
    record: Record = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The free parameters; none if it failed."""
        return tuple(self.summary.get("parameters", ()))

    @property
    def config(self) -> Config:
        """The configuration, the chain's seed included.

        Raises
        ------
        ChainError
            If the file says something that cannot be meant.
        """
        with translated(Path(f"knee {self.id}")):
            return config_of(_object(self.record.config), f"knee {self.id}")

    @property
    def measurements(self) -> dict[str, Measurement]:
        """The data of each test by its name; the one test of `[data]` has the empty name.

        Raises
        ------
        ChainError
            If they are none.
        """
        with translated(Path(f"knee {self.id}")):
            found = _object(self.record.data)
            return {name: stored_measurement(str(text), str(source)) for name, (source, text) in found.items()}

    def posterior(self) -> Posterior:
        """Return the posterior; `calibrate.sample` of it gives the knee's whole chain, bit for bit.

        Raises
        ------
        CalibrateError
            If there is no such posterior.
        """
        return Posterior.from_config(self.config, self.measurements)


@dataclass(frozen=True)
class Cohort:
    """The results of a study, as far as there are any.

    Attributes
    ----------
    path : Path
        The folder, or the first file.
    files : tuple of ShardFile
        Finished shards, and batches of unfinished ones.
    """

    path: Path
    files: tuple[ShardFile, ...]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The knees that there are results of."""
        return tuple(knee for file in self.files for knee in file.ids)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def knees(self) -> Iterator[KneeResult]:
        """Each knee, read when it comes; shard after shard, in the study's order."""
        for file in self.files:
            for record in file.records():
                yield _result(file.path, record)

    def knee(self, knee: str) -> KneeResult:
        """Return one of the knees.

        Raises
        ------
        ChainError
            If there is none of that id.
        """
        for file in self.files:
            if knee in file.ids:
                return _result(file.path, next(file.records(first=file.ids.index(knee))))
        raise ChainError(f"{self.path}: has no knee '{knee[:70]}'")

    @property
    def total(self) -> int:
        """Knees of the whole study."""
        return max(file.head.total for file in self.files)

    @property
    def study(self) -> Mapping[str, Any]:
        """What all knees have in common: `seed`, `settings`, `draws`, `model_version`."""
        return _object(self.files[0].head.study)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not there of the study, a sentence for each shard."""
        shards = self.files[0].head.shards
        found: dict[int, list[ShardFile]] = {number: [] for number in range(1, shards + 1)}
        for file in self.files:
            found[file.head.shard].append(file)
        sentences = []
        for number, files in found.items():
            have = sum(len(file.ids) for file in files)
            if not files:
                sentences.append(f"shard {number} of {shards}: nothing yet")
            elif have < files[0].head.planned:
                sentences.append(f"shard {number} of {shards}: {have} of {count(files[0].head.planned, 'knee')}")
        return tuple(sentences)


def open_cohort(path: str | Path | Sequence[str | Path]) -> Cohort:
    """Open the results of a study; works while they are being made.

    Parameters
    ----------
    path : str, Path or sequence of these
        The folder, or files of shards.

    Raises
    ------
    ChainError
        If there are none, one is damaged, or they are of several studies.
    """
    names = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    found = [file for name in names for file in (_in_folder(name) if name.is_dir() else [name])]
    if not found:
        raise ChainError(f"{names[0] if names else 'cohort'}: holds no results of a study")
    files = tuple(open_shard(name) for name in found)
    _check_same(files)
    return Cohort(names[0], files)


def shards_in(folder: Path) -> Iterator[tuple[Path, int, int]]:
    """Yield what a folder has of shards, by name: file or folder of batches, which shard, of how many.

    Raises
    ------
    ChainError
        If the folder cannot be read.
    """
    try:
        for place in sorted(folder.iterdir()):
            if match := _NAME.fullmatch(place.name):
                yield place, int(match[1]), int(match[2])
    except OSError as error:
        raise ChainError(f"{folder}: cannot be read ({reason(error)})") from None


def _in_folder(folder: Path) -> Iterator[Path]:
    """Yield the files of finished shards, and of batches of the others."""
    for place, _, _ in shards_in(folder):
        if place.suffix == ".h5":
            yield place
        elif not place.with_suffix(".h5").exists():
            yield from batches_in(place)


def _check_same(files: Sequence[ShardFile]) -> None:
    """Refuse files of several studies, and knees that are there twice."""
    first = files[0]
    places: dict[str, Path] = {}
    for file in files:
        if (file.head.study, file.head.shards) != (first.head.study, first.head.shards):
            raise ChainError(
                f"{file.path}: is of another study than {first.path}, or of one with other settings or shards; keep "
                "them in folders of their own"
            )
        for knee in file.ids:
            if knee in places:
                raise ChainError(f"{file.path}: knee '{knee}' is in {places[knee]}, too")
            places[knee] = file.path


def _result(path: Path, record: Record) -> KneeResult:
    with translated(path):
        return _checked(record)


def _checked(record: Record) -> KneeResult:
    covariates, summary = _object(record.covariates), _object(record.summary)
    if not all(isinstance(value, str | float | int) for value in covariates.values()):
        raise ValueError("covariates hold something else than numbers and texts")
    failed = record.status == "failed"
    parameters = summary.get("parameters", {})
    if bool(summary) == failed or not isinstance(parameters, dict):
        raise ValueError("summary is none")
    if len(record.log_prob) and record.draws.shape[1] != len(parameters):
        raise ValueError("draws have other parameters than the summary")
    return KneeResult(
        record.id,
        covariates,
        record.seed,
        record.status,
        record.message,
        summary,
        record.draws,
        record.log_prob,
        record,
    )


def _object(text: str) -> dict[str, Any]:
    """Return a JSON object."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found
