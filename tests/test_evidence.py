"""The evidence: closed forms, quadrature, known posteriors; what moves it, and what has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from linear_knees import BIAS, LINEAR, Drawn, config_of, drawn, gaussian, posterior_of
from scipy.special import logsumexp
from scipy.stats import norm

from benchmarks.hills import two_hills
from calibrate.errors import ParameterError
from calibrate.evidence import Evidence, bridge, log_evidence
from calibrate.posterior import Posterior


def by_rejection(posterior: Posterior, n: int, seed: int = 1) -> np.ndarray:
    """Return n draws of the posterior inside its bounds, out of very many of the prior."""
    rng = np.random.default_rng(seed)
    q = posterior.prior_sample(rng, 400_000)
    weight = posterior.log_likelihood(q)
    weight = np.exp(weight - weight.max())
    return q[rng.choice(len(q), n, p=weight / weight.sum())]


def close(found: Evidence, wanted: float) -> bool:
    assert 0.0 < found.error < 0.03
    return abs(found.value - wanted) < 4.0 * found.error


@pytest.fixture(scope="module")
def linear() -> tuple[Drawn, float]:
    posterior = posterior_of(config_of(LINEAR, BIAS))
    mean, cov, log_z = gaussian(posterior)
    return drawn(posterior, np.random.default_rng(1).multivariate_normal(mean, cov, 16_000)), log_z


def test_a_gaussian_has_the_evidence_of_the_closed_form(linear: tuple[Drawn, float]) -> None:
    draws, log_z = linear
    found = log_evidence(draws)
    assert close(found, log_z)
    assert found.outside == 0.0
    assert 4_000.0 < found.effective <= 16_000.0
    assert abs(found.pilot - log_z) < max(0.5, 5.0 * found.pilot_error)


def test_one_seed_gives_one_number_and_another_a_number_within_the_error(
    linear: tuple[Drawn, float],
) -> None:
    draws, log_z = linear
    several = [log_evidence(draws, seed) for seed in range(2, 4)]
    assert len({one.value for one in several}) == 2
    assert log_evidence(draws, seed=2) == several[0]
    assert all(close(one, log_z) for one in several)


def test_fewer_points_of_the_proposal_make_a_larger_error(
    linear: tuple[Drawn, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    draws, log_z = linear
    error = log_evidence(draws).error
    monkeypatch.setattr("calibrate.evidence._PROPOSED", 20)
    found = log_evidence(draws)
    assert 2.0 * error < found.error < 0.3
    assert abs(found.value - log_z) < 4.0 * found.error


@pytest.mark.parametrize("width", [40.0, 80.0])
def test_a_uniform_prior_twice_as_wide_costs_the_logarithm_of_two(width: float) -> None:
    posterior = posterior_of(config_of(measurement=f"load_bias = {{ lower = -{width}, upper = {width} }}"))
    rest = posterior.measurement.loads - posterior.predict([0.0])[0]
    q = np.random.default_rng(2).normal(rest.mean(), 2.0 / math.sqrt(7.0), (16_000, 1))
    of_likelihood = norm(0.0, 2.0).logpdf(rest - rest.mean()).sum() + 0.5 * math.log(2.0 * math.pi * 4.0 / 7.0)
    assert close(log_evidence(drawn(posterior, q)), of_likelihood - math.log(2.0 * width))


def on_grid(posterior: Posterior, *axes: np.ndarray) -> float:
    """Return log Z by the trapezoidal rule, priors normalised over what is possible."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    value = posterior.log_likelihood(points)
    for parameter, x in zip(posterior.table.free, points.T, strict=True):
        value = value + parameter.possible.log_density(x)
    grid = np.exp(value - value.max()).reshape([len(axis) for axis in axes])
    for axis in reversed(axes):
        grid = np.trapezoid(grid, axis)
    return float(np.log(grid) + value.max())


def test_draws_that_spill_beyond_the_bounds_count_for_nothing() -> None:
    prior = 'walls = "penalty"\nweight = 4.0'  # next to no wall: a third of the draws lies outside
    posterior = posterior_of(config_of(measurement="load_bias = { lower = -1.0, upper = 1.0 }", prior=prior), 0.9)
    x = np.linspace(-3.0, 5.0, 8001)
    share = np.cumsum(np.exp(posterior.log_prob(x[:, np.newaxis])))
    q = np.interp(np.random.default_rng(3).random(16_000), share / share[-1], x)[:, np.newaxis]
    found = log_evidence(drawn(posterior, q))
    assert found.outside == pytest.approx(np.mean(np.abs(q) >= 1.0))
    assert found.outside > 0.2
    assert close(found, on_grid(posterior, np.linspace(-1.0, 1.0, 4001)))


