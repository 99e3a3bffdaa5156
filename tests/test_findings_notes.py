"""Findings of trade-offs, regions, priors and extrapolation on made-up numbers: thresholds and sentences."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stand_ins import said

from calibrate.findings import extrapolation, identify, prior
from calibrate.findings.prior import Sensitivity, disagreement, prior_conflict, prior_matters
from calibrate.priors import LogNormal, Normal, Uniform
from calibrate.tradeoffs import TradeOff

# --- Parameters that trade off. ---------------------------------------------------------------------------------------


def test_trade_offs_are_named_with_their_correlations() -> None:
    rng = np.random.default_rng(1)
    a, b, c, d, e = rng.standard_normal((5, 4000))
    names = ("mcl.k", "mcl.alpha", "lcl.k", "lcl.alpha", "lcl.l_0")
    draws = np.column_stack([a, -a + 0.2 * d, b + c, b, c + 0.05 * e])
    run: Any = SimpleNamespace(
        names=names, some_samples=lambda: draws, posterior=SimpleNamespace(priors=(Normal(0.0, 2.0),) * 5)
    )
    (finding,) = identify.parameters_trade_off(run)
    assert str(finding) == (
        "the data tell combinations better than each: lcl.k, lcl.l_0 and lcl.alpha (0.9994); mcl.alpha with mcl.k "
        "(-0.98) (correlations, named from 0.95 on where 25 % of the prior's standard deviation are left); report "
        "them together (calibrate plot, corner), or inform one of them"
    )
    assert finding.subject == "lcl.k, lcl.l_0, lcl.alpha, mcl.alpha, mcl.k"
    assert finding.threshold == pytest.approx(0.9**0.5)
    run.posterior.priors = (Normal(0.0, 9.0),) * 5  # all of them known well enough
    assert said(identify.parameters_trade_off(run)) == []


def test_three_trade_offs_are_named_and_none_is_said_to_be_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [TradeOff((i, 3), correlation, 1.0) for i, correlation in enumerate((-0.99996, 0.995, 0.99499))]
    found += [TradeOff((0, 1), 0.97, 1.0), TradeOff((1, 2), 0.96, 1.0)]
    monkeypatch.setattr(identify, "trade_offs", lambda *_: found)
    run: Any = SimpleNamespace(
        names="abcd", some_samples=lambda: np.empty((0, 0)), posterior=SimpleNamespace(priors=())
    )
    (sentence,) = said(identify.parameters_trade_off(run))
    assert ": a with d (-1.0000); b with d (0.9950); c with d (0.99) and 2 more (" in sentence


# --- Regions. ---------------------------------------------------------------------------------------------------------


def regions(monkeypatch: pytest.MonkeyPatch, *shares: float, free: str = "k alpha l_0", test: str = "") -> list[str]:
    """Return what is said where readings lie slack, in the toe, beyond it and taut in these shares of the draws.

    Of the second of two strands, the first of which is visited everywhere; what it is slack at may be a test's own.
    """
    names = ("k", "alpha", "l_0", "f_ref", "reference_strain", "of another")
    parameters = [SimpleNamespace(name=f"{test if name == 'l_0' else ''}mcl.{name}") for name in names]
    rows = [0, 1, 4 if "reference_strain" in free else 2, 3]
    slots = SimpleNamespace(law=np.array([[5] * 4, rows]))
    table = SimpleNamespace(parameters=parameters, columns=np.array([names.index(name) for name in free.split()]))
    posterior = SimpleNamespace(strands=("lcl", "mcl"), tests=(SimpleNamespace(slots=slots),), table=table)
    run: Any = SimpleNamespace(posterior=posterior, thinned=lambda n: n)

    def visited(of: object, q: object) -> np.ndarray | None:
        return np.array([[1.0] * 4, shares]) if of is posterior and q == 500 else None

    monkeypatch.setattr(identify, "visited", visited)
    return said(identify.regions_unvisited(run))


def test_regions_that_no_reading_visits_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ask, measure = monkeypatch, "; measure there, or report the priors with them"
    assert regions(ask, 1.0, 0.11, 0.11, 0.11) == []
    assert regions(ask, 1.0, 0.1, 0.0, 0.1) == [
        "in 90 % of the draws (named from 90 % on) no reading stretches mcl: the data say nothing of mcl.k, mcl.alpha, "
        "and of mcl.l_0 only a limit" + measure
    ]
    assert regions(ask, 1.0, 0.0, 0.0, 0.0, free="l_0", test="flex60.") == [
        "in 100 % of the draws (named from 90 % on) no reading stretches mcl: the data say nothing of its law, and of "
        "flex60.mcl.l_0 only a limit" + measure
    ]
    assert regions(ask, 1.0, 0.0, 0.0, 0.0, free="k f_ref") == [
        "in 100 % of the draws (named from 90 % on) no reading stretches mcl: the data say nothing of mcl.k, mcl.f_ref"
        + measure
    ]
    assert len(regions(ask, 1.0, 1.0, 0.0, 1.0, free="k alpha")) == 1
    assert regions(ask, 1.0, 1.0, 0.04, 1.0, free="k alpha reference_strain") == [
        "in 96 % of the draws (named from 90 % on) no reading stretches mcl beyond its toe: mcl.k and mcl.alpha are "
        "told "
        "apart by little but their priors" + measure
    ]
    assert regions(ask, 1.0, 0.0, 1.0, 1.0, free="k alpha reference_strain") == [
        "in 100 % of the draws (named from 90 % on) no reading lies in the toe of mcl: mcl.alpha and "
        "mcl.reference_strain are told apart by little but their priors" + measure
    ]
    assert regions(ask, 0.0, 1.0, 1.0, 1.0, free="k alpha l_0 f_ref") == [
        "in 100 % of the draws (named from 90 % on) no reading finds mcl slack: mcl.f_ref and mcl.l_0 are told apart "
        "by "
        "the toe at the most, and by their priors" + measure
    ]


def test_what_is_known_needs_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    assert regions(monkeypatch, 1.0, 1.0, 0.0, 1.0, free="k l_0") == []
    assert regions(monkeypatch, 1.0, 1.0, 0.0, 1.0, free="alpha l_0") == []
    assert regions(monkeypatch, 1.0, 0.0, 1.0, 1.0, free="k l_0") == []
    assert regions(monkeypatch, 1.0, 0.0, 1.0, 1.0, free="k alpha") == []
    assert regions(monkeypatch, 0.0, 1.0, 1.0, 1.0) == []
    assert regions(monkeypatch, 1.0, 0.0, 0.0, 0.0, free="") == []


# --- Prior against data. ----------------------------------------------------------------------------------------------


def test_a_posterior_mean_is_held_against_what_the_prior_expects_of_it() -> None:
    # Half of the variance is left, so posterior means vary by sqrt(1 - 0.5) of the prior's sd: 2.1 of it is 2.97 of
    # that.
    values = 50.0 + 10.0 * (2.1 + np.sqrt(0.5) * np.array([-1.0, 1.0]))
    assert disagreement(values, Normal(50.0, 10.0)) == pytest.approx(2.1 / np.sqrt(0.5))
    log_normal = LogNormal(50.0, 1.4)
    assert disagreement(50.0 * 1.4 ** ((values - 50.0) / 10.0), log_normal) == pytest.approx(2.1 / np.sqrt(0.5))
    # Nearly as wide as the prior, or wider: half a prior's standard deviation is what the mean may vary by.
    for half_width in (0.9, 1.05):
        values = 50.0 + 10.0 * (1.4 + half_width * np.array([-1.0, 1.0]))
        assert disagreement(values, Normal(50.0, 10.0)) == pytest.approx(2.8)
    values = 50.0 + 10.0 * (1.4 + np.sqrt(0.74) * np.array([-1.0, 1.0]))
    assert disagreement(values, Normal(50.0, 10.0)) == pytest.approx(1.4 / np.sqrt(0.26))
    # Truncated at its middle: the median of what is left, in which a quarter of all mass lies on either side.
    half = Normal(50.0, 10.0, lower=50.0)
    median = float(half.quantile(0.5))
    assert disagreement(np.array([median, median]), half) == pytest.approx(0.0, abs=1e-9)
    above = float(half.quantile(0.975))
    assert disagreement(np.array([above, above]), half) == pytest.approx(1.96, abs=1e-3)
    assert np.isfinite(disagreement(np.array([10.0, 50.0]), half))
    # At a bound there is no more of the prior beyond, but the draws may be as near to it as numbers are.
    both = Normal(50.0, 10.0, lower=40.0, upper=60.0)
    assert disagreement(np.full(2, 60.0), both) == pytest.approx(6.0, abs=0.01)
    assert disagreement(np.full(2, 40.0), both) == pytest.approx(-6.0, abs=0.01)
    assert disagreement(np.full(2, 0.5 / 1.4**2), LogNormal(0.5, 1.4)) == pytest.approx(-2.0)
    # Bounds far out in a tail, on either side.
    far = Normal(0.0, 1.0, lower=9.0)
    assert disagreement(far.quantile([0.975, 0.975]), far) == pytest.approx(1.96, abs=1e-3)
    below = Normal(0.0, 1.0, upper=-9.0)
    assert disagreement(below.quantile([0.975, 0.975]), below) == pytest.approx(1.96, abs=1e-3)
    # Between bounds that are next to each other nothing is left to disagree about.
    narrow = Normal(50.0, 1000.0, lower=50.0, upper=float(np.nextafter(50.0, 60.0)))
    assert disagreement(np.array([50.0, 50.0]), narrow) == 0.0


def sensitive(*prior: float, data: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)) -> Sensitivity:
    names = ("mcl.k", "lcl.k", "noise.sigma", "mcl.reference_strain", "laxity_varus_10Nm", "laxity_total_10Nm")
    return Sensitivity(names, np.array(prior), np.array(data))


def conflicts(*away: float, numbers: Sensitivity, left: float = 0.5) -> list[str]:
    """Return what is said if posterior means lie so many sd away, and such a share of the variance is left."""
    draws = np.sqrt(1.0 - left) * np.array(away) + np.sqrt(left) * np.array([[-1.0], [1.0]])
    priors = (Normal(0.0, 1.0), Normal(0.0, 1.0), Uniform(-1.0, 1.0))
    run: Any = SimpleNamespace(
        names=numbers.names[:3], some_samples=lambda: draws, posterior=SimpleNamespace(priors=priors)
    )
    return said(prior_conflict(run, numbers))


def test_prior_and_data_disagree_beyond_three_standard_deviations() -> None:
    both = sensitive(0.06, 0.06, 0.06)
    assert conflicts(2.99, -2.99, 9.0, numbers=both) == []  # and a flat prior is told by its bounds
    assert conflicts(3.0, -3.0, 9.0, numbers=both, left=0.0) == []
    assert conflicts(3.01, -4.26, 0.0, numbers=both) == [
        "prior and data disagree on mcl.k (+3.0), lcl.k (-4.3): in brackets how many standard deviations the "
        "posterior's "
        "mean lies from where the prior expects it (beyond 3 once in 400 times), and the answer is a compromise of the "
        "two; look for what differs from what the prior is about: the unit, the geometry, the zero, the ligament; or "
        "widen the prior"
    ]
    assert conflicts(4.0, 0.0, 0.0, numbers=both, left=0.9) == []  # 1.26 of the prior's own: nothing to speak of
    assert conflicts(3.01, -4.26, 0.0, numbers=sensitive(0.05, 0.05, 0.05)) == []  # a prior that does not matter


def test_what_hangs_on_the_prior_is_named_the_worst_first() -> None:
    run: Any = None
    assert said(prior_matters(run, sensitive(0.05, 0.05, 0.05, 0.05, np.nan, 0.05), set())) == []
    numbers = sensitive(0.051, 0.2, 0.04, 0.3, 0.1, 0.15, data=(1.0, 0.04, 0.0, 0.05, 1.0, 1.0))
    matters = "in brackets the power-scaling sensitivity (up to 0.05 it does not)"
    report = "; report the prior with them, and what another one would give"
    assert said(prior_matters(run, numbers, set())) == [
        "the prior matters for mcl.reference_strain (0.30), lcl.k (0.20), laxity_total_10Nm (0.15), laxity_varus_10Nm "
        f"(0.10) and 1 more: {matters}; the data's own is below that for lcl.k{report}"
    ]
    told = {"lcl.k", "mcl.reference_strain", "mcl.k"}
    assert said(prior_matters(run, numbers, told)) == [
        f"the prior matters for laxity_total_10Nm (0.15), laxity_varus_10Nm (0.10): {matters}{report}"
    ]


def test_parameters_strains_and_laxity_are_what_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    q = np.arange(6.0).reshape(3, 2)
    derived = dict.fromkeys(
        ("mcl.reference_strain", "lcl.reference_strain", "mcl.taut_angle", "laxity_varus_5Nm", "laxity_varus_10Nm"),
        q[:, 0],
    )
    posterior = SimpleNamespace(log_prior=lambda of: of[:, 0], log_likelihood=lambda of: of[:, 1])
    asked: list[Any] = []

    def spread(n: int) -> np.ndarray:
        asked.append(n)
        return q.reshape(1, 3, 1, 2)

    def derive(n: int) -> dict[str, np.ndarray]:
        asked.append(n)
        return derived

    run: Any = SimpleNamespace(
        names=("mcl.k", "lcl.reference_strain"), spread=spread, derived=derive, posterior=posterior
    )
    monkeypatch.setattr(prior, "sensitivity", lambda values, part: (values.shape, part.tolist()))
    found: Any = prior.sensitivity_of(run)
    assert found.names == ("mcl.k", "lcl.reference_strain", "mcl.reference_strain", "laxity_varus_10Nm")
    assert found.prior == ((3, 4), [0.0, 2.0, 4.0])
    assert found.data == ((3, 4), [1.0, 3.0, 5.0])
    assert asked == [2000, 2000]


# --- Extrapolation. ---------------------------------------------------------------------------------------------------


def measured(
    low: float, high: float, offset: float = 0.0, label: str = "", flexion: float = 0.0, unit: str = "deg"
) -> Any:
    degrees = np.array([high, 0.0, low])
    data = SimpleNamespace(
        angles=degrees if unit == "deg" else np.deg2rad(degrees),
        in_degrees=lambda angles: angles if unit == "deg" else np.rad2deg(angles),
    )
    slots = SimpleNamespace(reading=np.array([0, 1, 1]))
    return SimpleNamespace(
        measurement=data, slots=slots, label=label, name=label.strip("."), flexion=flexion, own=offset
    )


def drawn(*tests: Any, derived: dict[str, list[float]], reference: float = 0.0) -> Any:
    """Return four draws, whose only parameter is the offset of the first test's angles."""
    q = np.full((4, 1), tests[0].own)
    posterior = SimpleNamespace(
        tests=tests,
        config=SimpleNamespace(knee=SimpleNamespace(reference_flexion=reference)),
        full=lambda rows: np.column_stack([rows[:, 0], np.full(4, 99.0)]),
    )
    values = {name: np.array(value) for name, value in derived.items()}
    return SimpleNamespace(
        posterior=posterior,
        names=("geometry.offset",),
        spread=lambda n: q.reshape(1, 2, 2, 1) if n == 2000 else None,
        derived=lambda n: values if n == 2000 else None,
    )


