"""The other samplers: numpyro's NUTS, zeus and nautilus. Their packages are the `bench` extra.

NUTS gets the model written in JAX, as a numpyro user writes it: uniform priors, which numpyro maps to the whole line.
zeus and nautilus get the compiled log-probability.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import Estimate
from benchmarks.ensembles import BURN_IN, ENSEMBLES, marked, starts
from benchmarks.problems import posterior
from benchmarks.sitting import Contender, Sit, Sitting, Size
from calibrate.posterior import Posterior

NUTS_CHAINS = {"parallel": 2, "vectorized": 16}
ZEUS_WALKERS = 256
# Its neural networks spare likelihood calls, which cost next to nothing here, and their training takes minutes.
NAUTILUS_NETWORKS = 0
NAUTILUS_BATCH = 1000
_PILOT = 20


def jax_model(target: Posterior) -> Callable[[], None]:
    """Return the knee as a numpyro model."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    knee, loads, known = target.knee_at(), target.measurement.loads, target.config.noise.sigma
    poses, (mcl, lcl) = knee.kinematics, knee.coefficients

    def tension(length: Any, k: Any, alpha: Any, l_0: Any) -> Any:
        elongation, toe = length - l_0, alpha * l_0
        # Without a branch, so that no gradient is NaN: e^2 in the toe and 2 t (e - t/2) beyond it.
        in_toe = jnp.clip(elongation, 0.0, toe)
        return k * in_toe * (2.0 * elongation - in_toe) / (2.0 * toe)

    def model() -> None:
        q = {
            name: numpyro.sample(name, dist.Uniform(low, high))
            for name, low, high in zip(target.names, target.lower, target.upper, strict=True)
        }
        predicted = mcl * tension(poses.lengths[0], q["mcl.k"], q["mcl.alpha"], q["mcl.l_0"])
        predicted += lcl * tension(poses.lengths[1], q["lcl.k"], q["lcl.alpha"], q["lcl.l_0"])
        numpyro.sample("load", dist.Normal(predicted, q.get("noise.sigma", known)), obs=loads)

    return model


def nuts_chains(target: Posterior, method: str, warm_up: int, chunk: int) -> Callable[[int, float], tuple[Any, ...]]:
    """Compile NUTS; the result takes seed and seconds and returns draws (chains, steps, 1, ndim) and two times [s].

    The times are those of the warm-up and of the sampling. Draws are made in chunks until the seconds are over.
    """
    import numpyro

    numpyro.set_host_device_count(NUTS_CHAINS["parallel"])  # before JAX is used
    numpyro.enable_x64()
    import jax
    from numpyro.infer import MCMC, NUTS, log_likelihood

    model = jax_model(target)
    # It is the same model: the same log-likelihood at some points of the prior.
    points = target.lower + (target.upper - target.lower) * np.random.default_rng(0).random((16, target.ndim))
    theirs = log_likelihood(model, {name: points[:, i] for i, name in enumerate(target.names)})["load"].sum(axis=1)
    np.testing.assert_allclose(np.asarray(theirs), target.log_likelihood(points), rtol=1e-9)
    mcmc = MCMC(
        NUTS(model),
        num_warmup=warm_up,
        num_samples=chunk,
        num_chains=NUTS_CHAINS[method],
        chain_method=method,
        progress_bar=False,
    )

    def run(seed: int, seconds: float) -> tuple[Any, ...]:
        begin = time.perf_counter()
        mcmc.post_warmup_state = None
        mcmc.warmup(jax.random.PRNGKey(seed))
        jax.block_until_ready(mcmc.post_warmup_state)
        warm = time.perf_counter()
        parts: list[Any] = []
        while not parts or time.perf_counter() - warm < seconds:
            mcmc.run(mcmc.post_warmup_state.rng_key)
            drawn = mcmc.get_samples(group_by_chain=True)
            parts.append(np.stack([np.asarray(drawn[name]) for name in target.names], axis=-1))
            mcmc.post_warmup_state = mcmc.last_state
        end = time.perf_counter()
        return np.concatenate(parts, axis=1)[:, :, np.newaxis], warm - begin, end - warm

    run(0, 0.0)
    return run


