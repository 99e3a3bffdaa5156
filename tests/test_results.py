"""A run's draws and predictions are what the file holds, in the order, unit and sign that are said."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from arviz_stats.base.array import array_stats
from planted import (
    ANGLE,
    VARUS_NAMES,
    VARUS_UNITS,
    column,
    constant,
    parameters_text,
    plant,
    valgus_draws,
    varus_draws,
)

from calibrate import draws, results
from calibrate.errors import ChainError, ExportError, GeometryError
from calibrate.results import Run, open_run

KEPT = varus_draws()[:, 15:]
_TWO = parameters_text(
    {
        f"{name}.{key}": value
        for name in ("mcl", "lcl")
        for key, value in (("alpha", 0.05), ("l_0", 70.0), ("f_ref", 0.0))
    }
)  # free are the stiffnesses

# --- What the file holds ----------------------------------------------------------------------------------------------


def test_samples_are_the_kept_draws_ensemble_after_ensemble_step_after_step(varus: Run) -> None:
    rows = [KEPT[e, s, w] for e in range(3) for s in range(106) for w in range(16)]
    np.testing.assert_array_equal(varus.samples(), rows)
    assert varus.draws == len(rows) == 5088


def test_log_prob_belongs_to_the_samples_row_by_row(varus: Run) -> None:
    log_prob = varus.log_prob()
    assert log_prob.shape == (5088,)
    np.testing.assert_array_equal(log_prob, varus.posterior.log_prob(varus.samples()))
    assert np.unique(log_prob).size == 5088, "the control: any exchange of rows shows"


def test_steps_are_counted_as_taken_and_as_many_dropped_as_the_chains_tell(varus: Run, valgus: Run) -> None:
    assert (varus.stored, varus.burn_in, varus.steps) == (121, 15, 363)  # every third step is stored
    assert (valgus.stored, valgus.burn_in, valgus.steps) == (40, 10, 40)


def test_a_run_says_whose_it_is(varus: Run) -> None:
    assert varus.title == str(varus.path)
    assert varus.names == VARUS_NAMES
    assert varus.posterior.units == VARUS_UNITS
    assert varus.config.data.positive == "varus"
    assert varus.measurement.source == "planted.csv"
    assert varus.measurement.loads[:2].tolist() == [-13.0, -9.9]


@pytest.mark.parametrize(("burn_in", "dropped"), [(0, 0), (1, 1), (3, 1), (4, 2), (360, 120)])
def test_a_burn_in_that_somebody_chooses_is_in_steps_and_rounded_up(varus: Run, burn_in: int, dropped: int) -> None:
    run = open_run(varus.path, burn_in)
    assert run.burn_in == dropped
    np.testing.assert_array_equal(run.samples(), varus_draws()[:, dropped:].reshape(-1, 7))


def test_a_burn_in_that_leaves_nothing_is_refused_and_of_no_steps_none_is_one(varus: Run, tmp_path: Path) -> None:
    with pytest.raises(ChainError) as refused:
        open_run(varus.path, 361)
    assert str(refused.value) == f"{varus.path}: a burn-in of 361 steps leaves none of 363; give a smaller one"
    one = plant(tmp_path, np.random.default_rng(0).uniform(30.0, 50.0, (2, 1, 4, 2)), parameters=_TWO)
    assert open_run(one.path, 0).burn_in == 0
    with pytest.raises(ChainError, match="a burn-in of 1 steps leaves none of 1;"):
        open_run(one.path, 1)
    none = plant(tmp_path, np.empty((2, 0, 4, 2)), parameters=_TWO, name="none.h5")
    assert open_run(none.path, 0).stored == 0


def test_chains_of_another_posterior_are_refused_by_the_files_name(tmp_path: Path) -> None:
    draws = np.random.default_rng(0).uniform(30.0, 50.0, (2, 4, 4, 2))
    wrong = plant(tmp_path, draws, parameters=_TWO, log_prob=np.full((2, 4, 4), 7.0))
    with pytest.raises(ChainError) as refused:
        open_run(wrong.path)
    assert str(refused.value).startswith(f"{wrong.path}: ")


def test_truth_is_of_free_parameters_only(varus: Run, valgus: Run) -> None:
    assert dict(varus.truth) == {"mcl.k": 41.5, "noise.sigma": 2.25}  # lcl.k is fixed
    assert dict(valgus.truth) == {}


@pytest.mark.parametrize("number", [0, 1, 15, 16, 17, 1695, 1696, 3391, 3392, 4000, 5087])
def test_one_draw_is_that_row_of_the_samples(varus: Run, number: int) -> None:
    draw = varus.draw(number)
    assert draw.shape == (7,)
    np.testing.assert_array_equal(draw, varus.samples()[number])


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_estimates_of_a_long_run_come_from_every_nth_kept_step_the_last_included(
    varus: Run, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("calibrate.draws.stride", lambda *shape: asked.append(shape) or every)
    run = open_run(varus.path)
    np.testing.assert_array_equal(run.some_samples(), KEPT[:, every - 1 :: every].reshape(-1, 7))
    assert asked == [(3, 106, 16)]
    assert run.samples().shape == (5088, 7)


def test_thinned_samples_are_distinct_rows_in_their_order_and_always_the_same(varus: Run) -> None:
    samples, some = varus.samples(), varus.thinned(500)
    where = {row.tobytes(): i for i, row in enumerate(samples)}
    rows = [where[row.tobytes()] for row in some]
    assert rows == sorted(set(rows))
    assert len(rows) == 500
    np.testing.assert_array_equal(some, varus.thinned(500))
    # Of all walkers and all steps alike: 500 rows over 16 walkers, sd 5.4 of 31.
    walkers = np.bincount(np.array(rows) % 16, minlength=16)
    assert walkers.min() > 31 - 4 * 5.4
    assert walkers.max() < 31 + 4 * 5.4
    # The same ones on every machine: two colleagues' figures are alike. A legacy of this seed, not a law.
    assert rows == sorted(np.random.default_rng(0).choice(5088, 500, replace=False).tolist())


@pytest.mark.parametrize("draws", [5088, 5089, 10**9])
def test_thinning_to_more_than_there_is_returns_all(varus: Run, draws: int) -> None:
    np.testing.assert_array_equal(varus.thinned(draws), varus.samples())


def test_thinning_to_one_less_leaves_one_out(varus: Run) -> None:
    assert len(varus.thinned(5087)) == 5087


def test_what_is_derived_is_worked_out_once_and_nobodys_changes_reach_it(
    varus: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = dataclasses.replace(varus), []
    monkeypatch.setattr(draws, "derived", lambda posterior, q: asked.append(len(q)) or {"twice": 2.0 * q[:, 0]})
    wanted = 2.0 * run.spread(500)[..., 0]
    for _ in range(2):
        run.spread(500)[...] = 0.0
        found = run.derived_by_ensemble(500)["twice"]
        np.testing.assert_array_equal(found, wanted)
        found[...] = 0.0
        run.derived(500)["twice"][...] = 0.0
    assert asked == [wanted.size]
    assert run.derived(100)["twice"].size < wanted.size
    assert len(asked) == 2


def test_convergence_is_judged_by_the_configurations_own_thresholds(varus: Run, valgus: Run) -> None:
    assert varus.converged
    assert not valgus.converged
    rhat, ess = varus.diagnosis.worst_rhat, varus.diagnosis.smallest_ess
    for changes, missed in (
        ({"max_rhat": rhat + 1e-6}, set()),
        ({"max_rhat": rhat - 1e-6}, {"rhat"}),
        ({"min_ess": ess}, set()),
        ({"min_ess": ess + 0.1}, {"ess_bulk"}),
    ):
        sampling = varus.config.sampling.model_copy(update=changes)
        config = varus.config.model_copy(update={"sampling": sampling})
        file = results.chain.RunFile(**{**vars(varus.file), "config": config})
        run = Run(varus.posterior, sampling, varus.chains, varus.path, file)
        assert {check.name for check in run.verdict.missed} - {"looks", "derived_rhat"} == missed
        assert run.converged is not bool(run.verdict.missed)


@pytest.mark.parametrize(
    "ask",
    [
        Run.samples,
        Run.some_samples,
        Run.log_prob,
        Run.predict,
        Run.derived,
        Run.summary,
        Run.to_arviz,
        lambda run: run.thinned(5),
    ],
)
def test_a_run_with_nothing_stored_says_so_and_what_to_do(tmp_path: Path, ask: Callable[[Run], object]) -> None:
    run = plant(tmp_path, constant(*[1.0] * 8, steps=0))
    assert run.stored == 0
    with pytest.raises(ChainError) as refused:
        ask(run)
    path = run.path
    assert str(refused.value).startswith(f"{path}: nothing is stored yet; wait a moment, or go on with")
    assert f"'calibrate resume {path}'" in str(refused.value)


def test_a_run_opens_by_a_text_as_by_a_path(varus: Run) -> None:
    run = open_run(str(varus.path))
    assert run.path == varus.path
    assert isinstance(run.path, Path)
    np.testing.assert_array_equal(run.samples(), varus.samples())


# --- Predictions ------------------------------------------------------------------------------------------------------
# The upright knee at 0 degrees, where the medial condyle bears at (-20, -40): the MCL pulls up at (-40, -80), 20 mm
# medial of it, the LCL at (40, -60), 60 mm lateral. Both are in the toe:
#   MCL  k = 48, l_0 = 75, alpha = 0.08: toe 6, elongation 5: 48 * 25 / 12 = 100 N; less f_ref = 10: 90 N
#   LCL  k = 70, l_0 = 56, alpha = 0.125: toe 7, elongation 4: 70 * 16 / 14 = 80 N; less f_ref = 4: 76 N
# Moment that balances them, valgus positive: 20 * 90 - 60 * 76 = -2760 N.mm. Force at (0, -400), 360 mm below: / 360.
AT_ZERO = (48.0, 0.08, 75.0, 10.0, 70.0, 0.125, 56.0, 4.0)
# At the angle with sin = 11/61 the lateral condyle bears at p, with q the MCL's tibial and f its femoral attachment:
#   q - p = R (-60, -40) = (-60 * 60 + 40 * 11, -60 * 11 - 40 * 60) / 61 = (-3160, -3060) / 61
#   q - f = (60 + (60 * 11 - 60 * 60) / 61, -20 - (60 * 60 + 60 * 11) / 61) = (720, -5480) / 61
# and the LCL is slack. The MCL is far beyond its toe: k = 50, l_0 = 80, alpha = 0.05: T = 50 (L - 80 - 2).
LENGTH = math.hypot(720.0, 5480.0) / 61.0
ARM = (3160.0 * 5480.0 + 3060.0 * 720.0) / 61.0**2 / LENGTH
TURNED = 50.0 * (LENGTH - 82.0) * ARM
# (q_a - p) x e = (R (-20, -360)) x (R (1, 0)) = 360: a tibia point's lever does not turn.
AT_ANGLE = (50.0, 0.05, 80.0, 0.0, 50.0, 0.05, 89.0, 0.0)


def one_angle(quantity: str, unit: str) -> str:
    """Return a measurement file of no interest but for its columns."""
    reach = 5 if unit == "deg" else 0.05
    return f"angle_{unit},{quantity}\n-{reach},-4\n0,0\n{reach},6\n"


@pytest.mark.parametrize("positive", ["valgus", "varus"])
@pytest.mark.parametrize("unit", ["deg", "rad"])
@pytest.mark.parametrize(("quantity", "per_newton_mm"), [("moment_Nm", 1e-3), ("force_N", 1.0 / 360.0)])
def test_predicted_loads_by_hand(tmp_path: Path, positive: str, unit: str, quantity: str, per_newton_mm: float) -> None:
    sign = 1.0 if positive == "valgus" else -1.0
    data = one_angle(quantity, unit)
    run = plant(tmp_path, constant(*AT_ZERO), data=data, positive=positive)
    assert run.predict([0.0], draws=1) == pytest.approx(np.array([[sign * -2760.0 * per_newton_mm]]))
    turned = plant(tmp_path, constant(*AT_ANGLE), data=data, positive=positive)
    angle = sign * (ANGLE if unit == "deg" else math.radians(ANGLE))
    assert turned.predict([angle], draws=1) == pytest.approx(np.array([[sign * TURNED * per_newton_mm]]))


def test_fixed_parameters_predict_as_free_ones(tmp_path: Path) -> None:
    fixed = {"mcl.k": 48.0, "mcl.l_0": 75.0, "mcl.f_ref": 10.0, "lcl.alpha": 0.125, "lcl.l_0": 56.0}
    run = plant(tmp_path, constant(0.08, 70.0, 4.0), parameters=parameters_text(fixed))
    assert run.names == ("mcl.alpha", "lcl.k", "lcl.f_ref")
    assert run.predict([0.0]) == pytest.approx(np.full((16, 1), -2.76))


def test_predictions_are_of_the_datas_angles_and_at_most_a_thousand_draws_by_default(varus: Run) -> None:
    predicted = varus.predict()
    assert predicted.shape == (1000, 14)
    np.testing.assert_array_equal(predicted, varus.posterior.predict(varus.thinned(1000), range(-5, 9)))
    assert varus.predict([3.0], draws=10**6).shape == (5088, 1)


# --- ArviZ ------------------------------------------------------------------------------------------------------------


def test_arviz_has_every_draw_once_under_its_parameters_name_an_ensemble_a_chain(varus: Run) -> None:
    tree = varus.to_arviz(predictive=0)
    posterior, stats = tree["posterior"], tree["sample_stats"]
    assert [*posterior.data_vars] == [*VARUS_NAMES]
    steps, walkers = stats["step"].values, stats["walker"].values
    for ensemble in range(3):
        assert len(set(zip(steps[ensemble], walkers[ensemble], strict=True))) == 106 * 16
    of = np.arange(3)[:, np.newaxis], (steps - steps.min()) // varus.settings.thin, walkers
    for i, name in enumerate(VARUS_NAMES):
        assert posterior[name].dims == ("chain", "draw")
        np.testing.assert_array_equal(posterior[name].values, KEPT[..., i][of])
    columns = np.stack([posterior[name].values for name in VARUS_NAMES], axis=-1)
    np.testing.assert_array_equal(stats["lp"].values.ravel(), varus.posterior.log_prob(columns.reshape(-1, 7)))


def test_arvizs_rhat_is_ours(varus: Run, valgus: Run) -> None:
    for run in (varus, valgus):
        posterior = run.to_arviz()["posterior"]
        theirs = [array_stats.rhat(posterior[name].values, chain_axis=0, draw_axis=1) for name in run.names]
        assert run.diagnosis.rhat == pytest.approx(np.array(theirs, dtype=float), rel=1e-10)
        assert np.ptp(run.diagnosis.rhat) > 0.005, "the control: an exchange of variables shows"


def test_arvizs_rhat_tells_ensembles_that_disagree_and_ensembles_that_drift(tmp_path: Path) -> None:
    random = np.random.RandomState(3)
    still = {"correlation": 0.0, "shared": 0.0, "skew": 0.0}
    agreed, apart = (column(random, (2, 80, 8), apart=by, **still) for by in (0.0, 0.5))
    drifting = column(random, (2, 80, 8), apart=0.0, **still) + np.linspace(-3.0, 3.0, 80)[:, np.newaxis]
    draws = np.stack([60.0 + agreed, 82.0 + apart, 58.0 + drifting], axis=-1)
    run = plant(
        tmp_path,
        draws,
        parameters=parameters_text(
            {"mcl.alpha": 0.06, "mcl.f_ref": 0.0, "lcl.k": 50.0, "lcl.alpha": 0.06, "lcl.f_ref": 0.0}
        ),
    )
    posterior = run.to_arviz()["posterior"]
    rhat = [float(array_stats.rhat(posterior[name].values, chain_axis=0, draw_axis=1)) for name in run.names]
    assert rhat[0] < 1.01
    assert rhat[1] > 1.1
    assert rhat[2] > 1.1
    assert run.diagnosis.rhat == pytest.approx(np.array(rhat), rel=1e-10)


def test_a_run_that_has_just_begun_goes_to_arviz_without_a_word(tmp_path: Path) -> None:
    draws = np.tile(constant(*[30.0, 0.06, 80.0, 1.0] * 2, steps=1), (3, 1, 1, 1))
    posterior = plant(tmp_path, draws).to_arviz()["posterior"]  # a warning would be an error here
    assert dict(posterior.sizes) == {"chain": 6, "draw": 4}


def test_without_xarray_it_is_said_how_to_get_it(varus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ExportError) as missing:
        varus.to_arviz()
    assert str(missing.value) == "to_arviz needs xarray: pip install 'calibrate[export]'"


def test_the_tilted_run_is_what_was_planted(valgus: Run) -> None:
    np.testing.assert_array_equal(valgus.samples(), valgus_draws()[:, 10:].reshape(-1, 3))
    assert math.degrees(valgus.posterior.geometry().theta_0) == pytest.approx(ANGLE)
    assert valgus.measurement.angle_unit == "rad"


def test_predictions_at_no_angle_are_none_and_at_an_infinite_one_refused(varus: Run) -> None:
    assert varus.predict([], draws=7).shape == (7, 0)
    for angle in (np.inf, -np.inf, np.nan):
        with pytest.raises(GeometryError, match="not finite"):
            varus.predict([0.0, angle])
