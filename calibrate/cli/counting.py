"""How far many things are that are done one after the other: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType
from typing import Any

from calibrate.ends import SIGNALS, leave, say
from calibrate.journal import VOICE, keep

_LOG_EVERY = 10.0


class Counter:
    """Show on stderr how many are done; Ctrl-C and its like leave at once, with the cursor as it was."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begin = self._logged = time.monotonic()
        self._bar: Any = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Counter:
        from calibrate.screen import console

        paper = console(sys.stderr)
        if paper.is_terminal and not VOICE.quiet:
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                BarColumn(bar_width=24), TextColumn("{task.description}"), console=paper, transient=True
            )
            self._task = self._bar.add_task("0 knees", total=self._total)
            for name in SIGNALS:
                if signal.getsignal(name) is not signal.SIG_IGN:
                    self._previous[name] = signal.signal(name, self._on_signal)
            self._bar.start()
        return self

    def __exit__(self, *reason: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        for name, handler in self._previous.items():
            signal.signal(name, handler)

    def left(self, done: int, before: int = 0) -> float:
        """Return the seconds that the rest takes, by the pace since the beginning, at which `before` were done."""
        if done <= before:
            return float("nan")
        return (time.monotonic() - self._begin) * (self._total - done) / (done - before)

    def show(self, done: int, line: str) -> None:
        """Show that so many are done, and what there is to say."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=line)
        if time.monotonic() - self._logged >= _LOG_EVERY:
            self._logged = time.monotonic()
            (say if self._bar is None else keep)(line)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._bar.console.show_cursor()
        leave(number, frame)
