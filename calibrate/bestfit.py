"""The best of a run's draws as a fit: its residuals, what it explains, and the readings that lie apart from the others.

A reading that is wrong drags the fit along, and few readings have many parameters to follow it with; so the question
which readings lie apart is put to a second fit, which far residuals pull at less the farther they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.posterior import Posterior
from calibrate.problem.quantities import SIGMA
from calibrate.residuals import explained, outlying, serial

FloatArray = NDArray[np.float64]

# Beyond this many readings none of them drags a fit.
_FEW = 2000
# Beyond this many, what was fitted leaves no trace in the residuals' correlation.
_MANY = 20_000
_PRIOR_DRAWS = 2048
_PRIOR_READINGS = 500_000  # of all prior draws together, at the most
_STARTS = 3
_WITHIN_SIGMA = 0.6827


@dataclass(frozen=True)
class BestFit:
    """What the best draw and the robust fit say of the data.

    Attributes
    ----------
    explained, possible : float
        Share of the loads' variation that the model explains, and that any smooth curve could; see `residuals`.
    outlying : ndarray of int
        Rows of the readings that lie apart, the farthest first; not more than a tenth of all.
    sizes : ndarray
        How far, in units of the others' scale.
    threshold : float
        What of that is the most to be expected of noise.
    by_angle, by_row : tuple of float
        Correlation of neighbouring residuals and its probability in noise, in the order of the angles and of the file;
        the latter None if it is the same order.
    """

    explained: float
    possible: float
    outlying: NDArray[np.intp]
    sizes: FloatArray
    threshold: float
    by_angle: tuple[float, float]
    by_row: tuple[float, float] | None


@np.errstate(all="ignore")  # a stranger's file may hold loads whose squares overflow; then nothing is found
def best_fit(posterior: Posterior, draws: FloatArray) -> BestFit:
    """Look at the best of some draws, (n, ndim), as a fit."""
    best = draws[int(np.argmax(posterior.log_prob(draws)))]
    measurement = posterior.measurement
    count = measurement.angles.size
    residuals = posterior.residuals(best[np.newaxis])[0]
    law = np.array([name != SIGMA for name in posterior.names])
    robust = posterior.residuals(_robust(posterior, best, law)[np.newaxis])[0] if count <= _FEW else residuals
    rows, sizes, threshold = outlying(robust, int(law.sum()))
    if rows.size > max(1, count // 10):
        rows, sizes = rows[:0], sizes[:0]  # so many are no slips
    rest = np.setdiff1d(np.arange(count), rows)
    tidy = robust if rows.size else residuals
    sigma = _sigma(posterior)
    share, possible = explained(measurement.angles, measurement.loads, residuals * sigma, sigma)
    if rows.size:
        parts = (measurement.angles, measurement.loads, robust * sigma, sigma)
        share = max(share, explained(*(part[rest] for part in parts))[0])
    slopes = _slopes(posterior, best, tidy[rest])[rest] if count <= _MANY else None
    by_angle, by_row = _serial(measurement.angles[rest], tidy[rest], slopes)
    return BestFit(share, possible, rows, sizes, threshold, by_angle, by_row)


def _serial(
    angles: FloatArray, residuals: FloatArray, slopes: FloatArray | None
) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Return the correlation of neighbours by angle, and by row unless that is the same or the reverse order."""
    order = np.argsort(angles, kind="stable")
    steps = np.diff(angles)
    by_angle = serial(residuals[order], None if slopes is None else slopes[order])
    same = bool((steps >= 0.0).all() or (steps <= 0.0).all())
    return by_angle, None if same else serial(residuals, slopes)


def _sigma(posterior: Posterior) -> FloatArray:
    """Return the unit that `Posterior.residuals` are in, in the load's unit, for each reading."""
    if posterior.measurement.sigma is not None:
        return posterior.measurement.sigma
    known = posterior.config.noise.sigma
    return np.full(posterior.measurement.angles.size, known if isinstance(known, float) else 1.0)


def _slopes(posterior: Posterior, best: FloatArray, residuals: FloatArray) -> FloatArray:
    """Return derivatives of the residuals, in units of their own noise, by the parameters in units of their priors."""
    noise = math.sqrt(float(np.mean(residuals**2))) or 1.0
    slopes = posterior.jacobian(best[np.newaxis])[0] * posterior.scale / noise
    return np.where(np.isfinite(slopes), slopes, 0.0)


def _robust(posterior: Posterior, best: FloatArray, law: NDArray[np.bool_]) -> FloatArray:
    """Fit again so that readings far off count little: from the best draw, and from prior draws that most agree with.

    Residuals enter by the logarithm (Cauchy's loss), in units of the scale of the fit that it starts from. Of several
    fits, that one is taken which two thirds of the readings lie nearest to.
    """
    from scipy.optimize import least_squares  # late: only summaries need it

    rng = np.random.default_rng(0)
    width = posterior.scale
    count = min(_PRIOR_DRAWS, _PRIOR_READINGS // posterior.measurement.angles.size)
    draws = posterior.prior_sample(rng, count)
    spread = np.quantile(np.abs(posterior.residuals(draws)), _WITHIN_SIGMA, axis=1)
    fits = []
    for start in (best, *draws[np.argsort(spread, kind="stable")[:_STARTS]]):
        q = start.copy()

        def at(x: FloatArray, q: FloatArray = q) -> FloatArray:
            full = q.copy()
            full[law] = x
            return full[np.newaxis]

        scale = _scale(posterior, at(q[law]))
        if law.any() and scale > 0.0 and np.isfinite(posterior.residuals(at(q[law])) ** 2).all():
            margin = 1e-9 * width[law]
            inside = np.clip(q[law], posterior.lower[law] + margin, posterior.upper[law] - margin)
            q[law] = least_squares(
                lambda x, at=at: posterior.residuals(at(x))[0],
                inside,
                jac=lambda x, at=at: posterior.jacobian(at(x))[0][:, law],
                bounds=(posterior.lower[law], posterior.upper[law]),
                x_scale=width[law],
                loss="cauchy",
                f_scale=0.5 * scale,
                max_nfev=100,
            ).x
        fits.append((_scale(posterior, q[np.newaxis]), q))
    return np.asarray(min(fits, key=lambda fit: fit[0])[1])


def _scale(posterior: Posterior, q: FloatArray) -> float:
    return float(np.quantile(np.abs(posterior.residuals(q)[0]), _WITHIN_SIGMA))