def shares(run: Any) -> dict[str, float]:
    return extrapolation.beyond(run.posterior, run.spread(2000).reshape(4, 1), run.derived(2000))


NAN = float("nan")
LAXITY = {
    "mcl.taut_angle": [9.0] * 4,
    "laxity_valgus_10Nm": [-5.26, -5.25, -1.0, -5.3],
    "laxity_varus_10Nm": [6.25, 6.26, NAN, 6.3],
    "laxity_total_10Nm": [11.5] * 4,
}


def test_laxity_is_beyond_the_data_by_draws() -> None:
    # A quarter of a degree beyond is none; what is not reached at all is beyond everything.
    run = drawn(measured(-5.0, 6.0), derived=LAXITY)
    found = shares(run)
    assert found == {"laxity_valgus_10Nm": 0.5, "laxity_varus_10Nm": 0.75, "laxity_total_10Nm": 1.0}
    assert said(extrapolation.extrapolated(run)) == [
        "laxity_varus_10Nm (75 % of the draws) lies beyond the measured angles (named above 50 %): the law says so, "
        "and no "
        "reading; do not report it as measured"
    ]
    wide = drawn(measured(-5.1, 6.1, unit="rad"), derived=LAXITY)
    assert shares(wide)["laxity_varus_10Nm"] == 0.25
    # What the rig calls 1 degree is the knee's zero.
    shifted = drawn(measured(-4.0, 7.0, offset=1.0), derived=LAXITY)
    assert shares(shifted) == found
    assert said(extrapolation.extrapolated(shifted)) == said(extrapolation.extrapolated(run))
    # An only test's laxity has no name before it, whatever the test is called.
    assert shares(drawn(measured(-5.0, 6.0, label="a."), derived=LAXITY)) == found


