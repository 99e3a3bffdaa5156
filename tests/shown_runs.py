"""Draws that pictures are made of in tests: made up, in memory, the same for every version of NumPy.

A real knee, a free geometry of thirty parameters, an ugly posterior (a ridge, a bound, two hills), and one reading.
"""

from __future__ import annotations

import numpy as np

from calibrate.chain import Chains
from calibrate.config import load_config, parse_config
from calibrate.data import parse_measurement
from calibrate.draws import Draws
from calibrate.examples import example
from calibrate.posterior import Posterior

SHAPE = (2, 120, 40)  # ensembles, steps, walkers

FREE = """
[knee]
rolling = 1.0
[knee.lateral_condyle]
centre = [{ mean = 23.5, sd = 1.0 }, { mean = -6.0, sd = 1.0 }]
radius = { mean = 15.5, sd = 1.0 }
[knee.medial_condyle]
centre = [{ mean = -20.4, sd = 1.0 }, { mean = -6.0, sd = 1.0 }]
radius = { mean = 17.5, sd = 1.0 }
[knee.mcl]
femur = [{ mean = -40.1, sd = 3.0 }, { mean = 12.2, sd = 3.0 }, { mean = 2.1, sd = 3.0 }]
tibia = [{ mean = -16.9, sd = 3.0 }, { mean = -64.9, sd = 3.0 }, { mean = 10.1, sd = 3.0 }]
[knee.lcl]
femur = [{ mean = 36.0, sd = 3.0 }, { mean = 4.7, sd = 3.0 }, { mean = -1.2, sd = 3.0 }]
tibia = [{ mean = 45.1, sd = 3.0 }, { mean = -50.7, sd = 3.0 }, { mean = -12.9, sd = 3.0 }]
[knee.dmcl]
femur = [{ mean = -38.2, sd = 3.0 }, { mean = 1.7, sd = 3.0 }, 1.0]
tibia = [-31.4, -32.3, 2.5]
[parameters.mcl]
k = { median = 70.0, factor = 1.6 }
alpha = { median = 0.06, factor = 1.4 }
reference_strain = { mean = 0.03, sd = 0.03 }
[parameters.lcl]
k = { median = 60.0, factor = 1.6 }
alpha = { median = 0.06, factor = 1.4 }
reference_strain = { mean = 0.04, sd = 0.03 }
[parameters.dmcl]
k = { median = 70.0, factor = 1.6 }
alpha = 0.06
reference_strain = { mean = 0.02, sd = 0.02 }
[measurement]
angle_offset = { mean = 0.0, sd = 2.0 }
[noise]
sigma = { median = 0.5, factor = 2.0 }
[data]
file = "free.csv"
positive = "varus"
flexion = 30.0
"""
_READINGS = "angle_deg,moment_Nm\n" + "".join(
    f"{a},{m}\n"
    for a, m in ((-6, -11.0), (-5, -8.2), (-4, -5.8), (-2, -1.9), (0, 0.6), (2, 2.2), (4, 5.7), (5, 8.8), (6, 11.6))
)
UGLY = """
[knee]
lateral_condyle = { centre = [22.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-22.0, -20.0], radius = 20.0 }
rolling = 0.0
mcl = { femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }
lcl = { femur = [38.0, 0.0], tibia = [36.0, -63.1] }
[parameters.mcl]
k = { lower = 5.0, upper = 150.0 }
alpha = { lower = 0.01, upper = 0.12 }
l_0 = { lower = 80.0, upper = 100.0 }
[parameters.lcl]
k = { lower = 5.0, upper = 150.0 }
alpha = { lower = 0.01, upper = 0.12 }
l_0 = { lower = 50.0, upper = 66.0 }
[noise]
sigma = { lower = 0.1, upper = 9.0 }
[data]
file = "ugly.csv"
positive = "valgus"
"""


def _normal(seed: int, ndim: int) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal((*SHAPE, ndim))


def drawn(posterior: Posterior, coords: np.ndarray, dropped: int | None = 20) -> Draws:
    """Return draws (ensembles, steps, walkers, ndim) as if they had been sampled."""
    log_prob = posterior.log_prob(coords.reshape(-1, posterior.ndim))
    return Draws(
        posterior,
        posterior.config.sampling,
        Chains(coords, np.asarray(log_prob).reshape(coords.shape[:-1]), 0.4),
        dropped=dropped,
    )


