"""A population from calibrations of single knees that are finished, without their data: draws weighed anew.

Two stages (Lunn et al. 2013, J. R. Stat. Soc. C 62:551). In the first, each knee was calibrated by itself. Here its
draws stand for its likelihood: given a population `N(m_i, Sigma)`, knee i is at draw s with a probability proportional
to

    w_s = N(phi_s; m_i, Sigma) / p_interim(phi_s)

and given where the knees are, the population is drawn as in the joint sampler. Each knee's step offers some draws of
its own, evenly chosen, besides the one it is at, and takes one of them by these weights: an independence step with
several proposals, which leaves the weights invariant, because each of a set of equally likely draws might have been the
one to begin with (Tjelmeland 2004).

Whether draws of one prior can stand for a likelihood under another is another question, and `trust` answers it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.population.atoms import Atoms
from calibrate.population.draws import PopulationDraws
from calibrate.population.gibbs import Laws, drawn, first_laws, roots
from calibrate.population.model import Population
from calibrate.population.offers import chosen
from calibrate.population.record import Record
from calibrate.population.sampler import Chains, Progress, Settings, settings_of
from calibrate.population.sweep import rows_of
from calibrate.processes import cores
from calibrate.sampling.verdict import Verdict, judge, look, next_look

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Draws that a knee is offered in a sweep, that it is at included.
OFFERED = 32
# Draws of the first populations, from where knees start.
_FIRST = 20
# Times at which populations are taken once there are enough draws, and sweeps between them.
_MORE, _BETWEEN = 2, 20
# Numbers in an array at once.
_NUMBERS = 2**21


@dataclass
class Held:
    """Where walkers are whose knees are at draws of their own.

    Attributes
    ----------
    sweeps : int
        How many there have been.
    at : ndarray of int, shape (N, walkers)
        Which of its draws each knee is at.
    laws : Laws
        The populations.
    """

    sweeps: int
    at: IntArray
    laws: Laws


class AtomEnsemble:
    """Walkers whose knees move over the draws that there are of them; no walker knows of another.

    Parameters
    ----------
    population : Population
        What to sample.
    atoms : sequence of Atoms
        Of each knee.
    seed, number : int
        The seed, and which of the ensembles this is.
    """

    def __init__(self, population: Population, atoms: Sequence[Atoms], seed: int, number: int) -> None:
        self._population, self._design = population, population.design
        self._seed, self._number = seed, number
        size, dims = max(map(len, atoms)), int(population.forms.dims.max())
        self._counts = np.array([len(one) for one in atoms])
        self._z = np.zeros((len(atoms), size, dims))
        self._log_interim, self._height = np.zeros((2, len(atoms), size))
        for i, one in enumerate(atoms):
            self._z[i, : len(one), : one.z.shape[1]] = one.z
            self._log_interim[i, : len(one)] = one.log_interim
            self._height[i, : len(one)] = one.height
        self._components = len(population.components)

    def start(self, walkers: int) -> Held:
        """Return the first state: each knee of each walker at one of its draws, evenly."""
        rng = self._generator(0)
        at = rng.integers(self._counts[:, np.newaxis], size=(len(self._counts), walkers))
        laws = first_laws(self._design, walkers)
        phi = self._phi(at)
        for _ in range(_FIRST):
            laws = drawn(rng, self._design, laws, phi)
        return Held(0, at, laws)

    def sweep(self, state: Held) -> None:
        """Make one sweep."""
        state.sweeps += 1
        rng = self._generator(state.sweeps)
        mean, root = state.laws.means(self._design), roots(state.laws.sigma)
        state.at = self.moved(rng, state.at, mean, root)
        state.laws = drawn(rng, self._design, state.laws, self._phi(state.at))

    def rows(self, state: Held) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what is stored of a state: populations (W, n), log-probability (W,), and coordinates (N, W, D)."""
        knee = np.arange(len(state.at))[:, np.newaxis]
        heights = self._height[knee, state.at].sum(axis=0)
        return rows_of(self._population, state.laws), heights, self._z[knee, state.at]

    def moved(self, rng: np.random.Generator, at: IntArray, mean: FloatArray, root: FloatArray) -> IntArray:
        """Return where knees (N, W) are after a step under populations of means (N, W, P) and roots (W, P, P)."""
        knees, walkers = at.shape
        out = np.empty_like(at)
        some = max(1, _NUMBERS // (walkers * OFFERED))
        for first in range(0, knees, some):
            part = slice(first, min(first + some, knees))
            counts = self._counts[part, np.newaxis, np.newaxis]
            offered = (rng.random((len(counts), walkers, OFFERED)) * counts).astype(np.int64)
            offered[..., 0] = at[part]
            u = rng.random((len(counts), walkers))
            out[part] = chosen(offered, u, self._z[part], self._log_interim[part], mean[part], root)
        return out

    def _phi(self, at: IntArray) -> FloatArray:
        return self._z[np.arange(len(at))[:, np.newaxis], at, : self._components]

    def _generator(self, sweep: int) -> np.random.Generator:
        stream = np.random.SeedSequence(self._seed, spawn_key=(self._number, sweep))
        return np.random.Generator(np.random.PCG64(stream))


def sample_atoms(
    population: Population,
    atoms: Sequence[Atoms],
    seed: int | None = None,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: float | None,
) -> tuple[PopulationDraws, list[Laws]]:
    """Sample a population whose knees are given by draws, whatever these are worth; parameters as `sample`.

    Returns
    -------
    PopulationDraws
        What `sample` returns.
    list of Laws
        More populations, of all walkers at a time: some of half of the ensembles, then as many of the others, which
        know nothing of these.
    """
    chosen = settings_of(population, seed, **settings)
    ensembles = [AtomEnsemble(population, atoms, chosen.seed, number) for number in range(chosen.ensembles)]
    states = [ensemble.start(chosen.walkers) for ensemble in ensembles]
    record = Record()
    verdict = _advance(population, ensembles, states, record, chosen, on_progress, should_stop)
    more = [_later(ensemble, state) for ensemble, state in zip(ensembles, states, strict=True)]
    return PopulationDraws.of(population, record, verdict), [laws for some in more for laws in some]


def _later(ensemble: AtomEnsemble, state: Held) -> list[Laws]:
    """Go on, and return populations on the way."""
    found = []
    for _ in range(_MORE):
        for _ in range(_BETWEEN):
            ensemble.sweep(state)
        found.append(state.laws)
    return found


def _advance(
    population: Population,
    ensembles: Sequence[AtomEnsemble],
    states: Sequence[Held],
    record: Record,
    settings: Settings,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> Verdict:
    """Sweep until the population has converged, or out of budget."""
    begin, chains, seen = time.monotonic(), Chains(record), dict[int, Verdict]()
    verdict: Verdict | None = None

    def looks(stored: int) -> Verdict:
        if stored not in seen:
            seen[stored] = look(population.names, chains, stored, settings)
        return seen[stored]

    def step(ensemble: AtomEnsemble, state: Held) -> tuple[FloatArray, FloatArray, FloatArray]:
        for _ in range(settings.thin):
            ensemble.sweep(state)
        return ensemble.rows(state)

    with ThreadPoolExecutor(min(settings.workers or cores(), len(ensembles)), "ensemble") as pool:
        while True:
            found = list(pool.map(step, ensembles, states))
            record.add(
                np.stack([one[0] for one in found]), np.stack([one[1] for one in found]), [z for _, _, z in found]
            )
            stored, seconds = record.steps, time.monotonic() - begin
            over = (
                stored >= settings.max_steps
                or should_stop()
                or (settings.max_time is not None and seconds > settings.max_time)
            )
            if over or next_look(stored - 1) == stored:
                verdict = judge(chains, stored, settings, looks)
            on_progress(Progress(stored, settings.max_steps, seconds, verdict))
            if verdict is not None and (over or verdict.converged):
                return verdict
