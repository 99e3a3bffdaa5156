"""Populations: components and parameters, forms for compiled code, refusals, seeds, the file and the commands."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from commands import Command, check_refused
from populations import knee, study

from calibrate.config import parse_config
from calibrate.data import Measurement, format_measurement
from calibrate.errors import CalibrateError, ChainError, ConfigError
from calibrate.population import Component, Member, Population, PopulationDraws, open_population, sample
from calibrate.population.components import columns_of, default_components, parameters, values
from calibrate.population.file import load, save
from calibrate.population.sampler import advance, begin, settings_of
from calibrate.population.streaming import start_population
from calibrate.population.sweep import Ensemble, rows_of
from calibrate.posterior import Posterior

WIDE = {"k": "{ lower = 5.0, upper = 500.0 }", "alpha": "{ lower = 0.01, upper = 0.5 }"}
LAWS = {f"{strand}_{key}": value for strand in ("mcl", "lcl") for key, value in WIDE.items()}
STRAIN = {"mcl_reference_strain": "{ mean = 0.0, sd = 0.1 }"}
SLACK = {"mcl_l_0": "{ lower = 70.0, upper = 90.0 }"}


def posed() -> Posterior:
    """A knee whose reference length depends on where a strand is attached, with a slack length."""
    text = knee(**LAWS, **SLACK).config.text.replace(
        "femur = [-40.0, 12.0]", "femur = [{ mean = -40.0, sd = 1.0 }, 12.0]"
    )
    data = Measurement(np.linspace(-8.0, 8.0, 7), np.zeros(7), np.full(7, 0.5), "moment", "deg")
    return Posterior.from_config(parse_config(text), data)


KNEES = {"pair": lambda: knee(**LAWS, **SLACK), "general": lambda: knee(**LAWS, **STRAIN), "posed": posed}


@pytest.mark.parametrize("kind", KNEES)
def test_components_and_parameters_are_each_others_inverse(kind: str) -> None:
    posterior = KNEES[kind]()
    components = default_components([posterior])
    q = posterior.prior_sample(np.random.default_rng(1), 5)
    phi = values(posterior, components, q)
    others = q[:, columns_of(posterior, components)[len(components) :]]
    np.testing.assert_allclose(parameters(posterior, components, phi, others), q, rtol=1e-12)
    l_0 = posterior.law(q)[:, 0, 2]
    lengths = posterior.reference_lengths(posterior.full(q))[:, 0]
    strain = [one.name for one in components].index("mcl.reference_strain")
    np.testing.assert_allclose(phi[:, strain], (lengths - l_0) / l_0, rtol=1e-12)
    np.testing.assert_allclose(phi[:, 0], np.log(q[:, posterior.names.index("mcl.k")]))


def test_a_logit_is_that_of_alpha_itself() -> None:
    posterior = knee(**LAWS)
    one = [Component("mcl.logit_alpha")]
    q = posterior.prior_sample(np.random.default_rng(1), 3)
    alpha = q[:, posterior.names.index("mcl.alpha")]
    np.testing.assert_allclose(values(posterior, one, q)[:, 0], np.log(alpha / (1.0 - alpha)))


@pytest.mark.parametrize("kind", [*KNEES, "mixed"])
def test_compiled_knees_say_what_their_posteriors_say(kind: str) -> None:
    """Likelihood, and the priors of what is no component: nothing of the components' own priors and bounds."""
    knees = [make() for make in KNEES.values()] if kind == "mixed" else [KNEES[kind]()] * 2
    population = Population(Member(str(i), posterior) for i, posterior in enumerate(knees))
    rng = np.random.default_rng(3)
    z = np.zeros((len(knees), 6, int(population.forms.dims.max())))
    expected = np.empty(z.shape[:2])
    for i, posterior in enumerate(knees):
        q = posterior.prior_sample(rng, 6)
        q[:2, posterior.names.index("mcl.k")] = 900.0  # beyond its bounds
        columns, count = columns_of(posterior, population.components), len(population.components)
        z[i, :, :count] = values(posterior, population.components, q)
        z[i, :, count : posterior.ndim] = q[:, columns[count:]]
        expected[i] = posterior.log_likelihood(q)
        for column in columns[count:]:
            expected[i] += posterior.priors[column].log_density(q[:, column])
    found = Ensemble(population, 1, 0).heights(z)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def small(covariates: bool = False, count: int = 4, alpha: bool = False) -> Population:
    rng = np.random.default_rng(7)
    truths = [{"mcl.k": k, "lcl.k": 60.0} for k in (40.0, 55.0, 75.0, 90.0)[:count]]
    about: list[Mapping[str, Any]] = [
        {"sex": "fm"[i % 2], "age": float(30 + i), "person": f"p{i // 2}"} for i in range(count)
    ]
    free = {"mcl_k": WIDE["k"], "lcl_k": WIDE["k"], **({"mcl_alpha": WIDE["alpha"]} if alpha else {})}
    truths = [{**truth, "mcl.alpha": 0.06} if alpha else truth for truth in truths]
    members = study(truths, rng, covariates=about, sigma=2.0, **free)
    return Population(members, None, ["sex", "age"], "person") if covariates else Population(members)


