"""A whole run from Python: configuration in, chain file out. The command line is a thin layer over this.

No global state: any process may start any number of runs, each with its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from calibrate import chain
from calibrate.beside import changes
from calibrate.chain.problem import posterior_of
from calibrate.config import Config, SamplingConfig
from calibrate.derived import looked_at
from calibrate.draws import Draws
from calibrate.errors import ChainError, RunError
from calibrate.files import check_target
from calibrate.kinds import CHAIN
from calibrate.lean import emcee
from calibrate.needs import check_needs
from calibrate.posterior import Posterior
from calibrate.sampling.brief import begin
from calibrate.sampling.loop import Budget, Outcome, Progress
from calibrate.sampling.loop import sample as advance
from calibrate.scores.holdout import check_held_out

# Steps that a new file has room for; the writer's own choice unless a test sets it.
_CAPACITY: int | None = None


def _ignore(news: object) -> None:
    pass


def _never() -> bool:
    return False


def start_run(
    problem: Config | Posterior,
    output: str | Path,
    *,
    overwrite: bool = False,
    on_warning: Callable[[str], None] = _ignore,
    on_note: Callable[[str], None] = _ignore,
    on_progress: Callable[[Progress], None] = _ignore,
    should_stop: Callable[[], bool] = _never,
) -> Outcome:
    """Calibrate: fit, start the walkers, sample until converged or out of budget, streaming to a new file.

    Parameters
    ----------
    problem : Config or Posterior
        What to do; `config.sampling` holds seed, thresholds and budget. A posterior brings its configuration along.
    output : str or Path
        The chain file to create, and its folder if need be.
    overwrite : bool
        Replace an existing file.
    on_warning : callable
        Told what the user should know before believing the result.
    on_note : callable
        Told what a data file in another dialect was taken for.
    on_progress, should_stop : callable
        See `calibrate.sampling.loop.sample`.

    Returns
    -------
    Outcome
        How the run ended; `outcome.reason == "converged"` is success.

    Raises
    ------
    CalibrateError
        If configuration, data or output cannot be used; then nothing has been written.
    RunError
        If writing fails in mid-run; then the file is whole up to some step, and can be resumed.
    """
    path, config = Path(output), problem.config if isinstance(problem, Posterior) else problem
    _check_output(path, overwrite, config)
    posterior = problem if isinstance(problem, Posterior) else Posterior.from_config(config)
    check_held_out(posterior)
    for measurement in posterior.measurements.values():
        if measurement.understood:
            on_note(f"{measurement.source}: {measurement.understood}")
    for warning in posterior.warnings:
        on_warning(warning)

    def check(settings: SamplingConfig) -> None:
        check_needs(settings, posterior.ndim, path.parent)

    config, starts = begin(config, posterior, check, on_warning)
    settings = config.sampling
    should_stop()  # from here on there is something to keep: who asks for an end gets it at the next step
    _make_folder(path.parent, settings.durability == "fsync")
    with chain.writing(path):
        _check_output(path, overwrite, config)
        origin = chain.new_origin(config, posterior.measurements, posterior.names, starts)
        chain.create(path, origin, starts, durability=settings.durability, capacity=_CAPACITY)
        budget = Budget(settings.max_steps, settings.max_time)
        with _streaming(path, settings) as backends:
            return advance(
                posterior,
                backends,
                starts,
                settings,
                budget,
                on_progress=on_progress,
                should_stop=should_stop,
                derive=looked_at(posterior, settings.min_ess),
            )


def sample(
    problem: Config | Posterior, seed: int | None = None, *, workers: int = 1, **settings: float | None
) -> Draws:
    """Calibrate in memory: as `start_run`, with the same chain for the same seed, but without a file.

    Nothing global is read or changed, so that any number of these may run at once.

    Parameters
    ----------
    problem : Config or Posterior
        What to sample. A posterior brings its configuration along.
    seed : int, optional
        The configuration's by default.
    workers : int
        Threads.
    **settings
        What `[sampling]` of a configuration may say, in place of what it says: `min_ess=1000`, `max_steps=2000`, ...

    Returns
    -------
    Draws
        Converged, or as far as `max_steps` and `max_time` go.

    Raises
    ------
    CalibrateError
        If configuration or data cannot be used.

    Examples
    --------
    >>> from calibrate.examples import example
    >>> draws = sample(load_config(example("simulated.toml")), seed=1, min_ess=200)
    >>> draws.converged
    True
    """
    config = problem.config if isinstance(problem, Posterior) else problem
    config = config.with_sampling(seed=seed, workers=workers, **settings)
    posterior = problem if isinstance(problem, Posterior) else Posterior.from_config(config)
    config, starts = begin(config, posterior)
    backends = [emcee.backends.Backend() for _ in starts]
    budget, derive = (
        Budget(config.sampling.max_steps, config.sampling.max_time),
        looked_at(posterior, config.sampling.min_ess),
    )
    outcome = advance(posterior, backends, starts, config.sampling, budget, derive=derive)
    coords, log_prob = (np.stack([getattr(one, key)() for one in backends]) for key in ("get_chain", "get_log_prob"))
    acceptance = float(np.mean([one.accepted.mean() / one.iteration for one in backends]))
    # A budget of time may end between two looks.
    judged = outcome.verdict if outcome.verdict is not None and outcome.verdict.steps == coords.shape[1] else None
    return Draws(posterior, config.sampling, chain.Chains(coords, log_prob, acceptance), judged=judged)


def resume_run(
    path: str | Path,
    *,
    steps: int | None = None,
    until_steps: int | None = None,
    max_time: float | None = None,
    min_ess: float | None = None,
    workers: int | None = None,
    on_warning: Callable[[str], None] = _ignore,
    on_progress: Callable[[Progress], None] = _ignore,
    should_stop: Callable[[], bool] = _never,
) -> Outcome:
    """Go on with a run from its file alone; the chain is bit for bit that of a run never stopped.

    Parameters
    ----------
    path : str or Path
        The chain file.
    steps : int, optional
        Take this many more steps, converged or not.
    until_steps : int, optional
        Go on to this many steps in all, converged or not. With neither, go on until converged, or until the
        configuration's `max_steps` have been taken once more.
    max_time : float, optional
        Seconds at the most.
    min_ess : float, optional
        Effective samples to go on to.
    workers : int, optional
        Threads. These three are the configuration's by default.
    on_warning : callable
        Told if the configuration or the data beside the run are others now than those stored in it, which count.
    on_progress, should_stop : callable
        See `calibrate.sampling.loop.sample`.

    Returns
    -------
    Outcome
        How this sitting ended.

    Raises
    ------
    ChainError
        If the file is no run, is damaged, was made from another problem than it is now, or another process is
        writing it.
    RunError
        If writing fails in mid-run.
    """
    path = Path(path)
    chain.read(path)
    with chain.writing(path):
        stored, chains = chain.read_run(path)
        settings = stored.config.with_sampling(max_time=max_time, min_ess=min_ess, workers=workers).sampling
        posterior = posterior_of(path, stored, chains)
        for change in changes(path, stored):
            on_warning(change)
        # Before the file is made one that is written to: what is refused leaves it as it is.
        total = _steps_in_all(path, int(chains.coords.shape[1]) * settings.thin, settings, steps, until_steps)
        budget = Budget(total, settings.max_time, until_converged=steps is None and until_steps is None)
        with _streaming(path, settings) as backends:
            return advance(
                posterior,
                backends,
                stored.starts,
                settings,
                budget,
                outposts=stored.outposts,
                on_progress=on_progress,
                should_stop=should_stop,
                derive=looked_at(posterior, settings.min_ess),
            )


def _steps_in_all(path: Path, done: int, settings: SamplingConfig, more: int | None, until: int | None) -> int:
    """Return how many steps a run that has some is to have in all; see `resume_run`."""
    if more is not None and more < settings.thin:
        raise ChainError(f"{path}: stores every {settings.thin}th step, so --steps has to be {settings.thin} at least")
    if until is not None and until < done:
        raise ChainError(f"{path}: already has {done} steps, more than {until}; use --steps to add some")
    return until if until is not None else done + (settings.max_steps if more is None else more)


def _check_output(path: Path, overwrite: bool, config: Config) -> None:
    check_target(
        path,
        ChainError,
        kind=CHAIN,
        overwrite=overwrite,
        spare=(config.source, *config.data_paths.values()),
        besides=chain.companions(path),
        hint="go on with it by 'calibrate resume', replace it with --overwrite, or choose another with -o",
    )


def _make_folder(folder: Path, durable: bool) -> None:
    """Make a folder and those above it; if `durable`, wait until their names are on the disk."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place in made if durable else ():
            chain.Disk().sync_folder(place.parent)
    except OSError as error:
        raise ChainError(f"{folder}: cannot be made ({error.strerror}); choose another folder with -o") from None


@contextmanager
def _streaming(path: Path, settings: SamplingConfig) -> Iterator[list[chain.StreamingBackend]]:
    """Hand out the backends, leave the file at rest at the end, and say plainly when writing fails."""
    remedy = f"everything stored is whole; make room, then 'calibrate resume {path}' goes on"
    try:
        writer = chain.ChainWriter(
            path, durability=settings.durability, compression=settings.compression, capacity=_CAPACITY
        )
    except OSError as error:
        raise RunError(f"{path}: no room to go on ({error.strerror or error}); {remedy}") from error
    with writer:
        try:
            yield writer.backends
            writer.flush()
        except OSError as error:
            stored = min(writer.stored)
            raise RunError(
                f"{path}: writing failed after {stored} stored steps ({error.strerror or error}); {remedy}"
            ) from error
        try:
            writer.finish()
        except OSError as error:
            raise RunError(
                f"{path}: all {min(writer.stored)} steps are stored, but there is no room for the copy that makes it "
                f"a finished file ({error.strerror or error}); {remedy}"
            ) from error
