"""Where imported measurements and their configuration go: names, refusals, and files written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from calibrate.config import parse_config
from calibrate.errors import ConfigError, DataError
from calibrate.files import check_target, replacing
from calibrate.importing.convert import Imported
from calibrate.importing.template import configuration as configuration_of
from calibrate.importing.template import name_of_test
from calibrate.kinds import CONFIGURATION, MEASUREMENT, picture_of
from calibrate.texts import printable


def csv_targets(files: Sequence[Path], output: Path) -> list[Path]:
    """Return the file to write for each that is read: `output` itself for one, files in it for several.

    Raises
    ------
    ConfigError
        If several are to go into one file.
    """
    if len(files) == 1 and not output.is_dir():
        return [output]
    if output.suffix and not output.is_dir():
        raise ConfigError(f"-o {printable(output)}: there are {len(files)} files to write; give a folder")
    names = names_of(files, None)
    return [_apart(output / f"{name}.csv", files) for name in names]


def config_targets(files: Sequence[Path], names: Sequence[str], output: Path) -> tuple[Path, list[Path]]:
    """Return the configuration to write, and the measurements beside it."""
    target = output / "knee.toml" if output.is_dir() or not output.suffix else output
    return target, [_apart(target.parent / f"{name}.csv", files) for name in names]


def _apart(target: Path, files: Iterable[Path]) -> Path:
    """Return a name that is none of the files that are read."""
    taken = {file.resolve() for file in files}
    return target.with_name(f"{target.stem}_imported.csv") if target.resolve() in taken else target


def names_of(files: Sequence[Path], given: Sequence[str] | None) -> list[str]:
    """Return a name for the test in each file.

    Raises
    ------
    ConfigError
        If names are given, but not one for each file, or one of them twice.
    """
    if given:
        if len(given) != len(files):
            raise ConfigError(f"--test: given {len(given)} times for {len(files)} files; give it for each")
        for name in given:
            if given.count(name) > 1:
                raise ConfigError(f"--test {printable(name)}: given twice; tests need names of their own")
            if name_of_test(name, {}) != name:
                raise ConfigError(
                    f"--test {printable(name)}: is no name for a test; use letters, digits, - and _, a letter first"
                )
        return list(given)
    names: dict[str, None] = {}
    for file in files:
        names[name_of_test(file.stem, names)] = None
    return list(names)


def check_config(
    tests: Mapping[str, Imported], targets: Mapping[str, Path], target: Path, point: tuple[float, float] | None
) -> str:
    """Return the configuration's text, after a look at whether it is valid.

    Raises
    ------
    ConfigError
        If it is not: a force may act at a place that is none.
    """
    text = configuration_of(tests, {name: path.name for name, path in targets.items()}, point)
    parse_config(text, target)
    return text


def check_targets(
    targets: Sequence[Path], files: Sequence[Path], overwrite: bool, configuration: Path | None = None
) -> None:
    """Refuse places where nothing may be written, before anything is read; all but one are for measurements.

    Raises
    ------
    DataError
        Naming the first.
    """
    for path in targets:
        kind = CONFIGURATION if path == configuration else MEASUREMENT
        check_target(path, DataError, kind=kind, overwrite=overwrite, spare=files)


def write_all(
    texts: Mapping[Path, str], files: Sequence[Path], overwrite: bool, configuration: Path | None = None
) -> None:
    """Write all files, or none; all but one are measurements.

    Raises
    ------
    DataError
        If one cannot be written, is there already, or is one that is read.
    """
    check_targets(list(texts), files, overwrite, configuration)
    with ExitStack() as stack:
        for path, text in texts.items():
            temporary = stack.enter_context(replacing(path, DataError))
            temporary.write_text(text, encoding="utf-8", newline="\n")


def check_picture(picture: Path, files: Sequence[Path]) -> None:
    """Refuse a picture that could not be written, before anything is read.

    Raises
    ------
    DataError
        If its name is no PNG's, or something else is there.
    """
    kind = picture_of(picture)
    if kind is None or picture.suffix.lower() != ".png":
        raise DataError(f"--picture {printable(picture)}: end the name in .png")
    check_target(picture, DataError, kind=kind, overwrite=True, spare=files)


def draw(one: Imported, picture: Path) -> None:
    """Write a picture of the readings.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    from calibrate.settings import load_matplotlib

    load_matplotlib()
    from calibrate.figures.style import DPI
    from calibrate.importing.picture import figure

    with replacing(picture, DataError) as temporary:
        figure(one).savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def contents(found: Sequence[Imported], targets: Sequence[Path], config: Path | None) -> dict[str, Any]:
    """Return what was taken as an object for programs."""
    files = [
        {
            "source": str(one.source),
            "output": str(target),
            "readings": int(one.measurement.angles.size),
            "kind": one.measurement.kind,
            "angle_unit": one.measurement.angle_unit,
            "positive": one.positive,
            "side": one.side,
            "flexion": one.flexion,
            "cycles": one.order.cycles if one.order.is_series else 0,
            "holds": len(one.order.holds),
            "understood": one.said,
            "notes": one.doubts,
        }
        for one, target in zip(found, targets, strict=True)
    ]
    return {"files": files} | ({} if config is None else {"config": str(config)})
