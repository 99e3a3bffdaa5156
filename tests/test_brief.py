"""A brief start: taken where it serves, given up at each sign of hills, and the same in a file as in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import bench_config

from benchmarks.hills import real
from benchmarks.manyknees import MIN_ESS, config_of, knees
from calibrate import open_run, resume_run, sample, start_run
from calibrate.config import Config, MovesConfig, SamplingConfig
from calibrate.derived import derived, looked_at
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior
from calibrate.sampling import brief as brief_module
from calibrate.sampling.brief import MOVES, WALKERS, begin, brief_walkers, is_brief
from calibrate.sampling.climb import climb
from calibrate.sampling.fit import find_map
from calibrate.sampling.pilot import Population, explore

SMALL = SamplingConfig(seed=3, walkers=WALKERS, moves=MOVES, min_ess=MIN_ESS, workers=1)


@pytest.fixture(scope="module")
def knee() -> Posterior:
    config = config_of("bounds alone")
    return Posterior.from_config(config, knees(config, 1, seed=4)[0][1])


# --- when ---


@pytest.mark.parametrize(
    ("ndim", "min_ess", "expected"), [(7, 2000.0, True), (7, 2000.1, False), (8, 1000.0, False), (1, 1.0, True)]
)
def test_a_start_is_brief_for_few_parameters_and_few_samples(ndim: int, min_ess: float, expected: bool) -> None:
    assert is_brief(ndim, min_ess) is expected


def asked(monkeypatch: pytest.MonkeyPatch, found: bool) -> list[tuple[str, SamplingConfig]]:
    """Let starts be made by stand-ins; return which are asked for, and with what settings."""
    calls: list[tuple[str, SamplingConfig]] = []

    def short(posterior: Any, settings: SamplingConfig) -> str | None:
        calls.append(("brief", settings))
        return "brief" if found else None

    def long(posterior: Any, settings: SamplingConfig, on_warning: Any) -> str:
        calls.append(("long", settings))
        return "long"

    monkeypatch.setattr(brief_module, "brief_walkers", short)
    monkeypatch.setattr(brief_module, "first_walkers", long)
    return calls


@pytest.mark.parametrize("found", [True, False])
def test_what_nobody_said_is_filled_in(found: bool, knee: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, shown = asked(monkeypatch, found), []
    config, starts = begin(knee.config, knee, shown.append)
    assert starts == ("brief" if found else "long")
    sizes = [(settings.walkers, settings.moves) for _, settings in calls]
    assert sizes == [(WALKERS, MovesConfig(block=1.0)), (512, SamplingConfig().moves)][: 1 if found else 2]
    assert shown == [settings for _, settings in calls]
    assert config.sampling == shown[-1]


def test_what_the_user_said_stays(knee: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = asked(monkeypatch, found=False)
    begin(knee.config.with_sampling(walkers=30, moves=MovesConfig(de=1.0)), knee)
    assert [(name, one.walkers, one.moves.de) for name, one in calls] == [("brief", 30, 1.0), ("long", 30, 1.0)]
    with pytest.raises(ConfigError, match=r"^sampling\.walkers = 8: 6 free parameters need at least 12 walkers$"):
        begin(knee.config.with_sampling(walkers=8), knee)


def test_many_samples_take_the_long_start(knee: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = asked(monkeypatch, found=True)
    config, _ = begin(knee.config.with_sampling(min_ess=10_000.0), knee)
    assert [(name, one.walkers) for name, one in calls] == [("long", 512)]
    assert config.sampling.moves == SamplingConfig().moves


# --- signs of hills ---


def test_a_knee_of_one_hill_has_a_brief_start_that_threads_do_not_change(knee: Posterior) -> None:
    walkers = brief_walkers(knee, SMALL)
    assert walkers is not None
    assert walkers.shape == (4, WALKERS, 6)
    assert np.isfinite(knee.log_prob(walkers.reshape(-1, 6))).all()
    again = brief_walkers(knee, SMALL.model_copy(update={"workers": 3}))
    np.testing.assert_array_equal(walkers, again)
    other = brief_walkers(knee, SMALL.model_copy(update={"seed": 4}))
    assert other is not None
    assert (walkers != other).any()


@pytest.mark.parametrize("bounds", [{"l_0": (10.0, 500.0)}, {"k": (5.0, 5000.0)}])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_real_knee_with_wide_bounds_shows_its_hills(bounds: dict[str, tuple[float, float]], seed: int) -> None:
    assert brief_walkers(real(**bounds), SMALL.model_copy(update={"seed": seed})) is None


def populations(evidence: tuple[float, ...], best: float = 0.0) -> Callable[..., Population]:
    """Return a stand-in for a pilot: the log-evidences in turn, heights up to `best`, what has been learnt is 9."""
    left = list(evidence)

    def stand_in(posterior: Posterior, rng: Any, points: int, net: np.ndarray) -> Population:
        value = left.pop(0)
        height = np.full(len(net), best)
        return Population(net, np.full(len(net), value + 9.0), height, np.full(len(net), 1.0 / len(net)), value)

    return stand_in


@pytest.mark.parametrize(
    ("evidence", "best", "expected"),
    [
        # The error of an evidence is sqrt(9 / 64); two and a half times that may be the standard deviation.
        ((0.0, 0.0, 1.62, 1.62), 0.0, [64]),
        ((0.0, 0.0, 1.63, 1.63, 0.0, 0.0, 0.81, 0.81), 0.0, [64, 256]),
        ((0.0, 0.0, 1.63, 1.63, 0.0, 0.0, 0.82, 0.82), 0.0, None),
        # A climb ends at 0, and 10 and one for each of six dimensions is no sign yet.
        ((0.0,) * 4, -16.0, [64]),
        ((0.0,) * 8, -16.1, None),
    ],
)
def test_pilots_that_disagree_or_miss_a_climb_are_repeated_once(
    evidence: tuple[float, ...],
    best: float,
    expected: list[int] | None,
    knee: Posterior,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points: list[int] = []
    pilot = populations(evidence, best)

    def stand_in(posterior: Posterior, rng: Any, count: int, net: np.ndarray) -> Population:
        points.append(count)
        assert net.shape == (2048, 6)
        return pilot(posterior, rng, count, net)

    monkeypatch.setattr(brief_module, "explore", stand_in)
    monkeypatch.setattr(brief_module, "_top", lambda posterior, net: 0.0)
    monkeypatch.setattr(brief_module, "settle", lambda posterior, walkers, *others: walkers)
    walkers = brief_walkers(knee, SMALL)
    assert (walkers is None) is (expected is None)
    assert points == [count for count in expected or [64, 256] for _ in range(4)]


@pytest.mark.parametrize(("away", "apart"), [(0.0, False), (0.45, False), (1.5, True)])
def test_ensembles_that_settle_in_different_places_are_a_sign(
    away: float, apart: bool, knee: Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(posterior: Posterior, walkers: np.ndarray, *others: object) -> np.ndarray:
        walkers = walkers.copy()
        if not moved:
            walkers[:, 2] += away * walkers[:, 2].std()
        moved.append(True)
        return walkers

    moved: list[bool] = []
    monkeypatch.setattr(brief_module, "settle", settle)
    assert (brief_walkers(knee, SMALL) is None) is apart


def test_what_cannot_be_started_is_left_to_the_long_start(knee: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **others: object) -> None:
        raise ConfigError("too narrow")

    assert brief_walkers(knee, SMALL.model_copy(update={"walkers": 2000})) is None  # more than the net has room for
    monkeypatch.setattr(brief_module, "draw", refuse)
    assert brief_walkers(knee, SMALL) is None


# --- its parts ---


@pytest.mark.parametrize("name", ["ridge", "toe"])
def test_climbs_reach_what_fits_reach(name: str) -> None:
    posterior = Posterior.from_config(bench_config(name))
    begun = posterior.prior_sample(np.random.default_rng(1), 8)
    tops = climb(begun, 0.1 * posterior.scale, posterior.density)
    assert tops.shape == (8,)
    assert (tops >= posterior.log_prob(begun)).all()
    best = find_map(posterior, np.random.default_rng(0))[0].log_prob
    assert best - 3.0 < tops.max() <= best + 0.1
    assert best - np.median(tops) < 16.0  # what is no sign of a hill yet


def test_a_net_that_thins_out_leaves_the_pilot_right(knee: Posterior) -> None:
    """The evidence by many points and by few after a net, whose error is about 0.6 each."""
    rng = np.random.default_rng(2)
    long = np.mean([explore(knee, rng).log_evidence for _ in range(2)])
    short = [explore(knee, rng, 64, knee.prior_sample(rng, 2048)) for _ in range(12)]
    assert np.mean([one.log_evidence for one in short]) == pytest.approx(long, abs=0.8)
    for one in short[:2]:
        assert one.weights.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(one.log_prob, knee.log_prob(one.coords), rtol=1e-12)
    # The first of them are the net's worse half, each as likely as the prior has it.
    values = np.sort(knee.log_likelihood(knee.prior_sample(np.random.default_rng(5), 2048)))
    again = explore(knee, np.random.default_rng(0), 64, knee.prior_sample(np.random.default_rng(5), 2048))
    np.testing.assert_array_equal(again.log_likelihood[:1024], values[:1024])


def test_rough_angles_are_near_and_all_else_is_the_same(knee: Posterior) -> None:
    q = knee.prior_sample(np.random.default_rng(0), 200)
    exact, rough = derived(knee, q), looked_at(knee, 2000.0)(q)
    assert [*exact] == [*rough]
    for name, values in exact.items():
        np.testing.assert_array_equal(np.isnan(rough[name]), np.isnan(values))
        off = np.nanmax(np.abs(rough[name] - values), initial=0.0)
        assert off < (0.05 if "laxity" in name or "angle" in name else 1e-12)
    for name, values in looked_at(knee, 2001.0)(q).items():
        np.testing.assert_array_equal(values, exact[name])


# --- the run ---


def test_a_brief_run_is_right_the_same_in_a_file_and_goes_on(
    knee: Posterior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config: Config = knee.config
    tmp_path.joinpath("knee.csv").write_text(knee.measurement.text)
    draws = sample(knee, 2)
    assert draws.converged
    assert draws.chains.coords.shape[2] == WALKERS
    assert draws.diagnosis.smallest_ess > MIN_ESS
    # The verdict of who sampled is that of who looks again.
    assert replace(draws, judged=None).verdict.numbers() == draws.verdict.numbers()
    assert replace(draws, dropped=draws.stored - 20).burn_in == draws.stored - 20
    outcome = start_run(config.with_sampling(seed=2), tmp_path / "run.h5")
    run = open_run(tmp_path / "run.h5")
    assert outcome.reason == "converged"
    np.testing.assert_array_equal(run.chains.coords, draws.chains.coords)
    assert (run.settings.walkers, run.settings.moves) == (WALKERS, MOVES)
    assert run.converged
    # Stopped in between and gone on with, it is the chain of a run that was not.
    start_run(config.with_sampling(seed=2, max_steps=9), tmp_path / "cut.h5")
    resume_run(tmp_path / "cut.h5", until_steps=draws.stored)
    np.testing.assert_array_equal(open_run(tmp_path / "cut.h5").chains.coords, draws.chains.coords)
    # Posteriors by a long start agree: means within five errors of both.
    long = sample(knee, 1, min_ess=10_000.0)
    apart = np.abs(long.samples().mean(axis=0) - draws.samples().mean(axis=0))
    assert (apart < 5.0 * np.hypot(long.diagnosis.mcse_mean, draws.diagnosis.mcse_mean)).all()
