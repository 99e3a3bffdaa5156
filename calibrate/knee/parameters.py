"""What goes into the models, checked on the way in: four numbers of a ligament, eight of a knee, the kind of load."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import LIGAMENTS, POSITIVE_QUANTITIES, QUANTITIES, UNITS, Config
from calibrate.errors import GeometryError, ParameterError

FloatArray = NDArray[np.float64]
LoadKind = Literal["force", "moment"]

PARAMETERS = len(LIGAMENTS) * len(QUANTITIES)
_POSITIVE = np.array([quantity in POSITIVE_QUANTITIES for _ in LIGAMENTS for quantity in QUANTITIES])


def law_parameters(parameters: ArrayLike) -> tuple[float, float, float, float]:
    """Check the four parameters `[k, alpha, l_0, f_ref]` of one ligament.

    Raises
    ------
    ParameterError
        If they are not four finite numbers with positive `k`, `alpha` and `l_0`.
    """
    given = np.asarray(parameters, dtype=float)
    if given.shape != (len(QUANTITIES),):
        raise ParameterError(f"a ligament has four parameters, [{', '.join(QUANTITIES)}]; got shape {given.shape}")
    for name, value in zip(QUANTITIES, given.tolist(), strict=True):
        if not np.isfinite(value) or (name in POSITIVE_QUANTITIES and value <= 0.0):
            raise ParameterError(_complaint(name, value))
    k, alpha, l_0, f_ref = given.tolist()
    return k, alpha, l_0, f_ref


def eight(params: ArrayLike) -> FloatArray:
    """Check parameter vectors (8,) or (m, 8): `[k, alpha, l_0, f_ref]` of the MCL, then of the LCL.

    Raises
    ------
    ParameterError
        If there are not eight, or the law has no meaning with them.
    """
    p = np.asarray(params, dtype=float)
    if p.ndim not in (1, 2) or p.shape[-1] != PARAMETERS:
        raise ParameterError(
            f"parameters have shape {p.shape}, expected (8,) or (m, 8): "
            f"[{', '.join(QUANTITIES)}] of the MCL, then of the LCL"
        )
    rows = p.reshape(-1, PARAMETERS)
    meaningful = np.isfinite(rows) & ((rows > 0.0) | ~_POSITIVE)
    if not meaningful.all():
        row, column = np.argwhere(~meaningful)[0]
        raise ParameterError(f"parameters {rows[row].tolist()}: {_refusal(column, rows[row, column])}")
    return p


def check_measured(thetas: ArrayLike, applied_forces: ArrayLike) -> FloatArray:
    """Return the measured loads (n,) as an array, if they are as many as the angles.

    Raises
    ------
    ValueError
        If they are not.
    """
    measured = np.ascontiguousarray(np.atleast_1d(applied_forces), dtype=float)
    if measured.shape != np.atleast_1d(np.asarray(thetas)).shape:
        raise ValueError(f"{np.size(thetas)} angles but {measured.size} loads; give one load per angle")
    return measured


def load_kind(config: Config, load: LoadKind | None) -> LoadKind:
    """Settle which load a model solves for.

    Raises
    ------
    GeometryError
        If a force is asked for without an application point.
    """
    has_point = config.knee.application_point is not None
    if load is None:
        return "force" if has_point else "moment"
    if load not in ("force", "moment"):
        raise GeometryError(f"load = {load!r}: must be 'force' or 'moment'")
    if load == "force" and not has_point:
        raise GeometryError("application_point is missing; a load given as a force needs it")
    return load


def _refusal(column: int, value: float) -> str:
    ligament, quantity = LIGAMENTS[column // len(QUANTITIES)], QUANTITIES[column % len(QUANTITIES)]
    return f"{ligament}.{_complaint(quantity, value)}"


def _complaint(quantity: str, value: float) -> str:
    wanted = "positive" if quantity in POSITIVE_QUANTITIES else "finite"
    return f"{quantity} = {value:g} {UNITS[quantity]}".rstrip() + f", but it has to be {wanted}"
