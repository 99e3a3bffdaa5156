"""What is in a corner's panels: histograms of one parameter, and contours that hold shares of the draws of two."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from calibrate.figures.style import BAND_50, BAND_90, MEDIAN

FloatArray = NDArray[np.float64]
Limits = tuple[float, float]

SHARES = (0.9, 0.5)
# Bins by which counts are smoothed before contours are drawn.
_SMOOTH = 1.0


def binned(values: FloatArray, limits: Limits, bins: int) -> NDArray[np.intp]:
    """Return in which of some equal bins values are; the count of bins for those outside."""
    low, high = limits
    at = np.floor((values - low) * (bins / (high - low))).astype(np.intp)
    at[values == high] = bins - 1
    at[(at < 0) | (at >= bins)] = bins
    return at


def draw_histogram(ax: Axes, at: NDArray[np.intp], limits: Limits, bins: int) -> FloatArray:
    """Draw how many draws are in each bin; return the counts."""
    counts = np.bincount(at, minlength=bins + 1)[:bins].astype(float)
    edges = np.linspace(*limits, bins + 1)
    ax.stairs(counts, edges, fill=True, color=BAND_90, zorder=1, gid="histogram")
    ax.stairs(counts, edges, color=MEDIAN, linewidth=0.7, zorder=1.5)
    ax.set_xlim(*limits)
    ax.set_ylim(0.0, 1.1 * float(counts.max(initial=0.0)) or 1.0)
    return counts


def draw_pair(ax: Axes, x: NDArray[np.intp], y: NDArray[np.intp], limits: tuple[Limits, Limits], bins: int) -> None:
    """Draw the contours that hold 50 and 90 % of the draws of a pair."""
    counts = np.bincount(x * (bins + 1) + y, minlength=(bins + 1) ** 2).reshape(bins + 1, bins + 1)[:bins, :bins].T
    # An empty margin on all sides closes contours at the edges of what is shown.
    density = np.pad(gaussian_filter(counts.astype(float), _SMOOTH), 1)
    levels = levels_of(density)
    across, up = (_centres(one, bins) for one in limits)
    if levels is not None:
        top = max(float(density.max()), levels[1]) * (1.0 + 1e-6)
        found = ax.contourf(across, up, density, [*levels, top], colors=[BAND_90, BAND_50], zorder=1)
        found.set(
            edgecolor=MEDIAN, linewidth=0.5, antialiased=True, gid="shares"
        )  # their edges, in place of contours beside them
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])


def levels_of(density: FloatArray) -> tuple[float, float] | None:
    """Return the densities above which 90 and 50 % of all lie, rising; None of nothing.

    Where so few bins hold all that both are one, the second is set a little higher.
    """
    falling = np.sort(density, axis=None)[::-1]
    total = np.cumsum(falling)
    if not total[-1] > 0.0:
        return None
    outer, inner = (float(falling[np.searchsorted(total, share * total[-1])]) for share in SHARES)
    return (outer, inner) if inner > outer else (outer * (1.0 - 1e-3), outer)


def _centres(limits: Limits, bins: int) -> FloatArray:
    """Return the bins' centres, with the edges in place of the centres of the margin."""
    low, high = limits
    width = (high - low) / bins
    return np.concatenate([[low - 1e-6 * width], low + (np.arange(bins) + 0.5) * width, [high + 1e-6 * width]])
