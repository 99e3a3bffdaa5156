"""A run of a population as far as it has come."""

from __future__ import annotations

from dataclasses import dataclass

from calibrate.population.maps import Tuning
from calibrate.population.model import Population
from calibrate.population.record import Record
from calibrate.population.sweep import State


@dataclass
class Run:
    """What sampling goes on from.

    Attributes
    ----------
    population : Population
        What is sampled.
    seed : int
        Of the random numbers.
    thin : int
        Sweeps in a stored step.
    states : list of State
        Where the ensembles are.
    tuned : Tuning
        What they have learnt before anything was kept.
    record : Record
        What is kept.
    max_rhat, min_ess : float
        What counts as converged, see `Settings`; who reads the file later judges by the same.
    """

    population: Population
    seed: int
    thin: int
    states: list[State]
    tuned: Tuning
    record: Record
    max_rhat: float = 1.01
    min_ess: float = 1000.0
