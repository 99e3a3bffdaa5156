"""Walkers start where the posterior has its mass, and a run with walkers where it has none does not say converged."""

import functools
from collections.abc import Callable
from dataclasses import replace

import emcee
import numpy as np
import pytest
from conftest import bench_config

from benchmarks.hills import real, two_hills
from calibrate.config import SamplingConfig
from calibrate.data import parse_measurement
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior
from calibrate.sampling import pilot as pilot_module
from calibrate.sampling.convergence import diagnose, largest_sd_error
from calibrate.sampling.loop import Budget, Outcome, sample
from calibrate.sampling.pilot import Population, explore
from calibrate.sampling.series import effective_samples
from calibrate.sampling.start import first_walkers, settle

# Nested sampling by nautilus, error 0.02; uniform prior in the bounds, hard walls.
EVIDENCE = {"ridge": -81.10, "toe": -79.70}
WIDE = {"sigma": (0.01, 50.0), "k": (0.0, 1000.0), "alpha": (0.001, 0.3), "l_0": (30.0, 120.0)}
# Where the real knee has a hill 18 below the other, with a mass of some 1e-5: a slack, short MCL.
SLOPE = [23.39, 0.08, 75.47, 136.28, 0.06, 60.41, 0.85]


def kept(posterior: Posterior, seed: int) -> tuple[Outcome, np.ndarray]:
    """Sample in memory with default settings; return the outcome and the kept draws, all four axes."""
    settings = SamplingConfig(seed=seed)
    starts = first_walkers(posterior, settings)
    backends = [emcee.backends.Backend() for _ in starts]
    outcome = sample(posterior, backends, starts, settings, Budget(3000))
    return outcome, np.stack([b.get_chain(discard=b.iteration // 2) for b in backends])


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_pilot_knows_the_evidence_and_the_posterior(name: str) -> None:
    posterior = Posterior.from_config(bench_config(name, extra='[prior]\nwalls = "hard"\n'))
    found = explore(posterior, np.random.default_rng(3), points=4096)
    # The volume's logarithm errs by sqrt(levels / points) at the least, 0.09 here; copies move less than freely.
    assert found.log_evidence == pytest.approx(EVIDENCE[name], abs=0.4)
    assert found.weights.sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(found.log_likelihood, posterior.log_likelihood(found.coords), rtol=1e-12)
    mean = found.weights @ found.coords
    outcome, draws = kept(posterior, 1)
    assert outcome.reason == "converged"
    # Worth four thousand draws: means within five of their errors.
    assert (np.abs(mean - draws.mean(axis=(0, 1, 2))) < 5.0 * draws.std(axis=(0, 1, 2)) / np.sqrt(4096)).all()


def test_a_pilot_of_a_flat_likelihood_returns_the_bounds() -> None:
    posterior = Posterior.from_config(bench_config(noise="sigma = 1e8"))
    found = explore(posterior, np.random.default_rng(0))
    assert found.log_evidence == pytest.approx(float(posterior.log_likelihood(found.coords[:1])[0]), abs=1e-6)
    assert found.weights @ found.coords == pytest.approx(0.5 * (posterior.lower + posterior.upper), rel=0.05)


def test_compiled_moves_are_those_of_the_python_that_they_are_written_in() -> None:
    # What that does is held to numbers worked out by hand in test_pilot.py.
    posterior = Posterior.from_config(bench_config())
    rng = np.random.default_rng(6)
    x = rng.uniform(posterior.lower, posterior.upper, (64, 6))
    value = posterior.log_likelihood(x)
    floor = float(np.sort(value)[31])
    order, numbers = rng.permutation(64), rng.random((8, 32, 5))
    ends = []
    for climb in (pilot_module._climb, pilot_module._climb.py_func):
        where, there = x.copy(), value.copy()
        climb(where, there, floor, order, numbers, posterior.density)
        ends.append((where, there))
    np.testing.assert_allclose(ends[0][0], ends[1][0], rtol=1e-12)
    np.testing.assert_allclose(ends[0][1], ends[1][1], rtol=1e-10)
    assert (ends[0][0] != x).any(axis=1).mean() > 0.5


def longest_length(posterior: Posterior) -> float:
    """Return the MCL's largest length in the test: with a longer slack length the likelihood is the plain's."""
    return float(posterior.knee_at().kinematics.lengths[0].max())


@functools.cache
def narrow_share(sigma: float) -> float:
    """Return the mass of the narrow hill by quadrature: midpoints of a fine grid; the plain is a box."""
    posterior = two_hills(sigma)
    end = longest_length(posterior)
    k, dk = np.linspace(10.0, 100.0, 201, retstep=True)
    l_0, dl = np.linspace(80.0, end, 4001, retstep=True)
    grid = np.meshgrid(k[1:] - dk / 2, l_0[1:] - dl / 2, indexing="ij")
    value = np.asarray(posterior.log_prob(np.stack([g.ravel() for g in grid], axis=1)))
    plain = float(posterior.log_prob(np.array([50.0, 0.5 * (end + 500.0)])))
    narrow = np.exp(value - value.max()).sum() * dk * dl
    return float(narrow / (narrow + np.exp(plain - value.max()) * 90.0 * (500.0 - end)))


# The narrow hill lies 5.8 and 3.8 above the plain.
@pytest.mark.parametrize(("sigma", "share"), [(5.58, 0.7), (6.9, 0.3)])
def test_two_true_hills_keep_their_masses(sigma: float, share: float) -> None:
    assert narrow_share(sigma) == pytest.approx(share, abs=0.002)
    posterior = two_hills(sigma)
    end = longest_length(posterior)
    starts = first_walkers(posterior, SamplingConfig(seed=2))
    # Each ensemble's pilot errs by some hundredths, and 512 walkers by 0.02.
    np.testing.assert_allclose((starts[..., 1] < end).mean(axis=1), share, atol=0.12)
    outcome, draws = kept(posterior, 2)
    narrow = (draws[..., 1] < end).astype(float)
    assert outcome.reason == "converged"
    error = np.sqrt(share * (1.0 - share) / effective_samples(narrow))
    assert narrow.mean() == pytest.approx(narrow_share(sigma), abs=4.0 * error)
    assert error < 0.01


# Standard deviations of `mcl.l_0` and sigma in long runs, which nested sampling confirms; see benchmarks/README.md.
# With walkers started around fits these seeds ended with some far out, or with most on a plain; without outposts
# the last one had two walkers in a corner of `lcl` for hundreds of steps, and a sd that 3000 steps did not tell.
@pytest.mark.parametrize(
    ("bounds", "seed", "slack", "sigma"),
    [
        ({}, 67, 0.181, 0.0637),
        ({}, 91, 0.181, 0.0637),
        ({"l_0": (10.0, 500.0)}, 1, 0.181, 0.0637),
        ({"l_0": (10.0, 500.0)}, 7, 0.181, 0.0637),
        ({"k": (5.0, 1e5)}, 1, 0.160, 0.0602),
        (WIDE, 5, 0.154, 0.0587),
    ],
)
def test_no_walker_stays_on_a_hill_without_mass(
    bounds: dict[str, tuple[float, float]], seed: int, slack: float, sigma: float
) -> None:
    outcome, draws = kept(real(**bounds), seed)
    assert outcome.reason == "converged"
    assert draws[..., 2].std() == pytest.approx(slack, rel=0.05)
    assert draws[..., 6].std() == pytest.approx(sigma, rel=0.05)


# Data that say nothing, and a plateau with most of the mass; walls are soft, so walkers are often a little outside.
@pytest.mark.parametrize(
    "flat", [lambda: Posterior.from_config(bench_config(noise="sigma = 1e8")), lambda: two_hills(15.0)]
)
def test_where_the_posterior_is_flat_nobody_straggles(flat: Callable[[], Posterior]) -> None:
    outcome, _ = kept(flat(), 1)
    assert outcome.reason == "converged"
    assert outcome.verdict is not None
    assert outcome.verdict.diagnosis.stragglers is None


def planted(posterior: Posterior, stray: int) -> np.ndarray:
    """Return walkers of which the first few are on the poor hill."""
    walkers = first_walkers(posterior, SamplingConfig(seed=4, walkers=256, ensembles=2))[0]
    walkers[:stray] = SLOPE * (1.0 + 1e-4 * np.random.default_rng(0).standard_normal((stray, 7)))
    return walkers


def test_stragglers_are_brought_home_unless_the_mass_is_there() -> None:
    posterior = real()
    flat = float(posterior.log_prior(posterior.middle))  # the same within all bounds
    walkers = planted(posterior, 2)
    pilots = [explore(posterior, np.random.default_rng(i)) for i in range(2)]

    def low(where: np.ndarray) -> int:
        return int((posterior.log_prob(where) < flat - 14.0).sum())

    def low_after(known: list[Population]) -> int:
        return sum(low(settle(posterior, walkers, known, np.random.SeedSequence(seed))) for seed in range(6))

    assert low(walkers) == 2
    assert low_after(pilots) == 0
    # The same walkers where pilots say that as much of the posterior is there: some leave by themselves, none is moved.
    assert low_after([replace(p, weights=np.where(p.log_prob < flat - 10.0, 0.05, 0.0)) for p in pilots]) > 0


def test_stragglers_that_all_ensembles_share_are_seen() -> None:
    posterior = real()
    rng = np.random.default_rng(2)
    pilot = explore(posterior, rng)
    rows = rng.choice(len(pilot.coords), (4, 40, 128), p=pilot.weights)
    chains, log_prob = pilot.coords[rows], pilot.log_prob[rows]
    clean = diagnose(chains, log_prob=log_prob)
    assert clean.stragglers is None
    assert clean.worst_rhat < 1.01
    assert clean.sd_error.max() < largest_sd_error(4000)
    for ensemble in range(4):  # one walker of each, all the time
        chains[ensemble, :, 5] = SLOPE * (1.0 + 1e-4 * rng.standard_normal((40, 7)))
    log_prob[:, :, 5] = posterior.log_prob(chains[:, :, 5].reshape(-1, 7)).reshape(4, 40)
    found = diagnose(chains, log_prob=log_prob)
    assert found.worst_rhat < 1.01
    assert found.smallest_ess > 4000
    assert found.stragglers is not None
    assert found.stragglers.share == pytest.approx(1 / 128)
    np.testing.assert_allclose(found.stragglers.place, SLOPE, rtol=1e-3)
    assert found.stragglers.depth == pytest.approx(np.median(log_prob) - log_prob[:, :, 5].mean())
    # Were they only far out and not low, the standard deviation would tell.
    assert found.sd_error[2] > largest_sd_error(4000)


def test_the_start_depends_on_the_seed_alone() -> None:
    posterior = Posterior.from_config(bench_config())
    one, again, other = (
        first_walkers(posterior, SamplingConfig(seed=seed, workers=workers, walkers=32))
        for seed, workers in ((1, 1), (1, 3), (2, 1))
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_where_nothing_can_be_started_the_reason_is_said() -> None:
    measurement = parse_measurement("angle_deg,force_N\n-4,-9\n1,1e200\n5,20\n", "test.csv")
    posterior = Posterior.from_config(bench_config(noise="sigma = 1e-6"), measurement)
    with pytest.raises(ConfigError, match="explain the data with a finite probability"):
        explore(posterior, np.random.default_rng(0))
