"""Headers: which column is which, and what each name that is not known is answered, to the letter."""

import re

import pytest

from calibrate.columns import KNOWN, SUFFIX, Columns, columns_of, known_name, refuse_opensim
from calibrate.errors import DataError

ANGLE = "angle_deg (degrees) or angle_rad (radians)"
LOAD = "force_N (newtons) or moment_Nm (newton metres)"
SIGMA = "sigma_N or sigma_Nm (standard deviation of the load)"
ALL = f"name the columns {ANGLE}, {LOAD}, and perhaps {SIGMA}, and remove the rest"
SEPARATED = (
    "columns are separated by commas in these files, not by semicolons or tabs; and numbers have a decimal point"
)
REST = "are all that is needed here"
IMPORT = "; 'calibrate import' takes what it needs of such files"


def refused(header: list[str]) -> str:
    with pytest.raises(DataError) as error:
        columns_of(header, "x.csv, line 3")
    return str(error.value)


def test_known_names() -> None:
    assert KNOWN == ("angle_deg", "angle_rad", "force_N", "moment_Nm", "sigma_N", "sigma_Nm", "direction")
    assert SUFFIX == {"force": "N", "moment": "Nm"}


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("angle_deg,moment_Nm", Columns("moment", "deg", None, False)),
        ("moment_Nm,angle_rad", Columns("moment", "rad", None, False)),
        ("force_N,angle_deg", Columns("force", "deg", None, False)),
        ("sigma_N,force_N,angle_rad", Columns("force", "rad", "sigma_N", False)),
        ("angle_deg,moment_Nm,sigma_Nm", Columns("moment", "deg", "sigma_Nm", False)),
        ("direction,angle_deg,moment_Nm", Columns("moment", "deg", None, True)),
    ],
)
def test_headers_that_are_understood(header: str, found: Columns) -> None:
    assert columns_of(header.split(","), "x.csv, line 3") == found


REFUSED = {
    "angle_deg,moment_Nm,time_s": "unknown column 'time_s'; remove it; angle_deg, moment_Nm {REST}",
    "1,2.5": "no header; the first line should name the columns, like angle_deg,moment_Nm",
    "1,2.5,": "unknown column '1'; {ALL}",
    "sep=": "'sep=' is for Excel alone; remove this line",
    "SEP=;": "'SEP=' is for Excel alone; remove this line",
    "sep=,": "'sep=' is for Excel alone; remove this line",
    "sep=;;": "{SEPARATED}",
    "% x,y": "'% x,y' is no header; begin a comment with '# '",
    "//x": "'//x' is no header; begin a comment with '# '",
    "!x": "'!x' is no header; begin a comment with '# '",
    "*x": "'*x' is no header; begin a comment with '# '",
    "'x": "\"'x\" is no header; begin a comment with '# '",
    "a;b": "{SEPARATED}",
    "X": "unknown column 'X'; {ALL}",
    "a\tb": "{SEPARATED}",
    "a;b,c": "unknown column 'a;b'; {ALL}",
    "angle_deg,force_N,": "column 3 has no name; remove it, or the comma too many",
    ",angle_deg": "column 1 has no name; remove it, or the comma too many",
    "angle_deg,sigma_Nm,force_N": "column sigma_Nm does not go with force_N; use sigma_N",
    "angle_deg,sigma_N,sigma_Nm,force_N": "column sigma_N does not go with force_N; use sigma_N",
    "angle_deg,sigma_Nm,sigma_N,force_N": "column sigma_Nm does not go with force_N; use sigma_N",
    "angle_deg,sigma_N,moment_Nm": "column sigma_N does not go with moment_Nm; use sigma_Nm",
    "angle_deg,angle_deg,force_N": "column 'angle_deg' stands there twice; keep one",
    "angle_deg,sigma_N": "no load column; one of force_N and moment_Nm is needed, found angle_deg, sigma_N",
    "force_N,sigma_N": "no angle column; one of angle_deg and angle_rad is needed, found force_N, sigma_N",
    "sigma_N": "no angle column; one of angle_deg and angle_rad is needed, found sigma_N",
    "angle_deg,angle_rad": "both angle_deg and angle_rad are there; keep one",
    "angle_rad,force_N,moment_Nm": "both force_N and moment_Nm are there; keep one",
    "angle_deg,time_s": "unknown column 'time_s'; {ALL}",
    "force_N,time_s": "unknown column 'time_s'; {ALL}",
    "angle_rad,force_N,time": "unknown column 'time'; remove it; angle_rad, force_N {REST}",
    "force_N,angle_rad,time,sigma_N": "unknown column 'time'; remove it; force_N, angle_rad, sigma_N {REST}",
    "sigma_N,time": "unknown column 'time'; {ALL}",
    "moment_Nm,rate,angle_rad": "unknown column 'rate'; remove it; moment_Nm, angle_rad {REST}",
}


