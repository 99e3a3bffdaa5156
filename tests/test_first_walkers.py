"""Where walkers start, piece by piece on made-up posteriors, with stand-ins for fits, pilots and moves."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from toys import Scripted, toy

from calibrate.config import SamplingConfig
from calibrate.errors import ConfigError
from calibrate.processes import cores
from calibrate.sampling import start as start_module
from calibrate.sampling.pilot import Population
from calibrate.sampling.start import draw, first_walkers


def population(best: float, n: int = 4) -> Population:
    """Return a pilot's find of which only the best log-probability is of interest."""
    return Population(np.zeros((n, 2)), np.full(n, 1e9), np.linspace(best - 5.0, best, n), np.full(n, 1.0 / n), 0.0)


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
    assert start_module.missed(best, population(found), ndim) is missed


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
    found = start_module._pilot(FLAT, 0.0, np.random.SeedSequence(8))
    assert [asked[2] for asked in explorer.asked] == points
    assert len(found.coords) == len(points) + 1  # the last one's
    # All draw from one generator, that of the stream.
    assert all(asked[0] is FLAT and asked[1] is explorer.asked[0][1] for asked in explorer.asked)
    assert explorer.states[0] == np.random.default_rng(np.random.SeedSequence(8)).bit_generator.state


def test_what_counts_as_missed_grows_with_the_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer(monkeypatch, 9)
    start_module._pilot(FLAT, -88.0, np.random.SeedSequence(8))
    assert len(explorer.asked) == 1
    start_module._pilot(FLAT, -87.9, np.random.SeedSequence(8))
    assert len(explorer.asked) == 4


# --- walkers are drawn by their weights ---


def weighted(n: int = 60) -> Population:
    """Return points of which every third has no weight, and one has half of it."""
    weights = np.where(np.arange(n) % 3 == 0, 0.0, 1.0)
    weights[1] = weights.sum() - 1.0
    coords = np.stack([np.arange(n), 100.0 + np.arange(n)], axis=1).astype(float)
    return Population(coords, np.zeros(n), np.zeros(n), weights / weights.sum(), 0.0)


def test_walkers_are_points_of_the_pilot_none_twice_and_none_without_weight() -> None:
    drawn = draw(weighted(), 40, np.random.SeedSequence(1))
    rows = drawn[:, 0].astype(int)
    np.testing.assert_array_equal(drawn[:, 1], 100.0 + rows)
    assert sorted(rows) == [i for i in range(60) if i % 3]


def test_very_many_walkers_share_points_by_their_weights() -> None:
    drawn = draw(weighted(), 1025, np.random.SeedSequence(1))  # more than a pilot has points
    counts = np.bincount(drawn[:, 0].astype(int), minlength=60)
    assert counts.sum() == 1025
    assert counts[1] == pytest.approx(1025 / 2, abs=4.0 * np.sqrt(1025 / 4))
    assert not counts[::3].any()
    with pytest.raises(ValueError, match="larger sample than population"):
        draw(weighted(), 1024, np.random.SeedSequence(1))


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


# --- all of it ---


