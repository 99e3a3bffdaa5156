"""How a command ends: its exit codes, its last words, and what closed streams, full disks and signals come to.

Nothing slow is imported here, so that it is in force before anything else is loaded.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn, TextIO

from calibrate.errors import RunError
from calibrate.journal import VOICE, keep
from calibrate.texts import printable

CONVERGED, FAILED, BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130

# The user's, the system's, and a terminal's that is closed.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_MEGABYTE = 2**20
_OUT_OF_MEMORY = ("can't start new thread", "failed to map segment", "annot allocate memory")


class _Closed(io.TextIOBase):
    """What stands for an output that was closed before the program began: nothing can be written to it."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")


def open_streams() -> None:
    """See to it that there are three standard streams: else the next file opened would pass for one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, this one
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.FileIO(os.devnull, "w"), errors="backslashreplace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a narrow encoding must not stop a summary
            stream.reconfigure(errors="backslashreplace")


def watch_signals() -> None:
    """Let Ctrl-C and its like end the process at once and in one line; what was to be ignored still is."""
    for name in SIGNALS:
        if signal.getsignal(name) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(name, leave)


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """Leave in the middle of anything, with nothing half-written.

    No exception is raised: few libraries survive one at any moment, and some swallow it.
    """
    for name in SIGNALS:  # a second one is late
        signal.signal(name, signal.SIG_IGN)
    if "calibrate.files" in sys.modules:
        sys.modules["calibrate.files"].remove_unfinished()
    if "multiprocessing" in sys.modules:
        for child in sys.modules["multiprocessing"].active_children():
            child.kill()
    keep("error: interrupted")
    with contextlib.suppress(OSError):
        os.write(2, b"calibrate: error: interrupted\n")
    os._exit(INTERRUPTED)


def need_memory(megabytes: int) -> None:
    """Refuse to begin what a limit of memory would end in the middle of some library.

    Raises
    ------
    RunError
        If the process may not have as much.
    """
    from calibrate.settings import memory_limit

    limit = memory_limit()
    if limit is not None and limit < megabytes * _MEGABYTE:
        raise RunError(
            f"memory is limited to {limit // _MEGABYTE} MB (ulimit -v), and this command takes {megabytes} MB at the "
            "least; raise the limit"
        )


def is_about_memory(error: BaseException) -> bool:
    """Tell whether an exception, or what caused it, comes from a want of memory."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or any(word in str(cause) for word in _OUT_OF_MEMORY):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def say(message: object) -> None:
    """Tell the user something on stderr; if nobody listens, it is lost and nothing else.

    With --quiet only warnings and errors; the log file, if there is one, has everything.
    """
    line = printable(message)
    keep(line)
    if VOICE.quiet and not line.startswith(("warning: ", "error: ")):
        return
    try:
        print(f"calibrate: {line}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _drop(sys.stderr, 2)


def tell(message: object) -> None:
    """Tell what only those want to know who have asked for more; the log file has it in any case."""
    if VOICE.verbose:
        say(message)
    else:
        keep(printable(message))


def complain(message: object, code: int) -> int:
    """Say in one line what is wrong, and return the exit code."""
    say(f"error: {' '.join(str(message).split())}")
    return code


def drop_output() -> None:
    """Send what is still held for stdout, and what is yet to come, nowhere."""
    _drop(sys.stdout, 1)


def _drop(stream: TextIO, number: int) -> None:
    """Send what a stream holds and will be given nowhere: else Python tries again at the end, and exits with 120."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
        stream.flush()
