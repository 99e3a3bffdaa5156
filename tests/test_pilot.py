"""The pilot on made-up posteriors: its levels and masses by hand, and answers that are known.

Nothing is compiled here: moves, which have test_pilot_moves.py, are scripted or run as Python. That the posteriors of
knees are found is in test_start.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from toys import moves_in_python, toy

from calibrate.errors import ConfigError
from calibrate.priors import LogNormal, Normal, Uniform
from calibrate.sampling import pilot
from calibrate.sampling.pilot import Population, explore, mass_below

# --- levels ---


class Even:
    """Stands in for a generator: what it draws is spread evenly; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def random(self, shape: int | tuple[int, ...]) -> np.ndarray:
        self.asked.append(("random", shape))
        shape = (shape,) if isinstance(shape, int) else shape
        return ((np.arange(math.prod(shape)) + 0.5) / math.prod(shape)).reshape(shape)

    def integers(self, *arguments: int) -> np.ndarray:
        self.asked.append(("integers", *arguments))
        low, high, size = arguments
        return low + np.arange(size) % (high - low)

    def permutation(self, n: int) -> np.ndarray:
        self.asked.append(("permutation", n))
        return np.arange(n)[::-1]


Step = Callable[[np.ndarray, np.ndarray, float], None]


def scripted(monkeypatch: pytest.MonkeyPatch, step: Step) -> list[tuple[object, ...]]:
    """Let a function of points, values and floor stand in for the moves; return what they are called with."""
    calls: list[tuple[object, ...]] = []

    def stand_in(x: np.ndarray, value: np.ndarray, floor: float, *others: object) -> None:
        calls.append((x.copy(), value.copy(), floor, *others))
        step(x, value, floor)

    monkeypatch.setattr(pilot, "_climb", stand_in)
    return calls


