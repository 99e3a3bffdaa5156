"""Reading text and writing files, whole or not at all; every failure becomes one sentence."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from calibrate.errors import CalibrateError

# A text larger than this is none that a person keeps: a table of ten million readings has half of it.
MOST = {"TOML": 2**20, "CSV": 2**30}
_BLOCK = 2**22


def read_text(path: Path, error: type[CalibrateError], kind: str) -> str:
    """Return a file's text with its own line ends; a byte order mark is left to the caller.

    Parameters
    ----------
    path : Path
        The file.
    error : type
        What to raise.
    kind : str
        What it should be, a key of `MOST`, for the message and the size.

    Raises
    ------
    CalibrateError
        Of type `error`, if it is missing, unreadable, no regular file, too large, or no UTF-8.
    """
    try:
        found = _read_bytes(path, error, kind)
        return found.decode("utf-8")
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except UnicodeDecodeError as problem:
        line = found.count(b"\n", 0, problem.start) + 1
        raise error(
            f"{path}, line {line}: this is no text in UTF-8 (byte {found[problem.start]:#04x}), so no {kind} file; "
            "save it as UTF-8"
        ) from None
    except MemoryError:
        raise error(f"{path}: is too large for the memory that there is") from None
    except (OSError, ValueError) as problem:
        raise error(f"{path}: cannot be read ({getattr(problem, 'strerror', None) or problem})") from None


def _read_bytes(path: Path, error: type[CalibrateError], kind: str) -> bytearray:
    """Read a regular file of a size that its kind may have; devices and pipes may never end, or never begin."""
    found, most = bytearray(), MOST[kind]
    with io.FileIO(path, opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise error(f"{path}: cannot be read (it is no regular file); give a {kind} file")
        if status.st_size > most:
            raise error(f"{path}: has {status.st_size:,} bytes, more than the {most:,} that a {kind} file may have")
        while block := file.read(_BLOCK):
            found += block
            if len(found) > most:
                raise error(f"{path}: has more than the {most:,} bytes that a {kind} file may have")
            if b"\0" in block:
                raise error(
                    f"{path}: holds NUL bytes, so this is no text in UTF-8 and no {kind} file; save it as UTF-8"
                )
    return found


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to would keep us waiting for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def check_target(
    path: Path, error: type[CalibrateError], *, overwrite: bool, spare: Path | None = None, hint: str = ""
) -> None:
    """Refuse to write where a folder or a device is, over a file that is to be kept, or over the program's own input.

    Parameters
    ----------
    path : Path
        What is to be written.
    error : type
        What to raise.
    overwrite : bool
        Whether an existing file may go.
    spare : Path, optional
        An input that may not, even then.
    hint : str
        What else a user could do about an existing file, with a comma and a space behind it.

    Raises
    ------
    CalibrateError
        Of type `error`.
    """
    try:
        if path.is_dir():
            raise error(f"{path}: is a folder; name a file in it with -o")
        if not path.exists():
            return
        if not overwrite:
            raise error(f"{path}: exists already; {hint}replace it with --overwrite, or choose another with -o")
        if not path.is_file():
            raise error(f"{path}: is no regular file; choose another with -o")
        if spare is not None and spare.exists() and path.samefile(spare):
            raise error(f"{path}: is what this command reads; choose another with -o")
    except (OSError, ValueError) as problem:
        raise error(f"{path}: cannot be written ({getattr(problem, 'strerror', None) or problem})") from None


@contextlib.contextmanager
def replacing(path: Path, error: type[CalibrateError]) -> Iterator[Path]:
    """Hand out a temporary name beside `path`; what is written there takes its place when all went well.

    Raises
    ------
    CalibrateError
        Of type `error`, if the folder cannot be made or the file not be written; then nothing is left behind.
    """
    path = path.resolve()  # what a link points to is replaced, not the link
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as problem:
        raise error(f"{path}: cannot be written ({problem.strerror or problem}); choose another with -o") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
