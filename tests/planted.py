"""Runs whose draws are made up: what is in them is known, so what is said of them can be worked out by hand.

Nothing is sampled. The numbers come from NumPy's legacy generator, whose stream never changes, so that golden files
made from a planted run hold for every version of NumPy.
"""

from __future__ import annotations

from pathlib import Path

import emcee
import numpy as np

from calibrate import chain
from calibrate.config import parse_config
from calibrate.data import read_measurement
from calibrate.posterior import Posterior
from calibrate.results import Run

# Both plateaus lie at y = -40 and touch at 0 degrees, so that the tibia frame is then the femur frame: the MCL runs
# straight down from (-40, 0) to (-40, -80), the LCL from (40, 0) to (40, -60). Contacts stay put on the tibia.
UPRIGHT = """
[knee]
lateral_condyle = { centre = [20.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-20.0, -20.0], radius = 20.0 }
rolling = 0.0
application_point = [0.0, -400.0]
mcl = { femur = [-40.0, 0.0], tibia = [-40.0, -80.0] }
lcl = { femur = [40.0, 0.0], tibia = [40.0, -60.0] }
"""
# The lateral condyle lies higher by 11 on 60, so both touch where sin = 11/61 and cos = 60/61, 10.39 degrees. The
# tibial attachments are those of the upright knee turned back by that angle: at theta_0 the ligaments are as there.
TILTED = f"""
[knee]
lateral_condyle = {{ centre = [30.0, -14.5], radius = 20.0 }}
medial_condyle = {{ centre = [-30.0, -25.5], radius = 20.0 }}
rolling = 0.0
application_point = [0.0, -400.0]
mcl = {{ femur = [-40.0, 0.0], tibia = [{(60 * -40 + 11 * -80) / 61}, {(-11 * -40 + 60 * -80) / 61}] }}
lcl = {{ femur = [40.0, 0.0], tibia = [{(60 * 40 + 11 * -60) / 61}, {(-11 * 40 + 60 * -60) / 61}] }}
"""
# sin and cos of an angle of 10.39 degrees, as fractions.
SIN, COS = 11.0 / 61.0, 60.0 / 61.0
ANGLE = float(np.degrees(np.arcsin(SIN)))

THREE_POINTS = "angle_deg,moment_Nm\n-5,-4\n0,0\n5,6\n"
FREE = {
    "mcl.k": (1.0, 500.0),
    "mcl.alpha": (0.001, 0.9),
    "mcl.l_0": (10.0, 300.0),
    "mcl.f_ref": (-90.0, 90.0),
    "lcl.k": (1.0, 500.0),
    "lcl.alpha": (0.001, 0.9),
    "lcl.l_0": (10.0, 300.0),
    "lcl.f_ref": (-90.0, 90.0),
}


def parameters_text(fixed: dict[str, float]) -> str:
    """Return the eight parameters' part of a configuration: fixed as given, the others free within wide bounds."""
    lines = []
    for ligament in ("mcl", "lcl"):
        lines.append(f"[parameters.{ligament}]")
        for name, (lower, upper) in FREE.items():
            if name.startswith(ligament):
                given = fixed.get(name, f"{{ lower = {lower}, upper = {upper} }}")
                lines.append(f"{name.split('.')[1]} = {given}")
    return "\n".join(lines)


