"""The commands that show a run: as tables, as pictures. No science here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrate.options import BurnIn, Json, RunArgument, print_json
from calibrate.settings import load_matplotlib
from calibrate.texts import printable


def summary(
    path: RunArgument,
    as_json: Json = False,
    burn_in: BurnIn = None,
) -> None:
    """Print estimates, convergence and warnings; works on a run still going."""
    from calibrate.sitting import opened

    content = opened(path, burn_in).summary()
    if as_json:
        print_json(dict(content))
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
    as_json: Json = False,
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
    pictures = list(save_all(result, folder, only=only))
    if animation is not None:
        pictures.append(knee_animation(result, animation))
    if as_json:
        print_json({"file": str(path), "pictures": [str(picture) for picture in pictures]})
        return
    for picture in pictures:
        print(printable(picture))
