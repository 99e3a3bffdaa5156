"""The command that says what a configuration means, before anything runs. No science here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrate.ends import say
from calibrate.options import Json, complete_config, print_json
from calibrate.settings import load_matplotlib


def check(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A TOML file; it is only read.", autocompletion=complete_config)
    ],
    as_json: Json = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FIGURE.png", help="Draw the knee, and data over the priors' band."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the knees that are drawn from the priors.")] = 1,
) -> None:
    """Check a configuration before any run: what is understood, and whether its priors allow the knee measured.

    Exit code 0 if it can be run, whatever is said of it, and 2 if not.
    """
    from calibrate.config import load_config

    settings = load_config(config)
    if output is not None:
        load_matplotlib()
        from calibrate.predict_view import check_picture

        check_picture(output, config, *settings.data_paths.values())
    from calibrate.precheck import precheck

    found = precheck(settings, seed=seed)
    if output is not None:
        from calibrate.figures.prior import prior_plot
        from calibrate.figures.whatif import save

        save(prior_plot(found), output)
        say(f"{output}: the knee, and its readings over what the priors foretell")
    if as_json:
        print_json(found.content())
    else:
        from calibrate.precheck_view import tables

        tables(found.content())
