"""Measurement files, case by case: what is stored, what is refused to the letter, and what is written."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrate import data as module
from calibrate.data import Measurement, format_measurement, parse_measurement, read_measurement, stored_measurement
from calibrate.errors import DataError

HEAD = "angle_deg,moment_Nm\n"


def refused(text: str, read: Callable[..., Any] = parse_measurement) -> str:
    with pytest.raises(DataError) as error:
        read(text, "x.csv")
    return str(error.value)


# --- What is stored. --------------------------------------------------------------------------------------------------


def test_columns_are_found_by_name_and_all_else_goes_along() -> None:
    text = "# truth: mcl.k = 40\nsigma_N,angle_rad,force_N\n1,0.1,3\n# truth: lcl.k = 5e1\n2,0.2,-4\n"
    measurement = parse_measurement(text, "x.csv")
    assert measurement.sigma is not None
    assert measurement.sigma.tolist() == [1.0, 2.0]
    assert measurement.angles.tolist() == [0.1, 0.2]
    assert measurement.loads.tolist() == [3.0, -4.0]
    assert (measurement.kind, measurement.angle_unit, measurement.unit) == ("force", "rad", "N")
    assert measurement.truth == {"mcl.k": 40.0, "lcl.k": 50.0}
    assert (measurement.text, measurement.source) == (text, "x.csv")
    for array in (measurement.sigma, measurement.angles, measurement.loads):
        assert array.flags.owndata  # not a view that keeps the whole table
        assert array.flags.c_contiguous
    moment = parse_measurement(HEAD + "1,2\n")
    assert (moment.kind, moment.angle_unit, moment.unit, moment.sigma) == ("moment", "deg", "N·m", None)
    assert (moment.source, moment.truth) == ("data", {})
    assert stored_measurement(HEAD + "1,2\n").source == "data"
    assert stored_measurement(HEAD + "1,2\n", "y.csv").source == "y.csv"
    assert moment.sha256 == hashlib.sha256(b"angle_deg,moment_Nm\n1,2\n").hexdigest()


def test_a_measurement_made_in_python_needs_its_numbers_alone() -> None:
    made = Measurement(np.zeros(1), np.zeros(1), None, "force", "deg")
    assert (made.truth, made.text, made.source) == ({}, "", "data")
    with pytest.raises(AttributeError):
        made.text = "x"  # type: ignore[misc]  # that is what is refused


def test_angles_are_converted_from_the_files_unit() -> None:
    half = np.array([90.0, -45.0])
    degrees = Measurement(half, half, None, "force", "deg")
    radians = Measurement(half, half, None, "force", "rad")
    assert degrees.to_radians(half).tolist() == [math.pi / 2, -math.pi / 4]
    assert radians.to_radians(half).tolist() == half.tolist()
    assert degrees.in_degrees(half).tolist() == half.tolist()
    assert radians.in_degrees(np.array([math.pi])).tolist() == [180.0]
    whole: Any = [1, 2]
    assert radians.to_radians(whole).dtype == degrees.in_degrees(whole).dtype == np.float64


# --- What is refused. -------------------------------------------------------------------------------------------------


def test_angles_may_reach_45_degrees() -> None:
    assert parse_measurement(HEAD + "-45,1\n45,1\n").angles.tolist() == [-45.0, 45.0]
    assert refused(HEAD + "1,1\n# x\n\n-45.5,1\n45.25,1\n") == (
        "x.csv, line 5: angle_deg = -45.5 is beyond 45 degrees, more than any varus-valgus test; check the column and "
        "its unit"
    )
    radians = "angle_rad,moment_Nm\n"
    assert parse_measurement(f"{radians}{math.pi / 4!r},1\n").angles.tolist() == [math.pi / 4]
    assert math.pi / 4 == module.MAX_ANGLE
    assert "angle_rad = 0.785398 is 45 degrees, beyond 45" in refused(f"{radians}{math.nextafter(math.pi / 4, 1)!r},1")
    assert refused(f"{radians}0.1,1\n-6,1\n5,1\n") == (
        "x.csv, line 3: angle_rad = -6 is -344 degrees, beyond 45; if the column is in degrees, name it angle_deg"
    )


def test_sigma_is_positive() -> None:
    head = "angle_deg,moment_Nm,sigma_Nm\n"
    assert refused(head + "1,2,0.25\n1,2,-0.5\n1,2,0\n") == (
        "x.csv, line 3: sigma_Nm = -0.5, but it has to be positive"
    )
    assert refused(head + "1,2,3\n\n1,2,0\n").startswith("x.csv, line 4: sigma_Nm = 0,")
    assert parse_measurement(head + "1,2,1e-300\n1,2,0.5\n").sigma is not None


def test_headers_tables_and_rows_are_refused_with_file_and_line() -> None:
    assert refused("\n# x\nangle_deg,angle_rad,force_N\n") == (
        "x.csv, line 3: both angle_deg and angle_rad are there; keep one"
    )
    assert refused("name\nendheader\n1 2\n").startswith("x.csv: this is a table of OpenSim's")
    assert refused("") == "x.csv: no header and no data; expected columns angle_deg and moment_Nm, or the like"
    assert refused(HEAD) == "x.csv: a header but no data below it"
    assert refused(HEAD + "1,x\n") == "x.csv, line 2, column moment_Nm: 'x' is no number"
    lost = "x.csv, line 3: '#NV' is a spreadsheet's error value; remove the line or fill it in (a comment begins with"
    assert refused(HEAD + "1,2\n#NV,3\n").startswith(lost)
    assert stored_measurement(HEAD + "1,2\n#NV,3\n", "x.csv").angles.size == 1
    assert parse_measurement("#NV,3\n" + HEAD + "1,2\n").angles.size == 1  # above the header no row can be lost
    assert refused("#NV,3\n" + HEAD + "#NV,3\n1,2\n").startswith("x.csv, line 3: '#NV'")


@pytest.mark.parametrize(
    ("comment", "truth"),
    [
        ("# truth: mcl.k = 40", {"mcl.k": 40.0}),
        ("#truth:mcl.k=40", {"mcl.k": 40.0}),
        ("#   truth:   noise.sigma   =  -2.5e0  ", {"noise.sigma": -2.5}),
        ("# truth: mcl.k 40", {}),
        ("# truth: mcl.k", {}),
        ("# truth mcl.k = 40", {}),
        ("# the truth: mcl.k = 40", {}),
        ("# truth: mcl.m = 40", {}),
        ("# Truth: mcl.k = 40", {}),
        ("# mcl.k = 40", {}),
        ("# mcl.k = 40 truth:", {}),
    ],
)
def test_comments_that_state_the_truth(comment: str, truth: dict[str, float]) -> None:
    assert parse_measurement(f"{comment}\n{HEAD}1,2\n").truth == truth
    assert parse_measurement(f"{HEAD}1,2\n{comment}\n").truth == truth


def test_truth_that_is_no_number() -> None:
    says = "x.csv, line 3, truth of mcl.k: 'much' is no number"
    assert refused(f"{HEAD}1,2\n# truth: mcl.k = much\n") == says
    assert refused(f"{HEAD}1,2\n# truth: mcl.k = much\n", stored_measurement) == says
    assert refused(f"# truth: mcl.k = 4 = 4\n{HEAD}1,2\n") == "x.csv, line 1, truth of mcl.k: '4 = 4' is no number"


# --- The file. --------------------------------------------------------------------------------------------------------


def unread(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_measurement(path)
    return str(error.value)


def test_numbers_that_cannot_be_meant_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert unread(path, "# x\n" + HEAD + "1,2.5\n\n2,9650\n").startswith(
        f"{path}, line 5: the largest moment_Nm = 9650 N·m means nothing in a knee"
    )
    path.write_text(HEAD + "1,2.5\n")
    assert read_measurement(path).source == read_measurement(str(path)).source == str(path)
    assert unread(path, HEAD + "1,x\n") == f"{path}, line 2, column moment_Nm: 'x' is no number"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_measurement(tmp_path / "none.csv")
    assert str(error.value) == f"{tmp_path / 'none.csv'}: no such file"
    (tmp_path / "x.csv").write_bytes(b"\xe4")
    with pytest.raises(DataError, match=r"so no CSV file; save it as UTF-8$"):
        read_measurement(tmp_path / "x.csv")


def test_a_measurement_too_large_for_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise MemoryError

    monkeypatch.setattr(module, "parse_measurement", full)
    monkeypatch.setattr(module, "read_text", lambda *_: "")
    with pytest.raises(DataError) as error:
        read_measurement("x.csv")
    assert str(error.value) == "x.csv: is too large for the memory that there is"
    assert error.value.__suppress_context__


THREE = "angle_deg,moment_Nm,sigma_Nm\n"
COMMAS = (
    "{}: whole numbers in all of angle_deg, moment_Nm, sigma_Nm could be numbers with a decimal comma; write decimal "
    "points, or if whole numbers are meant, at least one of them like 5.0"
)


@pytest.mark.parametrize(
    "text",
    [
        THREE + "-4,5,6\n5,6,4\n",
        "# 1.5\n" + THREE + "-4,5,6\n5,6,4\n",
        THREE + "-4,5,6\n  # 1.5 in a comment\n5,6,4\n",
        "\ufeff" + THREE + "-4,5,6\n5,6,4\n",
        "\n\n" + THREE + "-4,5,6\n5,6,4",
    ],
)
def test_three_columns_of_whole_numbers_may_be_decimal_commas(text: str, tmp_path: Path) -> None:
    assert unread(tmp_path / "x.csv", text) == COMMAS.format(tmp_path / "x.csv")
    assert parse_measurement(text).loads.tolist() == [5.0, 6.0]  # what is stored is not doubted again


@pytest.mark.parametrize(
    "text",
    [
        THREE + "-4,5,6\n5,6,4.0\n",
        THREE + "-4,5,6\n5,6,4e0\n",
        THREE + "-4.,5,6\n5,6,4\n",
        THREE + "-4,5E0,6\n5,6,4\n",
        THREE + "-4.5,5,6\n5,6,4\n",
        THREE + "-4,5.5,6\n5,6,4\n",
        THREE + "-4,5,2.5\n5,6,4\n",
        HEAD + "-4,5\n5,6\n",
    ],
)
def test_one_decimal_point_is_enough(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    assert read_measurement(tmp_path / "x.csv").loads.size == 2


# --- Writing. ---------------------------------------------------------------------------------------------------------


def test_what_is_written() -> None:
    angles, loads = np.array([0.1, -0.2]), np.array([1, 1 / 3])
    text = format_measurement(angles, loads, "force", "rad", ["made", "today"], {"mcl.k": 0.1, "noise.sigma": 2.0})
    assert text == (
        "# made\n# today\n# truth: mcl.k = 0.1\n# truth: noise.sigma = 2.0\nangle_rad,force_N\n0.1,1.0\n"
        "-0.2,0.3333333333333333\n"
    )
    whole: Any = [1, 2]
    with_sigma = format_measurement(whole, loads, "moment", "deg", [], {}, np.array([0.5, 0.25]))
    assert with_sigma == "angle_deg,moment_Nm,sigma_Nm\n1.0,1.0,0.5\n2.0,0.3333333333333333,0.25\n"
    with pytest.raises(ValueError, match="shorter"):
        format_measurement(angles, loads[:1], "force", "rad", [], {})
