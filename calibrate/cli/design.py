"""The command that says what to measure next. No science here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrate.ends import say
from calibrate.options import Json, RunArgument, print_json
from calibrate.settings import load_matplotlib


def design(
    path: RunArgument,
    target: Annotated[
        str,
        typer.Option(metavar="NAME", help="What is to be known better: a parameter, a derived quantity, or laxity."),
    ] = "mcl.reference_strain",
    candidates: Annotated[
        str | None,
        typer.Option(
            "--candidates",
            "--angles",
            metavar="A,B,...",
            help="What might be read: angles in degrees as the file counts, 8 or -8:8:5; moments, 10Nm, -10Nm; repeat, "
            "the whole test once more. By default angles in and around the measured range, repeat, other flexions.",
        ),
    ] = None,
    flexion: Annotated[
        list[float] | None,
        typer.Option(metavar="DEGREES", help="Read them at another flexion; repeat for several."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Take each reading N times.")] = 1,
    together: Annotated[bool, typer.Option("--together", help="All of --candidates make one candidate.")] = False,
    test: Annotated[str | None, typer.Option(metavar="NAME", help="Which test goes on; the first by default.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the readings that are drawn.")] = 1,
    as_json: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FIGURE.png", help="Draw the promises as well.")
    ] = None,
) -> None:
    """Say what to measure next: by how much candidate readings would narrow a quantity's posterior."""
    load_matplotlib()
    from calibrate.design import chosen, what_next
    from calibrate.design.view import table
    from calibrate.predict_view import check_picture
    from calibrate.sitting import opened

    if output is not None:
        check_picture(output, path)
    run = opened(path)
    of = run.posterior.tests[0] if test is None else run.posterior.test(test)
    wanted = chosen(run, of, candidates, flexions=flexion or (), repeats=repeats, together=together)
    found = what_next(run, target, wanted, test=of.name, seed=seed)
    if output is not None:
        from calibrate.figures.design import design_plot
        from calibrate.figures.whatif import save

        save(design_plot(run, found), output)
        say(f"{output}: what each candidate promises")
    content = {"file": str(path), **found.content()}
    if as_json:
        print_json(content)
    else:
        table(content, path)
