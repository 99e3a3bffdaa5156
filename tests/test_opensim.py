"""The outside check: the same knee built in OpenSim has the same lengths, tensions and loads, strand by strand."""

import math

import numpy as np
import pytest
from knees import REGIONS, many_strands, parameters_in, random_knee, random_parameters, region_of

from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of
from calibrate.osim import COORDINATE, planar_model

opensim = pytest.importorskip("opensim", reason="OpenSim is not installed: pip install 'calibrate[opensim]'")

CASES = 200
DEEP = 60
MM = 1e-3


def build(geometry, parameters):
    """A tibia on a planar joint, held by Blankevoort ligaments in space; metres, newtons, no damping."""
    model = opensim.Model()
    model.setName("knee")
    model.setGravity(opensim.Vec3(0))
    tibia = opensim.Body("tibia", 1.0, opensim.Vec3(0), opensim.Inertia(1, 1, 1))
    model.addBody(tibia)
    joint = opensim.PlanarJoint("joint", model.getGround(), tibia)
    model.addJoint(joint)
    for strand, p in zip(geometry.strands, parameters.reshape(-1, 4), strict=True):
        femur, on_tibia = flexed(geometry, strand.femur), strand.tibia
        ligament = opensim.Blankevoort1991Ligament()
        ligament.setName(strand.name)
        path = opensim.GeometryPath.safeDownCast(ligament.upd_path())
        path.appendNewPathPoint("femur", model.getGround(), opensim.Vec3(*(x * MM for x in femur)))
        path.appendNewPathPoint("tibia", tibia, opensim.Vec3(*(x * MM for x in on_tibia)))
        ligament.set_linear_stiffness(float(p[0] * p[2]))  # newtons per strain
        ligament.set_transition_strain(float(p[1]))
        ligament.set_slack_length(float(p[2] * MM))
        ligament.set_damping_coefficient(0.0)
        model.addForce(ligament)
        ligament.thisown = False
    state = model.initSystem()
    return model, state


def flexed(geometry, femur):
    """A femoral point turned by the flexion, y and z as one complex number."""
    axis = geometry.flexion_axis or np.mean([strand.femur[1:] for strand in geometry.strands[:2]], axis=0)
    turned = complex(*axis) + (complex(*femur[1:]) - complex(*axis)) * complex(
        math.cos(geometry.flexion), -math.sin(geometry.flexion)
    )
    return femur[0], turned.real, turned.imag


def pose(geometry, theta):
    """Contact point and tibial origin in the femur frame, from the specification's words alone."""
    lateral = theta > geometry.theta_0
    centre = geometry.lateral_centre if lateral else geometry.medial_centre
    radius = geometry.lateral_radius if lateral else geometry.medial_radius

    def contact(angle):
        return complex(centre[0] + radius * math.sin(angle), centre[1] - radius * math.cos(angle))

    on_tibia = contact(geometry.theta_0) * complex(math.cos(geometry.theta_0), -math.sin(geometry.theta_0))
    on_tibia += geometry.rolling * radius * (theta - geometry.theta_0)
    origin = contact(theta) - complex(math.cos(theta), math.sin(theta)) * on_tibia
    return contact(theta), origin


