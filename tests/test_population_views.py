"""What is shown of a population: its table, whatever the width, and its figures where knees have covariates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from pictures import texts
from populations import knee

from calibrate.canvas import plainly
from calibrate.figures.study_shrinkage import population_plot, shrinkage_plot
from calibrate.population import Member, Population, PopulationDraws, sample
from calibrate.population.shrinkage import shrinkage
from calibrate.population.view import show

FREE = "{ lower = 5.0, upper = 500.0 }"
ABOUT: tuple[Mapping[str, str | float], ...] = (
    {"sex": "f", "age": 30.0},
    {"sex": "m", "age": 30.0},
    {"sex": "m", "age": 60.0},
    {"sex": "m", "age": 60.0},
)
# A population with next to no spread: log k is 4, 1 more of men, 0.05 more for each year from the mean, 45.
LAW = {"mean": 4.0, "sex[m]": 1.0, "age": 0.05, "sd": 0.01}
EXPECTED = [3.25, 4.25, 5.75, 5.75]


def drawn(covariates: tuple[str, ...]) -> PopulationDraws:
    """Return a population of four knees whose law is known."""
    members = [Member(f"knee {i}", knee(2.0, mcl_k=FREE, lcl_k=FREE), about) for i, about in enumerate(ABOUT)]
    population = Population(members, ["mcl.log_k"], covariates)
    draws = sample(population, 2, max_steps=4, walkers=8, thin=1, workers=1)
    row = np.array([LAW[name.removeprefix("population.mcl.log_k.")] for name in draws.names])
    return dataclasses.replace(draws, chains=np.broadcast_to(row, draws.chains.shape).copy())


@pytest.fixture(scope="module")
def with_covariates() -> PopulationDraws:
    return drawn(("sex", "age"))


def test_new_knees_have_the_covariates_of_the_studys_knees(with_covariates: PopulationDraws) -> None:
    rng = np.random.default_rng(1)
    np.testing.assert_allclose(with_covariates.new_knees(8, rng)[:, 0], np.repeat(EXPECTED, 2), atol=0.05)
    np.testing.assert_allclose(with_covariates.new_knees(5, rng)[:, 0], [EXPECTED[0], *EXPECTED], atol=0.05)
    np.testing.assert_allclose(with_covariates.new_knees(2, rng)[:, 0], EXPECTED[::2], atol=0.05)


def test_without_covariates_new_knees_are_those_of_before() -> None:
    draws = drawn(())
    draws = dataclasses.replace(draws, chains=draws.chains + np.random.default_rng(3).random(draws.chains.shape))
    one, other = (how(50, np.random.default_rng(1)) for how in (draws.new_knee, draws.new_knees))
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one)) == 50


@plainly
def test_figures_are_of_all_knees_alike_and_say_of_which(with_covariates: PopulationDraws) -> None:
    alone = {"knee 1": np.random.default_rng(1).normal(4.25, 0.1, (50, 1))}
    (one,) = shrinkage(with_covariates, alone)
    # A quarter of new knees each are about exp(3.25) and exp(4.25), half about exp(5.75).
    np.testing.assert_allclose(one.population[::2], np.exp([3.25, 5.75]), rtol=0.05)
    quarters = np.quantile(one.new, [0.24, 0.26, 0.49, 0.51])
    np.testing.assert_allclose(quarters, np.exp([3.25, 4.25, 4.25, 5.75]), rtol=0.05)
    assert "90 % of knees with sex, age as in the study" in texts(shrinkage_plot(one))
    assert "new knees with sex, age as in the study" in texts(population_plot([one]))
    (one,) = shrinkage(drawn(()), alone)
    assert "90 % of all knees" in texts(shrinkage_plot(one))
    assert not any("new knees" in said for said in texts(population_plot([one])))


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_names_and_numbers_are_whole_in_a_pipe_of_any_width(
    columns: str,
    with_covariates: PopulationDraws,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    names = {f"mcl.log_k.{name}" for name in LAW}
    show(with_covariates)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line.strip().startswith("mcl.")} == names
    assert "…" not in "".join(lines)
