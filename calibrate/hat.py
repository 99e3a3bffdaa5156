"""What a calibration leaves of its readings' noise: leverage of each, and tests of what residuals should not show.

Of a linear model with Gaussian priors the residuals of the mean prediction have the covariance `sigma^2 (1 - H)` over
data that prior and model expect, and `sigma^2 H` is the posterior covariance of the predictions, whatever share the
prior has in them. So both come from posterior draws: no derivative is needed, which a knee does not have at a kink.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Fewer degrees of freedom than this tell nothing of noise.
_FEWEST = 4.0
# Fewer readings in a half do not stand for it.
_FEWEST_OF_A_HALF = 4.0
# Fewer readings have no tails.
_FEWEST_FOR_TAILS = 20.0
_NEXT_TO_NOTHING = 1e-9
# A smaller share of a reading's noise is not known well enough from draws to divide by: such a reading decides its own
# prediction, and nothing checks it. So it is with a column of which the fit leaves less: the model has it already.
_LEAST_KEPT = 0.2


@dataclass(frozen=True)
class Hat:
    """What a calibration takes of its readings.

    Attributes
    ----------
    factor : ndarray, shape (n, m)
        Its product with its own transpose is H; m may be 0, if nothing is taken.
    swing : ndarray, shape (n, p)
        Covariances of predictions and parameters, in standard deviations of readings and parameters.
    """

    factor: FloatArray
    swing: FloatArray

    @classmethod
    def of(cls, errors: FloatArray, draws: FloatArray) -> Hat:
        """Take posterior draws.

        Parameters
        ----------
        errors : ndarray, shape (m, n)
            Prediction less data, in standard deviations of the readings up to one factor for all.
        draws : ndarray, shape (m, p)
            The parameters.
        """
        noise = math.sqrt(float(np.mean(errors**2))) or math.inf
        away = (errors - errors.mean(axis=0)) / noise
        spread = draws.std(axis=0)
        parameters = (draws - draws.mean(axis=0)) / np.where(spread > 0.0, spread, math.inf)
        return cls(away.T / math.sqrt(len(draws)), away.T @ parameters / len(draws))

    @classmethod
    def nothing(cls, n: int) -> Hat:
        """Return the hat of n readings that are far more than parameters."""
        return cls(np.zeros((n, 0)), np.zeros((n, 0)))

    def some(self, rows: NDArray[np.intp] | BoolArray) -> Hat:
        """Return that of some of the readings."""
        return Hat(self.factor[rows], self.swing[rows])

    @property
    def leverage(self) -> FloatArray:
        """How much of its own prediction each reading decides, shape (n,), from 0 to 1."""
        return np.asarray((self.factor**2).sum(axis=1))

    @property
    def kept(self) -> FloatArray:
        """What is left of the variance of each reading's noise in its residual, shape (n,); a fifth at the least."""
        return np.maximum(1.0 - self.leverage, _LEAST_KEPT)

    @property
    def free(self) -> float:
        """Degrees of freedom of the residuals."""
        return float(np.maximum(1.0 - self.leverage, 0.0).sum())

    def left(self, column: FloatArray) -> FloatArray:
        """Return what a calibration leaves of a column of numbers, shape (n,): `1 - H` times it."""
        return np.asarray(column - self.factor @ (self.factor.T @ column))


def explained_by(column: FloatArray, residuals: FloatArray, hat: Hat) -> tuple[float, float]:
    """Return by how much residuals follow a column of numbers, and the probability of that in noise.

    The coefficient that the column would have if it were fitted as well, and Student's two-sided test of it (the test
    of an added variable; Cook & Weisberg 1982, Residuals and Influence in Regression, 2.3).

    Returns
    -------
    coefficient, probability : float
        0 and 1 if the fit leaves little of the column (a fifth or less), or too few readings.
    """
    rest = hat.left(column)
    size = float(column @ rest)
    free = hat.free - 1.0
    if not size > _LEAST_KEPT * float(column @ column) or free < _FEWEST:
        return 0.0, 1.0
    coefficient = float(column @ residuals) / size
    remains = float(((residuals - coefficient * rest) ** 2).sum())
    if not 0.0 < remains < math.inf:
        return 0.0, 1.0
    scale = math.sqrt(remains / free)
    return coefficient, _two_sided(coefficient * math.sqrt(size) / scale, free)


