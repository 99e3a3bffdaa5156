"""Which netCDF files are the program's own, and what is said where draws cannot be written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import pytest
import xarray as xr

from calibrate import ExportError
from calibrate.export.save import NETCDF, save_table
from calibrate.results import Run


@pytest.mark.parametrize(
    ("program", "group", "own"),
    [
        ("calibrate 1.0", "posterior", True),
        ("calibrate 1.0", "prior", False),
        ("calibrated elsewhere 2", "posterior", False),
        (None, "posterior", False),
    ],
)
def test_a_netcdf_file_is_ours_by_its_program_and_its_draws(
    tmp_path: Path, program: str | None, group: str, own: bool
) -> None:
    path = tmp_path / "x.nc"
    with h5py.File(path, "w") as file:
        file.create_group(group)
        if program is not None:
            file.attrs["program"] = program
    assert NETCDF.holds(path) == own
    assert (NETCDF.name, NETCDF.suffixes) == ("a netCDF file of draws", (".nc",))


@pytest.fixture(scope="module")
def short(varus: Run) -> Run:
    return replace(varus, dropped=varus.stored - 2)


def test_where_no_folder_can_be_made_that_is_said(short: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for name in ("x.csv", "x.nc"):
        path = tmp_path / "a" / name
        with pytest.raises(ExportError) as refused:
            save_table(short, path, "csv") if name == "x.csv" else short.save_netcdf(path, predictive=0)
        assert str(refused.value) == f"{path}: cannot be written (File exists); choose another with -o"


def test_a_file_is_replaced_only_if_that_is_said(short: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    save_table(short, path, "csv", most=3)
    three = path.read_bytes()
    with pytest.raises(ExportError, match=r"x\.csv: exists already; replace it with --overwrite"):
        save_table(short, path, "csv", most=5)
    assert path.read_bytes() == three
    save_table(short, path, "csv", most=5, overwrite=True)
    assert path.read_bytes().count(b"\n") == three.count(b"\n") + 2


@pytest.mark.parametrize("library", ["xarray", "h5netcdf"])
def test_a_netcdf_file_says_which_library_it_needs(
    short: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ExportError) as refused:
        short.save_netcdf(tmp_path / "x.nc")
    assert str(refused.value) == f"a netCDF file needs {library}: pip install 'calibrate[export]'"


def test_netcdf_files_are_written_by_one_library_whatever_else_there_is(
    short: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(xr.DataTree, "to_netcdf", lambda tree, path, **options: asked.append((tree, options)))
    short.save_netcdf(tmp_path / "x.nc", predictive=0)
    ((tree, options),) = asked
    assert options == {"engine": "h5netcdf"}
    assert [*tree.children] == ["posterior", "sample_stats", "observed_data", "constant_data"]
