"""A population onto a file: begun, or gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from calibrate import chain
from calibrate.errors import ChainError
from calibrate.files import check_target
from calibrate.kinds import POPULATION
from calibrate.population import file
from calibrate.population.draws import PopulationDraws
from calibrate.population.model import Population
from calibrate.population.run import Run
from calibrate.population.sampler import Looks, Progress, Reason, Settings, advance, begin
from calibrate.sampling.verdict import Verdict

# Between two times that the file is written: seconds, and times what writing takes.
_PAUSE, _TIMES = 20.0, 20.0


def start_population(
    population: Population,
    output: str | Path,
    settings: Settings,
    *,
    overwrite: bool = False,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[PopulationDraws, Reason]:
    """Sample a population onto a file, until converged or out of budget.

    Parameters
    ----------
    population : Population
        What to sample.
    output : str or Path
        The file.
    settings : Settings
        How far to go; `settings_of` makes them. Of a run that goes on, seed, walkers, ensembles and `thin` are those
        that it began with.
    overwrite : bool
        Replace an existing population.
    resume : bool
        Go on from what the file has.
    on_progress, should_stop : callable
        See `calibrate.population.sample`.

    Returns
    -------
    draws : PopulationDraws
        All that has been drawn so far.
    reason : str
        "converged", "steps", "time" or "interrupted".

    Raises
    ------
    CalibrateError
        If the file cannot be used, is of another study, or another process writes it; or a knee cannot be started.
    RunError
        If there is no room; what was written before is whole.
    """
    path = Path(output)
    check_output(path, overwrite=overwrite, resume=resume)
    with chain.writing(path):
        run = _resumed(path, population) if resume else begin(population, settings)
        saver = _Saver(path, run)
        verdict, reason = advance(
            run, settings, on_progress=on_progress, should_stop=should_stop, on_step=saver.now_and_then
        )
        saver.save()
    return PopulationDraws.of(run.population, run.record, verdict), reason


def open_population(path: str | Path) -> PopulationDraws:
    """Read a population from its file.

    Raises
    ------
    ChainError
        If there is none, or it is damaged.
    """
    run = file.load(Path(path))
    if not run.record.knees:
        raise ChainError(f"{path}: holds no step yet; go on with 'calibrate population --resume'")
    return PopulationDraws.of(run.population, run.record, verdict_of(run))


def verdict_of(run: Run) -> Verdict:
    """Return the verdict on a run as far as it has come, by the usual thresholds."""
    return Looks(run, Settings()).judge()


def check_output(path: Path, *, overwrite: bool, resume: bool) -> None:
    """Refuse a file that could not be written.

    Raises
    ------
    ChainError
        If it is there already and may not be replaced.
    """
    if resume:
        return
    check_target(
        path,
        ChainError,
        kind=POPULATION,
        overwrite=overwrite,
        besides=chain.companions(path),
        hint="go on with it by --resume, replace it with --overwrite, or choose another with -o",
    )


def _resumed(path: Path, population: Population) -> Run:
    run = file.load(path)
    if changed := file.differences(run, population):
        raise ChainError(f"{path}: is of another study: {changed}; start anew with another -o")
    return run


class _Saver:
    """Writes a run now and then."""

    def __init__(self, path: Path, run: Run) -> None:
        self._path, self._run, self._took = path, run, 0.0
        self._last = time.monotonic()

    def now_and_then(self) -> None:
        """Write the run if the last time is long ago."""
        if time.monotonic() - self._last > max(_PAUSE, _TIMES * self._took):
            self.save()

    def save(self) -> None:
        """Write the run."""
        since = time.monotonic()
        file.save(self._path, self._run)
        self._last = time.monotonic()
        self._took = self._last - since