@pytest.fixture(scope="module")
def drawn() -> PopulationDraws:
    return sample(small(covariates=True), 2, max_steps=24, walkers=8, thin=1, workers=1)


def test_names_say_what_there_is(drawn: PopulationDraws) -> None:
    labels = [f"population.mcl.log_k.{label}" for label in ("mean", "sex[m]", "age", "sd", "person_sd")]
    assert list(drawn.names[:5]) == labels
    assert drawn.names[-2:] == ("population.corr(mcl.log_k, lcl.log_k)", "population.person_corr(mcl.log_k, lcl.log_k)")
    assert drawn.draws.shape[-1] == len(drawn.names)


def test_rows_have_all_of_a_population(drawn: PopulationDraws) -> None:
    population = drawn.population
    run = begin(population, settings_of(population, 3, walkers=8, workers=1))
    laws = run.states[0].laws
    b, sigma, sigma_u = drawn.laws(rows_of(population, laws))
    for found, expected in ((b, laws.b), (sigma, laws.sigma), (sigma_u, laws.sigma_u)):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_new_knees_are_as_the_population_is(drawn: PopulationDraws) -> None:
    new = drawn.new_knee(4000, np.random.default_rng(1), {"sex": "m", "age": 31.5})
    rows = drawn.samples()
    names = [f"population.mcl.log_k.{label}" for label in ("mean", "sex[m]", "sd", "person_sd")]
    mean, male, sd, person = rows[:, [drawn.names.index(name) for name in names]].T
    expected = mean + male
    error = np.sqrt((expected.var() + (sd**2 + person**2).mean()) / 4000.0)
    assert abs(new[:, 0].mean() - expected.mean()) < 5.0 * error
    assert new[:, 0].std() == pytest.approx(np.sqrt(expected.var() + (sd**2 + person**2).mean()), rel=0.15)
    with pytest.raises(ConfigError, match=r"^sex = x: no knee of the study has that; f, m$"):
        drawn.new_knee(1, np.random.default_rng(1), {"sex": "x", "age": 30.0})
    with pytest.raises(ConfigError, match=r"^age is a covariate of this population"):
        drawn.new_knee(1, np.random.default_rng(1), {"sex": "f"})


def test_knees_have_their_own_parameters(drawn: PopulationDraws) -> None:
    q, phi = drawn.knee("knee 1"), drawn.components("knee 1")
    np.testing.assert_allclose(np.log(q), phi)
    assert q.shape[1] == 2
    with pytest.raises(ConfigError, match=r"^no knee is called 'nobody'$"):
        drawn.knee("nobody")


def test_threads_change_nothing(drawn: PopulationDraws) -> None:
    again = sample(small(covariates=True), 2, max_steps=24, walkers=8, thin=1, workers=4)
    np.testing.assert_array_equal(again.chains, drawn.chains)
    np.testing.assert_array_equal(again.knees, drawn.knees)
    other = sample(small(covariates=True), 3, max_steps=2, walkers=8, thin=1, workers=1)
    assert (other.chains[:, 1] != drawn.chains[:, 1]).any()


