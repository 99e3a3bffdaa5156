"""The commands for a population of knees: parse, call, print. No science here."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from calibrate.cli.counting import Counter
from calibrate.decimals import read_number
from calibrate.ends import CONVERGED, INTERRUPTED, NOT_CONVERGED, SIGNALS, leave, say
from calibrate.errors import ConfigError
from calibrate.options import Json, print_json
from calibrate.settings import load_matplotlib
from calibrate.texts import count, printable

if TYPE_CHECKING:
    from calibrate.population import PopulationDraws
    from calibrate.population.sampler import Progress

MODEL, BUDGET = "What is normal over knees", "How far"
Study = Annotated[
    list[str],
    typer.Argument(
        metavar="STUDY",
        help="A folder or a glob of TOML files, or a manifest: a CSV with columns knee, config, ...; with --from-runs "
        "what 'calibrate cohort' has written, or runs of one knee each.",
    ),
]
File = Annotated[Path, typer.Argument(metavar="POP.h5", help="What 'calibrate population' has written.")]


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
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed: one seed gives one chain; 1 by default.", rich_help_panel=BUDGET)
    ] = None,
    min_ess: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            help="Effective samples of every parameter; 1,000 by default, or as POP.h5 has it with --resume.",
            rich_help_panel=BUDGET,
        ),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stored steps at the most.", rich_help_panel=BUDGET)
    ] = None,
    max_time: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds of sampling at the most.", rich_help_panel=BUDGET)
    ] = None,
    walkers: Annotated[
        int | None,
        typer.Option(
            min=4,
            help="Walkers of each of the four ensembles: even, two for each free parameter of a knee or more.",
            rich_help_panel=BUDGET,
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; one for each core by default.", rich_help_panel=BUDGET)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with POP.h5.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing population.")] = False,
    from_runs: Annotated[
        bool,
        typer.Option("--from-runs", help="Put finished calibrations together, without their data; or refuse to."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Sample all knees of a study together with the law that they are drawn from: means, spread, correlations."""
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite: use one of them")
    what = (_listed(components), _listed(covariates) or [], pairs)
    how: dict[str, Any] = {"min_ess": min_ess, "max_steps": max_steps, "max_time": max_time, "walkers": walkers}
    how |= {"workers": workers}
    if from_runs:
        if resume:
            raise ConfigError("--from-runs and --resume: use one of them")
        _combine(study, output, what, 1 if seed is None else seed, how, overwrite=overwrite, as_json=as_json)
    if len(study) > 1:
        raise ConfigError(f"{study[1]}: one study is wanted; finished calibrations need --from-runs")
    from calibrate.population import Population, start_population
    from calibrate.population.cautions import cautions, check
    from calibrate.population.sampler import settings_of
    from calibrate.population.streaming import check_output
    from calibrate.sitting import announce_compiling
    from calibrate.study.knees import load_study

    source = load_study(study[0])
    inputs = [Path(study[0]), *(knee.source for knee in source.knees)]
    check_output(output, overwrite=overwrite, resume=resume, spare=inputs)
    if resume:
        how = _gone_on(output, seed, how)
    knees = Population(source, *what)
    check(knees)
    _warn(cautions(knees))
    settings = settings_of(knees, seed, **how)
    announce_compiling()
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
    path: File,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="A folder for the knees' table and the figures."),
    ] = None,
    alone: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="What 'calibrate cohort' wrote of these knees: each by itself stands beside it among the others.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a population: mean, spread and correlations of its knees, effects of covariates, convergence."""
    from calibrate.population import open_population
    from calibrate.population.cautions import cautions
    from calibrate.sitting import announce_compiling

    if alone is not None and output is None:
        raise ConfigError("--alone: the table and the figures that it is for go into a folder; give one with -o")
    announce_compiling()
    draws = open_population(path)
    _warn(cautions(draws.population))
    if output is not None:
        _save(path, draws, output, alone, as_json=as_json)
    elif as_json:
        print_json({"file": str(path), **draws.summary()})
    else:
        from calibrate.population.view import show

        show(draws)


