"""Parameters without bounds: each free parameter as a number that may be anything from minus to plus infinity.

A parameter between two bounds becomes the normal quantile of its place between them, so that one of which nothing is
known is exactly a standard normal; one with a single bound becomes the logarithm of its distance from it; one without
stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from calibrate.density import POSITIVE
from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class Unbounded:
    """The way from free parameters to numbers without bounds, and back.

    Attributes
    ----------
    lower, upper : ndarray, shape (ndim,)
        The bounds; infinite where there is none, 0 at the least for what has to be positive.
    """

    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(cls, posterior: Posterior) -> Unbounded:
        """Return the way for a posterior's parameters."""
        positive = posterior.density.prior[:-1, POSITIVE] != 0.0
        return cls(np.where(positive, np.maximum(posterior.lower, 0.0), posterior.lower), posterior.upper)

    def inside(self, q: FloatArray) -> NDArray[np.bool_]:
        """Tell which parameters (..., ndim) lie between the bounds, (...)."""
        return np.asarray(((q > self.lower) & (q < self.upper)).all(axis=-1))

    def away(self, q: FloatArray) -> FloatArray:
        """Return parameters (..., ndim) inside their bounds as numbers without, of the same shape."""
        z = np.array(q, dtype=float)
        for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            x = q[..., i]
            if math.isfinite(low) and math.isfinite(high):
                below, above = (x - low) / (high - low), (high - x) / (high - low)
                z[..., i] = np.where(below < above, ndtri(below), -ndtri(above))  # the smaller has all its digits
            elif math.isfinite(low):
                z[..., i] = np.log(x - low)
            elif math.isfinite(high):
                z[..., i] = -np.log(high - x)
        return z

    def back(self, z: FloatArray) -> FloatArray:
        """Return the parameters that numbers without bounds (..., ndim) stand for."""
        q = np.array(z, dtype=float)
        with np.errstate(over="ignore"):  # an infinite parameter has no probability
            for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
                x = z[..., i]
                if math.isfinite(low) and math.isfinite(high):
                    q[..., i] = low + (high - low) * ndtr(x)
                elif math.isfinite(low):
                    q[..., i] = low + np.exp(x)
                elif math.isfinite(high):
                    q[..., i] = high - np.exp(-x)
        return np.asarray(np.clip(q, self.lower, self.upper))

    def log_stretch(self, z: FloatArray) -> FloatArray:
        """Return the logarithm of the volume of parameters for each of numbers z (..., ndim), (...)."""
        total = np.zeros(z.shape[:-1])
        for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            x = z[..., i]
            if math.isfinite(low) and math.isfinite(high):
                total += math.log(high - low) - 0.5 * x * x - _LOG_ROOT_2PI
            elif math.isfinite(low):
                total += x
            elif math.isfinite(high):
                total -= x
        return total
