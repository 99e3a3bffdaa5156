"""Knees and parameters for tests: random, but made to visit every branch of the law."""

from __future__ import annotations

import numpy as np

from calibrate.config import Config, parse_config
from calibrate.knee.geometry import geometry_of, kinematics

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
    poses = kinematics(geometry_of(config.knee), theta)
    out = []
    for length, region in zip((poses.mcl_length[0], poses.lcl_length[0]), regions, strict=True):
        alpha, k = rng.uniform(0.02, 0.12), rng.uniform(10.0, 150.0)
        # Strain at that angle, well inside the region.
        strain = {"slack": -0.03, "toe": alpha * rng.uniform(0.2, 0.8), "linear": alpha + rng.uniform(0.005, 0.05)}
        out += [k, alpha, length / (1.0 + strain[region]), rng.choice([0.0, rng.uniform(-20.0, 20.0)])]
    return np.array(out)


def region_of(length: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """0 slack, 1 toe, 2 linear, for lengths and `[k, alpha, l_0, f_ref]`."""
    strain = length / parameters[2] - 1.0
    return (strain > 0.0).astype(int) + (strain > parameters[1])
