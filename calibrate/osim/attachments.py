"""Where a model's ligaments are attached, in this program's frames, as far as straight strands go.

A model draws a ligament as one or several paths; the first and last point of each are fixed to bodies. What is made of
them:

- The frame is that of the first ligament's femoral body, with its origin. OpenSim has x anterior, y proximal and z to
  the right; ours is x lateral, y proximal, z anterior, so that lateral is z in a right knee and -z in a left one.
- Tibial points are carried into the femur's frame by the joints between the two bodies, at the defaults of their
  coordinates: the reference pose. There our tibia frame shares the femur's origin and is turned by `theta_0`, which is
  the condyles' and not in the model: a tibial point is `R(-theta_0)` times its place in the femur's frame.
- Several of theirs are one of ours at the means of their ends, weighted by their stiffness, since that is where
  parallel strands of equal strain pull; plain means if one of them has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ExportError
from calibrate.osim.foreign import ForeignModel
from calibrate.osim.joints import turned
from calibrate.osim.ligament import LIGAMENT, METRES
from calibrate.osim.names import printable
from calibrate.osim.places import Ligament
from calibrate.osim.sharing import number
from calibrate.osim.skeleton import Path, Skeleton, used
from calibrate.osim.strands import crossed, side_of
from calibrate.osim.tree import Node, UnreadableError, tree

FloatArray = NDArray[np.float64]

# A leg's length and more [m]: what is farther away is no knee, or given in millimetres.
_FARTHEST = 10.0
_BODIES = {"femur": re.compile(r"fem|thigh", re.IGNORECASE), "tibia": re.compile(r"tib|fib|shank|calf", re.IGNORECASE)}


@dataclass(frozen=True)
class Attachment:
    """A strand of ours [mm]: x lateral, y proximal, z anterior, and the model's ligaments that it stands for."""

    name: str
    femur: FloatArray
    tibia: FloatArray
    theirs: tuple[str, ...]

    @property
    def ends(self) -> dict[str, FloatArray]:
        """Both ends, by the bone."""
        return {"femur": self.femur, "tibia": self.tibia}


@dataclass(frozen=True)
class Attachments:
    """What was found in a model.

    Attributes
    ----------
    strands : tuple of Attachment
        In the order that was asked for.
    frame : str
        The body whose frame it is.
    side : {"r", "l"}
        Which knee.
    notes : tuple of str
        What was left out or taken for granted, a sentence each.
    """

    strands: tuple[Attachment, ...]
    frame: str
    side: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """One of theirs: its ends [m], each in the frame of its body."""

    ligament: Ligament
    bodies: dict[str, Path]
    ends: dict[str, FloatArray]
    left_out: str


def attachments(
    content: bytes, strands: Mapping[str, Sequence[str]], *, side: str | None, theta_0: float, source: str
) -> Attachments:
    """Read where ligaments are attached.

    Parameters
    ----------
    content : bytes
        The model's file.
    strands : mapping of str to sequence of str
        Names in the model by our strand's name.
    side : {"r", "l"}, optional
        Which knee; by default as the names say, or as the ligaments lie.
    theta_0 : float
        The angle [rad] at which the plateau touches both condyles.
    source : str
        The file's name, for messages.

    Raises
    ------
    ExportError
        If there are no such ligaments, they do not go from a femur to a tibia, or the pose cannot be computed.
    """
    foreign = ForeignModel(content, source)
    try:
        with np.errstate(all="ignore"):  # what overflows is far away, and said to be
            return _Reading(foreign, tree(content, source)).attachments(strands, side, theta_0)
    except UnreadableError as error:
        raise ExportError(f"{source}: {error}") from None


