"""One writer at a time: a lock file beside the run, which dies with its process and says whose it is."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import filelock

from calibrate.chain.origin import reason
from calibrate.chain.whole import real
from calibrate.errors import ChainError


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Be the one process that writes a run.

    Raises
    ------
    ChainError
        If another process is, or the folder cannot be written to.
    """
    file = real(path)  # one lock for all links to it
    marker = file.with_name(file.name + ".lock")
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
        with contextlib.suppress(OSError):  # on a full disk the lock holds, too, but says not whose it is
            marker.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        # Gone while still held: who comes next makes a new one, who waits finds this one unlinked.
        with contextlib.suppress(OSError):  # the folder may have become read-only
            marker.unlink(missing_ok=True)
        lock.release()
