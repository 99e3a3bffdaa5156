"""A straight line in place of a knee, for tests of fits."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from calibrate.priors import Uniform

LOWER, UPPER = np.array([0.0, 0.1, -2.0]), np.array([4.0, 1.0, 2.0])
WIDTH = np.array([4.0, 0.9, 4.0])
SD = WIDTH / np.sqrt(12.0)
LAW = [0, 2]
NAMES = ("mcl.k", "noise.sigma", "lcl.k")


class Line:
    """A stand-in for a posterior: residuals that are linear in three parameters, the second of which is sigma.

    They are in units of `unit`, and their errors have the standard deviations `sigma`; of tests with these `sizes`.
    """

    def __init__(self, n: int = 30, sigma: Any = 1.0, unit: Any = 1.0, sizes: tuple[int, ...] = ()) -> None:
        rng = np.random.default_rng(n)
        self.columns = 0.1 * rng.standard_normal((n, 3))
        self.offset = self.columns @ [1.5, 0.5, 0.5] + 0.01 * rng.standard_normal(n)
        self.names, self.ndim, self.lower, self.upper = NAMES, 3, LOWER, UPPER
        self.priors: tuple[Any, ...] = tuple(Uniform(*ends) for ends in zip(LOWER, UPPER, strict=True))
        quantities = [SimpleNamespace(positive=positive) for positive in (True, True, False)]
        free = [SimpleNamespace(quantity=quantity) for quantity in quantities]
        self.table = SimpleNamespace(rows=lambda role: np.array([False, role == "error", False]), free=free)
        self.sigma = np.zeros(n) + sigma
        self.residuals_of = SimpleNamespace(unit=np.zeros(n) + unit)
        angles, loads = rng.permutation(n) * 1.0, rng.standard_normal(n)
        ends = np.cumsum([0, *(sizes or (n,))]).tolist()
        self.tests = tuple(
            SimpleNamespace(
                name=f"t{i}", measurement=SimpleNamespace(angles=angles[a:b], loads=loads[a:b], direction=None)
            )
            for i, (a, b) in enumerate(pairwise(ends))
        )
        self.measurement = self.tests[0].measurement

    @property
    def scale(self) -> np.ndarray:
        return np.array([prior.sd for prior in self.priors])

    def prior_sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return LOWER + WIDTH * rng.random((n, 3))

    def residuals(self, q: np.ndarray) -> np.ndarray:
        return q @ self.columns.T - self.offset

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.columns * q[:, :1, np.newaxis], (len(q), *self.columns.shape))

    def log_prob(self, q: np.ndarray) -> np.ndarray:
        return -((q[:, 0] - 3.0) ** 2)


def line(*arguments: Any, **changes: Any) -> Any:
    return Line(*arguments, **changes)


def scale(residuals: np.ndarray) -> float:
    return float(np.quantile(np.abs(residuals), 0.6827))


def same(found: tuple[Any, ...], *expected: Any) -> None:
    """Assert that there is what is expected, in this order: None, or an array to the last bit."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if other is None:
            assert one is None
        else:
            np.testing.assert_array_equal(one, other)
