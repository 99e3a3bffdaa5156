"""The sweeps before anything is kept: ensembles settle, and what is learnt from one stage serves the next.

All ensembles learn together; afterwards nothing is learnt any more, and they know nothing of each other.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from calibrate.population.maps import Tuning, fitted, number_of_moves, slowness
from calibrate.population.model import Population
from calibrate.population.sweep import Ensemble, State

FloatArray = NDArray[np.float64]

# Sweeps of each stage, of which the second half is learnt from.
STAGES = (20, 40, 80)
# Draws of each knee that are learnt from.
_DRAWS = 1500


def warm_up(population: Population, ensembles: list[Ensemble], states: list[State], pool: Executor) -> Tuning:
    """Let ensembles settle, in place; return what they have learnt.

    Parameters
    ----------
    population : Population
        What is sampled.
    ensembles, states : list
        Who samples it, and from where.
    pool : Executor
        Where ensembles sweep.
    """
    size = len(population.components)
    chances = np.linspace(0.0, 1.0, number_of_moves(size) + 1)[1:]
    tuned = Tuning(fitted([(state.z, state.height) for state in states], population.forms), chances)
    together = sum(state.z.shape[1] for state in states)
    for sweeps in STAGES:
        draws: list[tuple[FloatArray, FloatArray]] = []
        b: list[FloatArray] = []
        sigma: list[FloatArray] = []
        every = max(1, sweeps // 2 // math.ceil(_DRAWS / together))
        for number in range(sweeps):
            list(pool.map(Ensemble.sweep, ensembles, states, [tuned] * len(states)))
            if 2 * number < sweeps:
                continue
            b.append(np.concatenate([state.laws.b for state in states]))
            sigma.append(np.concatenate([state.laws.sigma for state in states]))
            if number % every == 0:
                draws += [(state.z.copy(), state.height.copy()) for state in states]
        tuned = Tuning(fitted(draws, population.forms, tuned.maps.reach), slowness(np.array(b), np.array(sigma)))
    return tuned
