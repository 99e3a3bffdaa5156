"""A population of finished calibrations: right where it may be used, and refused where it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import bench_config

from calibrate import ConfigError, Posterior
from calibrate.population import Member, Population, reweight
from calibrate.population.atoms import FEWEST, Atoms, atoms_of, interim
from calibrate.population.components import Component, columns_of, parameters, values
from calibrate.population.gibbs import Laws, drawn, first_laws
from calibrate.population.reweight import AtomEnsemble, sample_atoms
from calibrate.population.sweep import rows_of
from calibrate.population.trust import LARGEST_CUT, LARGEST_K, LEAST_EFFECTIVE, RefusedError, Trust, by_weights, reweigh

KNEES, SPREAD, ERROR, WIDE = 8, 0.3, 0.2, 0.4
NAMES = ("mcl.log_k", "lcl.log_k")
CENTRE = 4.0


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return Posterior.from_config(bench_config())


@pytest.fixture(scope="module")
def population(posterior: Posterior) -> Population:
    return Population([Member(f"k{i}", posterior) for i in range(KNEES)], NAMES)


def knees() -> np.ndarray:
    """What each knee's data say of its components: a normal about these, with a standard deviation of ERROR."""
    rng = np.random.default_rng(7)
    return CENTRE + np.hypot(SPREAD, ERROR) * rng.standard_normal((KNEES, 2))


def gaussian_atoms(n: int = 1500, wide: float = WIDE, **more: Any) -> list[Atoms]:
    """Draws of knees that were calibrated under a normal prior about CENTRE, `wide`."""
    rng = np.random.default_rng(8)
    variance = 1.0 / (ERROR**-2.0 + wide**-2.0)
    found = []
    for y in knees():
        phi = variance * (y / ERROR**2 + CENTRE / wide**2) + np.sqrt(variance) * rng.standard_normal((n, 2))
        z = np.column_stack([phi, np.zeros((n, 4))])
        log_interim = -0.5 * (((phi - CENTRE) / wide) ** 2).sum(axis=1)
        height = -0.5 * (((phi - y) / ERROR) ** 2).sum(axis=1)
        ends = np.full(2, np.inf)
        found.append(replace(Atoms(z, log_interim, height, -ends, ends, 1.0), **more))
    return found


def exact(population: Population, sweeps: int = 500, walkers: int = 64) -> np.ndarray:
    """Draw the same population with the knees' likelihoods as they are: normal, so Gibbs draws them, too."""
    rng, y = np.random.default_rng(9), knees()
    laws, phi, rows = first_laws(population.design, walkers), np.repeat(y[:, np.newaxis], walkers, axis=1), []
    for sweep in range(sweeps):
        laws = drawn(rng, population.design, laws, phi)
        inverse = np.linalg.inv(laws.sigma)
        cov = np.linalg.inv(inverse + np.eye(2) / ERROR**2)
        means = np.einsum("wkl,nwl->nwk", inverse, laws.means(population.design)) + y[:, np.newaxis] / ERROR**2
        noise = np.einsum("wkl,nwl->nwk", np.linalg.cholesky(cov), rng.standard_normal(phi.shape))
        phi = np.einsum("wkl,nwl->nwk", cov, means) + noise
        if sweep >= 100:
            rows.append(rows_of(population, laws))
    return np.concatenate(rows)


HOW: dict[str, Any] = {"max_steps": 150, "min_ess": 300.0, "ensembles": 2, "thin": 3, "workers": 1}


def test_the_interim_prior_is_divided_out_and_the_error_is_what_it_is_said_to_be(population: Population) -> None:
    draws, trust = reweigh(population, gaussian_atoms(), 3, **HOW)
    wanted, got = exact(population), draws.samples()
    assert draws.verdict.diagnosis.worst_rhat < 1.05
    off = np.abs(got.mean(axis=0) - wanted.mean(axis=0)) / wanted.std(axis=0)
    said = np.array([trust.errors[name] for name in population.names])
    assert (said > 0.01).all()
    assert (off < 3.0 * said + 0.06).all(), (off, said)  # 0.06: Monte-Carlo errors of both
    # Were the interim prior left in, the spread between knees would come out too small.
    kept = [replace(one, log_interim=np.zeros(len(one))) for one in gaussian_atoms()]
    wrong = sample_atoms(population, kept, 3, **HOW)[0].samples()
    sds = [i for i, name in enumerate(population.names) if name.endswith(".sd")]
    away = (wanted.mean(axis=0) - wrong.mean(axis=0))[sds] / wanted.std(axis=0)[sds]
    assert away.max() > 0.3, away
    assert (np.abs(off[sds]) < 0.15).all(), off


