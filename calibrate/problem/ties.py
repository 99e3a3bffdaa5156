"""Ties: parameters that have another one's value."""

from __future__ import annotations

from collections.abc import Mapping

from calibrate.complaints import WANTED, as_toml, did_you_mean
from calibrate.problem.quantities import LOAD, key_of, place, quantity_of


def root_of(name: str, declared: Mapping[str, object], tests: Mapping[str, object]) -> str:
    """Follow a parameter's ties to the one that has a value of its own.

    Parameters
    ----------
    name : str
        A declared parameter.
    declared : mapping
        All parameters, see `Config.declared`.
    tests : mapping
        The tests, by name.

    Raises
    ------
    ValueError
        If a tie leads nowhere, in a circle, or to another quantity.
    """
    seen = [name]
    while isinstance(value := declared[seen[-1]], str):
        what = f"{place(seen[-1], tests)} = {as_toml(value)}"
        if value not in declared:
            meant = value.removeprefix("parameters.").removeprefix("tests.")
            others = [one for one in declared if one not in seen]
            remedy = f"did you mean '{meant}'?" if meant in declared else did_you_mean(value, others, _NOWHERE)
            raise ValueError(f"{what}: {WANTED}, or the name of another parameter; {remedy}")
        if value in seen:
            circle = seen[seen.index(value) :]
            shown = " -> ".join([*circle[:4], *(["..."] if len(circle) > 4 else []), value])
            raise ValueError(f"{what}: the ties go in a circle ({shown}); give one of them a value")
        here, there = (quantity_of(key_of(one, tests)) for one in (seen[-1], value))
        if here != there:
            units = f"{_NAMED.get(here.unit, here.unit)} and {_NAMED.get(there.unit, there.unit)}"
            why = f"are in {units}" if here.unit != there.unit else "are different quantities"
            raise ValueError(f"{what}: {here.key} and {there.key} {why}; tie it to another {here.key}")
        seen.append(value)
    return seen[-1]


_NOWHERE = "there is none of this name"
_NAMED = {"": "no unit", LOAD: "the load's unit"}
