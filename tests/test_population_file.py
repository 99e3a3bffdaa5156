"""A population's file and its commands: written at each look, gone on with bit for bit, refused when altered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from commands import Result
from conftest import config_text

from calibrate import ChainError, ConfigError, Posterior
from calibrate.chain import guard
from calibrate.config import load_config, parse_config
from calibrate.errors import RunError
from calibrate.population import Population, PopulationDraws, open_population, start_population
from calibrate.population.file import save, thresholds
from calibrate.population.run import Run
from calibrate.population.sampler import settings_of
from calibrate.population.streaming import verdict_of
from calibrate.study import load_study

Command = Callable[..., Result]
LAW = "k = { lower = 10.0, upper = 200.0 }\nalpha = 0.06\nreference_strain = STRAIN\n"
LAWS = f"[parameters.mcl]\n{LAW.replace('STRAIN', '0.02')}[parameters.lcl]\n{LAW.replace('STRAIN', '0.01')}"
TEXT = config_text(parameters=LAWS, noise="sigma = 4.0", file="KNEE.csv")
TRUTHS = {"a": (38.0, 50.0), "b": (45.0, 41.0), "c": (52.0, 46.0), "d": (41.0, 57.0)}
HOW: dict[str, Any] = {"ensembles": 2, "walkers": 16, "thin": 1, "workers": 1, "min_ess": 1e6}


@pytest.fixture(scope="module")
def knees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the manifest of four simulated knees."""
    folder, rows = tmp_path_factory.mktemp("knees"), ["knee,config,sex,age,person"]
    for number, (name, truth) in enumerate(TRUTHS.items()):
        head, angles = "angle_deg,moment_Nm\n", np.linspace(-7.0, 7.0, 9)
        (folder / f"{name}.csv").write_text(head + "".join(f"{angle},0.0\n" for angle in angles))
        text = TEXT.replace("KNEE", name)
        posterior = Posterior.from_config(parse_config(text, folder / f"{name}.toml"))
        loads = posterior.simulate(np.array(truth), np.random.default_rng(number))[0]
        lines = [f"{angle},{load:.4f}\n" for angle, load in zip(angles, loads, strict=True)]
        (folder / f"{name}.csv").write_text(head + "".join(lines))
        (folder / f"{name}.toml").write_text(text)
        rows.append(f"{name},{name}.toml,{'fm'[number % 2]},{40 + 3 * number},p{number // 2}")
    (folder / "study.csv").write_text("\n".join([*rows, ""]))
    return folder / "study.csv"


def started(knees: Path, path: Path, steps: int, *, resume: bool = False, **how: Any) -> tuple[PopulationDraws, str]:
    """Sample up to so many steps."""
    population = Population(load_study(knees), None, ("sex",))
    stop = {key: how.pop(key) for key in ("should_stop",) if key in how}
    settings = settings_of(population, 5, max_steps=steps, **{**HOW, **how})
    return start_population(population, path, settings, resume=resume, **stop)


@pytest.fixture(scope="module")
def whole(knees: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PopulationDraws]:
    """Return a population of 70 steps that was never stopped."""
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    draws, reason = started(knees, path, 70)
    assert reason == "steps"
    return path, draws


