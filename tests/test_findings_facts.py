"""What programs read of a finding: its code, what it is about, the number found and the one that it is held against."""

import math
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stand_ins import READINGS, fit, laxity_test, looks, run_of

from calibrate.findings import Finding, identify, residual
from calibrate.findings import fit as whole
from calibrate.findings.extrapolation import extrapolated
from calibrate.findings.prior import Sensitivity, prior_conflict, prior_matters
from calibrate.looks import Loop, Pull, Repeats
from calibrate.priors import LogNormal, Normal

FLEX = laxity_test(name="flex60")
SEEN = looks(
    loop=Loop(-0.6, 0.5, 0.0),
    repeats=Repeats(0.2, 0.5, 0.0),
    pull=Pull(1, 5.26, 0.0, 1, 2.0),
    arms=(0.5, 0.0),
    tails=(2.04, 0.0),
)
ODD = fit(
    test=FLEX,
    looks=SEEN,
    explained=0.5,
    possible=0.8,
    by_angle=(0.456, 0.0),
    outlying=np.array([3, 0]),
    sizes=np.array([60.6, 50.0]),
    threshold=5.67,
)


def of_noise() -> Iterable[Finding]:
    """Return what is found of an inferred sigma of 1.5 N·m where the largest load is 10."""
    data = SimpleNamespace(loads=np.array([-9.0, 10.0]), sigma=None, kind="moment", unit="N·m")
    run = run_of(inferred=(2,))
    run.names = ("mcl.k", "noise.sigma")
    run.posterior.table.parameters[2] = SimpleNamespace(name="noise.sigma")
    run.some_samples = lambda: np.array([[7.0, 0.5], [7.0, 1.5], [7.0, 9.0]])
    return whole.sigma_too_large(run, fit(test=laxity_test(measurement=data, name="flex60")))


def of_pulling_condyles() -> Iterable[Finding]:
    """Return what is found if a condyle pulls in three of four draws."""
    knee = SimpleNamespace(push=lambda _: np.array([[1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]]))
    run = run_of(knee_at=lambda *_: knee, law=lambda q, _: q)
    return whole.condyle_pulls(run, ODD, np.zeros((4, 1)))


def sampled(draws: np.ndarray, **posterior: Any) -> Any:
    return SimpleNamespace(names=("mcl.k", "lcl.k"), some_samples=lambda: draws, posterior=SimpleNamespace(**posterior))


TWO = np.array([[-1.0, -1.0], [1.0, 1.0]])
NORMAL = Normal(0.0, 1.0)


def of_bounds() -> Iterable[Finding]:
    """Return what is found of draws one half of which lie at a bound, the lower of one and the upper of the other."""
    bounds = {"lower": np.array([-1.0, -9.0]), "upper": np.array([9.0, 1.0])}
    return identify.bounds_reached(sampled(TWO, priors=(NORMAL,) * 2, **bounds), misfit=False)


def of_law() -> Iterable[Finding]:
    """Return what is found if the law of two readings' strand is visited in 4 % of the draws."""
    names = ("mcl.k", "mcl.alpha", "mcl.l_0")
    posterior = SimpleNamespace(
        strands=("mcl",),
        tests=(SimpleNamespace(slots=SimpleNamespace(law=np.array([[0, 1, 2]]))),),
        table=SimpleNamespace(parameters=[SimpleNamespace(name=name) for name in names], columns=np.arange(3)),
    )
    run: Any = SimpleNamespace(posterior=posterior, thinned=lambda n: n)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(identify, "visited", lambda *_: np.array([[1.0, 0.04, 0.0, 0.04]]))
        return list(identify.regions_unvisited(run))


def far(flexion: float) -> Any:
    """Return a run of four draws whose laxity lies beyond -1 and 1 degrees in all and in three of them."""
    data = SimpleNamespace(angles=np.array([-1.0, 1.0]), in_degrees=lambda angles: angles)
    test = SimpleNamespace(measurement=data, slots=SimpleNamespace(reading=[0]), label="", flexion=flexion)
    config = SimpleNamespace(knee=SimpleNamespace(reference_flexion=0.0))
    posterior = SimpleNamespace(tests=(test,), config=config, full=lambda q: q)
    laxity = {"laxity_varus_10Nm": np.full(4, 2.0), "laxity_valgus_10Nm": np.array([-2.0, -2.0, -2.0, 0.0])}
    return SimpleNamespace(
        posterior=posterior, names=("mcl.k",), spread=lambda _: np.zeros((2, 1, 2, 1)), derived=lambda _: laxity
    )


