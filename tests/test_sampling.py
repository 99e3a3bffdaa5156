"""The sampler draws from the posterior: known answers, the prior where data say nothing, honest coverage."""

from pathlib import Path

import emcee
import numpy as np
import pytest
from conftest import DATA, bench_config, config_text
from scipy.stats import binom, kstest

from calibrate.config import Config, SamplingConfig, parse_config
from calibrate.data import parse_measurement
from calibrate.posterior import Posterior
from calibrate.problem.residuals import Residuals
from calibrate.results import Run, open_run
from calibrate.runner import start_run
from calibrate.sampling.block import Block
from calibrate.sampling.convergence import diagnose
from calibrate.sampling.ensembles import generators
from calibrate.sampling.fit import find_map
from calibrate.sampling.loop import Budget, sample
from calibrate.sampling.moves import DifferentialEvolution, Snooker, Stretch
from calibrate.sampling.series import effective_samples
from calibrate.sampling.start import first_walkers
from calibrate.sampling.verdict import next_look
from calibrate.simulation import simulate

# benchmarks/README.md, "penalty 1e6": mean and sd of each parameter from about a million effective samples.
REFERENCE = {
    "ridge": ([33.698, 0.06656, 89.284, 43.167, 0.07347, 59.186], [1.130, 0.02823, 1.2334, 1.139, 0.03033, 0.8565]),
    "toe": ([37.091, 0.06822, 94.140, 46.029, 0.08478, 62.064], [7.231, 0.02818, 0.6308, 2.543, 0.01955, 0.4504]),
}


def run(config: Config, folder: Path) -> Run:
    start_run(config, folder / "run.h5", overwrite=True)
    return open_run(folder / "run.h5")


def misses(mean: np.ndarray, sd: np.ndarray, ess: np.ndarray, name: str) -> bool:
    """Tell whether means or sds are further from the reference than four times their sampling error allows."""
    reference_mean, reference_sd = map(np.array, REFERENCE[name])
    # The error of a sd is sd sqrt((kurtosis - 1) / (4 ess)); these marginals have kurtosis below 4, most below 3.
    bad_mean = np.abs(mean - reference_mean) > 4.0 * reference_sd / np.sqrt(ess)
    bad_sd = np.abs(sd / reference_sd - 1.0) > 4.0 * np.sqrt(3.0 / (4.0 * ess))
    return bool(bad_mean.any() or bad_sd.any())


@pytest.mark.parametrize("name", ["ridge", "toe"])
def test_posteriors_with_known_answers_are_reproduced(name: str, tmp_path: Path) -> None:
    result = run(bench_config(name, extra="[sampling]\nmin_ess = 8000\nseed = 5\n"), tmp_path)
    samples = result.samples()
    assert result.converged
    assert not misses(samples.mean(axis=0), samples.std(axis=0), result.diagnosis.ess_bulk, name)


class WithoutHastings(Stretch):
    """A wrong move: the stretch without the factor that pays for its change of volume."""

    def get_proposal(self, s, c, random):
        proposed, factors = super().get_proposal(s, c, random)
        return proposed, np.zeros_like(factors)


def test_a_move_without_its_hastings_factor_misses_the_known_answer() -> None:
    posterior = Posterior.from_config(bench_config("toe"))
    starts = first_walkers(posterior, SamplingConfig(ensembles=4, walkers=64))
    chains = []
    for start, state in zip(starts, [one.get_state() for one in generators(1, 4)], strict=True):
        mixture = [(WithoutHastings(), 0.6), (DifferentialEvolution(), 0.4)]
        sampler = emcee.EnsembleSampler(64, 6, posterior.log_prob, moves=mixture, vectorize=True)
        sampler.run_mcmc(emcee.State(start, random_state=state), 600, thin_by=5)
        chains.append(sampler.get_chain(discard=200))
    kept = np.stack(chains)
    assert misses(kept.mean(axis=(0, 1, 2)), kept.std(axis=(0, 1, 2)), diagnose(kept).ess_bulk, "toe")


def test_flat_likelihood_returns_the_prior(tmp_path: Path) -> None:
    config = bench_config(noise="sigma = 1e8", extra='[prior]\nwalls = "hard"\n[sampling]\nmin_ess = 4000\n')
    result = run(config, tmp_path)
    kept = result.chains.coords[:, result.burn_in :]
    for i in range(6):
        column = kept[..., i]
        lower, upper = result.posterior.lower[i], result.posterior.upper[i]
        # Kolmogorov's statistic at 1 in 10,000, for as many draws as are worth something.
        distance = kstest(column.ravel(), "uniform", args=(lower, upper - lower)).statistic
        assert distance < 2.23 / np.sqrt(effective_samples(column))
        assert column.min() >= lower
        assert column.max() <= upper
    # The control: a posterior that does know something is no uniform.
    informed = run(bench_config(), tmp_path).chains.coords[:, 20:, :, 2]
    assert kstest(informed.ravel(), "uniform", args=(80.0, 20.0)).statistic > 0.3


