"""A fit that readings far off pull at little: what tells which readings lie apart, for those drag a usual fit along."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.cauchy import least_cauchy
from calibrate.posterior import Posterior
from calibrate.priors import Uniform

FloatArray = NDArray[np.float64]

_PRIOR_DRAWS = 2048
_PRIOR_READINGS = 500_000  # of all prior draws together, at the most
_STARTS = 3
_WITHIN_SIGMA = 0.6827


def robust_fit(posterior: Posterior, best: FloatArray, law: NDArray[np.bool_], weight: FloatArray) -> FloatArray:
    """Fit again so that readings far off count little: from the best draw, and from prior draws that most agree with.

    Residuals enter by the logarithm (Cauchy's loss), in units of the scale of the fit that it starts from: the distance
    that two thirds of the readings lie within. What a prior that is not flat expects counts like a reading. Of several
    fits, that one is taken whose loss is smallest in units of the smallest of their scales: a slightly smaller scale is
    not worth a reading on the wrong side of the angle at which the load jumps.
    """
    rng = np.random.default_rng(0)
    width = posterior.scale
    count = min(_PRIOR_DRAWS, max(1, _PRIOR_READINGS // weight.size))
    draws = posterior.prior_sample(rng, count)
    spread = _scales(posterior, draws, weight)
    fits = np.vstack([best, draws[np.argsort(spread, kind="stable")[:_STARTS]]])
    scales = _scales(posterior, fits, weight)
    squares = np.isfinite((posterior.residuals(fits) * weight) ** 2).all(axis=1)
    usable = np.flatnonzero(law.any() & (scales > 0.0) & squares)
    low, high = _inside(posterior)
    shaped = np.array([not isinstance(prior, Uniform) for prior in posterior.priors]) & law
    means = np.array([prior.mean for prior in posterior.priors])

    def at(x: FloatArray, which: NDArray[np.intp]) -> FloatArray:
        full = fits[usable[which]]
        full[:, law] = x
        return full

    def residuals(x: FloatArray, which: NDArray[np.intp]) -> FloatArray:
        q, scale = at(x, which), scales[usable[which], np.newaxis]
        found = posterior.residuals(q) * weight
        expected = ((q - means) / width)[:, shaped] * scale
        return np.concatenate([np.where(np.isfinite(found), found, 1e6 * scale), expected], axis=1)

    def jacobian(x: FloatArray, which: NDArray[np.intp]) -> FloatArray:
        found = posterior.jacobian(at(x, which)) * weight[:, np.newaxis]
        expected = scales[usable[which], np.newaxis, np.newaxis] * np.diag(1.0 / width)[shaped]
        return np.concatenate([found, expected], axis=1)[..., law]

    if usable.size:
        fits[np.ix_(usable, law)] = least_cauchy(
            residuals,
            jacobian,
            np.clip(fits[usable], low, high)[:, law],
            (posterior.lower[law], posterior.upper[law]),
            width[law],
            0.5 * scales[usable],
        )
    there = posterior.residuals(fits) * weight
    scale = np.fmin.reduce(_scales(posterior, fits, weight))
    with np.errstate(divide="ignore"):  # the logarithm of a reading that is met exactly
        loss = np.log((0.5 * scale) ** 2 + there**2).sum(axis=1)
    return np.asarray(fits[int(np.argmin(np.where(np.isnan(loss), math.inf, loss)))])


def _inside(posterior: Posterior) -> tuple[FloatArray, FloatArray]:
    """Return the bounds, moved in a little; what has to be positive is."""
    margin = 1e-9 * posterior.scale
    positive = np.array([parameter.quantity.positive for parameter in posterior.table.free])
    return np.maximum(posterior.lower + margin, np.where(positive, margin, -np.inf)), posterior.upper - margin


def _scales(posterior: Posterior, q: FloatArray, weight: FloatArray) -> FloatArray:
    """Return within which distance two thirds of the readings lie, of rows `q`."""
    return np.asarray(np.quantile(np.abs(posterior.residuals(q) * weight), _WITHIN_SIGMA, axis=1))
