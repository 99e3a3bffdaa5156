"""The commands for many knees: parse, call, print. No science here."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrate.cli.counting import Counter
from calibrate.ends import CONVERGED, INTERRUPTED, NOT_CONVERGED, say
from calibrate.errors import ConfigError
from calibrate.options import Json, key_help, print_json
from calibrate.texts import count, printable

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from calibrate.study import CohortOutcome, CohortProgress

# Knees that are named, one a line; the file has all.
_NAMED = 20

PLAN, TASKS = "Who calibrates", "Clusters"
Study = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A folder or a glob of TOML files, or a manifest: a CSV with columns knee, config, ..."
    ),
]


def cohort(
    study: Study,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the results.")],
    resume: Annotated[bool, typer.Option("--resume", help="Do what is missing of a study that was begun.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The study's; each knee's follows from it and the knee's id.")] = 1,
    max_steps: Annotated[int | None, typer.Option(help=key_help("sampling.max_steps"))] = None,
    max_time: Annotated[float | None, typer.Option(help=key_help("sampling.max_time"))] = None,
    min_ess: Annotated[float | None, typer.Option(min=1.0, help=key_help("sampling.min_ess"))] = None,
    draws: Annotated[int, typer.Option(min=1, help="Thinned draws to keep of each knee.")] = 1000,
    keep_chains: Annotated[
        bool, typer.Option("--keep-chains", help="Keep each knee's whole chain, too: DIR/chains/KNEE.h5.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; one for each core by default.", rich_help_panel=PLAN),
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Knees handed over at a time.", rich_help_panel=PLAN)] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="TCP://...", help="A Dask scheduler whose workers calibrate.", rich_help_panel=PLAN),
    ] = None,
    shard: Annotated[
        str,
        typer.Option(
            metavar="I/N", help="Only the I-th of N parts; no part knows of the others.", rich_help_panel=TASKS
        ),
    ] = "1/1",
    write_slurm: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Print a SLURM job array of N shards, and do no more.", rich_help_panel=TASKS
        ),
    ] = None,
    write_htcondor: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Print an HTCondor submission of N shards.", rich_help_panel=TASKS),
    ] = None,
    as_json: Json = False,
) -> None:
    """Calibrate many knees, each by itself: batches on all cores, or shards on a cluster; one file a shard."""
    if workers is not None and scheduler is not None:
        raise ConfigError("--workers and --scheduler: use one of them")
    if workers is not None and (write_slurm or write_htcondor):
        raise ConfigError("--workers: the tasks that are written have one core each; leave it out")
    from calibrate.study.knees import load_study

    settings = {"max_steps": max_steps, "max_time": max_time, "min_ess": min_ess}
    shards = write_slurm or write_htcondor
    part = _shard(shard) if shards is None else (1, shards)
    knees = load_study(study, seed=seed, shard=part, **settings)
    if shards is not None:
        given = settings | {"seed": seed if seed != 1 else None, "draws": draws if draws != 1000 else None}
        given |= {"batch": batch}
        _print_tasks(study, output, given, keep_chains, write_slurm, write_htcondor)
        return
    from calibrate.sitting import announce_compiling
    from calibrate.study import run_cohort

    announce_compiling()
    with _executor(scheduler) as executor, Counter(len(knees.knees)) as counter:
        outcome = run_cohort(
            knees,
            output,
            executor=executor,
            workers=workers,
            batch=batch,
            draws=draws,
            keep_chains=keep_chains,
            resume=resume,
            on_progress=_counted(counter),
            on_warning=lambda said: say(f"warning: {said}"),
        )
    (_print_json if as_json else _print)(outcome)
    if outcome.reason == "interrupted":
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(NOT_CONVERGED if outcome.not_converged or outcome.failed else CONVERGED)


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None:
        raise ConfigError(f"--shard {text}: must be I/N, like 3/100")
    return int(found[1]), int(found[2])


@contextlib.contextmanager
def _executor(scheduler: str | None) -> Iterator[Executor | None]:
    if scheduler is None:
        yield None
        return
    from calibrate.study.engines import dask_executor

    with dask_executor(scheduler) as executor:
        yield executor


def _counted(counter: Counter) -> Callable[[CohortProgress], None]:
    """Return what is told of progress and shows it."""

    def on_progress(progress: CohortProgress) -> None:
        before, rate = progress.done - progress.taken, progress.taken / max(progress.seconds, 1e-9)
        line = f"{progress.done:,} of {count(progress.total, 'knee')}"
        line += f", {progress.not_converged} not converged, {progress.failed} failed"
        if progress.taken:
            line += f", {rate:.3g} a second, {counter.left(progress.done, before):.0f} s left"
        counter.show(progress.done, line)

    return on_progress


def _print_tasks(
    study: str,
    output: Path,
    given: dict[str, Any],
    keep_chains: bool,
    for_slurm: int | None,
    for_htcondor: int | None,
) -> None:
    from calibrate.study import scripts

    options = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    options += ["--keep-chains"] if keep_chains else []
    arguments = [shutil.which("calibrate") or "calibrate", "cohort", study, "-o", str(output), *options]
    if for_slurm is not None and for_htcondor is not None:
        raise ConfigError("--write-slurm and --write-htcondor: use one of them")
    if for_slurm is not None:
        print(scripts.slurm(arguments, for_slurm), end="")
    elif for_htcondor is not None:
        print(scripts.htcondor(arguments, for_htcondor), end="")


def _print(outcome: CohortOutcome) -> None:
    good = outcome.knees - len(outcome.not_converged) - len(outcome.failed)
    print(
        f"{printable(outcome.file)}: {count(outcome.knees, 'knee')}, {good:,} converged, "
        f"{len(outcome.not_converged):,} not converged, {len(outcome.failed):,} failed"
    )
    lines = [f"not converged: {knee}" for knee in outcome.not_converged]
    lines += [f"failed: {knee}: {message}" for knee, message in outcome.failed.items()]
    for line in lines[:_NAMED]:
        print(printable(line))
    if len(lines) > _NAMED:
        print(f"and {count(len(lines) - _NAMED, 'knee')} more")
    if outcome.taken and outcome.seconds > 0:
        say(
            f"{count(outcome.taken, 'knee')} in {outcome.seconds:.1f} s, {outcome.taken / outcome.seconds:.3g} a second"
        )


def _print_json(outcome: CohortOutcome) -> None:
    print_json(
        {
            "file": str(outcome.file),
            "reason": outcome.reason,
            "knees": outcome.knees,
            "taken": outcome.taken,
            "not_converged": list(outcome.not_converged),
            "failed": dict(outcome.failed),
            "seconds": outcome.seconds,
        }
    )
