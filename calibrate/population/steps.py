"""Steps of a population that `calibrate.population.interweave` proposes, as compiled code has them.

- shift: `B -> B + d`;
- spread: `Sigma -> G Sigma G'` with `G = diag(exp(s))`;
- shear: the same with `G = 1 + c e_k e_l'`, which changes correlations.

Each is of one component or two, most often of those that are slowest without. `d`, `s` and `c` are differences between
two populations of the other half of the walkers, times a factor: so they fit the posterior's shape, and a step is as
probable as its reverse (ter Braak 2006). Where there are persons, Sigma_u and u are spread and sheared as well,
`u -> G u`, and knees follow.

- whole: all of B and Sigma at once, at coordinates `t` in which any numbers are a population: the entries of B, and
  with `Sigma = L diag(exp(2 d)) L'`, L unit lower triangular, those of d and L. A step is one of an autoregression
  that keeps a normal distribution, `t' = m + sqrt(1 - a^2) (t - m) + a C^(1/2) x`; m and C have been learnt of the
  posterior before anything is kept (`calibrate.population.maps`). The density to be sampled is that of `t`, divided by
  that normal one (Neal 1998): were it normal, each step would be taken.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# What a move changes: all of the knees' law, or one or two components of it, or of the persons'.
WHOLE, OF_KNEES, SPREAD_PERSONS, SHEAR_PERSONS = range(4)
# Uniform numbers of one move.
NUMBERS = 6
# Factors of the steps, against 2.38 / sqrt(2 d) for d numbers at once: evenly drawn on a logarithmic scale.
_SHORTEST, _LONGEST = 0.2, 1.2
# The same of steps of the whole, against the normal distribution.
_LEAST, _MOST = 0.15, 1.0


@borrowing
def _spread(sigma: FloatArray, precision: FloatArray, s: FloatArray) -> float:
    """Change a covariance and its inverse by `G = diag(exp(s))`; return the logarithm of `|det G|`."""
    log_det = 0.0
    for k in range(s.size):
        log_det += s[k]
        for m in range(s.size):
            factor = math.exp(s[k] + s[m])
            sigma[k, m] *= factor
            precision[k, m] /= factor
    return log_det


@borrowing
def _shear(sigma: FloatArray, precision: FloatArray, k: int, m: int, c: float) -> None:
    """Change a covariance and its inverse by `G = 1 + c e_k e_m'`."""
    size = sigma.shape[0]
    for i in range(size):
        sigma[k, i] += c * sigma[m, i]
        precision[m, i] -= c * precision[k, i]
    for i in range(size):
        sigma[i, k] += c * sigma[i, m]
        precision[i, m] -= c * precision[i, k]


@borrowing
def _factor(u: float, dims: int) -> float:
    """Return the factor of a step of so many numbers."""
    return 2.38 / math.sqrt(2.0 * dims) * _SHORTEST * math.exp(u * math.log(_LONGEST / _SHORTEST))


@borrowing
def _pick(chances: FloatArray, u: float) -> int:
    """Return which move of the knees' law is made, given the chances summed up."""
    move = 0
    while move < chances.size - 1 and u >= chances[move]:
        move += 1
    return move


@borrowing
def _two(pair: int, size: int) -> tuple[int, int]:
    """Return the components of a pair: (0, 1), (0, 2), ..., (1, 2), ..."""
    first = 0
    while pair >= size - 1 - first:
        pair -= size - 1 - first
        first += 1
    return first, first + 1 + pair


@borrowing
def single(
    what: int,
    chances: FloatArray,
    numbers: FloatArray,
    b: FloatArray,
    sigma: FloatArray,
    precision: FloatArray,
    u: FloatArray,
    sigma_u: FloatArray,
    precision_u: FloatArray,
    b_1: FloatArray,
    sigma_1: FloatArray,
    b_2: FloatArray,
    sigma_2: FloatArray,
    s: FloatArray,
) -> float:
    """Change a population by the difference of two others; return the logarithm of `|det G|`.

    The others' sigma are those of persons where these move.
    """
    effects, size = b.shape
    if what == SPREAD_PERSONS:
        move = size + int(numbers[3] * size)
    elif what == SHEAR_PERSONS:
        move = 2 * size + int(numbers[3] * 0.5 * size * (size - 1))
    else:
        move = _pick(chances, numbers[3])
    if move < size:
        # All of the covariates' effects, or one of them.
        row = int(numbers[4] * 2.0 * effects)
        factor = _factor(numbers[5], 1 if row < effects else effects)
        for i in range(effects):
            if i == row or row >= effects:
                b[i, move] += factor * (b_1[i, move] - b_2[i, move])
        return 0.0
    factor = _factor(numbers[5], 1)
    if move >= 2 * size:
        k, m = _two(move - 2 * size, size)
        if numbers[4] < 0.5:
            k, m = m, k
        c = factor * (sigma_1[k, m] / sigma_1[m, m] - sigma_2[k, m] / sigma_2[m, m])
        if what == OF_KNEES:
            _shear(sigma, precision, k, m, c)
            return 0.0
        _shear(sigma_u, precision_u, k, m, c)
        for i in range(u.shape[0]):
            u[i, k] += c * u[i, m]
        return 0.0
    k = move - size
    for i in range(size):
        s[i] = 0.0
    s[k] = factor * 0.5 * math.log(sigma_1[k, k] / sigma_2[k, k])
    if what == OF_KNEES:
        return _spread(sigma, precision, s)
    for i in range(u.shape[0]):
        u[i, k] *= math.exp(s[k])
    return _spread(sigma_u, precision_u, s)


