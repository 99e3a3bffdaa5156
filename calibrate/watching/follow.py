"""Following a run: a view renewed on a terminal, now and then a line elsewhere, until nobody writes any more."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from rich.live import Live

from calibrate import chain
from calibrate.ends import CONVERGED, NOT_CONVERGED
from calibrate.screen import console
from calibrate.texts import printable
from calibrate.watching.glance import Glance, Watcher
from calibrate.watching.keys import keyboard
from calibrate.watching.view import findings, plain, view

# Seconds between two looks, on a terminal and elsewhere; a look takes this share of the time at the most.
EVERY, EVERY_LINE = 1.0, 10.0
_SHARE = 0.1
# Seconds between two questions whether the run still goes.
_ASK = 0.25
# Shows the cursor again, below what was shown.
_CURSOR = b"\x1b[?25h\n"
_KEYS = "q leaves; the run goes on"


def once(path: Path) -> Glance:
    """Take one look, and show it on stdout."""
    found = Watcher(path).glance(time.monotonic())
    paper = console(sys.stdout)
    with paper.capture() as text:
        paper.print(view(found, paper))
    sys.stdout.write(text.get())
    return found


def follow(path: Path, every: float | None = None) -> int:
    """Show a run until it ends, or until the user has seen enough.

    Parameters
    ----------
    path : Path
        The run's file.
    every : float, optional
        Seconds between two looks.

    Returns
    -------
    int
        0 if the run has converged or the user has left, 3 if it ended without.

    Raises
    ------
    ChainError
        If the file is missing, damaged, or no run.
    """
    paper = console(sys.stdout)
    if paper.is_terminal and not paper.is_dumb_terminal:
        with Live(console=paper, auto_refresh=False) as live:
            last = _look_on(path, every or EVERY, live)
    else:
        last = _look_on(path, every or EVERY_LINE, None)
        if last is not None:
            for _, sentence in findings(last):
                _line(printable(sentence))
    return CONVERGED if last is None or last.converged else NOT_CONVERGED


def _look_on(path: Path, every: float, live: Live | None) -> Glance | None:
    """Look until the run ends and return the last look; None if the user has left before."""
    watcher = Watcher(path)

    def tidy() -> None:
        if live is not None:
            with contextlib.suppress(OSError, ValueError):
                # Past the stream, in whose midst a signal may have come.
                os.write(live.console.file.fileno(), _CURSOR)

    with keyboard(live is not None, tidy) as keys:
        while True:
            begun = time.monotonic()
            found = watcher.glance(begun)
            going = found.state == "running"
            if live is not None:
                live.update(view(found, live.console, _KEYS if going else ""), refresh=True)
            else:
                _line(plain(found))
            if not going:
                return found
            took = time.monotonic() - begun
            until = begun + max(every, took / _SHARE)
            while (left := until - time.monotonic()) > 0.0:
                if "q" in keys.wait(min(left, _ASK)).lower():
                    return None
                if not chain.is_written(path):
                    break


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    with contextlib.suppress(ValueError):
        sys.stdout.flush()
