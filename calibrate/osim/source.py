"""A model's file, read whole before anything is made of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from calibrate.errors import ExportError

# Published models have up to some 20 MB.
_LARGEST = 256 << 20


def read_model(path: Path) -> bytes:
    """Return a model's bytes; what never ends, or is far larger than any model, is refused before memory is gone.

    Raises
    ------
    ExportError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode):
                raise ExportError(f"{path}: is a device; give an OpenSim model")
            # A pipe has no size and may not end.
            content = file.read(_LARGEST + 1) if about.st_size <= _LARGEST else b""
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if max(about.st_size, len(content)) > _LARGEST:
        raise ExportError(f"{path}: is larger than {_LARGEST >> 20} MB, as no model is; give an OpenSim model")
    return content
