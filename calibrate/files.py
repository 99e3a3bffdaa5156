"""Reading text and writing files, whole or not at all; every failure becomes one sentence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from calibrate.errors import CalibrateError


def read_text(path: Path, error: type[CalibrateError], kind: str) -> str:
    """Return a file's text with its own line ends; a byte order mark is left to the caller.

    Parameters
    ----------
    path : Path
        The file.
    error : type
        What to raise.
    kind : str
        What it should be, like "TOML", for the message.

    Raises
    ------
    CalibrateError
        Of type `error`, if it is missing, unreadable, or no UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise error(f"{path}: this is no text in UTF-8, so no {kind} file") from None
    except (OSError, ValueError) as problem:
        raise error(f"{path}: cannot be read ({getattr(problem, 'strerror', None) or problem})") from None


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
