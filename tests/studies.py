"""Made-up studies: knees with summaries that are worked out by hand, as many and as odd as wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibrate.study.file import Head, Record, Status, shard_file, write
from calibrate.study.results import KneeResult
from calibrate.study.rows import study_table
from calibrate.study.table import StudyTable

UNITS = {
    "mcl.reference_strain": "",
    "lcl.reference_strain": "",
    "mcl.k": "N/mm",
    "lcl.k": "N/mm",
    "mcl.alpha": "",
    "noise.sigma": "N·m",
    "measurement.angle_offset": "deg",
}


NOTHING = np.empty((0, 0))


def made(
    name: str,
    said: Mapping[str, Any],
    covariates: Mapping[str, str | float] | None = None,
    status: Status = "converged",
    message: str = "",
) -> KneeResult:
    """Return what came of a knee; draws are not looked at."""
    texts = (json.dumps(covariates or {}), "{}", "{}", json.dumps(said))
    record = Record(name, 1, status, message, *texts, NOTHING, NOTHING.reshape(0))
    return KneeResult(name, covariates or {}, 1, status, message, said, NOTHING, NOTHING.reshape(0), record)


def entry(draws: Any, unit: str, **more: Any) -> dict[str, Any]:
    """Return a summary's entry of some draws, by NumPy's quantiles."""
    q = np.quantile(np.asarray(draws, dtype=float), [0.025, 0.05, 0.5, 0.95, 0.975]).tolist()
    names = ("q2.5", "q5", "median", "q95", "q97.5")
    return {"unit": unit, "sd": float(np.std(draws)), **dict(zip(names, q, strict=True)), **more}


def summary(
    parameters: Mapping[str, Any],
    derived: Mapping[str, Any],
    *,
    positive: str = "valgus",
    tests: tuple[tuple[str, float], ...] = (("", 30.0),),
    **more: Any,
) -> dict[str, Any]:
    """Return a summary of these entries and tests (names and flexions), converged unless told otherwise."""
    return {
        "calibrate": "V",
        "converged": True,
        "tests": [{"name": name, "flexion": flexion, "positive": positive} for name, flexion in tests],
        "worst_rhat": 1.002,
        "smallest_ess": 5200.0,
        "checks": {},
        "parameters": parameters,
        "derived": derived,
        "findings": [],
        "assumes": ["planar: no axial rotation"],
    } | more


def fault(rhat: float, ess: float) -> dict[str, Any]:
    """Return what a summary says besides, if R-hat is too large and effective samples are too few."""
    checks = {
        "rhat": {"subject": "mcl.k", "value": rhat, "threshold": 1.01, "met": rhat < 1.01},
        "ess_bulk": {"subject": "mcl.k", "value": ess, "threshold": 1000.0, "met": ess >= 1000.0},
    }
    sentence = f"not converged: R-hat of mcl.k {rhat:.3f} (below 1.01 wanted)"
    findings = [{"kind": "warning", "code": "not-converged", "subject": "", "sentence": sentence}]
    return {"converged": False, "worst_rhat": rhat, "smallest_ess": ess, "checks": checks, "findings": findings}


def knee(number: int, name: str, flexions: tuple[float, ...], rng: np.random.RandomState, **more: Any) -> KneeResult:
    """Return a knee like those of a study: stiffness, strain and laxity differ from knee to knee."""
    sex, age = ("female", "male")[number % 2], float(rng.randint(50, 80))
    own = rng.normal(size=8)
    k, width = 70.0 * np.exp(0.3 * own[0]), rng.uniform(3.0, 12.0)
    noise = rng.normal(size=(8, 400))
    parameters = {
        "mcl.k": entry(k + width * noise[0], "N/mm"),
        "mcl.alpha": entry(0.06 + 0.01 * own[1] + 0.01 * noise[1], ""),
        "lcl.k": entry(55.0 * np.exp(0.3 * own[2]) + 6.0 * noise[2], "N/mm"),
        "noise.sigma": entry(0.4 * np.exp(0.1 * noise[3]), "N·m"),
    }
    derived = {
        "mcl.reference_strain": entry(0.03 + 0.015 * own[3] + 0.006 * noise[4], ""),
        "lcl.reference_strain": entry(0.01 + 0.02 * own[4] + 0.008 * noise[5], ""),
    }
    tests = tuple((f"flex{flexion:g}" if len(flexions) > 1 else "", flexion) for flexion in flexions)
    for test, flexion in tests:
        label = f"{test}." if test else ""
        valgus = 3.0 + 0.03 * flexion + 0.6 * own[5] + 0.2 * noise[6]
        varus = -(2.6 + 0.035 * flexion + 0.6 * own[6] + 0.2 * noise[7])
        far = {"beyond": float(number % 5 == 0), "share": 1.0}
        derived[f"{label}laxity_valgus_10Nm"] = entry(valgus, "deg", **far)
        derived[f"{label}laxity_varus_10Nm"] = entry(varus, "deg", **far)
        derived[f"{label}laxity_total_10Nm"] = entry(valgus - varus, "deg", **far)
    codes = [("note", "prior-decides"), ("warning", "residuals-alike"), ("note", "extrapolated")]
    findings = [
        {"kind": kind, "code": code, "subject": "mcl.alpha", "sentence": "it does"}
        for i, (kind, code) in enumerate(codes)
        if number % (2 + i) == 0
    ]
    said = summary(parameters, derived, tests=tests, findings=findings)
    return made(name, said, {"sex": sex, "age": age}, **more)


def knees_of(many: int, *, flexions: tuple[float, ...] = (0, 30), faulty: bool = True) -> list[KneeResult]:
    """Return so many knees; every seventh has not converged and every eleventh has failed, if so wanted."""
    rng = np.random.RandomState(1)  # whose stream never changes, for golden files
    knees = [knee(i, f"K{i:03d}", flexions, rng) for i in range(1, many + 1)]
    for i in range(many if faulty else 0):
        if i % 11 == 10:
            knees[i] = made(knees[i].id, {}, knees[i].covariates, "failed", "data/k.csv, line 3: no number")
        elif i % 7 == 6:
            said = dict(knees[i].summary) | fault(1.02 + 0.01 * (i % 5), 150.0 + i)
            knees[i] = made(knees[i].id, said, knees[i].covariates, "not converged")
    return knees


def study(many: int, name: str = "OUT", **options: Any) -> StudyTable:
    """Return the table of `knees_of`."""
    return study_table(knees_of(many, **options), name)


def write_study(folder: Path, knees: Sequence[KneeResult], *, total: int | None = None) -> Path:
    """Write knees as the one shard of a study, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    many = len(knees) if total is None else total
    head = Head(1, 1, many, many, json.dumps({"seed": 1, "draws": 0}))
    write(shard_file(folder, 1, 1), head, [one.record for one in knees])
    return folder
