"""Which draws become outposts, worked out by hand: kernels fall as (1 + distance)^-3 in each direction.

Draws at -1, 0 and 1 have a standard deviation of 1, so that with a bandwidth of 1 those at the ends are known by
1 + 1/8 + 1/27 and the one in the middle by 1 + 1/8 + 1/8. Whoever is known least is chosen, and is known by 1 more.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibrate.sampling.outposts import OUTPOSTS, outposts

ONE = np.array([[0]]), np.array([1])
THREE = np.array([-1.0, 0.0, 1.0])


def chosen(draws: np.ndarray, log_prob: np.ndarray, bandwidth: float = 1.0) -> list[float]:
    """Return where the outposts of one parameter are."""
    return outposts(draws[:, np.newaxis], log_prob, *ONE, bandwidth)[0, :, 0].tolist()


def test_those_at_the_ends_come_first_and_then_the_middle() -> None:
    assert chosen(THREE, np.zeros(3)) == [-1.0, 1.0, 0.0]
    assert chosen(1000.0 * THREE + 7.0, np.zeros(3)) == [-993.0, 1007.0, 7.0]


@pytest.mark.parametrize(
    ("bandwidth", "ends", "middle"), [(1.0, 1 + 2.0**-3 + 3.0**-3, 1.25), (2.0, 1 + 1.5**-3 + 2.0**-3, 1 + 2 * 1.5**-3)]
)
def test_a_draw_that_is_better_known_has_to_be_as_much_more_probable(
    bandwidth: float, ends: float, middle: float
) -> None:
    more = math.log(middle / ends)
    assert chosen(THREE, np.array([0.0, more + 1e-9, 0.0]), bandwidth)[0] == 0.0
    assert chosen(THREE, np.array([0.0, more - 1e-9, 0.0]), bandwidth)[0] == -1.0


def test_an_outpost_makes_its_place_known() -> None:
    """Of two draws at a distance of 2 each is known by 1 + 1/27; the first is chosen twice if it is worth that."""
    two, again = np.array([-1.0, 1.0]), math.log((2 + 1 / 27) / (1 + 2 / 27))
    assert chosen(two, np.array([again + 1e-9, 0.0]), math.sqrt(0.5)) == [-1.0, -1.0]
    assert chosen(two, np.array([again - 1e-9, 0.0]), math.sqrt(0.5)) == [-1.0, 1.0]


def test_in_several_directions_kernels_are_products_of_what_is_left_of_the_others() -> None:
    """A square, sheared: uncorrelated again, all corners are alike, and the one in the middle is known by less."""
    corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])
    sheared = corners @ np.array([[1.0, 0.5], [0.0, 1.0]])
    # Of variance 1. From a corner the others are (0, 2), (2, 0) and (2, 2) away, and (1, 1) the middle.
    more = math.log((1 + 2 * 3.0**-3 + 9.0**-3 + 4.0**-3) / (1 + 4 * 4.0**-3))
    for corner, first in ((0.0, 4), (more - 1e-9, 4), (more + 1e-9, 0)):
        log_prob = np.array([corner, corner - 1.0, corner - 1.0, corner - 1.0, 0.0])
        found = outposts(sheared, log_prob, np.array([[0, 1]]), np.array([2]), 1.0)
        np.testing.assert_array_equal(found[0, 0], sheared[first])


@pytest.mark.parametrize(("n", "last"), [(48, 46), (50, 46), (72, 69)])
def test_of_many_draws_24_evenly_chosen_ones_are_known(n: int, last: int) -> None:
    """Every second, or every third; what is far off is known if it is one of these, and else comes first."""
    draws = np.tile([-1.0, 1.0], n // 2)
    for far in (last - 1, last, last + 1, n - 1):
        some = draws.copy()
        some[far], some[1] = 50.0, -40.0
        first = chosen(some, np.zeros(n))[0]
        assert first == (-40.0 if far == last else 50.0), far


def test_there_are_eight_at_the_most_and_each_group_has_its_own() -> None:
    draws = np.random.default_rng(0).standard_normal((30, 3))
    draws[25], draws[28] = [9.0, 0.0, 9.0], [0.0, 8.0, 0.0]
    found = outposts(draws, np.zeros(30), np.array([[2, 0, 0], [1, 0, 0]]), np.array([2, 1]), 0.9)
    assert OUTPOSTS == 8
    assert found.shape == (2, 8, 3)
    np.testing.assert_array_equal(found[0, 0], [9.0, 9.0, 0.0])
    np.testing.assert_array_equal(found[1, 0], [8.0, 0.0, 0.0])
    assert not found[0, :, 2].any()
    assert not found[1, :, 1:].any()


@pytest.mark.parametrize("n", [0, 1, 5, 20])
def test_draws_in_a_plane_are_taken_as_they_come(n: int) -> None:
    draws = np.column_stack([np.arange(float(n)) ** 2, np.full(n, 3.0)])
    found = outposts(draws, np.zeros(n), np.array([[0, 1]]), np.array([2]), 0.9)
    np.testing.assert_array_equal(found, draws[np.newaxis, :8])
