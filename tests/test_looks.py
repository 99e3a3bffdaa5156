"""A test's residuals looked at: directions, loops and repeats, against the same worked out by hand."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from calibrate.hat import Hat, tails, unequal
from calibrate.looks import Repeats, compared, look, repeats, ways_of


def test_a_reading_goes_where_its_neighbours_go() -> None:
    up_down = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    ways = ways_of(up_down)
    # The top goes nowhere by its neighbours, so as the one before it.
    assert ways is not None
    assert ways.tolist() == [1.0] * 5 + [-1.0] * 4
    held = ways_of(np.repeat(up_down, 2))
    assert held is not None
    assert held.tolist() == [1.0] * 9 + [-1.0] * 9
    still_first = ways_of(np.concatenate([[0.0, 0.0, 0.0], up_down]))
    assert still_first is not None
    assert still_first.tolist() == [1.0] * 8 + [-1.0] * 4
    ends_upwards = ways_of(np.append(up_down, 1.0))
    assert ends_upwards is not None
    assert ends_upwards.tolist() == [1.0] * 5 + [-1.0] * 4 + [1.0]
    turns_at_once = ways_of(np.array([3.0, 4.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0]))
    assert turns_at_once is not None
    assert turns_at_once.tolist() == [1.0] * 2 + [-1.0] * 4 + [1.0] * 3


def test_one_way_only_is_no_loop() -> None:
    assert ways_of(np.arange(9.0)) is None
    assert ways_of(np.zeros(9)) is None
    # From the middle outwards, one arm after the other: an effect of the arm would look like one of the way.
    assert ways_of(np.concatenate([np.arange(9.0), -np.arange(9.0)])) is None


def test_ways_are_compared_where_they_lie_among_each_other() -> None:
    angles = np.concatenate([np.arange(8.0), np.arange(8.0) + 4.0])
    ways = np.repeat([1.0, -1.0], 8)
    assert compared(angles, ways) is ways  # half of each
    assert compared(angles + np.repeat([0.0, 1.0], 8), ways) is None
    few = np.where(np.arange(16) == 3, -1.0, 1.0)
    assert compared(np.tile(np.arange(4.0), 4), few) is None
    assert compared(np.tile(np.arange(4.0), 4), np.where(np.arange(16) < 4, -1.0, 1.0)) is not None


def seen(**changes: Any) -> Any:
    """Return what is seen of 40 readings on two sweeps, the way up 1 above the way down but for noise of 0.1."""
    angles = np.concatenate([np.arange(20.0), np.arange(20.0)[::-1]])
    ways = np.repeat([1.0, -1.0], 20)
    noise = 0.1 * np.random.default_rng(1).standard_normal(40)
    given: dict[str, Any] = {
        "angles": angles,
        "direction": ways,
        "valgus": angles > 9.5,
        "residuals": -0.5 * ways + noise,
        "sigma": np.ones(40),
        "hat": Hat.nothing(40),
        "chance": 1e-3,
    }
    return look(**(given | changes))


def test_a_loop_is_measured_and_taken_out() -> None:
    looks = seen()
    loop = looks.loop
    # Prediction less data is negative where readings lie above.
    assert loop.half == pytest.approx(0.5, abs=0.05)
    assert loop.share == pytest.approx(0.98, abs=0.02)
    assert loop.probability < 1e-20
    straight = looks.straight
    assert straight @ np.repeat([1.0, -1.0], 20) == pytest.approx(0.0, abs=1e-12)
    assert np.std(straight) == pytest.approx(0.1, abs=0.03)
    by_rows = seen(direction=None)
    assert by_rows.loop.half == pytest.approx(0.5, abs=0.06)
    kept = seen(chance=0.0)
    assert np.std(kept.straight) > 0.4  # not taken out unless it is no chance
    assert np.std(seen(chance=loop.probability).straight) > 0.4
    nothing = seen(residuals=np.zeros(40))
    assert (nothing.loop.half, nothing.loop.share, nothing.loop.probability) == (0.0, 0.0, 1.0)


def test_the_rest_is_seen_in_residuals_without_the_loop() -> None:
    found, hat = seen(), Hat.nothing(40)
    angles = np.concatenate([np.arange(20.0), np.arange(20.0)[::-1]])
    assert found.arms == unequal(found.straight, angles > 9.5, hat)
    assert found.tails == tails(found.straight, hat)
    assert found.repeats == repeats(angles, found.straight, np.ones(40), hat)


def test_a_loop_is_in_the_loads_unit_whatever_the_errors_are() -> None:
    sigma = np.linspace(0.5, 2.0, 40)
    ways = np.repeat([1.0, -1.0], 20)
    found = seen(sigma=sigma, residuals=-0.5 * ways / sigma + 1e-3 * np.random.default_rng(2).standard_normal(40))
    assert found.loop.half == pytest.approx(0.5, abs=0.01)
    assert found.loop.share == pytest.approx(1.0, abs=0.01)
    assert np.abs(found.straight).max() < 0.01


def test_readings_that_pull_are_named_by_their_row() -> None:
    residuals = 0.1 * np.random.default_rng(1).standard_normal(40)
    residuals[7] = 0.9
    swing = np.zeros((40, 3))
    swing[7] = [0.1, -0.4, 0.2]
    found = seen(residuals=residuals, direction=np.ones(40), hat=Hat(np.zeros((40, 1)), swing))
    pull = found.pull
    rest = math.sqrt((residuals @ residuals - 0.81) / 39.0)
    assert (pull.row, pull.parameter) == (7, 1)
    assert pull.far == pytest.approx(0.9 / rest)
    assert pull.moves == pytest.approx(0.4 * 0.9 / rest)
    assert pull.probability == pytest.approx(40 * 2.0 * stats.t.sf(0.9 / rest, 39.0))
    assert found.loop is None
    quiet = seen(residuals=np.tile([0.1, -0.1], 20), hat=Hat(np.zeros((40, 1)), swing))
    assert quiet.pull.probability == 1.0
    assert seen().pull is None


def test_readings_at_the_same_angle_test_the_fit() -> None:
    angles = np.array([1.0, 2.0, 1.0, 3.0, 2.0, 3.0, 3.0, 4.0])
    residuals = np.array([1.0, -1.1, 1.2, 0.9, -0.9, 1.0, 1.1, -2.0])
    # Around means of 1.1, -1.0, 1.0: squares of 0.02, 0.02, 0.02 with 4 degrees of freedom; the rest has 3.
    sigma = np.repeat([0.2, 1.4], 4)  # whose mean square is 1
    found = repeats(angles, residuals, 2.0 * sigma, Hat(np.eye(8, 1), np.zeros((8, 1))))
    assert found is not None
    total = float(residuals @ residuals)
    assert found.scatter == pytest.approx(2.0 * math.sqrt(0.06 / 4))
    assert found.misses == pytest.approx(2.0 * math.sqrt(total / 7.0))
    assert found.probability == pytest.approx(stats.f.sf(((total - 0.06) / 3.0) / (0.06 / 4.0), 3.0, 4.0))


def test_a_fit_through_the_means_is_as_good_as_can_be() -> None:
    found = repeats(np.repeat(np.arange(4.0), 2), np.tile([1.0, -1.0], 4), np.ones(8), Hat.nothing(8))
    assert found == Repeats(math.sqrt(2.0), 1.0, 1.0)  # eight squares of 1, with 4 and 8 degrees of freedom


def test_readings_that_are_copies_say_nothing_of_noise() -> None:
    """Four readings of 1, -1, 1 and -1, each written twice, and the second time a little off."""
    angles, residuals = np.repeat(np.arange(4.0), 2), np.repeat([1.0, -1.0, 1.0, -1.0], 2)
    assert repeats(angles, residuals, np.ones(8), Hat.nothing(8)) is None
    apart = repeats(angles, residuals + np.tile([0.0, 1e-3], 4), np.ones(8), Hat.nothing(8))
    assert apart is not None
    assert apart.probability < 1e-9
    with np.errstate(over="ignore", invalid="ignore"):
        assert repeats(angles, np.tile([1e200, -1e200], 4), np.ones(8), Hat.nothing(8)) is None


def test_one_degree_of_freedom_besides_the_repeats_is_enough() -> None:
    # A mean of 3, squares of 4, 1, 0, 1, 4 about it, and 45 of 55 that are its own.
    found = repeats(np.ones(5), np.arange(1.0, 6.0), np.ones(5), Hat.nothing(5))
    assert found is not None
    assert found.scatter == pytest.approx(math.sqrt(10.0 / 4.0))
    assert found.misses == pytest.approx(math.sqrt(55.0 / 5.0))
    assert found.probability == pytest.approx(stats.f.sf(18.0, 1.0, 4.0))
    with np.errstate(over="ignore"):
        assert repeats(np.ones(5), 1e200 * np.arange(1.0, 6.0), np.ones(5), Hat.nothing(5)) is None


def test_too_few_repeats_tell_nothing() -> None:
    none = Hat.nothing(8)
    residuals, sigma = np.arange(8.0), np.ones(8)
    assert repeats(np.array([1.0, 1, 1, 1, 2, 3, 4, 5]), residuals, sigma, none) is None
    assert isinstance(repeats(np.array([1.0, 1, 1, 1, 1, 3, 4, 5]), residuals, sigma, none), Repeats)
    assert repeats(np.array([1.0, 1, 1, 1, 1, 3, 4, 5]), np.zeros(8), sigma, none) is None
    assert repeats(np.ones(8), residuals, sigma, Hat(np.full((8, 1), 0.5), np.zeros((8, 1)))) is None
