"""A fit that readings far off pull at little: what tells which readings lie apart, for those drag a usual fit along."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.posterior import Posterior
from calibrate.priors import Uniform

FloatArray = NDArray[np.float64]

_PRIOR_DRAWS = 2048
_PRIOR_READINGS = 500_000  # of all prior draws together, at the most
_STARTS = 3
_WITHIN_SIGMA = 0.6827


def robust_fit(posterior: Posterior, best: FloatArray, law: NDArray[np.bool_], weight: FloatArray) -> FloatArray:
    """Fit again so that readings far off count little: from the best draw, and from prior draws that most agree with.

    Residuals enter by the logarithm (Cauchy's loss), in units of the scale of the fit that it starts from. Of several
    fits, that one is taken which two thirds of the readings lie nearest to. What a prior that is not flat expects
    counts like a reading.
    """
    from scipy.optimize import least_squares  # late: only summaries need it

    rng = np.random.default_rng(0)
    width = posterior.scale
    count = min(_PRIOR_DRAWS, max(1, _PRIOR_READINGS // weight.size))
    draws = posterior.prior_sample(rng, count)
    spread = np.quantile(np.abs(posterior.residuals(draws) * weight), _WITHIN_SIGMA, axis=1)
    low, high = _inside(posterior)
    shaped = np.array([not isinstance(prior, Uniform) for prior in posterior.priors]) & law
    means = np.array([prior.mean for prior in posterior.priors])
    fits = []
    for start in (best, *draws[np.argsort(spread, kind="stable")[:_STARTS]]):
        q = start.copy()

        def at(x: FloatArray, q: FloatArray = q) -> FloatArray:
            full = q.copy()
            full[law] = x
            return full

        scale = _scale(posterior, q, weight)

        def residuals(x: FloatArray, at: Any = at, scale: float = scale) -> FloatArray:
            found = posterior.residuals(at(x)[np.newaxis])[0] * weight
            expected = ((at(x) - means) / width)[shaped] * scale
            return np.concatenate([np.where(np.isfinite(found), found, 1e6 * scale), expected])

        def jacobian(x: FloatArray, at: Any = at, scale: float = scale) -> FloatArray:
            found = posterior.jacobian(at(x)[np.newaxis])[0] * weight[:, np.newaxis]
            return np.concatenate([found, scale * np.diag(1.0 / width)[shaped]])[:, law]

        if law.any() and scale > 0.0 and np.isfinite((posterior.residuals(q[np.newaxis]) * weight) ** 2).all():
            q[law] = least_squares(
                residuals,
                np.clip(q, low, high)[law],
                jac=jacobian,
                bounds=(posterior.lower[law], posterior.upper[law]),
                x_scale=width[law],
                loss="cauchy",
                f_scale=0.5 * scale,
                max_nfev=100,
            ).x
        spread_there = _scale(posterior, q, weight)
        fits.append((spread_there if math.isfinite(spread_there) else math.inf, q))
    return np.asarray(min(fits, key=lambda fit: fit[0])[1])


def _inside(posterior: Posterior) -> tuple[FloatArray, FloatArray]:
    """Return the bounds, moved in a little; what has to be positive is."""
    margin = 1e-9 * posterior.scale
    positive = np.array([parameter.quantity.positive for parameter in posterior.table.free])
    return np.maximum(posterior.lower + margin, np.where(positive, margin, -np.inf)), posterior.upper - margin


def _scale(posterior: Posterior, q: FloatArray, weight: FloatArray) -> float:
    return float(np.quantile(np.abs(posterior.residuals(q[np.newaxis])[0] * weight), _WITHIN_SIGMA))
