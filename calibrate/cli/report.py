"""The command that makes a run's page. No science here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrate.cli.drawing import second
from calibrate.options import BurnIn, Json, RunArgument, print_json
from calibrate.settings import load_matplotlib
from calibrate.texts import printable


def report(
    path: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="REPORT.html", help="Page to write; RUN_report.html by default."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing report.")] = False,
    burn_in: BurnIn = None,
    as_json: Json = False,
) -> None:
    """Make one self-contained page of a run: verdict, numbers, figures, methods; works on a run still going."""
    made = make(path, output, overwrite=overwrite, burn_in=burn_in)
    if as_json:
        print_json({"file": str(path), "report": str(made)})
    else:
        print(printable(made))


def make(path: Path, output: Path | None = None, *, overwrite: bool, burn_in: int | None = None) -> Path:
    """Make a run's page and return where it is.

    Raises
    ------
    ExportError
        If it could not be written; said before anything is worked out.
    ChainError
        If the run cannot be read, or has nothing stored.
    """
    target = output if output is not None else beside(path)
    check(path, target, overwrite=overwrite)
    with second(path, burn_in) as drawing:
        load_matplotlib()
        from calibrate.report import save_report
        from calibrate.sitting import opened

        save_report(opened(path, burn_in), target, overwrite=overwrite, second=drawing)
    return target


def check(path: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse a page that could not be written, before anything is worked out.

    Raises
    ------
    ExportError
        As `make`.
    """
    from calibrate.errors import ExportError
    from calibrate.files import check_target
    from calibrate.kinds import REPORT

    check_target(target, ExportError, kind=REPORT, overwrite=overwrite, spare=(path,))


def beside(path: Path) -> Path:
    """Return where a run's page is, if nobody says."""
    return path.with_name(f"{path.stem}_report.html")
