"""The draws that leave the program: those that estimates are made from, and where in the chains each stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrate.derived import most_draws, unit_of

if TYPE_CHECKING:
    from calibrate.draws import Draws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Kept:
    """What estimates are made from: all kept steps, or every n-th of a chain with many millions of draws.

    Attributes
    ----------
    coords : ndarray, shape (ensembles, steps, walkers, ndim)
        Walkers' parameters.
    log_prob : ndarray, shape (ensembles, steps, walkers)
        Their log-posterior.
    step : ndarray of int, shape (steps,)
        How many steps an ensemble had taken then, burn-in included; the first stored one of an unthinned run is 1.
    """

    coords: FloatArray
    log_prob: FloatArray
    step: IntArray


def kept(draws: Draws) -> Kept:
    """Return the draws that estimates are made from.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    chosen = draws.kept_steps()
    step = (np.arange(draws.stored)[chosen] + 1) * draws.settings.thin
    return Kept(np.asarray(draws.chains.coords[:, chosen]), np.asarray(draws.chains.log_prob[:, chosen]), step)


def columns(draws: Draws, most: int | None, *, derived: bool) -> dict[str, NDArray[Any]]:
    """Return draws as columns of equal length, ensemble after ensemble, step after step.

    Parameters
    ----------
    draws : Draws
        In memory or of a run's file.
    most : int or None
        How many at the most: always the same random ones, those of `Draws.thinned`. All if None.
    derived : bool
        Whether derived quantities follow the parameters, NaN where unknown. They take long to compute, so that there
        are 20,000 draws at the most then, shared out among several tests; 2,000 of a knee whose geometry or angle is
        free.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        `ensemble` and `walker` from 0, `step` as in `Kept`, `log_prob`, then the parameters by name.

    Raises
    ------
    ChainError
        If nothing is stored yet.
    """
    found = kept(draws)
    shape = found.log_prob.shape
    rows = np.arange(found.log_prob.size)
    if derived:
        most = min(most_draws(draws.posterior), rows.size if most is None else most)
    if most is not None and most < rows.size:
        rows = np.sort(np.random.default_rng(0).choice(rows.size, most, replace=False))
    ensemble, step, walker = np.unravel_index(rows, shape)
    q = found.coords.reshape(-1, draws.posterior.ndim)[rows]
    table: dict[str, NDArray[Any]] = {
        "ensemble": ensemble,
        "step": found.step[step],
        "walker": walker,
        "log_prob": found.log_prob.reshape(-1)[rows],
    }
    table |= {name: q[:, i] for i, name in enumerate(draws.names)}
    if derived:  # a reference strain may be a parameter, too, and is one column then
        table = draws.derive(q) | table
        first = ("ensemble", "step", "walker", "log_prob", *draws.names)
        table = {name: table[name] for name in (*first, *(name for name in table if name not in first))}
    return table


def units(draws: Draws, names: list[str]) -> dict[str, str]:
    """Return the unit of each column that has one."""
    own = dict(zip(draws.names, draws.posterior.units, strict=True))
    found = {name: own[name] if name in own else unit_of(name) for name in names if name not in _COUNTS}
    return {name: unit for name, unit in found.items() if unit}


_COUNTS = ("ensemble", "step", "walker", "log_prob")
