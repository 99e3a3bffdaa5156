"""The drawings of the pages, made anew by the program's own knee whenever the pages are built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx


def draw(app: Sphinx) -> None:
    """Draw all of them into `_drawn`, unless they are there and younger than what draws them."""
    sys.path[:0] = [str(app.srcdir)]
    import drawings

    folder = Path(app.srcdir) / "_drawn"
    folder.mkdir(exist_ok=True)
    script = Path(drawings.__file__).stat().st_mtime
    for name, make in drawings.DRAWINGS.items():
        path = folder / f"{name}.svg"
        if not path.exists() or path.stat().st_mtime < script:
            make().savefig(path, metadata={"Date": None})


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of it."""
    app.connect("builder-inited", draw)
    return {"version": "1", "parallel_read_safe": True}
