"""The tests of a calibration as compiled code takes them: a pair of strands posed once, or the general form."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import DataError
from calibrate.knee.cached import MM_PER_M, CachedKnee
from calibrate.knee.factors import build as build_sums
from calibrate.knee.pair import Pair
from calibrate.knee.slots import CORRELATED, GAUSSIAN, STUDENT, General, general
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.parameters import ParameterTable

FloatArray = NDArray[np.float64]

# From this many points on, sums of squares are put together from stored factors: `python -m benchmarks.sums` finds the
# two ways equally fast there. It depends on nothing but the data, so that one seed gives one chain on any machine.
MANY = 800


def errors_of(test: LaxityTest, nothing: int) -> int:
    """Return the kind of a test's errors; `nothing` is the first row that stands for what is not declared."""
    _, nu, _, amplitude, _ = test.slots.errors.tolist()
    if amplitude < nothing:
        return CORRELATED
    return STUDENT if nu < nothing else GAUSSIAN


def is_pair(tests: Sequence[LaxityTest], table: ParameterTable) -> bool:
    """Tell whether the short form will do: one test, two strands, poses that stay, Gaussian errors of the load."""
    nothing = len(table.parameters)
    free = set(table.columns.tolist())
    (test, *others) = tests
    slots = test.slots
    # Each law's parameter has a place of its own there, so none may be tied to another.
    law = slots.law.ravel().tolist()
    tied = any(law.count(row) > 1 for row in free)
    return (
        not others
        and slots.strands == 2
        and not test.posed
        and not slots.strain.any()
        and errors_of(test, nothing) == GAUSSIAN
        and slots.errors[2] >= nothing
        and free.isdisjoint(slots.reading.tolist())
        and not tied
        and free <= {*law, int(slots.errors[0])}
    )


def pair_of(test: LaxityTest, full: FloatArray, *, inferred: bool) -> tuple[Pair, NDArray[np.intp] | None]:
    """Make the short form of a test.

    Parameters
    ----------
    test : LaxityTest
        The test.
    full : ndarray
        All parameters; what is fixed of the reading is taken off the loads.
    inferred : bool
        Whether sigma is; else loads and arms are divided by it.

    Returns
    -------
    pair : Pair
        For compiled code.
    order : ndarray of int, shape (n,), or None
        What sorts the data by angle, as the pair has them where there are many; None if they are as in the file.
    """
    measurement = test.measurement
    knee = test.knee(full)
    count = measurement.angles.size
    known = measurement.sigma if measurement.sigma is not None else np.full(count, full[test.slots.errors[0]])
    weight = np.ones(count) if inferred else 1.0 / known
    constant = -0.5 * count * math.log(2.0 * math.pi) + float(np.log(weight).sum())
    loads = measurement.loads - test.shift(full[np.newaxis], at_data=True)[0]
    lengths, arms = knee.kinematics.lengths, knee.coefficients * weight
    load = loads * weight
    if not all(np.isfinite(a).all() for a in (lengths, arms, load)):
        raise DataError(f"{measurement.source}: loads or sigma so extreme that their ratio overflows; check units")
    order = None
    if count >= MANY and (np.diff(measurement.angles) < 0.0).any():
        order = np.argsort(measurement.to_radians(measurement.angles), kind="stable")
        lengths, arms, load = lengths[:, order], arms[:, order], load[order]
    arrays = [np.ascontiguousarray(a) for a in (lengths, arms, load)]
    pair = Pair(arrays[0], arrays[1], arrays[2], constant)
    sums = build_sums(pair) if count >= MANY else None
    return (pair if sums is None else pair._replace(sums=sums)), order


