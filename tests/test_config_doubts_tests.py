"""Doubts of a configuration with several tests, of its rarer parameters, and of places that no two axes share."""

from __future__ import annotations

from typing import Any

import pytest
from doubted import ANGLES, LOADS, known, measurement, nobody, nothing
from test_config_doubts import RADIANS, config, said, slack

from calibrate.config import Config
from calibrate.config.doubts import doubts_of
from calibrate.plausible import Doubt


def of_tests(a: dict[str, Any], b: dict[str, Any] | None = None, **changes: Any) -> Config:
    """Return a configuration of two tests in place of one."""
    both = {name: {"file": "x.csv", "positive": "valgus", **own} for name, own in (("a", a), ("b", b or {}))}
    return config(data=None, tests=both, **changes)


def said_of_tests(a: dict[str, Any], b: dict[str, Any] | None = None, **changes: Any) -> list[Doubt]:
    data = dict.fromkeys(("a", "b"), measurement(ANGLES, LOADS, None, "moment", "deg"))
    return list(doubts_of(of_tests(a, b, noise__sigma=changes.pop("sigma", 1.0), **changes), data))


def test_the_geometry_of_a_test_is_its_own_where_it_has_one() -> None:
    """Its MCL is 100 mm long and the shared one 80: slack by more than half are 39.9 mm here and 49.9 mm there."""
    long = {"mcl": {"tibia": [-40.0, -100.0]}}
    assert said_of_tests({"knee": long}) == []
    assert said_of_tests({"knee": {"mcl": {"tibia": [-40.0, -151.0]}}}, parameters__mcl__l_0=140.0) == [
        nobody("tests.a.knee.mcl: the distance of its attachments", "151", "strand")
    ]
    own = {"parameters": {"mcl": {"l_0": 49.9}}}
    found = "tests.a.parameters.mcl.l_0 = 49.9 mm, but its attachments are 100 mm apart"
    assert [doubt.text.partition(":")[0] for doubt in said_of_tests({"knee": long, **own})] == [found]
    assert said_of_tests({"knee": long}, own) == []  # of the other test, whose MCL is the shared one
    assert said_of_tests({"knee": long}, parameters__mcl__l_0=49.9) == []
    assert said_of_tests(own) == []


def test_attachments_that_coincide_in_a_test_are_named_by_it() -> None:
    (doubt,) = said_of_tests({"knee": {"mcl": {"tibia": [-40.0, 0.0]}}})
    assert doubt.text.startswith("tests.a.knee: mcl: femur and tibia are one point")


def test_each_test_has_its_own_sigma_or_the_shared_one_which_is_doubted_once() -> None:
    odd = {"noise": {"sigma": 7.0}}
    shared, own = nobody("noise.sigma", "6", "sigma_moment"), nobody("tests.a.noise.sigma", "7", "sigma_moment")
    assert said_of_tests({}, sigma=6.0) == [shared]
    assert said_of_tests(odd) == [own]
    assert said_of_tests(odd, sigma=6.0) == [own, shared]
    assert said_of_tests(odd, odd) == [own, nobody("tests.b.noise.sigma", "7", "sigma_moment")]


def test_doubts_of_data_name_their_test() -> None:
    data = {
        "a": measurement(ANGLES, LOADS, None, "moment", "deg"),
        "b": measurement(ANGLES, [7.0] * 4, None, "moment", "deg"),
    }
    text = "tests.b: all loads are 7: nothing was measured; check the column"
    assert list(doubts_of(of_tests({}), data)) == [Doubt(text, refused=False)]


def test_flexions_that_are_the_same_or_just_a_knees_whole_bend_in_radians() -> None:
    assert said(data__flexion=0.3, knee__reference_flexion=0.3) == []
    assert said(data__flexion=2.62) == [Doubt(RADIANS.format("2.62"), refused=False)]
    text = "flexion: 30.1 and 30.4 degrees are next to nothing apart; is it in radians? degrees are wanted"
    assert said(data__flexion=30.4, knee__reference_flexion=30.1) == [Doubt(text, refused=False)]


