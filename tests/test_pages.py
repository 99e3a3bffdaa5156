"""Every code block of the documents runs, in a reader's order; the pages build without a warning, and have it all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import Result
from pages import TOP, Folder, blocks

import calibrate
from calibrate.cli import app
from calibrate.config.schema import keys
from calibrate.sampling import fit, start

PAGES = [*sorted((TOP / "docs").rglob("*.md")), TOP / "CONTRIBUTING.md", TOP / "README.md"]
PAGES = [page for page in PAGES if "_build" not in page.parts]
RUNNING = [page for page in PAGES if any(block.kind in ("sh", "python") for block in blocks(page))]
# What cannot run here, each said in a comment above it.
NOT_RUN = {
    "draws every picture of a run, which takes half a minute and other tests do": 1,
    "installs packages": 7,
    "needs a model of yours": 2,
    "needs a queue": 1,
    "needs the results of a study": 5,
    "takes half a minute of all processors": 1,
    "takes minutes of all processors": 1,
    "takes some seconds, and has tests of its own": 1,
}


def test_what_is_not_run_says_why_and_is_little() -> None:
    every = [block for page in PAGES for block in blocks(page)]
    assert Counter(block.why_not for block in every if block.why_not) == NOT_RUN
    assert sum(block.kind in ("sh", "python") and not block.why_not for block in every) > 30


def test_no_block_that_runs_changes_what_is_installed() -> None:
    """It would be the tests' own environment: other versions in the midst of them."""
    for page in PAGES:
        for block in blocks(page):
            assert block.why_not or not re.search(r"\b(pip|uv|conda|apt|apt-get)\b.*\binstall\b", block.text), page.name


def test_no_code_hides_from_the_tests() -> None:
    """Fences that are not recognised, and code set off by blanks alone, would not run."""
    for page in PAGES:
        text = page.read_text()
        fences = len(re.findall(r"^```(?:sh|python|toml)\b", text, re.MULTILINE))
        assert fences == sum(block.kind in ("sh", "python", "toml") for block in blocks(page)), page.name
        rest = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"^(    .*(calibrate |import )|~~~)", rest, re.MULTILINE), page.name
        assert not re.search(r"^```(bash|shell|py|console|pycon)\b", text, re.MULTILINE), page.name


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.stem)
def test_every_block_runs(
    page: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "_FITS", 2)  # a start that is good enough for pages
    monkeypatch.setattr(start, "POINTS", 256)
    # What is compared has to have some hundred effective samples.
    folder = Folder(tmp_path, command, kept, 160 if "calibrate compare" in page.read_text() else 60)
    for block in blocks(page):
        if not block.why_not:
            folder.run(block)


def test_a_block_that_fails_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page"
    for text, error in (
        ("```sh\ncalibrate summary nothing.h5\n```\n", "no such file"),
        ("```sh\nfalse\n```\n", "page, false"),
        ("```python\nassert 1 == 2, 'asserted'\n```\n", "asserted"),
    ):
        page.write_text(text)
        (block,) = blocks(page)
        with pytest.raises(AssertionError, match=error):
            Folder(tmp_path, command, tmp_path).run(block)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages from a copy, so that nothing is written into the project."""
    place = tmp_path_factory.mktemp("project")
    shutil.copytree(TOP / "docs", place / "docs", ignore=shutil.ignore_patterns("_build", "_drawn", "__pycache__"))
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md", "data/README.md"):
        (place / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(TOP / name, place / name)
    line = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "--keep-going", "docs", "built"]
    environment = {**os.environ, "PYTHONPATH": str(TOP), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return place / "built"


def test_the_built_pages_have_every_name_key_and_command(built: Path) -> None:
    api = set(re.findall(r'id="calibrate\.(\w+)"', (built / "api.html").read_text()))
    assert set(calibrate.__all__) <= api
    shown = re.findall(r'id="confval-([\w.-]+)"', (built / "configuration.html").read_text())
    wanted = [key.name.replace("_", "-") for key in keys()]
    assert set(wanted) <= {name.replace("_", "-") for name in shown}
    titles = re.findall(r"<h2><code[^>]*><span class=\"pre\">([\w-]+)</span>", (built / "commands.html").read_text())
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert sorted(titles) == sorted(names)


def test_the_built_pages_ask_for_nothing_from_outside(built: Path) -> None:
    for page in built.rglob("*.html"):
        asked = re.findall(r'<(?:script|img|iframe|link)[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text())
        assert not asked, page.name


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((TOP / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert cited["version"] == calibrate.__version__
    assert cited["license"] == "BSD-3-Clause"
    assert cited["cff-version"] == "1.2.0"
    assert all({"type", "title", "authors", "year"} <= reference.keys() for reference in cited["references"])
