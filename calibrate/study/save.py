"""A study's table in files: CSV, JSON, Parquet; and which name means which."""

from __future__ import annotations

import json
from pathlib import Path

from calibrate.errors import ExportError
from calibrate.export.sheets import WRITERS, kinds_of
from calibrate.files import check_target, replacing
from calibrate.study.content import MARK, content, sheet
from calibrate.study.table import StudyTable

ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".html": "html", ".htm": "html"}
KINDS = kinds_of("a table of a study's knees", MARK)


def format_of(path: Path) -> str | None:
    """Return the format that a name means by its end, None if it is a folder's."""
    return ENDINGS.get(path.suffix.lower()) if not path.is_dir() else None


def save_table(
    table: StudyTable, path: Path, to: str, *, overwrite: bool = False, spare: tuple[Path, ...] = ()
) -> None:
    """Write a study's table, whole or not at all.

    Parameters
    ----------
    table : StudyTable
        The study.
    path : Path
        The file.
    to : {"csv", "json", "parquet"}
        The format: CSV and Parquet have a row for each knee; JSON is what `cohort-summary --json` prints.
    overwrite : bool
        Replace an existing table of a study.
    spare : tuple of Path
        What the study was read from.

    Raises
    ------
    ExportError
        If the file exists, is what was read, or cannot be written; if a library is missing.
    """
    check_target(path, ExportError, kind=KINDS[to], overwrite=overwrite, spare=spare)
    with replacing(path, ExportError) as temporary:
        if to == "json":
            text = json.dumps(content(table), indent=2, allow_nan=False)
            temporary.write_text(f"{text}\n", encoding="utf-8", newline="\n")
        else:
            WRITERS[to](sheet(table), temporary)
