"""The summary says what NumPy says of the same draws, each number under its own name, unit and key."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import FREE, VARUS_NAMES, VARUS_UNITS, constant, parameters_text, plant, varus_draws

from calibrate import __version__
from calibrate.findings import Finding
from calibrate.results import Run, open_run
from calibrate.sampling.convergence import diagnose
from calibrate.sampling.series import errors_of
from calibrate.summary import Summary, _finding

KEPT = varus_draws()[:, 15:]
COLUMNS = KEPT.reshape(-1, 7).T
STATISTICS = {
    "mean": lambda x: x.sum() / x.size,
    "sd": lambda x: np.sqrt(((x - x.mean()) ** 2).sum() / x.size),
    "median": lambda x: np.percentile(x, 50),
    "q2.5": lambda x: np.percentile(x, 2.5),
    "q5": lambda x: np.percentile(x, 5),
    "q95": lambda x: np.percentile(x, 95),
    "q97.5": lambda x: np.percentile(x, 97.5),
}
ERRORS = ("mcse_mean", "mcse_q5", "mcse_q95")
CONVERGENCE = (*ERRORS, "rhat", "ess_bulk", "ess_tail")


@pytest.fixture(scope="module")
def summary(varus: Run) -> Summary:
    return varus.summary()


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("i", range(7), ids=VARUS_NAMES)
def test_estimates_are_those_of_numpy(summary: Summary, statistic: str, i: int) -> None:
    expected = STATISTICS[statistic](COLUMNS[i])
    assert summary["parameters"][VARUS_NAMES[i]][statistic] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("key", CONVERGENCE)
@pytest.mark.parametrize("i", range(7), ids=VARUS_NAMES)
def test_convergence_is_that_of_the_parameters_own_draws(summary: Summary, key: str, i: int) -> None:
    alone = errors_of(KEPT[..., i], (0.05, 0.95)) if key in ERRORS else getattr(diagnose(KEPT[..., i : i + 1]), key)[0]
    alone = alone[ERRORS.index(key)] if key in ERRORS else alone
    assert summary["parameters"][VARUS_NAMES[i]][key] == pytest.approx(alone, rel=1e-12)


def test_no_two_numbers_of_the_planted_run_are_alike(summary: Summary) -> None:
    """The control: whatever is exchanged with whatever, a test above turns red."""
    numbers = [entry[key] for entry in summary["parameters"].values() for key in (*STATISTICS, *CONVERGENCE)]
    assert len(numbers) == 7 * 13
    ordered = np.sort(numbers)
    assert (np.diff(ordered) > 1e-9 * np.abs(ordered[1:])).all()


def test_parameters_carry_unit_and_truth_by_name(summary: Summary) -> None:
    parameters = summary["parameters"]
    assert tuple(parameters) == VARUS_NAMES
    assert tuple(entry["unit"] for entry in parameters.values()) == VARUS_UNITS
    truth = {name: entry["truth"] for name, entry in parameters.items() if "truth" in entry}
    assert truth == {"mcl.k": 41.5, "noise.sigma": 2.25}
    for name, entry in parameters.items():
        expected = {"unit", "prior", "sd_of_prior", "shift_of_prior", *STATISTICS, *CONVERGENCE} | (
            {"truth"} & set(entry)
        )
        assert set(entry) == expected, name
    assert parameters["mcl.k"]["prior"] == "uniform, 5 to 200 N/mm"
    assert parameters["noise.sigma"]["prior"] == "uniform, 0.3 to 9 N·m"
    assert parameters["mcl.k"]["sd_of_prior"] == pytest.approx(parameters["mcl.k"]["sd"] * 12**0.5 / 195.0)
    shift = (parameters["mcl.k"]["mean"] - 102.5) * 12**0.5 / 195.0
    assert parameters["mcl.k"]["shift_of_prior"] == pytest.approx(shift)


def test_derived_quantities_are_described_as_parameters_are(summary: Summary, varus: Run) -> None:
    derived = varus.derived()
    units = {"stiffness_per_strain": "N", "reference_strain": "", "reference_tension": "N", "taut_angle": "deg"}
    assert list(summary["derived"]) == list(derived)
    for name, entry in summary["derived"].items():
        named = {"unit", *STATISTICS, "share", *ERRORS, "rhat", "ess_bulk", "ess_tail"}
        assert set(entry) == named | ({"beyond"} if name.startswith("laxity") else set())
        values = varus.derived_by_ensemble()[name]
        assert [entry[key] for key in ERRORS] == pytest.approx(errors_of(values, (0.05, 0.95)), rel=1e-12)
        assert entry["rhat"] == pytest.approx(diagnose(values[..., np.newaxis]).rhat[0], rel=1e-12)
        assert entry["unit"] == units.get(name.split(".")[-1], "deg")
        assert entry["share"] == 1.0
        for statistic, of in STATISTICS.items():
            assert entry[statistic] == pytest.approx(of(derived[name]), rel=1e-12), (name, statistic)


def test_the_run_as_a_whole(summary: Summary, varus: Run) -> None:
    assert summary["file"] == str(varus.path)
    assert summary["calibrate"] == __version__
    assert summary["created"] == varus.file.created
    data = {
        "file": "planted.csv",
        "points": 14,
        "load": "moment",
        "unit": "N·m",
        "positive": "varus",
        "sha256": varus.measurement.sha256,
    }
    assert summary["data"] == data
    assert summary["tests"] == [{"name": "", "flexion": 0.0, **data}]
    assert summary["converged"] is True
    # Every third step is stored: 121 of them, the first 15 dropped; 3 ensembles of 16 walkers, 7 of which move.
    whole = ("steps", "burn_in", "ensembles", "walkers", "draws", "acceptance")
    assert [summary[key] for key in whole] == [363, 45, 3, 16, 106 * 3 * 16, 7 / 16]
    every = varus_draws().reshape(-1, 7)
    assert summary["max_log_prob"] == pytest.approx(float(np.max(varus.posterior.log_prob(every))), rel=1e-12)
    entries = summary["parameters"].values()
    assert summary["worst_rhat"] == max(entry["rhat"] for entry in entries)
    assert summary["smallest_ess"] == min(min(entry["ess_bulk"], entry["ess_tail"]) for entry in entries)
    times = [diagnose(KEPT[..., i : i + 1]).autocorrelation_times[0] for i in range(7)]
    assert summary["autocorrelation_times"] == pytest.approx(min(times), rel=1e-12)
    assert np.ptp(times) > 1.0
    assert summary["warnings"] == list(varus.warnings())


def test_the_best_log_probability_is_of_the_whole_run_burn_in_included(tmp_path: Path) -> None:
    log_prob = -np.arange(2.0 * 4 * 4).reshape(2, 4, 4)
    run = plant(tmp_path, constant(*[30.0, 0.06, 80.0, 0.0] * 2), log_prob=log_prob)
    assert run.summary()["max_log_prob"] == 0.0
    assert run.log_prob().max() == -8.0


def test_a_force_over_radians_is_named_so(valgus: Run) -> None:
    summary = valgus.summary()
    data = {key: summary["data"][key] for key in ("points", "load", "unit", "positive")}
    assert data == {"points": 7, "load": "force", "unit": "N", "positive": "valgus"}
    assert [entry["unit"] for entry in summary["parameters"].values()] == ["N/mm", "mm", "mm"]
    assert summary["derived"]["mcl.taut_angle"]["unit"] == "deg"
    assert summary["converged"] is False
    assert summary["warnings"]


def test_what_is_unknown_is_none_and_json_has_neither_nan_nor_infinity(tmp_path: Path) -> None:
    """Two kept steps tell nothing of convergence; walkers that never moved have an infinite R-hat."""
    short = plant(tmp_path, constant(*[30.0, 0.06, 80.0, 0.0] * 2)).summary()
    assert {short[key] for key in ("worst_rhat", "smallest_ess", "autocorrelation_times")} == {None}
    assert short["parameters"]["mcl.k"]["mean"] == 30.0
    assert {short["parameters"]["mcl.k"][key] for key in CONVERGENCE} == {None}
    still = plant(tmp_path, constant(*[30.0, 0.06, 80.0, 0.0] * 2, steps=40)).summary()
    entry = still["parameters"]["lcl.l_0"]
    assert [entry[key] for key in CONVERGENCE] == [None, None, None, None, 0.0, 0.0]
    taut = still["derived"]["lcl.taut_angle"]  # all draws have it, and it never moves
    assert taut["share"] == 1.0
    assert [taut[key] for key in CONVERGENCE] == [None] * 6
    for summary in (short, still):
        json.dumps(dict(summary), allow_nan=False)


def test_a_derived_quantity_that_is_a_parameter_is_described_by_all_draws_as_there(tmp_path: Path) -> None:
    """Of 640 draws, 64 are derived from; a published stiffness says which it is."""
    parameters = (
        '[parameters.mcl]\nk = { literature = "cho2020.mcl.k", factor = 1.4 }\nalpha = 0.06\n'
        "reference_strain = { lower = -0.2, upper = 0.2 }\n[parameters.lcl]\nk = 40.0\nalpha = 0.05\nl_0 = 58.0\n"
    )
    draws = np.random.default_rng(3).uniform((30.0, 0.01), (50.0, 0.05), (2, 40, 8, 2))
    run = replace(plant(tmp_path, draws, parameters=parameters), most_derived=64)
    summary = run.summary()
    strain, of_draws = summary["parameters"]["mcl.reference_strain"], summary["derived"]["mcl.reference_strain"]
    assert strain["mean"] != pytest.approx(run.derived()["mcl.reference_strain"].mean(), rel=1e-3)
    assert of_draws == {"unit": "", "share": 1.0} | {key: strain[key] for key in (*STATISTICS, *CONVERGENCE)}
    assert summary["parameters"]["mcl.k"]["prior_from"] == "cho2020.mcl.k"
    assert "prior_from" not in strain


def test_a_finding_has_its_kind_and_numbers_that_json_can_hold() -> None:
    said = {"subject": "mcl.k", "sentence": "It is so", "advice": "do"}
    for code, kind in (("not-converged", "warning"), ("trade-off", "note")):
        found = _finding(Finding(code, value=0.96, threshold=0.9, **said))
        assert found == {"kind": kind, "code": code, "value": 0.96, "threshold": 0.9} | said
    unknown = _finding(Finding("trade-off", value=math.inf, threshold=None, **said))
    assert (unknown["value"], unknown["threshold"]) == (None, None)


def test_a_long_run_is_described_by_every_nth_step_with_the_errors_of_these(
    varus: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrate.draws.stride", lambda *shape: 3)
    summary = open_run(varus.path).summary()
    fewer = KEPT[:, 2::3]
    assert summary["draws"] == 5088
    for i, name in enumerate(VARUS_NAMES):
        entry = summary["parameters"][name]
        assert entry["mean"] == pytest.approx(fewer[..., i].mean(), rel=1e-12)
        errors = errors_of(fewer[..., i], (0.05, 0.95))
        assert [entry[key] for key in ERRORS] == pytest.approx(errors, rel=1e-12)


# --- As a mapping, and in a notebook ----------------------------------------------------------------------------------


def test_a_summary_is_a_mapping_and_tells_its_state_in_a_line(summary: Summary, varus: Run, valgus: Run) -> None:
    assert len(summary) == len(list(summary)) == len(dict(summary)) == 25
    assert summary.keys() >= {"file", "converged", "parameters", "derived", "warnings"}
    with pytest.raises(TypeError):
        summary["file"] = "mine"  # type: ignore[index]  # that it cannot be written to is the point
    assert repr(summary) == f"Summary({varus.path}: converged, 7 parameters)"
    assert repr(Summary({"converged": True, "parameters": {}})) == "Summary(draws in memory: converged, 0 parameters)"
    assert repr(valgus.summary()) == f"Summary({valgus.path}: not converged, 3 parameters)"


def test_the_share_of_stragglers_and_the_worst_error_of_a_standard_deviation_are_told(
    tmp_path: Path, summary: Summary, varus: Run
) -> None:
    assert summary["stragglers"] == 0.0
    assert summary["largest_sd_error"] == varus.diagnosis.sd_error.max()
    draws = np.random.default_rng(0).uniform(40.0, 41.0, (2, 40, 8, 1))
    log_prob = -np.random.default_rng(1).gamma(1.0, size=(2, 40, 8))
    log_prob[1, :, 3] -= 50.0
    fixed = {name: 0.05 if name.endswith("alpha") else 60.0 for name in FREE if name != "mcl.k"}
    run = plant(tmp_path, draws, parameters=parameters_text(fixed), log_prob=log_prob)
    assert run.summary()["stragglers"] == 1 / 16


def shown(**changes: Any) -> str:
    """Return the HTML of a summary that has one parameter and one derived quantity."""
    entry = {"unit": "N/mm", "median": 1.23456, "q2.5": 2.0, "q97.5": 3.5, "mean": 4.0, "sd": 0.5, "rhat": None}
    parameter = entry | {"ess_bulk": 12345.6, "sd_of_prior": 0.25, "prior": "uniform"}
    content = {"parameters": {"mcl.k": parameter}, "derived": {"d.e": entry}, "warnings": [], "assumes": ["a", "<b>"]}
    return Summary(content | changes)._repr_html_()


def test_a_notebook_shows_each_number_in_its_column() -> None:
    cells = "<td>N/mm</td><td>1.235</td><td>2</td><td>3.5</td><td>4</td><td>0.5</td>"
    head = "".join(f"<th>{name}</th>" for name in ("", "unit", "median", "q2.5", "q97.5", "mean", "sd"))
    assert shown() == (
        f"<table><tr>{head}<th>sd_of_prior</th><th>rhat</th><th>ess_bulk</th><th>prior</th></tr>"
        f"<tr><th>mcl.k</th>{cells}<td>0.25</td><td></td><td>1.235e+04</td><td>uniform</td></tr>"
        f"<tr><th>d.e</th>{cells}<td></td><td></td><td></td><td></td></tr></table><p></p><p>a; &lt;b&gt;</p>"
    )


def test_a_notebook_shows_what_looks_like_html_as_text() -> None:
    page = shown(warnings=["sigma < 1 & > 0", "two"], parameters={"<b>": {"unit": "<i>", "mean": 3}})
    assert page.endswith("<p>sigma &lt; 1 &amp; &gt; 0; two</p><p>a; &lt;b&gt;</p>")
    assert "<th>&lt;b&gt;</th><td>&lt;i&gt;</td>" in page
    assert "<td>3</td>" in page
