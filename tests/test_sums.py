"""Sums of squares put together from factors are those of the points, however many and however well they fit."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from conftest import LENHART, SYMMETRIC, bench_config, config_text
from knees import region_of

from benchmarks.sums import summed
from calibrate.config import parse_config
from calibrate.data import Measurement
from calibrate.density import evaluate
from calibrate.knee.cached import CachedKnee
from calibrate.knee.compress import compress
from calibrate.knee.factors import BLOCK, build
from calibrate.knee.geometry import Geometry, Strand
from calibrate.knee.kernel import log_likelihood
from calibrate.knee.pair import NO_LIST, Pair
from calibrate.posterior import Posterior
from calibrate.problem import build as build_module
from calibrate.problem.build import MANY
from calibrate.sampling.fit import find_map

PROMISE = 1e-9  # relative to the sum in extended precision
TRUTH = np.array([33.5, 0.06, 94.0, 0.0, 42.8, 0.06, 62.5, 0.0])


def measured(
    geometry: Geometry = SYMMETRIC,
    points: int = 5000,
    *,
    degrees: float = 8.0,
    kind: str = "force",
    sigma: float = 2.0,
    truth: np.ndarray = TRUTH,
    seed: int = 1,
) -> Pair:
    """Lengths, load coefficients and simulated loads at random angles, sorted, some of them twice."""
    rng = np.random.default_rng(seed)
    angles = np.deg2rad(np.sort(rng.uniform(-degrees, degrees, points)))
    angles[points // 3 : points // 3 + 100] = angles[points // 3]
    knee = CachedKnee.build(geometry, angles, kind, "valgus")
    load = knee.loads(truth[np.newaxis])[0] + sigma * rng.standard_normal(points)
    poses = knee.kinematics
    return Pair(poses.lengths, knee.coefficients, load, 0.0)


def proposals(pair: Pair, count: int, seed: int = 2) -> np.ndarray:
    """Parameters in and around any prior: slack lengths within and beyond the test, toes from tiny to long."""
    rng = np.random.default_rng(seed)
    out = np.empty((count, 8))
    for i in range(2):
        low, high = pair.lengths[i].min(), pair.lengths[i].max()
        out[:, 4 * i] = np.exp(rng.uniform(np.log(1.0), np.log(300.0), count))
        out[:, 4 * i + 1] = np.exp(rng.uniform(np.log(1e-4), np.log(0.2), count))
        out[:, 4 * i + 2] = rng.uniform(low - 0.3 * (high - low), high + 0.1 * (high - low), count)
        out[:, 4 * i + 3] = rng.choice([0.0, 5.0, -20.0], count)
    return out


def exact(p: np.ndarray, pair: Pair) -> float:
    """The sum of squares point by point in extended precision."""
    lengths, arms = pair.lengths.astype(np.longdouble), pair.arms.astype(np.longdouble)
    total = -pair.load.astype(np.longdouble)
    for length, c, (k, alpha, l_0, tare) in zip(lengths, arms, p.reshape(2, 4), strict=True):
        toe = np.longdouble(alpha) * np.longdouble(l_0)
        e = length - np.longdouble(l_0)
        in_toe = np.clip(e, 0.0, toe)
        total = total + c * (np.longdouble(k) * in_toe * (2.0 * e - in_toe) / (2.0 * toe) - np.longdouble(tare))
    return (total**2).sum()


def error(p: np.ndarray, pair: Pair) -> float:
    """Relative error of the sum of squares."""
    return abs(float(summed(p, pair, NO_LIST) / exact(p, pair) - 1.0))


def built(pair: Pair) -> Pair:
    sums = build(pair)
    assert sums is not None
    return pair._replace(sums=sums)


def rearranged(pair: Pair, order: np.ndarray) -> Pair:
    """The same points in another order, or some of them; in memory as in every pair, or all would be compiled anew."""
    lengths, arms = (np.ascontiguousarray(part[:, order]) for part in (pair.lengths, pair.arms))
    return Pair(lengths, arms, pair.load[order], pair.constant)


@pytest.mark.parametrize("kind", ["force", "moment"])
@pytest.mark.parametrize("geometry", [SYMMETRIC, LENHART])
@pytest.mark.parametrize("points", [65, MANY, 20_011])
def test_sums_are_those_of_the_points_in_every_region(geometry: Geometry, kind: str, points: int) -> None:
    pair = built(measured(geometry, points, kind=kind))
    seen = set()
    for p in proposals(pair, 200):
        assert error(p, pair) < PROMISE
        regions = zip(region_of(pair.lengths[0], p[:4]), region_of(pair.lengths[1], p[4:]), strict=True)
        seen |= {(int(a), int(b)) for a, b in regions}
    assert seen == set(product(range(3), range(3)))


@pytest.mark.parametrize("rolling", [0.0, 1.0])
def test_lengths_may_rise_and_fall(rolling: float) -> None:
    # Attachments between the condyles: beyond some angle a ligament slackens again.
    mcl, lcl = (
        Strand("mcl", (-12.0, 30.0, 0.0), (-12.0, -60.0, 0.0)),
        Strand("lcl", (14.0, 30.0, 0.0), (14.0, -60.0, 0.0)),
    )
    geometry = replace(LENHART, rolling=rolling, strands=(mcl, lcl))
    pair = built(measured(geometry, degrees=45.0))
    for length in pair.lengths:
        assert (np.diff(length) > 1e-6).any()
        assert (np.diff(length) < -1e-6).any()
    assert len(pair.sums.runs) > 1
    assert max(error(p, pair) for p in proposals(pair, 300)) < PROMISE


def test_any_order_gives_the_right_sums_and_hopeless_ones_are_left_alone() -> None:
    pair, all_of_them = measured(), np.arange(5000)
    swapped = rearranged(pair, np.roll(all_of_them, 2500))
    shuffled = rearranged(measured(points=10 * BLOCK), np.random.default_rng(0).permutation(10 * BLOCK))
    for mixed in (built(swapped), built(shuffled)):
        assert max(error(p, mixed) for p in proposals(pair, 30)) < PROMISE
    rocking = rearranged(pair, np.tile(all_of_them[::7], 6))  # up, and back at once, six times
    assert len(built(rocking).sums.runs) > 4
    assert build(rearranged(pair, np.tile(all_of_them, 30))) is None
    assert build(pair._replace(load=pair.load * 1e200)) is None


def test_a_proposal_may_sit_exactly_on_a_point() -> None:
    pair = built(measured())
    for at in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 16 * BLOCK, 2500, 4999):
        p = TRUTH.copy()
        p[2], p[6] = pair.lengths[:, at]
        assert error(p, pair) < PROMISE
        p[2], p[6] = pair.lengths[:, at] / (1.0 + p[[1, 5]])
        assert error(p, pair) < PROMISE


@pytest.mark.parametrize("column", [2, 6])
def test_sums_are_continuous_where_a_border_passes_a_point(column: int) -> None:
    pair = built(measured())
    length = pair.lengths[column // 4]
    step = 1e-7
    for at in (1000, 16 * BLOCK, 16 * BLOCK - 1, 3000):
        p = TRUTH.copy()
        p[column] = length[at]
        residuals, jacobian = compress(p, pair)
        slope = 2.0 * float(jacobian[:, column] @ residuals)
        p[column] = length[at] - step
        before = summed(p, pair, NO_LIST)
        p[column] = length[at] + step
        after = summed(p, pair, NO_LIST)
        # The gradient is continuous too, so the step follows it; the curvature is far below a thousandth of that.
        assert after - before == pytest.approx(2.0 * step * slope, rel=1e-3, abs=1e-12 * before)


def test_a_border_off_by_one_block_is_caught() -> None:
    pair = built(measured())
    off = pair._replace(sums=pair.sums._replace(keys=np.roll(pair.sums.keys, 1, axis=1)))
    assert max(error(p, off) for p in proposals(pair, 20)) > 1e3 * PROMISE


@pytest.fixture(scope="module")
def million() -> Pair:
    """A million points that the truth explains to a ten-thousandth of the largest load."""
    return measured(LENHART, 1_000_000, sigma=0.01, truth=np.array([60, 0.06, 82.0, 0, 60, 0.06, 58.0, 0]))


def test_a_million_points_near_perfect_data_included(million: Pair) -> None:
    pair = built(million)
    truth = np.array([60, 0.06, 82.0, 0, 60, 0.06, 58.0, 0])
    assert np.abs(pair.load).max() / 0.01 > 1e3
    assert pair.sums.nodes.size + pair.sums.keys.size < 2 * pair.load.size
    for p in (truth, truth * (1.0 + 1e-6), *proposals(pair, 4)):
        assert error(p, pair) < PROMISE


def test_cumulative_gram_sums_would_not_do(million: Pair) -> None:
    # What the factors are for: differences of cumulated products, of lengths as they are, lose what is small.
    p = np.array([60, 0.06, 82.0, 0, 60, 0.06, 58.0, 0])
    lengths, arms, load = million[:3]
    region = 3 * region_of(lengths[0], p[:4]) + region_of(lengths[1], p[4:])
    ends = np.flatnonzero(np.diff(region)) + 1
    basis = np.array([*(arms[s] * lengths[s] ** i for s in range(2) for i in range(3)), load])
    total = 0.0
    products = {(i, j): np.cumsum(basis[i] * basis[j]) for i in range(7) for j in range(i, 7)}
    for start, stop in zip([0, *ends], [*ends, load.size], strict=True):
        v = []
        for (k, alpha, l_0, _), which in ((p[:4], region[start] // 3), (p[4:], region[start] % 3)):
            toe = alpha * l_0
            v += [
                (0.0, 0.0, 0.0),
                (k * l_0**2 / (2.0 * toe), -k * l_0 / toe, k / (2.0 * toe)),
                (-k * (l_0 + toe / 2.0), k, 0.0),
            ][which]
        v.append(-1.0)
        for (i, j), sums in products.items():
            gram = sums[stop - 1] - (sums[start - 1] if start else 0.0)
            total += (1.0 if i == j else 2.0) * v[i] * v[j] * gram
    assert abs(total / float(exact(p, million)) - 1.0) > PROMISE


def laxity_test(points: int, *, per_point: bool = False, seed: int = 1) -> Measurement:
    """Points in the order of a file that is not sorted, with a column for sigma if asked for."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-8.0, 8.0, points)
    knee = CachedKnee.build(SYMMETRIC, np.deg2rad(angles), "force", "valgus")
    sigma = rng.uniform(0.5, 4.0, points)
    loads = knee.loads(TRUTH[np.newaxis])[0] + (sigma if per_point else 2.0) * rng.standard_normal(points)
    return Measurement(angles, loads, sigma if per_point else None, "force", "deg")


