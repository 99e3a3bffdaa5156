"""What follows from the parameters, against values worked out by hand for each sign, unit, load and region of the law.

The knees are those of `planted`, on which lengths and angles come out as fractions.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from planted import ANGLE, COS, SIN, TILTED, UPRIGHT, constant, parameters_text, plant

from calibrate.results import Run
from calibrate.sampling.verdict import spread_draws

# Where both condyles touch the MCL is 80 mm long and the LCL 60 mm, on either knee.
#
#   region   k [N/mm], alpha, l_0 [mm]   k l_0 [N]   strain            tension [N]
#   slack    40, 0.05, 84                3360        -4 / 84           0
#   toe      48, 0.08, 75                3600         5 / 75           toe 6:   48 * 5^2 / (2 * 6) = 100
#   linear   48, 0.04, 75                3600         5 / 75           toe 3:   48 * (5 - 3 / 2) = 168
MCL = {
    "slack": ((40.0, 0.05, 84.0), 3360.0, -1.0 / 21.0, 0.0),
    "toe": ((48.0, 0.08, 75.0), 3600.0, 1.0 / 15.0, 100.0),
    "linear": ((48.0, 0.04, 75.0), 3600.0, 1.0 / 15.0, 168.0),
}
#   slack    30, 0.05, 62.5              1875        -2.5 / 62.5       0
#   toe      70, 0.125, 56               3920         4 / 56           toe 7:   70 * 4^2 / (2 * 7) = 80
#   linear   25, 0.08, 50                1250         10 / 50          toe 4:   25 * (10 - 4 / 2) = 200
LCL = {
    "slack": ((30.0, 0.05, 62.5), 1875.0, -1.0 / 25.0, 0.0),
    "toe": ((70.0, 0.125, 56.0), 3920.0, 1.0 / 14.0, 80.0),
    "linear": ((25.0, 0.08, 50.0), 1250.0, 1.0 / 5.0, 200.0),
}
LOADS = ("moment_Nm", "force_N")
UNITS = ("deg", "rad")
SIDES = ("valgus", "varus")


def data_of(load: str, unit: str) -> str:
    """Return a measurement file of no interest but for its columns."""
    reach = 5 if unit == "deg" else 0.1
    return f"angle_{unit},{load}\n-{reach},-4\n0,0\n{reach},6\n"


def only(run: Run) -> dict[str, float]:
    """Return the derived quantities of a run whose draws are all the same, having checked that they are."""
    out = {}
    for name, values in run.derived().items():
        assert values.shape == (run.draws,)
        assert np.unique(values).size == 1
        out[name] = float(values[0])
    return out


@pytest.mark.parametrize("knee", [UPRIGHT, TILTED], ids=["upright", "tilted"])
@pytest.mark.parametrize(("mcl", "lcl"), list(itertools.product(MCL, LCL)))
def test_stiffness_per_strain_reference_strain_and_tension_in_each_region(
    tmp_path: Path, knee: str, mcl: str, lcl: str
) -> None:
    """The tare is not part of the tension."""
    (mcl_law, *expected_mcl), (lcl_law, *expected_lcl) = MCL[mcl], LCL[lcl]
    derived = only(plant(tmp_path, constant(*mcl_law, -7.0, *lcl_law, 9.0), knee=knee))
    for ligament, expected in (("mcl", expected_mcl), ("lcl", expected_lcl)):
        for quantity, value in zip(
            ("stiffness_per_strain", "reference_strain", "reference_tension"), expected, strict=True
        ):
            assert derived[f"{ligament}.{quantity}"] == pytest.approx(value, rel=1e-9, abs=1e-9), quantity


# At 10.39 degrees (sin 11/61, cos 60/61) valgus on the upright knee the lateral condyle bears, and the MCL spans
# (60 + 60 sin - 60 cos, 20 + 60 cos + 60 sin) = (720, 5480) / 61. At as much varus the medial condyle bears, and the
# LCL spans (60 + 40 sin - 60 cos, 20 + 40 cos + 60 sin) = (500, 4280) / 61: tautened by turning the other way.
MCL_THERE = math.hypot(720.0, 5480.0) / 61.0
LCL_THERE = math.hypot(500.0, 4280.0) / 61.0
# The same before the ligament is at its reference length, at 10.39 degrees in the slackening direction, where the
# other condyle bears: the MCL spans (20 - 20 cos - 60 sin, 20 + 60 cos - 20 sin) = (-640, 4600) / 61,
# the LCL (20 - 20 cos - 40 sin, 20 + 40 cos - 20 sin) = (-420, 3400) / 61.
MCL_BACK = math.hypot(640.0, 4600.0) / 61.0
LCL_BACK = math.hypot(420.0, 3400.0) / 61.0


@pytest.mark.parametrize(("positive", "load", "unit"), list(itertools.product(SIDES, LOADS, UNITS)))
def test_a_ligament_becomes_taut_at_an_angle_of_the_files_sign_in_degrees(
    tmp_path: Path, positive: str, load: str, unit: str
) -> None:
    assert (SIN, COS) == (11.0 / 61.0, 60.0 / 61.0)
    sign = 1.0 if positive == "valgus" else -1.0
    data = data_of(load, unit)
    late = only(
        plant(tmp_path, constant(9.0, 0.05, MCL_THERE, 0, 9.0, 0.05, LCL_THERE, 0), data=data, positive=positive)
    )
    assert late["mcl.taut_angle"] == pytest.approx(sign * ANGLE, abs=1e-9)
    assert late["lcl.taut_angle"] == pytest.approx(-sign * ANGLE, abs=1e-9)
    early = only(
        plant(tmp_path, constant(9.0, 0.05, MCL_BACK, 0, 9.0, 0.05, LCL_BACK, 0), data=data, positive=positive)
    )
    assert early["mcl.taut_angle"] == pytest.approx(-sign * ANGLE, abs=1e-9)
    assert early["lcl.taut_angle"] == pytest.approx(sign * ANGLE, abs=1e-9)
    # The other numbers know no side.
    for name in ("stiffness_per_strain", "reference_strain", "reference_tension"):
        assert late[f"mcl.{name}"] == pytest.approx(
            {"stiffness_per_strain": 9.0 * MCL_THERE, "reference_strain": 80.0 / MCL_THERE - 1.0}.get(name, 0.0)
        )


@pytest.mark.parametrize("positive", SIDES)
def test_a_ligament_at_its_slack_length_where_both_condyles_touch_becomes_taut_there(
    tmp_path: Path, positive: str
) -> None:
    derived = only(
        plant(tmp_path, constant(9.0, 0.05, 80.0, 0.0, 9.0, 0.05, 60.0, 0.0), knee=TILTED, positive=positive)
    )
    sign = 1.0 if positive == "valgus" else -1.0
    assert derived["mcl.taut_angle"] == pytest.approx(sign * ANGLE, abs=0.01)
    assert derived["lcl.taut_angle"] == pytest.approx(sign * ANGLE, abs=0.01)
    assert derived["mcl.reference_strain"] == pytest.approx(0.0, abs=1e-12)


def lengths_at(degrees: float) -> tuple[float, float, float, float]:
    """Return MCL and LCL of the upright knee turned that far in the stretching direction, then in the other one."""
    s, c = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return (
        math.hypot(60 + 60 * s - 60 * c, 20 + 60 * c + 60 * s),
        math.hypot(60 + 40 * s - 60 * c, 20 + 40 * c + 60 * s),
        math.hypot(20 - 20 * c - 60 * s, 20 + 60 * c - 20 * s),
        math.hypot(20 - 20 * c - 40 * s, 20 + 40 * c - 20 * s),
    )


@pytest.mark.parametrize("positive", SIDES)
def test_a_ligament_never_taut_within_20_degrees_or_taut_all_the_way_has_no_such_angle(
    tmp_path: Path, positive: str
) -> None:
    mcl, lcl, mcl_back, lcl_back = lengths_at(20.0)
    for longer, shorter in ((1e-6, 1e-6), (5.0, 5.0), (150.0, 45.0)):
        never = only(plant(tmp_path, constant(9, 0.05, mcl + longer, 0, 9, 0.05, lcl + longer, 0), positive=positive))
        always = only(
            plant(tmp_path, constant(9, 0.05, mcl_back - shorter, 0, 9, 0.05, lcl_back - shorter, 0), positive=positive)
        )
        for name in ("mcl.taut_angle", "lcl.taut_angle"):
            assert math.isnan(never[name])
            assert math.isnan(always[name])
    sign = 1.0 if positive == "valgus" else -1.0
    just = only(plant(tmp_path, constant(9, 0.05, mcl - 1e-6, 0, 9, 0.05, lcl_back + 1e-6, 0), positive=positive))
    assert just["mcl.taut_angle"] == pytest.approx(sign * 20.0, abs=1e-4)
    assert just["lcl.taut_angle"] == pytest.approx(sign * 20.0, abs=1e-4)


def test_each_draw_has_its_own_values_and_the_summary_the_share_that_becomes_taut(tmp_path: Path) -> None:
    draws = constant(9.0, 0.05, 84.0, 0.0, 9.0, 0.05, 60.0, 0.0)
    draws[..., 2] = MCL_THERE
    draws[1, ..., 2] = 140.0  # never taut: half of the draws, of a later ensemble
    draws[0, :, 0, 2] = 140.0  # and of one walker in four
    run = plant(tmp_path, draws)
    derived = run.derived()
    np.testing.assert_allclose(derived["mcl.stiffness_per_strain"], 9.0 * run.samples()[:, 2])
    angle = derived["mcl.taut_angle"]
    np.testing.assert_array_equal(np.isnan(angle), run.samples()[:, 2] == 140.0)
    entry = run.summary()["derived"]["mcl.taut_angle"]
    assert entry["share"] == 3.0 / 8.0
    assert entry["mean"] == entry["median"] == pytest.approx(ANGLE, abs=1e-9)
    assert entry["sd"] == pytest.approx(0.0, abs=1e-9)
    assert run.summary()["derived"]["lcl.taut_angle"]["share"] == 1.0


def test_an_angle_that_no_draw_has_is_unknown_and_not_nan(tmp_path: Path) -> None:
    run = plant(tmp_path, constant(9.0, 0.05, 140.0, 0.0, 9.0, 0.05, 60.0, 0.0))
    unknown = dict.fromkeys(("mean", "sd", "median", "q2.5", "q5", "q95", "q97.5"))
    unknown |= dict.fromkeys(("mcse_mean", "mcse_q5", "mcse_q95", "rhat", "ess_bulk", "ess_tail"))
    assert run.summary()["derived"]["mcl.taut_angle"] == {"unit": "deg", **unknown, "share": 0.0}


@pytest.mark.parametrize(
    "free",
    [("mcl.k", "lcl.k"), ("mcl.l_0", "lcl.alpha"), ("mcl.alpha", "lcl.l_0"), ("mcl.f_ref",), ("lcl.k", "lcl.f_ref")],
)
def test_fixed_parameters_count_as_free_ones_do(tmp_path: Path, free: tuple[str, ...]) -> None:
    values = dict(zip((f"mcl.{q}" for q in ("k", "alpha", "l_0", "f_ref")), (48.0, 0.08, 75.0, 3.0), strict=True))
    values |= zip((f"lcl.{q}" for q in ("k", "alpha", "l_0", "f_ref")), (25.0, 0.08, 50.0, -3.0), strict=True)
    fixed = {name: value for name, value in values.items() if name not in free}
    run = plant(tmp_path, constant(*(values[name] for name in free)), parameters=parameters_text(fixed))
    assert run.names == free
    derived = only(run)
    expected = {
        "mcl.stiffness_per_strain": 3600.0,
        "mcl.reference_strain": 1.0 / 15.0,
        "mcl.reference_tension": 100.0,
        "lcl.stiffness_per_strain": 1250.0,
        "lcl.reference_strain": 0.2,
        "lcl.reference_tension": 200.0,
    }
    assert {name: derived[name] for name in expected} == pytest.approx(expected)


def test_derived_quantities_are_named_in_this_order_and_of_some_draws(varus: Run) -> None:
    quantities = ("stiffness_per_strain", "reference_strain", "reference_tension", "taut_angle")
    derived = varus.derived(draws=100)
    of_knee = [f"laxity_{way}_{moment}Nm" for moment in (5, 10, 12) for way in ("valgus", "varus", "total")]
    of_strands = [f"{ligament}.{quantity}" for ligament in ("mcl", "lcl") for quantity in quantities]
    assert list(derived) == of_strands + of_knee
    some = spread_draws(varus.chains, 15, 121, 100 // 3).reshape(-1, 7)
    np.testing.assert_allclose(derived["mcl.stiffness_per_strain"], some[:, 0] * some[:, 2])
    np.testing.assert_allclose(derived["lcl.stiffness_per_strain"], 50.0 * some[:, 5])  # lcl.k is fixed
    np.testing.assert_allclose(derived["mcl.reference_strain"], 80.0 / some[:, 2] - 1.0)
    np.testing.assert_allclose(derived["lcl.reference_strain"], 60.0 / some[:, 5] - 1.0)


def test_derived_quantities_of_a_long_run_are_of_twenty_thousand_draws(
    varus: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, run = [], dataclasses.replace(varus)  # a run remembers what it has derived
    monkeypatch.setattr(
        "calibrate.draws.spread_draws", lambda *all: asked.append(all[1:]) or varus.chains.coords[:, :2]
    )
    run.derived()
    assert asked == [(0, 106, 20_000 // 3)]  # of the steps after burn-in


def test_draws_are_the_same_whether_the_chain_is_held_in_memory_or_read_in_parts(
    varus: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrate.draws._LONG", 300)
    found = []
    for most in (2**23, 0):
        monkeypatch.setattr("calibrate.draws._HELD", most)
        run = dataclasses.replace(varus)
        found.append([run.some_samples(), run.thinned(90), run.spread(300)])
    assert 0 < len(found[0][1]) <= 90
    for held, parts in zip(*found, strict=True):
        np.testing.assert_array_equal(held, parts)
