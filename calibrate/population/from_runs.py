"""A population from files of finished calibrations, and the files that are written of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from calibrate.config.knees import KneesPrior
from calibrate.errors import ExportError
from calibrate.files import check_target, replacing
from calibrate.kinds import KNEES_PRIOR
from calibrate.population.cautions import cautions, check
from calibrate.population.draws import PopulationDraws
from calibrate.population.finished import finished
from calibrate.population.model import Population
from calibrate.population.prior import text_of
from calibrate.population.shrinkage import Shrinkage
from calibrate.population.trust import Trust, reweigh


def from_runs(
    paths: Sequence[Path],
    components: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    pairs: str | None = None,
    seed: int | None = None,
    *,
    on_warning: Callable[[str], None] = lambda said: None,
    **how: Any,
) -> tuple[PopulationDraws, Trust, Mapping[str, NDArray[Any]]]:
    """Put finished calibrations of single knees together, without their data.

    Parameters
    ----------
    paths : sequence of Path
        Runs, each of one knee; or the results of one study, a folder or files of shards.
    components, covariates, pairs : sequence of str, sequence of str, str
        See `calibrate.population.Population`.
    seed : int, optional
        1 by default.
    on_warning : callable
        Told what has been left out, and what limits the answer.
    **how
        See `calibrate.population.sample`.

    Returns
    -------
    PopulationDraws
        The population.
    Trust
        How far it may be believed.
    mapping of str to ndarray, shape (n, P)
        The knees' components by themselves, for `calibrate.population.shrinkage.shrinkage`.

    Raises
    ------
    CalibrateError
        If a file cannot be read, or the calibrations cannot stand for their knees.
    """
    knees, left_out = finished(paths)
    for said in left_out:
        on_warning(said)
    population = Population([one.member for one in knees], components, covariates, pairs)
    check(population)
    for said in cautions(population):
        on_warning(said)
    atoms = [one.atoms(population.components) for one in knees]
    draws, trust = reweigh(population, atoms, seed, **how)
    for said in trust.cautions():
        on_warning(said)
    return draws, trust, {knee: one.phi for knee, one in zip(population.ids, atoms, strict=True)}


def files_of(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files that finished calibrations are read from."""
    return tuple(file for path in paths for file in (sorted(path.glob("*.h5")) if path.is_dir() else [path]))


def save_prior(prior: KneesPrior, path: Path, *, overwrite: bool = False, spare: Sequence[Path] = ()) -> None:
    """Write a prior made of knees, whole or not at all.

    Raises
    ------
    ExportError
        If it cannot be written, or something else has its name.
    """
    check_target(path, ExportError, kind=KNEES_PRIOR, overwrite=overwrite, spare=spare)
    with replacing(path, ExportError) as temporary:
        temporary.write_text(text_of(prior), encoding="utf-8")


def table_of(found: Iterable[Shrinkage]) -> str:
    """Return what a population does to its knees as CSV, a knee and parameter a row."""
    rows = [row for one in found for row in one.rows()]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
