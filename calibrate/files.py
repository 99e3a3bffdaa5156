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


def check_target(path: Path, error: type[CalibrateError], *, overwrite: bool) -> None:
    """Refuse to write where a folder is, or a file that is to be kept.

    Raises
    ------
    CalibrateError
        Of type `error`.
    """
    if path.is_dir():
        raise error(f"{path}: is a folder; name a file in it with -o")
    if path.exists() and not overwrite:
        raise error(f"{path}: exists already; replace it with --overwrite, or choose another with -o")


@contextlib.contextmanager
def replacing(path: Path, error: type[CalibrateError]) -> Iterator[Path]:
    """Hand out a temporary name beside `path`; what is written there takes its place when all went well.

    Raises
    ------
    CalibrateError
        Of type `error`, if the folder cannot be made or the file not be written; then nothing is left behind.
    """
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
