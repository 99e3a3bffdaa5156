"""Reading numbers back from pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.patches import Polygon

# The quantiles of a median with its two bands.
FIVE = (0.05, 0.25, 0.5, 0.75, 0.95)


def marked(root: Any, gid: str) -> list[Any]:
    """Return the artists that a figure or an axis marks with this word."""
    return root.findobj(lambda artist: artist.get_gid() == gid)  # type: ignore[no-any-return]  # matplotlib is loosely typed


def texts(root: Artist) -> Iterator[str]:
    """Yield all texts of a figure or an axis."""
    for artist in root.findobj(lambda artist: hasattr(artist, "get_text")):
        yield artist.get_text()  # type: ignore[attr-defined]  # as above


def corner_axes(figure: Any) -> np.ndarray:
    """Return a corner's panels, (parameters, parameters), None above the diagonal."""
    places = {tuple(map(int, ax.get_label().split()[1:])): ax for ax in figure.axes}
    count = 1 + max(row for row, _ in places)
    assert len(places) == len(figure.axes) == count * (count + 1) // 2
    panels = np.full((count, count), None, dtype=object)
    for place, ax in places.items():
        panels[place] = ax
    return panels


def counted(ax: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts and the bins' edges of a filled histogram."""
    (steps,) = (patch for patch in ax.patches if isinstance(patch, Polygon))
    outline = steps.get_xy()  # up and down over all bins, and back along the bottom
    bins = (len(outline) - 1) // 4
    return outline[1 : 2 * bins : 2, 1], outline[: 2 * bins + 1 : 2, 0]


def edges(band: Any) -> tuple[Any, Any, Any]:
    """Return a band's abscissa, lower and upper edge."""
    outline = band.get_paths()[0].vertices
    count = (len(outline) - 3) // 2
    x, lower = outline[1 : count + 1].T
    return x, lower, outline[count + 2 : 2 * count + 2, 1][::-1]


def x_of(line: Any) -> np.ndarray:
    """Return a line's abscissas."""
    return np.asarray(line.get_xdata(), dtype=float)


def y_of(line: Any) -> np.ndarray:
    """Return a line's ordinates."""
    return np.asarray(line.get_ydata(), dtype=float)
