"""Where the walkers start: at the fits, spread as wide as the data allow, and nowhere worthless.

Bounded least squares from several starts finds the maximum of the posterior. Walkers are drawn from the Laplace
approximation around each fit that is about as good as the best, mixed with the best of a sample from the prior.
"""

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
# A walker may start this much below the best fit, plus one per dimension: deep in the posterior's tail, not outside it.
_DEPTH = 15.0
# Fits this much worse than the best are other hills, not other places on the same one.
_AS_GOOD = 3.0
# The ball of walkers shrinks by a fifth each time; after this many it is a point.
_ROUNDS = 200
_HOPELESS = (
    "no walkers can be started around the best fit: the posterior is too narrow or too wide for the computer's "
    "numbers; check the bounds, sigma and their units"
)


@dataclass(frozen=True)
class Fit:
    """A maximum of the posterior.

    Attributes
    ----------
    q : ndarray, shape (ndim,)
        The parameters.
    covariance : ndarray, shape (ndim, ndim)
        Of the Laplace approximation, with the width of the bounds as a prior.
    log_prob : float
        The log-posterior at `q`.
    """

    q: FloatArray
    covariance: FloatArray
    log_prob: float


def find_map(posterior: Posterior, rng: np.random.Generator) -> tuple[list[Fit], FloatArray]:
    """Fit the data from several starting points.

    Parameters
    ----------
    posterior : Posterior
        What to maximise.
    rng : numpy.random.Generator
        Draws the starting points.

    Returns
    -------
    fits : list of Fit
        Best first; the first is the MAP.
    sample : ndarray, shape (n, ndim)
        The prior sample that the starts were chosen from, best first.

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
    return sorted(fits, key=lambda fit: -fit.log_prob), sample


def draw_walkers(
    posterior: Posterior, fits: list[Fit], sample: FloatArray, walkers: int, rng: np.random.Generator
) -> FloatArray:
    """Draw one ensemble's first walkers.

    Parameters
    ----------
    posterior : Posterior
        Whose bounds and probabilities decide which walkers are worth starting.
    fits, sample
        What `find_map` returned.
    walkers : int
        How many.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    ndarray, shape (walkers, ndim)
        All inside the bounds, none much less likely than the best fit.
    """
    # Where the log-probability is huge, rounding alone moves it by more than that.
    floor = fits[0].log_prob - max(_DEPTH + posterior.ndim, 1e-9 * abs(fits[0].log_prob))
    good = sample[np.asarray(posterior.log_prob(sample)) > floor]
    taken = good[rng.permutation(len(good))[: walkers // 4]]
    hills = [fit for fit in fits if fit.log_prob >= fits[0].log_prob - _AS_GOOD]
    roots = [np.linalg.cholesky(fit.covariance) for fit in hills]
    found = [taken]
    missing = walkers - len(taken)
    spread = 1.0
    for _ in range(_ROUNDS):
        if not missing:
            return np.vstack(found)
        which = rng.integers(len(hills), size=missing)
        noise = rng.standard_normal((missing, posterior.ndim))
        drawn = np.array([hills[w].q + spread * (roots[w] @ z) for w, z in zip(which, noise, strict=True)])
        drawn = _reflect(drawn, posterior.lower, posterior.upper)
        kept = drawn[np.asarray(posterior.log_prob(drawn)) > floor]
        found.append(kept)
        missing -= len(kept)
        # A curved ridge leaves its tangent: come closer until the ball fits on it.
        spread *= 0.8
    raise ConfigError(_HOPELESS)


def _fit(posterior: Posterior, start: FloatArray) -> Fit:
    """Least squares within the bounds; an inferred sigma then follows from the residuals."""
    width = posterior.upper - posterior.lower
    law = np.array([name != SIGMA for name in posterior.names])
    inferred = not law.all()
    q = start.copy()

    def residuals(x: FloatArray) -> FloatArray:
        return posterior.fit_residuals(_with(q, law, x))

    def jacobian(x: FloatArray) -> FloatArray:
        return posterior.fit_jacobian(_with(q, law, x))[:, law]

    information = 12.0 / width**2  # of the uniform prior, so that no direction is wider than the bounds
    hessian = np.diag(information)
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
    if inferred:
        spread = float(np.sqrt(np.sum(residuals(q[law]) ** 2) / posterior.measurement.angles.size))
        at = int(np.flatnonzero(~law)[0])
        margin = 1e-6 * width[at]
        q[at] = np.clip(spread, posterior.lower[at] + margin, posterior.upper[at] - margin)
        hessian[at, at] += 2.0 * posterior.measurement.angles.size / q[at] ** 2
    if law.any():
        scale = float(q[~law][0]) if inferred else 1.0
        slope = jacobian(q[law]) / scale
        hessian[np.ix_(law, law)] += slope.T @ slope
    root_width = np.sqrt(information)
    try:
        with np.errstate(over="raise", invalid="raise"):
            covariance = np.linalg.inv(hessian / np.outer(root_width, root_width)) / np.outer(root_width, root_width)
            np.linalg.cholesky(covariance)
    except (np.linalg.LinAlgError, FloatingPointError):
        raise ConfigError(_HOPELESS) from None
    return Fit(q, 0.5 * (covariance + covariance.T), float(posterior.log_prob(q)))


def _with(q: FloatArray, law: NDArray[np.bool_], x: FloatArray) -> FloatArray:
    out = q.copy()
    out[law] = x
    return out


def _reflect(q: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Fold points back into the box, as often as it takes."""
    width = upper - lower
    folded = np.mod(q - lower, 2.0 * width)
    return lower + np.where(folded > width, 2.0 * width - folded, folded)
