"""The table of plausible numbers, each of them at its ends, and each doubt to the letter: just met, just missed."""

import copy
import math
import tomllib
from typing import Any

import numpy as np
import pytest

from calibrate import plausible
from calibrate.config import Config
from calibrate.config.doubts import doubts_of, doubts_of_config, doubts_of_sigma
from calibrate.data import Measurement
from calibrate.errors import ConfigError, DataError
from calibrate.plausible import QUANTITIES, Doubt, doubts_of_data, refuse

LENGTHS = {"metres": 1e3, "centimetres": 10.0, "inches": 25.4, "micrometres": 1e-3}
# Of each quantity: unit, what has a meaning, what was measured, units mistaken and their size.
TABLE = {
    "k": ("N/mm", 0.2, 2000.0, 5.0, 500.0, {"N/m": 1e-3, "kN/mm": 1e3, "N per strain (k l_0)": 0.0125}),
    "alpha": ("", 0.0, 0.5, 0.01, 0.3, {"per cent": 0.01, "per mille": 0.001}),
    "l_0": ("mm", 10.0, 400.0, 20.0, 150.0, LENGTHS),
    "reference_strain": ("", -0.5, 0.5, -0.2, 0.2, {"per cent": 0.01}),
    "angle_offset": ("degrees", -45.0, 45.0, -20.0, 20.0, {}),
    "angle_sigma": ("degrees", 1e-6, 20.0, 0.001, 5.0, {"radians": 57.29577951308232}),
    "f_ref": ("N", -2000.0, 2000.0, -500.0, 500.0, {"mN": 1e-3}),
    "sigma_moment": ("N·m", 1e-5, 25.0, 0.001, 5.0, {"N·mm": 1e-3, "N·cm": 1e-2}),
    "sigma_force": ("N", 1e-5, 250.0, 0.005, 50.0, {"mN": 1e-3}),
    "sigma": ("N or N·m", 1e-5, 250.0, 0.001, 50.0, {"N·mm": 1e-3, "mN": 1e-3}),
    "radius": ("mm", 4.0, 100.0, 10.0, 40.0, LENGTHS),
    "spacing": ("mm", 28.0, 100.0, 35.0, 70.0, LENGTHS),
    "strand": ("mm", 10.0, 300.0, 20.0, 150.0, LENGTHS),
    "lever": ("mm", 50.0, 1000.0, 150.0, 600.0, LENGTHS),
    "moment": ("N·m", 0.0, 300.0, 0.5, 50.0, {"N·mm": 1e-3, "N·cm": 1e-2, "kN·m": 1e3}),
    "force": ("N", 0.0, 3000.0, 1.0, 500.0, {"mN": 1e-3, "kN": 1e3}),
    "angle_deg": ("degrees", 0.35, 45.0, 1.0, 45.0, {"radians": 57.29577951308232}),
}


def known(name: str) -> str:
    unit, _, _, low, high, _ = TABLE[name]
    return f"{low:g} to {high:g} {unit}".rstrip()


def nobody(key: str, value: str, name: str, row: int | None = None) -> Doubt:
    """Return the doubt about a number that nobody has measured."""
    number = f"{key} = {value} {TABLE[name][0]}".rstrip()
    _, _, _, low, high, mistaken = TABLE[name]
    size = abs(float(value)) if name in ("moment", "force", "angle_deg") else float(value)
    meant = " or ".join(unit for unit, factor in mistaken.items() if low <= size * factor <= high)
    about = f"nobody has measured that in a knee ({known(name)} is known); "
    about += f"is it in {meant}?" if meant else "check it and its unit"
    return Doubt(f"{number}: {about}", refused=False, row=row)


def nothing(key: str, value: str, name: str, units: str = "", row: int | None = None) -> Doubt:
    """Return the doubt about a number that means nothing, or nothing in its unit."""
    unit = TABLE[name][0]
    wanted = unit or "a plain number"
    guess = f"is it in {units}? {wanted} is wanted" if units else f"check the unit, {wanted} is wanted"
    number = f"{key} = {value} {unit}".rstrip()
    return Doubt(f"{number} means nothing in a knee ({known(name)} is known); {guess}", refused=True, row=row)


# --- One number. ------------------------------------------------------------------------------------------------------


def doubts(name: str, value: float) -> list[Doubt]:
    return list(plausible.doubts_of_number("x", QUANTITIES[name], value))


def test_the_table_has_these_quantities() -> None:
    assert set(QUANTITIES) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_numbers_are_doubted_beyond_the_ends_of_their_ranges_and_not_at_them(name: str) -> None:
    _, lowest, highest, low, high, _ = TABLE[name]
    for end, beyond, inside in ((low, -math.inf, lowest), (high, math.inf, highest)):
        assert doubts(name, end) == []
        if end != inside:
            assert [doubt.refused for doubt in doubts(name, math.nextafter(end, beyond))] == [False]
            assert doubts(name, inside) == [nobody("x", f"{inside:g}", name)]
        out = math.nextafter(inside, beyond)
        assert [doubt.refused for doubt in doubts(name, out)] == [True]


