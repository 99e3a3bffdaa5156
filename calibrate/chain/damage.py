"""Naming damage: which stored steps cannot be read any more, and how many before them are whole.

Files at rest carry HDF5's Fletcher32 checksums, one for each chunk. HDF5 says only that some chunk was refused.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from calibrate.chain.origin import reason
from calibrate.errors import ChainError


def damaged_rows(path: Path, f: h5py.File, error: OSError) -> ChainError:
    """Return what to tell the user whose rows could not be read, in one sentence.

    Parameters
    ----------
    path : Path
        The file, for the message.
    f : File
        The file, open.
    error : OSError
        What HDF5 said.
    """
    first: tuple[int, int, str] | None = None
    ensemble, checked = 0, False
    while f"ensemble_{ensemble}" in f:
        for key in ("chain", "log_prob"):
            found = _first_bad(f[f"ensemble_{ensemble}/{key}"], None if first is None else first[0])
            if found is not None:
                start, stop, column = found
                what = key if key == "log_prob" else f"{key} of parameter {column + 1}"
                first = (start, stop, f"ensemble_{ensemble}, {what}")
                checked = f[f"ensemble_{ensemble}/{key}"].fletcher32
        ensemble += 1
    if first is None:  # it was not the file
        return ChainError(f"{path}: cannot be read ({reason(error)})")
    start, stop, where = first
    rest = (
        f"the {start} steps before them are whole in all ensembles, and 'calibrate repair' saves these"
        if start
        else "no step is before them; 'calibrate repair' saves what it can"
    )
    why = "their checksum does not match" if checked else reason(error)
    return ChainError(f"{path}: {where}: steps {start + 1} to {stop} cannot be read ({why}); {rest}")


def _first_bad(item: h5py.Dataset, before: int | None) -> tuple[int, int, int] | None:
    """Return the first chunk that cannot be read, of those that begin before a step: its steps and its column."""
    rows, end = item.chunks[0], len(item) if before is None else min(len(item), before)
    for start in range(0, end, rows):
        for column in range(item.shape[2] if item.ndim == 3 else 1):
            try:
                # One number of a chunk is enough for HDF5 to read and check all of it.
                item[(start, 0, column)[: item.ndim]]
            except OSError:
                return start, min(start + rows, len(item)), column
    return None
