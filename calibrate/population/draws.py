"""Draws of a population and of its knees: estimates, each knee, and knees yet to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.cautions import cautions
from calibrate.population.components import parameters
from calibrate.population.model import Population
from calibrate.population.record import Record
from calibrate.sampling.verdict import Verdict

FloatArray = NDArray[np.float64]

_QUANTILES = {"q2.5": 0.025, "q5": 0.05, "median": 0.5, "q95": 0.95, "q97.5": 0.975}


@dataclass(frozen=True, eq=False, repr=False)
class PopulationDraws:
    """Draws of a population.

    Attributes
    ----------
    population : Population
        What they are draws of.
    chains : ndarray, shape (ensembles, steps, walkers, n)
        The population's parameters, burn-in included.
    log_prob : ndarray, shape (ensembles, steps, walkers)
        What the knees' own data and priors say, summed up.
    knees : ndarray, shape (ensembles, kept, some walkers, N, D)
        Coordinates of the knees, burn-in included: components, then other free parameters.
    every : int
        Stored steps for each that knees are kept of.
    verdict : Verdict
        Whether the population's parameters have converged.
    alone : mapping of str to ndarray, shape (n, P)
        Of a population made of finished calibrations, each knee's components by themselves.
    trust : mapping
        How far such a population may be believed, see `calibrate.population.trust.Trust.content`.
    """

    population: Population
    chains: FloatArray = field(repr=False)
    log_prob: FloatArray = field(repr=False)
    knees: FloatArray = field(repr=False)
    every: int
    verdict: Verdict
    alone: Mapping[str, FloatArray] = field(default_factory=dict, repr=False)
    trust: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, population: Population, record: Record, verdict: Verdict) -> PopulationDraws:
        """Take them from a record."""
        most = int(population.forms.dims.max())
        none = np.empty((record.shape[0], 0, 1, len(population.ids), most))
        knees = np.stack(record.knees, axis=1) if record.knees else none
        return cls(population, *record.joined(), knees, record.every, verdict)

    @property
    def names(self) -> tuple[str, ...]:
        """The population's parameters: `population.mcl.log_k.mean`, `population.corr(mcl.log_k, lcl.log_k)`, ..."""
        return self.population.names

    @property
    def converged(self) -> bool:
        """Whether the population's parameters have converged."""
        return self.verdict.converged

    @property
    def draws(self) -> FloatArray:
        """The population's parameters after the burn-in, (ensembles, steps, walkers, n)."""
        return self.chains[:, self.verdict.burn_in :]

    def samples(self) -> FloatArray:
        """Return the population's parameters after the burn-in, (draws, n)."""
        return self.draws.reshape(-1, len(self.names))

    def components(self, knee: str) -> FloatArray:
        """Return a knee's components after the burn-in, (draws, P), in the order of `population.components`."""
        return self._coordinates(knee)[:, : len(self.population.components)]

    def knee(self, knee: str) -> FloatArray:
        """Return draws of a knee's free parameters after the burn-in, (draws, ndim), as its posterior has them.

        Parameters
        ----------
        knee : str
            Its name in the study.

        Raises
        ------
        ConfigError
            If there is none of that name.
        """
        number = self.population.index(knee)
        posterior, count = self.population.posteriors[number], len(self.population.components)
        z = self._coordinates(knee)
        return parameters(posterior, self.population.components, z[:, :count], z[:, count : posterior.ndim])

    def new_knee(
        self, n: int, rng: np.random.Generator, covariates: Mapping[str, str | float] | None = None
    ) -> FloatArray:
        """Draw components of knees that are not in the study, (n, P): of new persons, where there are persons.

        Parameters
        ----------
        n : int
            How many; each of a population drawn from the posterior.
        rng : numpy.random.Generator
            Draws them.
        covariates : mapping of str to str or float
            What is known of the new knee: all that the population has.

        Raises
        ------
        ConfigError
            If a covariate is missing, is none of the population's, none of the study's groups, or too far outside.
        """
        known = [one.name for one in self.population.covariates]
        if unknown := [name for name in covariates or {} if name not in known]:
            raise ConfigError(f"{unknown[0]}: is no covariate of this population; it has {', '.join(known) or 'none'}")
        row = self.population.row(covariates or {})
        return self._new(np.broadcast_to(row, (n, len(row))), rng)

    def new_knees(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw components of knees that are not in the study and have covariates as its own knees have, (n, P).

        Parameters
        ----------
        n : int
            How many: as many with each knee's covariates, or one more.
        rng : numpy.random.Generator
            Draws them.
        """
        x = self.population.design.x
        return self._new(x[np.arange(n) * len(x) // n], rng)

    def _new(self, x: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draw components of a new knee for each row of the design."""
        rows = self.samples()[rng.integers(len(self.samples()), size=len(x))]
        b, sigma, sigma_u = self.laws(rows)
        root = np.linalg.cholesky(sigma if sigma_u is None else sigma + sigma_u)
        white = rng.standard_normal((len(x), len(self.population.components), 1))
        return np.asarray(np.einsum("nqp,nq->np", b, x) + (root @ white)[..., 0])

    def laws(self, rows: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Return B (m, q, P), Sigma (m, P, P) and Sigma_u, None without pairs, of rows of parameters (m, n).

        B is that of the design: numbers in standard deviations from their mean.
        """
        population = self.population
        count, effects = len(population.components), population.design.x.shape[1]
        each = effects + (2 if population.pairs else 1)
        table = rows[:, : count * each].reshape(len(rows), count, each).transpose(0, 2, 1)
        b = table[:, :effects].copy()
        at = 1
        for covariate in population.covariates:
            if not covariate.groups:
                b[:, at] *= covariate.unit
            at += len(covariate.labels)
        correlations = np.split(rows[:, count * each :], 2 if population.pairs else 1, axis=1)
        sigmas = [_put_together(table[:, effects + i], rho) for i, rho in enumerate(correlations)]
        return b, sigmas[0], sigmas[1] if population.pairs else None

    def summary(self) -> dict[str, Any]:
        """Return estimates and convergence of the population's parameters, and of the knees' components."""
        samples, diagnosis = self.samples(), self.verdict.diagnosis
        found = {}
        for i, name in enumerate(self.names):
            entry = _estimates(samples[:, i])
            for key in ("mcse_mean", "rhat", "ess_bulk", "ess_tail"):
                entry[key] = _known(float(getattr(diagnosis, key)[i]))
            found[name] = entry
        knees = {}
        for knee in self.population.ids:
            z = self.components(knee)
            knees[knee] = {one.name: _estimates(z[:, i]) for i, one in enumerate(self.population.components)}
        return {
            "converged": self.converged,
            "verdict": self.verdict.sentence,
            "steps": int(self.chains.shape[1]),
            "burn_in": int(self.verdict.burn_in),
            "warnings": cautions(self.population),
            "population": found,
            "knees": knees,
        }

    def _coordinates(self, knee: str) -> FloatArray:
        number = self.population.index(knee)
        kept = (np.arange(self.knees.shape[1]) + 1) * self.every > self.verdict.burn_in
        z = self.knees[:, kept, :, number]
        return z.reshape(-1, z.shape[-1])


def _put_together(sds: FloatArray, correlations: FloatArray) -> FloatArray:
    """Return covariances (m, P, P) from standard deviations (m, P) and correlations (m, P (P - 1) / 2)."""
    size = sds.shape[1]
    sigma = np.tile(np.eye(size), (len(sds), 1, 1))
    i, j = np.triu_indices(size, 1)
    sigma[:, i, j] = sigma[:, j, i] = correlations
    return sigma * sds[:, :, np.newaxis] * sds[:, np.newaxis]


def _estimates(values: FloatArray) -> dict[str, Any]:
    quantiles = np.quantile(values, list(_QUANTILES.values())) if values.size else [np.nan] * len(_QUANTILES)
    return {
        "mean": _known(float(values.mean())) if values.size else None,
        "sd": _known(float(values.std())) if values.size else None,
        **{key: _known(float(value)) for key, value in zip(_QUANTILES, quantiles, strict=True)},
    }


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
