"""From one knee to a population: a joint posterior over the knees of a study."""

from __future__ import annotations

from calibrate.population.components import Component, Scale
from calibrate.population.draws import PopulationDraws
from calibrate.population.model import Member, Population
from calibrate.population.sampler import Settings, sample
from calibrate.population.streaming import open_population, start_population

__all__ = [
    "Component",
    "Member",
    "Population",
    "PopulationDraws",
    "Scale",
    "Settings",
    "open_population",
    "sample",
    "start_population",
]
