"""Populations: what is sampled is what was meant, by answers that need no sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from populations import knee, study
from scipy import stats

from calibrate.population import Member, Population
from calibrate.population.draws import PopulationDraws
from calibrate.population.sampler import advance, begin, settings_of

FREE_K = "{ lower = 5.0, upper = 500.0 }"
Array = NDArray[np.float64]


def drawn(population: Population, steps: int, walkers: int = 16, seed: int = 1) -> PopulationDraws:
    settings = settings_of(population, seed, walkers=walkers, workers=1, thin=2, max_steps=steps, max_rhat=1.0001)
    run = begin(population, settings)
    verdict, reason = advance(run, settings)
    assert reason == "steps"
    return PopulationDraws.of(population, run.record, verdict)


def off(draws: PopulationDraws, name: str, distribution: Any) -> float:
    """By how many standard errors the share of draws below the quartiles is off, at the most."""
    x = draws.draws[..., draws.names.index(name)]
    found = []
    for share in (0.1, 0.5, 0.9):
        below = (x < distribution.ppf(share)).mean(axis=2)
        blocks = np.array([part.mean() for one in below for part in np.array_split(one, 8)])
        found.append(abs(blocks.mean() - share) / (blocks.std() / np.sqrt(blocks.size)))
    return max(found)


def test_without_data_a_population_is_its_prior() -> None:
    """Half-t standard deviations, uniform correlations, normal means and effects; with pairs, of persons as well."""
    about = [{"who": "ab"[i // 2] if i < 4 else "c", "age": float(age)} for i, age in enumerate((20, 35, 40, 60, 70))]
    members = [Member(str(i), knee(1e9, mcl_k=FREE_K, lcl_k=FREE_K), covariates) for i, covariates in enumerate(about)]
    population = Population(members, ["mcl.log_k", "lcl.log_k"], ["age"], "who")
    draws = drawn(population, 300)
    half_t = _HalfT(0.5)
    unit = np.std([20, 35, 40, 60, 70])
    exact = {
        "population.mcl.log_k.mean": stats.norm(np.log(60.0), 1.0),
        "population.lcl.log_k.age": stats.norm(0.0, 0.5 / unit),
        "population.mcl.log_k.sd": half_t,
        "population.lcl.log_k.sd": half_t,
        "population.lcl.log_k.person_sd": half_t,
        "population.corr(mcl.log_k, lcl.log_k)": stats.uniform(-1.0, 2.0),
        "population.person_corr(mcl.log_k, lcl.log_k)": stats.uniform(-1.0, 2.0),
    }
    assert {name: off(draws, name, law) for name, law in exact.items() if off(draws, name, law) > 4.5} == {}


def test_one_component_of_a_few_knees_against_sums_over_a_grid() -> None:
    """Persons' knees, a group: everything that is not integrated out is on a grid."""
    rng = np.random.default_rng(4)
    truths = [{"mcl.k": k} for k in (40.0, 47.0, 75.0, 90.0, 55.0)]
    about = [{"who": who, "sex": sex} for who, sex in zip("aabbc", "ffmmf", strict=True)]
    members = study(truths, rng, covariates=about, sigma=2.0, mcl_k=FREE_K)
    population = Population(members, ["mcl.log_k"], ["sex"], "who")
    both = [drawn(population, 600, seed=seed) for seed in (1, 2)]
    exact = _by_grid(members)
    found = {}
    for name, (mean, sd) in exact.items():
        at = both[0].names.index(f"population.mcl.log_k.{name}")
        x = np.concatenate([draws.draws[..., at] for draws in both])
        blocks = np.array([part.mean() for one in x for part in np.array_split(one, 8)])
        error = blocks.std() / np.sqrt(blocks.size)
        found[name] = (abs(x.mean() - mean) / error, x.std() / sd, error / sd)
    assert max(apart for apart, _, _ in found.values()) < 4.5, found
    assert max(abs(ratio - 1.0) for _, ratio, _ in found.values()) < 0.1, found
    assert max(error for _, _, error in found.values()) < 0.05, found


def _by_grid(members: list[Member]) -> dict[str, tuple[float, float]]:
    """Return means and standard deviations of the population's parameters."""
    grid = np.linspace(np.log(4.0), np.log(900.0), 271)
    likelihood = []
    for member in members:
        log_l = np.asarray(member.posterior.log_likelihood(np.exp(grid)[:, np.newaxis]))
        likelihood.append(np.exp(log_l - log_l.max()))
    # Standard deviations may be next to nothing: below 0.004 lies enough to show against the errors of what is sampled.
    sds = np.exp(np.linspace(np.log(0.0002), np.log(12.0), 77))
    weight = sds / (1.0 + (sds / 0.5) ** 2 / 2.0) ** 1.5  # half-t, on a logarithmic scale
    mean, effect = np.linspace(np.log(8.0), np.log(450.0), 91), np.linspace(-1.8, 1.8, 81)
    smeared = [_smearing(grid, sd) for sd in sds]
    # The chance of each knee's data, given what it scatters about.
    inside = [[matrix @ of for of in likelihood] for matrix in smeared]
    before = stats.norm.pdf(mean, np.log(60.0), 1.0)[:, np.newaxis] * stats.norm.pdf(effect, 0.0, 0.5)
    total, sums = 0.0, np.zeros((4, 2))
    for t, sd in enumerate(sds):
        for t_u, sd_u in enumerate(sds):
            of_person = [
                smeared[t_u] @ np.prod([inside[t][k] for k in knees], axis=0) for knees in ([0, 1], [2, 3], [4])
            ]
            at = mean[:, np.newaxis] + effect
            value = np.interp(mean, grid, of_person[0] * of_person[2])[:, np.newaxis] * np.interp(
                at, grid, of_person[1]
            )
            value *= before * weight[t] * weight[t_u]
            all_of = value.sum()
            total += all_of
            of_mean, of_effect = value.sum(axis=1), value.sum(axis=0)
            for row, (x, p) in enumerate(((mean, of_mean), (effect, of_effect))):
                sums[row] += (x * p).sum(), (x**2 * p).sum()
            sums[2] += sd * all_of, sd**2 * all_of
            sums[3] += sd_u * all_of, sd_u**2 * all_of
    first, second = (sums / total).T
    names = ("mean", "sex[m]", "sd", "person_sd")
    return dict(zip(names, zip(first.tolist(), np.sqrt(second - first**2).tolist(), strict=True), strict=True))


def _smearing(grid: Array, sd: float) -> Array:
    """Return what makes of values on a grid their average where a normal error of the argument has some sd."""
    step = grid[1] - grid[0]
    if sd > 1.5 * step:
        return np.asarray(stats.norm.pdf(grid, grid[:, np.newaxis], sd) * step)
    at = grid[:, np.newaxis] + sd * stats.norm.ppf((np.arange(40) + 0.5) / 40.0)
    return np.stack([np.interp(at, grid, one).mean(axis=1) for one in np.eye(grid.size)], axis=1)


class _HalfT:
    """Half-t with two degrees of freedom."""

    def __init__(self, scale: float) -> None:
        self._law = stats.t(2.0, scale=scale)

    def ppf(self, share: float) -> float:
        return float(self._law.ppf(0.5 + 0.5 * share))