def test_the_evidence_is_the_integral_if_points_are_spread_evenly_above_each_floor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The likelihood exp(-x) between 0 and 50: an exponential distribution, and (1 - exp(-50)) / 50."""

    def spread(x: np.ndarray, value: np.ndarray, floor: float) -> None:
        x[:, 0] = -floor * (np.arange(len(x)) + 0.5) / len(x)
        value[:] = -x[:, 0]

    calls = scripted(monkeypatch, spread)
    found = explore(toy(lambda q: -q[:, 0], (0.0, 50.0)), Even(), 2000)
    assert found.log_evidence == pytest.approx(-math.log(50.0), abs=5e-3)
    assert isinstance(found.log_evidence, float)
    assert found.weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert found.weights @ found.coords[:, 0] == pytest.approx(1.0, abs=5e-3)
    assert found.weights @ found.coords[:, 0] ** 2 == pytest.approx(2.0, abs=0.02)
    np.testing.assert_array_equal(found.log_likelihood, -found.coords[:, 0])
    # What is left above the floor is less than 1 % of 1/50 when the volume has been halved thirteen times.
    assert len(calls) == 13
    assert len(found.coords) == 13 * 1000 + 2000
    assert found.coords.shape == (15_000, 1)


def test_a_level_takes_the_lower_half_and_what_ties_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start = np.array([-1.0, 0.0, -3.0, -1.0, 1.0, -2.0, -1.0, -1.0])

    def level_out(x: np.ndarray, value: np.ndarray, floor: float) -> None:
        value[:] = 2.0
        x[:, 0] += 100.0

    calls = scripted(monkeypatch, level_out)
    rng = Even()
    posterior = toy(lambda q: start if len(q) == 8 else np.arange(14.0), (0.0, 8.0), (10.0, 18.0))
    found = explore(posterior, rng, 8)
    drawn = np.array([[k + 0.5, k + 10.5] for k in range(8)])
    np.testing.assert_allclose(posterior.asked[0], drawn, rtol=1e-15)
    # Three are at -1 or below in the lower half; the floor is -1, and four lie at it: six are lost, by their order.
    x, value, floor, order, numbers, density = calls[0]
    assert len(calls) == 1
    assert floor == -1.0
    np.testing.assert_array_equal(value, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    np.testing.assert_array_equal(x, drawn[[1, 4, 1, 4, 1, 4, 1, 4]])
    np.testing.assert_array_equal(order, np.arange(8)[::-1])
    assert numbers.shape == (20, 4, 5)
    np.testing.assert_array_equal(density.prior, posterior.density.prior)
    assert density.knee.function is posterior.function
    assert rng.asked == [
        ("random", 8),
        ("random", 8),
        ("integers", 6, 8, 6),
        ("random", (20, 4, 5)),
        ("permutation", 8),
    ]
    # The dead with an eighth of the volume each, then the living with an eighth of the quarter that is left.
    lost = np.array([2, 5, 0, 3, 6, 7])
    np.testing.assert_array_equal(found.coords[:6], drawn[lost])
    np.testing.assert_array_equal(found.log_likelihood, [*start[lost], *[2.0] * 8])
    np.testing.assert_array_equal(found.log_prob, posterior.log_prob(found.coords))
    mass = np.array([*np.exp(start[lost]) / 8.0, *[math.exp(2.0) * 0.25 / 8.0] * 8])
    np.testing.assert_allclose(found.weights, mass / mass.sum(), rtol=1e-12)
    assert found.log_evidence == pytest.approx(math.log(mass.sum()), rel=1e-12)


def test_points_are_drawn_between_the_bounds() -> None:
    posterior = toy(lambda q: np.zeros(len(q)), (-3.0, 1.0), (10.0, 30.0))
    found = explore(posterior, np.random.default_rng(3), 64)
    # Of a flat likelihood no level is taken: the points are the draws as they came, all of one weight.
    expected = [-3.0, 10.0] + np.array([4.0, 20.0]) * np.random.default_rng(3).random((2, 64)).T
    np.testing.assert_allclose(found.coords, expected, rtol=1e-15)
    np.testing.assert_allclose(found.weights, 1.0 / 64.0, rtol=1e-12)
    assert found.log_evidence == pytest.approx(0.0, abs=1e-12)


def test_there_are_1024_points_if_nothing_else_is_asked_for() -> None:
    assert len(explore(toy(lambda q: np.zeros(len(q)), (0.0, 1.0)), np.random.default_rng(0)).coords) == 1024


@pytest.mark.parametrize("above", [False, True])
def test_the_pilot_ends_when_the_rest_can_add_less_than_a_hundredth(
    above: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = np.logaddexp.reduce(np.array([-2.0, -1.0]) - math.log(4.0))
    # The best value with which the rest is exactly a hundredth: then the pilot goes on, and ends a hair below.
    best = float(evidence) + math.log(0.01) - math.log1p(-0.5) - 1e-13
    while best + math.log1p(-0.5) < float(evidence) + math.log(0.01):
        best = math.nextafter(best, math.inf)
    assert best + math.log1p(-0.5) == float(evidence) + math.log(0.01)
    if not above:
        best -= 1e-12

    def place(x: np.ndarray, value: np.ndarray, floor: float) -> None:
        value[:] = [best - 3.0, best - 2.0, best - 1.0, best] if len(calls) == 1 else best

    calls = scripted(monkeypatch, place)
    explore(toy(lambda q: np.resize([-2.0, -1.0, 0.0, 0.5], len(q)), (0.0, 1.0)), Even(), 4)
    assert len(calls) == (2 if above else 1)


def test_a_posterior_too_narrow_for_the_computers_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def rise(x: np.ndarray, value: np.ndarray, floor: float) -> None:
        value[:] = floor + np.arange(1.0, 9.0)

    calls = scripted(monkeypatch, rise)
    with pytest.raises(ConfigError) as refused:
        explore(toy(lambda q: np.arange(8.0), (0.0, 1.0)), Even(), 8)
    assert str(refused.value) == (
        "the posterior is too narrow for the computer's numbers; check the bounds, sigma and their units"
    )
    assert len(calls) == 1000


@pytest.mark.usefixtures("in_python")
@pytest.mark.parametrize("possible", [0.7, 0.3])
def test_where_the_likelihood_is_zero_there_is_no_mass(possible: float) -> None:
    posterior = toy(lambda q: np.where(q[:, 0] < possible, 3.0, -np.inf), (0.0, 1.0))
    found = explore(posterior, np.random.default_rng(0), 64)
    share = np.mean(posterior.asked[0][:, 0] < possible)
    assert found.log_evidence == pytest.approx(3.0 + math.log(share), rel=1e-12)
    assert not found.weights[found.coords[:, 0] >= possible].any()
    np.testing.assert_allclose(mass_below([found], np.array([-1e300, 0.0, 4.0])), [0.0, 0.0, 1.0], rtol=1e-12)


def test_where_no_point_is_possible_the_reason_is_said() -> None:
    with pytest.raises(ConfigError) as refused:
        explore(toy(lambda q: np.full(len(q), -np.inf), (0.0, 1.0)), np.random.default_rng(0), 8)
    assert str(refused.value) == (
        "no parameters within the bounds explain the data with a finite probability; check units, signs and sigma"
    )


@pytest.mark.parametrize(
    ("priors", "shape"),
    [
        ([(0.0, 1.0)] * 10, (20, 2, 5)),
        ([(0.0, 1.0)] * 12, (24, 2, 5)),
        ([(0.0, 1.0)] * 11 + [Normal(0.0, 1.0)], (24, 2, 6)),
        ([LogNormal(1.0, 2.0)], (20, 2, 6)),
    ],
)
def test_points_move_once_for_each_dimension_and_a_prior_that_is_not_uniform_takes_one_number_more(
    priors: list[Any], shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def level_out(x: np.ndarray, value: np.ndarray, floor: float) -> None:
        value[:] = 2.0

    calls = scripted(monkeypatch, level_out)
    explore(toy(lambda q: np.arange(float(len(q))), *priors), np.random.default_rng(0), 4)
    assert calls[0][4].shape == shape


def test_points_are_drawn_from_the_priors_and_each_has_its_log_probability() -> None:
    priors = [Normal(3.0, 2.0, 2.0), LogNormal(7.0, 1.5), Uniform(-1.0, 4.0)]
    found = explore(toy(lambda q: np.full(len(q), 5.0), *priors), np.random.default_rng(3), 64)
    rng = np.random.default_rng(3)
    drawn = np.column_stack([prior.quantile(rng.random(64)) for prior in priors])
    np.testing.assert_allclose(found.coords, drawn, rtol=1e-14)
    expected = 5.0 + sum(prior.log_density(column) for prior, column in zip(priors, drawn.T, strict=True))
    np.testing.assert_allclose(found.log_prob, expected, rtol=1e-12)
    np.testing.assert_array_equal(found.log_likelihood, 5.0)
    # Of a flat likelihood the evidence is its value, whatever the priors.
    assert found.log_evidence == pytest.approx(5.0, abs=1e-12)


# --- known answers ---


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the moves run as Python, on a toy's function."""
    moves_in_python(monkeypatch)


