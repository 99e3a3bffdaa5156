"""The commands for a population of knees: parse, call, print. No science here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrate.ends import CONVERGED, NOT_CONVERGED, say
from calibrate.errors import ConfigError
from calibrate.options import Json, print_json
from calibrate.settings import load_matplotlib
from calibrate.texts import printable

if TYPE_CHECKING:
    from calibrate.population.file import Stored
    from calibrate.population.sampler import Progress

_SAMPLING = "How it is sampled"
# Seconds between two lines of progress.
_BETWEEN = 10.0
PopulationArgument = Annotated[
    Path, typer.Argument(metavar="POP.h5", help="A population's file, which 'calibrate population' writes.")
]


def population(
    study: Annotated[
        list[str],
        typer.Argument(
            metavar="STUDY...",
            help="As for 'calibrate cohort': a folder or a glob of TOML files, or a manifest. With --from-runs: runs, "
            "or what 'calibrate cohort' has written. With --resume: nothing.",
            show_default=False,
        ),
    ] = [],  # noqa: B006  # typer's way to say that there may be none
    output: Annotated[Path, typer.Option("-o", "--output", metavar="POP.h5", help="The population's file.")] = ...,  # type: ignore[assignment]  # typer's way to say that it has to be given
    from_runs: Annotated[
        bool,
        typer.Option("--from-runs", help="Put finished calibrations together, without their data; or refuse to."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the file, from itself alone.")] = False,
    components: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="What is normal over knees, like mcl.log_k,mcl.reference_strain; by default log_k, log_alpha and "
            "reference_strain of all strands, as far as they are free in all knees.",
        ),
    ] = None,
    covariates: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Columns of the manifest to regress on, like sex,side.")
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column that says whose knee it is: left and right go together."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another population's file.")] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="One seed gives one chain; 1 by default.", rich_help_panel=_SAMPLING)
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps at the most; 5000 by default.", rich_help_panel=_SAMPLING)
    ] = None,
    max_time: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds at the most.", rich_help_panel=_SAMPLING)
    ] = None,
    min_ess: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            help="Converged: so many effective samples of every parameter of the population; 1000 by default.",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; one for each core by default.", rich_help_panel=_SAMPLING)
    ] = None,
    as_json: Json = False,
) -> None:
    """Calibrate all knees of a study together: what they have in common, and each knee in their company."""
    how: dict[str, Any] = {"max_steps": max_steps, "max_time": max_time, "min_ess": min_ess, "workers": workers}
    what = (_names(components), _names(covariates) or (), pairs)
    on_progress = _told()
    from calibrate.sitting import announce_compiling

    if resume:
        if study or from_runs or any(what) or seed is not None:
            raise ConfigError("--resume: the file says all the rest; give only how far to go, like --min-ess 5000")
        from calibrate.population.calibration import resume_population

        stored, _ = resume_population(output, on_progress=on_progress, **how)
    elif not study:
        raise ConfigError("a study is wanted: a folder, a glob or a manifest, or runs with --from-runs")
    elif from_runs:
        from calibrate.population.calibration import combine

        paths = [Path(one) for one in study]
        how |= {"overwrite": overwrite, "on_progress": on_progress, "on_warning": _warn}
        stored = combine(paths, output, *what, seed, **how)
    else:
        if len(study) > 1:
            raise ConfigError(f"{study[1]}: one study is wanted; runs of single knees need --from-runs")
        from calibrate.population.calibration import start_population
        from calibrate.study.knees import load_study

        announce_compiling()
        knees = load_study(study[0])
        stored, _ = start_population(knees, output, *what, seed, overwrite=overwrite, on_progress=on_progress, **how)
    if as_json:
        print_json(_content(output, stored))
    else:
        print(f"{printable(output)}: {stored.draws.verdict.sentence}")
        say(f"next: calibrate population-summary {printable(output)}")
    raise typer.Exit(CONVERGED if stored.draws.converged else NOT_CONVERGED)


def population_summary(
    path: PopulationArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="A folder for the knees' table and the figures."),
    ] = None,
    alone: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="What 'calibrate cohort' wrote of these knees: each by itself is shown beside it together.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a population: means, spreads, effects and correlations over knees, and what it does to each knee."""
    from calibrate.population.file import read

    stored = read(path)
    before = stored.alone if alone is None else _alone(stored, alone)
    if output is not None:
        if not before:
            raise ConfigError(
                "-o shows each knee by itself and together: say with --alone OUT what calibrate cohort wrote"
            )
        load_matplotlib()
        from calibrate.population.save import save_all

        written = save_all(stored.draws, before, output)
        if as_json:
            print_json({"population": str(path), "written": [str(one) for one in written]})
        else:
            for one in written:
                print(printable(one))
    elif as_json:
        print_json(_content(path, stored))
    else:
        from calibrate.population.view import show

        show(path, stored)


def population_prior(
    path: PopulationArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PRIOR.toml", help="The prior's file, for `{ knees = ... }`.")
    ],
    given: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A covariate of the new knee, like sex=female; repeat as needed."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the predictive draws.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing prior made of knees.")] = False,
) -> None:
    """Write what a population says of a knee that is not in it, as a prior for configurations."""
    import hashlib

    from calibrate.population.file import read
    from calibrate.population.from_runs import save_prior
    from calibrate.population.prior import prior_of

    stored = read(path)
    known = _given(stored, given or [])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    prior = prior_of(stored.draws, known, seed, study=stored.study, source=path.name, sha256=digest)
    save_prior(prior, output, overwrite=overwrite, spare=(path,))
    print(printable(output))


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _told() -> Callable[[Progress], None]:
    """Return what says now and then how far a population is."""
    last = time.monotonic()

    def on_progress(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > _BETWEEN:
            last = time.monotonic()
            line = f"{progress.steps:,} steps of at most {progress.max_steps:,} in {progress.seconds:.0f} s"
            if progress.verdict is not None:
                found = progress.verdict.diagnosis
                line += f"  R-hat {found.worst_rhat:.3f}  ESS {found.smallest_ess:.0f}"
            say(line)

    return on_progress


def _warn(said: str) -> None:
    say(f"warning: {said}")


def _content(path: Path, stored: Stored) -> dict[str, Any]:
    return {"file": str(path), "study": stored.study, **stored.draws.summary(), "trust": dict(stored.trust) or None}


def _alone(stored: Stored, path: Path) -> Mapping[str, Any]:
    """Return the components of knees that were calibrated by themselves."""
    from calibrate.population.components import values
    from calibrate.population.finished import finished

    found, left = finished([path])
    for said in left:
        _warn(said)
    return {one.id: values(one.posterior, stored.draws.population.components, one.draws) for one in found}


def _given(stored: Stored, said: list[str]) -> dict[str, str | float]:
    found: dict[str, str | float] = {}
    numbers = {one.name for one in stored.draws.population.covariates if not one.groups}
    for one in said:
        name, sign, value = one.partition("=")
        if not sign:
            raise ConfigError(f"--given {one}: must be NAME=VALUE, like sex=female")
        try:
            found[name] = float(value) if name in numbers else value
        except ValueError:
            raise ConfigError(f"--given {one}: {name} is a number") from None
    return found
