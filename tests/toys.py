"""Made-up posteriors, with a function of one's own and nothing compiled, and made-up chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibrate.density import prior_rows
from calibrate.priors import Prior, Uniform
from calibrate.problem.parameters import Parameter, ParameterTable
from calibrate.problem.quantities import Quantity, key_of, quantity_of
from calibrate.sampling import pilot

Function = Callable[[np.ndarray], np.ndarray]
_ANYTHING = Quantity("x", "", "x", False, "law")


@dataclass
class Toy:
    """A posterior of these priors, with `function` of rows (n, ndim) as its log-likelihood; bounds are walls."""

    table: ParameterTable
    function: Function
    asked: list[np.ndarray] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return self.table.names

    @property
    def ndim(self) -> int:
        return len(self.names)

    @property
    def priors(self) -> tuple[Prior, ...]:
        return tuple(parameter.prior for parameter in self.table.free)

    @property
    def lower(self) -> np.ndarray:
        return np.array([prior.lower for prior in self.priors])

    @property
    def upper(self) -> np.ndarray:
        return np.array([prior.upper for prior in self.priors])

    @property
    def scale(self) -> np.ndarray:
        return np.array([prior.sd for prior in self.priors])

    @property
    def start(self) -> np.ndarray:
        return np.array([parameter.start for parameter in self.table.free])

    @property
    def middle(self) -> np.ndarray:
        middles = [prior.mean for prior in self.priors]
        return np.where(np.isfinite(self.start), self.start, middles)

    @cached_property
    def density(self) -> SimpleNamespace:
        return SimpleNamespace(
            prior=prior_rows(self.table.free, np.inf),
            template=np.arange(9.0),
            columns=np.arange(self.ndim),
            knee=SimpleNamespace(function=self.function),
        )

    def prior_sample(self, rng: Any, n: int) -> np.ndarray:
        return np.column_stack([parameter.possible.sample(rng, n) for parameter in self.table.free])

    def log_prior(self, q: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(q)
        inside = ((rows >= self.lower) & (rows <= self.upper)).all(axis=1)
        each = [prior.log_density(column) for prior, column in zip(self.priors, rows.T, strict=True)]
        value = np.where(inside, np.sum(each, axis=0), -np.inf)
        return np.asarray(value if np.ndim(q) == 2 else value[0])

    def log_likelihood(self, q: np.ndarray) -> np.ndarray:
        self.asked.append(q)
        return self.function(q)

    def log_prob(self, q: np.ndarray) -> np.ndarray:
        self.asked.append(q)
        return self.log_prior(q) + self.function(q)


def table(priors: Sequence[Prior], names: Sequence[str] = (), start: Sequence[float] = ()) -> ParameterTable:
    """Return a table of free parameters: of quantities that may be anything, unless they have names."""
    quantities = [quantity_of(key_of(name, ("a", "b"))) for name in names] or [_ANYTHING] * len(priors)
    names = names or [f"mcl.x{i}" for i in range(len(priors))]
    starts = start or [np.nan] * len(priors)
    free = [
        Parameter(name, quantity, "", prior, np.nan, at)
        for name, quantity, prior, at in zip(names, quantities, priors, starts, strict=True)
    ]
    return ParameterTable(tuple(free), {name: i for i, name in enumerate(names)}, {"": frozenset(names)})


def toy(function: Function, *priors: tuple[float, float] | Prior, start: Sequence[float] = ()) -> Toy:
    """Return a toy with these priors; two numbers are the bounds of a uniform one."""
    return Toy(table([Uniform(*p) if isinstance(p, tuple) else p for p in priors], start=start), function)


def moves_in_python(monkeypatch: pytest.MonkeyPatch, likelihood: Callable[..., float] | None = None) -> None:
    """Let the pilot's moves run as Python, on a toy's function or another likelihood."""

    def by_function(q: np.ndarray, p: np.ndarray, columns: np.ndarray, knee: SimpleNamespace, room: object) -> float:
        return float(knee.function(q[np.newaxis])[0])

    monkeypatch.setattr(pilot, "likelihood_one", likelihood or by_function)
    monkeypatch.setattr(pilot, "room_of", lambda knee: ("room", knee))
    for name in ("is_shaped", "shape_of_prior", "_climb"):
        monkeypatch.setattr(pilot, name, getattr(pilot, name).py_func)


def ar1(correlation: float, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Return independent first-order autoregressions with unit variance, one per walker."""
    noise = rng.standard_normal(shape) * np.sqrt(1 - correlation**2)
    noise[:, 0] /= np.sqrt(1 - correlation**2)
    for step in range(1, shape[1]):
        noise[:, step] += correlation * noise[:, step - 1]
    return noise


class Scripted:
    """Stands in for the block move: the walkers stay, and their log-probabilities are what the script says."""

    script: np.ndarray  # (steps, walkers)
    made: list[Scripted]

    def __init__(self, posterior: Any, draws: np.ndarray | None = None) -> None:
        self.draws = draws
        self.posterior, self.step, self.drawn = posterior, 0, []
        self.made.append(self)

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        self.drawn.append(model.random.random_sample())
        state.log_prob = self.script[self.step].copy()
        self.step += 1
        return state, np.ones(len(state.coords), dtype=bool)
