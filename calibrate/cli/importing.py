"""The commands that read other programs' measurements: `import` writes the file, `init` a configuration as well."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrate.decimals import read_number
from calibrate.ends import say
from calibrate.errors import ConfigError, DataError
from calibrate.texts import count, printable

if TYPE_CHECKING:
    from calibrate.importing.choose import Answers
    from calibrate.importing.convert import Imported

_CHOICES: dict[str, tuple[str, ...]] = {
    "positive": ("varus", "valgus", "left", "right"),
    "load_positive": ("varus", "valgus"),
    "side": ("left", "right"),
    "direction": ("loading", "unloading", "both"),
    "holds": ("keep", "mean", "last"),
    "decimal": ("point", "comma", ".", ","),
}
# What may differ from file to file is given once for all of them, or once for each.
_EACH = (
    "angle",
    "load",
    "sigma",
    "angle_unit",
    "load_unit",
    "positive",
    "load_positive",
    "flexion",
    "at_flexion",
    "sheet",
)
_ONE = ("side", "direction", "cycle", "holds", "thin", "separator", "decimal", "encoding")


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text)


Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Measurements of other programs; only read.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Many = list[str] | None
Angle = Annotated[Many, _option("--angle", "COLUMN", "The angle: a name or a number. For each file, or once for all.")]
Load = Annotated[Many, _option("--load", "COLUMN", "The moment or force.")]
Sigma = Annotated[Many, _option("--sigma", "COLUMN|none", "The load's standard deviation.")]
AngleUnit = Annotated[Many, _option("--angle-unit", "deg|rad", "Where the file does not say it.")]
LoadUnit = Annotated[Many, _option("--load-unit", "N|Nm|Nmm|...", "Where the file does not say it.")]
Positive = Annotated[
    Many,
    _option(
        "--positive", "varus|valgus", "What the angle counts as positive; or left, right: where the foot goes. Needed."
    ),
]
LoadPositive = Annotated[
    Many, _option("--load-positive", "varus|valgus", "What the load counts as positive; as the angle by default.")
]
SideOption = Annotated[str | None, _option("--side", "left|right", "Which knee.")]
Flexion = Annotated[Many, _option("--flexion", "DEG", "Flexion; by default as a column or the file's name says.")]
AtFlexion = Annotated[Many, _option("--at-flexion", "DEG", "Keep readings near it, of a file with several tests.")]
Direction = Annotated[
    str | None, _option("--direction", "loading|unloading|both", "Which part of a series is kept; both by default.")
]
Cycle = Annotated[str | None, _option("--cycle", "last|all|N", "Which cycle of a series is kept; all by default.")]
Holds = Annotated[
    str | None, _option("--holds", "keep|mean|last", "What a hold comes to: all its readings by default.")
]
Thin = Annotated[int | None, typer.Option("--thin", min=1, metavar="N", help="Keep each N-th reading.")]
Sheet = Annotated[Many, _option("--sheet", "NAME", "Sheet of a workbook, group of a TDMS, variable of a MATLAB file.")]
Separator = Annotated[str | None, _option("--separator", "comma|semicolon|tab|blank", "Of text.")]
Decimal = Annotated[str | None, _option("--decimal", "point|comma", "The decimal mark of text.")]
Encoding = Annotated[str | None, _option("--encoding", "NAME", "Of text, like utf-8 or latin-1.")]
Picture = Annotated[Path | None, _option("--picture", "FILE.png", "Draw the readings as well; of one file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def import_measurement(
    context: typer.Context,
    files: Files,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="KNEE.csv", help="File to write; of several FILEs a folder for them."),
    ],
    angle: Angle = None,
    load: Load = None,
    positive: Positive = None,
    load_positive: LoadPositive = None,
    angle_unit: AngleUnit = None,
    load_unit: LoadUnit = None,
    sigma: Sigma = None,
    side: SideOption = None,
    flexion: Flexion = None,
    at_flexion: AtFlexion = None,
    direction: Direction = None,
    cycle: Cycle = None,
    holds: Holds = None,
    thin: Thin = None,
    sheet: Sheet = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    picture: Picture = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
) -> None:
    """Read measurements as laboratories write them (text, Excel, MATLAB, TDMS, OpenSim) and write them as CSV."""
    from calibrate.importing.write import check_targets, csv_targets, write_all

    targets = csv_targets(files, output)
    check_targets(targets, files, overwrite)
    jobs = _jobs(context.params, files, picture)
    found = [_asked(job, need_flexion=False) for job in jobs]
    write_all({target: one.measurement.text for target, one in zip(targets, found, strict=True)}, files, overwrite)
    _report(found, targets, picture, as_json)
    _repeat(jobs, context, [*("-o", str(output))])


def init(
    context: typer.Context,
    files: Files,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="KNEE.toml", help="Configuration to write, or a folder for knee.toml."),
    ] = Path("knee.toml"),
    test: Annotated[Many, _option("--test", "NAME", "Name of each test, in the order of several FILEs.")] = None,
    application_point: Annotated[
        str | None, _option("--application-point", "X,Y", "Where a force acts, in mm: y is negative below the knee.")
    ] = None,
    angle: Angle = None,
    load: Load = None,
    positive: Positive = None,
    load_positive: LoadPositive = None,
    angle_unit: AngleUnit = None,
    load_unit: LoadUnit = None,
    sigma: Sigma = None,
    side: SideOption = None,
    flexion: Flexion = None,
    at_flexion: AtFlexion = None,
    direction: Direction = None,
    cycle: Cycle = None,
    holds: Holds = None,
    thin: Thin = None,
    sheet: Sheet = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    picture: Picture = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a configuration to begin with, and the measurements that it is for, from files of other programs."""
    from calibrate.importing.write import check_config, check_targets, config_targets, names_of, write_all

    names = names_of(files, test)
    target, targets = config_targets(files, names, output)
    check_targets([*targets, target], files, overwrite, target)
    jobs = _jobs(context.params, files, picture)
    found = [_asked(job, need_flexion=True) for job in jobs]
    point = _point(application_point, found)
    text = check_config(dict(zip(names, found, strict=True)), dict(zip(names, targets, strict=True)), target, point)
    texts = {path: one.measurement.text for path, one in zip(targets, found, strict=True)}
    write_all({**texts, target: text}, files, overwrite, target)
    _report(found, targets, picture, as_json, target)
    _repeat(jobs, context, ["-o", str(output)])
    if not as_json:
        say(f"next: put your knee's geometry into {target}; then calibrate run {shlex.quote(str(target))}")


