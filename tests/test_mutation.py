"""The mutation tester changes all of a module, says which change it was, and which of them the tests have found."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.mutants import change, changed
from benchmarks.mutants_tried import NotPassingError, tried
from benchmarks.mutation import EQUIVALENT, TOP

needs_mutmut = pytest.mark.skipif(
    find_spec("mutmut") is None, reason="mutmut is not installed: pip install 'calibrate[mutation]'"
)

SOURCE = '''"""A module."""

LIMIT = 5


class Model:
    """Fields."""

    share: Annotated[float, Field(gt=0)] = 0.5

    @property
    def twice(self) -> int:
        """A property."""
        return 2 * self.share

    def own(self, by: int = 7) -> int:
        """A method."""
        return self.share + by
'''

TESTS = """
import pytest
from small.module import LIMIT, Model

def test_limit():
    assert LIMIT == 5

@pytest.fixture(scope="module")
def six():
    model = Model()
    model.share = 3.0
    return model.twice

def test_a_model():
    model = Model()
    model.share = 3.0
    assert model.own(1) > 3.5

def test_that_there_is_one(six):
    assert six

def test_twice(six):
    assert six == 6.0
"""


@needs_mutmut
def test_constants_fields_limits_and_all_functions_are_changed_and_nothing_else() -> None:
    changes = [change(SOURCE, mutated) for mutated in changed(SOURCE)]
    assert set(changes) == {
        "LIMIT = 5 => LIMIT = None",
        "LIMIT = 5 => LIMIT = 6",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=0)] = None",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=0)] = 1.5",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=1)] = 0.5",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=None)] = 0.5",
        "return 2 * self.share => return 2 / self.share",
        "return 2 * self.share => return 3 * self.share",
        "def own(self, by: int = 7) -> int: => def own(self, by: int = 8) -> int:",
        "return self.share + by => return self.share - by",
    }
    assert len(changes) == len(set(changes))


def small_project(folder: Path, tests: str) -> Path:
    for name, text in (("small/module.py", f"from typing import Annotated\n{SOURCE}"), ("tests/test_small.py", tests)):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text.replace(", Field(gt=0)", ", 1"))
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return folder


@needs_mutmut
def test_a_change_is_found_if_a_test_turns_red(tmp_path: Path) -> None:
    """3 + 1 and 3 - 1 lie on either side of 3.5; nothing looks at what `own` adds, or the share is, by default."""
    found = dict(tried(small_project(tmp_path, TESTS), "small/module.py", ["tests/test_small.py"]))
    assert {change for change, is_found in found.items() if not is_found} == {
        "share: Annotated[float, 1] = 0.5 => share: Annotated[float, 1] = None",
        "share: Annotated[float, 1] = 0.5 => share: Annotated[float, 1] = 1.5",
        "share: Annotated[float, 1] = 0.5 => share: Annotated[float, 2] = 0.5",
        "def own(self, by: int = 7) -> int: => def own(self, by: int = 8) -> int:",
    }
    assert sum(found.values()) == 5


CONFTEST = """
import gc

def pytest_collection_finish():
    gc.freeze()
    with open("collections", "a") as file:
        file.write("x")
"""


@needs_mutmut
def test_tests_are_collected_anew_only_for_what_runs_on_import(tmp_path: Path) -> None:
    """Once for all others, and once before the first: even if what is collected is put aside for good, as here."""
    folder = small_project(tmp_path, TESTS)
    (folder / "tests" / "conftest.py").write_text(CONFTEST)
    found = [change for change, _ in tried(folder, "small/module.py", ["tests/test_small.py"])]
    living = [change for change in found if change.startswith("return")]
    assert len(living) == 3
    assert (folder / "collections").read_text() == "x" * (2 + len(found) - len(living))


@needs_mutmut
def test_tests_that_are_red_anyway_find_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotPassingError, match=r"small/module\.py"):
        list(tried(small_project(tmp_path, TESTS.replace("6.0", "7.0")), "small/module.py", ["tests/test_small.py"]))
    assert "test_twice" in capfd.readouterr().err


def test_a_change_of_several_lines_is_told_in_one() -> None:
    assert change("a = (\n  1,\n  2,\n)\nb = 3\n", "a = (\n  1,\n)\nb = 4\n") == "2, b = 3 => b = 4"


def test_every_module_and_test_that_is_named_exists() -> None:
    """What has been moved or renamed is no longer looked at, and nothing else would say so."""
    tools = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]
    tests_of: dict[str, list[str]] = tools["calibrate"]["mutation"]
    tests = {one for given in tests_of.values() for one in given if not one.startswith("-")}
    assert [name for name in (*tests_of, *tests) if not (TOP / name).is_file()] == []


def test_every_equivalent_change_is_of_a_line_that_is_there() -> None:
    """An entry whose line is gone would sooner or later excuse another change."""
    modules = {*tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["calibrate"]["mutation"]}
    for entry in tomllib.loads(EQUIVALENT.read_text())["equivalent"]:
        assert entry["module"] in modules
        lines = [line.strip() for line in (TOP / entry["module"]).read_text().splitlines()]
        before = entry["change"].split(" => ")[0]
        assert any(re.fullmatch(before, line) for line in lines), entry
