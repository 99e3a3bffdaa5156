"""The normal distribution between two bounds: mass, quantiles and moments, as exact in the tails as in the middle.

Nothing is taken as a difference of two nearly equal probabilities: eight standard deviations out, both are 1 to the
last digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
# Between bounds as close as this, in standard deviations, the density is an exponential to 1e-11.
_CLOSE = 1e-5
# A density of exp(-45) times its largest value adds nothing to an integral.
_NEGLIGIBLE = 45.0


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal variable y between two bounds.

    Attributes
    ----------
    middle, scale : float
        Mean and standard deviation before truncation.
    low, high : float
        The bounds, possibly infinite, low < high.
    width : float
        Their distance, which the caller knows to more digits where they are close.
    """

    middle: float
    scale: float
    low: float
    high: float
    width: float

    @cached_property
    def _ends(self) -> tuple[float, float, float]:
        """Return the bounds and their distance, in standard deviations from the middle."""
        return (self.low - self.middle) / self.scale, (self.high - self.middle) / self.scale, self.width / self.scale

    @property
    def _close(self) -> bool:
        low, _, width = self._ends
        return width * max(1.0, abs(low)) < _CLOSE

    @cached_property
    def log_mass(self) -> float:
        """Return the logarithm of the share of the normal distribution that lies between the bounds."""
        from scipy.special import log_ndtr  # late: it takes as long as all else of reading a configuration

        low, high, width = self._ends
        if self._close:
            centre = 0.5 * (low + high)
            density = -0.5 * centre * centre - _LOG_ROOT_2PI
            return density + math.log(width) if width > 0.0 else -math.inf
        low, high = min((low, high), (-high, -low))  # the lower tail is the one that is known to all digits
        above, below = float(log_ndtr(high)), float(log_ndtr(low))
        share = math.exp(below - above)
        return above + math.log1p(-share) if share < 1.0 else -math.inf  # not so for NaN, and so far out that all is 0

    @property
    def constant(self) -> float:
        """Return the log-density of y less its square: log p(y) = constant - ((y - middle) / scale)^2 / 2."""
        return -math.log(self.scale) - _LOG_ROOT_2PI - self.log_mass

    def quantile(self, u: Array) -> Array:
        """Return where a share u of the mass lies below, of u's shape; NaN for u outside [0, 1]."""
        from scipy.special import log_ndtr, ndtri_exp

        u = np.where((u >= 0.0) & (u <= 1.0), u, np.nan)
        low, high, width = self._ends
        if self._close:
            decay = 0.5 * (low + high) * width
            share = u if decay == 0.0 else -np.log1p(u * math.expm1(-decay)) / decay
            return np.minimum(self.low + self.width * share, self.high)
        with np.errstate(divide="ignore", invalid="ignore"):
            from_high, from_low = np.log(u), np.log1p(-u)
            # Both are weighted means of the bounds' own probabilities; the smaller one has all its digits.
            below = np.logaddexp(from_low + log_ndtr(low), from_high + log_ndtr(high))
            above = np.logaddexp(from_low + log_ndtr(-low), from_high + log_ndtr(-high))
            z = np.copysign(ndtri_exp(np.minimum(below, above)), below - above)
        return np.asarray(np.clip(self.middle + self.scale * z, self.low, self.high))

    def moments(self, growth: float = 0.0) -> tuple[float, float, float]:
        """Return the mode, and mean and standard deviation relative to it, by quadrature.

        Parameters
        ----------
        growth : float
            0 for the moments of y; else for those of exp(growth y), growth times scale at most some 7.

        Returns
        -------
        mode : float
            Where y is likeliest.
        mean, sd : float
            Those of y - mode, or of exp(growth (y - mode)) - 1; to all digits however close the bounds are.
        """
        low, high, width = self._ends
        mode = min(max(0.0, low), high)
        # The density times the variable's power peaks at these: the square at the last, which is the farthest.
        peaks = [power * growth * self.scale for power in (0.0, 2.0)]
        reaches = [math.hypot(min(max(peak, low), high) - peak, math.sqrt(2.0 * _NEGLIGIBLE)) for peak in peaks]
        left = max(-width if mode == high else low - mode, min(map(float.__sub__, peaks, reaches)) - mode)
        right = min(width if mode == low else high - mode, max(map(float.__add__, peaks, reaches)) - mode)
        nodes, gauss = _rule()
        t = left + (right - left) * 0.5 * (nodes + 1.0)
        weights = gauss * np.exp(-t * (0.5 * t + mode))
        weights /= weights.sum()
        with np.errstate(over="ignore", invalid="ignore"):
            y = np.expm1(growth * self.scale * t) if growth else self.scale * t
            mean = weights @ y
            return self.middle + self.scale * mode, float(mean), float(np.sqrt(weights @ (y - mean) ** 2))


@cache
def _rule() -> tuple[Array, Array]:
    """Return nodes and weights of Gauss and Legendre's quadrature on [-1, 1]."""
    return np.polynomial.legendre.leggauss(200)
