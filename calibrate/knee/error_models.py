"""What errors the loads have: Gaussian or Student's t, with an error of the angle, or correlated; compiled.

An error of the angle counts as effective variance `sigma^2 (1 + q)`, `q` the square of its share of the load's error
against sigma. Residuals are weighted by known sigmas throughout, so `General.constant` holds those sigmas' logarithms.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing
from calibrate.knee.slots import AMPLITUDE, ANGLE_SIGMA, CORRELATED, GAUSSIAN, LENGTH, NU, SIGMA, General, Scratch
from calibrate.knee.sums import _index as index

FloatArray = NDArray[np.float64]

# Sixteen factors below this can be multiplied.
_FOLDS = 4
_FOLDABLE = 1e18


@borrowing
def sum_of_logs(q: FloatArray, n: int) -> float:
    """Sum of `log(1 + q)` over the first n of `q >= 0`, which is used up: one logarithm for sixteen of them."""
    total = 0.0
    for i in range(index(n)):
        total += q[i]
    if total < _FOLDABLE:
        for _ in range(_FOLDS):
            half = (n + 1) // 2
            for i in range(index(n - half)):
                other = q[index(half) + i]
                q[i] += other + q[i] * other
            n = half
    total = 0.0
    for i in range(index(n)):
        total += math.log1p(q[i])
    return total


@borrowing
def log_student_constant(nu: float) -> float:
    """Logarithm of `Gamma((nu + 1) / 2) / Gamma(nu / 2) / sqrt(nu pi)`."""
    x = 0.5 * nu
    if x > 50.0:  # lgamma's differences would lose digits; DLMF 5.11.13
        ratio = 0.5 * math.log(x) - 1.0 / (8.0 * x) + 1.0 / (192.0 * x * x * x) - 1.0 / (640.0 * x * x * x * x * x)
    else:
        ratio = math.lgamma(x + 0.5) - math.lgamma(x)
    return ratio - 0.5 * math.log(nu * math.pi)


@borrowing
def _log_correlated(p: FloatArray, g: General, t: int, scale: float, matrix: FloatArray, s: Scratch) -> float:
    """Log-likelihood of residuals with a smooth discrepancy; `s.slope` holds `q`.

    The weighted residuals are one more row below the covariance, so factorising it solves for them, too.
    """
    at = 4 * g.strain.shape[1]
    amplitude, length = p[g.at[t, at + AMPLITUDE]], p[g.at[t, at + LENGTH]]
    if not (0.0 < amplitude < np.inf and 0.0 < length < np.inf):
        return -np.inf
    first, n = index(g.first[t]), index(g.first[t + 1] - g.first[t])
    power = -0.5 / (length * length)
    value = 0.0
    for i in range(n + index(1)):
        if i == n:
            for j in range(n):
                matrix[i, j] = (s.reading[j] - g.load[first + j]) * g.weight[first + j]
        else:
            for j in range(i + index(1)):
                d = g.angle[first + i] - g.angle[first + j]
                matrix[i, j] = (
                    amplitude * amplitude * g.weight[first + i] * g.weight[first + j] * math.exp(power * d * d)
                )
            matrix[i, i] += scale * scale * (1.0 + s.slope[i])
        for j in range(min(i, n)):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = total / matrix[j, j]
        rest = 0.0
        for k in range(min(i, n)):
            rest += matrix[i, k] * matrix[i, k]
        if i == n:
            return value - 0.5 * rest
        rest = matrix[i, i] - rest
        if not rest > 0.0:
            return -np.inf
        matrix[i, i] = math.sqrt(rest)
        value -= 0.5 * math.log(rest)
    return value


@borrowing
def log_errors(p: FloatArray, g: General, t: int, s: Scratch) -> float:
    """Log-likelihood of one test's residuals, less its part of `g.constant`.

    Parameters
    ----------
    p, g, t
        Parameters, model, number of the test.
    s : Scratch
        `reading`, and `slope` where the angle has an error; both are used up.

    Returns
    -------
    float
        `-inf` where the errors' parameters have no meaning; NaN or infinite where something overflows.
    """
    at = 4 * g.strain.shape[1]
    scale = 1.0 if g.known[t] else p[g.at[t, at + SIGMA]]
    if not 0.0 < scale < np.inf:
        return -np.inf
    first, n = index(g.first[t]), index(g.first[t + 1] - g.first[t])
    inverse = 1.0 / scale
    if g.errors[t] == GAUSSIAN and not g.angle_error[t]:
        total = 0.0
        for i in range(n):
            residual = (s.reading[i] - g.load[first + i]) * g.weight[first + i]
            total += residual * residual
        return -float(n) * math.log(scale) - 0.5 * total * inverse * inverse
    if g.angle_error[t]:
        angle_sigma = p[g.at[t, at + ANGLE_SIGMA]]
        if not 0.0 <= angle_sigma < np.inf:
            return -np.inf
        for i in range(n):
            q = angle_sigma * s.slope[i] * g.weight[first + i] * inverse
            s.slope[i] = q * q
    else:
        for i in range(n):
            s.slope[i] = 0.0
    if g.errors[t] == CORRELATED:
        return _log_correlated(p, g, t, scale, s.matrix, s)
    return -float(n) * math.log(scale) + _log_independent(p, g, t, inverse, s)


@borrowing
def _log_independent(p: FloatArray, g: General, t: int, inverse: float, s: Scratch) -> float:
    """Log-likelihood of independent residuals in units of sigma, with `q` in `s.slope`."""
    first, n = index(g.first[t]), index(g.first[t + 1] - g.first[t])
    total = 0.0
    for i in range(n):
        residual = (s.reading[i] - g.load[first + i]) * g.weight[first + i] * inverse
        s.reading[i] = residual * residual / (1.0 + s.slope[i])
        total += s.reading[i]
    value: float = -0.5 * sum_of_logs(s.slope, g.first[t + 1] - g.first[t]) if g.angle_error[t] else 0.0
    if g.errors[t] == GAUSSIAN:
        return value - 0.5 * total
    nu = p[g.at[t, 4 * g.strain.shape[1] + NU]]
    if not 0.0 < nu < np.inf:
        return -np.inf
    for i in range(n):
        s.reading[i] /= nu
    logs = sum_of_logs(s.reading, g.first[t + 1] - g.first[t])
    value += float(n) * log_student_constant(nu) - 0.5 * (nu + 1.0) * logs
    return value
