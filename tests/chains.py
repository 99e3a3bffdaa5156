"""Chains made up for tests of the file alone: every number in a step says where it belongs."""

from __future__ import annotations

import functools
from pathlib import Path

import emcee
import h5py
import numpy as np
import pytest
from conftest import bench_config

from calibrate import chain
from calibrate.posterior import Posterior

ENSEMBLES, WALKERS, NDIM = 2, 12, 6
CONFIG = bench_config(extra=f"[sampling]\nensembles = {ENSEMBLES}\nwalkers = {WALKERS}\n")
POSTERIOR = Posterior.from_config(CONFIG)
STARTS = np.random.default_rng(1).normal(size=(ENSEMBLES, WALKERS, NDIM))
ORIGIN = chain.new_origin(CONFIG, {"": POSTERIOR.measurement}, POSTERIOR.names, STARTS)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks so small, six steps, that blocks and growth cross them all the time."""
    monkeypatch.setattr("calibrate.chain.layout._CHUNK", 6 * 8 * WALKERS)


@functools.cache
def step(ensemble: int, i: int) -> tuple[emcee.State, np.ndarray]:
    """Return the i-th step of an ensemble: every number in it says where it belongs."""
    coords = np.arange(WALKERS * NDIM, dtype=float).reshape(WALKERS, NDIM) + 1000.0 * i + 1e6 * (ensemble + 1)
    random_state = np.random.RandomState(1000 * ensemble + i).get_state()
    state = emcee.State(coords, log_prob=-coords[:, 0], random_state=random_state)
    return state, np.arange(WALKERS) < i % WALKERS


def store(writer: chain.ChainWriter, steps: int) -> None:
    """Go on to that many steps, ensembles in turn."""
    while min(backend.iteration for backend in writer.backends) < steps:
        for ensemble, backend in enumerate(writer.backends):
            if backend.iteration < steps:
                backend.save_step(*step(ensemble, backend.iteration))


def stored(path: Path) -> int:
    """Return the steps that a reader finds, all of them checked to the last bit."""
    chains = chain.read_chains(path)
    steps = chains.coords.shape[1]
    for ensemble in range(ENSEMBLES):
        expected = [step(ensemble, i)[0].coords for i in range(steps)]
        if steps:
            np.testing.assert_array_equal(chains.coords[ensemble], expected)
            np.testing.assert_array_equal(chains.log_prob[ensemble], -np.asarray(expected)[..., 0])
    return steps


def check_finished(path: Path, steps: int) -> None:
    """Check with emcee and h5py alone that a file at rest has exactly these steps, counts and random states."""
    for ensemble in range(ENSEMBLES):
        backend = emcee.backends.HDFBackend(str(path), name=f"ensemble_{ensemble}", read_only=True)
        assert backend.iteration == steps
        assert backend.shape == (WALKERS, NDIM)
        np.testing.assert_array_equal(backend.get_chain(), [step(ensemble, i)[0].coords for i in range(steps)])
        np.testing.assert_array_equal(backend.accepted, sum(step(ensemble, i)[1].astype(float) for i in range(steps)))
        for found, wanted in zip(backend.random_state, step(ensemble, steps - 1)[0].random_state, strict=True):
            np.testing.assert_array_equal(found, wanted)
    with h5py.File(path) as f:
        assert f["ensemble_0/chain"].shape == (steps, WALKERS, NDIM)
        assert f["ensemble_0/log_prob"].shape == (steps, WALKERS)
        assert "slots" not in f["calibrate"]
        rows = f["ensemble_0/chain"].chunks[0]
        chunks = -(-steps // rows)
        assert chunks * rows - steps < chunks  # as even as can be: none is nearly empty
