"""Files that are made to do harm, or are damaged: at the worst they are refused, in one line and soon."""

from __future__ import annotations

import io
import itertools
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py
import pytest
from their_files import ANGLES, LOADS, rows, tdms, workbook, write

from calibrate.errors import DataError
from calibrate.importing import guard
from calibrate.importing.choose import Answers
from calibrate.importing.convert import convert


def refused(folder: Path, content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says) as error:
        convert(write(folder, content), Answers(positive="varus"))
    assert "\n" not in str(error.value)


def repacked(change: Any) -> bytes:
    held = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(("d", [["Angle [deg]", "Moment [Nm]"], *rows()])))) as old,
        zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, change(part) if name.endswith("sheet1.xml") else part)
    return held.getvalue()


def test_workbooks_that_unpack_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.importing.workbook._MOST_UNPACKED", 2**21)
    refused(tmp_path, repacked(lambda part: part + b" " * 2**21), "unpacks to more than 2 MB")
    far = b"<row r='1048577'><c r='A1048577'><v>1</v></c></row></sheetData>"
    monkeypatch.setattr("calibrate.importing.workbook._MOST_CELLS", 10)
    refused(tmp_path, repacked(lambda part: part.replace(b"</sheetData>", far)), "more than 10 cells or 1,048,576 rows")


def test_workbooks_with_entities_are_not_expanded(tmp_path: Path) -> None:
    cell = b"<sheetData><row><c t='inlineStr'><is><t>&a;</t></is></c></row>"
    for entity in (b"SYSTEM 'file:///etc/hostname'", b"'aaaaaaaaaa'"):
        head = b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a " + entity + b">]>"
        content = repacked(lambda part, head=head: head + part.replace(b"<sheetData>", cell))
        refused(tmp_path, content, "cannot be read as an Excel")


def element(kind: int, dims: tuple[int, int], data: bytes = b"") -> bytes:
    """Return a matrix of MATLAB's version 5 that claims what it likes."""
    body = struct.pack("<IIII", 6, 8, kind, 0) + struct.pack("<IIii", 5, 8, *dims) + struct.pack("<II", 1, 8)
    body += b"angledeg"
    body += struct.pack("<HHI", 5, 4, 8) + struct.pack("<II", 1, 8) + b"field\0\0\0" if kind == 2 else b""
    body += struct.pack("<II", 9, len(data)) + data if kind == 6 else b""
    return struct.pack("<II", 14, len(body)) + body


def version_5(*elements: bytes) -> bytes:
    packed = [zlib.compress(each) for each in elements]
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    return head + b"".join(struct.pack("<II", 15, len(each)) + each for each in packed)


def test_matlab_files_that_unpack_to_or_claim_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, dims in itertools.product((1, 2, 4, 6), ((2**30, 1), (2**15, 2**15))):
        refused(tmp_path, version_5(element(kind, dims)), "cannot be read as a MATLAB file|takes more memory")
    monkeypatch.setattr(guard, "MOST_UNPACKED", 2**20)
    monkeypatch.setattr(guard._check_total, "__defaults__", (2**20,))
    refused(tmp_path, version_5(element(6, (2**18, 1), bytes(2**21))), "unpacks to more than 1 MB")


def test_matlab_7_3_stays_in_its_own_file(tmp_path: Path) -> None:
    held = io.BytesIO()
    with h5py.File(held, "w", userblock_size=512) as file:
        file.create_dataset("angle_deg", data=[ANGLES])
        file.create_dataset("moment_Nm", data=[LOADS])
        file.create_dataset("huge", shape=(1, 2**40), chunks=(1, 2**20), dtype="f8")
        file.create_dataset("theirs", shape=(6,), dtype="f8", external=[("/etc/hostname", 0, 48)])
        file["other"] = h5py.ExternalLink("/etc/hostname", "/")
        file["soft"] = h5py.SoftLink("/")
        file["loop"] = file["/"]
    content = bytearray(held.getvalue())
    content[:30] = b"MATLAB 7.3 MAT-file, Platform:"
    found = convert(write(tmp_path, bytes(content)), Answers(positive="varus", angle="angle_deg", load="moment_Nm"))
    assert found.measurement.loads.tolist() == LOADS
    assert not re.search("huge|theirs|other|soft", "".join(found.said))


def test_a_line_without_end_and_a_file_without_end(tmp_path: Path) -> None:
    refused(tmp_path, b"a," * 2**17, "line 1: has 262,144 characters, more than a row of a table may")
    (tmp_path / "endless").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is no regular file"):
        convert(tmp_path / "endless", Answers(positive="varus"))
    with pytest.raises(DataError, match="cannot be read"):
        convert(tmp_path, Answers(positive="varus"))


def test_damaged_tdms_is_refused_or_read_rightly_and_says_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = tdms(("g", "Varus", ANGLES, "deg"), ("g", "Torque", LOADS, "Nm"))
    read = 0
    for at in range(0, len(whole) - 96, 3):  # the numbers are the last 96 bytes
        content = bytearray(whole)
        content[at : at + 4] = b"\xff\xff\xff\x7f"
        try:
            found = convert(write(tmp_path, bytes(content)), Answers(positive="varus", angle="1", load="2"))
        except DataError:
            continue
        read += 1
        assert found.measurement.loads.tolist() == LOADS
    assert read < 20
    assert capfd.readouterr() == ("", "")
