"""Where walkers start, piece by piece on made-up posteriors, with stand-ins for fits, pilots and moves."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from toys import Toy, toy

from calibrate.config import SamplingConfig
from calibrate.errors import ConfigError
from calibrate.sampling import start as start_module
from calibrate.sampling.loop import cores, random_state
from calibrate.sampling.pilot import Population
from calibrate.sampling.start import draw, first_walkers, settle


def population(best: float, n: int = 4) -> Population:
    """Return a pilot's find of which only the best log-likelihood is of interest."""
    return Population(np.zeros((n, 2)), np.linspace(best - 5.0, best, n), np.full(n, 1.0 / n), 0.0)


# --- has a pilot missed what a fit has found? ---


@pytest.mark.parametrize(
    ("best", "found", "ndim", "missed"),
    [
        (0.0, -12.0, 2, False),
        (0.0, -12.001, 2, True),
        (0.0, -17.0, 7, False),
        (0.0, -17.001, 7, True),
        (0.0, 5.0, 2, False),
        # Of a huge log-probability nine digits count.
        (1e12, 1e12 - 1000.0, 2, False),
        (1e12, 1e12 - 1001.0, 2, True),
        (-1e12, -1e12 - 1000.0, 2, False),
        (-1e12, -1e12 - 1001.0, 2, True),
    ],
)
def test_a_fit_far_above_a_pilots_best_means_that_a_hill_was_missed(
    best: float, found: float, ndim: int, missed: bool
) -> None:
    assert start_module._missed(best, population(found), ndim) is missed


