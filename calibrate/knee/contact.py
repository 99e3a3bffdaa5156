"""Where the tibia rests, and what lies how far from there: plane vectors that poses and their slopes are made of.

Vectors are arrays of the shape (2, n), in the femur frame unless said otherwise [mm]; angles in radians.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from calibrate.knee.geometry import Geometry, Strand

FloatArray = NDArray[np.float64]


class Contact(NamedTuple):
    """The contact at n angles: whether it is the lateral one, the condyle's radius, its place in femur and tibia."""

    lateral: NDArray[np.bool_]
    radius: FloatArray
    point: FloatArray
    on_tibia: FloatArray


def contact_at(geometry: Geometry, theta: FloatArray) -> Contact:
    """Tell which condyle carries the load at angles [rad] (n,), and where; places have the shape (2, n)."""
    lateral = theta > geometry.theta_0
    normal = np.stack([np.sin(theta), -np.cos(theta)])
    radius = np.where(lateral, geometry.lateral_radius, geometry.medial_radius)
    centre = np.where(lateral, column(geometry.lateral_centre), column(geometry.medial_centre))
    on_tibia = np.where(
        lateral,
        column(_contact_at_reference(geometry, geometry.lateral_centre, geometry.lateral_radius)),
        column(_contact_at_reference(geometry, geometry.medial_centre, geometry.medial_radius)),
    )
    on_tibia[0] += geometry.rolling * radius * (theta - geometry.theta_0)
    return Contact(lateral, radius, centre + radius * normal, on_tibia)


def pulled(contact: Contact, theta: FloatArray, strand: Strand) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return a flexed strand's in-plane vectors (2, n) from contact to tibia and from there to femur; its length (n,).

    Its pull in the plane, per newton of tension, is the second vector divided by the length.
    """
    arm = lever(contact, theta, strand.tibia[:2])
    pull = column(strand.femur[:2]) - (contact.point + arm)
    return arm, pull, np.hypot(np.hypot(pull[0], pull[1]), strand.femur[2] - strand.tibia[2])


def lever(contact: Contact, theta: FloatArray, tibial_point: tuple[float, float]) -> FloatArray:
    """From the contact to a point of the tibia, in the femur frame."""
    return rotate(theta, column(tibial_point) - contact.on_tibia)


def _contact_at_reference(geometry: Geometry, centre: tuple[float, float], radius: float) -> tuple[float, float]:
    """Tibia coordinates of a condyle's contact at `theta_0`, where the two frames share their origin."""
    angle = geometry.theta_0
    point = np.array([centre[0] + radius * math.sin(angle), centre[1] - radius * math.cos(angle)])
    x, y = rotate(-angle, point)
    return float(x), float(y)


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the z components (n,) of the cross products of vectors (2, n)."""
    return np.asarray(a[0] * b[1] - a[1] * b[0])


def rotate(angle: float | FloatArray, vector: FloatArray) -> FloatArray:
    """Turn a vector (2,) or vectors (2, n) counter-clockwise by an angle [rad] or by angles (n,)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * vector[0] - sine * vector[1], sine * vector[0] + cosine * vector[1]])


def column(point: tuple[float, float]) -> FloatArray:
    """Return a point as an array of the shape (2, 1)."""
    return np.array(point, dtype=float)[:, np.newaxis]
