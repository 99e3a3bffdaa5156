"""Whether draws of single knees may stand for their likelihoods under a population: four questions, and refusals.

- Does every knee have enough draws where the population wants it? Counted are the weights' effective draws, the
  middle number over populations of the posterior.
- Are there single draws that carry the sum? Pareto's k of the weights (Vehtari et al. 2024) is then above 0.7, and no
  number of effective draws is to be believed.
- Do bounds of the interim prior cut a knee off that goes on beyond them in the population? Nothing there can be
  weighed.
- How far would the estimates move with other draws? To first order, were draw s of knee i there `1 + e` times, the mean
  of f over the posterior would move by `e Cov(f, w_is)`, the covariance over populations with the draw's share of the
  knee's weight: the infinitesimal jackknife. Beside it, the two halves of all knees' draws make two populations: half
  of their difference is an error as well, and how far the whole is from their mean, its bias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from calibrate.errors import ConfigError
from calibrate.population.atoms import Atoms
from calibrate.population.draws import PopulationDraws
from calibrate.population.gibbs import Laws, roots
from calibrate.population.model import Population
from calibrate.population.reweight import sample_atoms
from calibrate.population.sampler import Progress
from calibrate.population.sweep import rows_of
from calibrate.scores.loo import smoothed
from calibrate.texts import count

FloatArray = NDArray[np.float64]

# Effective draws of a knee below which its likelihood is a guess.
LEAST_EFFECTIVE = 50.0
# Pareto's k above which single draws decide.
LARGEST_K = 0.7
# Share of a knee that lies within a quarter of a standard deviation of a bound: a normal that is cut at 1.7 of its
# standard deviations, where 4 % are beyond, has so much.
LARGEST_CUT, _SLIGHT_CUT, _MARGIN = 0.03, 0.01, 0.25
# Error of a population's estimate, in its standard deviations.
LARGEST_ERROR = 0.25
# Populations that Pareto's k is computed under.
_TAILS = 16


@dataclass(frozen=True)
class Trust:
    """How far a population that draws of single knees were weighed for may be believed.

    Attributes
    ----------
    effective : mapping of str to float
        By knee, the draws that carry its weight.
    k : mapping of str to float
        By knee, Pareto's k of the weights, the middle one over populations.
    cut : mapping of str to float
        By knee and component, `knee mcl.log_k`, the share next to a bound of its interim prior.
    errors : mapping of str to float
        By the population's parameters, the error that the draws make in the estimate's mean or its standard
        deviation, whichever is larger, in standard deviations of the estimate.
    """

    effective: Mapping[str, float]
    k: Mapping[str, float]
    cut: Mapping[str, float]
    errors: Mapping[str, float]

    def refusals(self) -> list[str]:
        """Return why the estimates are none, a sentence each; nothing if they may be used."""
        said = []
        knee, fewest = min(self.effective.items(), key=lambda item: item[1])
        if not fewest >= LEAST_EFFECTIVE:
            said.append(
                f"knee {knee}: its draws are worth {fewest:.0f} under the population, and {LEAST_EFFECTIVE:.0f} are "
                f"needed{_of([not one >= LEAST_EFFECTIVE for one in self.effective.values()])}"
            )
        knee, largest = max(self.k.items(), key=lambda item: item[1])
        if not largest <= LARGEST_K:
            said.append(
                f"knee {knee}: a few draws carry all its weight (Pareto k = {largest:.2f}, at most {LARGEST_K:g})"
                f"{_of([not one <= LARGEST_K for one in self.k.values()])}"
            )
        where, share = max(self.cut.items(), key=lambda item: item[1], default=("", 0.0))
        if share > LARGEST_CUT:
            said.append(
                f"knee {where}: a bound of its own prior cuts it off ({share:.0%} of it lie next to the bound, at most "
                f"{LARGEST_CUT:.0%})"
            )
        name, error = max(self.errors.items(), key=lambda item: item[1], default=("", 0.0))
        if not error <= LARGEST_ERROR:
            said.append(
                f"{name} depends on which draws it is made of: its error is {error:.2f} of its standard deviation, at "
                f"most {LARGEST_ERROR:g}"
            )
        return said

    def cautions(self) -> list[str]:
        """Return what else to know of estimates that may be used, a sentence each."""
        said = [
            f"knee {where}: {share:.1%} of it lie next to a bound of its own prior; what is beyond is missing"
            for where, share in self.cut.items()
            if _SLIGHT_CUT < share <= LARGEST_CUT
        ]
        return said[:5] + ([f"{len(said) - 5} more knees are slightly cut off by bounds"] if len(said) > 5 else [])

    def content(self) -> dict[str, Any]:
        """Return it as JSON has it, the thresholds beside."""
        return {
            "effective": dict(self.effective),
            "least_effective": LEAST_EFFECTIVE,
            "pareto_k": {knee: k if np.isfinite(k) else None for knee, k in self.k.items()},
            "largest_k": LARGEST_K,
            "cut": dict(self.cut),
            "largest_cut": LARGEST_CUT,
            "errors": dict(self.errors),
            "largest_error": LARGEST_ERROR,
        }


def _of(bad: Sequence[bool]) -> str:
    """Say of how many knees the same holds, if it is not of one."""
    return f"; so it is with {sum(bad)} of {count(len(bad), 'knee')}" if sum(bad) > 1 else ""


class RefusedError(ConfigError):
    """Draws of single knees that cannot stand for their likelihoods; `trust` has the numbers."""

    def __init__(self, trust: Trust) -> None:
        super().__init__(
            f"these calibrations cannot be put together without their data: {'; '.join(trust.refusals())}; sample the "
            "knees jointly, or calibrate them with more draws and wider, unbounded priors"
        )
        self.trust = trust


def reweigh(
    population: Population,
    atoms: Sequence[Atoms],
    seed: int | None = None,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: float | None,
) -> tuple[PopulationDraws, Trust]:
    """Sample a population from finished calibrations of its knees, if these can stand for their likelihoods.

    Parameters
    ----------
    population : Population
        What to sample; of the knees' posteriors only names, priors and geometry matter.
    atoms : sequence of Atoms
        Of each knee, in the population's order.
    seed, on_progress, should_stop, **settings
        See `calibrate.population.sample`.

    Raises
    ------
    RefusedError
        If they cannot.
    """
    draws, trust = weigh(population, atoms, seed, on_progress=on_progress, should_stop=should_stop, **settings)
    if trust.refusals():
        raise RefusedError(trust)
    return draws, trust


def weigh(
    population: Population,
    atoms: Sequence[Atoms],
    seed: int | None = None,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: float | None,
) -> tuple[PopulationDraws, Trust]:
    """Sample as `reweigh`, and say how far it may be believed, whatever that is."""
    how: dict[str, Any] = {**settings, "on_progress": on_progress, "should_stop": should_stop}
    draws, laws = sample_atoms(population, atoms, seed, **how)
    trust, moved = by_weights(population, atoms, laws)
    trust = replace(trust, errors=dict(zip(population.names, moved.max(axis=0).tolist(), strict=True)))
    if trust.refusals() or should_stop():
        return draws, trust
    halves = [sample_atoms(population, [one.half(second) for one in atoms], seed, **how)[0] for second in (False, True)]
    errors = np.maximum(_errors(draws, *halves), moved.max(axis=0))
    return draws, replace(trust, errors=dict(zip(population.names, errors.tolist(), strict=True)))


def by_weights(population: Population, atoms: Sequence[Atoms], laws: Sequence[Laws]) -> tuple[Trust, FloatArray]:
    """Ask the first three questions under some populations, and how far estimates would move with other draws.

    Returns
    -------
    Trust
        Without errors.
    ndarray, shape (2, n)
        Errors of the means of the population's parameters, and of their standard deviations.
    """
    rows = np.concatenate([rows_of(population, one) for one in laws])
    inverse = np.concatenate([roots(one.sigma) for one in laws])
    means = np.concatenate([one.means(population.design) for one in laws], axis=1)
    half = len(rows) // 2
    centred = rows - rows.mean(axis=0)
    # The mean of the squares moves the standard deviation by half of that over itself.
    sd = np.where(centred.std(axis=0) > 0.0, centred.std(axis=0), 1.0)
    f = np.concatenate([centred, (centred**2 - sd**2) / (2.0 * sd)], axis=1)
    variance = np.zeros(f.shape[1])
    effective, k, cut = {}, {}, {}
    for knee, one, mean in zip(population.ids, atoms, means, strict=True):
        log_weights = _log_weights(one, mean, inverse)
        shares = np.exp(log_weights - logsumexp(log_weights, axis=1, keepdims=True))
        effective[knee] = one.efficiency * float(np.median(1.0 / (shares**2).sum(axis=1)))
        tails = log_weights[:: max(1, len(log_weights) // _TAILS)]
        k[knee] = float(np.median([smoothed(-row, max(one.efficiency, 1e-3))[1] for row in tails]))
        average = shares.mean(axis=0)
        for component, share in zip(population.components, _cut(one, average), strict=True):
            if share > 0.0:
                cut[f"{knee} {component.name}"] = float(share)
        # Each half knows the covariance with an error of its own: their product has none on the average.
        moves = [f[part].T @ (shares[part] - average) / half for part in (slice(half), slice(half, None))]
        variance += (moves[0] * moves[1]).sum(axis=1) / max(one.efficiency, 1e-3)
    return Trust(effective, k, cut, {}), np.sqrt(np.maximum(variance, 0.0)).reshape(2, -1) / sd


def _log_weights(atoms: Atoms, mean: FloatArray, inverse: FloatArray) -> FloatArray:
    """Return log-weights of a knee's draws under populations of means (T, P) and roots (T, P, P), (T, S)."""
    out = np.empty((len(mean), len(atoms)))
    for i, (middle, root) in enumerate(zip(mean, inverse, strict=True)):
        white = (atoms.phi - middle) @ root.T
        out[i] = -0.5 * np.einsum("sk,sk->s", white, white) - atoms.log_interim
    return out


def _cut(atoms: Atoms, shares: FloatArray) -> FloatArray:
    """Return for each component the share of a knee that lies next to a bound, (P,)."""
    phi = atoms.phi
    mean = shares @ phi
    reach = _MARGIN * np.sqrt(shares @ (phi - mean) ** 2)
    near = (phi < atoms.lower + reach) | (phi > atoms.upper - reach)
    return np.asarray(shares @ near)


def _errors(whole: PopulationDraws, first: PopulationDraws, second: PopulationDraws) -> FloatArray:
    """Return the error of each parameter's mean and spread, the larger of both, in its standard deviations."""
    all_samples, one, other = whole.samples(), first.samples(), second.samples()
    sd = all_samples.std(axis=0)
    found = []
    for what in (np.mean, np.std):
        w, a, b = (np.asarray(what(samples, axis=0)) for samples in (all_samples, one, other))
        found.append(np.hypot(0.5 * (a - b), w - 0.5 * (a + b)) / sd)
    return np.asarray(np.max(found, axis=0))
