"""MATLAB's files (.mat): 5 to 7 by SciPy, 7.3 by h5py. Numbers in variables and structures; objects are never built."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calibrate.errors import DataError
from calibrate.importing.guard import MOST_CELLS, check_compressed, reading
from calibrate.importing.source import Column, FloatArray, Readings, Source, from_arrays
from calibrate.texts import printable

_DEEPEST = 8
_MOST_COLUMNS = 10_000
_FORM = "a MATLAB file"


def read_matlab(content: bytes, path: Path, sha256: str, *, part: str | None = None) -> Source:
    """Read all vectors and columns of matrices.

    Parameters
    ----------
    content : bytes
        The file's.
    path : Path
        Its name, for messages.
    sha256 : str
        SHA-256 of its bytes.
    part : str, optional
        The variable or structure to look at; by default all.

    Raises
    ------
    DataError
        If there are none, or the file cannot be read.
    """
    where = printable(path)
    with reading(path, _FORM):
        if content.startswith(b"MATLAB 7.3") or b"\x89HDF\r\n\x1a\n" in content[:520]:
            if not content.startswith(b"MATLAB"):
                raise DataError(f"{where}: is an HDF5 file and none of MATLAB's; export the columns as CSV")
            with h5py.File(io.BytesIO(content), "r") as file:
                found = list(_of_group(file, "", 0, file))
        else:
            check_compressed(content, path)
            from scipy.io import loadmat

            loaded = loadmat(io.BytesIO(content), variable_names=None, verify_compressed_data_integrity=True)
            found = list(_of_fields({key: value for key, value in loaded.items() if not key.startswith("__")}, "", 0))
    if part is not None:
        found = [(name, array) for name, array in found if name == part or name.startswith((f"{part}.", f"{part}("))]
    if not found:
        what = f"nothing called {printable(part)!r} with" if part is not None else "no variable with"
        raise DataError(
            f"{where}: has {what} numbers in columns (tables and objects of MATLAB's are not read; save arrays)"
        )
    if len(found) > _MOST_COLUMNS or sum(array.size for _, array in found) > MOST_CELLS:
        raise DataError(f"{where}: holds more columns or numbers than a measurement; save those needed alone")
    names = [name for name, _ in found]
    arrays = [array for _, array in found]

    def read(wanted: Sequence[int], decimal: str | None) -> Readings:
        return from_arrays(arrays, wanted, names, where)

    return Source(path, sha256, "MATLAB file", tuple(map(_column, names)), read, "sample")


def _column(name: str) -> Column:
    """Tell a field's name from that of the structure that it is in."""
    inside = re.match(r"((?:[A-Za-z]\w*(?:\([0-9]+\)|\{[0-9]+\})?\.)*)(.*)$", name, re.DOTALL)
    assert inside is not None
    return Column(inside[2], "", inside[1])


_Found = Iterator[tuple[str, FloatArray]]


def _of_fields(fields: dict[str, Any], above: str, depth: int) -> _Found:
    """Yield the columns in some variables or fields; a list of names as long as a matrix is wide names its columns."""
    if depth > _DEEPEST:
        return
    lists = [names for value in fields.values() if (names := _texts(value)) is not None]
    for key, value in fields.items():
        yield from _of_value(value, f"{above}{key}", depth, lists)


def _of_value(value: Any, name: str, depth: int, lists: list[list[str]]) -> _Found:
    if not isinstance(value, np.ndarray):
        return
    if value.dtype.names is not None and type(value) is np.ndarray:
        for i, one in enumerate(value.ravel()[:1000]):
            index = f"({i + 1})" if value.size > 1 else ""
            yield from _of_fields({key: one[key] for key in value.dtype.names}, f"{name}{index}.", depth + 1)
    elif value.dtype == object and type(value) is np.ndarray:
        for i, one in enumerate(value.ravel()[:1000]):
            yield from _of_value(one, f"{name}{{{i + 1}}}", depth + 1, []) if depth < _DEEPEST else ()
    elif np.issubdtype(value.dtype, np.number) and not np.iscomplexobj(value):
        yield from _of_numbers(value, name, lists)


def _of_numbers(value: Any, name: str, lists: list[list[str]]) -> _Found:
    """Yield a vector, or the columns of a matrix; single numbers are none."""
    if value.ndim > 2 or value.size < 2:
        return
    if value.ndim == 1 or 1 in value.shape:
        yield name, np.asarray(value, dtype=float).ravel()
        return
    fitting = [names for names in lists if len(names) == value.shape[1]]
    for i in range(value.shape[1]):
        label = f"{name}.{fitting[0][i]}" if len(fitting) == 1 else f"{name}(:,{i + 1})"
        yield label, np.asarray(value[:, i], dtype=float)


def _texts(value: Any) -> list[str] | None:
    """Return a cell array of texts as a list; None if it is none."""
    if not (isinstance(value, np.ndarray) and value.dtype == object and 1 < value.size <= _MOST_COLUMNS):
        return None
    if type(value) is not np.ndarray:
        return None
    texts = [one.item() for one in value.ravel() if isinstance(one, np.ndarray) and one.dtype.kind == "U" and one.size]
    return texts if len(texts) == value.size else None


def _of_group(group: h5py.Group, above: str, depth: int, file: h5py.File) -> _Found:
    """Yield the columns in a group of a 7.3 file; only what lies in the file itself is looked at."""
    if depth > _DEEPEST:
        return
    items = {
        key: group[key]
        for key in list(group)[:_MOST_COLUMNS]
        if not key.startswith("#") and isinstance(group.get(key, getlink=True), h5py.HardLink)
    }
    lists = [names for item in items.values() if (names := _referred(item, file)) is not None]
    for key, item in items.items():
        if isinstance(item, h5py.Group):
            yield from _of_group(item, f"{above}{key}.", depth + 1, file)
        elif _is_numbers(item):
            # MATLAB stores columns first.
            yield from _of_numbers(np.asarray(item[()]).T, f"{above}{key}", lists)


def _is_numbers(item: Any) -> bool:
    """Tell whether a data set holds numbers of its own and not too many."""
    kind = item.attrs.get("MATLAB_class", b"double")
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
    numeric = kind in ("double", "single", "logical") or kind.removeprefix("u").startswith("int")
    own = not item.is_virtual and not item.external and "MATLAB_object_decode" not in item.attrs
    some = own and np.issubdtype(item.dtype, np.number) and "MATLAB_empty" not in item.attrs
    return bool(numeric and some and 1 < (item.size or 0) <= MOST_CELLS)


def _referred(item: Any, file: h5py.File) -> list[str] | None:
    """Return a cell array of texts as a list; None if it is none."""
    if not isinstance(item, h5py.Dataset) or item.dtype != h5py.ref_dtype or not 1 < item.size <= 1000:
        return None
    texts: list[str] = []
    for reference in np.asarray(item[()]).ravel(order="F"):
        target = file[reference] if reference else None
        if not isinstance(target, h5py.Dataset) or target.dtype != np.uint16 or target.size > 1000:
            return None
        texts.append("".join(map(chr, np.asarray(target[()]).ravel(order="F").tolist())))
    return texts
