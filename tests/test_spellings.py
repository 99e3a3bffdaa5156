"""How units and columns are spelt: every word that is understood, what it says, and how sure that is."""

from __future__ import annotations

import pytest

from calibrate.spellings import foreign, is_unit, name_of, unit_of

UNITS = {
    ("angle", "deg", 1.0, 1.0): "deg|[deg]|(°)|{°}|Degrees|DEG|º|[ deg ]|deg.|degs|degree|°",
    ("angle", "rad", 1.0, 1.0): "rad|[rad]|Radians|RAD|rads|radian",
    ("force", "N", 1.0, 1.0): "N|n|(N)|Newton|newtons",
    ("force", "N", 1e3, 1.0): "kN|[kN]",
    ("force", "N", 1.0, 1e3): "mN",
    ("moment", "Nm", 1.0, 1.0): "Nm|N.m|N·m|N-m|N m|N*m|nm|NM|N⋅m|N∙m|N•m|N×m|N–m|N_m|[N.m]|kN.mm|"
    "Newtonmetre|newtonmetres|newtonmeter|newton meters",
    ("moment", "Nm", 1.0, 1e3): "Nmm|N.mm|N·mm|nmm|NMM|N mm|mN.m|mNm|newtonmillimeter|newtonmillimetre",
    ("moment", "Nm", 1.0, 1e2): "Ncm|N.cm|N·cm|ncm",
    ("moment", "Nm", 1e3, 1.0): "kNm|kN·m",
}


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit(unit: tuple[str, str, float, float]) -> None:
    for spelt in UNITS[unit].split("|"):
        assert unit_of(spelt) == unit, spelt
        assert foreign(spelt) is None
        assert is_unit(spelt)


FOREIGN = {
    "1 lbf = 4.4482216152605 N": "lbf|lb|lbs|pound|Pounds|LBF",
    "1 kip = 4448.2216152605 N": "kip|kips",
    "1 lbf·in = 0.1129848290276167 N·m": "lbf·in|in-lbf|lb-in|in-lb|in lbs|lbs in",
    "1 lbf·ft = 1.3558179483314004 N·m": "lbf·ft|ft·lbf|lb-ft|ft-lb|ft lbs|lbs ft",
    "1 kgf = 9.80665 N": "kgf|kg|kp|g|gf",
    "1 kgf·m = 9.80665 N·m": "kgf·m|kg m|kp·m|kgf cm|kg·cm",
    "1 mrad = 0.001 rad": "mrad",
    "1 gon = 0.9 degrees, but 'Grad' is German for degrees": "Grad|gon|gons",
    "1 turn = 360 degrees": "rev|turn|turns",
    "a mega-newton is none of a knee": "MN|MN.m",
    "a voltage needs its calibration": "V|v|mV",
}


@pytest.mark.parametrize("says", FOREIGN)
def test_units_that_are_known_and_not_converted(says: str) -> None:
    for spelt in FOREIGN[says].split("|"):
        assert unit_of(spelt) is None
        assert foreign(spelt) == says, spelt
        assert is_unit(spelt)


@pytest.mark.parametrize(
    "spelt", ["", "mm", "s", "deg/s", "Nm/deg", "N/mm", "%", "K", "x", "Mn", "mn", "kn", "KNM", "knm", "mnm", "knmm"]
)
def test_what_is_no_unit_here(spelt: str) -> None:
    assert unit_of(spelt) is None
    assert foreign(spelt) is None


@pytest.mark.parametrize(
    ("name", "quantity", "sure", "unit", "way", "side"),
    [
        ("JCS Load Varus Torque [N-m]", "moment", 2, "N-m", "varus", None),
        ("JcsVarusAngle (deg)", "angle", 2, "deg", "varus", None),
        ("knee_adduction_r", "angle", 2, None, "varus", "right"),
        ("L abduction moment, Nm", "moment", 2, "Nm", "valgus", "left"),
        ("Varus-valgus / °", "angle", 2, "°", None, None),
        ("Winkel in deg", "angle", 1, "deg", None, None),
        ("load_kN", "load", 1, "kN", None, None),
        ("forcekN", "", 0, None, None, None),
        ("Knee angle [deg]", "angle", 0, "deg", None, None),
        ("Varus velocity [deg/s]", "angle", 0, "deg/s", "varus", None),
        ("Flexion [deg]", "flexion", 1, "deg", None, None),
        ("Varus at 30 flexion [deg]", "angle", 0, "deg", "varus", None),
        ("sd Varus torque [Nm]", "sigma", 0, "Nm", "varus", None),
        ("Zeit [s]", "time", 1, "s", None, None),
        ("Moment error [Nm]", "sigma", 0, "Nm", None, None),
        ("add. load [N]", "load", 0, "N", None, None),
        ("hip_adduction_r", "angle", 0, None, "varus", "right"),
        ("Varus A [deg]", "angle", 1, "deg", "varus", None),
        ("knee_abd_l", "angle", 2, None, "valgus", "left"),
        ("Flexion/extension [deg]", "flexion", 0, "deg", None, None),
        ("knee_add_r", "angle", 2, None, "varus", "right"),
        ("Varus\nangle [deg]", "angle", 2, "deg", "varus", None),
        ("valgus flexion", "angle", 0, None, "valgus", None),
        ("vv flexion", "angle", 0, None, None, None),
        ("Knee flexion [deg]", "flexion", 1, "deg", None, None),
        ("varus force", "force", 2, None, "varus", None),
        ("varus load", "load", 2, None, "varus", None),
        ("Varus\nmoment,N m", "moment", 2, "N m", "varus", None),
        ("Winkel In deg", "angle", 1, "deg", None, None),
        ("Moment N m", "moment", 1, "N m", None, None),
        ("Applied moment N m", "moment", 1, "N m", None, None),
        ("N m", "", 0, None, None, None),
        ("", "", 0, None, None, None),
    ],
)
def test_names(name: str, quantity: str, sure: int, unit: str | None, way: str | None, side: str | None) -> None:
    assert tuple(name_of(name)) == (quantity, sure, unit, way, side)


