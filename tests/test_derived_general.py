"""What follows from the parameters of several strands and tests, flexed knees and free geometry.

At 90 degrees of flexion this knee is the upright one of `planted`: a femoral point goes from (y, z) to
(z - 10, -10 - y) about the axis at y = -10, z = 0, so (-10, 10) becomes (0, 0).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from clouds import run_of
from planted import ANGLE
from test_derived import LCL_THERE, MCL_THERE
from test_laxity import LCL_ARM, MCL_ARM, strand

from calibrate import derived as derived_module
from calibrate.config import parse_config
from calibrate.data import parse_measurement
from calibrate.derived import derived, looked_at, most_draws, unit_of
from calibrate.knee.cached import CachedKnee
from calibrate.knee.many import Knees
from calibrate.posterior import Posterior

KNEE = """
[knee]
lateral_condyle = {{ centre = [20.0, -20.0], radius = {radius} }}
medial_condyle = {{ centre = [-20.0, -20.0], radius = 20.0 }}
rolling = 0.0
application_point = [0.0, -400.0]
flexion_axis = [-10.0, 0.0]
mcl = {{ femur = [-40.0, -10.0, 10.0], tibia = [-40.0, -80.0, 0.0] }}
lcl = {{ femur = [40.0, -10.0, 10.0], tibia = [40.0, -60.0, 0.0] }}
inner = {{ femur = [-40.0, -10.0, 10.0], tibia = [-40.0, -80.0, 0.0] }}
"""
LAW = "k = {{ lower = 1.0, upper = 500.0 }}\nalpha = 0.05\n{slack}\n"
L_0 = "l_0 = { lower = 40.0, upper = 160.0 }"
STRAIN = "reference_strain = { mean = 0.0, sd = 0.2 }"
DATA = {
    "moment_Nm": parse_measurement("angle_deg,moment_Nm\n-5,-4.0\n0,0\n5,6\n"),
    "force_N": parse_measurement("angle_rad,force_N\n-0.05,-4.0\n0,0\n0.05,6\n"),
}


def posterior(
    *tests: str, radius: str = "20.0", slack: str = L_0, measurement: str = "", loads: tuple[str, ...] = ()
) -> Posterior:
    """Return the posterior of some tests, which are named a, b and so on; each text goes into its table."""
    laws = "".join(f"[parameters.{name}]\n{LAW.format(slack=slack)}" for name in ("mcl", "lcl", "inner"))
    names = "abcdef"[: len(tests)]
    tables = "".join(f'[tests.{n}]\nfile = "none.csv"\n{text}\n' for n, text in zip(names, tests, strict=True))
    text = f"{KNEE.format(radius=radius)}{laws}{measurement}\n[noise]\nsigma = 1.0\n{tables}"
    sampling = "[sampling]\nensembles = 2\nwalkers = 8\n"
    kinds = loads or ("moment_Nm",) * len(tests)
    return Posterior.from_config(
        parse_config(text + sampling), {n: DATA[kind] for n, kind in zip(names, kinds, strict=True)}
    )


def row(of: Posterior, **values: Any) -> np.ndarray:
    """Return one draw by the parameters' names, `__` for the dot; the middle of the prior where none is given."""
    given = {name.replace("__", "."): value for name, value in values.items()}
    assert given.keys() <= set(of.names), set(of.names)
    return np.array([[given.get(name, middle) for name, middle in zip(of.names, of.middle, strict=True)]])


VALGUS, VARUS = 'positive = "valgus"\nflexion = 90.0', 'positive = "varus"\nflexion = 90.0'
# The MCL's stiffness in two strands at one place; the LCL's in one.
MCL_K, _, MCL_L_0, _ = strand(10.0, MCL_THERE, MCL_ARM, 81.0)
LCL_K, _, LCL_L_0, _ = strand(-10.0, LCL_THERE, LCL_ARM, 61.0)
BY_HAND = {
    "mcl__k": 0.75 * MCL_K,
    "mcl__l_0": MCL_L_0,
    "inner__k": 0.25 * MCL_K,
    "inner__l_0": MCL_L_0,
    "lcl__k": LCL_K,
    "lcl__l_0": LCL_L_0,
}


