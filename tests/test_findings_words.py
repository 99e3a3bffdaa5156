"""Each finding by itself, on made-up numbers: its threshold just met and just missed, and its sentence to the letter.

Nothing is fitted here and no knee is computed; `test_findings.py` has whole runs.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stand_ins import fit, laxity_test, run_of, said

from calibrate.findings import checks as findings
from calibrate.knee.slots import CORRELATED, GAUSSIAN, STUDENT

ABOVE = float(np.nextafter(0.3, 1.0))


# --- Which of them are asked for, in which order, and with what. ------------------------------------------------------


def asked(
    monkeypatch: pytest.MonkeyPatch, *found: str, fits: tuple[str, ...] = ("the fit",), kind: int = GAUSSIAN
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return what a run is warned of, and how the findings were called, where those given find something.

    A finding given with a fit's name finds something there only.
    """
    calls: list[tuple[Any, ...]] = []
    few = object()

    def thinned(draws: int) -> object:
        calls.append(("thinned", draws))
        return few

    run = SimpleNamespace(posterior=SimpleNamespace(warnings=("of the numbers",)), thinned=thinned)

    def stub(name: str) -> Callable[..., Any]:
        def finding(*arguments: Any) -> Iterator[str]:
            calls.append((name, *arguments))
            if name in found or any(f"{name} {argument.name}" in found for argument in arguments[1:2]):
                yield f"{name} 1"
                yield f"{name} 2"

        return finding

    looked = tuple(SimpleNamespace(name=name, test=None) for name in fits)

    def best_fits(*arguments: object) -> Any:
        calls.append(("best_fits", *arguments))
        return looked

    monkeypatch.setattr(findings, "best_fits", best_fits)
    monkeypatch.setattr(findings, "_errors", lambda run, fit: kind)
    for name in (
        "not_converged",
        "walkers_straggle",
        "explains_little",
        "patterns",
        "outlying_readings",
        "bounds_reached",
        "prior_decides",
        "condyle_pulls",
        "sigma_too_small",
    ):
        monkeypatch.setattr(findings, name, stub(name))
    sentences = said(findings.findings_of(run))  # type: ignore[arg-type]  # a stand-in
    named = {id(run): "run", id(few): "few", id(run.posterior): "posterior"} | {id(one): one.name for one in looked}
    return sentences, [tuple(named.get(id(part), part) for part in call) for call in calls]


FIRST = [
    ("not_converged", "run"),
    ("walkers_straggle", "run"),
    ("thinned", 2000),
    ("best_fits", "posterior", "few"),
    ("explains_little", "run", "the fit"),
]
PRIOR = ("prior_decides", "run")
LAST = [PRIOR, ("condyle_pulls", "run", "the fit", "few"), ("sigma_too_small", "run", "the fit")]


def both(*names: str) -> list[str]:
    return [f"{name} {i}" for name in names for i in (1, 2)]


