"""Outposts: which draws they are, that a walker in a corner gets home by them, and that the file is all they need."""

from __future__ import annotations

from pathlib import Path

import emcee
import numpy as np
import pytest
from conftest import bench_config

from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run
from calibrate.sampling import block as block_module
from calibrate.sampling.block import _BANDWIDTH, Block
from calibrate.sampling.ensembles import generators
from calibrate.sampling.moves import moves_of
from calibrate.sampling.outposts import OUTPOSTS, outposts

GROUPS, SIZES = np.array([[0, 2, 0], [1, 0, 0]]), np.array([2, 1])


def cloud(n: int = 400) -> np.ndarray:
    """Return draws of three parameters, each of its own scale."""
    return np.random.default_rng(1).standard_normal((n, 3)) * [1.0, 1e-3, 1e4]


def test_outposts_are_the_draws_that_the_others_are_farthest_from_in_each_group() -> None:
    draws = cloud()
    draws[17], draws[300] = [9.0, 0.0, 9e4], [-9.0, 0.0, 9e4]
    draws[200, 1] = 12e-3
    found = outposts(draws, np.zeros(400), GROUPS, SIZES, 0.9)
    assert found.shape == (2, OUTPOSTS, 3)
    np.testing.assert_array_equal(found[0, :2, :2][np.argsort(found[0, :2, 0])], draws[[300, 17]][:, [0, 2]])
    assert found[1, 0, 0] == draws[200, 1]
    assert not found[0, :, 2].any()
    assert not found[1, :, 1:].any()
    # All are draws. What one kernel knows is known, but one far out may need another beside it.
    for g, columns in enumerate(([0, 2], [1])):
        rows = {tuple(row) for row in draws[:, columns]}
        assert all(tuple(row[: len(columns)]) in rows for row in found[g])
        assert len(np.unique(found[g], axis=0)) > 4


def test_a_draw_is_less_of_an_outpost_the_less_probable_it_is() -> None:
    draws = cloud()
    draws[17], draws[300] = [9.0, 0.0, 9e4], [-9.0, 0.0, 9e4]
    log_prob = np.zeros(400)
    log_prob[17] = -40.0
    found = outposts(draws, log_prob, GROUPS, SIZES, 0.9)
    assert -9.0 in found[0, :, 0]
    assert 9.0 not in found[0, :, 0]


def test_outposts_do_not_depend_on_units() -> None:
    draws = cloud()
    log_prob = -0.5 * (draws**2 / [1.0, 1e-6, 1e8]).sum(axis=1)
    found = outposts(draws, log_prob, GROUPS, SIZES, 0.9)
    other = outposts(draws * [1e3, 1e3, 1e-6], log_prob, GROUPS, SIZES, 0.9)
    np.testing.assert_allclose(other[0, :, :2], found[0, :, :2] * [1e3, 1e-6], rtol=1e-12)


@pytest.mark.parametrize(("draws", "count"), [(cloud(0), 0), (cloud(3), 3), (np.ones((50, 3)), OUTPOSTS)])
def test_few_draws_and_draws_in_one_place_are_taken_as_they_are(draws: np.ndarray, count: int) -> None:
    found = outposts(draws, np.zeros(len(draws)), GROUPS, SIZES, 0.9)
    assert found.shape == (2, count, 3)
    assert np.isfinite(found).all()


def test_a_walker_in_a_corner_gets_home_by_an_outpost_there() -> None:
    posterior = Posterior.from_config(bench_config(noise="sigma = 1e8"))
    rng, width = np.random.default_rng(0), posterior.upper - posterior.lower
    start = posterior.lower + width * (0.5 + 0.02 * rng.standard_normal((128, 6)))
    start[51] = posterior.lower + 0.05 * width
    stays = []
    for draws in (None, start):
        # Kernels alone.
        sampler = emcee.EnsembleSampler(
            128, 6, posterior.log_prob, moves=[Block(posterior, stretch=0.0, de=0.0, draws=draws)], vectorize=True
        )
        first = emcee.State(start, random_state=generators(1, 1)[0].get_state())
        sampler.run_mcmc(first, 1, skip_initial_state_check=True)
        stays.append(np.array_equal(sampler.get_chain()[0, 51], start[51]))
    assert stays == [True, False]


def test_the_moves_of_a_run_stand_by_the_first_walkers_of_all_ensembles(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = Posterior.from_config(bench_config())
    starts = posterior.prior_sample(np.random.default_rng(3), 64).reshape(2, 32, 6)
    move, _ = moves_of(posterior, bench_config().sampling.moves, starts)[0]
    assert isinstance(move, Block)
    rows = starts.reshape(64, 6)
    expected = outposts(rows, posterior.log_prob(rows), move._groups, move._sizes, _BANDWIDTH)
    np.testing.assert_array_equal(move._outposts, expected)
    given = []
    monkeypatch.setattr(block_module, "_block", lambda *arguments: given.append(arguments[-2]))
    move.propose(emcee.model.Model(None, None, None, np.random.RandomState(0)), emcee.State(starts[0]))
    assert given[0] is move._outposts


def test_a_run_in_parts_has_the_outposts_of_the_whole(tmp_path: Path) -> None:
    config = bench_config(extra="[sampling]\nmax_steps = 40\nwalkers = 32\nmoves = { block = 1.0 }\n")
    start_run(config, tmp_path / "whole.h5")
    start_run(config.with_sampling(max_steps=15), tmp_path / "parts.h5")
    resume_run(tmp_path / "parts.h5", until_steps=40)
    whole, parts = (open_run(tmp_path / name).chains for name in ("whole.h5", "parts.h5"))
    np.testing.assert_array_equal(parts.coords, whole.coords)
