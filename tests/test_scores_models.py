"""Calibrations beside each other: the true model does best, equal ones are told to be, other readings are refused."""

from __future__ import annotations

import dataclasses
import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_scores_predictive import config, simulated

from calibrate.errors import ConfigError, ParameterError
from calibrate.posterior import Posterior
from calibrate.scores.models import FEWEST, compare_models, stacking
from calibrate.scores.view import comparison_table


def draws(posterior: Posterior, q: np.ndarray, ess: float = 1e4, converged: bool = True) -> Any:
    """What is asked of draws."""
    return SimpleNamespace(
        posterior=posterior,
        thinned=lambda count: q[:count],
        draws=len(q),
        diagnosis=SimpleNamespace(smallest_ess=ess),
        converged=converged,
    )


@pytest.fixture(autouse=True)
def evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence is somebody else's: one knee has one, a wrong one is refused."""

    def log_evidence(of: Any, seed: int) -> Any:
        if of.posterior.config.parameters.lcl.k != 60.0:
            raise ParameterError("the prior is improper")
        return SimpleNamespace(value=-12.5 + seed, error=0.25)

    module = ModuleType("calibrate.evidence")
    module.log_evidence = log_evidence  # type: ignore[attr-defined]  # a stand-in's only name
    monkeypatch.setitem(sys.modules, "calibrate.evidence", module)


def test_the_true_model_is_preferred_and_the_other_gets_no_weight(capsys: pytest.CaptureFixture[str]) -> None:
    right, q = simulated(5, number=33)
    parameters = config().parameters
    slack = parameters.model_copy(update={"lcl": parameters.lcl.model_copy(update={"k": 20.0})})
    other, other_q = simulated(5, config().model_copy(update={"parameters": slack}), number=33)
    found = compare_models({"wrong.h5": draws(other, other_q), "right.h5": draws(right, q)})
    assert [model.name for model in found.models] == ["right.h5", "wrong.h5"]
    best, worse = found.models
    assert (best.difference, best.spread, best.error, best.is_worse) == (0.0, 0.0, 0.0, False)
    each = worse.scores.elpd - best.scores.elpd
    assert worse.difference == pytest.approx(each.sum())
    assert worse.spread == pytest.approx(np.sqrt(33) * each.std())
    assert worse.error == pytest.approx(np.hypot(best.scores.error, worse.scores.error))
    assert worse.is_worse
    assert best.weight > 0.95
    assert (best.evidence, best.evidence_error) == (-11.5, 0.25)
    notes = list(found.notes())
    assert notes[0].startswith("right.h5 foretells readings better than wrong.h5 (by ")
    assert any("33 readings: with fewer than 100" in note for note in notes)
    assert any("wrong.h5: no evidence, the prior is improper" in note for note in notes)
    content = found.content()
    json.dumps(content, allow_nan=False)
    assert content["models"][1]["log_evidence"] is None
    comparison_table(content)
    shown = capsys.readouterr().out.splitlines()
    table = [line for line in shown if not line.startswith("note:")]
    assert max(map(len, table)) <= 100
    assert "-11.50 ± 0.25" in "".join(table)


def test_equal_models_differ_by_nought_within_the_error_and_that_is_said() -> None:
    (posterior, q), (again, other) = simulated(6), simulated(6)
    rng = np.random.default_rng(1)
    found = compare_models({"a": draws(posterior, rng.permutation(q)[:1000]), "b": draws(again, other[1000:])})
    worse = found.models[1]
    assert 0.0 <= -worse.difference < 4.0 * worse.error
    assert not worse.is_worse
    assert "these readings cannot tell which is better" in next(found.notes())


@pytest.mark.parametrize(("difference", "spread", "worse"), [(-3.9, 0.1, False), (-4.1, 0.1, True), (-9.0, 5.0, False)])
def test_small_and_uncertain_differences_tell_nothing(difference: float, spread: float, worse: bool) -> None:
    posterior, q = simulated(6)
    found = compare_models({"a": draws(posterior, q), "b": draws(posterior, q)})
    one = dataclasses.replace(found.models[1], difference=difference, spread=spread)
    assert one.is_worse is worse


def test_a_bad_k_and_a_run_that_has_not_converged_are_named() -> None:
    posterior, q = simulated(6)
    found = compare_models({"a": draws(posterior, q), "b": draws(posterior, q, converged=False)})
    test = found.models[0].scores.tests[0]
    k = test.k.copy()
    k[2] = np.nan
    scores = dataclasses.replace(found.models[0].scores, tests=(dataclasses.replace(test, k=k),))
    models = (dataclasses.replace(found.models[0], scores=scores), found.models[1])
    notes = " ".join(dataclasses.replace(found, models=models).notes())
    assert f"a: Pareto k of {1 + (test.k > 0.7).sum()} readings is above 0.7" in notes
    assert "b has not converged" in notes


def test_other_readings_too_few_runs_and_too_few_draws_are_refused() -> None:
    (a, q), (b, _), (c, _) = simulated(6), simulated(7), simulated(6, number=14)
    with pytest.raises(ConfigError, match="give two runs at least"):
        compare_models({"a": draws(a, q)})
    for other in (b, c):
        with pytest.raises(ConfigError, match=r"a and b: knee\.csv and knee\.csv are not the same readings"):
            compare_models({"a": draws(a, q), "b": draws(other, q)})
    two = SimpleNamespace(tests=(*a.tests, *a.tests))
    with pytest.raises(ConfigError, match="fitted to 1 and 2 tests"):
        compare_models({"a": draws(a, q), "b": SimpleNamespace(posterior=two)})
    for ess, shown in ((FEWEST - 1.0, "399"), (np.nan, "an unknown number of")):
        with pytest.raises(ParameterError, match=f"b: {shown} effective draws, and comparing takes 400"):
            compare_models({"a": draws(a, q), "b": draws(a, q, ess)})


def test_stacking_finds_the_best_mixture() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(-2.0, 1.0, 50), rng.normal(-2.2, 1.0, 50)
    share = np.linspace(0.0, 1.0, 10_001)[:, np.newaxis]
    best = share[np.argmax(np.log(share * np.exp(a) + (1.0 - share) * np.exp(b)).sum(axis=1)), 0]
    assert 0.05 < best < 0.95
    np.testing.assert_allclose(stacking([a, b]), [best, 1.0 - best], atol=1e-3)
    np.testing.assert_allclose(stacking([a, a - 1.0]), [1.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(stacking([a, a]), [0.5, 0.5], atol=1e-3)
    np.testing.assert_allclose(stacking([a - 2000.0, b - 2000.0]), [best, 1.0 - best], atol=1e-3)