def against_others(residuals: FloatArray, hat: Hat) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return how far each reading lies from what all others predict, and how far it pulls the parameters.

    Returns
    -------
    far : ndarray, shape (n,)
        The deleted residual in units of its own standard deviation (Cook & Weisberg 1982, 2.2.1): Student's t.
    probability : ndarray, shape (n,)
        Of as much in noise, two-sided, for a reading chosen beforehand.
    pull : ndarray, shape (n, p)
        By how many of its posterior standard deviations each parameter would move without the reading (DFBETAS).
    """
    n, kept, free = residuals.size, hat.kept, hat.free - 1.0
    total = float(residuals @ residuals)
    if free < _FEWEST or not total < math.inf:
        return np.zeros(n), np.ones(n), np.zeros(hat.swing.shape)
    # Of a reading that has more than all, nothing can be said: its leverage is not that of a narrow posterior.
    rest = total - residuals**2 / kept
    without = np.where(rest > _NEXT_TO_NOTHING * total, np.sqrt(np.maximum(rest, 0.0) / free), math.inf)
    far = residuals / (without * np.sqrt(kept))
    pull = hat.swing * (residuals / (without * kept))[:, np.newaxis]
    return far, 2.0 * stdtr(free, -np.abs(far)), pull


def unequal(residuals: FloatArray, first: BoolArray, hat: Hat) -> tuple[float, float]:
    """Return how many times wider residuals scatter in one half than in the other, and its probability in noise.

    Brown and Forsythe's test of distances from the median (1974, JASA 69:364), which heavy tails do not mislead, on
    residuals over their own standard deviations.

    Parameters
    ----------
    residuals : ndarray, shape (n,)
        Of all.
    first : ndarray of bool, shape (n,)
        Which are of the first half.
    hat : Hat
        The fit.

    Returns
    -------
    ratio, probability : float
        Above 1 if the first scatter wider; 1 and 1 if there are too few.
    """
    scaled = residuals / np.sqrt(hat.kept)
    halves = scaled[first], scaled[~first]
    free = [float(hat.kept[side].sum()) for side in (first, ~first)]
    if min(free) < _FEWEST_OF_A_HALF:
        return 1.0, 1.0
    away = [np.abs(half - np.median(half)) for half in halves]
    sums = [float(((one - one.mean()) ** 2).sum()) for one in away]
    within = sum(sums) / (len(scaled) - 2.0)
    widths = [math.sqrt(float(np.mean(half**2))) for half in halves]
    if not within > 0.0 or min(widths) <= 0.0 or not math.isfinite(within):
        return 1.0, 1.0
    apart = float(away[0].mean() - away[1].mean())
    # As many degrees of freedom as the fit has left, not as there are readings.
    t = apart / math.sqrt(within * (1.0 / free[0] + 1.0 / free[1]))
    return widths[0] / widths[1], _two_sided(t, sum(free) - 2.0)


def tails(residuals: FloatArray, hat: Hat) -> tuple[float, float]:
    """Return the excess kurtosis of residuals, and the probability of as much in Gaussian noise.

    Anscombe and Glynn's test (1983, Biometrika 70:227), one-sided: lighter tails harm nobody.

    Returns
    -------
    excess, probability : float
        0 and 1 if there are too few.
    """
    n = residuals.size
    if hat.free < _FEWEST_FOR_TAILS:
        return 0.0, 1.0
    scaled = residuals / np.sqrt(hat.kept)
    scaled = scaled - scaled.mean()
    square = float(np.mean(scaled**2))
    if not 0.0 < square < math.inf:
        return 0.0, 1.0
    kurtosis = float(np.mean((scaled / math.sqrt(square)) ** 4))
    mean = 3.0 * (n - 1.0) / (n + 1.0)
    variance = 24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0) ** 2 * (n + 3.0) * (n + 5.0))
    x = (kurtosis - mean) / math.sqrt(variance)
    skewness = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
    skewness *= math.sqrt(6.0 * (n + 3.0) * (n + 5.0) / (n * (n - 2.0) * (n - 3.0)))
    a = 6.0 + 8.0 / skewness * (2.0 / skewness + math.sqrt(1.0 + 4.0 / skewness**2))
    # The lightest tails would be below nothing there, and beyond that the approximation takes them for heavy ones.
    base = max(1.0 + x * math.sqrt(2.0 / (a - 4.0)), _NEXT_TO_NOTHING)
    root = ((1.0 - 2.0 / a) / base) ** (1.0 / 3.0)
    z = (1.0 - 2.0 / (9.0 * a) - root) / math.sqrt(2.0 / (9.0 * a))
    return kurtosis - 3.0, 0.5 * math.erfc(z / math.sqrt(2.0))


def _two_sided(t: float, free: float) -> float:
    return 2.0 * float(stdtr(free, -abs(t)))
