"""Draws of a planted run: a verdict that is known, looks back, very long chains, the best draw, and changed knees."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibrate import chain
from calibrate.draws import Draws
from calibrate.errors import ChainError, ConfigError
from calibrate.results import Run
from calibrate.sampling.series import errors_of
from calibrate.sampling.verdict import spread_draws


def test_a_verdict_that_is_known_is_the_answer_unless_somebody_chooses_the_burn_in(varus: Run) -> None:
    judged: Any = SimpleNamespace(burn_in=7, converged="known")
    run = replace(varus, judged=judged)
    assert run.verdict is run.look(121) is judged
    assert (run.burn_in, run.converged) == (7, "known")
    chosen = replace(run, dropped=60)
    assert chosen.verdict is not judged
    assert chosen.burn_in == chosen.look(121).burn_in == 60


def test_the_verdict_is_on_all_steps_and_on_what_people_ask_for(varus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.draws.judge", lambda *all: all)
    monkeypatch.setattr("calibrate.draws.looked_at", lambda *all: all)
    run = replace(varus)
    assert run.verdict == (run.chains, 121, run.settings, run.look, (run.posterior, run.settings.min_ess))


@pytest.mark.parametrize(
    ("dropped", "upto", "asked"),
    [(None, 80, None), (30, 80, 30), (50, 80, 40), (50, 81, 40), (50, 101, 50), (50, 121, 50)],
)
def test_a_look_back_drops_no_more_than_half_of_what_there_was(
    varus: Run, monkeypatch: pytest.MonkeyPatch, dropped: int | None, upto: int, asked: int | None
) -> None:
    found: list[Any] = []
    monkeypatch.setattr("calibrate.draws.look", lambda *all: found.append(all))
    replace(varus, dropped=dropped).look(upto)
    assert found == [(varus.names, varus.chains, upto, varus.settings, asked)]


def test_a_chain_is_held_in_memory_if_what_is_kept_fits(varus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept are 3 ensembles, 106 steps, 16 walkers, 7 parameters: 35,616 numbers."""
    for most, first in ((35_616, 15), (35_615, 0)):
        monkeypatch.setattr("calibrate.draws._HELD", most)
        chains, at = replace(varus)._near
        assert at == first
        assert (chains is varus.chains) == (first == 0)


def test_held_are_64_mebibytes_and_no_more(varus: Run) -> None:
    for steps, at in ((2**20, 1), (2**20 + 1, 0)):  # of eight numbers of eight bytes, behind the one that is dropped
        coords = np.broadcast_to(np.zeros(()), (1, steps + 1, 1, 8))
        chains = chain.Chains(coords, np.broadcast_to(np.zeros(()), coords.shape[:-1]), 0.5)
        assert replace(varus, chains=chains, dropped=1)._near[1] == at


def test_of_a_very_long_chain_some_steps_are_read_and_of_another_any_draw_may_be(
    varus: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 5088 draws, 500 of three ensembles are 166 of each."""
    usual = varus.thinned(500)
    monkeypatch.setattr("calibrate.draws._LONG", 5088)
    np.testing.assert_array_equal(replace(varus).thinned(500), usual)
    monkeypatch.setattr("calibrate.draws._LONG", 5087)
    run = replace(varus)
    np.testing.assert_array_equal(run.thinned(500), spread_draws(varus.chains, 15, 121, 166).reshape(-1, 7))
    assert len(run.thinned(5087)) == 5087
    assert len(run.thinned(2)) == 3  # one of each ensemble at the least
    assert run.spread(2).shape == (3, 1, 1, 7)


def test_very_long_is_more_than_half_a_million_draws(varus: Run) -> None:
    for steps in (500_000, 500_001):
        coords = np.broadcast_to(np.arange(steps, dtype=float)[np.newaxis, :, np.newaxis, np.newaxis], (1, steps, 1, 7))
        chains = chain.Chains(coords, np.zeros((1, steps, 1)), 0.5)
        spread = spread_draws(chains, 0, steps, 9)[0, :, 0]
        assert np.array_equal(replace(varus, chains=chains, dropped=0).thinned(9), spread) == (steps > 500_000)


def test_errors_are_of_the_mean_and_of_the_quantiles_that_are_told(varus: Run) -> None:
    kept = np.moveaxis(varus.chains.coords[:, 15:], -1, 0)
    np.testing.assert_allclose(varus.errors(), errors_of(kept, (0.05, 0.95)), rtol=1e-12)
    assert np.unique(varus.errors()).size == 21, "the control: three of seven parameters, none alike"


def test_the_best_draw_is_that_of_the_highest_log_posterior(varus: Run) -> None:
    np.testing.assert_array_equal(varus.best, varus.samples()[np.argmax(varus.posterior.log_prob(varus.samples()))])


def test_a_changed_knee_is_predicted_from_the_same_draws(varus: Run) -> None:
    q, angles = varus.thinned(20), [-4.0, 6.0]
    changed = q.copy()
    changed[:, 0] *= 2.0
    found = varus.predict(angles, 20, change={"mcl.k": "*2"})
    np.testing.assert_allclose(found, varus.posterior.predict(changed, angles), rtol=1e-12)
    assert (found[:, 0] < varus.predict(angles, 20)[:, 0]).all()  # valgus, which the MCL resists
    for change in (None, {"mcl.k": "*2"}):
        with pytest.raises(ConfigError, match="no_such"):
            varus.predict(angles, 20, "no_such", change)


def test_draws_in_memory_say_that_there_are_none_until_there_is_one(varus: Run) -> None:
    def first(steps: int) -> Draws:
        coords, log_prob = varus.chains.coords[:, :steps], varus.chains.log_prob[:, :steps]
        return Draws(varus.posterior, varus.settings, chain.Chains(coords, log_prob, 0.5), dropped=0)

    with pytest.raises(ChainError) as refused:
        first(0).samples()
    assert str(refused.value) == "nothing is stored yet"
    assert first(1).samples().shape == (48, 7)


def test_pictures_are_of_these_draws(varus: Run) -> None:
    assert varus.plot.corner.args == (varus,)  # type: ignore[attr-defined]  # a partial
