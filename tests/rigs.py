"""Planted runs of general knees: three tests that differ in all that they can, and a knee of free geometry."""

from __future__ import annotations

from pathlib import Path

import emcee
import numpy as np

from calibrate import chain
from calibrate.config import parse_config
from calibrate.data import read_measurement
from calibrate.posterior import Posterior
from calibrate.results import Run

TESTS = ("slow", "tail", "smooth")
# The knee of `planted.UPRIGHT` with two strands more.
THREE = """
[knee]
lateral_condyle = { centre = [20.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-20.0, -20.0], radius = 20.0 }
rolling = 0.0
application_point = [0.0, -400.0]
mcl = { femur = [-40.0, 0.0, 0.0], tibia = [-40.0, -80.0, 0.0] }
lcl = { femur = [40.0, 0.0, 0.0], tibia = [40.0, -60.0, 0.0] }
dmcl = { femur = [-36.0, -10.0, 0.0], tibia = [-36.0, -60.0, 0.0] }
[parameters.mcl]
k = { median = 40.0, factor = 1.5 }
alpha = 0.06
l_0 = { lower = 70.0, upper = 90.0 }
[parameters.lcl]
k = 30.0
alpha = "mcl.alpha"
reference_strain = { mean = 0.02, sd = 0.02 }
[parameters.dmcl]
k = 20.0
alpha = 0.06
l_0 = { mean = 49.0, sd = 2.0, lower = 30.0 }
[measurement]
angle_offset = { mean = 0.0, sd = 2.0 }
[noise]
sigma = { lower = 0.1, upper = 5.0 }
[tests.slow]
file = "slow.csv"
positive = "varus"
measurement = { angle_offset = 0.0, hysteresis = { mean = 0.0, sd = 2.0 } }
[tests.tail]
file = "tail.csv"
positive = "varus"
flexion = 30.0
[tests.tail.noise]
sigma = { lower = 0.1, upper = 9.0 }
nu = { median = 4.0, factor = 2.0 }
angle_sigma = { median = 0.3, factor = 2.0 }
[tests.smooth]
file = "smooth.csv"
positive = "varus"
flexion = 60.0
measurement = { load_bias = 0.7 }
noise = { discrepancy = { amplitude = 3.0, length = 4.0 } }
[tests.smooth.parameters.dmcl]
l_0 = { lower = 40.0, upper = 60.0 }
"""
# The truth of two tests: shared parameters, and one under the name of the test that it is of.
_TRUTH = """# truth: mcl.k = 44
# truth: mcl.l_0 = 79
# truth: lcl.reference_strain = 0.025
# truth: dmcl.l_0 = 48
# truth: smooth.dmcl.l_0 = 47
"""
DATA = {
    "slow": f"{_TRUTH}# truth: measurement.angle_offset = 0.5\nangle_deg,moment_Nm,direction\n"
    "-6,-9,1\n-2,-3,1\n1,2,1\n4,7,1\n4,5,-1\n1,1,-1\n-2,-5,-1\n-6,-11,-1\n",
    "tail": "angle_rad,force_N\n-0.1,-20\n-0.04,-9\n0.02,1\n0.08,30\n",
    "smooth": f"{_TRUTH}# truth: measurement.angle_offset = 1.25\nangle_deg,moment_Nm\n-7,-9\n-3,-3\n2,3\n5,9\n",
}
THREE_CENTRES = {
    "mcl.k": (40.0, 3.0),
    "mcl.l_0": (78.0, 0.5),
    "lcl.reference_strain": (0.02, 0.004),
    "dmcl.l_0": (49.0, 0.5),
    "measurement.angle_offset": (1.5, 0.3),
    "noise.sigma": (0.8, 0.1),
    "slow.measurement.hysteresis": (1.2, 0.1),
    "tail.noise.sigma": (2.0, 0.2),
    "tail.noise.nu": (4.0, 0.4),
    "tail.noise.angle_sigma": (0.3, 0.03),
    "smooth.dmcl.l_0": (48.0, 0.5),
}

