"""Fits: the maxima of the posterior inside its bounds, by least squares from several places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibrate.config import SIGMA
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

_PRIOR_DRAWS = 8192
_FITS = 8


@dataclass(frozen=True)
class Fit:
    """A maximum of the posterior.

    Attributes
    ----------
    q : ndarray, shape (ndim,)
        The parameters.
    log_prob : float
        The log-posterior at `q`.
    """

    q: FloatArray
    log_prob: float


def find_map(posterior: Posterior, rng: np.random.Generator) -> list[Fit]:
    """Fit the data from several starting points.

    Parameters
    ----------
    posterior : Posterior
        What to maximise.
    rng : numpy.random.Generator
        Draws the starting points.

    Returns
    -------
    list of Fit
        Best first; the first is the MAP.

    Raises
    ------
    ConfigError
        If no point within the bounds has a finite probability.
    """
    width = posterior.upper - posterior.lower
    sample = posterior.lower + width * rng.random((_PRIOR_DRAWS, posterior.ndim))
    value = np.asarray(posterior.log_prob(sample))
    sample = sample[np.argsort(-value, kind="stable")]
    if not np.isfinite(value.max()):
        raise ConfigError(
            "no parameters within the bounds explain the data with a finite probability; check units, signs and sigma"
        )
    # Every other one of the best, so that the fits do not all begin in the same corner.
    starts = sample[: 2 * _FITS : 2]
    if np.isfinite(posterior.start).any():
        starts = np.vstack(
            [np.where(np.isfinite(posterior.start), posterior.start, 0.5 * (posterior.lower + posterior.upper)), starts]
        )
    fits = [_fit(posterior, start) for start in starts]
    return sorted(fits, key=lambda fit: -fit.log_prob)


def _fit(posterior: Posterior, start: FloatArray) -> Fit:
    """Least squares within the bounds; an inferred sigma then follows from the residuals."""
    width = posterior.upper - posterior.lower
    law = np.array([name != SIGMA for name in posterior.names])
    q = start.copy()

    def residuals(x: FloatArray) -> FloatArray:
        return posterior.fit_residuals(_with(q, law, x))

    def jacobian(x: FloatArray) -> FloatArray:
        return posterior.fit_jacobian(_with(q, law, x))[:, law]

    if law.any():
        margin = 1e-9 * width[law]
        inside = np.clip(q[law], posterior.lower[law] + margin, posterior.upper[law] - margin)
        result = least_squares(
            residuals,
            inside,
            jac=jacobian,
            bounds=(posterior.lower[law], posterior.upper[law]),
            x_scale=width[law],
            max_nfev=200,
        )
        q[law] = result.x
    if not law.all():
        spread = float(np.sqrt(np.sum(residuals(q[law]) ** 2) / posterior.measurement.angles.size))
        at = int(np.flatnonzero(~law)[0])
        margin = 1e-6 * width[at]
        q[at] = np.clip(spread, posterior.lower[at] + margin, posterior.upper[at] - margin)
    return Fit(q, float(posterior.log_prob(q)))


def _with(q: FloatArray, law: NDArray[np.bool_], x: FloatArray) -> FloatArray:
    out = q.copy()
    out[law] = x
    return out
