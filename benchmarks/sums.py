"""Sums of squares from factors against point by point: `python -m benchmarks.sums [--quick]`.

First the accuracy of both against extended precision, up to ten million points (one million with `--quick`), for
proposals anywhere around the prior, beside the truth, and for data that fit to a thousandth and a millionth of their
largest load. Then the time per evaluation against the number of points; the two ways are timed in turn and the ratio is
taken turn by turn. Exit code 1 if an error exceeds 1e-9, or if a million points cost more than three times a thousand.
"""

from __future__ import annotations

import argparse
import sys
import time
from timeit import timeit

import numba
import numpy as np

from benchmarks.problems import BOX
from calibrate.config import load_config
from calibrate.density import evaluate
from calibrate.errors import CalibrateError
from calibrate.knee.cached import CachedKnee
from calibrate.knee.factors import build
from calibrate.knee.geometry import geometry_of
from calibrate.knee.kernel import log_likelihood
from calibrate.knee.pair import NO_LIST, Pair
from calibrate.knee.sums import squares
from calibrate.posterior import Posterior
from calibrate.problem.build import MANY

TRUTH = np.array([60.0, 0.06, 82.0, 0.0, 60.0, 0.06, 58.0, 0.0])
PROMISE = 1e-9
TURNS = 31
WALKERS = 64
_PART = 200_000


@numba.njit
def summed(p: np.ndarray, pair: Pair, pieces: np.ndarray) -> float:
    """Call what is for compiled callers alone."""
    return squares(p, pair, pieces)


def measured(points: int, sigma: float) -> Pair:
    """Simulate a laxity test of the bundled knee."""
    rng = np.random.default_rng(1)
    geometry = geometry_of(load_config(BOX).knee)
    pair = Pair(np.empty((2, points)), np.empty((2, points)), np.empty(points), 0.0)
    for first in range(0, points, _PART):
        part = slice(first, min(first + _PART, points))
        angles = np.deg2rad(-8.0 + 16.0 * np.arange(part.start, part.stop) / max(points - 1, 1))
        knee = CachedKnee.build(geometry, angles, "moment", "valgus")
        poses = knee.kinematics
        pair.lengths[:, part], pair.arms[:, part] = poses.lengths, knee.coefficients
        pair.load[part] = knee.loads(TRUTH[np.newaxis])[0] + sigma * rng.standard_normal(angles.size)
    return pair


def proposals(count: int) -> np.ndarray:
    """Draw parameters in and around the prior, toes from a hundredth of a millimetre on."""
    rng = np.random.default_rng(2)
    low, high = [2.0, 1e-4, 75.0, -5.0, 2.0, 1e-4, 50.0, -5.0], [250.0, 0.15, 90.0, 5.0, 250.0, 0.15, 68.0, 5.0]
    out = rng.uniform(low, high, (count, 8))
    out[::2, [1, 5]] = np.exp(rng.uniform(np.log(1e-4), np.log(0.15), (len(out[::2]), 2)))
    return out


def exact(p: np.ndarray, pair: Pair) -> float:
    """Sum in extended precision."""
    total = np.longdouble(0.0)
    for first in range(0, pair.load.size, _PART):
        lengths, arms, load = (a[..., first : first + _PART].astype(np.longdouble) for a in pair[:3])
        residual = -load
        for length, c, (k, alpha, l_0, tare) in zip(lengths, arms, p.reshape(2, 4), strict=True):
            toe, e = np.longdouble(alpha) * np.longdouble(l_0), length - np.longdouble(l_0)
            m = np.clip(e, 0.0, toe)
            residual = residual + c * (np.longdouble(k) * m * (2.0 * e - m) / (2.0 * toe) - np.longdouble(tare))
        total += (residual**2).sum()
    return total