@pytest.mark.parametrize("noise", ["sigma = 2.0", "sigma = { lower = 0.5, upper = 9.0 }", ""])
def test_posterior_of_many_points_is_that_of_few(noise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config(config_text(noise=noise))
    measurement = laxity_test(MANY, per_point=not noise)
    many = Posterior.from_config(config, measurement)
    monkeypatch.setattr(build_module, "MANY", 10**9)
    few = Posterior.from_config(config, measurement)
    assert many.density.knee.sums
    assert few.density.knee.sums == ()
    width = few.upper - few.lower
    q = np.random.default_rng(3).uniform(few.lower - 0.01 * width, few.upper + 0.01 * width, (300, few.ndim))
    np.testing.assert_allclose(many.log_likelihood(q), few.log_likelihood(q), rtol=1e-11)
    np.testing.assert_array_equal(many.log_prior(q), few.log_prior(q))
    np.testing.assert_allclose(many.residuals(q[:5]), few.residuals(q[:5]), rtol=1e-13)
    np.testing.assert_allclose(many.jacobian(q[:5]), few.jacobian(q[:5]), rtol=1e-13)


def test_the_way_is_chosen_by_the_number_of_points_alone() -> None:
    few = Posterior.from_config(bench_config(), laxity_test(MANY - 1))
    many = Posterior.from_config(bench_config(), laxity_test(MANY))
    assert few.density.knee.sums == ()
    assert many.density.knee.sums


def test_nothing_is_compiled_again_when_the_data_change_size() -> None:
    q = np.array([[33.5, 0.06, 94.0, 42.8, 0.06, 62.5]])
    Posterior.from_config(bench_config(), laxity_test(MANY)).log_prob(q)
    before = len(evaluate.signatures)
    for points in (MANY + 1, 3 * MANY):
        Posterior.from_config(bench_config(), laxity_test(points)).log_prob(q)
    assert len(evaluate.signatures) == before


def test_log_prob_of_many_points_is_never_nan_or_positive_infinity() -> None:
    posterior = Posterior.from_config(bench_config(noise="sigma = { lower = 0.1, upper = 9.0 }"), laxity_test(MANY))
    extremes = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-320, 1e300, 1e-9, 50.0])
    values = posterior.log_prob(np.random.default_rng(5).choice(extremes, (5000, 7)))
    assert not np.isnan(values).any()
    assert not (values == np.inf).any()


