"""What tests read: laws, reference lengths and predictions, for rows of all parameters (see `Posterior.full`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.general import general_readings
from calibrate.problem.build import general_of
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.parameters import ParameterTable

FloatArray = NDArray[np.float64]


def reference_lengths(shared: LaxityTest, full: FloatArray) -> FloatArray:
    """Return the strands' lengths [mm] at the shared knee's reference pose, (n, strands), NaN without a pose."""
    lengths = shared.knees(full).reference_lengths()
    return np.broadcast_to(lengths, (len(full), shared.slots.strands))


def law_of(test: LaxityTest, shared: LaxityTest, full: FloatArray) -> FloatArray:
    """Return the strands' laws in a test, (n, strands, 4): `[k, alpha, l_0, f_ref]`, l_0 whatever is given for it."""
    return test.law(full, reference_lengths(shared, full) if test.slots.strain.any() else None)


def predicted(
    test: LaxityTest, shared: LaxityTest, table: ParameterTable, full: FloatArray, angles: FloatArray | None
) -> FloatArray:
    """Return a test's readings without their errors, (n, points), at other angles without hysteresis.

    Raises
    ------
    GeometryError
        If the knee admits no load at one of the angles.
    """
    if not test.posed:
        return test.readings(full, law_of(test, shared, full), angles)
    form = general_of([test], table, shared, full[0], None if angles is None else [angles])
    return np.asarray(general_readings(np.ascontiguousarray(full), form))


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