@dataclass
class _Job:
    """A file, what has been said of it, and what was asked on the terminal."""

    path: Path
    answers: Answers
    asked: list[tuple[str, str]]


def _jobs(given: dict[str, Any], files: Sequence[Path], picture: Path | None) -> list[_Job]:
    """Return each file with its answers.

    Raises
    ------
    ConfigError
        If an answer is none that is known, or there are too few.
    """
    from calibrate.importing.choose import Answers
    from calibrate.importing.write import check_picture

    if picture is not None and len(files) > 1:
        raise ConfigError("--picture draws one file, and there are several; import them one by one")
    if picture is not None:
        check_picture(picture, files)
    each: dict[str, list[Any]] = {}
    for key in _EACH:
        values = given[key] or []
        if len(values) not in (0, 1, len(files)):
            raise ConfigError(
                f"{_flag(key)}: given {len(values)} times for {len(files)} files; give it once or for each"
            )
        each[key] = [_checked(key, value) for value in (list(values) * len(files) if len(values) == 1 else values)]
    one = {key: None if given[key] is None else _checked(key, given[key]) for key in _ONE}
    return [
        _Job(path, Answers(**one, **{key: values[i] for key, values in each.items() if values}), [])
        for i, path in enumerate(files)
    ]


def _flag(key: str) -> str:
    return "--" + key.replace("_", "-")


