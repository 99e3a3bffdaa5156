"""The knee's mechanics: reference loads, virtual work, mirror image, continuity."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from conftest import DATA, LENHART, SYMMETRIC
from knees import loads, mirrored, virtual_work

from calibrate.errors import GeometryError
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import Geometry, Strand, kinematics
from calibrate.knee.ligament import energy, tension

PARAMETERS = {
    "taut": [33.5, 0.06, 89.43, 0.0, 42.8, 0.06, 59.53, 0.0],
    "slackening": [33.5, 0.06, 94.0, 0.0, 42.8, 0.08, 62.5, 0.0],
    "tared": [80.0, 0.03, 80.5, 12.0, 65.0, 0.12, 57.0, -7.0],
}
AT = (-16.0, -65.0, 0.0)
GEOMETRIES = {"symmetric": SYMMETRIC, "lenhart": LENHART}


def reference_rows() -> list[dict[str, str]]:
    with (DATA / "reference_loads.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("column", ["force_N", "moment_Nm"])
def test_loads_match_the_reference_of_two_independent_codes(column: str) -> None:
    rows = reference_rows()
    assert len(rows) == 72
    for geometry in GEOMETRIES:
        for parameters in PARAMETERS:
            mine = [row for row in rows if (row["geometry"], row["parameters"]) == (geometry, parameters)]
            angles = [float(row["angle_rad"]) for row in mine]
            expected = [float(row[column]) for row in mine]
            got = loads(GEOMETRIES[geometry], angles, PARAMETERS[parameters], column.split("_")[0])
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=0.0)


def test_lengths_match_the_reference() -> None:
    for row in reference_rows():
        poses = kinematics(GEOMETRIES[row["geometry"]], float(row["angle_rad"]))
        expected = [float(row["mcl_length_mm"]), float(row["lcl_length_mm"])]
        np.testing.assert_allclose(poses.lengths[:, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("geometry", [LENHART, replace(SYMMETRIC, rolling=1.0)], ids=["lenhart", "symmetric"])
@pytest.mark.parametrize("parameters", [PARAMETERS["taut"], PARAMETERS["slackening"]], ids=["taut", "slackening"])
def test_rolling_contact_does_no_work(geometry: Geometry, parameters: list[float]) -> None:
    moment, slope = virtual_work(geometry, parameters)
    np.testing.assert_allclose(moment, slope, rtol=1e-6, atol=1e-6 * np.abs(moment).max())


def test_sliding_contact_does_work() -> None:
    moment, slope = virtual_work(SYMMETRIC, PARAMETERS["taut"])
    assert np.abs(moment - slope).max() > 0.01 * np.abs(moment).max()


def test_force_load_is_the_moment_over_the_points_virtual_displacement() -> None:
    angles = np.deg2rad([-6.0, -2.0, 4.0, 7.0])
    moment, force = (loads(LENHART, angles, PARAMETERS["taut"], kind) for kind in ("moment", "force"))
    step = 1e-5
    # How far a small turn moves the application point along the tibia's x axis, from the poses alone: rolling without
    # slip on a circle, the contact is at rest, so the tibia turns about it.
    moved = (applied_point(angles + step) - applied_point(angles - step)) / (2 * step)
    along = moved[0] * np.cos(angles) + moved[1] * np.sin(angles)
    np.testing.assert_allclose(force * along, 1000.0 * moment, rtol=1e-8)


def applied_point(angles: np.ndarray) -> np.ndarray:
    """Return where the application point of LENHART is, from the pose in docs/model.md written out: `p + R (x - s)`."""
    g, theta_0 = LENHART, LENHART.theta_0
    out = []
    for theta in angles:
        centre, radius = (g.lateral_centre, g.lateral_radius) if theta > theta_0 else (g.medial_centre, g.medial_radius)
        c, s = np.cos(theta_0), np.sin(theta_0)
        at_0 = np.array([centre[0] + radius * s, centre[1] - radius * c])
        on_tibia = np.array([c * at_0[0] + s * at_0[1], -s * at_0[0] + c * at_0[1]])
        on_tibia[0] += g.rolling * radius * (theta - theta_0)
        c, s = np.cos(theta), np.sin(theta)
        arm = np.array(g.application_point) - on_tibia
        contact = np.array([centre[0] + radius * s, centre[1] - radius * c])
        out.append((contact[0] + c * arm[0] - s * arm[1], contact[1] + s * arm[0] + c * arm[1]))
    return np.array(out).T


@pytest.mark.parametrize("kind", ["force", "moment"])
@pytest.mark.parametrize("rolling", [0.0, 0.5, 1.0])
def test_mirror_image_of_the_knee_has_the_mirror_image_of_the_load(kind: str, rolling: float) -> None:
    geometry = replace(LENHART, rolling=rolling)
    angles = np.deg2rad(np.linspace(-9.0, 9.0, 37))
    p = PARAMETERS["tared"]
    there = loads(geometry, angles, p, kind)
    back = loads(mirrored(geometry), -angles, [*p[4:], *p[:4]], kind)
    np.testing.assert_allclose(there, -back, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("rolling", [0.0, 0.3, 1.0])
def test_pose_is_continuous_where_the_contact_changes_condyle(rolling: float) -> None:
    geometry = replace(LENHART, rolling=rolling)
    poses = kinematics(geometry, geometry.theta_0 + np.array([-1e-9, 0.0, 1e-9]))
    assert list(poses.lateral) == [False, False, True]  # at exactly theta_0 the medial condyle carries the load
    assert np.ptp(poses.lengths, axis=1).max() < 1e-6
    # The load itself jumps: that is what lifts one condyle off.
    assert np.ptp(poses.arms[0]) > 1.0


def test_both_condyles_touch_at_theta_0() -> None:
    for geometry in (LENHART, SYMMETRIC, replace(LENHART, lateral_centre=(23.5, -9.0))):
        normal = np.array([np.sin(geometry.theta_0), -np.cos(geometry.theta_0)])
        medial = np.dot(geometry.medial_centre, normal) + geometry.medial_radius
        lateral = np.dot(geometry.lateral_centre, normal) + geometry.lateral_radius
        assert medial == pytest.approx(lateral, abs=1e-12)


def test_law_is_slack_then_quadratic_then_linear() -> None:
    k, alpha, l_0 = 40.0, 0.05, 80.0  # the toe is 4 mm long
    np.testing.assert_allclose(
        tension([79.0, 80.0, 82.0, 84.0, 90.0], k, alpha, l_0),
        [0.0, 0.0, 40.0 * 2.0**2 / (2 * 4.0), 40.0 * 2.0, 40.0 * (10.0 - 2.0)],
        rtol=1e-14,
    )


def test_tension_is_the_slope_of_the_energy() -> None:
    lengths, step = np.array([79.5, 80.5, 83.9, 84.1, 95.0]), 1e-4
    slope = (energy(lengths + step, 40.0, 0.05, 80.0) - energy(lengths - step, 40.0, 0.05, 80.0)) / (2 * step)
    np.testing.assert_allclose(tension(lengths, 40.0, 0.05, 80.0), slope, rtol=1e-6, atol=1e-9)


def test_taut_ligaments_make_the_condyle_push_and_a_large_tare_makes_it_pull() -> None:
    knee = CachedKnee.build(SYMMETRIC, np.deg2rad([-5.0, 5.0]), "force", "valgus")
    tared = [*PARAMETERS["taut"][:3], 1000.0, *PARAMETERS["taut"][4:]]
    assert (knee.push(np.array([PARAMETERS["taut"]])) > 0).all()
    assert (knee.push(np.array([tared])) < 0).any()


def test_positive_varus_turns_both_signs() -> None:
    angles = np.deg2rad([-6.0, -1.0, 5.0])
    p = np.array([PARAMETERS["taut"]])
    valgus = CachedKnee.build(LENHART, angles, "moment", "valgus").loads(p)
    varus = CachedKnee.build(LENHART, -angles, "moment", "varus").loads(p)
    np.testing.assert_array_equal(varus, -valgus)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"medial_radius": 200.0}, "no plateau touches both"),
        ({"lateral_centre": (-30.0, -6.0)}, "lateral of the medial one"),
        ({"lateral_centre": (-19.0, 60.0)}, "seen from the front"),
        ({"strands": (Strand("mcl", AT, AT), LENHART.strands[1]), "medial_radius": 15.5}, "mcl: .* coincide"),
        ({"strands": ()}, "no strands"),
    ],
)
def test_impossible_geometry_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(GeometryError, match=says):
        replace(LENHART, **change)


def test_force_without_a_lever_arm_is_refused() -> None:
    with pytest.raises(GeometryError, match="application_point is missing"):
        CachedKnee.build(replace(LENHART, application_point=None), [0.01], "force", "valgus")
    with pytest.raises(GeometryError, match="no lever arm"):
        CachedKnee.build(replace(SYMMETRIC, application_point=(3.0, -40.0)), [0.0], "force", "valgus")
