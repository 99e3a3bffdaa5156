"""The commands that ask the model itself: what it would read, and what a changed knee would do. No science here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrate.decimals import read_number
from calibrate.ends import say
from calibrate.errors import ConfigError
from calibrate.options import (
    BurnIn,
    Json,
    RunArgument,
    complete_config,
    complete_parameter,
    parsed_settings,
    print_json,
)
from calibrate.settings import load_matplotlib
from calibrate.texts import count


def simulate(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", help="A TOML file with knee, parameters and noise.", autocompletion=complete_config
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATA.csv", help="Measurement file to write.")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="True value of a parameter, like mcl.k=40; repeat as needed.",
            autocompletion=complete_parameter,
        ),
    ] = None,
    test: Annotated[str | None, typer.Option(metavar="NAME", help="Which test, of a CONFIG with several.")] = None,
    angles: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH:N",
            help="Angles in degrees; the data file's by default. With hysteresis up through them and down again.",
        ),
    ] = None,
    load: Annotated[
        str | None,
        typer.Option(
            metavar="force|moment", help="What is applied; by default as in the data, a moment if there are none."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    as_json: Json = False,
) -> None:
    """Make synthetic measurements with known truth; parameters not --set take the middle of their priors."""
    from calibrate.config import load_config
    from calibrate.simulation import check_output, write
    from calibrate.simulation import simulate as make

    knee = load_config(config)
    check_output(output, knee, overwrite=overwrite)
    truth = numbers("--set", settings)
    measurement = make(knee, truth, angles=angles, load=load, seed=seed, test=test)
    write(measurement, output, knee, overwrite=overwrite)
    stated = ", ".join(f"{name} = {value:g}" for name, value in measurement.truth.items())
    say(f"{output}: {count(measurement.angles.size, 'point')} from {stated}")
    if as_json:
        print_json({"file": str(output), "points": measurement.angles.size, "truth": dict(measurement.truth)})


def predict(
    path: RunArgument,
    change: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CHANGE",
            help="Like mcl.l_0=+2, lcl.k=*0.5, mcl.k=60; lcl.k=0 releases it. Repeat as needed.",
            autocompletion=complete_parameter,
        ),
    ] = None,
    angles: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH:N", help="Angles in degrees; the measured range by default.")
    ] = None,
    moments: Annotated[
        str | None, typer.Option(metavar="M1,M2,...", help="Laxity at these moments [N·m], in the curve's place.")
    ] = None,
    test: Annotated[str | None, typer.Option(metavar="NAME", help="Which test, of a run with several.")] = None,
    as_json: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FIGURE.png", help="Draw the curves as well.")
    ] = None,
    burn_in: BurnIn = None,
) -> None:
    """Predict load over angle, or laxity, of the calibrated knee and of one with some of its numbers changed."""
    if angles is not None and moments is not None:
        raise ConfigError("--angles and --moments: use one of them")
    changes: dict[str, str | float] = {**parsed_settings("--change", change)}
    wanted = None
    if moments is not None:  # each of them once
        wanted = list(dict.fromkeys(_number("--moments", part, moments) for part in moments.split(",")))
    load_matplotlib()
    from calibrate.comparison import compare
    from calibrate.predict_view import check_picture, tables
    from calibrate.simulation import parse_angles
    from calibrate.sitting import opened

    at = None if angles is None else parse_angles(angles)
    if output is not None:
        check_picture(output, path)
    comparison = compare(opened(path, burn_in), changes, test)
    content = comparison.content(at, wanted)
    if output is not None:
        from calibrate.figures.whatif import save, what_if_plot

        ends = () if at is None else (float(at.min()), float(at.max()))
        save(what_if_plot(comparison, *ends), output)
        say(f"{output}: load over angle")
    if as_json:
        print_json(content)
    else:
        tables(content)


def numbers(option: str, given: list[str] | None) -> dict[str, float]:
    """Return what an option like `--set mcl.k=40`, given any number of times, says by name.

    Raises
    ------
    ConfigError
        If it is of another form.
    """
    settings = parsed_settings(option, given)
    return {name: _number(option, value, f"{name}={value}") for name, value in settings.items()}


def _number(option: str, text: str, whole: str) -> float:
    try:
        return read_number(text.strip())
    except ValueError as error:
        raise ConfigError(f"{option} {whole}: {error}") from None
