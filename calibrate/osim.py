"""OpenSim's model files: a stand-alone planar knee, and new ligament values in somebody else's model.

Nothing here needs OpenSim. A new model is made with the standard library's ElementTree. A user's model is read with
defusedxml, which refuses document types and entities, the ways in which an XML file can do harm; unlike lxml, its
parser tells the byte at which an element begins, so that only the values change and every other byte stays.

OpenSim counts in metres and newtons; `linear_stiffness` is per strain, and `transition_strain` is this program's alpha.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser
from numpy.typing import ArrayLike, NDArray

from calibrate.errors import ExportError
from calibrate.knee.geometry import Geometry, tibial_origin

FloatArray = NDArray[np.float64]

LIGAMENT = "Blankevoort1991Ligament"
COORDINATE = "knee_valgus"
METRES = 1e-3
# The format of OpenSim 4.0, which every 4.x reads.
_FORMAT = "40000"
# Half the range of the stand-alone knee's angle [rad], and the spacing of its knots far from theta_0.
_RANGE = np.deg2rad(50.0)
_SPACING = np.deg2rad(0.5)
# At theta_0 the load changes condyles and the path has a corner; knots this close [rad] keep the spline on it.
_CORNER = 1e-7


def properties(parameters: ArrayLike) -> dict[str, float]:
    """Return a ligament's values as OpenSim counts them, from `[k, alpha, l_0, f_ref]`; the tare has no place there."""
    k, alpha, l_0, _ = np.asarray(parameters, dtype=float).tolist()
    return {"linear_stiffness": k * l_0, "transition_strain": alpha, "slack_length": l_0 * METRES}


def planar_model(geometry: Geometry, ligaments: Mapping[str, ArrayLike], credits: str) -> bytes:
    """Write the planar knee as a model of its own.

    Ground is the femur. The tibia hangs on a custom joint with one coordinate, `knee_valgus` [rad]: it turns the tibia
    about z and carries its origin along x and y, by splines through the exact poses. So the lengths at any angle are
    those of this program, to about 1e-11. Gravity is off, the tibia's mass a placeholder: the model is for statics.

    Parameters
    ----------
    geometry : Geometry
        The knee.
    ligaments : mapping of str to array_like, shape (4,)
        `[k, alpha, l_0, f_ref]` of "mcl" and "lcl".
    credits : str
        Where the values come from.

    Returns
    -------
    bytes
        The file.
    """
    document = ET.Element("OpenSimDocument", Version=_FORMAT)
    model = ET.SubElement(document, "Model", name="planar_knee")
    for tag, text in (("credits", credits), ("length_units", "meters"), ("force_units", "N"), ("gravity", "0 0 0")):
        ET.SubElement(model, tag).text = text
    ET.SubElement(model, "Ground", name="ground")
    tibia = ET.SubElement(_objects(model, "BodySet", "bodyset"), "Body", name="tibia")
    for tag, text in (("mass", "1"), ("mass_center", "0 0 0"), ("inertia", "1 1 1 0 0 0")):
        ET.SubElement(tibia, tag).text = text
    _joint(_objects(model, "JointSet", "jointset"), geometry)
    forces = _objects(model, "ForceSet", "forceset")
    for name, parameters in ligaments.items():
        _ligament(forces, name.upper(), geometry, name, parameters)
    if geometry.application_point is not None:
        marker = ET.SubElement(_objects(model, "MarkerSet", "markerset"), "Marker", name="application_point")
        ET.SubElement(marker, "socket_parent_frame").text = "/bodyset/tibia"
        ET.SubElement(marker, "location").text = _in_metres(geometry.application_point)
    ET.indent(document, "\t")
    return bytes(ET.tostring(document, encoding="UTF-8", xml_declaration=True)) + b"\n"


