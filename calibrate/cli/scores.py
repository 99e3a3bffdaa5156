"""The commands that ask how well a calibrated knee foretells readings, and which of several does best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrate.ends import say
from calibrate.errors import ConfigError
from calibrate.options import Json, RunArgument, print_json

Refit = Annotated[
    bool, typer.Option("--refit", help="Calibrate anew without each reading whose Pareto k is above 0.7.")
]
_REFIT = "--refit calibrates anew without each reading whose Pareto k is above 0.7, some seconds each"
Seed = Annotated[int, typer.Option(min=0, help="Seed of what is drawn anew.")]


def score(
    path: RunArgument,
    refit: Refit = False,
    tests: Annotated[
        bool, typer.Option("--tests", help="Calibrate anew without each test in turn, and score it.")
    ] = False,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Score how a run foretells its readings: errors by test and arm, intervals, leave-one-out, tests held out."""
    from calibrate.scores import holdout
    from calibrate.sitting import opened

    run = opened(path)
    if tests and len(run.posterior.tests) < 2:
        raise ConfigError(f"--tests: {path} has one test that is fitted, and without it there is nothing to fit")
    found = holdout.scored(run)
    if refit:
        found = holdout.refitted(run, found, seed)
    content = {"file": str(path), "converged": run.converged, **found.content()}
    content["held_out"] = [one.content() for one in holdout.held_out(run)]
    if tests:
        content["left_out"] = [one.content() for one in holdout.leave_tests_out(run, seed)]
    if as_json:
        print_json(content)
        return
    from calibrate.scores.view import score_tables

    score_tables(content)
    if content["bad_pareto_k"] and not refit:
        say(_REFIT)


def compare(
    paths: Annotated[
        list[Path], typer.Argument(metavar="A.h5 B.h5 ...", help="Runs of the same readings, with other models.")
    ],
    refit: Refit = False,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Compare runs of the same readings: leave-one-out differences, stacking weights, evidence."""
    from calibrate.scores.models import compare_models
    from calibrate.sitting import opened

    if repeated := [path for i, path in enumerate(paths) if path.resolve() in [p.resolve() for p in paths[:i]]]:
        raise ConfigError(f"{repeated[0]}: is given twice")
    content = compare_models({str(path): opened(path) for path in paths}, seed, refit=refit).content()
    if as_json:
        print_json(content)
        return
    from calibrate.scores.view import comparison_table

    comparison_table(content)
    if any(model["bad_pareto_k"] for model in content["models"]) and not refit:
        say(_REFIT)
