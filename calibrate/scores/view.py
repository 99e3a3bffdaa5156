"""How scores and comparisons look in a terminal: tables of at most a hundred columns, and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibrate.screen import page
from calibrate.texts import printable

_LONGEST = 30  # of a name in a table; longer ones go on below


def score_tables(content: Mapping[str, Any]) -> None:
    """Print a run's scores to stdout."""
    with page() as paper:
        state = "" if content["converged"] else "NOT CONVERGED, "
        counted = f"{content['readings']} readings, {content['draws']} draws"
        _say(paper, f"{content['file']}: {state}{counted}", style="bold")
        paper.print(_of_tests("Each reading foretold by all others", content["tests"]))
        _say(
            paper,
            f"leave-one-out log predictive density {content['elpd']:.2f} ± {content['elpd_se']:.2f} (of which by the "
            f"draws {content['elpd_error']:.2f}), {content['effective_parameters']:.1f} effective parameters",
        )
        _notes(paper, content["notes"])
        for key in ("held_out", "left_out"):
            for test in content.get(key, ()):
                _say(paper, test["sentence"])


def comparison_table(content: Mapping[str, Any]) -> None:
    """Print a comparison of runs to stdout."""
    table = _empty(f"Leave-one-out scores of {content['readings']} readings, best first", ("run",))
    for heading in ("log density", "difference", "± se", "± draws", "weight", "worst k", "log evidence"):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in content["models"]:
        evidence = "-"
        if model["log_evidence"] is not None:
            evidence = f"{model['log_evidence']:.2f} ± {model['log_evidence_error'] or 0.0:.2g}"
        cells = [f"{model[key]:.2f}" for key in ("elpd", "difference", "difference_se", "difference_error")]
        cells += [f"{model['stacking_weight']:.2f}", _number(model["largest_pareto_k"]), evidence]
        table.add_row(*(Text(printable(cell)) for cell in (model["file"], *cells)))
    with page() as paper:
        paper.print(table)
        _notes(paper, content["notes"])


def _of_tests(title: str, tests: Iterable[Mapping[str, Any]]) -> Table:
    table = _empty(title, ("test",))
    for heading in ("readings", "RMSE", "varus", "valgus", "unit", "in 50 %", "in 90 %", "log density", "worst k"):
        table.add_column(heading, justify="left" if heading == "unit" else "right", no_wrap=True)
    for test in tests:
        errors = [_number(test[key], 3) for key in ("rmse", "rmse_varus", "rmse_valgus")]
        k = [value for value in test["pareto_k"] if value is not None]
        cells = [str(test["readings"]), *errors, test["unit"], str(test["within_50"]), str(test["within_90"])]
        cells += [f"{sum(test['elpd']):.2f}", _number(max(k, default=None))]
        table.add_row(*(Text(printable(cell)) for cell in (test["name"] or "-", *cells)))
    return table


def _empty(title: str, first: tuple[str, ...]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    for heading in first:
        table.add_column(heading, overflow="fold", max_width=_LONGEST)
    return table


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _notes(paper: Console, notes: Iterable[str]) -> None:
    for note in notes:
        _say(paper, f"note: {note}", style="yellow")


def _say(paper: Console, text: str, style: str | None = None) -> None:
    paper.print(printable(text), style=style, markup=False, soft_wrap=True)
