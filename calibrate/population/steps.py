"""Steps of a population that `calibrate.population.interweave` proposes, as compiled code has them.

- shift: `B -> B + d`;
- spread: `Sigma -> G Sigma G'` with `G = diag(exp(s))`;
- shear: the same with `G = 1 + c e_k e_l'`, which changes correlations.

Each is of one component or two, most often of those that are slowest without; half of the shifts are of all components
of a strand, whose means make ridges where its stiffness and transition strain do. `d`, `s` and `c` are differences
between two populations of the other half of the walkers, times a factor: so they fit the posterior's shape, and a step
is as probable as its reverse (ter Braak 2006). Where there are persons, Sigma_u and u are spread and sheared as well,
`u -> G u`, and knees follow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# What a move changes, the first of the knees' law and the others of the persons'.
OF_KNEES, SPREAD_PERSONS, SHEAR_PERSONS = range(3)
# Uniform numbers of one move.
NUMBERS = 7
# Factors of the steps, against 2.38 / sqrt(2 d) for d numbers at once: evenly drawn on a logarithmic scale.
_SHORTEST, _LONGEST = 0.2, 1.2
# The share of shifts that are of all components of a strand.
_ALONG = 0.5


class Moved(NamedTuple):
    """Populations of W walkers as compiled code changes them in place.

    Attributes
    ----------
    b, sigma, precision : ndarray, shapes (W, q, P), (W, P, P) and (W, P, P)
        Effects of the covariates, the covariance between knees and its inverse.
    u, sigma_u, precision_u : ndarray, shapes (W, persons, P), (W, P, P) and (W, P, P)
        The persons' own, and of them the same.
    """

    b: FloatArray
    sigma: FloatArray
    precision: FloatArray
    u: FloatArray
    sigma_u: FloatArray
    precision_u: FloatArray


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
def _shifted(
    b: FloatArray,
    row: int,
    move: int,
    along: bool,
    numbers: FloatArray,
    b_1: FloatArray,
    b_2: FloatArray,
    strand: IntArray,
) -> None:
    """Shift one covariate's effects, or those of all from `row` on, on a component or on all of its strand."""
    effects, size = b.shape
    count = 0
    for k in range(size):
        count += k == move or (along and strand[k] == strand[move])
    factor = _factor(numbers[5], count * (1 if row < effects else effects))
    for k in range(size):
        if k == move or (along and strand[k] == strand[move]):
            for i in range(effects):
                if i == row or row >= effects:
                    b[i, k] += factor * (b_1[i, k] - b_2[i, k])


@borrowing
def _changed(
    move: int,
    numbers: FloatArray,
    sigma: FloatArray,
    precision: FloatArray,
    u: FloatArray,
    sigma_1: FloatArray,
    sigma_2: FloatArray,
    s: FloatArray,
) -> float:
    """Spread or shear a covariance, and persons `u` (n, P) with it; return the logarithm of `|det G|`."""
    size = sigma.shape[0]
    factor = _factor(numbers[5], 1)
    if move >= 2 * size:
        k, m = _two(move - 2 * size, size)
        if numbers[4] < 0.5:
            k, m = m, k
        c = factor * (sigma_1[k, m] / sigma_1[m, m] - sigma_2[k, m] / sigma_2[m, m])
        _shear(sigma, precision, k, m, c)
        for i in range(u.shape[0]):
            u[i, k] += c * u[i, m]
        return 0.0
    k = move - size
    for i in range(size):
        s[i] = 0.0
    s[k] = factor * 0.5 * math.log(sigma_1[k, k] / sigma_2[k, k])
    for i in range(u.shape[0]):
        u[i, k] *= math.exp(s[k])
    return _spread(sigma, precision, s)


@borrowing
def proposed(
    what: int,
    chances: FloatArray,
    numbers: FloatArray,
    laws: Moved,
    me: int,
    others: Moved,
    one: int,
    two: int,
    strand: IntArray,
    s: FloatArray,
) -> float:
    """Change a walker's population by the difference of two others; return the logarithm of `|det G|`."""
    size = strand.size
    if what == OF_KNEES:
        move = _pick(chances, numbers[3])
    elif what == SPREAD_PERSONS:
        move = size + int(numbers[3] * size)
    else:
        move = 2 * size + int(numbers[3] * 0.5 * size * (size - 1))
    if move < size:
        row = int(numbers[4] * 2.0 * laws.b.shape[1])
        _shifted(laws.b[me], row, move, numbers[6] < _ALONG, numbers, others.b[one], others.b[two], strand)
        return 0.0
    if what == OF_KNEES:
        sigma, precision, u, from_ = laws.sigma[me], laws.precision[me], laws.u[me, :0], others.sigma
    else:
        sigma, precision, u, from_ = laws.sigma_u[me], laws.precision_u[me], laws.u[me], others.sigma_u
    return _changed(move, numbers, sigma, precision, u, from_[one], from_[two], s)
