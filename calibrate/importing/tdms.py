"""National Instruments' TDMS, read by npTDMS: channels in groups, as LabVIEW and simVITRO write them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from calibrate.errors import DataError
from calibrate.importing.guard import MOST_CELLS, reading
from calibrate.importing.source import Column, FloatArray, Readings, Source, from_arrays
from calibrate.texts import printable

_UNITS = ("unit_string", "NI_UnitDescription", "Unit", "unit", "Units", "units")


def read_tdms(content: bytes, path: Path, sha256: str, *, group: str | None = None) -> Source:
    """Read the channels of a file that hold numbers.

    Raises
    ------
    DataError
        If there is none.
    """
    from nptdms import TdmsFile

    where = printable(path)
    columns: list[Column] = []
    arrays: list[FloatArray] = []
    with reading(path, "TDMS"), _heard() as complaints:
        file: Any = TdmsFile.read_metadata(io.BytesIO(content))
        groups = [each.name for each in file.groups()]
        if group is not None and group not in groups:
            listed = ", ".join(repr(printable(name)) for name in groups[:10])
            raise DataError(f"{where}: has no group {printable(group)!r}; it has {listed}")
        channels = [channel for each in file.groups() for channel in each.channels() if group in (None, each.name)]
        sizes = sum(len(channel) for channel in channels)
        if sizes > MOST_CELLS or sizes > len(content):  # numbers in it are stored as they are, a byte each at least
            raise DataError(f"{where}: says that it holds {sizes:,} numbers, more than a file of its size can")
        file = TdmsFile.read(io.BytesIO(content))
        for each in file.groups():
            for channel in each.channels():
                if group in (None, each.name) and np.issubdtype(channel.dtype, np.number) and len(channel):
                    if np.iscomplexobj(channel[:1]):
                        continue
                    columns.append(Column(channel.name, _unit(channel.properties), f"{each.name}/"))
                    arrays.append(np.asarray(channel[:], dtype=float))
    if complaints:  # it reads on, and what it reads then need not be what was measured
        raise DataError(f"{where}: is damaged or not whole ({printable(complaints[0])[:100]}); export it again")
    if not columns:
        raise DataError(f"{where}: has no channel with numbers")
    names = [column.full for column in columns]

    def read(wanted: Sequence[int], decimal: str | None) -> Readings:
        return from_arrays(arrays, wanted, names, where)

    return Source(path, sha256, "TDMS", tuple(columns), read, "sample")


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what npTDMS would print."""
    from nptdms.log import log_manager

    found: list[str] = []

    def hear(record: logging.LogRecord) -> bool:
        found.append(record.getMessage())
        return False

    log_manager.console_handler.addFilter(hear)
    try:
        yield found
    finally:
        log_manager.console_handler.removeFilter(hear)


def _unit(properties: dict[str, Any]) -> str:
    return next((str(properties[key]) for key in _UNITS if isinstance(properties.get(key), str)), "")
