"""Stand-ins for a run, its tests and its fit, with numbers as a finding wants them."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from calibrate.knee.slots import CORRELATED, GAUSSIAN, STUDENT

NOTHING = 50  # the row of what is not declared
READINGS: Any = SimpleNamespace(
    angles=np.array([-4.5, -2.0, 0.0, 2.25, 4.0, 5.0]),
    loads=np.array([-40.0, -1.0, 0.5, 1.125, 30.0, 500.0]),
    sigma=None,
    unit="N·m",
    angle_unit="deg",
)


def said(findings: Iterable[object]) -> list[str]:
    """Return findings as they are printed."""
    return [str(finding) for finding in findings]


def laxity_test(kind: int = GAUSSIAN, name: str = "", measurement: Any = READINGS, **rows: int) -> Any:
    """Return a test with errors of a kind; rows of `sigma`, `angle_sigma`, `offset` and `hysteresis` as given."""
    nu, amplitude = (3 if kind == STUDENT else NOTHING), (4 if kind == CORRELATED else NOTHING)
    errors = [rows.get("sigma", 2), nu, rows.get("angle_sigma", NOTHING), amplitude, amplitude]
    reading = [rows.get("offset", NOTHING), NOTHING, rows.get("hysteresis", NOTHING)]
    slots = SimpleNamespace(errors=np.array(errors), reading=np.array(reading))
    return SimpleNamespace(name=name, positive="valgus", measurement=measurement, slots=slots)


def run_of(*, several: bool = False, inferred: tuple[int, ...] = (), **posterior: Any) -> Any:
    """Return a run of one test or of more, some rows of whose parameters are free."""
    table = SimpleNamespace(parameters=[None] * NOTHING, columns=np.array(inferred, dtype=int))
    return SimpleNamespace(
        names=("mcl.k", "lcl.k"),
        posterior=SimpleNamespace(tests=(None, None) if several else (None,), table=table, **posterior),
    )


def looks(**changes: Any) -> Any:
    """Return what is seen in residuals in which nothing is odd, but for what is given."""
    usual = {"loop": None, "arms": (1.0, 1.0), "tails": (0.0, 1.0), "pull": None, "repeats": None}
    return SimpleNamespace(**(usual | changes))


def fit(**changes: Any) -> Any:
    """Return a fit in which nothing is odd, but for what is given."""
    usual = {
        "test": laxity_test(),
        "q": np.zeros(1),
        "misfit": 1.0,
        "explained": 0.99,
        "possible": 1.0,
        "outlying": np.array([], dtype=int),
        "sizes": np.array([]),
        "threshold": 5.0,
        "by_angle": (0.0, 1.0),
        "by_row": None,
        "scatter": 0.25,
        "looks": looks(),
        "rows": np.arange(6),
    }
    return SimpleNamespace(**(usual | changes))
