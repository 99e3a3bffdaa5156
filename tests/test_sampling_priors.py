"""Sampling where priors are not uniform and the knee is of the general form: known answers, and many dimensions."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import emcee
import numpy as np
import pytest
from conftest import DATA, bench_config, config_text
from scipy.stats import kstest

from calibrate.config import Config, SamplingConfig, parse_config
from calibrate.density import shape_of_prior
from calibrate.examples import example
from calibrate.knee.pair import Pair
from calibrate.knee.slots import General
from calibrate.posterior import Posterior
from calibrate.results import open_run
from calibrate.runner import resume_run, start_run
from calibrate.sampling import block as block_module
from calibrate.sampling import pilot as pilot_module
from calibrate.sampling.block import DE_SHARE, STRETCH_SHARE, Block
from calibrate.sampling.ensembles import generators
from calibrate.sampling.fit import find_map
from calibrate.sampling.pilot import explore
from calibrate.sampling.series import effective_samples
from calibrate.sampling.start import first_walkers, walkers_for

HARD = '[prior]\nwalls = "hard"\n'
# One prior of each kind; what is free but for the tare of the LCL has to be positive.
SHAPED = """
[parameters.mcl]
k = { median = 40.0, factor = 1.5 }
alpha = { lower = 0.02, upper = 0.12 }
l_0 = { mean = 94.0, sd = 2.0 }
[parameters.lcl]
k = { mean = 60.0, sd = 40.0, upper = 90.0 }
alpha = { median = 0.06, factor = 1.3, lower = 0.05, upper = 0.1 }
l_0 = 62.5
f_ref = { mean = 3.0, sd = 5.0 }
"""
READING = "[measurement]\nload_bias = { mean = 1.0, sd = 2.0 }\n"


def shaped(*, general: bool, noise: str = "sigma = 1e8", extra: str = "") -> Config:
    """Return a configuration with priors of every kind; whatever changes the reading makes it general."""
    text = config_text(parameters=SHAPED, noise=noise, extra=HARD + (READING if general else "") + extra)
    return parse_config(text, DATA / "bench.toml")


# --- evidence and moments ---

# The loads are linear in stiffness, tare and bias, so that quantiles are all that quadrature needs.
LINEAR = """
[parameters.mcl]
k = {{ median = 45.0, factor = 1.4, lower = 30.0 }}
alpha = 0.06
l_0 = 94.0
[parameters.lcl]
k = 42.8
alpha = 0.06
l_0 = 62.5
f_ref = {{ mean = 30.0, sd = 20.0, lower = {lower} }}
"""


def quadrature(posterior: Posterior, each: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Return log-evidence, means and sds: the likelihood at midpoints of cells with one share of the prior each."""
    share = (np.arange(each) + 0.5) / each
    cells = np.meshgrid(*(prior.quantile(share) for prior in posterior.priors), indexing="ij")
    q = np.stack([cell.ravel() for cell in cells], axis=1)
    value = np.asarray(posterior.log_likelihood(q))
    weight = np.exp(value - value.max())
    evidence = float(value.max() + np.log(weight.mean()))
    weight /= weight.sum()
    mean = weight @ q
    return evidence, mean, np.sqrt(weight @ (q - mean) ** 2)


@pytest.mark.parametrize(("reading", "each"), [("", 800), (READING, 90)], ids=["pair", "general"])
@pytest.mark.parametrize("sigma", [12.0, 1e3])
def test_a_pilot_knows_evidence_and_moments_whatever_the_priors(reading: str, each: int, sigma: float) -> None:
    text = config_text(parameters=LINEAR.format(lower=10.0), noise=f"sigma = {sigma}", extra=reading)
    posterior = Posterior.from_config(parse_config(text, DATA / "bench.toml"))
    assert isinstance(posterior.density.knee, General if reading else Pair)
    evidence, mean, sd = quadrature(posterior, each)
    if sigma < 100.0:  # data that say something, and something else than the priors
        assert (np.abs(mean - [prior.mean for prior in posterior.priors]) > 0.2 * posterior.scale)[:2].all()
    found = explore(posterior, np.random.default_rng(8), 2048)
    assert found.log_evidence == pytest.approx(evidence, abs=0.25)
    # Worth some thousand draws.
    np.testing.assert_allclose((found.weights @ found.coords - mean) / sd, 0.0, atol=4.0 / math.sqrt(2000))
    np.testing.assert_allclose(
        np.sqrt(found.weights @ (found.coords - mean) ** 2) / sd, 1.0, atol=4.0 / math.sqrt(4000)
    )
    np.testing.assert_allclose(found.log_prob, posterior.log_prob(found.coords), rtol=1e-12)
    np.testing.assert_allclose(found.log_likelihood, posterior.log_likelihood(found.coords), rtol=1e-12)


