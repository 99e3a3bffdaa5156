"""What is taken from a file that a stranger may have made: plain things that lie in it, typed, no larger than it is.

HDF5 knows links into other files, strings on a heap, references, compound types and pipelines of foreign filters. A
run has none of these, so none is followed. A dataset may claim any size; it is read only if the file has the bytes.
Everything here raises `ValueError` with a few words; `calibrate.chain.reader.translated` makes a sentence of them.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibrate.chain import chunks

FloatArray = NDArray[np.float64]

_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
# Bytes; calibrate's own chunks are a 32nd of that at the most, its attributes shorter than file names may be.
_LARGEST_CHUNK = 2**24
_LARGEST_ATTRIBUTE = 2**14
# Bytes of a row of names: tens of thousands of parameters.
_LONGEST_ROW = 2**21
# Chunks of a run hold some 2**18 bytes; this many tiny ones are read before anybody gets impatient.
_MANY_CHUNKS = 2**17
# Real chains shrink to a half or a tenth; where nearly all walkers stand still, to a hundredth.
_DENSEST = 200
_SHA = "sha256"
# Parameters have bounds of 1e9 at the most, beyond which they spill a little; no walker starts where nothing is likely.
_LARGEST = 1e100


def group(parent: h5py.Group, name: str) -> h5py.Group:
    """Return a group that lies in this very file."""
    item = _own(parent, name)
    if not isinstance(item, h5py.Group):
        raise ValueError(f"{name} is no group")
    return item


def dataset(parent: h5py.Group, name: str, limit: int | None = None) -> h5py.Dataset:
    """Return a plain dataset whose bytes are in this very file, all of them.

    Parameters
    ----------
    parent : Group
        Where it is.
    name : str
        How it is called there.
    limit : int, optional
        Bytes that there are to be read; the file's size by default.
    """
    item = _own(parent, name)
    if not isinstance(item, h5py.Dataset):
        raise ValueError(f"{name} is no dataset")
    plan = item.id.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
        raise ValueError(f"{name} lies outside of this file")
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if not _FILTERS.issuperset(filters):
        raise ValueError(f"{name} has been through a filter that calibrate does not use")
    if item.shape is None:
        raise ValueError(f"{name} is empty")
    limit = parent.file.id.get_filesize() if limit is None else limit
    size = math.prod(item.shape) * item.id.get_type().get_size()
    if plan.get_layout() == h5py.h5d.CHUNKED:
        _check_chunks(name, item, size, filters, limit)
    elif size > limit or item.id.get_storage_size() != size:
        raise ValueError(f"{name} claims {size:.4g} bytes that are not in the file")
    return item


def numbers(
    parent: h5py.Group, name: str, shape: tuple[int | None, ...], limit: int | None = None, kind: Any = None
) -> h5py.Dataset:
    """Return a dataset of plain numbers, of float64 unless `kind` is another HDF5 type; None stands for any length."""
    item = dataset(parent, name, limit)
    if not item.id.get_type().equal(h5py.h5t.IEEE_F64LE if kind is None else kind):
        raise ValueError(f"{name} does not hold the numbers that it should")
    if len(item.shape) != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, item.shape, strict=True)
    ):
        raise ValueError(f"{name} has shape {_short(item.shape)}, not {_short(shape)} as it should")
    return item


def text(parent: h5py.Group, name: str, limit: int | None = None, most: int | None = None) -> bytes:
    """Return a text kept in place, as the bytes that it consists of; `most` is how many there may be."""
    item = dataset(parent, name, limit)
    if item.shape != () or not _is_text(item.id.get_type()):
        raise ValueError(f"{name} is no text kept in place")
    if most is not None and item.nbytes > most:
        raise ValueError(f"{name} has {item.nbytes:.4g} bytes, more than the {most:.4g} that it may have")
    found = bytes(item[()])
    if h5py.h5a.exists(item.id, _SHA.encode()) and word(item, _SHA) != hashlib.sha256(found).hexdigest():
        raise ValueError(f"{name} does not match its SHA-256")
    return found


def words(parent: h5py.Group, name: str, limit: int | None = None) -> tuple[str, ...]:
    """Return a row of short texts."""
    item = dataset(parent, name, limit)
    if len(item.shape) != 1 or not _is_text(item.id.get_type()) or item.nbytes > _LONGEST_ROW:
        raise ValueError(f"{name} is no short list of texts")
    return tuple(bytes(one).decode() for one in content(item))


def content(item: h5py.Dataset) -> NDArray[Any]:
    """Return all of a small dataset."""
    try:
        return np.asarray(item[()])
    except OSError as error:
        if item.fletcher32 or item.compression is not None:
            raise ValueError(f"{item.name[1:]} does not match its checksum") from None
        raise ValueError(f"{item.name[1:]} cannot be read: {error}") from None


def put_text(parent: h5py.Group, name: str, text: bytes) -> None:
    """Write a text as `text` reads it.

    It is of fixed length: strings of variable length lie in a heap, on whose damage HDF5 hangs. A single value can
    have no checksum of HDF5's, so its SHA-256 stands beside it.
    """
    item = parent.create_dataset(name, data=np.bytes_(text or b"\n"))
    item.attrs[_SHA] = np.bytes_(hashlib.sha256(bytes(item[()])).hexdigest())


def put_numbers(parent: h5py.Group, name: str, values: NDArray[Any]) -> None:
    """Write a small array with checksums."""
    chunk = (min(len(values), _LARGEST_CHUNK >> 4), *values.shape[1:])
    parent.create_dataset(name, data=values, chunks=chunk, fletcher32=True)


def word(item: h5py.Group | h5py.Dataset, name: str) -> str:
    """Return a text attribute; bytes that are no UTF-8 stay what they are, as in names of files."""
    found = _attribute(item, name)
    if not _is_text(found.get_type()) or found.shape != ():
        raise ValueError(f"{name} is no text")
    return bytes(item.attrs[name]).decode("utf-8", "surrogateescape").strip()


def whole_number(item: h5py.Group | h5py.Dataset, name: str, largest: int = 2**62) -> int:
    """Return an attribute that is a whole number from 0 to `largest`."""
    found = _attribute(item, name)
    if not isinstance(found.get_type(), h5py.h5t.TypeIntegerID) or found.shape != ():
        raise ValueError(f"{name} is no whole number")
    value = int(item.attrs[name])
    if not 0 <= value <= largest:
        raise ValueError(f"{name} is {value}, not from 0 to {largest}")
    return value


def real_number(item: h5py.Group | h5py.Dataset, name: str) -> float:
    """Return an attribute that is a finite number."""
    found = _attribute(item, name)
    if not isinstance(found.get_type(), h5py.h5t.TypeFloatID) or found.shape != ():
        raise ValueError(f"{name} is no number")
    value = float(item.attrs[name])
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}")
    return value


def whole_numbers(item: h5py.Group | h5py.Dataset, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an attribute that is an array of whole numbers."""
    found = _attribute(item, name)
    if not isinstance(found.get_type(), h5py.h5t.TypeIntegerID) or found.shape != shape:
        raise ValueError(f"{name} is no array of {_short(shape)} whole numbers")
    return np.asarray(item.attrs[name])


