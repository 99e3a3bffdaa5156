"""The general model's compiled likelihood: any number of tests and strands, cached or posed anew.

`calibrate.knee.slots` says what the arrays are, `calibrate.knee.pose` and `calibrate.knee.error_models` do the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.error_models import log_errors
from calibrate.knee.jit import borrowing, compiled, index
from calibrate.knee.pose import add_posed_strand, pose_of, reference_lengths, within_toe
from calibrate.knee.slots import BIAS, HYSTERESIS, General, Indices, Scratch, new_scratch

FloatArray = NDArray[np.float64]


@borrowing
def _law(p: FloatArray, at: Indices, s: int, strain: bool, reference: float) -> tuple[float, float, float, float]:
    """Return `k`, toe length, slack length and tare of a strand; NaN where they have no meaning."""
    k, alpha, slack, tare = p[at[4 * s]], p[at[4 * s + 1]], p[at[4 * s + 2]], p[at[4 * s + 3]]
    if strain:
        slack = reference / (1.0 + slack) if -1.0 < slack < np.inf else np.nan
    if k > 0.0 and alpha > 0.0 and slack > 0.0 and k + alpha + slack < np.inf:
        return k, alpha * slack, slack, tare
    return np.nan, np.nan, np.nan, np.nan


@borrowing
def _read_cached(p: FloatArray, g: General, t: int, slopes: bool, s: Scratch) -> bool:
    """Do what `_read` does, with lengths and arms that are there already."""
    at, strands = g.at[t], g.strain.shape[1]
    bias, hysteresis = p[at[4 * strands + BIAS]], p[at[4 * strands + HYSTERESIS]]
    first, n = index(g.first[t]), index(g.first[t + 1] - g.first[t])
    # Two strands at a time, of which there are always two: each further loop costs as much as the points in it.
    for a in range(0, strands, 2):
        b = min(a + 1, strands - 1)
        k, toe, l_0, tare = _law(p, at, a, g.strain[t, a], s.reference[a])
        other_k, other_toe, other_l_0, other_tare = _law(p, at, b, g.strain[t, b], s.reference[b])
        if not (k > 0.0 and other_k > 0.0):
            return False
        if a == b:  # the last of an odd number
            other_k, other_tare = 0.0, 0.0
        factor, other_factor = k / (2.0 * toe), other_k / (2.0 * other_toe)
        for i in range(n):
            value = s.reading[i] if a > 0 else bias + hysteresis * g.direction[first + i]
            e = g.lengths[a, first + i] - l_0
            m = within_toe(e, toe)
            value += g.arms[a, first + i] * (factor * m * (2.0 * e - m) - tare)
            e = g.lengths[b, first + i] - other_l_0
            m = within_toe(e, other_toe)
            s.reading[i] = value + g.arms[b, first + i] * (other_factor * m * (2.0 * e - m) - other_tare)
    if slopes:
        for i in range(n):
            s.slope[i] = 0.0
        for a in range(strands):
            k, toe, l_0, tare = _law(p, at, a, g.strain[t, a], s.reference[a])
            factor = k / (2.0 * toe)
            for i in range(n):
                e = g.lengths[a, first + i] - l_0
                m = within_toe(e, toe)
                s.slope[i] += g.arm_slopes[a, first + i] * (factor * m * (2.0 * e - m) - tare) + (
                    g.arms[a, first + i] * 2.0 * factor * m * g.length_slopes[a, first + i]
                )
    return True


@borrowing
def _read(p: FloatArray, g: General, t: int, slopes: bool, s: Scratch) -> bool:
    """Compute a test's readings without noise and, if asked, their slopes; False where law or pose has no meaning."""
    if not g.posed[t]:
        return _read_cached(p, g, t, slopes, s)
    at, strands = g.at[t], g.strain.shape[1]
    bias, hysteresis = p[at[4 * strands + BIAS]], p[at[4 * strands + HYSTERESIS]]
    pose = pose_of(p, g, t)
    if not (abs(pose.unit) < np.inf and abs(pose.touch[0]) < np.inf):
        return False
    first, n = index(g.first[t]), index(g.first[t + 1] - g.first[t])
    for i in range(n):
        s.reading[i] = bias + hysteresis * g.direction[first + i]
    if slopes:
        for i in range(n):
            s.slope[i] = 0.0
    for a in range(strands):
        law = _law(p, at, a, g.strain[t, a], s.reference[a])
        if not law[0] > 0.0:
            return False
        add_posed_strand(p, g, t, a, pose, law, s.reading, s.slope, slopes)
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
