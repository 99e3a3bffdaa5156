"""Models of a knee whose pose has to be worked out, through joints, frames and splines; and OpenSim's answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from calibrate import knee_from_osim
from calibrate.osim import Attachments

BODY = "<Body name='{}'><mass>1</mass><mass_center>0 0 0</mass_center><inertia>1 1 1 0 0 0</inertia>{}</Body>"
OFFSET = (
    "<PhysicalOffsetFrame name='{}'><socket_parent>{}</socket_parent><translation>{}</translation>"
    "<orientation>{}</orientation></PhysicalOffsetFrame>"
)
COORDINATE = "<Coordinate name='{}'><default_value>{}</default_value></Coordinate>"
JOINT = (
    "<{kind} name='{name}'><socket_parent_frame>{parent}</socket_parent_frame>"
    "<socket_child_frame>{child}</socket_child_frame><coordinates>{coordinates}</coordinates>"
    "<frames>{frames}</frames>{more}</{kind}>"
)
POINT = (
    "<{kind} name='{name}'><socket_parent_frame>{frame}</socket_parent_frame><location>{location}</location></{kind}>"
)
LIGAMENT = (
    "<{law} name='{name}'><GeometryPath name='path'><PathPointSet><objects>{points}</objects></PathPointSet>{wraps}"
    "</GeometryPath>{values}</{law}>"
)


def spline(x: str, y: str) -> str:
    return f"<SimmSpline name='function'><x>{x}</x><y>{y}</y></SimmSpline>"


def linear(slope: float, intercept: float) -> str:
    return f"<LinearFunction name='function'><coefficients>{slope} {intercept}</coefficients></LinearFunction>"


def constant(value: float) -> str:
    return f"<Constant name='function'><value>{value}</value></Constant>"


def scaled(function: str, by: float) -> str:
    return (
        f"<MultiplierFunction name='function'><function>{function}</function><scale>{by}</scale></MultiplierFunction>"
    )


def custom(axes: dict[str, tuple[str, str, str]]) -> str:
    """Return a custom joint's transform: coordinates, axis and function by the axis's name."""
    written = "".join(
        f"<TransformAxis name='{name}'><coordinates>{coordinates}</coordinates><axis>{axis}</axis>{function}"
        "</TransformAxis>"
        for name, (coordinates, axis, function) in axes.items()
    )
    return f"<SpatialTransform>{written}</SpatialTransform>"


# A knee as published models have them: flexion turns, and splines of it turn and carry the tibia, too.
AXES = {
    "rotation1": ("flex", "0.02 0.01 1", linear(-1, 0.01)),
    "rotation2": ("flex", "1 0.1 0", spline("-0.5 0 0.4 1.1 2", "0.1 0.02 -0.03 0.05 0.2")),
    "rotation3": ("", "0 1 0", constant(0.05)),
    "translation1": ("flex", "1 0 0", scaled(spline("-0.2 0.1 0.9", "0.001 -0.004 0.01"), 1.2)),
    "translation2": ("slide", "0 1 0", linear(1, -0.002)),
    "translation3": ("flex", "0 0.2 1", spline("-1 1", "0.003 0.009")),
}


def ligament(name: str, femur: str, tibia: str, stiffness: float = 2000, *, ends: tuple[str, str] | None = None) -> str:
    first, last = ends or ("/bodyset/femur_r", "/bodyset/tibia_r")
    points = POINT.format(kind="PathPoint", name="a", frame=first, location=femur) + POINT.format(
        kind="PathPoint", name="b", frame=last, location=tibia
    )
    values = f"<linear_stiffness>{stiffness}</linear_stiffness><slack_length>0.06</slack_length>"
    return LIGAMENT.format(law="Blankevoort1991Ligament", name=name, points=points, wraps="", values=values)


STRANDS = (
    ligament("MCL1", "0.002 -0.39 -0.04", "0.01 -0.06 -0.017", 1000)
    + ligament("MCL2", "-0.004 -0.392 -0.041", "0.005 -0.065 -0.016", 3000)
    + ligament("LCL", "-0.001 -0.395 0.036", "-0.012 -0.05 0.045", 2400)
)


def model(
    kind: str = "CustomJoint",
    defaults: tuple[float, ...] = (0.3, 0.004),
    *,
    more: str | None = None,
    ligaments: str = STRANDS,
    constraints: str = "",
) -> bytes:
    """Return a right knee whose femur hangs on the ground askew, with offset frames on both sides of its joint."""
    names = ("flex", "slide", "c", "d", "e", "f")
    hip = JOINT.format(
        kind="WeldJoint",
        name="hip",
        parent="ground_offset",
        child="/bodyset/femur_r",
        coordinates="",
        frames=OFFSET.format("ground_offset", "/ground", "0.1 0.9 -0.05", "0.1 -0.2 0.3"),
        more="",
    )
    knee = JOINT.format(
        kind=kind,
        name="knee_r",
        parent="femur_r_offset",
        child="tibia_r_offset",
        coordinates="".join(COORDINATE.format(name, value) for name, value in zip(names, defaults, strict=False)),
        frames=OFFSET.format("femur_r_offset", "/bodyset/femur_r", "0.003 -0.4 0.002", "0.02 0.05 -0.04")
        + OFFSET.format("tibia_r_offset", "/bodyset/tibia_r", "0.001 0.002 -0.001", "-0.03 0.04 0.01"),
        more=(custom(AXES) if kind == "CustomJoint" else "") if more is None else more,
    )
    return (
        "<?xml version='1.0' encoding='UTF-8'?><OpenSimDocument Version='40000'><Model name='k'><Ground name='ground'/>"
        f"<BodySet name='bodyset'><objects>{BODY.format('femur_r', '')}{BODY.format('tibia_r', '')}</objects></BodySet>"
        f"<JointSet name='jointset'><objects>{hip}{knee}</objects></JointSet>"
        f"<ConstraintSet name='constraintset'><objects>{constraints}</objects></ConstraintSet>"
        f"<ForceSet name='forceset'><objects>{ligaments}</objects></ForceSet></Model></OpenSimDocument>"
    ).encode()


ALL = {"mcl": ["MCL1", "MCL2"], "lcl": "LCL"}


def read(
    folder: Path, content: bytes, strands: dict[str, list[str] | str] | None = None, **settings: object
) -> Attachments:
    """Read a model's attachments."""
    path = folder / "theirs.osim"
    path.write_bytes(content)
    return knee_from_osim(path, ALL if strands is None else strands, **settings)


