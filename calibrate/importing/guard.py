"""What a stranger's file may cost: bytes of it, bytes that it unpacks to, and memory while a library reads it."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from calibrate.errors import CalibrateError, DataError
from calibrate.texts import printable

# A robot's file of ten minutes at a kilohertz in thirty channels has 150 MB.
MOST_UNPACKED = 2**28
MOST_CELLS = 2**24
_MEMORY = 2**31
_MEGA = 2**20


@contextlib.contextmanager
def reading(path: Path, form: str) -> Iterator[None]:
    """Run a library's reader: within bounds of memory, and with whatever it raises as one sentence.

    Raises
    ------
    DataError
        If it fails.
    """
    try:
        with _bounded():
            yield
    except CalibrateError:
        raise
    except MemoryError:
        raise DataError(f"{printable(path)}: takes more memory than {form} should; export it as CSV") from None
    except Exception as error:  # a damaged file makes these libraries raise anything
        said = printable(" ".join(str(error).split()))[:120] or type(error).__name__
        raise DataError(f"{printable(path)}: cannot be read as {form} ({said}); export it as CSV") from None


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Let this process have no more than some memory on top of what it has."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, OSError, ValueError):  # no such system: the other bounds have to do
        yield
        return
    wanted = used + _MEMORY
    lower = wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)
    resource.setrlimit(resource.RLIMIT_AS, (lower, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def check_zip(content: bytes, path: Path, most: int = MOST_UNPACKED) -> None:
    """Refuse an archive that unpacks to more than it may, by what it says of itself: no more than that is read.

    Raises
    ------
    DataError
        If it does.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        total = sum(member.file_size for member in archive.infolist())
    _check_total(total, path, most)


def check_compressed(content: bytes, path: Path) -> None:
    """Refuse a MATLAB file (5 to 7) whose variables unpack to more than they may.

    Raises
    ------
    DataError
        If they do.
    """
    order: Literal["little", "big"] = "little" if content[126:128] == b"IM" else "big"
    at, total = 128, 0
    while at + 8 <= len(content):
        kind = int.from_bytes(content[at : at + 4], order)
        size = int.from_bytes(content[at + 4 : at + 8], order)
        if kind == 15:  # compressed
            unpack, rest = zlib.decompressobj(), content[at + 8 : at + 8 + size]
            while rest and not unpack.eof:
                total += len(unpack.decompress(rest, _MEGA))
                _check_total(total, path)
                rest = unpack.unconsumed_tail
        at += 8 + size


def _check_total(total: int, path: Path, most: int = MOST_UNPACKED) -> None:
    if total > most:
        raise DataError(
            f"{printable(path)}: unpacks to more than {most // _MEGA} MB, more than a measurement in this format may; "
            "export the columns that are needed as CSV"
        )
