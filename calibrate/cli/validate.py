"""The command that checks the program by itself: parse, call, print. No science here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibrate.cli.counting import Counter
from calibrate.ends import CONVERGED, NOT_CONVERGED, say
from calibrate.errors import ExportError
from calibrate.options import Json, print_json
from calibrate.settings import load_matplotlib

if TYPE_CHECKING:
    from calibrate.config import Config
    from calibrate.results import Run
    from calibrate.validate import Trial, Validation


def validate(
    problem: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG|RUN.h5]",
            help="A TOML file: truths from its prior. A run that has converged: truths from its posterior. Without "
            "either, the bundled real knee.",
        ),
    ] = None,
    runs: Annotated[int, typer.Option(min=20, max=100_000, help="Knees to simulate and calibrate.")] = 200,
    as_json: Json = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the figure and the JSON, with all ranks."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; one for each core by default. The answer does not depend on it."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of truths, readings and fits.")] = 1,
) -> None:
    """Check by simulation that posteriors hold the truth as often as they say; not whether the model is right."""
    knee = _problem(problem)
    if output is not None:
        load_matplotlib()
        _check_folder(output, problem)
    from calibrate.sitting import announce_compiling
    from calibrate.validate import validate as check

    announce_compiling()
    with Counter(runs) as counter:
        found = check(knee, runs, seed=seed, workers=workers, on_trial=_counted(counter, runs))
    if output is not None:
        _write(found, output)
    if as_json:
        print_json(found.content())
    else:
        from calibrate.validate.view import table

        table(found)
    raise typer.Exit(CONVERGED if found.passed else NOT_CONVERGED)


def _problem(path: Path | None) -> Config | Run:
    """Load what is to be checked: a run is told by its name, or by what it holds."""
    from calibrate.config import load_config
    from calibrate.examples import example
    from calibrate.kinds import CHAIN

    if path is None:
        say("no CONFIG given: checking with the bundled example, the real knee oks009")
        return load_config(example("oks009.toml"))
    try:
        is_run = path.suffix.lower() in CHAIN.suffixes or (path.stat().st_size > 0 and CHAIN.holds(path))
    except (OSError, ValueError):
        is_run = False  # the reader of configurations has words for it
    if not is_run:
        return load_config(path)
    from calibrate.sitting import opened

    return opened(path)


def _check_folder(folder: Path, problem: Path | None) -> None:
    """Refuse a folder or files in it that could not be written, before anything is computed."""
    from calibrate.files import check_target
    from calibrate.kinds import VALIDATION, picture_of, promised

    promise = promised(folder)
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file; name a folder with -o")
    if promise is not None and not folder.exists():
        raise ExportError(
            f"{folder}: this name is that of {promise}, and what is written is a folder; name one with -o"
        )
    for name in ("validation.json", "validation.png", "validation.pdf"):
        path = folder / name
        kind = picture_of(path) or VALIDATION
        check_target(path, ExportError, kind=kind, overwrite=True, spare=(problem,))


def _write(found: Validation, folder: Path) -> None:
    from calibrate.files import replacing

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{folder}: cannot be made ({error.strerror}); choose another folder with -o") from None
    if found.quantities:
        from calibrate.figures.validation import save, validation_plot

        written += save(validation_plot(found), folder)
    with replacing(folder / "validation.json", ExportError) as temporary:
        temporary.write_text(json.dumps(found.content(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    for path in (*written, folder / "validation.json"):
        say(path)


def _counted(counter: Counter, runs: int) -> Callable[[Trial], None]:
    """Return what is told of each trial and shows how many there were."""
    done = lost = 0

    def on_trial(trial: Trial) -> None:
        nonlocal done, lost
        done, lost = done + 1, lost + bool(trial.trouble)
        counter.show(done, f"{done} of {runs} knees, {lost} without an answer, {counter.left(done):.0f} s left")

    return on_trial
