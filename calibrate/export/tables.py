"""Draws as tables in files: CSV, JSON, Parquet; each says what its columns are and where they come from.

Numbers are written with as many digits as give them back to the last bit.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ExportError
from calibrate.export.provenance import provenance
from calibrate.export.rows import columns, units
from calibrate.texts import printable

if TYPE_CHECKING:
    from calibrate.draws import Draws

Table = Mapping[str, NDArray[Any]]
Writer = Callable[["Draws", Table, Path], None]

# By this, `--overwrite` knows a table of ours.
MARK = "draws of calibrate"


def to_dataframe(draws: Draws, most: int | None = None, *, derived: bool = False) -> Any:
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


def write_csv(draws: Draws, table: Table, path: Path) -> None:
    """Write comments with provenance and units, a header, and a line for each draw; what is unknown stays empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {MARK}\n")
        for key, value in provenance(draws).items():
            file.write(f"# {key}: {printable(value)}\n")
        for name, unit in units(draws, [*table]).items():
            file.write(f"# unit of {name}: {unit}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*(_plain(column, "") for column in table.values()), strict=True))


def write_json(draws: Draws, table: Table, path: Path) -> None:
    """Write one object: `format`, `provenance`, `units`, and `draws`, a list for each column with null for unknown."""
    content = {
        "format": MARK,
        "provenance": provenance(draws),
        "units": units(draws, [*table]),
        "draws": {name: _plain(column, None) for name, column in table.items()},
    }
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def write_parquet(draws: Draws, table: Table, path: Path) -> None:
    """Write an Apache Parquet table; units stand beside the columns, provenance beside the schema, as JSON.

    Raises
    ------
    ExportError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ExportError("a Parquet file needs pyarrow: pip install 'calibrate[export]'") from None
    unit = units(draws, [*table])
    fields = [
        pa.field(name, pa.from_numpy_dtype(column.dtype), metadata={"unit": unit[name]} if name in unit else None)
        for name, column in table.items()
    ]
    about = {"format": MARK, "provenance": json.dumps(provenance(draws))}
    parquet.write_table(pa.table([*table.values()], schema=pa.schema(fields, metadata=about)), path)


def _plain(column: NDArray[Any], unknown: str | None) -> list[Any]:
    """Return a column's numbers as Python's, which are written to the last bit."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        return [value if np.isfinite(value) else unknown for value in values]
    return values