def changed(old: bytes, new: bytes) -> bytes:
    """Return the model with one thing changed."""
    assert old in model()
    return model().replace(old, new, 1)


# Reads lines of a path and a body's name; answers the ends of every ligament in that body's frame [m], a line each.
WORKER = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
quiet = os.open(os.devnull, os.O_WRONLY)
os.dup2(quiet, 1)
os.dup2(quiet, 2)
import opensim
opensim.Logger.setLevelString("off")
for line in sys.stdin:
    path, body = json.loads(line)
    model = opensim.Model(path)
    state = model.initSystem()
    model.realizePosition(state)
    ground = model.getGround()
    frame = opensim.PhysicalFrame.safeDownCast(ground if body == "ground" else model.getBodySet().get(body))
    found = {}
    for force in model.getForceSet():
        path = force.getComponent("path" if force.hasComponent("path") else "geometrypath")
        points = opensim.GeometryPath.safeDownCast(path).getPathPointSet()
        places = [points.get(i).getLocationInGround(state) for i in (0, points.getSize() - 1)]
        places = [ground.findStationLocationInAnotherFrame(state, place, frame) for place in places]
        found[force.getName()] = [[place.get(i) for i in range(3)] for place in places]
    print(json.dumps(found), file=answers, flush=True)
"""


def ends_in_opensim(folder: Path, models: dict[str, tuple[bytes, str]]) -> dict[str, dict[str, list[list[float]]]]:
    """Return the ends of models' ligaments in a body's frame [m], as OpenSim has them in its default pose.

    It is asked once for all models: it takes a second or two to start.
    """
    lines = []
    for i, (content, frame) in enumerate(models.values()):
        path = folder / f"{i}.osim"
        path.write_bytes(content)
        lines.append(json.dumps([str(path), frame]))
    asked = subprocess.run(
        [sys.executable, "-c", WORKER], input="\n".join(lines), capture_output=True, text=True, timeout=600, check=True
    )
    return dict(zip(models, map(json.loads, asked.stdout.splitlines()), strict=True))
