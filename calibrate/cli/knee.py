"""The command that reads a knee from another program's model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from calibrate.ends import say
from calibrate.options import parsed_map
from calibrate.texts import printable


def knee(
    model: Annotated[Path, typer.Argument(metavar="THEIR.osim", help="An OpenSim model; it is only read.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="[OURS=A,B]...", help="Further strands.")] = None,
    strands: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OURS=A,B",
            help="A strand and the model's ligaments that it stands for, like mcl=MCL1,MCL2; several may follow.",
        ),
    ] = None,
    side: Annotated[
        Literal["r", "l"] | None, typer.Option(help="Which knee; by default as names or the ligaments' places say.")
    ] = None,
    theta_0: Annotated[
        float,
        typer.Option("--theta-0", metavar="DEG", help="Angle at which the plateau touches both condyles, in degrees."),
    ] = 0.0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="KNEE.toml", help="New file to write; stdout by default.")
    ] = None,
) -> None:
    """Write the knee table of a configuration from a model's ligaments, as far as straight strands go."""
    from calibrate.importing.osim_knee import check_table, knee_from_osim, knee_table, write_table

    given = [str(model), *(more or [])]
    plain = [text for text in given if "=" not in text]
    if len(plain) == 1:  # the model may stand after the strands as well
        model = Path(plain[0])
        given.remove(plain[0])
    else:
        given = given[1:]
    names = parsed_map([*(strands or []), *given], "--strands")
    if output is not None:
        check_table(output, model)
    angle = math.radians(theta_0)
    found = knee_from_osim(model, names, side=side, theta_0=angle)
    table = knee_table(found, model, angle)
    if output is None:
        print(table, end="", flush=True)  # before any note: where it cannot be written, that is all there is to say
    else:
        write_table(table, output)
        print(printable(output))
    for note in (*found.notes, "the model does not give the condyles: measure them, in the same frame"):
        say(note)
