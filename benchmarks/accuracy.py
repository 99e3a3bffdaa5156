"""One accuracy test for every sampler: means and sds against a long reference run by a different sampler.

Means have to lie within four Monte-Carlo standard errors, the sampler's own and the reference's together, and sds
within 2 %. The errors come from effective samples, counted on ensemble means as calibrate itself does, or for weighted
draws from the weights; a Gaussian shape is assumed nowhere.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.sampling.convergence import diagnose
from calibrate.sampling.series import effective_samples

FloatArray = NDArray[np.float64]

MEAN_ERRORS = 4.0
SD_SHARE = 0.02
# Below so many effective positions of the ensembles' means (Vehtari et al. 2021, section 4.1, of chains) the errors are
# themselves known to a factor of two or so.
ENOUGH = 400.0
REFERENCE = Path(__file__).parent / "reference.toml"


@dataclass(frozen=True)
class Estimate:
    """What a sampler says of a posterior, and how well it can know that.

    Attributes
    ----------
    mean, sd : ndarray, shape (ndim,)
        Of each parameter.
    mean_error, sd_error : ndarray, shape (ndim,)
        Their Monte-Carlo standard errors.
    ess : float
        Effective samples, smallest over parameters: rank-normalised bulk ESS, or Kish's of weighted draws.
    rhat : float
        Worst R-hat between ensembles; NaN where there are none.
    positions : float
        Effective positions of the ensembles' means, smallest over parameters, that the errors are counted on; infinite
        for independent draws.
    """

    mean: FloatArray
    sd: FloatArray
    mean_error: FloatArray
    sd_error: FloatArray
    ess: float
    rhat: float = math.nan
    positions: float = math.inf

    @classmethod
    def of_chains(cls, chains: FloatArray) -> Estimate:
        """Estimate from independent ensembles, shape (ensembles, steps, walkers, ndim), burn-in dropped."""
        diagnosis = diagnose(chains)
        mean, sd = chains.mean(axis=(0, 1, 2)), chains.std(axis=(0, 1, 2))
        sd_error = []
        for i in range(mean.size):
            square = (chains[..., i] - mean[i]) ** 2
            # The variance is the mean of the squares, and an error of the variance is 2 sd errors of the sd.
            worth = max(effective_samples(square), 1.0)
            sd_error.append(float(square.std()) / math.sqrt(worth) / (2.0 * sd[i]))
        return cls(
            mean,
            sd,
            diagnosis.mcse_mean,
            np.array(sd_error),
            float(diagnosis.ess_bulk.min()),
            diagnosis.worst_rhat,
            chains.shape[0] * float(diagnosis.autocorrelation_times.min()),
        )

    @classmethod
    def of_weighted(cls, draws: FloatArray, log_weight: FloatArray) -> Estimate:
        """Estimate from independent draws (n, ndim) with weights (n,); `ess` is Kish's."""
        share = np.exp(log_weight - log_weight.max())
        share /= share.sum()
        mean = share @ draws
        square = (draws - mean) ** 2
        variance = share @ square
        mean_error = np.sqrt(share**2 @ square)
        sd_error = np.sqrt(share**2 @ (square - variance) ** 2) / (2.0 * np.sqrt(variance))
        return cls(mean, np.sqrt(variance), mean_error, sd_error, float(1.0 / (share**2).sum()))

    @classmethod
    def pooled(cls, parts: Sequence[Estimate]) -> Estimate:
        """Join estimates from independent sittings of one length."""
        count = len(parts)
        mean = np.mean([part.mean for part in parts], axis=0)
        second = np.mean([part.sd**2 + part.mean**2 for part in parts], axis=0)
        mean_error, sd_error = (
            np.sqrt(np.sum(np.square([getattr(part, name) for part in parts]), axis=0)) / count
            for name in ("mean_error", "sd_error")
        )
        return cls(
            mean,
            np.sqrt(second - mean**2),
            mean_error,
            sd_error,
            sum(part.ess for part in parts),
            max(part.rhat for part in parts),
            sum(part.positions for part in parts),
        )


@dataclass(frozen=True)
class Comparison:
    """An estimate beside the reference.

    Attributes
    ----------
    mean_errors : ndarray, shape (ndim,)
        Deviation of the means, in combined standard errors.
    sd_shares : ndarray, shape (ndim,)
        Deviation of the sds, as a share of the reference's.
    sd_errors : ndarray, shape (ndim,)
        Combined standard errors of `sd_shares`.
    positions : float
        See `Estimate`.
    """

    mean_errors: FloatArray
    sd_shares: FloatArray
    sd_errors: FloatArray
    positions: float

    @property
    def passes(self) -> bool:
        """Whether every mean is within four standard errors and every sd within 2 %; an unknown one is not."""
        return bool((np.abs(self.mean_errors) <= MEAN_ERRORS).all() and (np.abs(self.sd_shares) <= SD_SHARE).all())

    @property
    def verdict(self) -> str:
        """`pass`, `FAIL`, or `too few samples` where the deviation is no more than chance.

        That is an sd off by more than 2 % but by less than four of its errors; twice as much, of means as well, if the
        errors come from fewer than 400 effective positions of the ensembles.
        """
        if self.passes:
            return "pass"
        errors = MEAN_ERRORS * (1.0 if self.positions >= ENOUGH else 2.0)
        unsure = np.abs(self.sd_shares) <= np.maximum(SD_SHARE, errors * self.sd_errors)
        right = (np.abs(self.mean_errors) <= errors).all() and unsure.all()
        return "too few samples" if right else "FAIL"


def compare(estimate: Estimate, reference: Estimate) -> Comparison:
    """Hold an estimate against the reference."""
    return Comparison(
        (estimate.mean - reference.mean) / np.hypot(estimate.mean_error, reference.mean_error),
        estimate.sd / reference.sd - 1.0,
        np.hypot(estimate.sd_error, reference.sd_error) / reference.sd,
        estimate.positions,
    )


def estimate_of(entry: Mapping[str, Any]) -> Estimate:
    """Return the estimate that an entry of the reference's file holds."""
    arrays = (np.array(entry[key]) for key in ("mean", "sd", "mean_error", "sd_error"))
    return Estimate(*arrays, entry["ess"])


def reference(name: str, path: Path = REFERENCE) -> Estimate:
    """Read the longest run of another sampler on a posterior; `python -m benchmarks.reference` makes them."""
    return max((estimate_of(run) for run in tomllib.loads(path.read_text())[name].values()), key=lambda run: run.ess)
