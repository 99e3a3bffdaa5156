"""The picture of the knee itself: condyles, plateau, strands coloured by tension, reaction and load, at one angle."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from numpy.typing import NDArray

from calibrate.canvas import plainly
from calibrate.draws import Draws
from calibrate.errors import ParameterError
from calibrate.figures.labels import strand_label
from calibrate.figures.scene import Scene, chosen_knee, colours, most_loaded, page, scene_of
from calibrate.figures.style import FAINT, SMALL, TEXT, WARNING, dress
from calibrate.posed import REGIONS, Posed, posed

FloatArray = NDArray[np.float64]

_BONE, _EDGE, _TIBIA = "#F3EFE6", "#8C8474", "#B9B09C"
_REACTION, _LOAD = "#009E73", "#D55E00"
_WIDTHS = {"slack": 1.2, "toe": 2.2, "linear": 3.2}  # pt, of a strand
_LINE = 8.5  # mm of a name
_LIMIT = 45.0  # degrees, as for data


@plainly
def knee_plot(run: Draws, *, test: str | None = None, angle: float | None = None, draw: int | None = None) -> Figure:
    """Draw the knee from the front at one angle.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.
    test : str, optional
        In which test, whose flexion, sign and load count; the first by default.
    angle : float, optional
        Degrees, as the test's file counts them; by default where the test's largest load was read, for near 0 most
        knees are slack and there is nothing to see.
    draw : int, optional
        The N-th of the draws, from 0; by default a knee of the parameters' medians.

    Returns
    -------
    Figure
        Femoral-fixed, lateral to the right [mm]. Strands are coloured by their tension, thick where the law is linear,
        thinner in the toe, dashed where they are slack. The reaction is what the femur does to the tibia. A pure moment
        is a bent arrow below the joint; a force is drawn where it acts, in a small picture of the whole shank. Colours
        and arrows have one scale for all angles of the test.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ParameterError
        If there is no such draw, or the angle is beyond 45 degrees.
    GeometryError
        If the knee has no pose.
    """
    of = run.posterior.tests[0] if test is None else run.posterior.test(test)
    angle = most_loaded(of) if angle is None else angle
    if not abs(angle) <= _LIMIT:
        raise ParameterError(f"an angle of {angle:g} degrees is beyond 45, more than any varus-valgus test")
    q = chosen_knee(run, of, draw)
    knee = posed(run.posterior, q, [angle], test=of.name)
    scene = scene_of(run.posterior, of, q, also=angle)
    figure, ax = page(run, scene, knee)
    draw_knee(ax, knee, 0, scene)
    return figure


def draw_knee(ax: Axes, knee: Posed, i: int, scene: Scene) -> None:
    """Draw the first draw at its i-th angle into axes, and into those of the shank beside them."""
    ax.clear()
    for (x, y, r), bears in zip(knee.condyles[0], (not knee.lateral[0, i], knee.lateral[0, i]), strict=True):
        ax.add_patch(
            Circle((x, y), r, facecolor=_BONE, edgecolor=_EDGE, linewidth=1.6 if bears else 0.8, gid="condyle")
        )
    plateau = knee.plateau[0, i]
    ax.plot(*plateau.T, color=_TIBIA, linewidth=4.0, solid_capstyle="round", zorder=1.5, gid="plateau")
    _draw_axis(ax, knee, i, scene)
    for s, name in enumerate(knee.strands):
        _draw_strand(ax, knee, i, s, name, scene)
    _name_strands(ax, knee, i, scene)
    _draw_reaction(ax, knee, i, scene)
    if knee.applied is None:
        _draw_moment(ax, knee, i, scene)
    else:
        (shank,) = [other for other in ax.figure.axes if other.get_label() == "shank"]
        _draw_shank(shank, knee, i, scene)
    ax.set_xlim(*scene.x)
    ax.set_ylim(*scene.y)
    ax.set_xlabel("medial  ←  x [mm]  →  lateral")
    ax.set_ylabel("distal  ←  y [mm]  →  proximal")
    dress(ax)
    ax.set_title(_said(knee, i), fontsize=TEXT, loc="left", pad=4.0)


def _said(knee: Posed, i: int) -> str:
    """Return where the knee is and what holds it."""
    test, reading = knee.test, float(knee.test.sign * knee.load[0, i])
    named = f"{test.name}, " if test.name else ""
    unit = test.measurement.unit
    return (
        f"{named}{test.flexion:g}° of flexion, at {knee.angles[i]:z.1f}°: {knee.kind} {reading:z.1f} {unit} "
        f"({test.positive} positive)"
    )


def _draw_axis(ax: Axes, knee: Posed, i: int, scene: Scene) -> None:
    """Draw the tibia's own y axis, so that its turn is seen."""
    theta, middle = knee.theta[0, i], knee.plateau[0, i].mean(axis=0)
    down = np.array([math.sin(theta), -math.cos(theta)]) * (middle[1] - scene.y[0])
    ax.plot(
        *np.stack([middle, middle + down]).T,
        color=_TIBIA,
        linewidth=0.8,
        linestyle=(0, (6, 3)),
        zorder=0.5,
        gid="tibia",
    )


