"""What residuals say about a model: how much it explains, which readings lie apart, and whether the rest is noise.

No posterior and no run is known here; `calibrate.findings` puts the numbers into sentences.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

FloatArray = NDArray[np.float64]

# Of noise, 68 % lie within one standard deviation, half of them within 0.6745.
_WITHIN_SIGMA = 0.6827
# One data set of pure noise in this many may have a reading that is called outlying.
_FALSE_ALARM = 1e-3
# Fewer readings than this, less what was fitted to them, do not tell a pattern from noise.
_FEWEST = 6


def explained(angles: FloatArray, loads: FloatArray, residuals: FloatArray, sigma: FloatArray) -> tuple[float, float]:
    """Return how much of the loads' variation a model explains, and how much any smooth curve could.

    Parameters
    ----------
    angles, loads, residuals, sigma : ndarray, shape (n,)
        Readings, prediction less data, and standard deviations of the loads; the last three in one unit.

    Returns
    -------
    share : float
        `1 - SS_res / SS_tot`, each reading weighted by `1 / sigma**2`; NaN if the loads do not vary.
    possible : float
        The same with the scatter of loads at one angle, and half the squared differences of their means at neighbouring
        angles, in place of the squared residuals (Rice 1984, Annals of Statistics 12:1215): close to 1 if a curve runs
        through the readings, about 0 if they are noise around a constant, 0 if fewer than three.
    """
    weight = (sigma.min() / sigma) ** 2
    mean = float(weight @ loads / weight.sum())
    total = float(weight @ (loads - mean) ** 2)
    if loads.size < 3 or not 0.0 < total < math.inf:
        return math.nan, 0.0
    _, which = np.unique(angles, return_inverse=True)
    at = np.bincount(which, weight)
    means = np.bincount(which, weight * loads) / at
    steps = np.diff(means) ** 2 / (1.0 / at[1:] + 1.0 / at[:-1])
    noise = (float(weight @ (loads - means[which]) ** 2) + float(steps.sum())) / (loads.size - 1)
    return 1.0 - float(weight @ residuals**2) / total, 1.0 - noise * float(weight.sum()) / total


def outlying(residuals: FloatArray, fitted: int) -> tuple[NDArray[np.intp], FloatArray, float]:
    """Return the readings that lie too far off to be of the same noise as the others.

    Parameters
    ----------
    residuals : ndarray, shape (n,)
        In units of the readings' standard deviations, up to one factor for all.
    fitted : int
        How many parameters were fitted to them.

    Returns
    -------
    rows : ndarray of int
        The outlying ones, the farthest first.
    sizes : ndarray
        Their residuals in units of the scale of all, which is robust: the 68th percentile of the magnitudes.
    threshold : float
        What Gaussian noise passes once in a thousand data sets, with room for a scale that is itself uncertain.
    """
    n = residuals.size
    none = np.array([], dtype=np.intp), np.array([]), math.inf
    if n < fitted + _FEWEST:
        return none
    scale = float(np.quantile(np.abs(residuals), _WITHIN_SIGMA)) * math.sqrt(n / (n - fitted))
    if not scale > 0.0:
        return none
    free = n - fitted
    threshold = -float(ndtri(0.5 * _FALSE_ALARM / n)) * (1.0 + 20.0 / free + 100.0 / free**2)
    size = np.abs(residuals) / scale
    rows = np.flatnonzero(size > threshold)
    rows = rows[np.argsort(-size[rows])]
    return rows, size[rows], threshold


def isolated(angles: FloatArray, residuals: FloatArray, rows: NDArray[np.intp], far: FloatArray) -> NDArray[np.bool_]:
    """Tell which of some readings lie that far from the next one by angle, on either side, that is none of them.

    Where a model bends away from the knee, readings go along with their neighbours; a slip does not.

    Parameters
    ----------
    angles, residuals : ndarray, shape (n,)
        Of all readings.
    rows : ndarray of int, shape (k,)
        The readings asked about.
    far : ndarray, shape (k,)
        How far, in the unit of the residuals.

    Returns
    -------
    ndarray of bool, shape (k,)
        For each of `rows`.
    """
    order = np.argsort(angles, kind="stable")
    place = np.argsort(order)
    others = np.setdiff1d(np.arange(order.size), place[rows])
    after = np.searchsorted(others, place[rows])
    values = np.concatenate([[math.inf], residuals[order[others]], [math.inf]])
    near = np.minimum(*(np.abs(values[after + side] - residuals[rows]) for side in (0, 1)))
    return np.asarray(near > far)


def serial(residuals: FloatArray, jacobian: FloatArray | None = None) -> tuple[float, float]:
    """Return how alike neighbours are: the correlation with the next one, and its probability in pure noise.

    Durbin and Watson's ratio, one-sided, by its mean and variance in residuals of a fit, which lean the other way
    (Durbin & Watson 1950, Biometrika 37:409).

    Parameters
    ----------
    residuals : ndarray, shape (n,)
        In the order in which neighbours are to be compared.
    jacobian : ndarray, shape (n, p), optional
        Their derivatives by what was fitted, each in the unit of its prior's width over that of the residuals' noise:
        directions that the readings tell less about than the prior does not count as fitted.

    Returns
    -------
    correlation, probability : float
        0 and 1 if there are too few to tell, or all are zero.
    """
    n, fitted = residuals.size, np.zeros((residuals.size, 0))
    if jacobian is not None:
        left, size, _ = np.linalg.svd(jacobian, full_matrices=False)
        fitted = left[:, size > 1.0]
    free = n - fitted.shape[1]
    total = float(residuals @ residuals)
    if free < _FEWEST or not 0.0 < total < math.inf:
        return 0.0, 1.0
    # The ratio is r'Ar / r'r, A the matrix of squared differences of neighbours, r in what the fit has left over.
    ratio = float((np.diff(residuals) ** 2).sum()) / total
    turned = _second_differences(fitted)
    inner = fitted.T @ turned
    trace = 2.0 * (n - 1) - float(np.trace(inner))
    square = 6.0 * n - 8.0 - 2.0 * float((turned**2).sum()) + float((inner**2).sum())
    mean = trace / free
    variance = 2.0 * (square - trace * mean) / (free * (free + 2.0))
    return 1.0 - ratio / mean, 0.5 * math.erfc((mean - ratio) / math.sqrt(2.0 * variance))


def _second_differences(columns: FloatArray) -> FloatArray:
    """Return A times some columns, A the symmetric matrix whose quadratic form sums squared differences."""
    out = np.zeros_like(columns)
    steps = np.diff(columns, axis=0)
    out[1:] = steps
    out[:-1] -= steps
    return out