# All of the geometry is uncertain that matters here; radii are equal, so theta_0 is the slope between the centres.
FREE = """
[knee]
lateral_condyle = { centre = [{ mean = 20.0, sd = 1.0 }, { mean = -20.0, sd = 2.0 }], radius = 20.0 }
medial_condyle = { centre = [{ mean = -20.0, sd = 1.0 }, { mean = -20.0, sd = 1.0 }], radius = 20.0 }
rolling = 0.0
mcl = { femur = [{ mean = -40.0, sd = 2.0 }, { mean = 0.0, sd = 2.0 }], tibia = [{ mean = -40.0, sd = 2.0 }, -80.0] }
lcl = { femur = [{ mean = 40.0, sd = 2.0 }, { mean = 0.0, sd = 2.0 }], tibia = [{ mean = 40.0, sd = 2.0 }, -60.0] }
[parameters.mcl]
k = { median = 40.0, factor = 1.5 }
alpha = 0.06
l_0 = { lower = 70.0, upper = 90.0 }
[parameters.lcl]
k = { mean = 30.0, sd = 20.0 }
alpha = 0.06
l_0 = 58.0
[measurement]
angle_offset = { mean = 0.0, sd = 2.0 }
[noise]
sigma = { lower = 0.1, upper = 5.0 }
[data]
file = "free.csv"
positive = "varus"
"""
FREE_CENTRES = {
    "mcl.k": (40.0, 3.0),
    "mcl.l_0": (78.0, 0.5),
    "lcl.k": (3.0, 1.0),
    "knee.lateral_condyle.centre.x": (20.0, 0.5),
    "knee.lateral_condyle.centre.y": (-19.0, 0.5),
    "knee.medial_condyle.centre.x": (-20.0, 0.4),
    "knee.medial_condyle.centre.y": (-20.0, 0.3),
    "knee.mcl.femur.x": (-40.0, 1.0),
    "knee.mcl.femur.y": (0.0, 1.0),
    "knee.mcl.tibia.x": (-40.0, 1.0),
    "knee.lcl.femur.x": (40.0, 1.0),
    "knee.lcl.femur.y": (0.0, 1.0),
    "knee.lcl.tibia.x": (40.0, 1.9),
    "measurement.angle_offset": (1.5, 0.3),
    "noise.sigma": (0.8, 0.1),
}


def three_tests(folder: Path) -> Run:
    """Plant a run of `THREE`: two ensembles of 16 walkers, 50 steps kept of 100."""
    return _plant(folder, THREE, DATA, THREE_CENTRES)


def free_geometry(folder: Path) -> Run:
    """Plant a run of `FREE`, of as many draws."""
    data = {"free": "angle_deg,moment_Nm\n-6,-9\n-2,-3\n1,2\n5,7\n"}
    return _plant(folder, FREE, data, FREE_CENTRES)


def _plant(folder: Path, text: str, data: dict[str, str], centres: dict[str, tuple[float, float]]) -> Run:
    for name, rows in data.items():
        (folder / f"{name}.csv").write_text(rows)
    config = parse_config(f"{text}\n[sampling]\nensembles = 2\nwalkers = 16\n", folder / "planted.toml")
    measurements = {name: read_measurement(path) for name, path in config.data_paths.items()}
    posterior = Posterior.from_config(config, measurements)
    assert posterior.names == tuple(centres)
    middle, scale = np.array(list(centres.values())).T
    draws = middle + scale * np.random.RandomState(5).standard_normal((2, 100, 16, middle.size))
    positive = [parameter.quantity.positive for parameter in posterior.table.free]
    draws[..., positive] = np.maximum(draws[..., positive], 1e-3)
    log_prob = posterior.log_prob(draws.reshape(-1, middle.size)).reshape(draws.shape[:-1])
    path = folder / "planted.h5"
    chain.create(path, chain.new_origin(config, measurements, posterior.names, draws[:, 0]), draws[:, 0], capacity=100)
    with chain.ChainWriter(path) as writer:
        for step in range(100):
            for ensemble, backend in enumerate(writer.backends):
                random_state = np.random.RandomState(1000 * ensemble + step).get_state()
                state = emcee.State(draws[ensemble, step], log_prob[ensemble, step], random_state=random_state)
                backend.save_step(state, np.arange(16) < 5)
        writer.finish()
    file, chains = chain.read_run(path)
    return Run(posterior, config.sampling, chains, path, file, dropped=50)
