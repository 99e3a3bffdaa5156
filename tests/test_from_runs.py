"""Finished calibrations put together: a study's results and runs, their prior, and what knees shrink to."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from commands import check_refused
from conftest import Result, config_text

from calibrate import ConfigError, Posterior, load_config
from calibrate.canvas import plainly
from calibrate.config import parse_config
from calibrate.errors import ExportError
from calibrate.figures.study_shrinkage import ALONE, TOGETHER, population_plot, shrinkage_plot
from calibrate.population import open_population
from calibrate.population.components import Component
from calibrate.population.finished import finished
from calibrate.population.from_runs import from_runs, save_prior, table_of
from calibrate.population.prior import prior_of
from calibrate.population.shrinkage import natural, parameter_of, shrinkage
from calibrate.results import open_run
from calibrate.runner import start_run
from calibrate.study import load_study, open_cohort, run_cohort
from calibrate.study.file import write
from calibrate.study.reader import open_shard

LAW = "k = { median = 45.0, factor = 1.6 }\nalpha = 0.06\nl_0 = LENGTH\n"
LAWS = f"[parameters.mcl]\n{LAW.replace('LENGTH', '90.0')}[parameters.lcl]\n{LAW.replace('LENGTH', '60.0')}"
TEXT = config_text(parameters=LAWS, noise="sigma = 4.0", file="KNEE.csv")
TRUTHS = {"a": (38.0, 50.0), "b": (45.0, 41.0), "c": (52.0, 46.0), "d": (41.0, 57.0), "e": (60.0, 44.0)}
PERSONS = [f"1234567890123456789{last}" for last in (0, 0, 1, 1, 2)]
COVARIATES = dict(zip(TRUTHS, zip(PERSONS, "lrlrx", (30, 40, 50, 60, 45), strict=True), strict=True))
HOW: dict[str, Any] = {"max_steps": 200, "min_ess": 300.0, "ensembles": 2, "thin": 2, "workers": 1}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five simulated knees, each calibrated by itself; results in `out`, one of them a run as well."""
    folder = tmp_path_factory.mktemp("study")
    angles = np.linspace(-7.0, 7.0, 9)
    for number, (name, truth) in enumerate(TRUTHS.items()):
        text = TEXT.replace("KNEE", name)
        head = "angle_deg,moment_Nm\n"
        (folder / f"{name}.csv").write_text(head + "".join(f"{angle},0.0\n" for angle in angles))
        posterior = Posterior.from_config(parse_config(text, folder / f"{name}.toml"))
        loads = posterior.simulate(np.array(truth), np.random.default_rng(number))[0]
        rows = "".join(f"{angle},{load:.4f}\n" for angle, load in zip(angles, loads, strict=True))
        (folder / f"{name}.csv").write_text(head + rows)
        (folder / f"{name}.toml").write_text(text)
    rows = "".join(f"{name},{name}.toml,{person},{side},{age}\n" for name, (person, side, age) in COVARIATES.items())
    (folder / "study.csv").write_text(f"knee,config,person,side,age\n{rows}")
    few = {"min_ess": 800.0, "ensembles": 2, "walkers": 32}
    with ThreadPoolExecutor(1) as pool:
        run_cohort(load_study(folder / "study.csv", **few), folder / "out", executor=pool, draws=1500)
    start_run(load_config(folder / "a.toml").with_sampling(**few), folder / "a.h5")
    return folder


@pytest.fixture(scope="module")
def together(study: Path) -> Any:
    return from_runs([study / "out"], seed=2, **HOW)


