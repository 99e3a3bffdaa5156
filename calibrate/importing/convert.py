"""From a file's columns and a user's answers to a measurement, with all that was done to it in its header."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate.data import Measurement, parse_measurement
from calibrate.errors import DataError
from calibrate.importing.choose import Answers, Choice, Use, choose
from calibrate.importing.cycles import Order, order_of
from calibrate.importing.flexion import at_one_flexion
from calibrate.importing.provenance import doubts, said, text
from calibrate.importing.read import read_source
from calibrate.importing.source import FloatArray, Readings, Source, UnansweredError
from calibrate.plausible import doubts_of_data
from calibrate.spellings import Side, Way
from calibrate.texts import printable

_CORRELATED = -0.5


@dataclass(frozen=True)
class Imported:
    """A measurement made of another program's file.

    Attributes
    ----------
    source : Path
        The file that it was made of.
    measurement : Measurement
        The readings; `measurement.text` is the file to write.
    positive : {"varus", "valgus"}
        What both columns count as positive.
    side : {"left", "right"} or None
        Which knee, if it is known.
    flexion : float or None
        Flexion in degrees, if it is known.
    said : list of str
        What was taken for what, and what was done, a sentence each.
    doubts : list of str
        What is odd about the numbers, and what should be looked at.
    order : Order
        Turns, cycles and holds of the readings, before any were left out.
    """

    source: Path
    measurement: Measurement
    positive: Way
    side: Side | None
    flexion: float | None
    said: list[str]
    doubts: list[str]
    order: Order


def convert(path: Path, answers: Answers) -> Imported:
    """Read a file of another program as a measurement.

    Parameters
    ----------
    path : Path
        The file.
    answers : Answers
        What the user has said of it; `positive` is always needed.

    Raises
    ------
    UnansweredError
        If something has to be said first.
    DataError
        If the file cannot be read, or its numbers cannot be meant.
    """
    source = read_source(path, part=answers.sheet, separator=answers.separator, encoding=answers.encoding)
    choice = choose(source, answers)
    used = [choice.angle.at, choice.load.at]
    used += [choice.sigma.at] if choice.sigma else []
    used += [choice.direction] if choice.direction is not None else []
    readings = source.read(used, answers.decimal)
    _check_whole(source, readings, choice, answers)
    readings, flexion, how = at_one_flexion(source, choice, answers, readings)
    columns = [_in_unit(readings.values[:, 0], choice.angle), _in_unit(readings.values[:, 1], choice.load)]
    if choice.flip:
        columns[1] = -columns[1] + 0.0  # no minus zero
    if choice.sigma:
        columns.append(_in_unit(readings.values[:, 2], choice.sigma))
    if choice.direction is not None:
        columns.append(readings.values[:, -1] * (-1.0 if choice.flip else 1.0))
    readings = replace(readings, values=np.column_stack(columns))
    _check_numbers(source, readings, choice)
    _check_sense(source, readings, answers)
    order = order_of(readings.values[:, 0], readings.values[:, 1])
    readings, done = _chosen(readings, order, choice, answers)
    sentences = [*said(source, choice, readings), *how, *done]
    measurement = parse_measurement(text(source, choice, readings, sentences, flexion), printable(path))
    odd = doubts(measurement, order, answers)
    return Imported(path, measurement, choice.positive, choice.side, flexion, sentences, odd, order)


def _in_unit(values: FloatArray, use: Use) -> FloatArray:
    """Convert numbers, rounding once; radians stay radians."""
    return values * use.unit.times / use.unit.by


def _check_whole(source: Source, readings: Readings, choice: Choice, answers: Answers) -> None:
    """Refuse three columns of whole numbers between commas: two with one decimal comma in each row look the same."""
    between_commas = source.form.endswith("by commas") and len(source.columns) == 3 and choice.sigma is not None
    if between_commas and answers.decimal is None and (readings.values == np.round(readings.values)).all():
        raise UnansweredError(
            f"{source.where}: whole numbers in all of three columns could be numbers with a decimal comma; if they are "
            "whole, say --decimal point, else write decimal points",
            "--decimal",
            ("point",),
        )


def _check_numbers(source: Source, readings: Readings, choice: Choice) -> None:
    """Refuse numbers that cannot be meant, by where they stand in the file that was read."""
    angles = readings.values[:, 0]
    limit = 45.0 if choice.angle.unit.name == "deg" else np.deg2rad(45.0)
    worst = int(np.argmax(np.abs(angles)))
    place = f"{source.where}, {source.counted} {{}}, column '{{}}'"
    if abs(angles[worst]) > limit:
        at = place.format(readings.places[worst], printable(source.columns[choice.angle.at].name))
        other = "rad" if choice.angle.unit.name == "deg" else "deg"
        raise DataError(
            f"{at}: {angles[worst]:g} {choice.angle.unit.name} is beyond 45 degrees, more than any varus-valgus test; "
            f"choose another column with --angle, or the unit with --angle-unit {other}"
        )
    kind = "moment" if choice.load.unit.of == "moment" else "force"
    sigma = readings.values[:, 2] if choice.sigma else None
    if sigma is not None and not (sigma > 0.0).all():
        bad = int(np.argmin(sigma > 0.0))
        at = place.format(readings.places[bad], printable(source.columns[choice.sigma.at].name if choice.sigma else ""))
        raise DataError(f"{at}: {sigma[bad]:g} as a standard deviation, and it has to be positive; or say --sigma none")
    unit = "deg" if choice.angle.unit.name == "deg" else "rad"
    raw = Measurement(angles, readings.values[:, 1], sigma, kind, unit, source=source.where)  # type: ignore[arg-type]  # two words each
    for doubt in doubts_of_data(raw):
        if doubt.refused:
            at = source.where if doubt.row is None else f"{source.where}, {source.counted} {readings.places[doubt.row]}"
            raise DataError(f"{at}: {doubt.text}; or say --load-unit or --angle-unit")
    if choice.direction is not None and not (np.abs(readings.values[:, -1]) == 1.0).all():
        raise DataError(f"{source.where}: column 'direction' has to be 1 (the load goes up) or -1 (it goes down)")


def _check_sense(source: Source, readings: Readings, answers: Answers) -> None:
    """Ask for the load's sense where the loads fall as the angles rise: a knee pushes back."""
    angles, loads = readings.values[:, 0], readings.values[:, 1]
    if answers.load_positive is None and angles.size >= 2 and np.ptp(angles) > 0.0 and np.ptp(loads) > 0.0:
        along = float(np.corrcoef(angles, loads)[0, 1])
        if along < _CORRELATED:
            raise UnansweredError(
                f"{source.where}: the loads fall as the angles rise (correlation {along:.2f}), and a knee pushes back, "
                "so one of the two counts the other direction; say what the load counts as positive with "
                "--load-positive",
                "--load-positive",
                ("varus", "valgus"),
            )


