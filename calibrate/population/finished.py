"""Calibrations of single knees that are finished: runs, or the results of a study, as knees of a population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.atoms import MOST, Atoms, atoms_of
from calibrate.population.components import Component
from calibrate.population.model import Member
from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.study import open_cohort
from calibrate.texts import count

FloatArray = NDArray[np.float64]


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
        How many independent draws they are worth.
    """

    id: str
    posterior: Posterior
    covariates: Mapping[str, str | float]
    draws: FloatArray = field(repr=False)
    log_prob: FloatArray = field(repr=False)
    effective: float

    @property
    def member(self) -> Member:
        """The knee as a population takes it."""
        return Member(self.id, self.posterior, self.covariates)

    def atoms(self, components: Sequence[Component]) -> Atoms:
        """Return its draws as a population takes them; see `atoms_of`."""
        return atoms_of(self.id, self.posterior, components, self.draws, self.log_prob, self.effective)


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
        A sentence about those that have not, and are left out.

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
    cohort = bool(folders) or _is_shard(paths[0])
    knees, left = [], []
    for one in _of_cohort(paths) if cohort else map(_of_run, paths):
        if isinstance(one, str):
            left.append(one)
        else:
            knees.append(one)
    if not knees:
        raise ConfigError(f"{paths[0]}: no knee has converged, so there is nothing to put together")
    names = [one.id for one in knees]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"two of the runs are called {twice}; rename one, for knees need names of their own")
    said = f"left out, because they have not converged: {', '.join(left[:5])}"
    more = f" and {count(len(left) - 5, 'knee')} more" if len(left) > 5 else ""
    return tuple(knees), (said + more,) if left else ()


def _is_shard(path: Path) -> bool:
    """Tell whether a file holds results of a study, by the name that these have."""
    return path.name.startswith("shard-")


def _of_run(path: Path) -> Finished | str:
    run = open_run(path)
    if not run.converged:
        return path.stem
    some = np.linspace(0, run.draws - 1, min(run.draws, MOST)).astype(np.int64)
    return Finished(path.stem, run.posterior, {}, run.samples()[some], run.log_prob()[some], run.diagnosis.smallest_ess)


def _of_cohort(paths: Sequence[Path]) -> Iterator[Finished | str]:
    for knee in open_cohort(list(paths)).knees:
        if knee.status != "converged":
            yield knee.id
        else:
            effective = float(knee.summary.get("smallest_ess") or 0.0)
            yield Finished(knee.id, knee.posterior(), knee.covariates, knee.draws, knee.log_prob, effective)