def of(text: str, data: str) -> Posterior:
    """Return the posterior of a configuration and its data, both as texts."""
    return Posterior.from_config(parse_config(text), parse_measurement(data))


# Means and the Cholesky factor of the covariances that a calibration of the bundled knee has found, of the logarithms
# of stiffnesses, transition strains and sigma.
_REAL_LOGS = [0, 1, 3, 4, 7]
_REAL_MIDDLE = np.array([4.9566, -3.0572, -0.0082, 4.9973, -2.9946, -0.0864, 1.428, -1.4741])
_REAL_SPREAD = np.zeros((8, 8))
_REAL_SPREAD[np.tril_indices(8)] = [
    *(0.2814,),
    *(0.2273, 0.1401),
    *(-0.0016, 0.0036, 0.0142),
    *(0.0038, -0.008, 0.0043, 0.2296),
    *(0.0011, -0.0031, -0.0089, 0.203, 0.1256),
    *(0.0012, -0.0024, -0.022, -0.0005, 0.0021, 0.0013),
    *(0.0801, -0.1635, -1.4079, -0.0006, 0.0008, 0.0374, 0.0185),
    *(-0.0232, 0.053, -0.0058, -0.021, 0.0358, 0.0167, 0.0078, 0.2153),
]


def real() -> Draws:
    """Return draws of the bundled real knee, spread as its posterior is."""
    posterior = Posterior.from_config(load_config(example("oks009.toml")))
    z = _normal(1, 8) @ _REAL_SPREAD.T
    coords = _REAL_MIDDLE + z
    coords[..., _REAL_LOGS] = np.exp(coords[..., _REAL_LOGS])
    return drawn(posterior, coords)


def free() -> Draws:
    """Return draws of a knee of three strands and thirty parameters, twenty of them the geometry's."""
    posterior = of(FREE, _READINGS)
    assert posterior.ndim == 30
    middle = np.array([float(prior.quantile(0.5)) for prior in posterior.priors])
    z = _normal(2, 30)
    z[..., 2] = 0.8 * z[..., 0] + 0.6 * z[..., 2]
    share = np.where(np.arange(30) % 3 == 0, 0.2, np.where(np.arange(30) % 3 == 1, 0.5, 0.9))
    coords = middle + share * posterior.scale * z
    positive = np.array([parameter.quantity.positive for parameter in posterior.table.free])
    coords[..., positive] = np.maximum(coords[..., positive], 0.1 * middle[positive])
    return drawn(posterior, coords)


def ugly() -> Draws:
    """Return draws on a thin ridge (MCL), piled up at a bound (its toe) and on two hills (LCL), which never mix."""
    posterior = of(UGLY, _READINGS)
    z, random = _normal(3, 7), np.random.RandomState(4)
    hill = np.where(np.arange(SHAPE[2]) % 4 == 0, 1.0, 0.0)[np.newaxis, np.newaxis]
    coords = np.empty((*SHAPE, 7))
    coords[..., 0] = np.clip(60.0 * np.exp(0.4 * z[..., 0]), 5.0, 150.0)
    coords[..., 1] = 0.12 - np.minimum(0.004 * random.exponential(size=SHAPE), 0.1)
    coords[..., 2] = 86.0 + 2.5 * np.log(coords[..., 0] / 60.0) + 0.02 * z[..., 2]
    coords[..., 3] = 30.0 + 70.0 * hill + 3.0 * z[..., 3]
    coords[..., 4] = 0.06 + 0.005 * z[..., 4]
    coords[..., 5] = 60.0 + 3.0 * hill + 0.2 * z[..., 5]
    coords[..., 6] = np.exp(0.1 * z[..., 6])
    return drawn(posterior, coords)


def one_reading() -> Draws:
    """Return draws of a knee with a single reading, which says next to nothing: they are the prior's."""
    posterior = of(UGLY, "angle_deg,moment_Nm,sigma_Nm\n4,6.0,1.0\n".replace(",sigma_Nm", "").replace(",1.0", ""))
    u = np.random.RandomState(5).uniform(size=(*SHAPE, 7))
    return drawn(posterior, posterior.lower + u * (posterior.upper - posterior.lower))
