"""The table of plausible numbers, each of them at its ends, and each doubt to the letter: just met, just missed."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from doubted import ANGLES, LOADS, TABLE, measurement, nobody, nothing

from calibrate import plausible
from calibrate.data import Measurement
from calibrate.errors import ConfigError, DataError
from calibrate.plausible import QUANTITIES, Doubt, doubts_of_data, refuse

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


# --- A measurement. ---------------------------------------------------------------------------------------------------


def measured(
    angles: list[float], loads: list[float], sigma: list[float] | None = None, kind: Any = "moment", unit: Any = "deg"
) -> list[Doubt]:
    return list(doubts_of_data(measurement(angles, loads, sigma, kind, unit)))


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


def test_readings_written_again_are_told_and_readings_that_happen_to_agree_are_not() -> None:
    rng = np.random.default_rng(1)
    angles, loads = np.round(np.linspace(-6.0, 6.0, 12), 2), np.round(np.linspace(-9.0, 9.0, 12), 2)
    copies = (
        "{} of {} readings are copies of others to the last digit, and count as if they were new; remove them unless "
        "the knee was turned again"
    )

    def told(rows: np.ndarray) -> list[str]:
        return [doubt.text for doubt in measured(angles[rows].tolist(), loads[rows].tolist())]

    every = np.arange(12)
    assert told(np.repeat(every, 2)) == [copies.format(12, 24)]
    assert told(np.append(every, every)) == [copies.format(12, 24)]
    assert told(np.append(every, every[3:6])) == [copies.format(3, 15)]  # the file of a part, put behind
    assert told(np.append(every, every[3:5])) == [copies.format(2, 14)]
    assert told(np.append(every, every[3:4])) == told(every) == []
    many = np.linspace(-6.0, 6.0, 18)  # a tenth of twenty is not more than a tenth
    assert measured(*(np.append(x, x[3:5]).tolist() for x in (many, 2.0 * many))) == []
    assert told(np.append(every, rng.permutation(12))) == []  # turned again, in another order
    assert not any(
        doubt.refused is not False for doubt in measured(*(np.repeat(x, 2).tolist() for x in (angles, loads)))
    )
    other = np.append(angles, angles).tolist(), np.append(loads, loads + 0.01).tolist()
    assert measured(*other) == []
    up_and_down = measurement(*(np.append(x, x).tolist() for x in (angles, loads)), None, "moment", "deg")
    assert list(doubts_of_data(replace(up_and_down, direction=np.repeat([1.0, -1.0], 12)))) == []


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


@pytest.mark.parametrize(
    ("load", "sigma", "said_so"),
    [(9.0, 9.0, False), (9.0, 9.1, True), (9.0, 0.5, False), (0.5, 0.6, True), (0.0, 0.1, False)],
)
def test_a_sigma_above_all_loads_is_warned_of(load: float, sigma: float, said_so: bool) -> None:
    loads = np.array([-load, 0.1 * load, 0.5 * load])
    test = Measurement(np.array([-5.0, 0.0, 5.0]), loads, np.array([20.0, sigma, sigma]), "moment", "deg")
    found = [doubt for doubt in doubts_of_data(test) if "more than any load" in doubt.text]
    expected = "N·m at the least, more than any load, so the data say next to nothing; check the column and its unit"
    assert found == ([Doubt(f"sigma is {sigma:g} {expected}", refused=False)] if said_so else [])
