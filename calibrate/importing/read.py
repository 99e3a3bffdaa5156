"""Which reader a file is for: told by its first bytes, for names promise what they like."""

from __future__ import annotations

import hashlib
from pathlib import Path

from calibrate.errors import DataError
from calibrate.files import read_bytes
from calibrate.importing.source import Source
from calibrate.texts import printable

_EXTRA = "install it with: python -m pip install 'calibrate[import]'"
# First bytes of what is known and not read, and what to do instead.
_OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls) or another of Microsoft's old files; save it as .xlsx or CSV",
    b"%PDF-": "a PDF file; export the numbers as CSV",
    b"\x89PNG": "a picture; export the numbers as CSV",
    b"\x1f\x8b": "compressed by gzip; unpack it first",
    b"7z\xbc\xaf": "an archive; unpack it first",
    b"\x80\x04\x95": "a pickle of Python's, which could run anything; save the numbers as CSV",
    b"\x93NUMPY": "an array of NumPy's; save it as CSV with the names of its columns",
    b"\x50\x00\x00\x00": "a C3D file or another binary one; export the columns as CSV",
    b"<?xml": "XML; export the numbers as CSV",
    b"{": "JSON; export the numbers as CSV",
}


def read_source(
    path: Path,
    *,
    part: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
) -> Source:
    """Read a file of another program.

    Parameters
    ----------
    path : Path
        Text, an Excel workbook, a MATLAB file, TDMS, or a table of OpenSim's.
    part : str, optional
        The sheet of a workbook, the group of a TDMS file, the variable of a MATLAB file.
    separator, encoding : str, optional
        Of text.

    Raises
    ------
    DataError
        If it is none of these, or cannot be read.
    """
    content = bytes(read_bytes(path, DataError, "measurement"))
    sha256 = hashlib.sha256(content).hexdigest()
    where = printable(path)
    if not content.strip():
        raise DataError(f"{where}: is empty")
    for begin, what in _OTHERS.items():
        if content.startswith(begin):
            raise DataError(f"{where}: is {what}")
    try:
        if content.startswith(b"PK"):
            return _read_zip(content, path, sha256, part)
        if content.startswith((b"TDSm", b"TDSh")):
            from calibrate.importing.tdms import read_tdms

            return read_tdms(content, path, sha256, group=part)
        if content.startswith((b"MATLAB ", b"\x89HDF")) or path.suffix.lower() == ".mat":
            from calibrate.importing.matlab import read_matlab

            return read_matlab(content, path, sha256, part=part)
    except ModuleNotFoundError as error:
        raise DataError(f"{where}: {error.name} is needed to read it; {_EXTRA}") from None
    if part is not None:
        raise DataError(f"--sheet {printable(part)}: {where} is text, which has no sheets; leave it out")
    from calibrate.importing.text import read_text_table

    return read_text_table(content, path, sha256, separator=separator, encoding=encoding)


def _read_zip(content: bytes, path: Path, sha256: str, part: str | None) -> Source:
    if b"[Content_Types].xml" not in content or b"xl/" not in content:
        raise DataError(
            f"{printable(path)}: is an archive and no whole Excel workbook (.xlsx); unpack it, or save it again"
        )
    from calibrate.importing.workbook import read_workbook

    return read_workbook(content, path, sha256, sheet=part)
