"""One writer at a time: a lock file beside the run, which dies with its process and says whose it is."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import filelock

from calibrate.chain.origin import reason
from calibrate.chain.whole import companions, real
from calibrate.errors import ChainError
from calibrate.files import unfinished


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
        lock.acquire(blocking=False)
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


def _check(marker: Path) -> None:
    """Refuse to take somebody's file for a lock: a lock is empty, or says whose it is."""
    with contextlib.suppress(OSError):
        with marker.open("rb") as file:
            head = file.read(8)
        if marker.is_symlink() or (head and head != b"process "):
            raise ChainError(f"{marker}: is in the way, for it is the name of this run's lock; give it another")