def _chosen(readings: Readings, order: Order, choice: Choice, answers: Answers) -> tuple[Readings, list[str]]:
    """Add directions, and leave out what the user does not want; every row that goes is counted."""
    done: list[str] = []
    values = readings.values
    if order.is_series and choice.direction is None:
        values = np.column_stack([values, order.up])
        readings = replace(readings, values=values)
    keep = np.ones(len(values), dtype=bool)
    if answers.cycle not in (None, "all"):
        wanted = order.cycles if answers.cycle == "last" else int(str(answers.cycle))
        if not 1 <= wanted <= order.cycles:
            raise DataError(f"--cycle {wanted}: there are {order.cycles} cycles")
        keep &= order.cycle == wanted
        done.append(
            f"cycle {wanted} of {order.cycles} kept, {int((~keep).sum())} readings of others left out (--cycle)"
        )
    if answers.direction in ("loading", "unloading"):
        part = order.loading if answers.direction == "loading" else ~order.loading
        done.append(f"{answers.direction} kept, {int((keep & ~part).sum())} readings left out (--direction)")
        keep &= part
    if not keep.any():
        raise DataError("no reading is left; choose other values of --cycle and --direction")
    values, places = readings.values[keep], readings.places[keep]
    if answers.holds in ("mean", "last"):
        directed = order.is_series or choice.direction is not None
        groups = _groups(order, keep)
        values = np.array([_one(readings.values[rows], answers.holds, directed) for rows in groups])
        places = np.array([readings.places[rows[-1]] for rows in groups], dtype=np.intp)
        gone = int(keep.sum()) - len(groups)
        done.append(f"{len(order.holds)} holds made one reading each, their {answers.holds}, {gone} fewer (--holds)")
    if answers.thin is not None and answers.thin > 1:
        done.append(
            f"each {answers.thin}th reading kept, {len(values) - len(values[:: answers.thin])} left out (--thin)"
        )
        values, places = values[:: answers.thin], places[:: answers.thin]
    return replace(readings, values=values, places=places), done


def _groups(order: Order, keep: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the rows that make one reading each: those of a hold together."""
    of = np.arange(keep.size)
    for hold in order.holds:
        of[hold] = hold.start
    rows = np.flatnonzero(keep)
    starts = np.flatnonzero(np.diff(of[rows], prepend=-1))
    return np.split(rows, starts[1:])


def _one(values: FloatArray, holds: str | None, directed: bool) -> FloatArray:
    """Make one reading of some; a direction is no number that could be averaged."""
    last = np.asarray(values[-1])
    if len(values) == 1 or holds == "last":
        return last
    mean = np.asarray(values.mean(axis=0))
    return np.append(mean[:-1], last[-1]) if directed else mean
