"""Simulation-based calibration: truths come from the prior that fits use, and what is wrong with a fit is found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from benchmarks.problems import KNEE
from benchmarks.validation_cases import FAULTS, document
from calibrate.config import Config, parse_config
from calibrate.data import Measurement
from calibrate.posterior import Posterior
from calibrate.priors import LogNormal
from calibrate.validate import judged, trial
from calibrate.validate.batch import trials
from calibrate.validate.trial import LIKELIHOOD, Plan, Trial, attempt, rank
from calibrate.validate.truths import prior_draw, readings_of
from calibrate.validate.uniform import sight
from calibrate.validate.verdict import ALARM, CHECKS, Validation

ONE = (
    KNEE
    + """[parameters.mcl]
k = { median = 70.0, factor = 1.5 }
alpha = 0.06
l_0 = 80.0
[parameters.lcl]
k = 60.0
alpha = 0.06
l_0 = 53.0
[noise]
sigma = 3.0
[data]
file = "data.csv"
positive = "varus"
"""
)
TWO = (
    ONE.partition("[data]")[0]
    + """
[tests.flex0]
file = "data.csv"
positive = "varus"
[tests.flex45]
file = "data.csv"
positive = "valgus"
flexion = 45.0
parameters.mcl.l_0 = { lower = 78.0, upper = 82.0 }
noise.discrepancy = { amplitude = 1.0, length = { median = 3.0, factor = 1.3 } }
"""
)
ANGLES = np.array([-6.0, -3.0, -1.0, 2.0, 5.0])


def measured(seed: int = 1) -> Measurement:
    loads = 3.0 * ANGLES + np.random.default_rng(seed).standard_normal(ANGLES.size)
    return Measurement(ANGLES, loads, None, "moment", "deg")


@dataclass(frozen=True)
class Grid:
    """Draws of a one-parameter posterior as exact as a fine grid."""

    coords: np.ndarray
    converged: bool = True

    def thinned(self, draws: int) -> np.ndarray:
        return self.coords[:draws]


def exact(posterior: Posterior, seed: int, *, power: float = 1.0, shift: float = 0.0) -> Grid:
    """Sample the stiffness from its posterior, or from one that is too narrow, or moved by some of its sds."""
    at = np.geomspace(5.0, 700.0, 4001)
    density = np.exp(power * (found := posterior.log_prob(at[:, np.newaxis])) - power * found.max())
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(at))])
    q = np.interp(np.random.default_rng(seed).random(199), below / below[-1], at)
    return Grid((q + shift * q.std())[:, np.newaxis])


def forgetful(posterior: Posterior, seed: int) -> Grid:
    """Sample as if there were no data but the simulated."""
    again = posterior.tests[1].measurement
    return exact(Posterior.from_config(posterior.config, again), seed)


def plan(**changes: object) -> Plan:
    return replace(Plan(parse_config(ONE), {"": measured()}, fit=exact), **changes)


def answer(made: Plan, runs: int = 60) -> Validation:
    return judged(made, "one.toml", trials(made, range(runs), workers=1))


@pytest.fixture(scope="module")
def right() -> Validation:
    return answer(plan())


def test_an_exact_fit_passes_and_what_is_known_beforehand_is_no_quantity(right: Validation) -> None:
    assert right.passed
    assert right.verdict.startswith("no fault found: the ranks of all ")
    assert right.content()["shown"] == {"chance": 0.9, **asdict(sight(60, right.quantities[0].level))}
    names = [one.name for one in right.quantities]
    assert {"mcl.k", "mcl.stiffness_per_strain", "laxity_total_10Nm", LIKELIHOOD} <= set(names)
    assert not {"lcl.stiffness_per_strain", "mcl.reference_strain", "lcl.taut_angle"} & set(names)
    assert {one.level for one in right.quantities} == {ALARM / (CHECKS * len(names))}
    assert [one.chance for one in right.quantities] == sorted(one.chance for one in right.quantities)
    assert right.units["mcl.k"] == "N/mm"
    assert right.units["mcl.stiffness_per_strain"] == "N"
    assert right.units[LIKELIHOOD] == ""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"shift": 0.8}, "estimates too high"),
        ({"shift": 4.0}, "estimates too high"),  # all ranks at one end are not a spread
        ({"shift": -0.8}, "estimates too low"),
        ({"shift": -4.0}, "estimates too low"),
        ({"power": 4.0}, "too narrow"),
    ],
)
def test_a_fault_of_the_fit_is_found_and_named(fault: dict[str, float], said: str) -> None:
    found = answer(plan(fit=partial(exact, **fault)), 40)
    assert not found.passed
    assert found.failing
    assert said in {one.name: one.fault for one in found.quantities}["mcl.k"]
    assert found.verdict.startswith("not calibrated: ")
    assert found.content()["quantities"][0]["passes"] is False


def truths(runs: int) -> np.ndarray:
    posterior = Posterior.from_config(parse_config(ONE), measured())
    return np.concatenate([exact(posterior, 10_000 + i).coords for i in range(runs // 199 + 1)])[:runs]


def test_over_a_posterior_a_fit_of_both_data_passes_and_one_that_forgets_the_first_fails() -> None:
    drawn = truths(100)
    assert answer(plan(truths=drawn)).passed
    assert not answer(plan(truths=drawn, fit=forgetful), 100).passed


def test_the_posterior_of_a_run_and_again_has_the_likelihood_of_both() -> None:
    config = parse_config(TWO)
    first = {"flex0": measured(1), "flex45": measured(2)}
    second = {"flex0": measured(3), "flex45": measured(4)}
    both = plan(config=config, measurements=first, truths=np.empty((0, 3))).posterior(second)
    one, other = (Posterior.from_config(config, each) for each in (first, second))
    assert both.names == one.names == ("mcl.k", "flex45.mcl.l_0", "flex45.noise.discrepancy.length")
    q = one.prior_sample(np.random.default_rng(1), 5)
    assert both.log_prior(q) == pytest.approx(one.log_prior(q), rel=1e-12)
    assert both.log_likelihood(q) == pytest.approx(one.log_likelihood(q) + other.log_likelihood(q), rel=1e-10)


def with_prior(prior: str, walls: str = "penalty", weight: float = 1.0) -> Config:
    text = ONE.replace("k = { median = 70.0, factor = 1.5 }", f"k = {prior}")
    return parse_config(f'{text}\n[prior]\nwalls = "{walls}"\nweight = {weight}\n')


@pytest.mark.parametrize(
    ("prior", "weight"),
    [
        ("{ lower = 1.0, upper = 4.0 }", 0.3),
        ("{ mean = 4.0, sd = 2.0, lower = 5.0, upper = 9.0 }", 0.3),
        ("{ median = 4.0, factor = 1.5, upper = 5.0 }", 0.3),
        ("{ mean = 5.0, sd = 0.5, upper = 3.0 }", 1.0),
    ],
)
def test_truths_are_drawn_from_the_prior_with_what_the_penalty_lets_spill(prior: str, weight: float) -> None:
    posterior = Posterior.from_config(with_prior(prior, weight=weight), measured())
    rng = np.random.default_rng(1)
    drawn = np.array([prior_draw(posterior, rng)[0] for _ in range(200)])
    at = np.linspace(1e-9, 20.0, 20_001)
    density = np.exp(posterior.log_prior(at[:, np.newaxis]))
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(at))])
    outside = (drawn < posterior.lower[0]) | (drawn > posterior.upper[0])
    assert outside.mean() > 0.02
    assert kstest(drawn, lambda x: np.interp(x, at, below / below[-1])).pvalue > 1e-3


def test_truths_stay_inside_of_hard_walls_and_positive() -> None:
    posterior = Posterior.from_config(with_prior("{ mean = 2.0, sd = 4.0, upper = 5.0 }", walls="hard"), measured())
    rng = np.random.default_rng(1)
    drawn = np.array([prior_draw(posterior, rng)[0] for _ in range(400)])
    assert (drawn > 0.0).all()
    assert (drawn <= 5.0).all()
    assert kstest(drawn, truncnorm(-0.5, 0.75, 2.0, 4.0).cdf).pvalue > 1e-3


def test_readings_are_the_simulators_and_know_nothing_of_the_truth() -> None:
    posterior = Posterior.from_config(parse_config(ONE), measured())
    given = {"": replace(measured(), truth={"mcl.k": 3.0}, text="text")}
    found = readings_of(posterior, given, np.array([50.0]), np.random.default_rng(4))
    assert found is not None
    assert found[""].loads == pytest.approx(posterior.simulate([50.0], np.random.default_rng(4))[0], rel=1e-15)
    assert found[""].truth == {}
    assert (found[""].angles == ANGLES).all()


def test_a_rank_counts_what_is_below_and_draws_lots_among_equals() -> None:
    rng = np.random.default_rng(1)
    assert rank(2.5, np.array([1.0, 2.0, 3.0]), rng) == 2
    tied = {rank(1.0, np.array([0.0, 1.0, 1.0, 2.0]), rng) for _ in range(100)}
    assert tied == {1, 2, 3}


def test_what_is_no_number_ranks_above_all_numbers_and_equal_to_its_like() -> None:
    rng = np.random.default_rng(1)
    draws = np.array([1.0, math.nan, 2.0, math.nan])
    assert {rank(math.nan, draws, rng) for _ in range(100)} == {2, 3, 4}
    assert rank(5.0, draws, rng) == 2


@dataclass(frozen=True)
class Lost(Grid):
    converged: bool = False


def sometimes(posterior: Posterior, seed: int) -> Grid:
    found = exact(posterior, seed)
    return Lost(found.coords) if seed % 4 == 0 else found


def test_fits_that_do_not_converge_are_counted_named_and_too_many_leave_no_verdict() -> None:
    found = answer(plan(fit=sometimes), 40)
    lost = [one.number for one in found.trials if one.trouble]
    assert 2 < len(lost) < 20
    assert len(found.counted) == 40 - len(lost) == len(found.quantities[0].ranks)
    assert found.too_few
    assert not found.passed
    assert found.verdict.startswith(f"undecided: {40 - len(lost)} of 40 fits have an answer")
    assert found.lost.startswith(f"the fit did not converge in {len(lost)} of 40 (number {lost[0]}, ")
    assert [one["number"] for one in found.content()["lost"]] == lost


def test_the_benchmarks_log_normal_without_its_reciprocal_is_one() -> None:
    """Against the right prior: one more ln x for each log-normal parameter, and a constant."""
    case, fault = FAULTS["log-normal without its 1/x"]
    text = document(case)
    for old, new in fault.args[0]:
        assert old in text
        text = text.replace(old, new)
    right, wrong = (Posterior.from_config(parse_config(each), measured()) for each in (document(case), text))
    q = right.prior_sample(np.random.default_rng(1), 50)
    log_normal = [isinstance(prior, LogNormal) for prior in right.priors]
    assert sum(log_normal) == 3
    more = wrong.log_prior(q) - right.log_prior(q) - np.log(q[:, log_normal]).sum(axis=1)
    assert more == pytest.approx(more[0], abs=1e-9)


def test_no_answer_at_all_is_no_verdict() -> None:
    none = [Trial(i, {}, frozenset(), frozenset(), "the fit did not converge", 0.1) for i in range(30)]
    found = judged(plan(), "one.toml", none)
    assert found.quantities == ()
    assert not found.passed
    assert found.verdict.startswith("undecided: 0 of 30 fits")
    assert found.content()["quantities"] == []
    assert found.content()["shown"] is None


def test_a_trial_follows_from_its_seed_and_number_alone() -> None:
    one, again, other = attempt(plan(), 3), attempt(plan(), 3), attempt(plan(seed=2), 3)
    assert one.ranks == again.ranks
    assert one.ranks != other.ranks


def test_the_answer_does_not_depend_on_the_number_of_processes() -> None:
    told: list[int] = []
    alone = trials(plan(), range(4), workers=1)
    together = trials(plan(), range(4), workers=2, on_trial=lambda one: told.append(one.number))
    assert [one.ranks for one in together] == [one.ranks for one in alone]
    assert [one.number for one in together] == [0, 1, 2, 3]
    assert sorted(told) == [0, 1, 2, 3]


def test_the_programs_own_fit_is_the_posterior() -> None:
    """Against the grid: the median and the spread of a single fit."""
    posterior = Posterior.from_config(parse_config(ONE), measured())
    found = trial.fit(posterior, 1)
    assert found.converged
    draws, right = found.thinned(199)[:, 0], np.concatenate([exact(posterior, i).coords for i in range(20)])[:, 0]
    assert len(draws) == 199
    assert np.median(draws) == pytest.approx(np.median(right), abs=5.0 * 1.25 * right.std() / math.sqrt(199))
    assert draws.std() == pytest.approx(right.std(), rel=5.0 / math.sqrt(2 * 199))
