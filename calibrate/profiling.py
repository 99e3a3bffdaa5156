"""Where the time went and where it goes now: the ladder from the symbolic knee to the process pool, measured.

Every rung evaluates the same total loss of the same parameters on the same data. The models are elsewhere: the rungs
are `calibrate.knee.symbolic`, `.precomputed`, `.cached`, `.kernel` and `calibrate.losses`. How a profile looks is
`calibrate.profile_view`.
"""

from __future__ import annotations

import cProfile
import gc
import math
import os
import platform
import pstats
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.config import AnyValue, Config, Distribution, reach
from calibrate.data import read_measurement
from calibrate.errors import ConfigError
from calibrate.knee.cached import CachedKnee
from calibrate.knee.geometry import geometry_of
from calibrate.knee.parameters import LIGAMENTS, QUANTITIES
from calibrate.knee.precomputed import CachedKneeModel, PrecomputedKneeModel
from calibrate.knee.symbolic import KneeModel
from calibrate.losses import (
    fast_constraint_loss,
    optimized_total_loss,
    parallel_total_loss,
    vectorized_total_loss,
)
from calibrate.simulation import simulate

FloatArray = NDArray[np.float64]
_Losses = Callable[[FloatArray], FloatArray]

MM_PER_M = 1000.0
# The profile that the project began from; quoted, never measured here.
_ORIGINAL_SECONDS = 2.7
_ORIGINAL_SHARE = 0.73
_PROMISED_SECONDS = (0.3, 0.5)
_DIFFERS = (
    "the original was another program on another machine, at a number of angles and with a SymPy version that are not "
    "on record; {share:.0%} of it went into solving the equilibrium symbolically at every angle. The {low:g}-{high:g} "
    "s are a promise, not a measurement. Here the symbolic rung is KneeModel at {angles} angles, geometry and "
    "ligaments built anew for each evaluation, on {machine} with SymPy {sympy}."
)
# Seconds that each of the fast rungs is timed for, at the least.
_PATIENCE = 0.2
_SYMBOLIC_SETS = 2


@dataclass(frozen=True)
class Problem:
    """What every rung evaluates, in the models' units: mm, N, N·mm, radians, valgus positive.

    Attributes
    ----------
    config : Config
        The knee.
    load : {"force", "moment"}
        What was measured.
    thetas, measured : ndarray, shape (n,)
        Angles and loads.
    bounds : ndarray, shape (8, 2)
        Of the parameters; infinite for a fixed one, and where a prior has none.
    """

    config: Config
    load: Any
    thetas: FloatArray
    measured: FloatArray
    bounds: FloatArray

    def parameters(self, count: int) -> FloatArray:
        """Draw parameters (count, 8) from within the bounds; the first ones are always the same."""
        items = _laws(self.config)
        lower, upper = np.array([reach(value) for value in items]).T
        # Not from the bounds themselves: the law has no meaning at a lower bound of zero.
        inner = np.random.default_rng(1).uniform(0.05, 0.95, (count, len(items)))
        return np.asarray(lower + (upper - lower) * inner)


def _laws(config: Config) -> list[AnyValue]:
    """Return what is said of the eight parameters that the ladder's models have.

    Raises
    ------
    ConfigError
        If the knee is none of theirs.
    """
    declared = config.declared()
    names = [f"{ligament}.{quantity}" for ligament in LIGAMENTS for quantity in QUANTITIES]
    if any(name not in declared for name in names) or config.tests or config.knee.strands != LIGAMENTS:
        raise ConfigError(
            f"{config.source or 'configuration'}: the ladder compares models of one test and two ligaments, k, alpha, "
            "l_0 and f_ref of each; this calibration has more"
        )
    return [config.resolved(name) for name in names]


