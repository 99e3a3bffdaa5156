"""The notebook as a user runs it: from top to bottom in a fresh folder, without an error, showing what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "inspect_posterior.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the notebook after a run in an empty folder, where it has to make its own chain."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    assert not list(folder.iterdir()), "the notebook leaves files behind in the working folder"
    return notebook


def outputs(notebook: Any, cell_id: str, mime: str) -> list[str]:
    """Return what a cell shows in one format."""
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return [output.data[mime] for output in cell.outputs if mime in output.get("data", {})]


def test_the_notebook_is_stored_valid_and_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_the_notebook_shows_the_summary_as_a_table(executed: Any) -> None:
    (table,) = outputs(executed, "summary", "text/html")
    assert "<table>" in table
    for text in ("mcl.k", "N/mm", "noise.sigma", "rhat", "lcl.taut_angle"):
        assert text in table


@pytest.mark.parametrize("cell_id", ["trace", "load-angle", "corner", "ligaments", "ridge"])
def test_the_notebook_shows_each_picture_once(executed: Any, cell_id: str) -> None:
    assert len(outputs(executed, cell_id, "image/png")) == 1


@pytest.mark.parametrize("cell_id", ["derived", "predict", "arviz"])
def test_the_notebook_shows_its_tables(executed: Any, cell_id: str) -> None:
    (table,) = outputs(executed, cell_id, "text/html")
    assert "<table" in table
    assert "NaN" not in table
