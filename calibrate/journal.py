"""How much is said on stderr, and the file that keeps all of it: one line an event, appended.

Nothing slow is imported here: `ends`, which everything begins with, needs it.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from calibrate.errors import ConfigError

# What a line of the file begins with; a file whose first line does not is somebody else's.
_BEGINS = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ calibrate\[\d+\]: ")
_HEAD = 64


class _Voice:
    """What the user has chosen; one for the process, as there is one stderr."""

    quiet = False
    verbose = False
    file: int | None = None


VOICE = _Voice()


def speak(*, quiet: bool = False, verbose: bool = False, log_file: Path | None = None) -> None:
    """Choose how much is said; what was chosen before stays chosen.

    Parameters
    ----------
    quiet : bool
        Warnings and errors only.
    verbose : bool
        More, and more often.
    log_file : Path, optional
        Where all of it is kept as well, progress included, whatever is said on stderr.

    Raises
    ------
    ConfigError
        If both are asked for, or the file cannot be written, or holds anything but such lines.
    """
    VOICE.quiet, VOICE.verbose = VOICE.quiet or quiet, VOICE.verbose or verbose
    if VOICE.quiet and VOICE.verbose:
        raise ConfigError("--quiet and --verbose: use one of them")
    if log_file is not None:
        _close()
        VOICE.file = _opened(log_file)


def be_silent() -> None:
    """Forget what was chosen."""
    _close()
    VOICE.quiet = VOICE.verbose = False


def keep(line: str) -> None:
    """Add a line to the file, if there is one; where the disk is full it is lost, and nothing else."""
    if VOICE.file is None:
        return
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = f"{now} calibrate[{os.getpid()}]: {line}\n"
    with contextlib.suppress(OSError):
        os.write(VOICE.file, text.encode("utf-8", "backslashreplace"))  # in one piece: several may write one file


def _close() -> None:
    if VOICE.file is not None:
        with contextlib.suppress(OSError):
            os.close(VOICE.file)
        VOICE.file = None


def _opened(path: Path) -> int:
    """Open a file to add to; none of another kind, and none that a command writes by this name."""
    from calibrate.kinds import promised

    promise = promised(path)
    if promise is not None and path.suffix.lower() != ".txt":
        raise ConfigError(f"--log-file {path}: this name is that of {promise}; name a file like run.log")
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"--log-file {path}: is no file; name one like run.log")
        if path.exists():
            with path.open("rb") as file:
                head = file.read(_HEAD)
            if head and not _BEGINS.match(head):
                raise ConfigError(f"--log-file {path}: holds something else than messages of calibrate; name another")
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--log-file {path}: cannot be written ({reason})") from None