def plant(
    folder: Path,
    draws: np.ndarray,
    *,
    knee: str = UPRIGHT,
    parameters: str | None = None,
    noise: str = "sigma = 1.0",
    data: str = THREE_POINTS,
    positive: str = "valgus",
    sampling: str = "",
    log_prob: np.ndarray | None = None,
    accepted: int = 1,
    name: str = "planted.h5",
) -> Run:
    """Write a run file that holds these draws, and read it back.

    Parameters
    ----------
    folder : Path
        Where configuration, data and run file go.
    draws : ndarray, shape (ensembles, steps, walkers, ndim)
        Every stored step. With no steps, the file is that of a run which has not stored anything yet.
    knee, parameters, noise, data, positive, sampling : str
        Parts of the configuration, and the measurement file; all eight parameters are free by default.
    log_prob : ndarray, shape (ensembles, steps, walkers), optional
        What is stored beside the draws; the posterior's own by default.
    accepted : int
        How many walkers of each ensemble have moved in each step.
    name : str
        The run file's name.
    """
    ensembles, steps, walkers, ndim = draws.shape
    text = (
        f"{knee}{parameters_text({}) if parameters is None else parameters}\n[noise]\n{noise}\n"
        f'[data]\nfile = "planted.csv"\npositive = "{positive}"\n'
        f"[sampling]\nensembles = {ensembles}\nwalkers = {walkers}\n{sampling}\n"
    )
    (folder / "planted.csv").write_text(data)
    config = parse_config(text, folder / "planted.toml")
    measurement = read_measurement(config.data_path)
    posterior = Posterior.from_config(config, measurement)
    starts = draws[:, 0] if steps else np.tile(0.5 * (posterior.lower + posterior.upper), (ensembles, walkers, 1))
    if log_prob is None:
        log_prob = posterior.log_prob(draws.reshape(-1, ndim)).reshape(draws.shape[:-1])
    path = folder / name
    origin = chain.new_origin(config, {"": measurement}, posterior.names, starts)
    chain.create(path, origin, starts, capacity=max(steps, 1))
    moved = np.arange(walkers) < accepted
    with chain.ChainWriter(path) as writer:
        for step in range(steps):
            for ensemble, backend in enumerate(writer.backends):
                random_state = np.random.RandomState(1000 * ensemble + step).get_state()
                state = emcee.State(draws[ensemble, step], log_prob[ensemble, step], random_state=random_state)
                backend.save_step(state, moved)
        writer.finish()
    # Not `open_run`: that refuses chains whose ensembles are alike, or whose log-probability is not the posterior's.
    file, chains = chain.read_run(path)
    return Run(posterior, config.sampling, chains, path, file)


def constant(*values: float, steps: int = 4) -> np.ndarray:
    """Return draws of two ensembles of four walkers that never move."""
    return np.broadcast_to(np.array(values), (2, steps, 4, len(values))).copy()


def column(
    random: np.random.RandomState,
    shape: tuple[int, int, int],
    *,
    correlation: float,
    shared: float,
    apart: float,
    skew: float,
) -> np.ndarray:
    """Return one parameter's draws, (ensembles, steps, walkers), of mean 0 and standard deviation 1 or so.

    Parameters
    ----------
    random : RandomState
        Where they come from.
    shape : tuple of int
        Ensembles, steps and walkers.
    correlation : float
        Of one step with the next.
    shared : float
        Of a walker's moves with those of its ensemble.
    apart : float
        How far the ensembles' means lie apart.
    skew : float
        0 is normal; above, the tail on the right is the longer one.
    """
    ensembles, steps, _ = shape
    own, common = random.standard_normal(shape), random.standard_normal((ensembles, steps, 1))
    fresh = np.sqrt(1.0 - shared**2) * own + shared * common
    z = fresh.copy()
    for step in range(1, steps):
        z[:, step] = correlation * z[:, step - 1] + np.sqrt(1.0 - correlation**2) * fresh[:, step]
    z += apart * np.linspace(-1.0, 1.0, ensembles)[:, np.newaxis, np.newaxis]
    return np.expm1(skew * z) / skew if skew else z


# --- A run of seven free parameters, each with a distribution and a way of moving of its own. -------------------------

