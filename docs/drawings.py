"""The drawings of these pages: the bundled knee, by the functions that calibrate it.

`python docs/drawings.py` makes them all, to be looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle

from calibrate.canvas import PlainFigure, plainly
from calibrate.config import load_config
from calibrate.examples import example
from calibrate.figures.knees import draw_knee
from calibrate.figures.scene import Scene
from calibrate.knee.geometry import geometry_of
from calibrate.knee.ligament import tension
from calibrate.posed import Posed, posed
from calibrate.posterior import Posterior

MM = 1.0 / 25.4  # inches
BLUE, RED, GREEN, GREY, FAINT = "#0072B2", "#D55E00", "#009E73", "#555555", "#C9C9C9"
# About the medians of the bundled knee: k [N/mm], alpha, strain at the reference pose.
LAWS = {"mcl": (140.0, 0.047, -0.006), "lcl": (144.0, 0.049, -0.02)}
TAUT = {"mcl": (60.0, 0.05, 0.03), "lcl": (60.0, 0.05, 0.02)}  # at the reference pose, so that the load jumps there


@cache
def posterior() -> Posterior:
    """Return the posterior of the bundled knee."""
    return Posterior.from_config(load_config(example("oks009.toml")))


def values(laws: dict[str, tuple[float, float, float]] = LAWS) -> list[float]:
    """Return the free parameters: both laws, an exact zero of the angle, the noise."""
    return [number for name in ("mcl", "lcl") for number in laws[name]] + [0.0, 0.2]


def at(degrees: float) -> Posed:
    """Return the knee at an angle of its own, valgus positive; the bundled file counts varus as positive."""
    return posed(posterior(), values(), [-degrees])


def theta_0() -> float:
    """Return the angle at which both condyles touch [degrees]."""
    return math.degrees(posterior().geometry(np.array(values())).theta_0)


def draw_bones(axes: Axes, knee: Posed) -> None:
    """Draw condyles, plateau and strands, without anything that moves them."""
    for x, y, radius in knee.condyles[0]:
        axes.add_patch(Circle((x, y), radius, facecolor="#F2E9DC", edgecolor=GREY, linewidth=1.0))
        axes.plot(x, y, "+", color=GREY, markersize=5)
    axes.plot(*knee.plateau[0, 0].T, color="black", linewidth=2.0, solid_capstyle="round")
    for femur, tibia in zip(knee.femur[0], knee.tibia[0, 0], strict=True):
        axes.plot([femur[0], tibia[0]], [femur[1], tibia[1]], "-o", color=BLUE, linewidth=2.0, markersize=3)
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
    knee = at(theta_0())
    figure = PlainFigure(figsize=(120 * MM, 105 * MM), layout="constrained")
    axes = figure.add_subplot()
    draw_bones(axes, knee)
    arrow(axes, (0, 0), (16, 0), "x", color="black")
    arrow(axes, (0, 0), (0, 16), "y", color="black")
    axes.annotate("z towards you:\nanterior", (2, 8), fontsize=7)
    axes.annotate("medial", (-62, 22), ha="center", color=GREY)
    axes.annotate("lateral", (62, 22), ha="center", color=GREY)
    axes.annotate("MCL", (-37, -30), ha="right", color=BLUE)
    axes.annotate("LCL", (46, -30), ha="left", color=BLUE)
    medial, (*centre, radius) = knee.condyles[0]
    arrow(axes, (centre[0], centre[1]), (centre[0] + radius * 0.8, centre[1] + radius * 0.6))
    axes.annotate("$r_\\mathrm{lat}$", (centre[0] + 1, centre[1] + 6))
    axes.annotate("$C_\\mathrm{lat}$", (centre[0] - 1, centre[1] - 5), ha="center")
    axes.annotate("$C_\\mathrm{med}$", (medial[0], medial[1] - 6), ha="center")
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
    figure = PlainFigure(figsize=(180 * MM, 85 * MM), layout="constrained")
    knees = posed(posterior(), values(), [-theta_0() + turn for turn in (4.0, 0.0, -4.0)])
    tensest, force = float(knees.tensions.max()), float(np.hypot(*np.moveaxis(knees.reaction, -1, 0)).max())
    scene = Scene(
        Normalize(0.0, 2.0 * tensest), 20.0 / force, 0.5 / float(np.abs(knees.load).max()), (-62, 68), (-80, 25)
    )
    for i, word in enumerate(
        ("varus: on the medial condyle", "both touch: $\\theta_0$", "valgus: on the lateral condyle")
    ):
        axes = figure.add_subplot(1, 3, i + 1)
        draw_knee(axes, knees, i, scene)
        axes.set_title("", loc="left")
        axes.set_title(word, fontsize=9)
        axes.set_aspect("equal")
        axes.set_axis_off()
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
    middle = theta_0()
    degrees = np.concatenate([np.linspace(-7.0, middle, 200), np.linspace(middle + 1e-9, 7.0, 200)])
    knee = posed(posterior(), values(TAUT), -degrees)
    figure = PlainFigure(figsize=(120 * MM, 75 * MM), layout="constrained")
    axes = figure.add_subplot()
    for i, (word, colour) in enumerate((("MCL", RED), ("LCL", BLUE))):
        dashes = ((0, (3, 2)), (0, (1, 1)))[i]
        axes.plot(degrees, knee.moments[0, :, i], color=colour, linewidth=1.2, linestyle=dashes, label=word)
    axes.plot(degrees, knee.load[0], color="black", linewidth=2.0, label="both")
    axes.axvline(middle, color=FAINT, linewidth=1.0, zorder=0)
    axes.annotate(" $\\theta_0$", (middle, -18), color=GREY)
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
    geometry = geometry_of(load_config(example("oks009.toml")).knee)
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