def some(
    function: Callable[[np.ndarray], np.ndarray], *bounds: tuple[float, float], seeds: int = 2
) -> list[Population]:
    found = [explore(toy(function, *bounds), np.random.default_rng(seed), 64) for seed in range(seeds)]
    for one in found:
        assert one.weights.sum() == pytest.approx(1.0, rel=1e-12)
        np.testing.assert_array_equal(one.log_likelihood, function(one.coords))
        assert (one.coords >= [b[0] for b in bounds]).all()
        assert (one.coords <= [b[1] for b in bounds]).all()
    return found


@pytest.mark.usefixtures("in_python")
def test_evidence_and_mean_of_one_parameter_are_those_of_quadrature() -> None:
    def skewed(q: np.ndarray) -> np.ndarray:
        return np.asarray(-0.5 * ((np.log(q[:, 0]) - 1.0) / 0.05) ** 2)

    grid, step = np.linspace(0.5, 40.0, 200_001, retstep=True)
    density = np.exp(skewed(grid[:, np.newaxis]))
    found = some(skewed, (0.5, 40.0))
    # The logarithm of the volume errs by sqrt(levels / points) or 0.3, half as much again for two pilots' mean.
    evidence = np.mean([one.log_evidence for one in found])
    assert evidence == pytest.approx(math.log(density.sum() * step / 39.5), abs=0.7)
    mean = np.mean([one.weights @ one.coords[:, 0] for one in found])
    # Some hundred draws each, of a standard deviation of 0.14.
    assert mean == pytest.approx((density * grid).sum() / density.sum(), abs=0.05)


