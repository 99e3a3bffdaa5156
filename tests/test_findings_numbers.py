"""Findings of bounds, priors, contact and sigma on made-up numbers: thresholds just met and just missed, and words."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stand_ins import fit, laxity_test, run_of, said

from calibrate.findings.fit import condyle_pulls, sigma_too_large, sigma_too_small
from calibrate.findings.identify import bounds_reached, prior_decides, untold
from calibrate.knee.slots import CORRELATED, STUDENT
from calibrate.priors import LogNormal, Normal, Uniform
from calibrate.regions import some_angles

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
    return said(bounds_reached(run, misfit=False))


DECIDE = (
    "mcl.k reaches {}: the bounds, not the data, decide where it ends; if the units of the columns and the side are "
    "right, widen them or report them"
)


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
        return said(bounds_reached(run, misfit=False))

    assert reached(LogNormal(1.0, 2.0)) == reached(Normal(0.0, 1.0)) == []
    assert reached(LogNormal(1.0, 2.0, lower=0.01)) == [DECIDE.format("its lower bound")]
    assert reached(LogNormal(1.0, 2.0, upper=1.0)) == [DECIDE.format("its upper bound")]
    assert reached(Normal(0.0, 1.0, lower=0.0, upper=1.0)) == [DECIDE.format("both bounds")]


def test_bounds_are_told_together_and_not_to_be_widened_for_a_misfit() -> None:
    even = np.linspace(0.0, 1.0, 1001)
    draws = np.column_stack([even, 2.0 * even, 3.0 + even])
    posterior = SimpleNamespace(
        lower=np.array([0.0, -9.0, -9.0]), upper=np.array([1.0, 2.0, 9.0]), priors=(Uniform(0.0, 1.0),) * 3
    )
    run: Any = SimpleNamespace(names=("mcl.k", "lcl.k", "mcl.l_0"), some_samples=lambda: draws, posterior=posterior)
    (finding,) = bounds_reached(run, misfit=True)
    assert str(finding) == (
        "mcl.k reaches both bounds, lcl.k reaches its upper bound: the bounds, not the data, decide where they end; "
        "see "
        "first to the misfit named above, which may be what pushes there"
    )
    assert (finding.subject, finding.threshold) == ("mcl.k, lcl.k", 0.0125)
    assert finding.value == pytest.approx(0.05 * 0.95, rel=0.01)  # a strip of even draws


def decided(*priors: Any, left: tuple[float, float], moved: float = 0.0) -> list[str]:
    """Return what is said of parameters that have so much left of their priors, and whose means have moved so far."""
    columns = []
    for prior, share in zip(priors, left, strict=True):
        own = np.array([moved - share, moved + share])
        if isinstance(prior, LogNormal):
            columns.append(prior.median * prior.factor**own)
        else:
            columns.append(prior.mean + own * prior.sd)
    draws = np.column_stack(columns)
    run: Any = SimpleNamespace(
        names=("mcl.k", "lcl.k"), some_samples=lambda: draws, posterior=SimpleNamespace(priors=priors)
    )
    return said(prior_decides(run))


def test_a_parameter_that_was_not_learnt_is_the_priors() -> None:
    normal = Normal(50.0, 10.0)
    left = (
        "in brackets the share of the prior's standard deviation that is left, by logarithms where it is log-normal "
        "(below 90 % the data say something)"
    )
    assert decided(normal, normal, left=(0.9 - 1e-12, 0.1)) == []
    assert decided(normal, normal, left=(0.9001, 0.1)) == [
        f"the prior, not the data, decides mcl.k (90 %): {left}; report the prior with it"
    ]
    log_normal = LogNormal(50.0, 1.4)
    assert decided(normal, log_normal, left=(0.98, 1.0)) == [
        f"the prior, not the data, decides mcl.k (98 %), lcl.k (100 %): {left}; report the prior with them"
    ]
    # By what is left of the prior between its bounds, and not where the prior is flat: there bounds are told.
    narrow = Normal(50.0, 10.0, lower=48.0, upper=52.0)
    assert decided(narrow, Uniform(0.0, 12.0**0.5), left=(0.89, 1.0)) == []
    assert len(decided(narrow, Uniform(0.0, 12.0**0.5), left=(0.91, 1.0))) == 1


def test_what_has_moved_by_one_of_the_priors_standard_deviations_was_learnt() -> None:
    normal, log_normal = Normal(50.0, 10.0), LogNormal(70.0, 1.7)
    assert len(decided(normal, log_normal, left=(0.95, 0.95), moved=-0.999)) == 1
    for moved in (-1.001, 1.001):
        assert decided(normal, log_normal, left=(0.95, 0.95), moved=moved) == []
    assert untold(0.91, 0.99)
    assert not any(untold(share, shift) for share, shift in ((0.9, 0.0), (0.91, 1.0), (0.91, -1.0)))


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

    return said(condyle_pulls(run_of(knee_at=knee_at, law=law), fit(test=measured(np.zeros(3)), q=best), few))


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
    assert said(condyle_pulls(run_of(knee_at=knee_at, law=lambda *_: None), odd, np.zeros((1, 9)))) == []
    np.testing.assert_array_equal(seen, [np.linspace(-8.0, 8.0, 1000)])


def test_of_very_many_angles_a_thousand_are_looked_at_both_ends_included() -> None:
    def some(count: int) -> np.ndarray | None:
        return some_angles(measured(np.random.default_rng(0).permutation(count) * 1.0))

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
    return said(sigma_too_small(run_of(inferred=inferred), odd))


def test_a_known_sigma_may_be_missed_by_four_standard_deviations_of_chi2() -> None:
    assert misses(90.0) == []  # 50 + 4 sqrt(100)
    assert misses(90.001) == [
        "the best fit misses the data by 1.3 sigma on average (1.3 would be much): sigma is too small or the model "
        "does not hold here; "
        "infer sigma by giving it bounds"
    ]
    assert "by 3.5 sigma" in misses(600.0)[0]


def test_only_errors_that_are_known_can_be_too_small() -> None:
    assert misses(700.0, inferred=(2,)) == []
    assert misses(700.0, inferred=(2,), sigma=np.ones(50))  # a column says it
    assert misses(700.0, angle_sigma=3)
    assert misses(700.0, inferred=(3,), angle_sigma=3) == []
    assert misses(700.0, kind=STUDENT) == misses(700.0, kind=CORRELATED) == []


def noisy(sigma: float, loads: tuple[float, ...] = (-9.0, 10.0), kind: str = "moment", **changes: Any) -> list[str]:
    """Return what is said of an inferred sigma, the parameter in row 2, whose draws have this median."""
    unit = "N·m" if kind == "moment" else "N"
    data = SimpleNamespace(loads=np.array(loads), sigma=changes.pop("column", None), kind=kind, unit=unit)
    run = run_of(inferred=changes.pop("inferred", (2,)), several=changes.pop("several", False))
    run.names = ("mcl.k", "noise.sigma")
    run.posterior.table.parameters[2] = SimpleNamespace(name="noise.sigma")
    run.some_samples = lambda: np.array([[0.0, 0.5 * sigma], [0.0, sigma], [0.0, 9.0 * sigma]])
    return said(sigma_too_large(run, fit(test=laxity_test(measurement=data, name="flex60"))))


def test_a_tenth_of_the_largest_load_is_the_most_that_sigma_may_be() -> None:
    assert noisy(1.0) == noisy(1.1, (-11.0, 10.0)) == []
    assert noisy(1.01) == [
        "the inferred noise.sigma is 1 N·m, where the largest load is 10 and the noise of a laxity test 1 at the most: "
        "it "
        "holds what the model cannot do, or the rig is worse than others; look at the residuals (calibrate plot)"
    ]
    assert noisy(1.01, several=True)[0].startswith("test flex60: the inferred noise.sigma is 1 N·m, where")
    # More than 5 N·m or 50 N nobody has measured with.
    assert noisy(5.01, (200.0,))
    assert noisy(4.99, (200.0,)) == noisy(49.9, (2000.0,), "force") == []
    assert noisy(50.1, (2000.0,), "force")
    assert noisy(9.0, inferred=()) == noisy(9.0, column=np.ones(2)) == noisy(9.0, (0.0, 0.0)) == []