@pytest.mark.parametrize("radius", ["20.0", "{ mean = 20.0, sd = 1.0 }"], ids=["fixed", "posed"])
@pytest.mark.parametrize("load", DATA)
@pytest.mark.parametrize(("test", "sign"), [(VALGUS, 1.0), (VARUS, -1.0)])
def test_a_flexed_knee_of_three_strands_by_hand(test: str, sign: float, load: str, radius: str) -> None:
    of = posterior(test, radius=radius, loads=(load,))
    found = {name: values.item() for name, values in derived(of, row(of, **BY_HAND)).items()}
    # The reference is the unflexed knee: 70 down and 10 to the front, 50 and 10.
    mcl, lcl = math.hypot(70.0, 10.0), math.hypot(50.0, 10.0)
    expected = {
        "mcl.stiffness_per_strain": 0.75 * MCL_K * MCL_L_0,
        "mcl.reference_strain": mcl / MCL_L_0 - 1.0,
        "mcl.reference_tension": 0.0,
        "mcl.stiffness_share": 0.75,
        "inner.stiffness_share": 0.25,
        "lcl.reference_strain": lcl / LCL_L_0 - 1.0,
        "laxity_valgus_10Nm": sign * ANGLE,
        "laxity_varus_10Nm": -sign * ANGLE,
        "laxity_total_10Nm": 2.0 * ANGLE,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-8)
    assert "lcl.stiffness_share" not in found
    taut = derived(of, row(of, **BY_HAND | {"mcl__l_0": MCL_THERE, "inner__l_0": MCL_THERE, "lcl__l_0": LCL_THERE}))
    for name, angle in (("mcl", ANGLE), ("inner", ANGLE), ("lcl", -ANGLE)):
        assert taut[f"{name}.taut_angle"].item() == pytest.approx(sign * angle, abs=1e-8)


def test_the_angles_zero_and_the_loads_are_the_rigs_and_not_the_knees() -> None:
    reading = "[measurement]\nangle_offset = { mean = 0.0, sd = 2.0 }\nload_bias = { mean = 0.0, sd = 1.0 }\n"
    of = posterior(VARUS, measurement=reading)
    values = {"measurement__angle_offset": 3.0, "measurement__load_bias": 1.5}
    found = derived(of, row(of, **BY_HAND, **values))
    assert found["laxity_valgus_10Nm"].item() == pytest.approx(-ANGLE, abs=1e-8)
    assert found["laxity_varus_10Nm"].item() == pytest.approx(ANGLE, abs=1e-8)


def test_reference_strains_that_are_given_are_the_ones_that_follow() -> None:
    for radius in ("20.0", "{ mean = 20.0, sd = 1.0 }"):
        of = posterior(VALGUS, slack=STRAIN, radius=radius)
        q = of.prior_sample(np.random.default_rng(0), 50)
        found = derived(of, q)
        for name in of.strands:
            strain = of.values(q, f"{name}.reference_strain")
            np.testing.assert_allclose(found[f"{name}.reference_strain"], strain, atol=1e-12)


OWN = f"{VARUS}\nparameters.lcl.{L_0}\nparameters.inner.k = 20.0"
KNEE_KEYS = [f"laxity_{way}_{moment}Nm" for moment in (5, 10, 12) for way in ("valgus", "varus", "total")]
STRAND_KEYS = ("stiffness_per_strain", "reference_strain", "reference_tension")


