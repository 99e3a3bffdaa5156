"""The general model's compiled likelihood: any number of tests and strands, cached or posed anew.

`calibrate.knee.slots` says what the arrays are, `calibrate.knee.pose` and `calibrate.knee.error_models` do the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.error_models import log_errors
from calibrate.knee.kernel import borrowing, compiled
from calibrate.knee.pose import Pose, add_posed_strand, pose_of, reference_lengths, within_toe
from calibrate.knee.slots import BIAS, HYSTERESIS, General, Scratch, new_scratch
from calibrate.knee.sums import _index as index

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@borrowing
def _law(p: FloatArray, at: IntArray, s: int, strain: bool, reference: float) -> tuple[float, float, float, float]:
    """Return `k`, toe length, slack length and tare of a strand; NaN where they have no meaning."""
    k, alpha, slack, tare = p[at[4 * s]], p[at[4 * s + 1]], p[at[4 * s + 2]], p[at[4 * s + 3]]
    if strain:
        slack = reference / (1.0 + slack) if -1.0 < slack < np.inf else np.nan
    if 0.0 < k < np.inf and 0.0 < alpha < np.inf and 0.0 < slack < np.inf:
        return k, alpha * slack, slack, tare
    return np.nan, np.nan, np.nan, np.nan


@borrowing
def _add_cached_strand(
    g: General,
    t: int,
    s: int,
    law: tuple[float, float, float, float],
    reading: FloatArray,
    slope: FloatArray,
    slopes: bool,
) -> None:
    """Do what `calibrate.knee.pose.add_posed_strand` does, with lengths and arms that are there already."""
    k, toe, l_0, tare = law
    factor = k / (2.0 * toe)
    first, n = index(g.first[t]), index(g.first[t + 1] - g.first[t])
    for i in range(n):
        e = g.lengths[s, first + i] - l_0
        m = within_toe(e, toe)
        reading[i] += g.arms[s, first + i] * (factor * m * (2.0 * e - m) - tare)
    if slopes:
        for i in range(n):
            e = g.lengths[s, first + i] - l_0
            m = within_toe(e, toe)
            slope[i] += g.arm_slopes[s, first + i] * (factor * m * (2.0 * e - m) - tare) + (
                g.arms[s, first + i] * 2.0 * factor * m * g.length_slopes[s, first + i]
            )


@borrowing
def _read(p: FloatArray, g: General, t: int, slopes: bool, scratch: Scratch) -> bool:
    """Compute a test's readings without noise and, if asked, their slopes; False where law or pose has no meaning."""
    reading, slope = scratch.reading, scratch.slope
    at, strands = g.at[t], g.strain.shape[1]
    base = 4 * strands
    bias, hysteresis = p[at[base + BIAS]], p[at[base + HYSTERESIS]]
    first, n = index(g.first[t]), index(g.first[t + 1] - g.first[t])
    for i in range(n):
        reading[i] = bias + hysteresis * g.direction[first + i]
    if slopes:
        for i in range(n):
            slope[i] = 0.0
    pose = pose_of(p, g, t) if g.posed[t] else Pose((0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0), 0.0, 0.0)
    if not abs(pose.unit) < np.inf or not abs(pose.touch[0]) < np.inf:
        return False
    for s in range(strands):
        law = _law(p, at, s, g.strain[t, s], scratch.reference[s])
        if not law[0] > 0.0:
            return False
        if g.posed[t]:
            add_posed_strand(p, g, t, s, pose, law, reading, slope, slopes)
        else:
            _add_cached_strand(g, t, s, law, reading, slope, slopes)
    return True


@borrowing
def general_log_likelihood(p: FloatArray, g: General, scratch: Scratch) -> float:
    """Log-likelihood of all tests for one full vector of parameters.

    Returns
    -------
    float
        `-inf` where law, pose or errors have no meaning or something overflows, never NaN or `+inf`.
    """
    if g.any_strain:
        reference_lengths(p, g, scratch.reference)
    value = g.constant
    for t in range(g.posed.size):
        if not _read(p, g, t, g.angle_error[t], scratch):
            return -np.inf
        value += log_errors(p, g, t, scratch)
    return value if abs(value) < np.inf else -np.inf


@compiled
def general_log_likelihoods(p: FloatArray, g: General) -> FloatArray:
    """Return `general_log_likelihood` of rows of parameters (m, full), shape (m,)."""
    out = np.empty(p.shape[0])
    scratch = new_scratch(g)
    for i in range(p.shape[0]):
        out[i] = general_log_likelihood(p[i], g, scratch)
    return out


@compiled
def general_readings(p: FloatArray, g: General) -> FloatArray:
    """Return readings without noise at the data's angles, shape (m, n), for rows of parameters (m, full).

    In the file's unit and sign; NaN for rows whose law or pose has no meaning.
    """
    out = np.empty((p.shape[0], g.load.size))
    scratch = new_scratch(g)
    for i in range(p.shape[0]):
        if g.any_strain:
            reference_lengths(p[i], g, scratch.reference)
        for t in range(g.posed.size):
            meaning = _read(p[i], g, t, False, scratch)
            for j in range(g.first[t + 1] - g.first[t]):
                out[i, g.first[t] + j] = scratch.reading[j] if meaning else np.nan
    return out


def general_residuals(p: FloatArray, g: General) -> FloatArray:
    """Return readings less measured loads, shape (m, n), for rows of parameters (m, full); NaN without a meaning.

    In units of sigma where it is known, in the file's unit where it is inferred.
    """
    return np.asarray((general_readings(p, g) - g.load) * g.weight)
