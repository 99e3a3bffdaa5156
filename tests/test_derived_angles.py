"""Angles that are looked for, at the half degrees and midway between them: with one step a straight line says where.

Knees turn both ways from where both condyles touch, in forty steps each to 20 degrees: with a lateral condyle of 18 mm
beside a medial one of 20 that is at asin(2 / 40), 2.87 degrees.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from test_derived_general import BY_HAND, VALGUS, posterior, row

from calibrate.derived import laxity, taut_angles
from calibrate.knee.many import Knees
from calibrate.knee.reach import reached, root

# Where both condyles touch the MCL is 80 mm long, of either of its strands, and the LCL 60 mm.
SLACK = (1.0, 0.05, 150.0, 0.0)
TIGHT = {"mcl": (40.0, 0.05, 60.0, 0.0), "lcl": (40.0, 0.05, 40.0, 0.0)}


def knees_of(radius: str) -> Knees:
    of = posterior(VALGUS, radius=radius)
    return of.tests[0].knees(of.full(row(of, **BY_HAND)))


def grid(theta_0: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the angles [rad] and where the lateral condyle bears; `theta_0` stands there twice."""
    steps, end = np.linspace(0.0, 1.0, 41), math.radians(20.0)
    down, up = (1.0 - steps) * theta_0 - steps * end, (1.0 - steps) * theta_0 + steps * end
    return np.concatenate([down[::-1], up]), np.arange(82) >= 41


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("radius", "theta_0"), [("20.0", 0.0), ("18.0", math.asin(0.05))])
def test_a_strand_becomes_taut_where_a_straight_line_through_two_lengths_says(
    radius: str, theta_0: float, sign: float
) -> None:
    knees = knees_of(radius)
    angles, lateral = grid(theta_0)
    lengths = knees.pose(angles[np.newaxis], lateral[np.newaxis])[0][0]
    between = [i for i in range(81) if i != 40]
    middles = np.rad2deg(0.5 * (angles[1:] + angles[:-1]))[between]
    slack = (0.5 * (lengths[:, 1:] + lengths[:, :-1]))[:, between].T
    found = taut_angles(knees, slack, sign, 1)
    assert found.shape == (80, 3)
    for column, way in enumerate((1.0, -1.0, 1.0)):
        assert (way * np.diff(lengths[column])[between] > 0.0).all()
        np.testing.assert_allclose(found[:, column], sign * middles, atol=1e-10)


def test_a_strand_as_long_as_at_a_half_degree_becomes_taut_there_to_the_last_digit() -> None:
    knees = knees_of("20.0")
    angles, lateral = grid(0.0)
    lengths = knees.pose(angles[np.newaxis], lateral[np.newaxis])[0][0]
    for sign in (1.0, -1.0):
        found = taut_angles(knees, lengths.T, sign, 1)
        # At either end it is taut, or slack, all the way.
        assert np.isnan(found[[0, -1]]).all()
        np.testing.assert_array_equal(found[1:-1], np.rad2deg(sign * angles)[1:-1, np.newaxis].repeat(3, axis=1))
        assert not np.signbit(found[40:42]).any()  # no -0


def test_a_strand_that_is_just_taut_where_both_condyles_touch_becomes_so_there() -> None:
    """A thousand knees, whose strands lie farther and farther out: not a trillionth of a degree off."""
    one = knees_of("20.0")
    ends = one.femur.repeat(1000, axis=1), one.tibia.repeat(1000, axis=1)
    for end in ends:
        end[0] *= np.linspace(0.8, 1.8, 1000)[:, np.newaxis]
    knees = Knees(*(part.repeat(1000, axis=-1) for part in (one.theta_0, one.condyles, one.rolling)), *ends)
    found = taut_angles(knees, knees.reference_lengths(), 1.0, 1)
    np.testing.assert_array_equal(found, np.zeros((1000, 3)))


