"""What a run needs of the machine, reckoned before anything is computed: memory, and room on the disk."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from calibrate.config import SamplingConfig
from calibrate.errors import ConfigError
from calibrate.settings import memory_limit

_NUMBER = 8  # bytes
# Stored steps that a run takes to converge, if all goes well and its budget allows it.
_STEPS = 256
# Copies of the walkers that are held at a time: the states, their proposals, the buffers of what is to be written.
_STATES = 6
# Judging convergence holds the kept half of the chain twice, and ranks and sums of some parameters: as measured.
_CHAINS, _WORK = 2, 28
_GIGABYTE = 1e9
# A run that would take less of a disk is begun anyway: where the room ends, what is stored is whole and goes on later.
_SMALL = 1e9


def check_needs(settings: SamplingConfig, ndim: int, folder: Path) -> None:
    """Refuse a run for which this machine is too small.

    Parameters
    ----------
    settings : SamplingConfig
        Ensembles, walkers and budget.
    ndim : int
        Free parameters.
    folder : Path
        Where the run is to be written; it need not be there yet.

    Raises
    ------
    ConfigError
        If more memory or disk would be needed than there is; says how much, and what there is.
    """
    walkers = settings.ensembles * settings.walkers
    steps = max(1, min(settings.max_steps // settings.thin, _STEPS))
    row = _NUMBER * walkers * (ndim + 1)
    memory = _STATES * row + _NUMBER * walkers * (steps + 1) // 2 * (_CHAINS * ndim + _WORK)
    disk = 2 * steps * row  # the finished file is a second copy
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    for what, need, free in (
        ("of memory", memory, free_memory()),
        (f"on the disk of {there}", disk if disk > _SMALL else 0, shutil.disk_usage(there).free),
    ):
        if free is not None and need > free:
            raise ConfigError(
                f"sampling.ensembles = {settings.ensembles}, sampling.walkers = {settings.walkers}: {steps} steps of "
                f"them take {need / _GIGABYTE:.1f} GB {what}, and {free / _GIGABYTE:.1f} GB are free; use fewer walkers"
            )


def free_memory() -> int | None:
    """Return the bytes of memory that this process may still take; None where the system does not say."""
    found = [limit for limit in (memory_limit(), _of_group()) if limit is not None]
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min([1024 * int(line.split()[1]), *found])
    with suppress(OSError, ValueError, AttributeError):  # no Linux: all that is built in
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def _of_group() -> int | None:
    """Return what a container still has of the memory that it was given, None if it was given all."""
    group = Path("/sys/fs/cgroup")
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # "max" is no number
            return max(0, int((group / limit).read_text()) - int((group / used).read_text()))
    return None
