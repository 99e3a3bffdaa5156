"""A population from a study to a file: start, go on, or put finished calibrations together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrate.errors import ChainError
from calibrate.population.draws import PopulationDraws
from calibrate.population.file import Stored, check_output, read, write
from calibrate.population.from_runs import from_runs
from calibrate.population.model import Member, Population
from calibrate.population.sampler import Progress, Reason, Run, Settings, advance, begin, settings_of
from calibrate.sampling.verdict import Verdict
from calibrate.study.knees import Study


def _ignore(news: object) -> None:
    pass


def start_population(
    study: Study,
    path: str | Path,
    components: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    pairs: str | None = None,
    seed: int | None = None,
    *,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] = _ignore,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: float | None,
) -> tuple[Stored, Reason]:
    """Sample the knees of a study jointly, with a file that is written at each look.

    Parameters
    ----------
    study : Study
        See `calibrate.study.load_study`.
    path : str or Path
        The file, and its folder if need be.
    components, covariates, pairs
        See `Population`.
    seed, **settings
        See `calibrate.population.sampler.Settings`.
    overwrite : bool
        Replace another population's file.
    on_progress, should_stop : callable
        See `calibrate.population.sample`.

    Returns
    -------
    Stored
        What the file holds.
    str
        Why it ended: `converged`, `steps`, `time` or `interrupted`.

    Raises
    ------
    CalibrateError
        If a knee or a setting cannot be used, or the file not be written.
    """
    path = Path(path)
    check_output(path, overwrite=overwrite, spare=_inputs(study))
    population = Population(
        [Member(knee.id, knee.posterior(), knee.covariates) for knee in study.knees], components, covariates, pairs
    )
    chosen = settings_of(population, seed, **settings)
    return _go_on(path, begin(population, chosen), chosen, study.source, on_progress, should_stop)


def resume_population(
    path: str | Path,
    *,
    on_progress: Callable[[Progress], None] = _ignore,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: float | None,
) -> tuple[Stored, Reason]:
    """Go on from a file alone; the draws are those of a run that was never stopped.

    Parameters
    ----------
    path : str or Path
        The file.
    on_progress, should_stop : callable
        See `calibrate.population.sample`.
    **settings
        `max_steps` (in all), `max_time`, `min_ess` and `workers`, in place of those stored.

    Raises
    ------
    ChainError
        If it is no population's file, is damaged, or was made of finished calibrations.
    """
    path = Path(path)
    stored = read(path)
    if stored.run is None:
        raise ChainError(f"{path}: was made of finished calibrations, so there is nothing to go on with")
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    return _go_on(path, stored.run, replace(stored.settings, **given), stored.study, on_progress, should_stop)


def combine(
    paths: Sequence[Path],
    path: str | Path,
    components: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    pairs: str | None = None,
    seed: int | None = None,
    *,
    overwrite: bool = False,
    on_warning: Callable[[str], None] = _ignore,
    on_progress: Callable[[Progress], None] = _ignore,
    **settings: float | None,
) -> Stored:
    """Put finished calibrations of single knees together, and keep the population in a file.

    Parameters
    ----------
    paths : sequence of Path
        See `from_runs`.
    path : str or Path
        The file.
    components, covariates, pairs, seed, overwrite, on_progress, **settings
        See `start_population`.
    on_warning : callable
        Told what has been left out, and what limits the answer.

    Raises
    ------
    CalibrateError
        If they cannot be read, or cannot stand for their knees; then nothing is written.
    """
    path = Path(path)
    check_output(path, overwrite=overwrite, spare=tuple(paths))
    how: dict[str, Any] = settings | {"on_progress": on_progress, "on_warning": on_warning}
    draws, trust, alone = from_runs(paths, components, covariates, pairs, seed, **how)
    chosen = replace(
        settings_of(draws.population, seed, **settings),
        ensembles=draws.chains.shape[0],
        walkers=draws.chains.shape[2],
    )
    stored = Stored(draws, chosen, ", ".join(one.name for one in paths), None, trust.content(), alone)
    write(path, stored)
    return stored


def _go_on(
    path: Path,
    run: Run,
    settings: Settings,
    study: str,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> tuple[Stored, Reason]:
    def stored(verdict: Verdict) -> Stored:
        return Stored(PopulationDraws.of(run.population, run.record, verdict), settings, study, run)

    verdict, reason = advance(
        run,
        settings,
        on_progress=on_progress,
        should_stop=should_stop,
        on_look=lambda verdict: write(path, stored(verdict)),
    )
    now = stored(verdict)
    if run.record.steps:
        write(path, now)
    return now, reason


def _inputs(study: Study) -> tuple[Path, ...]:
    """Return the files that a study is read from."""
    files = [knee.source for knee in study.knees if knee.source is not None]
    for knee in study.knees:
        files += knee.config.data_paths.values()
    source = Path(study.source)
    return (*dict.fromkeys(files), *([source] if source.is_file() else []))
