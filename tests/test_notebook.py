"""The notebooks as a user runs them: top to bottom in an empty folder, without an error, showing what they promise.

All run in one kernel, emptied before each, so that libraries are loaded once.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = ("inspect_posterior", "compare_knees", "what_can_be_learnt", "from_scratch")


def stored(name: str) -> Any:
    import nbformat  # see below

    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the notebooks after a run in an empty folder, where they have to make their own chains."""
    from nbclient import NotebookClient  # takes seconds, which processes that run other tests have no need of
    from nbformat.v4 import new_code_cell, new_notebook

    folder = tmp_path_factory.mktemp("notebook")
    found = {name: stored(name) for name in NAMES}
    empty = "%reset -f"
    nothing_left = "import os; assert not os.listdir(), f'files are left behind: {os.listdir()}'"
    together = new_notebook()
    for notebook in found.values():
        together.cells += [*notebook.cells, new_code_cell(nothing_left), new_code_cell(empty)]
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(together, timeout=600, kernel_name="python3", resources=resources).execute()
    return found


def outputs(notebook: Any, cell_id: str, mime: str) -> list[str]:
    """Return what a cell shows in one format."""
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return [output.data[mime] for output in cell.outputs if mime in output.get("data", {})]


def printed(notebook: Any, cell_id: str) -> str:
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def rows(page: str) -> dict[str, list[str]]:
    """Return the cells of an HTML table by the name at the beginning of each row."""
    found = re.findall(r"<tr[^>]*>\s*<th[^>]*>(.*?)</th>(.*?)</tr>", page, re.DOTALL)
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", rest, re.DOTALL) for name, rest in found}
    return {name: one for name, one in cells.items() if one}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_valid_and_without_outputs(name: str) -> None:
    notebook = stored(name)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_there_are_no_others() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {*NAMES}


@pytest.mark.parametrize(
    ("name", "cell_id"),
    [
        *(("inspect_posterior", cell_id) for cell_id in ("trace", "load-angle", "corner", "ligaments", "ridge")),
        *(("compare_knees", cell_id) for cell_id in ("fit-30", "fit-60")),
        *(("what_can_be_learnt", cell_id) for cell_id in ("after", "correlation")),
        *(("from_scratch", cell_id) for cell_id in ("fit", "corner", "look")),
    ],
)
def test_a_notebook_shows_each_picture_once(executed: dict[str, Any], name: str, cell_id: str) -> None:
    assert len(outputs(executed[name], cell_id, "image/png")) == 1


@pytest.mark.parametrize(
    ("name", "cell_id"),
    [
        *(("inspect_posterior", cell_id) for cell_id in ("open", "derived", "predict", "arviz")),
        *(("compare_knees", cell_id) for cell_id in ("calibrate", "posteriors", "difference", "foretell", "scores")),
        *(("what_can_be_learnt", cell_id) for cell_id in ("prior-predictive", "shares", "findings", "design")),
        *(("from_scratch", cell_id) for cell_id in ("test", "posterior", "sample", "found", "if")),
    ],
)
def test_a_notebook_shows_its_tables(executed: dict[str, Any], name: str, cell_id: str) -> None:
    (table,) = outputs(executed[name], cell_id, "text/html")
    assert "<table" in table
    assert "NaN" not in table


def test_the_summary_and_the_posterior_are_shown_as_tables(executed: dict[str, Any]) -> None:
    (table,) = outputs(executed["inspect_posterior"], "summary", "text/html")
    for text in ("mcl.k", "N/mm", "noise.sigma", "rhat", "lcl.taut_angle"):
        assert text in table
    (table,) = outputs(executed["what_can_be_learnt"], "before", "text/html")
    assert rows(table)["measurement.angle_offset"] == ["deg", "free", "normal, 0 +- 2 deg"]


def test_every_calibration_converges(executed: dict[str, Any]) -> None:
    assert "<td>converged</td>" in outputs(executed["inspect_posterior"], "open", "text/html")[0]
    assert "False" not in outputs(executed["compare_knees"], "calibrate", "text/html")[0]
    assert printed(executed["what_can_be_learnt"], "after") == "converged\n"
    assert "<td>converged</td>" in outputs(executed["from_scratch"], "sample", "text/html")[0]


def test_what_the_texts_say_of_the_numbers_is_so(executed: dict[str, Any]) -> None:
    knees = executed["compare_knees"]
    found = rows(outputs(knees, "foretell", "text/html")[0])
    (carried, held, same), (fitted, _, _) = (map(float, cells) for cells in found.values())
    assert carried > 5.0 * fitted  # "many times what the fit does"
    assert max(held, same) <= 1.0  # "next to none of the readings in its band"
    gap = rows(outputs(knees, "difference", "text/html")[0])["laxity_total_10Nm"]
    assert float(gap[1]) > 0.99
    learnt = executed["what_can_be_learnt"]
    codes = outputs(learnt, "findings", "text/html")[0]
    assert all(f"<td>{code}</td>" in codes for code in ("prior-sensitive", "trade-off", "extrapolated"))
    share = rows(outputs(learnt, "shares", "text/html")[0])
    assert 0.45 < float(share["mcl.k"][0]) < 0.6  # "about twice as well"
    assert float(share["mcl.k"][1]) > 1.0
    assert float(share["mcl.reference_strain"][0]) < 0.3
    scratch = rows(outputs(executed["from_scratch"], "found", "text/html")[0])
    assert [cells[-1] for cells in scratch.values()].count("True") >= 3
    cut = rows(outputs(executed["from_scratch"], "if", "text/html")[0])
    intact, without, longer = (float(cell) for cell in cut["varus, -8 deg"])
    assert abs(without) < 0.2 * abs(intact)
    assert longer == pytest.approx(intact, abs=0.05)  # the MCL is slack there
    assert float(cut["valgus, +8 deg"][2]) < float(cut["valgus, +8 deg"][0])