def test_of_several_tests_what_is_shared_is_said_once_and_the_rest_by_test() -> None:
    of = posterior(VALGUS, VARUS)
    shared = [f"{name}.{key}" for name in ("mcl", "lcl", "inner") for key in STRAND_KEYS]
    shares = ["mcl.stiffness_share", "inner.stiffness_share"]
    own = [f"{name}.taut_angle" for name in ("mcl", "lcl", "inner")]
    found = derived(of, row(of, **BY_HAND))
    assert sorted(found) == sorted(
        [*shared, *shares, *(f"{test}.{key}" for test in "ab" for key in (*own, *KNEE_KEYS))]
    )
    assert found["a.laxity_valgus_10Nm"] == pytest.approx(ANGLE, abs=1e-8)
    assert found["b.laxity_valgus_10Nm"] == pytest.approx(-ANGLE, abs=1e-8)
    assert list(found)[: len(shared) + len(shares)] == [name for name in found if not name.startswith(("a.", "b."))]


def test_what_a_test_declares_as_its_own_is_said_by_test() -> None:
    of = posterior(VALGUS, OWN)
    values = {name: value for name, value in BY_HAND.items() if not name.startswith("lcl__l_0")}
    found = derived(of, row(of, **values, lcl__l_0=LCL_L_0, b__lcl__l_0=LCL_L_0 + 1.0))
    assert found["a.lcl.reference_strain"].item() == pytest.approx(math.hypot(50.0, 10.0) / LCL_L_0 - 1.0)
    assert found["b.lcl.reference_strain"].item() == pytest.approx(math.hypot(50.0, 10.0) / (LCL_L_0 + 1.0) - 1.0)
    assert found["a.inner.stiffness_per_strain"].item() == pytest.approx(0.25 * MCL_K * MCL_L_0)
    assert found["b.inner.stiffness_per_strain"].item() == pytest.approx(20.0 * MCL_L_0)
    assert found["a.mcl.stiffness_share"].item() == pytest.approx(0.75)
    assert found["b.mcl.stiffness_share"].item() == pytest.approx(0.75 * MCL_K / (0.75 * MCL_K + 20.0))
    assert "mcl.reference_strain" in found
    assert not {"lcl.reference_strain", "inner.stiffness_per_strain", "mcl.stiffness_share"} & found.keys()
    assert found["b.laxity_varus_10Nm"].item() > ANGLE  # a longer LCL


def test_one_test_with_a_name_needs_no_prefix_and_all_of_a_strand_stands_together() -> None:
    of = posterior(VALGUS)
    of_strands = {
        "mcl": (*STRAND_KEYS, "taut_angle", "stiffness_share"),
        "lcl": (*STRAND_KEYS, "taut_angle"),
        "inner": (*STRAND_KEYS, "taut_angle", "stiffness_share"),
    }
    names = [f"{strand}.{key}" for strand, keys in of_strands.items() for key in keys]
    assert [*derived(of, row(of, **BY_HAND))] == [*names, *KNEE_KEYS]


@pytest.mark.parametrize("free", [False, True])
def test_laxity_of_any_draw_is_where_the_models_own_moment_is_reached_first(free: bool) -> None:
    """Random draws of the prior; the statics are those of `CachedKnee`, one knee at a time."""
    radius = "{ mean = 20.0, sd = 1.5 }" if free else "20.0"
    of = posterior('positive = "valgus"\nflexion = 20.0', 'positive = "varus"\nflexion = 60.0', radius=radius)
    draws = of.prior_sample(np.random.default_rng(2), 60)
    for column in ("mcl.l_0", "inner.l_0"):
        draws[:, of.names.index(column)] = np.random.default_rng(3).uniform(66.0, 80.0, 60)
    draws[:, of.names.index("lcl.l_0")] = np.random.default_rng(4).uniform(46.0, 62.0, 60)
    found = derived(of, draws)
    reached = 0
    for test in of.tests:
        for i, q in enumerate(draws):
            geometry = of.geometry(q, test.name)
            law = of.law(q, test.name)

            def moment(degrees: np.ndarray) -> np.ndarray:
                knee = CachedKnee.build(geometry, np.deg2rad(degrees), "moment", "valgus")  # noqa: B023  # at once
                return knee.loads(law)[0]  # noqa: B023  # at once

            zero = math.degrees(geometry.theta_0)
            for way, target in (("valgus", 10.0), ("varus", -10.0)):
                angle = test.sign * found[f"{test.label}laxity_{way}_10Nm"][i]
                beyond = np.linspace(zero, math.copysign(20.0, target), 400)
                if math.isnan(angle):
                    assert (moment(beyond) * target < 100.0).all()
                    continue
                reached += 1
                if abs(angle - zero) < 1e-9:
                    below, above = moment(np.array([zero - 1e-9, zero + 1e-9]))
                    assert below <= target <= above
                    continue
                assert moment(np.array([angle]))[0] == pytest.approx(target, abs=1e-7)
                between = moment(np.linspace(zero, angle, 50)[1:-1])
                outward = (angle - zero) * target > 0.0
                assert ((between * target < 100.0) == outward).all()
    assert reached > 150