def _draw_strand(ax: Axes, knee: Posed, i: int, s: int, name: str, scene: Scene) -> None:
    tension, region = float(knee.tensions[0, i, s]), REGIONS[knee.regions[0, i, s]]
    ends = np.stack([knee.femur[0, s, :2], knee.tibia[0, i, s, :2]])
    slack = region == "slack"
    ax.plot(
        *ends.T,
        color=FAINT if slack else colours()(scene.norm(tension)),
        linewidth=_WIDTHS[region],
        linestyle=(0, (2, 2)) if slack else "-",
        solid_capstyle="round",
        zorder=3,
        gid=f"strand {name}",
    )
    ax.plot(*ends.T, "o", color="black", markersize=2.2, zorder=4, gid="attachment")


def _name_strands(ax: Axes, knee: Posed, i: int, scene: Scene) -> None:
    """Write names and tensions in a column on each side, apart from each other, each with a line to its strand."""
    middle = float(np.mean(knee.condyles[0, :, 0]))
    for medial in (True, False):
        mine = [s for s in range(len(knee.strands)) if (knee.femur[0, s, 0] < middle) == medial]
        mine.sort(key=lambda s: -float(knee.tibia[0, i, s, 1]))
        for s, at in zip(mine, _apart([float(knee.tibia[0, i, s, 1]) for s in mine], scene), strict=True):
            end = knee.tibia[0, i, s, :2]
            tension, slack = float(knee.tensions[0, i, s]), knee.regions[0, i, s] == 0
            ax.annotate(
                f"{strand_label(knee.strands[s])}\n{'slack' if slack else f'{tension:.0f} N'}",
                tuple(end),
                xytext=(scene.x[0] + 1.5 if medial else scene.x[1] - 1.5, at),
                textcoords="data",
                fontsize=SMALL,
                ha="left" if medial else "right",
                va="center",
                linespacing=1.1,
                arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.4, "shrinkA": 1.0, "shrinkB": 2.0},
                zorder=5,
                gid=f"tension {knee.strands[s]}",
            )


def _apart(heights: list[float], scene: Scene) -> list[float]:
    """Return heights [mm], falling, for names that are a line apart and in view."""
    out, at = [], scene.y[1]
    for height in heights:
        at = min(height, at - _LINE)
        out.append(at)
    least = scene.y[0] + 0.5 * _LINE
    for j in reversed(range(len(out))):
        out[j] = max(out[j], least)
        least = out[j] + _LINE
    return out


def _draw_reaction(ax: Axes, knee: Posed, i: int, scene: Scene) -> None:
    """Draw what the condyle does to the tibia, its point at the contact."""
    reaction, at = knee.reaction[0, i], knee.contact[0, i]
    size, pushes = float(np.hypot(*reaction)), bool(knee.pushes[0, i])
    colour = _REACTION if pushes else WARNING
    tail = at - reaction * scene.newton
    ax.add_patch(
        FancyArrowPatch(
            tail,
            at,
            arrowstyle="-|>",
            mutation_scale=9.0,
            shrinkA=0.0,
            shrinkB=0.0,
            color=colour,
            linewidth=1.6,
            zorder=6,
            gid="reaction",
        )
    )
    ax.plot(*at, "o", color=colour, markersize=3.5, zorder=6, gid="contact")
    ax.annotate(
        f"reaction {size:.0f} N" if pushes else f"reaction {size:.0f} N would have to pull",
        tail,
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=SMALL,
        color=colour,
        ha="center",
        va="bottom",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6},
        zorder=7,
        gid="reaction said",
    )


