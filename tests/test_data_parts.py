"""Measurements with directions, parts of measurements, and files of other dialects: what becomes of each number."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_data_words import refused

from calibrate.data import (
    Measurement,
    checked_measurement,
    format_measurement,
    parse_measurement,
    stored_measurement,
)

FULL = "angle_deg,direction,moment_Nm,sigma_Nm\n-4,1,-6.5,0.5\n1,-1,2.5,0.25\n5,-1,7.5,0.75\n"


def test_directions_are_read_by_name_and_nothing_else_keeps_the_table() -> None:
    measurement = parse_measurement(FULL)
    assert measurement.direction is not None
    assert measurement.direction.tolist() == [1.0, -1.0, -1.0]
    assert measurement.direction.flags.owndata
    assert parse_measurement("angle_deg,moment_Nm\n1,2\n").direction is None


@pytest.mark.parametrize(
    ("before", "after", "line", "direction"),
    [("-4,1,", "-4,0,", 2, "0"), ("5,-1,", "5,2,", 4, "2"), ("1,-1,", "1,-0.5,", 3, "-0.5")],
)
def test_a_direction_is_up_or_down(before: str, after: str, line: int, direction: str) -> None:
    assert refused(FULL.replace(f"\n{before}", f"\n{after}")) == (
        f"x.csv, line {line}: direction = {direction}, but it has to be 1 (the load goes up) or -1 (it goes down)"
    )


def test_a_part_has_the_same_rows_of_every_column_and_all_else_of_the_whole() -> None:
    whole = parse_measurement(FULL, "x.csv")
    part = whole.part(np.array([2, 0]))
    assert (part.angles.tolist(), part.loads.tolist()) == ([5.0, -4.0], [7.5, -6.5])
    assert part.sigma is not None
    assert part.direction is not None
    assert (part.sigma.tolist(), part.direction.tolist()) == ([0.75, 0.5], [-1.0, 1.0])
    assert (part.text, part.source, part.kind, part.angle_unit) == (FULL, "x.csv", "moment", "deg")
    bare = parse_measurement("angle_deg,moment_Nm\n1,2\n3,4\n").part(slice(1, None))
    assert (bare.angles.tolist(), bare.loads.tolist()) == ([3.0], [4.0])
    assert (bare.sigma, bare.direction) == (None, None)


def test_what_is_written_with_directions_is_read_back() -> None:
    whole = parse_measurement(FULL)
    text = format_measurement(whole.angles, whole.loads, "moment", "deg", (), {}, whole.sigma, whole.direction)
    assert text == ("angle_deg,moment_Nm,sigma_Nm,direction\n-4.0,-6.5,0.5,1.0\n1.0,2.5,0.25,-1.0\n5.0,7.5,0.75,-1.0\n")


def test_a_measurement_made_in_python_has_no_dialect() -> None:
    made = Measurement(np.zeros(1), np.zeros(1), None, "force", "deg")
    assert (made.direction, made.understood, made.way) == (None, "", None)
    plain = parse_measurement(FULL)
    assert (plain.understood, plain.way) == ("", None)


SEMICOLONS = "angle_deg;moment_Nm\n-4,5;-6,5\n5,5;7,5\n"


@pytest.mark.parametrize("read", [parse_measurement, stored_measurement, checked_measurement])
def test_another_dialect_is_understood_and_the_text_stays_the_files(read: Callable[[str, str], Measurement]) -> None:
    measurement = read(SEMICOLONS, "x.csv")
    assert (measurement.angles.tolist(), measurement.loads.tolist()) == ([-4.5, 5.5], [-6.5, 7.5])
    assert (measurement.text, measurement.source) == (SEMICOLONS, "x.csv")
    assert measurement.understood.startswith("understood as angle_deg, moment_Nm; cells separated by semicolons")
    assert measurement.way is None


@pytest.mark.parametrize("read", [parse_measurement, stored_measurement, checked_measurement])
def test_the_plain_form_with_empty_cells_behind_is_understood_too(read: Callable[[str, str], Measurement]) -> None:
    text = "angle_deg,moment_Nm\n-4.5,-6.5,\n5.5,7.5,\n"
    measurement = read(text, "x.csv")
    assert (measurement.angles.tolist(), measurement.loads.tolist()) == ([-4.5, 5.5], [-6.5, 7.5])
    assert (measurement.text, measurement.source) == (text, "x.csv")


def test_columns_that_count_opposite_directions_are_refused_by_their_line() -> None:
    text = "% ours\nvarus angle [deg];valgus moment [Nm]\n-4,5;-6,5\n5,5;7,5\n"
    assert refused(text).startswith("x.csv, line 2: one column speaks of varus and one of valgus")


def test_names_that_speak_of_a_direction_are_kept_for_whoever_asks() -> None:
    measurement = parse_measurement("varus angle [deg];varus moment [Nm]\n-4,5;-6,5\n5,5;7,5\n")
    assert measurement.way == "varus"


@pytest.mark.parametrize(
    ("text", "read", "complaint"),
    [
        # Of a dialect, whatever is wrong is said of the file's own lines: here a comment stands above the header.
        ("% ours\n" + SEMICOLONS.replace("5,5;", "55;"), parse_measurement, "x.csv, line 4: angle_deg = 55 is beyond"),
        # 40 kN·m mean nothing in a knee; the line is the same in the plain form.
        ("% ours\n" + SEMICOLONS.replace("7,5", "40000"), checked_measurement, "x.csv, line 4: "),
        # Trailing commas alone leave the header as it is, and the complaint is about the file as it stands.
        ("angle_deg,moment_Nm\n1,2,\n3,x,\n", parse_measurement, "x.csv, line 2: "),
        ("angle_deg,moment_Nm\n1,2,\n50,4,\n", parse_measurement, "x.csv, line 2: "),
        # Whole numbers with semicolons hold no decimal comma, but in three columns of the plain form they could.
        ("angle_deg,moment_Nm,sigma_Nm\n-4,5,6\n5,6,4\n", checked_measurement, "x.csv: whole numbers in all of angle"),
    ],
)
def test_what_is_wrong_is_said_of_the_file(text: str, read: Callable[..., Any], complaint: str) -> None:
    assert refused(text, read).startswith(complaint)
