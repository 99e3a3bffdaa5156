"""Coordinates of a knee in which walkers of different populations can be compared, as compiled code has them.

Coordinates `z` of a knee are its components, then its other free parameters. Walkers of different populations are hard
to compare: what is far in one is near in another. So each is looked at in standard coordinates `e = R' (z - m)`, with
`m` and `Q = R R'` mean and precision of a normal approximation of the knee given that walker's population:

    Q = H + Sigma^-1,   Q m = g + Sigma^-1 mean

`H` and `g` stand for the knee's own data and are fixed (`calibrate.population.maps`). They decide how well walkers
move, and nothing of what is sampled. Where data say nothing, H = 0, `e` is the knee standardised by its population;
where they say all, it is the knee itself.

Data of a strand that is stretched beyond its toe tell its stiffness and where its straight line begins, at the strain
`alpha / 2`; data within the toe tell `k / alpha` and where the toe begins. So that the approximation may be normal in
either case, `z` stands for bent coordinates above, in which a strand's stiffness and reference strain are

    log k - log(1 + (alpha / c)^2) / 2   and   e - alpha / 2 / sqrt(1 + (alpha / c)^2)

with `c` about as far as the knee's data reach. To bend has Jacobian 1. The population's law is bent at its mean, which
leaves it nearly normal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing, compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LOG, _LOGIT, _SLACK = 1, 2, 3
# The logarithm of a transition strain that is beyond all.
_STEEPEST = 5.0


@borrowing
def parameters(z: FloatArray, theta: FloatArray, kinds: IntArray, references: FloatArray) -> None:
    """Turn coordinates (ndim,) into free parameters; NaN or infinite where they have no meaning."""
    for c in range(kinds.size):
        kind, x = kinds[c], z[c]
        if kind == _LOG:
            theta[c] = math.exp(x)
        elif kind == _LOGIT:
            theta[c] = 1.0 / (1.0 + math.exp(-x))
        elif kind == _SLACK:
            theta[c] = references[c] / (1.0 + x) if x > -1.0 else np.nan
        else:
            theta[c] = x
    for i in range(kinds.size, z.size):
        theta[i] = z[i]


@borrowing
def apart(z: FloatArray, mean: FloatArray, precision: FloatArray, out: FloatArray) -> None:
    """Compute half the squared distances of a knee's components from their mean, in standard deviations, (n,).

    Walkers stand last in all arrays, for the sake of the processor's vector units: z (ndim, n), mean (P, n), precision
    (P, P, n).
    """
    n = out.size
    for w in range(n):
        out[w] = 0.0
    for i in range(mean.shape[0]):
        z_i, m_i = z[i], mean[i]
        for j in range(i):
            p, z_j, m_j = precision[i, j], z[j], mean[j]
            for w in range(n):
                out[w] += p[w] * (z_i[w] - m_i[w]) * (z_j[w] - m_j[w])
        p = precision[i, i]
        for w in range(n):
            out[w] += 0.5 * p[w] * (z_i[w] - m_i[w]) * (z_i[w] - m_i[w])


@borrowing
def condition(
    h: FloatArray,
    g: FloatArray,
    precision: FloatArray,
    mean: FloatArray,
    root: FloatArray,
    middle: FloatArray,
    log_det: FloatArray,
) -> None:
    """Compute the approximations' roots R (ndim, ndim, n), means (ndim, n) and logarithms of R's determinants (n,).

    R is lower triangular, with the inverse of each number on its diagonal in the place of that.
    """
    ndim, n = middle.shape
    size = mean.shape[0]
    for w in range(n):
        log_det[w] = 0.0
    for i in range(ndim):
        middle_i, about = middle[i], g[i]
        for w in range(n):
            middle_i[w] = about
        for j in range(size if i < size else 0):
            p, m_j = precision[i, j], mean[j]
            for w in range(n):
                middle_i[w] += p[w] * m_j[w]
        for j in range(i + 1):
            r, own = root[i, j], h[i, j]
            if i < size:
                p = precision[i, j]
                for w in range(n):
                    r[w] = own + p[w]
            else:
                for w in range(n):
                    r[w] = own
            for k in range(j):
                a, b = root[i, k], root[j, k]
                for w in range(n):
                    r[w] -= a[w] * b[w]
            if j < i:
                d, middle_j = root[j, j], middle[j]
                for w in range(n):
                    r[w] *= d[w]
                    middle_i[w] -= r[w] * middle_j[w]
        r = root[i, i]
        for w in range(n):
            r[w] = 1.0 / math.sqrt(r[w])
            middle_i[w] *= r[w]
        # One logarithm for four: the product of a few numbers neither over- nor underflows.
        if i % 4 == 3 or i == ndim - 1:
            a, b, c = root[i - i % 4, i - i % 4], root[max(0, i - 1), max(0, i - 1)], root[max(0, i - 2), max(0, i - 2)]
            for w in range(n):
                product = r[w]
                if i % 4 > 0:
                    product *= a[w]
                if i % 4 > 1:
                    product *= b[w]
                if i % 4 > 2:
                    product *= c[w]
                log_det[w] -= math.log(product)
    for i in range(ndim - 1, -1, -1):
        middle_i, r = middle[i], root[i, i]
        for k in range(i + 1, ndim):
            a, middle_k = root[k, i], middle[k]
            for w in range(n):
                middle_i[w] -= a[w] * middle_k[w]
        for w in range(n):
            middle_i[w] *= r[w]


@borrowing
def standardise(z: FloatArray, middle: FloatArray, root: FloatArray, e: FloatArray) -> None:
    """Compute standard coordinates (ndim, n)."""
    ndim, n = middle.shape
    for j in range(ndim):
        e_j, z_j, middle_j, d = e[j], z[j], middle[j], root[j, j]
        for w in range(n):
            e_j[w] = (z_j[w] - middle_j[w]) / d[w]
        for k in range(j + 1, ndim):
            r, z_k, middle_k = root[k, j], z[k], middle[k]
            for w in range(n):
                e_j[w] += r[w] * (z_k[w] - middle_k[w])


@borrowing
def place(e: FloatArray, middle: FloatArray, root: FloatArray, z: FloatArray) -> None:
    """Compute coordinates (ndim, n) from standard ones."""
    ndim, n = middle.shape
    for j in range(ndim - 1, -1, -1):
        z_j, e_j, middle_j, d = z[j], e[j], middle[j], root[j, j]
        for w in range(n):
            z_j[w] = e_j[w]
        for k in range(j + 1, ndim):
            r, z_k, middle_k = root[k, j], z[k], middle[k]
            for w in range(n):
                z_j[w] -= r[w] * (z_k[w] - middle_k[w])
        for w in range(n):
            z_j[w] = middle_j[w] + z_j[w] * d[w]


@borrowing
def _bend(z: float, kind: int, reach: float) -> tuple[float, float, float, float]:
    """Return by how much a transition strain's component bends stiffness and strain, and its derivatives of both."""
    if kind == _LOGIT:
        alpha = 1.0 / (1.0 + math.exp(-z))
        slope = alpha * (1.0 - alpha)
    else:
        alpha = slope = math.exp(min(z, _STEEPEST))
    ratio = alpha / (reach * reach)
    square = 1.0 + alpha * ratio
    inverse = 1.0 / math.sqrt(square)
    return 0.5 * math.log(square), 0.5 * alpha * inverse, ratio * slope / square, 0.5 * slope * inverse / square


