"""What a population does to its knees, as files: a table, and figures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ExportError
from calibrate.figures.study import StudyFigure, save_pictures
from calibrate.figures.study_shrinkage import population_plot, shrinkage_plot
from calibrate.files import replacing
from calibrate.population.draws import PopulationDraws
from calibrate.population.from_runs import table_of
from calibrate.population.shrinkage import shrinkage


def save_all(draws: PopulationDraws, alone: Mapping[str, NDArray[np.float64]], folder: Path) -> list[Path]:
    """Write `shrinkage.csv`, a forest plot of each parameter and the population's curves; return where.

    Parameters
    ----------
    draws : PopulationDraws
        The population.
    alone : mapping of str to ndarray, shape (n, P)
        See `calibrate.population.shrinkage.shrinkage`.
    folder : Path
        Made if need be; what is there under these names is replaced.

    Raises
    ------
    ExportError
        If they cannot be written.
    ConfigError
        If no knee is among those alone.
    """
    found = shrinkage(draws, alone)
    table = folder / "shrinkage.csv"
    if table.is_dir():
        raise ExportError(f"{table}: is a folder; choose another with -o")
    with replacing(table, ExportError) as temporary:
        temporary.write_text(table_of(found), encoding="utf-8", newline="")
    figures = [
        StudyFigure(f"shrinkage_{one.parameter}", one.parameter, "", partial(shrinkage_plot, one)) for one in found
    ]
    figures.append(StudyFigure("population", "The population", "", partial(population_plot, found)))
    return [table, *save_pictures(folder, figures)]
