"""Measurement files: units and signs settled on the way in, and what cannot be meant refused."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from calibrate.data import format_measurement, parse_measurement, read_measurement
from calibrate.errors import DataError
from calibrate.examples import example


def test_real_knee_is_read_as_its_file_says() -> None:
    measurement = read_measurement(example("oks009_30deg.csv"))
    assert (measurement.kind, measurement.angle_unit, measurement.unit) == ("moment", "deg", "N·m")
    assert measurement.angles.size == 15
    assert measurement.angles[0] == -4.47
    assert measurement.loads[-1] == 9.65
    assert measurement.sigma is None
    np.testing.assert_allclose(measurement.to_radians(measurement.angles)[0], -4.47 * np.pi / 180, rtol=1e-15)


@pytest.mark.parametrize("unit", ["deg", "rad"])
@pytest.mark.parametrize("kind", ["force", "moment"])
def test_written_measurements_are_read_back_to_the_last_bit(unit: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    angles, loads = rng.uniform(-0.5, 0.5, 50), rng.normal(0, 20, 50)
    truth = {"mcl.k": 1 / 3, "noise.sigma": 2.0}
    back = parse_measurement(format_measurement(angles, loads, kind, unit, ["hello"], truth))
    np.testing.assert_array_equal(back.angles, angles)
    np.testing.assert_array_equal(back.loads, loads)
    assert back.truth == truth
    assert (back.kind, back.angle_unit) == (kind, unit)


def test_columns_may_come_in_any_order_with_comments_blanks_and_a_byte_order_mark(tmp_path: Path) -> None:
    lines = (
        "\ufeff# made today",
        "",
        "sigma_Nm, moment_Nm ,angle_rad",
        "0.5,-3,0.1",
        "# bad weather",
        "0.25,4,-0.1",
        "",
    )
    content = "\r\n".join(lines).encode()
    (tmp_path / "x.csv").write_bytes(content)
    measurement = read_measurement(tmp_path / "x.csv")
    np.testing.assert_array_equal(measurement.angles, [0.1, -0.1])
    np.testing.assert_array_equal(measurement.loads, [-3.0, 4.0])
    np.testing.assert_array_equal(measurement.sigma, [0.5, 0.25])
    assert measurement.sha256 == hashlib.sha256(content).hexdigest()


BAD = {
    "empty": ("", "no header and no data"),
    "only comments": ("# nothing\n", "no header and no data"),
    "only a header": ("angle_deg,force_N\n", "no data below it"),
    "no header": ("1,2\n3,4\n", "line 1: no header"),
    "no load": ("angle_deg,sigma_N\n1,2\n", "no load column; one of force_N and moment_Nm is needed"),
    "no angle": ("force_N\n2\n", "no angle column; one of angle_deg and angle_rad"),
    "two loads": ("angle_deg,force_N,moment_Nm\n1,2,3\n", "both force_N and moment_Nm"),
    "two angles": ("angle_deg,angle_rad,force_N\n1,2,3\n", "both angle_deg and angle_rad"),
    "twice the same": ("angle_deg,force_N,force_N\n1,2,3\n", "column 'force_N' stands there twice"),
    "misspelt": ("angel_deg,force_N\n1,2\n", r"unknown column 'angel_deg'; did you mean 'angle_deg'\?"),
    "wrong case": ("angle_deg,Force\n1,2\n", r"unknown column 'Force'"),
    "sigma of the other load": ("angle_deg,force_N,sigma_Nm\n1,2,3\n", "sigma_Nm does not go with force_N"),
    "text": ("angle_deg,force_N\n1,2\n3,much\n", "line 3, column force_N: 'much' is no number"),
    "not a number": ("angle_deg,force_N\nnan,2\n", "line 2, column angle_deg: 'nan' is not finite"),
    "infinite": ("angle_deg,force_N\n1,1e999\n", "line 2, column force_N: '1e999' is not finite"),
    "empty cell": ("angle_deg,force_N\n1,\n", "line 2, column force_N: the cell is empty"),
    "short row": ("angle_deg,force_N\n1\n", "line 2: 1 cells, but the header names 2"),
    "semicolons below commas": ("angle_deg,force_N\n1;2\n", "not by semicolons"),
    "sigma zero": ("angle_deg,force_N,sigma_N\n1,2,3\n# x\n1,2,0\n", "line 4: sigma_N = 0, but it has to be positive"),
    "degrees as radians": (
        "angle_rad,force_N\n0.1,2\n-6,5\n",
        "line 3: angle_rad = -6 is -344 degrees, beyond 45; if the column is in degrees",
    ),
    "too far": ("angle_deg,force_N\n60,2\n", "line 2: angle_deg = 60 is beyond 45 degrees"),
    "bad truth": ("# truth: mcl.k = much\nangle_deg,force_N\n1,2\n", "line 1, truth of mcl.k: 'much' is no number"),
    "open quote": ('angle_deg,force_N\n"1,2\n', "line 2"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_measurements_name_line_and_column(kind: str, tmp_path: Path) -> None:
    content, says = BAD[kind]
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DataError) as error:
        read_measurement(tmp_path / "x.csv")
    message = str(error.value)
    assert message.startswith(str(tmp_path / "x.csv"))
    assert re.search(says, message), message
    assert "\n" not in message


def test_remarks_about_truth_are_remarks() -> None:
    text = "# truth: the surgeon says 40\n# truth: lcl.k = 41.5\n# truth: mood = good\nangle_deg,force_N\n1,2\n"
    assert parse_measurement(text).truth == {"lcl.k": 41.5}


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_measurement(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_measurement(tmp_path)
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="UTF-8"):
        read_measurement(tmp_path / "binary.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_measurement("a\0b.csv")
