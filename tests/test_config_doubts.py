"""Doubts of a configuration, each to the letter, just met and just missed: sizes, places, parameters and sigma."""

import copy
import tomllib
from typing import Any

import pytest
from doubted import ANGLES, LOADS, known, measurement, nobody, nothing

from calibrate.config import Config
from calibrate.config.doubts import doubts_of, doubts_of_config, doubts_of_sigma
from calibrate.plausible import Doubt

# --- A configuration. -------------------------------------------------------------------------------------------------

# The condyles touch the plateau at y = -40; half way between their centres is x = 3.
CONFIG = """
[knee]
lateral_condyle = { centre = [24.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-18.0, -20.0], radius = 20.0 }
application_point = [3.0, -400.0]
mcl = { femur = [-40.0, 0.0], tibia = [-40.0, -80.0] }
lcl = { femur = [40.0, 0.0], tibia = [40.0, -60.0] }
[parameters.mcl]
k = 50.0
alpha = 0.06
l_0 = 80.0
[parameters.lcl]
k = 60.0
alpha = 0.07
l_0 = 60.0
f_ref = 1.0
[data]
file = "x.csv"
positive = "valgus"
"""


def config(**changes: Any) -> Config:
    """Return a configuration with some values changed; `__` stands for the point in a key."""
    document = copy.deepcopy(tomllib.loads(CONFIG))
    for key, value in changes.items():
        table, parts = document, key.split("__")
        for part in parts[:-1]:
            table = table.setdefault(part, {})
        table[parts[-1]] = value
    return Config.model_validate(document)


def said(**changes: Any) -> list[Doubt]:
    return list(doubts_of_config(config(**changes)))


def test_of_a_usual_configuration_nothing_is_odd() -> None:
    assert said() == []
    assert said(knee__application_point=None) == []


RADIANS = "flexion: 0 and {} degrees are next to nothing apart; is it in radians? degrees are wanted"


@pytest.mark.parametrize(
    ("flexion", "found"), [(0.5236, True), (2.0944, True), (0.5, False), (2.6201, False), (30, False)]
)
def test_flexion_in_radians_is_doubted(flexion: float, found: bool) -> None:
    text = RADIANS.format(f"{flexion:g}")
    assert said(data__flexion=flexion) == ([Doubt(text, refused=False)] if found else [])
    assert said(knee__reference_flexion=flexion) == ([Doubt(text, refused=False)] if found else [])