def test_draws_are_shared_out_among_tests_and_posed_ones_are_fewer() -> None:
    assert most_draws(posterior(VALGUS)) == 20_000
    assert most_draws(posterior(VALGUS, VARUS)) == 10_000
    assert most_draws(posterior(VALGUS, VARUS, VALGUS)) == 6666  # a whole number
    assert most_draws(posterior(VALGUS, VARUS, radius="{ mean = 20.0, sd = 1.0 }")) == 2_000
    own = "knee.lateral_condyle = { radius = { mean = 20.0, sd = 1.0 } }"
    assert most_draws(posterior(VALGUS, f"{VARUS}\n{own}")) == 2_000


def test_each_draw_shares_its_stiffness_out_by_its_own_strands() -> None:
    of = posterior(VALGUS)
    rows = np.concatenate([row(of, mcl__k=k, inner__k=inner) for k, inner in ((30.0, 10.0), (20.0, 80.0), (7.0, 7.0))])
    found = derived(of, rows)
    np.testing.assert_allclose(found["mcl.stiffness_share"], [0.75, 0.2, 0.5], rtol=1e-15)
    np.testing.assert_allclose(found["inner.stiffness_share"], [0.25, 0.8, 0.5], rtol=1e-15)


@pytest.mark.parametrize("radius", ["20.0", "{ mean = 20.0, sd = 1.0 }"], ids=["fixed", "posed"])
@pytest.mark.parametrize(("block", "size"), [(1, 1), (2 * 3 * 82, 2), (3 * 3 * 82 - 1, 2), (7 * 3 * 82, 7)])
def test_draws_are_worked_on_in_parts_that_change_nothing(
    monkeypatch: pytest.MonkeyPatch, block: int, size: int, radius: str
) -> None:
    """Seven draws of three strands and 82 angles: one at a time, or two, or all."""
    of = posterior(VALGUS, radius=radius)
    q = of.prior_sample(np.random.default_rng(1), 7)
    whole, asked, plain = derived(of, q), [], Knees.rows
    monkeypatch.setattr("calibrate.derived._BLOCK", block)
    monkeypatch.setattr(Knees, "rows", lambda knees, part: asked.append(part) or plain(knees, part))
    found = derived(of, q)
    assert asked == [slice(first, first + size) for first in range(0, 7, size)]
    for name, values in whole.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-8)


@pytest.mark.parametrize(("min_ess", "refinements"), [(2001.0, 20), (2000.0, 1)])
def test_an_angle_that_rounding_keeps_out_of_reach_is_given_up(
    monkeypatch: pytest.MonkeyPatch, min_ess: float, refinements: int
) -> None:
    """The moments of strands this stiff are known to some newton metres at best: none is within 1e-10 of a target."""
    of, asked = posterior(VALGUS), []
    for name in ("reached", "tightened"):
        plain = getattr(derived_module, name)
        monkeypatch.setattr(derived_module, name, lambda *all, plain=plain: asked.append(all[-1]) or plain(*all))
    strands = BY_HAND | {"mcl__k": 1e14, "inner__k": 0.0, "lcl__k": 1e14}
    found = looked_at(of, min_ess)(row(of, **strands))
    assert asked == [refinements] * 2
    assert found["laxity_valgus_10Nm"].item() == pytest.approx(-found["laxity_varus_10Nm"].item(), abs=9.0)