def test_one_seed_gives_one_chain_on_any_number_of_cores(population: Population) -> None:
    few = {**HOW, "max_steps": 6}
    one, other = (sample_atoms(population, gaussian_atoms(200), 5, **{**few, "workers": n})[0].chains for n in (1, 4))
    np.testing.assert_array_equal(one, other)


def test_knees_are_at_each_of_their_draws_by_its_weight(
    population: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With two offered at a time, one of them the draw that it is at: a step that forgets it is wrong by a lot.
    monkeypatch.setattr(reweight, "OFFERED", 2)
    phi = np.array([[4.0, 4.0], [4.4, 4.1], [3.0, 4.5]])
    few = Atoms(
        np.column_stack([phi, np.zeros((3, 4))]), np.array([0.0, -0.5, 1.0]), np.zeros(3), *np.zeros((2, 2)), 1.0
    )
    atoms = AtomEnsemble(population, [few] * KNEES, 1, 0)
    walkers = 2000
    mean, root = np.full((KNEES, walkers, 2), 4.1), np.tile(np.diag([2.0, 1.5]), (walkers, 1, 1))
    at, rng = np.zeros((KNEES, walkers), dtype=np.int64), np.random.default_rng(3)
    for _ in range(40):
        at = atoms.moved(rng, at, mean, root)
    weights = np.exp(-0.5 * (((phi - 4.1) * [2.0, 1.5]) ** 2).sum(axis=1) - few.log_interim)
    shares = np.bincount(at.ravel(), minlength=3) / at.size
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=4.0 * 0.5 / np.sqrt(at.size))


# What is asked before it is believed.