def population_prior(
    path: File,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PRIOR.toml", help="The prior's file, for { knees = ... }.")
    ],
    given: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A covariate of the new knee, like sex=female; repeat as needed. A number outside the study's range "
            "is warned of; farther outside than the range is wide, it is refused.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the predictive draws.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing prior made of knees.")] = False,
    as_json: Json = False,
) -> None:
    """Write what a population says of a knee that is not in it, as a prior for configurations."""
    import hashlib

    from calibrate.population import open_population
    from calibrate.population.cautions import cautions
    from calibrate.population.from_runs import save_prior
    from calibrate.population.prior import outside, poor, prior_of

    draws = open_population(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    prior = prior_of(draws, _given(draws, given or []), seed, source=path.name, sha256=digest)
    save_prior(prior, output, overwrite=overwrite, spare=[path])
    warnings = [*cautions(draws.population), *outside(prior), *poor(prior)]
    _warn(warnings)
    if as_json:
        print_json({"population": str(path), "prior": str(output), "warnings": warnings})
    else:
        print(printable(output))


def _warn(said: Sequence[str]) -> None:
    for sentence in said:
        say(f"warning: {sentence}")


def _gone_on(output: Path, seed: int | None, how: dict[str, Any]) -> dict[str, Any]:
    """Return settings of a run that goes on: it keeps what it was begun with, and its threshold unless one is given."""
    from calibrate.population.file import thresholds

    for name, value in (("--seed", seed), ("--walkers", how["walkers"])):
        if value is not None:
            raise ConfigError(f"--resume and {name}: {output} keeps what it was begun with; leave {name} out")
    return how | {"min_ess": thresholds(output)[1] if how["min_ess"] is None else how["min_ess"]}


def _combine(
    paths: list[str],
    output: Path,
    what: tuple[list[str] | None, list[str], str | None],
    seed: int,
    how: dict[str, Any],
    *,
    overwrite: bool,
    as_json: bool,
) -> NoReturn:
    """Put finished calibrations together, print them, and leave."""
    from calibrate.population.combined import combine

    draws = combine(
        [Path(one) for one in paths],
        output,
        *what,
        seed,
        overwrite=overwrite,
        on_warning=lambda said: say(f"warning: {said}"),
        **how,
    )
    if as_json:
        print_json({"file": str(output), **draws.summary(), "trust": dict(draws.trust)})
    else:
        from calibrate.population.view import show

        show(draws)
    raise typer.Exit(CONVERGED if draws.converged else NOT_CONVERGED)


def _save(path: Path, draws: PopulationDraws, output: Path, alone: Path | None, *, as_json: bool) -> None:
    """Write what the population does to its knees."""
    before: Mapping[str, Any] = draws.alone
    if alone is not None:
        from calibrate.population.finished import finished

        found, left = finished([alone])
        _warn(left)
        ids, components = draws.population.ids, draws.population.components
        try:
            before = {one.id: one.components(components) for one in found if one.id in ids}
        except ConfigError as error:
            raise ConfigError(f"--alone {alone}: {error}") from None
    elif not before:
        raise ConfigError(
            "-o shows each knee by itself and among the others: say with --alone what 'calibrate cohort' wrote"
        )
    load_matplotlib()
    from calibrate.population.save import save_all

    written = save_all(draws, before, output)
    if as_json:
        print_json({"population": str(path), "written": [str(one) for one in written]})
    else:
        for one in written:
            print(printable(one))


def _given(draws: PopulationDraws, said: list[str]) -> dict[str, str | float]:
    """Return what is said of the new knee: numbers where the study has numbers."""
    found: dict[str, str | float] = {}
    numbers = {one.name for one in draws.population.covariates if not one.groups}
    for one in said:
        name, sign, value = one.partition("=")
        if not sign:
            raise ConfigError(f"--given {one}: must be NAME=VALUE, like sex=female")
        try:
            found[name] = read_number(value) if name in numbers else value
        except ValueError:
            raise ConfigError(f"--given {one}: {name} is a number") from None
    return found


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