class _Reading:
    def __init__(self, foreign: ForeignModel, model: Node) -> None:
        self._foreign = foreign
        self._skeleton = Skeleton(model)
        self._nodes: dict[int, Node] = {}
        stack = [model]
        while stack:
            node = stack.pop()
            self._nodes[node.opening] = node
            stack += node.children

    def attachments(self, strands: Mapping[str, Sequence[str]], side: str | None, theta_0: float) -> Attachments:
        chosen = self._foreign.chosen(strands, any_kind=True)
        lines = {ours: [self._line(ligament) for ligament in theirs] for ours, theirs in chosen.items()}
        frame = next(iter(lines.values()))[0].bodies["femur"]
        places = {ours: [self._placed(line, frame) for line in group] for ours, group in lines.items()}
        found = side or _side_by_name(lines, frame) or _side_by_place(places)
        notes = [] if found else ["neither names nor ligaments tell which knee it is: taken for a right one"]
        found = found or "r"
        done = []
        for ours, group in lines.items():
            weights, sentences = _weights(ours, [line.ligament for line in group])
            femur, tibia = (
                weights @ np.array([_ours(place[bone], found) for place in places[ours]]) for bone in ("femur", "tibia")
            )
            names = tuple(line.ligament.name.shown for line in group)
            done.append(Attachment(ours, femur, turned((0.0, 0.0, 1.0), -theta_0) @ tibia, names))
            notes += sentences + [f"{ours}: {line.left_out}" for line in group if line.left_out]
            notes += [
                f"{ours}: '{name}' is called like a ligament of the knee's other side; check the names"
                for name in names
                if crossed(ours, name)
            ]
        notes += self._of_the_pose([line for group in lines.values() for line in group], frame)
        notes += _of_the_sides({strand.name: strand for strand in done}, found)
        return Attachments(tuple(done), printable(frame[-1]), found, tuple(notes))

    def _line(self, ligament: Ligament) -> _Line:
        """Return one ligament's ends."""
        node, shown = self._nodes.get(ligament.opening), f"'{ligament.name.shown}'"
        path = None if node is None else node.first("GeometryPath")
        points = None if path is None else path.first("PathPointSet")
        found = [] if points is None else list(points.items())
        if path is None or len(found) < 2:
            raise UnreadableError(f"{shown} has no path through two points or more")
        fixed = [self._fixed(shown, point) for point in (found[0], found[-1])]
        bones = [_bone(body[-1]) for body, _ in fixed]
        for i, (body, _) in enumerate(fixed):
            if body == ("ground",):  # whichever of the two does not move
                bones[i] = {"femur": "tibia", "tibia": "femur"}.get(bones[1 - i], "")
            if not bones[i]:
                raise UnreadableError(
                    f"{shown} is attached to '{printable(body[-1])}', which is called neither femur nor tibia or fibula"
                )
        bodies = {bone: body for bone, (body, _) in zip(bones, fixed, strict=True)}
        ends = {bone: place for bone, (_, place) in zip(bones, fixed, strict=True)}
        if len(bodies) < 2:
            raise UnreadableError(
                f"{shown} has both ends on the {next(iter(bodies))}; it has to go from femur to tibia"
            )
        wraps = path.first("PathWrapSet")
        return _Line(
            ligament, bodies, ends, _left_out(shown, found[1:-1], [] if wraps is None else list(wraps.items()))
        )

    def _fixed(self, shown: str, point: Node) -> tuple[Path, FloatArray]:
        """Return the body that an end is fixed to, and its place there [m]."""
        if point.tag != "PathPoint":
            raise UnreadableError(f"{shown} ends in a {printable(point.tag[:60])}; supported are fixed ends, PathPoint")
        body, pose = self._skeleton.base(point)
        return body, pose.at(point.numbers("location", 3))

    def _placed(self, line: _Line, frame: Path) -> dict[str, FloatArray]:
        """Return a ligament's ends in one frame [m]."""
        placed = {}
        for bone, body in line.bodies.items():
            pose, joints = self._skeleton.relative(body, frame)
            if bone == "femur" and any(joint.tag != "WeldJoint" for joint in joints):
                raise UnreadableError(
                    f"'{printable(body[-1])}' and '{printable(frame[-1])}' move against each other, so they are not "
                    "one femur; name the strands of one knee"
                )
            placed[bone] = pose.at(line.ends[bone])
            if not np.abs(placed[bone]).max() < _FARTHEST:
                raise UnreadableError(
                    f"'{line.ligament.name.shown}' is attached to the {bone} at {_numbers(placed[bone])} m in the "
                    f"frame of '{printable(frame[-1])}', which no leg is long enough for; check the units"
                )
        return placed

    def _of_the_pose(self, lines: Sequence[_Line], frame: Path) -> list[str]:
        """Say which pose the tibia is in."""
        bodies = dict.fromkeys(line.bodies["tibia"] for line in lines)
        joints = {id(joint): joint for body in bodies for joint in self._skeleton.relative(body, frame)[1]}
        moved = used(list(joints.values()))
        away = [f"{printable(c.name)} = {c.default:g}" for c in moved if c.default != 0.0]
        notes = []
        if away:
            notes.append(
                f"the model's default pose is not at zero: {', '.join(away)} [rad, m]; it is the reference pose"
            )
        unheeded = self._skeleton.unheeded(moved)
        if unheeded:
            notes.append(f"the pose is that of the coordinates' defaults, without regard to {', '.join(unheeded)}")
        return notes


