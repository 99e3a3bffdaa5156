"""`calibrate design`: a table, one JSON object, a figure, and one line for what cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from commands import check_refused
from conftest import Result
from matplotlib.figure import Figure

from calibrate.design import Candidate, Design, what_next
from calibrate.figures.design import design_plot
from calibrate.results import Run, open_run

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def found(finished_run: Path) -> Design:
    angles = [Candidate(f"{angle}°", (angle,)) for angle in (-10.0, 0.0, 5.0, 10.0)]
    return what_next(open_run(finished_run), "mcl.k", [*angles, Candidate("two", (-9.0, 9.0))], most=1000, sets=100)


def test_the_table_has_the_best_candidate_first(finished_run: Path, command: Command) -> None:
    result = command("design", finished_run, "--candidates", "-10,10,0", "--target", "mcl.k", "--repeats", "3")
    assert result.code == 0, result.err
    assert result.err == ""
    lines = result.out.splitlines()
    assert lines[0] == str(finished_run)
    assert lines[1].startswith("mcl.k is ")
    assert lines[1].endswith("N/mm; 4000 draws")
    assert [line.split() for line in lines[4:6]] == [
        ["load", "sd", "after", "shrinks", "by", "error"],
        ["candidate", "readings", "[N]", "[N/mm]", "[%]", "[%]"],
    ]
    rows = [line.split() for line in lines[7:10]]
    assert [row[0] for row in rows] == ["10°,", "-10°,", "0°,"]  # the MCL is stretched towards valgus
    shares = [float(row[-2]) for row in rows]
    assert shares[0] > 10.0 > shares[1] >= shares[2]
    assert {row[3] for row in rows} == {"3"}
    assert "note: promises suppose that the model is true" in result.out


def test_json_says_the_same_and_nothing_else(finished_run: Path, command: Command) -> None:
    arguments = ("design", finished_run, "--angles", "-10,10", "--target", "laxity", "--seed", "5", "--json")
    first = command(*arguments)
    assert first.code == 0, first.err
    content = json.loads(first.out)
    assert content["file"] == str(finished_run)
    assert (content["target"], content["unit"]) == ("laxity_total_10Nm", "deg")
    assert {tuple(one["angles"]) for one in content["candidates"]} == {(-10.0,), (10.0,)}
    assert all(0.0 <= one["shrinkage_error"] < 0.05 for one in content["candidates"])
    assert command(*arguments).out == first.out


def axis(figure: Figure, name: str) -> list[float]:
    (line,) = [line for line in figure.axes[0].get_lines() if list(line.get_xdata()) == [-10.0, 0.0, 5.0, 10.0]]
    return [float(value) for value in (line.get_xdata() if name == "x" else line.get_ydata())]


def test_the_figure_has_angles_in_order_and_a_bar_for_each_candidate(finished_run: Path, found: Design) -> None:
    figure = design_plot(open_run(finished_run), found)
    top, bottom = figure.axes
    promised = {one.candidate.angles: 100.0 * one.shrinkage.share for one in found.outlooks}
    assert axis(figure, "y") == [promised[(angle,)] for angle in axis(figure, "x")]
    bars = [patch for patch in bottom.patches if patch.get_gid() == "promise"]
    assert [bar.get_width() for bar in bars] == sorted(promised.values(), reverse=True)
    assert [bar.get_y() for bar in bars] == sorted((bar.get_y() for bar in bars), reverse=True)
    assert top.get_xlabel() == "Angle of the reading [°], valgus positive"
    assert top.get_ylabel() == "sd shrinks by [%]"
    assert f"sd of mcl.k, now {found.sd:.3g} N/mm, is expected to shrink by [%]" == bottom.get_xlabel()
    labels = [text.get_text() for text in bottom.get_yticklabels()]
    assert labels[0] == "10.0°  (1 reading)"
    assert "two  (2 readings)" in labels


def test_few_angles_have_the_ranking_alone(finished_run: Path, found: Design) -> None:
    from dataclasses import replace

    run: Run = open_run(finished_run)
    assert len(design_plot(run, replace(found, outlooks=found.outlooks[:2])).axes) == 1


def test_the_picture_is_written_and_always_the_same(finished_run: Path, command: Command, folder: Path) -> None:
    for name in ("new.png", "again.png"):
        result = command("design", finished_run, "--candidates=-8,0,8", "-o", name)
        assert result.code == 0
        assert result.err == f"calibrate: {name}: what each candidate promises\n"
    assert (folder / "new.png").read_bytes() == (folder / "again.png").read_bytes()
    image = matplotlib.image.imread(folder / "new.png")
    assert 0.02 < np.mean(image[:, :, :3].min(axis=2) < 0.9) < 0.5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--target", "mcl.kk"), "target mcl.kk: there is no such quantity; did you mean 'mcl.k'?"),
        (("--candidates", "ten"), "candidates ten: must be an angle like 8"),
        (("--candidates", "50"), "candidates 50: must be an angle like 8"),
        (("--flexion", "60"), "this knee has no third coordinates"),
        (("--repeats", "0"), "'--repeats'"),
        (("--together",), "--together: has to be of angles or moments"),
        (("--test", "flex30"), "no test is called 'flex30'"),
        (("-o", "x.toml"), "no kind of picture"),
    ],
)
def test_bad_usage_is_one_line_exit_2_and_draws_nothing(
    arguments: tuple[str, ...], says: str, finished_run: Path, command: Command, folder: Path
) -> None:
    more = () if "-o" in arguments else ("-o", "x.png")
    before = {path.name for path in folder.iterdir()}
    check_refused(command("design", finished_run, *arguments, *more), says)
    assert {path.name for path in folder.iterdir()} == before