@pytest.mark.parametrize("general", [False, True])
def test_compiled_moves_are_those_of_the_python_that_they_are_written_in(
    general: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What that does is held to numbers worked out by hand in test_pilot_moves.py.
    posterior = Posterior.from_config(shaped(general=general, noise="sigma = 20.0"))
    rng = np.random.default_rng(6)
    x = posterior.prior_sample(rng, 64)
    value = posterior.log_likelihood(x)
    floor = float(np.sort(value)[31])
    order, numbers = rng.permutation(64), rng.random((8, 32, 6))
    ends = []
    for climb in (pilot_module._climb, pilot_module._climb.py_func):
        where, there = x.copy(), value.copy()
        climb(where, there, floor, order, numbers, posterior.density)
        ends.append((where, there))
        monkeypatch.setattr(
            pilot_module, "likelihood_one", lambda q, p, columns, knee, room: float(posterior.log_likelihood(q))
        )
        monkeypatch.setattr(pilot_module, "room_of", lambda knee: None)
        monkeypatch.setattr(pilot_module, "shape_of_prior", shape_of_prior.py_func)
    np.testing.assert_allclose(ends[0][0], ends[1][0], rtol=1e-12)
    np.testing.assert_allclose(ends[0][1], ends[1][1], rtol=1e-10)
    assert (ends[0][0] != x).any(axis=1).mean() > 0.3


# --- the block leaves the prior as it is ---


def distances(posterior: Posterior, steps: int = 90) -> np.ndarray:
    """Move walkers that begin as draws of the priors; return Kolmogorov's distances, 1 at one in 10,000.

    Outposts are of other draws, from one half of each prior: that may slow the walkers down and nothing else.
    """
    priors = [parameter.possible for parameter in posterior.table.free]
    kept = []
    draws = posterior.prior_sample(np.random.default_rng(9), 400)
    draws = draws[(draws < np.median(draws, axis=0)).sum(axis=1) <= len(priors) // 2]
    for seed, state in enumerate([one.get_state() for one in generators(4, 2)]):
        start = posterior.prior_sample(np.random.default_rng(seed), 128)
        sampler = emcee.EnsembleSampler(
            128, len(priors), posterior.log_prob, moves=[Block(posterior, draws=draws)], vectorize=True
        )
        sampler.run_mcmc(emcee.State(start, random_state=state), steps)
        kept.append(sampler.get_chain(discard=10))
    draws = np.stack(kept)
    share = np.linspace(1e-6, 1.0 - 1e-6, 20_001)
    out = []
    for i, prior in enumerate(priors):
        column = draws[..., i]
        below = np.interp(column.ravel(), prior.quantile(share), share)
        out.append(kstest(below, "uniform").statistic * np.sqrt(effective_samples(column)) / 2.23)
    return np.array(out)


@pytest.mark.parametrize("general", [False, True])
def test_a_flat_likelihood_returns_priors_of_every_kind(general: bool) -> None:
    posterior = Posterior.from_config(shaped(general=general))
    assert isinstance(posterior.density.knee, General if general else Pair)
    assert (distances(posterior) < 1.0).all()


def test_a_move_that_leaves_the_priors_shapes_out_is_caught() -> None:
    posterior = Posterior.from_config(shaped(general=False))
    rows = posterior.density.prior.copy()
    flags = rows[-1]
    assert flags[0] == 1.0  # whether any prior has a shape
    flags[0] = 0.0
    blind = replace(posterior, density=posterior.density._replace(prior=rows))
    far = distances(blind)
    uniform = np.array([name == "mcl.alpha" for name in posterior.names])
    assert (far[~uniform] > 1.0).all()
    assert (far[uniform] < 1.0).all()


# --- many dimensions ---

FREE_GEOMETRY = """
[knee]
lateral_condyle = { centre = [{ mean = 23.5, sd = 1.5 }, { mean = -6.0, sd = 1.0 }], \
radius = { mean = 15.5, sd = 1.0 } }
medial_condyle = { centre = [{ mean = -20.4, sd = 1.5 }, -6.0], radius = { mean = 17.5, sd = 1.0 } }
rolling = 1.0
mcl = { femur = [{ mean = -40.0, sd = 2.0 }, { mean = 12.0, sd = 3.0 }], \
tibia = [{ mean = -16.0, sd = 2.0 }, { mean = -65.0, sd = 4.0 }] }
lcl = { femur = [{ mean = 36.0, sd = 2.0 }, { mean = 4.0, sd = 3.0 }], \
tibia = [{ mean = 44.8, sd = 2.0 }, { mean = -50.7, sd = 4.0 }] }
[parameters.mcl]
k = { median = 70.0, factor = 1.4, upper = 300.0 }
alpha = { lower = 0.02, upper = 0.12 }
reference_strain = { mean = 0.02, sd = 0.03 }
[parameters.lcl]
k = { median = 60.0, factor = 1.5, upper = 300.0 }
alpha = { lower = 0.02, upper = 0.12 }
reference_strain = { mean = 0.0, sd = 0.05 }
[measurement]
angle_offset = { mean = 0.0, sd = 2.0 }
[noise]
sigma = { lower = 0.05, upper = 5.0 }
[data]
file = "oks009_30deg.csv"
positive = "varus"
"""


@functools.cache
def free_geometry() -> Posterior:
    return Posterior.from_config(parse_config(FREE_GEOMETRY, example("oks009.toml").parent / "free.toml"))


def test_a_free_geometry_starts_with_walkers_that_differ_and_are_possible() -> None:
    posterior = free_geometry()
    assert posterior.ndim == 21
    fits = find_map(posterior, np.random.default_rng(0))
    walkers = first_walkers(posterior, SamplingConfig(seed=1, ensembles=2, walkers=84))
    assert walkers.shape == (2, 84, 21)
    rows = walkers.reshape(-1, 21)
    value = posterior.log_prob(rows)
    assert np.isfinite(value).all()
    assert len(np.unique(rows, axis=0)) == 168
    for ensemble in walkers:
        assert np.linalg.matrix_rank(np.cov((ensemble / posterior.scale).T)) == 21
    # In 21 dimensions a draw is 10 below the maximum on average, and once in a million 33.
    assert fits[0].log_prob - value.max() > 0.0
    assert fits[0].log_prob - value.min() < 40.0
    # The fit is a maximum: nothing beside it is higher by more than what least squares leave.
    beside = fits[0].q + 0.01 * posterior.scale * np.random.default_rng(1).standard_normal((2000, 21))
    assert posterior.log_prob(beside).max() < fits[0].log_prob + 0.05


def test_kernels_move_a_strands_law_with_the_errors_and_no_more_than_eight_together() -> None:
    short = Posterior.from_config(bench_config(noise="sigma = { lower = 0.1, upper = 9.0 }"))
    assert short.table.groups() == [[0, 1, 2, 6], [3, 4, 5, 6]]
    posterior = free_geometry()
    names = [[posterior.names[i] for i in group] for group in posterior.table.groups()]
    ends = [f"{end}.{axis}" for end in ("femur", "tibia") for axis in "xy"]
    condyles = ("lateral_condyle.centre.x", "lateral_condyle.centre.y", "lateral_condyle.radius")
    assert names == [
        ["mcl.k", "mcl.alpha", "mcl.reference_strain", "noise.sigma"],
        ["lcl.k", "lcl.alpha", "lcl.reference_strain", "noise.sigma"],
        [*(f"knee.{key}" for key in condyles), "knee.medial_condyle.centre.x", "knee.medial_condyle.radius"],
        [*(f"knee.mcl.{end}" for end in ends), "mcl.reference_strain"],
        [*(f"knee.lcl.{end}" for end in ends), "lcl.reference_strain"],
        ["measurement.angle_offset", "mcl.reference_strain", "lcl.reference_strain"],
    ]
    block = Block(posterior)
    assert block._sizes.tolist() == [4, 4, 5, 5, 5, 3]
    assert [row[:size].tolist() for row, size in zip(block._groups, block._sizes, strict=True)] == (
        posterior.table.groups()
    )


@pytest.mark.parametrize("strands", [2, 12, 30])
def test_groups_stay_small_with_any_number_of_strands(strands: int) -> None:
    lines = [f"bundle_{i} = {{ femur = [{30.0 + i}, 4.0], tibia = [40.0, -50.0] }}" for i in range(strands)]
    laws = [
        f"[parameters.bundle_{i}]\nk = {{ lower = 5.0, upper = 90.0 }}\nalpha = 0.06\nl_0 = {{ mean = 55.0, sd = 9.0 }}"
        for i in range(strands)
    ]
    text = config_text(noise="sigma = { lower = 0.1, upper = 9.0 }", extra=READING)
    text = text.replace("\n[parameters.mcl]", "\n".join(["", *lines, "[parameters.mcl]"]), 1)
    text += "\n".join(laws) + "\n"
    posterior = Posterior.from_config(parse_config(text, DATA / "bench.toml"))
    groups = posterior.table.groups()
    assert max(len(group) for group in groups) <= 8
    assert set(itertools.chain(*groups)) == set(range(posterior.ndim))
    assert all(len(set(group)) == len(group) for group in groups)


def test_kernels_have_a_smaller_share_where_there_are_more_than_seven_parameters() -> None:
    for config in (bench_config(), shaped(general=True)):
        few = Posterior.from_config(config)
        assert few.ndim <= 7
        assert Block(few)._below == pytest.approx((STRETCH_SHARE, STRETCH_SHARE + DE_SHARE), rel=1e-14)
    stretch, kernels_from = Block(free_geometry())._below
    share = (1.0 - STRETCH_SHARE - DE_SHARE) * 7.0 / 21.0
    assert 1.0 - kernels_from == pytest.approx(share, rel=1e-12)
    # What they lose is shared out evenly.
    assert stretch - STRETCH_SHARE == pytest.approx(kernels_from - stretch - DE_SHARE, rel=1e-12)


@pytest.mark.parametrize(("walkers", "few", "many"), [(84, 2, 12), (256, 2, 4), (300, 2, 2), (512, 2, 2), (1024, 2, 2)])
def test_small_ensembles_of_many_parameters_have_more_rounds_in_a_step(
    walkers: int, few: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    monkeypatch.setattr(block_module, "_block", lambda *arguments: shapes.append(arguments[3].shape))
    for posterior in (Posterior.from_config(bench_config()), free_geometry()):
        state = emcee.State(np.zeros((walkers, posterior.ndim)), log_prob=np.zeros(walkers))
        Block(posterior).propose(SimpleNamespace(random=np.random.RandomState(0)), state)  # emcee's own
    # A walker's update takes three numbers, and one for each parameter of the largest group.
    assert shapes == [(few, 8, walkers, 3 + 3), (many, 8, walkers, 3 + 5)]


@pytest.mark.parametrize(
    ("ndim", "min_ess", "walkers"),
    [
        (7, 4000.0, 512),
        (8, 4000.0, 100),
        (9, 4000.0, 100),
        (9, 1000.0, 36),
        (21, 1000.0, 84),
        (21, 1e6, 512),
        (200, 1000.0, 800),
    ],
)
def test_beyond_seven_parameters_ensembles_are_smaller_but_never_below_four_walkers_each(
    ndim: int, min_ess: float, walkers: int
) -> None:
    assert walkers_for(ndim, min_ess) == walkers


# --- one seed, one chain ---


def test_one_seed_gives_one_chain_of_the_general_form_on_any_number_of_threads_and_in_parts(tmp_path: Path) -> None:
    chains = []
    for name, workers, parts in (("one", 1, [40]), ("two", 2, [40]), ("parts", 1, [15, 25]), ("mixed", 2, [9, 31])):
        first, *others = parts
        sampling = f"[sampling]\nseed = 3\nwalkers = 64\nensembles = 2\nworkers = {workers}\nmax_steps = {first}\n"
        config = shaped(general=True, noise="sigma = { median = 3.0, factor = 1.5 }", extra=sampling)
        path = tmp_path / f"{name}.h5"
        assert start_run(config, path).steps == first
        for steps in others:
            resume_run(path, steps=steps, workers=3 - workers)
        run = open_run(path)
        assert isinstance(run.posterior.density.knee, General)
        chains.append(run.chains)
    for other in chains[1:]:
        np.testing.assert_array_equal(other.coords, chains[0].coords)
        np.testing.assert_array_equal(other.log_prob, chains[0].log_prob)
    # The control: walkers did move, and each ensemble its own way.
    assert len(np.unique(chains[0].log_prob[:, -1])) > 64
