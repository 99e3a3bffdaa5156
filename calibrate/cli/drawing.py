"""A second process that draws figures of a page, while the first works out what the page says.

Only for commands: a process that is started anew runs the main program's file once more, and a user's script may not be
made for that.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from calibrate.processes import begin_worker, cores, deaf_to_interrupts

if TYPE_CHECKING:
    from calibrate.report.pictures import Drawn
    from calibrate.results import Run

# What takes longest; the first process has the rest of the page to work out.
_ITS = ("residuals", "trace", "corner")


class Second:
    """Figures that a second process is drawing: `calibrate.report.pictures.Second`."""

    def __init__(self, end: Connection, names: Sequence[str]) -> None:
        self._end, self.names = end, names

    def drawn(self, run: Run) -> Mapping[str, Drawn]:
        """Wait for the figures, none if drawing failed or was of other steps: the first process says why, or draws."""
        try:
            steps, drawn = self._end.recv()
        except EOFError:
            return {}
        return drawn if steps == run.stored else {}


@contextmanager
def second(path: Path, burn_in: int | None, names: Sequence[str] = _ITS) -> Iterator[Second | None]:
    """Let a second process begin to draw figures of a run, if there is a processor for it."""
    if cores() < 2:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_draw, args=(there, path, burn_in, names), daemon=True)
    with deaf_to_interrupts():
        process.start()
    there.close()
    try:
        yield Second(here, names)
    finally:
        process.terminate()
        process.join()
        here.close()


def _draw(to: Connection, path: Path, burn_in: int | None, names: Sequence[str]) -> None:
    """Draw in the second process; what goes wrong goes wrong in the first as well, which then says so."""
    from calibrate.settings import load_matplotlib, settle

    begin_worker()
    settle()
    try:
        load_matplotlib()
        from calibrate.knee.jit import is_compiled
        from calibrate.report.pictures import drawn
        from calibrate.results import open_run

        if not is_compiled():  # the first does so just now
            return
        run = open_run(path, burn_in)
        to.send((run.stored, drawn(run, names)))
    except Exception:  # a traceback of this process would be one of two, and say nothing new
        return
    finally:
        to.close()
