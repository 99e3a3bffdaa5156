"""Least squares with Cauchy's loss, within bounds, from several starts at once: far residuals pull at little.

Levenberg and Marquardt's steps, in which each residual weighs `1 / (1 + (r / f)^2)`; a parameter at a bound that its
gradient points beyond stays there. All starts take their steps together, for a knee's residuals cost next to nothing
beside the calls that ask for them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Indices = NDArray[np.intp]
# Told parameters (k, n) and which of the starts they belong to (k,), returns residuals (k, r) or slopes (k, r, n).
Function = Callable[[FloatArray, Indices], FloatArray]

_ENOUGH = 1e-8  # relative decrease of the loss that is none
_FIRST, _LEAST, _MOST = 1e-3, 1e-12, 1e8  # damping
_UP, _DOWN = 4.0, 0.2


@np.errstate(all="ignore")  # what overflows is no better
def least_cauchy(
    residuals: Function,
    jacobian: Function,
    starts: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
    width: FloatArray,
    scales: FloatArray,
    most: int = 100,
) -> FloatArray:
    """Minimise `sum(log(1 + (r / f)^2))` from several starts.

    Parameters
    ----------
    residuals, jacobian : callable
        See `Function`.
    starts : ndarray, shape (m, n)
        Within the bounds.
    bounds : tuple of ndarray, shape (n,)
        Lower and upper ones, which may be infinite.
    width : ndarray, shape (n,)
        Sizes of the parameters.
    scales : ndarray, shape (m,)
        `f` of each start.
    most : int
        Steps at the most, tried ones as well.

    Returns
    -------
    ndarray, shape (m, n)
        Where each start leads to.
    """
    x, (low, high) = starts.copy(), bounds
    going = np.arange(len(x))
    r = residuals(x, going)
    loss, damping = _loss(r, scales), np.full(len(x), _FIRST)
    slopes = jacobian(x, going)
    for _ in range(most):
        step = _steps(x[going], r[going], slopes[going] * width, scales[going], damping[going], low, high)
        new = np.clip(x[going] + step * width, low, high)
        found = residuals(new, going)
        reached = _loss(found, scales[going])
        better = reached < loss[going]
        gain = loss[going] - reached
        damping[going] = np.where(better, np.maximum(_DOWN * damping[going], _LEAST), _UP * damping[going])
        taken = going[better]
        x[taken], r[taken], loss[taken] = new[better], found[better], reached[better]
        done = np.where(better, gain <= _ENOUGH * (reached + _ENOUGH), damping[going] > _MOST)
        again = going[better & ~done]
        if again.size:
            slopes[again] = jacobian(x[again], again)
        going = going[~done]
        if not going.size:
            break
    return x


def _loss(r: FloatArray, scales: FloatArray) -> FloatArray:
    loss = np.log1p((r / scales[:, np.newaxis]) ** 2).sum(axis=1)
    return np.where(np.isfinite(loss), loss, np.inf)


def _steps(
    x: FloatArray,
    r: FloatArray,
    slopes: FloatArray,
    scales: FloatArray,
    damping: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """Return the steps (k, n), in units of the parameters' sizes."""
    weights = 1.0 / (1.0 + (r / scales[:, np.newaxis]) ** 2)
    gradient = ((weights * r)[:, np.newaxis] @ slopes)[:, 0]
    square = slopes.transpose(0, 2, 1) @ (weights[..., np.newaxis] * slopes)
    held = ((x <= low) & (gradient > 0.0)) | ((x >= high) & (gradient < 0.0))
    gradient = np.where(held, 0.0, gradient)
    square = np.where(held[:, :, np.newaxis] | held[:, np.newaxis], 0.0, square)
    diagonal = np.einsum("kii->ki", square)  # a view
    least = np.maximum(diagonal.max(axis=1, keepdims=True) * 1e-15, 1e-300)
    diagonal += damping[:, np.newaxis] * diagonal + least
    good = np.isfinite(square).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1)
    out = np.zeros_like(gradient)
    out[good] = -np.linalg.solve(square[good], gradient[good][..., np.newaxis])[..., 0]
    return out
