"""The commands that need neither a run nor a knee of the user's: the ladder of speed, and published values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrate.ends import say
from calibrate.options import Json, print_json
from calibrate.settings import load_matplotlib


def profile(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="A TOML file; without one, the bundled simulated knee.")
    ] = None,
    as_json: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PICTURE", help="Draw a bar chart as well.")
    ] = None,
    angles: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH:N", help="Angles in degrees; the data file's by default, -8:8:33 for no CONFIG."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of the pool; all processors by default.")
    ] = None,
) -> None:
    """Measure the ladder of speed, from the symbolic knee to the process pool; takes about half a minute."""
    from calibrate.config import load_config
    from calibrate.examples import example

    load_matplotlib()
    from calibrate.profile_view import check_picture, draw, tables
    from calibrate.profiling import profile as measure

    settings = load_config(example("simulated.toml") if config is None else config)
    if output is not None:
        check_picture(output, settings)
    content = measure(settings, angles=angles or ("-8:8:33" if config is None else None), workers=workers)
    if output is not None:
        draw(content, output)
        say(f"{output}: bar chart")
    if as_json:
        print_json(content)
    else:
        tables(content)


def priors(
    as_json: Json = False,
    structure: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this ligament and its parts, like mcl; all by default.")
    ] = None,
) -> None:
    """List published values of ligament properties with their sources, for use as priors."""
    from calibrate.literature_view import as_json as as_object
    from calibrate.literature_view import chosen, tables

    values = chosen(structure)
    if as_json:
        print_json(as_object(values))
    else:
        tables(values)
