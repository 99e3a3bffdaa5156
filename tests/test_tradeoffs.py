"""Parameters that trade off, in draws that were made so."""

import numpy as np
import pytest

from calibrate import tradeoffs as module
from calibrate.tradeoffs import TradeOff, trade_offs

A, B, C, D = np.random.default_rng(1).standard_normal((4, 20_000))
ONES = np.ones(4)


def with_noise(left: float) -> np.ndarray:
    """Return a column that the first tells but for this share of its variance."""
    return np.asarray(np.sqrt(1.0 - left) * A + np.sqrt(left) * B)


def test_two_trade_off_from_a_tenfold_inflation_on() -> None:
    (found,) = trade_offs(np.column_stack([A, C, -with_noise(0.09)]), ONES[:3])
    assert set(found.members) == {0, 2}
    assert found.correlation == pytest.approx(-np.sqrt(0.91), abs=0.003)
    assert found.left == 1.0
    assert trade_offs(np.column_stack([A, C, -with_noise(0.11)]), ONES[:3]) == []


def test_three_trade_off_that_do_not_by_twos() -> None:
    draws = np.column_stack([A, B, A + B + 0.1 * C, D])
    (found,) = trade_offs(draws, ONES)
    assert sorted(found.members) == [0, 1, 2]
    assert found.members[0] == 2  # which the others tell best
    assert found.correlation == pytest.approx(np.sqrt(2.0 / 2.01), abs=1e-3)
    # Of four at once, one that nobody tells alone, nothing is said.
    assert trade_offs(np.column_stack([A + B + C + 0.1 * D, A, B, C]), ONES) == []


def test_what_goes_along_is_named_as_well() -> None:
    draws = np.column_stack([A, A + 0.1 * B, A + 0.1 * C, D])
    (found,) = trade_offs(draws, ONES)
    assert sorted(found.members) == [0, 1, 2]


def test_what_is_known_well_or_does_not_move_trades_off_with_nothing() -> None:
    draws = np.column_stack([A, A + 0.1 * B])
    assert trade_offs(draws, 1.0 / np.array([4.1, 4.1])) == []
    (found,) = trade_offs(draws, np.array([0.244, 0.257]))
    assert found == TradeOff((1, 0), found.correlation, 0.257)
    assert trade_offs(np.column_stack([A, np.ones(A.size)]), np.array([1.0, 0.0])) == []
    assert trade_offs(A[:, np.newaxis], ONES[:1]) == []
    assert trade_offs(np.column_stack([A, np.where(A > 3.0, np.inf, A)]), np.array([1.0, np.nan])) == []


# --- Without chance: four draws of independent numbers with standard deviation 1. -------------------------------------

P, Q, R = np.array([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0]])


def mixed(*shares: float) -> np.ndarray:
    """Return a number of whose variance the three have these shares."""
    return np.asarray(np.sqrt(shares) @ np.array([P, Q, R]))


def test_nine_tenths_of_the_variance_have_to_be_told() -> None:
    (found,) = trade_offs(np.column_stack([P, mixed(0.905, 0.095, 0.0)]), ONES[:2])
    assert found.correlation == pytest.approx(np.sqrt(0.905))
    assert trade_offs(np.column_stack([P, mixed(0.895, 0.105, 0.0)]), ONES[:2]) == []


def test_just_nine_tenths_are_enough_to_be_told_and_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_told", lambda alike, one, others: 0.9)
    assert [one.members for one in trade_offs(np.column_stack([P, Q, R]), ONES[:3])] == [(0, 1), (2, 0)]


def test_as_many_are_named_as_tell_nine_tenths() -> None:
    # 85 % of the first are told by the second, 99 % by both others, and less of these by the rest.
    (found,) = trade_offs(np.column_stack([mixed(0.85, 0.14, 0.01), P, Q]), ONES[:3])
    assert found.members == (0, 1, 2)
    assert found.correlation == pytest.approx(np.sqrt(0.99))


def test_a_quarter_left_is_enough_to_matter() -> None:
    (found,) = trade_offs(np.column_stack([P, mixed(0.95, 0.05, 0.0)]), 0.25 * ONES[:2])
    assert found.left == 0.25


@pytest.mark.parametrize(("left", "moves"), [(1e-9, False), (1.1e-9, True)])
def test_what_moves_by_a_billionth_of_its_prior_does_not_move(left: float, moves: bool) -> None:
    found = trade_offs(np.column_stack([P, left * P]), np.array([1.0, left]))
    assert [one.members for one in found] == ([(0, 1)] if moves else [])


def test_draws_too_far_apart_for_a_number_trade_off_with_nothing() -> None:
    assert trade_offs(np.column_stack([P, 1e200 * P]), np.array([1.0, np.inf])) == []


def test_a_correlation_is_one_at_the_most_and_from_nine_tenths_on_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    rounded = 1.0 + 1e-15
    assert module._told(np.array([[1.0, rounded], [rounded, 1.0]]), 0, [1]) == 1.0
    alike = np.array([[1.0, 0.96, 0.9], [0.96, 1.0, 0.94], [0.9, 0.94, 1.0]])
    monkeypatch.setattr(np, "corrcoef", lambda draws: alike)
    (found,) = trade_offs(np.column_stack([P, Q, R]), np.array([1.0, 0.1, 0.1]))
    assert found.members == (0, 1, 2)