def test_a_row_of_units_that_contradicts_a_name_makes_it_no_unit() -> None:
    assert name_of("Angle [deg]", "°").unit == "°"
    assert name_of("Angle", " rad ").unit == "rad"
    assert name_of("Angle [deg]", "-").unit == "deg"
    assert name_of("Angle [deg]", "rad").unit == "deg or rad"
    assert name_of("Angle [deg]", "X").unit == "deg or X"
    assert unit_of("deg or rad") is None


OTHER = "s sec ms min h mm cm m - % hz count counts 1 n/a k deg/s °/s rad/s mm/s m/s n/mm °c c # none index sample"


def test_other_units_stand_in_a_row_of_units_too() -> None:
    for spelt in ["", *OTHER.split()]:
        assert is_unit(spelt), spelt
        assert is_unit(f" [{spelt.upper()}] ")
        assert is_unit(f"({spelt})")
        assert is_unit(f"{{ {spelt} }}")
    assert not is_unit("Fred")
    assert not is_unit("X")


WORDS = {
    "sigma": "sigma std sd stdev uncertainty",
    "moment": "moment moments torque torques drehmoment couple momento coppia",
    "force": "force forces kraft fuerza forza",
    "load": "load loads last",
    "time": "time timing zeit temps tiempo timestamp t",
    "flexion": "flexion flex beugung flessione",
    "angle": "angle angles theta winkel angulo ángulo angolo",
}
NEUTRAL = "jcs applied measured actual mean filtered left right l r robot laxity v frontal coronal net ist test tibial "
NEUTRAL += "tibia load loads of the deg"
OTHERWISE = "internal external axial ie drawer anterior posterior medial lateral proximal distal superior inferior "
OTHERWISE += "distraction compression compressive shear velocity speed rate acceleration flexion extension flex "
OTHERWISE += "translation hip ankle pelvis shoulder elbow wrist subtalar hindfoot forefoot heel foot toe arm trunk "
OTHERWISE += "desired target setpoint command commanded reference demand soll raw offset error err max min x y z "
OTHERWISE += "fx fy fz mx my mz tx ty tz sum"


@pytest.mark.parametrize("quantity", WORDS)
def test_a_word_is_a_quantity(quantity: str) -> None:
    for word in WORDS[quantity].split():
        for spelt in (word, word.title()):
            assert tuple(name_of(spelt)) == (quantity, 1, None, None, None), spelt


def test_directions_and_sides_are_words_of_their_own() -> None:
    for word, way in (("varus", "varus"), ("adduction", "varus"), ("valgus", "valgus"), ("abduction", "valgus")):
        assert tuple(name_of(word)) == ("angle", 2, None, way, None)
    assert tuple(name_of("vv")) == ("angle", 2, None, None, None)
    for word, side in (("left", "left"), ("l", "left"), ("right", "right"), ("r", "right")):
        assert tuple(name_of(f"{word} force")) == ("force", 1, None, None, side)
    assert name_of("left right force").side is None


def test_some_words_change_nothing_and_others_all() -> None:
    for word in NEUTRAL.split():
        assert name_of(f"{word} force").sure == 1, word
    for word in OTHERWISE.split():
        assert name_of(f"{word} varus angle").sure == 0, word
    for word in ("error", "err"):
        assert tuple(name_of(word)) == ("sigma", 0, None, None, None)
    assert (name_of("varus angle").sure, name_of("fred varus angle").sure, name_of("fred angle").sure) == (2, 1, 0)