def test_results_of_a_study_and_runs_are_the_same_knees(study: Path) -> None:
    knees, left_out = finished([study / "out"])
    assert [one.id for one in knees] == list(TRUTHS)
    assert left_out == ()
    (run,), _ = finished([study / "a.h5"])
    assert run.id == "a"
    for one in (knees[0], run):
        np.testing.assert_allclose(one.posterior.log_prob(one.draws), one.log_prob, rtol=1e-12)
        assert one.effective > 800
    summary = open_cohort(study / "out").knee("a").summary
    assert (knees[0].effective, knees[0].chain) == (summary["smallest_ess"], summary["draws"])
    assert run.chain == open_run(study / "a.h5").draws > 1500
    for one in (knees[0], run):
        picks = len(one.draws)
        left = 1.0 / (1.0 / picks - 1.0 / one.chain + 1.0 / one.effective)
        assert one.atoms([Component("mcl.log_k")]).efficiency == pytest.approx(left / picks, rel=1e-12)
    spread = run.draws.std(axis=0)
    np.testing.assert_allclose(knees[0].draws.mean(axis=0), run.draws.mean(axis=0), atol=0.2 * spread.max())


def test_knees_of_one_name_and_several_studies_are_refused(study: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copyfile(study / "a.h5", tmp_path / "other" / "a.h5")
    with pytest.raises(ConfigError, match="two of the runs are called a"):
        finished([study / "a.h5", tmp_path / "other" / "a.h5"])
    with pytest.raises(ConfigError, match="is a study's results, which stand alone"):
        finished([study / "a.h5", study / "out"])


def test_knees_that_have_not_converged_are_left_out_and_named(study: Path, tmp_path: Path) -> None:
    config = load_config(study / "b.toml").with_sampling(max_steps=4, walkers=32, ensembles=2)
    start_run(config, tmp_path / "b.h5")
    knees, left_out = finished([study / "a.h5", tmp_path / "b.h5"])
    assert [one.id for one in knees] == ["a"]
    assert left_out == ("left out, because they have not converged: b",)
    with pytest.raises(ConfigError, match="no knee has converged"):
        finished([tmp_path / "b.h5"])


def partly(study: Path, folder: Path) -> Path:
    """Write results of a study of nine: three knees have failed, two are as they were."""
    shard = open_shard(study / "out" / "shard-0001-of-0001.h5")
    none = {"draws": np.empty((0, 0)), "log_prob": np.empty(0)}
    records = [
        replace(one, status="failed", message="no data", summary="{}", **none) if one.id in "bcd" else one
        for one in shard.records()
    ]
    folder.mkdir()
    write(folder / "shard-0001-of-0001.h5", replace(shard.head, planned=9, total=9), records)
    return folder


def test_knees_that_have_failed_or_are_not_finished_are_said_to_be_so(
    study: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    out = partly(study, tmp_path / "out")
    knees, left_out = finished([out])
    assert [one.id for one in knees] == ["a", "e"]
    failed = "left out, because they have failed: b, c, d"
    missing = "4 more of the study are not finished yet, and left out"
    assert left_out == (failed, missing)
    how = ("--components", "mcl.log_k", "--max-steps", 400, "--min-ess", 100, "--workers", 1)
    made = command("population", out, "--from-runs", "-o", tmp_path / "population.h5", *how)
    assert f"warning: {failed}\n" in made.err
    assert f"warning: {missing}\n" in made.err


def test_a_component_that_is_fixed_in_a_knee_by_itself_is_said_in_one_line(
    study: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    file, alone, views = tmp_path / "population.h5", tmp_path / "alone", tmp_path / "views"
    how = ("--components", "mcl.log_k,lcl.log_k", "--max-steps", 100, "--min-ess", 100, "--workers", 1)
    command("population", study / "out", "--from-runs", "-o", file, *how)
    alone.mkdir()
    shutil.copyfile(study / "a.csv", alone / "a.csv")
    text = TEXT.replace("KNEE", "a")
    (alone / "a.toml").write_text(text)
    for name in ("another", "b"):  # the first of them is not in the population, so it does not matter
        (alone / f"{name}.toml").write_text(text.replace("{ median = 45.0, factor = 1.6 }", "45.0", 1))
    few = {"min_ess": 200.0, "ensembles": 2, "walkers": 32}
    with ThreadPoolExecutor(1) as pool:
        run_cohort(load_study(alone, **few), tmp_path / "out", executor=pool)
    refused = command("population-summary", file, "--alone", tmp_path / "out", "-o", views)
    said = f"--alone {tmp_path / 'out'}: knee b: mcl.log_k is not free where it was calibrated by itself"
    check_refused(refused, said)
    assert not views.exists()


def test_what_is_known_of_knees_is_the_whole_of_their_cells(study: Path) -> None:
    said: list[str] = []
    few = HOW | {"max_steps": 4}
    draws, _, _ = from_runs([study / "out"], None, ["side"], "person", seed=2, on_warning=said.append, **few)
    assert draws.population.design.persons == 3
    assert said[0] == "covariate side: 'x' is of one person, so what is told of the group is told of that person"


def test_the_company_of_others_moves_a_knee_towards_them(together: Any) -> None:
    draws, trust, alone = together
    assert trust.refusals() == []
    found = shrinkage(draws, alone)
    assert [(one.parameter, one.unit) for one in found] == [("mcl.k", "N/mm"), ("lcl.k", "N/mm")]
    for i, one in enumerate(found):
        middle = one.population[1]
        off = one.alone[:, 1] - middle
        farthest = int(np.argmax(np.abs(off)))
        assert abs(one.together[farthest, 1] - middle) < abs(off[farthest])
        assert np.median(one.left) < 1.0
        phi = alone["c"][:, i]
        np.testing.assert_allclose(one.alone[2, 1], np.exp(np.median(phi)), rtol=1e-12)
        after = draws.components("c")[:, i]
        assert one.moved[2] == pytest.approx((after.mean() - phi.mean()) / phi.std())
        assert one.left[2] == pytest.approx(after.std() / phi.std())
    rows = list(csv.DictReader(io.StringIO(table_of(found))))
    assert [row["knee"] for row in rows] == [*TRUTHS, *TRUTHS]
    assert float(rows[2]["together_median"]) == found[0].together[2, 1]


def test_a_knee_that_nobody_calibrated_by_itself_is_blank(together: Any) -> None:
    draws, _, alone = together
    found = shrinkage(draws, {"a": alone["a"]})[0]
    assert np.isfinite(found.alone[0]).all()
    assert np.isnan(found.alone[1:]).all()
    assert np.isfinite(found.together).all()
    with pytest.raises(ConfigError, match="none of these knees is in the population"):
        shrinkage(draws, {"z": alone["a"]})


@plainly
def test_pictures_show_both_estimates_and_the_populations_curve(together: Any) -> None:
    draws, _, alone = together
    found = shrinkage(draws, alone)
    ax = shrinkage_plot(found[0]).axes[0]
    medians = {line.get_gid(): line.get_xdata() for line in ax.lines if line.get_gid()}
    np.testing.assert_array_equal(medians[f"{ALONE} median"], np.sort(found[0].alone[:, 1]))
    assert f"{TOGETHER} median" in medians
    for panel, one in zip(population_plot(found).axes, found, strict=True):
        lines = {line.get_gid(): line for line in panel.lines}
        x, y = lines["curve line"].get_data()
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=0.06)
        assert one.population[0] < x[np.argmax(y)] < one.population[2]
        np.testing.assert_array_equal(lines[TOGETHER].get_xdata(), one.together[:, 1])


def test_a_population_makes_a_prior_for_a_new_knee(together: Any, study: Path, tmp_path: Path) -> None:
    draws, burn_in = together[0], together[0].verdict.burn_in
    said = {"burn_in": burn_in, "sentence": "so and so"}
    with pytest.raises(ConfigError, match=r"the population has not converged \(so and so\), so it makes no prior"):
        prior_of(replace(draws, verdict=SimpleNamespace(converged=False, **said)))
    draws = replace(draws, verdict=SimpleNamespace(converged=True, **said))
    prior = prior_of(draws, seed=4, study="five knees", sha256="0" * 64)
    path = tmp_path / "prior.toml"
    save_prior(prior, path)
    with pytest.raises(ExportError, match="exists already"):
        save_prior(prior, path)
    (tmp_path / "knee.toml").write_text("[knee]\n")
    with pytest.raises(ExportError, match="is not a prior made of knees, so it is left alone"):
        save_prior(prior, tmp_path / "knee.toml", overwrite=True)
    shutil.copyfile(study / "a.csv", tmp_path / "a.csv")
    text = TEXT.replace("KNEE", "a").replace("{ median = 45.0, factor = 1.6 }", '{ knees = "prior.toml" }')
    (tmp_path / "knee.toml").write_text(text)
    config = load_config(tmp_path / "knee.toml")
    for component, column in zip(
        draws.population.components, draws.new_knee(20_000, np.random.default_rng(4)).T, strict=True
    ):
        value: Any = config.resolved(parameter_of(component))
        new = natural(component, column)
        assert value.knees.knees == len(TRUTHS)
        for share in (0.1, 0.5, 0.9):
            assert value.prior.quantile(share) == pytest.approx(np.quantile(new, share), rel=0.12)


def test_commands_from_results_to_a_population_its_pictures_and_a_prior(
    study: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    file, views, prior = tmp_path / "population.h5", tmp_path / "views", tmp_path / "prior.toml"
    how = ("--components", "mcl.log_k,lcl.log_k", "--max-steps", 400, "--min-ess", 300, "--seed", 2, "--workers", 1)
    made = command("population", study / "out", "--from-runs", "-o", file, *how)
    assert made.code == 0, made.err
    assert "Population of 5 knees" in made.out
    draws = open_population(file)
    assert set(draws.alone) == set(TRUTHS)
    assert draws.trust["largest_k"] == 0.7
    alone = finished([study / "out"])[0]
    np.testing.assert_allclose(
        np.quantile(draws.alone["b"][:, 0], 0.5), np.log(np.quantile(alone[1].draws[:, 0], 0.5)), atol=1e-9
    )
    assert "nothing to go on with" in command("population", study, "-o", file, "--resume").err
    written = command("population-summary", file, "-o", views)
    assert written.code == 0
    assert {path.name for path in views.iterdir()} >= {"shrinkage.csv", "shrinkage_mcl.k.png", "population.pdf"}
    rows = list(csv.DictReader(io.StringIO((views / "shrinkage.csv").read_text())))
    assert len(rows) == 2 * len(TRUTHS)
    made = command("population-prior", file, "-o", prior, "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["prior"] == str(prior)
    warnings = json.loads(made.out)["warnings"]
    assert warnings[0].startswith("mcl.k: no family of priors fits the prediction well")
    assert [line for line in made.err.splitlines() if "no family" in line] == [
        f"calibrate: warning: {said}" for said in warnings
    ]
    assert prior.read_text().count("# Poor: ") == len(warnings)
    said = tomllib.loads(prior.read_text())
    assert said["made"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert said["priors"]["mcl.k"]["median"] == pytest.approx(45.0, rel=0.25)
    both = command("population", study / "out", study / "a.h5", "--from-runs", "-o", tmp_path / "both.h5")
    assert both.code == 2
    assert not (tmp_path / "both.h5").exists()


def test_a_prior_of_a_knee_unlike_the_studys_is_warned_of_and_then_refused(
    study: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    file, prior = tmp_path / "population.h5", tmp_path / "prior.toml"
    how = ("--components", "mcl.log_k", "--covariates", "age", "--max-steps", 400, "--min-ess", 50, "--workers", 1)
    made = command("population", study / "out", "--from-runs", "-o", file, *how)
    assert made.code == 0, made.err
    for age, says in ((6000, "which says nothing of one so far outside"), ("4_0", "age is a number")):
        refused = command("population-prior", file, "-o", prior, "--given", f"age={age}")
        assert (refused.code, refused.err.count("\n"), prior.exists()) == (2, 1, False)
        assert says in refused.err
    outside = command("population-prior", file, "-o", prior, "--given", "age=75", "--json")
    assert outside.code == 0, outside.err
    said, *poor = json.loads(outside.out)["warnings"]
    assert said.startswith("age = 75 lies outside the study's knees, 30 to 60")
    assert all("no family of priors fits" in one for one in poor)
    assert outside.err == "".join(f"calibrate: warning: {one}\n" for one in (said, *poor))
    assert f"# Outside: {said}.\n" in prior.read_text()
