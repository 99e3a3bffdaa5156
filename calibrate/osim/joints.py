"""A joint of a model at its coordinates' defaults: which frames it holds together, and how they lie to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.osim.functions import value_of
from calibrate.osim.names import printable
from calibrate.osim.tree import Node, UnreadableError

FloatArray = NDArray[np.float64]

_X, _Y, _Z = np.eye(3)
# What each coordinate of a joint does, in their order: "r" turns about the axis that its forerunners have turned,
# "t" carries along an axis of the parent's frame.
_KINDS: dict[str, tuple[tuple[str, FloatArray], ...]] = {
    "WeldJoint": (),
    "PinJoint": (("r", _Z),),
    "SliderJoint": (("t", _X),),
    "UniversalJoint": (("r", _X), ("r", _Y)),
    "BallJoint": (("r", _X), ("r", _Y), ("r", _Z)),
    "GimbalJoint": (("r", _X), ("r", _Y), ("r", _Z)),
    "PlanarJoint": (("r", _Z), ("t", _X), ("t", _Y)),
    "FreeJoint": (("r", _X), ("r", _Y), ("r", _Z), ("t", _X), ("t", _Y), ("t", _Z)),
}
_SUPPORTED = ("CustomJoint", *_KINDS)
_AXES = [f"{kind}{i}" for kind in ("rotation", "translation") for i in (1, 2, 3)]
_PARALLEL = 1e-6


@dataclass(frozen=True)
class Pose:
    """Where a frame lies in another one: a point x of it is at `rotation @ x + translation` there [m]."""

    rotation: FloatArray
    translation: FloatArray

    def __matmul__(self, inner: Pose) -> Pose:
        """Return the pose of a frame whose pose is known in this one."""
        return Pose(self.rotation @ inner.rotation, self.rotation @ inner.translation + self.translation)

    @property
    def inverse(self) -> Pose:
        """The other frame in this one."""
        return Pose(self.rotation.T, -self.rotation.T @ self.translation)

    def at(self, point: ArrayLike) -> FloatArray:
        """Return where a point of this frame lies in the other one."""
        return np.asarray(self.rotation @ np.asarray(point, dtype=float) + self.translation)


def turned(axis: ArrayLike, angle: float) -> FloatArray:
    """Return the rotation about an axis by an angle [rad] (Rodrigues' formula)."""
    x, y, z = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross)


def offset(translation: ArrayLike, orientation: ArrayLike) -> Pose:
    """Return the pose of an offset frame: translation [m], and angles [rad] about its own x, y and z, one by one."""
    a, b, c = np.asarray(orientation, dtype=float)
    return Pose(turned(_X, a) @ turned(_Y, b) @ turned(_Z, c), np.asarray(translation, dtype=float))


@dataclass(frozen=True)
class Coordinate:
    """A coordinate: its name and default [rad or m]."""

    name: str
    default: float


def coordinates(joint: Node) -> list[Coordinate]:
    """Return a joint's coordinates in their order."""
    found = []
    for node in _coordinates(joint):
        if node.truth("prescribed"):
            raise UnreadableError(f"{node.shown} is prescribed by a function; give the model without it")
        found.append(Coordinate(node.name, node.numbers("default_value", 1, (0.0,))[0]))
    return found


def _coordinates(joint: Node) -> Iterator[Node]:
    plain, in_a_set = joint.first("coordinates"), joint.first("CoordinateSet")
    if plain is not None:
        yield from (node for node in plain.children if node.tag == "Coordinate")
    elif in_a_set is not None:
        yield from (node for node in in_a_set.items() if node.tag == "Coordinate")


def pose(joint: Node) -> Pose:
    """Return the pose of a joint's child frame in its parent frame, at the coordinates' defaults.

    Raises
    ------
    UnreadableError
        If the joint is of a kind that is not supported, or a number cannot be read.
    """
    if joint.truth("reverse"):
        raise UnreadableError(f"{joint.shown} is reversed; open and save the model in OpenSim 4")
    known = coordinates(joint)
    if joint.tag == "CustomJoint":
        return _custom(joint, {coordinate.name: coordinate.default for coordinate in known})
    if joint.tag not in _KINDS:
        raise UnreadableError(f"{joint.shown} is of a kind that is not supported; these are: {', '.join(_SUPPORTED)}")
    rotation, translation = np.eye(3), np.zeros(3)
    values = [coordinate.default for coordinate in known] + [0.0] * len(_KINDS[joint.tag])
    for (kind, axis), value in zip(_KINDS[joint.tag], values, strict=False):
        if kind == "r":
            rotation = rotation @ turned(axis, value)
        else:
            translation = translation + value * axis
    return Pose(rotation, translation)


def _custom(joint: Node, defaults: dict[str, float]) -> Pose:
    """Return the pose of a joint that is made of three rotations, one after the other, and three translations."""
    transform = joint.first("SpatialTransform")
    axes = {} if transform is None else {node.name: node for node in transform.children if node.tag == "TransformAxis"}
    rotation, translation = np.eye(3), np.zeros(3)
    if transform is None:
        raise UnreadableError(f"{joint.shown} has no SpatialTransform")
    directions = []
    for i, name in enumerate(_AXES):
        axis = axes.get(name)
        default = tuple(np.eye(3)[i % 3].tolist())
        direction = np.array(default if axis is None else axis.numbers("axis", 3, default))
        size = float(np.linalg.norm(direction))
        if not size > 0.0:
            raise UnreadableError(f"{name} of {joint.shown} has an axis without a direction")
        directions.append(direction / size)
        if axis is None:
            continue
        value = value_of(axis, [_default(part, defaults, joint) for part in axis.said("coordinates").split()])
        if name.startswith("rotation"):
            rotation = rotation @ turned(direction, value)
        else:
            translation = translation + value * direction / size
    for three in (directions[:3], directions[3:]):
        if abs(np.linalg.det(np.array(three))) < _PARALLEL:
            raise UnreadableError(f"{joint.shown} has axes that lie in one plane, which OpenSim refuses")
    return Pose(rotation, translation)


def _default(name: str, defaults: dict[str, float], joint: Node) -> float:
    if name not in defaults:
        raise UnreadableError(f"{joint.shown} names the coordinate '{printable(name[:60])}', which it does not have")
    return defaults[name]