def _draw_moment(ax: Axes, knee: Posed, i: int, scene: Scene) -> None:
    """Draw a pure moment on the tibia as a bent arrow: counter-clockwise for valgus."""
    moment = float(knee.load[0, i])
    share = abs(moment) * scene.per_load
    middle = knee.plateau[0, i].mean(axis=0)
    theta = float(knee.theta[0, i])
    down = np.array([math.sin(theta), -math.cos(theta)])
    centre = middle + 0.55 * (middle[1] - scene.y[0]) * down
    radius, half = 11.0, math.radians(20.0 + 115.0 * share)
    around = np.linspace(-half, half, 40) * (1.0 if moment >= 0.0 else -1.0) - 0.5 * math.pi
    path = centre[:, np.newaxis] + radius * np.stack([np.cos(around), np.sin(around)])
    if share > 0.02:
        ax.plot(*path[:, :-3], color=_LOAD, linewidth=1.8, zorder=6, gid="moment")
        ax.add_patch(
            FancyArrowPatch(
                tuple(path[:, -4]),
                tuple(path[:, -1]),
                arrowstyle="-|>",
                mutation_scale=10.0,
                shrinkA=0.0,
                shrinkB=0.0,
                color=_LOAD,
                zorder=6,
                gid="load",
            )
        )
    ax.annotate(
        f"{abs(moment):.1f} N·m\n{_way(moment)}",
        centre,
        fontsize=SMALL,
        color=_LOAD,
        ha="center",
        va="center",
        zorder=7,
        gid="load said",
    )


def _draw_shank(ax: Axes, knee: Posed, i: int, scene: Scene) -> None:
    """Draw the whole shank, and the force where it acts."""
    assert knee.applied is not None
    ax.clear()
    force, at = float(knee.load[0, i]), knee.applied[0, i]
    for x, y, r in knee.condyles[0]:
        ax.add_patch(Circle((x, y), r, facecolor=_BONE, edgecolor=_EDGE, linewidth=0.6))
    plateau, origin = knee.plateau[0, i], knee.plateau[0, i].mean(axis=0)
    ax.plot(*plateau.T, color=_TIBIA, linewidth=2.5, solid_capstyle="round", gid="plateau")
    ax.plot(*np.stack([origin, at]).T, color=_TIBIA, linewidth=2.0, zorder=0.5)
    reach = abs(float(at[1] - origin[1]))
    theta = float(knee.theta[0, i])
    along = np.array([math.cos(theta), math.sin(theta)]) * math.copysign(0.14 * reach, force)
    tail = at - along * (0.3 + 0.7 * abs(force) * scene.per_load)
    ax.add_patch(
        FancyArrowPatch(
            tail,
            at,
            arrowstyle="-|>",
            mutation_scale=9.0,
            shrinkA=0.0,
            shrinkB=0.0,
            color=_LOAD,
            linewidth=1.6,
            zorder=6,
            gid="load",
        )
    )
    middle = float(np.mean(knee.condyles[0, :, 0]))
    half = 0.36 * reach
    ax.set_xlim(middle - half, middle + half)
    top = float((knee.condyles[0, :, 1] + knee.condyles[0, :, 2]).max())
    ax.set_ylim(min(float(at[1]), origin[1]) - 0.16 * reach, top + 0.03 * reach)
    ax.set_aspect("equal", adjustable="box", anchor="S")
    ax.set_axis_off()
    ax.annotate(
        f"{abs(force):.1f} N\n{_way(force)}",
        (middle, float(at[1]) - 0.04 * reach),
        fontsize=SMALL,
        color=_LOAD,
        ha="center",
        va="top",
        gid="load said",
    )


def _way(load: float) -> str:
    """Return the way of a load; one that is written as 0.0 has none."""
    return "" if round(abs(load), 1) == 0.0 else "valgus" if load > 0.0 else "varus"
