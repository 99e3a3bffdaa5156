"""Each finding by itself, on made-up numbers: its threshold just met and just missed, and its sentence to the letter.

Nothing is fitted here and no knee is computed; `test_findings.py` has whole runs.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibrate import findings
from calibrate.knee.slots import CORRELATED, GAUSSIAN, STUDENT
from calibrate.priors import LogNormal, Normal, Uniform

ABOVE = float(np.nextafter(0.3, 1.0))


NOTHING = 50  # the row of what is not declared
READINGS: Any = SimpleNamespace(
    angles=np.array([-4.5, -2.0, 0.0, 2.25, 4.0, 5.0]),
    loads=np.array([-40.0, -1.0, 0.5, 1.125, 30.0, 500.0]),
    sigma=None,
    unit="N·m",
    angle_unit="deg",
)


def laxity_test(kind: int = GAUSSIAN, name: str = "", measurement: Any = READINGS, **rows: int) -> Any:
    """Return a test with errors of a kind; rows of `sigma`, `angle_sigma` and `offset` as given."""
    nu, amplitude = (3 if kind == STUDENT else NOTHING), (4 if kind == CORRELATED else NOTHING)
    errors = [rows.get("sigma", 2), nu, rows.get("angle_sigma", NOTHING), amplitude, amplitude]
    slots = SimpleNamespace(errors=np.array(errors), reading=np.array([rows.get("offset", NOTHING), NOTHING, NOTHING]))
    return SimpleNamespace(name=name, positive="valgus", measurement=measurement, slots=slots)


def run_of(*, several: bool = False, inferred: tuple[int, ...] = (), **posterior: Any) -> Any:
    """Return a run of one test or of more, some rows of whose parameters are free."""
    table = SimpleNamespace(parameters=[None] * NOTHING, columns=np.array(inferred, dtype=int))
    return SimpleNamespace(
        posterior=SimpleNamespace(tests=(None, None) if several else (None,), table=table, **posterior)
    )


def fit(**changes: Any) -> Any:
    """Return a fit in which nothing is odd, but for what is given."""
    usual = {
        "test": laxity_test(),
        "q": np.zeros(1),
        "misfit": 1.0,
        "explained": 0.99,
        "possible": 1.0,
        "outlying": np.array([], dtype=int),
        "sizes": np.array([]),
        "threshold": 5.0,
        "by_angle": (0.0, 1.0),
        "by_row": None,
    }
    return SimpleNamespace(**(usual | changes))


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
    sentences = list(findings.warnings_of(run))  # type: ignore[arg-type]  # a stand-in
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
        config=SimpleNamespace(sampling=sampling),
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
    assert list(findings.not_converged(sampled(True, **found))) == []
    assert list(findings.not_converged(sampled(False, **found))) == [
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
    assert "".join(findings.not_converged(sampled(False, **found))).count(" inf ") == 4


def test_what_is_unknown_of_convergence_is_called_so() -> None:
    nan = float("nan")
    found = {
        "worst_rhat": nan,
        "smallest_ess": nan,
        "autocorrelation_times": np.array([nan]),
        "sd_error": np.array([nan]),
    }
    assert list(findings.not_converged(sampled(False, **found))) == [
        "not converged: worst R-hat unknown so far (below 1.1 wanted), smallest effective sample size unknown so far "
        "(50 wanted), autocorrelation times unknown so far (10 wanted), error of a standard deviation unknown so far "
        "(20.0 % wanted); go on with 'calibrate resume'"
    ]


def test_where_walkers_stay() -> None:
    assert list(findings.walkers_straggle(sampled(True, stragglers=None))) == []
    stragglers = SimpleNamespace(share=0.0625, place=np.array([31.23456, 94.0]), depth=123.6)
    assert list(findings.walkers_straggle(sampled(True, stragglers=stragglers))) == [
        "6.2 % of the walkers stay around mcl.k = 31.23, mcl.l_0 = 94, with a log-probability 124 below the median of "
        "all draws (none is wanted there): they are not yet of the posterior, and widen it; go on with 'calibrate "
        "resume', or start anew with another seed"
    ]


# --- The fit. ---------------------------------------------------------------------------------------------------------


def explains(explained: float, possible: float) -> list[str]:
    return list(findings.explains_little(run_of(), fit(explained=explained, possible=possible)))


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
    return list(findings.outlying_readings(run_of(), odd))


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
    found = list(findings.patterns(run_of(), fit(by_angle=by_angle, by_row=by_row)))
    assert found == ([] if expected is None else [ALIKE.format(*expected)])


def test_loads_that_do_not_vary_have_no_pattern() -> None:
    assert list(findings.patterns(run_of(), fit(explained=float("nan"), by_angle=(0.9, 0.0)))) == []


def test_a_correlated_discrepancy_expects_a_pattern() -> None:
    assert list(findings.patterns(run_of(), fit(test=laxity_test(CORRELATED), by_angle=(0.9, 0.0)))) == []
    assert list(findings.patterns(run_of(), fit(test=laxity_test(STUDENT), by_angle=(0.9, 0.0))))


def test_a_zero_that_is_free_is_not_to_be_looked_for() -> None:
    odd = fit(test=laxity_test(offset=7), by_angle=(0.456, 3.4e-5))
    assert list(findings.patterns(run_of(inferred=(6, 8)), odd)) == [ALIKE.format("by angle", "0.46", "3e-05")]
    expected = ALIKE.format("by angle", "0.46", "3e-05").replace("a zero of the angle that is off, ", "")
    assert list(findings.patterns(run_of(inferred=(6, 7, 8)), odd)) == [expected]


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
    said = [
        *findings.explains_little(run, odd),
        *findings.outlying_readings(run, odd),
        *findings.patterns(run, odd),
        *findings.condyle_pulls(run, odd, np.zeros((1, 1))),
        *findings.sigma_too_small(run, odd),
    ]
    assert len(said) == 5
    assert all(sentence.startswith("test flex60: ") for sentence in said)


# --- Bounds. ----------------------------------------------------------------------------------------------------------


def bounded(count: int, lower: float, upper: float) -> list[str]:
    """Return what is said of two parameters spread evenly, the first from 90 in steps of 1 and within these bounds.

    The bounds are given less 100.
    """
    one = np.arange(count) + 90.0
    run: Any = SimpleNamespace(
        names=("mcl.k", "lcl.k"),
        some_samples=lambda: np.column_stack([one, 1e3 * one]),
        posterior=SimpleNamespace(
            lower=np.array([100.0 + lower, -1e9]), upper=np.array([100.0 + upper, 1e9]), priors=(Uniform(0.0, 1.0),) * 2
        ),
    )
    return list(findings.bounds_reached(run))


DECIDE = "mcl.k reaches {}: the bounds, not the data, decide where it ends; widen them or report them"


def test_a_bound_cuts_if_the_strip_beside_it_is_filled() -> None:
    # The central 95 % are 0 to 380, a strip is 19 wide, and with more than 1.25 % of 401, so with 6, it is filled.
    assert bounded(401, -24.0, 1e9) == []  # up to -5, below which there are 5
    assert bounded(401, -23.9, 1e9) == [DECIDE.format("its lower bound")]
    assert bounded(401, -1e9, 404.0) == []
    assert bounded(401, -1e9, 403.9) == [DECIDE.format("its upper bound")]
    assert bounded(401, -23.9, 403.9) == [DECIDE.format("both bounds")]


def test_a_strip_just_as_full_as_that_is_not_filled() -> None:
    # Of 400, five are 1.25 %, and a strip is 18.9525 wide.
    assert bounded(400, -5.5 - 18.9525, 1e9) == []
    assert bounded(400, -1e9, 384.5 + 18.9525) == []
    assert bounded(400, -4.5 - 18.9525, 1e9) == [DECIDE.format("its lower bound")]
    assert bounded(400, -1e9, 383.5 + 18.9525) == [DECIDE.format("its upper bound")]


def test_the_end_of_a_log_normal_priors_range_is_no_bound_unless_it_is_given() -> None:
    even = np.linspace(0.0, 1.0, 1001)[:, np.newaxis]

    def reached(prior: Any) -> list[str]:
        posterior = SimpleNamespace(lower=np.array([prior.lower]), upper=np.array([prior.upper]), priors=(prior,))
        run: Any = SimpleNamespace(names=("mcl.k",), some_samples=lambda: even, posterior=posterior)
        return list(findings.bounds_reached(run))

    assert reached(LogNormal(1.0, 2.0)) == reached(Normal(0.0, 1.0)) == []
    assert reached(LogNormal(1.0, 2.0, lower=0.01)) == [DECIDE.format("its lower bound")]
    assert reached(LogNormal(1.0, 2.0, upper=1.0)) == [DECIDE.format("its upper bound")]
    assert reached(Normal(0.0, 1.0, lower=0.0, upper=1.0)) == [DECIDE.format("both bounds")]


def decided(*priors: Any, sd: tuple[float, ...]) -> list[str]:
    """Return what is said of parameters whose draws have these standard deviations."""
    draws = np.array([[-1.0], [1.0]]) * sd
    posterior = SimpleNamespace(priors=priors, scale=np.array([prior.sd for prior in priors]))
    run: Any = SimpleNamespace(names=("mcl.k", "lcl.k"), some_samples=lambda: draws, posterior=posterior)
    return list(findings.prior_decides(run))


def test_a_parameter_that_was_not_learnt_is_the_priors() -> None:
    normal = Normal(50.0, 10.0)
    left = "in brackets the share of the prior's standard deviation that is left (below 90 % the data say something)"
    assert decided(normal, normal, sd=(8.999, 1.0)) == []
    assert decided(normal, normal, sd=(9.001, 1.0)) == [
        f"the prior, not the data, decides mcl.k (90 %): {left}; report the prior with it"
    ]
    log_normal = LogNormal(50.0, 1.4)
    assert decided(normal, log_normal, sd=(9.8, log_normal.sd)) == [
        f"the prior, not the data, decides mcl.k (98 %), lcl.k (100 %): {left}; report the prior with them"
    ]
    # By what is left of the prior between its bounds, and not where the prior is flat: there bounds are told.
    narrow = Normal(50.0, 10.0, lower=48.0, upper=52.0)
    assert decided(narrow, Uniform(0.0, 12.0**0.5), sd=(1.0, 1.0)) == []
    assert len(decided(narrow, Uniform(0.0, 12.0**0.5), sd=(1.1, 1.0))) == 1


# --- Contact and sigma. -----------------------------------------------------------------------------------------------


def measured(angles: np.ndarray) -> Any:
    return laxity_test(measurement=SimpleNamespace(angles=angles, sigma=None), name="one")


def pulling(draws: int, push: float = -1e-9) -> list[str]:
    """Return what is said if in so many of 200 draws the condyle has this push at the second angle."""
    few, laws, best = np.zeros((200, 9)), object(), np.zeros(9)

    def law(q: np.ndarray, test: str) -> object:
        assert (q is few, test) == (True, "one")
        return laws

    def pushes(of: object) -> np.ndarray:
        assert of is laws
        found = np.ones((200, 3))
        found[:draws, 1] = push
        return found

    def knee_at(angles: object, q: np.ndarray, test: str) -> Any:
        assert (angles, q is best, test) == (None, True, "one")
        return SimpleNamespace(push=pushes)

    return list(findings.condyle_pulls(run_of(knee_at=knee_at, law=law), fit(test=measured(np.zeros(3)), q=best), few))


def test_a_condyle_may_pull_in_one_draw_of_a_hundred() -> None:
    assert pulling(2) == []
    assert pulling(200, 0.0) == []
    assert pulling(3) == pulling(4)  # 1.5 and 2 per cent, as printed
    assert pulling(150) == [
        "in 75 % of the draws a condyle would have to pull on the tibia at some angle of the data, which it cannot; "
        "check f_ref and the geometry"
    ]


def test_a_condyle_is_looked_at_where_there_are_angles() -> None:
    seen = []

    def knee_at(angles: np.ndarray, *_: object) -> Any:
        seen.append(angles)
        return SimpleNamespace(push=lambda _: np.ones((1, 1000)))

    odd = fit(test=measured(np.linspace(-8.0, 8.0, 1999)))
    assert list(findings.condyle_pulls(run_of(knee_at=knee_at, law=lambda *_: None), odd, np.zeros((1, 9)))) == []
    np.testing.assert_array_equal(seen, [np.linspace(-8.0, 8.0, 1000)])


def test_of_very_many_angles_a_thousand_are_looked_at_both_ends_included() -> None:
    def some(count: int) -> np.ndarray | None:
        return findings._some_angles(measured(np.random.default_rng(0).permutation(count) * 1.0))

    assert some(3) is None
    assert some(1000) is None
    found = some(3001)
    assert found is not None
    assert found.tolist() == [round(i * 3000 / 999) for i in range(1000)]
    found = some(1001)
    assert found is not None
    assert (found.size, found[0], found[-1]) == (1000, 0.0, 1000.0)


def misses(chi2: float, inferred: tuple[int, ...] = (), sigma: Any = None, **test: Any) -> list[str]:
    """Return what is said of 50 readings whose best draw has this sum of squared residuals in units of sigma.

    The rows of sigma and of the angle's are 2 and 3.
    """
    data = SimpleNamespace(angles=np.zeros(50), sigma=sigma)
    odd = fit(misfit=chi2 / 50.0, test=laxity_test(measurement=data, **test))
    return list(findings.sigma_too_small(run_of(inferred=inferred), odd))


def test_a_known_sigma_may_be_missed_by_four_standard_deviations_of_chi2() -> None:
    assert misses(89.999) == []  # 50 + 4 sqrt(100)
    assert misses(90.001) == [
        "the best fit misses the data by 1.3 sigma on average: sigma is too small or the model does not hold here; "
        "infer sigma by giving it bounds"
    ]
    assert "by 3.5 sigma" in misses(600.0)[0]


def test_only_errors_that_are_known_can_be_too_small() -> None:
    assert misses(700.0, inferred=(2,)) == []
    assert misses(700.0, inferred=(2,), sigma=np.ones(50))  # a column says it
    assert misses(700.0, angle_sigma=3)
    assert misses(700.0, inferred=(3,), angle_sigma=3) == []
    assert misses(700.0, kind=STUDENT) == misses(700.0, kind=CORRELATED) == []
