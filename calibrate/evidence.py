"""The evidence: the likelihood's mean over the prior, from the draws of a finished run, by bridge sampling.

A proposal that can be drawn from, and whose density is known, is laid over one half of the draws; what both have in
common with the other half says how much mass lies under the posterior (Meng & Wong 1996, iterated as Gronau et al. 2017
do). Then the halves change places. Each half is whole ensembles, so the two answers are independent.

It is the evidence of hard walls: priors are normalised inside their bounds, and draws that the penalty lets spill
beyond them count for nothing; the others are distributed as if there were walls.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.special import gammaln, logsumexp

from calibrate.draws import Draws
from calibrate.errors import ParameterError
from calibrate.posterior import Posterior
from calibrate.sampling.pilot import explore
from calibrate.sampling.series import effective_samples
from calibrate.unbounded import Unbounded

FloatArray = NDArray[np.float64]

# Stored steps at the least: fewer have no correlation to tell.
_FEWEST = 32
BoolArray = NDArray[np.bool_]

# The error above which an evidence decides nothing: models are told apart by a few units.
MAX_ERROR = 0.3
# Effective draws that either half needs.
MIN_EFFECTIVE = 100.0
# Draws of an ensemble that are used at the most, and steps that these keep.
_DRAWS, _STEPS = 50_000, 200
# Draws that the proposal is laid over at the most, and its own.
_FITTED, _PROPOSED = 20_000, 20_000
# Parts of the proposal, draws that each needs for every parameter, and its degrees of freedom: tails as a power.
_PARTS, _PER_PARAMETER, _FREEDOM = 12, 10, 5.0
# The least width of a part, of the draws' whole.
_LEAST = 1e-4
# Pilots that see the whole prior. By how much more mass than the draws lie on all of them may find in the mean: this,
# and as often the error of their mean as the second number.
_PILOTS, _MORE, _SURE = 4, 0.5, 4.0
_ROUNDS, _CLOSE = 1000, 1e-8


@dataclass(frozen=True)
class Evidence:
    """The logarithm of the evidence, of the data's density under a model.

    Attributes
    ----------
    value : float
        The natural logarithm, of loads in the data files' unit.
    error : float
        Its standard error.
    effective : float
        Effective draws behind it.
    outside : float
        Share of the draws that the penalty let spill beyond the bounds.
    pilot, pilot_error : float
        What short nested sampling over the whole prior finds, and by how much that errs: no better number, but it
        would see a hill that the draws miss.
    """

    value: float
    error: float
    effective: float
    outside: float
    pilot: float
    pilot_error: float


@dataclass(frozen=True)
class _Half:
    """Draws of some ensembles without bounds.

    Attributes
    ----------
    z : ndarray, shape (ensembles, steps, walkers, ndim)
        Where they are; anything for those outside the bounds.
    log_density : ndarray, shape (ensembles, steps, walkers)
        Their log-posterior as a density of z.
    inside : ndarray of bool, same shape
        Which lie inside the bounds.
    """

    z: FloatArray
    log_density: FloatArray
    inside: BoolArray


@dataclass(frozen=True)
class Proposal:
    """A mixture of multivariate Student's t, one for each cluster of draws.

    Attributes
    ----------
    weights : ndarray, shape (parts,)
        Their sum is 1.
    centres : ndarray, shape (parts, ndim)
        The middles.
    roots : ndarray, shape (parts, ndim, ndim)
        Cholesky factors of the scale matrices.
    """

    weights: FloatArray
    centres: FloatArray
    roots: FloatArray

    @classmethod
    def over(cls, z: FloatArray, rng: np.random.Generator) -> Proposal:
        """Lay a mixture over draws (n, ndim)."""
        enough = _PER_PARAMETER * z.shape[1]
        parts = max(1, min(_PARTS, len(z) // (4 * enough)))
        spread = z.std(axis=0) + np.finfo(float).tiny
        scaled = (z - z.mean(axis=0)) / spread
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a cluster without draws is left out below
            _, label = kmeans2(scaled, scaled[rng.choice(len(z), parts, replace=False)], minit="matrix")
        clusters = [z[label == part] for part in range(parts)]
        clusters = [cluster for cluster in clusters if len(cluster) >= enough] or [z]
        sizes = np.array([float(len(cluster)) for cluster in clusters])
        floor = np.diag((_LEAST * spread) ** 2)  # draws that repeat each other have no volume
        roots = [np.linalg.cholesky(np.atleast_2d(np.cov(cluster.T)) + floor) for cluster in clusters]
        return cls(sizes / sizes.sum(), np.array([cluster.mean(axis=0) for cluster in clusters]), np.array(roots))

    def log_density(self, z: FloatArray) -> FloatArray:
        """Return the log-density at z (n, ndim), shape (n,)."""
        ndim, nu = z.shape[1], _FREEDOM
        constant = gammaln(0.5 * (nu + ndim)) - gammaln(0.5 * nu) - 0.5 * ndim * math.log(nu * math.pi)
        parts = []
        for weight, centre, root in zip(self.weights, self.centres, self.roots, strict=True):
            distance = (np.linalg.solve(root, (z - centre).T) ** 2).sum(axis=0)
            volume = np.log(np.diag(root)).sum()
            parts.append(math.log(weight) + constant - volume - 0.5 * (nu + ndim) * np.log1p(distance / nu))
        return np.asarray(logsumexp(parts, axis=0))

    def sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw n points, (n, ndim)."""
        part = rng.choice(len(self.weights), n, p=self.weights)
        noise = rng.standard_normal((n, self.centres.shape[1]))
        noise /= np.sqrt(rng.chisquare(_FREEDOM, n) / _FREEDOM)[:, np.newaxis]
        return np.asarray(self.centres[part] + np.einsum("nij,nj->ni", self.roots[part], noise))


