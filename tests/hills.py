"""Posteriors with hills: two true ones whose masses are known, and the bundled knee with wide bounds."""

from __future__ import annotations

import functools

import numpy as np

from calibrate.config import Config, parse_config
from calibrate.data import parse_measurement
from calibrate.examples import example
from calibrate.knee.geometry import geometry_of, kinematics
from calibrate.posterior import Posterior

_TWO = """
[knee]
lateral_condyle = {{ centre = [22.0, -20.0], radius = 20.0 }}
medial_condyle = {{ centre = [-22.0, -20.0], radius = 20.0 }}
rolling = 0.0
mcl = {{ femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }}
lcl = {{ femur = [38.0, 0.0], tibia = [36.0, -63.1] }}
[parameters.mcl]
k = {{ lower = 10.0, upper = 100.0 }}
alpha = 0.06
l_0 = {{ lower = 80.0, upper = {longest} }}
[parameters.lcl]
k = 40.0
alpha = 0.06
l_0 = 62.5
[noise]
sigma = {sigma}
[data]
file = "two_hills.csv"
positive = "valgus"
[prior]
walls = "hard"
"""
# What the knee with k = 40 and l_0 = 94 of the MCL says without noise, to two decimals.
LOADS = (-15.87, -11.31, -6.66, -2.26, -0.08, 1.92, 5.49, 10.27, 14.97)


def two_hills(sigma: float, longest: float = 500.0) -> Posterior:
    """Return a posterior of `mcl.k` and `mcl.l_0`: a narrow hill where it holds, a plain where it is slack."""
    rows = [f"{angle},{load}" for angle, load in zip(range(-8, 9, 2), LOADS, strict=True)]
    data = parse_measurement("\n".join(["angle_deg,moment_Nm", *rows, ""]), "two_hills.csv")
    return Posterior.from_config(parse_config(_TWO.format(sigma=sigma, longest=longest), "two_hills.toml"), data)


def longest_length(posterior: Posterior) -> float:
    """Return the MCL's largest length in the test: with a longer slack length the likelihood is the plain's."""
    poses = kinematics(geometry_of(posterior.config.knee), np.deg2rad(posterior.measurement.angles))
    return float(poses.mcl_length.max())


@functools.cache
def narrow_share(sigma: float, longest: float = 500.0) -> float:
    """Return the mass of the narrow hill by quadrature: midpoints of a fine grid; the plain is a box."""
    posterior = two_hills(sigma, longest)
    end = longest_length(posterior)
    k, dk = np.linspace(10.0, 100.0, 201, retstep=True)
    l_0, dl = np.linspace(80.0, end, 4001, retstep=True)
    grid = np.meshgrid(k[1:] - dk / 2, l_0[1:] - dl / 2, indexing="ij")
    value = np.asarray(posterior.log_prob(np.stack([g.ravel() for g in grid], axis=1)))
    plain = float(posterior.log_prob(np.array([50.0, 0.5 * (end + longest)])))
    narrow = np.exp(value - value.max()).sum() * dk * dl
    return float(narrow / (narrow + np.exp(plain - value.max()) * 90.0 * (longest - end)))


def bundled(**bounds: tuple[float, float]) -> Config:
    """Return the bundled real knee, with other bounds of a quantity of both ligaments, like `l_0=(10, 500)`."""
    path = example("oks009.toml")
    config = parse_config(path.read_text(), path)
    both = {}
    for ligament in ("mcl", "lcl"):
        laws = getattr(config.parameters, ligament)
        wider = {
            name: getattr(laws, name).model_copy(update={"lower": low, "upper": high})
            for name, (low, high) in bounds.items()
        }
        both[ligament] = laws.model_copy(update=wider)
    wide = config.model_copy(update={"parameters": config.parameters.model_copy(update=both)})
    wide._source, wide._text = config.source, config.text
    return wide
