"""Tables of a narrow terminal: each fits into 60 columns, with every cell that it has on a wide one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from commands import Command, prepare
from rich import box
from rich.cells import cell_len
from rich.table import Table

from calibrate import screen
from calibrate.paper import Paper, pieces

LONG = "a_test_with_a_long_name.knee.lateral_condyle.centre.y"
WIDTH = 60


def table(columns: int) -> Table:
    made = Table(title="Numbers", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    made.add_column("", no_wrap=True)
    for i in range(columns):
        made.add_column(f"number {i}", justify="right", no_wrap=True)
    for name in ("mcl.k", LONG):
        made.add_row(name, *(f"{name[0]}{1000 + i}" for i in range(columns)))
    return made


def printed(made: Table, width: int) -> str:
    out = io.StringIO()
    Paper(file=out, width=width).print(made)
    return out.getvalue()


@pytest.mark.parametrize("columns", [1, 2, 5, 17])
def test_every_cell_of_a_cut_table_is_there_once_and_no_line_is_too_long(columns: int) -> None:
    text = printed(table(columns), WIDTH)
    assert all(cell_len(line) <= WIDTH for line in text.splitlines())
    for name in ("mcl.k", LONG):
        for i in range(columns):
            assert text.count(f"{name[0]}{1000 + i}") == 1
    for i in range(columns):
        assert f"number {i}" in text
    assert text.count("mcl.k") == text.count("Numbers") == len(list(pieces(table(columns), WIDTH)))
    assert "…" not in text


def test_no_number_is_cropped_at_any_width() -> None:
    for width in range(60, 140):
        text = printed(table(7), width)
        assert "…" not in text, width
        assert all(text.count(f"m{1000 + i}") == 1 for i in range(7)), width


def test_a_table_that_fits_is_left_alone() -> None:
    made = table(3)
    assert list(pieces(made, 200)) == [made]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have results go to a terminal of 60 columns."""

    def console(stream: io.TextIOBase, width: int | None = None) -> Paper:
        return Paper(file=stream, width=width or WIDTH, force_terminal=True, no_color=True, highlight=False)

    monkeypatch.setattr(screen, "console", console)


TABLES = {
    "summary": ("summary", "run.h5"),
    "predict": ("predict", "run.h5", "--change", "lcl.k=0"),
    "laxity": ("predict", "run.h5", "--change", "lcl.k=0", "--moments", "5,10"),
    "design": ("design", "run.h5", "--candidates=8"),
    "score": ("score", "run.h5"),
    "priors": ("priors", "--structure", "mcl"),
    "check": ("check", "knee.toml"),
    "check, long": ("check", "long.toml"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_every_command_fit_a_narrow_terminal(name: str, folder: Path, command: Command, narrow: None) -> None:
    prepare(folder)
    text = (folder / "knee.toml").read_text().replace("[noise]\nsigma = 2.0\n", "")
    own = "[tests.a_test_whose_name_has_as_many_letters]\nnoise.sigma = { lower = 0.5, upper = 9.0 }"
    (folder / "long.toml").write_text(text.replace("[data]", own))
    result = command(*TABLES[name])
    assert result.code == 0, result.err
    plain = "".join(part.partition("m")[2] if i else part for i, part in enumerate(result.out.split("\x1b[")))
    rule = [line for line in plain.splitlines() if "─" in line]
    assert rule, "a table has a rule below its head"
    assert all(cell_len(line.rstrip()) <= WIDTH for line in rule)
    assert "…" not in plain
