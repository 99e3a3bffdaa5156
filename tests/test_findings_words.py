"""Findings of fits and residuals on made-up numbers: thresholds just met and just missed, and sentences to the letter.

Nothing is fitted here and no knee is computed; `test_findings.py` has whole runs.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stand_ins import fit, laxity_test, looks, run_of, said

from calibrate.findings import Finding, residual
from calibrate.findings.checks import not_converged, walkers_straggle
from calibrate.findings.fit import condyle_pulls, explains_little, sigma_too_small
from calibrate.findings.residual import neighbours_alike, of_residuals, outlying_readings
from calibrate.knee.slots import CORRELATED, GAUSSIAN, STUDENT
from calibrate.looks import Loop, Pull, Repeats
from calibrate.sampling.verdict import Check

ABOVE = float(np.nextafter(0.3, 1.0))


# --- Convergence. -----------------------------------------------------------------------------------------------------


def sampled(**diagnosis: Any) -> Any:
    return SimpleNamespace(names=("mcl.k", "mcl.l_0"), diagnosis=SimpleNamespace(**diagnosis))


def test_what_is_wanted_of_convergence_and_what_is_found() -> None:
    check = Check("rhat", "mcl.k", 1.23456, 1.1, False)
    verdict = SimpleNamespace(converged=False, missed=(check,), sentence="not converged: why", advice="what to try")
    assert list(not_converged(SimpleNamespace(verdict=verdict))) == [
        Finding("not-converged", "mcl.k", 1.23456, 1.1, "not converged: why", "what to try")
    ]
    verdict.converged = True
    assert list(not_converged(SimpleNamespace(verdict=verdict))) == []


def test_where_walkers_stay() -> None:
    assert said(walkers_straggle(sampled(stragglers=None))) == []
    stragglers = SimpleNamespace(share=0.0625, place=np.array([31.23456, 94.0]), depth=123.6)
    assert said(walkers_straggle(sampled(stragglers=stragglers))) == [
        "6.2 % of the walkers stay around mcl.k = 31.23, mcl.l_0 = 94, with a log-probability 124 below the median of "
        "all draws (none is wanted there): they are not yet of the posterior, and widen it; go on with 'calibrate "
        "resume', or start anew with another seed"
    ]


# --- The fit. ---------------------------------------------------------------------------------------------------------


def explains(explained: float, possible: float) -> list[str]:
    return said(explains_little(run_of(), fit(explained=explained, possible=possible)))


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
        "(75 % of that is the least to be wanted), so the estimates mean nothing yet; first check the sign of the "
        "loads against that of the angles, the units of both columns and of the geometry, and the side, positive = "
        '"valgus"'
    ]


def outlying(rows: list[int], sizes: list[float], kind: int = GAUSSIAN) -> list[str]:
    odd = fit(
        test=laxity_test(kind),
        outlying=np.array(rows, dtype=int),
        sizes=np.array(sizes),
        threshold=5.67,
    )
    return said(outlying_readings(run_of(), odd))


TOO_FAR = (
    "of 6 readings lie too far off to be noise like the others' (up to 5.7 times their scale is to be expected): "
    "{}; look for a slip of the decimal point or of a sign, and correct or remove them"
)


def test_readings_far_off_are_named_three_at_the_most() -> None:
    assert outlying([], []) == []
    assert outlying([3], [60.6]) == ["1 " + TOO_FAR.format("1.125 N·m at 2.25 deg (61 times the scale)")]
    assert outlying([5, 0, 4, 3], [60.6, 50.0, 40.0, 30.0]) == [
        "4 "
        + TOO_FAR.format(
            "500 N·m at 5 deg (61 times the scale), -40 N·m at -4.5 deg (50 times the scale), 30 N·m at 4 deg (40 "
            "times the scale)"
        )
    ]


def test_far_readings_with_student_errors_need_not_go() -> None:
    (sentence,) = outlying([3], [60.6], kind=STUDENT)
    assert sentence.endswith("with Student-t errors they carry little weight; look for a slip all the same")
    assert "remove" not in sentence


CHANCE = "in noise as much with a probability of {}; below 0.001 it is no chance"
ALIKE = (
    "the residuals are not noise: neighbours {} are alike (correlation {}, " + CHANCE + "), so the intervals are too "
    "narrow; look for a zero of the angle that is off, friction or creep (a loop), held steps, or a geometry that is "
    "not this knee's"
)
ROWS = "in the order of the file"
JUST = float(np.nextafter(1e-3, 0.0))


@pytest.mark.parametrize(
    ("by_angle", "by_row", "expected"),
    [
        ((0.1, 0.0), None, None),
        ((0.9, 1e-3), None, None),
        ((0.05, 0.0), (0.1, 0.0), None),
        ((float(np.nextafter(0.1, 1.0)), JUST), None, ("by angle", "0.10", "1e-03")),
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
    found = said(neighbours_alike(run_of(), fit(by_angle=by_angle, by_row=by_row)))
    assert found == ([] if expected is None else [ALIKE.format(*expected)])


def test_an_inferred_sigma_is_said_to_hold_what_the_model_cannot_do() -> None:
    # Neighbours of correlation 0.75 differ as noise of half the size would.
    odd = fit(by_angle=(0.75, 3.4e-5), scatter=0.5)
    swallowed = (
        "so the intervals are too narrow; the inferred noise holds what the model cannot do: the fit misses by 0.5 "
        "N·m, neighbours scatter by 0.25;"
    )
    expected = ALIKE.format("by angle", "0.75", "3e-05").replace("so the intervals are too narrow;", swallowed)
    assert said(neighbours_alike(run_of(inferred=(2,)), odd)) == [expected]
    # What an inferred noise holds besides is a slip.
    odd.outlying = np.array([3])
    (alone,) = said(neighbours_alike(run_of(inferred=(2,)), odd))
    assert "so the intervals are too narrow; look for" in alone
    odd.outlying = np.array([], dtype=int)


def test_a_zero_that_is_free_is_not_to_be_looked_for() -> None:
    odd = fit(test=laxity_test(offset=7), by_angle=(0.456, 3.4e-5))
    assert said(neighbours_alike(run_of(inferred=(6, 8)), odd)) == [ALIKE.format("by angle", "0.46", "3e-05")]
    expected = ALIKE.format("by angle", "0.46", "3e-05").replace("a zero of the angle that is off, ", "")
    assert said(neighbours_alike(run_of(inferred=(6, 7, 8)), odd)) == [expected]


# --- What else residuals show. ----------------------------------------------------------------------------------------


def looped(half: float = 0.6, share: float = 0.11, probability: float = JUST, **changes: Any) -> list[str]:
    odd = fit(looks=looks(loop=Loop(half, share, probability)), test=laxity_test(hysteresis=9))
    return said(residual.loop(run_of(**changes), odd))


def test_a_loop_is_told_with_its_width() -> None:
    assert looped(share=0.1) == looped(probability=1e-3) == []
    expected = (
        "the residuals are not noise: at the same angle readings on the way up lie 1.2 N·m above those on the way down "
        "("
        + CHANCE.format("1e-03")
        + "), so the intervals are too narrow; give a column 'direction' and measurement.hysteresis, or look for "
        "friction and creep"
    )
    assert looped() == [expected]
    assert looped(-0.6) == [expected.replace("above", "below")]
    assert looped(inferred=(9,))[0].endswith("; the prior of the hysteresis allows less: widen it, or look for creep")
    assert said(residual.loop(run_of(), fit())) == []


def swallowed(misses: float = 0.31, probability: float = JUST, **changes: Any) -> list[str]:
    odd = fit(looks=looks(repeats=Repeats(0.2, misses, probability)), test=laxity_test(offset=7))
    return said(residual.noise_swallows(run_of(**changes), odd))


def test_noise_swallows_what_readings_at_the_same_angle_do_not_scatter_by() -> None:
    assert swallowed(inferred=()) == []  # a known sigma swallows nothing
    assert swallowed(1.5 * 0.2, inferred=(2,)) == swallowed(probability=1e-3, inferred=(2,)) == []
    assert swallowed(inferred=(2,)) == [
        "the residuals are not noise: readings at the same angle scatter by 0.2 N·m, the fit misses them by 0.31 ("
        + CHANCE.format("1e-03")
        + "): the inferred noise holds what the model cannot do; look for a zero of the angle that is off, a geometry "
        "that is not this knee's"
    ]


def pulled(probability: float = JUST, moves: float = 1.01, kind: int = GAUSSIAN) -> list[str]:
    # The second of those that do not lie apart is the fourth in the file.
    odd = fit(test=laxity_test(kind), looks=looks(pull=Pull(1, 5.26, probability, 1, moves)), rows=np.array([1, 3, 5]))
    return said(residual.reading_pulls(run_of(), odd))


def test_a_reading_pulls_if_all_others_speak_against_it_and_a_parameter_moves() -> None:
    assert pulled(1e-3) == pulled(moves=1.0) == pulled(kind=STUDENT) == []
    assert pulled() == [
        "the reading 1.125 N·m at 2.25 deg lies 5.3 standard deviations from what all others predict ("
        + CHANCE.format("1e-03")
        + "), and pulls lcl.k by about 1.0 of its own; check that reading; calibrate without it to see what hangs on it"
    ]


def test_the_worse_arm_is_named() -> None:
    def armed(ratio: float, probability: float = JUST) -> list[str]:
        return said(residual.one_arm_worse(run_of(), fit(looks=looks(arms=(ratio, probability)))))

    assert armed(1.5) == armed(1 / 1.5) == armed(9.0, 1e-3) == []
    expected = (
        "the residuals are not alike: on the valgus arm they scatter 1.6 times as wide as on the varus one ("
        + CHANCE.format("1e-03")
        + "), so one sigma for both is wrong; look at the valgus arm for what the model lacks; if its readings are "
        "worse, give each reading its sigma, or measurement errors of the angle (noise.angle_sigma)"
    )
    assert armed(1.6) == [expected]
    assert armed(1 / 1.6) == [expected.replace("valgus", "V").replace("varus", "valgus").replace("V", "varus")]


def test_tails_are_heavy_above_an_excess_of_one() -> None:
    def tailed(excess: float, probability: float = JUST, kind: int = GAUSSIAN) -> list[str]:
        odd = fit(test=laxity_test(kind), looks=looks(tails=(excess, probability)))
        return said(residual.heavy_tails(run_of(), odd))

    assert tailed(1.0) == tailed(2.0, 1e-3) == tailed(2.0, kind=STUDENT) == []
    assert tailed(2.04) == [
        "the residuals have heavier tails than Gaussian noise (excess kurtosis 2.0, "
        + CHANCE.format("1e-03")
        + "), so few readings weigh too much; give noise.nu, for Student-t errors"
    ]


def test_what_residuals_show_first_silences_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("loop", "noise_swallows", "neighbours_alike", "outlying_readings", "reading_pulls", "one_arm_worse")

    def shown(*found: str, **changes: Any) -> list[Any]:
        run, odd = run_of(), fit(**changes)

        def stand_in(name: str) -> Any:
            return lambda draws, of: iter([name] if name in found and draws is run and of is odd else [])

        for name in (*names, "heavy_tails"):
            monkeypatch.setattr(residual, name, stand_in(name))
        return list(of_residuals(run, odd))

    # A slip is told beside a pattern, and first.
    first = "outlying_readings"
    assert shown(*names, "heavy_tails") == [first, "loop", "noise_swallows"]
    assert shown(*names[2:], "heavy_tails") == [first, "neighbours_alike"]
    assert shown("loop", *names[2:]) == [first, "loop", "neighbours_alike"]
    assert shown(*names[3:], "heavy_tails") == ["one_arm_worse"]
    assert shown(*names[3:5], "heavy_tails") == [first]
    # Several readings beside a pattern are part of it.
    one, two = np.array([3]), np.array([3, 5])
    assert shown(*names, outlying=one) == [first, "loop", "noise_swallows"]
    assert shown(*names, outlying=two) == ["loop", "noise_swallows"]
    assert shown(*names[3:5], outlying=two) == [first]
    assert shown("reading_pulls", "heavy_tails") == ["reading_pulls"]
    assert shown("outlying_readings", "heavy_tails") == ["outlying_readings"]
    assert shown("heavy_tails") == ["heavy_tails"]
    assert shown() == []
    # Loads that do not vary have no noise to compare with, and a discrepancy expects a pattern.
    assert shown(*names, explained=float("nan")) == shown(*names, test=laxity_test(CORRELATED)) == []
    assert shown(*names, test=laxity_test(STUDENT))


def test_of_several_tests_each_sentence_names_its_own() -> None:
    seen = looks(
        loop=Loop(1.0, 1.0, 0.0),
        arms=(9.0, 0.0),
        tails=(9.0, 0.0),
        pull=Pull(0, 9.0, 0.0, 0, 9.0),
        repeats=Repeats(0.1, 1.0, 0.0),
    )
    odd = fit(
        test=laxity_test(name="flex60"),
        explained=0.1,
        outlying=np.array([3]),
        sizes=np.array([61.0]),
        by_angle=(0.9, 0.0),
        misfit=9.0,
        looks=seen,
    )
    knee = SimpleNamespace(push=lambda law: -np.ones((1, 3)))
    run = run_of(several=True, knee_at=lambda *_: knee, law=lambda q, test: q)
    sentences = [
        *said(explains_little(run, odd)),
        *said(condyle_pulls(run, odd, np.zeros((1, 1)))),
        *said(sigma_too_small(run, odd)),
        *said(residual.noise_swallows(run_of(several=True, inferred=(2,)), odd)),
    ]
    for finding in (
        residual.loop,
        neighbours_alike,
        outlying_readings,
        residual.reading_pulls,
        residual.one_arm_worse,
        residual.heavy_tails,
    ):
        sentences += said(finding(run, odd))
    assert len(sentences) == 10
    assert all(sentence.startswith("test flex60: ") for sentence in sentences)
