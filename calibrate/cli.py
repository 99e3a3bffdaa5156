"""The commands: parse, call, print. No science here.

Results go to stdout, messages and progress to stderr. Exit codes: 0 done and converged, 1 failed while running,
2 bad usage or input, 3 budget spent without converging or a check failed, 130 interrupted with the file whole.
"""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from calibrate import __version__
from calibrate.design_command import design
from calibrate.ends import (
    BAD_INPUT,
    CONVERGED,
    FAILED,
    INTERRUPTED,
    NOT_CONVERGED,
    complain,
    drop_output,
    is_about_memory,
    need_memory,
    say,
)
from calibrate.errors import CalibrateError, ConfigError, RunError
from calibrate.knee_command import knee
from calibrate.model_commands import predict, simulate
from calibrate.options import BurnIn, OnceCommand, RunArgument, parsed_map
from calibrate.score_commands import compare, score
from calibrate.settings import load_matplotlib
from calibrate.texts import printable
from calibrate.validate_command import validate

# Megabytes of address space below which a command ends in the middle of some library, with none of our words.
_NEEDS = {"run": 720, "resume": 720, "plot": 640, "summary": 440, "repair": 440, "export": 440, "profile": 900}
_NEEDS |= {"simulate": 440, "priors": 440, "predict": 640, "knee": 480, "score": 720, "compare": 900, "design": 720}
_NEEDS |= {"validate": 720}

app = typer.Typer(
    name="calibrate",
    help="What a varus-valgus laxity test says about the knee's collateral ligaments: MCMC calibration.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MaxTime = Annotated[float | None, typer.Option(min=0.0, help="Seconds of sampling at the most.")]
MinEss = Annotated[
    float | None, typer.Option(min=1.0, help="Converged: this many effective samples of every parameter, at least.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Threads; one for each core by default. The chain does not depend on it.")
]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
    need_memory(_NEEDS.get(context.invoked_subcommand or "", 0))


@app.command()
def run(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="A TOML file; without one, the bundled real knee.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="RUN.h5", help="Chain file to write; runs/NAME.h5 by default."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing chain file.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed, in place of the configuration's.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of each ensemble at the most.")] = None,
    max_time: MaxTime = None,
    min_ess: MinEss = None,
    workers: Workers = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(metavar="TEST", help="Do not fit this test, but score how it is foretold; repeat as needed."),
    ] = None,
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
    if config is None:
        say("no CONFIG given: calibrating the bundled example, the real knee oks009")

    from calibrate.runner import start_run
    from calibrate.sitting import sit

    code = sit(target, settings, lambda **calls: start_run(settings, target, overwrite=overwrite, **calls))
    if settings.held_out and code in (CONVERGED, NOT_CONVERGED):
        from calibrate.results import open_run
        from calibrate.scores.holdout import held_out

        for test in held_out(open_run(target)):
            print(printable(test))
    raise typer.Exit(code)


@app.command()
def resume(
    path: RunArgument,
    steps: Annotated[int | None, typer.Option(min=1, help="Take N more steps, converged or not.", metavar="N")] = None,
    until_steps: Annotated[
        int | None, typer.Option(min=1, help="Go on to N steps in all, converged or not.", metavar="N")
    ] = None,
    max_time: MaxTime = None,
    min_ess: MinEss = None,
    workers: Workers = None,
) -> None:
    """Go on with a run from its file alone: until converged, or by the steps asked for."""
    if steps is not None and until_steps is not None:
        raise ConfigError("--steps and --until-steps: use one of them")
    from calibrate.chain import read
    from calibrate.runner import resume_run
    from calibrate.sitting import sit

    changes: dict[str, Any] = {"max_time": max_time, "min_ess": min_ess, "workers": workers}
    raise typer.Exit(
        sit(
            path,
            read(path).config.with_sampling(**changes),
            lambda **calls: resume_run(path, steps=steps, until_steps=until_steps, **changes, **calls),
        )
    )


@app.command()
def repair(
    path: Annotated[Path, typer.Argument(metavar="RUN.h5", help="A damaged chain file; it is only read.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="NEW.h5", help="File to write what is whole to.")],
) -> None:
    """Save what is whole of a chain file that something else has damaged; a killed run needs only 'resume'."""
    from calibrate.chain.repair import repair as save

    done = save(path, output)
    for sentence in done.found or ("no damage found",):
        say(f"{path}: {sentence}")
    say(f"{output}: {done.steps} steps of each ensemble saved")


@app.command()
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


@app.command()
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


@app.command()
def profile(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="A TOML file; without one, the bundled simulated knee.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
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
        print(json.dumps(content, indent=2, allow_nan=False))
    else:
        tables(content)


@app.command()
def priors(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    structure: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this ligament and its parts, like mcl; all by default.")
    ] = None,
) -> None:
    """List published values of ligament properties with their sources, for use as priors."""
    from calibrate.literature_view import as_json as as_object
    from calibrate.literature_view import chosen, tables

    values = chosen(structure)
    if as_json:
        print(json.dumps(as_object(values), indent=2, allow_nan=False))
    else:
        tables(values)


@app.command()
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


for _command in (simulate, predict, knee, score, compare, design, validate):
    app.command()(_command)
for _registered in app.registered_commands:
    _registered.cls = OnceCommand


def main() -> None:
    """Run the command line; every error of the user's is one line on stderr."""
    streams = sys.stdout, sys.stderr
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            complain("interrupted", INTERRUPTED)
    except RunError as error:
        code = complain(error, FAILED)
    except CalibrateError as error:
        code = complain(error, BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        code = complain("interrupted", INTERRUPTED)
    except SystemExit:  # the parser's own way with a reader who is gone, which is to say nothing
        sys.stdout, sys.stderr = streams
        code = _explain(BrokenPipeError(errno.EPIPE, "nobody reads it"))
    except Exception as error:
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    """Say what is not the user's fault nor the program's; raise again what is a bug, for that is shown whole."""
    if is_about_memory(error):
        return complain("there is not enough memory for this; close other programs, or raise the limit", FAILED)
    if isinstance(error, OSError):
        drop_output()  # nobody reads on, or there is no room: there is nothing more to say to it
        return complain(f"the output could not be written ({error.strerror or error})", FAILED)
    if isinstance(error, Warning):
        return complain(f"a warning was made an error by Python's settings (PYTHONWARNINGS, -W): {error}", FAILED)
    if hasattr(error, "format_message"):  # the parser's own complaints
        return complain(error.format_message(), BAD_INPUT)
    raise error
