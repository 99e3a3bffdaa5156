"""Which file a calibration's draws are written to, in which format, and what may be replaced by it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from calibrate.errors import ExportError
from calibrate.export.datatree import datatree, xarray_for
from calibrate.export.rows import columns
from calibrate.export.tables import MARK, Writer, write_csv, write_json, write_parquet
from calibrate.files import check_target, replacing
from calibrate.kinds import Kind

if TYPE_CHECKING:
    from calibrate.draws import Draws

Format = Literal["netcdf", "csv", "parquet", "json", "osim"]

# The format that the end of a name means.
ENDINGS: Mapping[str, Format] = MappingProxyType(
    {".nc": "netcdf", ".csv": "csv", ".parquet": "parquet", ".json": "json", ".osim": "osim"}
)
# Enough of the end of a Parquet file, where its schema stands.
_TAIL = 2**18


def _is_parquet(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(-min(_TAIL, path.stat().st_size), 2)
        return head.startswith(b"PAR1") and MARK.encode() in file.read()


def _is_netcdf(path: Path, head: bytes) -> bool:
    import h5py

    try:
        with path.open("rb") as file, h5py.File(file, "r") as f:
            return str(f.attrs.get("program", "")).startswith("calibrate ") and "posterior" in f
    except (OSError, RuntimeError, ValueError, KeyError):  # no HDF5 file, or a damaged one: not ours to throw away
        return False


_CSV = Kind("a table of draws", (".csv",), lambda path, head: head.startswith(f"# {MARK}\n".encode()))
_JSON = Kind("a table of draws", (".json",), lambda path, head: head.startswith(f'{{"format": "{MARK}"'.encode()))
_PARQUET = Kind("a table of draws", (".parquet",), _is_parquet)
NETCDF = Kind("a netCDF file of draws", (".nc",), _is_netcdf)
_TABLES: Mapping[str, tuple[Kind, Writer]] = MappingProxyType(
    {"csv": (_CSV, write_csv), "json": (_JSON, write_json), "parquet": (_PARQUET, write_parquet)}
)


def format_of(path: Path) -> Format:
    """Return the format that a file's name means by its end.

    Raises
    ------
    ExportError
        If its end means none.
    """
    if path.suffix.lower() not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise ExportError(f"{path}: its end says no format; end it in one of {known}, or say which with --to")
    return ENDINGS[path.suffix.lower()]


def save_table(
    draws: Draws,
    path: str | Path,
    to: str,
    *,
    most: int | None = None,
    derived: bool = False,
    overwrite: bool = False,
) -> None:
    """Write draws as a table.

    Parameters
    ----------
    draws : Draws
        In memory or of a run's file.
    path : str or Path
        The file to write.
    to : {"csv", "json", "parquet"}
        The format.
    most, derived
        See `calibrate.export.rows.columns`.
    overwrite : bool
        Replace an existing table of draws.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ExportError
        If the file exists, is the run, or cannot be written; if a library is missing.
    """
    path, (kind, write) = Path(path), _TABLES[to]
    check_target(path, ExportError, kind=kind, overwrite=overwrite, spare=_inputs(draws))
    table = columns(draws, most, derived=derived)
    with replacing(path, ExportError) as temporary:
        write(draws, table, temporary)


def save_netcdf(draws: Draws, path: str | Path, *, predictive: int = 1000, overwrite: bool = False) -> None:
    """Write what `Draws.to_arviz` returns as a netCDF-4 file; `Draws.save_netcdf` says more.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ExportError
        If the file exists, is the run, or cannot be written; if a library is missing.
    """
    path = Path(path)
    check_target(path, ExportError, kind=NETCDF, overwrite=overwrite, spare=_inputs(draws))
    xarray_for("a netCDF file")
    try:
        import h5netcdf  # noqa: F401 (xarray imports it by name; asked for here so that its absence is one sentence)
    except ImportError:
        raise ExportError("a netCDF file needs h5netcdf: pip install 'calibrate[export]'") from None
    tree = datatree(draws, predictive)
    with replacing(path, ExportError) as temporary:
        tree.to_netcdf(temporary, engine="h5netcdf")


def _inputs(draws: Draws) -> tuple[Path, ...]:
    from calibrate.results import Run

    return (draws.path,) if isinstance(draws, Run) else ()