def test_everything_is_asked_of_a_clean_run(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences, calls = asked(monkeypatch)
    assert sentences == ["of the numbers"]
    middle = [("patterns", "run", "the fit"), ("outlying_readings", "run", "the fit"), ("bounds_reached", "run")]
    assert calls == [*FIRST, *middle, *LAST]


def test_data_come_first_and_settings_last(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("not_converged", "walkers_straggle", "bounds_reached", "prior_decides", "condyle_pulls", "sigma_too_small")
    assert asked(monkeypatch, *names)[0] == ["of the numbers", *both(*names)]


def test_of_a_model_that_explains_little_neither_residuals_nor_bounds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = ("explains_little", "patterns", "outlying_readings", "bounds_reached", "condyle_pulls")
    sentences, calls = asked(monkeypatch, *everything)
    assert sentences == ["of the numbers", *both("explains_little", "condyle_pulls")]
    assert calls == [*FIRST, *LAST]


def test_what_a_pattern_puts_far_off_is_no_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences, calls = asked(monkeypatch, "patterns", "outlying_readings", "bounds_reached")
    assert sentences == ["of the numbers", *both("patterns", "bounds_reached")]
    assert calls == [*FIRST, ("patterns", "run", "the fit"), ("bounds_reached", "run"), *LAST]


def test_bounds_that_a_slip_drags_parameters_to_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences, calls = asked(monkeypatch, "outlying_readings", "bounds_reached")
    assert sentences == ["of the numbers", *both("outlying_readings")]
    assert calls == [*FIRST, ("patterns", "run", "the fit"), ("outlying_readings", "run", "the fit"), *LAST]


def test_far_readings_that_count_little_drag_nothing_along(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences, _ = asked(monkeypatch, "outlying_readings", "bounds_reached", kind=STUDENT)
    assert sentences == ["of the numbers", *both("outlying_readings", "bounds_reached")]


def test_each_of_several_tests_is_looked_at_and_bounds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences, calls = asked(monkeypatch, "patterns b", "outlying_readings", "bounds_reached", fits=("a", "b"))
    assert sentences == ["of the numbers", *both("outlying_readings", "patterns")]
    of_a = [(name, "run", "a") for name in ("explains_little", "patterns", "outlying_readings")]
    of_b = [("explains_little", "run", "b"), ("patterns", "run", "b")]
    last = [
        (name, "run", of, *extra)
        for of in "ab"
        for name, extra in (("condyle_pulls", ("few",)), ("sigma_too_small", ()))
    ]
    assert calls == [*FIRST[:4], *of_a, *of_b, PRIOR, *last]
    sentences, _ = asked(monkeypatch, "explains_little b", "bounds_reached", fits=("a", "b"))
    assert sentences == ["of the numbers", *both("explains_little")]
    sentences, _ = asked(monkeypatch, "patterns b", "bounds_reached", fits=("a", "b"))
    assert sentences == ["of the numbers", *both("patterns", "bounds_reached")]


# --- Convergence. -----------------------------------------------------------------------------------------------------


def sampled(converged: bool, **diagnosis: Any) -> Any:
    sampling = SimpleNamespace(max_rhat=1.1, min_ess=50.0)
    return SimpleNamespace(
        converged=converged,
        settings=sampling,
        names=("mcl.k", "mcl.l_0"),
        diagnosis=SimpleNamespace(**diagnosis),
    )


def test_what_is_wanted_of_convergence_and_what_is_found() -> None:
    found = {
        "worst_rhat": 1.23456,
        "smallest_ess": 1234.6,
        "autocorrelation_times": np.array([31.26, 12.34, 20.0]),
        "sd_error": np.array([0.05, 0.45678, 0.1]),
    }
    assert said(findings.not_converged(sampled(True, **found))) == []
    assert said(findings.not_converged(sampled(False, **found))) == [
        "not converged: worst R-hat 1.235 (below 1.1 wanted), smallest effective sample size 1235 (50 wanted), "
        "autocorrelation times 12.3 (10 wanted), error of a standard deviation 45.7 % (20.0 % wanted); "
        "go on with 'calibrate resume'"
    ]


def test_what_is_infinite_of_convergence_is_written_so() -> None:
    inf = float("inf")
    found = {
        "worst_rhat": inf,
        "smallest_ess": inf,
        "autocorrelation_times": np.array([inf]),
        "sd_error": np.array([inf]),
    }
    assert "".join(said(findings.not_converged(sampled(False, **found)))).count(" inf ") == 4


def test_what_is_unknown_of_convergence_is_called_so() -> None:
    nan = float("nan")
    found = {
        "worst_rhat": nan,
        "smallest_ess": nan,
        "autocorrelation_times": np.array([nan]),
        "sd_error": np.array([nan]),
    }
    assert said(findings.not_converged(sampled(False, **found))) == [
        "not converged: worst R-hat unknown so far (below 1.1 wanted), smallest effective sample size unknown so far "
        "(50 wanted), autocorrelation times unknown so far (10 wanted), error of a standard deviation unknown so far "
        "(20.0 % wanted); go on with 'calibrate resume'"
    ]


def test_where_walkers_stay() -> None:
    assert said(findings.walkers_straggle(sampled(True, stragglers=None))) == []
    stragglers = SimpleNamespace(share=0.0625, place=np.array([31.23456, 94.0]), depth=123.6)
    assert said(findings.walkers_straggle(sampled(True, stragglers=stragglers))) == [
        "6.2 % of the walkers stay around mcl.k = 31.23, mcl.l_0 = 94, with a log-probability 124 below the median of "
        "all draws (none is wanted there): they are not yet of the posterior, and widen it; go on with 'calibrate "
        "resume', or start anew with another seed"
    ]


# --- The fit. ---------------------------------------------------------------------------------------------------------


def explains(explained: float, possible: float) -> list[str]:
    return said(findings.explains_little(run_of(), fit(explained=explained, possible=possible)))


def test_a_model_has_to_explain_three_quarters_of_what_a_curve_could() -> None:
    assert explains(0.6000000000000001, 0.8) == []  # 0.75 * 0.8, in doubles
    assert len(explains(0.6, 0.8)) == 1
    assert explains(-9.0, 0.3) == []  # nobody can tell
    assert len(explains(-9.0, ABOVE)) == 1
    assert explains(float("nan"), 0.0) == []


@pytest.mark.parametrize(("explained", "words"), [(-0.5, "0 %"), (0.004, "0 %"), (0.7, "70 %")])
def test_how_little_is_explained(explained: float, words: str) -> None:
    assert explains(explained, 0.9868) == [
        f"the model explains {words} of the load's variation, and a curve through the readings would explain 99 % "
        "(75 % of that is the least to be wanted): first check the sign of the loads against that of the angles, the "
        'units of both columns and of the geometry, and the side, positive = "valgus"; the estimates mean nothing yet'
    ]


def outlying(rows: list[int], sizes: list[float], explained: float = 0.9, kind: int = GAUSSIAN) -> list[str]:
    odd = fit(
        test=laxity_test(kind),
        explained=explained,
        outlying=np.array(rows, dtype=int),
        sizes=np.array(sizes),
        threshold=5.67,
    )
    return said(findings.outlying_readings(run_of(), odd))


TOO_FAR = (
    "of 6 readings lie too far off to be noise like the others' (up to 5.7 times their scale is to be expected): "
    "{}; look for a slip of the decimal point or of a sign, and correct or remove them"
)


def test_readings_far_off_are_named_three_at_the_most() -> None:
    assert outlying([], []) == []
    assert outlying([3], [61.0], float("nan")) == []  # loads that do not vary
    assert outlying([3], [60.6]) == ["1 " + TOO_FAR.format("1.125 N·m at 2.25 deg (61 times the scale)")]
    assert outlying([5, 0, 4, 3], [60.6, 50.0, 40.0, 30.0]) == [
        "4 "
        + TOO_FAR.format(
            "500 N·m at 5 deg (61 times the scale), -40 N·m at -4.5 deg (50 times the scale), 30 N·m at 4 deg (40 "
            "times the scale)"
        )
    ]


def test_far_readings_with_student_errors_need_not_go() -> None:
    (said,) = outlying([3], [60.6], kind=STUDENT)
    assert said.endswith("with Student-t errors they carry little weight; look for a slip all the same")
    assert "remove" not in said


ALIKE = (
    "the residuals are not noise: neighbours {} are alike (correlation {}, in noise as much with a probability of {}; "
    "below 0.001 it is no chance), so the intervals are too narrow; look for a zero of the angle that is off, friction "
    "or creep (a loop), held steps, or a geometry that is not this knee's"
)
ROWS = "in the order of the file"


@pytest.mark.parametrize(
    ("by_angle", "by_row", "expected"),
    [
        ((0.1, 0.0), None, None),
        ((0.9, 1e-3), None, None),
        ((0.05, 0.0), (0.1, 0.0), None),
        ((float(np.nextafter(0.1, 1.0)), float(np.nextafter(1e-3, 0.0))), None, ("by angle", "0.10", "1e-03")),
        ((0.456, 3.4e-5), None, ("by angle", "0.46", "3e-05")),
        ((0.456, 3.4e-5), (0.9, 0.5), ("by angle", "0.46", "3e-05")),
        ((0.456, 0.5), (0.912, 0.0), (ROWS, "0.91", "1e-99")),
        ((0.456, 1e-5), (0.3, 1e-6), (ROWS, "0.30", "1e-06")),
        ((0.3, 1e-6), (0.456, 1e-5), ("by angle", "0.30", "1e-06")),
    ],
)
def test_neighbours_alike_are_told_by_the_order_that_shows_it_best(
    by_angle: tuple[float, float], by_row: tuple[float, float] | None, expected: tuple[str, str, str] | None
) -> None:
    found = said(findings.patterns(run_of(), fit(by_angle=by_angle, by_row=by_row)))
    assert found == ([] if expected is None else [ALIKE.format(*expected)])


def test_loads_that_do_not_vary_have_no_pattern() -> None:
    assert said(findings.patterns(run_of(), fit(explained=float("nan"), by_angle=(0.9, 0.0)))) == []


def test_a_correlated_discrepancy_expects_a_pattern() -> None:
    assert said(findings.patterns(run_of(), fit(test=laxity_test(CORRELATED), by_angle=(0.9, 0.0)))) == []
    assert said(findings.patterns(run_of(), fit(test=laxity_test(STUDENT), by_angle=(0.9, 0.0))))


def test_a_zero_that_is_free_is_not_to_be_looked_for() -> None:
    odd = fit(test=laxity_test(offset=7), by_angle=(0.456, 3.4e-5))
    assert said(findings.patterns(run_of(inferred=(6, 8)), odd)) == [ALIKE.format("by angle", "0.46", "3e-05")]
    expected = ALIKE.format("by angle", "0.46", "3e-05").replace("a zero of the angle that is off, ", "")
    assert said(findings.patterns(run_of(inferred=(6, 7, 8)), odd)) == [expected]


def test_of_several_tests_each_sentence_names_its_own() -> None:
    odd = fit(
        test=laxity_test(name="flex60"),
        explained=0.1,
        outlying=np.array([3]),
        sizes=np.array([61.0]),
        by_angle=(0.9, 0.0),
        misfit=9.0,
    )
    knee = SimpleNamespace(push=lambda law: -np.ones((1, 3)))
    run = run_of(several=True, knee_at=lambda *_: knee, law=lambda q, test: q)
    found = [
        *findings.explains_little(run, odd),
        *findings.outlying_readings(run, odd),
        *findings.patterns(run, odd),
        *findings.condyle_pulls(run, odd, np.zeros((1, 1))),
        *findings.sigma_too_small(run, odd),
    ]
    assert len(found) == 5
    assert {finding.subject for finding in found} == {odd.test.name}
    assert all(sentence.startswith("test flex60: ") for sentence in said(found))
