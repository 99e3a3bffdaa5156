"""How many steps to drop: the fewest whose rest is settled.

Walkers start where a pilot has found the posterior's mass, so that little has to be dropped as a rule; a start that
is off costs half of the run. What is dropped is an eighth, a quarter or half of the steps: the smallest part that,
together with what was not stored, lasts two autocorrelation times at the least, and whose rest begins as it goes on.
If none is such, it is half, and what the rest looks like then counts against convergence.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrate.sampling.series import independent_draws

FloatArray = NDArray[np.float64]

PARTS = (8, 4, 2)
# Autocorrelation times that the dropped part has to last.
FORGET = 2.0
# The probability that settled chains are taken for drifting ones, all quantities together.
_CHANCE = 0.01
# Of so many blocks of the rest, the first has to look like the last ones.
_BLOCKS = 8
_LAST = 4


def burn_in(means: FloatArray, before: float = 0.0) -> int:
    """Return how many steps of some chains to drop.

    Parameters
    ----------
    means : ndarray, shape (quantities, ensembles, steps)
        The ensembles' means of every parameter and of the log-probability.
    before : float
        Steps that the chains had made before the first of these: they have forgotten as much.

    Returns
    -------
    int
        Half of the steps where these are too few to tell.
    """
    steps = int(means.shape[2])
    for part in PARTS[:-1]:
        drop = steps // part
        rest = means[..., drop:]
        if drift(rest) < 1.0:  # of too few steps it is unknown
            times = independent_draws(rest).min() / means.shape[1]
            if (before + drop) * times >= FORGET * rest.shape[2]:
                return drop
    return steps // PARTS[-1]


def drift(means: FloatArray) -> float:
    """Tell how far the beginning of some chains lies from what comes later.

    The first eighth's mean over the ensembles is compared with that of the last half, by Student's t: the eighths of
    the last half tell how much such means vary, autocorrelation included.

    Parameters
    ----------
    means : ndarray, shape (quantities, ensembles, steps)
        The ensembles' means; sixteen steps or more.

    Returns
    -------
    float
        As a multiple of what one in a hundred settled runs exceeds in any quantity; NaN of too few steps.
    """
    quantities, ensembles, steps = means.shape
    length = steps // _BLOCKS
    if length < 2:
        return math.nan
    first = means[..., :length].mean(axis=2)
    blocks = means[..., -_LAST * length :].reshape(quantities, ensembles, _LAST, length).mean(axis=3)
    freedom = ensembles * (_LAST - 1)
    variance = ((blocks - blocks.mean(axis=2, keepdims=True)) ** 2).sum(axis=(1, 2)) / freedom
    apart = np.abs((first - blocks.mean(axis=2)).mean(axis=1))
    most = stdtrit(freedom, 1.0 - 0.5 * _CHANCE / quantities)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = apart / np.sqrt(variance * (1.0 + 1.0 / _LAST) / ensembles)
    return float(np.max(np.where(apart == 0.0, 0.0, t)) / most)
