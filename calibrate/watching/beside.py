"""The view of a run in the process that makes it: what `run --watch` shows in the place of a progress bar."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from calibrate import chain
from calibrate.chain.problem import posterior_in
from calibrate.config import Config
from calibrate.draws import Draws
from calibrate.errors import ChainError
from calibrate.journal import VOICE
from calibrate.posterior import Posterior
from calibrate.sampling.loop import Progress
from calibrate.screen import Watch
from calibrate.watching.glance import glance_of
from calibrate.watching.view import view

# Seconds between two looks, and the share of the time that looking may take.
_EVERY, _SHARE = 1.0, 0.05
_HINT = "Ctrl-C stops at the next step; the file is whole"


class WatchBeside(Watch):
    """Show a run as `calibrate watch` does while it goes; where there is no terminal, lines as ever."""

    def __init__(self, config: Config, path: Path) -> None:
        super().__init__(config)
        self._path = path
        self._live: Live | None = None
        self._posterior: Posterior | None = None
        self._next = 0.0
        self._begun: tuple[float, int] | None = None

    def start_display(self) -> None:
        """Begin with nothing but what is done before the first step."""
        if self._console.is_terminal and not self._console.is_dumb_terminal and not VOICE.quiet:
            self._live = Live(Text("fitting"), console=self._console, auto_refresh=False)
            self._live.start(refresh=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        super().__exit__(kind, error, traceback)

    def display(self) -> Console | None:
        """Return where the view is; None if there is none."""
        return None if self._live is None else self._live.console

    def paint(self, progress: Progress, share: float, line: str) -> None:
        """Look at what is stored, now and then."""
        if self._live is None:
            return
        now = time.monotonic()
        if now < self._next:
            return
        with contextlib.suppress(ChainError):  # the run itself says what is wrong with its file
            self._look(self._live, progress)
        took = time.monotonic() - now
        self._next = now + max(_EVERY, took / _SHARE)

    def _look(self, live: Live, progress: Progress) -> None:
        file, chains = chain.read_run(self._path)
        if self._posterior is None:
            self._posterior = posterior_in(self._path, file)
        if self._begun is None:
            self._begun = (progress.seconds, progress.steps)
        seconds, steps = progress.seconds - self._begun[0], progress.steps - self._begun[1]
        rate = steps / seconds if seconds > 0.0 and steps > 0 else None
        draws = Draws(self._posterior, self._settings, chains)
        found = glance_of(draws, self._path, "running", progress.verdict, rate)
        live.update(view(found, live.console, _HINT), refresh=True)
