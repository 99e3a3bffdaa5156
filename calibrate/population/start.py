"""Where the walkers of a population start: each knee where a pilot of its own has found its mass.

A pilot looks for the mass under the priors of the knee's own configuration, which the population then replaces. So
knees start wider apart than they belong, and the sweeps that follow draw them together.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.components import columns_of, values
from calibrate.population.model import Population
from calibrate.processes import cores
from calibrate.sampling.pilot import explore
from calibrate.sampling.start import draw

FloatArray = NDArray[np.float64]

# Points of a knee's pilot, of which each ensemble has its own.
_POINTS = 128


def first_knees(population: Population, seed: int, ensembles: int, walkers: int, workers: int | None) -> FloatArray:
    """Find where the knees' data have their mass.

    Parameters
    ----------
    population : Population
        The knees.
    seed, ensembles, walkers : int
        The walkers depend on these.
    workers : int, optional
        Threads.

    Returns
    -------
    ndarray, shape (ensembles, N, walkers, D)
        Coordinates of the knees: components, other parameters, zeros.

    Raises
    ------
    ConfigError
        If a knee has no parameters that explain its data.
    """
    dims = population.forms.dims
    out = np.zeros((ensembles, len(dims), walkers, int(dims.max())))

    def one(number: int) -> None:
        posterior = population.posteriors[number]
        columns = columns_of(posterior, population.components)
        count = len(population.components)
        for ensemble in range(ensembles):
            stream = np.random.SeedSequence(seed, spawn_key=(ensembles + ensemble, number))
            try:
                pilot = explore(posterior, np.random.default_rng(stream), _POINTS)
                drawn = draw(pilot, walkers, stream)
            except ConfigError as error:
                raise ConfigError(f"knee {population.ids[number]}: {error}") from None
            z = out[ensemble, number]
            z[:, :count] = values(posterior, population.components, drawn)
            z[:, count : posterior.ndim] = drawn[:, columns[count:]]

    with ThreadPoolExecutor(workers or cores(), "start") as pool:
        list(pool.map(one, range(len(dims))))
    return out
