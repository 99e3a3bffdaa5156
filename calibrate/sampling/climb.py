"""Compiled hill climbing: how high the posterior goes from some places, at a thousandth of what least squares cost.

The simplex of Nelder and Mead (1965) asks for nothing but the density. It need not reach a summit to the last digit:
all that is asked is whether there is a hill far above what a pilot has found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.density import UPPER, Density, likelihood_one, log_prior_one, room_of
from calibrate.knee.jit import compiled

FloatArray = NDArray[np.float64]

# Evaluations of one climb at the most for each dimension, and what a simplex differs by in height that has arrived.
_EVALUATIONS = 150
_FLAT = 0.1


def climb(starts: FloatArray, steps: FloatArray, density: Density) -> FloatArray:
    """Return the log-posterior that climbs from some places reach.

    Parameters
    ----------
    starts : ndarray, shape (n, ndim)
        Where they begin.
    steps : ndarray, shape (ndim,)
        How far the corners of the first simplex are from there.
    density : Density
        What to climb.

    Returns
    -------
    ndarray, shape (n,)
        Never below the log-posterior of the start.
    """
    return np.asarray(_climbs(starts, steps, _EVALUATIONS * starts.shape[1], density))


@compiled
def _climbs(starts: FloatArray, steps: FloatArray, evaluations: int, d: Density) -> FloatArray:
    """Climb from each start."""
    count, ndim = starts.shape
    prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
    room = room_of(knee)
    corners, heights = np.empty((ndim + 1, ndim)), np.empty(ndim + 1)
    middle, q = np.empty(ndim), np.empty(ndim)
    out = np.empty(count)
    for start in range(count):
        done, corner, far, worst, phase = 0, 0, 0.0, 0, 0
        # One loop and one place where the density is asked, which is compiled into it: phase 0 makes the corners,
        # 1 reflects, 2 has reflected and goes on or back, 3 shrinks.
        while done < evaluations:
            if phase == 0:
                for i in range(ndim):
                    q[i] = starts[start, i]
                if corner > 0:
                    i = corner - 1
                    ahead = q[i] + steps[i]
                    # Towards the inside, where the start is near a bound.
                    q[i] = ahead if ahead < prior[i, UPPER] else q[i] - steps[i]
            elif phase == 3:
                for i in range(ndim):
                    q[i] = corners[0, i] + 0.5 * (corners[corner, i] - corners[0, i])
            else:
                for i in range(ndim):
                    q[i] = middle[i] + far * (middle[i] - corners[worst, i])
            height = log_prior_one(q, prior)
            if height > -np.inf:
                height += likelihood_one(q, p, columns, knee, room)
            done += 1
            if phase == 0 or phase == 3:
                for i in range(ndim):
                    corners[corner, i] = q[i]
                heights[corner] = height
                corner += 1
                if corner <= ndim:
                    continue
            elif phase == 1:
                second = np.inf
                for k in range(ndim + 1):
                    if k != worst:
                        second = min(second, heights[k])
                best = heights.max()
                if height > heights[worst]:
                    for i in range(ndim):
                        corners[worst, i], q[i] = q[i], corners[worst, i]
                    heights[worst] = height
                if height > best:
                    # From the new corner's own side: as far again.
                    phase, far = 2, -2.0
                    continue
                if height <= second:
                    phase, far = 2, -0.5
                    continue
            else:
                if height > heights[worst]:
                    for i in range(ndim):
                        corners[worst, i] = q[i]
                    heights[worst] = height
                elif far == -0.5:
                    top = int(np.argmax(heights))
                    for i in range(ndim):
                        corners[top, i], corners[0, i] = corners[0, i], corners[top, i]
                    heights[top], heights[0] = heights[0], heights[top]
                    phase, corner = 3, 1
                    continue
            worst = int(np.argmin(heights))
            if heights.max() - heights[worst] < _FLAT:
                break
            for i in range(ndim):
                middle[i] = 0.0
                for k in range(ndim + 1):
                    if k != worst:
                        middle[i] += corners[k, i] / ndim
            phase, far = 1, 1.0
        out[start] = heights[: ndim + 1].max()
    return out
