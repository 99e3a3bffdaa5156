"""Measurement files: units and signs settled on the way in, and what cannot be meant refused."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from calibrate import data
from calibrate.data import Measurement, format_measurement, parse_measurement, read_measurement
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
    "misspelt": ("angle_degrees,force_N\n1,2\n", r"unknown column 'angle_degrees'; did you mean 'angle_deg'\?"),
    "wrong case": ("angle_deg,Force_N\n1,2\n", r"unknown column 'Force_N'"),
    "sigma of the other load": ("angle_deg,force_N,sigma_Nm\n1,2,3\n", "sigma_Nm does not go with force_N"),
    "text": ("angle_deg,force_N\n1,2\n3,much\n", "line 3, column force_N: 'much' is no number"),
    "not a number": ("angle_deg,force_N\nnan,2\n", "line 2, column angle_deg: 'nan' is not finite"),
    "infinite": ("angle_deg,force_N\n1,1e999\n", "line 2, column force_N: '1e999' is not finite"),
    "empty cell": ("angle_deg,force_N\n1,\n", "line 2, column force_N: the cell is empty"),
    "short row": ("angle_deg,force_N\n1\n", "line 2: 1 cells, but the header names 2"),
    "semicolons": ("angle_deg;force_N\n1;2\n", "separated by commas"),
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


def read_both_ways(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Measurement | str, Measurement | str, bool]:
    """Read a text as it comes and line by line; a refusal is its message. Tells whether the quick way did."""
    found: list[Measurement | str] = []
    quick = data._read_quickly(text) is not None
    for _ in range(2):
        try:
            found.append(parse_measurement(text, "x.csv"))
        except DataError as error:
            found.append(str(error))
        monkeypatch.setattr(data, "_read_quickly", lambda text: None)
    monkeypatch.undo()
    return found[0], found[1], quick


def same(a: Measurement | str, b: Measurement | str) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    bits = all(
        np.array_equal(x.view(np.int64), y.view(np.int64)) for x, y in ((a.angles, b.angles), (a.loads, b.loads))
    )
    return bits and (a.truth, a.kind, a.angle_unit, a.sha256) == (b.truth, b.kind, b.angle_unit, b.sha256)


PLAIN = {
    "Windows": "angle_deg,force_N\r\n1,2\r\n3,4\r\n",
    "byte order mark": "\ufeffangle_deg,force_N\n1,2\n",
    "comments amid": "angle_deg,force_N\n1,2\n# truth: mcl.k = 40\n  # é\n3,4\n#",
    "blanks": "\n\nangle_deg,force_N\n\n1,2\n\n 3 , 4 \n\n",
    "no end": "# hello\nangle_deg,force_N\n1,2\n3,4",
    "exponents": "angle_deg,force_N\n1e-3,+2E2\n.5,-4.\n-0,0\n",
    "quoted header": '"angle_deg","force_N"\n1,2\n',
}
ODD = {
    "quoted cells": 'angle_deg,force_N\n"1","2"\n',
    "underscore": "angle_deg,force_N\n1_0,2\n",
    "digits of another script": "angle_deg,force_N\n١,2\n",
    "old Mac": "angle_deg,force_N\r1,2\r",
    "form feed": "angle_deg,force_N\n1,2\x0c3,4\n",
    "line separator in a comment": "angle_deg,force_N\n# so\u20285,6\n1,2\n",
    "vertical tab in the header": "angle_deg\x0b,force_N\n1,2\n",
    "spaces on a line": "angle_deg,force_N\n1,2\n   \n3,4\n",
    "hexadecimal": "angle_deg,force_N\n0x1p3,2\n",
    "comment behind": "angle_deg,force_N\n1,2 # good\n",
    "not finite": "angle_deg,force_N\n1,2\n1,1e400\n",
    "not a number": "angle_deg,force_N\n1,2\nnan,1\n",
    "two points": "angle_deg,force_N\n1,2.3.4\n",
    "short": "angle_deg,force_N\n1,2\n1\n",
    "long everywhere": "angle_deg,force_N\n1,2,3\n1,2,3\n",
    "empty cell": "angle_deg,force_N\n1,2\n1,\n",
    "bad truth below": "angle_deg,force_N\n1,2\n# truth: mcl.k = forty\n",
    "only comments below": "angle_deg,force_N\n# a,b\n",
    "steep": "angle_deg,force_N\n1,2\n46,2\n",
    "sigma": "angle_deg,force_N,sigma_N\n1,2,1\n1,2,-1\n",
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_are_read_at_once_as_line_by_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, by_line, quick = read_both_ways(PLAIN[name], monkeypatch)
    assert quick
    assert isinstance(at_once, Measurement)
    assert same(at_once, by_line)


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_what_they_are_line_by_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, by_line, _ = read_both_ways(ODD[name], monkeypatch)
    assert same(at_once, by_line)


def test_scribbles_mean_the_same_at_once_and_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    letters = list('0123456789+-.eE, \n\r#_x"\t')
    quick = 0
    for _ in range(3000):
        rows = [[f"{value:.3g}" for value in row] for row in rng.normal(0.0, 9.0, (3, 2))]
        text = "\n".join(["angle_deg,force_N", *(",".join(row) for row in rows)]) + "\n"
        at = int(rng.integers(18, len(text)))
        text = text[:at] + str(rng.choice(letters)) + text[at + int(rng.integers(2)) :]
        at_once, by_line, was_quick = read_both_ways(text, monkeypatch)
        assert same(at_once, by_line), text
        quick += was_quick
    assert 500 < quick < 2900  # both ways were tried


def test_decimals_are_rounded_correctly() -> None:
    # Halfway between two doubles, a hair above and below, subnormal, and longer than any double needs.
    half = "9007199254740993", "9007199254740993.0000000000000000000000000001", "9007199254740992.9999999999999999"
    hard = [
        *half,
        "1e23",
        "8.5e22",
        "2.2250738585072011e-308",
        "4.9e-324",
        "2.4703282292062328e-324",
        "0.1" + "0" * 60 + "1",
    ]
    rng = np.random.default_rng(8)
    hard += [f"{mantissa}e{exponent}" for mantissa, exponent in rng.integers([1, -320], [2**62, 280], (5000, 2))]
    text = "force_N,angle_deg\n" + "".join(f"{number},1\n" for number in hard)
    assert data._read_quickly(text) is not None
    np.testing.assert_array_equal(parse_measurement(text).loads, [float(number) for number in hard])
