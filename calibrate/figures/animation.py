"""The knee in motion: pictures of `knee_plot` at angles of a test, to and fro, as a GIF or as a film."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from calibrate.canvas import plain
from calibrate.draws import Draws
from calibrate.errors import ExportError
from calibrate.figures.knees import draw_knee
from calibrate.figures.scene import chosen_knee, measured, page, scene_of
from calibrate.files import check_target, replacing
from calibrate.kinds import FILMS
from calibrate.posed import posed
from calibrate.results import Run

_DPI = 80


def knee_animation(
    run: Draws,
    path: str | Path,
    *,
    test: str | None = None,
    draw: int | None = None,
    frames: int = 48,
    per_second: int = 12,
    overwrite: bool = True,
) -> Path:
    """Draw the knee going from one end of a test to the other and back, and write it whole or not at all.

    Parameters
    ----------
    run : Draws
        A run, finished or still going, or draws in memory.
    path : str or Path
        What to write: `.gif`, or `.mp4` where matplotlib finds the program ffmpeg.
    test, draw
        See `knee_plot`.
    frames, per_second : int
        How many pictures, and how fast.
    overwrite : bool
        Replace an existing file of the kind.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    ExportError
        If the name is of no kind that can be written, or it cannot be written.
    """
    from matplotlib.animation import AbstractMovieWriter, PillowWriter, writers
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path = Path(path)
    kind = check_film(path, run, overwrite=overwrite)
    writer: AbstractMovieWriter
    if kind == "gif":
        writer = PillowWriter(fps=per_second)
    elif writers.is_available("ffmpeg"):
        writer = writers["ffmpeg"](fps=per_second)
    else:
        raise ExportError(f"{path}: matplotlib finds no program to write films (ffmpeg); give a name that ends in .gif")
    of = run.posterior.tests[0] if test is None else run.posterior.test(test)
    q = chosen_knee(run, of, draw)
    low, high = measured(of)
    share = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frames) / frames)
    knee = posed(run.posterior, q, low + (high - low) * share, test=of.name)
    with plain(), tempfile.TemporaryDirectory() as folder:
        scene = scene_of(run.posterior, of, q)
        figure, ax = page(run, scene, knee)
        FigureCanvasAgg(figure)
        film = Path(folder) / f"knee.{kind}"
        with writer.saving(figure, str(film), _DPI):
            for i in range(frames):
                draw_knee(ax, knee, i, scene)
                writer.grab_frame()
        with replacing(path, ExportError) as temporary:
            shutil.copyfile(film, temporary)
    return path


def check_film(path: Path, run: Draws, *, overwrite: bool) -> str:
    """Refuse a name that no film can have, and a file that is to be kept; return the kind, as its ending.

    Raises
    ------
    ExportError
        If so.
    """
    kind = next((kind for kind in FILMS if path.suffix.lower() in kind.suffixes), None)
    if kind is None:
        raise ExportError(f"{path}: an animation is a .gif or an .mp4; give a name that ends in one of these")
    spare = (run.path,) if isinstance(run, Run) else ()
    check_target(path, ExportError, kind=kind, overwrite=overwrite, spare=spare)
    return kind.suffixes[0].lstrip(".")
