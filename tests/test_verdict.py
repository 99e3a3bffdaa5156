"""One verdict: each number from both sides of its threshold, two looks, derived quantities, and what is said of it."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from toys import ar1

from calibrate.sampling import verdict as verdict_module
from calibrate.sampling.columns import Columns
from calibrate.sampling.convergence import Diagnosis, Stragglers
from calibrate.sampling.verdict import (
    FIRST_LOOK,
    GROWTH,
    Check,
    Verdict,
    judge,
    look,
    look_before,
    next_look,
    stride,
)

WANTED: Any = SimpleNamespace(max_rhat=1.125, min_ess=32.0, thin=1)
NAMES = ("a", "b")


def figures(**changes: Any) -> Diagnosis:
    """Return figures of two quantities that just suffice, in numbers that binary fractions hold exactly."""
    good = Diagnosis(
        rhat=np.array([1.0, 1.124]),
        ess_bulk=np.array([64.0, 32.0]),
        ess_tail=np.array([32.0, 64.0]),
        mcse_mean=np.array([9.0, 9.0]),
        autocorrelation_times=np.array([10.0, 40.0]),
        sd_error=np.array([0.25, 0.125]),  # 32 samples allow an error of a quarter
        log_prob=Diagnosis(*(np.array([value]) for value in (1.0, 99.0, 99.0, 1.0, 99.0, 9.0))),
    )
    return replace(good, **changes)


def checked(found: Diagnosis, off: float = 0.5) -> dict[str, Check]:
    return {check.name: check for check in verdict_module._checks(NAMES, found, off, WANTED)}


def missed(found: Diagnosis, off: float = 0.5) -> list[tuple[str, str]]:
    return [(check.name, check.subject) for check in checked(found, off).values() if not check.met]


# --- one look ---


def test_figures_that_just_suffice_do() -> None:
    assert missed(figures()) == []
    assert list(checked(figures())) == [
        "rhat",
        "ess_bulk",
        "ess_tail",
        "autocorrelation_times",
        "sd_error",
        "drift",
        "stragglers",
    ]
    worst = checked(figures())
    assert (worst["rhat"].subject, worst["rhat"].value, worst["rhat"].threshold) == ("b", 1.124, 1.125)
    assert (worst["ess_bulk"].subject, worst["ess_bulk"].value, worst["ess_bulk"].threshold) == ("b", 32.0, 32.0)
    assert (worst["ess_tail"].subject, worst["ess_tail"].value) == ("a", 32.0)
    assert (worst["autocorrelation_times"].value, worst["autocorrelation_times"].threshold) == (10.0, 10.0)
    assert (worst["sd_error"].subject, worst["sd_error"].value, worst["sd_error"].threshold) == ("a", 0.25, 0.25)


@pytest.mark.parametrize(
    ("name", "bad"),
    [("rhat", 1.125), ("ess_bulk", 31.9), ("ess_tail", 31.9), ("autocorrelation_times", 9.99), ("sd_error", 0.2501)],
)
@pytest.mark.parametrize("at", [0, 1, "log_prob"])
@pytest.mark.parametrize("unknown", [False, True])
def test_one_figure_that_misses_is_enough(name: str, bad: float, at: Any, unknown: bool) -> None:
    bad = math.nan if unknown else bad
    good = figures()
    if at == "log_prob":
        assert good.log_prob is not None
        found = replace(good, log_prob=replace(good.log_prob, **{name: np.array([bad])}))
        # The log-probability's tail on one side makes its standard deviation mean little.
        assert missed(found) == ([] if name == "sd_error" else [(name, "log_prob")])
        return
    values = getattr(good, name).copy()
    values[at] = bad
    assert missed(replace(good, **{name: values})) == [(name, NAMES[at])]


def test_stragglers_drift_and_what_is_unknown_do_not_suffice() -> None:
    assert missed(figures(stragglers=Stragglers(0.25, 30.0, np.zeros(2)))) == [("stragglers", "")]
    assert missed(figures(), 1.0) == [("drift", "")]
    assert missed(figures(), 0.999) == []
    assert missed(figures(), math.nan) == [("drift", "")]
    found = checked(figures(stragglers=Stragglers(0.25, 30.0, np.zeros(2))))
    assert found["stragglers"] == Check("stragglers", "", 0.25, 0.0, False)
    assert checked(figures())["stragglers"] == Check("stragglers", "", 0.0, 0.0, True)
    assert found["drift"] == Check("drift", "", 0.5, 1.0, True)
    assert {name for name, _ in missed(figures(log_prob=None))} == {
        "rhat",
        "ess_bulk",
        "ess_tail",
        "autocorrelation_times",
    }


# --- which steps ---


def test_looks_are_further_and_further_apart() -> None:
    assert (FIRST_LOOK, GROWTH) == (64, 1.25)
    assert [next_look(0), next_look(63), next_look(64), next_look(79), next_look(80)] == [64, 64, 80, 80, 100]
    # The look before the present one is of the same grid, and at least a fifth of the steps back.
    for stored, before in ((64, 0), (79, 0), (80, 64), (99, 64), (100, 80), (124, 80), (125, 100)):
        assert look_before(stored) == before


@pytest.mark.parametrize("min_ess", [2000.0, 2001.0])
def test_who_asks_for_few_samples_is_looked_at_earlier(min_ess: float) -> None:
    grid = [step for step in range(1, 130) if next_look(step - 1, min_ess) == step]
    assert grid == ([32, 40, 50] if min_ess <= 2000.0 else []) + [64, 80, 100, 125]
    early = {31: 0, 32: 0, 39: 0, 40: 32, 49: 32, 50: 40, 63: 50, 64: 50} if min_ess <= 2000.0 else {64: 0}
    for stored, before in (early | {79: 50 if min_ess <= 2000.0 else 0, 80: 64, 125: 100}).items():
        assert look_before(stored, min_ess) == before


@pytest.mark.parametrize(
    ("stored", "draws", "min_ess", "of"),
    [
        (511, 2048, 1e4, 1),
        (512, 2048, 1e4, 2),  # 256 steps are enough
        (10_000, 2048, 1e4, 39),
        (1999, 500, 1e4, 1),  # half a million draws are 1,000 steps
        (2000, 500, 1e4, 2),
        (3999, 2000, 1e6, 1),  # four million are 2,000
        (4000, 2000, 1e6, 2),
        (0, 64, 1e4, 1),
    ],
)
def test_a_look_takes_some_steps_of_a_long_chain(stored: int, draws: int, min_ess: float, of: int) -> None:
    assert stride(stored, draws, min_ess) == of


def chains_of(coords: np.ndarray, log_prob: np.ndarray | None = None) -> Any:
    if log_prob is None:
        log_prob = -0.5 * (coords**2).sum(axis=-1)
    return SimpleNamespace(coords=coords, log_prob=log_prob)


def gaussian(seed: int = 1, steps: int = 100, walkers: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([ar1(0.3, (4, steps, walkers), rng) for _ in NAMES], axis=-1)


LOOSE: Any = SimpleNamespace(max_rhat=1.05, min_ess=400.0, thin=3)


def looks_at(chains: Any, wanted: Any = LOOSE, dropped: int | None = None) -> Any:
    return lambda upto: look(NAMES, chains, upto, wanted, dropped)


def test_a_look_drops_the_burn_in_that_the_chains_tell() -> None:
    x = gaussian()
    found = look(NAMES, chains_of(x), 100, LOOSE)
    assert (found.steps, found.burn_in, found.converged) == (100, 12, True)
    x[:, :40, :, 0] += 4.0
    found = look(NAMES, chains_of(x), 100, LOOSE)
    assert (found.burn_in, found.converged) == (50, True)
    again = look(NAMES, chains_of(x[:, 50:]), 50, LOOSE, dropped=0)
    np.testing.assert_array_equal(found.diagnosis.rhat, again.diagnosis.rhat)
    # Later steps are not looked at.
    assert look(NAMES, chains_of(x), 90, LOOSE).burn_in == look(NAMES, chains_of(x[:, :90]), 90, LOOSE).burn_in


def test_a_start_that_is_off_counts_if_somebody_keeps_it() -> None:
    x = gaussian()
    x[:, :10, :, 0] += 0.6
    assert look(NAMES, chains_of(x), 100, LOOSE).converged
    kept = look(NAMES, chains_of(x), 100, LOOSE, dropped=0)
    assert kept.burn_in == 0
    assert [check.name for check in kept.missed] == ["drift"]  # alone: R-hat and effective samples do not see it


def test_a_long_chain_is_looked_at_by_every_nth_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_module, "_DRAWS", 0)
    x = gaussian(steps=1200, walkers=4)
    found = look(NAMES, chains_of(x), 1200, LOOSE)  # 256 steps and more: every fourth
    assert found.burn_in == 4 * (300 // 8)
    sparse = look(NAMES, chains_of(x[:, 3::4]), 300, LOOSE)
    np.testing.assert_array_equal(found.diagnosis.ess_bulk, sparse.diagnosis.ess_bulk)
    # What a user drops is told as it was asked for, and never more than there is.
    assert [look(NAMES, chains_of(x), 1200, LOOSE, dropped).burn_in for dropped in (10, 1300)] == [10, 1200]
    # What came before the first step is told in such steps as well.
    asked: list[float] = []
    monkeypatch.setattr("calibrate.sampling.verdict.burn_in", lambda means, before: asked.append(before) or 7)
    assert look(NAMES, chains_of(x), 1200, LOOSE, before=20.0).burn_in == 28
    look(NAMES, chains_of(x), 1200, LOOSE)
    assert asked == [5.0, 0.0]


@pytest.mark.parametrize("steps", [0, 1, 5, 20])
def test_of_few_steps_nothing_is_known(steps: int) -> None:
    found = look(NAMES, chains_of(gaussian(steps=20)[:, :steps]), steps, LOOSE)
    assert not found.converged
    assert found.burn_in == steps // 2
    assert found.sentence == f"not converged: {3 * steps} steps are too few to tell"
    assert found.advice == "go on with 'calibrate resume'"


def test_of_walkers_the_mean_is_looked_at() -> None:
    x = np.array([[[[1.0], [3.0]], [[-2.0], [6.0]]], [[[0.0], [0.0]], [[5.0], [7.0]]]])
    found = verdict_module._means(Columns(x, slice(None)), np.array([[[-1.0, -3.0], [-4.0, 0.0]]] * 2))
    np.testing.assert_array_equal(found, [[[2.0, 2.0], [0.0, 6.0]], [[-2.0, -2.0], [-2.0, -2.0]]])
    # Of heights a walker that is lost counts as one ten below the others.
    lost = np.where(np.arange(16) == 7, -1e6, 0.0)[np.newaxis, np.newaxis]
    found = verdict_module._means(Columns(np.zeros((1, 1, 16, 1)), slice(None)), lost)
    np.testing.assert_array_equal(found, [[[0.0]], [[-10.0 / 16.0]]])


def test_numbers_as_large_as_any_give_no_warning() -> None:
    """No file may hold them, but draws in memory may."""
    wild = 1e308 * np.where(np.arange(16) % 3, 1.0, -1.0)[:, np.newaxis] * np.ones((4, 40, 1, 2))
    assert not look(NAMES, chains_of(wild, wild[..., 0]), 40, LOOSE).converged


# --- two looks in a row ---


def test_a_run_has_converged_if_this_look_and_the_one_before_say_so() -> None:
    good, asked = look(NAMES, chains_of(gaussian()), 100, LOOSE), []
    bad = replace(good, checks=(*good.checks, Check("rhat", "a", 2.0, 1.05, False)))

    def looks(answers: dict[int, Verdict]) -> Any:
        asked.clear()
        return lambda upto: asked.append(upto) or answers[upto]

    x = chains_of(gaussian())
    assert judge(x, 100, LOOSE, looks({100: good, 80: good})).converged
    assert asked == [100, 80]
    second = judge(x, 100, LOOSE, looks({100: good, 80: bad}))
    assert [check.name for check in second.missed] == ["looks"]
    assert second.more_steps == 75  # a quarter of 300
    assert not judge(x, 100, LOOSE, looks({100: bad, 80: good})).converged
    assert asked == [100]
    first = judge(x, 32, LOOSE, looks({32: good}))
    assert [check.name for check in first.missed] == ["looks"]
    assert (second.derived, second.derived_names) == (None, ())
    # As a check like the others: two looks are wanted.
    assert first.checks[-1] == second.checks[-1] == Check("looks", "", 1.0, 2.0, False)
    assert judge(x, 100, LOOSE, looks({100: good, 80: good})).checks[-1] == Check("looks", "", 2.0, 2.0, True)
    # Who asks for few samples has been looked at before that.
    assert judge(x, 40, LOOSE, looks({40: good, 32: good})).converged
    assert asked == [40, 32]
