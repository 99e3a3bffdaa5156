"""Pictures as methods of what they are drawn from: `run.plot.corner()`, `run.plot.knee(angle=5.0)`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from calibrate.complaints import did_you_mean
from calibrate.figures.registry import FIGURES

if TYPE_CHECKING:
    from calibrate.draws import Draws


class Plots:
    """The pictures of some draws, one method for each name in `calibrate.figures.FIGURES`, with its options."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def __getattr__(self, name: str) -> Callable[..., Figure]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in FIGURES:
            raise AttributeError(f"no picture is called '{name}'; {did_you_mean(name, list(FIGURES))}")
        drawn = partial(FIGURES[name].draw, self._draws)
        drawn.__doc__ = FIGURES[name].draw.__doc__
        return drawn

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *FIGURES]

    def __repr__(self) -> str:
        return f"pictures: {', '.join(FIGURES)}"
