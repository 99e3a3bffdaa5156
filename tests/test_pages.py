"""Every code block of the documents runs, in a reader's order; the pages build without a warning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from pages import TOP, Folder, blocks

from calibrate.sampling import fit, start

PAGES = [*sorted((TOP / "docs").rglob("*.md")), TOP / "CONTRIBUTING.md", TOP / "README.md"]
PAGES = [page for page in PAGES if "_build" not in page.parts and any(b.kind in ("sh", "python") for b in blocks(page))]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs(
    page: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "_FITS", 2)  # a start that is good enough for pages
    monkeypatch.setattr(start, "POINTS", 256)
    folder = Folder(tmp_path, command, kept)
    for block in blocks(page):
        if not block.why_not:
            folder.run(block)
