"""Attachments read from a model: where OpenSim has them, and by hand, in our axes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import osim_knees as knees
import pytest
from opensim_reader import INSTALLED
from osim_cases import BASE, OF_OPENSIM_3
from osim_knees import changed, read
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from calibrate.osim.functions import spline

# --- Where the ends are: against OpenSim ------------------------------------------------------------------------------

AXIS = {
    "a constant": ("", knees.constant(0.3)),
    "a line": ("flex", knees.linear(0.7, -0.1)),
    "a plane": ("flex slide", "<LinearFunction name='function'><coefficients>.2 .5 .1</coefficients></LinearFunction>"),
    "a polynomial": (
        "flex",
        "<PolynomialFunction name='function'><coefficients>.3 -.2 .05</coefficients></PolynomialFunction>",
    ),
    "pieces": (
        "flex",
        "<PiecewiseLinearFunction name='function'><x>0 .2 1</x><y>.1 .3 -.4</y></PiecewiseLinearFunction>",
    ),
    "pieces beyond their end": (
        "flex",
        "<PiecewiseLinearFunction name='function'><x>0 .1 .2</x><y>.1 0 .3</y></PiecewiseLinearFunction>",
    ),
    "a spline of two points": ("flex", knees.spline("0 1", "0.1 0.3")),
    "a spline of three": ("flex", knees.spline("0 0.2 1", "0.1 0.3 -0.2")),
    "a spline of four": ("flex", knees.spline("-0.3 0 0.5 0.9", "0.1 0.3 -0.2 0.2")),
    "a spline of seven": ("flex", knees.spline("-1 -0.3 0 0.2 0.5 0.9 2", "0 0.1 0.3 -0.2 0.2 0.1 0.4")),
    "a spline at a point": ("flex", knees.spline("-0.3 0 0.3 0.9", "0.1 0.3 -0.2 0.2")),
    "a spline beyond its end": ("flex", knees.spline("-0.3 -0.1 0 0.1", "0.1 0.3 -0.2 0.2")),
    "a spline before its beginning": ("flex", knees.spline("0.5 0.6 0.8 1", "0.1 0.3 -0.2 0.2")),
    "an old name of a spline": (
        "flex",
        "<NaturalCubicSpline name='function'><x>-1 0 1 2</x><y>.1 .3 -.4 0</y></NaturalCubicSpline>",
    ),
    "a function times a number": ("flex", knees.scaled(knees.scaled(knees.spline("0 1", "0.1 0.3"), 2), 0.7)),
    "no function": ("", ""),
}
OLD_KNEE = """<Joint><CustomJoint name="knee"><parent_body>femur_l</parent_body>
<location_in_parent>0.01 -0.4 0.002</location_in_parent><orientation_in_parent>0.1 0.2 0.3</orientation_in_parent>
<location>0.001 0.02 0</location><orientation>-0.1 0.05 0</orientation>
<CoordinateSet name=""><objects><Coordinate name="flex"><motion_type>rotational</motion_type>
<default_value>-0.2</default_value></Coordinate></objects></CoordinateSet><reverse>false</reverse>
<SpatialTransform><TransformAxis name="rotation1"><coordinates>flex</coordinates><axis>0 0 1</axis>
<function><LinearFunction><coefficients>1 0</coefficients></LinearFunction></function></TransformAxis>
<TransformAxis name="rotation2"><coordinates></coordinates><axis>0 1 0</axis>
<function><Constant><value>0</value></Constant></function></TransformAxis>
<TransformAxis name="rotation3"><coordinates></coordinates><axis>1 0 0</axis>
<function><Constant><value>0</value></Constant></function></TransformAxis>
<TransformAxis name="translation1"><coordinates>flex</coordinates><axis>1 0 0</axis><function><MultiplierFunction>
<function><SimmSpline><x>-1 0 0.5 1</x><y>0.01 -0.02 0.03 0.01</y></SimmSpline></function><scale>1.1</scale>
</MultiplierFunction></function></TransformAxis>
<TransformAxis name="translation2"><coordinates></coordinates><axis>0 1 0</axis>
<function><Constant><value>-0.01</value></Constant></function></TransformAxis>
<TransformAxis name="translation3"><coordinates></coordinates><axis>0 0 1</axis>
<function><Constant><value>0</value></Constant></function></TransformAxis></SpatialTransform></CustomJoint></Joint>"""
OLD_HIP = """<Joint><WeldJoint name="hip"><parent_body>ground</parent_body>
<location_in_parent>0 0.9 0</location_in_parent>
<orientation_in_parent>0 0.1 0</orientation_in_parent><location>0 0 0</location><orientation>0 0 0</orientation>
</WeldJoint></Joint>"""
OLD_BODY = (
    '<Body name="{}"><mass>1</mass><mass_center>0 0 0</mass_center><inertia_xx>1</inertia_xx><inertia_yy>1</inertia_yy>'
    "<inertia_zz>1</inertia_zz>{}</Body>"
)
OLD_POINT = '<PathPoint name="{}"><location>{}</location><body>{}</body></PathPoint>'
# A left knee in the format of OpenSim 3.
OLD = """<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="30000"><Model name="k"><BodySet name=""><objects>{}{}{}</objects></BodySet>
<ForceSet name=""><objects>{}</objects></ForceSet></Model></OpenSimDocument>
""".format(
    OLD_BODY.format("ground", "<Joint/>"),
    OLD_BODY.format("femur_l", OLD_HIP),
    OLD_BODY.format("tibia_l", OLD_KNEE),
    "".join(
        f'<Blankevoort1991Ligament name="{name}"><GeometryPath name=""><PathPointSet><objects>'
        f"{OLD_POINT.format('p', femur, 'femur_l')}{OLD_POINT.format('q', tibia, 'tibia_l')}</objects></PathPointSet>"
        "</GeometryPath><linear_stiffness>3000</linear_stiffness></Blankevoort1991Ligament>"
        for name, femur, tibia in (
            ("MCL", ".002 -.39 .04", ".01 -.06 .017"),
            ("LCL", "0 -.395 -.036", "-.01 -.05 -.045"),
        )
    ),
).encode()
SIX = (0.3, -0.2, 0.25, 0.01, -0.02, 0.03)
JOINTS = {
    "WeldJoint": 0,
    "PinJoint": 1,
    "SliderJoint": 1,
    "UniversalJoint": 2,
    "BallJoint": 3,
    "GimbalJoint": 3,
    "PlanarJoint": 3,
    "FreeJoint": 6,
}
IN_A_BODY = changed(
    b"</inertia></Body><Body name='tibia_r'>",
    b"</inertia><components>%b</components></Body><Body name='tibia_r'>"
    % knees.OFFSET.format("epicondyle", "..", "0.01 0.02 0.03", "0.1 0.2 0.3").encode(),
).replace(b"<socket_parent_frame>/bodyset/femur_r<", b"<socket_parent_frame>/bodyset/femur_r/epicondyle<", 1)
# A frame on a frame: the joint's parent is one step further away.
ON_A_FRAME = changed(
    b"<PhysicalOffsetFrame name='femur_r_offset'>",
    knees.OFFSET.format("further", "../femur_r_offset", "0.01 0.02 0.03", "0.1 0.2 0.3").encode()
    + b"<PhysicalOffsetFrame name='femur_r_offset'>",
).replace(b"<socket_parent_frame>femur_r_offset<", b"<socket_parent_frame>further<")
# The tibia hangs on the ground, and the femur on the tibia.
UPSIDE_DOWN = (
    changed(b"<socket_child_frame>/bodyset/femur_r<", b"<socket_child_frame>/bodyset/tibia_r<")
    .replace(b"<socket_parent_frame>femur_r_offset<", b"<socket_parent_frame>tibia_r_offset<")
    .replace(b"<socket_child_frame>tibia_r_offset<", b"<socket_child_frame>femur_r_offset<")
)
# As in models made from images, the LCL ends on a fibula that is welded to the tibia, askew.
FIBULA = knees.JOINT.format(
    kind="WeldJoint",
    name="fibula",
    parent="/bodyset/tibia_r",
    child="fibula_offset",
    coordinates="",
    frames=knees.OFFSET.format("fibula_offset", "/bodyset/fibula_r", "0.01 0.02 -0.03", "0.1 0.2 0.3"),
    more="",
).encode()
THREE_BODIES = (
    knees.model(
        ligaments=knees.STRANDS
        + knees.ligament("LCL2", "0 -0.39 0.04", "0 -0.01 0", ends=("/bodyset/femur_r", "/bodyset/fibula_r"))
    )
    .replace(b"</objects></BodySet>", knees.BODY.format("fibula_r", "").encode() + b"</objects></BodySet>")
    .replace(b"</objects></JointSet>", FIBULA + b"</objects></JointSet>")
)
# Which model, and in which body's frame.
PLACED = {
    "as published knees are": (knees.model(), "femur_r"),
    "flexed": (knees.model(defaults=(-0.7, 0.004)), "femur_r"),
    "beyond the splines": (knees.model(defaults=(2.5, 0.1)), "femur_r"),
    "at a spline's point": (knees.model(defaults=(0.4, 0.0)), "femur_r"),
    "axes left out": (
        knees.model(more=knees.custom({name: knees.AXES[name] for name in ("rotation1", "translation2")})),
        "femur_r",
    ),
    "a frame in a body": (IN_A_BODY, "femur_r"),
    "a frame on a frame": (ON_A_FRAME, "femur_r"),
    "the femur on the tibia": (UPSIDE_DOWN, "femur_r"),
    "an end on the fibula": (THREE_BODIES, "femur_r"),
    "the femur is the ground": (BASE, "ground"),
    "OpenSim 3, with a pin": (OF_OPENSIM_3, "ground"),
    "OpenSim 3, a left knee": (OLD, "femur_l"),
    **{
        f"{axis} by {case}": (
            knees.model(more=knees.custom({**knees.AXES, axis: (names, "1 0.1 0.2", function)})),
            "femur_r",
        )
        for case, (names, function) in AXIS.items()
        for axis in ("rotation2", "translation1")
    },
    **{kind: (knees.model(kind, SIX[:size]), "femur_r") for kind, size in JOINTS.items()},
}


@pytest.fixture(scope="module")
def in_opensim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[list[float]]]]:
    return knees.ends_in_opensim(tmp_path_factory.mktemp("opensim"), PLACED)


@pytest.mark.skipif(not INSTALLED, reason="OpenSim is not installed: pip install 'calibrate[opensim]'")
@pytest.mark.parametrize("case", PLACED)
def test_ends_lie_where_opensim_has_them(
    case: str, tmp_path: Path, in_opensim: dict[str, dict[str, list[list[float]]]]
) -> None:
    model, frame = PLACED[case]
    expected = in_opensim[case]
    assert len(expected) == 1 if case == "OpenSim 3, with a pin" else len(expected) > 1
    found = read(tmp_path, model, {f"s_{name}": name for name in expected})
    assert found.frame == frame
    sign = -1.0 if found.side == "l" else 1.0
    for strand in found.strands:
        places = np.array([strand.femur, strand.tibia])[:, [2, 1, 0]] * [1.0, 1.0, sign] / 1000.0
        np.testing.assert_allclose(places, expected[strand.theirs[0]], rtol=0, atol=1e-12)


# --- ... and by hand --------------------------------------------------------------------------------------------------


def flexed(angle: float) -> np.ndarray:
    """The pose of a custom joint with flexion alone, worked out with SciPy's rotations: (4, 4)."""
    whole = np.eye(4)
    for translation, orientation, back in (
        ((0.003, -0.4, 0.002), (0.02, 0.05, -0.04), False),
        ((0, 0, 0), (0, 0, angle), False),
        ((0.001, 0.002, -0.001), (-0.03, 0.04, 0.01), True),
    ):
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = Rotation.from_euler("XYZ", orientation).as_matrix(), translation
        whole = whole @ (np.linalg.inv(step) if back else step)
    return whole


