"""Pictures on the disk: all of them or some, each whole or not at all, the same bytes for the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from calibrate.complaints import did_you_mean
from calibrate.errors import ChainError, ParameterError
from calibrate.figures.corners import corner_pages, corner_plot
from calibrate.figures.registry import FIGURES
from calibrate.figures.style import DPI, METADATA
from calibrate.files import check_target, replacing
from calibrate.kinds import picture_of, promised
from calibrate.results import Run

# What each picture is written as.
_KINDS = ("png", "pdf")


def save_all(run: Run, folder: Path, *, only: Sequence[str] | None = None) -> list[Path]:
    """Draw pictures of a run and write each as PNG (300 dpi) and as vector PDF, whole or not at all.

    Parameters
    ----------
    run : Run
        Finished or still going.
    folder : Path
        Where to write; made if need be. Pictures that are there already are replaced.
    only : sequence of str, optional
        Names of `FIGURES`; all by default.

    Returns
    -------
    list of Path
        What was written: for each name a `.png` and a `.pdf`, and of more than ten parameters `corner_geometry`, if
        the geometry has any.

    Raises
    ------
    ChainError
        If nothing is stored yet, the folder cannot be written to, or what has a picture's name in it is the run or no
        picture of that kind.
    ParameterError
        If there is no picture of a name.
    """
    folder = Path(folder)
    run.thinned(1)  # complains of a run with nothing stored, before a folder is made
    pictures = _pictures(run, chosen(only))
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
        for kind in _KINDS:
            written.append(_write(figure, folder / f"{name}.{kind}", kind))
            figure.set_layout_engine("none")  # laid out once is enough
    return written


def chosen(only: Sequence[str] | None) -> tuple[str, ...]:
    """Return names of `FIGURES`, in its order.

    Raises
    ------
    ParameterError
        If there is no picture of a name.
    """
    for name in only or ():
        if name not in FIGURES:
            raise ParameterError(f"no picture is called '{name}'; {did_you_mean(name, list(FIGURES))}")
    return tuple(name for name in FIGURES if not only or name in only)


def _pictures(run: Run, names: Sequence[str]) -> dict[str, Callable[[], Figure]]:
    """Return what draws each file's picture."""
    pictures: dict[str, Callable[[], Figure]] = {}
    for name in names:
        if name == "corner":
            pages = corner_pages(run)
            pictures |= {page: partial(corner_plot, run, names=of_page) for page, of_page in pages.items()}
        else:
            pictures[name] = partial(FIGURES[name].draw, run)
    return pictures


def _check(run: Run, folder: Path, names: Sequence[str]) -> None:
    """Refuse before anything is made or drawn."""
    promise = promised(folder)
    if promise is not None and not folder.exists():
        raise ChainError(
            f"{folder}: this name is that of {promise}, and what is written is a folder of pictures; name one with -o"
        )
    for name in names:
        for ending in _KINDS:
            path = folder / f"{name}.{ending}"
            kind = picture_of(path)
            assert kind is not None
            check_target(path, ChainError, kind=kind, overwrite=True, spare=(run.path,))


def _write(figure: Figure, path: Path, kind: str) -> Path:
    with replacing(path, ChainError) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI, metadata=METADATA[kind])
    return path
