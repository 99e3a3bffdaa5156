"""Steps are emcee's, bit for bit, and threads are made where they are asked for."""

from __future__ import annotations

import threading
from pathlib import Path

import emcee
import numpy as np
import pytest
from clouds import noisy, posterior_of

from calibrate.config import MovesConfig, SamplingConfig
from calibrate.posterior import Posterior
from calibrate.sampling import loop
from calibrate.sampling.ensembles import generators
from calibrate.sampling.loop import Budget, sample
from calibrate.sampling.moves import moves_of
from calibrate.sampling.stepping import Stepper, threads

MIXTURE = MovesConfig(block=0.4, stretch=0.3, de=0.2, snooker=0.1)
POSTERIOR = posterior_of(noisy())


@pytest.fixture(scope="module")
def starts() -> np.ndarray:
    rng = np.random.default_rng(2)
    middle, width = np.array([33.5, 0.06, 94.0, 42.8, 0.06, 62.5, 0.3]), 0.01
    return middle * (1.0 + width * rng.standard_normal((2, 16, 7)))


def emcees(
    posterior: Posterior, start: np.ndarray, state: object, every: np.ndarray, thin: int
) -> emcee.EnsembleSampler:
    """Return emcee's own sampler after sixty steps."""
    moves = moves_of(posterior, MIXTURE, every)
    sampler = emcee.EnsembleSampler(*start.shape, posterior.log_prob, moves=moves, vectorize=True)
    first = emcee.State(start, random_state=state)
    sampler.run_mcmc(first, 60 // thin, thin_by=thin, skip_initial_state_check=True)
    return sampler


@pytest.mark.parametrize("thin", [1, 3])
def test_the_chain_is_that_of_emcees_own_sampler(thin: int, starts: np.ndarray) -> None:
    settings = SamplingConfig(seed=5, ensembles=2, walkers=16, moves=MIXTURE, thin=thin, min_ess=1e9)
    backends = [emcee.backends.Backend() for _ in starts]
    sample(POSTERIOR, backends, starts, settings, Budget(60))
    for start, backend, state in zip(starts, backends, [one.get_state() for one in generators(5, 2)], strict=True):
        theirs = emcees(POSTERIOR, start, state, starts, thin)
        np.testing.assert_array_equal(backend.get_chain(), theirs.get_chain())
        np.testing.assert_array_equal(backend.get_log_prob(), theirs.get_log_prob())
        np.testing.assert_array_equal(backend.accepted, theirs.backend.accepted)
        for ours, other in zip(backend.random_state, theirs.backend.random_state, strict=True):
            np.testing.assert_array_equal(ours, other)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_chain_goes_on_as_if_it_had_not_stopped(in_memory: bool, starts: np.ndarray, tmp_path: Path) -> None:
    settings = SamplingConfig(seed=5, ensembles=2, walkers=16, moves=MIXTURE, min_ess=1e9)

    def backends(name: str) -> list[emcee.backends.Backend]:
        if in_memory:
            return [emcee.backends.Backend() for _ in starts]
        return [emcee.backends.HDFBackend(str(tmp_path / f"{name}{i}.h5")) for i in range(len(starts))]

    whole, parts = backends("whole"), backends("parts")
    sample(POSTERIOR, whole, starts, settings, Budget(40))
    for steps in (7, 40):
        sample(POSTERIOR, parts, starts, settings, Budget(steps))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.get_chain(), other.get_chain())


def test_a_long_chain_in_memory_is_copied_a_few_times_only(starts: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a turn for each of 200 steps, room is made at 1, 2, 3, 4, 6, 9, 13, ..., 211 steps, and not 200 times."""
    monkeypatch.setattr(loop, "_TURN", 0.0)
    settings = SamplingConfig(seed=5, ensembles=2, walkers=16, moves=MIXTURE, min_ess=1e9)
    backends, rooms, turns = [emcee.backends.Backend() for _ in starts], [0], 0

    def look(progress: loop.Progress) -> None:
        nonlocal turns
        turns += 1
        room = len(backends[0].chain)
        assert len(backends[0].log_prob) == room >= progress.steps
        if room != rooms[-1]:
            rooms.append(room)

    sample(POSTERIOR, backends, starts, settings, Budget(200), on_progress=look)
    assert turns >= 200
    assert rooms == [0, 1, 2, 3, 4, 6, 9, 13, 19, 28, 42, 63, 94, 141, 211]
    once = [emcee.backends.Backend() for _ in starts]
    monkeypatch.undo()
    sample(POSTERIOR, once, starts, settings, Budget(200))
    for one, other in zip(backends, once, strict=True):
        np.testing.assert_array_equal(one.get_chain(), other.get_chain())
        np.testing.assert_array_equal(one.get_log_prob(), other.get_log_prob())


def test_the_first_state_is_not_touched(starts: np.ndarray) -> None:
    before = starts[0].copy()
    stepper = Stepper(POSTERIOR, moves_of(POSTERIOR, MIXTURE, None), emcee.State(starts[0]), generators(1, 1)[0])
    for _ in range(3):
        stepper.step()
    assert (stepper.state.coords != before).any()
    np.testing.assert_array_equal(starts[0], before)


def test_one_thread_is_the_one_that_asks() -> None:
    def whose(_: int) -> str:
        return threading.current_thread().name

    with threads(1, "spare") as pool:
        assert list(pool.map(whose, range(3))) == [threading.current_thread().name] * 3
    with threads(2, "spare") as pool:
        assert all(name.startswith("spare") for name in pool.map(whose, range(3)))