class Explorer:
    """Stands in for the pilot: keeps what it is asked, and misses the hill so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, misses: int = 0) -> None:
        self.asked: list[tuple[Any, Any, int]] = []
        self.states: list[Any] = []

        def of(posterior: Any, rng: np.random.Generator, points: int) -> Population:
            self.asked.append((posterior, rng, points))
            self.states.append(rng.bit_generator.state)
            return population(-100.0 if len(self.asked) <= misses else 0.0, len(self.asked) + 1)

        monkeypatch.setattr(start_module, "explore", of)


FLAT = toy(lambda q: np.zeros(len(q)), (0.0, 1.0), (0.0, 1.0))


@pytest.mark.parametrize(
    ("misses", "points"), [(0, [1024]), (1, [1024, 4096]), (2, [1024, 4096, 16384]), (9, [1024, 4096, 16384])]
)
def test_a_pilot_is_repeated_with_four_times_the_points_and_three_times_at_the_most(
    misses: int, points: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = Explorer(monkeypatch, misses)
    found = start_module._pilot(FLAT, 0.0, 64, np.random.SeedSequence(8))
    assert [asked[2] for asked in explorer.asked] == points
    assert len(found.coords) == len(points) + 1  # the last one's
    # All draw from one generator, that of the stream.
    assert all(asked[0] is FLAT and asked[1] is explorer.asked[0][1] for asked in explorer.asked)
    assert explorer.states[0] == np.random.default_rng(np.random.SeedSequence(8)).bit_generator.state


def test_what_counts_as_missed_grows_with_the_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer(monkeypatch, 9)
    start_module._pilot(FLAT, -88.0, 64, np.random.SeedSequence(8))
    assert len(explorer.asked) == 1
    start_module._pilot(FLAT, -87.9, 64, np.random.SeedSequence(8))
    assert len(explorer.asked) == 4


@pytest.mark.parametrize(("walkers", "points"), [(4, 1024), (1024, 1024), (1026, 1026), (2048, 2048), (2049, 2048)])
def test_a_pilot_has_at_least_as_many_points_as_there_are_walkers_and_an_even_number(
    walkers: int, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = Explorer(monkeypatch)
    start_module._pilot(FLAT, 0.0, walkers, np.random.SeedSequence(8))
    assert explorer.asked[0][2] == points


# --- walkers are drawn by their weights ---


def weighted(n: int = 60) -> Population:
    """Return points of which every third has no weight, and one has half of it."""
    weights = np.where(np.arange(n) % 3 == 0, 0.0, 1.0)
    weights[1] = weights.sum() - 1.0
    coords = np.stack([np.arange(n), 100.0 + np.arange(n)], axis=1).astype(float)
    return Population(coords, np.zeros(n), weights / weights.sum(), 0.0)


def test_walkers_are_points_of_the_pilot_none_twice_and_none_without_weight() -> None:
    drawn = draw(weighted(), 40, np.random.SeedSequence(1))
    rows = drawn[:, 0].astype(int)
    np.testing.assert_array_equal(drawn[:, 1], 100.0 + rows)
    assert sorted(rows) == [i for i in range(60) if i % 3]


def test_a_heavy_point_is_drawn_and_a_light_one_at_its_rate() -> None:
    counts = np.zeros(60)
    for seed in range(300):
        counts[draw(weighted(), 4, np.random.SeedSequence(seed))[:, 0].astype(int)] += 1
    assert counts[1] > 240  # 1 - 1/16 or so of 300
    assert counts[2:].max() < 60


def test_walkers_depend_on_the_stream_and_leave_the_next_ones_to_others() -> None:
    stream = np.random.SeedSequence(3)
    one, again = draw(weighted(), 10, stream), draw(weighted(), 10, np.random.SeedSequence(3))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, draw(weighted(), 10, np.random.SeedSequence(4)))
    expected = np.random.default_rng(np.random.SeedSequence(3).spawn(1)[0])
    np.testing.assert_array_equal(one[:, 0], expected.choice(60, 10, replace=False, p=weighted().weights))
    assert stream.n_children_spawned == 1


@pytest.mark.parametrize("column", [0, 1])
def test_walkers_that_do_not_differ_in_some_parameter_are_refused(column: int) -> None:
    same = weighted()
    same.coords[:, column] = 7.0
    with pytest.raises(ConfigError) as refused:
        draw(same, 10, np.random.SeedSequence(1))
    assert str(refused.value) == (
        "no walkers can be started: the posterior is too narrow or too wide for the computer's numbers; check the "
        "bounds, sigma and their units"
    )


# --- an ensemble settles ---


class Scripted:
    """Stands in for the block move: the walkers stay, and their log-probabilities are what the script says."""

    script: np.ndarray  # (steps, walkers)
    made: list[Scripted]

    def __init__(self, posterior: Any) -> None:
        self.posterior, self.step, self.drawn = posterior, 0, []
        self.made.append(self)

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        self.drawn.append(model.random.random_sample())
        state.log_prob = self.script[self.step].copy()
        self.step += 1
        return state, np.ones(len(state.coords), dtype=bool)


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
    return [Population(np.zeros((len(values), 2)), values, masses, 0.0)]


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
    expected = np.random.RandomState()
    expected.set_state(random_state(moving))
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


def test_equals_take_their_places_in_their_order(script: np.ndarray) -> None:
    low = np.arange(1, 40, 2)
    script[:, low] = -50.0
    out = settled(NOTHING)
    home = np.setdiff1d(np.arange(WALKERS), low)
    _, choosing = np.random.SeedSequence(5).spawn(2)
    np.testing.assert_array_equal(out[low, 0], np.random.default_rng(choosing).choice(home, 20))


# --- all of it ---


class Stage:
    """Stand-ins for all that takes time; keeps what each is asked."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, fit: float = 0.0, found: tuple[float, ...] = (0.0,) * 8
    ) -> None:
        self.fits: list[Any] = []
        self.pilots: list[tuple[Any, float, int, Any]] = []
        self.draws: list[tuple[Population, int, Any]] = []
        self.settles: list[tuple[Any, np.ndarray, Any, Any]] = []
        self.threads: set[str] = set()
        self.workers: list[int] = []

        def find_map(posterior: Any, rng: np.random.Generator) -> list[Any]:
            self.fits.append((posterior, rng.bit_generator.state))
            return [SimpleNamespace(log_prob=fit), SimpleNamespace(log_prob=fit - 1e9)]

        def _pilot(posterior: Any, best: float, walkers: int, stream: Any) -> Population:
            self.pilots.append((posterior, best, walkers, stream))
            self.threads.add(threading.current_thread().name)
            return population(found[stream.spawn_key[-1]], 2 + stream.spawn_key[-1])

        def draw(pilot: Population, walkers: int, stream: Any) -> np.ndarray:
            self.draws.append((pilot, walkers, stream))
            return np.full((walkers, 2), float(stream.spawn_key[-1]))

        def settle(posterior: Any, walkers: np.ndarray, pilots: Any, stream: Any) -> np.ndarray:
            self.settles.append((posterior, walkers, pilots, stream))
            return walkers + 0.5

        def pool(workers: int, name: str) -> ThreadPoolExecutor:
            self.workers.append(workers)
            return ThreadPoolExecutor(workers, name)

        for stand_in in (find_map, _pilot, draw, settle):
            monkeypatch.setattr(start_module, stand_in.__name__, stand_in)
        monkeypatch.setattr(start_module, "ThreadPoolExecutor", pool)