@borrowing
def _taken_apart(b: FloatArray, sigma: FloatArray, lower: FloatArray, t: FloatArray) -> None:
    """Compute the coordinates of a population: B, d, and L by rows; `lower` (P, P) becomes L."""
    effects, size = b.shape
    at = effects * size
    for i in range(effects):
        for k in range(size):
            t[i * size + k] = b[i, k]
    for j in range(size):
        for i in range(j, size):
            rest = sigma[i, j]
            for k in range(j):
                rest -= lower[i, k] * lower[j, k] * math.exp(2.0 * t[at + k])
            if i == j:
                t[at + j] = 0.5 * math.log(rest)
                lower[j, j] = 1.0
            else:
                lower[i, j] = rest / math.exp(2.0 * t[at + j])
    at += size
    for i in range(size):
        for j in range(i):
            t[at] = lower[i, j]
            at += 1


@borrowing
def _put_together(
    t: FloatArray, lower: FloatArray, inverse: FloatArray, b: FloatArray, sigma: FloatArray, precision: FloatArray
) -> None:
    """Compute a population and the inverse of its covariance from coordinates."""
    effects, size = b.shape
    at, below = effects * size, effects * size + size
    for i in range(effects):
        for k in range(size):
            b[i, k] = t[i * size + k]
    for i in range(size):
        for j in range(i):
            lower[i, j] = t[below]
            below += 1
        lower[i, i] = 1.0
        for j in range(i + 1):
            value = 1.0 if i == j else 0.0
            for k in range(j, i):
                value -= lower[i, k] * inverse[k, j]
            inverse[i, j] = value
    for i in range(size):
        for j in range(i + 1):
            of_sigma, of_precision = 0.0, 0.0
            for k in range(j + 1):
                of_sigma += lower[i, k] * lower[j, k] * math.exp(2.0 * t[at + k])
            for k in range(i, size):
                of_precision += inverse[k, i] * inverse[k, j] * math.exp(-2.0 * t[at + k])
            sigma[i, j] = sigma[j, i] = of_sigma
            precision[i, j] = precision[j, i] = of_precision


@borrowing
def whole(
    numbers: FloatArray,
    normals: FloatArray,
    centre: FloatArray,
    root: FloatArray,
    b: FloatArray,
    sigma: FloatArray,
    precision: FloatArray,
    t: FloatArray,
    white: FloatArray,
    lower: FloatArray,
    inverse: FloatArray,
) -> tuple[float, float]:
    """Change all of a population; return the logarithms of `|Sigma'| / |Sigma|`, halved, and of the factor.

    The factor is that of the volume of `Sigma`, over the normal density: `prod_k exp(2 (P - k) d_k) / N(t; m, C)` for
    k from 0 on, new by old.
    """
    size = b.shape[1]
    at = b.size
    _taken_apart(b, sigma, lower, t)
    step = _LEAST * math.exp(numbers[5] * math.log(_MOST / _LEAST))
    stay = math.sqrt(1.0 - step * step)
    log_det, log_factor = 0.0, 0.0
    for k in range(size):
        log_det -= t[at + k]
        log_factor -= 2.0 * (size - k) * t[at + k]
    for i in range(t.size):
        value = t[i] - centre[i]
        for j in range(i):
            value -= root[i, j] * white[j]
        white[i] = value / root[i, i]
    for i in range(t.size):
        new = stay * white[i] + step * normals[i]
        log_factor += 0.5 * (new - white[i]) * (new + white[i])
        white[i] = new
    for i in range(t.size):
        t[i] = centre[i]
        for j in range(i + 1):
            t[i] += root[i, j] * white[j]
    for k in range(size):
        log_det += t[at + k]
        log_factor += 2.0 * (size - k) * t[at + k]
    _put_together(t, lower, inverse, b, sigma, precision)
    return log_det, log_factor