def test_what_has_to_be_positive_has_its_prior_normalised_over_that() -> None:
    posterior = posterior_of(config_of({"mcl.k": "{ mean = 10.0, sd = 20.0 }"}))
    # 31 % of that normal lie below nought; left out, log Z would be 0.37 lower.
    wanted = on_grid(posterior, np.linspace(1e-6, 150.0, 20_001))
    assert close(log_evidence(drawn(posterior, by_rejection(posterior, 16_000))), wanted)


@pytest.fixture(scope="module")
def hills() -> Drawn:
    posterior = two_hills(5.58)
    return drawn(posterior, by_rejection(posterior, 16_000))


def test_two_hills_are_weighed_as_quadrature_weighs_them(hills: Drawn) -> None:
    wanted = on_grid(hills.posterior, np.linspace(10.0, 100.0, 500), np.linspace(80.0, 500.0, 6001))
    assert close(log_evidence(hills), wanted)


def test_draws_of_one_hill_alone_are_refused(hills: Drawn) -> None:
    q = hills.chains.coords.reshape(-1, 2)
    plain = q[q[:, 1] > 100.0]
    assert 0.2 < len(plain) / len(q) < 0.4
    with pytest.raises(ParameterError, match=r"the draws lie on a mass of log Z = -29\..*miss a part of the posterior"):
        log_evidence(drawn(hills.posterior, plain))


def test_ensembles_on_different_hills_are_refused(hills: Drawn) -> None:
    q = hills.chains.coords.reshape(-1, 2)
    narrow, plain = q[q[:, 1] <= 100.0][:4000], q[q[:, 1] > 100.0][:4000]
    apart = [narrow, plain, narrow[::-1], plain[::-1]]
    with pytest.raises(ParameterError, match="evidence: "):
        log_evidence(drawn(hills.posterior, np.concatenate(apart)))


def test_priors_that_are_not_normalised_have_no_evidence() -> None:
    config = config_of(measurement="load_bias = { lower = -9.0, upper = 9.0 }")
    posterior = posterior_of(config, normalised=False)
    with pytest.raises(ParameterError, match="the priors of this run are not normalised"):
        log_evidence(drawn(posterior, np.random.default_rng(1).normal(0.0, 0.7, (16_000, 1))))


def test_too_few_draws_are_refused(linear: tuple[Drawn, float]) -> None:
    draws, _ = linear
    q = draws.chains.coords.reshape(-1, 3)
    with pytest.raises(ParameterError, match="evidence: 31 steps are stored, and it needs 32 at the least"):
        log_evidence(drawn(draws.posterior, q[: 31 * 64]))
    still = np.tile(q[:64].reshape(4, 1, 16, 3), (1, 40, 1, 1)).reshape(-1, 3)  # walkers that never move
    with pytest.raises(ParameterError, match=r"half of the draws are worth \d+ independent ones, fewer than 100"):
        log_evidence(drawn(draws.posterior, still))


def test_a_bridge_between_two_normals_finds_the_ratio_of_their_integrals() -> None:
    rng = np.random.default_rng(5)
    one, other = norm(0.0, 1.0), norm(0.7, 1.4)
    x, y = one.rvs(20_000, random_state=rng), other.rvs(30_000, random_state=rng)

    def ratio(at: np.ndarray) -> np.ndarray:
        return 700.0 + one.logpdf(at) - other.logpdf(at)

    value, of_ours, of_theirs = bridge(ratio(x), ratio(y), 20_000.0)
    error = math.sqrt(np.var(of_ours) / of_ours.mean() ** 2 / 2e4 + np.var(of_theirs) / of_theirs.mean() ** 2 / 3e4)
    assert abs(value - 700.0) < 4.0 * error < 0.05
    assert logsumexp(np.log(of_ours)) - math.log(2e4) == pytest.approx(
        logsumexp(np.log(of_theirs)) - math.log(3e4), abs=1e-6
    )


def test_densities_without_anything_in_common_have_no_bridge() -> None:
    with pytest.raises(ParameterError, match="too few, or too unlike each other"):
        bridge(np.zeros(10), np.full(10, -np.inf), 10.0)
