"""Which column is which, in which unit and sense: proposed by names, decided by the user where they leave a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from calibrate.errors import DataError
from calibrate.importing.source import Source, UnansweredError
from calibrate.spellings import Name, Side, Unit, Way, foreign, name_of, unit_of
from calibrate.texts import printable

_LISTED = 12
_LOADS = ("moment", "force", "load")
_OPTIONS = {"angle": ("deg", "rad"), "load": ("N", "Nm", "Nmm")}


@dataclass(frozen=True)
class Answers:
    """What a user has said of one file; None where nothing was said.

    Attributes
    ----------
    angle, load, sigma : str or None
        Columns, by name or by number from 1; "none" for no sigma.
    angle_unit, load_unit : str or None
        Units, spelt as in a header.
    positive : {"varus", "valgus", "left", "right"} or None
        What the angle counts as positive; left and right are where the foot goes.
    load_positive : {"varus", "valgus"} or None
        What the load counts as positive; as the angle if not said.
    side : {"left", "right"} or None
        Which knee.
    flexion : float or None
        Flexion in degrees.
    at_flexion : float or None
        Keep the readings near this flexion, of a file with several tests.
    direction : {"loading", "unloading", "both"} or None
        Which part of each cycle is kept; both by default.
    cycle : str or None
        "all" (the default), "last", or a number from 1.
    holds : {"keep", "mean", "last"} or None
        What is made of holds: kept by default, their mean, their last reading.
    thin : int or None
        Keep each N-th reading of what is left.
    sheet, separator, decimal, encoding : str or None
        See `calibrate.importing.read.read_source`.
    """

    angle: str | None = None
    load: str | None = None
    sigma: str | None = None
    angle_unit: str | None = None
    load_unit: str | None = None
    positive: str | None = None
    load_positive: str | None = None
    side: str | None = None
    flexion: float | None = None
    at_flexion: float | None = None
    direction: str | None = None
    cycle: str | None = None
    holds: str | None = None
    thin: int | None = None
    sheet: str | None = None
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None


class Use(NamedTuple):
    """A column that is used: its number, what its name says, its unit."""

    at: int
    name: Name
    unit: Unit


@dataclass(frozen=True)
class Choice:
    """What was taken for what.

    `flip` tells whether the load counts the other direction than the angle; `notes` say what a user should see.
    """

    angle: Use
    load: Use
    sigma: Use | None
    direction: int | None
    flexion: int | None
    time: int | None
    positive: Way
    side: Side | None
    flip: bool
    notes: list[str] = field(default_factory=list)


def choose(source: Source, answers: Answers) -> Choice:
    """Choose columns, units and senses.

    Raises
    ------
    UnansweredError
        If file and answers leave a choice; names the option that settles it.
    DataError
        If they contradict each other.
    """
    names = [name_of(column.name, column.unit) for column in source.columns]
    notes: list[str] = []
    angle_at = _column(source, names, answers.angle, "angle", ("angle",))
    load_at = _column(source, names, answers.load, "load", _LOADS)
    if angle_at == load_at:
        raise DataError(f"{source.where}: {_shown(source, angle_at)} cannot be angle and load; say both columns")
    angle = _use(source, names, angle_at, "angle", answers.angle_unit, notes)
    load = _use(source, names, load_at, "load", answers.load_unit, notes)
    side = _side(source, names, (angle_at, load_at), answers.side)
    positive = _positive(source, angle, answers, side, notes)
    return Choice(
        angle,
        load,
        _sigma(source, names, answers.sigma, load),
        next((at for at, column in enumerate(source.columns) if column.name == "direction"), None),
        _only(source, names, "flexion"),
        _only(source, names, "time"),
        positive,
        side,
        _flip(source, angle, load, positive, answers),
        notes,
    )


def _shown(source: Source, at: int) -> str:
    return f"'{printable(source.columns[at].name)}'"


def _column(source: Source, names: Sequence[Name], given: str | None, what: str, quantities: tuple[str, ...]) -> int:
    """Return a column's number: the one that was said, or the only one that a name speaks for."""
    option = f"--{what}"
    if given is not None:
        return find(source, given, option)
    of = [at for at, name in enumerate(names) if name.quantity in quantities and _may_be(name, what)]
    for sure in (2, 1):
        found = [at for at in of if names[at].sure == sure]
        if len(found) == 1:
            return found[0]
        if found:
            listed = _listed(source, found)
            raise UnansweredError(
                f"{source.where}: {listed} may each be the {what}; choose one with {option}",
                option,
                [_chosen_by(source, at) for at in found],
            )
    columns = range(len(source.columns))
    raise UnansweredError(
        f"{source.where}: no column is surely the {what} of a varus-valgus test; choose one with {option}: "
        f"{_listed(source, list(columns))}",
        option,
        [_chosen_by(source, at) for at in columns],
    )


