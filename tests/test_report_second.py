"""A second process draws some of a page's figures: the same figures, of the same steps, or none at all."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from reported import cheaply

from calibrate.cli import drawing
from calibrate.cli import report as command
from calibrate.report import pictures
from calibrate.report.pictures import Drawn
from calibrate.results import Run

ONE = Drawn("data:", 1, 1, ())


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    here, there = multiprocessing.Pipe(duplex=False)
    with here, there:
        yield here, there


def test_a_second_process_draws_the_same_figures_and_one_that_is_killed_none(
    varus: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "cores", lambda: 2)
    with drawing.second(varus.path, None, ("laxity",)) as beside:
        assert beside is not None
        assert beside.names == ("laxity",)
        assert beside.drawn(varus) == pictures.drawn(varus, ("laxity",))
    others = multiprocessing.active_children()  # pools that other tests have left
    with drawing.second(varus.path, None, ("laxity",)) as beside:
        assert beside is not None
        (process,) = set(multiprocessing.active_children()) - set(others)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        assert beside.drawn(varus) == {}
    assert set(multiprocessing.active_children()) <= set(others)


@pytest.mark.parametrize(("off", "expected"), [(0, {"laxity": ONE}), (1, {}), (-1, {})])
def test_figures_of_other_steps_are_not_taken(
    pipe: tuple[Connection, Connection], varus: Run, off: int, expected: dict[str, Drawn]
) -> None:
    here, there = pipe
    there.send((varus.stored + off, {"laxity": ONE}))
    assert drawing.Second(here, ("laxity",)).drawn(varus) == expected


def test_each_figure_is_drawn_once_and_in_its_place(varus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    here: list[list[str]] = []

    def drawn(run: Run, names: Any) -> dict[str, Drawn]:
        here.append(list(names))
        return dict.fromkeys(here[-1], Drawn("here", 1, 1, ()))

    class Half:
        names = ("trace", "laxity")

        def drawn(self, run: Run) -> dict[str, Drawn]:
            return {"trace": Drawn("there", 1, 1, ())}

    monkeypatch.setattr(pictures, "drawn", drawn)
    found = pictures.pictures(varus, varus.summary(), Half())
    names = [name for name in pictures.FIGURES if name != "knee"]
    assert here == [[name for name in names if name not in Half.names], ["laxity"]]
    assert [one.name for one in found] == names
    assert [one.name for one in found if one.source == "there"] == ["trace"]


@pytest.mark.parametrize("count", [1, 2])
def test_the_command_has_a_second_process_where_there_is_a_second_core(
    varus: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    seen: list[Any] = []
    others = multiprocessing.active_children()
    cheaply(monkeypatch)
    whole = pictures.pictures
    monkeypatch.setattr(drawing, "cores", lambda: count)
    monkeypatch.setattr(
        pictures, "pictures", lambda run, content, second=None: [seen.append(second), whole(run, content)][1]
    )
    command.make(varus.path, tmp_path / "page.html", overwrite=False)
    assert [one is not None for one in seen] == [count == 2]
    assert set(multiprocessing.active_children()) <= set(others)
