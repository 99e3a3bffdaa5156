"""An ensemble settles before it is stored: who is brought home, by how much mass, and where to."""

from __future__ import annotations

import numpy as np
import pytest
from toys import Scripted, Toy, toy

from calibrate.sampling import start as start_module
from calibrate.sampling.pilot import Population
from calibrate.sampling.start import settle, spread

# --- an ensemble settles ---


WALKERS = 100
# In a line, which emcee would refuse as a first state if it were asked.
COORDS = np.repeat(np.arange(float(WALKERS))[:, np.newaxis], 2, axis=1)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Return sixteen steps of log-probabilities between -1 and 1, median 0 and quartile -0.5, to be changed."""
    Scripted.script, Scripted.made = np.tile(np.linspace(-1.0, 1.0, WALKERS), (16, 1)), []
    monkeypatch.setattr(start_module, "Block", Scripted)
    return Scripted.script


def below(*levels: tuple[float, float]) -> list[Population]:
    """Return a pilot with these masses below these levels, the rest at 0."""
    masses = np.diff([0.0, *[mass for _, mass in levels], 1.0])
    values = np.array([*[level - 0.001 for level, _ in levels], 0.0])
    return [Population(np.zeros((len(values), 2)), np.zeros(len(values)), values, masses, 0.0)]


NOTHING = below()


def settled(pilots: list[Population], seed: int = 5) -> np.ndarray:
    rows: Toy = toy(lambda q: np.zeros(len(q)), (0.0, 1.0), (0.0, 1.0))
    out = settle(rows, COORDS, pilots, np.random.SeedSequence(seed))
    assert all(q.shape == (WALKERS, 2) for q in rows.asked)
    assert Scripted.made[-1].posterior is rows
    return out


def moved(out: np.ndarray) -> list[int]:
    """Return which walkers are elsewhere, after seeing that they are where others are."""
    where = np.flatnonzero((out != COORDS).any(axis=1))
    np.testing.assert_array_equal(out[:, 0], out[:, 1])
    return list(where)


def test_where_nobody_straggles_walkers_are_left_where_they_have_come_to(script: np.ndarray) -> None:
    out = settled(NOTHING)
    np.testing.assert_array_equal(out, COORDS)
    (move,) = Scripted.made
    assert move.step == 16


def test_stragglers_are_sent_where_others_are_by_the_stream(script: np.ndarray) -> None:
    script[:, [70, 20, 45]] = [-30.0, -50.0, -40.0]
    out = settled(NOTHING)
    assert moved(out) == [20, 45, 70]
    home = np.array([i for i in range(WALKERS) if i not in (20, 45, 70)])
    _, choosing = np.random.SeedSequence(5).spawn(2)
    chosen = np.random.default_rng(choosing).choice(home, 3)
    np.testing.assert_array_equal(out[[20, 45, 70], 0], chosen[[0, 1, 2]])
    assert not np.array_equal(settled(NOTHING, 6), out)


def test_the_walkers_first_move_by_the_streams_first_child(script: np.ndarray) -> None:
    settled(NOTHING)
    moving, _ = np.random.SeedSequence(5).spawn(2)
    expected = np.random.RandomState(np.random.MT19937(moving))
    expected.choice([0], p=[1.0])  # emcee's, of the one move
    assert Scripted.made[0].drawn[0] == expected.random_sample()


def test_what_counts_is_the_second_half_of_the_steps(script: np.ndarray) -> None:
    script[:8, 30] = -1000.0  # has found home by then
    script[8, 60] = -1000.0  # in the mean of eight steps far below
    assert moved(settled(NOTHING)) == [60]


# Share of the walkers and mass as far down: 1, 2 and 3 in a hundred at -50, -40 and -30, in this order.
@pytest.mark.parametrize(
    ("masses", "stray"),
    [
        ((0.0, 0.0, 0.0), [20, 45, 70]),
        ((0.0009, 0.0021, 0.0031), [20]),
        ((0.0009, 0.0019, 0.0031), [20, 45]),
        ((0.0011, 0.0019, 0.0031), [20, 45]),
        ((0.0005, 0.0021, 0.0029), [20, 45, 70]),
        ((0.0011, 0.0021, 0.0031), []),
        ((0.001, 0.0021, 0.0031), []),  # ten times the mass is not more than ten times the mass
        ((0.01, 0.1, 0.3), []),
    ],
)
def test_of_the_lowest_as_many_are_moved_as_the_mass_does_not_account_for(
    masses: tuple[float, float, float], stray: list[int], script: np.ndarray
) -> None:
    script[:, [70, 20, 45]] = [-30.0, -50.0, -40.0]
    out = settled(below(*zip((-50.0, -40.0, -30.0), masses, strict=True)))
    assert moved(out) == stray
    # Nobody is sent to a straggler that stays.
    assert not set(out[stray, 0]) & {20.0, 45.0, 70.0}


def test_nobody_is_sent_to_stragglers_that_stay(script: np.ndarray) -> None:
    script[:, :20] = np.linspace(-60.0, -50.0, 20)
    pilots = below((-59.7, 0.5))
    for seed in range(20):
        out = settled(pilots, seed)
        assert moved(out) == [0]
        assert out[0, 0] >= 20.0


def test_the_lowest_choose_first_and_equals_in_their_order(script: np.ndarray) -> None:
    low = np.arange(1, 40, 2)
    script[:, low] = -50.0 - np.random.default_rng(0).integers(0, 2, 20)
    out = settled(NOTHING)
    lowest, higher = ([i for i in low if script[0, i] == level] for level in (-51.0, -50.0))
    home = np.setdiff1d(np.arange(WALKERS), low)
    _, choosing = np.random.SeedSequence(5).spawn(2)
    np.testing.assert_array_equal(out[[*lowest, *higher], 0], np.random.default_rng(choosing).choice(home, 20))


# --- and spreads ---


def test_walkers_spread_by_outposts_of_the_draws_and_by_the_streams_next_children(script: np.ndarray) -> None:
    rows: Toy = toy(lambda q: np.zeros(len(q)), (0.0, 1.0), (0.0, 1.0))
    stream, draws = np.random.SeedSequence(5), COORDS[:7]
    for child in np.random.SeedSequence(5).spawn(2):
        np.testing.assert_array_equal(spread(rows, COORDS, draws, stream), COORDS)
        move = Scripted.made[-1]
        assert move.step == 16
        assert move.draws is draws
        expected = np.random.RandomState(np.random.MT19937(child))
        expected.choice([0], p=[1.0])  # emcee's, of the one move
        assert move.drawn[0] == expected.random_sample()