def nuts(method: str, name: str, size: Size, folder: Path) -> Sit:
    """Make numpyro's NUTS ready, its chains on a core each or all in one batch."""
    run = nuts_chains(posterior(name), method, size.warm_up, size.chunk)

    def sit(seed: int) -> Sitting:
        draws, warm, sampling = run(seed, size.seconds)
        return Sitting(Estimate.of_chains(draws), sampling, warm + sampling)

    return sit


def zeus_chains(target: Posterior, walkers: int, seconds: float) -> Callable[[int], tuple[Any, ...]]:
    """Time some steps of zeus; the result takes a seed and returns draws (ensembles, steps, walkers, ndim), two times.

    The ensembles run one after the other, as many steps as fit into the seconds; a fifth of them is dropped. The times
    are those of the kept steps and of everything.
    """
    import zeus as package

    def sampler() -> Any:
        return package.EnsembleSampler(walkers, target.ndim, target.log_prob, vectorize=True, verbose=False)

    pilot, _ = marked(sampler().sample(starts(target, 0, 1, walkers)[0], iterations=_PILOT, progress=False), 0)
    steps = max(50, int(seconds / ENSEMBLES / (pilot / _PILOT)))
    drop = int(BURN_IN * steps)

    def run(seed: int) -> tuple[Any, ...]:
        np.random.seed(seed)  # noqa: NPY002  # zeus draws from the global generator
        begin = time.perf_counter()
        chains, kept = [], 0.0
        for first in starts(target, seed, ENSEMBLES, walkers):
            running = sampler()
            whole, before = marked(running.sample(first, iterations=steps, progress=False), drop)
            kept += whole - before
            chains.append(running)
        end = time.perf_counter()
        return np.stack([running.get_chain(discard=drop) for running in chains]), kept, end - begin

    return run


def zeus(name: str, size: Size, folder: Path) -> Sit:
    """Make zeus ready: ensemble slice sampling."""
    run = zeus_chains(posterior(name), ZEUS_WALKERS, size.seconds)

    def sit(seed: int) -> Sitting:
        draws, kept, seconds = run(seed)
        return Sitting(Estimate.of_chains(draws), kept, seconds)

    return sit


def nautilus_draws(target: Posterior, seed: int, live: int, kish: int) -> tuple[Any, ...]:
    """Run nautilus; return draws, logarithms of their weights, log Z, and the times of its two phases [s]."""
    from nautilus import Sampler

    width = target.upper - target.lower
    sampler = Sampler(
        lambda cube: target.lower + width * cube,
        target.log_prob,
        n_dim=target.ndim,
        n_live=live,
        vectorized=True,
        pass_dict=False,
        seed=seed,
        n_networks=NAUTILUS_NETWORKS,
        n_batch=NAUTILUS_BATCH,
    )
    begin = time.perf_counter()
    sampler.run(n_eff=0, n_shell=0)
    explored = time.perf_counter()
    # `run` looks at its argument of that name only in the call that ends the exploration.
    sampler.discard_exploration = True
    sampler.run(n_eff=kish)
    end = time.perf_counter()
    draws, log_weight, _ = sampler.posterior()
    # Hard walls make the density that of the uniform prior, up to its volume.
    return draws, log_weight, float(sampler.log_z), explored - begin, end - explored


def nautilus(name: str, size: Size, folder: Path) -> Sit:
    """Make nautilus ready: importance nested sampling, its exploration discarded, which counts as warm-up."""
    target = posterior(name)
    target.log_prob(target.lower)  # compiles

    def sit(seed: int) -> Sitting:
        draws, log_weight, _, exploring, sampling = nautilus_draws(target, seed, size.live, size.kish)
        return Sitting(Estimate.of_weighted(draws, log_weight), sampling, exploring + sampling)

    return sit


def rows(quick: bool) -> Iterator[Contender]:
    """Yield the samplers of others."""
    yield Contender("NUTS, 2 parallel chains", partial(nuts, "parallel"), "numpyro")
    if not quick:
        yield Contender("NUTS, 16 vectorized chains", partial(nuts, "vectorized"), "numpyro")
    yield Contender("zeus", zeus, "zeus-mcmc")
    yield Contender("nautilus", nautilus, "nautilus-sampler", once=True)
