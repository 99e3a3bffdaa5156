"""When have the walkers converged: R-hat between ensembles, and effective samples of the whole run.

Walkers of one ensemble move by each other's positions, so they are not independent chains. Two ensembles are.
R-hat therefore compares ensembles, and the effective sample size is counted on the ensembles' means (Goodman &
Weare 2010, section 3), which carry whatever correlation there is between walkers: with `z` the quantity and `m` its
mean over an ensemble, `ESS = (var z / var m) * ESS(m)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Stored steps per ensemble, burn-in included, below which nothing can be said.
MIN_STORED = 32
# Autocorrelation times that the kept half of a run has to last, and so the dropped half as well.
MIN_TIMES = 10.0
_RHAT_STEPS = 100
_RHAT_DRAWS = 4000
# Draws of one parameter that estimates are made from at the most, and kept steps below which none is left out.
_DRAWS = 2_000_000
_STEPS = 1000


@dataclass(frozen=True)
class Diagnosis:
    """Convergence of every parameter; arrays have shape (ndim,), NaN where too few steps are stored.

    Attributes
    ----------
    rhat : ndarray
        Rank-normalised split R-hat between ensembles (Vehtari et al. 2021).
    ess_bulk, ess_tail : ndarray
        Effective samples for the middle of the distribution, and for its 5 and 95 % quantiles.
    mcse_mean : ndarray
        Monte-Carlo standard error of the mean, in the parameter's unit.
    autocorrelation_times : ndarray
        How many autocorrelation times of the ensemble's mean each ensemble has run since the burn-in. Many walkers
        give many effective samples at once, but only time lets them forget where they started.
    """

    rhat: FloatArray
    ess_bulk: FloatArray
    ess_tail: FloatArray
    mcse_mean: FloatArray
    autocorrelation_times: FloatArray

    @property
    def worst_rhat(self) -> float:
        """The largest R-hat; NaN if any is unknown."""
        return float(np.max(self.rhat))

    @property
    def smallest_ess(self) -> float:
        """The smallest effective sample size, bulk or tail; NaN if any is unknown."""
        return float(np.minimum(self.ess_bulk, self.ess_tail).min())

    def converged(self, max_rhat: float, min_ess: float) -> bool:
        """Tell whether R-hat, effective samples and length suffice for every parameter; what is unknown does not."""
        long_enough = float(np.min(self.autocorrelation_times)) >= MIN_TIMES
        return bool(self.worst_rhat < max_rhat and self.smallest_ess >= min_ess and long_enough)


def burn_in(stored: int) -> int:
    """Return how many of the stored steps to drop: the first half."""
    return stored // 2


def stride(ensembles: int, kept: int, walkers: int) -> int:
    """Return of how many kept steps one suffices for estimates: 1 unless a chain is too long to hold in memory.

    Effective samples are those of the steps looked at, so a long chain has at least what is reported.
    """
    return max(1, kept // max(_STEPS, _DRAWS // (ensembles * walkers)))


def diagnose(chains: FloatArray) -> Diagnosis:
    """Diagnose ensembles whose burn-in has been dropped.

    Parameters
    ----------
    chains : ndarray, shape (ensembles, steps, walkers, ndim)
        At least two ensembles.

    Returns
    -------
    Diagnosis
        NaN throughout if there are fewer steps than half of `MIN_STORED`.
    """
    ensembles, steps, _, ndim = chains.shape
    if ensembles < 2 or steps < MIN_STORED // 2:
        unknown = np.full(ndim, np.nan)
        return Diagnosis(unknown, unknown, unknown, unknown, unknown)
    columns = [_diagnose_one(np.ascontiguousarray(chains[..., i])) for i in range(ndim)]
    return Diagnosis(*np.array(columns).T)


def _diagnose_one(x: FloatArray) -> tuple[float, float, float, float, float]:
    if np.ptp(x) == 0.0:  # no walker has ever moved
        return np.inf, 0.0, 0.0, np.inf, 0.0
    scores = _normal_scores(x)
    low, high = np.quantile(x, [0.05, 0.95])
    tail = min(effective_samples((x <= low).astype(float)), effective_samples((x >= high).astype(float)))
    error = float(x.std()) / np.sqrt(effective_samples(x))
    return _rhat(x), effective_samples(scores), tail, error, _effective_steps(scores) / x.shape[0]


def effective_samples(x: FloatArray) -> float:
    """Effective sample size of the mean of one quantity, from the ensembles' means.

    Parameters
    ----------
    x : ndarray, shape (ensembles, steps, walkers)
        The quantity.

    Returns
    -------
    float
        Never more than the number of draws.
    """
    spread = float(x.mean(axis=2).var())
    if spread == 0.0:
        return 0.0
    return min(float(x.var()) / spread * _effective_steps(x), float(x.size))


def _effective_steps(x: FloatArray) -> float:
    """Independent positions of the ensembles, of all together."""
    from arviz_stats.base.array import array_stats  # slow to import, and not needed before the first check

    ess: Any = array_stats.ess
    return float(ess(x.mean(axis=2), chain_axis=0, draw_axis=1, method="mean"))


def _rhat(x: FloatArray) -> float:
    from arviz_stats.base.array import array_stats

    rhat: Any = array_stats.rhat
    ensembles, steps, walkers = x.shape
    # Ranking is the cost of R-hat, and some thousand draws of each ensemble show a difference as well as all do.
    by_step = max(1, steps // _RHAT_STEPS)
    by_walker = max(1, steps // by_step * walkers // _RHAT_DRAWS)
    return float(rhat(x[:, ::by_step, ::by_walker].reshape(ensembles, -1), chain_axis=0, draw_axis=1))


def _normal_scores(x: FloatArray) -> FloatArray:
    """Replace values by the normal quantiles of their ranks (Blom 1958), ties sharing the mean rank."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores: FloatArray = ndtri((rankdata(x.ravel()) - 0.375) / (x.size + 0.25))
    return scores.reshape(x.shape)
