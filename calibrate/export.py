"""A run's ligaments in other programs' formats: which values, which file; the format itself is `calibrate.osim`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate import __version__
from calibrate.errors import ExportError
from calibrate.files import check_target, replacing
from calibrate.kinds import MODEL
from calibrate.osim import ForeignModel, planar_model
from calibrate.results import Run

FloatArray = NDArray[np.float64]

# Published models have up to some 20 MB.
_LARGEST = 256 << 20


def ligaments(run: Run, draw: int | None = None) -> dict[str, FloatArray]:
    """Return a run's ligaments.

    Parameters
    ----------
    run : Run
        What `calibrate.open_run` returns.
    draw : int, optional
        A row of `run.samples()`, from 0: one posterior draw, its parameters as they go together. By default the median
        of each parameter by itself.

    Returns
    -------
    dict of str to ndarray, shape (4,)
        `[k, alpha, l_0, f_ref]` of "mcl" and "lcl" in N/mm, -, mm, N; fixed parameters included.

    Raises
    ------
    ExportError
        If there is no such draw.
    ChainError
        If nothing is stored yet.
    """
    samples = run.some_samples()
    if draw is not None and not 0 <= draw < run.draws:
        raise ExportError(f"--draw {draw}: {run.path} has the draws 0 to {run.draws - 1}")
    test = run.posterior.tests[0].name
    law = run.posterior.law(np.median(samples, axis=0) if draw is None else run.draw(draw), test)[0]
    return dict(zip(run.posterior.strands, law, strict=True))


def export_osim(
    run: Run,
    output: str | Path,
    *,
    draw: int | None = None,
    model: str | Path | None = None,
    mcl: str | None = None,
    lcl: str | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write a run's ligaments as OpenSim's `Blankevoort1991Ligament`.

    Parameters
    ----------
    run : Run
        What `calibrate.open_run` returns.
    output : str or Path
        The .osim file to write.
    draw : int, optional
        Which posterior draw; the medians by default. See `ligaments`.
    model : str or Path, optional
        A model to update. Only the values of the ligaments named by `mcl` and `lcl` change. Without it, a stand-alone
        planar knee is written; see `calibrate.osim.planar_model`.
    mcl, lcl : str, optional
        The ligaments' names in `model`; one of them may be left out.
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    list of str
        What the user should know: what the file cannot say, which ligament is one strand of several or switched off.

    Raises
    ------
    ExportError
        If the model cannot take the ligaments, or the file exists, is the run or the model, or cannot be written.
    """
    path = Path(output)
    check_target(
        path,
        ExportError,
        kind=MODEL,
        overwrite=overwrite,
        spare=(run.path, None if model is None else Path(model)),
    )
    values = ligaments(run, draw)
    names = {"mcl": mcl, "lcl": lcl}
    if model is None:
        if mcl is not None or lcl is not None:
            raise ExportError("--mcl and --lcl name ligaments of a model; give it with --model")
        of = "medians" if draw is None else f"posterior draw {draw}"
        credits = f"calibrate {__version__}: {of} of {run.path.name}, data {run.file.measurement.source}"
        content = planar_model(run.posterior.geometry(test=run.posterior.tests[0].name), values, credits)
        written, remarks = list(values), []
    else:
        written = [ligament for ligament, name in names.items() if name is not None]
        chosen = {str(names[ligament]): values[ligament] for ligament in written}
        if not chosen or len(chosen) < len(written):
            raise ExportError("--model: name the ligaments to update, each another one, with --mcl and --lcl")
        theirs = ForeignModel(_read(Path(model)), str(model))
        content = theirs.updated(chosen)
        remarks = theirs.remarks({ligament: str(names[ligament]) for ligament in written})
    with replacing(path, ExportError) as temporary:
        temporary.write_bytes(content)
    return [*remarks, *_notes(values, written, foreign=model is not None)]


def _notes(values: dict[str, FloatArray], written: list[str], *, foreign: bool) -> Iterator[str]:
    for name in written:
        tare = values[name][-1]
        if tare != 0.0:
            yield (
                f"{name}.f_ref = {tare:.4g} N has no place in an OpenSim ligament: the file's tension is T, "
                "without the tare that this program subtracts"
            )
    if foreign:
        yield (
            "slack lengths belong to the calibrated attachments; if the model's differ, check its ligaments' lengths "
            "at the reference pose"
        )


def _read(path: Path) -> bytes:
    """Return a model's bytes; what never ends, or is far larger than any model, is refused before memory is gone."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode):
                raise ExportError(f"{path}: is a device; give an OpenSim model")
            # A pipe has no size and may not end.
            content = file.read(_LARGEST + 1) if about.st_size <= _LARGEST else b""
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if max(about.st_size, len(content)) > _LARGEST:
        raise ExportError(f"{path}: is larger than {_LARGEST >> 20} MB, as no model is; give an OpenSim model")
    return content
