"""What stays the same while a knee moves in pictures: which knee, scales of colours and arrows, the page."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibrate.draws import Draws
from calibrate.errors import ParameterError
from calibrate.figures.style import PAGE_WIDTH, SMALL, heading, new_figure
from calibrate.posed import Posed, posed
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

# Colours: cividis without its darkest end, which bone and text have.
_LOW, _HIGH = 0.12, 1.0
_ARROW = 34.0  # mm in the knee, of the largest force
_AIR, _MARGIN = 10.0, 16.0  # mm of air above and below; on either side, where names are written
_DRAWS = 50_000  # that medians are taken of
_SWEEP = 25  # angles that scales are settled by


@dataclass(frozen=True)
class Scene:
    """What stays the same while a knee moves: colours, lengths of arrows, limits.

    Attributes
    ----------
    norm : Normalize
        Tensions [N] of the ends of the colours.
    newton : float
        Millimetres of the reaction's arrow for each newton.
    per_load : float
        Share of the load's largest arrow for each unit of the load.
    x, y : tuple of float
        What is in view [mm].
    """

    norm: Normalize
    newton: float
    per_load: float
    x: tuple[float, float]
    y: tuple[float, float]


def chosen_knee(run: Draws, test: LaxityTest, draw: int | None) -> FloatArray:
    """Return the free parameters of one draw, or the medians, (ndim,), if they are a knee with a pose."""
    q = np.median(run.thinned(_DRAWS), axis=0)
    if draw is not None:
        if not 0 <= draw < run.draws:
            raise ParameterError(f"draw {draw}: there are the draws 0 to {run.draws - 1}")
        q = run.draw(draw)
    run.posterior.geometry(q, test.name)  # complains of a knee without a pose
    return np.asarray(q)


def measured(test: LaxityTest) -> tuple[float, float]:
    """Return the outermost angles of a test's data [degrees], and a degree more if there is but one."""
    degrees = test.measurement.in_degrees(test.measurement.angles)
    low, high = float(degrees.min()), float(degrees.max())
    return (low, high) if high > low else (min(low, -1.0), max(high, 1.0))


def most_loaded(test: LaxityTest) -> float:
    """Return the angle [degrees] at which a test's largest load was read, the first of several."""
    measurement = test.measurement
    return float(measurement.in_degrees(measurement.angles)[np.argmax(np.abs(measurement.loads))])


def scene_of(posterior: Posterior, test: LaxityTest, q: FloatArray, also: float | None = None) -> Scene:
    """Settle the scales by the angles of a test's data, and one angle more."""
    angles = np.linspace(*measured(test), _SWEEP)
    knee = posed(posterior, q, angles if also is None else np.append(angles, also), test=test.name)
    reaction = float(np.hypot(*np.moveaxis(knee.reaction, -1, 0)).max())
    load = float(np.abs(knee.load).max())
    condyles = knee.condyles[0]
    points = np.concatenate([knee.femur[0, :, :2], knee.tibia[0, ..., :2].reshape(-1, 2), *knee.plateau[0]])
    air = np.array([_MARGIN, _AIR])
    low = np.minimum(points.min(axis=0), (condyles[:, :2] - condyles[:, 2:]).min(axis=0)) - air
    high = np.maximum(points.max(axis=0), (condyles[:, :2] + condyles[:, 2:]).max(axis=0)) + air
    return Scene(
        Normalize(0.0, float(knee.tensions.max()) or 1.0),
        _ARROW / reaction if reaction > 0.0 else 0.0,
        1.0 / load if load > 0.0 else 0.0,
        (float(low[0]), float(high[0])),
        (float(low[1]), float(high[1])),
    )


def colours() -> Colormap:
    """Return the colours of tensions."""
    return ListedColormap(matplotlib.colormaps["cividis"](np.linspace(_LOW, _HIGH, 256)))


def page(run: Draws, scene: Scene, knee: Posed) -> tuple[Figure, Axes]:
    """Return a page with the scale of the colours, and the axes of the knee; nothing is in these yet."""
    wide, tall = np.ptp(scene.x), np.ptp(scene.y)
    force = knee.applied is not None
    room = PAGE_WIDTH - (76.0 if force else 40.0)
    height = min(150.0, room * tall / wide)
    figure = new_figure(PAGE_WIDTH, height + 30.0, constrained=False)
    width, up = PAGE_WIDTH, height + 30.0
    ax = figure.add_axes((16.0 / width, 18.0 / up, (height * wide / tall) / width, height / up))
    ax.set_label("knee")
    right = 16.0 + height * wide / tall
    bar = figure.add_axes(((right + 4.0) / width, 18.0 / up, 3.0 / width, 0.45 * height / up))
    figure.colorbar(ScalarMappable(scene.norm, colours()), cax=bar)
    bar.set_ylabel("Tension [N]", fontsize=SMALL)
    bar.tick_params(labelsize=SMALL, width=0.6, length=2.5)
    if force:
        shank = figure.add_axes(((right + 16.0) / width, 18.0 / up, 42.0 / width, height / up))
        shank.set_label("shank")
    heading(figure, run, x=2.0 / width, y=1.0 - 2.0 / up, va="top")
    return figure, ax
