"""Does the program find again what it was told? Simulation-based calibration, over the prior or for one knee.

A truth is drawn, readings are simulated from it and calibrated, and the truth's rank among the posterior's draws is
noted. If truths come from what the fit takes for granted, all ranks are equally likely, whatever the posterior's shape
(Cook, Gelman & Rubin 2006; Talts et al. 2018). Over the prior that checks the program; over the posterior of a run,
with the run's own data given as well, it checks the answer for that one knee (Säilynoja et al. 2025).

It says nothing of the model: readings come from the same model that explains them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from calibrate.config import Config
from calibrate.errors import ChainError
from calibrate.posterior import Posterior
from calibrate.results import Run
from calibrate.validate.batch import trials
from calibrate.validate.trial import Plan, Trial, units
from calibrate.validate.verdict import Validation

__all__ = ["Plan", "Trial", "Validation", "validate"]


def validate(
    problem: Config | Run,
    runs: int = 500,
    *,
    seed: int = 1,
    workers: int | None = None,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Validation:
    """Check by simulation whether posteriors hold the truth as often as they say.

    Parameters
    ----------
    problem : Config or Run
        A configuration: truths are drawn from its prior. A run that has converged: truths are drawn from its posterior.
    runs : int
        How many knees; with fewer than 20 there is no verdict.
    seed : int
        One seed gives one answer, on any number of processes.
    workers : int, optional
        Processes; one for each processor by default. In a script, call this under `if __name__ == "__main__":`.
    on_trial : callable
        Told of each trial when it ends.

    Returns
    -------
    Validation
        Verdict, quantities with the worst first, and what JSON has of them.

    Raises
    ------
    ConfigError, DataError
        If there is no such posterior, or its prior's knees have next to never a pose.
    ChainError
        If the run has not converged, or has fewer draws than `runs`.
    RunError
        If a worker process dies.
    """
    plan = plan_of(problem, runs, seed)
    source = str(problem.path if isinstance(problem, Run) else problem.source or "configuration")
    return judged(plan, source, trials(plan, range(runs), workers, on_trial))


def plan_of(problem: Config | Run, runs: int, seed: int) -> Plan:
    """Return what trials are to be made.

    Raises
    ------
    ConfigError, DataError, ChainError
        As `validate`.
    """
    if not isinstance(problem, Run):
        return Plan(problem, Posterior.from_config(problem).measurements, seed=seed)
    if not problem.converged:
        raise ChainError(
            f"{problem.path}: has not converged, so its draws are not yet the posterior's; go on with "
            f"'calibrate resume {problem.path}'"
        )
    samples = problem.some_samples()
    if len(samples) < runs:
        raise ChainError(f"{problem.path}: has {len(samples)} draws, and {runs} truths are wanted; ask for fewer")
    chosen = np.random.default_rng(seed).choice(len(samples), runs, replace=False)
    return Plan(problem.config, problem.file.measurements, samples[chosen], seed)


def judged(plan: Plan, source: str, done: list[Trial]) -> Validation:
    """Return what trials of a plan say."""
    simulator = plan.simulator()
    names = list(next((trial.ranks for trial in done if trial.ranks), {}))
    over: Literal["prior", "posterior"] = "prior" if plan.truths is None else "posterior"
    return Validation(source, over, plan.seed, done, dict(zip(names, units(simulator, names), strict=True)))
