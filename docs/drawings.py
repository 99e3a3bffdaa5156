"""The drawings of these pages: the bundled knee, by the functions that calibrate it.

`python docs/drawings.py` makes them all, to be looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle

from calibrate.canvas import PlainFigure, plainly
from calibrate.config import load_config
from calibrate.examples import example
from calibrate.knee.contact import contact_at, rotate
from calibrate.knee.geometry import Geometry, geometry_of, kinematics, tibial_origin
from calibrate.knee.ligament import tension

MM = 1.0 / 25.4  # inches
BLUE, RED, GREEN, GREY, FAINT = "#0072B2", "#D55E00", "#009E73", "#555555", "#C9C9C9"
# About the medians of the bundled knee: k [N/mm], alpha, strain at the reference pose.
LAWS = {"mcl": (140.0, 0.047, -0.006), "lcl": (144.0, 0.049, -0.02)}
TAUT = {"mcl": (60.0, 0.05, 0.03), "lcl": (60.0, 0.05, 0.02)}  # at the reference pose, so that the load jumps there


def knee() -> Geometry:
    """Return the bundled knee, at the middles of what is uncertain."""
    return geometry_of(load_config(example("oks009.toml")).knee)


def laws(geometry: Geometry, of: dict[str, tuple[float, float, float]] = LAWS) -> list[tuple[float, float, float]]:
    """Return k, alpha and l_0 of each strand."""
    lengths = geometry.reference_lengths()
    found = []
    for name, length in zip(geometry.names, lengths, strict=True):
        k, alpha, strain = of[name]
        found.append((k, alpha, length / (1.0 + strain)))
    return found


def draw_knee(axes: Axes, geometry: Geometry, degrees: float) -> None:
    """Draw condyles, plateau and strands at an angle, with the contact and where a strand is taut."""
    theta = math.radians(degrees)
    origin = tibial_origin(geometry, theta)[:, 0]

    def placed(x: float, y: float) -> np.ndarray:
        return origin + rotate(theta, np.array([x, y]))

    contact = contact_at(geometry, np.array([theta]))
    for centre, radius in (
        (geometry.lateral_centre, geometry.lateral_radius),
        (geometry.medial_centre, geometry.medial_radius),
    ):
        axes.add_patch(Circle(centre, radius, facecolor="#F2E9DC", edgecolor=GREY, linewidth=1.0))
        axes.plot(*centre, "+", color=GREY, markersize=5)
    height = contact.on_tibia[1, 0]
    ends = np.stack([placed(-42.0, height), placed(42.0, height)], axis=1)
    axes.plot(*ends, color="black", linewidth=2.0, solid_capstyle="round")
    axes.plot(*contact.point[:, 0], "o", color=GREEN, markersize=5, zorder=4)
    lengths = kinematics(geometry, theta).lengths[:, 0]
    for strand, (_, _, slack), length in zip(geometry.strands, laws(geometry), lengths, strict=True):
        line = np.stack([np.array(strand.femur[:2]), placed(*strand.tibia[:2])], axis=1)
        taut = length > slack
        axes.plot(*line, color=RED if taut else BLUE, linestyle="-" if taut else (0, (3, 2)), linewidth=2.2)
        axes.plot(*line, "o", color="black", markersize=3)
    axes.set_aspect("equal")
    axes.set_axis_off()


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "", *, color: str = GREY
) -> None:
    """Draw an arrow with a word at its tip."""
    style = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.2}
    axes.annotate("", end, start, arrowprops=style)
    if text:
        along = np.array(end) - np.array(start)
        axes.annotate(text, np.array(end) + 4.5 * along / np.hypot(*along), ha="center", va="center", color=color)


@plainly
def frames() -> Figure:
    """Return the frames and signs, on the knee as it stands with both condyles touching."""
    geometry = knee()
    figure = PlainFigure(figsize=(120 * MM, 105 * MM), layout="constrained")
    axes = figure.add_subplot()
    draw_knee(axes, geometry, math.degrees(geometry.theta_0))
    arrow(axes, (0, 0), (16, 0), "x", color="black")
    arrow(axes, (0, 0), (0, 16), "y", color="black")
    axes.annotate("z towards you:\nanterior", (2, 8), fontsize=7)
    axes.annotate("medial", (-62, 22), ha="center", color=GREY)
    axes.annotate("lateral", (62, 22), ha="center", color=GREY)
    axes.annotate("MCL", (-37, -30), ha="right", color=BLUE)
    axes.annotate("LCL", (46, -30), ha="left", color=BLUE)
    centre, radius = geometry.lateral_centre, geometry.lateral_radius
    arrow(axes, centre, (centre[0] + radius * 0.8, centre[1] + radius * 0.6))
    axes.annotate("$r_\\mathrm{lat}$", (centre[0] + 1, centre[1] + 6))
    axes.annotate("$C_\\mathrm{lat}$", (centre[0] - 1, centre[1] - 5), ha="center")
    axes.annotate("$C_\\mathrm{med}$", (geometry.medial_centre[0], geometry.medial_centre[1] - 6), ha="center")
    arrow(axes, (0, -23), (-0.4, -39), "$n$", color=GREEN)
    axes.add_patch(Arc((0, -24), 84, 84, theta1=248, theta2=292, color=RED, linewidth=1.4))
    arrow(axes, (14.3, -63.4), (17.4, -62.2), color=RED)
    axes.annotate("valgus: $\\theta > 0$\nthe foot goes laterally", (4, -75), ha="center", color=RED)
    axes.set_xlim(-72, 72)
    axes.set_ylim(-82, 32)
    return figure


@plainly
def poses() -> Figure:
    """Return the knee in varus, at the reference pose and in valgus."""
    geometry = knee()
    figure = PlainFigure(figsize=(180 * MM, 80 * MM), layout="constrained")
    middle = math.degrees(geometry.theta_0)
    for i, (angle, word) in enumerate(
        (
            (middle - 8.0, "varus: medial contact"),
            (middle, "both touch: $\\theta_0$"),
            (middle + 8.0, "valgus: lateral contact"),
        )
    ):
        axes = figure.add_subplot(1, 3, i + 1)
        draw_knee(axes, geometry, angle)
        axes.set_title(word, fontsize=9)
        axes.set_xlim(-58, 62)
        axes.set_ylim(-72, 22)
    return figure


@plainly
def law() -> Figure:
    """Return the strands' law with its three regions."""
    k, alpha, slack = 60.0, 0.06, 80.0
    toe = alpha * slack
    figure = PlainFigure(figsize=(120 * MM, 75 * MM), layout="constrained")
    axes = figure.add_subplot()
    stretch = np.linspace(-3.0, 9.0, 400)
    for low, high, colour, word in (
        (-3.0, 0.0, "#FFFFFF", "slack"),
        (0.0, toe, "#F5F0E6", "toe"),
        (toe, 9.0, "#E4EEF5", "linear"),
    ):
        axes.axvspan(low, high, color=colour, linewidth=0)
        axes.annotate(word, (0.5 * (low + high), 345), ha="center", color=GREY)
    axes.plot(stretch, tension(slack + stretch, k, alpha, slack), color=BLUE, linewidth=2.0)
    axes.plot([toe / 2, toe], [0, k * toe / 2], color=BLUE, linewidth=1.0, linestyle=(0, (3, 2)))
    axes.annotate("$T = k e^2 / (2 \\alpha l_0)$", (1.0, 55), (0.3, 130), fontsize=9)
    axes.annotate("$T = k\\,(e - \\alpha l_0 / 2)$", (7.0, 270), (2.2, 262), fontsize=9)
    axes.annotate("slope $k$", (7.4, 215), fontsize=9, color=BLUE)
    axes.set_xticks([0.0, toe], ["$l_0$", "$l_0 (1 + \\alpha)$"])
    axes.set_xlabel("length of the strand")
    axes.set_ylabel("tension [N]")
    axes.set_xlim(-3, 9)
    axes.set_ylim(-15, 380)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


