"""How people spell units and quantities in the names of columns: what is understood, and what has to be asked.

A name is words and perhaps a unit: `JCS Load Varus Torque [N-m]`, `Winkel / °`, `angle_deg`. A word that is not known
makes a name less sure, never more: what is not sure is left to the user.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Way = Literal["varus", "valgus"]
Side = Literal["left", "right"]


class Unit(NamedTuple):
    """A unit that is understood.

    `of` is "angle", "force" or "moment"; `name` the unit that a measurement file has; `times` and `by` bring a number
    into it, `value * times / by`, of which one is 1: so a conversion is rounded once.
    """

    of: str
    name: str
    times: float = 1.0
    by: float = 1.0


_DEG, _RAD, _N, _NM = Unit("angle", "deg"), Unit("angle", "rad"), Unit("force", "N"), Unit("moment", "Nm")
UNITS = {
    **dict.fromkeys(("deg", "degs", "degree", "degrees", "°", "º"), _DEG),
    **dict.fromkeys(("rad", "rads", "radian", "radians"), _RAD),
    **dict.fromkeys(("n", "newton", "newtons"), _N),
    "kN": Unit("force", "N", times=1e3),
    "mN": Unit("force", "N", by=1e3),
    **dict.fromkeys(("nm", "newtonmeter", "newtonmeters", "newtonmetre", "newtonmetres"), _NM),
    **dict.fromkeys(("nmm", "newtonmillimeter", "newtonmillimetre"), Unit("moment", "Nm", by=1e3)),
    "ncm": Unit("moment", "Nm", by=1e2),
    "kNm": Unit("moment", "Nm", times=1e3),
    "mNm": Unit("moment", "Nm", by=1e3),
    "kNmm": _NM,
}
# Known, and not converted here: what is meant by a pound is the laboratory's to say.
_POUND = "1 lbf = 4.4482216152605 N"
_POUND_INCH = "1 lbf·in = 0.1129848290276167 N·m"
_POUND_FOOT = "1 lbf·ft = 1.3558179483314004 N·m"
_KILO = "1 kgf = 9.80665 N"
FOREIGN = {
    **dict.fromkeys(("lbf", "lb", "lbs", "pound", "pounds"), _POUND),
    **dict.fromkeys(("kip", "kips"), "1 kip = 4448.2216152605 N"),
    **dict.fromkeys(("lbfin", "inlbf", "lbin", "inlb", "inlbs", "lbsin"), _POUND_INCH),
    **dict.fromkeys(("lbfft", "ftlbf", "lbft", "ftlb", "ftlbs", "lbsft"), _POUND_FOOT),
    **dict.fromkeys(("kgf", "kg", "kp", "g", "gf"), _KILO),
    **dict.fromkeys(("kgfm", "kgm", "kpm", "kgfcm", "kgcm"), "1 kgf·m = 9.80665 N·m"),
    **dict.fromkeys(("mrad",), "1 mrad = 0.001 rad"),
    **dict.fromkeys(("grad", "gon", "gons"), "1 gon = 0.9 degrees, but 'Grad' is German for degrees"),
    **dict.fromkeys(("rev", "turns", "turn"), "1 turn = 360 degrees"),
    **dict.fromkeys(("MN", "MNm"), "a mega-newton is none of a knee"),
    **dict.fromkeys(("v", "mv"), "a voltage needs its calibration"),
}
# What else stands in a row of units.
_OTHER_UNITS = {"s", "sec", "ms", "min", "h", "mm", "cm", "m", "-", "", "%", "hz", "count", "counts", "1", "n/a", "k"}
_OTHER_UNITS |= {"deg/s", "°/s", "rad/s", "mm/s", "m/s", "n/mm", "°c", "c", "#", "none", "index", "sample"}

_BETWEEN = re.compile(r"[\s·⋅∙•*×.\-–_]+")
_BRACKETED = re.compile(r"^(.*?)[\s_]*(?:\[([^\[\]]*)\]|\(([^()]*)\)|\{([^{}]*)\})\s*$", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile("(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")  # JcsVarusAngle


def squeezed(text: str) -> str:
    """Return a unit's spelling without brackets and without what may stand between its parts."""
    bracketed = _BRACKETED.match(text.strip())
    if bracketed and not bracketed[1]:
        text = next(part for part in bracketed.groups()[1:] if part is not None)
    return _BETWEEN.sub("", text)


def unit_of(text: str) -> Unit | None:
    """Return the unit that a text spells; None if it spells none that is converted here.

    Case counts where it changes the size: mN, MN, kN.
    """
    plain = squeezed(text)
    return UNITS.get(plain) or UNITS.get(plain.lower())


def foreign(text: str) -> str | None:
    """Return what a unit that is known but not converted amounts to; None if it is no such."""
    plain = squeezed(text)
    return FOREIGN.get(plain) or FOREIGN.get(plain.lower())


def is_unit(text: str) -> bool:
    """Tell whether a cell could stand in a row of units."""
    stripped = text.strip().strip("[](){} ").lower()
    return bool(unit_of(text) or foreign(text)) or stripped in _OTHER_UNITS