@pytest.mark.parametrize(("name", "unit"), [(name, unit) for name, row in TABLE.items() for unit in row[5]])
def test_the_unit_that_was_meant_is_guessed(name: str, unit: str) -> None:
    _, lowest, highest, low, high, mistaken = TABLE[name]
    for end in (low, high):
        for value in (0.999 * end / mistaken[unit], 1.001 * end / mistaken[unit]):
            if not lowest <= value <= highest:
                units = [u for u, factor in mistaken.items() if low <= value * factor <= high]
                assert doubts(name, value) == [nothing("x", f"{value:g}", name, " or ".join(units))]


def test_a_guess_may_be_at_the_very_end_of_what_was_measured() -> None:
    assert doubts("k", 5e3)[0].text.endswith("is it in N/m or N per strain (k l_0)? N/mm is wanted")
    assert doubts("k", 5e5)[0].text.endswith("is it in N/m? N/mm is wanted")


def test_units_are_those_of_the_table() -> None:
    assert {name: QUANTITIES[name].unit for name in TABLE} == {name: row[0] for name, row in TABLE.items()}
    assert {name: QUANTITIES[name].mistaken for name in TABLE} == {name: row[5] for name, row in TABLE.items()}


def test_a_number_with_no_unit_that_fits_is_told_the_unit_alone() -> None:
    assert doubts("lever", 7.0) == [nothing("x", "7", "lever", "inches")]
    assert doubts("lever", 2.0) == [nothing("x", "2", "lever")]
    assert doubts("alpha", 1000.0) == [nothing("x", "1000", "alpha")]
    assert doubts("alpha", 1000.0)[0].text == (
        "x = 1000 means nothing in a knee (0.01 to 0.3 is known); check the unit, a plain number is wanted"
    )
    assert doubts("k", 2400.0)[0].text == (
        "x = 2400 N/mm means nothing in a knee (5 to 500 N/mm is known); is it in N per strain (k l_0)? N/mm is wanted"
    )


@pytest.mark.parametrize("value", [float("nan")])
def test_what_is_no_number_means_nothing(value: float) -> None:
    assert doubts("k", value) == [nothing("x", "nan", "k")]


# --- Refusing. --------------------------------------------------------------------------------------------------------


def test_the_first_doubt_that_is_refused_is_raised_with_its_place() -> None:
    fine, bad, row = Doubt("odd", refused=False), Doubt("bad", refused=True), Doubt("low", refused=True, row=0)
    refuse([fine, fine], ConfigError)
    refuse([], ConfigError)
    for given, place, expected in (
        ([fine, bad, row], None, "knee.toml: bad"),
        ([fine, row, bad], None, "0: low"),
        ([row], lambda r: f"x.csv, line {r + 2}", "x.csv, line 2: low"),
    ):
        with pytest.raises(DataError) as error:
            refuse(given, DataError, *([place] if place else []), where="knee.toml")
        assert str(error.value) == expected
    with pytest.raises(ConfigError) as nowhere:
        refuse([bad], ConfigError)
    assert str(nowhere.value) == ": bad"


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


@pytest.mark.parametrize(("sigma", "said_so"), [(9.0, False), (9.1, True), (0.5, False)])
def test_a_sigma_above_all_loads_is_warned_of(sigma: float, said_so: bool) -> None:
    loads = np.array([-9.0, 1.0, 5.0])
    test = Measurement(np.array([-5.0, 0.0, 5.0]), loads, np.array([20.0, sigma, sigma]), "moment", "deg")
    words = [doubt.text for doubt in doubts_of_data(test) if "more than any load" in doubt.text]
    expected = "N·m at the least, more than any load, so the data say next to nothing; check the column and its unit"
    assert words == ([f"sigma is {sigma:g} {expected}"] if said_so else [])


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


# --- A measurement. ---------------------------------------------------------------------------------------------------


def measured(
    angles: list[float], loads: list[float], sigma: list[float] | None = None, kind: Any = "moment", unit: Any = "deg"
) -> list[Doubt]:
    return list(doubts_of_data(measurement(angles, loads, sigma, kind, unit)))


def measurement(
    angles: list[float], loads: list[float], sigma: list[float] | None, kind: Any, unit: Any
) -> Measurement:
    return Measurement(np.array(angles), np.array(loads), None if sigma is None else np.array(sigma), kind, unit)


