"""Findings about the prior against the data: which answers hang on it, and where the two disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from calibrate.findings.finding import Finding
from calibrate.powerscale import THRESHOLD, sensitivity
from calibrate.priors import LogNormal, Prior, Uniform
from calibrate.texts import listed

if TYPE_CHECKING:
    from calibrate.draws import Draws

FloatArray = NDArray[np.float64]

# Prior-predictive standard deviations that a posterior mean may lie off: more is one parameter in 400.
DISAGREES = 3.0
# Of the prior's variance, what a posterior mean varies by at the least. Where data leave a parameter nearly as wide as
# its prior, a difference of the two is mostly what a curved posterior does to its mean.
_LEAST = 0.25
_DRAWS = 2000
_MOST_NAMED = 4


@dataclass(frozen=True)
class Sensitivity:
    """How fast distributions move with the weight of prior and data; see `calibrate.powerscale`."""

    names: tuple[str, ...]
    prior: FloatArray
    data: FloatArray


def sensitivity_of(draws: Draws) -> Sensitivity:
    """Work out the sensitivity of parameters, reference strains and laxity at 10 N·m."""
    q = draws.spread(_DRAWS).reshape(-1, len(draws.names))
    derived = {
        name: values
        for name, values in draws.derived(_DRAWS).items()
        if name not in draws.names and name.endswith((".reference_strain", "_10Nm"))
    }
    values = np.column_stack([q, *derived.values()])
    log_prior, log_likelihood = (
        np.asarray(part(q)) for part in (draws.posterior.log_prior, draws.posterior.log_likelihood)
    )
    return Sensitivity((*draws.names, *derived), sensitivity(values, log_prior), sensitivity(values, log_likelihood))


def prior_conflict(draws: Draws, found: Sensitivity) -> Iterator[Finding]:
    """Find parameters whose prior and data disagree."""
    samples = draws.some_samples()
    far = {
        name: disagreement(samples[:, i], prior)
        for i, (name, prior) in enumerate(zip(draws.names, draws.posterior.priors, strict=True))
        if not isinstance(prior, Uniform) and found.prior[i] > THRESHOLD
    }
    odd = {name: value for name, value in far.items() if abs(value) > DISAGREES}
    if odd:
        worst = max(odd, key=lambda name: abs(odd[name]))
        named = [f"{name} ({value:+.1f})" for name, value in odd.items()]
        yield Finding(
            "prior-conflict",
            ", ".join(odd),
            abs(odd[worst]),
            DISAGREES,
            f"prior and data disagree on {', '.join(named)}: in brackets how many standard deviations the posterior's "
            f"mean lies from where the prior expects it (beyond {DISAGREES:g} once in 400 times), and the answer is a "
            "compromise of the two",
            "look for what differs from what the prior is about: the unit, the geometry, the zero, the ligament; or "
            "widen the prior",
        )


def prior_matters(draws: Draws, found: Sensitivity, told: set[str]) -> Iterator[Finding]:
    """Find answers that move with the weight of the prior; `told` are parameters of which that was said already."""
    order = np.argsort(-np.nan_to_num(found.prior))
    named = [i for i in order.tolist() if found.prior[i] > THRESHOLD and found.names[i] not in told]
    if named:
        said = [f"{found.names[i]} ({found.prior[i]:.2f})" for i in named]
        weak = [found.names[i] for i in named if found.data[i] < THRESHOLD]
        yield Finding(
            "prior-sensitive",
            ", ".join(found.names[i] for i in named),
            float(found.prior[named[0]]),
            THRESHOLD,
            f"the prior matters for {listed(said, _MOST_NAMED)}: "
            f"in brackets the power-scaling sensitivity (up to {THRESHOLD:g} it does not)"
            + (f"; the data's own is below that for {listed(weak, _MOST_NAMED)}" if weak else ""),
            "report the prior with them, and what another one would give",
        )


def disagreement(values: FloatArray, prior: Prior) -> float:
    """Return how far a posterior mean lies from where the prior expects it, in standard deviations.

    Values are turned into what would be standard normal under the prior. There the posterior mean, over data that the
    prior expects, has the mean 0 and, by the law of total variance, the variance 1 less the mean posterior variance:
    for that this posterior's stands, which differs from data to data, so that no less than a quarter is left.
    """
    scores = _scores(values, prior)
    away = float(np.mean(scores)) / np.sqrt(max(1.0 - float(np.var(scores)), _LEAST))
    return away if np.isfinite(away) else 0.0


def _scores(values: FloatArray, prior: Prior) -> FloatArray:
    """Return normal scores of values under a prior that is truncated to its bounds."""
    _, centre, width, _ = prior.row()
    logarithmic = isinstance(prior, LogNormal)

    def standard(x: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray(((np.log(np.maximum(x, 0.0)) if logarithmic else x) - centre) / width)

    ends, z = standard(np.array([prior.lower, prior.upper])), standard(values)
    if np.isinf(ends).all():
        return z
    turn = np.copysign(1.0, -ends.sum())  # so that not both bounds are in the upper tail, where probabilities are 1
    low, high = np.sort(ndtr(turn * ends))
    with np.errstate(invalid="ignore"):  # between bounds next to each other there is nothing to disagree about: NaN
        share = (ndtr(turn * z) - low) / (high - low)
    return np.asarray(turn * ndtri(np.clip(share, 1e-9, 1.0 - 1e-9)))
