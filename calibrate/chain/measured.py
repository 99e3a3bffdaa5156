"""The data of a run: one text for each test, and the list that says which is which.

`data`, `data_1`, `data_2`, ... hold the measurement files as they were read. The text `tests` lists them in this
order, for two tests `[{"name": "flex30", "file": "30deg.csv", "sha256": "..."}, {"name": "flex60", ...}]`. A
calibration with `[data]` alone has one test, whose name is empty. A file of schema 2 has one test, and two attributes,
`data_name` and `data_sha256`, in place of the list.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain import guard
from calibrate.config.parameters import MOST_TESTS
from calibrate.config.values import LONGEST_NAME
from calibrate.data import Measurement, stored_measurement
from calibrate.errors import ChainError
from calibrate.files import MOST

Arrays = dict[str, NDArray[Any]]

# Characters of the name of a test's file, which is no longer on any system.
_LONGEST_FILE = 255
# Bytes of the list, larger than any of that many tests.
_LONGEST_LIST = 2**22
# Bytes of all data together: some ten million points, which take minutes to read.
_MOST_DATA = MOST["CSV"]


@dataclass(frozen=True)
class _Test:
    """A line of the list."""

    name: str
    file: str
    sha256: str


def named(name: str) -> str:
    """Return what a test is called in messages: `the data`, or `the data of tests.flex30`."""
    return f"the data of tests.{name}" if name else "the data"


def parts(measurements: Mapping[str, Measurement]) -> tuple[bytes, Arrays]:
    """Return what a new file holds of the data: the text `tests`, and the arrays by name.

    Raises
    ------
    ChainError
        If no file can hold them.
    """
    tests = [_Test(name, Path(one.source).name, one.sha256) for name, one in measurements.items()]
    texts = [np.frombuffer(one.text.encode(), dtype=np.uint8) for one in measurements.values()]
    try:
        _check_names([test.name for test in tests])
        _check_size(sum(text.nbytes for text in texts))
    except ValueError as error:
        raise ChainError(f"a run file cannot hold these tests: {error}") from None
    return _list(tests), {_key(i): text for i, text in enumerate(texts)}


def copied(old: h5py.Group, schema: int, limit: int | None) -> tuple[dict[str, bytes], Arrays]:
    """Return what the group of another file holds of the data: texts and arrays by name, as its schema has them."""
    tests = _tests(old, schema, limit)
    texts = {} if schema == 2 else {"tests": _list(tests)}
    return texts, {_key(i): guard.content(item) for i, item in enumerate(_texts(old, len(tests), limit))}


def read_measurements(group: h5py.Group, schema: int, path: Path, limit: int | None) -> dict[str, Measurement]:
    """Return the measurement of each test, in the order of the file.

    Raises
    ------
    ChainError
        If a text is not the one that was stored.
    ValueError
        If something is not what it should be.
    """
    tests, found = _tests(group, schema, limit), {}
    for test, item in zip(tests, _texts(group, len(tests), limit), strict=True):
        text = guard.content(item).tobytes()
        if hashlib.sha256(text).hexdigest() != test.sha256:
            raise ChainError(
                f"{path}: {named(test.name)} inside do not match their SHA-256, so the file was altered or damaged"
            )
        found[test.name] = stored_measurement(text.decode(), test.file)
    return found


def _key(number: int) -> str:
    return f"data_{number}" if number else "data"


def _list(tests: list[_Test]) -> bytes:
    # Bytes of a file's name that are no UTF-8 are lone surrogates, which JSON writes in ASCII.
    return json.dumps([asdict(test) for test in tests]).encode()


def _tests(group: h5py.Group, schema: int, limit: int | None) -> list[_Test]:
    """Read the list; the data themselves are not looked at."""
    if schema == 2:
        return [_Test("", guard.word(group, "data_name"), guard.word(group, "data_sha256"))]
    text = guard.text(group, "tests", limit, _LONGEST_LIST)
    entries = json.loads(text)
    if not isinstance(entries, list) or len(entries) > MOST_TESTS:
        raise ValueError(f"tests is no list of {MOST_TESTS} tests at the most")
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in _Test.__annotations__):
            raise ValueError("tests lists something without name, file and sha256")
        if len(entry["file"]) > _LONGEST_FILE or not _is_file_name(entry["file"]):
            raise ValueError("tests lists a file whose name no file can have")
    tests = [_Test(entry["name"], entry["file"], entry["sha256"]) for entry in entries]
    _check_names([test.name for test in tests])
    return tests


def _is_file_name(name: str) -> bool:
    try:
        return b"\0" not in name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def _texts(group: h5py.Group, count: int, limit: int | None) -> list[h5py.Dataset]:
    """Return the datasets of the data, of which none has been read yet."""
    items = [guard.numbers(group, _key(i), (None,), limit, h5py.h5t.STD_U8LE) for i in range(count)]
    if guard.holds(group, _key(count)):
        raise ValueError(f"{_key(count)} belongs to no test")
    _check_size(sum(item.nbytes for item in items))
    return items


def _check_names(names: Collection[str]) -> None:
    if not 1 <= len(names) <= MOST_TESTS:
        raise ValueError(f"there are {len(names)} tests, not 1 to {MOST_TESTS}")
    if len(set(names)) < len(names):
        raise ValueError("two tests have the same name")
    if len(names) > 1 and "" in names:
        raise ValueError("one of several tests has no name")
    for name in names:
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise ValueError(f"a test's name has to be up to {LONGEST_NAME} printable characters, not {name[:70]!r}")


def _check_size(size: int) -> None:
    if size > _MOST_DATA:
        raise ValueError(f"the data are larger than {_MOST_DATA >> 20} MB together")
