"""A prior made of knees: what it is fitted to, its file, and how a configuration and its run keep it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from commands import Command
from conftest import Result, config_text
from scipy import stats

from calibrate import ConfigError, Posterior, load_config
from calibrate.assumptions import assumptions
from calibrate.config.knees import Origin, read_knees
from calibrate.config.values import Gaussian, LogGaussian
from calibrate.population.prior import FEWEST_DRAWS, fit, outside, poor, text_of
from calibrate.report import methods
from calibrate.results import open_run

N = 4000
GIVEN = {"sex": 'female "\x7f', "age": 61.5}


def together(n: int = N, r: float = -0.6) -> np.ndarray:
    """Draws of two normal numbers that go together."""
    rng = np.random.default_rng(4)
    return rng.multivariate_normal([0.0, 0.0], [[1.0, r], [r, 1.0]], size=n)


def made(**more: np.ndarray) -> str:
    z = together()
    draws = {"mcl.k": 55.0 * 1.3 ** z[:, 0], "mcl.alpha": 0.06 + 0.008 * z[:, 1]}
    return text_of(fit(draws | more, Origin(knees=8, study="a study", seed=3, draws=N, given=GIVEN)))


@pytest.fixture(scope="module")
def text() -> str:
    return made()


@pytest.fixture
def knee(folder: Path, text: str) -> Path:
    """The configuration of a folder, with a prior made of knees for two of its parameters."""
    (folder / "prior.toml").write_text(text)
    said = config_text(extra="[sampling]\nwalkers = 16\nensembles = 2\n")
    said = said.replace("k = { lower = 10.0, upper = 100.0 }", 'k = { knees = "prior.toml", upper = 300.0 }', 1)
    said = said.replace("alpha = { lower = 0.02, upper = 0.12 }", 'alpha = { knees = "prior.toml", start = 0.05 }', 1)
    path = folder / "knee.toml"
    path.write_text(said)
    return path


# The file.


def test_families_are_those_that_the_draws_came_from_and_the_file_says_what_is_left_out(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "prior.toml"
    path.write_text(text)
    prior, sha = read_knees(path)
    assert sha == hashlib.sha256(path.read_bytes()).hexdigest()
    k, alpha = prior.priors["mcl.k"], prior.priors["mcl.alpha"]
    assert (k.family, k.unit, alpha.family, alpha.unit) == ("log-normal", "N/mm", "normal", "")
    # Quantiles of 4,000 draws are within 3 errors of 0.02 to 0.05 of an sd.
    assert k.median == pytest.approx(55.0, rel=0.02)
    assert k.factor == pytest.approx(1.3, abs=0.015)
    assert alpha.mean == pytest.approx(0.06, abs=0.0005)
    assert alpha.sd == pytest.approx(0.008, rel=0.05)
    assert 0.0 < max(k.misfit, alpha.misfit) < 0.1
    (pair,) = prior.correlations
    assert pair.between == ("mcl.k", "mcl.alpha")
    assert pair.r == pytest.approx(6 / np.pi * np.arcsin(-0.3), abs=0.03)  # of ranks, from that of normal numbers
    assert dict(prior.made.given) == GIVEN
    assert (prior.made.knees, prior.made.study, prior.made.seed) == (8, "a study", 3)
    assert text_of(prior) == text


def test_the_file_says_that_a_knee_lies_outside_the_study(tmp_path: Path) -> None:
    given, path = {"sex": "m", "age": 75.0}, tmp_path / "prior.toml"
    origin = Origin(knees=8, given=given, outside={"age": (30.0, 60.0)})
    path.write_text(text_of(fit({"mcl.k": np.exp(together()[:, 0])}, origin)))
    prior, _ = read_knees(path)
    assert prior.made.outside == {"age": (30.0, 60.0)}
    (said,) = outside(prior)
    assert said.startswith("age = 75 lies outside the study's knees, 30 to 60")
    assert f"# Outside: {said}.\n" in path.read_text() == text_of(prior)


def test_a_stiffness_stays_log_normal_and_a_strain_normal() -> None:
    z = together()[:, 0]
    prior = fit({"mcl.k": 60.0 + 6.0 * z, "mcl.reference_strain": np.exp(0.5 * z) - 1.0}, Origin(knees=5))
    assert [one.family for one in prior.priors.values()] == ["log-normal", "normal"]
    assert prior.priors["mcl.reference_strain"].misfit > prior.priors["mcl.k"].misfit


def test_the_misfit_is_that_of_the_worst_quantile_and_a_poor_family_is_said() -> None:
    two = np.where(np.arange(N) % 2, 1.0, -1.0) * 0.1 + 0.01 * together()[:, 0]
    prior = fit({"mcl.reference_strain": two, "lcl.reference_strain": 0.01 * together()[:, 1]}, Origin(knees=8))
    one = prior.priors["mcl.reference_strain"]
    shares = np.linspace(0.025, 0.975, 39)
    off = np.abs(np.quantile(two, shares) - stats.norm(one.mean, one.sd).ppf(shares)) / one.sd
    assert one.misfit == pytest.approx(off.max(), rel=0.02)
    (said,) = poor(prior)
    assert said.startswith("mcl.reference_strain: no family of priors fits the prediction well")
    assert f"{one.misfit:.2f} of its standard deviations" in said
    assert f"# Poor: {said}" in text_of(prior)


def test_the_central_95_percent_of_a_family_holds_that_of_the_draws() -> None:
    # Steep in the middle, with tails on either side, the right one longer: as the prediction from few knees is.
    z = together()[:, 0]
    peaked = np.where(np.arange(N) % 5, 0.005, np.where(z > 0.0, 0.08, 0.05)) * z
    draws = {"mcl.reference_strain": peaked, "mcl.k": 60.0 * np.exp(10.0 * peaked), "lcl.reference_strain": 0.01 * z}
    prior = fit(draws, Origin(knees=8))
    low, high = np.quantile(peaked, [0.025, 0.975], method="inverted_cdf")
    strain, k = prior.priors["mcl.reference_strain"], prior.priors["mcl.k"]
    assert strain.mean - 1.959964 * strain.sd <= low
    assert strain.mean + 1.959964 * strain.sd == pytest.approx(high, rel=1e-6)
    assert k.median * k.factor**1.959964 == pytest.approx(60.0 * np.exp(10.0 * high), rel=1e-6)
    assert k.median / k.factor**1.959964 <= 60.0 * np.exp(10.0 * low)
    assert prior.priors["lcl.reference_strain"].sd == pytest.approx(0.01, rel=0.04)  # no wider than it has to be
    assert [said.partition(":")[0] for said in poor(prior)] == ["mcl.reference_strain", "mcl.k"]
    assert all("though its central 95 % holds the prediction's" in said for said in poor(prior))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.exp(together(FEWEST_DRAWS - 1)[:, 0]), "mcl.k: 399 predictive draws are too few"),
        (np.full(N, 60.0), "mcl.k: the predictive draws do not spread"),
        (np.where(together()[:, 0] > 1.0, np.inf, 60.0), "mcl.k: the predictive draws are too wide"),
    ],
)
def test_what_makes_no_prior_is_refused(values: np.ndarray, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        fit({"mcl.k": values}, Origin(knees=8))


# In a configuration.


def test_numbers_take_the_names_place_with_bounds_and_start(knee: Path) -> None:
    config, (prior, sha) = load_config(knee), read_knees(knee.parent / "prior.toml")
    k, alpha = config.resolved("mcl.k"), config.resolved("mcl.alpha")
    assert isinstance(k, LogGaussian)
    assert isinstance(alpha, Gaussian)
    assert (k.median, k.factor, k.upper) == (prior.priors["mcl.k"].median, prior.priors["mcl.k"].factor, 300.0)
    assert (alpha.mean, alpha.start, alpha.upper) == (prior.priors["mcl.alpha"].mean, 0.05, None)
    assert k.knees is not None
    assert (k.knees.file, k.knees.sha256, k.knees.knees, k.knees.parameter) == ("prior.toml", sha, 8, "mcl.k")
    assert k.knees.correlations == {"mcl.alpha": prior.correlations[0].r}


def test_a_tests_own_parameter_and_a_point_have_the_prior_of_their_name_or_of_another(tmp_path: Path) -> None:
    z = together()
    own = {"flex.mcl.k": 40.0 * 1.1 ** z[:, 0], "knee.mcl.femur.x": -40.0 + z[:, 1]}
    (tmp_path / "prior.toml").write_text(made(**own))
    text = config_text().replace("femur = [-40.0,", "femur = [KNEES,")
    text = text.replace("[data]", "[tests.flex]").replace("KNEES", '{ knees = "prior.toml" }')
    text += 'parameters.mcl = { k = { knees = "prior.toml" }, alpha = { knees = "prior.toml" } }\n'
    text += 'parameters.lcl.k = { knees = "prior.toml", parameter = "mcl.k" }\n'
    (tmp_path / "knee.toml").write_text(text)
    config, (prior, _) = load_config(tmp_path / "knee.toml"), read_knees(tmp_path / "prior.toml")
    expected = {"flex.mcl.k": "flex.mcl.k", "flex.mcl.alpha": "mcl.alpha", "flex.lcl.k": "mcl.k"}
    for name, of in {**expected, "knee.mcl.femur.x": "knee.mcl.femur.x"}.items():
        value = config.resolved(name)
        assert isinstance(value, Gaussian | LogGaussian)
        assert value.knees is not None
        assert value.knees.parameter == of
        assert value.prior.quantile(0.5) == pytest.approx(prior.priors[of].median or prior.priors[of].mean)


def test_assumptions_say_where_priors_are_from_and_what_they_leave_out(knee: Path) -> None:
    sha = hashlib.sha256((knee.parent / "prior.toml").read_bytes()).hexdigest()
    said = [one for one in assumptions(Posterior.from_config(load_config(knee))) if "made of" in one]
    assert len(said) == 1
    assert said[0].startswith("the priors of mcl.k, mcl.alpha were made of 8 knees, given sex = female")
    assert f"(prior.toml, SHA-256 {sha[:12]}), each by itself" in said[0]
    assert "most of all mcl.k with mcl.alpha (correlation -0.5" in said[0]
    poorer = (knee.parent / "prior.toml").read_text().replace("misfit = 0.0", "misfit = 0.3", 1)
    (knee.parent / "prior.toml").write_text(poorer)
    said = [one for one in assumptions(Posterior.from_config(load_config(knee))) if "family" in one]
    assert said == [one for one in said if one.startswith("the prior of mcl.k is of a family that fits")]
    assert len(said) == 1


# In a run.


def stored(path: Path) -> np.ndarray:
    return np.asarray(open_run(path).chains.coords[:])


def test_a_run_goes_on_without_its_priors_file_to_the_same_bits_and_names_it(knee: Path, command: Command) -> None:
    def done(*what: object) -> Result:
        result = command(*what)
        assert result.code == 3, result.err
        return result

    prior = knee.parent / "prior.toml"
    done("run", knee, "-o", "whole.h5", "--max-steps", 8, "--seed", 3)
    done("run", knee, "-o", "run.h5", "--max-steps", 4, "--seed", 3)
    prior.write_text(prior.read_text().replace("median = 5", "median = 6"))
    said = done("resume", "run.h5", "--steps", 2).err
    assert "parameters.mcl.k.median was 5" in said
    prior.unlink()
    assert "goes on with what is stored" not in done("resume", "run.h5", "--steps", 2).err
    np.testing.assert_array_equal(stored(knee.parent / "run.h5"), stored(knee.parent / "whole.h5"))
    run = open_run("run.h5")
    source = run.summary()["parameters"]["mcl.k"]["prior_from"]
    assert source.startswith("8 knees, given sex = female")
    assert "prior_from" not in run.summary()["parameters"]["lcl.k"]
    rows = {row["name"]: row["source"] for row in methods.prior_rows(run, run.summary())}
    assert (rows["mcl.k"], rows["mcl.alpha"], rows["lcl.k"]) == (source, source, "")
