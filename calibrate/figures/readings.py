"""What pictures show of a test's readings, as numbers: predicted curves, their errors, the truth, where condyles touch.

Angles are in the data file's unit and sign, loads in its unit and sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import GeometryError
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]

_POINTS = 300
# Of differences for slopes, in degrees: readings bend over tenths of a degree.
_STEP = 1e-3


@dataclass(frozen=True)
class Piece:
    """Predicted readings over the angles at which one condyle carries the load.

    Attributes
    ----------
    angles, degrees : ndarray, shape (m,)
        The same angles in the file's unit and in degrees.
    curves : ndarray, shape (draws, m)
        Readings without errors and without hysteresis.
    errors : ndarray, shape (draws, m), or None
        An error of each reading; None where sigma belongs to single data points. One random number per draw serves
        all angles: each angle's distribution is right, and its quantiles are smooth over the angle.
    truth : ndarray, shape (m,), or None
        What the true knee reads, as far as it is known.
    posed : ndarray of bool
        Which of the draws asked for these are: those whose knee has a pose.
    """

    angles: FloatArray
    degrees: FloatArray
    curves: FloatArray
    errors: FloatArray | None
    truth: FloatArray | None
    posed: NDArray[np.bool_]


def pieces(posterior: Posterior, test: LaxityTest, q: FloatArray, touch: float) -> list[Piece]:
    """Predict a test's readings a little past its data, in one piece for each condyle that carries the load.

    Parameters
    ----------
    posterior : Posterior
        The model.
    test : LaxityTest
        Which of its tests.
    q : ndarray, shape (draws, ndim)
        Free parameters. Rows whose knee has no pose are left out.
    touch : float
        Where the load passes from one condyle to the other [degrees].
    """
    full, out = posterior.full(q), []
    truth = true_numbers(posterior, test)
    for angles in _arms(test, touch):
        curves = posterior.predict(q, angles, test.name)
        posed = np.asarray(np.isfinite(curves).all(axis=1))
        errors = None
        if test.measurement.sigma is None:
            errors = _errors(posterior, test, q, full, angles)[posed]
        degrees = test.measurement.in_degrees(angles)
        out.append(Piece(angles, degrees, curves[posed], errors, _true_curve(posterior, test, truth, angles), posed))
    return out


def readings_at(posterior: Posterior, test: LaxityTest, q: FloatArray, shown: NDArray[np.intp] | slice) -> FloatArray:
    """Predict some of a test's data, hysteresis included, (draws, points)."""
    measurement = test.measurement
    out = posterior.predict(q, measurement.angles[shown], test.name)
    if measurement.direction is not None:
        out = out + hysteresis(posterior, test, q)[:, np.newaxis] * measurement.direction[shown]
    return out[np.isfinite(out).all(axis=1)]


def hysteresis(posterior: Posterior, test: LaxityTest, q: FloatArray) -> FloatArray:
    """Return what readings are more while the load goes up than without hysteresis, shape (draws,)."""
    return posterior.full(q)[:, test.slots.reading[2]]


def touching_angles(posterior: Posterior, test: LaxityTest, q: FloatArray) -> FloatArray:
    """Return the angles [degrees, the file's zero and sign] at which both condyles touch, (draws,); NaN for no pose."""
    full = posterior.full(q)
    free = set(posterior.table.columns.tolist())
    rows = full if not free.isdisjoint(test.slots.shape[:6].tolist()) else full[:1]
    touch = np.array([_theta_0(test, row) for row in rows])
    return np.asarray(test.sign * np.rad2deg(touch) + full[:, test.slots.reading[0]])


def _theta_0(test: LaxityTest, full: FloatArray) -> float:
    try:
        return test.geometry(full).theta_0
    except GeometryError:
        return math.nan


def _arms(test: LaxityTest, touch: float) -> list[FloatArray]:
    """Angles a little past the data, broken where both condyles touch."""
    measurement = test.measurement
    low, high = float(measurement.angles.min()), float(measurement.angles.max())
    degree = _degree(test)
    air = max(0.08 * (high - low), 0.5 * degree)
    low, high, touch = low - air, high + air, touch * degree
    # Far below a line's width, far above the rounding of degrees to radians.
    hair = 1e-9 * degree
    if not low + hair < touch < high - hair:
        return [np.linspace(low, high, _POINTS)]
    return [np.linspace(low, touch - hair, _POINTS), np.linspace(touch + hair, high, _POINTS)]


def _degree(test: LaxityTest) -> float:
    return 1.0 if test.measurement.angle_unit == "deg" else math.radians(1.0)


def _errors(posterior: Posterior, test: LaxityTest, q: FloatArray, full: FloatArray, angles: FloatArray) -> FloatArray:
    """Draw errors of readings, distributed at each angle as in `Posterior.simulate`."""
    sigma, nu, angle_sigma, amplitude, _ = test.slots.errors.tolist()
    nothing, rng = full.shape[1] - 2, np.random.default_rng(0)
    variance = full[:, [sigma]] ** 2
    if angle_sigma < nothing:
        variance = variance + (full[:, [angle_sigma]] * _slopes(posterior, test, q, angles)) ** 2
    if amplitude < nothing:
        variance = variance + full[:, [amplitude]] ** 2
    unit = rng.standard_t(full[:, nu]) if nu < nothing else rng.standard_normal(len(full))
    return np.sqrt(variance) * unit[:, np.newaxis]


def _slopes(posterior: Posterior, test: LaxityTest, q: FloatArray, angles: FloatArray) -> FloatArray:
    """Return what readings change by per degree, (draws, m), from inside one piece's angles."""
    step = _STEP * _degree(test)
    before, after = np.maximum(angles - step, angles[0]), np.minimum(angles + step, angles[-1])
    change = posterior.predict(q, after, test.name) - posterior.predict(q, before, test.name)
    return np.asarray(change / test.measurement.in_degrees(after - before))


def true_numbers(posterior: Posterior, test: LaxityTest) -> FloatArray | None:
    """Return all true parameters of a simulated test as `Posterior.full` has them, NaN where unknown.

    Fixed ones are true unless the data file states another value. None for a real test.
    """
    stated = test.measurement.truth
    if not stated:
        return None
    full: FloatArray = posterior.full(np.full(posterior.ndim, np.nan))[0]
    roots = posterior.table.roots
    for name, value in stated.items():
        if name in roots:
            full[roots[name]] = value
    # What a test's file says without its name is meant for the test's own, unless it says that as well.
    for name, value in stated.items():
        own = test.label + name
        if own in roots and own not in stated:
            full[roots[own]] = value
    return full


def true_law(posterior: Posterior, test: LaxityTest, truth: FloatArray) -> FloatArray:
    """Return the laws (strands, 4) that true parameters mean in a test, NaN where one is unknown."""
    law = truth[test.slots.law]
    strain = test.slots.strain
    if strain.any():
        law[strain, 2] = posterior.reference_lengths(truth[np.newaxis])[0, strain] / (1.0 + law[strain, 2])
    return np.asarray(law)


def _true_curve(
    posterior: Posterior, test: LaxityTest, truth: FloatArray | None, angles: FloatArray
) -> FloatArray | None:
    """Return the true knee's readings, None where a parameter that they depend on is unknown."""
    if truth is None:
        return None
    law = true_law(posterior, test, truth)
    needed = truth[[*test.slots.reading[:2].tolist(), *test.slots.geometry.tolist()]]
    if not np.isfinite([*law.flat, *needed]).all():
        return None
    loads = test.knee(truth, angles).loads(law[np.newaxis])[0]
    return np.asarray(loads + truth[test.slots.reading[1]])
