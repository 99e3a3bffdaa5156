"""The operating system's file calls that chain files are written and read with, in one place.

HDF5 itself never touches the disk: it reads and writes through `HDF5Stream`. A failing write is kept there and raised
by `check` once HDF5 is through, for HDF5 neither survives a failing write nor says plainly what it was. Tests put
another `Disk` underneath, which looks at the file between any two calls, or fails one of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import sys
from pathlib import Path
from typing import Any


class Disk:
    """What is done to files; a write is the whole of it or an `OSError`."""

    def create(self, path: Path) -> int:
        """Open a new file in place of whatever has this name."""
        path.unlink(missing_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def open(self, path: Path) -> int:
        """Open a file for writing in place, and keep HDF5 programs out that would write to it as well."""
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        # Readers take a shared lock, too, and so are let in. Some network file systems have no locks.
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return fd

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """Write all of `data` (bytes) at `offset`."""
        while data.nbytes:
            written = os.pwrite(fd, data, offset)
            data, offset = data[written:], offset + written

    def truncate(self, fd: int, size: int) -> None:
        """Make a file that long; what is added are holes."""
        os.ftruncate(fd, size)

    def replace(self, new: Path, old: Path) -> None:
        """Give a file the name of another, at once."""
        new.replace(old)

    def sync(self, fd: int) -> None:
        """Wait until a file's content is on the disk."""
        if sys.platform == "darwin":  # where fsync leaves it in the drive's memory
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(fd)

    def sync_folder(self, folder: Path) -> None:
        """Wait until a folder's names are on the disk."""
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class HDF5Stream(io.RawIOBase):
    """An open file as h5py takes it; owns the descriptor. Nothing is cached between HDF5 and the kernel."""

    def __init__(self, fd: int, disk: Disk | None = None) -> None:
        super().__init__()
        self.fd = fd
        self._disk = disk
        self._position = 0
        self._error: BaseException | None = None

    def check(self) -> None:
        """Raise what went wrong while HDF5 was writing."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Close the file; once is enough."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        super().close()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def writable(self) -> bool:
        """Tell whether it can be written."""
        return self._disk is not None

    def seekable(self) -> bool:
        """Tell that it has positions."""
        return True

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def size(self) -> int:
        """Return the file's length."""
        return os.fstat(self.fd).st_size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        self._position = offset + (self.size() if base is None else base)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; beyond the end of a file that is being written there are zeros, of another one nothing."""
        view = memoryview(buffer).cast("B")
        if self._disk is None and not 0 <= self._position <= self.size() - view.nbytes:
            raise OSError(f"something is said to be at byte {self._position}, beyond the file's end")
        done = read_into(self.fd, view, self._position)
        view[done:] = bytes(view.nbytes - done)
        self._position += view.nbytes
        return view.nbytes

    def write(self, data: Any) -> int:
        """Write; a failure is kept for `check`."""
        view = memoryview(data).cast("B")
        assert self._disk is not None
        if self._error is None:
            try:
                self._disk.write(self.fd, view, self._position)
            except BaseException as error:  # an impatient Ctrl-C, too: HDF5 must not take it for a write
                self._error = error
        self._position += view.nbytes
        return view.nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the length; a failure is kept for `check`."""
        size = self._position if size is None else size
        assert self._disk is not None
        if self._error is None:
            try:
                self._disk.truncate(self.fd, size)
            except BaseException as error:
                self._error = error
        return size


def read_into(fd: int, view: memoryview, offset: int) -> int:
    """Fill a buffer of bytes from a place in a file; return how many there were."""
    done = 0
    while done < view.nbytes:
        count = os.preadv(fd, [view[done:]], offset + done)
        if count == 0:
            break
        done += count
    return done
