"""The report's verdict: of parameters, and by itself of what follows from them, which fewer draws tell."""

from __future__ import annotations

from calibrate.report import answers
from calibrate.results import Run


def test_the_verdict_counts_what_follows_from_the_parameters_by_itself(varus: Run) -> None:
    content = varus.summary()
    few = {"rhat": 1.02349, "ess_bulk": 1764.4, "ess_tail": 1300.0}
    derived = {
        "laxity_total_5Nm": {"rhat": 1.001, "ess_bulk": 1200.6, "ess_tail": 1500.0},
        "laxity_total_10Nm": few,
        "lcl.taut_angle": dict.fromkeys(few),  # some draws have none
        "mcl.l_0": {"rhat": 1.5, "ess_bulk": 9.0, "ess_tail": 9.0},  # a parameter is not said twice
    }
    parameters, follows = answers.verdict(varus, {**content, "derived": derived})
    draws = len(varus.derived()["laxity_total_10Nm"])
    checks = content["checks"]
    assert "Of every parameter R-hat between ensembles is at most" in parameters
    assert f"at least {min(checks[key]['value'] for key in ('ess_bulk', 'ess_tail')):,.0f} effective" in parameters
    assert follows == (
        f"What follows from the parameters, like laxity, is computed of {draws:,} draws: its R-hat is at most 1.0235, "
        "and there are at least 1,201 effective samples of it."
    )
    unknown = {"lcl.taut_angle": derived["lcl.taut_angle"]}
    assert len(list(answers.verdict(varus, {**content, "derived": unknown}))) == 1
