"""Frames, condyles and attachments: what the angle alone decides.

The load that holds the tibia at an angle is a sum of ligament tensions times coefficients that depend on the
angle only. `kinematics` computes lengths and coefficients for many angles at once; nothing here knows stiffness.
Femur frame: x lateral, y proximal [mm]; angles in radians, valgus positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import KneeConfig
from calibrate.errors import GeometryError

FloatArray = NDArray[np.float64]
Point = tuple[float, float]

# Lengths below this [mm] count as zero: attachments this close cannot be told apart by any measurement.
_COINCIDENT = 1e-6


@dataclass(frozen=True)
class Geometry:
    """The frontal-plane geometry of one knee [mm].

    Femoral points and condyle centres are in the femur frame, tibial points in the tibia frame. `rolling` is 0
    for a contact that stays put on the tibia (sliding) and 1 for rolling without slip.

    Raises
    ------
    GeometryError
        If the condyles have no common tangent plateau, lie the wrong way round, or a ligament has no length.
    """

    lateral_centre: Point
    lateral_radius: float
    medial_centre: Point
    medial_radius: float
    mcl_femur: Point
    mcl_tibia: Point
    lcl_femur: Point
    lcl_tibia: Point
    rolling: float = 1.0
    application_point: Point | None = None

    def __post_init__(self) -> None:
        """Refuse a geometry that has no pose."""
        dx = self.lateral_centre[0] - self.medial_centre[0]
        if dx <= 0:
            raise GeometryError(
                f"the lateral condyle's centre (x = {self.lateral_centre[0]:g}) has to lie lateral of the medial one's "
                f"(x = {self.medial_centre[0]:g}); x points laterally"
            )
        spacing = math.hypot(dx, self.lateral_centre[1] - self.medial_centre[1])
        if abs(self.medial_radius - self.lateral_radius) > spacing:
            raise GeometryError(
                f"one condyle lies inside the other (radii {self.medial_radius:g} and {self.lateral_radius:g}, "
                f"centres {spacing:g} apart), so no plateau touches both; check centres and radii"
            )
        angle = self.theta_0
        if abs(angle) >= math.pi / 4:
            raise GeometryError(
                f"the plateau touches both condyles only at {math.degrees(angle):.0f} degrees; "
                "the condyles' centres and radii cannot be those of a knee seen from the front"
            )
        for name, femur, tibia in (("mcl", self.mcl_femur, self.mcl_tibia), ("lcl", self.lcl_femur, self.lcl_tibia)):
            x, y = _rotate(angle, np.asarray(tibia, dtype=float))
            if math.hypot(x - femur[0], y - femur[1]) < _COINCIDENT:
                raise GeometryError(f"{name}: femoral and tibial attachment coincide, so the ligament has no length")

    @property
    def theta_0(self) -> float:
        """The angle [rad] at which the plateau touches both condyles; also the reference pose."""
        dx = self.lateral_centre[0] - self.medial_centre[0]
        dy = self.lateral_centre[1] - self.medial_centre[1]
        return math.atan2(dy, dx) + math.asin((self.medial_radius - self.lateral_radius) / math.hypot(dx, dy))


def geometry_of(knee: KneeConfig) -> Geometry:
    """Turn the configuration's `[knee]` into a geometry.

    Raises
    ------
    GeometryError
        If the knee has no pose.
    """
    return Geometry(
        lateral_centre=knee.lateral_condyle.centre,
        lateral_radius=knee.lateral_condyle.radius,
        medial_centre=knee.medial_condyle.centre,
        medial_radius=knee.medial_condyle.radius,
        mcl_femur=knee.mcl.femur,
        mcl_tibia=knee.mcl.tibia,
        lcl_femur=knee.lcl.femur,
        lcl_tibia=knee.lcl.tibia,
        rolling=knee.rolling,
        application_point=knee.application_point,
    )


@dataclass(frozen=True)
class Kinematics:
    """Everything that depends on the angle alone; every array has the shape of the angles, (n,).

    Attributes
    ----------
    angles : ndarray
        The angles [rad], valgus positive.
    mcl_length, lcl_length : ndarray
        Lengths of the ligaments [mm].
    mcl_arm, lcl_arm : ndarray
        `-(q - p) x u` [mm]: the pure moment [N·mm] that balances one newton of tension.
    force_arm : ndarray, or None
        `(q_a - p) x e` [mm]: moment of a unit applied force about the contact; None without an application point.
    mcl_distal, lcl_distal : ndarray
        `u . n` [-]: the ligament's pull along the distal normal; a taut ligament pulls proximally, so it is negative.
    lateral : ndarray of bool
        Where the lateral condyle carries the load.
    """

    angles: FloatArray
    mcl_length: FloatArray
    lcl_length: FloatArray
    mcl_arm: FloatArray
    lcl_arm: FloatArray
    force_arm: FloatArray | None
    mcl_distal: FloatArray
    lcl_distal: FloatArray
    lateral: NDArray[np.bool_]

    def coefficients(self, load: Literal["force", "moment"]) -> tuple[FloatArray, FloatArray]:
        """Return what one newton of tension adds to the load, for the MCL and the LCL.

        Returns
        -------
        mcl, lcl : ndarray, shape (n,)
            In N/N for a force, in N·mm/N for a moment.

        Raises
        ------
        GeometryError
            If a force is asked for without an application point, or with one that has no lever arm.
        """
        if load == "moment":
            return self.mcl_arm, self.lcl_arm
        if self.force_arm is None:
            raise GeometryError("application_point is missing; a load given as a force needs it")
        if (np.abs(self.force_arm) < _COINCIDENT).any():
            raise GeometryError(
                "application_point lies on the plateau, so the force has no lever arm; "
                "give the point where it was applied"
            )
        return self.mcl_arm / self.force_arm, self.lcl_arm / self.force_arm


def kinematics(geometry: Geometry, angles: ArrayLike) -> Kinematics:
    """Pose the knee at many angles at once.

    Parameters
    ----------
    geometry : Geometry
        The knee.
    angles : array_like, shape (n,)
        Angles [rad], valgus positive.

    Returns
    -------
    Kinematics
        Lengths and load coefficients at each angle.

    Raises
    ------
    GeometryError
        If a ligament's attachments coincide at one of the angles.
    """
    theta = np.array(angles, dtype=float, ndmin=1)
    lateral, contact, on_tibia = _contact(geometry, theta)
    normal = np.stack([np.sin(theta), -np.cos(theta)])
    axis = np.stack([np.cos(theta), np.sin(theta)])

    def lever(tibial_point: Point) -> FloatArray:
        """From the contact to a point of the tibia, in the femur frame."""
        return _rotate(theta, _column(tibial_point) - on_tibia)

    def ligament(name: str, femur: Point, tibia: Point) -> tuple[FloatArray, FloatArray, FloatArray]:
        arm = lever(tibia)
        pull = _column(femur) - (contact + arm)
        length = np.hypot(pull[0], pull[1])
        if (length < _COINCIDENT).any():
            at = float(np.rad2deg(theta[int(np.argmin(length))]))
            raise GeometryError(
                f"{name}: femoral and tibial attachment coincide at {at:g} degrees, so the ligament has no length"
            )
        pull = pull / length
        return length, -_cross(arm, pull), pull[0] * normal[0] + pull[1] * normal[1]

    mcl_length, mcl_arm, mcl_distal = ligament("mcl", geometry.mcl_femur, geometry.mcl_tibia)
    lcl_length, lcl_arm, lcl_distal = ligament("lcl", geometry.lcl_femur, geometry.lcl_tibia)
    applied = geometry.application_point
    force_arm = None if applied is None else _cross(lever(applied), axis)
    return Kinematics(theta, mcl_length, lcl_length, mcl_arm, lcl_arm, force_arm, mcl_distal, lcl_distal, lateral)


def tibial_origin(geometry: Geometry, angles: ArrayLike) -> FloatArray:
    """Return where the tibia frame's origin lies in the femur frame [mm], shape (2, n), at angles [rad] (n,)."""
    theta = np.array(angles, dtype=float, ndmin=1)
    _, contact, on_tibia = _contact(geometry, theta)
    return contact - _rotate(theta, on_tibia)