@pytest.mark.parametrize("header", REFUSED)
def test_headers_that_are_refused(header: str) -> None:
    says = "x.csv, line 3: " + REFUSED[header].format(ALL=ALL, SEPARATED=SEPARATED, REST=REST)
    nameless = re.match("column [0-9]+ has no name", REFUSED[header])
    assert refused(header.split(",")) == says + (IMPORT if nameless or "unknown column" in says else "")


NAMES: dict[str | None, list[str]] = {
    "did you mean 'angle_deg'?": [
        "Angle_Deg",
        "angle deg",
        "Varus (°)",
        "valgus[degs]",
        "abduction{degree}",
        "anglee_deg",
        "angle degrees",
        "angl_deg",
        "theta/deg",
        "theta[deg]",
        "theta(deg)",
        "theta{deg}",
        "theta:deg",
        "theta deg",
        "theta\tdeg",
        "theta_deg",
        "winkel degs",
        "winkel degree",
        "winkel degrees",
        "winkel °",
        "theta (°)",
        "winkel rad deg",
    ],
    "did you mean 'angle_rad'?": [
        "anglerad",
        "rotation/rad",
        "theta:radians",
        "adduction rads",
        "engle_rad",
        "angle_radian",
        "angl_rad",
        "winkel rad",
        "winkel rads",
        "winkel radian",
        "winkel radians",
    ],
    "did you mean 'force_N'?": [
        "force-N",
        "forcen",
        "force_newton",
        "force newtons",
        "load_N",
        "forc_N",
        "load n",
        "load newton",
        "load newtons",
        "load deg n",
    ],
    "did you mean 'moment_Nm'?": [
        "momentnm",
        "load_Nm",
        "torque_n·m",
        "torque N-m",
        "moment n*m",
        "moment n.m",
        "moment_newtonmeter",
        "moment_newtonmetres",
        "moment newtonmeters",
        "moment newtonmetre",
        "load moment nm",
        "momnt_Nm",
        "torque (n m)",
        "torque nm",
        "torque n·m",
        "torque n-m",
        "torque n*m",
        "torque n.m",
        "torque n m",
        "torque [N m]",
        "torque newtonmeter",
        "torque newtonmeters",
        "torque newtonmetre",
        "torque newtonmetres",
    ],
    "did you mean 'sigma_N'?": ["SIGMA N", "std_N", "force error n", "sgima_N", "uncertainty N"],
    "did you mean 'sigma_Nm'?": ["sigma_nm", "error_Nm", "sigm_Nm"],
    "name it angle_deg (degrees) or angle_rad (radians)": [
        "angle",
        "winkel",
        "angle_angle",
        "angle_varus",
        "angle (",
        "my_angle",
        "valgus",
        "abduction",
        "adduction",
        "theta",
        "rotation",
    ],
    "name it angle_deg (degrees) or angle_rad (radians); if it is in another unit, convert the numbers": [
        "angle varus speed",
        "winkel_grad",
        "angle_mrad",
        "rotation speed",
        "angles nm m",
    ],
    "name it force_N (newtons)": ["force", "forces", "load force", "force__"],
    "name it force_N (newtons); if it is in another unit, convert the numbers": ["force_kN", "force load"],
    "name it force_N (newtons), and check the unit": ["force_deg"],
    "name it force_N (newtons) or moment_Nm (newton metres)": ["load"],
    "name it force_N (newtons) or moment_Nm (newton metres); if it is in another unit, convert the numbers": [
        "load_kg",
        "load angle",
        "load m",
    ],
    "name it force_N (newtons) or moment_Nm (newton metres), and check the unit": ["load_deg"],
    "name it moment_Nm (newton metres)": ["torque", "varus torque", "rotational_moment", "force moment"],
    "name it moment_Nm (newton metres), and check the unit": ["moment_N"],
    "name it sigma_N or sigma_Nm (standard deviation of the load)": ["sigma", "std", "error", "uncertainty", "stdev"],
    "name it sigma_N or sigma_Nm (standard deviation of the load); if it is in another unit, convert the numbers": [
        "uncertainty_kN",
        "std moment",
    ],
    "name it sigma_N or sigma_Nm (standard deviation of the load), and check the unit": ["stdev_rad"],
    None: [
        "knee_deg",
        "momemt_N",
        "xyz",
        "xyz_deg",
        "_",
        "2",
        "Drehmoment",
        "°",
        "n",
        "Nm",
        "agle_Nm",
        "m deg",
        "deg",
        "rad n m",
    ],
    "name it moment_Nm (newton metres); if it is in another unit, convert the numbers": ["moment of force"],
}


