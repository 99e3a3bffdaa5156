"""Predictive checks and leave-one-out of knees with one free stiffness, whose posterior a grid holds exactly."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from conftest import DATA
from scipy.special import logsumexp
from scipy.stats import binom, kstest

from benchmarks.problems import KNEE
from calibrate.config import Config, parse_config
from calibrate.data import Measurement
from calibrate.errors import ParameterError
from calibrate.posterior import Posterior
from calibrate.scores import predictive
from calibrate.scores.pointwise import pointwise
from calibrate.scores.predictive import Scores, TestReadings, scores, usual, within

KNEE = (
    KNEE
    + """[parameters.mcl]
k = { lower = 20.0, upper = 120.0 }
alpha = 0.06
l_0 = 79.0
[parameters.lcl]
k = 60.0
alpha = 0.06
l_0 = 54.0
[noise]
sigma = 0.5
[data]
file = "knee.csv"
positive = "varus"
"""
)
GRID = np.linspace(20.0, 120.0, 2001)


def config(**changes: str) -> Config:
    text = KNEE
    for old, new in changes.items():
        text = text.replace(f"{old} = ", f"{old} = {new} # ")
    return parse_config(text, DATA / "knee.toml")


def readings(number: int = 15) -> Measurement:
    angles = np.linspace(-7.0, 7.0, number)
    return Measurement(angles, np.zeros(number), None, "moment", "deg", source="knee.csv")


def simulated(seed: int, model: Config | None = None, number: int = 15) -> tuple[Posterior, np.ndarray]:
    """A knee drawn from the prior and measured, as a model sees it; and draws of the exact posterior."""
    rng = np.random.default_rng(seed)
    truth = Posterior.from_config(config(), readings(number))
    drawn = truth.simulate(truth.prior_sample(rng, 1), rng)[0]
    posterior = Posterior.from_config(model or config(), dataclasses.replace(readings(number), loads=drawn))
    log_prob = posterior.log_prob(GRID[:, np.newaxis])
    cells = rng.choice(GRID.size, 2000, p=np.exp(log_prob - logsumexp(log_prob)))
    return posterior, (GRID[cells] + rng.uniform(-0.025, 0.025, 2000))[:, np.newaxis]


@pytest.fixture(scope="module")
def knees() -> dict[str, list[Scores]]:
    """Scores of forty knees: by a right model, and by one whose sigma is half of the true one."""
    return {
        name: [scores(*simulated(seed, model, 10)) for seed in range(40)]
        for name, model in (("right", config()), ("wrong", config(sigma="0.25")))
    }


def pits(found: list[Scores], key: str = "pit_loo") -> np.ndarray:
    return np.concatenate([getattr(one.tests[0], key) for one in found])


def test_probabilities_of_readings_are_uniform_unless_sigma_is_wrong(knees: dict[str, list[Scores]]) -> None:
    assert kstest(pits(knees["right"]), "uniform").pvalue > 0.01
    assert kstest(pits(knees["wrong"]), "uniform").pvalue < 1e-6
    count = pits(knees["right"]).size
    for share in predictive.SHARES:
        low, high = binom.ppf([0.005, 0.995], count, share)
        assert low <= within(pits(knees["right"]), share) <= high
        assert within(pits(knees["wrong"]), share) < low


def test_readings_lie_nearer_to_what_they_themselves_had_a_part_in(knees: dict[str, list[Scores]]) -> None:
    spread = [float(np.mean((pits(knees["right"], key) - 0.5) ** 2)) for key in ("pit", "pit_loo")]
    assert spread[0] < spread[1]


def test_a_note_says_that_intervals_are_too_narrow_and_is_rare_where_they_are_not(
    knees: dict[str, list[Scores]],
) -> None:
    assert sum("too narrow" in " ".join(one.notes()) for one in knees["wrong"]) >= 15
    assert sum("predictive intervals" in " ".join(one.notes()) for one in knees["right"]) <= 3


def test_leaving_a_reading_out_is_as_by_quadrature_within_the_error() -> None:
    misses, joint = [], []
    for seed in range(1, 6):
        posterior, q = simulated(seed)
        found = scores(posterior, q)
        each = pointwise(posterior, GRID[:, np.newaxis])
        # The density of a reading, over the posterior of all others, each of these as weights on the grid.
        others = each.sum(axis=1, keepdims=True) - each
        exact = logsumexp(others + each, axis=0) - logsumexp(others, axis=0)
        good = found.k < 0.7
        assert good.sum() >= 13
        misses += ((found.elpd - exact) / np.maximum(found.tests[0].error, 1e-6))[good].tolist()
        joint.append((found.elpd - exact)[good].sum() / found.error)
    assert 0.6 < np.std(misses) < 1.5
    assert np.abs(joint).max() < 4.0


def test_pieces_of_a_long_test_are_scored_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, q = simulated(3)
    whole = scores(posterior, q).content()
    monkeypatch.setattr(predictive, "_TOGETHER", 4)
    pieces = scores(posterior, q).content()
    assert whole["elpd"] == pytest.approx(pieces["elpd"])
    assert whole["elpd_error"] == pytest.approx(pieces["elpd_error"])
    assert whole["tests"][0]["pit_loo"] == pytest.approx(pieces["tests"][0]["pit_loo"])
    assert whole["tests"][0]["predicted"] == pytest.approx(pieces["tests"][0]["predicted"])


def test_errors_are_of_each_arm() -> None:
    valgus = np.array([True, True, False, False, False])
    error = np.array([3.0, -4.0, 1.0, -1.0, 1.0])
    pit = np.array([0.01, 0.06, 0.5, 0.74, 0.99])
    found = TestReadings("", "N·m", np.arange(5.0), np.ones(5), 1.0 + error, valgus, pit)
    assert found.rmse("valgus") == pytest.approx(math.sqrt(12.5))
    assert found.rmse("varus") == pytest.approx(1.0)
    assert found.rmse() == pytest.approx(math.sqrt(28.0 / 5.0))
    assert (found.within(0.5), found.within(0.9)) == (2, 3)
    one_sided = dataclasses.replace(found, valgus=np.ones(5, dtype=bool))
    assert one_sided.content()["rmse_varus"] is None


def test_arms_are_told_apart_where_both_condyles_touch() -> None:
    posterior, q = simulated(1)
    (test,) = scores(posterior, q).tests
    touch = math.degrees(posterior.geometry().theta_0)
    assert 2.0 < abs(touch) < 6.0
    np.testing.assert_array_equal(test.valgus, -test.degrees > touch)  # the file counts varus as positive
    shifted = Posterior.from_config(
        parse_config(KNEE + "\n[measurement]\nangle_offset = 3.0\n", DATA / "knee.toml"), posterior.measurement
    )
    (test,) = scores(shifted, q).tests
    np.testing.assert_array_equal(test.valgus, -(test.degrees - 3.0) > touch)


def test_usual_numbers_are_those_of_a_binomial_distribution() -> None:
    for count, share in ((15, 0.5), (15, 0.9), (200, 0.9), (1, 0.5)):
        assert usual(count, share) == tuple(int(x) for x in binom.ppf([0.005, 0.995], count, share))


def test_a_reading_that_decides_is_named() -> None:
    posterior, q = simulated(2)
    spoilt = scores(posterior, q)
    k = spoilt.tests[0].k.copy()
    k[[4, 9]] = 0.8, 1.23
    test = dataclasses.replace(spoilt.tests[0], name="flex30", k=k)
    (note,) = [note for note in dataclasses.replace(spoilt, tests=(test,)).notes() if "Pareto" in note]
    assert "Pareto k of 2 of 15 readings is above 0.7 (largest 1.23, at 2 degrees of flex30)" in note
    content = dataclasses.replace(spoilt, tests=(test,)).content()
    assert (content["bad_pareto_k"], content["largest_pareto_k"]) == (2, 1.23)
    json.dumps(content, allow_nan=False)


def test_too_few_draws_and_too_many_readings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, q = simulated(2)
    with pytest.raises(ParameterError, match="99 effective draws, and scores need 100 at least"):
        scores(posterior, q[:99])
    with pytest.raises(ParameterError, match="20 effective draws"):
        scores(posterior, q, 0.01)
    monkeypatch.setattr(predictive, "MOST_READINGS", 14)
    with pytest.raises(ParameterError, match="15 readings, and each is scored by itself: 14 at the most"):
        scores(posterior, q)