def problem(config: Config, angles: str | None = None) -> Problem:
    """Take a configuration's data as the models count them.

    Parameters
    ----------
    config : Config
        The knee, its bounds and its data file.
    angles : str, optional
        "LOW:HIGH:N" in degrees: simulate data there instead of reading the file.

    Raises
    ------
    CalibrateError
        If the data cannot be read or simulated.
    """
    measurement = simulate(config, angles=angles) if angles else read_measurement(config.data_path)
    sign = 1.0 if next(iter(config.all_tests.values())).positive == "valgus" else -1.0
    scale = sign * (1.0 if measurement.kind == "force" else MM_PER_M)
    priors = [value.prior if isinstance(value, Distribution) else None for value in _laws(config)]
    bounds = np.array([(-math.inf, math.inf) if p is None else (p.lower, p.upper) for p in priors])
    thetas = sign * measurement.to_radians(measurement.angles)
    return Problem(config, measurement.kind, thetas, scale * measurement.loads, bounds)


def profile(config: Config, *, angles: str | None = None, workers: int | None = None) -> dict[str, Any]:
    """Measure the ladder.

    Parameters
    ----------
    config : Config
        The knee, its bounds and its data file.
    angles : str, optional
        "LOW:HIGH:N" in degrees, in place of the data file's.
    workers : int, optional
        Of the process pool; as many as the machine's processors by default.

    Returns
    -------
    dict
        What `calibrate profile --json` prints. `rungs`, slowest first, each with `name`, `batch` (evaluations per
        call), `setup_seconds`, `seconds_per_evaluation`, `speedup` over the first, `largest_relative_difference` of
        the total loss to that of the first, `peak_bytes` (allocated by Python and NumPy in this process during a
        call) and `cache_bytes` (kept between calls); from its second call on, the cached rung finds its ligaments kept.
        `breakdown` of one symbolic evaluation in seconds, and `sympy_share`. `original`, the profile that the project
        began from, and what differs.

    Raises
    ------
    CalibrateError
        If the configuration or its data cannot be used.
    """
    given = problem(config, angles)
    rungs: list[dict[str, Any]] = []
    reference = np.empty(0)
    for name, batch, setup in _ladder(given, workers):
        sets = given.parameters(batch)
        start = time.perf_counter()
        evaluate = setup()
        value = evaluate(sets[:_SYMBOLIC_SETS])  # compiles, fills caches and starts processes
        warm = time.perf_counter()
        reference = value if not rungs else reference
        # The first evaluations of the symbolic knee are its timing as well: it keeps nothing that could warm up.
        seconds = (warm - start) / _SYMBOLIC_SETS if not rungs else _time(evaluate, sets)
        peak, kept = _memory(setup, sets[: 1 if not rungs else batch])
        rungs.append(
            {
                "name": name,
                "batch": batch,
                "setup_seconds": 0.0 if not rungs else warm - start,
                "seconds_per_evaluation": seconds,
                "speedup": rungs[0]["seconds_per_evaluation"] / seconds if rungs else 1.0,
                "largest_relative_difference": float(np.max(np.abs(value / reference - 1.0))),
                "peak_bytes": peak,
                "cache_bytes": kept,
            }
        )
    breakdown, sympy_share = _breakdown(given)
    return {
        "config": None if config.source is None else str(config.source),
        "angles": int(given.thetas.size),
        "load": given.load,
        "rungs": rungs,
        "breakdown": breakdown,
        "sympy_share": sympy_share,
        "original": {
            "seconds_per_evaluation": _ORIGINAL_SECONDS,
            "equilibrium_share": _ORIGINAL_SHARE,
            "promised_seconds": list(_PROMISED_SECONDS),
            "differs": _differs(given),
        },
    }