def _side_by_name(lines: Mapping[str, Sequence[_Line]], frame: Path) -> str:
    """Return which knee the names speak of, "" if they do not or speak of both."""
    said = {side_of(frame[-1], "femur")}
    said |= {side_of(line.ligament.name.shown, ours) for ours, group in lines.items() for line in group}
    said.discard("")
    return said.pop() if len(said) == 1 else ""


def _side_by_place(places: Mapping[str, Sequence[Mapping[str, FloatArray]]]) -> str:
    """Return on which knee the LCL is lateral of the MCL, "" if that is not known: OpenSim's z points to the right."""
    if "mcl" not in places or "lcl" not in places:
        return ""
    mcl, lcl = (np.mean([place["femur"][2] for place in places[ours]]) for ours in ("mcl", "lcl"))
    return "" if lcl == mcl else "r" if lcl > mcl else "l"


def _bone(body: str) -> str:
    found = [bone for bone, words in _BODIES.items() if words.search(body)]
    return found[0] if len(found) == 1 else ""


def _numbers(point: FloatArray) -> str:
    return ", ".join(f"{value:.4g}" for value in point.tolist())


def _ours(point: FloatArray, side: str) -> FloatArray:
    """Return a point of OpenSim's axes [m] in ours [mm]."""
    x, y, z = point / METRES
    return np.array([z if side == "r" else -z, y, x])


def _weights(ours: str, group: Sequence[Ligament]) -> tuple[FloatArray, list[str]]:
    """Return each ligament's share in the mean, and what to say of it."""
    if len(group) == 1:
        return np.ones(1), []
    tag = b"linear_stiffness"
    values = [number(one.spots[tag].text) if one.kind == LIGAMENT and tag in one.spots else None for one in group]
    known = [value for value in values if value is not None and value > 0.0]
    if len(known) < len(group):
        return np.full(len(group), 1.0 / len(group)), [
            f"{ours}: {len(group)} strands averaged, plainly: not all have a stiffness"
        ]
    weights = np.array(known) / max(known)
    return weights / weights.sum(), [f"{ours}: {len(group)} strands averaged, weighted by their stiffness"]


def _left_out(shown: str, between: Sequence[Node], wraps: Sequence[Node]) -> str:
    """Say what of a path a straight strand cannot have."""
    kinds = [f"{len(wraps)} wrap object{'s' * (len(wraps) > 1)}"] if wraps else []
    for kind, words in (("PathPoint", "fixed"), ("ConditionalPathPoint", "conditional"), ("MovingPathPoint", "moving")):
        many = sum(point.tag == kind for point in between)
        if many:
            kinds.append(f"{many} {words} point{'s' * (many > 1)} between its ends")
    others = {printable(point.tag[:60]) for point in between} - {"PathPoint", "ConditionalPathPoint", "MovingPathPoint"}
    kinds += sorted(others)
    return f"{shown} is taken straight, without {', '.join(kinds)}" if kinds else ""


def _of_the_sides(strands: Mapping[str, Attachment], side: str) -> list[str]:
    """Say if the knee looks mirrored or turned, or lacks what a configuration needs."""
    if lacking := [f"a configuration needs {name}, too" for name in ("mcl", "lcl") if name not in strands]:
        return lacking
    notes = []
    across, _, along = strands["lcl"].femur - strands["mcl"].femur
    if abs(along) > abs(across):
        notes.append(
            f"at the femur, mcl and lcl are {abs(along):.1f} mm apart from front to back and {abs(across):.1f} mm from "
            "side to side, which is no knee: the model's axes are not OpenSim's (x forward, y up, z to the right); a "
            "planar model of 'calibrate export' has x to the side"
        )
    if across <= 0.0:
        which = "right" if side == "r" else "left"
        notes.append(
            f"mcl is not medial of lcl, so names, axes or the knee's side may be wrong; it was read as a {which} one"
        )
    return notes
