"""The compiled batch evaluator: parameters of many knees to log-likelihoods, with no temporary per angle.

Compiled by numba on first use and kept on disk. The Python functions here are the whole definition of the
compiled likelihood; `calibrate.knee.ligament` says the same in NumPy, and the tests hold the two together.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing, compiled, inlined
from calibrate.knee.pair import Pair

FloatArray = NDArray[np.float64]


@inlined
def tension(length: float, slack: float, toe: float, factor: float, tare: float) -> float:
    """Tension less the tare [N]: `factor` is the stiffness by twice the toe, which is a length here."""
    e = length - slack
    m = e if e > 0.0 else 0.0
    m = m if m < toe else toe
    return factor * m * (2.0 * e - m) - tare


@inlined
def sum_of_squares(p: FloatArray, pair: Pair, first: int, end: int) -> float:
    """Sum of squared residuals of the points [first, end) for one parameter row (8,) whose law has a meaning."""
    slack_0, toe_0, tare_0 = p[2], p[1] * p[2], p[3]
    slack_1, toe_1, tare_1 = p[6], p[5] * p[6], p[7]
    factor_0, factor_1 = p[0] / (2.0 * toe_0), p[4] / (2.0 * toe_1)
    # Rows as arrays of their own: an index of two numbers hinders the vector units.
    length_0, length_1, arm_0, arm_1 = pair.lengths[0], pair.lengths[1], pair.arms[0], pair.arms[1]
    load = pair.load
    total = 0.0
    for j in range(first, end):
        residual = arm_0[j] * tension(length_0[j], slack_0, toe_0, factor_0, tare_0) - load[j]
        residual += arm_1[j] * tension(length_1[j], slack_1, toe_1, factor_1, tare_1)
        total += residual * residual
    return total


@inlined
def has_meaning(p: FloatArray) -> bool:
    """Tell whether the ligament law means something for one parameter row (8,)."""
    for i in range(8):
        if not abs(p[i]) < np.inf:
            return False
    meaning: bool = p[0] > 0.0 and p[1] > 0.0 and p[2] > 0.0 and p[4] > 0.0 and p[5] > 0.0 and p[6] > 0.0
    return meaning


@borrowing
def log_likelihood_one(p: FloatArray, scale: float, pair: Pair) -> float:
    """Log-likelihood of one parameter row (8,); see `log_likelihood`."""
    if not has_meaning(p) or scale <= 0.0 or not abs(scale) < np.inf:
        return -np.inf
    n = pair.load.size
    value = pair.constant - n * math.log(scale) - 0.5 * sum_of_squares(p, pair, 0, n) / (scale * scale)
    # An overflow on the way gives NaN or an infinity: such parameters are impossible, not an accident of the chain.
    return value if abs(value) < np.inf else -np.inf


@compiled
def log_likelihood(parameters: FloatArray, scale: FloatArray, pair: Pair) -> FloatArray:
    """Evaluate many knees, point by point.

    Parameters
    ----------
    parameters : ndarray, shape (m, 8)
        `[k, alpha, l_0, f_ref]` of the first strand, then of the second.
    scale : ndarray, shape (m,)
        Standard deviation of the errors in units of the pair's weighting: sigma itself where its loads are in their own
        unit, 1 where they have been divided by a known sigma.
    pair : Pair
        The knee and its data.

    Returns
    -------
    ndarray, shape (m,)
        Log-likelihoods; `-inf` where the law has no meaning or the sum overflows, never NaN or `+inf`.
    """
    out = np.empty(parameters.shape[0])
    for i in range(parameters.shape[0]):
        out[i] = log_likelihood_one(parameters[i], scale[i], pair)
    return out