def general_of(
    tests: Sequence[LaxityTest],
    table: ParameterTable,
    reference: LaxityTest,
    full: FloatArray,
    angles: Sequence[FloatArray] | None = None,
) -> General:
    """Make the general form of all tests.

    Parameters
    ----------
    tests : sequence of LaxityTest
        The tests.
    table : ParameterTable
        All parameters.
    reference : LaxityTest
        Stands for the shared knee, whose lengths reference strains refer to.
    full : ndarray
        All parameters; for free ones some that give a pose.
    angles : sequence of ndarray, optional
        In the place of the data's, for predictions: file unit and sign, one array a test.
    """
    nothing = len(table.parameters)
    at = [angles[i] if angles is not None else test.measurement.angles for i, test in enumerate(tests)]
    own = angles is None
    sizes = [len(a) for a in at]
    strands = tests[0].slots.strands
    knees = [_cached(test, full, a) for test, a in zip(tests, at, strict=True)]
    sigmas = [_known_sigma(test, table, full) for test in tests]
    lengths = None if reference.posed else reference.geometry(full).reference_lengths()

    def joined(parts: Sequence[FloatArray]) -> FloatArray:
        return np.concatenate(parts, axis=-1) if parts else np.empty(0)

    def of_points(size: int, values: FloatArray | None, otherwise: float) -> FloatArray:
        return values if own and values is not None else np.full(size, otherwise)

    pairs = list(zip(tests, sizes, strict=True))
    return general(
        at=np.array([test.slots.rows for test in (*tests, reference)]),
        strain=np.array([test.slots.strain for test in tests]),
        reference_length=lengths,
        axis_given=np.array([test.slots.axis_given for test in (*tests, reference)]),
        first=np.concatenate([[0], np.cumsum(sizes)]),
        posed=np.array([test.posed for test in tests]),
        sign=np.array([test.sign for test in tests]),
        force=np.array([test.measurement.kind == "force" for test in tests]),
        factor=np.array([1.0 if test.measurement.kind == "force" else 1.0 / MM_PER_M for test in tests]),
        flexion=np.deg2rad([test.flexion for test in tests]),
        errors=np.array([errors_of(test, nothing) for test in tests]),
        angle_error=np.array([test.slots.errors[2] < nothing for test in tests]),
        known=np.array([sigma is not None for sigma in sigmas]),
        angle=joined([test.measurement.in_degrees(a) for test, a in zip(tests, at, strict=True)]),
        load=joined([of_points(n, test.measurement.loads, 0.0) for test, n in pairs]),
        direction=joined([of_points(n, test.measurement.direction, 0.0) for test, n in pairs]),
        sigma=joined([of_points(n, sigma, 1.0) for sigma, n in zip(sigmas, sizes, strict=True)]),
        lengths=joined(
            [knee.kinematics.lengths if knee else np.zeros((strands, n)) for knee, n in zip(knees, sizes, strict=True)]
        ),
        arms=joined(
            [knee.coefficients if knee else np.zeros((strands, n)) for knee, n in zip(knees, sizes, strict=True)]
        ),
        length_slopes=joined(_slopes(knees, sizes, strands, 0)),
        arm_slopes=joined(_slopes(knees, sizes, strands, 1)),
    )


def _known_sigma(test: LaxityTest, table: ParameterTable, full: FloatArray) -> FloatArray | None:
    """Return sigma at each of a test's points, None if it is inferred."""
    row = int(test.slots.errors[0])
    if test.measurement.sigma is not None or row in table.columns:
        return test.measurement.sigma
    return np.full(test.measurement.angles.size, full[row])


def _cached(test: LaxityTest, full: FloatArray, angles: FloatArray) -> CachedKnee | None:
    """Pose a test's knee once, or leave that to each evaluation; then see whether it has a pose at all."""
    if not test.posed:
        return test.knee(full, angles, slopes=True)
    test.geometry(full)
    return None


def _slopes(knees: Sequence[CachedKnee | None], sizes: Sequence[int], strands: int, which: int) -> list[FloatArray]:
    out = []
    for knee, size in zip(knees, sizes, strict=True):
        found = None if knee is None else knee.slopes
        out.append(np.zeros((strands, size)) if found is None else found[which])
    return out
