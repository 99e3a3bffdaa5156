"""One writer at a time: a lock file beside the run, which dies with its process and says whose it is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import filelock

from calibrate.chain.origin import reason
from calibrate.chain.whole import companions, real
from calibrate.errors import ChainError
from calibrate.files import unfinished

# Seconds that a lock is tried for: somebody may just be asking whether it is held, see `is_written`.
_GRACE = 0.1


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Be the one process that writes a run.

    Raises
    ------
    ChainError
        If another process is, or the folder cannot be written to.
    """
    _, marker = companions(real(path))  # one lock for all links to it
    _check(marker)
    lock = filelock.FileLock(marker)
    try:
        lock.acquire(timeout=_GRACE, poll_interval=_GRACE / 4.0)
    except filelock.Timeout:
        try:
            holder = marker.read_text().strip()
        except FileNotFoundError:  # filelock waits for a folder in which nothing can be made, too
            raise ChainError(f"{path}: its folder cannot be written to; choose another with -o") from None
        except OSError:
            holder = ""
        raise ChainError(
            f"{path}: is being written by another calibrate{f' ({holder})' if holder else ''}; wait for it or stop it"
        ) from None
    except OSError as error:
        raise ChainError(f"{path}: its folder cannot be written to ({reason(error)}); choose another with -o") from None
    try:
        # Gone while still held: who comes next makes a new one, who waits finds this one unlinked.
        with unfinished(marker):
            with contextlib.suppress(OSError):  # on a full disk the lock holds, too, but says not whose it is
                marker.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
    finally:
        lock.release()


def is_written(path: Path) -> bool:
    """Tell whether a process is writing a run; a file that a killed one has left does not count."""
    _, marker = companions(real(path))
    try:
        descriptor = os.open(marker, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Shared, so that any number may ask at once, and given back at once.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a place without locks
        return False
    finally:
        os.close(descriptor)
    return False


def _check(marker: Path) -> None:
    """Refuse to take somebody's file for a lock: a lock is empty, or says whose it is."""
    with contextlib.suppress(OSError):
        with marker.open("rb") as file:
            head = file.read(8)
        if marker.is_symlink() or (head and head != b"process "):
            raise ChainError(f"{marker}: is in the way, for it is the name of this run's lock; give it another")