@pytest.mark.parametrize("how", [{}, {"covariates": True}, {"alpha": True}])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path, how: dict[str, bool]) -> None:
    path, population = tmp_path / "pop.h5", small(**how)
    half, whole = (settings_of(population, 5, max_steps=n, walkers=8, thin=1, workers=1) for n in (7, 15))
    _, reason = start_population(population, path, half)
    assert reason == "steps"
    stopped, reason = start_population(small(**how), path, whole, resume=True)
    assert (reason, stopped.chains.shape[1]) == ("steps", 15)
    run = begin(population, whole)
    advance(run, whole)
    np.testing.assert_array_equal(stopped.chains, np.stack(run.record.rows, axis=1))
    read = open_population(path)
    np.testing.assert_array_equal(read.chains, stopped.chains)
    np.testing.assert_array_equal(read.knees, np.stack(run.record.knees, axis=1))
    assert read.names == stopped.names
    assert {entry.name for entry in tmp_path.iterdir()} == {"pop.h5"}


def test_a_run_of_no_step_is_whole_and_goes_on(tmp_path: Path) -> None:
    path, population = tmp_path / "pop.h5", small()
    settings = settings_of(population, 5, max_steps=3, walkers=8, workers=1)
    draws, reason = start_population(population, path, settings, should_stop=lambda: True)
    assert (reason, draws.chains.shape[1], draws.converged) == ("interrupted", 0, False)
    with pytest.raises(ChainError, match="holds no step yet"):
        open_population(path)
    draws, _ = start_population(population, path, settings, resume=True)
    assert draws.chains.shape[1] == 3


def test_knees_of_long_runs_are_kept_of_fewer_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.population.record._STEPS", 4)
    draws = sample(small(), 1, max_steps=11, walkers=8, thin=1, workers=1)
    assert draws.every == 4
    assert draws.knees.shape[1] == 2  # steps 4 and 8


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, population = tmp_path_factory.mktemp("stored") / "pop.h5", small(alpha=True)
    start_population(population, path, settings_of(population, 5, max_steps=4, walkers=8, workers=1))
    return path


def _cut(f: h5py.File) -> None:
    del f["chains"]


def _spoil(f: h5py.File) -> None:
    f["chains"][0, 0, 0, 0] = np.nan


def _change(f: h5py.File) -> None:
    f["state/z"][0, 0, 0, 0] += 0.1


def _rename(f: h5py.File) -> None:
    f.attrs["format"] = np.bytes_("something else")


def _age(f: h5py.File) -> None:
    f.attrs["schema_version"] = 1


def _forget(f: h5py.File) -> None:
    del f["tuning/reach"]


def _shrink(f: h5py.File) -> None:
    z = f["state/z"][:, :, :4]
    del f["state/z"]
    f.create_dataset("state/z", data=z)


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (_cut, "it holds another number of knees"),
        (_spoil, "numbers that are none"),
        (_change, "log-probabilities have changed"),
        (_rename, "is no file of a population"),
        (_shrink, "height has shape"),
        (_age, "pop.h5: written by another calibrate (schema 1; this one has 2)"),
        (_forget, "reach"),
    ],
)
def test_altered_files_are_refused(stored: Path, tmp_path: Path, alter: Any, said: str) -> None:
    path = tmp_path / "pop.h5"
    shutil.copy(stored, path)
    with h5py.File(path, "r+") as f:
        alter(f)
    with pytest.raises(ChainError, match=re.escape(said)):
        open_population(path)


def test_a_file_cut_short_is_refused(stored: Path, tmp_path: Path) -> None:
    path = tmp_path / "pop.h5"
    path.write_bytes(stored.read_bytes()[:-5000])
    with pytest.raises(ChainError):
        open_population(path)


def test_another_study_does_not_go_on(stored: Path) -> None:
    settings = settings_of(small(alpha=True), 5, max_steps=8, walkers=8)
    with pytest.raises(ChainError, match="is of another study: it has other knees"):
        start_population(small(count=3, alpha=True), stored, settings, resume=True)
    with pytest.raises(ChainError, match="is of another study: covariates are sex, age now and were none"):
        start_population(small(covariates=True, alpha=True), stored, settings, resume=True)
    with pytest.raises(ChainError, match="exists already; go on with it by --resume"):
        start_population(small(alpha=True), stored, settings)


