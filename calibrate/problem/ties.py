"""Ties: parameters that have another one's value."""

from __future__ import annotations

from collections.abc import Mapping

from calibrate.complaints import did_you_mean
from calibrate.config.values import AnyValue
from calibrate.errors import ConfigError
from calibrate.problem.quantities import key_of, place, quantity_of


def root_of(name: str, declared: Mapping[str, AnyValue], tests: Mapping[str, object], where: str) -> str:
    """Follow a parameter's ties to the one that has a value of its own.

    Parameters
    ----------
    name : str
        A declared parameter.
    declared : mapping
        All parameters, see `Config.declared`.
    tests : mapping
        The tests, by name.
    where : str
        Names the file, for messages.

    Raises
    ------
    ConfigError
        If a tie leads nowhere, in a circle, or to another unit.
    """
    seen = [name]
    while isinstance(value := declared[seen[-1]], str):
        what = f"{where}: {place(seen[-1], tests)} = '{value[:60]}'"
        if value not in declared:
            raise ConfigError(
                f"{what}: there is no such parameter to be tied to; {did_you_mean(value, list(declared))}"
            )
        if value in seen:
            raise ConfigError(
                f"{what}: the ties go in a circle ({' -> '.join([*seen, value])}); give one of them a value"
            )
        here, there = (quantity_of(key_of(one, tests)) for one in (seen[-1], value))
        if here.unit != there.unit:
            raise ConfigError(
                f"{what}: {here.key} is in {here.unit or 'no unit'} and {there.key} in {there.unit or 'no unit'}; "
                "tie it to a parameter of the same unit"
            )
        seen.append(value)
    return seen[-1]
