"""A canvas that is the same in every process: figures that take none of matplotlib's settings from their surroundings.

A user's matplotlibrc, style sheets and changes to `rcParams` are for the user's own figures. They stay as they are and
have no part in ours, neither while these are drawn up nor when they are shown or saved, at whatever time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.figure import Figure

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

# Which windows there are, and whether they show at once, is no matter of style; nor is where a dialog begins.
_KEPT = {"backend", "interactive", "toolbar", "savefig.directory", "docstring.hardcopy"}


@contextmanager
def plain() -> Iterator[None]:
    """Use matplotlib's own defaults inside, and what was there before afterwards."""
    settings = {key: value for key, value in dict.items(matplotlib.rcParamsDefault) if key not in _KEPT}
    # Straight into the dictionary: the defaults need no validation, and old names among them no warning.
    with matplotlib.rc_context():
        dict.update(matplotlib.rcParams, settings)
        yield


def plainly(draw: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Make a function draw with matplotlib's own defaults."""

    @functools.wraps(draw)
    def drawn(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        with plain():
            return draw(*arguments, **options)

    return drawn


class PlainFigure(Figure):
    """A figure that is also shown and saved with matplotlib's own defaults: some settings count only then."""

    @plainly
    def draw(self, renderer: Any) -> None:
        """Draw everything; called by whatever shows the figure."""
        super().draw(renderer)

    @plainly
    def savefig(self, fname: Any, **options: Any) -> None:
        """Write a picture; see `matplotlib.figure.Figure.savefig`."""
        super().savefig(fname, **options)