def _checked(key: str, value: Any) -> Any:
    """Return an answer as it is stored.

    Raises
    ------
    ConfigError
        If it is none.
    """
    said = f"{_flag(key)} {printable(value)}"
    if key in _CHOICES:
        if value not in _CHOICES[key]:
            raise ConfigError(f"{said}: use one of {', '.join(_CHOICES[key])}")
        return {"point": ".", "comma": ","}.get(value, value) if key == "decimal" else value
    if key in ("flexion", "at_flexion"):
        try:
            number = read_number(str(value).strip())
        except ValueError as error:
            raise ConfigError(f"{said}: {error}") from None
        if not -30.0 <= number <= 150.0:
            raise ConfigError(f"{said}: a knee bends by -30 to 150 degrees")
        return number
    if key == "cycle" and value not in ("all", "last") and not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ConfigError(f"{said}: use last, all, or a number from 1")
    return value


def _asked(job: _Job, *, need_flexion: bool) -> Imported:
    """Convert a file; what it leaves open is asked on a terminal, and is an error elsewhere."""
    from calibrate.importing.convert import convert
    from calibrate.importing.source import UnansweredError

    while True:
        try:
            found = convert(job.path, job.answers)
            if need_flexion and found.flexion is None:
                raise UnansweredError(
                    f"{printable(job.path)}: at which flexion was it measured? say --flexion DEG", "--flexion"
                )
            return found
        except UnansweredError as question:
            if not _is_terminal():
                raise
            key = question.option.removeprefix("--").replace("-", "_")
            answer = _prompt(question)
            try:
                job.answers = replace(job.answers, **{key: _checked(key, answer)})
                job.asked.append((question.option, answer))
            except ConfigError as error:
                say(error)


def _is_terminal() -> bool:
    """Tell whether somebody is there to be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _prompt(question: Any) -> str:
    """Ask on the terminal; a number chooses from what is listed."""
    print(f"calibrate: {printable(question)}", file=sys.stderr)  # however quiet: somebody is to answer
    for i, choice in enumerate(question.choices, start=1):
        print(f"  {i:>3}  {printable(choice)}", file=sys.stderr)
    answer = str(typer.prompt("answer", err=True)).strip()
    if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(question.choices):
        return str(question.choices[int(answer) - 1])
    return answer


def _point(given: str | None, found: Sequence[Imported]) -> tuple[float, float] | None:
    """Return where a force acts; it has to be said if there is one."""
    if given is None:
        if any(one.measurement.kind == "force" for one in found):
            raise DataError(
                "the load is a force: where does it act? say --application-point X,Y, in mm, like 0,-400 for 400 mm "
                "below the knee's origin"
            )
        return None
    parts = given.split(",")
    try:
        x, y = (read_number(part.strip()) for part in parts)
    except ValueError as error:
        raise ConfigError(f"--application-point {printable(given)}: has to be X,Y, like 0,-400 ({error})") from None
    return x, y


def _report(
    found: Sequence[Imported], targets: Sequence[Path], picture: Path | None, as_json: bool, config: Path | None = None
) -> None:
    """Say what was taken, with a picture; doubts go to stderr."""
    from calibrate.importing.picture import in_characters
    from calibrate.importing.write import contents, draw

    if picture is not None:
        draw(found[0], picture)
    if as_json:
        print(json.dumps(contents(found, targets, config), indent=2, allow_nan=False))
    width = max(30, min(100, shutil.get_terminal_size((80, 24)).columns))
    for one, target in zip(found, targets, strict=True):
        if not as_json:
            print(f"{printable(target)}: {count(one.measurement.angles.size, 'reading')} of {printable(one.source)}")
            for sentence in one.said:
                print(textwrap.fill(sentence, width, initial_indent="  ", subsequent_indent="    "))
            print("\n".join(in_characters(one)))
        for doubt in one.doubts:
            say(f"{printable(one.source.name)}: {doubt}")
    if config is not None and not as_json:
        print(printable(config))


def _repeat(jobs: Sequence[_Job], context: typer.Context, rest: list[str]) -> None:
    """Say how to have the same without questions."""
    if len(jobs) == 1 and jobs[0].asked:
        answers = [word for pair in jobs[0].asked for word in pair]
        words = ["calibrate", str(context.info_name), str(jobs[0].path), *answers, *rest]
        say(f"without questions: {' '.join(map(shlex.quote, words))}, and what you gave besides")
