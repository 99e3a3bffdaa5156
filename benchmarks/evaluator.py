"""The compiled batch evaluator against the same in NumPy broadcasting: `python -m benchmarks.evaluator`.

Both get the same parameters and data; their results are compared before anything is timed. The two are timed in turn
and the ratio is taken turn by turn, so that a machine that slows down slows both.
"""

from __future__ import annotations

import math
from timeit import timeit

import numpy as np

from calibrate.config import load_config
from calibrate.examples import example
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of
from calibrate.knee.kernel import log_likelihood
from calibrate.knee.pair import Pair

TURNS = 15


def ratio(angles: int, walkers: int) -> tuple[float, float, float]:
    """Return nanoseconds per evaluation of NumPy and of the kernel, and the median of their ratios."""
    rng = np.random.default_rng(0)
    geometry = geometry_of(load_config(example("simulated.toml")).knee)
    knee = CachedKnee.build(geometry, np.linspace(-0.14, 0.14, angles), "force", "valgus")
    truth = np.array([33.5, 0.06, 94.0, 0.0, 42.8, 0.06, 62.5, 0.0])
    parameters = truth * rng.uniform(0.97, 1.03, (walkers, 8))
    load = knee.loads(truth[np.newaxis])[0] + rng.normal(0.0, 2.0, angles)
    sigma, constant = np.full(walkers, 2.0), -0.5 * angles * math.log(2.0 * math.pi)
    pair = Pair(knee.kinematics.lengths, knee.coefficients, load, constant)

    def broadcast() -> np.ndarray:
        residual = knee.loads(parameters) - load
        return constant - angles * np.log(sigma) - 0.5 * (residual**2).sum(axis=1) / sigma**2

    def compiled() -> np.ndarray:
        return log_likelihood(parameters, sigma, pair)

    np.testing.assert_allclose(compiled(), broadcast(), rtol=1e-11)
    calls = max(1, 400_000 // (angles * walkers))
    turns = np.array(
        [(timeit(broadcast, number=calls), timeit(compiled, number=10 * calls) / 10) for _ in range(TURNS)]
    )
    numpy_ns, kernel_ns = np.median(turns, axis=0) / (calls * walkers) * 1e9
    return float(numpy_ns), float(kernel_ns), float(np.median(turns[:, 0] / turns[:, 1]))


def main() -> None:
    """Print the table."""
    print(f"{'angles':>8} {'walkers':>8} {'NumPy ns':>10} {'compiled ns':>12} {'ratio':>7}")
    for angles in (15, 33, 100, 1000, 10_000):
        for walkers in (8, 32, 256, 4096):
            if angles * walkers <= 4_100_000:
                numpy_ns, kernel_ns, times = ratio(angles, walkers)
                print(f"{angles:8d} {walkers:8d} {numpy_ns:10.0f} {kernel_ns:12.0f} {times:7.1f}")


if __name__ == "__main__":
    main()