def _may_be(name: Name, what: str) -> bool:
    """Tell whether a column's unit does not speak against it."""
    if name.unit is None:
        return True
    unit = unit_of(name.unit)
    if unit is None:
        return foreign(name.unit) is not None
    return (unit.of == "angle") == (what == "angle")


def _listed(source: Source, columns: Sequence[int]) -> str:
    shown = [_entry(source, at) for at in columns[:_LISTED]]
    more = len(columns) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _entry(source: Source, at: int) -> str:
    full = source.columns[at].full
    return f"'{printable(full)}'" + (f" (column {at + 1})" if _chosen_by(source, at) != full else "")


def _chosen_by(source: Source, at: int) -> str:
    """Return what a column can be chosen by: its name, or its number if others are called the same."""
    full = source.columns[at].full
    return full if [column.full for column in source.columns].count(full) == 1 else str(at + 1)


def find(source: Source, given: str, option: str) -> int:
    """Return the number of a column that was named.

    Raises
    ------
    DataError
        If there is none, or more than one.
    """
    for by in ("full", "name"):
        found = [at for at, column in enumerate(source.columns) if getattr(column, by) == given.strip()]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = " or ".join(str(at + 1) for at in found)
            raise DataError(
                f"{source.where}: several columns are called '{printable(given)}'; give the column's number, "
                f"{numbers}, with {option}"
            )
    if given.strip().isascii() and given.strip().isdigit() and 1 <= int(given) <= len(source.columns):
        return int(given) - 1
    there = _listed(source, range(len(source.columns)))
    raise DataError(f"{source.where}: {option}: no column '{printable(given)}'; there are {there}")


def _use(source: Source, names: Sequence[Name], at: int, what: str, said: str | None, notes: list[str]) -> Use:
    """Settle a column's unit: what the user says, else what the file says."""
    option, name = f"--{what}-unit", names[at]
    if said is not None:
        unit = unit_of(said)
        _need(unit, said, what, f"{option} {printable(said)}")
        assert unit is not None
        theirs = unit_of(name.unit) if name.unit else None
        if name.unit and theirs != unit:
            theirs_spelt = printable(name.unit)
            notes.append(f"{_shown(source, at)} is taken in {printable(said)}, as you say, not in '{theirs_spelt}'")
        return Use(at, name, unit)
    if not name.unit:
        raise UnansweredError(
            f"{source.where}: the unit of {_shown(source, at)} is not said; say it with {option}",
            option,
            _OPTIONS[what],
        )
    unit = unit_of(name.unit)
    where = f"{source.where}: {_shown(source, at)} is in '{printable(name.unit)}'"
    _need(unit, name.unit, what, where)
    assert unit is not None
    if what == "load" and name.quantity in ("moment", "force") and unit.of != name.quantity:
        raise UnansweredError(
            f"{where}, which is none of a {name.quantity}; say the unit with {option}", option, _OPTIONS[what]
        )
    return Use(at, name, unit)