@plainly
def load_angle() -> Figure:
    """Return the load over the angle, with what each strand adds, the jump and where strands become taut."""
    geometry = knee()
    degrees = np.concatenate(
        [
            np.linspace(-7.0, math.degrees(geometry.theta_0), 200),
            np.linspace(math.degrees(geometry.theta_0) + 1e-9, 7.0, 200),
        ]
    )
    pose = kinematics(geometry, np.radians(degrees))
    figure = PlainFigure(figsize=(120 * MM, 75 * MM), layout="constrained")
    axes = figure.add_subplot()
    loads = []
    for i, (k, alpha, slack) in enumerate(laws(geometry, TAUT)):
        loads.append(tension(pose.lengths[i], k, alpha, slack) * pose.arms[i] / 1000.0)
        axes.plot(
            degrees,
            loads[-1],
            color=(RED, BLUE)[i],
            linewidth=1.2,
            linestyle=((0, (3, 2)), (0, (1, 1)))[i],
            label=("MCL", "LCL")[i],
        )
    axes.plot(degrees, sum(loads), color="black", linewidth=2.0, label="both")
    axes.axvline(math.degrees(geometry.theta_0), color=FAINT, linewidth=1.0, zorder=0)
    axes.annotate(" $\\theta_0$", (math.degrees(geometry.theta_0), -18), color=GREY)
    axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    axes.set_xlabel("angle [degrees], valgus positive")
    axes.set_ylabel("moment [N·m]")
    axes.set_ylim(-22, 22)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


