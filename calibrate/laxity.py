"""Laxity: the angle at which a knee reaches a pure moment, for many laws of its strands at once.

What is computed here is the knee's own angle: that of the model, from which a file's count differs by its offset.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.knee.cached import MM_PER_M, CachedKnee
from calibrate.knee.geometry import Geometry, kinematics
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

# The model is asked for no angle beyond; as far as measurement files may go.
REACH = math.radians(45.0)
# Between two angles of the grid the load is taken for straight: its curvature moves the answer by some 1e-4 degrees.
_STEP = math.radians(0.05)


def angles_at(geometry: Geometry, law: FloatArray, moments: ArrayLike) -> FloatArray:
    """Return the angles at which pure moments are reached, turning from the pose where both condyles touch.

    Parameters
    ----------
    geometry : Geometry
        The knee.
    law : ndarray, shape (n, strands, 4)
        The strands' laws.
    moments : array_like, shape (m,)
        In N·m, valgus positive.

    Returns
    -------
    ndarray, shape (n, m)
        In radians, valgus positive: where the moment is first reached. It is `theta_0` itself for what lies in the jump
        of the load there, and infinite, with its sign, for what is not reached within 45 degrees.
    """
    theta_0 = geometry.theta_0
    below = np.append(np.arange(theta_0, -REACH, -_STEP), -REACH)
    above = np.append(np.arange(math.nextafter(theta_0, math.inf), REACH, _STEP), REACH)
    poses = kinematics(geometry, np.concatenate([below, above]))
    loads = CachedKnee(poses, poses.arms / MM_PER_M).loads(law)
    down, up = loads[:, : below.size], loads[:, below.size :]
    wanted = np.atleast_1d(np.asarray(moments, dtype=float))
    out = np.full((len(loads), wanted.size), theta_0)
    for column, moment in enumerate(wanted):
        rising = up[:, 0] < moment
        falling = ~rising & (down[:, 0] > moment)
        out[rising, column] = _first(above, up[rising], moment)
        out[falling, column] = _first(below, -down[falling], -moment)
    return out


def _first(angles: FloatArray, loads: FloatArray, moment: float) -> FloatArray:
    """Return where rows of loads, below a moment at first, reach it; infinite, where angles go, if they do not."""
    reached = loads >= moment
    at = np.maximum(np.argmax(reached, axis=1), 1)
    rows = np.arange(len(loads))
    low, high = loads[rows, at - 1], loads[rows, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (moment - low) / (high - low)
    found = angles[at - 1] + share * (angles[at] - angles[at - 1])
    return np.where(reached.any(axis=1), found, math.copysign(math.inf, angles[-1] - angles[0]))


def laxity(test: LaxityTest, full: FloatArray, law: FloatArray, moments: ArrayLike) -> FloatArray:
    """Return the angles at which a test's knee reaches moments either way.

    Parameters
    ----------
    test : LaxityTest
        The test, at its flexion.
    full : ndarray, shape (n, all)
        Full vectors; where the test is not posed, their geometry is that of the first.
    law : ndarray, shape (n, strands, 4)
        The strands' laws.
    moments : array_like, shape (m,)
        In N·m, positive.

    Returns
    -------
    ndarray, shape (n, m, 2)
        In degrees, counted as the file counts, its positive way first; the offset of the angle is taken off, and load
        bias and hysteresis are no part of it. Infinite where a moment is not reached within 45 degrees.

    Raises
    ------
    GeometryError
        If a knee has no pose.
    """
    size = np.atleast_1d(np.asarray(moments, dtype=float))
    ways = test.sign * np.stack([size, -size], axis=-1).ravel()
    if test.posed:
        pairs = zip(full, law, strict=True)
        found = np.concatenate([angles_at(test.geometry(row), one[np.newaxis], ways) for row, one in pairs])
    else:
        found = angles_at(test.geometry(full[0]), law, ways)
    return np.asarray(test.sign * np.rad2deg(found).reshape(len(law), size.size, 2))
