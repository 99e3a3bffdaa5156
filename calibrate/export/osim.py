"""A run's ligaments in other programs' formats: which values, which file; the format itself is `calibrate.osim`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibrate import __version__
from calibrate.errors import ExportError
from calibrate.files import check_target, replacing
from calibrate.kinds import MODEL
from calibrate.osim import ForeignModel, planar_model, read_model, remedy
from calibrate.results import Run

FloatArray = NDArray[np.float64]


def strand_names(run: Run) -> tuple[str, ...]:
    """Return the names of a run's strands, like ("mcl", "lcl")."""
    return run.posterior.strands


def _test(run: Run) -> str:
    """Return the test whose parameters are exported: the first; what tests share is the same in all."""
    return run.posterior.tests[0].name


def _law(run: Run, q: FloatArray) -> dict[str, FloatArray]:
    """Return `[k, alpha, l_0, f_ref]` of each strand at free parameters: the one place that asks a run for them."""
    return dict(zip(strand_names(run), run.posterior.law(q, _test(run))[0], strict=True))


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
        `[k, alpha, l_0, f_ref]` of each strand in N/mm, -, mm, N; fixed parameters included.

    Raises
    ------
    ExportError
        If there is no such draw.
    ChainError
        If nothing is stored yet.
    """
    return _law(run, _vector(run, draw))


def _vector(run: Run, draw: int | None) -> FloatArray:
    """Return the free parameters that are exported: a draw, or the median of each."""
    samples = run.some_samples()
    if draw is not None and not 0 <= draw < run.draws:
        raise ExportError(f"--draw {draw}: {run.path} has the draws 0 to {run.draws - 1}")
    return np.asarray(np.median(samples, axis=0) if draw is None else run.draw(draw))


def export_osim(
    run: Run,
    output: str | Path,
    *,
    draw: int | None = None,
    model: str | Path | None = None,
    map: Mapping[str, str | Sequence[str]] | None = None,
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
        A model to update. Only the values of the ligaments named by `map` change. Without it, a stand-alone planar
        knee is written; see `calibrate.osim.planar_model`.
    map : mapping of str to str or sequence of str, optional
        The ligaments in `model` that get the values of a strand of the run, like `{"mcl": ["MCL1", "MCL2"], "lcl":
        "LCL"}`; strands may be left out. Several of theirs get `k l_0` [N per strain] in proportion to their
        `linear_stiffness`, our transition strain, and slack lengths that are theirs times one factor, such that their
        mean, weighted by stiffness, is our slack length; `calibrate.osim.sharing` says why.
    mcl, lcl : str, optional
        Short for `map={"mcl": mcl, "lcl": lcl}`.
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    list of str
        What the user should know: which ligament is one strand of several, switched off, or called like one of the
        knee's other side; what became of each strand; what the file cannot say.

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
    chosen = _chosen(map or {}, {"mcl": mcl, "lcl": lcl}, tuple(values))
    if model is None:
        if chosen:
            raise ExportError("--map, --mcl and --lcl name ligaments of a model; give it with --model")
        of = "medians" if draw is None else f"posterior draw {draw}"
        credits = f"calibrate {__version__}: {of} of {run.path.name}, data {run.file.measurement.source}"
        content = planar_model(run.posterior.geometry(_vector(run, draw), _test(run)), values, credits)
        remarks = []
    else:
        if not chosen:
            raise ExportError("--model: name the ligaments to update, each once, like --map mcl=MCL1,MCL2")
        theirs = ForeignModel(read_model(Path(model)), str(model))
        content, done = theirs.shared_out(chosen, values)
        remarks = [*theirs.remarks(chosen), *done]
    with replacing(path, ExportError) as temporary:
        temporary.write_bytes(content)
    written = list(chosen or values)
    return [
        *remarks,
        *_of_tests(run, written, posed=model is None),
        *_notes(values, written, foreign=model is not None),
    ]


def _chosen(
    mapping: Mapping[str, str | Sequence[str]], short: Mapping[str, str | None], strands: Sequence[str]
) -> dict[str, list[str]]:
    """Return which of a model's ligaments are meant by each strand of ours, whichever way it was said."""
    chosen = {ours: [names] if isinstance(names, str) else list(names) for ours, names in mapping.items()}
    for ours, name in short.items():
        if name is not None and ours in chosen:
            raise ExportError(f"'{ours}' is mapped twice; give all its ligaments at once, like --map {ours}=A,B")
        if name is not None:
            chosen[ours] = [name]
    for ours, names in chosen.items():
        if ours not in strands:
            raise ExportError(f"no strand of the run is called '{ours}'; {remedy(ours, strands)}")
        if not names or not all(names):
            raise ExportError(f"'{ours}' is mapped to no name; give names of the model, like --map {ours}=A,B")
    return chosen


def _of_tests(run: Run, written: list[str], *, posed: bool) -> Iterator[str]:
    """Say whose values are written where tests have their own."""
    first, *others = run.posterior.tests
    laws = dict(
        zip(strand_names(run), zip(*(test.slots.law for test in run.posterior.tests), strict=True), strict=True)
    )
    if own := [name for name in written if any((law != laws[name][0]).any() for law in laws[name])]:
        yield f"{', '.join(own)}: the values are those of tests.{first.name}, the first; other tests have their own"
    if others and posed:
        yield f"the knee is that of tests.{first.name}, at {first.flexion:g} degrees of flexion"


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