@plainly
def flexion() -> Figure:
    """Return the knee from the side: how flexion turns the femoral attachments about the axis."""
    geometry = knee()
    figure = PlainFigure(figsize=(120 * MM, 90 * MM), layout="constrained")
    axes = figure.add_subplot()
    ends = [strand.femur for strand in geometry.strands]
    axis = np.mean([end[2] for end in ends]), np.mean([end[1] for end in ends])
    axes.plot(*axis, "o", color="black", markersize=6)
    axes.annotate(
        "flexion axis,\nalong x",
        axis,
        (axis[0] + 9, axis[1] + 3),
        arrowprops={"arrowstyle": "-", "color": GREY},
        va="center",
    )
    for degrees, shade in ((0.0, 1.0), (30.0, 0.7), (60.0, 0.45), (90.0, 0.25)):
        for strand, colour in zip(geometry.at(math.radians(degrees)).flexed, (RED, BLUE), strict=True):
            axes.plot(
                [strand.femur[2], strand.tibia[2]],
                [strand.femur[1], strand.tibia[1]],
                color=colour,
                alpha=shade,
                linewidth=1.8,
            )
            axes.plot(strand.femur[2], strand.femur[1], "o", color=colour, alpha=shade, markersize=4)
    for strand, word, colour, shift in zip(geometry.strands, ("MCL", "LCL"), (RED, BLUE), (4.0, -4.0), strict=True):
        axes.annotate(word, (strand.femur[2] + shift, strand.femur[1] - 9.0), ha="center", color=colour)
    for degrees, strand in ((0, geometry.flexed[0]), (90, geometry.at(math.radians(90.0)).flexed[0])):
        axes.annotate(
            f"{degrees}°", strand.femur[2:0:-1], (strand.femur[2], strand.femur[1] + 1.5), ha="center", color=RED
        )
    axes.set_aspect("equal")
    axes.set_xlabel("z [mm], anterior to the right")
    axes.set_ylabel("y [mm]")
    axes.set_xlim(-20, 25)
    axes.set_ylim(-10, 18)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


DRAWINGS: dict[str, Callable[[], Figure]] = {
    "frames": frames,
    "poses": poses,
    "law": law,
    "load_angle": load_angle,
    "flexion": flexion,
}

if __name__ == "__main__":
    for name, make in DRAWINGS.items():
        path = Path(__file__).parent / "_drawn" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        make().savefig(path, dpi=110)
        print(path)
