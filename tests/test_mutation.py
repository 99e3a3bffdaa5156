"""The mutation tester changes what mutmut passes over, and says which change it was."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec

import pytest

from benchmarks.mutation import EQUIVALENT, TOP, change, passed_over

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
        """A method, which mutmut changes itself."""
        return self.share + by
'''


@needs_mutmut
def test_constants_fields_limits_and_decorated_functions_are_changed_and_nothing_else() -> None:
    changes = [change(SOURCE, mutated) for mutated in passed_over(SOURCE)]
    assert set(changes) == {
        "LIMIT = 5 => LIMIT = None",
        "LIMIT = 5 => LIMIT = 6",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=0)] = None",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=0)] = 1.5",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=1)] = 0.5",
        "share: Annotated[float, Field(gt=0)] = 0.5 => share: Annotated[float, Field(gt=None)] = 0.5",
        "return 2 * self.share => return 2 / self.share",
        "return 2 * self.share => return 3 * self.share",
    }
    assert len(changes) == len(set(changes))


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
