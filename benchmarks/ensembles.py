"""The emcee programs: what a user would write today, calibrate's own runs, and the wrong moves that have to fail.

All start from the same kind of walkers, those that calibrate draws around its fits, and all run independent ensembles.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import emcee
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import Estimate
from benchmarks.problems import posterior, problem
from benchmarks.sitting import Contender, Prepare, Sit, Sitting, Size
from calibrate.config import SamplingConfig
from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.runner import start_run
from calibrate.sampling.ensembles import generators
from calibrate.sampling.loop import Progress
from calibrate.sampling.moves import Stretch
from calibrate.sampling.start import first_walkers

FloatArray = NDArray[np.float64]
LogProb = Callable[[FloatArray], FloatArray]

WALKERS = 64
ENSEMBLES = 2
# Share of a chain that is dropped where the walkers start in the posterior's bulk. calibrate itself drops half.
BURN_IN = 0.2
_PILOT = 50
# So long that a sd which is wrong by some per cent shows.
_CONTROL_SECONDS = 6.0


def plain_log_prob(target: Posterior) -> LogProb:
    """Return the log-posterior as a user writes it in NumPy: all walkers at once, uniform within the bounds."""
    names, lower, upper = target.names, target.lower, target.upper
    knee = target.knee_at()
    poses, (mcl, lcl) = knee.kinematics, knee.coefficients
    load = target.measurement.loads
    prior = -np.log(upper - lower).sum()
    known = target.config.noise.sigma

    def tension(length: FloatArray, k: FloatArray, alpha: FloatArray, l_0: FloatArray) -> FloatArray:
        elongation, toe = length - l_0, alpha * l_0
        beyond = np.where(elongation <= toe, k * elongation**2 / (2.0 * toe), k * (elongation - toe / 2.0))
        return np.where(elongation <= 0.0, 0.0, beyond)

    def log_prob(q: FloatArray) -> FloatArray:
        inside = ((q >= lower) & (q <= upper)).all(axis=1)
        p = {name: q[:, i : i + 1] for i, name in enumerate(names)}
        sigma = p.get("noise.sigma", known)
        predicted = mcl * tension(poses.lengths[0], p["mcl.k"], p["mcl.alpha"], p["mcl.l_0"])
        predicted += lcl * tension(poses.lengths[1], p["lcl.k"], p["lcl.alpha"], p["lcl.l_0"])
        with np.errstate(all="ignore"):  # proposals beyond the bounds may have no meaning
            each = -0.5 * ((predicted - load) / sigma) ** 2 - np.log(sigma) - 0.5 * math.log(2.0 * math.pi)
        return np.where(inside, prior + each.sum(axis=1), -np.inf)

    return log_prob


def starts(target: Posterior, seed: int, ensembles: int, walkers: int) -> FloatArray:
    """Draw first walkers (ensembles, walkers, ndim), as calibrate does."""
    settings = SamplingConfig(seed=seed, ensembles=max(2, ensembles), walkers=walkers)  # one is none of calibrate's
    return first_walkers(target, settings)[:ensembles]


def marked(steps: Iterable[Any], at: int) -> tuple[float, float]:
    """Exhaust an iterator; return the seconds that it took in all, and those before step `at`."""
    begin = time.perf_counter()
    before = 0.0
    for count, _ in enumerate(steps, 1):
        if count == at:
            before = time.perf_counter() - begin
    return time.perf_counter() - begin, before


def _emcee(moves: Any, stored: bool, log_prob_of: Callable[[Posterior], LogProb], at_least: float = 0.0) -> Prepare:
    """Return a plain emcee script: some ensembles one after the other, as many steps as fit into the time."""

    def prepare(name: str, size: Size, folder: Path) -> Sit:
        target = posterior(name)
        log_prob = log_prob_of(target)
        first = starts(target, 0, 1, WALKERS)[0]
        np.testing.assert_allclose(log_prob(first), target.log_prob(first), rtol=1e-9)

        def backend(ensemble: int) -> emcee.backends.Backend:
            path = folder / f"stock_{ensemble}.h5"
            path.unlink(missing_ok=True)
            return emcee.backends.HDFBackend(str(path)) if stored else emcee.backends.Backend()

        def sampler(ensemble: int) -> emcee.EnsembleSampler:
            return emcee.EnsembleSampler(
                WALKERS, target.ndim, log_prob, moves=moves, vectorize=True, backend=backend(ensemble)
            )

        sampler(0).run_mcmc(first, 2)
        pilot, _ = marked(sampler(0).sample(first, iterations=_PILOT), 0)
        steps = max(100, int(max(size.seconds, at_least) / ENSEMBLES / (pilot / _PILOT)))
        drop = int(BURN_IN * steps)

        def sit(seed: int) -> Sitting:
            begin = time.perf_counter()
            chains, kept = [], 0.0
            first = starts(target, seed, ENSEMBLES, WALKERS)
            for ensemble, state in enumerate([one.get_state() for one in generators(seed, ENSEMBLES)]):
                running = sampler(ensemble)
                whole, before = marked(
                    running.sample(emcee.State(first[ensemble], random_state=state), iterations=steps), drop
                )
                kept += whole - before
                chains.append(running)
            seconds = time.perf_counter() - begin
            draws = np.stack([running.get_chain(discard=drop) for running in chains])
            return Sitting(Estimate.of_chains(draws), kept, seconds)

        return sit

    return prepare


def _calibrate(share: float, **sampling: Any) -> Prepare:
    """Return calibrate's own run, streaming to its file until it has `share` of the effective samples asked for."""

    def prepare(name: str, size: Size, folder: Path) -> Sit:
        config = problem(name).with_sampling(min_ess=share * size.ess, **sampling)
        path = folder / "calibrate.h5"
        start_run(config.with_sampling(max_steps=64), path, overwrite=True)  # compiles

        def sit(seed: int) -> Sitting:
            clock: list[tuple[int, float]] = [(0, 0.0)]

            def note(progress: Progress) -> None:
                clock.append((progress.steps, progress.seconds))

            begin = time.perf_counter()
            outcome = start_run(config.with_sampling(seed=seed), path, overwrite=True, on_progress=note)
            seconds = time.perf_counter() - begin
            run = open_run(path)
            burnt = float(np.interp(run.burn_in, *np.array(clock).T))
            draws = np.asarray(run.chains.coords[:, run.burn_in :])
            return Sitting(Estimate.of_chains(draws), outcome.seconds - burnt, seconds)

        return sit

    return prepare


