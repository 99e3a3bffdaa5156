"""A brief start for few effective samples: small pilots and few walkers, unless there are signs of hills.

Of a thousand effective samples nobody sees a corner that holds a thousandth of the mass, so less work finds where they
begin: a wide net of prior draws, thinned out to a small pilot for each ensemble, few walkers, a short settling. That
serves where the posterior is one hill that all find. At any sign of more the pilots are repeated with more points, and
at the next one all of it is thrown away and the long start of `start.first_walkers` follows, as for any number of
effective samples:

- a climb from one of the best prior draws ends far above all that a pilot has found;
- the pilots' evidences disagree by more than so few points explain;
- the ensembles have settled in different places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from calibrate.config import Config, MovesConfig, SamplingConfig
from calibrate.errors import ConfigError
from calibrate.posterior import Posterior
from calibrate.processes import cores
from calibrate.sampling.block import FEW
from calibrate.sampling.climb import climb
from calibrate.sampling.pilot import Population, explore
from calibrate.sampling.start import draw, first_walkers, missed, settle, walkers_for
from calibrate.sampling.stepping import Mapper, threads
from calibrate.sampling.verdict import FEW_SAMPLES

FloatArray = NDArray[np.float64]

# Walkers for each free parameter, at the least.
_PER_DIMENSION = 2
# Walkers of an ensemble after a brief start.
WALKERS = 40
# Batch moves alone, which stretch and differ, too: on few walkers a step of any other costs as much and does less.
MOVES = MovesConfig(block=1.0)
# Prior draws of each ensemble, and to how many points they thin out; the second time, if there are signs of hills.
_NET = 2048
_POINTS = (64, 256)
# How many of the best draws a climb begins at, every other one, and its first steps in standard deviations of priors.
_CLIMBS = 8
_STEP = 0.1
# Evidences disagree if their standard deviation is so many times what so many points explain.
_ERRORS = 2.5
# Steps of settling.
_STEPS = 8
# Ensembles are in different places if the variance of their means is so many times that of as many independent walkers.
_DIFFERENT = 12.0


def begin(
    config: Config,
    posterior: Posterior,
    check: Callable[[SamplingConfig], None] = lambda settings: None,
    on_warning: Callable[[str], None] = lambda message: None,
) -> tuple[Config, FloatArray]:
    """Start the walkers, briefly if that will do, and fill in how many there are and how they move.

    Parameters
    ----------
    config : Config
        What `[sampling]` says; what it leaves out is filled in.
    posterior : Posterior
        What the walkers are to sample.
    check : callable
        Shown the settings before they cost anything; raises what it does not like.
    on_warning : callable
        Told what the user should know before believing the result.

    Returns
    -------
    Config
        With `walkers` and `moves` as they are now.
    ndarray, shape (ensembles, walkers, ndim)
        The walkers.

    Raises
    ------
    ConfigError
        If there are fewer than two walkers for each free parameter, or see `start.first_walkers`.
    """
    said, ndim = config.sampling.model_fields_set, posterior.ndim
    if is_brief(ndim, config.sampling.min_ess):
        walkers = None if "walkers" in said else WALKERS
        small = config.with_sampling(walkers=walkers, moves=None if "moves" in said else MOVES)
        check_walkers(small.sampling, ndim)
        check(small.sampling)
        starts = brief_walkers(posterior, small.sampling)
        if starts is not None:
            return small, starts
    if "walkers" not in said:
        config = config.with_sampling(walkers=walkers_for(ndim, config.sampling.min_ess))
    check_walkers(config.sampling, ndim)
    check(config.sampling)
    return config, first_walkers(posterior, config.sampling, on_warning=on_warning)


def check_walkers(settings: SamplingConfig, ndim: int) -> None:
    """Refuse fewer walkers than two for each free parameter.

    Raises
    ------
    ConfigError
        Saying how many are needed.
    """
    if settings.walkers < _PER_DIMENSION * ndim:
        raise ConfigError(
            f"sampling.walkers = {settings.walkers}: {ndim} free parameters need at least "
            f"{_PER_DIMENSION * ndim} walkers"
        )


def is_brief(ndim: int, min_ess: float) -> bool:
    """Tell whether a start may be brief: few parameters, and few effective samples asked for."""
    return ndim <= FEW and min_ess <= FEW_SAMPLES


def brief_walkers(posterior: Posterior, settings: SamplingConfig) -> FloatArray | None:
    """Start walkers where a posterior of one hill has its mass.

    Parameters
    ----------
    posterior : Posterior
        What the walkers are to sample.
    settings : SamplingConfig
        Seed, ensembles, walkers and threads; the walkers do not depend on the threads.

    Returns
    -------
    ndarray, shape (ensembles, walkers, ndim), or None
        None if there are signs of hills.
    """
    count = settings.ensembles
    # The last of the seed's streams is for the start, the first ones move the walkers.
    stream = np.random.SeedSequence(settings.seed).spawn(count + 1)[-1]
    streams, rng = stream.spawn(count), np.random.default_rng(stream)
    with threads(min(settings.workers or cores(), count), "start") as pool:
        try:
            pilots = _pilots(posterior, streams, rng, settings.walkers, pool)
            if pilots is None:
                return None
            drawn = [draw(pilot, settings.walkers, s) for pilot, s in zip(pilots, streams, strict=True)]
        except ConfigError:  # the long start says so, or gets on
            return None
        walkers = np.stack([*pool.map(lambda s, own: settle(posterior, own, pilots, s, _STEPS), streams, drawn)])
    return None if _apart(walkers) else walkers


def _pilots(
    posterior: Posterior,
    streams: Sequence[np.random.SeedSequence],
    rng: np.random.Generator,
    walkers: int,
    pool: Mapper,
) -> list[Population] | None:
    """Explore with few points, and once more with more of them if there are signs of hills; None if there still are."""
    generators = [np.random.default_rng(of_one) for of_one in streams]
    for points in _POINTS:
        net = posterior.prior_sample(rng, len(streams) * _NET)
        top, points = _top(posterior, net), max(points, walkers)
        if not np.isfinite(top) or 2 * points > _NET:
            return None
        pilots = [
            *pool.map(partial(explore, posterior), generators, repeat(points), net.reshape(len(streams), _NET, -1))
        ]
        if not any(missed(top, pilot, posterior.ndim) for pilot in pilots) and not _disagree(pilots, points):
            return pilots
    return None


def _top(posterior: Posterior, net: FloatArray) -> float:
    """Return how high climbs from the best of some draws of the prior get; minus infinity if none is possible."""
    heights = np.asarray(posterior.log_prob(net))
    best = net[np.argsort(-heights, kind="stable")[: 2 * _CLIMBS : 2]]
    if np.isfinite(posterior.start).any():
        best = np.vstack([posterior.middle, best])
    return float(climb(best, _STEP * posterior.scale, posterior.density).max())


def _disagree(pilots: Sequence[Population], points: int) -> bool:
    """Tell whether evidences differ by more than their errors, `sqrt(H / n)` of pilots of n points (Skilling 2006)."""
    evidence = np.array([pilot.log_evidence for pilot in pilots])
    # H is what has been learnt: the mean of the log-likelihood less the logarithm of its mean over the prior.
    learnt = float(np.mean([_mean(pilot) - pilot.log_evidence for pilot in pilots]))
    return bool(evidence.std(ddof=1) > _ERRORS * np.sqrt(max(learnt, 1.0) / points))


def _mean(pilot: Population) -> float:
    held = pilot.weights > 0.0
    return float(pilot.weights[held] @ pilot.log_likelihood[held])


def _apart(walkers: FloatArray) -> bool:
    """Tell whether ensembles (ensembles, walkers, ndim) are in different places."""
    means, within = walkers.mean(axis=1), walkers.var(axis=1, ddof=1).mean(axis=0)
    return bool((walkers.shape[1] * means.var(axis=0, ddof=1) > _DIFFERENT * within).any())
