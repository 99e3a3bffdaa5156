"""A population of eight knees, and NumPyro's NUTS on the same posterior: `python -m benchmarks.nuts`.

NUTS gets the model as a NumPyro user writes it: knees standardised by their population (the centred form does not
converge with so few), the covariance by its root, Huang & Wand's prior as a factor. Effective samples of both are
counted by `calibrate.sampling.convergence`. Wants the extra `bench`.

    python -m benchmarks.nuts --min-ess 4000    # a quarter of an hour: of fewer draws, NUTS' own sds are off by 5 %
    python -m benchmarks.nuts --knees 1000 --alone --min-ess 1000    # how long a large study takes; no NUTS

Exit code 1 means that means differ by more than four errors, or standard deviations by more than 5 % and by more than
three of their errors: a chain of NUTS that has stuck for a while knows its own to a fifth, and says so. Without NUTS,
that sampling did not converge.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import busy, markdown, setting
from calibrate.config import parse_config
from calibrate.data import Measurement
from calibrate.population import Member, Population, sample
from calibrate.population.components import parameters
from calibrate.population.interweave import NU
from calibrate.population.sampler import Progress
from calibrate.posterior import Posterior
from calibrate.sampling.convergence import Diagnosis, diagnose

FloatArray = NDArray[np.float64]

KNEES = 8
ANGLES = np.linspace(-8.0, 8.0, 15)
MEAN = np.array([np.log(70.0), np.log(0.06), 0.02, np.log(60.0), np.log(0.06), 0.02])
SPREAD = np.array([0.3, 0.2, 0.02, 0.3, 0.2, 0.02])
_ERRORS, _SD, _KNOWN = 4.0, 0.05, 3.0
_RHAT = 1.01
_CHAINS = 4
_TEXT = """
[knee]
lateral_condyle = { centre = [23.5, -6.0], radius = 15.5 }
medial_condyle = { centre = [-20.4, -6.0], radius = 17.5 }
mcl = { femur = [-40.0, 12.0], tibia = [-16.0, -65.0] }
lcl = { femur = [36.0, 4.0], tibia = [44.8, -50.7] }
[parameters.mcl]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 70.0, upper = 100.0 }
f_ref = 0.0
[parameters.lcl]
k = { lower = 5.0, upper = 200.0 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { lower = 50.0, upper = 75.0 }
f_ref = 0.0
[noise]
sigma = 0.5
[data]
file = "none.csv"
positive = "varus"
"""


def study(knees: int = KNEES, seed: int = 5) -> Population:
    """Return simulated knees of 15 readings and six free parameters each."""
    config = parse_config(_TEXT)
    blank = Posterior.from_config(config, Measurement(ANGLES, np.zeros(ANGLES.size), None, "moment", "deg"))
    components = Population([Member(str(i), blank) for i in range(2)]).components
    rng, members = np.random.default_rng(seed), []
    for number in range(knees):
        phi = MEAN + SPREAD * rng.standard_normal(MEAN.size)
        q = parameters(blank, components, phi[np.newaxis], np.empty((1, 0)))
        data = Measurement(ANGLES, blank.simulate(q, rng)[0], None, "moment", "deg")
        members.append(Member(f"knee {number}", Posterior.from_config(config, data)))
    return Population(members)


def nuts(population: Population, seed: int, draws: int) -> tuple[FloatArray, float]:
    """Return NUTS' draws of the population's parameters, (chains, draws, n), and seconds of CPU time for them."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    numpyro.enable_x64()
    pairs: list[Any] = [posterior.density.knee for posterior in population.posteriors]
    lengths, arms, load = (jnp.array([getattr(pair, name) for pair in pairs]) for name in ("lengths", "arms", "load"))
    reference = jnp.array(population.forms.references[0, [2, 5]])
    design = population.design
    size = len(design.spread)
    lower = np.tril_indices(size, -1)

    def model() -> None:
        mean = numpyro.sample("mean", dist.Normal(jnp.array(design.centre[0]), jnp.array(design.sd[0])))
        logs = numpyro.sample("logs", dist.ImproperUniform(dist.constraints.real, (), (size,)))
        rest = numpyro.sample("rest", dist.ImproperUniform(dist.constraints.real, (), (size * (size - 1) // 2,)))
        # Entries below the diagonal in units of the row's own scale, so that all are of the order of one.
        root = jnp.diag(jnp.exp(logs)).at[lower].set(rest * jnp.exp(logs)[lower[0]])
        inverse = jax.scipy.linalg.solve_triangular(root, jnp.eye(size), lower=True)
        precision = (inverse**2).sum(axis=0)
        prior = (
            -(NU + 2.0 * size) * logs.sum()
            - 0.5 * (NU + size) * jnp.log(NU * precision + jnp.array(design.spread) ** -2.0).sum()
        )
        order = jnp.arange(size)
        jacobian = ((size - order + 1.0) * logs).sum() + (order * logs).sum()
        numpyro.factor("sigma", prior + jacobian)
        eta = numpyro.sample("eta", dist.Normal(jnp.zeros((len(pairs), size)), 1.0).to_event(2))
        phi = mean + eta @ root.T
        k, alpha = jnp.exp(phi[:, ::3]), jnp.exp(phi[:, 1::3])
        slack = reference / (1.0 + phi[:, 2::3])
        toe = (alpha * slack)[..., jnp.newaxis]
        stretch = lengths - slack[..., jnp.newaxis]
        within = jnp.clip(stretch, 0.0, toe)
        tension = k[..., jnp.newaxis] / (2.0 * toe) * within * (2.0 * stretch - within)
        numpyro.sample("load", dist.Normal((arms * tension).sum(axis=1), 1.0), obs=load)
        numpyro.deterministic("covariance", root @ root.T)

    kernel = numpyro.infer.NUTS(
        model, target_accept_prob=0.9, init_strategy=numpyro.infer.init_to_value(values=_beginning(population))
    )
    sampler = numpyro.infer.MCMC(
        kernel, num_warmup=draws, num_samples=draws, num_chains=_CHAINS, chain_method="sequential", progress_bar=False
    )
    sampler.warmup(jax.random.PRNGKey(seed))
    cpu = time.process_time()
    sampler.run(jax.random.PRNGKey(seed + 1))
    found = {name: np.asarray(x) for name, x in sampler.get_samples(group_by_chain=True).items()}
    took = time.process_time() - cpu
    sigma = found["covariance"]
    sds = np.sqrt(np.diagonal(sigma, axis1=2, axis2=3))
    correlations = sigma / sds[..., np.newaxis] / sds[..., np.newaxis, :]
    upper = np.triu_indices(size, 1)
    by_component = np.stack([found["mean"], sds], axis=-1).reshape(*sds.shape[:2], -1)
    return np.concatenate([by_component, correlations[..., upper[0], upper[1]]], axis=-1), took


def _beginning(population: Population) -> dict[str, FloatArray]:
    design = population.design
    size = len(design.spread)
    return {
        "mean": design.centre[0],
        "logs": np.log(design.spread),
        "rest": np.zeros(size * (size - 1) // 2),
        "eta": np.zeros((len(population.ids), size)),
    }


def _told(label: str, found: Diagnosis, seconds: float) -> str:
    slowest = float(np.minimum(found.ess_bulk, found.ess_tail).min())
    return (
        f"{label}: slowest {slowest:.0f} effective samples in {seconds:.1f} s of CPU, {slowest / seconds:.1f} a "
        f"second; R-hat at most {found.rhat.max():.4f}"
    )


def main() -> int:
    """Sample by both, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--min-ess", type=float, default=4000.0)
    parser.add_argument("--seed", type=int, default=1, help="of both samplers")
    parser.add_argument("--knees", type=int, default=KNEES)
    parser.add_argument("--alone", action="store_true", help="without NUTS")
    parser.add_argument(
        "--draws", type=int, default=12_000, help="of each of NUTS' four chains, after as many to warm up"
    )
    options = parser.parse_args()
    population = study(options.knees)
    sample(study(2), 1, max_steps=2)  # compiles
    since, cpu = time.monotonic(), time.process_time()
    enough: list[str] = []

    def watch(progress: Progress) -> None:
        found = progress.verdict and progress.verdict.diagnosis
        if found and not enough and found.worst_rhat < _RHAT and found.smallest_ess >= options.min_ess:
            enough.append(f"; R-hat below {_RHAT} and so many samples in {time.monotonic() - since:.0f} s")

    ours = sample(population, options.seed, min_ess=options.min_ess, on_progress=watch)
    wall, took = time.monotonic() - since, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{options.knees} knees, {ours.chains.shape[1]} stored steps: {took:.1f} s of CPU, {memory:.2f} GB, "
        f"{wall:.0f} s until two looks are content{''.join(enough)}\n"
    )
    if options.alone:
        print(_told("calibrate", ours.verdict.diagnosis, took))
        print(f"\ncalibrate {'converged' if ours.converged else 'not converged'}; {setting()}; {busy()}")
        return int(not ours.converged)
    theirs, their_took = nuts(population, options.seed, options.draws)
    mine, their = ours.verdict.diagnosis, diagnose(theirs[:, :, np.newaxis])
    samples, others = ours.samples(), theirs.reshape(-1, theirs.shape[-1])
    rows, wrong = [], 0
    for i, name in enumerate(ours.names):
        error = np.hypot(mine.mcse_mean[i], their.mcse_mean[i])
        apart = (samples[:, i].mean() - others[:, i].mean()) / error
        ratio = samples[:, i].std() / others[:, i].std()
        ess = [f"{min(found.ess_bulk[i], found.ess_tail[i]):.0f}" for found in (mine, their)]
        known = np.hypot(mine.sd_error[i], their.sd_error[i])
        wrong += abs(apart) > _ERRORS or abs(ratio - 1.0) > max(_SD, _KNOWN * known)
        rows.append((name.removeprefix("population."), f"{apart:.1f}", f"{ratio:.3f} ± {known:.3f}", *ess))
    print(markdown(("parameter", "means apart, errors", "sd ratio", "ESS", "ESS of NUTS"), rows))
    for label, found, seconds in (("calibrate", mine, took), ("NUTS", their, their_took)):
        print(f"\n{_told(label, found, seconds)}")
    print(f"\ncalibrate {'converged' if ours.converged else 'not converged'}; {setting()}; {busy()}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
