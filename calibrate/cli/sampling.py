"""The commands that make a chain file: start, go on, save what is whole of a damaged one. No science here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from calibrate.cli import report as page
from calibrate.ends import CONVERGED, NOT_CONVERGED, say
from calibrate.errors import ConfigError
from calibrate.options import Json, RunArgument, complete_config, key_help, print_json
from calibrate.texts import printable

MaxTime = Annotated[float | None, typer.Option(help=key_help("sampling.max_time"))]
MinEss = Annotated[float | None, typer.Option(min=1.0, help=key_help("sampling.min_ess"))]
Workers = Annotated[int | None, typer.Option(min=1, help=key_help("sampling.workers"))]

View = Annotated[
    bool, typer.Option("--watch", help="Show each parameter's course and figures while it runs, as 'watch' does.")
]


def run(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG]", help="A TOML file; without one, the bundled real knee.", autocompletion=complete_config
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="RUN.h5", help="Chain file to write; runs/NAME.h5 by default."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing chain file.")] = False,
    seed: Annotated[int | None, typer.Option(help=key_help("sampling.seed"))] = None,
    max_steps: Annotated[int | None, typer.Option(help=key_help("sampling.max_steps"))] = None,
    max_time: MaxTime = None,
    min_ess: MinEss = None,
    workers: Workers = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(metavar="TEST", help="Do not fit this test, but score how it is foretold; repeat as needed."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Make a page of the run when it ends, RUN_report.html beside it.")
    ] = False,
    view: View = False,
    as_json: Json = False,
) -> None:
    """Start a calibration: run until converged, or until the budget is spent."""
    from calibrate.config import load_config
    from calibrate.examples import example

    chosen = example("oks009.toml") if config is None else config
    settings = load_config(chosen).with_sampling(
        seed=seed, max_steps=max_steps, max_time=max_time, min_ess=min_ess, workers=workers
    )
    settings = settings.with_held_out(hold_out or [])
    target = output if output is not None else Path("runs") / f"{chosen.stem}.h5"
    if report:  # before a run of minutes or hours
        page.check(target, page.beside(target), overwrite=overwrite)
    if config is None:
        say("no CONFIG given: calibrating the bundled example, the real knee oks009")

    from calibrate.runner import start_run
    from calibrate.sitting import sit

    code, content = sit(
        target,
        settings,
        lambda **calls: start_run(settings, target, overwrite=overwrite, on_note=say, **calls),
        view=view,
    )
    if code in (CONVERGED, NOT_CONVERGED):
        content |= _afterwards(target, settings.held_out, report, overwrite, silent=as_json)
    if as_json:
        print_json(content)
    raise typer.Exit(code)


def _afterwards(
    target: Path, held_out: Sequence[str], report: bool, overwrite: bool, *, silent: bool
) -> dict[str, Any]:
    """Score the tests that were held out and make the page, if asked to; print both, and return them for JSON."""
    content: dict[str, Any] = {}
    if held_out:
        from calibrate.results import open_run
        from calibrate.scores import holdout

        tests = [*holdout.held_out(open_run(target))]
        content["held_out"] = [test.content() for test in tests]
        if not silent:
            print(*map(printable, tests), sep="\n")
    if report:
        content["report"] = str(page.make(target, overwrite=overwrite))
        if not silent:
            print(printable(content["report"]))
    return content


def resume(
    path: RunArgument,
    steps: Annotated[int | None, typer.Option(min=1, help="Take N more steps, converged or not.", metavar="N")] = None,
    until_steps: Annotated[
        int | None, typer.Option(min=1, help="Go on to N steps in all, converged or not.", metavar="N")
    ] = None,
    max_time: MaxTime = None,
    min_ess: MinEss = None,
    workers: Workers = None,
    view: View = False,
    as_json: Json = False,
) -> None:
    """Go on with a run from its file alone: until converged, or by the steps asked for."""
    if steps is not None and until_steps is not None:
        raise ConfigError("--steps and --until-steps: use one of them")
    from calibrate.chain import read
    from calibrate.runner import resume_run
    from calibrate.sitting import sit

    changes: dict[str, Any] = {"max_time": max_time, "min_ess": min_ess, "workers": workers}
    code, content = sit(
        path,
        read(path).config.with_sampling(**changes),
        lambda **calls: resume_run(path, steps=steps, until_steps=until_steps, **changes, **calls),
        view=view,
    )
    if as_json:
        print_json(content)
    raise typer.Exit(code)


def repair(
    path: Annotated[Path, typer.Argument(metavar="RUN.h5", help="A damaged chain file; it is only read.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="NEW.h5", help="File to write what is whole to.")],
    as_json: Json = False,
) -> None:
    """Save what is whole of a chain file that something else has damaged; a killed run needs only 'resume'."""
    from calibrate.chain.repair import repair as save

    done = save(path, output)
    for sentence in done.found or ("no damage found",):
        say(f"{path}: {sentence}")
    say(f"{output}: {done.steps} steps of each ensemble saved")
    if as_json:
        print_json({"file": str(output), "found": list(done.found), "steps": done.steps})
