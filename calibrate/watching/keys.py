"""A terminal's keys, one by one, while nothing else is read; and what a signal leaves behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from calibrate.ends import SIGNALS, leave


class Keys:
    """Waits for a key or for some time; knows whether there is a keyboard at all."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def wait(self, seconds: float) -> str:
        """Return what was typed within so many seconds; empty if nothing was."""
        if self._descriptor is None:
            time.sleep(max(0.0, seconds))  # without a keyboard there is nothing else to wait for
            return ""
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, seconds))
        if not ready:
            return ""
        try:
            typed = os.read(self._descriptor, 64)
        except OSError:
            typed = b""
        return typed.decode("ascii", "replace") or "q"  # a keyboard that is gone says no more


@contextlib.contextmanager
def keyboard(wanted: bool, tidy: Callable[[], None]) -> Iterator[Keys]:
    """Hand out the keys of the terminal that is stdin, if `wanted` and there is one that is ours.

    It is afterwards as it was before, also if a signal ends the process; `tidy` is called then, too.
    """
    descriptor = _terminal() if wanted else None
    before: Any = None if descriptor is None else termios.tcgetattr(descriptor)

    def restore() -> None:
        if descriptor is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(descriptor, termios.TCSANOW, before)

    def on_signal(number: int, frame: FrameType | None) -> None:
        restore()
        tidy()
        leave(number, frame)

    handlers = {one: signal.getsignal(one) for one in SIGNALS}
    try:
        for one, handler in handlers.items():
            if handler is not signal.SIG_IGN:
                signal.signal(one, on_signal)
        if descriptor is not None:
            tty.setcbreak(descriptor, termios.TCSANOW)
        yield Keys(descriptor)
    finally:
        restore()
        for one, handler in handlers.items():
            signal.signal(one, handler)


def _terminal() -> int | None:
    """Return stdin's descriptor if it is a terminal in whose foreground this process is."""
    try:
        descriptor = sys.stdin.fileno()
        return descriptor if os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (OSError, ValueError, AttributeError):  # closed, or none at all
        return None
