"""Covariates of a population: what is known of knees besides their data, as numbers in the design."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibrate.errors import ConfigError


@dataclass(frozen=True)
class Covariate:
    """How a covariate enters: a number, centred and scaled, or a group against the first in alphabetical order.

    Attributes
    ----------
    name : str
        The study's column.
    groups : tuple of str
        Of words: all there are, the one that others are compared with first. Empty of numbers.
    centre, unit : float
        Of numbers: their mean over the study's knees, and their standard deviation.
    low, high : float
        Of numbers: the least and the largest of the study's knees.
    """

    name: str
    groups: tuple[str, ...] = ()
    centre: float = 0.0
    unit: float = 1.0
    low: float = 0.0
    high: float = 0.0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its effects: `sex[male]`, `age`."""
        return tuple(f"{self.name}[{group}]" for group in self.groups[1:]) if self.groups else (self.name,)

    def row(self, value: str | float) -> list[float]:
        """Return a knee's numbers in the design.

        Raises
        ------
        ConfigError
            If a word is none of the study's groups, a number is wanted, or one lies farther outside the study's range
            than that is wide.
        """
        if self.groups:
            word = word_of(value)
            if word not in self.groups:
                raise ConfigError(f"{self.name} = {word}: no knee of the study has that; {', '.join(self.groups)}")
            return [float(word == group) for group in self.groups[1:]]
        if isinstance(value, str) or not math.isfinite(value):
            raise ConfigError(f"{self.name} = {value}: a finite number is wanted, as other knees have")
        width = self.high - self.low
        if not self.low - width <= value <= self.high + width:
            raise ConfigError(
                f"{self.name} = {value:g}: the study's knees have {self.low:g} to {self.high:g}, which says nothing of "
                f"one so far outside; give one from {self.low - width:g} to {self.high + width:g}"
            )
        return [(value - self.centre) / self.unit]

    def is_outside(self, value: str | float) -> bool:
        """Tell whether a number lies outside the range of the study's knees."""
        return not (self.groups or isinstance(value, str) or self.low <= value <= self.high)


def covariate_of(name: str, knees: Mapping[str, Mapping[str, str | float]]) -> Covariate:
    """Return how a covariate enters.

    Parameters
    ----------
    name : str
        The study's column.
    knees : mapping of str to mapping
        What is known of each knee, by its name.

    Raises
    ------
    ConfigError
        If a knee lacks it, or it is the same for all.
    """
    values = []
    for knee, known in knees.items():
        if known.get(name, "") == "":
            raise ConfigError(f"knee {knee}: has no covariate '{name}'")
        values.append(known[name])
    if any(isinstance(value, str) for value in values):
        groups = tuple(sorted({word_of(value) for value in values}))
        if len(groups) < 2:
            raise ConfigError(f"covariate {name}: is {groups[0]} for all knees, so it explains nothing")
        return Covariate(name, groups)
    numbers = np.array(values, dtype=float)
    unit = float(numbers.std())
    if not (np.isfinite(numbers).all() and unit > 0.0):
        raise ConfigError(f"covariate {name}: wants finite numbers that are not all the same")
    return Covariate(name, (), float(numbers.mean()), unit, float(numbers.min()), float(numbers.max()))


def word_of(value: str | float) -> str:
    """Return a value as a word, whole: two numbers that differ are two words.

    Examples
    --------
    >>> word_of(9000296.0), word_of(0.5), word_of("007")
    ('9000296', '0.5', '007')
    """
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
