"""Any number of strands, in three dimensions, at any flexion: the general knee against codes and laws of its own."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import DATA, LENHART
from knees import REGIONS, knee, loads, many_strands, mirrored, parameters_in, virtual_work

from calibrate import CachedKneeModel, GeometryError, KneeModel, ParameterError, PrecomputedKneeModel
from calibrate.config import Attachments
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import Geometry, Strand, geometry_of, kinematics
from calibrate.knee.ligament import stiffness, tension
from calibrate.knee.slopes import slopes
from calibrate.losses import parallel_total_loss

# Readings of twelve general knees by an independent code; see `knee_of` for its keys.
CASES = json.loads((DATA / "general_reference.json").read_text())
KNEES = range(8)


def deep(point: list[float]) -> tuple[float, float, float]:
    x, y, *z = point
    return x, y, *(z or [0.0])


def knee_of(case: dict) -> Geometry:
    g = case["geometry"]
    return Geometry(
        lateral_centre=tuple(g["lat_c"]),
        lateral_radius=g["lat_r"],
        medial_centre=tuple(g["med_c"]),
        medial_radius=g["med_r"],
        strands=tuple(Strand(s["name"], deep(s["F"]), deep(s["T"])) for s in case["strands"]),
        rolling=g["rho"],
        application_point=tuple(g["app"]),
        flexion_axis=tuple(g["axis"]) if g["axis_given"] else None,
        flexion=math.radians(case["test"]["flexion"]),
    )


def random_knee(seed: int, rolling: float) -> tuple[Geometry, np.ndarray, np.ndarray]:
    """A knee of five strands, parameters that have each in some region, and angles on both condyles."""
    rng = np.random.default_rng(seed)
    geometry = many_strands(rng, rolling)
    parameters = parameters_in(rng, geometry, 0.02, [REGIONS[(seed + i) % 3] for i in range(5)])
    angles = geometry.theta_0 + np.array([-0.15, -0.07, -0.02, 0.03, 0.08, 0.16])
    return geometry, parameters, angles


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['strands'])} at {case['test']['flexion']:g}")
def test_readings_match_those_of_an_independent_code(case: dict) -> None:
    geometry, test, measured = knee_of(case), case["test"], case["measurement"]
    # Its strains are given at the test's own flexion.
    at_rest = replace(geometry, reference_flexion=geometry.flexion).reference_lengths()
    slack = [s["l_0"] for s in case["strands"]]
    np.testing.assert_allclose(at_rest / (1.0 + np.array([s["e_ref"] for s in case["strands"]])), slack, rtol=1e-9)
    angles = np.array(test["angle"]) - measured["offset"]
    assert test["unit"] == "deg"
    cached = CachedKnee.build(geometry, np.deg2rad(angles), test["kind"], test["positive"])
    parameters = np.array([[[s[key] for key in ("k", "alpha", "l_0", "f_ref")] for s in case["strands"]]])
    reading = cached.loads(parameters)[0] + measured["bias"] + measured["hyst"] * np.array(test["direction"])
    np.testing.assert_allclose(reading, case["reading"], rtol=1e-9)
    np.testing.assert_array_equal(cached.loads(parameters.reshape(1, -1)), cached.loads(parameters))


def test_the_reference_has_depth_flexion_further_strands_and_both_kinds_of_axis() -> None:
    assert len(CASES) == 12
    assert {len(case["strands"]) for case in CASES} == {2, 3, 4}
    assert {case["test"]["flexion"] for case in CASES} == {0.0, 30.0, 60.0, 90.0}
    assert {case["geometry"]["axis_given"] for case in CASES} == {False, True}
    assert {len(strand["F"]) for case in CASES for strand in case["strands"]} == {2, 3}


@pytest.mark.parametrize("seed", KNEES)
def test_a_rolling_contact_does_no_work_whatever_the_strands(seed: int) -> None:
    geometry, parameters, _ = random_knee(seed, rolling=1.0)
    untared = parameters * np.tile([1.0, 1.0, 1.0, 0.0], 5)
    moment, slope = virtual_work(geometry, untared)
    np.testing.assert_allclose(moment, slope, rtol=1e-6, atol=1e-6 * np.abs(moment).max())
    # The same forces at arms without the in-plane share do not add up: depth matters in these knees.
    poses = kinematics(geometry, 0.02)
    share = np.abs([s.femur[2] - s.tibia[2] for s in geometry.flexed]) / poses.lengths[:, 0]
    assert share.max() > 0.1


@pytest.mark.parametrize("kind", ["force", "moment"])
@pytest.mark.parametrize("seed", KNEES)
def test_the_mirror_image_of_many_strands_has_the_mirror_image_of_the_load(kind: str, seed: int) -> None:
    geometry, parameters, angles = random_knee(seed, rolling=(0.0, 0.5, 1.0)[seed % 3])
    mcl, lcl, *others = parameters.reshape(5, 4)
    there = loads(geometry, angles, parameters, kind)
    back = loads(mirrored(geometry), -angles, np.concatenate([lcl, mcl, *others]), kind)
    np.testing.assert_allclose(there, -back, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("seed", KNEES)
def test_the_push_balances_the_strands_along_the_plateaus_normal(seed: int) -> None:
    geometry, parameters, angles = random_knee(seed, rolling=(0.0, 0.5, 1.0)[seed % 3])
    cached = CachedKnee.build(geometry, angles, "force", "valgus")
    model = KneeModel(geometry)
    model.build_geometry()
    model.build_strand_forces(parameters)
    reaction = model.calculate_thetas(angles[2:4])["constraint_forces"]
    normal = np.stack([np.sin(angles), -np.cos(angles)], axis=1)[2:4]
    np.testing.assert_allclose(cached.push(parameters[np.newaxis])[0, 2:4], (reaction * normal).sum(axis=1), rtol=1e-9)


# --- Flexion ----------------------------------------------------------------------------------------------------------


def test_flexion_turns_the_femur_backwards_about_its_axis() -> None:
    strands = (
        Strand("mcl", (-40.0, 12.0, 2.0), (-16.0, -65.0, 1.0)),
        Strand("lcl", (36.0, 4.0, 8.0), (45.0, -51.0, 0.0)),
    )
    flexed = replace(LENHART, strands=strands, flexion_axis=(2.0, 1.0), flexion=math.pi / 2).flexed
    # At a right angle y' - y_a = z - z_a and z' - z_a = y_a - y: what was proximal is now posterior.
    assert flexed[0].femur == pytest.approx((-40.0, 3.0, -9.0))
    assert flexed[1].femur == pytest.approx((36.0, 9.0, -1.0))
    assert [strand.tibia for strand in flexed] == [strand.tibia for strand in strands]
    without = replace(LENHART, strands=(*strands, strands[0]), flexion=0.7)
    assert without.flexed == replace(without, flexion_axis=(8.0, 5.0)).flexed  # mean of mcl and lcl alone


def test_a_geometry_at_another_flexion_is_the_same_knee() -> None:
    geometry, _, angles = random_knee(3, rolling=1.0)
    there = geometry.at(0.1)
    assert (there.flexion, there.at(geometry.flexion)) == (0.1, geometry)
    assert np.abs(kinematics(there, angles).lengths - kinematics(geometry, angles).lengths).max() > 1.0
    np.testing.assert_array_equal(
        geometry.reference_lengths(), kinematics(there.at(geometry.reference_flexion), there.theta_0).lengths[:, 0]
    )
    np.testing.assert_array_equal(geometry.reference_lengths(), there.reference_lengths())
    assert geometry.names == ("mcl", "lcl", "bundle_0", "bundle_1", "bundle_2")


def test_a_configurations_knee_is_taken_at_the_tests_flexion_in_degrees() -> None:
    config = knee().knee
    attached = Attachments.model_construct(femur=(-40.0, 12.0, 3.0), tibia=(-16.0, -65.0, 1.0))
    geometry = geometry_of(config.model_copy(update={"mcl": attached}), 90.0)
    assert geometry.flexion == pytest.approx(math.pi / 2)
    assert geometry.strands[0] == Strand("mcl", (-40.0, 12.0, 3.0), (-16.0, -65.0, 1.0))
    assert geometry.strands[1] == Strand("lcl", (*config.lcl.femur, 0.0), (*config.lcl.tibia, 0.0))
    assert geometry_of(config).flexion == 0.0


def test_a_strand_that_has_no_length_at_the_tests_flexion_is_refused() -> None:
    geometry = replace(LENHART, lateral_centre=(20.4, -6.0), lateral_radius=17.5, flexion_axis=(0.0, 0.0))
    folded = Strand("folded", (3.0, 0.0, 40.0), (3.0, 40.0, 0.0))
    upright = replace(geometry, strands=(*geometry.strands, folded))
    assert kinematics(upright, [0.0]).lengths[2, 0] == pytest.approx(40.0 * math.sqrt(2.0))
    with pytest.raises(GeometryError, match=r"folded: .* coincide"):
        upright.at(math.pi / 2)


def test_a_strand_with_depth_alone_has_a_length_and_no_pull_in_the_plane() -> None:
    geometry = replace(LENHART, lateral_centre=(20.4, -6.0), lateral_radius=17.5)  # touches at 0
    across = Strand("across", (3.0, -40.0, 5.0), (3.0, -40.0, -4.0))
    poses = kinematics(replace(geometry, strands=(*geometry.strands, across)), [0.0])
    assert poses.lengths[2, 0] == pytest.approx(9.0)
    assert (poses.arms[2, 0], poses.distal[2, 0]) == (0.0, 0.0)
    with pytest.raises(GeometryError, match=r"across: .* coincide"):
        replace(geometry, strands=(*geometry.strands, replace(across, femur=across.tibia)))


# --- Slopes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", KNEES)
def test_slopes_of_lengths_and_arms_are_those_of_a_difference(seed: int) -> None:
    rolling = (0.0, 0.5, 1.0)[seed % 3]
    geometry, _, angles = random_knee(seed, rolling)
    h = 1e-4
    lengths, arms = slopes(geometry, kinematics(geometry, angles))
    at = [kinematics(geometry, angles + n * h) for n in (-2, -1, 1, 2)]

    def difference(of: list[np.ndarray]) -> np.ndarray:
        return (of[0] - 8.0 * of[1] + 8.0 * of[2] - of[3]) / (12.0 * h)

    np.testing.assert_allclose(lengths, difference([p.lengths for p in at]), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(arms, difference([p.arms for p in at]), rtol=1e-8, atol=1e-8)
    if rolling == 1.0:  # virtual work of one newton
        np.testing.assert_allclose(lengths, kinematics(geometry, angles).arms, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("positive", ["valgus", "varus"])
@pytest.mark.parametrize("kind", ["force", "moment"])
@pytest.mark.parametrize("seed", KNEES)
def test_the_loads_slope_is_that_of_a_difference_per_degree(seed: int, kind: str, positive: str) -> None:
    geometry, parameters, angles = random_knee(seed, rolling=(0.0, 0.5, 1.0)[seed % 3])
    rows = np.stack([parameters, parameters * np.tile([1.3, 1.1, 0.995, 2.0], 5)])
    sign = 1.0 if positive == "valgus" else -1.0
    as_in_file = np.rad2deg(sign * angles)

    def load(degrees: np.ndarray) -> np.ndarray:
        return CachedKnee.build(geometry, np.deg2rad(degrees), kind, positive).loads(rows)

    h = 1e-3
    cached = CachedKnee.build(geometry, np.deg2rad(as_in_file), kind, positive, slopes=True)
    expected = (load(as_in_file + h) - load(as_in_file - h)) / (2.0 * h)
    np.testing.assert_allclose(cached.slope(rows), expected, rtol=1e-5, atol=1e-6)
    assert (cached.slope(rows) > 0.0).any()


def test_at_theta_0_the_slope_is_the_medial_condyles() -> None:
    geometry, parameters, _ = random_knee(1, rolling=0.5)
    angles = geometry.theta_0 + np.array([-1e-9, 0.0, 1e-9])
    below, at, above = CachedKnee.build(geometry, angles, "moment", "valgus", slopes=True).slope(
        parameters[np.newaxis]
    )[0]
    assert at == pytest.approx(below, rel=1e-6)
    assert at != pytest.approx(above, rel=1e-3)


def test_a_knee_without_slopes_says_how_to_get_them() -> None:
    with pytest.raises(ValueError, match="slopes=True"):
        CachedKnee.build(LENHART, [0.1], "moment", "valgus").slope(np.ones((1, 8)))


def test_stiffness_is_the_slope_of_the_tension_and_continuous() -> None:
    k, alpha, l_0, h = 40.0, 0.05, 80.0, 1e-6  # the toe is 4 mm long
    lengths = np.array([70.0, 81.0, 83.0, 90.0])
    slope = (tension(lengths + h, k, alpha, l_0) - tension(lengths - h, k, alpha, l_0)) / (2.0 * h)
    np.testing.assert_allclose(stiffness(lengths, k, alpha, l_0), slope, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(stiffness([79.0, 80.0, 82.0, 84.0, 85.0], k, alpha, l_0), [0.0, 0.0, 20.0, 40.0, 40.0])


# --- The parameters' derivatives, and the symbolic knee ---------------------------------------------------------------


def test_the_jacobian_of_many_strands_is_that_of_a_difference() -> None:
    geometry, parameters, angles = random_knee(4, rolling=0.5)
    cached = CachedKnee.build(geometry, angles, "force", "varus")
    h = 1e-6 * np.maximum(np.abs(parameters), 1.0)
    expected = [
        (cached.loads((parameters + step)[np.newaxis])[0] - cached.loads((parameters - step)[np.newaxis])[0])
        / (2.0 * size)
        for step, size in zip(np.diag(h), h, strict=True)
    ]
    jacobian = cached.jacobian(parameters[np.newaxis])[0]
    np.testing.assert_allclose(jacobian, np.transpose(expected), rtol=1e-6, atol=1e-5)
    assert jacobian.shape == (6, 20)


@pytest.mark.parametrize("load", ["force", "moment"])
@pytest.mark.parametrize("seed", range(3))
def test_the_symbolic_knee_solves_strands_depth_and_flexion(load: str, seed: int) -> None:
    geometry, parameters, angles = random_knee(seed, rolling=(0.0, 0.5, 1.0)[seed])
    angles = angles[[1, 4]]
    model = KneeModel(geometry, load=load)
    model.build_geometry()
    model.build_strand_forces(parameters)
    symbolic = model.calculate_thetas(angles)
    cached = CachedKnee.build(geometry, angles, load, "valgus")
    unit = 1.0 if load == "force" else 1000.0
    np.testing.assert_allclose(unit * cached.loads(parameters[np.newaxis])[0], symbolic[f"applied_{load}s"], rtol=1e-10)
    for i, name in enumerate(geometry.names):
        np.testing.assert_allclose(cached.kinematics.lengths[i], symbolic[f"{name}_lengths"], rtol=1e-12)
        tensions = cached.tensions(parameters[np.newaxis])[0, i]
        np.testing.assert_allclose(tensions, symbolic[f"{name}_forces"], rtol=1e-10, atol=1e-12)


def test_the_symbolic_knee_wants_parameters_of_every_strand() -> None:
    model = KneeModel(random_knee(0, rolling=1.0)[0])
    model.build_geometry()
    with pytest.raises(ParameterError, match="2 strands, expected mcl, lcl, bundle_0, bundle_1, bundle_2"):
        model.build_ligament_forces([1.0, 0.1, 50.0, 0.0], [1.0, 0.1, 50.0, 0.0])
    with pytest.raises(ParameterError, match=r"build_strand_forces: .* 4 strands"):
        model.build_strand_forces(np.ones(16))


def test_models_of_eight_parameters_refuse_what_they_do_not_know() -> None:
    others = random_knee(0, rolling=1.0)[0]
    mcl, lcl = LENHART.strands
    flat = replace(LENHART, strands=(mcl, replace(lcl, femur=(36.0, 4.0, 1.0))))
    makers = (CachedKneeModel, PrecomputedKneeModel, lambda g: parallel_total_loss(np.ones((1, 8)), [0.1], [1.0], g))
    for make in makers:
        with pytest.raises(GeometryError, match=r"strands mcl, lcl, bundle_0, .* in the plane only"):
            make(others)
        with pytest.raises(GeometryError, match=r"this knee has depth in lcl, .* in the plane only"):
            make(flat)
        with pytest.raises(GeometryError, match=r"this knee has depth in mcl and lcl, .* in the plane only"):
            make(replace(LENHART, flexion=0.5))
    assert CachedKneeModel(LENHART).geometry is LENHART
