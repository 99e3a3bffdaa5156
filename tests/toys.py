"""Made-up posteriors, with a function of one's own and nothing compiled, and made-up chains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass
class Toy:
    """A posterior between bounds, with `function` of rows (n, ndim) as its log-probability and log-likelihood."""

    lower: np.ndarray
    upper: np.ndarray
    function: Callable[[np.ndarray], np.ndarray]
    asked: list[np.ndarray] = field(default_factory=list)

    @property
    def ndim(self) -> int:
        return self.lower.size

    @property
    def density(self) -> SimpleNamespace:
        return SimpleNamespace(template=np.arange(9.0), function=self.function)

    def log_prob(self, q: np.ndarray) -> np.ndarray:
        self.asked.append(q)
        return self.function(q)

    log_likelihood = log_prob


def toy(function: Callable[[np.ndarray], np.ndarray], *bounds: tuple[float, float]) -> Toy:
    """Return a toy between these bounds."""
    lower, upper = np.array(bounds).T
    return Toy(lower, upper, function)


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

    def __init__(self, posterior: Any) -> None:
        self.posterior, self.step, self.drawn = posterior, 0, []
        self.made.append(self)

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        self.drawn.append(model.random.random_sample())
        state.log_prob = self.script[self.step].copy()
        self.step += 1
        return state, np.ones(len(state.coords), dtype=bool)