SENSITIVE = Sensitivity(("mcl.k", "lcl.k", "laxity_varus_10Nm"), np.array([0.06, 0.3, 0.1]), np.ones(3))

# What is found, then what a program reads of it.
FOUND: dict[str, tuple[Callable[[], Iterable[Finding]], str, float, float | None]] = {
    # 0.75 of what a curve explains is wanted.
    "explains-little": (lambda: whole.explains_little(run_of(), ODD), "flex60", 0.5, 0.6),
    "sigma-too-large": (of_noise, "noise.sigma", 1.5, 1.0),
    # Of 32 readings the standard deviation of chi2 is 8, a quarter of them.
    "sigma-too-small": (
        lambda: whole.sigma_too_small(
            run_of(), fit(misfit=9.0, test=laxity_test(name="flex60", measurement=many_readings()))
        ),
        "flex60",
        3.0,
        math.sqrt(2.0),
    ),
    "condyle-pulls": (of_pulling_condyles, "flex60", 0.75, 0.01),
    "residuals-loop": (lambda: residual.loop(run_of(), ODD), "flex60", -1.2, None),
    "noise-swallows": (lambda: residual.noise_swallows(run_of(inferred=(2,)), ODD), "flex60", 0.5, 0.3),
    "residuals-alike": (lambda: residual.neighbours_alike(run_of(), ODD), "flex60", 0.456, 0.1),
    "outlying-reading": (lambda: residual.outlying_readings(run_of(), ODD), "flex60", 60.6, 5.67),
    "reading-pulls": (lambda: residual.reading_pulls(run_of(), ODD), "flex60", 5.26, None),
    "residuals-arm": (lambda: residual.one_arm_worse(run_of(), ODD), "flex60", 2.0, 1.5),
    "residuals-tails": (lambda: residual.heavy_tails(run_of(), ODD), "flex60", 2.04, 1.0),
    "bound-reached": (of_bounds, "mcl.k, lcl.k", 0.5, 0.0125),
    "prior-decides": (
        lambda: identify.prior_decides(sampled(np.exp(TWO), priors=(LogNormal(1.0, 2.0), LogNormal(1.0, 2.5)))),
        "mcl.k, lcl.k",
        1.0 / math.log(2.0),
        0.9,
    ),
    "trade-off": (
        lambda: identify.parameters_trade_off(sampled(TWO * [1.0, -1.0], priors=(NORMAL,) * 2)),
        "mcl.k, lcl.k",
        1.0,
        math.sqrt(0.9),
    ),
    "region-unvisited": (of_law, "mcl", 0.04, 0.1),
    # Draws that vary as half of what the prior expects vary, so posterior means have a variance of 0.75.
    "prior-conflict": (
        lambda: prior_conflict(sampled(np.array([3.0, -4.0]) + 0.5 * TWO, priors=(NORMAL,) * 2), SENSITIVE),
        "mcl.k, lcl.k",
        4.0 / math.sqrt(0.75),
        3.0,
    ),
    "extrapolated": (lambda: extrapolated(far(2.0)), "laxity_varus_10Nm, laxity_valgus_10Nm", 1.0, 0.5),
    "prior-sensitive": (
        lambda: prior_matters(sampled(TWO), SENSITIVE, set()),
        "lcl.k, laxity_varus_10Nm, mcl.k",
        0.3,
        0.05,
    ),
}


def many_readings() -> Any:
    return SimpleNamespace(**(vars(READINGS) | {"angles": np.zeros(32)}))


@pytest.mark.parametrize("code", FOUND)
def test_a_finding_holds_a_number_against_another(code: str) -> None:
    find, subject, value, threshold = FOUND[code]
    (found,) = find()
    assert (found.code, found.subject) == (code, subject)
    assert found.value == pytest.approx(value)
    assert found.threshold == (None if threshold is None else pytest.approx(threshold))
    assert isinstance(found.value, float)


def test_strains_at_another_flexion_are_a_finding_of_their_own() -> None:
    *_, found = extrapolated(far(30.0))
    assert (found.code, found.subject, found.value, found.threshold) == ("extrapolated", "reference_strain", 30.0, 5.0)
