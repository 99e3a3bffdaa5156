"""Which parameters trade off against each other: the data tell a combination of them better than each alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Variance inflation: known values of the others would make a parameter's variance ten times smaller (Marquardt 1970,
# Technometrics 12:591). As a multiple correlation 0.95.
INFLATION = 10.0
# A parameter with less than this share of its prior's standard deviation left is known well enough for it not to
# matter with what it trades off.
LEFT = 0.25
# What moves less than this share of its prior's standard deviation is rounding.
_STILL = 1e-9
# Two parameters that are this alike go together.
_ALIKE = 0.9
# More at once than the law of a strand has parameters say nothing.
_MOST = 3


@dataclass(frozen=True)
class TradeOff:
    """Parameters that trade off.

    Attributes
    ----------
    members : tuple of int
        Which, the one that the others tell best first.
    correlation : float
        Of two, their correlation; of more, the multiple correlation of the first with the others.
    left : float
        Share of its prior's standard deviation that is left of the first.
    """

    members: tuple[int, ...]
    correlation: float
    left: float


def trade_offs(draws: FloatArray, left: FloatArray) -> list[TradeOff]:
    """Find parameters of which draws tell a combination better than each.

    Parameters
    ----------
    draws : ndarray, shape (n, ndim)
        Posterior draws.
    left : ndarray, shape (ndim,)
        Share of each prior's standard deviation that is left.

    Returns
    -------
    list of TradeOff
        The strongest first; no parameter leads one that is a member of another before.
    """
    moving = np.flatnonzero((left > _STILL) & (left < np.inf))
    if moving.size < 2:
        return []
    alike = np.asarray(np.corrcoef(draws[:, moving].T))
    told = np.array([_told(alike, i, [j for j in range(moving.size) if j != i]) for i in range(moving.size)])
    found: list[TradeOff] = []
    named: set[int] = set()
    for i in np.argsort(-told).tolist():
        if told[i] < 1.0 - 1.0 / INFLATION or left[moving[i]] < LEFT or i in named:
            continue
        others = _fewest(alike, i)
        if 1 + len(others) <= _MOST:
            named.update((i, *others))
            correlation = float(alike[i, others[0]]) if len(others) == 1 else math.sqrt(_told(alike, i, others))
            found.append(TradeOff(tuple(moving[[i, *others]].tolist()), correlation, float(left[moving[i]])))
    return found


def _told(alike: FloatArray, one: int, others: list[int]) -> float:
    """Return the share of a parameter's variance that others explain: the squared multiple correlation."""
    slopes, *_ = np.linalg.lstsq(alike[np.ix_(others, others)], alike[others, one])
    return min(1.0, float(alike[others, one] @ slopes))


def _fewest(alike: FloatArray, one: int) -> list[int]:
    """Return the parameters that tell one well enough, the best first, and with them those that are much like it."""
    rest = [j for j in range(len(alike)) if j != one]
    chosen: list[int] = []
    while rest and (not chosen or _told(alike, one, chosen) < 1.0 - 1.0 / INFLATION):
        best = max(rest, key=lambda j: _told(alike, one, [*chosen, j]))
        chosen.append(best)
        rest.remove(best)
    return chosen + [j for j in rest if abs(alike[one, j]) >= _ALIKE]
