"""What goes into the models, checked on the way in: numbers of a strand and of a knee, kind of knee, kind of load."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.config import MAIN_STRANDS, Config
from calibrate.errors import GeometryError, ParameterError
from calibrate.knee.geometry import Geometry, geometry_of
from calibrate.problem.quantities import quantity_of

FloatArray = NDArray[np.float64]
LoadKind = Literal["force", "moment"]

LIGAMENTS = MAIN_STRANDS
QUANTITIES = ("k", "alpha", "l_0", "f_ref")
UNITS = {key: quantity_of(key).unit for key in QUANTITIES}
POSITIVE_QUANTITIES = frozenset(key for key in QUANTITIES if quantity_of(key).positive)
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


def geometry_from(knee: Config | Geometry) -> Geometry:
    """Return the geometry of a configuration's knee, or the one that was given.

    Raises
    ------
    GeometryError
        If the knee has no pose.
    """
    return knee if isinstance(knee, Geometry) else geometry_of(knee.knee)


def planar_pair(knee: Config | Geometry) -> Geometry:
    """Return the geometry of a planar knee of two ligaments, all that the models with eight parameters know.

    Raises
    ------
    GeometryError
        If the knee has no pose, there are other strands, or one leaves the plane.
    """
    geometry = geometry_from(knee)
    deep = [strand.name for strand in geometry.flexed if strand.femur[2] != strand.tibia[2]]
    if geometry.names != LIGAMENTS:
        found = f"the strands {', '.join(geometry.names)}"
    elif deep:
        found = f"depth in {' and '.join(deep)}"
    else:
        return geometry
    raise GeometryError(
        f"this knee has {found}, and the models with eight parameters know mcl and lcl in the plane only; "
        "use calibrate.knee.cached.CachedKnee"
    )


def load_kind(geometry: Geometry, load: LoadKind | None) -> LoadKind:
    """Settle which load a model solves for.

    Raises
    ------
    GeometryError
        If a force is asked for without an application point.
    """
    has_point = geometry.application_point is not None
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