def _need(unit: Unit | None, spelt: str, what: str, where: str) -> None:
    """Refuse a unit that is not converted here, or that of something else."""
    wanted = "deg or rad" if what == "angle" else "N, Nm or Nmm"
    amounts = foreign(spelt)
    if amounts is not None:
        rest = "; or say --angle-unit deg, if that is what they are" if what == "angle" else ""
        raise DataError(f"{where}, which is not converted here ({amounts}); convert the numbers{rest}")
    if unit is None or (unit.of == "angle") != (what == "angle"):
        raise DataError(f"{where}, which is no unit of the {what} here; say --{what}-unit {wanted}")


def _side(source: Source, names: Sequence[Name], columns: Sequence[int], said: str | None) -> Side | None:
    """Return which knee it is; what names say is told but decides nothing."""
    found = {names[at].side for at in columns} - {None}
    if len(found) > 1:
        raise DataError(f"{source.where}: angle and load are of different sides; choose others with --angle and --load")
    named = found.pop() if found else None
    if said is None:
        return named
    side: Side = "left" if said == "left" else "right"
    if named not in (None, side):
        raise DataError(f"{source.where}: --side {side}, but the columns are called those of the {named} knee")
    return side


def _positive(source: Source, angle: Use, answers: Answers, side: Side | None, notes: list[str]) -> Way:
    """Return what the angle counts as positive: it has to be said."""
    said, named = answers.positive, angle.name.way
    if said is None:
        speaks = f", whose name speaks of {named}," if named else ""
        raise UnansweredError(
            f"{source.where}: what does {_shown(source, angle.at)}{speaks} count as positive? say --positive varus, "
            "valgus, or where the foot goes, left or right",
            "--positive",
            ("varus", "valgus", "left", "right"),
        )
    way: Way = "varus" if said == "varus" else "valgus"
    if said in ("left", "right"):
        if answers.side is None:
            raise UnansweredError(
                f"{source.where}: --positive {said}: which knee is it? say --side", "--side", ("left", "right")
            )
        way = "valgus" if said == side else "varus"  # valgus takes the foot laterally
    if named not in (None, way):
        notes.append(f"{_shown(source, angle.at)} speaks of {named}, and you say that it counts {way} as positive")
    return way


def _flip(source: Source, angle: Use, load: Use, positive: Way, answers: Answers) -> bool:
    """Tell whether the load's sign has to be changed so that it counts as the angle does."""
    if answers.load_positive is not None:
        return answers.load_positive != positive
    if angle.name.way and load.name.way and angle.name.way != load.name.way:
        raise UnansweredError(
            f"{source.where}: {_shown(source, angle.at)} and {_shown(source, load.at)} speak of opposite directions; "
            "say what the load counts as positive with --load-positive",
            "--load-positive",
            ("varus", "valgus"),
        )
    return False


def _sigma(source: Source, names: Sequence[Name], said: str | None, load: Use) -> Use | None:
    """Return the column of the load's standard deviation, if there is one."""
    if said is not None and said.strip().lower() == "none":
        return None
    if said is not None:
        at = find(source, said, "--sigma")
    else:
        found = [at for at, name in enumerate(names) if name.quantity == "sigma" and _may_be(name, "load")]
        if not found:
            return None
        if len(found) > 1 or not names[found[0]].sure:
            raise UnansweredError(
                f"{source.where}: {_listed(source, found)} may be the load's standard deviation; choose with --sigma, "
                "or say --sigma none",
                "--sigma",
                ["none", *(_chosen_by(source, at) for at in found)],
            )
        at = found[0]
    spelt = names[at].unit
    unit = load.unit if spelt is None and said is not None else unit_of(spelt or "")
    if unit is None or unit.of != load.unit.of:
        raise UnansweredError(
            f"{source.where}: {_shown(source, at)} is in '{printable(spelt or 'no unit')}' and the load in "
            f"{load.unit.name}; say --sigma none, or choose its column",
            "--sigma",
            ("none",),
        )
    return Use(at, names[at], unit)


def _only(source: Source, names: Sequence[Name], quantity: str) -> int | None:
    """Return the only column of a kind that is needed for nothing but a proposal; None if there are more or none."""
    found = [at for at, name in enumerate(names) if name.quantity == quantity and name.sure]
    return found[0] if len(found) == 1 else None
