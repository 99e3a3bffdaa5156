"""Fits: maxima of the posterior, by least squares of residuals and priors from several places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibrate.density import POSITIVE
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior
from calibrate.priors import LogNormal, Normal

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_PRIOR_DRAWS = 8192
_FITS = 8
# Where sigma is inferred and priors have shapes, data and priors are weighed anew with the sigma of the last fit.
_ROUNDS = 3


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
    sample = posterior.prior_sample(rng, _PRIOR_DRAWS)
    value = np.asarray(posterior.log_prob(sample))
    sample = sample[np.argsort(-value, kind="stable")]
    if not np.isfinite(value.max()):
        raise ConfigError(
            "no parameters within the bounds explain the data with a finite probability; check units, signs and sigma"
        )
    # Every other one of the best, so that the fits do not all begin in the same corner.
    starts = sample[: 2 * _FITS : 2]
    if np.isfinite(posterior.start).any():
        starts = np.vstack([posterior.middle, starts])
    fits = [_fit(posterior, start) for start in starts]
    return sorted(fits, key=lambda fit: -fit.log_prob)


def _fit(posterior: Posterior, start: FloatArray) -> Fit:
    """Least squares within the bounds, errors as they are; each inferred sigma then follows from its residuals."""
    errors = posterior.table.rows("error")
    sigmas = _sigmas(posterior)
    inferred = np.unique(sigmas[sigmas >= 0])
    # One sigma weighs all residuals alike, so that it is of no account until it meets a prior.
    weighed = bool(inferred.size) and (len(np.unique(sigmas)) > 1 or not all(map(_is_uniform, posterior.priors)))
    q = start.copy()
    for _ in range(_ROUNDS if weighed else 1):
        if not errors.all():
            q = _squares(posterior, q, ~errors, _units(q, sigmas) if weighed else np.ones(1))
        for column in inferred.tolist():
            residuals = posterior.residuals_of.compressed(q)[0]
            own = residuals[sigmas == column] if residuals.size == sigmas.size else residuals
            spread = float(np.sqrt(np.sum(own**2) / np.count_nonzero(sigmas == column)))
            q[column] = np.clip(spread, *(end[column] for end in _inside(posterior, 1e-6)))
    best = max((start, q), key=lambda at: float(posterior.log_prob(at)))
    return Fit(best, float(posterior.log_prob(best)))


def _sigmas(posterior: Posterior) -> NDArray[np.int64]:
    """Return for each reading which free parameter is its inferred sigma, -1 where sigma is known."""
    columns = posterior.table.columns.tolist()
    found = []
    for test in posterior.tests:
        row = int(test.slots.errors[0])
        column = columns.index(row) if test.measurement.sigma is None and row in columns else -1
        found.append(np.full(test.measurement.angles.size, column))
    return np.concatenate(found)


def _units(q: FloatArray, sigmas: NDArray[np.int64]) -> FloatArray:
    """Return the sigmas of all readings: inferred ones, and 1 where residuals are in units of a known one."""
    units = np.where(sigmas >= 0, q[sigmas], 1.0)
    return units[:1] if np.ptp(units) == 0.0 else units


def _squares(posterior: Posterior, q: FloatArray, law: BoolArray, sigma: FloatArray) -> FloatArray:
    """Minimise squared residuals, in units of `sigma`, and of what priors expect, by the parameters `law`."""

    def at(x: FloatArray) -> FloatArray:
        out = q.copy()
        out[law] = x
        return out

    def residuals(x: FloatArray) -> FloatArray:
        found = posterior.residuals_of.compressed(at(x))[0] / sigma
        # A knee without a pose explains nothing; far beyond all data, so that the fit turns back.
        found = np.where(np.isfinite(found), found, 1e6)
        return np.concatenate([found, _expected(posterior, at(x))[0][law]])

    def jacobian(x: FloatArray) -> FloatArray:
        slopes = posterior.residuals_of.compressed(at(x))[1] / sigma[:, np.newaxis]
        return np.concatenate([slopes, np.diag(_expected(posterior, at(x))[1])[law]])[:, law]

    low, high = _inside(posterior, 1e-9)
    # The margin keeps the start off the bounds; what has to be positive ends at zero even where its prior goes on.
    ends = np.maximum(posterior.lower, np.where(_positive(posterior), 0.0, -np.inf)), posterior.upper
    result = least_squares(
        residuals,
        np.clip(q[law], low[law], high[law]),
        jac=jacobian,
        bounds=tuple(end[law] for end in ends),
        x_scale=posterior.scale[law],
        max_nfev=200,
    )
    return at(result.x)


def _expected(posterior: Posterior, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far parameters are from their priors' maxima, in standard deviations, and the derivatives."""
    away, slope = np.zeros(q.size), np.zeros(q.size)
    for i, prior in enumerate(posterior.priors):
        _, centre, width, _ = prior.row()
        if isinstance(prior, Normal):
            away[i], slope[i] = (q[i] - centre) / width, 1.0 / width
        elif isinstance(prior, LogNormal):
            # The density falls by 1 / x, too: half the square of this is minus its logarithm, but for a constant.
            x = max(q[i], 1e-12)
            away[i], slope[i] = (np.log(x) - centre) / width + width, 1.0 / (x * width)
    return away, slope


def _is_uniform(prior: object) -> bool:
    return not isinstance(prior, (Normal, LogNormal))


def _positive(posterior: Posterior) -> BoolArray:
    return np.asarray(posterior.density.prior[:-1, POSITIVE] != 0.0)


def _inside(posterior: Posterior, share: float) -> tuple[FloatArray, FloatArray]:
    """Return the bounds, moved in by a share of the priors' standard deviation; positive parameters stay positive."""
    margin = share * posterior.scale
    positive = np.where(_positive(posterior), margin, -np.inf)
    return np.maximum(posterior.lower + margin, positive), posterior.upper - margin
