"""The mutation tester changes what mutmut passes over, and says which change it was."""

from __future__ import annotations

import pytest

from benchmarks.mutation import change, passed_over

pytest.importorskip("mutmut", reason="mutmut is not installed: pip install 'calibrate[mutation]'")

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
