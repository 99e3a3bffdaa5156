"""Not drawn yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calibrate.draws import Draws


def knee_animation(run: Draws, path: str | Path, **_: Any) -> Path:
    """Write an animation."""
    raise NotImplementedError