def update_model(model: bytes, ligaments: Mapping[str, ArrayLike], source: str = "model") -> bytes:
    """Put new values into named ligaments of a model; every other byte stays as it is.

    Parameters
    ----------
    model : bytes
        The file.
    ligaments : mapping of str to array_like, shape (4,)
        `[k, alpha, l_0, f_ref]` by the ligament's name in the model.
    source : str
        The file's name, for messages.

    Returns
    -------
    bytes
        The model with `linear_stiffness`, `transition_strain` and `slack_length` replaced, or put in where missing.

    Raises
    ------
    ExportError
        If it is no OpenSim model, or has no such ligament, several of them, or one of another kind.
    """
    elements = _read(model, source)
    edits: list[tuple[int, int, bytes]] = []
    for name, parameters in ligaments.items():
        ligament = _find(elements, name, source)
        opening = _end_of_tag(model, ligament.start)
        if model[opening - 2 : opening] == b"/>":
            raise ExportError(f"{source}: ligament '{name}' is empty, without a path; give one that the model uses")
        # What stands before the first child, a line break and its indent, also suits the children put in.
        indent = model[opening : model.index(b"<", opening)]
        missing = b""
        for tag, value in properties(parameters).items():
            text = repr(value).encode()
            children = [child for child in ligament.children if child.tag == tag]
            if not children:
                missing += (indent if not indent.strip() else b"") + _element(tag, text)
            edits += [_edit(model, child, text) for child in children]
        if missing:
            edits.append((opening, opening, missing))
    out = model
    for start, end, text in sorted(edits, reverse=True):
        out = out[:start] + text + out[end:]
    return out


@dataclass
class _Element:
    """An element of a model: its tag, name, place in the bytes, and the elements in it."""

    tag: str
    name: str | None
    start: int
    end: int = -1
    in_defaults: bool = False
    children: list[_Element] = field(default_factory=list)


class _Places:
    """The parser's target: notes where each element begins and where its closing tag does."""

    def __init__(self) -> None:
        self.all: list[_Element] = []
        self._open: list[_Element] = []
        self.parser: DefusedXMLParser | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        above = self._open[-1] if self._open else None
        hidden = above is not None and (above.in_defaults or above.tag == "defaults")
        element = _Element(tag, attributes.get("name"), self._byte(), in_defaults=hidden)
        if above is not None:
            above.children.append(element)
        self.all.append(element)
        self._open.append(element)

    def end(self, tag: str) -> None:
        self._open.pop().end = self._byte()

    def data(self, text: str) -> None:
        pass

    def close(self) -> list[_Element]:
        return self.all

    def _byte(self) -> int:
        assert self.parser is not None
        return int(self.parser.parser.CurrentByteIndex)


def _read(model: bytes, source: str) -> list[_Element]:
    if model.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ExportError(f"{source}: is in UTF-16; save it as UTF-8")
    places = _Places()
    parser = places.parser = DefusedXMLParser(target=places, forbid_dtd=True)
    try:
        parser.feed(model)
        elements: list[_Element] = parser.close()
    except ET.ParseError as error:
        raise ExportError(f"{source}: not valid XML: {error}") from None
    except DefusedXmlException:
        raise ExportError(
            f"{source}: has a document type or entities, which no OpenSim model needs; remove them"
        ) from None
    if not elements or elements[0].tag != "OpenSimDocument":
        raise ExportError(f"{source}: no OpenSim model, whose first element is OpenSimDocument")
    return elements


def _find(elements: list[_Element], name: str, source: str) -> _Element:
    usable = [e for e in elements if not e.in_defaults and e.name is not None]
    named = [e for e in usable if e.tag == LIGAMENT and e.name == name]
    if len(named) > 1:
        raise ExportError(f"{source}: {len(named)} ligaments are called '{name}'; give them names of their own")
    if named:
        return named[0]
    others = [e for e in usable if e.name == name and e.tag.endswith("Ligament")]
    if others:
        raise ExportError(f"{source}: '{name}' is a {others[0].tag}; only a {LIGAMENT} has this law")
    known = {str(e.name).lower(): str(e.name) for e in usable if e.tag == LIGAMENT}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    remedy = f"did you mean '{known[near[0]]}'?" if near else f"it has: {', '.join(known.values()) or 'none at all'}"
    raise ExportError(f"{source}: no {LIGAMENT} is called '{name}'; {remedy}")


def _edit(model: bytes, element: _Element, text: bytes) -> tuple[int, int, bytes]:
    """Return the bytes of an element's value, and what to put there."""
    opening = _end_of_tag(model, element.start)
    if model[opening - 2 : opening] == b"/>":
        return element.start, opening, _element(element.tag, text)
    content = model[opening : element.end]
    if not content.strip():
        return opening, element.end, text
    left = len(content) - len(content.lstrip())
    return opening + left, opening + len(content.rstrip()), text