def test_a_draw_without_a_pose_has_no_numbers_and_the_others_theirs() -> None:
    of = posterior(VALGUS, radius="{ mean = 20.0, sd = 1.0 }")
    rows = np.concatenate([row(of, **BY_HAND), row(of, **BY_HAND, knee__lateral_condyle__radius=90.0)])
    found = derived(of, rows)
    assert found["laxity_valgus_10Nm"][0] == pytest.approx(ANGLE, abs=1e-8)
    assert np.isnan([found[name][1] for name in ("laxity_valgus_10Nm", "mcl.taut_angle", "mcl.reference_strain")]).all()


def test_draws_of_which_none_has_a_pose_or_a_law_break_nothing() -> None:
    """As in a file that somebody spoilt."""
    of = posterior(VALGUS, radius="{ mean = 20.0, sd = 1.0 }")
    flat = row(of, **BY_HAND, knee__lateral_condyle__radius=90.0)
    wild = np.concatenate([flat, -flat, 1e300 * flat, 0.0 * flat])
    run = run_of(of, np.repeat(wild, 16, axis=0))
    for values in run.derived().values():
        assert values.shape == (64,)
    assert np.isnan(run.derived()["laxity_total_10Nm"]).all()
    entry = run.summary()["derived"]["laxity_total_10Nm"]
    assert (entry["median"], entry["share"]) == (None, 0.0)


def test_units() -> None:
    of = posterior(VALGUS, VARUS)
    units = {name: unit_of(name) for name in derived(of, row(of, **BY_HAND))}
    assert {units[f"mcl.{key}"] for key in ("stiffness_per_strain", "reference_tension")} == {"N"}
    assert {units["mcl.reference_strain"], units["mcl.stiffness_share"]} == {""}
    assert {unit for name, unit in units.items() if name.startswith("a.")} == {"deg"}
    assert [unit_of(f"flexed.lcl.{key}") for key in (*STRAND_KEYS, "stiffness_share")] == ["N", "", "N", ""]


def test_a_run_of_several_tests_says_all_of_it() -> None:
    of = posterior(VALGUS, VARUS, radius="{ mean = 20.0, sd = 1.0 }")
    draws = row(of, **BY_HAND) + 1e-3 * np.random.default_rng(1).standard_normal((3200, of.ndim))
    run = run_of(of, draws)
    # At the most 2,000 of 3,200: every second of 200 kept steps, and all 16 walkers of each.
    assert run.derived()["a.laxity_total_10Nm"].shape == (1600,)
    np.testing.assert_array_equal(run.spread(), run.chains.coords[:, 201::2])
    assert run.derived(draws=50)["mcl.reference_strain"].shape == (50,)
    assert run.predict([0.0, 2.0], draws=7, test="b").shape == (7, 2)
    np.testing.assert_array_equal(run.predict(draws=7), of.predict(run.thinned(7)))
    np.testing.assert_array_equal(run.predict([1.0], draws=7, test="b"), of.predict(run.thinned(7), [1.0], "b"))
    assert np.abs(run.predict([12.0], draws=7, test="a") - run.predict([12.0], draws=7, test="b")).min() > 1e-3
    content = run.summary()
    assert content["derived"]["b.laxity_total_10Nm"]["median"] == pytest.approx(2.0 * ANGLE, abs=0.05)
    assert [(one["name"], one["positive"], one["flexion"]) for one in content["tests"]] == [
        ("a", "valgus", 90.0),
        ("b", "varus", 90.0),
    ]
    assert content["parameters"]["knee.lateral_condyle.radius"]["prior"] == "normal, 20 +- 1 mm"
