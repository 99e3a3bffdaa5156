"""Moves of populations leave draws of the posterior that need no sampler as they are, whatever has been learnt before.

Populations and knees are drawn from the prior and kept with chances that go with their likelihood: so they are
independent draws of the posterior. After some sweeps they still are, by approximations that have nothing to do with the
data: a Jacobian that is left out, or coordinates that are bent on the way there alone, would show at once.
"""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from populations import ANGLES, knee
from scipy import stats

from calibrate.population import Member, Population, Scale, interweave
from calibrate.population.gibbs import Laws
from calibrate.population.maps import Maps, Tuning, number_of_moves
from calibrate.population.standard import bend_law, bent
from calibrate.population.sweep import Ensemble, State, rows_of

Array = NDArray[np.float64]
Drawn = tuple[Population, Ensemble, State, dict[str, Array]]

COMPONENTS = ["mcl.log_k", "mcl.log_alpha", "mcl.reference_strain"]
SCALES = {
    "mcl.log_k": Scale(4.0, 0.5, 0.5, 0.3),
    "mcl.log_alpha": Scale(-2.8, 0.4, 0.5, 0.3),
    "mcl.reference_strain": Scale(0.05, 0.03, 0.05, 0.03),
}
# Of the knees' readings, so large that a fair share of what is drawn is kept.
SIGMA, BIAS = 12.0, 30.0
FREE = {
    "mcl_k": "{ lower = 5.0, upper = 500.0 }",
    "mcl_alpha": "{ lower = 0.01, upper = 0.5 }",
    "mcl_l_0": "{ lower = 60.0, upper = 100.0 }",
    "mcl_f_ref": f"{{ mean = 0.0, sd = {BIAS} }}",
}
WALKERS, SWEEPS = 2000, 8
# All comparisons together: right moves fail so seldom.
LEVEL = 1e-3


def few_knees() -> Population:
    """Three knees of two persons, each with a parameter that is no component."""
    blank = knee(SIGMA, **FREE)
    truth = {"mcl.k": 60.0, "mcl.alpha": 0.07, "mcl.l_0": 78.0, "mcl.f_ref": 5.0}
    members = []
    for number, who in enumerate("aab"):
        # Without errors, so that what fits best is known.
        loads = blank.predict(blank.table.pack(truth)[np.newaxis])[0]
        members.append(Member(str(number), knee(SIGMA, loads, **FREE), {"who": who, "age": 30.0 + 10.0 * number}))
    return Population(members, COMPONENTS, ["age"], "who", SCALES)


def covariances(rng: np.random.Generator, spread: Array, count: int) -> Array:
    """Draw covariances from Huang & Wand's prior of two degrees of freedom."""
    a = 1.0 / rng.gamma(0.5, spread**2, (count, spread.size))
    unit = stats.invwishart.rvs(spread.size + 1.0, np.eye(spread.size), size=count, random_state=rng)
    root = np.sqrt(4.0 / a)
    return np.asarray(unit * root[:, :, np.newaxis] * root[:, np.newaxis])


def prior_draws(population: Population, rng: np.random.Generator, count: int) -> tuple[Array, Laws]:
    """Draw knees and populations from the prior."""
    design = population.design
    size, knees = len(design.spread), len(population.ids)
    b = design.centre + design.sd * rng.standard_normal((count, *design.centre.shape))
    sigma, sigma_u = covariances(rng, design.spread, count), covariances(rng, design.spread, count)
    scatter = rng.standard_normal((count, design.persons, size))
    laws = Laws(b, sigma, scatter @ np.linalg.cholesky(sigma_u).transpose(0, 2, 1), sigma_u)
    own = rng.standard_normal((knees, count, size))
    z = np.empty((knees, count, size + 1))
    z[..., :size] = laws.means(design) + np.einsum("wij,nwj->nwi", np.linalg.cholesky(sigma), own)
    z[..., size] = BIAS * rng.standard_normal((knees, count))
    return z, laws


