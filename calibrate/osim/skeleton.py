"""A model's bodies at its default pose: how any two of them lie to each other, through the joints between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calibrate.osim.joints import Coordinate, Pose, coordinates, offset, pose
from calibrate.osim.names import printable
from calibrate.osim.tree import Node, UnreadableError

Path = tuple[str, ...]

_SETS = {
    "BodySet": "bodyset",
    "JointSet": "jointset",
    "ForceSet": "forceset",
    "ConstraintSet": "constraintset",
}
_DEEPEST = 12
_HERE = Pose(np.eye(3), np.zeros(3))


@dataclass(frozen=True)
class _Joint:
    node: Node
    path: Path
    body: str  # the body that an old format's joint belongs to


class Skeleton:
    """Bodies, frames and joints of a model.

    Parameters
    ----------
    model : Node
        The model.
    """

    def __init__(self, model: Node) -> None:
        self._frames: dict[Path, Node] = {}
        self._joints: list[_Joint] = []
        self._constraints: list[Node] = []
        for node, path, body in _parts(model):
            if node.tag in ("Body", "Ground", "PhysicalOffsetFrame"):
                self._frames.setdefault(path, node)
            elif node.tag.endswith("Joint"):
                self._joints.append(_Joint(node, path, body))
            elif node.tag.endswith("Constraint"):
                self._constraints.append(node)
        self._frames.setdefault(("ground",), Node("Ground", "ground", "", 0))
        self._by_name: dict[str, list[Path]] = {}
        for path in self._frames:
            self._by_name.setdefault(path[-1], []).append(path)

    def base(self, point: Node, owner: Path = ()) -> tuple[Path, Pose]:
        """Return the body that something is fixed to, and the pose in it of the frame that it names.

        Parameters
        ----------
        point : Node
            What has a `socket_parent_frame`, or `body` in old formats.
        owner : tuple of str
            Its place, which relative names begin from.

        Raises
        ------
        UnreadableError
            If it names none that there is.
        """
        return self._resolved(self._named(_socket(point, "parent_frame", "body"), owner))

    def relative(self, one: Path, other: Path) -> tuple[Pose, list[Node]]:
        """Return the pose of one body in another one, and the joints between them.

        Raises
        ------
        UnreadableError
            If no joints lead from one to the other, or one of these is not supported.
        """
        around: dict[Path, list[tuple[Path, _Joint, bool]]] = {}
        problem = ""
        for joint in self._joints:
            try:
                parent, child = self._ends(joint)
            except UnreadableError as error:  # elsewhere in the body it does not matter
                problem = problem or f"; {error}"
                continue
            around.setdefault(parent, []).append((child, joint, True))
            around.setdefault(child, []).append((parent, joint, False))
        came: dict[Path, tuple[Path, _Joint, bool] | None] = {other: None}
        queue = deque([other])
        while queue and one not in came:
            here = queue.popleft()
            for there, joint, forward in around.get(here, ()):
                if there not in came:
                    came[there] = here, joint, forward
                    queue.append(there)
        if one not in came:
            raise UnreadableError(f"no joints lead from '{printable(one[-1])}' to '{printable(other[-1])}'{problem}")
        whole, joints, step = _HERE, [], came[one]
        while step is not None:
            before, joint, forward = step
            across = self._across(joint)
            whole = (across if forward else across.inverse) @ whole
            joints.append(joint.node)
            step = came[before]
        return whole, joints

    def unheeded(self, used: list[Coordinate]) -> list[str]:
        """Return the constraints that may move these coordinates away from their defaults."""
        names = {coordinate.name for coordinate in used}
        return [
            node.shown
            for node in self._constraints
            if node.truth("isEnforced", not node.truth("isDisabled"))
            and (node.tag != "CoordinateCouplerConstraint" or node.said("dependent_coordinate_name") in names)
        ]

    def _across(self, joint: _Joint) -> Pose:
        """Return the pose of a joint's child body in its parent body."""
        node = joint.node
        if node.first("parent_body") is not None:  # up to OpenSim 3
            zero = (0.0, 0.0, 0.0)
            parent = offset(*(node.numbers(f"{tag}_in_parent", 3, zero) for tag in ("location", "orientation")))
            child = offset(*(node.numbers(tag, 3, zero) for tag in ("location", "orientation")))
        else:
            _, parent = self._resolved(self._named(_socket(node, "parent_frame"), joint.path))
            _, child = self._resolved(self._named(_socket(node, "child_frame"), joint.path))
        return parent @ pose(node) @ child.inverse

    def _ends(self, joint: _Joint) -> tuple[Path, Path]:
        """Return a joint's parent body and child body."""
        if joint.node.first("parent_body") is not None:
            return self._named(joint.node.said("parent_body"), ()), self._named(joint.body, ())
        parent, child = (self._named(_socket(joint.node, f"{end}_frame"), joint.path) for end in ("parent", "child"))
        return self._resolved(parent)[0], self._resolved(child)[0]

    def _resolved(self, path: Path) -> tuple[Path, Pose]:
        """Return the body that a frame is fixed to, through all offset frames, and the frame's pose in it."""
        whole = _HERE
        for _ in range(_DEEPEST):
            node = self._frames[path]
            if node.tag != "PhysicalOffsetFrame":
                return path, whole
            zero = (0.0, 0.0, 0.0)
            whole = offset(*(node.numbers(tag, 3, zero) for tag in ("translation", "orientation"))) @ whole
            path = self._named(_socket(node, "parent"), path)
        raise UnreadableError(f"'{printable(path[-1])}' hangs on more than {_DEEPEST} frames, or on itself")

    def _named(self, text: str, owner: Path) -> Path:
        """Return the frame that a name or path means, as seen from its owner."""
        parts = [] if text.startswith("/") else list(owner)
        for part in text.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        path = tuple(parts)
        if path in self._frames:
            return path
        alike = self._by_name.get(text.rsplit("/", 1)[-1], [])
        if len(alike) != 1:
            raise UnreadableError(f"{len(alike) or 'no'} frames are called '{printable(text[:60])}'")
        return alike[0]


def used(joints: list[Node]) -> list[Coordinate]:
    """Return all coordinates of some joints."""
    return [coordinate for joint in joints for coordinate in coordinates(joint)]


def _parts(model: Node) -> Iterator[tuple[Node, Path, str]]:
    """Pass over the objects of a model: each with its path, and the body around it, if it is in one."""
    stack: list[tuple[Node, Path, str]] = [(model, (), "")]
    while stack:
        node, path, body = stack.pop()
        inner = [(item, (*path, item.name)) for item in node.items()]
        frames, ground, old = node.first("frames"), node.first("Ground"), node.first("Joint")
        if frames is not None:
            inner += [(item, (*path, item.name)) for item in frames.children]
        if ground is not None:
            inner.append((ground, (*path, "ground")))
        if old is not None and old.children:
            inner.append((old.children[0], (*path, old.children[0].name)))
        for item, place in inner:
            around = item.name if item.tag == "Body" else body
            yield item, place, around
            if len(place) < _DEEPEST:
                stack.append((item, place, around))
        if node is model:
            sets = ((node.first(tag), name) for tag, name in _SETS.items())
            stack += [(found, (name,), "") for found, name in sets if found is not None]


def _socket(node: Node, name: str, old: str = "") -> str:
    """Return the name that a part gives of what it is connected to."""
    text = node.said(f"socket_{name}") or (node.said(old) if old else "")
    if not text:
        raise UnreadableError(
            f"{node.shown} names no {name.replace('_', ' ')}; formats between 3.3 and 4.0 are not supported: open and "
            "save the model in OpenSim 4"
        )
    return text
