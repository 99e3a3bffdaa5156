"""Knees posed at once are those posed one by one, and what is derived of many strands and tests is the model's own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from knees import many_strands, mirrored

from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import Geometry, kinematics
from calibrate.knee.many import Knees

ANGLES = np.linspace(-0.34, 0.34, 35)


def of(*geometries: Geometry) -> Knees:
    """Return knees of one flexion at once."""
    shape = []
    for g in geometries:
        condyles = (*g.lateral_centre, g.lateral_radius, *g.medial_centre, g.medial_radius)
        shape.append([*condyles, g.rolling, 0.0, 0.0, *(g.flexion_axis or (0.0, 0.0))])
    ends = [[[*s.femur, *s.tibia] for s in g.strands] for g in geometries]
    (flexion,) = {g.flexion for g in geometries}
    (given,) = {g.flexion_axis is not None for g in geometries}
    return Knees.of(np.array(shape), np.array(ends), flexion, axis_given=given)


@pytest.mark.parametrize("rolling", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("axis", [None, (4.0, 2.0)])
def test_knees_at_once_are_those_one_by_one(rolling: float, axis: tuple[float, float] | None) -> None:
    rng = np.random.default_rng(7)
    flexed = [replace(many_strands(rng, rolling), flexion=0.9, flexion_axis=axis) for _ in range(6)]
    knees = of(*flexed)
    each = [kinematics(g, ANGLES) for g in flexed]
    lengths, arms = knees.pose(np.tile(ANGLES, (6, 1)), np.array([one.lateral for one in each]))
    np.testing.assert_allclose(knees.theta_0, [g.theta_0 for g in flexed], rtol=0, atol=1e-13)
    np.testing.assert_allclose(lengths, [one.lengths for one in each], rtol=1e-12)
    np.testing.assert_allclose(arms, [one.arms for one in each], rtol=0, atol=1e-11)
    at_reference = [replace(g, reference_flexion=0.9).reference_lengths() for g in flexed]
    np.testing.assert_allclose(knees.reference_lengths(), at_reference, rtol=1e-12)
    some = knees.rows(slice(2, 4))
    np.testing.assert_array_equal(some.pose(np.tile(ANGLES, (2, 1)), np.ones((2, 35), bool))[0].shape, (2, 5, 35))
    np.testing.assert_allclose(some.reference_lengths(), at_reference[2:4], rtol=1e-12)


def test_a_knee_without_a_pose_has_no_number_and_leaves_the_others_theirs() -> None:
    good = replace(many_strands(np.random.default_rng(1), 1.0), flexion_axis=None)
    shape = np.tile(
        [*good.lateral_centre, good.lateral_radius, *good.medial_centre, good.medial_radius, 1.0, 0, 0, 0, 0], (5, 1)
    )
    shape[1, 0] = shape[1, 3] - 1.0  # sides exchanged
    shape[2, 2] = 200.0  # one inside the other
    shape[3, 1] += 60.0  # steeper than any knee
    shape[4, 5] = -1.0
    ends = np.tile([[*s.femur, *s.tibia] for s in good.strands], (5, 1, 1))
    lengths = Knees.of(shape, ends, good.flexion, axis_given=False).reference_lengths()
    assert np.isfinite(lengths[0]).all()
    assert np.isnan(lengths[1:]).all()


def test_sides_are_by_the_arm_and_change_in_the_mirror() -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        knee = replace(many_strands(rng, 1.0), flexion=0.2)
        sides = of(knee).sides()
        assert sides.tolist() == [1.0, -1.0, -1.0, 1.0, -1.0]  # mcl, lcl, then lateral, medial, lateral ones
        assert of(mirrored(knee)).sides().tolist() == [1.0, -1.0, 1.0, -1.0, 1.0]


def test_a_strand_between_the_contacts_is_of_the_nearer_side() -> None:
    knee = replace(many_strands(np.random.default_rng(3), 1.0), flexion=0.0)
    middle = 0.5 * (knee.lateral_centre[0] + knee.medial_centre[0])
    for x, side in ((middle - 5.0, 1.0), (middle + 5.0, -1.0)):
        strand = replace(knee.strands[2], femur=(x, 0.0, 0.0), tibia=(x, -60.0, 0.0))
        assert of(replace(knee, strands=(*knee.strands[:2], strand))).sides()[2] == side


def test_the_moment_is_that_of_the_statics() -> None:
    knee = replace(many_strands(np.random.default_rng(5), 1.0), flexion=math.radians(40.0))
    rng = np.random.default_rng(6)
    reach = ((20, 90), (0.03, 0.1), (45, 80), (-5, 5))
    law = np.stack([rng.uniform(low, high, (4, 5)) for low, high in reach], axis=-1)
    expected = CachedKnee.build(knee, ANGLES, "moment", "valgus").loads(law)
    found = of(knee).moments(ANGLES[np.newaxis], (knee.theta_0 < ANGLES)[np.newaxis], law)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