def same(one: PopulationDraws, other: PopulationDraws) -> None:
    for name in ("chains", "log_prob", "knees"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_is_read_is_what_was_written(whole: tuple[Path, PopulationDraws]) -> None:
    path, draws = whole
    found = open_population(path)
    same(found, draws)
    assert found.names == draws.names
    assert found.verdict.burn_in == draws.verdict.burn_in
    assert found.summary()["population"] == draws.summary()["population"]
    np.testing.assert_array_equal(found.knee("b"), draws.knee("b"))


@pytest.mark.parametrize(("thin", "before"), [(1, 80.0), (4, 20.0)])
def test_sweeps_of_the_warm_up_count_as_forgotten_where_a_run_is_judged(
    thin: int, before: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def look(names: Any, chains: Any, stored: int, wanted: Any, *, before: float) -> Any:
        asked.append((names, stored, wanted.thin, before))
        return SimpleNamespace(converged=False)

    monkeypatch.setattr("calibrate.population.sampler.look", look)
    run: Any = SimpleNamespace(
        thin=thin,
        record=SimpleNamespace(steps=64),
        population=SimpleNamespace(names=("a",)),
        max_rhat=1.01,
        min_ess=9.0,
    )
    assert not verdict_of(run).converged
    assert asked == [(("a",), 64, thin, before)]


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_and_gone_on_with_it_is_the_one_never_stopped(
    workers: int, knees: Path, whole: tuple[Path, PopulationDraws], tmp_path: Path
) -> None:
    path, polls = tmp_path / "parts.h5", iter(range(23))
    _, reason = started(knees, path, 70, workers=workers, should_stop=lambda: next(polls, None) is None)
    assert reason == "interrupted"
    assert open_population(path).chains.shape[1] == 23
    started(knees, path, 41, resume=True, workers=workers)
    draws, reason = started(knees, path, 70, resume=True, workers=workers)
    assert reason == "steps"
    same(draws, whole[1])
    same(open_population(path), whole[1])


def test_a_full_disk_leaves_what_was_written_before(
    knees: Path, whole: tuple[Path, PopulationDraws], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, writes = tmp_path / "full.h5", iter(range(9))

    def full(to: Path, run: Run) -> None:
        if next(writes, None) is None:
            raise RunError(f"{to}: cannot be written (No space left on device)")
        save(to, run)

    with monkeypatch.context() as patched:
        patched.setattr("calibrate.population.streaming._PAUSE", 0.0)
        patched.setattr("calibrate.population.streaming._TIMES", 0.0)
        patched.setattr("calibrate.population.file.save", full)
        with pytest.raises(RunError, match="No space left"):
            started(knees, path, 70)
    assert open_population(path).chains.shape[1] == 9
    same(started(knees, path, 70, resume=True)[0], whole[1])


def altered(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with h5py.File(path, "r+") as f:
        said = {name: json.loads(bytes(f[name][()])) for name in ("population", "members")}
        change(said)
        for name, text in said.items():
            del f[name]
            guard.put_text(f, name, json.dumps(text).encode())


def radius(said: dict[str, Any]) -> None:
    said["members"][2]["config"]["knee"]["medial_condyle"]["radius"] = 19.0


def reading(said: dict[str, Any]) -> None:
    name, text = said["members"][1]["data"][""]
    said["members"][1]["data"][""] = [name, text.replace("\n0.0,", "\n0.0,1")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (radius, "log-probabilities have changed"),
        (reading, "log-probabilities have changed"),
        (lambda said: said["members"].pop(), "damaged"),
        (lambda said: said["members"][0].update(config=[]), "damaged"),
        (lambda said: said["population"].update(components=["mcl.log_k"]), "damaged"),
        (lambda said: said["population"].update(scales={"mcl.log_k": [1]}), "damaged"),
        (lambda said: said["population"].pop("pairs"), "damaged"),
    ],
)
def test_an_altered_file_is_refused(
    change: Callable[[dict[str, Any]], None], words: str, whole: tuple[Path, PopulationDraws], tmp_path: Path
) -> None:
    path = tmp_path / "altered.h5"
    shutil.copy(whole[0], path)
    altered(path, change)
    with pytest.raises(ChainError, match=words) as caught:
        open_population(path)
    assert "\n" not in str(caught.value)


def test_a_bit_flipped_anywhere_is_noticed_or_changes_nothing(
    whole: tuple[Path, PopulationDraws], tmp_path: Path
) -> None:
    content, path = bytearray(whole[0].read_bytes()), tmp_path / "flipped.h5"
    refused = 0
    for at in np.random.default_rng(1).integers(len(content), size=25).tolist():
        content[at] ^= 16
        path.write_bytes(content)
        content[at] ^= 16
        try:
            same(open_population(path), whole[1])
        except ChainError as error:
            assert "\n" not in str(error)  # noqa: PT017  # not every flipped bit is of something that is read
            refused += 1
    assert refused > 10


def test_each_knee_by_itself_is_for_the_table_and_the_figures(tmp_path: Path, command: Command) -> None:
    refused = command("population-summary", tmp_path / "any.h5", "--alone", tmp_path)
    says = "--alone: the table and the figures that it is for go into a folder; give one with -o"
    assert (refused.code, refused.err) == (2, f"calibrate: error: {says}\n")


def test_commands_from_a_study_to_a_prior(knees: Path, tmp_path: Path, command: Command) -> None:
    file, prior = tmp_path / "population.h5", tmp_path / "prior.toml"
    options = ("--covariates", "sex, age", "--pairs", "person", "--components", "mcl.log_k,lcl.log_k")
    begun = ("--max-steps", 20, "--min-ess", 3000, "--workers", 1, "--json")
    made = command("population", knees, "-o", file, *options, *begun)
    assert made.code == 3, made.err
    content = json.loads(made.out)
    assert content["steps"] == 20
    assert not content["converged"]
    assert list(content["population"])[:4] == [f"population.mcl.log_k.{key}" for key in ("mean", "sex[m]", "age", "sd")]
    gone_on = command("population", knees, "-o", file, *options, "--resume", "--max-steps", 22)
    assert gone_on.code == 3
    assert open_population(file).chains.shape[1] == 22
    assert thresholds(file) == (1.01, 3000.0)
    assert (
        command("population", knees, "-o", file, *options, "--resume", "--max-steps", 22, "--min-ess", 2000).code == 3
    )
    assert thresholds(file) == (1.01, 2000.0)
    for name in ("--seed", "--walkers"):
        line = command("population", knees, "-o", file, *options, "--resume", name, 20)
        assert (line.code, line.err) == (
            2,
            f"calibrate: error: --resume and {name}: {file} keeps what it was begun with; leave {name} out\n",
        )
    shown = command("population-summary", file)
    assert shown.code == 0
    assert "Population of 4 knees" in shown.out
    assert json.loads(command("population-summary", file, "--json").out)["steps"] == 22
    refused = command("population-prior", file, "-o", prior, "--given", "sex=f", "--given", "age=50")
    assert refused.code == 2
    assert "has not converged" in refused.err
    assert not prior.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("STUDY", "-o", "STUDY"), "what this command reads"),
        (("STUDY", "-o", "new.h5", "--components", "mcl.log_m"), "none of that name"),
        (("STUDY", "-o", "new.h5", "--covariates", "height"), "has no covariate 'height'"),
        (("STUDY", "-o", "new.h5", "--pairs", "age"), "no pairs"),
        (("STUDY", "STUDY", "-o", "new.h5"), "one study is wanted"),
        (("STUDY", "-o", "new.h5", "--resume"), "no such file"),
        (("STUDY", "-o", "new.h5", "--resume", "--overwrite"), "use one of them"),
        (("STUDY", "-o", "new.h5", "--from-runs"), "HDF5"),
        (("STUDY", "-o", "new.csv"), "new.csv"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(
    arguments: tuple[str, ...],
    words: str,
    knees: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    found = command("population", *(str(knees) if one == "STUDY" else one for one in arguments))
    assert found.code == 2
    assert found.out == ""
    assert words in found.err
    assert found.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_new_knee_is_asked_for_what_the_population_knows(whole: tuple[Path, PopulationDraws]) -> None:
    rng = np.random.default_rng(1)
    assert whole[1].new_knee(5, rng, {"sex": "f"}).shape == (5, 2)
    for given, words in (({}, "say what it is"), ({"sex": "x"}, "f, m"), ({"sex": "f", "age": 40.0}, "it has sex")):
        with pytest.raises(ConfigError, match=words):
            whole[1].new_knee(5, rng, given)


def test_a_run_is_no_population_and_no_file_of_another_kind_is_replaced(
    knees: Path, whole: tuple[Path, PopulationDraws], tmp_path: Path, command: Command
) -> None:
    run, other = tmp_path / "run.h5", tmp_path / "other.h5"
    config = load_config(knees.parent / "a.toml").with_sampling(max_steps=2, walkers=8, ensembles=2)
    from calibrate.runner import start_run

    start_run(config, run)
    assert "is no file of a population" in command("population-summary", run).err
    refused = command("population", knees, "-o", run, "--overwrite")
    assert "is not a population" in refused.err
    shutil.copy(whole[0], other)
    assert "exists already" in command("population", knees, "-o", other).err
