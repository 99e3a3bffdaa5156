"""Who calibrates the batches: processes of this machine, or any executor of `concurrent.futures`.

What was under way when a worker died is done again, each knee in a process of its own. So a knee that kills its worker
is found, for it does so again, and is reported; the others go on.
"""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from calibrate.errors import ConfigError, RunError
from calibrate.processes import begin_worker, deaf_to_interrupts
from calibrate.study.work import Done, Job, Plan, calibrate_batch, failed

Batch = Sequence[Job]

# Seconds after which it is asked again whether to stop.
_TURN = 0.2
# Batches that wait at an executor whose workers nobody has counted.
_AHEAD = 256
_KILLED = "its worker process died twice with nothing else to do; was it killed for want of memory?"
_CONNECTING = 10.0  # seconds


class Local:
    """Processes of this machine, replaced when one dies."""

    def __init__(self, workers: int) -> None:
        self._workers, self.ahead = workers, 2 * workers
        self._pool = _pool(workers)
        self._cell: ProcessPoolExecutor | None = None

    def submit(self, batch: Batch, plan: Plan) -> Future[list[Done]]:
        """Hand a batch over."""
        try:
            with deaf_to_interrupts():  # workers begin when there is something to do
                return self._pool.submit(calibrate_batch, batch, plan)
        except BrokenExecutor as error:  # a moment ago
            lost = Future[list[Done]]()
            lost.set_exception(error)
            return lost

    def lose(self, error: BaseException) -> bool:
        """Take other processes after a batch was lost; tell whether all that was under way is lost with it."""
        if not isinstance(error, BrokenExecutor):
            raise error  # a bug: the batch itself raises nothing
        self._pool.shutdown(wait=False)
        self._pool = _pool(self._workers)
        return True

    def alone(self, batch: Batch, plan: Plan) -> list[Done]:
        """Do a batch in a process that has nothing else to do.

        Raises
        ------
        BrokenExecutor
            If that dies.
        """
        self._cell = self._cell or _pool(1)
        try:
            with deaf_to_interrupts():
                future = self._cell.submit(calibrate_batch, batch, plan)
            return future.result()
        except BrokenExecutor:
            self._cell.shutdown(wait=False)
            self._cell = None
            raise

    def close(self) -> None:
        """End the processes, without what they have not begun."""
        for pool in (self._pool, self._cell):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)


class Foreign:
    """Somebody's executor, which stays theirs."""

    ahead = _AHEAD

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, batch: Batch, plan: Plan) -> Future[list[Done]]:
        """Hand a batch over.

        Raises
        ------
        RunError
            If nothing more can be handed over.
        """
        try:
            return self._executor.submit(calibrate_batch, batch, plan)
        except RuntimeError as error:
            raise _ended(error) from None

    def lose(self, error: BaseException) -> bool:
        """Tell whether all that was under way is lost with a batch.

        Raises
        ------
        RunError
            If it was not the batch's doing, so that others would be lost, too.
        """
        if not _has_killed(error):
            raise _ended(error) from None
        return False

    def alone(self, batch: Batch, plan: Plan) -> list[Done]:
        """Do a batch with nothing else in it."""
        return self.submit(batch, plan).result()

    def close(self) -> None:
        """Leave it as it is."""


Engine = Local | Foreign


def finished(
    batches: Iterable[Batch], plan: Plan, engine: Engine, should_stop: Callable[[], bool]
) -> Iterator[list[Done]]:
    """Yield what comes of batches, in the order in which they end.

    Parameters
    ----------
    batches : iterable
        Taken when there is room for one.
    plan : Plan
        What to do with each knee.
    engine : Local or Foreign
        Who does it.
    should_stop : callable
        Asked now and then; when it says so, what is under way is given up.

    Raises
    ------
    RunError
        If somebody's executor has ended.
    """
    source, running = iter(batches), dict[Future[list[Done]], Batch]()
    try:
        while not should_stop():
            for batch in islice(source, engine.ahead - len(running)):
                running[engine.submit(batch, plan)] = batch
            if not running:
                return
            lost: list[Job] = []
            error: BaseException | None = None
            ended = wait(running, _TURN, FIRST_COMPLETED).done
            for future in [one for one in running if one in ended]:
                batch, trouble = running.pop(future), _trouble(future)
                if trouble is None:
                    yield future.result()
                else:
                    lost, error = [*lost, *batch], trouble
            if error is not None and engine.lose(error):
                lost += [job for batch in running.values() for job in batch]
                running.clear()
            for job in lost:
                if should_stop():
                    return
                yield [_alone(job, plan, engine)]
    finally:
        for future in running:
            future.cancel()


def _alone(job: Job, plan: Plan, engine: Engine) -> Done:
    """Do a knee with nothing beside it; whoever loses a worker to it twice has seen enough."""
    for time in (1, 2):
        try:
            (done,) = engine.alone([job], replace(plan, again=time))
        except Exception as error:
            if not (isinstance(engine, Local) and isinstance(error, BrokenExecutor)) and not _has_killed(error):
                engine.lose(error)
                raise
        else:
            return done
    return failed(job, _KILLED)


def _trouble(future: Future[list[Done]]) -> BaseException | None:
    """Return what has befallen a batch."""
    try:
        return future.exception()
    except Exception as error:  # it was cancelled, by whom ever
        return error


def _has_killed(error: BaseException) -> bool:
    """Tell whether dask says of a task that its workers died, one after the other."""
    dask = sys.modules.get("distributed")
    return dask is not None and isinstance(error, dask.KilledWorker)


def _ended(error: BaseException) -> RunError:
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return RunError(f"the executor does not go on ({text}); what is finished is kept, so go on with 'resume' elsewhere")


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=begin_worker)


@contextmanager
def dask_executor(scheduler: str) -> Iterator[Executor]:
    """Connect to a Dask scheduler, like `tcp://10.0.0.1:8786`, and hand out its executor.

    Raises
    ------
    ConfigError
        If dask.distributed is not installed, or nobody answers there.
    """
    try:
        dask: Any = importlib.import_module("distributed")
    except ImportError:
        raise ConfigError("--scheduler needs dask.distributed: pip install 'calibrate[dask]'") from None
    try:
        client = dask.Client(scheduler, timeout=_CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"--scheduler {scheduler}: nobody answers there ({' '.join(str(error).split())})") from None
    with client:
        yield client.get_executor()