def log_evidence(draws: Draws, seed: int = 1) -> Evidence:
    """Compute the evidence of a calibration.

    Parameters
    ----------
    draws : Draws
        A run's, or any other draws of a posterior by several ensembles.
    seed : int
        Draws the proposal's points and the pilots'.

    Returns
    -------
    Evidence
        The logarithm, with its error.

    Raises
    ------
    ParameterError
        If the priors are not normalised, the draws are too few for it, or they miss some of the posterior.
    """
    posterior = draws.posterior
    _check_priors(posterior)
    if draws.stored < _FEWEST:
        raise ParameterError(
            f"evidence: {draws.stored} steps are stored, and it needs {_FEWEST} at the least; go on with the run"
        )
    way = Unbounded.of(posterior)
    proposals, pilots = np.random.default_rng(seed).spawn(2)
    halves = _halves(draws, way)
    answers = [_bridged(posterior, way, one, other, proposals) for one, other in (halves, halves[::-1])]
    values, errors, effective = np.array(answers).T
    # Should the ensembles disagree by more than each of them knows, the disagreement is the error.
    error = max(0.5 * float(np.hypot(*errors)), 0.5 * abs(float(values[0] - values[1])))
    found = np.array([explore(posterior, pilots).log_evidence for _ in range(_PILOTS)])
    outside = 1.0 - float(np.mean([half.inside.mean() for half in halves]))
    pilot_error = float(found.std(ddof=1)) / math.sqrt(_PILOTS)
    result = Evidence(float(values.mean()), error, float(effective.sum()), outside, float(found.mean()), pilot_error)
    _check(result)
    return result


def _check_priors(posterior: Posterior) -> None:
    """Refuse a posterior whose log-prior lacks its constant, as those of runs of calibrate 0.1 do."""
    middle = posterior.prior_sample(np.random.default_rng(0), 1)
    wanted = sum(float(prior.log_density(x)) for prior, x in zip(posterior.priors, middle[0], strict=True))
    if not math.isclose(float(np.ravel(posterior.log_prior(middle))[0]), wanted, rel_tol=1e-9, abs_tol=1e-6):
        raise ParameterError(
            "evidence: the priors of this run are not normalised, as in all of calibrate 0.1; calibrate it anew"
        )


def _check(found: Evidence) -> None:
    """Refuse an answer that is none."""
    if not found.error <= MAX_ERROR:
        raise ParameterError(
            f"evidence: log Z = {found.value:.1f} errs by {found.error:.2g}, more than {MAX_ERROR:g}; "
            "go on with the run for more effective draws"
        )
    more = found.pilot - found.value
    if more > max(_MORE, _SURE * found.pilot_error):
        raise ParameterError(
            f"evidence: the draws lie on a mass of log Z = {found.value:.2f}, and the whole prior has one of "
            f"{found.pilot:.2f} +- {found.pilot_error:.2f}; they miss a part of the posterior, so calibrate with "
            "another seed or more walkers"
        )


