"""Frames, condyles and attachments: what the angle alone decides.

The load that holds the tibia at an angle is a sum of strands' tensions times coefficients that depend on the
angle only. `kinematics` computes lengths and coefficients for many angles at once; nothing here knows stiffness.
Femur frame: x lateral, y proximal, z anterior [mm]; angles in radians, valgus positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import KneeConfig, middle
from calibrate.errors import GeometryError
from calibrate.knee.contact import contact_at, cross, lever, pulled, rotate

FloatArray = NDArray[np.float64]
Point = tuple[float, float]
Point3 = tuple[float, float, float]

# Lengths below this [mm] count as zero: attachments this close cannot be told apart by any measurement.
_COINCIDENT = 1e-6


@dataclass(frozen=True)
class Strand:
    """A straight strand of a ligament [mm]: its name, the femoral point at flexion 0, the tibial point."""

    name: str
    femur: Point3
    tibia: Point3


@dataclass(frozen=True)
class Geometry:
    """The geometry of one knee in one test [mm, radians]; its plane is the tibia's frontal plane.

    Femoral points and condyle centres are in the femur frame, tibial points in the tibia frame. Flexion turns the
    femoral points about a line along x, as the tibia sees it; the condyles' circles stay as given.

    Attributes
    ----------
    strands : tuple of Strand
        The MCL, the LCL, then any others.
    rolling : float
        0 for a contact that stays put on the tibia (sliding), 1 for rolling without slip.
    application_point : (x, y), or None
        Where a force is applied, in the tibia frame.
    flexion_axis : (y, z), or None
        Where the flexion axis is; None for the mean of the femoral points of the first two strands.
    flexion, reference_flexion : float
        The test's flexion, and the flexion that `reference_lengths` refer to.

    Raises
    ------
    GeometryError
        If the condyles have no common tangent plateau, lie the wrong way round, or a strand has no length.
    """

    lateral_centre: Point
    lateral_radius: float
    medial_centre: Point
    medial_radius: float
    strands: tuple[Strand, ...]
    rolling: float = 1.0
    application_point: Point | None = None
    flexion_axis: Point | None = None
    flexion: float = 0.0
    reference_flexion: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a geometry that has no pose."""
        if not self.strands:
            raise GeometryError("the knee has no strands, so nothing holds it")
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
        for strand in self.flexed:
            x, y = rotate(angle, np.asarray(strand.tibia[:2], dtype=float))
            if math.hypot(x - strand.femur[0], y - strand.femur[1], strand.tibia[2] - strand.femur[2]) < _COINCIDENT:
                raise GeometryError(
                    f"{strand.name}: femoral and tibial attachment coincide, so the ligament has no length"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The strands' names."""
        return tuple(strand.name for strand in self.strands)

    @property
    def theta_0(self) -> float:
        """The angle [rad] at which the plateau touches both condyles; also the reference pose."""
        dx = self.lateral_centre[0] - self.medial_centre[0]
        dy = self.lateral_centre[1] - self.medial_centre[1]
        return math.atan2(dy, dx) + math.asin((self.medial_radius - self.lateral_radius) / math.hypot(dx, dy))

    @property
    def flexed(self) -> tuple[Strand, ...]:
        """The strands with their femoral points where the test's flexion puts them."""
        if self.flexion == 0.0:  # to the last digit where they were given
            return self.strands
        first = self.strands[:2]
        axis_y, axis_z = self.flexion_axis or (sum(s.femur[i] for s in first) / len(first) for i in (1, 2))
        cosine, sine = math.cos(self.flexion), math.sin(self.flexion)

        def turned(femur: Point3) -> Point3:
            y, z = femur[1] - axis_y, femur[2] - axis_z
            return femur[0], axis_y + y * cosine + z * sine, axis_z - y * sine + z * cosine

        return tuple(replace(strand, femur=turned(strand.femur)) for strand in self.strands)

    def _repr_html_(self) -> str:
        from calibrate.notebook_view import of_geometry

        return of_geometry(self)

    def at(self, flexion: float) -> Geometry:
        """Return the same knee at another flexion [rad]."""
        return replace(self, flexion=flexion)

    def reference_lengths(self) -> FloatArray:
        """Return the strands' lengths [mm], shape (S,), at `theta_0` and the reference flexion."""
        return kinematics(self.at(self.reference_flexion), self.theta_0).lengths[:, 0]


def geometry_of(knee: KneeConfig, flexion: float = 0.0) -> Geometry:
    """Turn the configuration's `[knee]` into a geometry.

    Parameters
    ----------
    knee : KneeConfig
        The knee, at the middles of what is uncertain; an attachment without a third coordinate has z = 0.
    flexion : float
        The test's flexion [degrees].

    Raises
    ------
    GeometryError
        If the knee has no pose.
    """
    numbers = {key: middle(value) for key, value in knee.items()}

    def point(name: str, axes: str = "xy") -> tuple[float, ...]:
        return tuple(numbers.get(f"{name}.{axis}", 0.0) for axis in axes)

    def deep(name: str) -> Point3:
        x, y, z = point(name, "xyz")
        return x, y, z

    def flat(name: str, axes: str = "xy") -> Point:
        x, y = point(name, axes)
        return x, y

    return Geometry(
        lateral_centre=flat("lateral_condyle.centre"),
        lateral_radius=numbers["lateral_condyle.radius"],
        medial_centre=flat("medial_condyle.centre"),
        medial_radius=numbers["medial_condyle.radius"],
        strands=tuple(Strand(name, deep(f"{name}.femur"), deep(f"{name}.tibia")) for name in knee.strands),
        rolling=numbers["rolling"],
        application_point=None if knee.application_point is None else flat("application_point"),
        flexion_axis=None if knee.flexion_axis is None else flat("flexion_axis", "yz"),
        flexion=math.radians(flexion),
        reference_flexion=math.radians(knee.reference_flexion),
    )


@dataclass(frozen=True)
class Kinematics:
    """Everything that depends on the angle alone, for S strands at n angles.

    A strand pulls in the plane by its tension times the in-plane share of its length; arms and pulls have that factor.

    Attributes
    ----------
    angles : ndarray, shape (n,)
        The angles [rad], valgus positive.
    lengths : ndarray, shape (S, n)
        Lengths of the strands [mm].
    arms : ndarray, shape (S, n)
        `-(q - p) x u` [mm]: the pure moment [N·mm] that balances one newton of tension.
    distal : ndarray, shape (S, n)
        `u . n` [-]: pull along the distal normal per newton; a taut ligament pulls proximally, so it is negative.
    force_arm : ndarray, shape (n,), or None
        `(q_a - p) x e` [mm]: moment of a unit applied force about the contact; None without an application point.
    lateral : ndarray of bool, shape (n,)
        Where the lateral condyle carries the load.
    """

    angles: FloatArray
    lengths: FloatArray
    arms: FloatArray
    distal: FloatArray
    force_arm: FloatArray | None
    lateral: NDArray[np.bool_]

    def coefficients(self, load: Literal["force", "moment"]) -> FloatArray:
        """Return what one newton of tension adds to the load.

        Returns
        -------
        ndarray, shape (S, n)
            In N/N for a force, in N·mm/N for a moment.

        Raises
        ------
        GeometryError
            If a force is asked for without an application point, or with one that has no lever arm.
        """
        if load == "moment":
            return self.arms
        if self.force_arm is None:
            raise GeometryError("application_point is missing; a load given as a force needs it")
        if (np.abs(self.force_arm) < _COINCIDENT).any():
            raise GeometryError(
                "application_point lies on the plateau, so the force has no lever arm; "
                "give the point where it was applied"
            )
        return self.arms / self.force_arm


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
        If a strand's attachments coincide at one of the angles.
    """
    theta = np.array(angles, dtype=float, ndmin=1)
    contact = contact_at(geometry, theta)
    normal = np.stack([np.sin(theta), -np.cos(theta)])
    lengths, arms, distal = np.empty((3, len(geometry.strands), theta.size))
    for i, strand in enumerate(geometry.flexed):
        arm, pull, length = pulled(contact, theta, strand)
        if (length < _COINCIDENT).any():
            at = float(np.rad2deg(theta[int(np.argmin(length))]))
            raise GeometryError(
                f"{strand.name}: femoral and tibial attachment coincide at {at:g} degrees, "
                "so the ligament has no length"
            )
        pull /= length
        lengths[i], arms[i], distal[i] = length, -cross(arm, pull), pull[0] * normal[0] + pull[1] * normal[1]
    applied = geometry.application_point
    axis = np.stack([np.cos(theta), np.sin(theta)])
    force_arm = None if applied is None else cross(lever(contact, theta, applied), axis)
    return Kinematics(theta, lengths, arms, distal, force_arm, contact.lateral)


def tibial_origin(geometry: Geometry, angles: ArrayLike) -> FloatArray:
    """Return where the tibia frame's origin lies in the femur frame [mm], shape (2, n), at angles [rad] (n,)."""
    theta = np.array(angles, dtype=float, ndmin=1)
    contact = contact_at(geometry, theta)
    return contact.point - rotate(theta, contact.on_tibia)