def coverage(sigma_factor: float, knees: int) -> tuple[int, int, int]:
    """Simulate knees drawn from the prior; count parameters, and truths outside 99 % and inside 50 % intervals."""
    hard = '[prior]\nwalls = "hard"\n'
    config, believed = bench_config(extra=hard), bench_config(noise=f"sigma = {2.0 * sigma_factor}", extra=hard)
    prior = Posterior.from_config(config)
    outside = inside = total = 0
    for seed in range(knees):
        rng = np.random.default_rng(1000 + seed)
        truth = rng.uniform(prior.lower, prior.upper)
        known = dict(zip(prior.names, truth, strict=True)) | {"noise.sigma": 2.0}
        data = simulate(config, known, angles="-8:8:15", load="force", seed=seed)
        posterior = Posterior.from_config(believed, data)
        settings = SamplingConfig(ensembles=2, walkers=64, seed=seed, min_ess=800)
        starts = first_walkers(posterior, settings)
        backends = [emcee.backends.Backend() for _ in starts]
        sample(posterior, backends, starts, settings, Budget(3000))
        draws = np.concatenate([b.get_chain(discard=b.iteration // 2, flat=True) for b in backends])
        low, q25, q75, high = np.quantile(draws, [0.005, 0.25, 0.75, 0.995], axis=0)
        outside += int(((truth < low) | (truth > high)).sum())
        inside += int(((truth > q25) & (truth < q75)).sum())
        total += truth.size
    return total, outside, inside


def test_truth_lies_inside_the_intervals_at_the_rate_it_should() -> None:
    total, outside, inside = coverage(1.0, 20)
    assert total == 120
    # The six parameters of a knee are correlated, so they count as three independent ones: half the sample size.
    assert binom.sf(outside // 2 - 1, total // 2, 0.01) > 1e-3
    assert 1e-3 < binom.cdf(inside / 2, total / 2, 0.5) < 1 - 1e-3


def test_overconfident_noise_is_caught_by_the_coverage() -> None:
    total, outside, _ = coverage(0.2, 6)
    assert binom.sf(outside // 2 - 1, total // 2, 0.01) < 1e-3


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Stretch, emcee.moves.StretchMove), (DifferentialEvolution, emcee.moves.DEMove)],
    ids=["stretch", "differential evolution"],
)
def test_vectorized_accept_gives_emcees_chain_bit_for_bit(ours: type, theirs: type) -> None:
    posterior = Posterior.from_config(bench_config("ridge"))
    start = np.random.default_rng(2).uniform(posterior.lower, posterior.upper, (24, 6))
    chains = []
    for move in (ours(), theirs()):
        sampler = emcee.EnsembleSampler(24, 6, posterior.log_prob, moves=[move], vectorize=True)
        sampler.run_mcmc(emcee.State(start, random_state=generators(7, 1)[0].get_state()), 150)
        chains.append(np.dstack([sampler.get_chain(), sampler.get_log_prob()]))
    np.testing.assert_array_equal(*chains)


def gaussian_variances(move: emcee.moves.Move, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances that a move gives a standard Gaussian in five dimensions, and their standard errors."""
    rng = np.random.default_rng(5)
    chains = []
    for stream in [one.get_state() for one in generators(3, 4)]:
        sampler = emcee.EnsembleSampler(40, 5, lambda q: -0.5 * (q * q).sum(axis=1), moves=[move], vectorize=True)
        sampler.run_mcmc(emcee.State(rng.standard_normal((40, 5)), random_state=stream), steps)
        chains.append(sampler.get_chain(discard=steps // 5))
    squares = np.stack(chains) ** 2
    errors = [np.sqrt(2.0 / effective_samples(squares[..., i])) for i in range(5)]
    return squares.mean(axis=(0, 1, 2)), np.array(errors)


def test_snooker_samples_a_gaussian() -> None:
    # That emcee's own does not is shown in test_accuracy.py.
    variances, errors = gaussian_variances(Snooker(), 3000)
    assert errors.max() < 0.03
    assert (np.abs(variances - 1.0) < 4.5 * errors).all()


MOVES = ("block", "stretch", "de", "snooker")


@pytest.mark.parametrize("move", MOVES)
def test_each_move_gives_one_chain_on_any_number_of_threads(move: str, tmp_path: Path) -> None:
    chains = []
    for workers in (1, 2, 5) if move == "block" else (1, 5):
        settings = f"[sampling]\nmoves = {{ {move} = 1.0 }}\nmax_steps = 60\nwalkers = 64\nensembles = 5\n"
        chains.append(run(bench_config(extra=f"{settings}workers = {workers}\n"), tmp_path).chains)
    for other in chains[1:]:
        np.testing.assert_array_equal(other.coords, chains[0].coords)
        np.testing.assert_array_equal(other.log_prob, chains[0].log_prob)
    # The control: walkers did move, and each ensemble its own way.
    assert len(np.unique(chains[0].log_prob[:, -1])) > 5 * 32


def test_block_keeps_log_prob_and_coordinates_together() -> None:
    posterior = Posterior.from_config(bench_config("toe"))
    start = np.random.default_rng(2).uniform(posterior.lower, posterior.upper, (16, 6))
    sampler = emcee.EnsembleSampler(16, 6, posterior.log_prob, moves=[Block(posterior, 2, 2)], vectorize=True)
    state = sampler.run_mcmc(emcee.State(start, random_state=generators(7, 1)[0].get_state()), 40)
    np.testing.assert_array_equal(state.log_prob, posterior.log_prob(state.coords))
    assert not (state.coords == start).any()


def test_no_walker_starts_in_a_worthless_corner() -> None:
    for name in ("ridge", "toe"):
        posterior = Posterior.from_config(bench_config(name))
        spill = 6.0 * np.sqrt(0.5 / posterior.weight)  # six standard deviations of the penalty
        best = find_map(posterior, np.random.default_rng(3))[0].log_prob
        for walkers in first_walkers(posterior, SamplingConfig(walkers=64)):
            assert ((walkers >= posterior.lower - spill) & (walkers <= posterior.upper + spill)).all()
            # In six dimensions a draw 22 below the maximum has a chance of 1e-7.
            assert posterior.log_prob(walkers).min() > best - 22
            assert len(np.unique(walkers, axis=0)) > 48
            assert np.linalg.matrix_rank(np.cov(walkers.T / np.ptp(walkers, axis=0)[:, np.newaxis])) == 6


def test_the_map_is_a_maximum() -> None:
    posterior = Posterior.from_config(bench_config("toe"))
    best = find_map(posterior, np.random.default_rng(0))[0]
    rng = np.random.default_rng(1)
    width = posterior.upper - posterior.lower
    around = np.clip(best.q + 1e-3 * width * rng.standard_normal((5000, 6)), posterior.lower, posterior.upper)
    assert posterior.log_prob(around).max() <= best.log_prob + 1e-6
    # Truth of the simulation cannot be likelier than the best fit.
    assert best.log_prob >= posterior.log_prob([33.5, 0.06, 94.0, 42.8, 0.06, 62.5])


KNOWN = "[parameters.{}]\nk = 30.0\nalpha = 0.06\nl_0 = {}\n"


def test_sigma_alone_can_be_inferred() -> None:
    measurement = parse_measurement("angle_deg,force_N\n-4,-9\n1,3\n5,20\n6,21\n", "test.csv")
    laws = KNOWN.format("mcl", 94.0) + KNOWN.format("lcl", 62.0)
    config = parse_config(config_text(parameters=laws, noise="sigma = { lower = 0.1, upper = 90 }"))
    posterior = Posterior.from_config(config, measurement)
    assert posterior.names == ("noise.sigma",)
    fits = find_map(posterior, np.random.default_rng(0))
    # The likelihood of sigma peaks at the root mean square residual.
    assert fits[0].q[0] == pytest.approx(np.sqrt((posterior.residuals(fits[0].q[np.newaxis]) ** 2).mean()), rel=1e-6)


def test_checks_lie_on_a_grid_that_forgets_the_past() -> None:
    grid = [next_look(0)]
    while grid[-1] < 5000:
        grid.append(next_look(grid[-1]))
    assert all(next_look(stored) == min(g for g in grid if g > stored) for stored in range(4000))


def test_one_seed_gives_one_chain_and_another_seed_another(tmp_path: Path) -> None:
    chains = []
    for seed in (1, 1, 2):
        config = bench_config(extra=f"[sampling]\nseed = {seed}\nmax_steps = 30\n")
        chains.append(run(config, tmp_path).chains.coords)
    np.testing.assert_array_equal(chains[0], chains[1])
    assert not np.array_equal(chains[0], chains[2])
    assert not np.array_equal(chains[0][0], chains[0][1])


def test_global_random_state_is_neither_used_nor_touched(tmp_path: Path) -> None:
    config = bench_config(extra="[sampling]\nmax_steps = 10\n")
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the legacy state is what must not be touched
    first = run(config, tmp_path).chains.coords
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(99)  # noqa: NPY002
    np.testing.assert_array_equal(run(config, tmp_path).chains.coords, first)


def test_a_given_start_is_where_the_fit_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    compressed = Residuals.compressed

    def watched(self: Residuals, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        begun.append(q.copy())
        return compressed(self, q)

    monkeypatch.setattr(Residuals, "compressed", watched)
    text = config_text(file="bench_toe.csv").replace("k = { lower = 10.0", "k = { start = 37.0, lower = 10.0", 1)
    posterior = Posterior.from_config(parse_config(text, DATA / "bench.toml"))
    find_map(posterior, np.random.default_rng(0))
    middle = 0.5 * (posterior.lower + posterior.upper)
    np.testing.assert_allclose(begun[0], [37.0, *middle[1:]], rtol=1e-12)
