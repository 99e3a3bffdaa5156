"""Draws in other programs' files: every number comes back to the last bit, with its sign, its name and its unit."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from commands import check_refused
from conftest import Result
from pyarrow import parquet

from calibrate import ExportError, __version__, chain
from calibrate.draws import Draws
from calibrate.export.provenance import provenance
from calibrate.export.save import save_table
from calibrate.results import Run

FIRST = ["ensemble", "step", "walker", "log_prob"]


@pytest.fixture(scope="module")
def short(varus: Run) -> Run:
    """Return the last steps of a planted run: varus positive, negative tares, and fewer numbers to write."""
    return replace(varus, dropped=varus.stored - 9)


@pytest.fixture(scope="module")
def wanted(short: Run) -> dict[str, Any]:
    """Return what every table has to hold, put together from the chains alone."""
    kept = np.asarray(short.chains.coords[:, -9:])
    ensembles, steps, walkers, _ = kept.shape
    rows = [(e, s, w) for e in range(ensembles) for s in range(steps) for w in range(walkers)]
    found: dict[str, Any] = {
        "ensemble": [e for e, _, _ in rows],
        "step": [(short.stored - 9 + s + 1) * short.settings.thin for _, s, _ in rows],
        "walker": [w for _, _, w in rows],
        "log_prob": [float(short.chains.log_prob[e, short.stored - 9 + s, w]) for e, s, w in rows],
    }
    return found | {name: [float(kept[e, s, w, i]) for e, s, w in rows] for i, name in enumerate(short.names)}


@pytest.fixture(scope="module")
def units(short: Run) -> dict[str, str]:
    return {name: unit for name, unit in zip(short.names, short.posterior.units, strict=True) if unit}


def read_csv(path: Path) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """Read comments and columns with the standard library alone."""
    text = path.read_text(encoding="utf-8").splitlines()
    assert text[0] == "# draws of calibrate"
    about = dict(line[2:].split(": ", 1) for line in text[1:] if line.startswith("# "))
    head, *rows = csv.reader(line for line in text if not line.startswith("#"))
    columns = zip(*rows, strict=True)
    whole = {"ensemble", "step", "walker"}
    return about, {
        name: [int(cell) if name in whole else float(cell or "nan") for cell in column]
        for name, column in zip(head, columns, strict=True)
    }


def test_the_planted_draws_have_both_signs(wanted: dict[str, Any]) -> None:
    """What is positive throughout would not notice a sign that is turned round by taking a size."""
    assert min(wanted["mcl.f_ref"]) < 0.0 < max(wanted["mcl.k"])
    assert max(wanted["log_prob"]) < 0.0


def test_csv_gives_back_every_number(short: Run, wanted: dict[str, Any], units: dict[str, str], tmp_path: Path) -> None:
    save_table(short, tmp_path / "x.csv", "csv")
    about, found = read_csv(tmp_path / "x.csv")
    assert [*found] == [*FIRST, *short.names]
    assert found == wanted
    assert {key.removeprefix("unit of "): unit for key, unit in about.items() if key.startswith("unit of ")} == units
    check_provenance(about, short)
    frame = pd.read_csv(tmp_path / "x.csv", comment="#")
    assert frame.to_dict("list") == wanted


def test_json_gives_back_every_number(
    short: Run, wanted: dict[str, Any], units: dict[str, str], tmp_path: Path
) -> None:
    save_table(short, tmp_path / "x.json", "json")
    content = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert content["draws"] == wanted
    assert content["units"] == units
    check_provenance(content["provenance"], short)


def test_parquet_gives_back_every_number(
    short: Run, wanted: dict[str, Any], units: dict[str, str], tmp_path: Path
) -> None:
    save_table(short, tmp_path / "x.parquet", "parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.to_pydict() == wanted
    fields = {field.name: field.metadata[b"unit"].decode() for field in table.schema if field.metadata}
    assert fields == units
    check_provenance(json.loads(table.schema.metadata[b"provenance"]), short)


def test_a_frame_gives_back_every_number(short: Run, wanted: dict[str, Any], units: dict[str, str]) -> None:
    frame = short.to_dataframe()
    assert frame.to_dict("list") == wanted
    assert frame.attrs["units"] == units
    check_provenance(frame.attrs["provenance"], short)


def test_netcdf_gives_back_every_number(short: Run, wanted: dict[str, Any], tmp_path: Path) -> None:
    short.save_netcdf(tmp_path / "x.nc", predictive=0)
    with xr.open_datatree(tmp_path / "x.nc", engine="h5netcdf") as tree:
        stats, posterior = tree["sample_stats"], tree["posterior"]
        columns = {"step": stats["step"], "walker": stats["walker"], "log_prob": stats["lp"]}
        columns |= {name: posterior[name] for name in short.names}
        found = {name: column.values.reshape(-1) for name, column in columns.items()}
        order = np.lexsort((found["walker"], found["step"], np.repeat(stats["chain"].values, stats.sizes["draw"])))
        first = np.array(wanted["step"]) > min(wanted["step"])  # of nine steps the first is in neither half
        for name, column in found.items():
            assert column[order].tolist() == np.array(wanted[name])[first].tolist(), name
        check_provenance(tree.attrs, short)


def check_provenance(found: Any, run: Run) -> None:
    """Check what a file says of its origin, numbers as texts or not: 112 of 121 steps are dropped, each a third."""
    wanted = {
        "program": f"calibrate {__version__}",
        "run": run.path.name,
        "created": run.file.created,
        "data": "planted.csv",
        "data_sha256": run.measurement.sha256,
        "seed": str(run.settings.seed),
        **{"ensembles": "3", "walkers": "16", "steps": "363", "burn_in": "336", "thin": "3"},
        "converged": str(int(run.converged)),
        "verdict": run.verdict.sentence,
    }
    assert {key: str(value) for key, value in found.items() if key in wanted or "unit of" not in key} == wanted


def test_each_test_is_named_in_front_of_its_file_without_folders() -> None:
    tests = [
        SimpleNamespace(name=name, measurement=SimpleNamespace(source=f"/home/me/{name}/loads.csv", sha256=sha256))
        for name, sha256 in (("flexed", "0f"), ("straight", "1e"))
    ]
    draws: Any = SimpleNamespace(
        settings=SimpleNamespace(seed=7, thin=2),
        verdict=SimpleNamespace(converged=False, sentence="Too short."),
        posterior=SimpleNamespace(tests=tests),
        chains=SimpleNamespace(log_prob=np.zeros((4, 50, 32))),
        steps=100,
        burn_in=10,
    )
    assert provenance(draws) == {
        "program": f"calibrate {__version__}",
        "data": "flexed: loads.csv, straight: loads.csv",
        "data_sha256": "flexed: 0f, straight: 1e",
        **{"seed": 7, "ensembles": 4, "walkers": 32, "steps": 100, "burn_in": 20, "thin": 2},
        "converged": 0,
        "verdict": "Too short.",
    }


def test_derived_quantities_follow_the_parameters_of_their_own_draw(short: Run, tmp_path: Path) -> None:
    frame = short.to_dataframe(150, derived=True)
    assert len(frame) == 150
    np.testing.assert_array_equal(frame[[*short.names]].to_numpy(), short.thinned(150))
    for name, values in short.derive(short.thinned(150)).items():
        np.testing.assert_array_equal(frame[name], values)
    assert frame.attrs["units"]["laxity_varus_10Nm"] == "deg"
    save_table(short, tmp_path / "x.csv", "csv", most=150, derived=True)
    _, found = read_csv(tmp_path / "x.csv")
    assert [*found] == [*frame.columns]
    np.testing.assert_array_equal(found["lcl.taut_angle"], frame["lcl.taut_angle"])


@pytest.mark.parametrize(("most", "rows"), [(None, 40), (30, 30), (60, 40)])
def test_derived_quantities_are_of_as_many_draws_as_take_no_longer(
    short: Run, monkeypatch: pytest.MonkeyPatch, most: int | None, rows: int
) -> None:
    monkeypatch.setattr("calibrate.export.rows.most_draws", lambda posterior: 40)
    np.testing.assert_array_equal(short.to_dataframe(most, derived=True)[[*short.names]], short.thinned(rows))


def test_what_is_unknown_is_empty_or_null(short: Run, tmp_path: Path) -> None:
    coords = np.array(short.chains.coords[:])
    coords[..., short.names.index("lcl.l_0")] = 89.0  # slack as far as anybody looks
    loose = replace(short, chains=chain.Chains(coords, np.array(short.chains.log_prob[:]), 0.5))
    for form in ("csv", "json"):
        save_table(loose, tmp_path / f"x.{form}", form, most=20, derived=True)
    content = json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail)
    assert set(content["draws"]["lcl.taut_angle"]) == {None}
    assert np.isnan(read_csv(tmp_path / "x.csv")[1]["lcl.taut_angle"]).all()


def test_draws_in_memory_leave_as_those_of_a_file_do(short: Run, wanted: dict[str, Any], tmp_path: Path) -> None:
    draws = Draws(short.posterior, short.settings, short.chains, dropped=short.dropped)
    assert draws.to_dataframe().to_dict("list") == wanted
    assert "run" not in draws.to_dataframe().attrs["provenance"]
    theirs, ours = draws.to_arviz(predictive=20), short.to_arviz(predictive=20)
    assert theirs["posterior"].identical(ours["posterior"])
    draws.save_netcdf(tmp_path / "x.nc", predictive=0)
    with pytest.raises(ExportError, match=r"x\.nc: exists already; replace it"):
        draws.save_netcdf(tmp_path / "x.nc", predictive=0)


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.parquet", "x.nc"])
def test_the_command_writes_by_the_ending_and_replaces_only_its_own(
    varus: Run, tmp_path: Path, command: Callable[..., Result], name: str
) -> None:
    path, some = tmp_path / name, ("--draws", "10", "--burn-in", str(varus.steps - 4))
    done = command("export", varus.path, "-o", path, *some)
    assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
    first = path.read_bytes()
    check_refused(command("export", varus.path, "-o", path, *some), "exists already; replace it with --overwrite")
    assert path.read_bytes() == first
    assert command("export", varus.path, "-o", path, "--overwrite", *some).code == 0
    path.write_bytes(b"something of the user's")
    check_refused(command("export", varus.path, "-o", path, "--overwrite", *some), "so it is left alone")
    assert path.read_bytes() == b"something of the user's"
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-o", "x.dat"), "its end says no format; end it in one of .nc, .csv, .parquet, .json, .osim, or say"),
        (("-o", "x.csv", "--draw", "3"), "--draw: only with --to osim; the format here is csv"),
        (("-o", "x.nc", "--derived"), "--derived: only with --to csv, parquet or json; the format here is netcdf"),
        (("-o", "x.osim", "--draws", "3"), "--draws: only with --to netcdf, csv, parquet or json"),
        (("-o", "x.csv", "--to", "parquet"), "this name is that of a measurement, and what is written is a table"),
        (("-o", "planted.h5", "--to", "csv", "--overwrite"), "is what this command reads"),
        (("-o", "planted.h5", "--to", "netcdf", "--overwrite"), "is what this command reads"),
        (("-o", "x.csv", "--to", "xlsx"), "'xlsx' is not one of 'netcdf', 'csv', 'parquet', 'json', 'osim'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    varus: Run,
    command: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(varus.path.parent)
    before = {path.name for path in Path().iterdir()}
    check_refused(command("export", varus.path.name, *arguments), says)
    assert {path.name for path in Path().iterdir()} == before


@pytest.mark.parametrize(
    ("name", "library"), [("x.parquet", "pyarrow"), ("x.nc", "xarray"), ("x.nc", "h5netcdf"), ("frame", "pandas")]
)
def test_a_missing_library_is_one_line_that_says_how_to_have_it(
    varus: Run, tmp_path: Path, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    remedy = rf"needs {library}: pip install 'calibrate\[export\]'"
    if name == "frame":
        with pytest.raises(ExportError) as missing:
            varus.to_dataframe()
        assert str(missing.value) == "to_dataframe needs pandas: pip install 'calibrate[export]'"
        return
    check_refused(command("export", varus.path, "-o", tmp_path / name), remedy.replace("\\", ""))
    assert not [*tmp_path.iterdir()]


def test_nothing_stored_yet_is_said(varus: Run, tmp_path: Path) -> None:
    empty = replace(varus, chains=chain.Chains(varus.chains.coords[:, :0], varus.chains.log_prob[:, :0], 0.0))
    for export in (empty.to_arviz, empty.to_dataframe, lambda: empty.save_netcdf(tmp_path / "x.nc")):
        with pytest.raises(chain.reader.ChainError, match="nothing is stored yet"):
            export()
    assert not [*tmp_path.iterdir()]