def _end_of_tag(model: bytes, start: int) -> int:
    """Return the place after the tag that begins at `start`; a quoted '>' does not end it."""
    quote = 0
    for at in range(start, len(model)):
        byte = model[at]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == ord(">"):
            return at + 1
    raise AssertionError("the parser has seen the end of this tag")


def _element(tag: str, text: bytes) -> bytes:
    return b"<%b>%b</%b>" % (tag.encode(), text, tag.encode())


def _objects(model: ET.Element, kind: str, name: str) -> ET.Element:
    return ET.SubElement(ET.SubElement(model, kind, name=name), "objects")


def _joint(joints: ET.Element, geometry: Geometry) -> None:
    joint = ET.SubElement(joints, "CustomJoint", name="knee")
    ET.SubElement(joint, "socket_parent_frame").text = "/ground"
    ET.SubElement(joint, "socket_child_frame").text = "/bodyset/tibia"
    coordinate = ET.SubElement(ET.SubElement(joint, "coordinates"), "Coordinate", name=COORDINATE)
    angles = _knots(geometry.theta_0)
    ET.SubElement(coordinate, "default_value").text = repr(geometry.theta_0)
    ET.SubElement(coordinate, "range").text = _numbers(angles[[0, -1]])
    ET.SubElement(coordinate, "clamped").text = "true"
    transform = ET.SubElement(joint, "SpatialTransform")
    origin = METRES * tibial_origin(geometry, angles)
    _axis(transform, "rotation1", "0 0 1", angles, None)
    _axis(transform, "rotation2", "0 1 0", None, None)
    _axis(transform, "rotation3", "1 0 0", None, None)
    _axis(transform, "translation1", "1 0 0", angles, origin[0])
    _axis(transform, "translation2", "0 1 0", angles, origin[1])
    _axis(transform, "translation3", "0 0 1", None, None)


def _axis(
    transform: ET.Element, name: str, direction: str, angles: FloatArray | None, values: FloatArray | None
) -> None:
    """Add one of the joint's six axes: fixed without angles, the coordinate itself without values, else a spline."""
    axis = ET.SubElement(transform, "TransformAxis", name=name)
    ET.SubElement(axis, "coordinates").text = "" if angles is None else COORDINATE
    ET.SubElement(axis, "axis").text = direction
    if angles is None:
        ET.SubElement(ET.SubElement(axis, "Constant", name="function"), "value").text = "0"
    elif values is None:
        ET.SubElement(ET.SubElement(axis, "LinearFunction", name="function"), "coefficients").text = "1 0"
    else:
        spline = ET.SubElement(axis, "SimmSpline", name="function")
        ET.SubElement(spline, "x").text = _numbers(angles)
        ET.SubElement(spline, "y").text = _numbers(values)


def _ligament(forces: ET.Element, label: str, geometry: Geometry, name: str, parameters: ArrayLike) -> None:
    ligament = ET.SubElement(forces, LIGAMENT, name=label)
    points = ET.SubElement(ET.SubElement(ligament, "GeometryPath", name="geometrypath"), "PathPointSet")
    objects = ET.SubElement(points, "objects")
    for side, frame in (("femur", "/ground"), ("tibia", "/bodyset/tibia")):
        point = ET.SubElement(objects, "PathPoint", name=f"{label}_{side}")
        ET.SubElement(point, "socket_parent_frame").text = frame
        ET.SubElement(point, "location").text = _in_metres(getattr(geometry, f"{name}_{side}"))
    for tag, value in properties(parameters).items():
        ET.SubElement(ligament, tag).text = repr(value)
    ET.SubElement(ligament, "damping_coefficient").text = "0"


def _knots(theta_0: float) -> FloatArray:
    """Space the spline's knots evenly, and ever closer towards the corner at `theta_0`."""
    near = _CORNER * 1.5 ** np.arange(int(np.log(_SPACING / _CORNER) / np.log(1.5)) + 1)
    far = np.arange(near[-1] + _SPACING, _RANGE, _SPACING)
    away = np.concatenate([near, far])
    return np.concatenate([theta_0 - away[::-1], [theta_0], theta_0 + away])


def _numbers(values: FloatArray) -> str:
    return " ".join(repr(value) for value in values.tolist())


def _in_metres(point: tuple[float, float]) -> str:
    return f"{point[0] * METRES!r} {point[1] * METRES!r} 0"