def _contact(geometry: Geometry, theta: FloatArray) -> tuple[NDArray[np.bool_], FloatArray, FloatArray]:
    """Tell which condyle carries the load, and where the contact lies in the femur and in the tibia frame."""
    lateral = theta > geometry.theta_0
    normal = np.stack([np.sin(theta), -np.cos(theta)])
    radius = np.where(lateral, geometry.lateral_radius, geometry.medial_radius)
    centre = np.where(lateral, _column(geometry.lateral_centre), _column(geometry.medial_centre))
    on_tibia = np.where(
        lateral,
        _column(_contact_at_reference(geometry, geometry.lateral_centre, geometry.lateral_radius)),
        _column(_contact_at_reference(geometry, geometry.medial_centre, geometry.medial_radius)),
    )
    on_tibia[0] += geometry.rolling * radius * (theta - geometry.theta_0)
    return lateral, centre + radius * normal, on_tibia


def _contact_at_reference(geometry: Geometry, centre: Point, radius: float) -> Point:
    """Tibia coordinates of a condyle's contact at `theta_0`, where the two frames share their origin."""
    angle = geometry.theta_0
    point = np.array([centre[0] + radius * math.sin(angle), centre[1] - radius * math.cos(angle)])
    x, y = _rotate(-angle, point)
    return float(x), float(y)


def _rotate(angle: float | FloatArray, vector: FloatArray) -> FloatArray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * vector[0] - sine * vector[1], sine * vector[0] + cosine * vector[1]])


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[0] * b[1] - a[1] * b[0])


def _column(point: Point) -> FloatArray:
    return np.array(point, dtype=float)[:, np.newaxis]
