"""What a verdict asks of quantities that follow from the parameters: by which draws, how many, and of what worth."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from test_verdict import LOOSE, chains_of, figures, gaussian, looks_at
from toys import ar1

from calibrate.sampling import verdict as verdict_module
from calibrate.sampling.verdict import Verdict, judge, spread_draws


def test_derived_quantities_are_looked_at_last() -> None:
    asked = []

    def derive(rows: np.ndarray) -> dict[str, np.ndarray]:
        asked.append(len(rows))
        unreached = np.where(rows[:, 0] > 0.5, np.nan, rows[:, 0])
        rare = np.where(rows[:, 0] > 1.9, rows[:, 1], np.nan)
        return {"sum": rows.sum(axis=1), "always": np.ones(len(rows)), "now and then": unreached, "rare": rare}

    chains = chains_of(gaussian(walkers=64))
    found = judge(chains, 100, LOOSE, looks_at(chains), derive)
    assert found.converged
    assert found.derived_names == ("sum", "now and then", "rare")  # what never changes tells nothing
    assert found.derived is not None
    assert found.derived.worst_rhat < 1.05
    assert asked == [4 * 44 * 5]  # a thousand or less: of every second of 88 steps five walkers of each ensemble
    # Half of what 880 of 22,528 draws that are worth 400 are worth: 1/880 - 1/22528 + 1/400 is 1/278.4.
    worth = found.checks[-1]
    assert (worth.name, worth.threshold, worth.met) == ("derived_ess", pytest.approx(139.2, abs=0.05), True)
    strict = SimpleNamespace(max_rhat=1.05, min_ess=1e5, thin=3)
    assert not judge(chains, 100, strict, looks_at(chains, strict), derive).converged
    assert len(asked) == 1


def test_a_derived_quantity_on_which_ensembles_disagree_stands_in_the_way() -> None:
    """A ridge: the difference of two parameters is a hundredth as wide as they are, and each ensemble has its own."""
    x = gaussian(walkers=64)
    x[..., 1] = x[..., 0] + 0.01 * (x[..., 1] + np.arange(4)[:, np.newaxis, np.newaxis])
    chains, asked = chains_of(x, ar1(0.3, (4, 100, 64), np.random.default_rng(6))), []

    def derive(rows: np.ndarray) -> dict[str, np.ndarray]:
        asked.append(len(rows))
        return {"first": rows[:, 0], "difference": rows[:, 1] - rows[:, 0]}

    assert judge(chains, 100, LOOSE, looks_at(chains)).converged
    found = judge(chains, 100, LOOSE, looks_at(chains), derive)
    assert (found.missed[0].name, found.missed[0].subject) == ("derived_rhat", "difference")
    assert asked == [4 * 44 * 5, 4 * 44 * 22]  # it is looked at twice
    assert "R-hat of difference" in found.sentence


@pytest.mark.parametrize(
    ("values", "ranked"),
    [
        ([1.0, math.nan, 4.0, math.inf], [1.0, -3.0, 4.0, -3.0]),  # three below 1, as 4 is above, and one more
        ([0.5, math.nan, 0.0], [0.5, -1.5, 0.0]),
        ([7.0, -math.inf, 7.0], [7.0, 6.0, 7.0]),
        ([2.0, -3.0], [2.0, -3.0]),
        ([math.nan, math.nan], [0.0, 0.0]),
    ],
)
def test_what_is_unknown_ranks_below_all_that_is_known(values: list[float], ranked: list[float]) -> None:
    np.testing.assert_array_equal(verdict_module._ranked(np.array(values)), ranked)


@pytest.mark.parametrize(
    ("max_rhat", "walkers", "kept", "asked"),
    [
        (1.005, 64, 88, 44 * 11),  # 2.5 / 0.005 of each ensemble: of every second step eleven walkers
        (1.05, 64, 88, 44 * 5),  # 250 at the least
        (1.05, 1, 250, 250),
        (1.05, 1, 251, 125),
    ],
)
def test_the_closer_rhat_has_to_be_to_one_the_more_draws_tell(
    max_rhat: float, walkers: int, kept: int, asked: int
) -> None:
    chains = chains_of(np.random.default_rng(1).standard_normal((4, 300, walkers, 2)))
    good = Verdict(300, 300 - kept, figures(), (), thin=3)
    wanted, rows = SimpleNamespace(max_rhat=max_rhat, min_ess=400.0, thin=3), []
    judge(chains, 300, wanted, lambda upto: good, lambda some: rows.append(len(some)) or {"first": some[:, 0]})
    assert rows[0] == 4 * asked


def test_draws_are_spread_over_steps_and_walkers() -> None:
    step, walker = np.meshgrid(np.arange(100), np.arange(16), indexing="ij")
    chains = chains_of(np.broadcast_to(np.stack([step, walker], axis=-1), (3, 100, 16, 2)).astype(float))
    some = spread_draws(chains, 20, 90, 200)
    assert some.shape == (3, 35, 5, 2)  # every second of 70 steps
    np.testing.assert_array_equal(some[0, :, 0, 0], np.arange(21, 91, 2))
    assert all(np.unique(row).size == 5 for row in some[1, :, :, 1])
    assert (np.bincount(some[0, :, :, 1].astype(int).ravel(), minlength=16) > 2).all()
    np.testing.assert_array_equal(spread_draws(chains, 20, 90, 70 * 16), chains.coords[:, 20:90])
    for each in (1, 7, 60, 150, 1119):
        assert 0.4 * each < spread_draws(chains, 20, 90, each)[0, ..., 0].size <= each
    np.testing.assert_array_equal(some, spread_draws(chains, 20, 90, 200))
    # The same walkers whoever asks; 64 steps unless whole ones fill more; and of one step as many as there may be.
    np.testing.assert_array_equal(some[0, 0, :, 1], np.random.default_rng(0).permuted(np.arange(16))[:5])
    assert [spread_draws(chains, 0, upto, 200).shape[1] for upto in (64, 65, 100)] == [64, 32, 50]
    assert spread_draws(chains, 89, 90, 7).shape == (3, 1, 7, 2)
    # 1,118 draws fill 69 steps of 16 walkers: of 139 every third.
    long = chains_of(np.zeros((3, 139, 16, 2)))
    assert spread_draws(long, 0, 139, 1118).shape == (3, 46, 16, 2)
