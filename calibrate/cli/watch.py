"""The command that looks on while a run goes. No science here."""

from __future__ import annotations

from typing import Annotated

import typer

from calibrate.options import RunArgument, print_json


def watch(
    path: RunArgument,
    once: Annotated[bool, typer.Option("--once", help="Look once, and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Look once, and print one JSON object.")] = False,
    every: Annotated[
        float | None,
        typer.Option(
            min=0.1, metavar="SECONDS", help="Time between two looks: 1 on a terminal, 10 elsewhere, by default."
        ),
    ] = None,
) -> None:
    """Look on while a run goes in another terminal: courses, R-hat, effective samples, pace. q leaves; the run goes on.

    Ends when nobody writes the file any more: with 0 if the run has converged, else with 3.
    """
    import time

    from calibrate.sitting import announce_compiling
    from calibrate.watching.follow import follow
    from calibrate.watching.follow import once as look_once
    from calibrate.watching.glance import Watcher

    announce_compiling()
    if as_json:
        print_json(Watcher(path).glance(time.monotonic()).content())
    elif once:
        look_once(path)
    else:
        raise typer.Exit(follow(path, every))
