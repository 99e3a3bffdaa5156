"""The commands: parse, call, print. No science here.

Results go to stdout, messages and progress to stderr. Exit codes: 0 done and converged, 1 failed while running,
2 bad usage or input, 3 budget spent without converging or a check failed, 130 interrupted with the file whole.
"""

from __future__ import annotations

import errno
import functools
import inspect
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from calibrate import __version__
from calibrate.cli.check import check
from calibrate.cli.cohort import cohort
from calibrate.cli.cohort_summary import cohort_summary
from calibrate.cli.design import design
from calibrate.cli.export import export
from calibrate.cli.importing import import_measurement, init
from calibrate.cli.knee import knee
from calibrate.cli.model import predict, simulate
from calibrate.cli.population import population, population_prior, population_summary
from calibrate.cli.report import report
from calibrate.cli.results import plot, summary
from calibrate.cli.sampling import repair, resume, run
from calibrate.cli.schema import schema
from calibrate.cli.scores import compare, score
from calibrate.cli.tools import priors, profile
from calibrate.cli.validate import validate
from calibrate.cli.watch import watch
from calibrate.ends import BAD_INPUT, FAILED, INTERRUPTED, complain, drop_output, is_about_memory, need_memory, tell
from calibrate.errors import CalibrateError, RunError
from calibrate.journal import be_silent, speak
from calibrate.options import HelpfulGroup, OnceCommand

# Megabytes of address space below which a command ends in the middle of some library, with none of our words.
_NEEDS = {"run": 720, "resume": 720, "plot": 640, "summary": 440, "repair": 440, "export": 440, "profile": 900}
_NEEDS |= {"simulate": 440, "priors": 440, "predict": 640, "knee": 480, "score": 720, "compare": 900, "design": 720}
_NEEDS |= {"validate": 720, "schema": 440, "import": 440, "init": 440, "report": 720, "watch": 440, "check": 640}
_NEEDS |= {"cohort": 720, "cohort-summary": 720, "population": 720, "population-summary": 720, "population-prior": 720}

app = typer.Typer(
    name="calibrate",
    cls=HelpfulGroup,
    help="What a varus-valgus laxity test says about the knee's collateral ligaments: MCMC calibration.",
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# The commands as the help has them: what each group is for, and its commands.
COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Calibrate": (run, resume, watch, repair),
    "Calibrate many": (cohort, cohort_summary, population, population_summary, population_prior),
    "Look at a run": (summary, plot, report, score, compare, export),
    "Ask the knee": (predict, design),
    "Prepare": (import_measurement, init, check, schema, knee, simulate, priors),
    "Check the program": (validate, profile),
}
# One of each, below its help.
EXAMPLES = {
    "run": "calibrate run knee.toml -o knee.h5 --max-time 600",
    "resume": "calibrate resume knee.h5 --min-ess 50000",
    "watch": "calibrate watch knee.h5",
    "repair": "calibrate repair broken.h5 -o saved.h5",
    "cohort": "calibrate cohort study.csv -o results --min-ess 1000",
    "cohort-summary": "calibrate cohort-summary results -o views",
    "population": "calibrate population study.csv -o population.h5 --covariates sex",
    "population-summary": "calibrate population-summary population.h5 --alone results -o views",
    "population-prior": "calibrate population-prior population.h5 -o knees.toml --given sex=female",
    "summary": "calibrate summary knee.h5 --json > knee.json",
    "plot": "calibrate plot knee.h5 -o pictures",
    "report": "calibrate report knee.h5 -o knee.html",
    "score": "calibrate score knee.h5 --refit",
    "compare": "calibrate compare two_strands.h5 three_strands.h5",
    "export": "calibrate export knee.h5 -o draws.csv --derived",
    "predict": "calibrate predict knee.h5 --change mcl.k=*0.5 --moments 5,10",
    "design": "calibrate design knee.h5 --target lcl.k",
    "import": "calibrate import rig.csv --positive varus -o knee.csv",
    "init": "calibrate init rig.csv --positive varus -o knee.toml",
    "check": "calibrate check knee.toml -o check.png",
    "schema": "calibrate schema -o knee.schema.json",
    "knee": "calibrate knee their.osim --strands mcl=MCL1,MCL2 lcl=LCL -o knee.toml",
    "simulate": "calibrate simulate knee.toml --set mcl.k=40 --angles=-8:8:33 -o data.csv",
    "priors": "calibrate priors --structure mcl",
    "validate": "calibrate validate knee.toml --runs 100 -o validation",
    "profile": "calibrate profile --workers 2",
}
# What is a word of Python's, or has a dash in it, cannot name a function.
_NAMES: dict[Callable[..., None], str] = {import_measurement: "import", cohort_summary: "cohort-summary"}
_NAMES |= {population_summary: "population-summary", population_prior: "population-prior"}


MESSAGES = "Messages"
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Only warnings and errors on stderr.", rich_help_panel=MESSAGES)
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="More messages, and more often.", rich_help_panel=MESSAGES)
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log-file",
        metavar="FILE",
        help="Add all messages and progress to this file as well, a line each.",
        rich_help_panel=MESSAGES,
    ),
]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(BAD_INPUT)
    speak(quiet=quiet, verbose=verbose, log_file=log_file)
    need_memory(_NEEDS.get(context.invoked_subcommand or "", 0))


def _speaking(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the options about messages as well, for people write them last."""

    @functools.wraps(command)
    def speaks(*, quiet: bool, verbose: bool, log_file: Path | None, **given: Any) -> None:
        speak(quiet=quiet, verbose=verbose, log_file=log_file)
        tell(f"calibrate {__version__}, Python {platform.python_version()}, {platform.platform()}")
        tell(f"asked: {' '.join(sys.argv[1:])}")
        command(**given)

    own = inspect.signature(command, eval_str=True)
    more = {"quiet": (Quiet, False), "verbose": (Verbose, False), "log_file": (LogFile, None)}
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in more.items()
    ]
    speaks.__signature__ = own.replace(parameters=[*own.parameters.values(), *added])  # type: ignore[attr-defined]  # functions have it
    return speaks


for _group, _commands in COMMANDS.items():
    for _command in _commands:
        _name = _NAMES.get(_command, _command.__name__)
        app.command(_name, cls=OnceCommand, rich_help_panel=_group, epilog=f"Example: {EXAMPLES[_name]}")(
            _speaking(_command)
        )


def main() -> None:
    """Run the command line; every error of the user's is one line on stderr."""
    streams = sys.stdout, sys.stderr
    be_silent()
    try:
        code = app(prog_name="calibrate", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            complain("interrupted", INTERRUPTED)
    except RunError as error:
        code = complain(error, FAILED)
    except CalibrateError as error:
        code = complain(error, BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        code = complain("interrupted", INTERRUPTED)
    except SystemExit as left:
        code = left.code
        if code:  # the parser's own way with a reader who is gone, which is to say nothing; 0 is that of completion
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
    if near := getattr(error, "possibilities", None):  # an option that does not exist
        meant = " or ".join(f"'{option}'" for option in near)
        return complain(f"{getattr(error, 'message', error)}; did you mean {meant}?", BAD_INPUT)
    if hasattr(error, "format_message"):  # the parser's own complaints
        return complain(error.format_message(), BAD_INPUT)
    raise error
