"""Draws of finished calibrations of single knees, as a population takes them: with the interim prior divided out.

Each knee was calibrated by itself under the priors of its configuration. Those of the components are replaced by the
population, so each draw counts by the population's density of its components over the interim prior's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.components import LOG, LOGIT, Component, columns_of, values
from calibrate.posterior import Posterior
from calibrate.sampling.series import worth

FloatArray = NDArray[np.float64]

# Draws of a knee that are taken at the most, evenly from all there are, and those that it has to have.
MOST, FEWEST = 4000, 100


@dataclass(frozen=True)
class Atoms:
    """A knee's draws.

    Attributes
    ----------
    z : ndarray, shape (S, ndim)
        Components, then other free parameters; in the order of the chain.
    log_interim : ndarray, shape (S,)
        Log-density of the components under the interim prior, over the components.
    height : ndarray, shape (S,)
        What the knee's own data and the priors of its other parameters say.
    lower, upper : ndarray, shape (P,)
        Bounds of the interim prior, as components; infinite where there is none.
    efficiency : float
        Effective draws for each of them; 1 if they are independent.
    """

    z: FloatArray
    log_interim: FloatArray
    height: FloatArray
    lower: FloatArray
    upper: FloatArray
    efficiency: float

    def __len__(self) -> int:
        return len(self.z)

    @property
    def phi(self) -> FloatArray:
        """The components, (S, P)."""
        return self.z[:, : len(self.lower)]

    def half(self, second: bool) -> Atoms:
        """Return the first half or the second: chains are ordered by ensemble or by time, so the two hardly meet."""
        middle = len(self) // 2
        part = slice(middle, None) if second else slice(middle)
        return Atoms(self.z[part], self.log_interim[part], self.height[part], self.lower, self.upper, self.efficiency)


def atoms_of(
    knee: str,
    posterior: Posterior,
    components: Sequence[Component],
    draws: FloatArray,
    log_prob: FloatArray,
    effective: float,
    chain: float = math.inf,
) -> Atoms:
    """Put a knee's draws into the form of a population's.

    Parameters
    ----------
    knee : str
        Its name, for complaints.
    posterior : Posterior
        What they are draws of.
    components : sequence of Component
        The population's.
    draws : ndarray, shape (n, ndim)
        As the posterior has them, in the order of the chain.
    log_prob : ndarray, shape (n,)
        Their log-posterior.
    effective : float
        How many independent draws the whole chain is worth that they are of.
    chain : float
        Draws of that chain, of which these are even or random picks; infinite, on the safe side, where nobody knows.

    Raises
    ------
    ConfigError
        If there are too few draws, or they are not of this posterior.
    """
    if draws.ndim != 2 or draws.shape[1] != posterior.ndim:
        raise ConfigError(f"knee {knee}: its draws are not of the {posterior.ndim} free parameters that it has")
    if len(draws) < FEWEST:
        raise ConfigError(f"knee {knee}: has {len(draws)} draws, and {FEWEST} at the least are needed to weigh them")
    which = np.linspace(0, len(draws) - 1, min(len(draws), MOST)).astype(np.int64)
    some = draws[which]
    columns = columns_of(posterior, components)
    count = len(components)
    phi = values(posterior, components, some)
    own, jacobian = interim(posterior, components, some)
    height = log_prob[which] - own
    if not (np.isfinite(phi).all() and np.isfinite(jacobian).all() and np.isfinite(height).all()):
        raise ConfigError(f"knee {knee}: some of its draws are impossible under its own configuration")
    lower, upper = _bounds(posterior, components)
    z = np.column_stack([phi, some[:, columns[count:]]])
    return Atoms(z, own + jacobian, height, lower, upper, worth(len(some), chain, effective) / len(some))


def interim(posterior: Posterior, components: Sequence[Component], q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the log-density of the components' parameters under the knee's own priors, (n,), and the log-Jacobian.

    Their sum is the log-density over the components.

    A prior of `k` becomes one of `log k` by the Jacobian `k`, one of `l_0` one of the reference strain `e` by
    `|d l_0 / d e| = l_0^2 / L_ref` at the draw's own geometry. Penalties outside of bounds are in it.
    """
    full = posterior.full(q)
    lengths = posterior.reference_lengths(full)
    weight = _penalty(posterior)
    out, jacobian = np.zeros((2, len(q)))
    for one in components:
        name = one.parameter(posterior)
        assert name is not None
        column = posterior.names.index(name)
        prior, value = posterior.priors[column], q[:, column]
        out += prior.log_density(value)
        outside = np.maximum(0.0, np.maximum(prior.lower - value, value - prior.upper))
        out -= np.where(outside > 0.0, weight * outside**2, 0.0)
        if one.transform in (LOG, LOGIT):
            jacobian += np.log(value)
        if one.transform == LOGIT:
            jacobian += np.log1p(-value)
        if name.endswith("l_0"):
            jacobian += 2.0 * np.log(value) - np.log(lengths[:, posterior.strands.index(one.strand)])
    return out, jacobian


def _penalty(posterior: Posterior) -> float:
    """Return the weight of the penalty at the walls; draws lie inside of hard ones."""
    return posterior.config.prior.weight if posterior.config.prior.walls == "penalty" else 0.0


def _bounds(posterior: Posterior, components: Sequence[Component]) -> tuple[FloatArray, FloatArray]:
    """Return the interim prior's bounds as components, (P,) each."""
    ends = np.array([[-math.inf, math.inf]] * len(components)).T
    middle = posterior.full(posterior.middle)
    lengths = posterior.reference_lengths(middle)[0]
    for i, one in enumerate(components):
        name = one.parameter(posterior)
        assert name is not None
        prior = posterior.priors[posterior.names.index(name)]
        pair = np.array([prior.lower, prior.upper])
        with np.errstate(divide="ignore", invalid="ignore"):
            if one.transform == LOG:
                pair = np.log(np.maximum(pair, 0.0))
            elif one.transform == LOGIT:
                inside = np.clip(pair, 0.0, 1.0)
                pair = np.log(inside) - np.log1p(-inside)
            elif name.endswith("l_0"):  # a long strand is a slack one, so the ends change places
                length = lengths[posterior.strands.index(one.strand)]
                pair = length / np.maximum(pair[::-1], 0.0) - 1.0
        ends[:, i] = pair
    return ends[0], ends[1]