def exact(population: Population, ensemble: Ensemble, rng: np.random.Generator) -> State:
    """Draw from the posterior by rejection."""
    top = -len(population.ids) * ANGLES.size * np.log(SIGMA * np.sqrt(2.0 * np.pi))
    kept: list[tuple[Array, Laws]] = []
    while sum(len(laws.b) for _, laws in kept) < WALKERS:
        z, laws = prior_draws(population, rng, 20_000)
        log_l = (ensemble.heights(z) - stats.norm.logpdf(z[..., -1], 0.0, BIAS)).sum(axis=0)
        assert (log_l <= top + 1e-6).all()
        yes = np.flatnonzero(np.log(rng.random(log_l.size)) < log_l - top)
        kept.append((z[:, yes], laws.some(yes)))
    z = np.concatenate([z for z, _ in kept], axis=1)[:, :WALKERS].copy()
    parts = [np.concatenate([getattr(laws, name) for _, laws in kept])[:WALKERS] for name in Laws.__annotations__]
    return State(0, z, ensemble.heights(z), Laws(*parts))


def told(population: Population, state: State) -> dict[str, Array]:
    """Return what is compared: populations, knees, and knees against their population."""
    rows = rows_of(population, state.laws)
    found = dict(zip(population.names, rows.T, strict=True))
    size = len(population.components)
    rest = state.z[..., :size] - state.laws.means(population.design)
    distance = np.einsum("nwi,wij,nwj->nw", rest, np.linalg.inv(state.laws.sigma), rest)
    for i in range(len(state.z)):
        found |= {f"{i}: {c}": state.z[i, :, c] for c in range(size + 1)}
        found |= {f"{i}: apart": distance[i], f"{i}: ridge": state.z[i, :, 0] - state.z[i, :, 1]}
        found[f"{i}: height"] = state.height[i]
    found["persons"] = np.einsum("wpi,wij,wpj->w", state.laws.u, np.linalg.inv(state.laws.sigma_u), state.laws.u)
    return found


def learnt_from_nothing(population: Population, rng: np.random.Generator) -> Tuning:
    """Return approximations that are those of no data."""
    forms = population.forms
    knees, most, size = len(forms.dims), int(forms.dims.max()), forms.kinds.shape[1]
    scale = np.array([0.3, 0.3, 0.03, 30.0])
    h, g = np.empty((knees, most, most)), np.empty((knees, most))
    for i in range(knees):
        root = rng.standard_normal((most, most)) / scale[:, np.newaxis]
        h[i] = 0.5 * root @ root.T / most
        g[i] = h[i] @ (np.array([4.1, -2.5, 0.02, 4.0]) + 0.3 * scale * rng.standard_normal(most))
    reach = rng.uniform(0.04, 0.1, (knees, len(forms.bends)))
    chances = np.linspace(0.0, 1.0, number_of_moves(size) + 1)[1:]
    return Tuning(Maps(h, g, reach), chances)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    population, rng = few_knees(), np.random.default_rng(3)
    ensemble = Ensemble(population, 5, 0)
    start, other = exact(population, ensemble, rng), exact(population, ensemble, rng)
    return population, ensemble, start, told(population, other)


