"""The pictures of a run: corner, traces, load-angle fit and ligament curves, for print and for notebooks.

Each function here returns a matplotlib `Figure` that belongs to no window and to no global state; `save_all` writes
all of them. Each has a module of its own; what they share is in `style` and `labels`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from calibrate.errors import ChainError
from calibrate.figures.corners import corner_pages, corner_plot
from calibrate.figures.ligaments import ligament_plot
from calibrate.figures.load_angle import load_angle_plot
from calibrate.figures.style import DPI
from calibrate.figures.traces import trace_plot
from calibrate.files import check_target, replacing
from calibrate.kinds import picture_of, promised

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from calibrate.results import Run

__all__ = ["corner_pages", "corner_plot", "ligament_plot", "load_angle_plot", "save_all", "trace_plot"]

_PICTURES = {"trace": trace_plot, "load_angle": load_angle_plot, "ligaments": ligament_plot}
# The same run gives the same bytes: no dates and no program versions inside.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}


def save_all(run: Run, folder: Path) -> list[Path]:
    """Draw all pictures of a run and write each as PNG (300 dpi) and as vector PDF, whole or not at all.

    Parameters
    ----------
    run : Run
        Finished or still going.
    folder : Path
        Where to write; made if need be. Pictures that are there already are replaced.

    Returns
    -------
    list of Path
        What was written: `corner`, `trace`, `load_angle` and `ligaments`, each `.png` and `.pdf`, and of more than
        twelve parameters `corner_geometry`, if the geometry has any.

    Raises
    ------
    ChainError
        If nothing is stored yet, the folder cannot be written to, or what has a picture's name in it is the run or no
        picture of that kind.
    """
    folder = Path(folder)
    pictures: dict[str, Callable[[], Figure]] = {
        page: partial(corner_plot, run, names) for page, names in corner_pages(run).items()
    }
    pictures |= {name: partial(draw, run) for name, draw in _PICTURES.items()}
    _check(run, folder, list(pictures))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ChainError(f"{folder}: is a file; name a folder for the pictures with -o") from None
    except OSError as error:
        raise ChainError(f"{folder}: cannot be made ({error.strerror}); choose another folder with -o") from None
    written = []
    for name, draw in pictures.items():
        figure = draw()
        for kind in _METADATA:
            written.append(_write(figure, folder / f"{name}.{kind}", kind))
            figure.set_layout_engine("none")  # laid out once is enough
    return written


def _check(run: Run, folder: Path, names: list[str]) -> None:
    """Refuse before anything is made or drawn."""
    promise = promised(folder)
    if promise is not None and not folder.exists():
        raise ChainError(
            f"{folder}: this name is that of {promise}, and what is written is a folder of pictures; name one with -o"
        )
    for name in names:
        for ending in _METADATA:
            path = folder / f"{name}.{ending}"
            kind = picture_of(path)
            assert kind is not None
            check_target(path, ChainError, kind=kind, overwrite=True, spare=(run.path,))


def _write(figure: Figure, path: Path, kind: str) -> Path:
    with replacing(path, ChainError) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI, metadata=_METADATA[kind])
    return path
