"""Errors of readings, drawn as the likelihood says that they are distributed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]


def noise_of(test: LaxityTest, full: FloatArray, law: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw the errors of a test's readings.

    Parameters
    ----------
    test : LaxityTest
        Which test.
    full : ndarray, shape (n, all)
        All parameters, see `Posterior.full`.
    law : ndarray, shape (n, strands, 4)
        The strands' laws, see `Posterior.law`.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    ndarray, shape (n, points)
        In the file's unit.
    """
    measurement, (_, nu, _, amplitude, length) = test.measurement, test.slots.errors.tolist()
    nothing = full.shape[1] - 2
    variance = variance_of(test, full, law)
    shape = variance.shape
    normal = rng.standard_t(full[:, [nu]], size=shape) if nu < nothing else rng.standard_normal(shape)
    noise = np.sqrt(variance) * normal
    if amplitude < nothing:
        degrees = measurement.in_degrees(measurement.angles)
        apart = (degrees[:, np.newaxis] - degrees) ** 2
        for row, values in zip(noise, full, strict=True):
            covariance = np.exp(-apart / (2.0 * values[length] ** 2))
            # A smooth process is nearly singular: eigenvalues that rounding makes negative are none.
            size, axes = np.linalg.eigh(covariance)
            row += values[amplitude] * (axes @ (np.sqrt(np.clip(size, 0.0, None)) * rng.standard_normal(size.size)))
    return np.asarray(noise)


def variance_of(test: LaxityTest, full: FloatArray, law: FloatArray) -> FloatArray:
    """Return the squared scale of each reading's independent error, (n, points): sigma's and the angle's share."""
    measurement, (sigma, _, angle_sigma, _, _) = test.measurement, test.slots.errors.tolist()
    if measurement.sigma is not None:
        variance = np.tile(measurement.sigma**2, (len(full), 1))
    else:
        variance = np.tile(full[:, [sigma]] ** 2, (1, measurement.angles.size))
    if angle_sigma < full.shape[1] - 2:
        variance = variance + (full[:, [angle_sigma]] * slopes_of(test, full, law)) ** 2
    return variance


def slopes_of(test: LaxityTest, full: FloatArray, law: FloatArray) -> FloatArray:
    """Return what the readings change by per degree of the file's angle, (n, points)."""
    if not test.posed:
        return test.knee(full[0], slopes=True).slope(law)
    rows = [test.knee(values, slopes=True).slope(one[np.newaxis])[0] for values, one in zip(full, law, strict=True)]
    return np.stack(rows)
