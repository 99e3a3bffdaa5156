"""Other programs' measurements that leave a choice or hold no test: refused in one line that says what to give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from their_files import (
    ANGLES,
    LOADS,
    as_date,
    case,
    formulas,
    german,
    matlab,
    matlab_73,
    opensim,
    rows,
    tdms,
    text,
    workbook,
    write,
)

from calibrate.errors import DataError
from calibrate.importing.choose import Answers
from calibrate.importing.convert import convert

HEAD = ["Angle [deg]", "Moment [Nm]"]
PLAIN = "Angle [deg],Moment [Nm]"
MIRRORED = [[-angle, load] for angle, load in rows()]


REFUSED: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "underscores": (case("s_underscore"), {}, "line 8, column angle_deg: '1_0' is no number as it stands; write 10"),
    "whole numbers or decimal commas": (case("r2_decimal_comma_sigma"), {}, "say --decimal point"),
    "OpenSim, whose torque?": (case("o_sto"), {}, "no column is surely the load .*--load: 'time', 'knee_add_r'"),
    "thousands": (
        german(body=[[a, f"{m}".replace(".", ".250,")] for a, m in rows()]).replace(",250", ".250"),
        {},
        "marks for thousands; write numbers without",
    ),
    "thousands, in a column by its name": (
        "Angle (deg);Moment (Nm)\n1,5;1.000,0\n2,5;3.000,0\n",
        {},
        r"column 'Moment \(Nm\)': '1.000,0' has marks",
    ),
    "thousands or decimals": (
        german("Winkel [°];Kraft [N]", body=[[5, "1.234"], [6, "2.500"], [-7, "-1.250"]]),
        {},
        "'1,234' may be a decimal one or one for thousands; say which with --decimal",
    ),
    "a point among commas, said": (
        german("Winkel [°];Kraft [N]").replace("-6,6", "6.600"),
        {"decimal": ","},
        "line 2: '6.600' has a point, and decimal marks are commas",
    ),
    "both marks": (german().replace("4,9", "4.9"), {}, "have different decimal marks"),
    "decimal commas between commas": (
        text(PLAIN, mark=","),
        {},
        "line 2: 4 cells, and the line above names 2 columns; if a comma",
    ),
    "Fortran": (text(PLAIN, body=[*rows(), ["1d0", 2]]), {}, "line 8.*'1d0' .*write 1e0"),
    "a word in a cell": (
        text(PLAIN, body=[*rows(), ["slipped", 2]]),
        {},
        "line 8, column Angle .deg.: 'slipped' is no number",
    ),
    "a spreadsheet's error": (
        text(PLAIN, body=[[1, "#REF!"], *rows()]),
        {},
        "line 2: '1', '#REF!' are neither all names",
    ),
    "another encoding": (german().encode("cp850"), {}, "surely the angle .*'Winkel .ø.'"),
    "a row behind a mark": (text(PLAIN, body=[*rows(), ["#N/A", 3]]), {}, "line 8: '#N/A' is a spreadsheet's error"),
    "infinite": (text(PLAIN, body=[*rows(), ["inf", 3]]), {}, "line 8.*'inf' is not finite"),
    "short row": (text(PLAIN, body=[*rows(), [3]]), {}, "line 8: 1 cells, but the header names 2"),
    "two angles": (
        text("Varus A [deg],Varus B [deg],Moment [Nm]", body=[[-a, a, m] for a, m in rows()]),
        {},
        "'Varus A .deg.', 'Varus B .deg.' may each be the angle; choose one with --angle",
    ),
    "two of one name": (
        text("Angle [deg],Angle [deg],Moment [Nm]", body=[[a, a, m] for a, m in rows()]),
        {},
        r"\(column 1\).*\(column 2\).*--angle",
    ),
    "moment and force": (
        text("Angle [deg],Moment [Nm],Force [N]", body=[[a, m, m] for a, m in rows()]),
        {},
        "may each be the load.*--load",
    ),
    "flexion and nothing else": (text("Flexion [deg],Torque [Nm]"), {}, "surely the angle.*choose one with --angle"),
    "a knee's angle": (text("knee_angle_r [deg],Moment [Nm]"), {}, "surely the angle.*choose one with --angle"),
    "a rotation": (text("Internal rotation [deg],Moment [Nm]"), {}, "surely the angle.*choose one with --angle"),
    "what was wanted": (text("Desired varus [deg],Moment [Nm]"), {}, "surely the angle.*choose one with --angle"),
    "a drawer force": (text("Angle [deg],Anterior drawer force [N]"), {}, "surely the load.*choose one with --load"),
    "no such column": (text(PLAIN), {"angle": "Varus"}, "--angle: no column 'Varus'; there are 'Angle .deg.'"),
    "one for both": (text(PLAIN), {"angle": "1", "load": "1"}, "cannot be angle and load"),
    "varus against valgus": (
        text("Valgus angle [deg],Varus moment [Nm]", body=MIRRORED),
        {"positive": "valgus"},
        "opposite directions; say what the load .*--load-positive",
    ),
    "falling": (
        text(PLAIN, body=MIRRORED),
        {},
        "loads fall as the angles rise.*say what the load counts .*--load-positive",
    ),
    "no sign": (text(PLAIN), {"positive": None}, "what does 'Angle .deg.' count as positive. say --positive varus"),
    "no sign, but a name": (
        text("Varus [deg],Torque [Nm]"),
        {"positive": None},
        "whose name speaks of varus.*--positive",
    ),
    "to the left of which knee": (text(PLAIN), {"positive": "left"}, "which knee is it. say --side"),
    "sides that differ": (text("Varus_r [deg],Torque_l [Nm]"), {}, "of different sides"),
    "another side": (
        text("Varus_r [deg],Torque_r [Nm]"),
        {"side": "left"},
        "--side left, but the columns are .* right knee",
    ),
    "no unit of the angle": (
        text("Angle,Moment [Nm]"),
        {},
        "the unit of 'Angle' is not said; say it with --angle-unit",
    ),
    "no unit of the load": (
        text("Angle [deg],Moment"),
        {},
        "the unit of 'Moment' is not said; say it with --load-unit",
    ),
    "units that differ": (text("Angle [deg],Moment [Nm]", body=[["rad", "Nm"], *rows()]), {}, "surely the angle"),
    "kip": (text("Angle [deg],Force [kip]"), {}, "in 'kip', which is not converted here .1 kip = 4448.2216152605 N."),
    "lbf": (text("Angle [deg],Force [lbf]"), {}, "in 'lbf', which is not converted here .1 lbf = 4.4482216152605 N."),
    "in-lb": (text("Angle [deg],Torque [in-lb]"), {}, "not converted here .1 lbf·in = 0.1129848290276167 N·m"),
    "kg": (text("Angle [deg],Load (kg)"), {}, "not converted here .1 kgf = 9.80665 N"),
    "volts": (text("Angle [deg],Torque [V]"), {}, "a voltage needs its calibration"),
    "Grad": (german("Winkel [Grad];Moment [Nm]"), {}, "'Grad' is German for degrees.*--angle-unit deg"),
    "a unit of something else": (text("Angle [deg],Moment [mm]"), {}, "surely the load|no unit of the load"),
    "moment in N": (text("Angle [deg],Moment [N]"), {}, "which is none of a moment; say the unit with --load-unit"),
    "N.mm taken for N.m": (
        text(PLAIN, body=[[a, m * 1000] for a, m in rows()]),
        {},
        "line 7: the largest moment_Nm = 9700 N·m means nothing .*N·mm",
    ),
    "degrees taken for radians": (
        text("Angle [rad],Moment [Nm]"),
        {},
        "line 7.*6.3 rad is beyond 45 degrees.*--angle-unit deg",
    ),
    "radians taken for degrees": (
        text(PLAIN, body=[[a / 57.3, m] for a, m in rows()]),
        {},
        "means nothing in a knee.*radians|is it in radians",
    ),
    "an angle of flexion": (text(PLAIN, body=[[a + 60, m] for a, m in rows()]), {}, "66.3 deg is beyond 45 degrees"),
    "no number in one column": (
        text(f"{PLAIN},Varus moment [Nm]", body=[[*r, ""] for r in rows()]),
        {},
        "no line has a number",
    ),
    "sigma in another unit": (
        text(f"{PLAIN},std [deg]", body=[[*r, 1] for r in rows()]),
        {"sigma": "std [deg]"},
        "in 'deg' and the load in Nm.*--sigma none",
    ),
    "sigma that is zero": (
        text(f"{PLAIN},sigma_Nm", body=[[*r, 0] for r in rows()]),
        {},
        "0 as a standard deviation.*--sigma none",
    ),
    "two sheets": (
        workbook(("a", [HEAD, *rows()]), ("b", [HEAD, *rows()])),
        {},
        "tables on the sheets 'a', 'b'; choose .*--sheet",
    ),
    "no such sheet": (workbook(("a", [HEAD, *rows()])), {"sheet": "b"}, "has no sheet 'b'; it has 'a'"),
    "formulas without values": (
        formulas(stored=False),
        {},
        "row 2: a formula without a stored value; open the file in",
    ),
    "a number made a date": (workbook(("a", as_date())), {}, "row 3, column Moment .Nm.: the date or time 2026-05-04"),
    "an error in a cell": (workbook(("a", [HEAD, *rows(), [1, "#N/A"]])), {}, "row 8.*'#N/A' is a spreadsheet's error"),
    "empty workbook": (workbook(("a", [])), {}, "no sheet holds a table"),
    "MATLAB, two structures": (
        matlab({n: {"angle_deg": np.array(ANGLES), "moment_Nm": np.array(LOADS)} for n in "ab"}),
        {},
        "'a.angle_deg', 'b.angle_deg' may each be the angle",
    ),
    "MATLAB, lengths": (
        matlab({"angle_deg": np.array(ANGLES), "moment_Nm": np.array(LOADS[:5])}),
        {},
        "different lengths .angle_deg 6, moment_Nm 5",
    ),
    "MATLAB, text alone": (matlab({"name": "knee"}), {}, "no variable with numbers in columns"),
    "MATLAB, cut short": (
        matlab({"angle_deg": np.array(ANGLES), "moment_Nm": np.array(LOADS)})[:300],
        {},
        "cannot be read as a MATLAB|surely the load",
    ),
    "HDF5 of somebody's": (matlab_73({"a": ANGLES})[512:], {}, "none of MATLAB's|cannot be read as a MATLAB"),
    "TDMS, lengths": (
        tdms(("g", "Varus", ANGLES, "deg"), ("g", "Torque", LOADS[:4], "Nm")),
        {},
        "different lengths .g/Varus 6, g/Torque 4",
    ),
    "TDMS, cut short": (
        tdms(("g", "Varus", ANGLES, "deg"), ("g", "Torque", LOADS, "Nm"))[:60],
        {},
        "is damaged or not whole",
    ),
    "OpenSim without a unit": (opensim(degrees=""), {}, "does not say inDegrees=yes or inDegrees=no"),
    "OpenSim, cut short": (opensim(count=7), {}, "its head says nrows=7, and there are 6; is the file whole"),
    "nothing": (b"", {}, "is empty"),
    "blank lines": (b"\n\n \n", {}, "is empty"),
    "a header alone": (PLAIN + "\n", {}, "no table of numbers"),
    "prose": ("Dear Ann,\nthe knee was fine.\n", {}, "no table of numbers with a header above it"),
    "bytes": (bytes(range(256)) * 40, {}, "control character|no text"),
    "control characters": (text("\x1b[31mAngle [deg],Moment [Nm]"), {}, r"line 1: the control character U\+001B"),
    "old Excel": (b"\xd0\xcf\x11\xe0" + bytes(600), {}, "an old Excel workbook .*save it as .xlsx"),
    "another archive": (b"PK\x03\x04" + bytes(600), {}, "an archive and no whole Excel workbook"),
    "a pickle": (b"\x80\x04\x95" + bytes(100), {}, "a pickle of Python's, which could run anything"),
    "a PDF": (b"%PDF-1.7\n", {}, "a PDF file"),
    "a wrong encoding": (german().encode("latin-1"), {"encoding": "utf-8"}, "is no text in utf-8"),
    "an unknown encoding": (german(), {"encoding": "klingon"}, "'klingon' is no encoding"),
    "a wrong separator": (german(), {"separator": "tab"}, "no table of numbers"),
    "no separator": (german(), {"separator": "x"}, "--separator x: use one of"),
    "a sheet of text": (german(), {"sheet": "a"}, "--sheet a: .* is text, which has no sheets"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(name: str, tmp_path: Path) -> None:
    content, said, says = REFUSED[name]
    path = write(tmp_path, content)
    with pytest.raises(DataError) as error:
        convert(path, Answers(**{"positive": "varus", **said}))
    message = str(error.value).replace(f"{tmp_path}/", "")
    assert re.search(says, message), message
    assert message.isprintable()
    assert len(message) < 400
