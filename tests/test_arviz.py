"""ArviZ on a run: what it says of convergence is what this program says, and it finds all that it looks for."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from arviz_stats.base.array import array_stats
from conftest import KNEE, PARAMETERS

from calibrate import chain, sample
from calibrate.config import parse_config
from calibrate.results import Run, open_run
from calibrate.sampling.convergence import diagnose
from calibrate.scores.holdout import scored
from calibrate.scores.pointwise import pointwise

AXES = {"chain_axis": 0, "draw_axis": 1}
GROUPS = [
    *("posterior", "sample_stats", "posterior_predictive", "log_likelihood", "derived", "prior"),
    *("prior_predictive", "observed_data", "constant_data"),
]


@pytest.fixture(scope="module")
def finished(finished_run: Path) -> Run:
    return open_run(finished_run)


@pytest.fixture(scope="module")
def tree(finished: Run) -> Any:
    return finished.to_arviz(predictive=200)


def ess(values: Any, method: str) -> float:
    prob = (0.05, 0.95) if method == "tail" else None
    return float(array_stats.ess(values, method=method, prob=prob, **AXES))


def test_arvizs_rhat_of_a_converged_run_says_so_too(finished: Run, tree: Any) -> None:
    """Ours looks at some thousand draws of each ensemble, ArviZ's at all: they differ by the error of the smaller."""
    assert finished.converged
    for name, ours in zip(finished.names, finished.diagnosis.rhat, strict=True):
        theirs = float(array_stats.rhat(tree["posterior"][name].values, **AXES))
        assert theirs == pytest.approx(ours, abs=2e-3)
        assert theirs < finished.settings.max_rhat


def test_walkers_as_chains_would_not_agree(finished: Run) -> None:
    """The control: short chains that have all begun elsewhere look as if they had not met."""
    kept = np.asarray(finished.chains.coords[:, finished.burn_in :])
    walkers = kept.transpose(0, 2, 1, 3).reshape(-1, *kept.shape[1::2])
    theirs = [float(array_stats.rhat(walkers[:, :, i], **AXES)) for i in range(len(finished.names))]
    assert max(theirs) > finished.diagnosis.worst_rhat + 0.01


@pytest.mark.parametrize("method", ["bulk", "tail"])
def test_arvizs_effective_samples_say_converged_when_ours_do_and_are_about_as_many(
    finished: Run, tree: Any, method: str
) -> None:
    theirs = np.array([ess(tree["posterior"][name].values, method) for name in finished.names])
    ours = getattr(finished.diagnosis, f"ess_{method}")
    assert (theirs >= finished.settings.min_ess).all()
    assert (0.45 * ours < theirs).all()
    assert (theirs < 2.0 * ours).all()