def errors(pair: Pair, rows: np.ndarray) -> tuple[float, float]:
    """Return the largest relative errors of both ways."""
    worst, plain = [0.0, 0.0], pair._replace(sums=())
    for p in rows:
        true = exact(p, pair)
        direct = -2.0 * log_likelihood(p[np.newaxis], np.ones(1), plain)[0]
        for i, value in enumerate((summed(p, pair, NO_LIST), direct)):
            worst[i] = max(worst[i], abs(float(value / true - 1.0)))
    return worst[0], worst[1]


def accuracy(sizes: list[int]) -> bool:
    """Print the table of errors; tell whether the promise holds."""
    print(
        "largest relative error of the sum of squares, from factors and point by point; seconds to build, numbers each"
    )
    print(f"{'points':>9} {'load/sigma':>10} {'proposals':>10} {'factors':>9} {'points':>9} {'build s':>8} {'each':>8}")
    good = True
    for points in sizes:
        for sigma in (0.3, 0.02, 2e-5):
            pair = measured(points, sigma)
            begin = time.perf_counter()
            sums = build(pair)
            took = time.perf_counter() - begin
            if sums is None:
                raise CalibrateError("no factors")
            count = 3 if points > 10**6 else 20
            beside = TRUTH * (1.0 + 1e-4 * sigma * np.random.default_rng(3).standard_normal((count, 8)))
            for name, rows in (("anywhere", proposals(count)), ("at truth", np.vstack([TRUTH, beside]))):
                ours, theirs = errors(pair._replace(sums=sums), rows)
                good &= ours < PROMISE
                ratio, size = np.abs(pair.load).max() / sigma, (sums.nodes.size + sums.keys.size) / points
                print(f"{points:9d} {ratio:10.1g} {name:>10} {ours:9.1e} {theirs:9.1e} {took:8.2f} {size:8.2f}")
    return good


def speed(sizes: list[int]) -> bool:
    """Print the table of times; tell whether a million points cost at most three times a thousand."""
    print(f"\nnanoseconds per evaluation of {WALKERS} walkers; calibrate changes over at {MANY} points")
    print(f"{'points':>9} {'proposals':>10} {'points':>12} {'factors':>9} {'ratio':>8}")
    posterior = Posterior.from_config(load_config(BOX))
    rng = np.random.default_rng(4)
    beside = TRUTH * (1.0 + 1e-3 * rng.standard_normal((WALKERS, 8)))
    cost: dict[int, float] = {}
    for points in sizes:
        pair = measured(points, 0.3)
        density = posterior.density._replace(knee=pair)
        factors = density._replace(knee=pair._replace(sums=build(pair)))
        for name, rows in (("anywhere", proposals(WALKERS)), ("at truth", beside)):
            q = np.ascontiguousarray(np.column_stack([rows[:, [0, 1, 2, 4, 5, 6]], np.full(WALKERS, 0.3)]))
            few = q[: max(1, min(WALKERS, 2_000_000 // points))]
            calls = max(1, 200_000 // (points * len(few)))
            times = np.array(
                [
                    (
                        timeit(lambda q=few, d=density: evaluate(q, d), number=calls) / (calls * len(few)),
                        timeit(lambda q=q, d=factors: evaluate(q, d), number=20) / (20 * WALKERS),
                    )
                    for _ in range(TURNS)
                ]
            )
            direct, ours = np.median(times, axis=0) * 1e9
            cost[points] = max(cost.get(points, 0.0), ours if points >= MANY else min(direct, ours))
            ratio = float(np.median(times[:, 0] / times[:, 1]))
            print(f"{points:9d} {name:>10} {direct:12.0f} {ours:9.0f} {ratio:8.2f}")
    grown = cost[10**6] / cost[1000]
    print(f"\na million points cost {grown:.2f} times what a thousand cost (3 at the most)")
    return grown <= 3.0


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to a million points")
    quick = parser.parse_args().quick
    good = accuracy([10**3, 10**5, 10**6] if quick else [10**3, 10**5, 10**6, 10**7])
    fast = speed([100, 200, 500, 700, 1000, 1200, 1500, 2000, 5000, 10**4, 10**5, 10**6])
    return int(not (good and fast))


if __name__ == "__main__":
    sys.exit(main())
