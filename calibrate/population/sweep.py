"""Sweeps of one ensemble: every knee given its population, the populations given their knees, then both together.

All random numbers of a sweep follow from the seed, the ensemble and the sweep's number: not from threads, nor from how
often a run was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.population import block, interweave, steps
from calibrate.population.gibbs import Laws, drawn, first_laws, inverse
from calibrate.population.maps import Tuning
from calibrate.population.model import Population

FloatArray = NDArray[np.float64]

# How often each knee's walkers move in a sweep.
UPDATES = 3
# How often a population is drawn anew while the knees stay.
_DRAWS = 1
# Draws of the first populations, from where knees start.
_FIRST = 20
# Uniform numbers drawn at once.
_NUMBERS = 2**21


@dataclass
class State:
    """Where an ensemble is.

    Attributes
    ----------
    sweeps : int
        How many it has made.
    z, height : ndarray, shapes (N, walkers, D) and (N, walkers)
        The knees' coordinates, and what their own data and priors say of them.
    laws : Laws
        The populations.
    """

    sweeps: int
    z: FloatArray
    height: FloatArray
    laws: Laws


class Ensemble:
    """Walkers that move by each other's positions; two ensembles know nothing of each other.

    Parameters
    ----------
    population : Population
        What to sample.
    seed, number : int
        The study's seed, and which of the ensembles this is.
    """

    def __init__(self, population: Population, seed: int, number: int) -> None:
        self._population, self._seed, self._number = population, seed, number
        self._forms, self._design = population.forms, population.design
        moves = interweave.MOVES + (interweave.OF_PERSONS if population.pairs else ())
        # A single component has no correlations.
        single = len(population.components) == 1
        self._moves = np.array([move for move in moves if not (single and move == steps.SHEAR_PERSONS)])

    def begin(self, z: FloatArray) -> State:
        """Return the state that first knees (N, walkers, D) give."""
        rng = self._generator(0)
        laws = first_laws(self._design, z.shape[1])
        phi = z[..., : len(self._population.components)]
        for _ in range(_FIRST):
            laws = drawn(rng, self._design, laws, phi)
        return State(0, z.copy(), self.heights(z), laws)

    def heights(self, z: FloatArray) -> FloatArray:
        """Return what the knees' own data and priors say of coordinates (N, W, D), (N, W)."""
        return block.heights(np.ascontiguousarray(z), self._forms)

    def sweep(self, state: State, tuned: Tuning) -> None:
        """Make one sweep."""
        state.sweeps += 1
        rng = self._generator(state.sweeps)
        self.update_knees(rng, state, tuned)
        phi = state.z[..., : len(self._population.components)]
        for _ in range(_DRAWS):
            state.laws = drawn(rng, self._design, state.laws, phi)
        state.laws, _ = self.interweave(rng, state, tuned)

    def update_knees(self, rng: np.random.Generator, state: State, tuned: Tuning) -> None:
        """Move each knee of each walker under that walker's population."""
        forms, walkers = self._forms, state.z.shape[1]
        mean, precision = state.laws.means(self._design), inverse(state.laws.sigma)
        order = rng.permutation(walkers)
        # Normal numbers are made two at a time.
        each = block.NUMBERS + 2 * ((int(forms.dims.max()) + 1) // 2)
        some = max(1, _NUMBERS // (UPDATES * walkers * each))
        for first in range(0, len(forms.dims), some):
            numbers = rng.random((min(some, len(forms.dims) - first), UPDATES, walkers, each))
            block.update(
                first,
                state.z,
                state.height,
                mean,
                precision,
                order,
                numbers,
                tuned.maps,
                forms,
            )

    def interweave(self, rng: np.random.Generator, state: State, tuned: Tuning) -> tuple[Laws, NDArray[np.int64]]:
        """Move populations with their knees; return them and how many walkers took each move."""
        design, forms, laws = self._design, self._forms, state.laws
        walkers = state.z.shape[1]
        person = np.full(len(design.x), -1) if design.person is None else design.person
        parts = laws.b, laws.sigma, inverse(laws.sigma), laws.u, laws.sigma_u, inverse(laws.sigma_u)
        moved = steps.Moved(*(np.array(values) for values in parts))
        taken = interweave.interweave(
            state.z,
            state.height,
            moved,
            design.x,
            person,
            *interweave.in_turn(design.x, person, tuned.maps.reach),
            interweave.Prior(design.centre, design.sd, design.spread),
            design.strand,
            self._moves,
            tuned.chances,
            rng.permutation(walkers),
            rng.random((len(self._moves), walkers, steps.NUMBERS)),
            tuned.maps,
            forms,
        )
        return Laws(moved.b, moved.sigma, moved.u, moved.sigma_u), taken

    def row(self, state: State) -> FloatArray:
        """Return the populations' parameters, in the order of `Population.names`, (walkers, n)."""
        return rows_of(self._population, state.laws)

    def log_prob(self, state: State) -> FloatArray:
        """Return what all knees' own data and priors say, summed up, (walkers,)."""
        return np.asarray(state.height.sum(axis=0))

    def _generator(self, sweep: int) -> np.random.Generator:
        stream = np.random.SeedSequence(self._seed, spawn_key=(self._number, sweep))
        return np.random.Generator(np.random.PCG64(stream))


def rows_of(population: Population, laws: Laws) -> FloatArray:
    """Return populations' parameters, in the order of `Population.names`, (walkers, n)."""
    sds, correlations = _taken_apart(laws.sigma)
    b = laws.b.copy()
    at = 1
    for covariate in population.covariates:
        if not covariate.groups:
            b[:, at] /= covariate.unit
        at += len(covariate.labels)
    parts = [b, sds[:, np.newaxis]]
    of_pairs = [correlations]
    if population.pairs:
        sds_u, correlations_u = _taken_apart(laws.sigma_u)
        parts.append(sds_u[:, np.newaxis])
        of_pairs.append(correlations_u)
    by_component = np.concatenate(parts, axis=1).transpose(0, 2, 1).reshape(len(b), -1)
    return np.concatenate([by_component, *of_pairs], axis=1)


def _taken_apart(sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return standard deviations (W, P) and correlations (W, P (P - 1) / 2) of covariances."""
    sds = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    correlations = sigma / sds[:, :, np.newaxis] / sds[:, np.newaxis]
    upper = np.triu_indices(sigma.shape[1], 1)
    return sds, correlations[:, upper[0], upper[1]]