def laws(mean: float, sd: float, walkers: int = 64) -> list[Laws]:
    """Populations that differ a little."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(2):
        b = mean + 0.05 * rng.standard_normal((walkers, 1, 2))
        sigma = np.exp(0.1 * rng.standard_normal((walkers, 1, 1))) * sd**2 * np.eye(2)
        found.append(Laws(b, sigma, np.zeros((walkers, 0, 2)), np.tile(np.eye(2), (walkers, 1, 1))))
    return found


def test_enough_draws_where_the_population_wants_them_are_no_reason_to_refuse(population: Population) -> None:
    trust, moved = by_weights(population, gaussian_atoms(), laws(CENTRE, SPREAD))
    assert trust.refusals() == trust.cautions() == []
    assert min(trust.effective.values()) > 100
    assert moved.max() < 0.2


def test_a_ridge_that_few_draws_of_which_carry_the_sum_is_refused(population: Population) -> None:
    # Of a ridge that is a hundred times as long as it is wide, the population knows the place along it.
    rng = np.random.default_rng(5)
    ridge = []
    for one in gaussian_atoms(1000):
        along, across = rng.uniform(-3.0, 3.0, 1000), 0.03 * rng.standard_normal(1000)
        phi = CENTRE + np.column_stack([along + across, across - along])
        ridge.append(replace(one, z=np.column_stack([phi, one.z[:, 2:]]), log_interim=np.zeros(1000)))
    trust, _ = by_weights(population, ridge, laws(CENTRE, 0.02))
    (first, *_) = trust.refusals()
    assert f"and {LEAST_EFFECTIVE:.0f} are needed; so it is with 8 of 8 knees" in first
    with pytest.raises(RefusedError, match=r"put together without their data: knee .*; sample the knees jointly"):
        raise RefusedError(trust)


def test_draws_that_are_worth_little_because_they_follow_each_other_count_as_such(population: Population) -> None:
    trust, _ = by_weights(population, gaussian_atoms(efficiency=0.01), laws(CENTRE, SPREAD))
    whole, _ = by_weights(population, gaussian_atoms(), laws(CENTRE, SPREAD))
    assert trust.effective["k0"] == pytest.approx(0.01 * whole.effective["k0"])
    assert trust.refusals()


def test_a_prior_narrower_than_the_population_has_weights_without_a_mean(population: Population) -> None:
    # Its tails are where the population has mass and nearly no draw is.
    trust, _ = by_weights(population, gaussian_atoms(wide=0.05), laws(CENTRE + 0.4, 0.6))
    assert max(trust.k.values()) > LARGEST_K
    assert any("a few draws carry all its weight (Pareto k = " in said for said in trust.refusals())


@pytest.mark.parametrize(("at", "refused"), [(0.8, True), (2.1, False)])
def test_a_bound_that_cuts_a_knee_off_is_refused_and_one_in_its_tail_is_said(
    population: Population, at: float, refused: bool
) -> None:
    atoms = gaussian_atoms(4000)
    sd = float(atoms[0].phi[:, 0].std())
    upper = np.array([atoms[0].phi[:, 0].mean() + at * sd, np.inf])
    inside = atoms[0].phi[:, 0] < upper[0]
    one = atoms[0]
    cut = Atoms(one.z[inside], one.log_interim[inside], one.height[inside], one.lower, upper, 1.0)
    trust, _ = by_weights(population, [cut, *atoms[1:]], laws(CENTRE, 50.0))
    assert trust.cut.keys() == {"k0 mcl.log_k"}
    assert (trust.cut["k0 mcl.log_k"] > LARGEST_CUT) == refused
    said = trust.refusals() if refused else trust.cautions()
    assert any("knee k0 mcl.log_k: " in one and "next to" in one for one in said)


def test_estimates_that_depend_on_the_draws_are_refused() -> None:
    trust = Trust({"k": 500.0}, {"k": 0.1}, {}, {"population.mcl.log_k.sd": 0.4, "population.mcl.log_k.mean": 0.1})
    (said,) = trust.refusals()
    assert said.startswith("population.mcl.log_k.sd depends on which draws it is made of: its error is 0.40 of its")
    assert replace(trust, errors={"population.mcl.log_k.sd": np.nan}).refusals()
    assert replace(trust, effective={"k": np.nan}, errors={}).refusals()
    assert replace(trust, k={"k": np.inf}, errors={}).refusals()


# Atoms.

COMPONENTS = [Component(name) for name in ("mcl.log_k", "lcl.logit_alpha", "mcl.reference_strain")]


def test_the_interim_density_is_that_of_the_components(posterior: Posterior) -> None:
    # Of uniform priors: the same volume of parameters, by a numerical Jacobian.
    q = posterior.prior_sample(np.random.default_rng(1), 3)
    own, jacobian = interim(posterior, COMPONENTS, q)
    density = sum(-np.log(prior.upper - prior.lower) for prior in (posterior.priors[i] for i in (0, 4, 2)))
    np.testing.assert_allclose(own, density, rtol=1e-12)
    phi, columns = values(posterior, COMPONENTS, q), columns_of(posterior, COMPONENTS)
    others = q[:, columns[3:]]
    for i in range(3):
        step = np.full(3, 1e-6)
        up, down = (parameters(posterior, COMPONENTS, phi + sign * step * np.eye(3)[i], others) for sign in (1, -1))
        jacobian = jacobian - np.log(np.abs((up - down)[:, columns[i]]) / 2e-6)
    np.testing.assert_allclose(jacobian, 0.0, atol=1e-5)


def test_draws_become_atoms_and_bounds_components(posterior: Posterior) -> None:
    q = posterior.prior_sample(np.random.default_rng(1), 5000)
    log_prob = np.asarray(posterior.log_prob(q))
    atoms = atoms_of("k", posterior, COMPONENTS, q, log_prob, 500.0)
    assert len(atoms) == 4000
    np.testing.assert_array_equal(atoms.phi[[0, -1]], values(posterior, COMPONENTS, q[[0, -1]]))
    assert ((atoms.phi > atoms.lower) & (atoms.phi < atoms.upper)).all()
    np.testing.assert_allclose(atoms.lower[0], np.log(10.0))
    np.testing.assert_allclose(atoms.upper[1], np.log(0.12 / 0.88))
    assert [len(atoms.half(second)) for second in (False, True)] == [2000, 2000]
    np.testing.assert_array_equal(atoms.half(True).z[0], atoms.z[2000])


@pytest.mark.parametrize(
    ("effective", "chain", "left"),
    [
        (500.0, 4000.0, 500.0),  # all there are
        (500.0, 20_000.0, 1.0 / 0.0022),  # 1/4000 - 1/20000 + 1/500
        (500.0, np.inf, 1.0 / 0.00225),
        (4000.0, np.inf, 2000.0),  # worth as much as there are of them, and by chance not the same
        (4000.0, 8000.0, 1.0 / 0.000375),
        (1e9, 4000.0, 4000.0),
        (500.0, 300.0, 500.0),  # a chain of fewer draws than were picked is none
        (np.nan, 8000.0, 0.0),
    ],
)
def test_picks_of_a_chain_are_worth_less_than_the_chain(
    posterior: Posterior, effective: float, chain: float, left: float
) -> None:
    q = posterior.prior_sample(np.random.default_rng(1), 5000)
    atoms = atoms_of("k", posterior, COMPONENTS, q, np.asarray(posterior.log_prob(q)), effective, chain)
    assert atoms.efficiency * 4000 == pytest.approx(left, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "ndim", "says"),
    [(FEWEST - 1, 6, "knee k: has 99 draws, and 100"), (500, 5, "knee k: its draws are not of the 6 free")],
)
def test_draws_that_are_too_few_or_of_another_knee_are_refused(
    posterior: Posterior, n: int, ndim: int, says: str
) -> None:
    q = posterior.prior_sample(np.random.default_rng(1), n)[:, :ndim]
    with pytest.raises(ConfigError, match=says):
        atoms_of("k", posterior, COMPONENTS, q, np.zeros(n), 100.0)
