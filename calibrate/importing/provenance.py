"""What is said of an import: on the screen, and in the header of the file that is written."""

from __future__ import annotations

from collections.abc import Sequence

from calibrate import __version__
from calibrate.data import Measurement, format_measurement
from calibrate.importing.choose import Answers, Choice
from calibrate.importing.cycles import Order
from calibrate.importing.source import Readings, Source
from calibrate.plausible import doubts_of_data
from calibrate.spellings import Unit
from calibrate.texts import listed, printable

_SHOWN_ROWS = 8
_MANY = 2000


def said(source: Source, choice: Choice, readings: Readings) -> list[str]:
    """Say what was taken for what."""
    found = [source.form + "".join(f"; {note}" for note in (*source.notes, *readings.notes))]
    found.append(
        f"angle: column {_named(source, choice.angle.at)} in {choice.angle.unit.name}, {choice.positive} positive"
    )
    load = choice.load.unit
    sign = ", sign changed" if choice.flip else ""
    found.append(f"{load.of}: column {_named(source, choice.load.at)} in {load.name}{_change(load)}{sign}")
    if choice.sigma:
        found.append(f"sigma: column {_named(source, choice.sigma.at)}{_change(choice.sigma.unit)}")
    if choice.side:
        found.append(f"{choice.side} knee")
    used = {choice.angle.at, choice.load.at, choice.direction, choice.sigma.at if choice.sigma else None}
    rest = [_named(source, at) for at in range(len(source.columns)) if at not in used]
    if rest:
        found.append(f"not used: {listed(rest, _SHOWN_ROWS)}")
    if readings.missing:
        found.append(f"{_rows(source.counted, readings.missing)} left out: no number in a column that is needed")
    return found + choice.notes


def _change(unit: Unit) -> str:
    if unit.times != 1.0:
        return f", times {unit.times:g}"
    return f", divided by {unit.by:g}" if unit.by != 1.0 else ""


def _rows(counted: str, rows: Sequence[int]) -> str:
    return f"{counted}{'s' if len(rows) > 1 else ''} {listed([*map(str, rows)], _SHOWN_ROWS)}"


def _named(source: Source, at: int) -> str:
    return f"'{printable(source.columns[at].full)}'"


def doubts(measurement: Measurement, order: Order, answers: Answers) -> list[str]:
    """Say what is odd, and what the user may want to choose and has not."""
    found = [doubt.text for doubt in doubts_of_data(measurement)]
    if order.is_series and answers.direction is None and answers.cycle is None:
        kinds = f"{order.cycles} cycle{'s' if order.cycles > 1 else ''} of loading and unloading"
        found.append(f"a series in time: {kinds}; choose with --direction and --cycle")
    if order.holds and answers.holds is None:
        found.append(f"{len(order.holds)} holds; make one reading of each with --holds mean or last")
    if measurement.angles.size > _MANY:
        found.append(
            f"{measurement.angles.size:,} readings: neighbours in time have errors in common, and all count as if they "
            "had none; take fewer with --thin or --holds"
        )
    if measurement.kind == "force":
        found.append("the load is a force: the configuration needs knee.application_point, where it acts")
    return found


def text(source: Source, choice: Choice, readings: Readings, sentences: Sequence[str], flexion: float | None) -> str:
    """Write the measurement with its provenance."""
    comments = [
        f"imported by calibrate {__version__} from {printable(source.path.name)}",
        f"source SHA-256: {source.sha256}",
        *(f"source: {sentence}" for sentence in sentences),
        f"positive: {choice.positive}, in both columns",
    ]
    if flexion is not None:
        comments.append(f"flexion: {flexion:g} degrees")
    values = readings.values
    rest = list(range(2, values.shape[1]))
    sigma = values[:, rest.pop(0)] if choice.sigma else None
    direction = values[:, rest.pop(0)] if rest else None
    kind = "moment" if choice.load.unit.of == "moment" else "force"
    unit = "deg" if choice.angle.unit.name == "deg" else "rad"
    return format_measurement(values[:, 0], values[:, 1], kind, unit, comments, {}, sigma, direction)  # type: ignore[arg-type]  # two words each
