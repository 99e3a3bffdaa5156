"""calibrate agrees with long runs of other samplers on four posteriors; samplers that are wrong do not."""

import tomllib
from pathlib import Path

import emcee
import numpy as np
import pytest

from benchmarks.accuracy import REFERENCE, Estimate, compare, reference
from benchmarks.ensembles import WithoutHastings, plain_log_prob, starts
from benchmarks.problems import NAMES, posterior, problem
from benchmarks.reference import disagreements
from calibrate.results import open_run
from calibrate.runner import start_run
from calibrate.sampling.ensembles import generators
from calibrate.sampling.moves import DifferentialEvolution, Snooker


@pytest.mark.parametrize("name", NAMES)
def test_means_and_sds_are_those_of_another_sampler(name: str, tmp_path: Path) -> None:
    # So many effective samples that the run's own error of a sd is well below the 2 % that it is held to.
    start_run(problem(name).with_sampling(min_ess=40_000.0, seed=11), tmp_path / "run.h5")
    run = open_run(tmp_path / "run.h5")
    estimate = Estimate.of_chains(np.asarray(run.chains.coords[:, run.burn_in :]))
    comparison = compare(estimate, reference(name))
    assert estimate.ess >= 40_000
    assert (estimate.sd_error / estimate.sd).max() < 0.008
    assert comparison.passes, (comparison.mean_errors, comparison.sd_shares)


WRONG = {"stretch without its factor": WithoutHastings}  # emcee's snooker is one of `python -m benchmarks`
RIGHT = {"calibrate's snooker": Snooker}


@pytest.mark.parametrize("move", [*WRONG, *RIGHT])
def test_wrong_moves_fail_by_what_they_sample_and_right_ones_do_not(move: str) -> None:
    target = posterior("toe")
    chains = []
    for state, first in zip([one.get_state() for one in generators(3, 2)], starts(target, 3, 2, 32), strict=True):
        moves = [((WRONG | RIGHT)[move](), 0.8), (DifferentialEvolution(), 0.2)]
        sampler = emcee.EnsembleSampler(32, target.ndim, target.log_prob, moves=moves, vectorize=True)
        sampler.run_mcmc(emcee.State(first, random_state=state), 5000)
        chains.append(sampler.get_chain(discard=500))
    verdict = compare(Estimate.of_chains(np.stack(chains)), reference("toe")).verdict
    assert (verdict == "FAIL") == (move in WRONG)


def test_the_long_runs_of_different_samplers_agree() -> None:
    runs = tomllib.loads(REFERENCE.read_text())
    assert set(runs) == set(NAMES)
    for name in NAMES:
        assert not disagreements(runs[name]), name


# benchmarks/README.md, "hard": means and sds of ridge and toe, printed to four digits, known to 0.3 % of the sd.
STATED = {
    "ridge": ([33.701, 0.06680, 89.275, 43.168, 0.07338, 59.188], [1.129, 0.02779, 1.2146, 1.134, 0.02980, 0.8423]),
    "toe": ([36.971, 0.06795, 94.139, 46.002, 0.08463, 62.066], [7.072, 0.02772, 0.6241, 2.519, 0.01932, 0.4462]),
}


@pytest.mark.parametrize("name", STATED)
def test_the_reference_is_the_stated_answer(name: str) -> None:
    mean, sd = map(np.array, STATED[name])
    stated = Estimate(mean, sd, 0.003 * sd, 0.003 * sd, 1e6)
    assert compare(reference(name), stated).passes


@pytest.mark.parametrize("name", NAMES)
def test_the_stock_script_samples_the_same_posterior(name: str) -> None:
    target = posterior(name)
    q = target.lower + (target.upper - target.lower) * np.random.default_rng(0).uniform(-0.1, 1.1, (2000, target.ndim))
    expected = target.log_prob(q)
    assert np.isfinite(expected).any()
    assert not np.isfinite(expected).all()
    np.testing.assert_allclose(plain_log_prob(target)(q), expected, rtol=1e-9)


def test_the_test_sees_a_shifted_mean_and_a_wrong_sd() -> None:
    truth = reference("toe")
    assert compare(truth, truth).passes
    shifted = Estimate(truth.mean + 6.0 * truth.mean_error, truth.sd, truth.mean_error, truth.sd_error, truth.ess)
    assert compare(shifted, truth).verdict == "FAIL"
    narrow = Estimate(truth.mean, 0.97 * truth.sd, truth.mean_error, truth.sd_error, truth.ess)
    assert compare(narrow, truth).verdict == "FAIL"
    unsure = Estimate(truth.mean, 0.97 * truth.sd, truth.mean_error, 0.02 * truth.sd, truth.ess)
    assert compare(unsure, truth).verdict == "too few samples"
    stuck = Estimate(truth.mean, np.full(6, np.nan), truth.mean_error, truth.sd_error, 0.0)
    assert compare(stuck, truth).verdict == "FAIL"


def test_errors_of_estimates_are_as_large_as_they_say() -> None:
    rng = np.random.default_rng(5)
    chains, weighted = [], []
    for _ in range(200):
        draws = rng.standard_normal((2, 50, 10, 1))
        chains.append(Estimate.of_chains(draws))
        # Uniform draws weighted to a normal distribution: another shape, the same answer.
        flat = rng.uniform(-5.0, 5.0, (2000, 1))
        weighted.append(Estimate.of_weighted(flat, -0.5 * flat[:, 0] ** 2))
    for estimates in (chains, weighted):
        for value, error, truth in (("mean", "mean_error", 0.0), ("sd", "sd_error", 1.0)):
            scores = [(getattr(e, value)[0] - truth) / getattr(e, error)[0] for e in estimates]
            # 200 scores give their sd to 5 %; an estimated ESS in each adds some.
            assert np.std(scores) == pytest.approx(1.0, abs=0.2)
        pooled = Estimate.pooled(estimates)
        assert pooled.mean_error[0] == pytest.approx(
            np.mean([e.mean_error[0] for e in estimates]) / np.sqrt(200.0), rel=0.05
        )
        assert abs(pooled.sd[0] - 1.0) < 5.0 * pooled.sd_error[0]
