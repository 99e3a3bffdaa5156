"""One sitting at a run, as the command line holds it: watched, ended in a sentence, and counted by an exit code."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from calibrate.config import Config
from calibrate.ends import CONVERGED, INTERRUPTED, NOT_CONVERGED, say, tell
from calibrate.knee.jit import is_compiled, place
from calibrate.results import Run, open_run
from calibrate.sampling.loop import Outcome
from calibrate.screen import Watch


def announce_compiling() -> None:
    """Say so if what comes next has to be compiled first, on this machine for the first time or always."""
    if place() is None:
        say(
            "compiling for this machine, which takes some ten seconds, and each time anew: no folder to keep compiled "
            "code in can be written; choose one with NUMBA_CACHE_DIR"
        )
    elif not is_compiled():
        say("compiling for this machine, which takes some ten seconds and is done once")


def opened(path: Path, burn_in: int | None = None) -> Run:
    """Open a run for a command; whoever does so sees whether its log-probabilities are the posterior's, compiled.

    Raises
    ------
    ChainError
        As `calibrate.open_run`.
    """
    announce_compiling()
    return open_run(path, burn_in)


def sit(path: Path, config: Config, go: Callable[..., Outcome], *, view: bool = False) -> tuple[int, dict[str, Any]]:
    """Run one sitting under a progress display, say how it ended, and return the exit code, and all of it for JSON.

    With `view`, what `calibrate watch` shows is shown in the place of the progress.
    """
    announce_compiling()
    of = config.sampling
    tell(f"{path}: {of.ensembles} ensembles, seed {of.seed}; compiled code in {place()}")
    with _display(path, config, view) as watch:
        outcome = go(on_warning=watch.on_warning, on_progress=watch.on_progress, should_stop=watch.should_stop)
    return _ended(path, outcome), {
        "file": str(path),
        "reason": outcome.reason,
        "converged": outcome.reason == "converged",
        "steps": outcome.steps,
        "taken": outcome.taken,
        "seconds": outcome.seconds,
        "verdict": None if outcome.verdict is None else outcome.verdict.sentence,
    }


def _ended(path: Path, outcome: Outcome) -> int:
    """Say how a sitting ended and what may come next; return the exit code."""
    quoted = shlex.quote(str(path))
    steps = f"{outcome.steps} steps in {outcome.seconds:.1f} s"
    if outcome.reason == "converged":
        say(f"converged after {steps}")
        say(f"next: calibrate summary {quoted}; calibrate plot {quoted}")
        return CONVERGED
    if outcome.reason == "interrupted":
        say(f"stopped after {steps}; the file is whole: calibrate resume {quoted}")
        return INTERRUPTED
    say(f"budget spent after {steps}")
    if outcome.verdict is not None:
        say(outcome.verdict.sentence)
    say(f"{_remedy(outcome)}: calibrate resume {quoted}")
    return NOT_CONVERGED


def _display(path: Path, config: Config, view: bool) -> Watch:
    if not view:
        return Watch(config)
    from calibrate.watching.beside import WatchBeside

    return WatchBeside(config, path)


def _remedy(outcome: Outcome) -> str:
    """Say what to do about a run that has not converged, and how long that would take."""
    more = None if outcome.verdict is None else outcome.verdict.more_steps
    if more is None:
        return "go on" if outcome.verdict is None else outcome.verdict.advice.removesuffix(" with 'calibrate resume'")
    took = f", {more * outcome.seconds / outcome.taken:.0f} s" if outcome.taken else ""
    return f"go on, by the pace so far for about {more} more steps{took}"
