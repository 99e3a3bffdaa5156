"""Tables of numbers: what is read, what is refused, and that nothing is ever taken for what it is not."""

import contextlib
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, DATA

from calibrate.cli.model import numbers
from calibrate.config import load_config
from calibrate.data import parse_measurement, read_measurement, stored_measurement
from calibrate.errors import ConfigError, DataError
from calibrate.simulation import simulate
from calibrate.table import read_header

PLAIN = {
    "Windows": "angle_deg,force_N\r\n1,2\r\n3,4\r\n",
    "old Mac": "angle_deg,force_N\r1,2\r3,4\r",
    "byte order mark": "\ufeffangle_deg,force_N\n1,2\n3,4\n",
    "comments amid": "angle_deg,force_N\n1,2\n# truth: mcl.k = 40\n  # é\n3,4\n#",
    "blanks": "\n\nangle_deg,force_N\n\n1,2\n\n 3 , 4 \n   \n\t\n\n",
    "no end": "# hello\nangle_deg,force_N\n1,2\n3,4",
    "exponents": "angle_deg,force_N\n1e0,+.2E1\n3.,+4\n",
    "quoted header": '"angle_deg","force_N"\n1,2\n3,4\n',
    "quoted cells": 'angle_deg,force_N\n"1","2"\n3, "4" \n',
    "tab beside a comma": "angle_deg,\tforce_N\n1,\t2\n3\t,4\n",
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_are_read_in_every_spelling(name: str) -> None:
    measurement = parse_measurement(PLAIN[name])
    np.testing.assert_array_equal(measurement.angles, [1.0, 3.0])
    np.testing.assert_array_equal(measurement.loads, [2.0, 4.0])


def rows(*lines: str) -> str:
    return "\n".join(["angle_deg,force_N", "1,2", *lines]) + "\n"


# What is refused, and what the one line says of it.
REFUSED = {
    "underscore": (rows("1_0,2"), "line 3, column angle_deg: '1_0' .*write 10$"),
    "underscore in an exponent": (rows("1e0_1,2"), "'1e0_1'.*write 1e01$"),
    "Arabic digits": (rows("١٢,2"), "'١٢'.*write 12$"),
    "fullwidth digits": (rows("1,２．５"), "column force_N: '２．５'.*write 2.5$"),
    "minus of typesetters with an underscore": (rows("\u22121_0,2"), "'\u22121_0'.*write -10$"),
    "en dash": (rows("1,–2"), "write -2$"),
    "Fortran's exponent": (rows("1d1,2"), "'1d1'.*write 1e1$"),
    "no-break space": (rows("1,\u00a02"), "write 2$"),
    "apostrophe for thousands": (rows("1,1'000"), "write 1000$"),
    "hexadecimal": (rows("0x10,2"), "'0x10' is no number in decimal"),
    "float's own hexadecimal": (rows("0x1p3,2"), "'0x1p3' is no number"),
    "infinity": (rows("1,infinity"), "'infinity' is not finite; remove the line"),
    "minus infinity": (rows("1,-Inf"), "'-Inf' is not finite"),
    "overflow": (rows("1,1e400"), "line 3, column force_N: '1e400' is not finite"),
    "not a number": (rows("NaN,NaN"), "'NaN' is not finite; remove the line"),
    "nothing known": (rows("1,NA"), "'NA' is no number; remove the line"),
    "dash": (rows("1,--"), "'--' is no number; remove the line"),
    "two points": (rows("1,2.3.4"), "'2.3.4' is no number$"),
    "two signs": (rows("1,+-2"), "'\\+-2' is no number$"),
    "half an exponent": (rows("1,2e"), "'2e' is no number$"),
    "complex": (rows("1,2j"), "'2j' is no number$"),
    "two numbers in a cell": (rows("1,2 3"), "'2 3' is no number$"),
    "a unit behind": (rows("1,2 N"), "'2 N' is no number$"),
    "comment behind": (rows("1,2 # good"), "'2 # good' is no number$"),
    "escape": (rows("1,\x1b[31m2"), "line 3: the control character U\\+001B"),
    "vertical tab": (rows("1,2\x0b3,4"), "line 3: the control character U\\+000B"),
    "form feed": (rows("1,2\x0c3,4"), "line 3: the control character U\\+000C"),
    "file separator": (rows("1,2\x1c3,4"), "line 3: the control character U\\+001C"),
    "next line": (rows("1,2\x853,4"), "line 3: the control character U\\+0085"),
    "NUL": (rows("1,2\0"), "line 3: a NUL byte"),
    "line separator in a comment": (rows("# so\u20285,6"), "line 3: the control character U\\+2028"),
    "vertical tab in the header": ("angle_deg\x0b,force_N\n1,2\n", "line 1: the control character U\\+000B"),
    "open quote": (rows('1,"2'), "line 3: a quotation mark"),
    "quote within": (rows('1,2"'), "line 3: a quotation mark"),
    "half a cell in quotes": (rows('1,"2"3'), "line 3: a quotation mark"),
    "three quotes": (rows('"""1,2'), "line 3: a quotation mark"),
    "quote over two lines": (rows('1,"2', '3",4'), "line 3: a quotation mark"),
    "decimal commas in quotes": (rows('"1,5","2.5"'), "'2.5' and '1,5' have different decimal marks; write one"),
    "thousands in quotes": (rows('1,"2,500"'), "'2,500' may be a decimal one or one for thousands; say which"),
    "open quote in the header": ('"angle_deg,force_N\n1,2\n', "line 1: not CSV"),
    "decimal commas": (rows("1,5,2,5"), "line 3: 4 cells.*2 columns; if a comma stands for the decimal point"),
    "semicolons below": (rows("1;2"), "line 3: 1 cells.*not by semicolons or tabs"),
    "trailing comma": (rows("3,4,"), "line 3: 3 cells.*remove the comma at the end"),
    "long everywhere": ("angle_deg,force_N\n1,2,3\n1,2,3\n", "line 2: 3 cells"),
    "empty row of a spreadsheet": (rows(","), "line 3, column angle_deg: the cell is empty"),
    "empty quotes": (rows('1,""'), "line 3, column force_N: the cell is empty"),
    "units": ("angle_deg,moment_Nm\n[deg],[N.mm]\n1,2\n", "line 2, column angle_deg: .*a row of units"),
    "text": (rows("# x", "1,stiff"), "line 4, column force_N: 'stiff' is no number$"),
    "a very long cell": (rows("1," + "x" * 10**6), "column force_N: 'x{39}…' is no number$"),
    "bad truth below": (rows("# truth: mcl.k = forty"), "line 3, truth of mcl.k: 'forty' is no number"),
    "truth with an underscore": (rows("# truth: mcl.k = 4_0"), "line 3, truth of mcl.k: .*write 40"),
    "truth with a decimal comma": ("# truth: mcl.k = 4,5\n" + rows(), "line 1, truth of mcl.k: .*write 4.5"),
    "steep": (rows("46,2"), "line 3: angle_deg = 46 is beyond 45"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_number_is_refused_in_one_line(name: str) -> None:
    text, says = REFUSED[name]
    with pytest.raises(DataError) as error:
        parse_measurement(text, "x.csv")
    message = str(error.value)
    assert message.startswith("x.csv")
    assert re.search(says, message), message
    assert len(message) < 250
    assert message.isprintable()


HEADERS = {
    "angle": "angle_deg .degrees. or angle_rad .radians.",
    "Angle": "angle_deg .degrees. or angle_rad .radians.",
    "theta": "angle_deg .degrees. or angle_rad .radians.",
    "varus": "angle_deg .degrees. or angle_rad .radians.",
    "angle [deg]": "did you mean 'angle_deg'",
    "Angle (°)": "did you mean 'angle_deg'",
    "ANGLE_RAD": "did you mean 'angle_rad'",
    "JCS Varus [deg]": "did you mean 'angle_deg'",
    "angel_deg": "did you mean 'angle_deg'",
    "angle_mrad": "in another unit, convert",
    "moment": "name it moment_Nm",
    "Torque (N-m)": "did you mean 'moment_Nm'",
    "JCS Load Varus Torque [N-m]": "did you mean 'moment_Nm'",
    "moment_Nmm": "name it moment_Nm.*in another unit, convert",
    "moment_Ncm": "name it moment_Nm.*in another unit, convert",
    "force_kN": "name it force_N.*in another unit, convert",
    "force_lbf": "name it force_N.*in another unit, convert",
    "load": "force_N .newtons. or moment_Nm",
    "load [N]": "did you mean 'force_N'",
    "sigma": "sigma_N or sigma_Nm",
    "std_Nm": "did you mean 'sigma_Nm'",
    "time_s": "name the columns angle_deg",
    "\x41\u202e": "name the columns angle_deg",
    "": "column 1 has no name",
}


@pytest.mark.parametrize("name", HEADERS)
def test_unknown_columns_are_told_what_to_be_called(name: str) -> None:
    with pytest.raises(DataError) as error:
        parse_measurement(f"{name},else\n1,2\n", "x.csv")
    assert re.search(HEADERS[name], str(error.value)), str(error.value)
    if "another unit" in HEADERS[name]:
        assert "did you mean" not in str(error.value)


LABORATORIES = {
    "a_extra_columns": "unknown column 'time_s'; remove it; angle_deg, moment_Nm are all",
    "b_robot_names": "unknown column 'Timing .s.'; name the columns angle_deg",
    "c_nan_cells": "line 2, column angle_deg: 'NaN' is not finite; remove the line",
    "o_sto": "a table of OpenSim's .*write a CSV with columns",
    "r2_decimal_comma_sigma": "could be numbers with a decimal comma; write decimal points",
    "s_underscore": "line 8, column angle_deg: '1_0' .*write 10",
}


@pytest.mark.parametrize("name", LABORATORIES)
def test_what_laboratories_export_is_answered_in_one_line(name: str) -> None:
    path = DATA / "cases" / "csv" / f"{name}.csv"
    with pytest.raises(DataError) as error:
        read_measurement(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert re.search(LABORATORIES[name], message), message
    assert message.isprintable()


DIALECTS = {
    "d_semicolon_comma": "angle_deg, moment_Nm; cells separated by semicolons; decimal commas",
    "e_tabs": "angle_deg, moment_Nm; cells separated by tabs",
    "h_trailing_comma": "angle_deg, moment_Nm; empty cells at the ends of rows left out",
    "i_units_row": "angle_deg, moment_Nm; line 2 holds units",
    "j_excel_sep_line": "angle_deg, moment_Nm; 'sep=' is Excel's",
    "l_unicode_minus": "angle_deg, moment_Nm; \u2212 is a minus",
    "n_percent_comment": "angle_deg, moment_Nm; lines that begin with % are comments",
    "x_degree_unit_header": "angle_deg (from 'angle [deg]'), moment_Nm (from 'moment [Nm]')",
}


@pytest.mark.parametrize("name", DIALECTS)
def test_plain_dialects_are_read_and_said(name: str) -> None:
    measurement = read_measurement(DATA / "cases" / "csv" / f"{name}.csv")
    assert measurement.angles.tolist() == [-4.5, -4.1, -3.6, 5.6, 6.0, 6.3]
    assert measurement.loads.tolist() == [-6.6, -4.7, -2.8, 4.9, 7.3, 9.7]
    assert (measurement.kind, measurement.angle_unit) == ("moment", "deg")
    assert measurement.understood == f"understood as {DIALECTS[name]}"
    stored = stored_measurement(measurement.text, measurement.source)  # as a run keeps it
    assert stored.loads.tolist() == measurement.loads.tolist()


VANISHING = "#N/A,#N/A|#N/A,5|#NV,1|#NV|#REF!,1.5|#DIV/0!,2|#VALUE!|#WERT!,3|#NAME?,3|#N/D,1|#¡VALOR!,1|#NUM!,NaN"
VANISHING += "|#####,1|#-4.5,-6.6|#4.5,1|#YOK,2|  #NULL!,1|#n/a;5|#N/A\t5"


@pytest.mark.parametrize("line", VANISHING.split("|"))
def test_rows_that_would_vanish_as_comments_are_refused(line: str) -> None:
    with pytest.raises(DataError, match=r"x.csv, line 4: '#.*(error value|value or a comment).*'# '"):
        parse_measurement(rows("3,4", line, "5,6"), "x.csv")
    # A run that was made before this was refused still opens.
    assert stored_measurement(rows("3,4", line, "5,6"), "x.csv").angles.size == 3


COMMENTS = "#|# N/A|# 5,6|#remark|#Nina's knee, left|#bad, bad weather|##|#-----|#1. first arm|#not available|#\t5"
COMMENTS += "|#see note!|#truth: mcl.k = 40|#truth:mcl.k=40|# truth: mcl.k = 40"


@pytest.mark.parametrize("line", COMMENTS.split("|"))
def test_comments_are_comments(line: str) -> None:
    measurement = parse_measurement(rows("3,4", line, "5,6"))
    np.testing.assert_array_equal(measurement.angles, [1.0, 3.0, 5.0])
    assert measurement.truth == ({"mcl.k": 40.0} if "truth" in line else {})


def test_whole_numbers_in_three_columns_are_ambiguous_unless_one_has_a_point(tmp_path: Path) -> None:
    text = "# 1.5 is in a comment\nangle_deg,moment_Nm,sigma_Nm\n-4,5,6\n5,6,4\n"
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match="could be numbers with a decimal comma"):
        read_measurement(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text(text.replace("5,6\n", "5.0,6\n"))
    assert read_measurement(tmp_path / "x.csv").loads.tolist() == [5.0, 6.0]
    (tmp_path / "x.csv").write_text("angle_deg,moment_Nm\n-4,-5\n5,6\n")  # two columns are not
    assert read_measurement(tmp_path / "x.csv").loads.tolist() == [-5.0, 6.0]


def by_hand(text: str) -> list[list[float]] | None:
    """Read a text as the README says it; None if it is to be refused."""
    found = []
    for line in re.split("\r\n|\r|\n", text)[1:]:
        if line.strip(" \t") and not line.strip(" \t").startswith("#"):
            cells = [cell.strip(" \t") for cell in line.split(",")]
            cells = [cell[1:-1].strip() if re.fullmatch('"[^"]*"', cell) else cell for cell in cells]
            if len(cells) != 2 or not all(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", c) for c in cells):
                return None
            found.append([float(cell) for cell in cells])
    return found if found and all(abs(row[0]) <= 45 for row in found) and np.isfinite(found).all() else None


def test_scribbles_are_read_as_by_hand_or_refused() -> None:
    rng = np.random.default_rng(7)
    letters = list('0123456789+-.eE, \n\r#_x"\t')
    read = refused = 0
    for _ in range(3000):
        numbers = [[f"{value:.3g}" for value in row] for row in rng.normal(0.0, 9.0, (3, 2))]
        text = rows(*(",".join(row) for row in numbers))
        at = int(rng.integers(18, len(text)))
        text = text[:at] + str(rng.choice(letters)) + text[at + int(rng.integers(2)) :]
        expected = by_hand(text)
        if expected is None or "#" in text:  # a row behind a '#' is refused, too
            with contextlib.suppress(DataError):
                parse_measurement(text)
                assert expected is not None, text
            refused += 1
            continue
        measurement = parse_measurement(text)
        np.testing.assert_array_equal(np.column_stack([measurement.angles, measurement.loads]), expected)
        read += 1
    assert read > 500
    assert refused > 500


def test_lines_are_counted_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrate.table._CHUNK", 40)
    text = "# one\n\n# three\nangle_deg,force_N\n" + "".join(f"{i / 10},{i}\n# {i}\n" for i in range(50))
    measurement = parse_measurement(text)
    np.testing.assert_array_equal(measurement.loads, np.arange(50))
    for bad, line in (("40.0,x\n", 105), ("# truth: mcl.k = x\n", 105), ("46,1\n", 105), ("#NV,1\n", 105)):
        with pytest.raises(DataError, match=f"line {line}[,:]"):
            parse_measurement(text + bad)


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
    np.testing.assert_array_equal(parse_measurement(text).loads, [float(number) for number in hard])


@pytest.mark.parametrize(
    ("settings", "angles", "says"),
    [
        (["mcl.k=4_0"], None, "--set mcl.k=4_0: '4_0' is no number as it stands; write 40$"),
        (["mcl.k=٤٠"], None, "write 40$"),
        (["mcl.k=0x28"], None, "no number in decimal$"),
        (["mcl.k=inf"], None, "'inf' is not finite"),
        (["mcl.k="], None, "must be NAME=VALUE"),
        ([], "-8:8:1_0", "must be LOW:HIGH:N in degrees"),
        ([], "-8:8:2.5", "must be LOW:HIGH:N in degrees"),
        ([], "-1_0:8:5", "must be LOW:HIGH:N in degrees"),
    ],
)
def test_options_take_the_same_numbers_as_files(settings: list[str], angles: str | None, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        simulate(load_config(BOX), numbers("--set", [*settings, "noise.sigma=1"]), angles=angles)


def test_a_quoted_header_may_have_blanks_behind_its_commas() -> None:
    assert read_header('"angle_deg", "moment_Nm"\n1,2\n', "x.csv") == (1, ["angle_deg", "moment_Nm"])
