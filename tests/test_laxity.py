"""Laxity against angles worked out by hand: each way, sign, unit, load and side of the jump.

The knees are those of `planted`; the moments are those of `test_results`, worked out there and here as fractions.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from planted import ANGLE, TILTED, UPRIGHT, constant, plant
from test_derived import LCL_THERE, LOADS, MCL_BACK, MCL_THERE, SIDES, UNITS, data_of, only

from calibrate.knee.cached import CachedKnee
from calibrate.results import Run

# Upright knee, turned by the angle with sin = 11/61. Valgus: the lateral condyle bears, q - p = (-3160, -3060) / 61 and
# the MCL spans (720, -5480) / 61. Varus: the medial one bears, q - p = (3380, -1860) / 61 and the LCL spans
# (500, 4280) / 61, or for the MCL q - p = (-1640, -2180) / 61 and (640, 4600) / 61.
MCL_ARM = (3160.0 * 5480.0 + 3060.0 * 720.0) / 61.0**2 / MCL_THERE
LCL_ARM = -(3380.0 * 4280.0 + 1860.0 * 500.0) / 61.0**2 / LCL_THERE
MCL_ARM_BACK = (1640.0 * 4600.0 - 2180.0 * 640.0) / 61.0**2 / MCL_BACK
SLACK = (50.0, 0.05, 150.0, 0.0)


def strand(moment: float, length: float, arm: float, l_0: float, f_ref: float = 0.0) -> tuple[float, ...]:
    """Return a law far beyond its toe of 0.05 l_0 at a length, there with a moment [N·m]."""
    return ((1000.0 * moment / arm + f_ref) / (length - l_0 * 1.025), 0.05, l_0, f_ref)


@pytest.mark.parametrize("moment", [5.0, 10.0, 12.0])
@pytest.mark.parametrize(("positive", "load", "unit"), list(itertools.product(SIDES, LOADS, UNITS)))
def test_laxity_by_hand(tmp_path: Path, positive: str, load: str, unit: str, moment: float) -> None:
    """It is by pure moment and in degrees, whatever the file has, and in the file's sign."""
    sign = 1.0 if positive == "valgus" else -1.0
    data = data_of(load, unit)
    laws = (*strand(moment, MCL_THERE, MCL_ARM, 81.0), *strand(-moment, LCL_THERE, LCL_ARM, 61.0))
    derived = only(plant(tmp_path, constant(*laws), data=data, positive=positive))
    assert derived[f"laxity_valgus_{moment:g}Nm"] == pytest.approx(sign * ANGLE, abs=1e-9)
    assert derived[f"laxity_varus_{moment:g}Nm"] == pytest.approx(-sign * ANGLE, abs=1e-9)
    assert derived[f"laxity_total_{moment:g}Nm"] == pytest.approx(2.0 * ANGLE, abs=1e-9)
    totals = [derived[f"laxity_total_{other}Nm"] for other in (5, 10, 12)]
    assert totals == sorted(totals)
    assert len(set(totals)) == 3


def test_a_side_that_is_laxer_is_told_from_the_other(tmp_path: Path) -> None:
    laws = (*strand(12.0, MCL_THERE, MCL_ARM, 81.0), *strand(-5.0, LCL_THERE, LCL_ARM, 61.0))
    derived = only(plant(tmp_path, constant(*laws)))
    assert derived["laxity_valgus_12Nm"] == pytest.approx(ANGLE)
    assert 0.0 < derived["laxity_valgus_10Nm"] < ANGLE
    assert derived["laxity_varus_5Nm"] == pytest.approx(-ANGLE)
    assert derived["laxity_varus_10Nm"] < -ANGLE - 1.0


@pytest.mark.parametrize("f_ref", [-60.0, 60.0])
def test_the_tare_counts_as_in_a_reading(tmp_path: Path, f_ref: float) -> None:
    derived = only(plant(tmp_path, constant(*strand(10.0, MCL_THERE, MCL_ARM, 81.0, f_ref), *SLACK)))
    assert derived["laxity_valgus_10Nm"] == pytest.approx(ANGLE, abs=1e-9)


# Where both condyles touch the MCL has an arm of 20 mm about the medial contact and 60 about the lateral one, the LCL
# -60 and -20. Tensions beyond toes: k (80 - 1.025 l_0), k (60 - 1.025 l_0). With 300 N and 60 N the moment jumps from
# 2.4 to 16.8 N.m, with 60 N and 300 N from -16.8 to -2.4. On the tilted knee the arms are 13.6 and 73.6 mm, -66.4 and
# -6.4: from 0.1 to 21.7 N.m, and from -19.1 to 2.5.
def tight(mcl: float, lcl: float) -> tuple[float, ...]:
    """Return laws with these tensions where both condyles touch."""
    return (mcl / (80.0 - 78.925), 0.05, 77.0, 0.0, lcl / (60.0 - 59.45), 0.05, 58.0, 0.0)