def test_each_knee_has_its_own_range_of_lengths() -> None:
    of = posterior(VALGUS, radius="{ mean = 20.0, sd = 1.0 }")
    radii = (18.0, 22.0)
    knees = of.tests[0].knees(
        of.full(np.concatenate([row(of, **BY_HAND, knee__lateral_condyle__radius=r) for r in radii]))
    )
    end, lateral = np.full((2, 1), math.radians(20.0)), np.array([[True]])
    short, long = knees.pose(end, lateral)[0][:, 0, 0]
    assert short < long - 0.1
    found = taut_angles(knees, np.full((2, 3), 0.5 * (short + long)), 1.0, 20)[:, 0]
    assert math.isnan(found[0])
    assert 15.0 < found[1] < 20.0
    # One that both have, further in: each to the last digit at its own angle.
    wanted = 0.5 * (knees.reference_lengths()[:, 0].max() + short)
    found = taut_angles(knees, np.full((2, 3), wanted), 1.0, 20)[:, :1]
    assert abs(found[0, 0] - found[1, 0]) > 0.1
    angles = np.deg2rad(found)
    np.testing.assert_allclose(knees.pose(angles, angles > knees.theta_0[:, np.newaxis])[0][:, 0, 0], wanted, atol=1e-9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("strand", "way"), [("mcl", 1.0), ("lcl", -1.0)])
@pytest.mark.parametrize(("radius", "theta_0"), [("20.0", 0.0), ("18.0", math.asin(0.05))])
def test_a_moment_is_reached_where_a_straight_line_through_two_says(
    radius: str, theta_0: float, strand: str, way: float, sign: float
) -> None:
    """Beyond the jump where both condyles touch, and on this side of it if it has been passed before."""
    knees = knees_of(radius)
    angles, lateral = grid(theta_0)
    law = np.array([[TIGHT[name] if name == strand else SLACK for name in ("mcl", "lcl", "inner")]])
    moments = way * knees.moments(angles[np.newaxis], lateral[np.newaxis], law)[0]
    assert (way * np.diff(moments) > 0.0).all()
    side = "valgus" if way > 0.0 else "varus"
    for i in range(81):
        expected = 0.5 * (angles[i] + angles[i + 1])
        target = 0.5 * (moments[i] + moments[i + 1])
        found = laxity(knees, law, sign, (target,), 1)[f"laxity_{side}_{target:g}Nm"].item()
        assert found == pytest.approx(sign * math.degrees(expected), abs=1e-10), i
        assert not (i == 40 and theta_0 == 0.0 and np.signbit(found))  # no -0


# Moments outwards and inwards of where both condyles touch, in steps of half a degree; the one looked for is 10.
RISES, FALLS = np.arange(41.0), -np.arange(41.0)
UNKNOWN = np.full(41, np.nan)


@pytest.mark.parametrize(
    ("outward", "inward", "degrees"),
    [
        (RISES - 30.0, FALLS - 40.0, 20.0),  # reached at the end
        (RISES - 30.5, FALLS - 40.0, math.nan),
        (RISES + 9.0, FALLS, 0.5),
        (RISES + 10.0, FALLS, 0.0),  # the jump passes it, or ends with it
        (RISES + 11.0, np.full(41, 10.0), 0.0),
        (RISES + 11.0, FALLS, 0.0),
        (RISES + 11.0, FALLS + 10.0, 0.0),  # or begins with it
        (RISES + 11.0, 10.0 - FALLS, 0.0),
        (RISES + 11.0, FALLS + 12.0, -1.0),  # passed before
        (RISES + 10.0, FALLS + 12.0, -1.0),
        (RISES + 70.0, FALLS + 50.0, -20.0),
        (RISES + 70.0, FALLS + 50.5, math.nan),
        (UNKNOWN, UNKNOWN, math.nan),
    ],
)
@pytest.mark.parametrize("way", [1.0, -1.0])
def test_a_moment_lies_beyond_the_jump_in_it_or_before_it(
    outward: np.ndarray, inward: np.ndarray, degrees: float, way: float
) -> None:
    knees, (angles, _) = knees_of("20.0"), grid(0.0)
    moments = np.concatenate([inward[::-1], outward])[np.newaxis]
    moments = moments if way > 0.0 else -moments[:, ::-1]
    law = np.array([[SLACK] * 3])
    found = np.rad2deg(reached(knees, law, angles[np.newaxis], moments, np.array([10.0]), 1))
    np.testing.assert_allclose(found[0 if way > 0.0 else 1], [[way * degrees]], atol=1e-12)


