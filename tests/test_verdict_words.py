"""What a verdict says: by how much a run misses, what to try, and the numbers as JSON has them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from test_verdict import figures

from calibrate.sampling.verdict import Check, Verdict


def verdict(*checks: Check, steps: int = 400) -> Verdict:
    return Verdict(steps, 50, figures(), checks, thin=2)


RHAT = Check("rhat", "mcl.k", 1.0312, 1.01, False)
BULK = Check("ess_bulk", "log_prob", 2500.4, 10_000.0, False)


def test_the_sentence_says_by_how_much_and_the_advice_what_to_try() -> None:
    found = verdict(
        RHAT,
        BULK,
        Check("ess_tail", "lcl.k", 5000.0, 10_000.0, False),
        Check("autocorrelation_times", "mcl.k", 5.04, 10.0, False),
        Check("sd_error", "mcl.k", 0.1, 0.0707, False),
        Check("derived_rhat", "mcl.taut_angle", 1.02, 1.01, False),
        Check("derived_ess", "laxity_total_10Nm", 300.0, 454.5454545, False),
        Check("drift", "", 0.5, 1.0, True),
    )
    assert found.sentence == (
        "not converged: R-hat of mcl.k 1.031 (below 1.01 wanted), "
        "effective samples of the log-probability 2500 (10000 wanted), "
        "effective samples of the tails of lcl.k 5000 (10000 wanted), "
        "autocorrelation times of mcl.k 5.0 (10 wanted), "
        "error of the standard deviation of mcl.k 10.0 % (7.1 % wanted), "
        "R-hat of mcl.taut_angle 1.020 (below 1.01 wanted), "
        "effective samples of the draws looked at of laxity_total_10Nm 300 (454.545 wanted)"
    )
    # Four times the steps for the effective samples, and a quarter more for two looks: 4 of 800 steps on top.
    assert found.more_steps == 3200
    assert found.advice == "go on with 'calibrate resume': by the pace so far about 3200 more steps would do"
    assert not found.converged


@pytest.mark.parametrize(
    ("check", "more"),
    [
        (BULK, 3200),  # to 5 times of 800
        (replace(BULK, value=8000.0), 450),
        (replace(BULK, value=100.1), None),  # more than a hundred times
        (replace(BULK, value=0.0), None),
        (replace(BULK, value=math.nan), None),
        (RHAT, 2400),  # R-hat - 1 falls as 1 / n: to 3.12 times 1.25 times 800
        (replace(RHAT, value=1.11), None),
        (Check("sd_error", "mcl.k", 0.0282, 0.0141, False), 3200),
        (Check("autocorrelation_times", "mcl.k", 5.0, 10.0, False), 1200),
        (Check("looks", "", 1.0, 2.0, False), 200),
        (Check("drift", "", 2.0, 1.0, False), None),
        (Check("stragglers", "", 0.01, 0.0, False), None),
        (Check("rhat", "a", 1.0, 1.01, True), 0),
        # Up to a hundred times, two looks included: to 100 of 800.
        (replace(BULK, value=125.0), 80_000),
        (replace(BULK, value=124.0), None),
        (replace(BULK, value=0.5, threshold=10.0), 20_000),
        # To 1.5 times 1.25 times 800; from 1.1 on it is no want of steps.
        (replace(RHAT, value=1.09375, threshold=1.0625), 700),
        (replace(RHAT, value=1.1), None),
        (replace(RHAT, name="derived_rhat"), 2400),
        (replace(RHAT, name="derived_rhat", value=1.1), None),
        # To 1.25 squared times 1.25 times 800, which is 762.5 more: two digits are said.
        (Check("sd_error", "mcl.k", 0.15625, 0.125, False), 770),
    ],
)
def test_steps_are_estimated_from_the_pace_so_far(check: Check, more: int | None) -> None:
    assert verdict(check).more_steps == more


def test_of_few_steps_more_are_counted_one_by_one() -> None:
    assert verdict(Check("looks", "", 1.0, 2.0, False), steps=7).more_steps == 4  # a quarter of 14
    assert verdict(replace(BULK, value=5000.0), steps=33).more_steps == 99
    assert verdict(replace(BULK, value=5000.0), steps=34).more_steps == 110


def test_too_few_steps_are_told_as_they_were_taken() -> None:
    unknown = Verdict(30, 15, figures(rhat=np.array([1.0, math.nan])), (RHAT,), thin=2)
    assert unknown.sentence == "not converged: 60 steps are too few to tell"


@pytest.mark.parametrize(
    ("check", "sentence", "advice"),
    [
        (
            Check("stragglers", "", 0.0125, 0.0, False),
            "not converged: 1.2 % of the walkers stay far below the others (none wanted)",
            "go on with 'calibrate resume', or start anew with another seed; if that happens again, narrow the bounds",
        ),
        (
            Check("drift", "", 2.04, 1.0, False),
            "not converged: the first steps kept differ from the last ones, 2.0 times as much as chance allows",
            "go on with 'calibrate resume', or start anew with another seed; if that happens again, narrow the bounds",
        ),
        *(
            (
                replace(RHAT, name=name, value=value),
                f"not converged: R-hat of mcl.k {value:.3f} (below 1.01 wanted)",
                "the ensembles are in different places: look at the traces of mcl.k, go on with 'calibrate resume', or "
                "start anew with another seed or narrower bounds; if they stay apart, the posterior has several hills",
            )
            for name, value in (("rhat", 1.5), ("derived_rhat", 1.5), ("rhat", 1.1))
        ),
        (
            replace(BULK, value=20.0),
            "not converged: effective samples of the log-probability 20 (10000 wanted)",
            "more than 100 times as many steps would be needed: ask for fewer effective samples (sampling.min_ess), "
            "narrow the bounds or give priors, and store fewer steps (sampling.thin) if the file grows too large",
        ),
        (
            replace(BULK, value=math.nan),
            "not converged: effective samples of the log-probability unknown so far (10000 wanted)",
            "go on with 'calibrate resume'",
        ),
        (
            Check("looks", "", 1.0, 2.0, False),
            "not converged: all numbers suffice, but not on two looks in a row (each after a quarter more steps)",
            "go on with 'calibrate resume': by the pace so far about 200 more steps would do",
        ),
        (replace(RHAT, value=1.0, met=True), "converged", ""),
    ],
)
def test_each_fault_has_its_words(check: Check, sentence: str, advice: str) -> None:
    assert (verdict(check).sentence, verdict(check).advice) == (sentence, advice)


@pytest.mark.parametrize(("value", "words"), [(math.inf, "inf"), (math.nan, "unknown so far")])
def test_what_is_infinite_or_unknown_is_called_so(value: float, words: str) -> None:
    error = Check("sd_error", "mcl.k", value, 0.2, False)
    times = Check("autocorrelation_times", "mcl.k", value, 10.0, False)
    drift = Check("drift", "", value, 1.0, False)
    assert verdict(drift).sentence == (
        f"not converged: the first steps kept differ from the last ones, {words} times as much as chance allows"
    )
    percent = f"{words} %" if words == "inf" else words
    assert verdict(replace(RHAT, value=value), replace(BULK, value=value), times, error).sentence == (
        f"not converged: R-hat of mcl.k {words} (below 1.01 wanted), "
        f"effective samples of the log-probability {words} (10000 wanted), "
        f"autocorrelation times of mcl.k {words} (10 wanted), "
        f"error of the standard deviation of mcl.k {percent} (20.0 % wanted)"
    )


def test_the_numbers_are_for_json() -> None:
    assert verdict(RHAT, replace(BULK, value=math.nan), replace(RHAT, name="x", threshold=math.inf)).numbers() == {
        "rhat": {"subject": "mcl.k", "value": 1.0312, "threshold": 1.01, "met": False},
        "x": {"subject": "mcl.k", "value": 1.0312, "threshold": None, "met": False},
        "ess_bulk": {"subject": "log_prob", "value": None, "threshold": 10_000.0, "met": False},
    }
