"""Which file a calibration's draws are written to, in which format, and what may be replaced by it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from calibrate.errors import ExportError
from calibrate.export.datatree import datatree, xarray_for
from calibrate.export.sheets import WRITERS, kinds_of
from calibrate.export.tables import MARK, sheet_of
from calibrate.files import check_target, replacing
from calibrate.kinds import Kind

if TYPE_CHECKING:
    from calibrate.draws import Draws

Format = Literal["netcdf", "csv", "parquet", "json", "osim"]

# The format that the end of a name means.
ENDINGS: Mapping[str, Format] = MappingProxyType(
    {".nc": "netcdf", ".csv": "csv", ".parquet": "parquet", ".json": "json", ".osim": "osim"}
)


def _is_netcdf(path: Path, head: bytes) -> bool:
    import h5py

    try:
        with path.open("rb") as file, h5py.File(file, "r") as f:
            return str(f.attrs.get("program")).startswith("calibrate ") and "posterior" in f
    except (OSError, RuntimeError, ValueError, KeyError):  # no HDF5 file, or a damaged one: not ours to throw away
        return False


_KINDS = kinds_of("a table of draws", MARK)
NETCDF = Kind("a netCDF file of draws", (".nc",), _is_netcdf)


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
    path = Path(path)
    check_target(path, ExportError, kind=_KINDS[to], overwrite=overwrite, spare=_inputs(draws))
    sheet = sheet_of(draws, most, derived=derived)
    with replacing(path, ExportError) as temporary:
        WRITERS[to](sheet, temporary)


def save_netcdf(draws: Draws, path: str | Path, *, predictive: int, overwrite: bool) -> None:
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
