"""Reading text and writing files, whole or not at all; every failure becomes one sentence."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from calibrate.errors import CalibrateError
from calibrate.kinds import CHAIN, Kind, promised
from calibrate.texts import printable

# A text larger than this is none that a person keeps: a table of ten million readings has half of it.
MOST = {"TOML": 2**20, "CSV": 2**30, "measurement": 2**28}
_BLOCK = 2**22
# How files of measurements end that `calibrate import` reads: texts, and others.
_TEXTS, _BINARY = (".csv", ".tsv", ".txt", ".dat", ".sto", ".mot"), (".xlsx", ".mat", ".tdms")


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
    found = read_bytes(path, error, kind, text=True)
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = found.count(b"\n", 0, problem.start) + 1
        raise error(
            f"{path}, line {line}: this is no text in UTF-8 (byte {found[problem.start]:#04x}), so no {kind} file; "
            "save it as UTF-8"
        ) from None
    except MemoryError:
        raise error(f"{path}: is too large for the memory that there is") from None


def read_bytes(path: Path, error: type[CalibrateError], kind: str, *, text: bool = False) -> bytearray:
    """Return the bytes of a regular file of a size that its kind may have.

    Parameters
    ----------
    path : Path
        The file; devices and pipes may never end, or never begin, and are refused.
    error : type
        What to raise.
    kind : str
        What it should be, a key of `MOST`.
    text : bool
        Whether it should be text in UTF-8: refuses NUL bytes as soon as one is read.

    Raises
    ------
    CalibrateError
        Of type `error`.
    """
    try:
        return _read_bytes(path, error, kind, text)
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except MemoryError:
        raise error(f"{path}: is too large for the memory that there is") from None
    except (OSError, ValueError) as problem:
        raise error(f"{path}: cannot be read ({getattr(problem, 'strerror', None) or problem})") from None


def _read_bytes(path: Path, error: type[CalibrateError], kind: str, text: bool) -> bytearray:
    found, most = bytearray(), MOST[kind]
    with io.FileIO(path, opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise error(f"{path}: cannot be read (it is no regular file); give a {kind} file")
        if status.st_size > most:
            raise error(
                f"{path}: has {status.st_size:,} bytes, more than the {most:,} that a {kind} file may have"
                f"{meant(path, kind)}"
            )
        while block := file.read(_BLOCK):
            found += block
            if len(found) > most:
                raise error(f"{path}: has more than the {most:,} bytes that a {kind} file may have")
            if text and b"\0" in block:
                remedy = meant(path, kind) or "; save it as UTF-8"
                raise error(f"{path}: holds NUL bytes, so this is no text in UTF-8 and no {kind} file{remedy}")
    return found


def meant(path: Path, kind: str) -> str:
    """Say what a file may be meant for that is no `kind`, by the end of its name: "; ...", or nothing."""
    suffix = path.suffix.lower()
    if suffix in CHAIN.suffixes:
        return "; if it is a run, 'calibrate summary' reads it"
    if kind == "TOML" and suffix in (*_TEXTS, *_BINARY):
        return "; if these are the measurements, 'calibrate init' writes a configuration for them"
    return "; 'calibrate import' makes a CSV of it" if suffix in _BINARY else ""


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to would keep us waiting for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def check_target(
    path: Path,
    error: type[CalibrateError],
    *,
    kind: Kind,
    overwrite: bool,
    spare: Iterable[Path | None] = (),
    besides: Iterable[Path] = (),
    hint: str = "replace it with --overwrite, or choose another with -o",
) -> None:
    """Refuse to write over the program's own input, where a folder or a device is, or over a file that is to be kept.

    Parameters
    ----------
    path : Path
        What is to be written.
    error : type
        What to raise.
    kind : Kind
        Of what is to be written; only a file of the same kind may go for it.
    overwrite : bool
        Whether an existing file may go.
    spare : iterable of Path
        The inputs, which may not, by whatever name or link they are meant. None is no input.
    besides : iterable of Path
        Other names that writing needs for a while; no input may have one of these either.
    hint : str
        What a user could do about an existing file.

    Raises
    ------
    CalibrateError
        Of type `error`.
    """
    try:
        inputs = [each for each in spare if each is not None]
        if any(_is_same(path, each) for each in inputs):
            raise error(f"{path}: is what this command reads; choose another with -o")
        for name in besides:
            if any(_is_same(name, each) for each in inputs):
                raise error(f"{name}: is what this command reads, and {path} needs that name; choose another with -o")
        if path.is_dir():
            raise error(f"{path}: is a folder; name a file in it with -o")
        promise = promised(path)
        if promise is not None and path.suffix.lower() not in kind.suffixes:
            raise error(
                f"{path}: this name is that of {promise}, and what is written is {kind.name}; "
                f"end it in {kind.suffixes[0]}"
            )
        if not path.exists():
            return
        if not path.is_file():
            raise error(f"{path}: is no regular file; choose another with -o")
        if not overwrite:
            raise error(f"{path}: exists already; {hint}")
        if not kind.holds(path):
            raise error(f"{path}: exists already and is not {kind.name}, so it is left alone; choose another with -o")
    except (OSError, ValueError) as problem:
        raise error(f"{path}: cannot be written ({getattr(problem, 'strerror', None) or problem})") from None


def _is_same(path: Path, other: Path) -> bool:
    """Tell whether two names lead to one file; where one leads nowhere there is nothing to lose."""
    try:
        return path.samefile(other)
    except OSError:
        return False


@contextlib.contextmanager
def replacing(path: Path, error: type[CalibrateError]) -> Iterator[Path]:
    """Hand out a temporary name beside `path`; what is written there takes its place when all went well.

    Raises
    ------
    CalibrateError
        Of type `error`, if the folder cannot be made or the file not be written; then nothing is left behind.
    """
    path = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    # By chance, so that it is nobody's; short, so that a long name is not made too long.
    temporary = path.with_name(f".calibrate-{secrets.token_hex(8)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(temporary):
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            yield temporary
            temporary.replace(path)
    except OSError as problem:
        reason = problem.strerror or problem
        if problem.filename not in (None, *map(str, (path, path.parent, temporary))):  # a font that is gone, say
            raise error(f"{path}: cannot be made ({reason}: {printable(str(problem.filename))})") from None
        raise error(f"{path}: cannot be written ({reason}); choose another with -o") from None


# What this process has begun to write under hidden names.
_unfinished: set[Path] = set()


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Remove a file in the end, whatever happens: also if a signal ends the process in between."""
    _unfinished.add(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        _unfinished.discard(path)


def remove_unfinished() -> None:
    """Remove what has been begun and will not be finished: the process is about to end."""
    for path in tuple(_unfinished):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
