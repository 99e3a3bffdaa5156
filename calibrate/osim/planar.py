"""A stand-alone planar knee as an OpenSim model, made with the standard library's ElementTree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.knee.geometry import Geometry, Point3, Strand, tibial_origin
from calibrate.osim.ligament import LIGAMENT, METRES, properties

FloatArray = NDArray[np.float64]

COORDINATE = "knee_valgus"
# The format of OpenSim 4.0, which every 4.x reads.
_FORMAT = "40000"
# Half the range of the stand-alone knee's angle [rad], and the spacing of its knots far from theta_0.
_RANGE = np.deg2rad(50.0)
_SPACING = np.deg2rad(0.5)
# At theta_0 the load changes condyles and the path has a corner; knots this close [rad] keep the spline on it.
_CORNER = 1e-7
_FORBIDDEN = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def planar_model(geometry: Geometry, ligaments: Mapping[str, ArrayLike], credits: str) -> bytes:
    """Write the planar knee as a model of its own.

    Ground is the femur, its attachments where the geometry's flexion puts them. The tibia hangs on a custom joint with
    one coordinate, `knee_valgus` [rad]: it turns the tibia about z and carries its origin along x and y, by splines
    through the exact poses. So the lengths at any angle are those of this program, to about 1e-11. Gravity is off, the
    tibia's mass a placeholder: the model is for statics.

    Parameters
    ----------
    geometry : Geometry
        The knee.
    ligaments : mapping of str to array_like, shape (4,)
        `[k, alpha, l_0, f_ref]` of each of the geometry's strands, by name; in the file its name is in capitals.
    credits : str
        Where the values come from.

    Returns
    -------
    bytes
        The file.
    """
    document = ET.Element("OpenSimDocument", Version=_FORMAT)
    model = ET.SubElement(document, "Model", name="planar_knee")
    ET.SubElement(model, "credits").text = _allowed(credits)
    for tag, text in (("length_units", "meters"), ("force_units", "N"), ("gravity", "0 0 0")):
        ET.SubElement(model, tag).text = text
    ET.SubElement(model, "Ground", name="ground")
    tibia = ET.SubElement(_objects(model, "BodySet", "bodyset"), "Body", name="tibia")
    for tag, text in (("mass", "1"), ("mass_center", "0 0 0"), ("inertia", "1 1 1 0 0 0")):
        ET.SubElement(tibia, tag).text = text
    _joint(_objects(model, "JointSet", "jointset"), geometry)
    forces = _objects(model, "ForceSet", "forceset")
    for strand in geometry.flexed:
        _ligament(forces, strand, ligaments[strand.name])
    if geometry.application_point is not None:
        marker = ET.SubElement(_objects(model, "MarkerSet", "markerset"), "Marker", name="application_point")
        ET.SubElement(marker, "socket_parent_frame").text = "/bodyset/tibia"
        ET.SubElement(marker, "location").text = _in_metres((*geometry.application_point, 0.0))
    ET.indent(document, "\t")
    return bytes(ET.tostring(document, encoding="UTF-8", xml_declaration=True)) + b"\n"


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


def _ligament(forces: ET.Element, strand: Strand, parameters: ArrayLike) -> None:
    label = strand.name.upper()
    ligament = ET.SubElement(forces, LIGAMENT, name=label)
    points = ET.SubElement(ET.SubElement(ligament, "GeometryPath", name="geometrypath"), "PathPointSet")
    objects = ET.SubElement(points, "objects")
    for side, frame, at in (("femur", "/ground", strand.femur), ("tibia", "/bodyset/tibia", strand.tibia)):
        point = ET.SubElement(objects, "PathPoint", name=f"{label}_{side}")
        ET.SubElement(point, "socket_parent_frame").text = frame
        ET.SubElement(point, "location").text = _in_metres(at)
    for tag, value in properties(parameters).items():
        ET.SubElement(ligament, tag).text = repr(value)
    ET.SubElement(ligament, "damping_coefficient").text = "0"


def _allowed(text: str) -> str:
    """Return text with the characters that XML forbids, controls and halves of pairs, written as escapes."""
    return _FORBIDDEN.sub(lambda found: repr(found.group())[1:-1], text)


def _knots(theta_0: float) -> FloatArray:
    """Space the spline's knots evenly, and ever closer towards the corner at `theta_0`."""
    near = _CORNER * 1.5 ** np.arange(int(np.log(_SPACING / _CORNER) / np.log(1.5)) + 1)
    far = np.arange(near[-1] + _SPACING, _RANGE, _SPACING)
    away = np.concatenate([near, far])
    return np.concatenate([theta_0 - away[::-1], [theta_0], theta_0 + away])


def _numbers(values: FloatArray) -> str:
    return " ".join(repr(value) for value in values.tolist())


def _in_metres(point: Point3) -> str:
    return " ".join(repr(value * METRES) for value in point)
