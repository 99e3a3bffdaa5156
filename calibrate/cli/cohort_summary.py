"""The command that shows what came of a study. No science here."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibrate.ends import say
from calibrate.errors import ExportError
from calibrate.options import Json, print_json
from calibrate.settings import load_matplotlib
from calibrate.texts import printable

if TYPE_CHECKING:
    from calibrate.study.table import StudyTable

_TABLES = ("csv", "json", "parquet")


def cohort_summary(
    path: Annotated[
        Path, typer.Argument(metavar="OUT", help="What 'calibrate cohort' writes to, or the file of one shard.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR|FILE",
            help="A folder for tables, figures and report; or by the end of its name the table alone (.csv, .json, "
            ".parquet) or the report alone (.html).",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing table or report.")] = False,
    as_json: Json = False,
) -> None:
    """Show a study: which knees converged and why not, how knees differ, what is common; tables, figures, report."""
    from calibrate.study.rows import read_study

    if output is None:
        table = read_study(path)
        if as_json:
            from calibrate.study.content import content

            print_json(content(table))
        else:
            from calibrate.study.view import show

            show(table)
        return
    written = _write(path, output, overwrite=overwrite)
    if as_json:
        print_json({"study": str(path), "written": [str(one) for one in written]})
    else:
        for one in written:
            print(printable(one))


def _write(path: Path, output: Path, *, overwrite: bool) -> list[Path]:
    """Write what the name of the output means; return what was written."""
    from calibrate.study.rows import files_of, read_study
    from calibrate.study.save import format_of, save_table

    spare, to = files_of(path), format_of(output)
    if to is None:
        return _write_folder(path, output, spare)
    _check(output, to, overwrite, spare)
    if to == "html":
        load_matplotlib()
        from calibrate.report.study import save_study_report

        save_study_report(read_study(path), output, overwrite=overwrite, spare=spare)
    else:
        save_table(read_study(path), output, to, overwrite=overwrite, spare=spare)
    return [output]


def _check(output: Path, to: str, overwrite: bool, spare: tuple[Path, ...]) -> None:
    """Refuse a file that could not be written, before anything is read.

    Raises
    ------
    ExportError
        If it is there already and may not be replaced, or is what is read.
    """
    from calibrate.files import check_target
    from calibrate.kinds import STUDY_REPORT
    from calibrate.study.save import KINDS

    check_target(output, ExportError, kind=KINDS.get(to, STUDY_REPORT), overwrite=overwrite, spare=spare)


def _write_folder(path: Path, folder: Path, spare: tuple[Path, ...]) -> list[Path]:
    """Write tables, figures and report into a folder; those that are there already are replaced.

    Raises
    ------
    ExportError
        If it is no folder, or something in it is not what has its name.
    """
    from calibrate.kinds import promised

    promise = promised(folder)
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file; name a folder with -o, or a file that ends in .csv, .json or .html")
    if promise is not None and not folder.exists():
        raise ExportError(
            f"{folder}: this name is that of {promise}; name a folder with -o, or a file that ends in .csv, .json, "
            ".parquet or .html"
        )
    report, tables = folder / "report.html", {folder / f"knees.{to}": to for to in _formats()}
    for file, to in ({report: "html"} | tables).items():
        _check(file, to, True, spare)
    load_matplotlib()
    return _filled(path, folder, report, tables, spare)


def _formats() -> tuple[str, ...]:
    """Return the formats that can be written; one that lacks its library is told of."""
    if importlib.util.find_spec("pyarrow") is not None:
        return _TABLES
    say("knees.parquet is left out, for it needs pyarrow: pip install 'calibrate[export]'")
    return tuple(to for to in _TABLES if to != "parquet")


def _filled(path: Path, folder: Path, report: Path, tables: dict[Path, str], spare: tuple[Path, ...]) -> list[Path]:
    """Read the study and write everything; tables come first, for they are done in a moment."""
    from calibrate.figures.study import check_pictures, save_pictures, study_figures
    from calibrate.report.study import save_study_report
    from calibrate.study.rows import read_study
    from calibrate.study.save import save_table

    table: StudyTable = read_study(path)
    figures = study_figures(table)
    check_pictures(folder, figures, spare)
    for file, to in tables.items():
        save_table(table, file, to, overwrite=True, spare=spare)
    save_study_report(table, report, overwrite=True, spare=spare)
    return [*tables, report, *save_pictures(folder, figures)]
