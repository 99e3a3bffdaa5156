"""Knees of which little is unknown, and draws of them without a sampler: what is said of them has a closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from conftest import KNEE
from scipy.stats import multivariate_normal

from calibrate import chain
from calibrate.config import Config, parse_config
from calibrate.data import Measurement
from calibrate.draws import Draws
from calibrate.posterior import Posterior

FIXED = {
    "mcl": {"k": "40.0", "alpha": "0.06", "l_0": "92.0", "f_ref": "0.0"},
    "lcl": {"k": "45.0", "alpha": "0.06", "l_0": "61.0", "f_ref": "0.0"},
}
ANGLES = np.linspace(-6.0, 6.0, 7)


def config_of(
    parameters: dict[str, str] | None = None, measurement: str = "", prior: str = "", noise: str = "sigma = 2.0"
) -> Config:
    """Return a knee on which all is known but what is given."""
    given = parameters or {}
    lines = []
    for strand, values in FIXED.items():
        lines.append(f"[parameters.{strand}]")
        lines += [f"{key} = {given.get(f'{strand}.{key}', value)}" for key, value in values.items()]
    text = "\n".join([KNEE, *lines, "[measurement]", measurement, "[noise]", noise, "[prior]", prior])
    return parse_config(f'{text}\n[data]\nfile = "x.csv"\npositive = "valgus"\n', "x.toml")


def posterior_of(config: Config, shift: float = 0.0, **how: bool) -> Posterior:
    """Return the posterior of data that lie `shift` [N·m] above what the knee with all parameters fixed would read."""
    known = config_of({"mcl.f_ref": "{ lower = -1.0, upper = 1.0 }"})
    empty = Measurement(ANGLES, np.zeros(ANGLES.size), None, "moment", "deg")
    loads = Posterior.from_config(known, empty).predict([0.0])[0]
    loads += shift + 2.0 * np.array([0.3, -1.2, 0.8, 0.1, -0.5, 1.4, -0.4])
    return Posterior.from_config(config, replace(empty, loads=loads), **how)


class Drawn(Draws):
    """Independent draws, none of which is burn-in."""

    burn_in = 0


def drawn(posterior: Posterior, q: np.ndarray, ensembles: int = 4, walkers: int = 16) -> Drawn:
    """Return independent draws (n, ndim) as if ensembles had made them."""
    steps = len(q) // (ensembles * walkers)
    coords = q[: ensembles * steps * walkers].reshape(ensembles, steps, walkers, -1)
    log_prob = posterior.log_prob(coords.reshape(-1, posterior.ndim)).reshape(coords.shape[:-1])
    return Drawn(posterior, posterior.config.sampling, chain.Chains(coords, log_prob, 0.3))


LINEAR = {"mcl.f_ref": "{ mean = 5.0, sd = 20.0 }", "lcl.f_ref": "{ mean = 0.0, sd = 30.0 }"}
BIAS = "load_bias = { mean = 0.0, sd = 1.5 }"


def gaussian(posterior: Posterior) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean and covariance of a posterior whose readings are linear in its parameters, and log Z."""
    prior_mean = np.array([prior.location for prior in posterior.priors])
    prior_cov = np.diag([prior.scale**2 for prior in posterior.priors])
    slopes = posterior.predict(np.eye(posterior.ndim)) - posterior.predict(np.zeros(posterior.ndim))
    rest = posterior.measurement.loads - posterior.predict(prior_mean)[0]
    cov = slopes.T @ prior_cov @ slopes + 4.0 * np.eye(len(rest))
    gain = prior_cov @ slopes @ np.linalg.inv(cov)
    log_z = multivariate_normal(np.zeros(len(rest)), cov).logpdf(rest)
    return prior_mean + gain @ rest, prior_cov - gain @ slopes.T @ prior_cov, float(log_z)
