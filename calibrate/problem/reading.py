"""What tests read: laws, reference lengths and predictions, for rows of all parameters (see `Posterior.full`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import GeometryError
from calibrate.knee.general import general_readings
from calibrate.problem.build import general_of
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.parameters import ParameterTable

FloatArray = NDArray[np.float64]


def reference_lengths(shared: LaxityTest, full: FloatArray) -> FloatArray:
    """Return the strands' lengths at the shared knee's reference pose [mm], (n, strands), NaN without a pose."""
    strands = shared.slots.strands
    if not shared.posed:
        return np.tile(shared.geometry(full[0]).reference_lengths(), (len(full), 1)) if len(full) else full[:, :strands]
    out = np.full((len(full), strands), np.nan)
    for row, values in zip(out, full, strict=True):
        try:
            row[:] = shared.geometry(values).reference_lengths()
        except GeometryError:
            continue
    return out


def law_of(test: LaxityTest, shared: LaxityTest, full: FloatArray) -> FloatArray:
    """Return the strands' laws in a test, (n, strands, 4): `[k, alpha, l_0, f_ref]`, l_0 whatever is given for it."""
    law = full[:, test.slots.law]
    strain = test.slots.strain
    if strain.any():
        law[:, strain, 2] = reference_lengths(shared, full)[:, strain] / (1.0 + law[:, strain, 2])
    return np.asarray(law)


def predicted(
    test: LaxityTest, shared: LaxityTest, table: ParameterTable, full: FloatArray, angles: FloatArray | None
) -> FloatArray:
    """Return a test's readings without their errors, (n, points), at other angles without hysteresis.

    Raises
    ------
    GeometryError
        If the knee admits no load at one of the angles.
    """
    measurement = test.measurement
    if test.posed:
        form = general_of([test], table, shared, full[0], None if angles is None else [angles])
        return np.asarray(general_readings(np.ascontiguousarray(full), form))
    bias = full[:, test.slots.reading[1], np.newaxis]
    if angles is None and measurement.direction is not None:
        bias = bias + full[:, test.slots.reading[2], np.newaxis] * measurement.direction
    return np.asarray(test.knee(full[0], angles).loads(law_of(test, shared, full)) + bias)


def truth_of(table: ParameterTable, tests: Sequence[LaxityTest]) -> dict[str, float]:
    """Return free parameters' true values, as far as data files state them.

    A file means its test's own parameter by a name without the test's, unless it states that one with the name, too.
    """
    found: dict[str, float] = {}
    for test in tests:
        stated = test.measurement.truth
        for key, value in stated.items():
            row = table.roots.get(key) if test.label + key in stated else table.find(test.name, key)
            if row is not None and table.parameters[row].prior is not None:
                found[table.parameters[row].name] = value
    return {name: found[name] for name in table.names if name in found}
