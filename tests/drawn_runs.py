"""Runs to be drawn, as they are sampled, and their pictures, each drawn once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from conftest import BOX, config_text
from matplotlib.figure import Figure

from calibrate import chain, figures
from calibrate.config import load_config, parse_config
from calibrate.examples import example
from calibrate.results import Run, open_run
from calibrate.runner import start_run

DRAW: dict[str, Callable[[Run], Figure]] = {
    "corner": figures.corner_plot,
    "trace": figures.trace_plot,
    "load_angle": figures.load_angle_plot,
    "ligaments": figures.ligament_plot,
}
ONE_FREE = """
[parameters.mcl]
k = 60.0
alpha = 0.06
l_0 = { lower = 80.0, upper = 100.0 }
[parameters.lcl]
k = 50.0
alpha = 0.08
l_0 = 62.5
"""


def simulated_run(folder: Path) -> Run:
    """Return a converged run of a simulated knee: seven parameters, all of known truth."""
    path = folder / "simulated.h5"
    start_run(load_config(example("simulated.toml")), path)
    return open_run(path)


def unfinished_run(folder: Path) -> Run:
    """Return a run of the real knee that has only just begun; every other step is stored."""
    path = folder / "unfinished.h5"
    config = load_config(BOX).with_sampling(max_steps=20, thin=2)
    assert start_run(config, path).reason == "steps"
    return open_run(path)


def single_run(folder: Path) -> Run:
    """Return a run with one free parameter."""
    path = folder / "single.h5"
    text = config_text(parameters=ONE_FREE, file="simulated.csv", extra="[sampling]\nwalkers = 8\n")
    start_run(parse_config(text, example("simulated.toml")), path)
    return open_run(path)


@functools.cache
def picture(name: str, run: Run) -> Figure:
    """Return one of a run's pictures, drawn once for all tests that only look at it."""
    return DRAW[name](run)


def with_draws(run: Run, coords: Any) -> Run:
    """Return the run with other draws, (ensembles, steps, walkers, ndim)."""
    chains = chain.Chains(np.asarray(coords), np.zeros(coords.shape[:-1]), 0.5)
    return dataclasses.replace(run, chains=chains)