@pytest.mark.parametrize("part", ["sweep", "knees", "populations"])
def test_draws_of_the_posterior_stay_so(drawn: Drawn, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    population, ensemble, start, expected = drawn
    if part == "knees":  # the more updates of one half, the more there is to go wrong between them
        monkeypatch.setattr("calibrate.population.sweep.UPDATES", 12)
    tuned = learnt_from_nothing(population, np.random.default_rng(7))
    before = [values.copy() for values in (*tuned.maps, tuned.chances)]
    state = State(0, start.z.copy(), start.height.copy(), start.laws)
    taken = np.zeros(1)
    for number in range(SWEEPS):
        rng = np.random.default_rng([9, number])
        if part == "sweep":
            ensemble.sweep(state, tuned)
        elif part == "knees":
            ensemble.update_knees(rng, state, tuned)
        else:
            state.laws, taken = ensemble.interweave(rng, state, tuned)
    found = told(population, state)
    chances = {name: float(stats.ks_2samp(found[name], x).pvalue) for name, x in expected.items()}
    assert min(chances.values()) > LEVEL / len(chances), sorted(chances.items(), key=lambda pair: pair[1])[:5]
    np.testing.assert_allclose(state.height, ensemble.heights(state.z), rtol=1e-9)
    assert (state.z != start.z).any(axis=(0, 2)).mean() > 0.9
    assert part != "populations" or taken.min() > 0.2 * WALKERS
    for one, values in zip(before, (*tuned.maps, tuned.chances), strict=True):
        np.testing.assert_array_equal(one, values)


@numba.njit
def law_of(mean, precision, bends, kinds, reach, new_mean, new_precision, pull):
    """Call what is for compiled callers alone."""
    bend_law(mean, precision, bends, kinds, reach, new_mean, new_precision, pull)


@pytest.mark.parametrize("key", ["log_alpha", "logit_alpha"])
def test_a_law_is_bent_by_the_derivatives_at_its_mean(key: str) -> None:
    names = ["mcl.log_k", f"mcl.{key}", "mcl.reference_strain", "lcl.log_k"]
    blank = knee(SIGMA, **FREE, lcl_k="{ lower = 5.0, upper = 500.0 }")
    forms = Population([Member(str(i), blank) for i in range(2)], names).forms
    reach, kinds = np.array([0.07]), forms.kinds[0]
    mean = np.array([4.0, -2.6, 0.03, 4.1])
    root = np.random.default_rng(1).standard_normal((4, 4))
    precision = root @ root.T

    def at(z: Array) -> Array:
        out = z[:, np.newaxis].copy()
        bent(out, forms.bends, kinds, reach)
        return np.asarray(out[:, 0])

    slopes = np.array([(at(mean + d) - at(mean - d)) / 2e-5 for d in 1e-5 * np.eye(4)]).T
    assert abs(np.linalg.det(slopes) - 1.0) < 1e-8
    assert abs(slopes[[0, 2], 1]).min() > 0.005
    # The law in question stands among others.
    means = mean[:, np.newaxis] + np.array([0.3, -0.2, 0.0, 0.1])
    precisions = precision[:, :, np.newaxis] * np.array([2.0, 1.5, 1.0, 0.5])
    new_mean, new_precision, pull = np.empty((4, 4)), np.empty((4, 4, 4)), np.empty((4, 4))
    law_of(means, precisions, forms.bends, kinds, reach, new_mean, new_precision, pull)
    back = np.linalg.inv(slopes)
    np.testing.assert_allclose(new_mean[:, 2], at(mean), rtol=1e-12)
    np.testing.assert_allclose(new_precision[:, :, 2], back.T @ precision @ back, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(pull, np.einsum("ijw,jw->iw", new_precision, new_mean), rtol=1e-12)


def test_knees_that_are_alike_follow_each_other_and_the_first_of_them_is_told() -> None:
    x, person = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.0]]), np.array([-1, -1, -1, -1, -1])
    reach = np.array([[0.04], [0.06], [0.06], [0.06], [0.04]])
    turns, fresh = interweave.in_turn(x, person, reach)
    # By reach, then by covariates: knees 0 and 4 are alike, and knees 1 and 3.
    assert turns.tolist() == [0, 4, 2, 1, 3]
    assert fresh.tolist() == [True, False, True, True, False]
    # Of two persons, none is like another.
    turns, fresh = interweave.in_turn(x[:1].repeat(3, axis=0), np.array([1, 0, 1]), reach[:1].repeat(3, axis=0))
    assert turns.tolist() == [1, 0, 2]
    assert fresh.tolist() == [True, True, False]


def test_what_is_bent_once_for_all_knees_that_are_alike_is_what_each_would_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blank, in_turn = knee(SIGMA, **FREE), interweave.in_turn
    members = [Member(str(i), blank, {"sex": "mf"[i % 2]}) for i in range(6)]
    population = Population(members, COMPONENTS, ["sex"], None, SCALES)
    tuned = learnt_from_nothing(population, np.random.default_rng(7))
    tuned.maps.reach[:] = np.array([0.06, 0.1])[[0, 0, 0, 1, 1, 1], np.newaxis]
    ensemble = Ensemble(population, 5, 0)
    z, laws = prior_draws(population, np.random.default_rng(3), 16)

    def moved() -> Array:
        state = State(0, z.copy(), ensemble.heights(z), laws)
        laws_now, taken = ensemble.interweave(np.random.default_rng(1), state, tuned)
        assert 0 < taken.sum() < taken.size * 16
        return np.concatenate([state.z.ravel(), laws_now.b.ravel(), laws_now.sigma.ravel()])

    shared = moved()
    monkeypatch.setattr(interweave, "in_turn", lambda *of: (in_turn(*of)[0], np.ones(6, dtype=bool)))
    assert (moved() == shared).all()
    # And it matters: with the first knee's law for all, other moves are taken.
    monkeypatch.setattr(interweave, "in_turn", lambda *of: (in_turn(*of)[0], np.arange(6) == 0))
    assert (moved() != shared).any()
