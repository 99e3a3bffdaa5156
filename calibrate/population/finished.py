"""Calibrations of single knees that are finished: runs, or the results of a study, as knees of a population."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.atoms import MOST, Atoms, atoms_of
from calibrate.population.components import Component, values
from calibrate.population.model import Member
from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.study import Cohort, open_cohort
from calibrate.study.entries import number_of
from calibrate.study.file import Status
from calibrate.texts import listed

FloatArray = NDArray[np.float64]

# Knees that are named, of those that are left out.
_NAMED = 5
# Why they are, by their status.
_REASONS: Mapping[str, str] = {"not converged": "have not converged", "failed": "have failed"}


@dataclass(frozen=True)
class Finished:
    """A knee that was calibrated by itself.

    Attributes
    ----------
    id : str
        Its name: in its study, or of its run's file without the ending.
    posterior : Posterior
        What was calibrated.
    covariates : mapping of str to str or float
        What is known of it besides.
    draws : ndarray, shape (n, ndim)
        Some of its draws, in the order of the chain.
    log_prob : ndarray, shape (n,)
        Their log-posterior.
    effective : float
        How many independent draws the whole chain is worth.
    chain : float
        Draws of the whole chain; infinite where nobody knows.
    """

    id: str
    posterior: Posterior
    covariates: Mapping[str, str | float]
    draws: FloatArray = field(repr=False)
    log_prob: FloatArray = field(repr=False)
    effective: float
    chain: float = math.inf

    @property
    def member(self) -> Member:
        """The knee as a population takes it."""
        return Member(self.id, self.posterior, self.covariates)

    def components(self, components: Sequence[Component]) -> FloatArray:
        """Return its draws as components, (n, components).

        Raises
        ------
        ConfigError
            If one of them does not follow from a free parameter of this knee.
        """
        for one in components:
            if one.parameter(self.posterior) is None:
                raise ConfigError(f"knee {self.id}: {one.name} is not free where it was calibrated by itself")
        return values(self.posterior, components, self.draws)

    def atoms(self, components: Sequence[Component]) -> Atoms:
        """Return its draws as a population takes them; see `atoms_of`."""
        return atoms_of(self.id, self.posterior, components, self.draws, self.log_prob, self.effective, self.chain)


def finished(paths: Sequence[Path]) -> tuple[tuple[Finished, ...], tuple[str, ...]]:
    """Read calibrations of single knees.

    Parameters
    ----------
    paths : sequence of Path
        Runs, each of one knee; or the results of one study, a folder or files of shards.

    Returns
    -------
    tuple of Finished
        The knees that have converged.
    tuple of str
        A sentence each about those that have not, those that have failed, and those of the study that are not finished.

    Raises
    ------
    ChainError
        If a file is none of these, or damaged.
    ConfigError
        If no knee has converged, or two are called alike.
    """
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise ConfigError(f"{folders[0]}: is a study's results, which stand alone; give one study, or runs")
    cohort = open_cohort(list(paths)) if folders or _is_shard(paths[0]) else None
    knees: list[Finished] = []
    left: dict[str, list[str]] = {reason: [] for reason in _REASONS}
    for knee, one in map(_of_run, paths) if cohort is None else _of_cohort(cohort):
        if isinstance(one, Finished):
            knees.append(one)
        else:
            left[one].append(knee)
    if not knees:
        raise ConfigError(f"{paths[0]}: no knee has converged, so there is nothing to put together")
    names = [one.id for one in knees]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"two of the runs are called {twice}; rename one, for knees need names of their own")
    said = [f"left out, because they {_REASONS[reason]}: {listed(ids, _NAMED)}" for reason, ids in left.items() if ids]
    if cohort is not None and len(cohort) < cohort.total:
        more = cohort.total - len(cohort)
        said.append(f"{more:,} more of the study {'is' if more == 1 else 'are'} not finished yet, and left out")
    return tuple(knees), tuple(said)


def _is_shard(path: Path) -> bool:
    """Tell whether a file holds results of a study, by the name that these have."""
    return path.name.startswith("shard-")


def _of_run(path: Path) -> tuple[str, Finished | Status]:
    """Return a run's name, and the knee or what came of it."""
    run = open_run(path)
    if not run.converged:
        return path.stem, "not converged"
    some = np.linspace(0, run.draws - 1, min(run.draws, MOST)).astype(np.int64)
    draws, log_prob, effective = run.samples()[some], run.log_prob()[some], run.diagnosis.smallest_ess
    return path.stem, Finished(path.stem, run.posterior, {}, draws, log_prob, effective, run.draws)


def _of_cohort(cohort: Cohort) -> Iterator[tuple[str, Finished | Status]]:
    """Yield each knee's name, and the knee or what came of it."""
    for knee in cohort.knees:
        if knee.status != "converged":
            yield knee.id, knee.status
        else:
            effective, chain = (number_of(knee.summary.get(key)) for key in ("smallest_ess", "draws"))
            chain = chain if chain > 0.0 else math.inf
            found = Finished(knee.id, knee.posterior(), knee.covariates, knee.draws, knee.log_prob, effective, chain)
            yield knee.id, found
