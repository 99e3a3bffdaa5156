"""The outside check: the same planar knee built in OpenSim has the same lengths, tensions and loads."""

import math

import numpy as np
import pytest
from knees import REGIONS, random_knee, random_parameters, region_of

from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of

opensim = pytest.importorskip("opensim", reason="OpenSim is not installed: pip install 'calibrate[opensim]'")

CASES = 200
MM = 1e-3


def build(geometry, parameters):
    """A tibia on a planar joint, held by two Blankevoort ligaments; metres, newtons, no damping."""
    model = opensim.Model()
    model.setName("knee")
    model.setGravity(opensim.Vec3(0))
    tibia = opensim.Body("tibia", 1.0, opensim.Vec3(0), opensim.Inertia(1, 1, 1))
    model.addBody(tibia)
    joint = opensim.PlanarJoint("joint", model.getGround(), tibia)
    model.addJoint(joint)
    for name, p in (("mcl", parameters[:4]), ("lcl", parameters[4:])):
        femur, on_tibia = getattr(geometry, f"{name}_femur"), getattr(geometry, f"{name}_tibia")
        ligament = opensim.Blankevoort1991Ligament()
        ligament.setName(name)
        path = opensim.GeometryPath.safeDownCast(ligament.upd_path())
        path.appendNewPathPoint("femur", model.getGround(), opensim.Vec3(femur[0] * MM, femur[1] * MM, 0.0))
        path.appendNewPathPoint("tibia", tibia, opensim.Vec3(on_tibia[0] * MM, on_tibia[1] * MM, 0.0))
        ligament.set_linear_stiffness(float(p[0] * p[2]))  # newtons per strain
        ligament.set_transition_strain(float(p[1]))
        ligament.set_slack_length(float(p[2] * MM))
        ligament.set_damping_coefficient(0.0)
        model.addForce(ligament)
        ligament.thisown = False
    state = model.initSystem()
    return model, state


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
    for name, tare in zip(("mcl", "lcl"), f_ref, strict=True):
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
        out.append((geometry, theta, p, measure(model, state, geometry, theta, p[[3, 7]])))
    return out


def test_two_hundred_random_knees_have_opensims_lengths_tensions_and_loads(cases):
    regions = set()
    for geometry, theta, p, (lengths, tensions, force, moment) in cases:
        by_force = CachedKnee.build(geometry, [theta], "force", "valgus")
        by_moment = CachedKnee.build(geometry, [theta], "moment", "valgus")
        poses = by_force.kinematics
        ours = np.array([poses.mcl_length[0], poses.lcl_length[0]])
        np.testing.assert_allclose(ours, lengths, rtol=1e-10)
        modelled = np.concatenate(by_force.tensions(p[np.newaxis])).ravel() + p[[3, 7]]
        np.testing.assert_allclose(modelled, tensions, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(by_force.loads(p[np.newaxis])[0, 0], force, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(by_moment.loads(p[np.newaxis])[0, 0], moment, rtol=1e-10, atol=1e-12)
        regions.add((int(region_of(ours[0], p[:4])), int(region_of(ours[1], p[4:]))))
    assert len(cases) == CASES
    assert len(regions) == 9


def test_a_toe_of_half_the_strain_would_be_noticed(cases):
    # The 1991 paper's own epsilon_l is half of alpha: the likeliest mistake between the two codes.
    noticed = 0
    for geometry, theta, p, (_, tensions, _, _) in cases:
        halved = p * np.array([1.0, 0.5, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0])
        knee = CachedKnee.build(geometry, [theta], "force", "valgus")
        modelled = np.concatenate(knee.tensions(halved[np.newaxis])).ravel() + p[[3, 7]]
        noticed += bool((abs(modelled - tensions) > 1e-3 * abs(tensions)).any())
    assert noticed > CASES // 2