def _halves(draws: Draws, way: Unbounded) -> tuple[_Half, _Half]:
    """Return every other ensemble, and the others."""
    _, stored, walkers = draws.chains.log_prob.shape
    steps = stored - draws.burn_in
    thin = max(1, min(steps // _STEPS, steps * walkers // _DRAWS))
    fewer = max(1, math.ceil(steps / thin * walkers / _DRAWS))
    coords = np.asarray(draws.chains.coords[:, draws.burn_in :: thin, ::fewer])
    log_prob = np.asarray(draws.chains.log_prob[:, draws.burn_in :: thin, ::fewer])
    inside = way.inside(coords)
    if min(inside[i::2].sum() for i in range(2)) < MIN_EFFECTIVE:
        raise ParameterError(
            f"evidence: {inside.mean():.1%} of the draws lie inside the bounds, too few to lay a proposal over; "
            "widen the bounds"
        )
    with np.errstate(divide="ignore", invalid="ignore"):  # outside of the bounds, where nothing is looked at
        z = way.away(coords)
        density = log_prob + way.log_stretch(z) + _positive(draws.posterior)
    first, second = (_Half(z[i::2], density[i::2], inside[i::2]) for i in range(2))
    return first, second


def _positive(posterior: Posterior) -> float:
    """Return what normalises the priors over what is positive where it has to be, in logarithms: mostly nought."""
    pairs = [(parameter.possible, parameter.prior) for parameter in posterior.table.free]
    return math.fsum(a.row()[3] - b.row()[3] for a, b in pairs if b is not None)


def _bridged(
    posterior: Posterior, way: Unbounded, fitted: _Half, used: _Half, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return log Z, its error and the effective draws behind it: a proposal over one half, a bridge to the other."""
    some = fitted.z[fitted.inside]
    proposal = Proposal.over(rng.permutation(some)[:_FITTED], rng)
    ours = used.log_density[used.inside] - proposal.log_density(used.z[used.inside])
    z = proposal.sample(rng, _PROPOSED)
    density = np.asarray(posterior.log_prob(way.back(z))) + way.log_stretch(z) + _positive(posterior)
    theirs = density - proposal.log_density(z)
    effective = float(len(ours))
    for _ in range(2):  # how many draws count depends on the bridge, and the best bridge on how many count
        value, of_ours, of_theirs = bridge(ours, theirs, effective)
        spread = np.zeros(used.inside.shape)
        spread[used.inside] = of_ours - of_ours.mean()
        effective = effective_samples(spread) * float(used.inside.mean())
        if not effective >= MIN_EFFECTIVE:
            raise ParameterError(
                f"evidence: half of the draws are worth {effective:.0f} independent ones, fewer than "
                f"{MIN_EFFECTIVE:g}; go on with the run"
            )
    error = of_ours.var() / of_ours.mean() ** 2 / effective + of_theirs.var() / of_theirs.mean() ** 2 / len(theirs)
    return value, math.sqrt(error), effective


def bridge(ours: FloatArray, theirs: FloatArray, effective: float) -> tuple[float, FloatArray, FloatArray]:
    """Return the logarithm of the ratio of two densities' integrals, by Meng and Wong's optimal bridge.

    Parameters
    ----------
    ours, theirs : ndarray, shape (n,) and (m,)
        Logarithms of the one density over the other, at draws of the one, and at draws of the other.
    effective : float
        How many independent draws `ours` are worth.

    Returns
    -------
    value : float
        The logarithm of the one's integral over the other's.
    of_ours, of_theirs : ndarray, shape (n,) and (m,)
        The terms whose means' ratio is 1 there: their scatter is the answer's error.

    Raises
    ------
    ParameterError
        If the densities have nothing in common.
    """
    share = math.log(effective / (effective + len(theirs))), math.log(len(theirs) / (effective + len(theirs)))
    value = float(np.median(ours))
    for _ in range(_ROUNDS):
        of_ours = np.exp(value - np.logaddexp(share[0] + ours, share[1] + value))
        of_theirs = np.exp(theirs - np.logaddexp(share[0] + theirs, share[1] + value))
        with np.errstate(divide="ignore"):
            step = float(np.log(of_theirs.mean()) - np.log(of_ours.mean()))
        value += step
        if abs(step) < _CLOSE:
            return value, of_ours, of_theirs
        if not math.isfinite(value):
            break
    raise ParameterError("evidence: the draws are too few, or too unlike each other, to lay a proposal over them")