_VARUS = {"varus", "adduction"}
_VALGUS = {"valgus", "abduction"}
_SHORT = {"add": "adduction", "abd": "abduction"}  # of a knee, as in OpenSim's models
_WORDS = {
    "sigma": {"sigma", "std", "sd", "stdev", "uncertainty", "error", "err"},
    "moment": {"moment", "moments", "torque", "torques", "drehmoment", "couple", "momento", "coppia"},
    "force": {"force", "forces", "kraft", "fuerza", "forza"},
    "load": {"load", "loads", "last"},
    "time": {"time", "timing", "zeit", "temps", "tiempo", "timestamp", "t"},
    "flexion": {"flexion", "flex", "beugung", "flessione"},
    "angle": {"angle", "angles", "theta", "winkel", "angulo", "ángulo", "angolo", "vv"} | _VARUS | _VALGUS,
}
# Words that change nothing of what a name says.
_NEUTRAL = {"jcs", "applied", "measured", "actual", "mean", "filtered", "left", "right", "l", "r", "robot", "laxity"}
_NEUTRAL |= {"v", "frontal", "coronal", "net", "ist", "test", "tibial", "tibia", "load", "loads", "of", "the", "deg"}
# With these it is no angle or load of a varus-valgus test, or one that was asked for instead of measured.
_OTHERWISE = {"internal", "external", "axial", "ie", "drawer", "anterior", "posterior", "medial", "lateral", "proximal"}
_OTHERWISE |= {"distal", "superior", "inferior", "distraction", "compression", "compressive", "shear", "velocity"}
_OTHERWISE |= {"speed", "rate", "acceleration", "flexion", "extension", "flex", "translation", "hip", "ankle", "pelvis"}
_OTHERWISE |= {"shoulder", "elbow", "wrist", "subtalar", "hindfoot", "forefoot", "heel", "foot", "toe", "arm", "trunk"}
_OTHERWISE |= {"desired", "target", "setpoint", "command", "commanded", "reference", "demand", "soll", "raw", "offset"}
_OTHERWISE |= {"error", "err", "max", "min", "x", "y", "z", "fx", "fy", "fz", "mx", "my", "mz", "tx", "ty", "tz", "sum"}
_SIDES: dict[str, Side] = {"left": "left", "l": "left", "right": "right", "r": "right"}


class Name(NamedTuple):
    """What a column's name says.

    `quantity` is a key of the table of words or "". `sure` is 2 if it speaks of varus or valgus, 1 if it speaks of
    nothing else, or of varus and of what is not known, 0 if there is a word that might change all. `unit` is as it is
    spelt, or None; a row of units that says another than the name makes it none that is known.
    """

    quantity: str
    sure: int
    unit: str | None
    way: Way | None
    side: Side | None


def name_of(text: str, unit: str | None = None) -> Name:
    """Understand a column's name; `unit` is what a row of units says."""
    base, spelt = _split(text)
    words = {word.lower() for word in _WORD.findall(_HUMP.sub(" ", base))}
    if "knee" in words:
        words = {_SHORT.get(word, word) for word in words}
    quantity = next((key for key, known in _WORDS.items() if words & known), "")
    varus, valgus = bool(words & _VARUS), bool(words & _VALGUS)
    if quantity == "flexion" and (varus or valgus or "vv" in words):
        quantity = "angle"
    rest = words - _WORDS.get(quantity, set()) - _NEUTRAL - _WORDS["angle"]
    if quantity == "flexion":
        rest -= {"knee"}
    sure = 0
    if quantity and words.isdisjoint(_OTHERWISE - (_WORDS["flexion"] if quantity == "flexion" else set())):
        tells = (varus or valgus or "vv" in words) and quantity in ("angle", "moment", "force", "load")
        sure = int(tells) + int(not rest - {"knee"} if tells else not rest)
    way: Way | None = None if varus == valgus else "varus" if varus else "valgus"
    sides = {_SIDES[word] for word in words if word in _SIDES}
    unit = "" if unit is None else unit.strip()
    if not unit.strip(" []()-"):
        unit = spelt
    elif spelt is not None and unit_of(spelt) != unit_of(unit):
        unit = f"{spelt} or {unit}"  # which is no unit, so that somebody is asked
    return Name(quantity, sure, unit, way, sides.pop() if len(sides) == 1 else None)


def _split(text: str) -> tuple[str, str | None]:
    """Split a name into what it speaks of and the unit's spelling."""
    text = text.strip()
    if (found := _BRACKETED.match(text)) and found[1].strip():
        return found[1], next(part for part in found.groups()[1:] if part is not None).strip()
    if (found := re.match(r"^(.*\S)\s*(?:,|/|:|\s[iI]n\s)\s*(\S.*)$", text, re.DOTALL)) and _is_spelt(found[2]):
        return found[1], found[2].strip()
    words = re.split(r"[\s_]+", text)
    for count in (2, 1):
        tail = " ".join(words[-count:])
        if len(words) > count and _is_spelt(tail):
            return " ".join(words[:-count]), tail
    return text, None


def _is_spelt(text: str) -> bool:
    return unit_of(text) is not None or foreign(text) is not None