def measure(model, state, geometry, theta, f_ref):
    """Let OpenSim tell lengths [mm], tensions [N], and what they do to the tibia; then balance it about the contact."""
    contact, origin = pose(geometry, theta)
    coordinates = model.getCoordinateSet()
    for index, value in enumerate((theta, origin.real * MM, origin.imag * MM)):
        coordinates.get(index).setValue(state, value, False)
    model.realizeDynamics(state)
    lengths, tensions, moment = [], [], 0.0
    for name, tare in zip(geometry.names, f_ref, strict=True):
        ligament = opensim.Blankevoort1991Ligament.safeDownCast(model.getForceSet().get(name))
        tension = ligament.getTotalForce(state)
        lengths.append(ligament.getLength(state) / MM)
        tensions.append(tension)
        # Moment about the tibial origin and force, per newton: generalized forces of a planar joint's coordinates.
        about_origin, x, y = (ligament.computeMomentArm(state, coordinates.get(i)) for i in range(3))
        to_origin = (origin - contact) * MM
        arm = about_origin + to_origin.real * y - to_origin.imag * x
        moment += (tension - tare) * arm
    axis = complex(math.cos(theta), math.sin(theta))
    applied = origin + axis * complex(*geometry.application_point) - contact
    lever = applied.real * axis.imag - applied.imag * axis.real
    return np.array(lengths), np.array(tensions), -moment / MM / lever, -moment


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(1991)
    out = []
    for i in range(CASES):
        config = random_knee(rng, (0.0, 0.5, 1.0)[i % 3])
        geometry = geometry_of(config.knee)
        theta = geometry.theta_0 + rng.choice([-1.0, 1.0]) * rng.uniform(0.005, 0.15)
        p = random_parameters(rng, config, theta, (REGIONS[i // 3 % 3], REGIONS[i // 9 % 3]))
        model, state = build(geometry, p)
        out.append((geometry, theta, p, measure(model, state, geometry, theta, p[3::4])))
    return out


@pytest.fixture(scope="module")
def deep_cases():
    """Knees of two to six strands in space, flexed."""
    rng = np.random.default_rng(1992)
    out = []
    for i in range(DEEP):
        geometry = many_strands(rng, (0.0, 0.5, 1.0)[i % 3], others=i % 5)
        theta = geometry.theta_0 + rng.choice([-1.0, 1.0]) * rng.uniform(0.005, 0.15)
        p = parameters_in(rng, geometry, theta, rng.choice(REGIONS, len(geometry.strands)))
        model, state = build(geometry, p)
        out.append((geometry, theta, p, measure(model, state, geometry, theta, p[3::4])))
    return out


def assert_as_in_opensim(by_force, by_moment, p, measured):
    lengths, tensions, force, moment = measured
    np.testing.assert_allclose(by_force.kinematics.lengths[:, 0], lengths, rtol=1e-10)
    modelled = by_force.tensions(p[np.newaxis])[0, :, 0] + p[3::4]
    np.testing.assert_allclose(modelled, tensions, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(by_force.loads(p[np.newaxis])[0, 0], force, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(by_moment.loads(p[np.newaxis])[0, 0], moment, rtol=1e-10, atol=1e-12)


def test_two_hundred_random_knees_have_opensims_lengths_tensions_and_loads(cases):
    regions = set()
    for geometry, theta, p, (lengths, tensions, force, moment) in cases:
        by_force = CachedKnee.build(geometry, [theta], "force", "valgus")
        by_moment = CachedKnee.build(geometry, [theta], "moment", "valgus")
        ours = by_force.kinematics.lengths[:, 0]
        assert_as_in_opensim(by_force, by_moment, p, (lengths, tensions, force, moment))
        regions.add((int(region_of(ours[0], p[:4])), int(region_of(ours[1], p[4:]))))
    assert len(cases) == CASES
    assert len(regions) == 9


def test_strands_in_space_have_opensims_lengths_tensions_and_loads(deep_cases):
    for geometry, theta, p, measured in deep_cases:
        by_force = CachedKnee.build(geometry, [theta], "force", "valgus")
        by_moment = CachedKnee.build(geometry, [theta], "moment", "valgus")
        assert_as_in_opensim(by_force, by_moment, p, measured)
    depths = [abs(s.femur[2] - s.tibia[2]) for geometry, *_ in deep_cases for s in geometry.flexed]
    assert np.median(depths) > 5.0


def test_a_knee_written_for_opensim_has_its_strands_in_space(deep_cases, tmp_path):
    for geometry, theta, p, (lengths, tensions, _, _) in deep_cases[:20]:
        by_name = dict(zip(geometry.names, p.reshape(-1, 4), strict=True))
        path = tmp_path / "knee.osim"
        # The coordinate's splines pass through the exact poses at their knots, theta_0 among them.
        path.write_bytes(planar_model(geometry, by_name, "a test"))
        model = opensim.Model(str(path))
        state = model.initSystem()
        for angle, of_strands in ((theta, (lengths, tensions)), (geometry.theta_0, at_theta_0(geometry, p))):
            model.getCoordinateSet().get(COORDINATE).setValue(state, float(angle))
            model.realizeDynamics(state)
            named = [model.getForceSet().get(name.upper()) for name in geometry.names]
            written = [opensim.Blankevoort1991Ligament.safeDownCast(force) for force in named]
            got = [[one.getLength(state) / MM, one.getTotalForce(state)] for one in written]
            # Tensions of some N/mm per length: what is left of the splines' 1e-11 is 1e-8 N.
            np.testing.assert_allclose(np.transpose(got)[0], of_strands[0], rtol=1e-10)
            np.testing.assert_allclose(np.transpose(got)[1], of_strands[1], rtol=1e-8, atol=1e-6)
        np.testing.assert_allclose(np.transpose(got), at_theta_0(geometry, p), rtol=1e-10, atol=1e-10)


def at_theta_0(geometry, p):
    """Lengths and tensions, tares added, where both condyles touch."""
    knee = CachedKnee.build(geometry, [geometry.theta_0], "moment", "valgus")
    return knee.kinematics.lengths[:, 0], knee.tensions(p[np.newaxis])[0, :, 0] + p[3::4]


def test_a_toe_of_half_the_strain_would_be_noticed(cases):
    # The 1991 paper's own epsilon_l is half of alpha: the likeliest mistake between the two codes.
    noticed = 0
    for geometry, theta, p, (_, tensions, _, _) in cases:
        halved = p * np.array([1.0, 0.5, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0])
        knee = CachedKnee.build(geometry, [theta], "force", "valgus")
        modelled = knee.tensions(halved[np.newaxis])[0, :, 0] + p[3::4]
        noticed += bool((abs(modelled - tensions) > 1e-3 * abs(tensions)).any())
    assert noticed > CASES // 2