def test_a_moment_that_the_jump_begins_with_is_reached_there_to_the_last_digit() -> None:
    inward = 10.0 - np.linspace(0.2, 1.8, 1000)[:, np.newaxis] * np.arange(41.0)
    moments = np.concatenate([inward[:, ::-1], np.broadcast_to(RISES + 11.0, (1000, 41))], axis=1)
    knees, law = knees_of("20.0"), np.array([[SLACK] * 3] * 1000)
    found = reached(knees, law, grid(0.0)[0][np.newaxis], moments, np.array([10.0]), 1)
    np.testing.assert_array_equal(found[0, 0], np.zeros(1000))


@pytest.mark.parametrize("degrees", [20.0, -20.0, 25.0])
def test_a_knee_whose_condyles_touch_beyond_20_degrees_has_no_angles(degrees: float) -> None:
    knees = replace(knees_of("20.0"), theta_0=np.array([math.radians(degrees)]))
    assert np.isnan(taut_angles(knees, np.array([[80.0, 60.0, 80.0]]), 1.0, 20)).all()
    law = np.array([[TIGHT["mcl"], TIGHT["lcl"], SLACK]])
    assert np.isnan(list(laxity(knees, law, 1.0).values())).all()


# x^2 - 1/4 from 0 and 1: a straight line, and then each time from the last guess to the end of the other sign; where
# the last two guesses have the same, half of what is there counts.
THIRD = 0.4 + 0.09 * 0.6 / (0.09 + 0.75 / 2.0)
AT_THIRD = THIRD**2 - 0.25
FOURTH = THIRD - AT_THIRD * (THIRD - 0.4) / (AT_THIRD + 0.09)


@pytest.mark.parametrize(
    ("refinements", "expected"),
    [(1, 0.25), (2, 0.4), (3, THIRD), (4, FOURTH), (20, 0.5)],
    ids=["1", "2", "3", "4", "20"],
)
def test_a_root_by_the_illinois_method(refinements: int, expected: float) -> None:
    asked = []

    def parabola(x: float, width: float) -> float:
        asked.append(x)
        return (x / width) ** 2 - 0.25

    for width in (1.0, 2.0):
        asked.clear()
        found = root.py_func(parabola, width, *np.array([0.0, width, -0.25, 0.75]), refinements)
        assert found == pytest.approx(width * expected, abs=1e-10)
        assert len(asked) == min(refinements - 1, 8)  # the last guess is not checked


@pytest.mark.parametrize(("off", "tries"), [(1e-10, 1), (-1e-10, 1), (1.001e-10, 19), (-1.001e-10, 19)])
def test_what_is_off_by_no_more_than_a_ten_billionth_is_found(off: float, tries: int) -> None:
    asked = []
    root.py_func(lambda x, _: np.float64(asked.append(x) or off), None, *np.array([0.0, 1.0, -0.25, 0.75]), 20)
    assert len(asked) == tries


def test_ends_of_one_value_are_taken_as_found() -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        for value in (0.0, 1.0):
            ends = np.array([1.0, 2.0, value, value])
            assert root.py_func(lambda x, _: np.float64(0.0), None, *ends, 20) == 2.0


@pytest.mark.parametrize("moment", [5.0, 12.0])
def test_compiled_searches_end_where_moments_and_lengths_are_met(moment: float) -> None:
    """By the knee's own moments and lengths, which are another path: to a ten billionth."""
    knees = knees_of("18.0")
    law = np.array([[(40.0, 0.05, 79.5, 0.0), (40.0, 0.05, 59.5, 0.0), SLACK]])
    found = laxity(knees, law, 1.0, (moment,))
    for name, way in (("valgus", 1.0), ("varus", -1.0)):
        angle = np.deg2rad(found[f"laxity_{name}_{moment:g}Nm"])[:, np.newaxis]
        lateral = angle > knees.theta_0
        assert way * knees.moments(angle, lateral, law).item() == pytest.approx(moment, abs=1e-9)
    # Of one knee and three draws.
    slack = np.array([[81.0, 60.5, 80.5]]) + np.array([[0.0], [0.2], [-0.3]])
    taut = np.deg2rad(taut_angles(knees, slack, 1.0, 20))
    for s in range(3):
        lengths = knees.pose(taut[np.newaxis, :, s], taut[np.newaxis, :, s] > knees.theta_0)[0][0, s]
        np.testing.assert_allclose(lengths, slack[:, s], atol=1e-9)
