"""What a worker does: calibrate a batch of knees. Plain data in, plain data out; no file of the user's is touched.

The one function that every engine runs, in this process or on another machine. A knee's answer depends on its job
alone: not on the batch that it is in, nor on who calibrates it.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calibrate.config import Config, config_of
from calibrate.derived import MOST_DRAWS, MOST_POSED
from calibrate.draws import Draws
from calibrate.errors import CalibrateError, ConfigError, DataError
from calibrate.files import read_text
from calibrate.posterior import Posterior
from calibrate.problem.assemble import read_measurements
from calibrate.scores.holdout import check_held_out
from calibrate.study.file import Record, Status
from calibrate.study.knees import Knee

# Letters of what is said of a knee that failed.
_LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Job:
    """A knee to calibrate, as it travels.

    Attributes
    ----------
    id, where, source : str
        The knee, what messages call it, and its TOML file.
    seed : int
        Of its chain.
    covariates, config : str
        JSON.
    texts : mapping of str to (str, str)
        For each test the name of its data file and the text in it.
    trouble : str
        Why the data could not be read; empty if they were.
    """

    id: str
    where: str
    source: str
    seed: int
    covariates: str
    config: str
    texts: Mapping[str, tuple[str, str]]
    trouble: str = ""

    @property
    def data(self) -> str:
        """The data as a file of results has them: JSON of texts by test, with the files' names alone."""
        return json.dumps({test: [Path(name).name, text] for test, (name, text) in self.texts.items()})


@dataclass(frozen=True)
class Plan:
    """What is done with each knee.

    Attributes
    ----------
    draws : int
        Thinned draws that are kept.
    chains : bool
        Whether the whole chain comes along.
    again : int
        How many times it was tried before; of no account, but Dask takes two calls that are alike for one.
    """

    draws: int
    chains: bool = False
    again: int = 0


@dataclass(frozen=True)
class Done:
    """What came of a job: the record, and the chain file's content if it was asked for."""

    record: Record
    chain: bytes | None = None


def checked(knee: Knee) -> Config:
    """Return a knee's configuration, or refuse one that cannot be meant or whose data files are not there.

    Raises
    ------
    ConfigError
        Saying what and where.
    """
    config = knee.config
    for test, path in config.data_paths.items():
        try:
            there = path.exists()
        except (OSError, ValueError):
            there = True  # the reader has words for it
        if not there:
            key = f"tests.{test}.file" if test else "data.file"
            raise ConfigError(f"{knee.where}: {key}: {path}: no such file")
    return config


def job_of(knee: Knee) -> Job:
    """Return the job that a knee is, its data read; if they cannot be, that is the job's trouble."""
    config, texts, trouble = knee.config, {}, ""
    try:
        for test, path in config.data_paths.items():
            texts[test] = str(path), read_text(path, DataError, "CSV")
    except DataError as error:
        trouble = str(error)
    said = json.dumps(config.model_dump(mode="json", exclude_unset=True))
    return Job(
        knee.id, knee.where, str(knee.source or ""), knee.seed, json.dumps(dict(knee.covariates)), said, texts, trouble
    )


def calibrate_batch(jobs: Sequence[Job], plan: Plan) -> list[Done]:
    """Calibrate some knees, one after the other; one that fails does not stop the rest."""
    return [_attempt(job, plan) for job in jobs]


def failed(job: Job, message: str) -> Done:
    """Return the record of a knee that failed."""
    none = np.empty((0, 0)), np.empty(0)
    text = " ".join(message.split())[:_LONGEST_MESSAGE]
    return Done(Record(job.id, job.seed, "failed", text, job.covariates, job.config, job.data, "{}", *none))


def _attempt(job: Job, plan: Plan) -> Done:
    if job.trouble:
        return failed(job, job.trouble)
    try:
        return _calibrated(job, plan)
    except CalibrateError as error:
        return failed(job, str(error))
    except Exception as error:  # whatever it is, the other knees do not suffer from it
        return failed(job, f"{job.where}: {type(error).__name__}: {error}")


def _calibrated(job: Job, plan: Plan) -> Done:
    config = config_of(json.loads(job.config), job.where, Path(job.source) if job.source else None)
    measurements = read_measurements(config, {test: text for test, (_, text) in job.texts.items()})
    posterior = Posterior.from_config(config, measurements)
    check_held_out(posterior)
    if not plan.chains:
        from calibrate.runner import sample

        return Done(_record(job, plan, sample(posterior)))
    with tempfile.TemporaryDirectory(prefix="calibrate-") as folder:
        from calibrate.results import open_run
        from calibrate.runner import start_run

        path = Path(folder) / "chain.h5"
        start_run(posterior, path)
        run = open_run(path)
        draws = Draws(run.posterior, run.settings, run.chains)
        return Done(_record(job, plan, draws), path.read_bytes())


def _record(job: Job, plan: Plan, draws: Draws) -> Record:
    draws = replace(draws, most_derived=_enough(draws.settings.min_ess))
    summary: dict[str, Any] = dict(draws.summary())
    status: Status = "converged" if draws.converged else "not converged"
    rows = draws.thinned(plan.draws)
    return Record(
        job.id,
        job.seed,
        status,
        "",
        job.covariates,
        job.config,
        job.data,
        json.dumps(summary, allow_nan=False),
        np.ascontiguousarray(rows),
        np.atleast_1d(draws.posterior.log_prob(rows)),
    )


def _enough(min_ess: float) -> int:
    """Return of how many draws derived quantities are computed: two for each effective sample that is wanted."""
    return min(MOST_DRAWS, max(MOST_POSED, math.ceil(2.0 * min_ess)))
