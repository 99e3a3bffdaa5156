"""The commands that show a run, and hand it on: as tables, as pictures, to another program. No science here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from calibrate.ends import say
from calibrate.options import BurnIn, RunArgument, parsed_map
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
    burn_in: BurnIn = None,
) -> None:
    """Draw corner, traces, load-angle fit and ligament curves; works on a run still going."""
    from calibrate.sitting import opened

    result = opened(path, burn_in)
    folder = output if output is not None else path.with_name(f"{path.stem}_plots")
    load_matplotlib()
    from calibrate.figures import save_all

    for picture in save_all(result, folder):
        print(printable(picture))


def export(
    path: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.osim", help="File to write.")],
    to: Annotated[Literal["osim"], typer.Option(help="Format: osim, an OpenSim model.")] = "osim",
    draw: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Write the N-th posterior draw, from 0; medians by default.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="THEIR.osim", help="Update this model's ligaments; without it, write a planar knee."),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=A,B",
            help="Share a strand of the run out over the model's ligaments A and B, in proportion to their stiffness; "
            "repeat as needed.",
        ),
    ] = None,
    mcl: Annotated[str | None, typer.Option(metavar="NAME", help="Short for --map mcl=NAME.")] = None,
    lcl: Annotated[str | None, typer.Option(metavar="NAME", help="Short for --map lcl=NAME.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    burn_in: BurnIn = None,
) -> None:
    """Write the calibrated ligaments for another program; OpenSim itself is not needed."""
    from calibrate.export import export_osim
    from calibrate.sitting import opened

    del to
    short = [f"{ours}={name}" for ours, name in (("mcl", mcl), ("lcl", lcl)) if name is not None]
    theirs = parsed_map([*(mapping or []), *short], "--map")
    for note in export_osim(opened(path, burn_in), output, draw=draw, model=model, map=theirs, overwrite=overwrite):
        say(note)
    print(printable(output))
