"""The figures of the page: each drawn once, small enough to be sent, with its parameters' places for highlighting."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from calibrate.figures import FIGURES
from calibrate.figures.labels import labels_of, symbol
from calibrate.report.words import estimate, number
from calibrate.results import Run
from calibrate.texts import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Dots per inch on a page: sharp at the width of a text column on a screen, and in print.
_DPI = 170
_NAMED = 6
# Drawn by the page itself.
_MOVING = ("knee",)
_COLOURS = 256


@dataclass(frozen=True)
class Panel:
    """A part of a picture that belongs to parameters, as shares of its width and height from the upper left corner."""

    names: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Picture:
    """A figure for the page.

    Attributes
    ----------
    name, title, caption : str
        As in the registry of figures.
    source : str
        The picture itself, as a data URI.
    alt : str
        What is seen, in words.
    width, height : int
        In pixels.
    panels : tuple of Panel
        Which of its parts belong to which parameters.
    """

    name: str
    title: str
    caption: str
    source: str
    alt: str
    width: int
    height: int
    panels: tuple[Panel, ...]


class Drawn(NamedTuple):
    """A figure as it is drawn: see `Picture`."""

    source: str
    width: int
    height: int
    panels: tuple[Panel, ...]


class Second(Protocol):
    """Another process that draws some figures meanwhile."""

    @property
    def names(self) -> Collection[str]:
        """Which."""

    def drawn(self, run: Run) -> Mapping[str, Drawn]:
        """Wait for them; what is missing is drawn here."""


def pictures(run: Run, content: Mapping[str, Any], second: Second | None = None) -> list[Picture]:
    """Draw all figures of the registry but those that move on the page."""
    names = [name for name in FIGURES if name not in _MOVING]
    found = drawn(run, [name for name in names if second is None or name not in second.names])
    if second is not None:
        found |= second.drawn(run)
    found |= drawn(run, [name for name in names if name not in found])
    return [_picture(name, content, *found[name]) for name in names]


def drawn(run: Run, names: Iterable[str]) -> dict[str, Drawn]:
    """Draw figures of the registry."""
    found = {}
    for name in names:
        figure = FIGURES[name].draw(run)
        found[name] = Drawn(*png_of(figure), tuple(_panels(run, figure)))
    return found


def _picture(
    name: str, content: Mapping[str, Any], source: str, width: int, height: int, panels: tuple[Panel, ...]
) -> Picture:
    kind = FIGURES[name]
    return Picture(name, kind.title, kind.caption, source, _alt(kind, content, panels), width, height, panels)


def png_of(figure: Figure) -> tuple[str, int, int]:
    """Return a figure as a data URI, and its size in pixels; its panels then lie where they were drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)  # which has no types
    figure.draw(canvas.get_renderer())  # once: saving would lay it out in a drawing of its own
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    # A figure has few colours: a palette makes a third of the bytes.
    small = io.BytesIO()
    image.quantize(_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(small, format="png")
    text = base64.b64encode(small.getvalue()).decode("ascii")
    return f"data:image/png;base64,{text}", image.width, image.height


def _panels(run: Run, figure: Figure) -> list[Panel]:
    """Return which axes are about which parameters, by their labels."""
    names = {_bare(label): name for label, name in zip(labels_of(run.posterior), run.names, strict=True)}
    symbols = {_bare(symbol(name, run.posterior.table.tests)): name for name in run.names}
    found = []
    corner = _corner(figure, names)
    for ax in figure.axes:
        texts = [ax.get_xlabel(), ax.get_ylabel(), ax.get_title(), ax.get_title(loc="left")]
        about = {names.get(_bare(text)) or symbols.get(_bare(text)) for text in texts} - {None}
        about |= corner.get(ax, set())
        if about:
            box = ax.get_position()
            found.append(Panel(" ".join(sorted(map(str, about))), box.x0, 1.0 - box.y1, box.width, box.height))
    return found


def _corner(figure: Figure, names: Mapping[str, str]) -> dict[Axes, set[str]]:
    """Return for each panel that has no label of its own those of the panels below it and to the left of it."""
    below: dict[float, str] = {}
    beside: dict[float, str] = {}
    for ax in figure.axes:
        box, x, y = ax.get_position(), names.get(_bare(ax.get_xlabel())), names.get(_bare(ax.get_ylabel()))
        below |= {round(box.x0, 3): x} if x else {}
        beside |= {round(box.y0, 3): y} if y else {}
    if len(below) < 2 or not beside:
        return {}
    found = {}
    for ax in figure.axes:
        box = ax.get_position()
        sides = {below.get(round(box.x0, 3)), beside.get(round(box.y0, 3))}
        found[ax] = {side for side in sides if side is not None}
    return found


def _bare(text: str) -> str:
    """Return a label without its line breaks."""
    return " ".join(text.split())


def _alt(kind: Any, content: Mapping[str, Any], panels: tuple[Panel, ...]) -> str:
    """Say what is seen: the title, and the numbers behind the panels that are about parameters."""
    entries = content["parameters"]
    shown = [name for name in entries if any(name in panel.names.split() for panel in panels)]
    said = [f"{name} {estimate(entries[name])}" for name in shown[:_NAMED]]
    more = f"; and {len(shown) - _NAMED} more parameters" if len(shown) > _NAMED else ""
    if not said:
        tests = "; ".join(_curve(test) for test in content["tests"])
        return f"{kind.title}. {tests}."
    return f"{kind.title}. Medians: {'; '.join(said)}{more}."


def _curve(test: Mapping[str, Any]) -> str:
    name = f"{test['name']}: " if test["name"] else ""
    readings = count(test["points"], "reading")
    return f"{name}{readings} of a {test['load']}, at {number(test['flexion'], 'g')}° of flexion"
