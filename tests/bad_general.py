"""A sound calibration of two tests, and how to spoil it: what the tables of bad input are written with."""

from __future__ import annotations

KNEE = """
[knee]
reference_flexion = 0.0
lateral_condyle = { centre = [22.0, -20.0], radius = 20.0 }
medial_condyle = { centre = [-22.0, -20.0], radius = 20.0 }
mcl = { femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }
lcl = { femur = [38.0, 0.0], tibia = [36.0, -63.1] }
dmcl = { femur = [-38.0, 1.7, 1.0], tibia = [-31.4, -62.3, 2.5] }
"""
LAWS = """
[parameters.mcl]
k = { lower = 10.0, upper = 100.0 }
alpha = 0.06
l_0 = 90.0
[parameters.lcl]
k = 40.0
alpha = 0.06
l_0 = 60.0
[parameters.dmcl]
k = 30.0
alpha = 0.06
reference_strain = 0.02
"""
NOISE = """
[noise]
sigma = 0.5
"""
FLEX30 = """
[tests.flex30]
file = "30deg.csv"
positive = "valgus"
flexion = 30.0
"""
FLEX60 = """
[tests.flex60]
file = "60deg.csv"
positive = "varus"
flexion = 60.0
"""
TEXT = KNEE + LAWS + NOISE + FLEX30 + FLEX60
DATA = {
    "30deg.csv": "angle_deg,moment_Nm\n-6,-9.1\n-3,-3.7\n0,0.2\n3,4.2\n6,8.8\n",
    "60deg.csv": "angle_deg,moment_Nm,direction\n-6,-9.1,1\n-3,-3.7,-1\n0,0.2,1\n3,4.2,-1\n6,8.8,1\n",
}
MCL_K = "k = { lower = 10.0, upper = 100.0 }"
Change = tuple[str, str]
Bad = tuple[list[Change], str]


def mcl(prior: str) -> list[Change]:
    """Another value of the MCL's stiffness."""
    return [(MCL_K, f"k = {prior}")]


def add(text: str) -> list[Change]:
    """Something at the end, where the last test's table is."""
    return [("flexion = 60.0\n", f"flexion = 60.0\n{text}\n")]


def noise(text: str) -> list[Change]:
    return [("sigma = 0.5\n", f"{text}\n")]


def reading(text: str) -> list[Change]:
    return [("[noise]\n", f"[measurement]\n{text}\n[noise]\n")]


FORMS = (
    r"must be a number \(fixed\), or \{ lower = \.\.\., upper = \.\.\. \}, \{ mean = \.\.\., sd = \.\.\. \} or "
    r"\{ median = \.\.\., factor = \.\.\. \} \(free\)"
)
OTHER = rf"{FORMS}, or the name of another parameter"
