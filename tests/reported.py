"""What a page says of a run, worked out cheaply: with few of its figures, and what-if of few draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from calibrate.figures import FIGURES
from calibrate.report import changes, page, pictures
from calibrate.report.pictures import Panel, Picture
from calibrate.results import Run

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = Picture(
    "corner", "A title", "A caption.", PIXEL, "What is seen.", 1, 1, (Panel("mcl.k", 0.1, 0.2, 0.3, 0.4),)
)


def cheaply(patch: pytest.MonkeyPatch, figures: Sequence[str] = ()) -> None:
    """Let pages have only these figures, or without any a picture of one pixel."""
    patch.setattr(changes, "_WORK", 6_000)
    if figures:
        patch.setattr(pictures, "FIGURES", {name: FIGURES[name] for name in figures})
    else:
        patch.setattr(pictures, "pictures", lambda run, content, second=None: [PICTURE])


def said_of(run: Run, figures: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the page of a run says."""
    with pytest.MonkeyPatch.context() as patch:
        cheaply(patch, figures)
        return page.contents(run)