# A moment in N.m over degrees, varus positive; two of the truths are of free parameters, one is of a fixed one.
_VARUS = """# made up for tests
# truth: mcl.k = 41.5
# truth: lcl.k = 50.0
# truth: noise.sigma = 2.25
angle_deg,moment_Nm
-5,-13.0
-4,-9.9
-3,-4.7
-2,-7.1
-1,-4.6
0,0.2
1,0.5
2,0.9
3,5.5
4,8.3
5,13.2
6,11.9
7,16.7
8,23.1
"""
VARUS_PARAMETERS = """
[parameters.mcl]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.01, upper = 0.2 }
l_0 = { lower = 60.0, upper = 100.0 }
f_ref = { lower = -90.0, upper = 50.0 }
[parameters.lcl]
k = 50.0
alpha = { lower = 0.01, upper = 0.2 }
l_0 = { lower = 40.0, upper = 90.0 }
f_ref = -4.0
"""
VARUS_NAMES = ("mcl.k", "mcl.alpha", "mcl.l_0", "mcl.f_ref", "lcl.alpha", "lcl.l_0", "noise.sigma")
VARUS_UNITS = ("N/mm", "", "mm", "N", "", "mm", "N·m")
_CENTRES = np.array([40.0, 0.06, 78.0, -20.0, 0.07, 59.0, 2.0])
_SCALES = np.array([2.0, 0.004, 0.4, 5.0, 0.003, 0.3, 0.15])
_WAYS = (
    {"correlation": 0.1, "shared": 0.1, "apart": 0.0, "skew": 0.3},
    {"correlation": 0.2, "shared": 0.1, "apart": 0.02, "skew": 0.0},
    {"correlation": 0.4, "shared": 0.2, "apart": 0.02, "skew": 0.2},
    {"correlation": 0.1, "shared": 0.3, "apart": 0.1, "skew": 0.5},
    {"correlation": 0.5, "shared": 0.15, "apart": 0.08, "skew": 0.0},
    {"correlation": 0.3, "shared": 0.25, "apart": 0.03, "skew": 0.4},
    {"correlation": 0.05, "shared": 0.05, "apart": 0.12, "skew": 0.25},
)


VARUS_SHAPE = (3, 121, 16)  # of an odd number of stored steps an eighth is dropped, 15


def varus_draws() -> np.ndarray:
    """Return the draws of `varus_run`, (3, 121, 16, 7)."""
    random = np.random.RandomState(1)
    columns = [column(random, VARUS_SHAPE, **way) for way in _WAYS]
    return _CENTRES + _SCALES * np.stack(columns, axis=-1)


# All that is true of `true_run`, that of the fixed tare unlike its value.
TRUTH = {
    "mcl.k": 41.5,
    "mcl.alpha": 0.058,
    "mcl.l_0": 78.2,
    "mcl.f_ref": -18.0,
    "lcl.k": 50.0,
    "lcl.alpha": 0.071,
    "lcl.l_0": 59.1,
    "lcl.f_ref": -3.0,
    "noise.sigma": 2.25,
}


def true_run(folder: Path) -> Run:
    """Plant the same run with every truth stated."""
    return varus_run(folder, "".join(f"# truth: {name} = {value}\n" for name, value in TRUTH.items()))


def varus_run(folder: Path, comments: str = "") -> Run:
    """Plant a run that has converged by its own thresholds: three ensembles, every third step stored.

    Comments may state more of the truth.
    """
    return plant(
        folder,
        varus_draws(),
        parameters=VARUS_PARAMETERS,
        noise="sigma = { lower = 0.3, upper = 9.0 }",
        data=comments + _VARUS,
        positive="varus",
        sampling="thin = 3\nmax_rhat = 1.1\nmin_ess = 100\n",
        accepted=7,
    )


# --- A run of three free parameters: a force over radians, valgus positive, a sigma for each point. -------------------

_VALGUS = """angle_rad,force_N,sigma_N
-0.1,-92.4,4.0
-0.05,-87.5,3.0
0.0,-64.3,2.0
0.1,-30.2,1.0
0.2,-1.5,1.5
0.25,1.7,2.5
0.3,17.4,3.5
"""
VALGUS_FIXED = {"mcl.alpha": 0.06, "mcl.f_ref": 0.0, "lcl.k": 30.0, "lcl.alpha": 0.08, "lcl.f_ref": 0.0}
VALGUS_NAMES = ("mcl.k", "mcl.l_0", "lcl.l_0")


def valgus_draws() -> np.ndarray:
    """Return the draws of `valgus_run`, (2, 40, 8, 3)."""
    random = np.random.RandomState(2)
    columns = [column(random, (2, 40, 8), **way) for way in _WAYS[:3]]
    return np.array([25.0, 82.0, 58.0]) + np.array([2.0, 1.0, 0.5]) * np.stack(columns, axis=-1)


def valgus_run(folder: Path) -> Run:
    """Plant a run on the tilted knee that has not converged: two ensembles, thirty kept steps of forty."""
    return plant(
        folder,
        valgus_draws(),
        knee=TILTED,
        parameters=parameters_text(VALGUS_FIXED),
        noise="",
        data=_VALGUS,
        accepted=3,
    )