def test_each_ensemble_has_a_pilot_draws_from_it_and_settles_by_what_all_have_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch, fit=-3.0)
    warnings: list[str] = []
    settings = SamplingConfig(seed=11, ensembles=3, walkers=10, workers=2)
    walkers = first_walkers(FLAT, settings, on_warning=warnings.append)
    np.testing.assert_array_equal(walkers, np.tile([[[0.5]], [[1.5]], [[2.5]]], (1, 10, 2)))
    assert warnings == []
    assert all(name.startswith("start") for name in stage.threads)
    # The first streams of the seed move the walkers later; the one after them is for the start.
    stream = np.random.SeedSequence(11).spawn(4)[3]
    assert stage.fits == [(FLAT, np.random.default_rng(stream).bit_generator.state)]
    keys = [of_one.spawn_key for of_one in stream.spawn(3)]
    assert sorted(asked[3].spawn_key for asked in stage.pilots) == keys
    assert all(asked[3].entropy == 11 for asked in stage.pilots)
    assert [(asked[0], asked[1], asked[2]) for asked in stage.pilots] == [(FLAT, -3.0, 10)] * 3
    assert sorted((len(pilot.coords) - 2, count, stream.spawn_key[-1]) for pilot, count, stream in stage.draws) == [
        (i, 10, i) for i in range(3)
    ]
    for posterior, begun, pilots, of_one in stage.settles:
        assert posterior is FLAT
        np.testing.assert_array_equal(begun, np.full((10, 2), float(of_one.spawn_key[-1])))
        assert [len(pilot.coords) for pilot in pilots] == [2, 3, 4]


@pytest.mark.parametrize(("workers", "ensembles", "threads"), [(1, 4, 1), (3, 4, 3), (9, 4, 4), (None, 64, None)])
def test_there_are_as_many_threads_as_asked_for_or_as_cores_and_no_more_than_ensembles(
    workers: int | None, ensembles: int, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(monkeypatch, found=(0.0,) * 64)
    first_walkers(FLAT, SamplingConfig(ensembles=ensembles, walkers=4, workers=workers))
    assert stage.workers == [min(cores(), 64) if threads is None else threads]


@pytest.mark.parametrize("which", [None, 0, 1, 2])
def test_a_hill_that_one_pilot_has_missed_to_the_last_is_told(
    which: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [-12.0, -12.0, -12.0]
    if which is not None:
        found[which] = -12.1
    Stage(monkeypatch, found=tuple(found))
    warnings: list[str] = []
    settings = SamplingConfig(seed=11, ensembles=3, walkers=10)
    first_walkers(FLAT, settings, on_warning=warnings.append)
    expected = (
        "a fit reaches a log-probability of 0.0, far above all that the walkers know: the posterior "
        "has a hill so narrow that its mass cannot be told; narrow the bounds around it to have it sampled"
    )
    assert warnings == ([] if which is None else [expected])
    first_walkers(FLAT, settings)  # whoever does not listen has the walkers all the same


def test_the_whole_of_it_depends_on_the_seed_and_not_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real draws and stragglers; fits, pilots and moves are stand-ins that are quick."""
    script = np.tile(np.linspace(-1.0, 1.0, 32), (16, 1))
    script[:, 3] = -40.0
    monkeypatch.setattr(Scripted, "script", script, raising=False)
    monkeypatch.setattr(Scripted, "made", [], raising=False)
    monkeypatch.setattr(start_module, "Block", Scripted)
    monkeypatch.setattr(start_module, "find_map", lambda posterior, rng: [SimpleNamespace(log_prob=0.0)])
    monkeypatch.setattr(
        start_module,
        "explore",
        lambda posterior, rng, points: Population(
            rng.random((points, 2)), np.zeros(points), np.full(points, 1 / points), 0.0
        ),
    )

    def walkers(seed: int, threads: int) -> np.ndarray:
        return first_walkers(FLAT, SamplingConfig(seed=seed, ensembles=3, walkers=32, workers=threads))

    one = walkers(1, 1)
    assert one.shape == (3, 32, 2)
    np.testing.assert_array_equal(one, walkers(1, 3))
    assert not np.array_equal(one, walkers(2, 1))
    assert not np.array_equal(one[0], one[1])
    for ensemble in one:
        assert len(np.unique(ensemble, axis=0)) == 31  # the straggler is where another is
    assert math.isfinite(one.sum())
