"""Other programs' measurements, file by file: each dialect read rightly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from their_files import (
    ANGLES,
    LOADS,
    case,
    formulas,
    german,
    matlab,
    matlab_73,
    merged,
    opensim,
    rows,
    tdms,
    text,
    workbook,
    write,
)

from calibrate.data import parse_measurement
from calibrate.importing.choose import Answers
from calibrate.importing.convert import convert

HEAD = ["Angle [deg]", "Moment [Nm]"]
PLAIN = "Angle [deg],Moment [Nm]"
MIRRORED = [[-angle, load] for angle, load in rows()]
RADIANS = np.deg2rad(ANGLES).tolist()


@dataclass
class Read:
    """A file that is read: its content, what is said of it, and what comes out if not the test as it is."""

    content: str | bytes
    said: Mapping[str, Any] = field(default_factory=dict)
    angles: list[float] = field(default_factory=lambda: ANGLES)
    loads: list[float] = field(default_factory=lambda: LOADS)
    of: str = "moment"
    unit: str = "deg"


READ = {
    "columns too many": Read(case("a_extra_columns")),
    "a robot's names": Read(case("b_robot_names")),
    "nothing measured": Read(case("c_nan_cells"), angles=ANGLES, loads=LOADS),
    "semicolons, decimal commas": Read(case("d_semicolon_comma")),
    "tabs": Read(case("e_tabs")),
    "empty column": Read(case("h_trailing_comma")),
    "row of units": Read(case("i_units_row")),
    "Excel's first line": Read(case("j_excel_sep_line")),
    "typesetters' minus": Read(case("l_unicode_minus")),
    "MATLAB's comments": Read(case("n_percent_comment")),
    "OpenSim, a torque of the knee's": Read(case("o_sto"), {"load": "knee_torque"}),
    "units in brackets": Read(case("x_degree_unit_header")),
    "German": Read(german()),
    "German, Latin-1": Read(german().encode("latin-1")),
    "byte order mark": Read(german().encode("utf-8-sig")),
    "UTF-16": Read(german().encode("utf-16")),
    "UTF-16 without a mark": Read(german().encode("utf-16-le")),
    "UTF-16, the other way": Read(german().encode("utf-16-be")),
    "an encoding that is said": Read(german().encode("cp850"), {"encoding": "cp850"}),
    "Windows with Excel's first line": Read("sep=;\r\n" + german(end="\r\n")),
    "old Mac": Read(german(end="\r")),
    "blanks": Read(text("Angle [deg]   Moment [Nm]", sep="   ")),
    "NumPy's header": Read(text("# angle_deg moment_Nm", sep=" ")),
    "decimal commas in quotes": Read(
        '"Angle [deg]","Moment [Nm]"\n' + "".join(f'"{a}","{m}"\n'.replace(".", ",") for a, m in rows())
    ),
    "lines above the header": Read(text(f"Time [s],{PLAIN}", "Specimen,K7", "", body=[[0.1, *r] for r in rows()])),
    "units below, time first": Read(
        german("Zeit;Winkel;Moment", "Probe 7", body=[["s", "°", "Nm"], *[[0.1, *r] for r in rows()]])
    ),
    "empty cells at the end": Read(german("Winkel [°];Moment [Nm];;", tail=";;")),
    "text beside": Read(text(f"{PLAIN},Remark", body=[[*r, "fine, so far".replace(",", "")] for r in rows()])),
    "time of day": Read(text(f"Time,{PLAIN}", body=[["12:30:01", *r] for r in rows()])),
    "no header": Read(
        text("", body=rows()).lstrip(), {"angle": "1", "load": "2", "angle_unit": "deg", "load_unit": "Nm"}
    ),
    "no units": Read(text("Winkel,Moment"), {"angle_unit": "deg", "load_unit": "N m"}),
    "names that say nothing": Read(text("A,B"), {"angle": "A", "load": "B", "angle_unit": "deg", "load_unit": "Nm"}),
    "N.mm": Read(text("Angle [deg],Moment [N.mm]", body=[[a, m * 1000.0] for a, m in rows()])),
    "N·cm": Read(text("Angle [°],Moment (N·cm)", body=[[a, round(m * 100.0, 6)] for a, m in rows()])),
    "kN·m": Read(text("Angle [°],Moment (kN·m)", body=[[a, m / 1000.0] for a, m in rows()])),
    "force": Read(text("Angle [deg],Force [N]"), of="force"),
    "kN": Read(text("Angle [deg],Force [kN]", body=[[a, m / 1000.0] for a, m in rows()]), of="force"),
    "radians": Read(
        text("Angle [rad],Moment [Nm]", body=[[r, m] for r, m in zip(RADIANS, LOADS, strict=True)]),
        angles=RADIANS,
        unit="rad",
    ),
    "two angles, one said": Read(
        text("Varus A [deg],Varus B [deg],Moment [Nm]", body=[[-a, a, m] for a, m in rows()]),
        {"angle": "Varus B [deg]"},
    ),
    "two of one name, by number": Read(
        text("Angle [deg],Angle [deg],Moment [Nm]", body=[[9.0, a, m] for a, m in rows()]), {"angle": "2"}
    ),
    "varus against valgus": Read(
        text("Valgus angle [deg],Varus moment [Nm]", body=[[a, -m] for a, m in rows()]),
        {"positive": "valgus", "load_positive": "varus"},
    ),
    "thousands that are decimals": Read(german(body=[[a, f"{m:.3f}"] for a, m in rows()])),
    "three decimals everywhere": Read(
        german(body=[["1.250", "1.234"], ["6.125", "2.500"], ["-7.750", "-1.250"]]),
        angles=[1.25, 6.125, -7.75],  # no angle has thousands
        loads=[1.234, 2.5, -1.25],
    ),
    "thousands or decimals, said": Read(
        german("Winkel [°];Kraft [N]", body=[[5, "1.234"], [6, "2.500"], [-7, "-1.250"]]),
        {"decimal": ","},
        angles=[5.0, 6.0, -7.0],
        loads=[1.234, 2.5, -1.25],
        of="force",
    ),
    "whole numbers, said": Read(
        case("r2_decimal_comma_sigma"), {"decimal": "."}, angles=[-4.0, 5.0, 6.0], loads=[5.0, 6.0, 0.0]
    ),
    "workbook": Read(workbook(("data", [HEAD, *rows()]))),
    "workbook with a title over all columns": Read(
        workbook(
            ("data", [["Knee 7"], ["t", "Varus", "Torque"], ["s", "deg", "N·m"], *[[0.1, *r] for r in rows()]]),
            edit=merged,
        )
    ),
    "workbook of text with commas": Read(
        workbook(("data", [HEAD, *[[str(c).replace(".", ",") for c in r] for r in rows()]]))
    ),
    "workbook, one of two sheets": Read(
        workbook(("a", [HEAD, [1, 2], [3, 4]]), ("b", [HEAD, *rows()])), {"sheet": "b"}
    ),
    "workbook, a table and a note": Read(workbook(("notes", [["made by", "Ann"]]), ("b", [HEAD, *rows()]))),
    "workbook with stored formulas": Read(formulas(stored=True)),
    "workbook that begins at C3": Read(
        workbook(("d", [[], [], [None, None, *HEAD], *[[None, None, *r] for r in rows()]]))
    ),
    "MATLAB structure": Read(matlab({"test": {"angle_deg": np.array(ANGLES), "moment_Nm": np.array(LOADS)}})),
    "MATLAB 4": Read(matlab({"angle_deg": np.array(ANGLES), "moment_Nm": np.array(LOADS)}, format="4")),
    "MATLAB, compressed": Read(
        matlab({"angle_deg": np.array(ANGLES), "moment_Nm": np.array(LOADS)}, do_compression=True)
    ),
    "MATLAB matrix with names": Read(
        matlab({"data": np.array(rows()), "colheaders": np.array(["Varus (deg)", "Torque (Nm)"], dtype=object)})
    ),
    "MATLAB matrix without names": Read(
        matlab({"M": np.array(rows())}), {"angle": "M(:,1)", "load": "M(:,2)", "angle_unit": "deg", "load_unit": "Nm"}
    ),
    "MATLAB, one of two structures": Read(
        matlab({n: {"angle_deg": np.array(ANGLES) * f, "moment_Nm": np.array(LOADS)} for n, f in (("a", 1), ("b", 2))}),
        {"sheet": "a"},
    ),
    "MATLAB 7.3": Read(matlab_73({"angle_deg": ANGLES, "moment_Nm": LOADS})),
    "TDMS, two groups": Read(
        tdms(
            ("State", "JCS Varus", ANGLES, "deg"),
            ("Kinetics", "JCS Load Varus Torque", LOADS, "N-m"),
            ("Raw", "Encoder", [1.0] * 9, "counts"),
        )
    ),
    "TDMS, one of two groups": Read(
        tdms(*[(g, n, v, u) for g in ("a", "b") for n, v, u in (("Varus", ANGLES, "deg"), ("Torque", LOADS, "Nm"))]),
        {"sheet": "b"},
    ),
    "OpenSim": Read(opensim()),
    "OpenSim in radians": Read(
        opensim(body=[[0.1, r, m] for r, m in zip(RADIANS, LOADS, strict=True)], degrees="inDegrees=no"),
        angles=RADIANS,
        unit="rad",
    ),
    "markup in names": Read(text("<b>Varus</b> angle [deg],Moment [Nm]")),
}


@pytest.mark.parametrize("name", READ)
def test_files_that_are_read(name: str, tmp_path: Path) -> None:
    file = READ[name]
    path = write(tmp_path, file.content)
    found = convert(path, Answers(**{"positive": "varus", **file.said}))
    measurement = found.measurement
    assert (measurement.kind, measurement.angle_unit) == (file.of, file.unit)
    assert measurement.angles.tolist() == file.angles
    if any(unit in name for unit in ("N.mm", "N·cm", "kN")):  # one rounding there and one back
        np.testing.assert_allclose(measurement.loads, file.loads, rtol=3e-16)
    else:
        assert measurement.loads.tolist() == file.loads
    assert found.positive == file.said.get("positive", "varus")
    again = parse_measurement(measurement.text)  # the file that is written is one of ours
    assert again.understood == ""
    assert again.loads.tolist() == measurement.loads.tolist()