def test_a_parameter_that_is_tied_is_passed_over_and_what_follows_is_not() -> None:
    assert said(parameters__mcl__k="lcl.k", parameters__mcl__alpha=0.4) == [
        nobody("parameters.mcl.alpha", "0.4", "alpha")
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"parameters__mcl__l_0": None, "parameters__mcl__reference_strain": 0.3},
            [nobody("parameters.mcl.reference_strain", "0.3", "reference_strain")],
        ),
        ({"measurement__angle_offset": 30.0}, [nobody("measurement.angle_offset", "30", "angle_offset")]),
        ({"noise__angle_sigma": 6.0}, [nobody("noise.angle_sigma", "6", "angle_sigma")]),
    ],
)
def test_strains_offsets_and_errors_of_angles_are_looked_at(changes: dict[str, Any], expected: list[Doubt]) -> None:
    assert said(**{"noise__sigma": 1.0} | changes) == expected


def test_a_third_coordinate_counts_where_it_is_given() -> None:
    """Femur and tibia 80 mm apart along y and 60 along z are 100 apart."""
    ends = {"knee__mcl__femur": [-40.0, 0.0, 60.0], "knee__mcl__tibia": [-40.0, -80.0, 0.0]}
    assert said(**ends, parameters__mcl__l_0=50.0) == []
    assert said(**ends, parameters__mcl__l_0=49.9) == [slack("mcl", "49.9", "100")]


def test_a_knee_may_lie_anywhere_in_its_frame() -> None:
    """60 mm to the side, the medial centre is at positive x, and the attachments are on the right sides as before."""
    moved = {
        "knee__lateral_condyle__centre": [84.0, -20.0],
        "knee__medial_condyle__centre": [42.0, -20.0],
        "knee__application_point": [63.0, -400.0],
        **{"knee__mcl__femur": [20.0, 0.0], "knee__mcl__tibia": [20.0, -80.0]},
        **{"knee__lcl__femur": [100.0, 0.0], "knee__lcl__tibia": [100.0, -60.0]},
    }
    assert said(**moved) == []


def test_a_range_is_in_another_unit_only_if_all_of_it_would_be() -> None:
    """0.1 to 0.3 N/mm are 100 to 300 N/mm in kN/mm, and 0.1 to 4.9 would be up to 4900, which nobody has measured."""
    key = "parameters.mcl.k"
    assert said(parameters__mcl__k={"lower": 0.1, "upper": 0.3}) == [nothing(key, "0.1 to 0.3", "k", "kN/mm")]
    (doubt,) = said(parameters__mcl__k={"lower": 0.1, "upper": 4.9})
    assert not doubt.refused


def test_a_range_that_ends_where_what_was_measured_begins_is_not_in_another_unit() -> None:
    """A strain of -0.5 to -0.2 ends at the least that was measured; per cent would make it -0.005 to -0.002."""
    parameters = {"parameters__mcl__l_0": None, "noise__sigma": 1.0}
    assert said(**parameters, parameters__mcl__reference_strain={"lower": -0.5, "upper": -0.2}) == []
    key = "parameters.mcl.reference_strain"
    found = said(**parameters, parameters__mcl__reference_strain={"lower": -0.5, "upper": -0.21})
    assert found == [nothing(key, "-0.5 to -0.21", "reference_strain", "per cent")]


def test_a_prior_is_judged_by_what_holds_nearly_all_of_it() -> None:
    """95 % of a normal distribution are within 1.959964 sd: 2939.95 N of 1500."""
    text = (
        f"parameters.mcl.f_ref: its prior's 95 %, -2939.95 to 2939.95 reach far beyond what was ever measured in a "
        f"knee, {known('f_ref')}: check the unit of the upper one"
    )
    assert said(parameters__mcl__f_ref={"mean": 0.0, "sd": 1500.0}) == [Doubt(text, refused=False)]
