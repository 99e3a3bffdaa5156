"""The total loss and its faster forms: one parameter vector, a matrix of them, and a pool of processes.

Total loss = sum of squares of (predicted - measured) load [N^2, or (N·mm)^2 for a moment] + constraint loss. Angles in
radians, loads in N (N·mm), valgus positive; `params` is `[k, alpha, l_0, f_ref]` of the MCL, then of the LCL. The
sampler's likelihood is `calibrate.posterior`; these are the steps that led from the symbolic knee to it. Nothing here
needs SymPy, though a `CachedKneeModel` does.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import Config, PriorConfig
from calibrate.errors import ParameterError, RunError
from calibrate.knee.geometry import Geometry, kinematics
from calibrate.knee.kernel import log_likelihood
from calibrate.knee.pair import Pair
from calibrate.knee.parameters import PARAMETERS, LoadKind, check_measured, eight, load_kind, planar_pair
from calibrate.processes import deaf_to_interrupts, ignore_interrupts

if TYPE_CHECKING:
    from calibrate.knee.precomputed import CachedKneeModel

FloatArray = NDArray[np.float64]

WEIGHT = PriorConfig().weight
# Chunks per worker: enough that none waits long for the last one, few enough that sending them costs little.
_CHUNKS = 4


def fast_constraint_loss(params: ArrayLike, constraint_bounds: ArrayLike) -> Any:
    """Return `1e6 * sum(violation^2)`, what lies outside the bounds in the parameters' own units.

    Parameters
    ----------
    params : array_like, shape (n,) or (m, n)
        Parameters, usually the eight of a knee.
    constraint_bounds : array_like, shape (n, 2)
        Lower and upper bound of each; infinite where there is none.

    Returns
    -------
    float, or ndarray, shape (m,)
        0 inside the bounds, NaN for a parameter that is.

    Raises
    ------
    ParameterError
        If the bounds are not one ordered pair per parameter.
    """
    p, bounds = np.asarray(params, dtype=float), np.asarray(constraint_bounds, dtype=float)
    if p.ndim == 0 or bounds.shape != (p.shape[-1], 2):
        raise ParameterError(f"constraint_bounds have shape {bounds.shape}, parameters {p.shape}: give (n, 2) and (n,)")
    lower, upper = bounds.T
    if not (lower <= upper).all():
        raise ParameterError("constraint_bounds: a lower bound is above its upper one, or is no number")
    with np.errstate(invalid="ignore"):  # an infinite parameter at an infinite bound
        violation = np.maximum(0.0, np.maximum(lower - p, p - upper))
    loss = WEIGHT * np.square(violation).sum(axis=-1)
    return loss if p.ndim > 1 else float(loss)


def optimized_total_loss(
    params: ArrayLike,
    cached_model: CachedKneeModel,
    constraint_bounds: ArrayLike,
    thetas: ArrayLike,
    applied_forces: ArrayLike,
) -> float:
    """Return the total loss of one parameter vector.

    Parameters
    ----------
    params : array_like, shape (8,)
        MCL, then LCL.
    cached_model : CachedKneeModel
        The knee.
    constraint_bounds : array_like, shape (8, 2)
        Lower and upper bounds.
    thetas, applied_forces : array_like, shape (n,)
        Angles [rad] and measured loads, valgus positive.

    Raises
    ------
    ParameterError
        If there are not eight parameters, the law has no meaning with them, or the bounds do not fit.
    """
    p = eight(params)
    if p.ndim != 1:
        raise ParameterError(f"parameters have shape {p.shape}, expected (8,); vectorized_total_loss takes many")
    data = cached_model.evaluate_loss(p[:4], p[4:], thetas, applied_forces)
    return data + float(fast_constraint_loss(p, constraint_bounds))


def vectorized_total_loss(
    param_matrix: ArrayLike,
    thetas: ArrayLike,
    applied_forces: ArrayLike,
    cached_model: CachedKneeModel,
    *,
    constraint_bounds: ArrayLike | None = None,
) -> FloatArray:
    """Return the total loss of many parameter vectors, by the compiled batch evaluator.

    Parameters
    ----------
    param_matrix : array_like, shape (m, 8)
        One vector per row.
    thetas, applied_forces : array_like, shape (n,)
        Angles [rad] and measured loads, valgus positive.
    cached_model : CachedKneeModel
        The knee.
    constraint_bounds : array_like, shape (8, 2), optional
        Lower and upper bounds; without them the constraint loss is left out.

    Returns
    -------
    ndarray, shape (m,)
        Infinite where the law has no meaning or the sum overflows: one such row does not spoil the batch.

    Raises
    ------
    ParameterError
        If rows are not of eight, or the bounds do not fit.
    """
    p = np.ascontiguousarray(param_matrix, dtype=float)
    if p.ndim != 2 or p.shape[1] != PARAMETERS:
        raise ParameterError(f"param_matrix has shape {p.shape}, expected (m, {PARAMETERS})")
    measured = check_measured(thetas, applied_forces)
    at = cached_model.coefficients(thetas)
    loss = _sums_of_squares(p, _pair(at.lengths, at.per_newton, measured))
    if constraint_bounds is None:
        return loss
    return np.where(np.isfinite(loss), loss + fast_constraint_loss(p, constraint_bounds), np.inf)


def parallel_total_loss(
    param_list: Sequence[ArrayLike] | FloatArray,
    thetas: ArrayLike,
    applied_forces: ArrayLike,
    knee_config: Config | Geometry,
    workers: int | None = None,
    *,
    constraint_bounds: ArrayLike | None = None,
    load: LoadKind | None = None,
) -> FloatArray:
    """Return the total loss of many parameter vectors, by the batch evaluator in several processes.

    The pool is started by the first call, which takes some seconds, and kept; another number of workers replaces it.
    Sending a vector to a worker and its loss back costs some hundred nanoseconds, several times what the batch
    evaluator needs for a laxity test of 33 angles: see `calibrate profile`. A pool pays where a curve has hundreds.
    Workers are started afresh ("spawn"): a script has to guard its own code by `if __name__ == "__main__":`.

    Parameters
    ----------
    param_list : sequence of array_like, shape (8,), or ndarray, shape (m, 8)
        Parameter vectors.
    thetas, applied_forces : array_like, shape (n,)
        Angles [rad] and measured loads, valgus positive.
    knee_config : Config or Geometry
        The knee: mcl and lcl in the plane. Of a configuration only `[knee]` is used.
    workers : int, optional
        Processes; as many as the machine's processors by default.
    constraint_bounds : array_like, shape (8, 2), optional
        Lower and upper bounds; without them the constraint loss is left out.
    load : {"force", "moment"}, optional
        What was measured; by default a force where the knee has an application point, else a moment.

    Returns
    -------
    ndarray, shape (m,)
        In the order of `param_list`.

    Raises
    ------
    ParameterError
        If the law has no meaning with one of the vectors; the message shows it.
    GeometryError
        If the knee has no pose, other strands or depth, or the force no lever arm.
    RunError
        If a worker fails or dies; the message shows the parameters it had.
    KeyboardInterrupt
        On Ctrl-C; the pool is then shut down.
    """
    if workers is not None and workers < 1:
        raise ParameterError(f"workers = {workers}: at least one process has to do the work")
    p = _matrix(param_list)
    measured = check_measured(thetas, applied_forces)
    geometry = planar_pair(knee_config)
    poses = kinematics(geometry, thetas)
    knee = _pair(poses.lengths, poses.coefficients(load_kind(geometry, load)), measured)
    bounds = None if constraint_bounds is None else np.asarray(constraint_bounds, dtype=float)
    if bounds is not None:
        fast_constraint_loss(p[:1], bounds)
    count = workers or os.cpu_count() or 1
    chunks = [chunk for chunk in np.array_split(p, min(len(p), count * _CHUNKS) or 1) if len(chunk)]
    futures: list[Future[FloatArray]] = []
    try:
        with deaf_to_interrupts():
            pool = _pool(count)
            futures.extend(pool.submit(_work, chunk, knee, bounds) for chunk in chunks)
        results = [future.result() for future in futures]
    except KeyboardInterrupt:
        close_pool()
        raise
    except BrokenProcessPool:
        close_pool()
        lost = next((c for c, future in zip(chunks, futures, strict=False) if _is_lost(future)), chunks[0])
        raise RunError(
            f"a worker process died with parameters {lost[0].tolist()} to {lost[-1].tolist()} before it; in a script, "
            'call parallel_total_loss under if __name__ == "__main__":'
        ) from None
    finally:
        for future in futures:
            future.cancel()
    return np.concatenate(results) if results else np.empty(0)


def close_pool() -> None:
    """Stop the worker processes, dropping what they have not begun; the next parallel call starts new ones."""
    global _running
    running, _running = _running, None
    if running is not None:
        running[1].shutdown(wait=False, cancel_futures=True)


# The one pool of this process, and how many workers it has.
_running: tuple[int, ProcessPoolExecutor] | None = None
atexit.register(close_pool)


def _pool(workers: int) -> ProcessPoolExecutor:
    global _running
    if _running is None or _running[0] != workers:
        close_pool()
        context = multiprocessing.get_context("spawn")
        _running = workers, ProcessPoolExecutor(workers, mp_context=context, initializer=ignore_interrupts)
    return _running[1]


def _is_lost(future: Future[FloatArray]) -> bool:
    return future.cancelled() or not future.done() or future.exception() is not None


def _work(p: FloatArray, knee: Pair, bounds: FloatArray | None) -> FloatArray:
    """In a worker: the total losses of one chunk (m, 8)."""
    eight(p)
    try:
        loss = _sums_of_squares(p, knee)
        return loss if bounds is None else loss + fast_constraint_loss(p, bounds)
    except Exception as error:
        shown = p[0].tolist() if len(p) == 1 else f"{p[0].tolist()} to {p[-1].tolist()}"
        raise RunError(f"parameters {shown}: {type(error).__name__}: {error}") from None


def _pair(lengths: FloatArray, arms: FloatArray, measured: FloatArray) -> Pair:
    return Pair(lengths, arms, np.ascontiguousarray(measured), 0.0)


def _sums_of_squares(p: FloatArray, knee: Pair) -> FloatArray:
    """Return the sums of squares (m,) for rows (m, 8): minus twice the log-likelihood of unit errors."""
    return np.asarray(-2.0 * log_likelihood(p, np.ones(len(p)), knee))


def _matrix(param_list: Sequence[ArrayLike] | FloatArray) -> FloatArray:
    """Stack parameter vectors to (m, 8)."""
    if not isinstance(param_list, np.ndarray):
        for row in param_list:
            if np.shape(row) != (PARAMETERS,):
                raise ParameterError(f"parameters {row!r}: expected a vector of {PARAMETERS}, MCL then LCL")
    p = np.ascontiguousarray(param_list, dtype=float)
    if p.size == 0:
        return np.empty((0, PARAMETERS))
    if p.ndim != 2 or p.shape[1] != PARAMETERS:
        raise ParameterError(f"param_list has shape {p.shape}, expected (m, {PARAMETERS})")
    return p
