"""The commands that show a run: as tables, as pictures. No science here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from calibrate.options import BurnIn, RunArgument
from calibrate.settings import load_matplotlib
from calibrate.texts import printable


def summary(
    path: RunArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    burn_in: BurnIn = None,
) -> None:
    """Print estimates, convergence and warnings; works on a run still going."""
    from calibrate.sitting import opened

    content = opened(path, burn_in).summary()
    if as_json:
        print(json.dumps(dict(content), indent=2, allow_nan=False))
        return
    from calibrate.screen import summary_tables

    summary_tables(content)


def plot(
    path: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the pictures; RUN_plots by default."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this picture, like corner or knee; repeat as needed. All by default."),
    ] = None,
    animation: Annotated[
        Path | None,
        typer.Option(metavar="KNEE.gif", help="Write the knee in motion as well."),
    ] = None,
    burn_in: BurnIn = None,
) -> None:
    """Draw all pictures, each as PNG and PDF: draws, fit, strands, laxity, the knee; works on a run still going."""
    from calibrate.sitting import opened

    result = opened(path, burn_in)
    folder = output if output is not None else path.with_name(f"{path.stem}_plots")
    load_matplotlib()
    from calibrate.figures.animation import check_film, knee_animation
    from calibrate.figures.saving import save_all

    if animation is not None:
        check_film(animation, result, overwrite=True)
    for picture in save_all(result, folder, only=only):
        print(printable(picture))
    if animation is not None:
        print(printable(knee_animation(result, animation)))