class WithoutHastings(Stretch):
    """A wrong move: the stretch without the factor `(ndim - 1) log z` that pays for its change of volume."""

    def get_proposal(self, s: Any, c: Any, random: Any) -> tuple[FloatArray, FloatArray]:
        """Propose as `Stretch` does, and leave the factor out."""
        proposed, factors = super().get_proposal(s, c, random)
        return proposed, np.zeros_like(factors)


def _compiled(target: Posterior) -> LogProb:
    return target.log_prob


stock = _emcee(None, True, plain_log_prob)
vectorized = _calibrate(0.2, moves={"stretch": 0.5, "de": 0.5})
mixture = _calibrate(1.0)
# The controls are mixed with a right move that keeps them from sticking, so that they fail by what they sample.
wrong_snooker, without_hastings = (
    _emcee(moves, False, _compiled, _CONTROL_SECONDS)
    for moves in (
        [(emcee.moves.DESnookerMove(), 0.8), (emcee.moves.DEMove(), 0.2)],
        [(WithoutHastings(), 0.8), (emcee.moves.DEMove(), 0.2)],
    )
)


def rows() -> Iterator[Contender]:
    """Yield the emcee programs that are compared."""
    yield Contender("stock emcee", stock)
    yield Contender("calibrate, emcee's moves only", vectorized)
    yield Contender("calibrate", mixture)


def controls() -> Iterator[Contender]:
    """Yield the wrong samplers."""
    yield Contender("emcee's DESnookerMove", wrong_snooker, control=True, once=True)
    yield Contender("stretch without its factor", without_hastings, control=True, once=True)
