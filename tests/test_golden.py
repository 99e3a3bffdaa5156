"""What people see of a summary, to the letter: in a terminal, as JSON and in a notebook.

The files in `golden/` were made from the planted run and do not depend on its path, its time or any version. If a
change of what is shown is meant, renew them and read the difference before it is committed:

    CALIBRATE_RENEW_GOLDEN=1 pytest -n0 tests/test_golden.py; git diff tests/golden
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result

from calibrate.results import Run, open_run
from calibrate.screen import summary_tables

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, found: str) -> str:
    """Return what a golden file says; renew it first if that is asked for."""
    path = GOLDEN / name
    if os.environ.get("CALIBRATE_RENEW_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def lines(text: str) -> str:
    """Return a text without the blanks at its lines' ends, which editors take away."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def check_alike(found: Any, wanted: Any, where: str = "") -> None:
    """Check that two JSON values are the same, numbers up to their rounding: machines differ in the last digits."""
    assert type(found) is type(wanted), where
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for key in wanted:
            check_alike(found[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-8, abs=1e-12), where
    else:
        assert found == wanted, where


@pytest.fixture
def file(varus: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the run file's name as a user in its folder gives it; colours, widths and styles are not asked for."""
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(varus.path.parent)
    return Path(varus.path.name)


def test_the_terminal_shows_the_golden_tables(file: Path, command: Callable[..., Result]) -> None:
    shown = command("summary", file)
    assert (shown.code, shown.err) == (0, "")
    assert lines(shown.out) == golden("summary.txt", lines(shown.out))


def test_the_terminal_shows_what_is_unknown_and_what_is_wrong(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(json.dumps(dict(open_run(file).summary())))
    content |= {"converged": False, "acceptance": None, "warnings": ["a [b] of <c> & more", "another"]}
    content["findings"] = [{"kind": "warning"}, {"kind": "note"}]
    content["parameters"]["mcl.k"] |= {"rhat": None, "ess_bulk": None, "ess_tail": None}
    content["derived"]["lcl.taut_angle"] = dict.fromkeys(content["derived"]["lcl.taut_angle"]) | {"unit": "deg"}
    for entry in content["parameters"].values():
        entry.pop("truth", None)
    summary_tables(content)
    out = lines(capsys.readouterr().out)
    assert out == golden("summary_not_converged.txt", out)


def test_json_is_the_golden_object(file: Path, command: Callable[..., Result], varus: Run) -> None:
    shown = command("summary", file, "--json")
    assert (shown.code, shown.err) == (0, "")
    found = json.loads(shown.out)
    assert (found["created"], found["calibrate"]) == (varus.file.created, varus.file.versions["calibrate"])
    found |= {"created": "TIME", "calibrate": "VERSION"}
    check_alike(found, json.loads(golden("summary.json", json.dumps(found, indent=2) + "\n")))


def test_a_notebook_shows_the_golden_table(file: Path) -> None:
    page = open_run(file).summary()._repr_html_().replace("<tr>", "\n<tr>") + "\n"
    assert page == golden("summary.html", page)


def test_the_golden_comparison_can_fail() -> None:
    good = {"a": 1.0, "b": {"c": [1, 2], "d": None}}
    check_alike({"a": 1.0 + 1e-12, "b": {"c": [1, 2], "d": None}}, good)
    for bad in (
        {"a": 1.0 + 1e-7, "b": good["b"]},
        {"b": good["b"], "a": 1.0},
        {"a": 1, "b": good["b"]},
        {"a": 1.0, "b": {"c": [1, 3], "d": None}},
        {"a": 1.0, "b": {"c": [1, 2], "d": 0.0}},
        {"a": 1.0, "b": {"c": [1, 2]}},
    ):
        with pytest.raises(AssertionError):
            check_alike(bad, good)