class Stage:
    """Stand-ins for all that takes time; keeps what each is asked."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, fit: float = 0.0, found: tuple[float, ...] = (0.0,) * 8
    ) -> None:
        self.fits: list[Any] = []
        self.pilots: list[tuple[Any, float, Any]] = []
        self.draws: list[tuple[Population, int, Any]] = []
        self.settles: list[tuple[Any, np.ndarray, Any, Any]] = []
        self.spreads: list[tuple[Any, np.ndarray, np.ndarray, Any]] = []
        self.threads: set[str] = set()
        self.workers: list[int] = []

        def find_map(posterior: Any, rng: np.random.Generator) -> list[Any]:
            self.fits.append((posterior, rng.bit_generator.state))
            return [SimpleNamespace(log_prob=fit), SimpleNamespace(log_prob=fit - 1e9)]

        def _pilot(posterior: Any, best: float, stream: Any) -> Population:
            self.pilots.append((posterior, best, stream))
            self.threads.add(threading.current_thread().name)
            return population(found[stream.spawn_key[-1]], 2 + stream.spawn_key[-1])

        def draw(pilot: Population, walkers: int, stream: Any) -> np.ndarray:
            self.draws.append((pilot, walkers, stream))
            return np.full((walkers, 2), float(stream.spawn_key[-1]))

        def settle(posterior: Any, walkers: np.ndarray, pilots: Any, stream: Any) -> np.ndarray:
            self.settles.append((posterior, walkers, pilots, stream))
            return walkers + 0.5

        def spread(posterior: Any, walkers: np.ndarray, draws: np.ndarray, stream: Any) -> np.ndarray:
            self.spreads.append((posterior, walkers, draws, stream.spawn_key[-1]))
            return walkers + 0.125

        def pool(workers: int, name: str) -> ThreadPoolExecutor:
            self.workers.append(workers)
            return ThreadPoolExecutor(workers, name)

        for stand_in in (find_map, _pilot, draw, settle, spread):
            monkeypatch.setattr(start_module, stand_in.__name__, stand_in)
        monkeypatch.setattr(start_module, "ThreadPoolExecutor", pool)


def test_each_ensemble_has_a_pilot_draws_from_it_and_settles_by_what_all_have_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch, fit=-3.0)
    warnings: list[str] = []
    settings = SamplingConfig(seed=11, ensembles=3, walkers=10, workers=2)
    walkers = first_walkers(FLAT, settings, on_warning=warnings.append)
    np.testing.assert_array_equal(walkers, np.tile([[[0.875]], [[1.875]], [[2.875]]], (1, 10, 2)))
    assert warnings == []
    assert all(name.startswith("start") for name in stage.threads)
    # The first streams of the seed move the walkers later; the one after them is for the start.
    stream = np.random.SeedSequence(11).spawn(4)[3]
    assert stage.fits == [(FLAT, np.random.default_rng(stream).bit_generator.state)]
    keys = [of_one.spawn_key for of_one in stream.spawn(3)]
    assert sorted(asked[2].spawn_key for asked in stage.pilots) == keys
    assert all(asked[2].entropy == 11 for asked in stage.pilots)
    assert [(asked[0], asked[1]) for asked in stage.pilots] == [(FLAT, -3.0)] * 3
    assert sorted((len(pilot.coords) - 2, count, stream.spawn_key[-1]) for pilot, count, stream in stage.draws) == [
        (i, 10, i) for i in range(3)
    ]
    for posterior, begun, pilots, of_one in stage.settles:
        assert posterior is FLAT
        np.testing.assert_array_equal(begun, np.full((10, 2), float(of_one.spawn_key[-1])))
        assert [len(pilot.coords) for pilot in pilots] == [2, 3, 4]
    # Then all spread three times, by outposts of where all have got to.
    assert len(stage.spreads) == 9
    for i, (posterior, begun, draws, key) in enumerate(sorted(stage.spreads, key=lambda one: float(one[2][0, 0]))):
        came = i // 3 * 0.125
        assert posterior is FLAT
        np.testing.assert_array_equal(begun, np.full((10, 2), key + 0.5 + came))
        np.testing.assert_array_equal(draws, np.repeat([0.5, 1.5, 2.5], 10)[:, np.newaxis] + np.full((30, 2), came))
    assert sorted(key for *_, key in stage.spreads) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


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
            rng.random((points, 2)), np.zeros(points), np.zeros(points), np.full(points, 1 / points), 0.0
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


def test_spreading_is_by_outposts_of_the_posterior_that_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(start_module, "Block", lambda posterior, draws: asked.append((posterior, draws)))
    monkeypatch.setattr(start_module, "_steps", lambda *all: ("where they are", all))
    posterior, draws = FLAT, np.zeros((8, 2))
    stream = np.random.SeedSequence(1)
    assert start_module.spread(posterior, np.zeros((4, 2)), draws, stream) == "where they are"
    assert asked == [(posterior, draws)]
    assert stream.n_children_spawned == 1


# --- how many walkers? ---


@pytest.mark.parametrize(
    ("ndim", "min_ess", "walkers"),
    [
        *((7, 400.0, 512), (7, 1e6, 512)),  # to seven parameters always as many
        (8, 400.0, 32),  # four for each
        (8, 4000.0, 100),  # a fortieth
        *((8, 4004.0, 102), (9, 1480.0, 38)),  # an even number, rounded up
        *((8, 1e6, 512), (130, 1e6, 520)),
    ],
)
def test_an_ensemble_has_as_many_walkers_as_parameters_and_effective_samples_need(
    ndim: int, min_ess: float, walkers: int
) -> None:
    assert start_module.walkers_for(ndim, min_ess) == walkers
