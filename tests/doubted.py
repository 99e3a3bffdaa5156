"""The table of plausible numbers written out once more, the doubts that it makes, and a usual measurement."""

from typing import Any

import numpy as np

from calibrate.data import Measurement
from calibrate.plausible import Doubt

LENGTHS = {"metres": 1e3, "centimetres": 10.0, "inches": 25.4, "micrometres": 1e-3}
# Of each quantity: unit, what has a meaning, what was measured, units mistaken and their size.
TABLE = {
    "k": ("N/mm", 0.2, 2000.0, 5.0, 500.0, {"N/m": 1e-3, "kN/mm": 1e3, "N per strain (k l_0)": 0.0125}),
    "alpha": ("", 0.0, 0.5, 0.01, 0.3, {"per cent": 0.01, "per mille": 0.001}),
    "l_0": ("mm", 10.0, 400.0, 20.0, 150.0, LENGTHS),
    "reference_strain": ("", -0.5, 0.5, -0.2, 0.2, {"per cent": 0.01}),
    "angle_offset": ("degrees", -45.0, 45.0, -20.0, 20.0, {}),
    "angle_sigma": ("degrees", 1e-6, 20.0, 0.001, 5.0, {"radians": 57.29577951308232}),
    "f_ref": ("N", -2000.0, 2000.0, -500.0, 500.0, {"mN": 1e-3}),
    "sigma_moment": ("N·m", 1e-5, 25.0, 0.001, 5.0, {"N·mm": 1e-3, "N·cm": 1e-2}),
    "sigma_force": ("N", 1e-5, 250.0, 0.005, 50.0, {"mN": 1e-3}),
    "sigma": ("N or N·m", 1e-5, 250.0, 0.001, 50.0, {"N·mm": 1e-3, "mN": 1e-3}),
    "radius": ("mm", 4.0, 100.0, 10.0, 40.0, LENGTHS),
    "spacing": ("mm", 28.0, 100.0, 35.0, 70.0, LENGTHS),
    "strand": ("mm", 10.0, 300.0, 20.0, 150.0, LENGTHS),
    "lever": ("mm", 50.0, 1000.0, 150.0, 600.0, LENGTHS),
    "moment": ("N·m", 0.0, 300.0, 0.5, 50.0, {"N·mm": 1e-3, "N·cm": 1e-2, "kN·m": 1e3}),
    "force": ("N", 0.0, 3000.0, 1.0, 500.0, {"mN": 1e-3, "kN": 1e3}),
    "angle_deg": ("degrees", 0.35, 45.0, 1.0, 45.0, {"radians": 57.29577951308232}),
}


def known(name: str) -> str:
    unit, _, _, low, high, _ = TABLE[name]
    return f"{low:g} to {high:g} {unit}".rstrip()


def nobody(key: str, value: str, name: str, row: int | None = None) -> Doubt:
    """Return the doubt about a number that nobody has measured."""
    number = f"{key} = {value} {TABLE[name][0]}".rstrip()
    _, _, _, low, high, mistaken = TABLE[name]
    size = abs(float(value)) if name in ("moment", "force", "angle_deg") else float(value)
    meant = " or ".join(unit for unit, factor in mistaken.items() if low <= size * factor <= high)
    about = f"nobody has measured that in a knee ({known(name)} is known); "
    about += f"is it in {meant}?" if meant else "check it and its unit"
    return Doubt(f"{number}: {about}", refused=False, row=row)


def nothing(key: str, value: str, name: str, units: str = "", row: int | None = None) -> Doubt:
    """Return the doubt about a number that means nothing, or nothing in its unit."""
    unit = TABLE[name][0]
    wanted = unit or "a plain number"
    guess = f"is it in {units}? {wanted} is wanted" if units else f"check the unit, {wanted} is wanted"
    number = f"{key} = {value} {unit}".rstrip()
    return Doubt(f"{number} means nothing in a knee ({known(name)} is known); {guess}", refused=True, row=row)


def measurement(
    angles: list[float], loads: list[float], sigma: list[float] | None, kind: Any, unit: Any
) -> Measurement:
    return Measurement(np.array(angles), np.array(loads), None if sigma is None else np.array(sigma), kind, unit)


ANGLES = [-5.0, -1.0, 2.0, 6.0]
LOADS = [-7.0, -2.0, 1.0, 9.0]
