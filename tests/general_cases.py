"""The twelve general knees of `tests/data/general_reference.json` as (p, General), and their kinematics in NumPy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from calibrate.knee.slots import GAUSSIAN, General, general

Case = dict[str, Any]
CASES: list[Case] = json.loads((Path(__file__).parent / "data" / "general_reference.json").read_text())
# (errors, angle_error) of each likelihood in the file.
KINDS = {"gauss": (0, False), "student": (1, False), "angle": (0, True), "discrepancy": (2, False)}


def slots(strands: int) -> dict[str, int]:
    """Names of all slots of one test."""
    names = [f"{s}.{name}" for s in range(strands) for name in ("k", "alpha", "slack", "f_ref")]
    names += ["offset", "bias", "hysteresis", "sigma", "nu", "angle_sigma", "amplitude", "length"]
    names += ["lat.x", "lat.y", "lat.r", "med.x", "med.y", "med.r", "rolling", "app.x", "app.y", "axis.y", "axis.z"]
    names += ["reference_flexion"]
    names += [f"{s}.{end}.{axis}" for s in range(strands) for end in ("femur", "tibia") for axis in "xyz"]
    return {name: i for i, name in enumerate(names)}


def parameters(case: Case, strain: bool = False) -> np.ndarray:
    """One test's own numbers in the order of its slots."""
    knee, errors, reading = case["geometry"], case["errors"], case["measurement"]
    out: list[float] = []
    for strand in case["strands"]:
        out += [strand["k"], strand["alpha"], strand["e_ref" if strain else "l_0"], strand["f_ref"]]
    out += [reading["offset"], reading["bias"], reading["hyst"], case["sigma"]]
    out += [errors["nu"], errors["angle_sigma"], errors["amp"], errors["ell"]]
    out += [*knee["lat_c"], knee["lat_r"], *knee["med_c"], knee["med_r"], knee["rho"], *knee["app"], *knee["axis"]]
    out += [case["test"]["flexion"]]
    for strand in case["strands"]:
        out += [*strand["F"], 0.0][:3] + [*strand["T"], 0.0][:3]
    return np.array(out)


def kinematics(case: Case, row: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths and loads per newton, (S, n), at the file's angles [degrees, may be complex], as docs/model.md has it."""
    at, strands = slots(len(case["strands"])), len(case["strands"])
    value = {name: row[i] for name, i in at.items()}
    test = case["test"]
    sign = 1.0 if test["positive"] == "valgus" else -1.0
    theta = sign * (angles - value["offset"]) * math.pi / 180.0
    dx, dy = value["lat.x"] - value["med.x"], value["lat.y"] - value["med.y"]
    theta_0 = math.atan2(dy, dx) + math.asin((value["med.r"] - value["lat.r"]) / math.hypot(dx, dy))
    lateral = theta.real > theta_0
    x, y, r = (np.where(lateral, value[f"lat.{c}"], value[f"med.{c}"]) for c in "xyr")
    contact = np.stack([x + r * np.sin(theta), y - r * np.cos(theta)])
    at_reference = np.stack([x + r * math.sin(theta_0), y - r * math.cos(theta_0)])
    on_tibia = _turn(np.array(-theta_0), at_reference) + np.stack([value["rolling"] * r * (theta - theta_0), 0.0 * r])
    phi = math.radians(test["flexion"])
    y_a, z_a = value["axis.y"], value["axis.z"]
    if not case["geometry"]["axis_given"]:
        y_a, z_a = (0.5 * (value[f"0.femur.{c}"] + value[f"1.femur.{c}"]) for c in "yz")
    lengths, arms = [], []
    for s in range(strands):
        y, z = value[f"{s}.femur.y"] - y_a, value[f"{s}.femur.z"] - z_a
        depth = z_a - y * math.sin(phi) + z * math.cos(phi) - value[f"{s}.tibia.z"]
        femur = np.array([[value[f"{s}.femur.x"]], [y_a + y * math.cos(phi) + z * math.sin(phi)]])
        arm = _turn(theta, np.array([[value[f"{s}.tibia.x"]], [value[f"{s}.tibia.y"]]]) - on_tibia)
        pull = femur - (contact + arm)
        length = np.sqrt(pull[0] ** 2 + pull[1] ** 2 + depth**2)
        lengths.append(length)
        arms.append(-(arm[0] * pull[1] - arm[1] * pull[0]) / length)
    unit: Any = sign * 1e-3
    if test["kind"] == "force":
        lever = _turn(theta, np.array([[value["app.x"]], [value["app.y"]]]) - on_tibia)
        unit = sign / (lever[0] * np.sin(theta) - lever[1] * np.cos(theta))
    return np.array(lengths), np.array(arms) * unit


def _turn(angle: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.stack(
        [
            np.cos(angle) * vector[0] - np.sin(angle) * vector[1],
            np.sin(angle) * vector[0] + np.cos(angle) * vector[1],
        ]
    )


def build(
    *cases: Case,
    posed: bool | list[bool] = True,
    strain: bool = False,
    errors: int | list[int] = GAUSSIAN,
    angle_error: bool | list[bool] = False,
    known: bool | list[bool] = False,
    rows: list[np.ndarray] | None = None,
    sigma: np.ndarray | None = None,
) -> tuple[np.ndarray, General]:
    """Return the full vector and the model of some tests with equally many strands.

    Each has numbers of its own, one row after the other; the shared knee is the first test's. Slopes of cached arrays
    are by complex steps. `rows` are other numbers than the cases' own, `sigma` one for each point.
    """
    rows = [parameters(case, strain) for case in cases] if rows is None else rows
    full, count = np.concatenate(rows), rows[0].size
    first = np.cumsum([0, *(len(case["test"]["angle"]) for case in cases)])
    strands, arrays = len(cases[0]["strands"]), []
    for case, row in zip(cases, rows, strict=True):
        lengths, arms = kinematics(case, row, np.array(case["test"]["angle"]) + 1e-30j)
        arrays.append((lengths.real, arms.real, lengths.imag / 1e-30, arms.imag / 1e-30))
    nothing = np.zeros((strands, 0))
    tables = [nothing] * 4 if np.all(posed) else [np.concatenate(parts, axis=1) for parts in zip(*arrays, strict=True)]
    at = np.arange(full.size).reshape(len(cases), count)

    def each(name: str) -> np.ndarray:
        return np.concatenate([case["test"][name] for case in cases])

    return full, general(
        at=np.vstack([at, at[:1]]),
        strain=np.full((len(cases), strands), strain),
        reference_length=None,
        axis_given=[case["geometry"]["axis_given"] for case in (*cases, cases[0])],
        first=first,
        posed=np.full(len(cases), posed),
        sign=[1.0 if case["test"]["positive"] == "valgus" else -1.0 for case in cases],
        force=[case["test"]["kind"] == "force" for case in cases],
        factor=[1.0 if case["test"]["kind"] == "force" else 1e-3 for case in cases],
        flexion=[math.radians(case["test"]["flexion"]) for case in cases],
        errors=np.full(len(cases), errors),
        angle_error=np.full(len(cases), angle_error),
        known=np.full(len(cases), known),
        angle=each("angle"),
        load=each("load"),
        direction=each("direction"),
        sigma=np.repeat([case["sigma"] for case in cases], np.diff(first)) if sigma is None else sigma,
        lengths=tables[0],
        arms=tables[1],
        length_slopes=tables[2],
        arm_slopes=tables[3],
    )
