"""What errors the loads have: Gaussian or Student's t, with an error of the angle, or correlated; compiled.

An error of the angle counts as effective variance `sigma^2 (1 + q)`, `q` the square of its share of the load's error
against sigma. Residuals are weighted by known sigmas throughout, so `General.constant` holds those sigmas' logarithms.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing, index, inlined
from calibrate.knee.slots import AMPLITUDE, ANGLE_SIGMA, CORRELATED, GAUSSIAN, LENGTH, NU, SIGMA, General, Scratch

FloatArray = NDArray[np.float64]

# Sixteen factors below this can be multiplied.
_FOLDS = 4
_FOLDABLE = 1e18
# Of the exponential's series up to 40 / 64.
_TERMS = 15


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


@inlined
def _exp_of_negative(x: float) -> float:
    """Exponential of `x <= 0`, to 1e-14; at most `exp(-40)` too large, which is nothing beside a diagonal of 1.

    By its series at x / 64: a library's function would keep the loop around it out of the vector units.
    """
    y = (x if x > -40.0 else -40.0) / 64.0
    value = 1.0
    for i in range(_TERMS):
        value = 1.0 + value * y / float(_TERMS - i)
    for _ in range(6):
        value *= value
    return value


@borrowing
def _log_correlated(p: FloatArray, g: General, t: int, scale: float, s: Scratch) -> float:
    """Log-likelihood of residuals with a smooth discrepancy; `s.slope` holds `q`.

    The covariance's upper triangle is factorised row by row, by four earlier rows at a time. The weighted residuals
    are one more column, which that solves for, too.
    """
    base = 4 * g.strain.shape[1]
    amplitude, length = p[g.at[t, base + AMPLITUDE]], p[g.at[t, base + LENGTH]]
    if not (0.0 < amplitude < np.inf and 0.0 < length < np.inf):
        return -np.inf
    u, first, n, one = s.matrix, index(g.first[t]), index(g.first[t + 1] - g.first[t]), index(1)
    per_length, value = 1.0 / length, 0.0
    for i in range(n):
        here, weight = g.angle[first + i], amplitude * amplitude * g.weight[first + i]
        for j in range(i, n):
            d = (g.angle[first + j] - here) * per_length
            u[i, j] = weight * g.weight[first + j] * _exp_of_negative(-0.5 * d * d)
        u[i, i] += scale * scale * (1.0 + s.slope[i])
        u[i, n] = (s.reading[i] - g.load[first + i]) * g.weight[first + i]
        for k in range(index(0), i & ~index(3), index(4)):
            a, b, c, d = u[k, i], u[k + one, i], u[k + index(2), i], u[k + index(3), i]
            for j in range(i, n + one):
                u[i, j] -= a * u[k, j] + b * u[k + one, j] + c * u[k + index(2), j] + d * u[k + index(3), j]
        for k in range(i & ~index(3), i):
            a = u[k, i]
            for j in range(i, n + one):
                u[i, j] -= a * u[k, j]
        pivot = u[i, i]
        if not pivot > 0.0:
            return -np.inf
        inverse = 1.0 / math.sqrt(pivot)
        for j in range(i, n + one):
            u[i, j] *= inverse
        value -= 0.5 * (math.log(pivot) + u[i, n] * u[i, n])
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
        return _log_correlated(p, g, t, scale, s)
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
