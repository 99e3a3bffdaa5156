"""How much an answer hangs on the prior and how much on the data, from draws alone: power-scaling sensitivity.

Prior or likelihood is raised to a power near one, the draws are weighted accordingly, and the change of a quantity's
distribution is measured (Kallioinen, Paananen, Bürkner & Vehtari 2024, Statistics and Computing 34:57). With powers of
0.99 and 1.01 weights differ by a few per cent, so plain importance weights are as good as smoothed ones.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# As in the paper and its packages: more than this matters.
THRESHOLD = 0.05
_STEP = 0.01


def sensitivity(values: FloatArray, log_part: FloatArray) -> FloatArray:
    """Return how fast distributions change with the power of a part of the posterior.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Draws of m quantities. Of a quantity, those that are not finite are left out.
    log_part : ndarray, shape (n,)
        Logarithm of the prior, or of the likelihood, at each draw.

    Returns
    -------
    ndarray, shape (m,)
        Cumulative Jensen-Shannon distance for each doubling of the power, the mean of both ways; NaN of a quantity
        of which fewer than half of the draws are finite.
    """
    steps = np.array([-_STEP, _STEP])
    exponent = steps[:, np.newaxis] * log_part
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    level = np.ptp(log_part) == 0.0  # such as a prior of bounds alone: its power is of no account
    out = np.full(values.shape[1], math.nan)
    for i, column in enumerate(values.T):
        finite = np.isfinite(column)
        if 2 * finite.sum() >= column.size:
            out[i] = 0.0 if level else _speed(column[finite], weights[:, finite], steps)
    return out


def _speed(column: FloatArray, weights: FloatArray, steps: FloatArray) -> float:
    order = np.argsort(column)
    x = column[order]
    found = []
    for step, weight in zip(steps.tolist(), weights[:, order], strict=True):
        # From either end, for the distance is not the same seen from the other.
        far = max(_distance(x, weight), _distance(-x[::-1], weight[::-1]))
        found.append(far / abs(math.log2(1.0 + step)))
    return 0.5 * (found[0] + found[1])


def _distance(x: FloatArray, weights: FloatArray) -> float:
    """Return the cumulative Jensen-Shannon distance of sorted draws and the same draws weighted, from 0 to 1.

    Nguyen & Vreeken 2015, Non-parametric Jensen-Shannon divergence.
    """
    width = np.diff(x)
    p = np.arange(1, x.size) / x.size
    q = np.cumsum(weights)[:-1] / weights.sum()
    total = float(width @ (p + q))
    if not total > 0.0:
        return 0.0
    middle = np.log2(0.5 * (p + q))
    # What integrals of p and q add to the two divergences cancels in their sum.
    divergence = float(width @ (p * (np.log2(p) - middle) + q * (np.log2(q) - middle)))
    return math.sqrt(max(0.0, divergence) / total)
