"""The statics as written on paper: SymPy vectors in, three equations of equilibrium out.

Written from vectors alone, so that nothing is shared with the NumPy code that is checked against it. Numbers are put
in by `calibrate.knee.symbolic`; `calibrate.knee.precomputed` keeps the symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from calibrate.knee.parameters import LoadKind


@dataclass(frozen=True)
class SymbolicPose:
    """The knee resting on one condyle, as SymPy vectors in the femur frame that depend on the angle.

    Attributes
    ----------
    contact, normal, axis : Matrix
        Contact point `p`, plateau normal `n` (distal) and the tibia frame's x axis `e`.
    strands : tuple of (Matrix, expression, Matrix)
        Of each strand: tibial attachment `q`, length, and what it does to the tibia in the plane per newton, `u`.
    applied : Matrix, or None
        Where the force is applied.
    """

    contact: Any
    normal: Any
    axis: Any
    strands: tuple[tuple[Any, Any, Any], ...]
    applied: Any | None


def reference_angle(medial_centre: Any, medial_radius: Any, lateral_centre: Any, lateral_radius: Any) -> Any:
    """Return `theta_0`, at which the plateau touches both condyles."""
    between = lateral_centre - medial_centre
    spacing = sp.sqrt(between.dot(between))
    return sp.atan2(between[1], between[0]) + sp.asin((medial_radius - lateral_radius) / spacing)


def flexed(femur: Any, axis: Any, flexion: Any) -> Any:
    """Turn a femoral point (x, y, z) by the flexion about the line along x through `axis` (y, z)."""
    y, z = _rotation(-flexion) * (sp.Matrix(femur[1:]) - axis) + axis
    return sp.Matrix([femur[0], y, z])


def pose(
    theta: Any, theta_0: Any, centre: Any, radius: Any, rolling: Any, strands: Sequence[tuple[Any, Any]], applied: Any
) -> SymbolicPose:
    """Pose the tibia at an angle on one condyle.

    Parameters
    ----------
    theta, theta_0 : expression
        The angle, and the one at which both condyles touch.
    centre, radius : Matrix, expression
        The condyle that carries the load.
    rolling : expression
        0 slides, 1 rolls.
    strands : sequence of (Matrix, Matrix)
        Femoral points (x, y, z), flexion included, and tibial ones.
    applied : Matrix, or None
        Application point (x, y) in the tibia frame.
    """
    turn = _rotation(theta)
    contact = centre + radius * _normal(theta)
    at_reference = _rotation(theta_0).T * (centre + radius * _normal(theta_0))
    on_tibia = at_reference + sp.Matrix([rolling * radius * (theta - theta_0), 0])

    def place(tibial: Any) -> Any:
        return contact + turn * (tibial - on_tibia)

    def strand(femur: Any, tibia: Any) -> tuple[Any, Any, Any]:
        attachment = place(sp.Matrix(tibia[:2]))
        pull = femur - sp.Matrix([*attachment, tibia[2]])
        length = sp.sqrt(pull.dot(pull))
        return attachment, length, sp.Matrix(pull[:2]) / length

    axis = turn * sp.Matrix([1, 0])
    there = None if applied is None else place(applied)
    return SymbolicPose(contact, _normal(theta), axis, tuple(strand(*points) for points in strands), there)


def equilibrium(
    at: SymbolicPose, tensions: Sequence[Any], reaction: Any, applied: Any, load: LoadKind
) -> tuple[Any, ...]:
    """Return three expressions that vanish in equilibrium: forces along x and y, moments about the femur's origin.

    Parameters
    ----------
    at : SymbolicPose
        Where the tibia is.
    tensions : sequence of expressions
        Modelled tensions of the strands.
    reaction : Matrix
        What the condyle does to the tibia at the contact.
    applied : expression
        The load: a force along the tibia's x axis, or a pure counter-clockwise moment.
    load : {"force", "moment"}
        Which of the two.
    """
    pulls = [(point, tension * pull) for (point, _, pull), tension in zip(at.strands, tensions, strict=True)]
    pulls.append((at.contact, reaction))
    moment: Any = 0
    if load == "force":
        pulls.append((at.applied, applied * at.axis))
    else:
        moment = applied
    force = sp.zeros(2, 1)
    for point, vector in pulls:
        force += vector
        moment += cross(point, vector)
    return force[0], force[1], moment


def _rotation(angle: Any) -> Any:
    return sp.Matrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])


def _normal(angle: Any) -> Any:
    return sp.Matrix([sp.sin(angle), -sp.cos(angle)])


def cross(a: Any, b: Any) -> Any:
    """Return the z component of the cross product of two plane vectors."""
    return a[0] * b[1] - a[1] * b[0]