def test_a_pin_between_offset_frames_is_what_it_is_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, knees.model("PinJoint", (0.3,)), {"mcl": "MCL1", "lcl": "LCL"})
    mcl, lcl = found.strands
    # OpenSim's x, y, z [m] are our z, y, x [mm] in a right knee.
    np.testing.assert_allclose(mcl.femur, [-40.0, -390.0, 2.0], rtol=1e-14)
    np.testing.assert_allclose(lcl.femur, [36.0, -395.0, -1.0], rtol=1e-14)
    x, y, z, _ = flexed(0.3) @ [0.01, -0.06, -0.017, 1.0]
    np.testing.assert_allclose(mcl.tibia, [1000 * z, 1000 * y, 1000 * x], rtol=1e-13)
    assert found.side == "r"
    assert found.frame == "femur_r"


def test_a_left_knee_is_the_mirror_image_of_a_right_one(tmp_path: Path) -> None:
    points = (("MCL", "0.002 0.01 {}", 0.04, "0.01 -0.06 {}", 0.017), ("LCL", "0 0 {}", -0.036, "0 -0.05 {}", -0.045))
    found = []
    for side, sign in (("r", -1.0), ("l", 1.0)):
        ligaments = "".join(
            knees.ligament(name, femur.format(sign * z), tibia.format(sign * depth))
            for name, femur, z, tibia, depth in points
        )
        model = knees.model("WeldJoint", (), ligaments=ligaments).decode()
        model = re.sub("<(translation|orientation)>[^<]*</", r"<\1>0 0 0</", model)
        model = model.replace("femur_r", f"femur_{side}").replace("tibia_r", f"tibia_{side}")
        found.append(read(tmp_path, model.encode(), {"mcl": "MCL", "lcl": "LCL"}))
    assert [each.side for each in found] == ["r", "l"]
    for one, other in zip(found[0].strands, found[1].strands, strict=True):
        np.testing.assert_array_equal(one.femur, other.femur)
        np.testing.assert_array_equal(one.tibia, other.tibia)
    np.testing.assert_allclose(found[0].strands[0].femur, [-40.0, 10.0, 2.0], rtol=1e-14)


