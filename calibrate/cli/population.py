"""The commands for a population of knees: parse, call, print. No science here."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrate.cli.counting import Counter
from calibrate.ends import CONVERGED, INTERRUPTED, NOT_CONVERGED, SIGNALS, leave, say
from calibrate.errors import ConfigError
from calibrate.options import Json, print_json
from calibrate.texts import count

if TYPE_CHECKING:
    from calibrate.population.sampler import Progress

MODEL, BUDGET = "What is normal over knees", "How far"
Study = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A folder or a glob of TOML files, or a manifest: a CSV with columns knee, config, ..."
    ),
]


def population(
    study: Study,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="POP.h5", help="The file to write.")],
    components: Annotated[
        str | None,
        typer.Option(
            metavar="mcl.log_k,...",
            help="log_k, log_alpha or logit_alpha, reference_strain of strands; by default log_k, log_alpha and "
            "reference_strain of all strands, as far as they are free in all knees.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    covariates: Annotated[
        str | None,
        typer.Option(metavar="sex,age,...", help="The manifest's columns to regress on.", rich_help_panel=MODEL),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(metavar="person", help="The column that says whose knee it is.", rich_help_panel=MODEL),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed: one seed gives one chain.", rich_help_panel=BUDGET)] = 1,
    min_ess: Annotated[
        float | None, typer.Option(min=1.0, help="Effective samples of every parameter.", rich_help_panel=BUDGET)
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stored steps at the most.", rich_help_panel=BUDGET)
    ] = None,
    max_time: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds of sampling at the most.", rich_help_panel=BUDGET)
    ] = None,
    walkers: Annotated[
        int | None, typer.Option(min=4, help="Walkers of each of the four ensembles.", rich_help_panel=BUDGET)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; one for each core by default.", rich_help_panel=BUDGET)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with POP.h5.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing population.")] = False,
    as_json: Json = False,
) -> None:
    """Sample all knees of a study together with the law that they are drawn from: means, spread, correlations."""
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite: use one of them")
    from calibrate.population import Population, start_population
    from calibrate.population.sampler import settings_of
    from calibrate.population.streaming import check_output
    from calibrate.sitting import announce_compiling
    from calibrate.study.knees import load_study

    check_output(output, overwrite=overwrite, resume=resume)
    announce_compiling()
    knees = Population(load_study(study), _listed(components), _listed(covariates) or (), pairs)
    settings = settings_of(
        knees, seed, min_ess=min_ess, max_steps=max_steps, max_time=max_time, walkers=walkers, workers=workers
    )
    if not resume:
        say(f"{count(len(knees.ids), 'knee')}, {count(len(knees.components), 'component')}; finding where they start")
    with Counter(settings.max_steps) as counter, _Stopper() as stopper:
        draws, reason = start_population(
            knees,
            output,
            settings,
            overwrite=overwrite,
            resume=resume,
            on_progress=_counted(counter),
            should_stop=stopper.asked,
        )
    if as_json:
        print_json({"file": str(output), "reason": reason, **draws.summary()})
    elif draws.chains.shape[1]:
        from calibrate.population.view import show

        show(draws)
    if reason == "interrupted":
        say(f"stopped; the file is whole: go on by --resume with -o {output}")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(CONVERGED if draws.converged else NOT_CONVERGED)


def population_summary(
    path: Annotated[Path, typer.Argument(metavar="POP.h5", help="What 'calibrate population' has written.")],
    as_json: Json = False,
) -> None:
    """Show a population: mean, spread and correlations of its knees, effects of covariates, convergence."""
    from calibrate.population import open_population
    from calibrate.sitting import announce_compiling

    announce_compiling()
    draws = open_population(path)
    if as_json:
        print_json({"file": str(path), **draws.summary()})
    else:
        from calibrate.population.view import show

        show(draws)


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _counted(counter: Counter) -> Callable[[Progress], None]:
    """Return what is told of progress and shows it."""

    def on_progress(progress: Progress) -> None:
        line = f"{progress.steps} steps in {progress.seconds:.0f} s"
        if progress.verdict is not None:
            line += f", {progress.verdict.sentence}"
        counter.show(progress.steps, line)

    return on_progress


class _Stopper:
    """Let the first Ctrl-C end the run at the next step; the second one leaves at once."""

    def __init__(self) -> None:
        self._stop = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Stopper:
        for name in SIGNALS:
            if signal.getsignal(name) is not signal.SIG_IGN:
                self._previous[name] = signal.signal(name, self._on_signal)
        return self

    def __exit__(self, *reason: object) -> None:
        for name, handler in self._previous.items():
            signal.signal(name, handler)

    def asked(self) -> bool:
        """Tell whether the run is to end; from when this is asked first, there is something to keep."""
        return self._stop

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stop:
            leave(number, frame)
        self._stop = True