def test_in_order_of_time_there_would_be_too_many(finished: Run) -> None:
    """The control: neighbouring draws would be different walkers', and look independent, however slow these are."""
    kept = np.asarray(finished.chains.coords[:, finished.burn_in :])
    slow = kept[:, np.arange(kept.shape[1]) // 4 * 4]
    in_time = slow.reshape(slow.shape[0], -1, slow.shape[3])
    theirs = [ess(in_time[:, :, i], "bulk") for i in range(len(finished.names))]
    assert min(np.array(theirs) / diagnose(slow).ess_bulk) > 2.0


@pytest.mark.parametrize("shift", [0.3, 0.0])
def test_arviz_does_not_say_converged_when_ours_does_not(varus: Run, shift: float) -> None:
    """Ensembles that differ, and walkers that hardly move: the one is R-hat's to see, the other effective samples'."""
    coords = np.array(varus.chains.coords[:])
    coords[0] += shift * coords.std(axis=(0, 1, 2))
    if shift == 0.0:
        coords = coords[:, np.arange(coords.shape[1]) // 16 * 16]
    chains = chain.Chains(coords, np.array(varus.chains.log_prob[:]), 0.5)
    run = dataclasses.replace(varus, chains=chains, dropped=0)
    assert not run.converged
    posterior = run.to_arviz(predictive=0)["posterior"]
    if shift:
        assert max(float(array_stats.rhat(posterior[name].values, **AXES)) for name in run.names) > 1.01
    else:
        whole = varus.to_arviz(predictive=0)["posterior"]
        for name in run.names:
            assert ess(posterior[name].values, "bulk") < 0.5 * ess(whole[name].values, "bulk")


def test_each_draw_is_one_walkers_at_one_step_and_halves_are_halves_of_time(finished: Run, tree: Any) -> None:
    stats, posterior = tree["sample_stats"], tree["posterior"]
    thin, draws = finished.settings.thin, posterior.sizes["draw"]
    for ensemble, draw in [(0, 0), (1, 17), (3, draws // 2), (2, draws - 1)]:
        step = int(stats["step"][ensemble, draw]) // thin - 1
        walker = int(stats["walker"][ensemble, draw])
        for i, name in enumerate(finished.names):
            assert float(posterior[name][ensemble, draw]) == finished.chains.coords[ensemble, step, walker, i]
        assert float(stats["lp"][ensemble, draw]) == finished.chains.log_prob[ensemble, step, walker]
    first, last = stats["step"].values[:, : draws // 2], stats["step"].values[:, draws // 2 :]
    assert first.max() < last.min()
    assert first.min() > finished.burn_in * thin
    assert last.max() == finished.steps
    assert np.diff(stats["step"].values[0, :10]).tolist() == [thin] * 9  # neighbours are one walker's


def test_an_odd_step_is_left_out_at_the_beginning(finished: Run) -> None:
    odd = dataclasses.replace(finished, dropped=finished.stored - 5)
    steps = odd.to_arviz(predictive=0)["sample_stats"]["step"].values
    assert sorted(set(steps.reshape(-1).tolist())) == list(range(finished.steps - 3, finished.steps + 1))


def test_there_are_all_groups_with_units_and_provenance(varus: Run) -> None:
    tree = varus.to_arviz(predictive=100)
    assert [*tree.children] == GROUPS
    posterior = tree["posterior"]
    assert [*posterior.data_vars] == [*varus.names]
    units = dict(zip(varus.names, varus.posterior.units, strict=True))
    assert {name: posterior[name].attrs.get("units", "") for name in varus.names} == units
    assert tree["posterior_predictive"]["load"].attrs["units"] == varus.measurement.unit
    assert tree["derived"]["laxity_total_10Nm"].attrs["units"] == "deg"
    assert tree.attrs["data_sha256"] == varus.measurement.sha256
    assert (tree.attrs["converged"], tree.attrs["seed"]) == (1, varus.settings.seed)
    assert tree.attrs["burn_in"] == varus.burn_in * varus.settings.thin
    assert sum(tree["posterior_predictive"].sizes[dim] for dim in ("chain",)) == varus.chains.coords.shape[0]
    assert tree["derived"].sizes["chain"] * tree["derived"].sizes["draw"] <= 100
    assert tree["prior"].sizes == {"chain": 1, "draw": 100}


def test_very_many_readings_have_few_draws(varus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = varus.measurement.loads.size
    monkeypatch.setattr("calibrate.export.datatree._MOST", 12 * readings)
    tree = varus.to_arviz(predictive=1000)
    assert tree["posterior_predictive"]["load"].size <= 12 * readings
    assert tree["prior_predictive"]["load"].size <= 12 * readings


def test_arvizs_leave_one_out_of_these_draws_is_ours(finished: Run) -> None:
    ours = scored(finished)
    theirs = arviz_stats.loo(finished.to_arviz(), reff=1.0)
    assert theirs.elpd == pytest.approx(ours.total, abs=0.5)


def test_units_and_missing_columns_of_tests_that_differ(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("angle_rad,moment_Nm,sigma_Nm,direction\n-0.1,-6,0.5,1\n0,0,0.5,1\n0.1,6,0.4,-1\n")
    (tmp_path / "b.csv").write_text("angle_deg,force_N\n-5,-10\n5,12\n")
    tests = """[tests.a]
file = "a.csv"
positive = "valgus"
measurement.hysteresis = 0.5
[tests.b]
file = "b.csv"
positive = "varus"
flexion = 60.0
noise.sigma = 1.5
[sampling]
max_steps = 8
walkers = 16
ensembles = 2
"""
    run = sample(parse_config(KNEE + PARAMETERS + tests, tmp_path / "knee.toml"))
    tree = run.to_arviz(predictive=8)
    observed, constant = tree["observed_data"]["load"], tree["constant_data"]
    assert observed["test"].values.tolist() == ["a", "a", "a", "b", "b"]
    assert observed["unit"].values.tolist() == ["N·m", "N·m", "N·m", "N", "N"]
    assert "units" not in observed.attrs
    np.testing.assert_allclose(observed["angle"], [-5.729577951, 0.0, 5.729577951, -5.0, 5.0])
    assert constant["flexion"].values.tolist() == [0.0, 0.0, 0.0, 60.0, 60.0]
    assert constant["valgus"].values.tolist() == [1, 1, 1, -1, -1]
    np.testing.assert_array_equal(constant["sigma"], [0.5, 0.5, 0.4, np.nan, np.nan])
    np.testing.assert_array_equal(constant["direction"], [1.0, 1.0, -1.0, np.nan, np.nan])
    prior = tree["prior"]
    for name, low, high in zip(run.names, run.posterior.lower, run.posterior.upper, strict=True):
        assert low <= float(prior[name].min()) <= float(prior[name].max()) <= high
    q = np.array([prior[name].values[0] for name in run.names]).T
    exact = run.posterior.predict(q)
    scale = np.array([0.5, 0.5, 0.4, 1.5, 1.5])
    assert (np.abs(tree["prior_predictive"]["load"].values[0] - exact) < 6.0 * scale).all()


def test_what_was_observed_is_as_the_file_has_it(varus: Run) -> None:
    tree, data = varus.to_arviz(predictive=0), varus.measurement
    assert "posterior_predictive" not in tree.children
    observed = tree["observed_data"]["load"]
    np.testing.assert_array_equal(observed.values, data.loads)
    np.testing.assert_array_equal(observed["angle"].values, data.in_degrees(data.angles))
    assert (tree["constant_data"]["valgus"].values == -1).all()
    assert "sigma" not in tree["constant_data"]


def test_predictions_are_readings_of_the_observed_sign_and_size(true: Run) -> None:
    tree = true.to_arviz(predictive=400)
    observed = tree["observed_data"]["load"].values
    foretold = tree["posterior_predictive"]["load"].values
    middle, scatter = foretold.mean(axis=(0, 1)), foretold.std(axis=(0, 1))
    assert (np.abs(middle - observed) < 5.0 * scatter).all()
    exact = true.predict(draws=400)
    assert scatter.mean() > 1.2 * exact.std(axis=0).mean()  # errors are among them
    prior = tree["prior_predictive"]["load"].values
    assert prior.std() > foretold.std()


def test_likelihoods_are_those_of_readings_and_add_up(finished: Run, tree: Any) -> None:
    few = finished.spread(200)
    q = few.reshape(-1, few.shape[-1])
    theirs = tree["log_likelihood"]["load"].values.reshape(len(q), -1)
    np.testing.assert_array_equal(theirs, pointwise(finished.posterior, q))
    np.testing.assert_allclose(theirs.sum(axis=1), finished.posterior.log_likelihood(q), rtol=1e-9)
    for name, values in finished.derived(200).items():
        np.testing.assert_array_equal(tree["derived"][name].values.reshape(-1), values)


def test_arviz_summarises_it_without_help(finished: Run, tree: Any) -> None:
    table = arviz_stats.summary(tree, round_to="none")
    assert [*table.index] == [*finished.names]
    np.testing.assert_allclose(table["mean"], finished.samples().mean(axis=0), rtol=1e-2)
    assert (table["r_hat"].astype(float) < 1.01).all()
    assert (table["ess_bulk"].astype(float) >= finished.settings.min_ess).all()
    assert "laxity_total_10Nm" in arviz_stats.summary(tree, group="derived").index


def test_arviz_plots_it_without_help(tree: Any) -> None:
    import matplotlib.pyplot as plt
    import matplotlib.style

    # The parts of ArviZ for Python 3.11 look for a module that matplotlib 3.11 has made one with its parent.
    if not hasattr(matplotlib.style, "core"):
        matplotlib.style.core = matplotlib.style  # type: ignore[attr-defined]  # gone from matplotlib 3.11
    with warnings.catch_warnings(action="ignore"):  # what they say to each other is not ours to mend
        import arviz_plots

    few = tree.copy()
    for name in ("posterior", "sample_stats"):
        few[name] = few[name].isel(draw=slice(None, None, 50))
    with plt.rc_context(), warnings.catch_warnings(action="ignore"):
        plt.switch_backend("agg")
        for draw in (arviz_plots.plot_dist, arviz_plots.plot_forest, arviz_plots.plot_ppc_dist):
            assert draw(few) is not None
            plt.close("all")


def test_netcdf_gives_back_the_tree(finished: Run, tree: Any, tmp_path: Path) -> None:
    finished.save_netcdf(tmp_path / "toe.nc", predictive=200)
    with xr.open_datatree(tmp_path / "toe.nc", engine="h5netcdf") as found:
        assert [*found.children] == GROUPS
        assert found.identical(tree)
        assert found.attrs == tree.attrs
