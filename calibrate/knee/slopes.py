"""How lengths and load coefficients change with the angle: what an error of the angle does to a reading.

With `a` from the contact to a point of the tibia, `e` the plateau's direction and `r` the condyle's radius, a turn
changes `a` by `a' = (-a_y, a_x) - rolling r e` and moves the point by `q' = r e + a'`. At `theta_0` the medial condyle
counts; the load's jump there has no slope.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.contact import contact_at, cross, pulled
from calibrate.knee.geometry import Geometry, Kinematics

FloatArray = NDArray[np.float64]


def slopes(geometry: Geometry, poses: Kinematics) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of lengths and arms with respect to the angle.

    The applied force's arm keeps its length while one condyle carries the load, so a force's coefficients have the
    arms' slopes divided by `poses.force_arm`.

    Parameters
    ----------
    geometry : Geometry
        The knee.
    poses : Kinematics
        What `kinematics` made of it.

    Returns
    -------
    lengths, arms : ndarray, shape (S, n)
        In mm/rad, valgus positive.
    """
    theta = poses.angles
    contact = contact_at(geometry, theta)
    along = contact.radius * np.stack([np.cos(theta), np.sin(theta)])
    lengths, arms = np.empty((2, *poses.lengths.shape))
    for i, strand in enumerate(geometry.flexed):
        arm, pull, length = pulled(contact, theta, strand)
        moved = np.stack([-arm[1], arm[0]]) - geometry.rolling * along
        carried = along + moved
        pull /= length
        lengths[i] = -(pull[0] * carried[0] + pull[1] * carried[1])
        turned = -(carried + pull * lengths[i]) / length
        arms[i] = -(cross(moved, pull) + cross(arm, turned))
    return lengths, arms