@pytest.mark.usefixtures("in_python")
def test_a_narrow_hill_has_its_evidence_in_two_dimensions() -> None:
    width = 0.02

    def hill(q: np.ndarray) -> np.ndarray:
        return np.asarray(-0.5 * (((q - [0.3, 0.6]) / width) ** 2).sum(axis=1))

    found = some(hill, (0.0, 1.0), (0.0, 1.0))
    evidence = np.mean([one.log_evidence for one in found])
    assert evidence == pytest.approx(math.log(2.0 * math.pi * width**2), abs=0.9)
    for one in found:
        np.testing.assert_allclose(one.weights @ one.coords, [0.3, 0.6], atol=5.0 * width / math.sqrt(64))


@pytest.mark.usefixtures("in_python")
def test_one_stream_gives_one_pilot_and_another_stream_another() -> None:
    def slope(q: np.ndarray) -> np.ndarray:
        return np.asarray(-8.0 * q[:, 0])

    one, again, other = (explore(toy(slope, (0.0, 1.0)), np.random.default_rng(seed), 16) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.coords, again.coords)
    assert one.log_evidence == again.log_evidence
    assert one.log_evidence != other.log_evidence


# --- masses ---


def population(log_prob: list[float], weights: list[float], log_evidence: float = 0.0) -> Population:
    """Return a pilot's find; its log-likelihoods, which masses do not ask for, are in another order."""
    values = np.array(log_prob)
    return Population(np.zeros((len(weights), 1)), values[::-1], values, np.array(weights), log_evidence)


def test_a_mass_is_what_lies_below_and_not_at_a_level() -> None:
    one = population([0.0, -3.0, -1.0, -2.0], [0.4, 0.1, 0.3, 0.2])
    levels = np.array([-4.0, -3.0, -2.5, -2.0, -0.5, 0.0, 0.5])
    np.testing.assert_allclose(mass_below([one], levels), [0.0, 0.0, 0.1, 0.1, 0.6, 0.6, 1.0], atol=1e-15)
    np.testing.assert_allclose(mass_below([one], levels[::-1]), [1.0, 0.6, 0.6, 0.1, 0.1, 0.0, 0.0], atol=1e-15)
    assert mass_below([one], np.array([])).shape == (0,)


def test_masses_of_pilots_are_weighted_by_their_evidence() -> None:
    one, other = population([0.0, -1.0], [0.9, 0.1], math.log(3.0)), population([0.0, -1.0], [0.5, 0.5])
    expected = (3.0 * 0.1 + 1.0 * 0.5) / 4.0
    np.testing.assert_allclose(mass_below([one, other], np.array([-0.5])), [expected], rtol=1e-12)
    np.testing.assert_allclose(mass_below([other, one], np.array([-0.5])), [expected], rtol=1e-12)


@pytest.mark.parametrize("far", [-1e5, 1e5])
def test_evidences_may_be_beyond_any_power_of_e(far: float) -> None:
    pilots = [population([0.0, -1.0], [0.9, 0.1], far), population([0.0, -1.0], [0.5, 0.5], far)]
    np.testing.assert_allclose(mass_below(pilots, np.array([-0.5])), [0.3], rtol=1e-12)


def test_masses_are_added_up_before_they_are_divided() -> None:
    """A pilot that has all but missed the hill must not make the plain heavy."""

    def of(log_evidence: float, below: float) -> Population:
        return population(
            [-30.0, -30.0, 0.0, 0.0], [below / 2, below / 2, 0.5 - below / 2, 0.5 - below / 2], log_evidence
        )

    # Both say that the plain has 1e-6 of the true evidence; the second has found a thousandth of the hill.
    good, poor = of(0.0, 1e-6), of(math.log(1e-3), 1e-3)
    np.testing.assert_allclose(mass_below([good], np.array([-31.0, -15.0, 1.0])), [0.0, 1e-6, 1.0], atol=1e-15)
    np.testing.assert_allclose(mass_below([good, poor], np.array([-15.0])), [2e-6 / 1.001], rtol=1e-9)


@pytest.mark.usefixtures("in_python")
def test_weights_add_up_to_one_where_likelihoods_are_huge() -> None:
    # As with a sigma a thousand times too small: the evidence has hardly a digit behind the point.
    posterior = toy(lambda q: -3e9 - 1e8 * (q[:, 0] - 0.3) ** 2, (0.0, 1.0))
    found = explore(posterior, np.random.default_rng(0), 64)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.weights @ found.coords[:, 0] == pytest.approx(0.3, abs=1e-3)
