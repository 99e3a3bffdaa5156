"""Finished calibrations of single knees put together onto a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrate.errors import ChainError
from calibrate.files import check_target
from calibrate.kinds import POPULATION
from calibrate.population import file
from calibrate.population.draws import PopulationDraws
from calibrate.population.from_runs import files_of, from_runs
from calibrate.population.sampler import Settings


def combine(
    paths: Sequence[Path],
    output: str | Path,
    components: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    pairs: str | None = None,
    seed: int | None = None,
    *,
    overwrite: bool = False,
    on_warning: Callable[[str], None] = lambda said: None,
    **how: Any,
) -> PopulationDraws:
    """Put finished calibrations of single knees together, and keep the population in a file.

    Parameters
    ----------
    paths, components, covariates, pairs, seed, on_warning, **how
        See `calibrate.population.from_runs.from_runs`.
    output : str or Path
        The file.
    overwrite : bool
        Replace an existing population.

    Raises
    ------
    CalibrateError
        If they cannot be read, or cannot stand for their knees; then nothing is written.
    """
    output = Path(output)
    check_target(output, ChainError, kind=POPULATION, overwrite=overwrite, spare=files_of(paths))
    found, trust, alone = from_runs(paths, components, covariates, pairs, seed, on_warning=on_warning, **how)
    draws = replace(found, alone=alone, trust=trust.content())
    usual = Settings()
    max_rhat, min_ess = (how.get(key) or getattr(usual, key) for key in ("max_rhat", "min_ess"))
    file.save_combined(output, draws, float(max_rhat), float(min_ess))
    return draws
