"""Runs whose draws are a cloud around a simulated knee: findings can be tested without waiting for a sampler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from conftest import KNEE, config_text

from calibrate import chain
from calibrate.config import parse_config
from calibrate.data import Measurement, parse_measurement
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of
from calibrate.posterior import Posterior
from calibrate.results import Run

# [k, alpha, l_0, f_ref] of the MCL, then of the LCL: the knee of `conftest.KNEE`, loaded by a moment.
TRUTH = np.array([33.5, 0.06, 94.0, 0.0, 42.8, 0.06, 62.5, 0.0])
FREE = [0, 1, 2, 4, 5, 6]
SIGMA = 0.3
INFERRED = "sigma = { lower = 0.01, upper = 5.0 }"


def angles_of(n: int) -> np.ndarray:
    return np.linspace(-8.0, 8.0, n)


def loads_of(angles: np.ndarray, truth: np.ndarray = TRUTH, knee: str = KNEE) -> np.ndarray:
    """Return the loads [N·m] of a knee at some angles [degrees, valgus positive], exactly."""
    geometry = geometry_of(parse_config(config_text(knee=knee)).knee)
    return CachedKnee.build(geometry, np.deg2rad(angles), "moment", "valgus").loads(truth[np.newaxis])[0]


def measured(angles: np.ndarray, loads: np.ndarray, sigma: np.ndarray | None = None) -> Measurement:
    columns = [angles, loads] if sigma is None else [angles, loads, sigma]
    head = "angle_deg,moment_Nm" if sigma is None else "angle_deg,moment_Nm,sigma_Nm"
    rows = (",".join(repr(float(value)) for value in row) for row in zip(*columns, strict=True))
    return parse_measurement("\n".join([head, *rows]) + "\n")


def noisy(n: int = 40, seed: int = 1, sigma: float = SIGMA) -> Measurement:
    """Return a clean laxity test: the model's own loads and Gaussian noise."""
    angles = angles_of(n)
    return measured(angles, loads_of(angles) + sigma * np.random.default_rng(seed).standard_normal(n))


def posterior_of(measurement: Measurement, noise: str = INFERRED, **changes: str) -> Posterior:
    extra = changes.pop("extra", "[sampling]\nensembles = 2\nwalkers = 16\nmin_ess = 50\nmax_rhat = 1.1\n")
    return Posterior.from_config(parse_config(config_text(noise=noise, extra=extra, **changes)), measurement)


def run_of(posterior: Posterior, draws: np.ndarray) -> Run:
    """Return a run with some draws, shape (n, ndim), as its kept half; all of n a multiple of 32."""
    walkers, ensembles = posterior.config.sampling.walkers, posterior.config.sampling.ensembles
    kept = draws.reshape(-1, ensembles, walkers, posterior.ndim).transpose(1, 0, 2, 3)
    coords = np.concatenate([kept, kept], axis=1)  # the first half is burn-in
    log_prob = np.asarray(posterior.log_prob(coords.reshape(-1, posterior.ndim))).reshape(coords.shape[:-1])
    names, starts = posterior.names, coords[:, 0]
    file = chain.RunFile(posterior.config, posterior.measurements, names, starts, "2024-01-01T00:00:00", {}, {})
    return Run(
        posterior,
        posterior.config.sampling,
        chain.Chains(coords, log_prob, 0.4),
        Path("planted.h5"),
        file,
        dropped=kept.shape[1],
    )


def around(posterior: Posterior, centre: np.ndarray | None = None, n: int = 3200, seed: int = 2) -> np.ndarray:
    """Return draws like a converged run's: a narrow Gaussian cloud, the first of each step at its very centre."""
    if centre is None:
        centre = np.append(TRUTH[FREE], SIGMA)[: posterior.ndim]
    width = 0.002 * (posterior.upper - posterior.lower)
    cloud = centre + width * np.random.default_rng(seed).standard_normal((n, posterior.ndim))
    cloud[:: posterior.config.sampling.walkers] = centre
    return cloud
