"""Chunks of a dataset, looked at before HDF5 reads them: it believes what a file's index says of their sizes.

Where the index or what is packed in a chunk gives fewer bytes than a chunk has, HDF5 reads what lies behind them in
memory: numbers of nobody's, or a crash.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import h5py

_DEFLATE, _SUM = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
CHECKSUM = 4  # bytes at the end of a stored chunk


def check_each(name: str, item: h5py.Dataset, filters: list[int]) -> None:
    """Refuse a dataset of which a chunk is not in its place or has not the bytes of one.

    Raises
    ------
    ValueError
        Saying which dataset.
    """
    one = math.prod(item.chunks) * item.id.get_type().get_size()
    found: list[Any] = []
    item.id.chunk_iter(found.append)
    places = {chunk.chunk_offset for chunk in found}
    for place in places:
        if any(at % step or at >= long for at, step, long in zip(place, item.chunks, item.shape, strict=True)):
            raise ValueError(f"{name} has a chunk in no place")
    if len(places) != len(found):
        raise ValueError(f"{name} has two chunks in one place")
    end = item.file.id.get_filesize()
    for chunk in found:
        through = [code for i, code in enumerate(filters) if not chunk.filter_mask >> i & 1]
        added = CHECKSUM if _SUM in through else 0
        whole = chunk.size > added if _DEFLATE in through else chunk.size == one + added
        if not whole or chunk.byte_offset + chunk.size > end:
            raise ValueError(f"{name} has a chunk of {chunk.size} bytes")
        if _DEFLATE in through and _unpacked(item, chunk, one, added) != one:
            raise ValueError(f"{name} has a chunk that is packed from fewer bytes than it has, or from more")


def _unpacked(item: h5py.Dataset, chunk: Any, one: int, added: int) -> int:
    """Return the bytes that a chunk unpacks to, `one` if it is damaged so that HDF5 refuses it by itself."""
    _, stored = item.id.read_direct_chunk(chunk.chunk_offset)
    packed = stored[: len(stored) - added]
    if added:
        from calibrate.chain.checksum import checksum

        if checksum(packed) != stored[len(packed) :]:
            return one
    try:
        return len(zlib.decompressobj().decompress(packed, one + 1))
    except zlib.error:
        return one
