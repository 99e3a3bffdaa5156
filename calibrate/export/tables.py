"""Draws as tables: of pandas, and for files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrate.errors import ExportError
from calibrate.export.provenance import provenance
from calibrate.export.rows import columns, units
from calibrate.export.sheets import Sheet

if TYPE_CHECKING:
    from calibrate.draws import Draws

# By this, `--overwrite` knows a table of ours.
MARK = "draws of calibrate"


def to_dataframe(draws: Draws, most: int | None, *, derived: bool) -> Any:
    """Return draws as a pandas `DataFrame`; `Draws.to_dataframe` says what is in it.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ExportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ExportError("to_dataframe needs pandas: pip install 'calibrate[export]'") from None
    table = columns(draws, most, derived=derived)
    frame = pd.DataFrame(table)
    frame.attrs = {"units": units(draws, [*table]), "provenance": provenance(draws)}
    return frame


def sheet_of(draws: Draws, most: int | None, *, derived: bool) -> Sheet:
    """Return draws as a table for a file; options as in `calibrate.export.rows.columns`."""
    table = columns(draws, most, derived=derived)
    return Sheet(MARK, "draws", provenance(draws), units(draws, [*table]), table)
