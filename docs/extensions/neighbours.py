"""Links to documents elsewhere in the project lead to the pages that include them.

So a link works where the sources are read, on disk or on a forge, and in the built pages.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

PAGES = {
    "benchmarks/README.md": "/benchmarks.md",
    "data/README.md": "/data.md",
    "CHANGELOG.md": "/changelog.md",
    "CONTRIBUTING.md": "/contributing.md",
}
_LINK = re.compile(r"\]\((?:\.\./)*(" + "|".join(map(re.escape, PAGES)) + r"|docs/[\w/-]+\.md)(#[\w-]+)?\)")


def redirect(app: Sphinx, name: str, content: list[str]) -> None:
    """Put the page in the place of the document in each link."""
    content[0] = _LINK.sub(
        lambda link: f"]({PAGES.get(link[1], link[1].removeprefix('docs'))}{link[2] or ''})", content[0]
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of it."""
    app.connect("source-read", redirect)
    app.connect("include-read", lambda app, path, parent, content: redirect(app, parent, content))
    return {"version": "1", "parallel_read_safe": True}
