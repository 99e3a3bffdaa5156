"""A browser for tests of pages: Chromium or Chrome on the path. Without one they are skipped; in CI they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOUND = next(filter(None, map(shutil.which, BROWSERS)), None)
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_NONE = f"no browser: none of {', '.join(BROWSERS)} is on the path"


@contextmanager
def started() -> Iterator[Any]:
    """Start a browser, and end it."""
    if FOUND is None and not os.environ.get("CI"):
        pytest.skip(_NONE)
    assert FOUND is not None, f"{_NONE}; install chromium"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=FOUND, args=list(OPTIONS))
        yield browser
        browser.close()


@contextmanager
def shown(browser: Any, html: str, path: Path, width: int = 1280, **options: Any) -> Iterator[Any]:
    """Open a page, and check in the end that it has asked for nothing and that nothing went wrong in it."""
    path.write_text(html, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 800}, **options)
    tab, asked, said_aloud = context.new_page(), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said_aloud.append(message.text))
    tab.on("pageerror", lambda error: said_aloud.append(str(error)))
    tab.on("dialog", lambda dialog: said_aloud.append(dialog.message))
    tab.goto(path.as_uri())
    yield tab
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert said_aloud == []
    context.close()


def violations(tab: Any) -> list[tuple[str, str, list[str]]]:
    """Return what axe objects to in a page whose details are all open."""
    from axe_playwright_python.sync_playwright import Axe

    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(tab).response["violations"]
    return [(one["id"], one["impact"], one["nodes"][0]["target"]) for one in found]
