"""A run goes on with what is stored in it, and says so where the files beside it have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Command

from calibrate.results import open_run
from calibrate.runner import resume_run


def _edit(name: str, old: str, new: str) -> Callable[[], object]:
    return lambda: Path(name).write_text(Path(name).read_text().replace(old, new, 1))


CHANGES = {
    "a bound": (_edit("knee.toml", "upper = 100.0", "upper = 99.0"), "parameters.mcl.k.upper was 100.0 and is 99.0"),
    "the knee": (_edit("knee.toml", "radius = 20.0", "radius = 21.0"), "radius was 20.0 and is 21.0"),
    "broken": (_edit("knee.toml", "[knee]", "[knee"), "is another now"),
    "the data": (_edit("bench_toe.csv", "\n", "\n# seen\n"), "bench_toe.csv: has changed"),
    "other data": (lambda: Path("bench_toe.csv").write_text("x"), "bench_toe.csv: has changed"),
    "a comment": (_edit("knee.toml", "[knee]", "# my knee\n[knee]"), None),
    "nothing": (lambda: None, None),
    "gone": (lambda: (Path("knee.toml").unlink(), Path("bench_toe.csv").unlink()), None),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("output", ["x.h5", "runs/x.h5"])
def test_resume_goes_on_with_what_is_stored_and_says_so_where_the_files_beside_differ(
    kind: str, output: str, folder: Path, command: Command
) -> None:
    change, words = CHANGES[kind]
    assert command("run", "knee.toml", "-o", output, "--max-steps", 4, "--seed", 3).code == 3
    change()
    result = command("resume", output, "--steps", 2)
    assert result.code == 3
    assert open_run(output).steps == 6
    if words is None:
        assert "goes on with what is stored" not in result.err
    else:
        assert words in result.err
        assert "the run goes on with what is stored in it" in result.err
        told: list[str] = []
        resume_run(output, steps=1, on_warning=told.append)
        assert len(told) == 1