def _ladder(given: Problem, workers: int | None) -> list[tuple[str, int, Callable[[], _Losses]]]:
    """List the rungs: name, evaluations per call, and what sets it up and returns its losses of rows (m, 8)."""
    config, load, thetas, measured, bounds = given.config, given.load, given.thetas, given.measured, given.bounds

    def one_by_one(loss: Callable[[FloatArray], float]) -> _Losses:
        return lambda rows: np.array([loss(row) for row in rows])

    def symbolic() -> _Losses:
        return one_by_one(lambda row: _symbolic_loss(given, row, {}))

    def cached() -> _Losses:
        model = CachedKneeModel(config, load=load)
        return one_by_one(lambda row: optimized_total_loss(row, model, bounds, thetas, measured))

    def precomputed() -> _Losses:
        model = PrecomputedKneeModel(config, load=load)
        return one_by_one(lambda row: model.evaluate_loss(row, thetas, measured) + fast_constraint_loss(row, bounds))

    def batch() -> _Losses:
        knee = CachedKnee.build(geometry_of(config.knee), thetas, load, "valgus")
        unit = 1.0 if load == "force" else MM_PER_M
        return lambda rows: np.asarray(
            np.square(unit * knee.loads(rows) - measured).sum(axis=1) + fast_constraint_loss(rows, bounds)
        )

    def compiled() -> _Losses:
        model = CachedKneeModel(config, load=load)
        return lambda rows: vectorized_total_loss(rows, thetas, measured, model, constraint_bounds=bounds)

    def pool() -> _Losses:
        return lambda rows: parallel_total_loss(
            rows, thetas, measured, config, workers, constraint_bounds=bounds, load=load
        )

    return [
        ("symbolic", _SYMBOLIC_SETS, symbolic),
        ("cached", 100, cached),
        ("precomputed", 100, precomputed),
        ("NumPy batch", 1000, batch),
        ("compiled batch", 100_000, compiled),
        (f"process pool ({workers or os.cpu_count()})", 100_000, pool),
    ]


def _symbolic_loss(given: Problem, row: FloatArray, spent: dict[str, float]) -> float:
    """Evaluate the total loss as at the project's beginning, noting the seconds spent on each part."""
    clock = time.perf_counter

    def part(name: str, do: Callable[[], Any]) -> Any:
        start = clock()
        out = do()
        spent[name] = spent.get(name, 0.0) + clock() - start
        return out

    model = KneeModel(given.config, load=given.load)
    unknown = "F" if given.load == "force" else "M"
    part("geometry", model.build_geometry)
    part("ligaments", lambda: model.build_ligament_forces(row[4:], row[:4]))
    squares = 0.0
    for theta, load in zip(given.thetas.tolist(), given.measured.tolist(), strict=True):
        part("forces", partial(model.assemble_equations, theta))
        squares += (part("angles", model.solve)[unknown] - load) ** 2
    return squares + float(part("constraint check", lambda: fast_constraint_loss(row, given.bounds)))


def _breakdown(given: Problem) -> tuple[dict[str, float], float]:
    """Return the seconds of each part of one symbolic evaluation, and the share of the whole that is SymPy's own."""
    row = given.parameters(1)[0]
    spent = dict.fromkeys(("ligaments", "geometry", "forces", "angles", "constraint check"), 0.0)
    _symbolic_loss(given, row, spent)
    profiler = cProfile.Profile()
    profiler.runcall(_symbolic_loss, given, row, {})
    entries = pstats.Stats(profiler).stats.items()  # type: ignore[attr-defined]  # typeshed leaves it out
    ours = str(Path(__file__).parent)

    def is_sympys(file: str) -> bool:
        return f"{os.sep}sympy{os.sep}" in file

    # Whatever SymPy's functions took, callees included, where our own code called them.
    inside = sum(
        times[3]
        for (file, _, _), (*_, callers) in entries
        if is_sympys(file)
        for (caller, _, _), times in callers.items()
        if caller.startswith(ours)
    )
    total = sum(own for _, (_, _, own, _, _) in entries)
    return spent, min(1.0, inside / total)


def _time(evaluate: _Losses, sets: FloatArray) -> float:
    """Return the seconds per evaluation: the best of several calls, so that other work on the machine counts least."""
    best, start = math.inf, time.perf_counter()
    calls = 0
    while calls < 3 or time.perf_counter() - start < _PATIENCE:
        before = time.perf_counter()
        evaluate(sets)
        best = min(best, time.perf_counter() - before)
        calls += 1
    return best / len(sets)


def _memory(setup: Callable[[], _Losses], sets: FloatArray) -> tuple[int, int]:
    """Return the bytes that a call needs at its peak, and those that are kept when it is over."""
    gc.collect()
    tracemalloc.start()
    try:
        evaluate = setup()
        evaluate(sets)
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak, kept


def _differs(given: Problem) -> str:
    return _DIFFERS.format(
        share=_ORIGINAL_SHARE,
        low=_PROMISED_SECONDS[0],
        high=_PROMISED_SECONDS[1],
        angles=given.thetas.size,
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        sympy=version("sympy"),
    )
