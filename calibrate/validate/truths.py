"""Truths to be found again: knees from the prior as the posterior has it, and the readings that they would give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibrate.data import Measurement
from calibrate.errors import ConfigError, GeometryError
from calibrate.posterior import Posterior
from calibrate.priors import Prior
from calibrate.problem.parameters import Parameter

FloatArray = NDArray[np.float64]

# Tries at a knee that has a pose.
_TRIES = 1000
# Places at which what spills over a bound is tabulated, and how far down its log-density is followed.
_PLACES = 1025
_DEPTH = 40.0


def prior_draw(posterior: Posterior, rng: np.random.Generator) -> FloatArray:
    """Draw one knee from the prior, as the posterior has it.

    So it may lie a little beyond a bound where the wall there is a penalty, and it has a pose: other knees have no
    likelihood, so that they are not in the posterior's prior either.

    Parameters
    ----------
    posterior : Posterior
        Whose prior.
    rng : numpy.random.Generator
        Draws it.

    Returns
    -------
    ndarray, shape (ndim,)
        Free parameters.

    Raises
    ------
    ConfigError
        If the prior's knees have next to never a pose.
    """
    for _ in range(_TRIES):
        q = np.array([_draw(parameter, posterior.weight, rng) for parameter in posterior.table.free])
        if math.isfinite(float(posterior.log_prob(q))):
            return q
    raise ConfigError(
        f"{posterior.config.source or 'configuration'}: of {_TRIES} knees drawn from the prior none has a pose at the "
        "data's angles; narrow the geometry's priors"
    )


def readings_of(
    posterior: Posterior, measurements: Mapping[str, Measurement], truth: FloatArray, rng: np.random.Generator
) -> dict[str, Measurement] | None:
    """Draw what the tests would read on a knee; None if it admits no load, or none that a number can hold.

    Parameters
    ----------
    posterior : Posterior
        What readings are, and how they err.
    measurements : mapping of str to Measurement
        The tests: angles, units, known errors. Their own loads do not count.
    truth : ndarray, shape (ndim,)
        The knee.
    rng : numpy.random.Generator
        Draws the errors.
    """
    try:
        loads = {name: posterior.simulate(truth, rng, name)[0] for name in measurements}
    except GeometryError:
        return None
    if not all(np.isfinite(each).all() for each in loads.values()):
        return None
    return {name: replace(test, loads=loads[name], truth={}, text="") for name, test in measurements.items()}


def _draw(parameter: Parameter, weight: float, rng: np.random.Generator) -> float:
    """Draw one parameter: inside its bounds, or beyond one in proportion to what the penalty leaves there."""
    prior = parameter.possible
    masses, places = [1.0], [np.empty(0)]
    for bound, way in ((prior.lower, -1.0), (prior.upper, 1.0)):
        if math.isfinite(bound) and math.isfinite(weight):
            mass, quantiles = _beyond(prior, bound, way, weight, positive=parameter.quantity.positive)
            masses.append(mass)
            places.append(quantiles)
    part = rng.choice(len(masses), p=np.array(masses) / math.fsum(masses))
    if part == 0:
        return float(prior.sample(rng, 1)[0])
    at = rng.random() * (_PLACES - 1)
    return float(np.interp(at, np.arange(_PLACES), places[part]))


def _beyond(prior: Prior, bound: float, way: float, weight: float, *, positive: bool) -> tuple[float, FloatArray]:
    """Return the mass that a penalty leaves beyond a bound, as a share of that inside, and its quantiles (_PLACES,)."""
    room = bound if positive and way < 0.0 else math.inf
    if not room > 0.0:
        return 0.0, np.full(_PLACES, bound)
    width = 1.0 / math.sqrt(2.0 * weight)
    while True:
        apart = np.linspace(0.0, min(width, room * (1.0 - 1e-12)), _PLACES)
        log_density = prior.log_density(bound + way * apart) - weight * apart**2
        if width >= room or log_density[-1] < log_density.max() - _DEPTH:
            break
        width *= 1.5
    density = np.exp(log_density)
    pieces = 0.5 * (density[1:] + density[:-1]) * np.diff(apart)
    below = np.concatenate([[0.0], np.cumsum(pieces)])
    shares = np.linspace(0.0, 1.0, _PLACES)
    return float(below[-1]), bound + way * np.interp(shares * below[-1], below, apart)