def test_nine_rows_stand_for_all_in_a_fit() -> None:
    posterior = Posterior.from_config(parse_config(config_text(noise="")), laxity_test(3 * MANY, per_point=True))
    rng = np.random.default_rng(4)
    slack = [50.0, 0.06, 200.0, 50.0, 0.06, 200.0]  # no derivative but 0: the rank is as low as can be
    for q in [*rng.uniform(posterior.lower, posterior.upper, (50, 6)), np.array(slack)]:
        r, jacobian = posterior.residuals(q[np.newaxis])[0], posterior.jacobian(q[np.newaxis])[0]
        rows, slopes = posterior.residuals_of.compressed(q)
        assert rows.shape == (9,)
        assert slopes.shape == (9, 6)
        assert rows @ rows == pytest.approx(r @ r, rel=1e-12)
        scale = np.sqrt((jacobian**2).sum(axis=0))
        np.testing.assert_allclose(slopes.T @ slopes, jacobian.T @ jacobian, atol=1e-12 * np.outer(scale, scale).max())
        np.testing.assert_allclose(slopes.T @ rows, jacobian.T @ r, atol=1e-12 * scale.max() * np.linalg.norm(r))


def test_fit_of_many_points_finds_what_the_fit_of_all_rows_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    config = bench_config(noise="sigma = { lower = 0.5, upper = 9.0 }")
    measurement = laxity_test(2 * MANY)
    many = find_map(Posterior.from_config(config, measurement), np.random.default_rng(0))
    monkeypatch.setattr(build_module, "MANY", 10**9)
    few = find_map(Posterior.from_config(config, measurement), np.random.default_rng(0))
    # Standard deviations by the residuals' derivatives; sigma's is what that many residuals tell of it.
    best = few[0].q
    slope = Posterior.from_config(config, measurement).jacobian(best[np.newaxis])[0, :, :6] / best[6]
    sd = np.sqrt(np.append(np.diag(np.linalg.inv(slope.T @ slope)), best[6] ** 2 / (2.0 * len(slope))))
    # Least squares stops when a step changes the cost by less than 1e-8 of it: some 1e-5 in the log-probability.
    np.testing.assert_allclose((many[0].q - few[0].q) / sd, 0.0, atol=0.02)


def test_kernel_of_points_is_the_reference_of_both() -> None:
    pair = measured(points=MANY)
    p = proposals(pair, 50)
    direct = log_likelihood(p, np.ones(50), pair)
    np.testing.assert_allclose(direct, [-0.5 * float(exact(row, pair)) for row in p], rtol=1e-12)
