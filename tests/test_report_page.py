"""The report as a file: its skeleton to the letter, nothing from outside, hostile texts as text; and its command.

Renew the skeleton like other golden files: CALIBRATE_RENEW_GOLDEN=1 pytest -n0 tests/test_report_page.py
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import planted
import pytest
from conftest import Result
from html_pages import text_of, tree
from reported import cheaply, said_of
from test_golden import golden, lines

from calibrate import __version__
from calibrate.report import changes, page
from calibrate.results import Run
from calibrate.texts import printable

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!--",
    "]]>",
    "{{ 7 * 7 }}{% for %}",
    "&lt;b&gt;",
    "\x1b[31m\u202eevil\u2066\x00",
    "x" * 10_000,
)


@pytest.fixture(scope="module")
def said(varus: Run) -> dict[str, Any]:
    return said_of(varus)


def skeleton(html: str) -> str:
    """Return a page without what has tests of its own or changes with versions: pictures, data, style and script."""
    html = re.sub(
        r"(<script>|<style>|<script type=\"application/json\" id=\"[\w-]+\">).*?(</)", r"\1...\2", html, flags=re.S
    )
    html = re.sub(r"sha256-[\w+/=]+", "sha256-...", html)
    html = re.sub(r"data:image/png;base64,[\w+/=]+", "data:...", html)
    html = re.sub(r"\b(python|emcee|numpy|scipy|h5py|numba) \d[\w.+]*", r"\1 N", html)
    html = html.replace(__version__, "V")
    return re.sub(r"from a run of [\d:T+-]+", "from a run of then", html)


def test_the_skeleton_is_the_golden_one(said: dict[str, Any]) -> None:
    found = lines(skeleton(page.render(said, WHEN)))
    assert found == golden("report.html", found)


def test_the_policy_allows_the_style_and_the_script_inside_and_nothing_else(said: dict[str, Any]) -> None:
    html = page.render(said, WHEN)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    (style,), (script,) = (re.findall(rf"<{name}>(.*?)</{name}>", html, flags=re.S) for name in ("style", "script"))
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)}
    assert policy.startswith("default-src &#39;none&#39;; img-src data:; ")
    assert set(re.findall(r"sha256-([\w+/=]+)", policy)) == hashes
    assert "unsafe" not in policy
    assert "eval(" not in script
    assert "innerHTML" not in script


def test_nothing_is_asked_from_outside(said: dict[str, Any]) -> None:
    root = tree(page.render(said, WHEN))
    for element in root.iter():
        assert "style" not in element.attrib
        assert not any(name.startswith("on") for name in element.attrib)
        for name in ("src", "href", "action", "srcset", "data", "xlink:href"):
            assert element.get(name, "data:").startswith(("data:", "#")), element.attrib
    assert "url(" not in re.sub(r"url\(#head-\d+\)", "", page.render(said, WHEN))


def replaced(value: Any, texts: Iterator[str]) -> Any:
    """Return contents with every text in them replaced by a hostile one."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, dict):
        return {key: replaced(one, texts) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(one, texts) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: replaced(getattr(value, name), texts) for name in value.__dataclass_fields__}
    return value


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: repr(text[:12]))
def test_whatever_a_text_says_is_text(said: dict[str, Any], hostile: str) -> None:
    plain = page.render(said, WHEN)
    content = {**said, "content": dict(said["content"])}
    html = page.render(replaced(content, iter(lambda: hostile, None)), WHEN)
    before, after = (sorted(element.tag for element in tree(text).iter()) for text in (plain, html))
    assert set(after) <= set(before)
    assert after.count("script") == before.count("script")
    assert after.count("img") == 1
    heading = next(one for one in tree(html).iter("h1"))
    assert text_of(heading) == " ".join(printable(hostile).split())
    for letter in "\x00\x1b\u202e\u2066":
        assert letter not in html


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of two parameters whose configuration and data say hostile things, in a file with a hostile name."""
    folder = tmp_path_factory.mktemp("small")
    fixed = {name: value for name, value in planted.TRUTH.items() if name not in ("mcl.k", "lcl.k")}
    draws = planted.varus_draws()[:2, :40, :8, [0, 6]] + [0.0, 48.0]
    comments = "".join(f"# {text}\n" for text in HOSTILE if text.isprintable() or "\x00" not in text)
    return planted.plant(
        folder,
        draws,
        parameters=planted.parameters_text(fixed) + "\n# <script>alert(2)</script> \"quoted\" 'quoted' $x$\n",
        data=f"{comments}{planted.THREE_POINTS}",
        name="<img src=x>\"'&$x^2$\u202e.h5",
    )


def test_a_hostile_run_is_a_page_in_which_it_is_text(
    small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "page.html"
    cheaply(monkeypatch, ("load_angle", "prior_posterior"))
    page.save_report(small, target)
    html = target.read_text()
    assert target.stat().st_size < 5e6
    root = tree(html)
    assert text_of(next(root.iter("h1"))) == "<img src=x>\"'&$x^2$\\u202e.h5"
    assert {image.get("src", "")[:15] for image in root.iter("img")} == {"data:image/png;"}
    assert "\u202e" not in html
    shown = [one.text or "" for one in root.iter("code")]
    assert any("<script>alert(2)</script> \"quoted\" 'quoted' $x$" in text for text in shown)
    assert any("# </script><script>alert(1)</script>\n" in text for text in shown)
    assert any(f"# {'x' * 10_000}\n" in text for text in shown)
    assert all(image.get("alt") for image in root.iter("img"))
    assert len(list(root.iter("figcaption"))) == len(list(root.iter("figure")))


def test_the_command_writes_the_page_beside_the_run_and_replaces_only_a_page(
    varus: Run, command: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    monkeypatch.setattr(changes, "grids", lambda run: [])
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "knee.h5"
    run.write_bytes(varus.path.read_bytes())
    made = command("report", "knee.h5")
    assert (made.code, made.out, made.err) == (0, "knee_report.html\n", "")
    first = Path("knee_report.html").read_text()
    assert first.startswith("<!doctype html>")
    again = command("report", "knee.h5", "--burn-in", "180")
    assert (again.code, again.out) == (2, "")
    assert again.err.startswith("calibrate: error: knee_report.html: exists already; ")
    assert Path("knee_report.html").read_text() == first
    assert command("report", "knee.h5", "--burn-in", "180", "--overwrite").code == 0
    assert "the first 180 are dropped" in Path("knee_report.html").read_text()
    Path("mine.html").write_text("<html>mine</html>")
    other = command("report", "knee.h5", "-o", "mine.html", "--overwrite")
    assert (other.code, Path("mine.html").read_text()) == (2, "<html>mine</html>")
    assert "is not a report, so it is left alone" in other.err
    for name, words in (("knee.h5", "is what this command reads"), ("page.png", "end it in .html")):
        refused = command("report", "knee.h5", "-o", name)
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert words in refused.err
    assert run.read_bytes() == varus.path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["knee.h5", "knee_report.html", "mine.html"]


def test_a_run_that_has_stored_nothing_is_refused_in_one_line(
    tmp_path: Path, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planted.plant(tmp_path, planted.constant(*[1.0] * 8, steps=0))
    made = command("report", "planted.h5")
    assert (made.code, made.out, made.err.count("\n")) == (2, "", 1)
    assert "nothing is stored yet" in made.err
    assert not Path("planted_report.html").exists()


def test_a_run_can_end_in_its_page(
    folder: Path, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    monkeypatch.setattr(changes, "grids", lambda run: [])
    short = ("run", "knee.toml", "-o", "short.h5", "--max-steps", "20", "--report")
    Path("short_report.html").write_text("<html>mine</html>")
    refused = command(*short)
    assert (refused.code, Path("short.h5").exists()) == (2, False)
    assert "short_report.html: exists already" in refused.err
    Path("short_report.html").unlink()
    made = command(*short)
    assert (made.code, made.out) == (3, "short_report.html\n")
    assert "Not converged" in Path("short_report.html").read_text()