ANGLES = [-5.0, -1.0, 2.0, 6.0]
LOADS = [-7.0, -2.0, 1.0, 9.0]
FALL = Doubt(
    "the loads fall as the angles rise (correlation -1.00), and a knee pushes back: one of the two columns counts the "
    "other direction as positive; change its sign",
    refused=False,
)
LARGEST = "the largest moment_Nm"


def test_of_a_usual_measurement_nothing_is_odd() -> None:
    assert measured(ANGLES, LOADS) == []
    assert measured(ANGLES, LOADS, [0.1, 0.2, 0.3, 0.4]) == []
    assert measured(ANGLES, LOADS, [0.1, 0.2, 0.3, 40.0], "force") == []


def test_the_largest_load_and_angle_are_looked_at() -> None:
    assert measured([-5.0, 46.0, 2.0], LOADS[:3]) == [
        nothing("the largest angle_deg", "46", "angle_deg", row=1),
    ]
    assert measured([-0.6, -0.9, 0.5], LOADS[:3]) == [nobody("the largest angle_deg", "-0.9", "angle_deg", row=1)]
    assert measured([-0.05, 0.0, 0.1], LOADS[:3]) == [
        nothing("the largest angle_deg", "0.1", "angle_deg", "radians", row=2)
    ]
    assert measured([-0.05, 0.0, 0.1], LOADS[:3], unit="rad") == []
    assert measured(ANGLES, [-60.0, -2.0, 1.0, 9.0]) == [nobody(LARGEST, "-60", "moment", row=0)]
    assert measured(ANGLES, [-60.0, -2.0, 1.0, 9e3]) == [nothing(LARGEST, "9000", "moment", "N·mm", row=3)]
    assert measured(ANGLES, [-60.0, -2.0, 1.0, 600.0], kind="force") == [
        nobody("the largest force_N", "600", "force", row=3)
    ]
    assert measured([0.0, 0.0], LOADS[:2]) == measured(ANGLES[:2], [0.0, 0.0]) == []


def test_the_smallest_and_the_largest_sigma_are_looked_at() -> None:
    name = "sigma_moment"
    assert measured(ANGLES, LOADS, [0.1, 0.2, 6.0, 0.3]) == [nobody("sigma_Nm", "6", name, row=2)]
    assert measured(ANGLES, LOADS, [0.1, 0.0001, 5.0, 0.3]) == [nobody("sigma_Nm", "0.0001", name, row=1)]
    assert measured(ANGLES, LOADS, [0.1, 1e-6, 26.0, 0.3]) == [
        nothing("sigma_Nm", "1e-06", name, row=1),
        nothing("sigma_Nm", "26", name, "N·mm or N·cm", row=2),
    ]
    force = [nobody("sigma_N", "60", "sigma_force", row=3)]
    assert measured(ANGLES, LOADS, [1.0, 2.0, 3.0, 60.0], "force") == force


def test_columns_that_do_not_vary() -> None:
    loads = [Doubt("all loads are 7: nothing was measured; check the column", refused=False)]
    angles = [Doubt("all angles are -5: nothing was turned; check them", refused=False)]
    assert measured(ANGLES, [7.0] * 4) == measured(ANGLES[:3], [7.0] * 3) == loads
    assert measured(ANGLES[:2], [7.0] * 2) == []
    assert measured([-5.0] * 4, LOADS) == measured([-5.0] * 3, LOADS[:3]) == angles
    assert measured([-5.0] * 2, LOADS[:2]) == []
    assert measured([-5.0] * 4, [7.0] * 4) == [*loads, *angles]
    assert measured(ANGLES, [-0.0] * 4)[0].text == "all loads are 0: nothing was measured; check the column"
    assert measured([-0.0] * 4, LOADS)[0].text == "all angles are 0: nothing was turned; check them"
    assert measured(ANGLES, [7.0, 7.0, 7.0, 7.9]) == measured([-5.0, -5.0, -5.0, -4.2], LOADS) == []


def test_loads_that_fall_as_the_angles_rise() -> None:
    falling = [-load for load in ANGLES]
    assert measured(ANGLES, falling) == [FALL]
    assert measured(ANGLES[:3], falling[:3]) == []  # three points may do that
    assert measured([a / 100.0 for a in ANGLES], falling, unit="rad") == [FALL]
    assert measured(ANGLES, [load / 12.0 for load in falling]) == [FALL]
    # A correlation of -0.5 exactly, and a little farther.
    assert measured([4.0, -4.0, 0.0, 0.0], [-3.0, 0.0, 3.0, 0.0]) == []
    assert "(correlation -0.5" in measured([4.0, -4.0, 0.0, 0.0], [-3.1, 0.0, 3.0, 0.0])[0].text
    assert measured([4.0, -4.0, 0.0, 0.0], [3.1, 0.0, -3.0, 0.0]) == []


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
