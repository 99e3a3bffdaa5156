"""HDF5's checksum of a chunk, computed here so that a chunk is written as it lies in memory.

Through HDF5's own pipeline, a file at rest takes half as long again to write.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import compiled


def with_checksum(values: NDArray[np.float64]) -> bytes:
    """Return a chunk as HDF5 stores it behind its filter Fletcher32: the bytes, then the checksum."""
    content = np.ascontiguousarray(values, dtype="<f8").data.cast("B")
    return b"".join((content, checksum(content)))


def checksum(content: bytes | memoryview) -> bytes:
    """Return the checksum of bytes, of which an odd last one counts as if a zero followed."""
    if len(content) % 2:
        content = bytes(content) + b"\0"
    return int(_fletcher32(np.frombuffer(content, "<u2"))).to_bytes(4, "little")


@compiled
def _fletcher32(words: NDArray[np.uint16]) -> np.uint64:
    """Return Fletcher's checksum of words that HDF5 takes as big-endian; of both sums, 65535 stands for 0.

    A chunk of less than 2^24 words does not overflow the sums, so their remainders are taken at the end.
    """
    first, second, count = np.uint64(0), np.uint64(0), words.size
    for i in range(count):
        word = np.uint32(words[i])
        swapped = np.uint64(((word & np.uint32(255)) << np.uint32(8)) | (word >> np.uint32(8)))
        first += swapped
        second += np.uint64(np.uint32(count - i)) * swapped
    one, two = first % np.uint64(65535), second % np.uint64(65535)
    if one == 0 and first > 0:
        one = np.uint64(65535)
    if two == 0 and second > 0:
        two = np.uint64(65535)
    return (two << np.uint64(16)) | one