def test_six_laxities_are_named() -> None:
    ways = {f"laxity_{way}_{load}Nm": [NAN] * 4 for load in (2, 5, 10, 12) for way in ("varus", "valgus")}
    all_of_them = "(100 % of the draws)"
    assert said(extrapolation.extrapolated(drawn(measured(-5.0, 6.0), derived=ways))) == [
        f"laxity_varus_2Nm {all_of_them}, laxity_valgus_2Nm {all_of_them}, laxity_varus_5Nm {all_of_them}, "
        f"laxity_valgus_5Nm {all_of_them}, laxity_varus_10Nm {all_of_them}, laxity_valgus_10Nm {all_of_them} and 2 "
        "more lie beyond the measured angles (named above 50 %): the law says so, and no reading; do not report them "
        "as measured"
    ]


def test_each_of_several_tests_has_its_own_angles() -> None:
    own = {f"{name}.{key}": value for name in ("a", "ab") for key, value in LAXITY.items() if "laxity" in key}
    run = drawn(measured(-5.0, 6.0, label="a."), measured(-9.0, 6.28, label="ab."), derived=own)
    assert shares(run) == {
        "a.laxity_valgus_10Nm": 0.5,
        "a.laxity_varus_10Nm": 0.75,
        "a.laxity_total_10Nm": 1.0,
        "ab.laxity_valgus_10Nm": 0.0,
        "ab.laxity_varus_10Nm": 0.25,
        "ab.laxity_total_10Nm": 0.25,
    }


def test_strains_at_a_flexion_that_was_not_measured_are_the_models() -> None:
    one, two = measured(-9.0, 9.0, label="a.", flexion=30.0), measured(-9.0, 9.0, label="b.", flexion=60.0)
    assert said(extrapolation.extrapolated(drawn(one, two, derived={}))) == [
        "reference strains and tensions are those at 0 degrees of flexion, and the nearest test was at 30 (more than 5 "
        "degrees away): the model carries them there; read them as the model's, or set knee.reference_flexion to a "
        "measured one"
    ]
    assert said(extrapolation.extrapolated(drawn(one, two, derived={}, reference=55.0))) == []
    (sentence,) = said(extrapolation.extrapolated(drawn(one, two, derived={}, reference=70.0)))
    assert " and the nearest test was at 60 " in sentence
    assert len(said(extrapolation.extrapolated(drawn(one, two, derived={}, reference=54.9)))) == 1
