"""What the population does to each knee: its estimate by itself beside that in the company of all others.

Estimates are in the parameters' own units: a stiffness, not its logarithm. Quantiles go with them, for components are
monotone in their parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.components import LOG, LOGIT, Component
from calibrate.population.draws import PopulationDraws
from calibrate.problem.quantities import quantity_of

FloatArray = NDArray[np.float64]

_SHARES = (0.05, 0.5, 0.95)
# Draws of a new knee that the population's curve is made of.
_NEW = 4000


@dataclass(frozen=True, eq=False)
class Shrinkage:
    """One component of all knees.

    Attributes
    ----------
    parameter, unit : str
        What it is, like `mcl.k` in N/mm.
    knees : tuple of str
        Their names.
    alone, together : ndarray, shape (knees, 3)
        The 5, 50 and 95 % quantiles of each knee: calibrated by itself, and with all others; NaN where unknown.
    moved, left : ndarray, shape (knees,)
        How far the knee's mean has moved, in standard deviations of the knee by itself, and how much of these is left;
        both of the component.
    new : ndarray, shape (draws,)
        Draws of a knee that is not in the study: the population's curve.
    covariates : tuple of str
        Names of the population's covariates, of which the new knees have the values of the study's knees.
    """

    parameter: str
    unit: str
    knees: tuple[str, ...]
    alone: FloatArray = field(repr=False)
    together: FloatArray = field(repr=False)
    moved: FloatArray = field(repr=False)
    left: FloatArray = field(repr=False)
    new: FloatArray = field(repr=False)
    covariates: tuple[str, ...] = ()

    @property
    def among(self) -> str:
        """Which knees the population's curve is of, for legends."""
        return f"knees with {', '.join(self.covariates)} as in the study" if self.covariates else "all knees"

    @property
    def population(self) -> tuple[float, float, float]:
        """The 5, 50 and 95 % quantiles of a new knee."""
        low, middle, high = (float(one) for one in np.quantile(self.new, _SHARES))
        return low, middle, high

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a knee each, as a table has it."""
        for i, knee in enumerate(self.knees):
            row: dict[str, Any] = {"knee": knee, "parameter": self.parameter, "unit": self.unit}
            for name, values in (("alone", self.alone), ("together", self.together)):
                row |= {f"{name}_{key}": float(v) for key, v in zip(("q5", "median", "q95"), values[i], strict=True)}
            yield row | {"moved": float(self.moved[i]), "sd_left": float(self.left[i])}


def shrinkage(
    draws: PopulationDraws,
    alone: Mapping[str, FloatArray],
    seed: int = 1,
) -> tuple[Shrinkage, ...]:
    """Compare knees by themselves with knees in their population, a component each.

    Parameters
    ----------
    draws : PopulationDraws
        The population.
    alone : mapping of str to ndarray, shape (n, P)
        By knee, draws of its components from a calibration of its own; knees that are missing are left blank.
    seed : int
        Of the new knees.

    Raises
    ------
    ConfigError
        If no knee of the population is among those alone.
    """
    population = draws.population
    if not alone.keys() & set(population.ids):
        raise ConfigError("none of these knees is in the population; give the calibrations that it was made of")
    new = draws.new_knees(_NEW, np.random.default_rng(seed))
    blank = np.full((1, len(population.components)), np.nan)
    before = [np.asarray(alone.get(knee, blank)) for knee in population.ids]
    after = [draws.components(knee) for knee in population.ids]
    found = []
    for i, one in enumerate(population.components):
        name = parameter_of(one)
        sd = np.array([values[:, i].std() for values in before])
        shift = np.array([b[:, i].mean() - a[:, i].mean() for a, b in zip(before, after, strict=True)])
        found.append(
            Shrinkage(
                name,
                quantity_of(name).unit,
                population.ids,
                _quantiles(one, i, before),
                _quantiles(one, i, after),
                shift / sd,
                np.array([values[:, i].std() for values in after]) / sd,
                natural(one, new[:, i]),
                tuple(covariate.name for covariate in population.covariates),
            )
        )
    return tuple(found)


def parameter_of(component: Component) -> str:
    """Return the parameter that a component is of, like `mcl.k` of `mcl.log_k`."""
    return f"{component.strand}.{component.key.removeprefix('log_').removeprefix('logit_')}"


def natural(component: Component, phi: FloatArray) -> FloatArray:
    """Return a component's parameter, in its own unit."""
    if component.transform == LOG:
        with np.errstate(over="ignore"):
            return np.exp(phi)
    return 1.0 / (1.0 + np.exp(-phi)) if component.transform == LOGIT else np.asarray(phi)


def _quantiles(component: Component, column: int, draws: Sequence[FloatArray]) -> FloatArray:
    return natural(component, np.array([np.quantile(values[:, column], _SHARES) for values in draws]))
