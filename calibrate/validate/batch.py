"""Many trials, on as many processes as there are processors; the answer does not depend on how many."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from calibrate.errors import RunError
from calibrate.processes import begin_worker, cores, deaf_to_interrupts
from calibrate.validate.trial import Plan, Trial, attempt


def trials(
    plan: Plan, runs: Sequence[int], workers: int | None = None, on_trial: Callable[[Trial], None] = lambda trial: None
) -> list[Trial]:
    """Make all trials of a plan.

    Parameters
    ----------
    plan : Plan
        What a trial is.
    runs : sequence of int
        Their numbers.
    workers : int, optional
        Processes; one for each processor by default. One works here, without another process.
    on_trial : callable
        Told of each, in the order in which they end.

    Returns
    -------
    list of Trial
        By number.

    Raises
    ------
    ConfigError
        If the prior's knees have next to never a pose.
    RunError
        If a worker dies.
    """
    done = []
    for trial in _one_by_one(plan, runs, min(workers or cores(), len(runs))):
        done.append(trial)
        on_trial(trial)
    return sorted(done, key=lambda trial: trial.number)


def _one_by_one(plan: Plan, runs: Sequence[int], workers: int) -> Iterator[Trial]:
    if workers == 1:
        yield from (attempt(plan, number) for number in runs)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=begin_worker)
    try:
        with deaf_to_interrupts():
            jobs = [pool.submit(attempt, plan, number) for number in runs]
        for job in as_completed(jobs):
            yield job.result()
    except BrokenProcessPool:
        raise RunError(
            "a worker process died; in a script, validate under if __name__ == '__main__':, and see that there is "
            "enough memory"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