@pytest.mark.parametrize("positive", SIDES)
@pytest.mark.parametrize(("knee", "middle"), [(UPRIGHT, 0.0), (TILTED, ANGLE)])
def test_a_moment_that_the_jump_passes_is_reached_where_both_condyles_touch(
    tmp_path: Path, knee: str, middle: float, positive: str
) -> None:
    sign = 1.0 if positive == "valgus" else -1.0
    valgus = only(plant(tmp_path, constant(*tight(300.0, 60.0)), knee=knee, positive=positive))
    varus = only(plant(tmp_path, constant(*tight(60.0, 300.0)), knee=knee, positive=positive))
    for moment in (5, 10, 12):
        assert valgus[f"laxity_valgus_{moment}Nm"] == pytest.approx(sign * middle, abs=1e-12)
        assert sign * valgus[f"laxity_varus_{moment}Nm"] < middle - 0.1
        assert varus[f"laxity_varus_{moment}Nm"] == pytest.approx(sign * middle, abs=1e-12)
        assert sign * varus[f"laxity_valgus_{moment}Nm"] > middle + 0.1
        for found in (valgus, varus):
            assert found[f"laxity_total_{moment}Nm"] > 0.1


def test_a_jump_that_falls_short_leaves_the_rest_to_the_turn(tmp_path: Path) -> None:
    derived = only(plant(tmp_path, constant(*tight(150.0, 50.0))))  # up to 8 N.m
    assert derived["laxity_valgus_5Nm"] == pytest.approx(0.0, abs=1e-12)
    assert 0.05 < derived["laxity_valgus_10Nm"] < derived["laxity_valgus_12Nm"]


@pytest.mark.parametrize("positive", SIDES)
def test_a_moment_already_passed_where_both_touch_is_looked_for_the_other_way(tmp_path: Path, positive: str) -> None:
    sign = 1.0 if positive == "valgus" else -1.0
    laws = (*strand(10.0, MCL_BACK, MCL_ARM_BACK, 60.0), *SLACK)  # where both touch, 11.7 N.m and 35
    derived = only(plant(tmp_path, constant(*laws), positive=positive))
    assert derived["laxity_valgus_10Nm"] == pytest.approx(-sign * ANGLE, abs=1e-9)
    assert derived["laxity_valgus_12Nm"] == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(derived["laxity_valgus_5Nm"])  # it is still more at 20 degrees


def test_what_is_not_reached_within_20_degrees_is_unknown(tmp_path: Path) -> None:
    soft = only(plant(tmp_path, constant(0.01, 0.05, 80.0, 0.0, 40.0, 0.05, 60.0, 0.0)))
    for moment in (5, 10, 12):
        assert math.isnan(soft[f"laxity_valgus_{moment}Nm"])
        assert math.isnan(soft[f"laxity_total_{moment}Nm"])
        assert -20.0 < soft[f"laxity_varus_{moment}Nm"] < 0.0
    # The MCL's moment at 20 degrees, by the model's own statics: just enough, and just not.
    run = plant(tmp_path, constant(10.0, 0.05, 80.0, 0.0, *SLACK))
    (at_end,) = CachedKnee.build(run.posterior.geometry(), np.deg2rad([20.0]), "moment", "valgus").loads(
        run.posterior.law(run.samples()[:1])
    )[0]
    for factor, reached in ((1.0 + 1e-6, True), (1.0 - 1e-6, False)):
        derived = only(plant(tmp_path, constant(factor * 10.0 * 10.0 / at_end, 0.05, 80.0, 0.0, *SLACK)))
        assert math.isfinite(derived["laxity_valgus_10Nm"]) is reached
        assert derived["laxity_valgus_5Nm"] < 20.0


def test_each_draw_has_its_own_laxity_and_the_summary_the_share(tmp_path: Path) -> None:
    draws = constant(*strand(10.0, MCL_THERE, MCL_ARM, 81.0), *SLACK)
    draws[1, ..., 0] = 0.01
    run: Run = plant(tmp_path, draws)
    entry = run.summary()["derived"]["laxity_valgus_10Nm"]
    assert (entry["unit"], entry["share"]) == ("deg", 0.5)
    assert entry["median"] == pytest.approx(ANGLE)
    assert np.isnan(run.derived()["laxity_valgus_10Nm"]).sum() == run.draws // 2