SIZES: dict[str, tuple[dict[str, Any], list[Doubt]]] = {
    "lateral radius": (
        {"knee__lateral_condyle__radius": 9.5},
        [nobody("knee.lateral_condyle.radius", "9.5", "radius")],
    ),
    "medial radius": ({"knee__medial_condyle__radius": 9.5}, [nobody("knee.medial_condyle.radius", "9.5", "radius")]),
    "radius in centimetres": (
        {"knee__medial_condyle__radius": 2.0},
        [nothing("knee.medial_condyle.radius", "2", "radius", "centimetres")],
    ),
    "condyles close together": (
        {"knee__lateral_condyle__centre": [12.0, -20.0]},
        [nobody("knee: the distance of the condyles' centres", "30", "spacing")],
    ),
    "condyles closer still": (
        {"knee__lateral_condyle__centre": [9.5, -20.0]},
        [nothing("knee: the distance of the condyles' centres", "27.5", "spacing")],
    ),
    "sides exchanged": (
        {"knee__lateral_condyle__centre": [-18.0, -20.0], "knee__medial_condyle__centre": [24.0, -20.0]},
        [],
    ),
    "one above the other": ({"knee__lateral_condyle__centre": [-18.0, -100.0]}, []),
    "a condyle within the other": (
        {"knee__lateral_condyle__radius": 62.0},
        [nobody("knee.lateral_condyle.radius", "62", "radius")],
    ),
    "the medial one within the other": (
        {"knee__medial_condyle__radius": 63.0},
        [nobody("knee.medial_condyle.radius", "63", "radius")],
    ),
    "ankle near, just": ({"knee__application_point": [3.0, -190.0]}, []),
    "ankle nearer": (
        {"knee__application_point": [3.0, -189.9]},
        [nobody("knee.application_point: its distance", "149.9", "lever")],
    ),
    "ankle in centimetres": (
        {"knee__application_point": [3.0, -45.0]},
        [nothing("knee.application_point: its distance", "5", "lever")],
    ),
    "strand long": (
        {"knee__mcl__tibia": [-40.0, -151.0], "parameters__mcl__l_0": 140.0},
        [nobody("knee.mcl: the distance of its attachments", "151", "strand")],
    ),
    "strand short": (
        {"knee__lcl__femur": [40.0, -40.0], "knee__lcl__tibia": [40.0, -59.0], "parameters__lcl__l_0": 20.0},
        [nobody("knee.lcl: the distance of its attachments", "19", "strand")],
    ),
    "one point": (
        {"knee__mcl__tibia": [-40.0, 0.0]},
        [Doubt("knee: mcl: femur and tibia are one point, the attachments coincide; check both", refused=True)],
    ),
    "nearly one point": (
        {"knee__lcl__tibia": [40.0, -0.5]},
        [
            nothing("knee.lcl: the distance of its attachments", "0.5", "strand"),
            Doubt(
                "knee.lcl.tibia = [40, -0.5] lies above the joint line; check its unit, all lengths are in mm, and its "
                "sign: x points laterally, y proximally",
                refused=True,
            ),
            Doubt(
                "parameters.lcl.l_0 = 60 mm, but its attachments are 0.5 mm apart: no ligament is stretched or slack "
                "by half of its length; check both",
                refused=True,
            ),
        ],
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_the_geometry(name: str) -> None:
    changes, expected = SIZES[name]
    assert said(**changes) == expected


def misplaced(key: str, x: str, y: str, place: str) -> list[Doubt]:
    return [
        Doubt(
            f"knee.{key} = [{x}, {y}] lies {place}; check its unit, all lengths are in mm, and its sign: x points "
            "laterally, y proximally",
            refused=True,
        )
    ]


WRONG = "on the wrong side of its condyle's centre"
PLACES: dict[str, tuple[dict[str, Any], list[Doubt]]] = {
    "femur at the joint line": ({"knee__mcl__femur": [-40.0, -40.0], "parameters__mcl__l_0": 60.0}, []),
    "femur below": (
        {"knee__mcl__femur": [-40.0, -40.1], "parameters__mcl__l_0": 60.0},
        misplaced("mcl.femur", "-40", "-40.1", "below the joint line"),
    ),
    "tibia at the joint line": ({"knee__lcl__tibia": [40.0, -40.0]}, []),
    "tibia above": (
        {"knee__lcl__tibia": [40.0, -39.9]},
        misplaced("lcl.tibia", "40", "-39.9", "above the joint line"),
    ),
    "the joint line is that of the lower condyle": (
        {
            "knee__lateral_condyle__radius": 25.0,
            "knee__lcl__femur": [40.0, -45.0],
            "knee__lcl__tibia": [40.0, -100.0],
        },
        [],
    ),
    "of the lower condyle, the medial one": (
        {"knee__medial_condyle__radius": 25.0, "knee__lcl__femur": [40.0, -45.0], "knee__lcl__tibia": [40.0, -100.0]},
        [],
    ),
    "MCL's femur at its condyle's centre": ({"knee__mcl__femur": [-18.0, 0.0]}, []),
    "MCL's femur lateral of it": (
        {"knee__mcl__femur": [-17.9, 0.0]},
        misplaced("mcl.femur", "-17.9", "0", WRONG),
    ),
    "LCL's femur at its condyle's centre": ({"knee__lcl__femur": [24.0, 0.0]}, []),
    "LCL's femur medial of it": ({"knee__lcl__femur": [23.9, 0.0]}, misplaced("lcl.femur", "23.9", "0", WRONG)),
    "MCL's tibia may be lateral": ({"knee__mcl__tibia": [0.0, -70.0]}, []),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_of_the_attachments(name: str) -> None:
    changes, expected = PLACES[name]
    assert said(**changes) == expected


def slack(name: str, found: str, distance: str) -> Doubt:
    return Doubt(
        f"parameters.{name}.l_0 = {found} mm, but its attachments are {distance} mm apart: no ligament is stretched or "
        "slack by half of its length; check both",
        refused=True,
    )


def bounds(lower: float, upper: float) -> dict[str, float]:
    return {"lower": lower, "upper": upper}


def test_slack_lengths_agree_with_the_attachments_within_a_factor_of_two() -> None:
    assert said(parameters__mcl__l_0=40.0) == []
    assert said(parameters__mcl__l_0=39.9) == [slack("mcl", "39.9", "80")]
    assert said(parameters__lcl__l_0=120.0) == []
    assert said(parameters__lcl__l_0=120.1) == [slack("lcl", "120.1", "60")]
    assert said(parameters__lcl__l_0=bounds(120.0, 140.0)) == []
    assert said(parameters__lcl__l_0=bounds(120.1, 140.0)) == [slack("lcl", "120.1 to 140", "60")]
    assert said(parameters__mcl__l_0=bounds(20.0, 40.0)) == []
    assert said(parameters__mcl__l_0=bounds(20.0, 39.9)) == [slack("mcl", "20 to 39.9", "80")]
    assert said(parameters__mcl__l_0=bounds(20.0, 140.0)) == []
    assert said(knee__lcl__tibia=[37.0, -77.77], parameters__lcl__l_0=30.0) == [slack("lcl", "30", "77.8")]


def far(key: str, ends: str, name: str, end: str) -> list[Doubt]:
    return [
        Doubt(
            f"{key}: bounds {ends} reach far beyond what was ever measured in a knee, {known(name)}: check the unit of "
            f"the {end} one",
            refused=False,
        )
    ]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mcl.k", 4.5, [nobody("parameters.mcl.k", "4.5", "k")]),
        ("lcl.k", 0.1, [nothing("parameters.lcl.k", "0.1", "k", "kN/mm")]),
        ("mcl.alpha", 0.4, [nobody("parameters.mcl.alpha", "0.4", "alpha")]),
        ("lcl.alpha", 6, [nothing("parameters.lcl.alpha", "6", "alpha", "per cent")]),
        ("mcl.l_0", 155.0, [nobody("parameters.mcl.l_0", "155", "l_0")]),
        ("mcl.f_ref", -600.0, [nobody("parameters.mcl.f_ref", "-600", "f_ref")]),
        ("lcl.f_ref", -2500.0, [nothing("parameters.lcl.f_ref", "-2500", "f_ref", "mN")]),
        ("mcl.k", bounds(0.2, 2000.0), []),
        ("mcl.k", bounds(0.0, 2000.0), []),
        ("mcl.k", bounds(0.0, 0.2), []),
        ("mcl.k", bounds(0.1, 0.2), [nothing("parameters.mcl.k", "0.1 to 0.2", "k", "kN/mm")]),
        ("mcl.k", bounds(0.005, 0.2), [nothing("parameters.mcl.k", "0.005 to 0.2", "k", "kN/mm")]),
        ("mcl.k", bounds(0.005, 0.3), [nothing("parameters.mcl.k", "0.005 to 0.3", "k", "kN/mm")]),
        ("mcl.k", bounds(0.004, 0.3), far("parameters.mcl.k", "0.004 to 0.3", "k", "lower")),
        ("mcl.k", bounds(0.1, 5.0), far("parameters.mcl.k", "0.1 to 5", "k", "lower")),
        ("mcl.k", bounds(0.1, 2000.0), far("parameters.mcl.k", "0.1 to 2000", "k", "lower")),
        ("mcl.k", bounds(0.1, 2001.0), far("parameters.mcl.k", "0.1 to 2001", "k", "upper")),
        ("lcl.k", bounds(2000.0, 2001.0), far("parameters.lcl.k", "2000 to 2001", "k", "upper")),
        ("lcl.k", bounds(0.0, 0.1), [nothing("parameters.lcl.k", "0 to 0.1", "k", "kN/mm")]),
        (
            "mcl.k",
            bounds(5e3, 2e5),
            [nothing("parameters.mcl.k", "5000 to 200000", "k", "N/m or N per strain (k l_0)")],
        ),
        ("mcl.f_ref", bounds(-2001.0, 0.0), far("parameters.mcl.f_ref", "-2001 to 0", "f_ref", "lower")),
        ("mcl.f_ref", bounds(-2000.0, 2000.0), []),
        ("mcl.alpha", bounds(0.0, 0.5), []),
        ("mcl.alpha", bounds(0.02, 12.0), far("parameters.mcl.alpha", "0.02 to 12", "alpha", "upper")),
    ],
)
def test_parameters_and_their_bounds(key: str, value: Any, expected: list[Doubt]) -> None:
    assert said(**{"parameters__" + key.replace(".", "__"): value}) == expected


def test_a_unit_is_guessed_by_the_end_that_is_nearer_to_what_has_a_meaning() -> None:
    found = said(parameters__mcl__l_0=bounds(0.5, 1.2))
    assert found == [nothing("parameters.mcl.l_0", "0.5 to 1.2", "l_0", "inches"), slack("mcl", "0.5 to 1.2", "80")]


# --- Sigma. -----------------------------------------------------------------------------------------------------------


def of_sigma(value: Any, kind: Any = None) -> list[Doubt]:
    return list(doubts_of_sigma(config(noise__sigma=value), kind))


def test_sigma_is_judged_by_the_kind_of_load() -> None:
    assert list(doubts_of_sigma(config(), "moment")) == []
    assert of_sigma(6.0) == of_sigma(6.0, "force") == []
    assert of_sigma(6.0, "moment") == [nobody("noise.sigma", "6", "sigma_moment")]
    assert of_sigma(0.004, "force") == [nobody("noise.sigma", "0.004", "sigma_force")]
    assert of_sigma(300.0) == [nothing("noise.sigma", "300", "sigma", "N·mm or mN")]
    assert of_sigma(300.0, "force") == [nothing("noise.sigma", "300", "sigma_force", "mN")]
    assert of_sigma(300.0, "moment") == [nothing("noise.sigma", "300", "sigma_moment", "N·mm or N·cm")]
    assert of_sigma(bounds(0.1, 26.0), "moment") == far("noise.sigma", "0.1 to 26", "sigma_moment", "upper")
    assert of_sigma(bounds(0.1, 26.0)) == []


def test_doubts_of_a_calibration_are_those_of_its_parts() -> None:
    odd = config(noise__sigma=6.0, parameters__mcl__k=4.5)
    data = measurement(ANGLES, [7.0] * 4, None, "moment", "deg")
    assert list(doubts_of(odd, {"": data})) == [
        nobody("parameters.mcl.k", "4.5", "k"),
        Doubt("all loads are 7: nothing was measured; check the column", refused=False),
        nobody("noise.sigma", "6", "sigma_moment"),
    ]
    force = measurement(ANGLES, LOADS, None, "force", "deg")
    assert list(doubts_of(config(noise__sigma=6.0), {"": force})) == []
