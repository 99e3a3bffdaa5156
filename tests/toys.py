"""Made-up posteriors: what samplers ask of a posterior, with a function of one's own; nothing is compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

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
