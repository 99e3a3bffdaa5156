"""Calibrating a study: batches out, results in, each finished batch on the disk at once, one file in the end.

What holds: a batch's file appears whole or not at all, and only then counts; the shard's file is written from these,
and only when it is there they go. So whatever is killed at whatever moment, finished knees are kept, and whoever goes
on does the rest. A lock beside the shard's file keeps a second one out. A knee's result depends on its configuration,
data and seed alone, and the file on the results alone: the same bytes from any engine, any batches, any number of
sittings.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from calibrate import chain
from calibrate.errors import ChainError, ConfigError
from calibrate.processes import cores
from calibrate.study.engines import Foreign, Local, finished
from calibrate.study.file import Record, Status
from calibrate.study.knees import Knee, Study
from calibrate.study.place import Place
from calibrate.study.reader import open_shard
from calibrate.study.work import Plan, checked, job_of
from calibrate.texts import count, listed

# Knees in a batch at the most: seconds of work, and a file with some megabytes.
_BATCH = 16
_MOST_BATCH, _MOST_DRAWS = 10_000, 100_000
# Damaged knees that are named in a warning.
_NAMED = 5
# Batches for each worker at the least, so that none is idle for long at the end.
_SHARES = 4


@dataclass(frozen=True)
class CohortProgress:
    """How far a study is: knees done, of how many, those among them that are not converged or failed, and seconds."""

    done: int
    total: int
    not_converged: int
    failed: int
    taken: int
    seconds: float


@dataclass(frozen=True)
class CohortOutcome:
    """How a sitting at a study ended.

    Attributes
    ----------
    reason : {"done", "interrupted"}
        Whether all knees of the shard have a result.
    file : Path
        The shard's file; there if `reason` is "done".
    knees : int
        How many have a result.
    taken : int
        How many of them are of this sitting.
    not_converged : tuple of str
        Which have not converged.
    failed : mapping of str to str
        Which have failed, and why.
    seconds : float
        Of this sitting.
    """

    reason: Literal["done", "interrupted"]
    file: Path
    knees: int
    taken: int
    not_converged: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def run_cohort(
    study: Study,
    out: str | Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    batch: int | None = None,
    draws: int = 1000,
    keep_chains: bool = False,
    resume: bool = False,
    on_progress: Callable[[CohortProgress], None] = lambda progress: None,
    on_warning: Callable[[str], None] = lambda said: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> CohortOutcome:
    """Calibrate every knee of a study by itself.

    Parameters
    ----------
    study : Study
        The knees; of a shard, those of the shard.
    out : str or Path
        Folder for the results, made if need be: `shard-0001-of-0001.h5`, see `calibrate.study.file`.
    executor : Executor, optional
        Who calibrates; else processes of this machine. In a script, call this under `if __name__ == "__main__":`.
    workers : int, optional
        Processes of this machine; one for each processor by default.
    batch : int, optional
        Knees that are handed over at a time, 16 at the most by default.
    draws : int
        Thinned draws to keep of each knee.
    keep_chains : bool
        Whether to keep each knee's whole chain as well, `chains/KNEE.h5`, a run like any other.
    resume : bool
        Do what is missing of a study that was begun, and what has failed, is damaged, or has other data or settings
        than before.
    on_progress : callable
        Told after each batch.
    on_warning : callable
        Told which knees of a file are damaged, and are calibrated again.
    should_stop : callable
        Asked now and then; what is finished is kept.

    Returns
    -------
    CohortOutcome
        How it ended, and which knees have not converged or failed.

    Raises
    ------
    ConfigError
        If a knee's configuration cannot be used; then nothing has been written.
    ChainError
        If the folder holds other results, a file cannot be read at all, or another process is at work on the same
        shard.
    RunError
        If writing fails, or the executor ends: what is finished is kept.
    """
    plan = Plan(_within("draws", draws, _MOST_DRAWS), keep_chains)
    if executor is not None and workers is not None:
        raise ConfigError("an executor and a number of workers are both given; give one")
    size = _BATCH if batch is None else _within("batch", batch, _MOST_BATCH)
    for knee in study.knees:
        checked(knee)
    place = Place.of(study, Path(out), plan)
    place.check(resume=resume)
    place.make()
    with chain.writing(place.file):
        sitting = _Sitting(study, place, plan, on_progress, on_warning)
        missing = sitting.look()
        if missing:
            few = max(1, min(workers or cores(), len(missing)))
            engine = Foreign(executor) if executor is not None else Local(few)
            size = size if batch is not None else max(1, min(size, math.ceil(len(missing) / (_SHARES * few))))
            try:
                sitting.work(missing, size, engine, should_stop)
            finally:
                engine.close()
        sitting.gather()
        return sitting.outcome()


def _within(name: str, number: int, most: int) -> int:
    if not 1 <= number <= most:
        raise ConfigError(f"{name} = {number}: must be from 1 to {most:,}")
    return number


class _Sitting:
    """What is known of a shard's knees while somebody is at work on them."""

    def __init__(
        self,
        study: Study,
        place: Place,
        plan: Plan,
        on_progress: Callable[[CohortProgress], None],
        on_warning: Callable[[str], None],
    ) -> None:
        self._knees = {knee.id: knee for knee in study.knees}
        self._place, self._plan, self._on_progress, self._on_warning = place, plan, on_progress, on_warning
        self._where: dict[str, tuple[Path, int]] = {}
        self._status: dict[str, tuple[Status, str]] = {}
        self._taken, self._begin = 0, time.monotonic()
        self._complete = True

    def look(self) -> list[Knee]:
        """Find what is there already and undamaged, all of which is read, and return the knees that are missing."""
        damaged: dict[str, ChainError] = {}
        for path in self._place.files():
            shard = open_shard(path)
            for row, one in enumerate(shard.each()):
                if isinstance(one, ChainError):
                    damaged[shard.ids[row]] = one
                elif self._good(one):
                    self._note(one, path, row)
        missing = [knee for name, knee in self._knees.items() if name not in self._where]
        if again := [knee.id for knee in missing if knee.id in damaged]:
            knees = f"{count(len(again), 'knee')} to calibrate again: {listed(again, _NAMED)}"
            self._on_warning(f"{damaged[again[0]]}; {knees}")
        return missing

    def _good(self, record: Record) -> bool:
        """Tell whether a record is what would come of its knee now."""
        knee = self._knees.get(record.id)
        if knee is None or record.status == "failed" or not self._place.has_chain(record.id, self._plan):
            return False
        job = job_of(knee)
        return (record.config, record.data, record.covariates) == (job.config, job.data, job.covariates)

    def work(
        self, missing: Sequence[Knee], size: int, engine: Local | Foreign, should_stop: Callable[[], bool]
    ) -> None:
        """Calibrate knees, and store each batch as soon as it is finished."""
        self._tell()
        batches = ([job_of(knee) for knee in missing[i : i + size]] for i in range(0, len(missing), size))
        for done in finished(batches, self._plan, engine, should_stop):
            path = self._place.store(done)
            for row, one in enumerate(done):
                self._note(one.record, path, row)
            self._taken += len(done)
            self._tell()

    def gather(self) -> None:
        """Make the shard's file of all batches, if none is missing."""
        self._complete = len(self._where) == len(self._knees)
        if self._complete:
            self._place.gather([(name, *self._where[name]) for name in self._knees])

    def outcome(self) -> CohortOutcome:
        """Say how the sitting ended."""
        known = {name: self._status[name] for name in self._knees if name in self._status}
        return CohortOutcome(
            "done" if self._complete else "interrupted",
            self._place.file,
            len(known),
            self._taken,
            tuple(name for name, (status, _) in known.items() if status == "not converged"),
            {name: message for name, (status, message) in known.items() if status == "failed"},
            time.monotonic() - self._begin,
        )

    def _note(self, record: Record, path: Path, row: int) -> None:
        self._where[record.id], self._status[record.id] = (path, row), (record.status, record.message)

    def _tell(self) -> None:
        states = Counter(status for status, _ in self._status.values())
        self._on_progress(
            CohortProgress(
                len(self._where),
                len(self._knees),
                states["not converged"],
                states["failed"],
                self._taken,
                time.monotonic() - self._begin,
            )
        )
