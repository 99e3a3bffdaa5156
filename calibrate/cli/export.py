"""The command that writes a calibration for other programs. No science here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from calibrate.ends import say
from calibrate.errors import ConfigError
from calibrate.options import BurnIn, Json, RunArgument, parsed_map, print_json
from calibrate.texts import printable

if TYPE_CHECKING:
    from calibrate.results import Run


def export(
    path: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write.")],
    to: Annotated[
        Literal["netcdf", "csv", "parquet", "json", "osim"] | None,
        typer.Option(help="Format; by default what FILE ends in says it: .nc, .csv, .parquet, .json or .osim."),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="At the most so many draws in a table, and for netcdf in the groups of predictions; "
            "by default all in a table, and 1000 for predictions.",
        ),
    ] = None,
    derived: Annotated[
        bool, typer.Option("--derived", help="Tables also have what follows from the parameters, of fewer draws.")
    ] = False,
    draw: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="osim: write the N-th posterior draw, from 0; medians by default."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="THEIR.osim", help="osim: update this model's ligaments; without it, write a planar knee."
        ),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=A,B",
            help="osim: share a strand of the run out over the model's ligaments A and B, in proportion to their "
            "stiffness; repeat as needed.",
        ),
    ] = None,
    mcl: Annotated[str | None, typer.Option(metavar="NAME", help="Short for --map mcl=NAME.")] = None,
    lcl: Annotated[str | None, typer.Option(metavar="NAME", help="Short for --map lcl=NAME.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    burn_in: BurnIn = None,
    as_json: Json = False,
) -> None:
    """Write the draws as a table or for ArviZ, or the ligaments for OpenSim (which itself is not needed)."""
    from calibrate.export.save import format_of, save_netcdf, save_table
    from calibrate.sitting import opened

    chosen = to or format_of(output)
    asked = {"--draw": draw, "--model": model, "--map": mapping, "--mcl": mcl, "--lcl": lcl}
    if chosen != "osim":
        _refuse([option for option, value in asked.items() if value is not None], "osim", chosen)
    if chosen in ("osim", "netcdf"):
        _refuse(["--derived"] if derived else [], "csv, parquet or json", chosen)
    if chosen == "osim":
        _refuse(["--draws"] if draws is not None else [], "netcdf, csv, parquet or json", chosen)
        short = [f"{ours}={name}" for ours, name in (("mcl", mcl), ("lcl", lcl)) if name is not None]
        theirs = parsed_map([*(mapping or []), *short], "--map")
        _save_osim(opened(path, burn_in), output, draw=draw, model=model, map=theirs, overwrite=overwrite)
    elif chosen == "netcdf":
        save_netcdf(opened(path, burn_in), output, predictive=1000 if draws is None else draws, overwrite=overwrite)
    else:
        save_table(opened(path, burn_in), output, chosen, most=draws, derived=derived, overwrite=overwrite)
    if as_json:
        print_json({"file": str(path), "format": chosen, "written": str(output)})
    else:
        print(printable(output))


def _save_osim(run: Run, output: Path, **options: Any) -> None:
    """Write an OpenSim model, and pass on what there is to say of it."""
    from calibrate.export import export_osim

    for note in export_osim(run, output, **options):
        say(note)


def _refuse(options: list[str], belongs: str, chosen: str) -> None:
    """Refuse options that mean nothing in the chosen format.

    Raises
    ------
    ConfigError
        If there are any.
    """
    if options:
        raise ConfigError(f"{', '.join(options)}: only with --to {belongs}; the format here is {chosen}")
