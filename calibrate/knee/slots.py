"""The general model as compiled code takes it: any number of tests and strands in one set of arrays.

`p` is the full vector of parameters, with fixed ones and the geometry's numbers in it. Where a test finds its own is
said by slots: number `i` of test `t` is `p[at[t, i]]`. Row T of `at`, one more than there are tests, is the shared
knee: reference lengths are those of its geometry. With S strands the slots are

- `4 s` to `4 s + 3`: stiffness, transition strain, slack length or reference strain, tare of strand s;
- `4 S + OFFSET` to `4 S + LENGTH`: what changes the reading, and its errors;
- `4 S + LATERAL` to `4 S + REFERENCE_FLEXION`: condyles, rolling, application point, flexion axis;
- `4 S + STRANDS + 6 s`: x, y, z of strand s's femoral attachment, then of its tibial one.

Unused slots may point anywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.knee.jit import merged

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
# Without a sign: an index that might count from the end costs a test.
Indices = NDArray[np.uintp]

# Slots after the law's, counted from 4 S.
OFFSET, BIAS, HYSTERESIS, SIGMA, NU, ANGLE_SIGMA, AMPLITUDE, LENGTH = range(8)
LATERAL, MEDIAL, ROLLING, APPLICATION, AXIS, REFERENCE_FLEXION, STRANDS = 8, 11, 14, 15, 17, 19, 20

# Kinds of errors.
GAUSSIAN, STUDENT, CORRELATED = 0, 1, 2


class General(NamedTuple):
    """T tests of n points in all, on a knee of S strands; made by `general`.

    Attributes
    ----------
    at : ndarray of int, shape (T + 1, slots)
        Where the parameters are, see above.
    strain : ndarray of bool, shape (T, S)
        Where the third parameter of the law is a reference strain.
    any_strain : bool
        Whether there is one.
    reference_length : ndarray, shape (S,)
        Lengths [mm] that reference strains refer to; where they do not depend on parameters.
    reference_posed : bool
        Whether reference lengths follow the geometry in `p` instead.
    axis_given : ndarray of bool, shape (T + 1,)
        Whether the flexion axis has slots; else it is midway between the femoral attachments of strands 0 and 1.
    first : ndarray of int, shape (T + 1,)
        First point of each test, and n.
    posed : ndarray of bool, shape (T,)
        Whether lengths and arms follow the geometry and the angle offset in `p`; else they are the arrays below.
    sign : ndarray, shape (T,)
        1 where the file counts valgus as positive, -1 where varus.
    force : ndarray of bool, shape (T,)
        Whether the load is a force at the application point; else a pure moment.
    factor : ndarray, shape (T,)
        The file's unit: 1 for N, 0.001 for N·m.
    flexion_sine, flexion_cosine : ndarray, shape (T,)
        Of the flexion.
    errors : ndarray of int, shape (T,)
        `GAUSSIAN`, `STUDENT` or `CORRELATED`.
    angle_error : ndarray of bool, shape (T,)
        Whether the angle's reading has an error.
    known : ndarray of bool, shape (T,)
        Whether sigma is known; it is then in `weight`.
    angle : ndarray, shape (n,)
        Angles [degrees], as the file counts them.
    theta, sine, cosine : ndarray, shape (n,)
        The same angles [rad], valgus positive, offset not taken off; their sines and cosines.
    load, direction : ndarray, shape (n,)
        Measured loads as in the file; 1 while the load went up, -1 while it went down, 0 if that is not known.
    weight : ndarray, shape (n,)
        1 / sigma where it is known, else 1.
    lengths, arms : ndarray, shape (S, n)
        Strands' lengths [mm], and load per newton of tension in the file's unit and sign; where not posed.
    length_slopes, arm_slopes : ndarray, shape (S, n)
        Their derivatives by the file's angle, per degree; used where not posed and the angle has an error.
    constant : float
        What of the log-likelihood does not depend on the parameters.
    """

    at: Indices
    strain: BoolArray
    any_strain: bool
    reference_length: FloatArray
    reference_posed: bool
    axis_given: BoolArray
    first: IntArray
    posed: BoolArray
    sign: FloatArray
    force: BoolArray
    factor: FloatArray
    flexion_sine: FloatArray
    flexion_cosine: FloatArray
    errors: IntArray
    angle_error: BoolArray
    known: BoolArray
    angle: FloatArray
    theta: FloatArray
    sine: FloatArray
    cosine: FloatArray
    load: FloatArray
    direction: FloatArray
    weight: FloatArray
    lengths: FloatArray
    arms: FloatArray
    length_slopes: FloatArray
    arm_slopes: FloatArray
    constant: float


class Scratch(NamedTuple):
    """Room to compute in: for readings, their slopes, reference lengths, and a covariance with residuals beside it."""

    reading: FloatArray
    slope: FloatArray
    reference: FloatArray
    matrix: FloatArray


@merged
def new_scratch(g: General) -> Scratch:
    """Make room for evaluations, one at a time; from Python call `new_scratch.py_func`."""
    most, correlated = 0, 0
    for t in range(g.posed.size):
        n = g.first[t + 1] - g.first[t]
        most = max(most, n)
        if g.errors[t] == CORRELATED:
            correlated = max(correlated, n)
    return Scratch(
        np.empty(most), np.empty(most), np.empty(g.reference_length.size), np.empty((correlated, correlated + 1))
    )


def general(
    *,
    at: ArrayLike,
    strain: ArrayLike,
    reference_length: ArrayLike | None,
    axis_given: ArrayLike,
    first: ArrayLike,
    posed: ArrayLike,
    sign: ArrayLike,
    force: ArrayLike,
    factor: ArrayLike,
    flexion: ArrayLike,
    errors: ArrayLike,
    angle_error: ArrayLike,
    known: ArrayLike,
    angle: ArrayLike,
    load: ArrayLike,
    direction: ArrayLike,
    sigma: ArrayLike,
    lengths: ArrayLike,
    arms: ArrayLike,
    length_slopes: ArrayLike,
    arm_slopes: ArrayLike,
) -> General:
    """Put the arrays of `General` together, and what follows from them.

    Parameters are as there, except for `sigma`, shape (n,), which counts where it is known, `flexion`, shape (T,)
    [rad], and `reference_length`, None where lengths follow the geometry in `p`.
    """
    starts, signs, are_known = _ints(first), _floats(sign), _flags(known)
    kinds, strains, angles = _ints(errors), _flags(strain), _floats(angle)
    test = np.repeat(np.arange(signs.size), np.diff(starts))
    theta = signs[test] * np.radians(angles)
    weight = 1.0 / np.where(are_known[test], _floats(sigma), 1.0)
    normal = np.count_nonzero(kinds[test] != STUDENT)
    return General(
        at=np.ascontiguousarray(at, dtype=np.uintp),
        strain=strains,
        any_strain=bool(strains.any()),
        reference_length=np.full(strains.shape[1], np.nan) if reference_length is None else _floats(reference_length),
        reference_posed=reference_length is None,
        axis_given=_flags(axis_given),
        first=starts,
        posed=_flags(posed),
        sign=signs,
        force=_flags(force),
        factor=_floats(factor),
        flexion_sine=np.sin(_floats(flexion)),
        flexion_cosine=np.cos(_floats(flexion)),
        errors=kinds,
        angle_error=_flags(angle_error),
        known=are_known,
        angle=angles,
        theta=theta,
        sine=np.sin(theta),
        cosine=np.cos(theta),
        load=_floats(load),
        direction=_floats(direction),
        weight=weight,
        lengths=_floats(lengths),
        arms=_floats(arms),
        length_slopes=_floats(length_slopes),
        arm_slopes=_floats(arm_slopes),
        constant=float(np.log(weight).sum() - normal * 0.5 * math.log(2.0 * math.pi)),
    )


def _floats(values: ArrayLike) -> FloatArray:
    return np.ascontiguousarray(values, dtype=np.float64)


def _ints(values: ArrayLike) -> IntArray:
    return np.ascontiguousarray(values, dtype=np.int64)


def _flags(values: ArrayLike) -> BoolArray:
    return np.ascontiguousarray(values, dtype=np.bool_)