@pytest.mark.parametrize("remedy", NAMES)
def test_names_that_are_not_known(remedy: str | None) -> None:
    for name in NAMES[remedy]:
        assert refused([name, "else"]) == f"x.csv, line 3: unknown column {name!r}; {remedy or ALL}{IMPORT}"


OPENSIM = (
    "s.sto: this is a table of OpenSim's (.sto or .mot); read it with 'calibrate import', or write a CSV with columns "
    f"{ANGLE} and {LOAD}"
)


@pytest.mark.parametrize("text", ["endheader\n", "x\n \tEndHeader \r\n1 2\n", "x\n" * 49_994 + "\nendheader\n"])
def test_tables_of_opensim_are_refused(text: str) -> None:
    with pytest.raises(DataError) as error:
        refuse_opensim(text, "s.sto")
    assert str(error.value) == OPENSIM


@pytest.mark.parametrize("text", ["x endheader\n", "endheader x\n", "# endheaders\n", "x\n" * 49_996 + "endheader\n"])
def test_what_only_mentions_its_header_is_not(text: str) -> None:
    assert refuse_opensim(text, "s.sto") is None


@pytest.mark.parametrize("name", KNOWN)
def test_known_names_stay_as_they_are(name: str) -> None:
    assert known_name(name) == name


@pytest.mark.parametrize(
    ("name", "unit", "known"),
    [
        ("Angle [deg]", "", "angle_deg"),
        ("Angle", "(°)", "angle_deg"),
        ("angle_deg", "deg", "angle_deg"),
        ("Varus (rad)", "", "angle_rad"),
        ("Moment (Nm)", "", "moment_Nm"),
        ("Torque", "N·m", "moment_Nm"),
        ("Load [N]", "", "force_N"),
        ("Load [N-m]", "", "moment_Nm"),
        ("std [Nm]", "", "sigma_Nm"),
        ("std [N]", "", "sigma_N"),
        ("direction", "-", "direction"),  # no unit in the row of units
        # Other units, other joints, other quantities, and units that contradict: left as they are, to be refused.
        ("Moment [N.mm]", "", "Moment [N.mm]"),
        ("Force [kN]", "", "Force [kN]"),
        ("Moment [N]", "", "Moment [N]"),
        ("angle_deg", "rad", "angle_deg [rad]"),
        ("moment_Nm", "Nmm", "moment_Nm [Nmm]"),
        ("Angle", "", "Angle"),
        ("Knee angle [deg]", "", "Knee angle [deg]"),
        ("Flexion [deg]", "", "Flexion [deg]"),
        ("Desired varus [deg]", "", "Desired varus [deg]"),
        ("Torque error [Nm]", "", "Torque error [Nm]"),
        ("Internal rotation torque [Nm]", "", "Internal rotation torque [Nm]"),
        ("Time [s]", "", "Time [s]"),
    ],
)
def test_names_that_leave_no_choice(name: str, unit: str, known: str) -> None:
    assert known_name(name, unit) == known
