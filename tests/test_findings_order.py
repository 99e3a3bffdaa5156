"""Which findings are asked for, in which order they are told, and which of them silence others."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from calibrate.findings import checks as findings
from calibrate.findings.codes import CODES
from calibrate.findings.finding import Finding
from calibrate.knee.slots import GAUSSIAN, STUDENT

# What stands in for each finding, its code, and what it is asked with beside the run.
STUBS = {
    "not_converged": ("not-converged", ()),
    "walkers_straggle": ("stragglers", ()),
    "explains_little": ("explains-little", ("fit",)),
    "of_residuals": ("residuals-alike", ("fit",)),
    "sigma_too_large": ("sigma-too-large", ("fit",)),
    "condyle_pulls": ("condyle-pulls", ("fit", "few")),
    "sigma_too_small": ("sigma-too-small", ("fit",)),
    "bounds_reached": ("bound-reached", ()),
    "prior_decides": ("prior-decides", ()),
    "regions_unvisited": ("region-unvisited", ()),
    "parameters_trade_off": ("trade-off", ()),
    "prior_conflict": ("prior-conflict", ("numbers",)),
    "prior_matters": ("prior-sensitive", ("numbers", {"mcl.k", "lcl.k"})),
    "extrapolated": ("extrapolated", ()),
}


def asked(
    monkeypatch: pytest.MonkeyPatch,
    *found: str,
    fits: tuple[str, ...] = ("fit",),
    kind: int = GAUSSIAN,
    residuals: str = "residuals-alike",
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the codes that are found and how the findings were called, where those given find something.

    A finding given with a fit's name finds something there only; what residuals show has a code of its own.
    """
    calls: list[tuple[Any, ...]] = []
    few = object()
    run = SimpleNamespace(posterior=SimpleNamespace(warnings=("odd",)), thinned=lambda n: few if n == 2000 else None)

    def stub(name: str, code: str) -> Callable[..., Any]:
        def finding(of: Any, *arguments: Any, **options: Any) -> Iterator[Finding]:
            assert of is run
            named = tuple("few" if one is few else getattr(one, "name", one) for one in arguments)
            calls.append((name, *named, *options.values()))
            if name in found or any(f"{name} {one}" in found for one in named if isinstance(one, str)):
                yield Finding(code, "mcl.k, lcl.k", None, None, "said")

        return finding

    looked = tuple(SimpleNamespace(name=name, test=f"test {name}") for name in fits)
    monkeypatch.setattr(findings, "best_fits", lambda of, draws: looked if (of, draws) == (run.posterior, few) else ())
    monkeypatch.setattr(
        findings, "errors", lambda of, test: kind if of is run and str(test).startswith("test ") else None
    )
    monkeypatch.setattr(findings, "sensitivity_of", lambda of: "numbers" if of is run else None)
    for name, (code, _) in STUBS.items():
        monkeypatch.setattr(findings, name, stub(name, residuals if name == "of_residuals" else code))
    told = list(findings.findings_of(run))  # type: ignore[arg-type]  # a stand-in
    assert Finding("odd-number", "", None, None, "odd") in told
    return [finding.code for finding in told], calls


def test_everything_is_asked_of_a_clean_run(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, calls = asked(monkeypatch)
    assert codes == ["odd-number"]
    expected = {name: (name, *arguments) for name, (_, arguments) in STUBS.items()}
    expected |= {"bounds_reached": ("bounds_reached", False), "prior_matters": ("prior_matters", "numbers", set())}
    assert sorted(calls, key=str) == sorted(expected.values(), key=str)
    assert ("bounds_reached", False) in asked(monkeypatch, fits=())[1]  # no fit is no misfit


def test_findings_are_told_in_the_order_of_their_codes_and_warnings_before_notes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes, calls = asked(monkeypatch, *STUBS.keys() - {"explains_little"})
    assert codes == [code for code in CODES if code in codes]
    assert set(codes) == {code for code, _ in STUBS.values()} - {"explains-little", "sigma-too-large"} | {"odd-number"}
    kinds = [CODES[code].kind for code in CODES]
    assert kinds == sorted(kinds, reverse=True)
    assert ("prior_matters", "numbers", {"mcl.k", "lcl.k"}) in calls  # of which the prior was said to decide


def test_of_a_model_that_explains_little_nothing_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, _ = asked(monkeypatch, *STUBS)
    assert codes == ["odd-number", "not-converged", "stragglers", "explains-little"]


@pytest.mark.parametrize("finding", ["of_residuals", "sigma_too_large", "condyle_pulls", "sigma_too_small"])
def test_bounds_are_told_of_a_misfit(finding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("bounds_reached", True) in asked(monkeypatch, finding)[1]


def test_bounds_that_a_slip_drags_parameters_to_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, _ = asked(monkeypatch, "of_residuals", "bounds_reached", "extrapolated", residuals="outlying-reading")
    assert codes == ["odd-number", "outlying-reading"]


def test_far_readings_that_count_little_drag_nothing_along(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, _ = asked(monkeypatch, "of_residuals", "bounds_reached", kind=STUDENT, residuals="outlying-reading")
    assert codes == ["odd-number", "outlying-reading", "bound-reached"]


def test_a_sigma_that_is_large_for_a_reason_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "sigma_too_large")[0] == ["odd-number", "sigma-too-large"]
    assert asked(monkeypatch, "sigma_too_large", "of_residuals")[0] == ["odd-number", "residuals-alike"]


def test_each_of_several_tests_is_looked_at_and_bounds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, calls = asked(monkeypatch, "of_residuals b", "bounds_reached", fits=("a", "b"))
    assert codes == ["odd-number", "residuals-alike", "bound-reached"]
    assert [call[1] for call in calls if call[0] == "explains_little"] == ["a", "b"]
    assert [call for call in calls if call[0] == "bounds_reached"] == [("bounds_reached", True)]
    for order in (("a", "b"), ("b", "a")):
        codes, _ = asked(monkeypatch, "explains_little b", "bounds_reached", fits=order)
        assert codes == ["odd-number", "explains-little"]


# --- What is found of the chains themselves. --------------------------------------------------------------------------


def test_a_run_that_has_not_converged_says_by_how_much_it_misses_the_worst_threshold() -> None:
    missed = [
        SimpleNamespace(subject=name, value=value, threshold=1.01) for name, value in (("mcl.k", 1.2), ("l", 1.1))
    ]
    verdict = SimpleNamespace(converged=False, missed=missed, sentence="It has not", advice="go on")
    run: Any = SimpleNamespace(verdict=verdict)
    assert list(findings.not_converged(run)) == [Finding("not-converged", "mcl.k", 1.2, 1.01, "It has not", "go on")]
    verdict.converged = True
    assert list(findings.not_converged(run)) == []


def test_walkers_that_straggle_are_told_with_their_share_depth_and_place() -> None:
    stragglers = SimpleNamespace(share=0.0625, depth=41.6, place=(50.0, 0.0612345))
    run: Any = SimpleNamespace(names=("mcl.k", "mcl.alpha"), diagnosis=SimpleNamespace(stragglers=stragglers))
    assert list(findings.walkers_straggle(run)) == [
        Finding(
            "stragglers",
            "",
            0.0625,
            0.0,
            "6.2 % of the walkers stay around mcl.k = 50, mcl.alpha = 0.06123, with a log-probability 42 below the "
            "median of all draws (none is wanted there): they are not yet of the posterior, and widen it",
            "go on with 'calibrate resume', or start anew with another seed",
        )
    ]
    run.diagnosis.stragglers = None
    assert list(findings.walkers_straggle(run)) == []