def test_several_strands_are_one_at_their_mean_by_stiffness_or_a_plain_one(tmp_path: Path) -> None:
    one, other = read(tmp_path, knees.model(), {"a": "MCL1", "b": "MCL2"}).strands
    found = read(tmp_path, knees.model())
    mean = found.strands[0]
    np.testing.assert_allclose(mean.femur, 0.25 * one.femur + 0.75 * other.femur, rtol=1e-13)
    np.testing.assert_allclose(mean.tibia, 0.25 * one.tibia + 0.75 * other.tibia, rtol=1e-13)
    assert mean.theirs == ("MCL1", "MCL2")
    assert "mcl: 2 strands averaged, weighted by their stiffness" in found.notes
    for stiffness in (b"<linear_stiffness>0<", b"<linear_stiffness>a lot<"):
        found = read(tmp_path, changed(b"<linear_stiffness>1000<", stiffness))
        np.testing.assert_allclose(found.strands[0].femur, (one.femur + other.femur) / 2.0, rtol=1e-13)
        assert "mcl: 2 strands averaged, plainly: not all have a stiffness" in found.notes


def test_the_tibia_is_turned_back_by_theta_0(tmp_path: Path) -> None:
    straight, turned = (read(tmp_path, knees.model(), theta_0=angle).strands[0] for angle in (0.0, 0.02))
    np.testing.assert_array_equal(straight.femur, turned.femur)
    rotation = np.array([[np.cos(0.02), -np.sin(0.02)], [np.sin(0.02), np.cos(0.02)]])
    np.testing.assert_allclose(rotation @ turned.tibia[:2], straight.tibia[:2], rtol=1e-13)
    assert turned.tibia[2] == straight.tibia[2]


def test_the_spline_is_a_cubic_through_cubics_and_a_line_beyond() -> None:
    x = np.array([-1.0, 0.0, 0.4, 1.3, 2.0])
    cubic = np.polynomial.Polynomial([0.3, -1.0, 0.5, 0.2])
    for at in np.linspace(-1.0, 2.0, 31):
        assert spline(x, cubic(x), at) == pytest.approx(cubic(at), abs=1e-13)
    y = np.array([0.1, -0.3, 0.5, 0.2, 0.9])
    assert [spline(x, y, at) for at in x] == pytest.approx(y.tolist(), abs=1e-15)
    # Within, it is some C2 cubic spline: SciPy's with the same slopes at the ends.
    ends = [(spline(x, y, at) - spline(x, y, at - d)) / d for at, d in ((-2.0, 1.0), (4.0, 1.0))]
    other = CubicSpline(x, y, bc_type=((1, ends[0]), (1, ends[1])))
    for at in np.linspace(-1.0, 2.0, 31):
        assert spline(x, y, at) == pytest.approx(float(other(at)), abs=1e-13)