def test_a_disk_without_room_leaves_what_was_there(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pop.h5"
    shutil.copy(stored, path)
    before, run = path.read_bytes(), load(path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("calibrate.population.file.os.fsync", full)
    with pytest.raises(CalibrateError, match="No space left on device"):
        save(path, run)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["pop.h5"]


def _members(count: int = 3, **about: list[Any]) -> list[Member]:
    blank = knee(mcl_k=WIDE["k"])
    return [Member(f"k{i}", blank, {name: cells[i] for name, cells in about.items()}) for i in range(count)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Population(_members(1)), "a population of 1 knee: two at the least are wanted"),
        (lambda: Population([*_members(1), *_members(1)]), "two knees are called k0"),
        (lambda: Population(_members(), ["mcl.k"]), "component 'mcl.k': there is none of that name"),
        (lambda: Population(_members(), ["lcl.log_k"]), "knee k0: lcl.log_k is a component, and nothing"),
        (
            lambda: Population([Member(str(i), knee(**LAWS)) for i in range(2)], ["mcl.log_alpha", "mcl.logit_alpha"]),
            "mcl.log_alpha and mcl.logit_alpha are one parameter, mcl.alpha",
        ),
        (lambda: Population(_members(), covariates=["sex"]), "knee k0: has no covariate 'sex'"),
        (lambda: Population(_members(sex=["f"] * 3), covariates=["sex"]), "is f for all knees"),
        (lambda: Population(_members(age=[3.0] * 3), covariates=["age"]), "finite numbers that are not all the same"),
        (lambda: Population(_members(p=["a", "b", "c"]), pairs="p"), "each knee is of another person"),
        (lambda: Population(_members(p=["a"] * 3), pairs="p"), "all knees are of one person"),
        (lambda: Population(_members(), pairs="p"), "knee k0: 'p' does not say whose knee it is"),
        (lambda: settings_of(small(), 1, walkers=7), "walkers = 7: an even number is wanted, 8 at the least"),
        (lambda: settings_of(small(), 1, ensembles=1), "ensembles = 1: two at the least"),
        (lambda: settings_of(small(), 1, thin=0), "thin = 0: one at the least"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        make()


def test_a_slack_length_that_strands_share_is_no_component() -> None:
    text = knee(**LAWS, **SLACK).config.text
    text = text.replace("l_0 = 59.0", 'l_0 = "mcl.l_0"') + "\n[measurement]\nangle_offset = { mean = 0.0, sd = 1.0 }\n"
    data = Measurement(np.linspace(-8.0, 8.0, 7), np.zeros(7), np.full(7, 0.5), "moment", "deg")
    tied = Posterior.from_config(parse_config(text), data)
    with pytest.raises(ConfigError, match=r"knee 0: mcl\.l_0 is the slack length of other strands as well"):
        Population(Member(str(i), tied) for i in range(2))
    Population([Member(str(i), tied) for i in range(2)], ["mcl.log_k", "lcl.log_k"])


def test_the_commands(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    members = study([{"mcl.k": k} for k in (50.0, 60.0, 80.0)], np.random.default_rng(2), mcl_k=WIDE["k"])
    rows = ["knee,config,data.file,sex"]
    for i, member in enumerate(members):
        data = member.posterior.measurement
        (tmp_path / f"{i}.csv").write_text(
            format_measurement(data.angles, data.loads, "moment", "deg", (), {}, data.sigma)
        )
        rows.append(f"{i},knee.toml,{i}.csv,{'ffm'[i]}")
    (tmp_path / "knee.toml").write_text(members[0].posterior.config.text)
    (tmp_path / "study.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    asked = ("population", "study.csv", "-o", "pop.h5", "--covariates", "sex", "--walkers", "8", "--max-steps", "2")
    done = command(*asked, "--json")
    assert done.code == 3, done.err
    found = json.loads(done.out)
    assert (found["reason"], found["steps"], found["converged"]) == ("steps", 2, False)
    assert "population.mcl.log_k.sex[m]" in found["population"]
    assert set(found["knees"]) == {"0", "1", "2"}
    shown = command("population-summary", "pop.h5")
    assert shown.code == 0
    assert "mcl.log_k.sex[m]" in shown.out
    same = {key: value for key, value in found.items() if key != "reason"}
    assert json.loads(command("population-summary", "pop.h5", "--json").out) == same
    check_refused(command(*asked), "pop.h5: exists already; go on with it by --resume")
    check_refused(command(*asked, "--resume", "--overwrite"), "--resume and --overwrite: use one of them")
    check_refused(command("population-summary", "study.csv"), "study.csv: is no file of a population")
    check_refused(
        command(*asked[:-4], "--pairs", "person", "--overwrite"), "knee 0: 'person' does not say whose knee it is"
    )
