"""Where the walkers start: in proportion to the posterior's mass, as a pilot of each ensemble's own has found it.

A pilot draws its points at random, so fits look over its shoulder: bounded least squares from several places, the
user's own among them. Where a fit is far better than all that a pilot has found, the pilot is repeated with more
points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibrate.config import SIGMA
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior
from calibrate.sampling.pilot import POINTS, explore

FloatArray = NDArray[np.float64]

_PRIOR_DRAWS = 8192
_FITS = 8
# A fit this much better than a pilot's best point, plus one per dimension, is on a hill that the pilot has not found.
_MISSED = 10.0
# The pilot is then repeated, with so many times the points and so often at the most.
_MORE = 4
_PILOTS = 3
_HOPELESS = (
    "no walkers can be started: the posterior is too narrow or too wide for the computer's numbers; check the bounds, "
    "sigma and their units"
)


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


def draw_walkers(
    posterior: Posterior,
    best: float,
    walkers: int,
    rng: np.random.Generator,
    on_level: Callable[[], None] = lambda: None,
) -> tuple[FloatArray, bool]:
    """Draw one ensemble's first walkers from a pilot of its own.

    Parameters
    ----------
    posterior : Posterior
        What the walkers are to sample.
    best : float
        The log-posterior of the best fit.
    walkers : int
        How many.
    rng : numpy.random.Generator
        Draws them.
    on_level : callable
        Called now and then; may raise to end it.

    Returns
    -------
    walkers : ndarray, shape (walkers, ndim)
        All inside the bounds, on each hill as many as it has of the posterior's mass.
    complete : bool
        Whether the pilot has come as high as the fit. If not, there is a hill that no walker knows.

    Raises
    ------
    ConfigError
        If the posterior is too narrow for walkers that differ.
    """
    points = 2 * max(POINTS, walkers) // 2
    for _ in range(_PILOTS):
        found = explore(posterior, rng, points, on_level)
        # Where the log-probability is huge, rounding alone moves it by more than that.
        missed = best - float(found.log_likelihood.max()) > max(_MISSED + posterior.ndim, 1e-9 * abs(best))
        if not missed:
            break
        points *= _MORE
    drawn = found.coords[rng.choice(len(found.coords), walkers, replace=False, p=found.weights)]
    if not np.ptp(drawn, axis=0).all():
        raise ConfigError(_HOPELESS)
    return drawn, not missed


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
