"""Where the walkers start: in proportion to the posterior's mass, and none where there is next to none.

Each ensemble has a pilot of its own and draws its walkers from what that has found. A pilot draws its points at random,
so fits look over its shoulder: where a fit is far better than all that a pilot has found, it is repeated with more
points. Then the ensemble settles for some steps that are not stored, and stragglers are brought home: walkers that stay
far below the rest, and are more than the posterior's mass there accounts for, go to where others of their ensemble are
(Hou et al. 2012 remove such walkers by gaps in the mean log-probability). Masses decide, not heights: a broad hill far
below a narrow one keeps its walkers.

Pilots miss corners: of one that holds 2.7 thousandths of the mass, a dozen found a tenth on average. Walkers get there,
slowly. So they go on for some steps in stages, and the outposts of each stage are chosen from where the one before has
got to: what few have reached, all reach soon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from calibrate.config import SamplingConfig
from calibrate.errors import ConfigError
from calibrate.lean import emcee
from calibrate.posterior import Posterior
from calibrate.processes import cores
from calibrate.sampling.block import FEW, Block
from calibrate.sampling.convergence import straggling
from calibrate.sampling.fit import find_map
from calibrate.sampling.pilot import POINTS, Population, explore, mass_below
from calibrate.sampling.stepping import Stepper, generator

FloatArray = NDArray[np.float64]

_WALKERS = 512
# A fit this much better than a pilot's best point, plus one per dimension, is on a hill that the pilot has not found.
_MISSED = 10.0
# The pilot is then repeated, with so many times the points and so often at the most.
_MORE = 4
_PILOTS = 3
# Steps in which an ensemble settles, of many updates each; the second half tells who straggles.
_SETTLE = 16
# Then they spread, in so many stages of so many steps.
_STAGES = 3
_SPREAD = 16
# Stragglers are too many if their share of the walkers is this many times the posterior's mass as far down.
_TOO_MANY = 10.0


def walkers_for(ndim: int, min_ess: float) -> int:
    """Return how many walkers an ensemble has where nobody says: 512, and fewer beyond seven parameters.

    There a chain has to be long before any walker has been everywhere; then four ensembles of a fortieth of the wanted
    effective samples have these. Never fewer than four for each parameter.
    """
    if ndim <= FEW:
        return _WALKERS
    return 2 * math.ceil(0.5 * max(4 * ndim, min(_WALKERS, min_ess / 40.0)))


def first_walkers(
    posterior: Posterior,
    settings: SamplingConfig,
    *,
    on_warning: Callable[[str], None] = lambda message: None,
) -> FloatArray:
    """Find where the posterior has its mass and start the walkers there.

    Parameters
    ----------
    posterior : Posterior
        What the walkers are to sample.
    settings : SamplingConfig
        Seed, ensembles, walkers and threads; the walkers do not depend on the threads.
    on_warning : callable
        Told what the user should know before believing the result.

    Returns
    -------
    ndarray, shape (ensembles, walkers, ndim)
        All inside the bounds or, with a penalty, as far outside as walkers go.

    Raises
    ------
    ConfigError
        If no point within the bounds has a finite probability, or the posterior is too narrow for walkers that differ.
    """
    # The last of the seed's streams is for the start, the first ones move the walkers.
    stream = np.random.SeedSequence(settings.seed).spawn(settings.ensembles + 1)[-1]
    best = find_map(posterior, np.random.default_rng(stream))[0].log_prob
    streams = stream.spawn(settings.ensembles)
    with ThreadPoolExecutor(min(settings.workers or cores(), settings.ensembles), "start") as pool:
        pilots = list(pool.map(lambda of_one: _pilot(posterior, best, of_one), streams))
        if any(missed(best, pilot, posterior.ndim) for pilot in pilots):
            on_warning(
                f"a fit reaches a log-probability of {best:.1f}, far above all that the walkers know: the posterior "
                "has a hill so narrow that its mass cannot be told; narrow the bounds around it to have it sampled"
            )

        def start(pilot: Population, of_one: np.random.SeedSequence) -> FloatArray:
            return settle(posterior, draw(pilot, settings.walkers, of_one), pilots, of_one)

        walkers = np.stack(list(pool.map(start, pilots, streams)))
        for _ in range(_STAGES):
            draws = walkers.reshape(-1, posterior.ndim)
            walkers = np.stack([*pool.map(lambda w, s, d=draws: spread(posterior, w, d, s), walkers, streams)])
        return walkers


def _pilot(posterior: Posterior, best: float, stream: np.random.SeedSequence) -> Population:
    """Explore, with more points if need be."""
    rng, points = np.random.default_rng(stream), POINTS
    found = explore(posterior, rng, points)
    for _ in range(_PILOTS - 1):
        if not missed(best, found, posterior.ndim):
            break
        points *= _MORE
        found = explore(posterior, rng, points)
    return found


def missed(best: float, found: Population, ndim: int) -> bool:
    """Tell whether a pilot has missed the hill that the best fit is on."""
    # Where the log-probability is huge, rounding alone moves it by more than that.
    return best - float(found.log_prob.max()) > max(_MISSED + ndim, 1e-9 * abs(best))


def draw(pilot: Population, walkers: int, stream: np.random.SeedSequence) -> FloatArray:
    """Draw walkers (walkers, ndim) from what a pilot has found, all different unless there are very many.

    Raises
    ------
    ConfigError
        If the posterior is too narrow for walkers that differ.
    """
    rng = np.random.default_rng(stream.spawn(1)[0])
    drawn = pilot.coords[rng.choice(len(pilot.coords), walkers, replace=walkers > POINTS, p=pilot.weights)]
    if not np.ptp(drawn, axis=0).all():
        raise ConfigError(
            "no walkers can be started: the posterior is too narrow or too wide for the computer's numbers; check the "
            "bounds, sigma and their units"
        )
    return drawn


def settle(
    posterior: Posterior,
    walkers: FloatArray,
    pilots: Sequence[Population],
    stream: np.random.SeedSequence,
    steps: int = _SETTLE,
) -> FloatArray:
    """Let an ensemble take some steps, and bring its stragglers home.

    Parameters
    ----------
    posterior : Posterior
        What to sample.
    walkers : ndarray, shape (walkers, ndim)
        Where they are.
    pilots : sequence of Population
        What is known of the posterior's masses.
    stream : numpy.random.SeedSequence
        Of the random numbers.
    steps : int
        How many.

    Returns
    -------
    ndarray, shape (walkers, ndim)
        Where they are then.
    """
    moving, choosing = stream.spawn(2)
    count = len(walkers)
    settled, heights = _steps(posterior, Block(posterior), walkers, moving, steps)
    log_prob = heights[steps // 2 :]
    lost = np.flatnonzero(straggling(log_prob[np.newaxis])[0])
    means = log_prob.mean(axis=0)
    lost = lost[np.argsort(means[lost], kind="stable")]
    # Of the lowest, as many as the mass that lies as far down as the highest of them does not account for.
    share = np.arange(1, lost.size + 1) / count
    too_many = np.flatnonzero(share > _TOO_MANY * mass_below(pilots, means[lost]))
    if too_many.size:
        stray = lost[: too_many[-1] + 1]
        home = np.setdiff1d(np.arange(count), lost)
        settled[stray] = settled[np.random.default_rng(choosing).choice(home, stray.size)]
    return settled


def spread(
    posterior: Posterior,
    walkers: FloatArray,
    draws: FloatArray,
    stream: np.random.SeedSequence,
    steps: int = _SPREAD,
) -> FloatArray:
    """Let an ensemble take some steps by outposts of draws, such as the walkers of all ensembles.

    Parameters
    ----------
    posterior : Posterior
        What to sample.
    walkers : ndarray, shape (walkers, ndim)
        Where they are.
    draws : ndarray, shape (n, ndim)
        What outposts are chosen from.
    stream : numpy.random.SeedSequence
        Of the random numbers; each call takes its next child.
    steps : int
        How many.

    Returns
    -------
    ndarray, shape (walkers, ndim)
        Where they are then.
    """
    return _steps(posterior, Block(posterior, draws=draws), walkers, stream.spawn(1)[0], steps)[0]


def _steps(
    posterior: Posterior, move: Block, walkers: FloatArray, stream: np.random.SeedSequence, count: int
) -> tuple[FloatArray, FloatArray]:
    """Make so many steps; return where the walkers are then, and all their log-probabilities (count, walkers)."""
    stepper = Stepper(posterior, [(move, 1.0)], emcee.State(walkers), generator(stream))
    heights = np.empty((count, len(walkers)))
    for row in heights:
        stepper.step()
        row[:] = stepper.state.log_prob
    return np.array(stepper.state.coords), heights
