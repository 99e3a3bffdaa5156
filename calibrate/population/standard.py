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

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing, compiled
from calibrate.population.lanes import (
    LANES,
    all_of,
    between,
    exp_of,
    load,
    log_of,
    sqrt_of,
    store,
    where_positive,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SAME, _LOG, _LOGIT, _SLACK = range(4)
# The logarithm of a transition strain that is beyond all.
_STEEPEST = 5.0


@borrowing
def parameters(z: FloatArray, kinds: IntArray, references: FloatArray, theta: FloatArray) -> None:
    """Turn coordinates (ndim, n) into free parameters; NaN, 0 or infinite where they have no meaning."""
    for c in range(z.shape[0]):
        kind = kinds[c] if c < kinds.size else _SAME
        for w in range(0, z.shape[1], LANES):
            x = load(z[c], w)
            if kind == _LOG:
                x = exp_of(x)
            elif kind == _LOGIT:
                x = 1.0 / (1.0 + exp_of(0.0 - x))
            elif kind == _SLACK:
                x = where_positive(1.0 + x, references[c] / (1.0 + x))
            store(theta[c], w, x)


@borrowing
def apart(z: FloatArray, mean: FloatArray, precision: FloatArray, out: FloatArray) -> None:
    """Compute half the squared distances of a knee's components from their mean, in standard deviations, (n,).

    Walkers stand last in all arrays, see `calibrate.population.lanes`: z (ndim, n), mean (P, n), precision (P, P, n).
    """
    for w in range(0, out.size, LANES):
        total = all_of(0.0)
        for i in range(mean.shape[0]):
            off = load(z[i], w) - load(mean[i], w)
            row = 0.5 * off * load(precision[i, i], w)
            for j in range(i):
                row += load(precision[i, j], w) * (load(z[j], w) - load(mean[j], w))
            total += off * row
        store(out, w, total)


@borrowing
def condition(
    h: FloatArray, g: FloatArray, precision: FloatArray, pull: FloatArray, root: FloatArray, y: FloatArray
) -> None:
    """Compute the approximations' roots R (ndim, ndim, n), and R^-1 (g + Sigma^-1 mean), (ndim, n).

    R is lower triangular, with the inverse of each number on its diagonal in the place of that.
    """
    ndim, n = y.shape
    size = pull.shape[0]
    for i in range(ndim):
        for w in range(0, n, LANES):
            square, value = all_of(h[i, i]), all_of(g[i])
            if i < size:
                square += load(precision[i, i], w)
                value += load(pull[i], w)
            for j in range(i):
                r = all_of(h[i, j])
                if i < size:
                    r += load(precision[i, j], w)
                for k in range(j):
                    r -= load(root[i, k], w) * load(root[j, k], w)
                r *= load(root[j, j], w)
                store(root[i, j], w, r)
                square -= r * r
                value -= r * load(y[j], w)
            inverse = 1.0 / sqrt_of(square)
            store(root[i, i], w, inverse)
            store(y[i], w, value * inverse)


@borrowing
def log_determinant(root: FloatArray, out: FloatArray) -> None:
    """Compute the logarithms of R's determinants (n,)."""
    ndim = root.shape[0]
    for w in range(0, out.size, LANES):
        product, total = all_of(1.0), all_of(0.0)
        for i in range(ndim):
            product *= load(root[i, i], w)
            # One logarithm for four: the product of a few numbers neither over- nor underflows.
            if i % 4 == 3 or i == ndim - 1:
                total -= log_of(product)
                product = all_of(1.0)
        store(out, w, total)


@borrowing
def standardise(z: FloatArray, root: FloatArray, y: FloatArray, e: FloatArray) -> None:
    """Compute standard coordinates (ndim, n)."""
    ndim, n = y.shape
    for j in range(ndim):
        for w in range(0, n, LANES):
            value = load(z[j], w) / load(root[j, j], w) - load(y[j], w)
            for k in range(j + 1, ndim):
                value += load(root[k, j], w) * load(z[k], w)
            store(e[j], w, value)


@borrowing
def place(e: FloatArray, root: FloatArray, y: FloatArray, z: FloatArray) -> None:
    """Compute coordinates (ndim, n) from standard ones."""
    ndim, n = y.shape
    for j in range(ndim - 1, -1, -1):
        for w in range(0, n, LANES):
            value = load(e[j], w) + load(y[j], w)
            for k in range(j + 1, ndim):
                value -= load(root[k, j], w) * load(z[k], w)
            store(z[j], w, value * load(root[j, j], w))


@borrowing
def _bend(z: Any, kind: int, reach: float) -> tuple[Any, Any, Any, Any]:
    """Return by how much a transition strain's component bends stiffness and strain, and its derivatives of both."""
    if kind == _LOGIT:
        alpha = 1.0 / (1.0 + exp_of(0.0 - z))
        slope = alpha * (1.0 - alpha)
    else:
        alpha = slope = exp_of(between(z, -np.inf, _STEEPEST))
    ratio = alpha * (1.0 / (reach * reach))
    square = 1.0 + alpha * ratio
    inverse = 1.0 / sqrt_of(square)
    return 0.5 * log_of(square), 0.5 * alpha * inverse, ratio * slope / square, 0.5 * slope * inverse / square


@borrowing
def bend(z: FloatArray, bends: IntArray, kinds: IntArray, reach: FloatArray, way: float, out: FloatArray) -> None:
    """Bend coordinates (ndim, n); by -1 they are straightened."""
    for i in range(z.shape[0]):
        for w in range(0, z.shape[1], LANES):
            store(out[i], w, load(z[i], w))
    for number in range(bends.shape[0]):
        a, k, s = bends[number, 0], bends[number, 1], bends[number, 2]
        for w in range(0, z.shape[1], LANES):
            stiffer, longer, _, _ = _bend(load(z[a], w), kinds[a], reach[number])
            if k >= 0:
                store(out[k], w, load(out[k], w) - way * stiffer)
            if s >= 0:
                store(out[s], w, load(out[s], w) - way * longer)


@borrowing
def bend_law(
    mean: FloatArray,
    precision: FloatArray,
    bends: IntArray,
    kinds: IntArray,
    reach: FloatArray,
    new_mean: FloatArray,
    new_precision: FloatArray,
    pull: FloatArray,
) -> None:
    """Compute a normal law in bent coordinates, nearly: mean (P, n), precision (P, P, n), and the product of both."""
    size, n = mean.shape
    for w in range(0, n, LANES):
        for i in range(size):
            store(new_mean[i], w, load(mean[i], w))
            for j in range(size):
                store(new_precision[i, j], w, load(precision[i, j], w))
        for number in range(bends.shape[0]):
            a, k, s = bends[number, 0], bends[number, 1], bends[number, 2]
            stiffer, longer, by_k, by_s = _bend(load(mean[a], w), kinds[a], reach[number])
            if k >= 0:
                store(new_mean[k], w, load(new_mean[k], w) - stiffer)
                _shear(new_precision, w, a, k, by_k)
            if s >= 0:
                store(new_mean[s], w, load(new_mean[s], w) - longer)
                _shear(new_precision, w, a, s, by_s)
        for i in range(size):
            value = all_of(0.0)
            for j in range(size):
                value += load(new_precision[i, j], w) * load(new_mean[j], w)
            store(pull[i], w, value)


@borrowing
def _shear(precision: FloatArray, w: int, a: int, k: int, by: Any) -> None:
    """Change precisions as `z_k -> z_k - by z_a` does."""
    for i in range(precision.shape[0]):
        store(precision[i, a], w, load(precision[i, a], w) + by * load(precision[i, k], w))
    for i in range(precision.shape[0]):
        store(precision[a, i], w, load(precision[a, i], w) + by * load(precision[k, i], w))


@compiled
def bent(z: FloatArray, bends: IntArray, kinds: IntArray, reach: FloatArray) -> None:
    """Bend coordinates of a knee (ndim, n) in place."""
    ndim, n = z.shape
    before, after = np.zeros((ndim, LANES)), np.empty((ndim, LANES))
    for first in range(0, n, LANES):
        for i in range(ndim):
            for lane in range(min(LANES, n - first)):
                before[i, lane] = z[i, first + lane]
        bend(before, bends, kinds, reach, 1.0, after)
        for i in range(ndim):
            for lane in range(min(LANES, n - first)):
                z[i, first + lane] = after[i, lane]