@borrowing
def bend(z: FloatArray, bends: IntArray, kinds: IntArray, reach: FloatArray, way: float) -> None:
    """Bend coordinates (ndim, n) in place; by -1 they are straightened."""
    for number in range(bends.shape[0]):
        a, k, s = bends[number, 0], bends[number, 1], bends[number, 2]
        for w in range(z.shape[1]):
            stiffer, longer, _, _ = _bend(z[a, w], kinds[a], reach[number])
            if k >= 0:
                z[k, w] -= way * stiffer
            if s >= 0:
                z[s, w] -= way * longer


@borrowing
def bend_law(
    mean: FloatArray,
    precision: FloatArray,
    bends: IntArray,
    kinds: IntArray,
    reach: FloatArray,
    new_mean: FloatArray,
    new_precision: FloatArray,
) -> None:
    """Compute mean (P, n) and precision (P, P, n) of a normal law in bent coordinates, nearly."""
    size, n = mean.shape
    for i in range(size):
        for w in range(n):
            new_mean[i, w] = mean[i, w]
        for j in range(size):
            before, after = precision[i, j], new_precision[i, j]
            for w in range(n):
                after[w] = before[w]
    for number in range(bends.shape[0]):
        a, k, s = bends[number, 0], bends[number, 1], bends[number, 2]
        for w in range(n):
            stiffer, longer, by_k, by_s = _bend(mean[a, w], kinds[a], reach[number])
            if k >= 0:
                new_mean[k, w] -= stiffer
                for i in range(size):
                    new_precision[i, a, w] += by_k * new_precision[i, k, w]
            if s >= 0:
                new_mean[s, w] -= longer
                for i in range(size):
                    new_precision[i, a, w] += by_s * new_precision[i, s, w]
            for i in range(size):
                if k >= 0:
                    new_precision[a, i, w] += by_k * new_precision[k, i, w]
                if s >= 0:
                    new_precision[a, i, w] += by_s * new_precision[s, i, w]


@compiled
def bent(z: FloatArray, bends: IntArray, kinds: IntArray, reach: FloatArray) -> None:
    """Bend coordinates of a knee (ndim, n) in place."""
    bend(z, bends, kinds, reach, 1.0)
