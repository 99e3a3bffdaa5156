"""The compiled evaluator against NumPy, and its forms against each other: `python -m benchmarks.evaluator [--forms]`.

First table, left out with `--forms`: kernel and NumPy get the same parameters and data; their results are compared
before anything is timed. Second table: the log-posterior as a pair of strands, in the general form with poses worked
out once, and with a knee that is posed anew for every proposal. What is compared is timed in turn and ratios are taken
turn by turn, so that a machine that slows down slows all; the second table's times are the process's own.
"""

from __future__ import annotations

import argparse
import math
from time import process_time
from timeit import timeit

import numpy as np

from calibrate.config import load_config, parse_config
from calibrate.data import Measurement
from calibrate.density import evaluate
from calibrate.examples import example
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of
from calibrate.knee.kernel import log_likelihood
from calibrate.knee.pair import Pair
from calibrate.posterior import Posterior

TURNS = 15
WALKERS = 64
# What makes the form general, and what has it posed anew.
READING = "[measurement]\nload_bias = { mean = 0.0, sd = 1.0 }\n"
OFFSET = "[measurement]\nangle_offset = { mean = 0.0, sd = 0.5 }\n"
KNEE = """
[knee]
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
rolling = 1.0
"""


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


def form(angles: int, strands: int, reading: str) -> Posterior:
    """Return a posterior of some angles and strands, half of them on either side, each at 2 % of strain or so."""
    side = {"mcl": (-40.0, 12.0, -16.0, -65.0), "lcl": (36.0, 4.0, 44.8, -50.7)}
    names = [*side, *(f"{'mcl' if i % 2 else 'lcl'}_{i}" for i in range(2, strands))]
    ends, laws = [], []
    for i, name in enumerate(names):
        x, y, u, v = side[name[:3]]
        ends.append(f"{name} = {{ femur = [{x + i}, {y}], tibia = [{u + i}, {v}] }}")
        slack = math.hypot(x - u, y - v) / 1.02
        laws.append(
            f"[parameters.{name}]\nk = {{ lower = 20.0, upper = 90.0 }}\nalpha = {{ lower = 0.02, upper = 0.12 }}\n"
            f"l_0 = {{ lower = {slack - 1.0}, upper = {slack + 1.0} }}"
        )
    noise = '[noise]\nsigma = { lower = 0.5, upper = 9.0 }\n[data]\nfile = "none.csv"\npositive = "valgus"\n'
    text = "\n".join([KNEE, *ends, *laws, reading, noise])
    at = np.linspace(-8.0, 8.0, angles)
    return Posterior.from_config(parse_config(text), Measurement(at, 2.0 * at, None, "moment", "deg"))


def forms(angles: int, strands: int) -> None:
    """Print a line: nanoseconds per evaluation of the pair, the general form and the posed one, and their ratios."""
    posteriors = [form(angles, strands, reading) for reading in ("", READING, OFFSET)]
    rng = np.random.default_rng(0)
    cases = [(p.prior_sample(rng, WALKERS), p.density) for p in posteriors]
    for q, density in cases:
        assert np.isfinite(evaluate(q, density)).all()  # compiles, too
    calls = max(1, 100_000 // (angles * strands))
    turns = np.array(
        [[timeit(lambda c=c: evaluate(*c), number=calls, timer=process_time) for c in cases] for _ in range(TURNS)]
    )
    pair, cached, posed = np.median(turns, axis=0) / (calls * WALKERS) * 1e9
    general, anew = np.median(turns[:, 1:] / turns[:, :-1], axis=0)
    # With more than two strands the first is general, too: what is free of the reading is all that is between them.
    kind = "pair" if isinstance(posteriors[0].density.knee, Pair) else "general"
    print(f"{angles:8d} {strands:8d} {pair:9.0f} {kind:8} {cached:9.0f} {posed:9.0f} {general:13.2f} {anew:13.2f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forms", action="store_true", help="the second table only")
    if not parser.parse_args().forms:
        against_numpy()
    print(f"\n{'angles':>8} {'strands':>8} {'fixed ns':>9} {'as':8} {'bias ns':>9} {'posed ns':>9} ", end="")
    print(f"{'bias / fixed':>13} {'posed / bias':>13}")
    for strands in (2, 6):
        for angles in (15, 33, 100):
            forms(angles, strands)


def against_numpy() -> None:
    """Print the first table."""
    print(f"{'angles':>8} {'walkers':>8} {'NumPy ns':>10} {'compiled ns':>12} {'ratio':>7}")
    for angles in (15, 33, 100, 1000, 10_000):
        for walkers in (8, 32, 256, 4096):
            if angles * walkers <= 4_100_000:
                numpy_ns, kernel_ns, times = ratio(angles, walkers)
                print(f"{angles:8d} {walkers:8d} {numpy_ns:10.0f} {kernel_ns:12.0f} {times:7.1f}")


if __name__ == "__main__":
    main()