def has(item: h5py.Group | h5py.Dataset, name: str) -> bool:
    """Tell whether there is an attribute of that name."""
    return bool(h5py.h5a.exists(item.id, name.encode()))


def holds(parent: h5py.Group, name: str) -> bool:
    """Tell whether there is anything of that name, even a link that leads nowhere."""
    folder = _folder(parent)
    return bool(folder.links.exists(name.encode()))


def check_rows(values: FloatArray, name: str) -> None:
    """Raise ValueError unless these can be parameters or log-probabilities of walkers, whose squares are finite."""
    if not np.abs(values).max(initial=0.0) < _LARGEST:
        raise ValueError(f"{name} holds numbers that no chain has; 'calibrate repair' saves the steps before them")


def _folder(parent: h5py.Group) -> Any:
    """Return HDF5's handle of a group, which has to be held for as long as its links are asked for."""
    return (parent["/"] if isinstance(parent, h5py.File) else parent).id


def _own(parent: h5py.Group, name: str) -> Any:
    if not holds(parent, name):
        raise ValueError(f"{name} is missing")
    folder = _folder(parent)
    if folder.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:  # elsewhere may be what was never to be shown
        raise ValueError(f"{name} is no part of this file")
    return parent[name]


def _attribute(item: h5py.Group | h5py.Dataset, name: str) -> Any:
    if not has(item, name):
        raise ValueError(f"{name} is missing")
    found = h5py.h5a.open(item.id, name.encode())
    if found.get_storage_size() > _LARGEST_ATTRIBUTE:
        raise ValueError(f"{name} is larger than anything calibrate writes")
    return found


def _is_text(kind: Any) -> bool:
    return isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()


def _check_chunks(name: str, item: h5py.Dataset, size: int, filters: list[int], limit: int) -> None:
    """Refuse chunks that are not there, and ones that no run has."""
    one = math.prod(item.chunks) * item.id.get_type().get_size()
    count = math.prod(-(-long // step) for long, step in zip(item.shape, item.chunks, strict=True))
    stored = item.id.get_storage_size()
    if one > _LARGEST_CHUNK or count > _MANY_CHUNKS + size // 2**16:
        raise ValueError(f"{name} is cut into {count:.4g} pieces of {one:.4g} bytes, which no run is")
    if stored > limit or item.id.get_num_chunks() != count:
        raise ValueError(f"{name} claims {size:.4g} bytes that are not in the file")
    if h5py.h5z.FILTER_DEFLATE in filters:
        if size > _DENSEST * stored + _LARGEST_CHUNK:
            raise ValueError(f"{name} claims {size:.4g} bytes packed into {stored}, which no run is")
    elif stored != count * (one + (chunks.CHECKSUM if h5py.h5z.FILTER_FLETCHER32 in filters else 0)):
        raise ValueError(f"{name} claims {size:.4g} bytes that are not in the file")
    chunks.check_each(name, item, filters)


def _short(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"
