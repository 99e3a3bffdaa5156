"""Not drawn yet."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from calibrate.draws import Draws
from calibrate.figures.style import PAGE_WIDTH, heading, new_figure


def residual_plot(run: Draws, **_: Any) -> Figure:
    """Draw an empty page."""
    figure = new_figure(PAGE_WIDTH, 60.0)
    heading(figure, run)
    return figure
