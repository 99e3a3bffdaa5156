"""Knees and parameters for tests: random, but made to visit every branch of the law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibrate.config import Config, parse_config
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import Geometry, Point, Strand, geometry_of, kinematics
from calibrate.knee.ligament import energy

REGIONS = ("slack", "toe", "linear")

TEMPLATE = """
[knee]
lateral_condyle = {{ centre = [{lat[0]}, {lat[1]}], radius = {r_lat} }}
medial_condyle = {{ centre = [{med[0]}, {med[1]}], radius = {r_med} }}
rolling = {rolling}
{application}
mcl = {{ femur = [{mcl_f[0]}, {mcl_f[1]}], tibia = [{mcl_t[0]}, {mcl_t[1]}] }}
lcl = {{ femur = [{lcl_f[0]}, {lcl_f[1]}], tibia = [{lcl_t[0]}, {lcl_t[1]}] }}
[parameters.mcl]
k = {{ lower = 5.0, upper = 200.0 }}
alpha = {{ lower = 0.02, upper = 0.12 }}
l_0 = {{ lower = 60.0, upper = 120.0 }}
f_ref = 0.0
[parameters.lcl]
k = {{ lower = 5.0, upper = 200.0 }}
alpha = {{ lower = 0.02, upper = 0.12 }}
l_0 = {{ lower = 40.0, upper = 90.0 }}
f_ref = 0.0
[noise]
sigma = 0.5
[data]
file = "none.csv"
positive = "valgus"
"""


def knee(rolling: float = 1.0, applied: tuple[float, float] | None = (0.0, -403.0), **changes: object) -> Config:
    """The knee of Lenhart et al. (2015) in the frontal plane, as in the reference loads."""
    numbers = {
        "lat": (23.5, -6.0),
        "r_lat": 15.5,
        "med": (-20.4, -6.0),
        "r_med": 17.5,
        "mcl_f": (-40.0, 12.0),
        "mcl_t": (-16.0, -65.0),
        "lcl_f": (36.0, 4.0),
        "lcl_t": (44.8, -50.7),
    } | changes
    application = "" if applied is None else f"application_point = [{applied[0]}, {applied[1]}]"
    return parse_config(TEMPLATE.format(rolling=rolling, application=application, **numbers))


def random_knee(rng: np.random.Generator, rolling: float) -> Config:
    """A knee with every number moved by some millimetres."""

    def near(*values: float) -> tuple[float, ...]:
        return tuple(float(v) for v in np.array(values) + rng.uniform(-3.0, 3.0, len(values)))

    return knee(
        rolling,
        near(0.0, -380.0),
        lat=near(23.0, -6.0),
        r_lat=near(17.0)[0],
        med=near(-21.0, -6.0),
        r_med=near(17.0)[0],
        mcl_f=near(-40.0, 8.0),
        mcl_t=near(-25.0, -75.0),
        lcl_f=near(37.0, 3.0),
        lcl_t=near(42.0, -55.0),
    )


def random_parameters(rng: np.random.Generator, config: Config, theta: float, regions: tuple[str, str]) -> np.ndarray:
    """Eight parameters with which MCL and LCL are in the regions named at an angle [rad]."""
    return parameters_in(rng, geometry_of(config.knee), theta, regions)


def parameters_in(rng: np.random.Generator, geometry: Geometry, theta: float, regions: Sequence[str]) -> np.ndarray:
    """Four parameters of each strand, one after the other, with which it is in the region named at an angle [rad]."""
    out = []
    for length, region in zip(kinematics(geometry, theta).lengths[:, 0], regions, strict=True):
        alpha, k = rng.uniform(0.02, 0.12), rng.uniform(10.0, 150.0)
        # Strain at that angle, well inside the region.
        strain = {"slack": -0.03, "toe": alpha * rng.uniform(0.2, 0.8), "linear": alpha + rng.uniform(0.005, 0.05)}
        out += [k, alpha, length / (1.0 + strain[region]), rng.choice([0.0, rng.uniform(-20.0, 20.0)])]
    return np.array(out)


def region_of(length: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """0 slack, 1 toe, 2 linear, for lengths and `[k, alpha, l_0, f_ref]`."""
    strain = length / parameters[2] - 1.0
    return (strain > 0.0).astype(int) + (strain > parameters[1])


def many_strands(rng: np.random.Generator, rolling: float, *, others: int = 3, depth: float = 12.0) -> Geometry:
    """A knee with every number moved: mcl, lcl and others beside them, in three dimensions, flexed."""

    def near(x: float, y: float, z: float = 0.0) -> tuple[float, float, float]:
        dx, dy, dz = rng.uniform(-3.0, 3.0, 3).tolist()
        return x + dx, y + dy, z + dz * depth / 3.0

    def point(x: float, y: float) -> Point:
        return near(x, y)[:2]

    strands = [Strand("mcl", near(-40.0, 8.0), near(-25.0, -75.0)), Strand("lcl", near(37.0, 3.0), near(42.0, -55.0))]
    for i in range(others):
        side = -1.0 if i % 2 else 1.0
        strands.append(Strand(f"bundle_{i}", near(38.0 * side, 5.0), near(33.0 * side, -45.0)))
    return Geometry(
        lateral_centre=point(23.0, -6.0),
        lateral_radius=17.0 + rng.uniform(-3.0, 3.0),
        medial_centre=point(-21.0, -6.0),
        medial_radius=17.0 + rng.uniform(-3.0, 3.0),
        strands=tuple(strands),
        rolling=rolling,
        application_point=point(0.0, -380.0),
        flexion_axis=point(3.0, 1.0) if rng.random() < 0.5 else None,
        flexion=rng.uniform(0.2, 1.6),
        reference_flexion=rng.uniform(0.0, 0.5),
    )


def mirrored(g: Geometry) -> Geometry:
    """The knee in the mirror, its strands in the same order except that MCL and LCL change places."""

    def flip(point: tuple[float, ...]) -> tuple:
        return -point[0], *point[1:]

    mcl, lcl, *others = (Strand(s.name, flip(s.femur), flip(s.tibia)) for s in g.strands)
    return replace(
        g,
        lateral_centre=flip(g.medial_centre),
        lateral_radius=g.medial_radius,
        medial_centre=flip(g.lateral_centre),
        medial_radius=g.lateral_radius,
        strands=(replace(lcl, name="mcl"), replace(mcl, name="lcl"), *others),
        application_point=None if g.application_point is None else flip(g.application_point),
    )


def loads(geometry: Geometry, angles: object, parameters: object, load: str = "moment") -> np.ndarray:
    """Loads [N or N·m] of one knee, valgus positive."""
    knee = CachedKnee.build(geometry, angles, load, "valgus")
    return knee.loads(np.atleast_2d(np.asarray(parameters, dtype=float)))[0]


def virtual_work(geometry: Geometry, parameters: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the moment and the derivative of the strain energy, both in N·mm, at angles away from the kinks."""
    angles = np.deg2rad(np.linspace(-9.7, 9.3, 39))
    angles = angles[np.abs(angles - geometry.theta_0) > 1e-3]
    step = 1e-5
    k, alpha, l_0 = np.reshape(parameters, (-1, 4)).T[:3, :, np.newaxis]

    def stored(at: np.ndarray) -> np.ndarray:
        return energy(kinematics(geometry, at).lengths, k, alpha, l_0).sum(axis=0)

    # Fourth-order central difference.
    slope = (
        8 * (stored(angles + step) - stored(angles - step)) - (stored(angles + 2 * step) - stored(angles - 2 * step))
    ) / (12 * step)
    return 1000.0 * loads(geometry, angles, parameters), slope
