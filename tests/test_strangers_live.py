"""A file of a run that goes on, which a stranger may have made: its records are believed no more than the rest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from crafted import STEPS, WALKERS, Command, Spoil, little_memory, one_line, sound

from calibrate import chain
from calibrate.chain.slots import EnsembleState, newest, pack
from calibrate.results import open_run


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound(tmp_path_factory.mktemp("good") / "run.h5")


def record(change: Callable[[EnsembleState], EnsembleState]) -> Spoil:
    """Write two records with right checksums and a wrong state."""

    def spoil(f: h5py.File) -> None:
        sequence, states = newest(f["calibrate/slots"][...], 2, WALKERS)
        states[1] = change(states[1])
        for i in range(2):
            f["calibrate/slots"][(sequence + i) % 2] = np.frombuffer(pack(sequence + i, states), dtype=np.uint8)

    return spoil


def with_state(position: int = 5, has_gauss: int = 0, gauss: float = 0.0, keys: Any = None) -> Spoil:
    def change(state: EnsembleState) -> EnsembleState:
        name, old, *_ = state.random_state
        random_state = (name, old if keys is None else keys, position, has_gauss, gauss)
        return EnsembleState(state.iteration, state.accepted, random_state)

    return record(change)


LIVE: dict[str, tuple[Spoil, str]] = {
    "position 1e9": (with_state(position=10**9), "random state that NumPy cannot have had"),
    "position negative": (with_state(position=-1), "random state that NumPy cannot have had"),
    "gaussian flag": (with_state(has_gauss=2), "random state that NumPy cannot have had"),
    "gaussian infinite": (with_state(gauss=np.inf), "random state that NumPy cannot have had"),
    "keys all 0": (with_state(keys=np.zeros(624, "u4")), "random state that NumPy cannot have had"),
    "no state": (record(lambda s: EnsembleState(s.iteration, s.accepted, None)), "no random state"),
    "steps negative": (record(lambda s: EnsembleState(-1, s.accepted, s.random_state)), "counts -1 steps"),
    "steps beyond": (record(lambda s: EnsembleState(10**6, s.accepted, s.random_state)), "not 1000000"),
    "steps unwritten": (record(lambda s: EnsembleState(STEPS + 2, s.accepted, s.random_state)), ""),
    "moves": (record(lambda s: EnsembleState(s.iteration, s.accepted + 1e6, s.random_state)), "accepted moves"),
    "room elsewhere": (lambda f: f["ensemble_1/chain"].resize(3, axis=0), "claims|shape"),
}


@pytest.mark.parametrize("kind", LIVE)
@pytest.mark.usefixtures(little_memory.__name__)
def test_a_crafted_live_file_is_refused_by_all_who_read_it(
    kind: str, good: Path, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    with chain.ChainWriter(path, capacity=5):
        pass
    assert open_run(path).stored == STEPS
    spoil, words = LIVE[kind]
    with h5py.File(path, "r+") as f:
        spoil(f)
    if kind == "steps unwritten":  # in one ensemble only, and steps that one alone has do not count
        assert open_run(path).stored == STEPS
        return
    one_line(command("summary", path), words)
    one_line(command("resume", path, "--steps", 1), words)
