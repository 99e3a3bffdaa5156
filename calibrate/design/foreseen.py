"""Readings that nobody has taken yet, as each draw of a posterior foresees them.

A reading that is added to a test shares with it all that the draw says of the test: zeros, errors, and the model's
discrepancy. So where errors are correlated, what is foreseen takes into account what the test has already read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from calibrate.errors import GeometryError, ParameterError
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.noise import variance_of
from calibrate.problem.reading import law_of, predicted

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Numbers of a temporary.
_ROOM = 4_000_000


@dataclass(frozen=True, eq=False)
class Foreseen:
    """Distributions of readings, one for each draw.

    Attributes
    ----------
    mean : ndarray, shape (n, readings)
        In the file's unit and sign.
    variance : ndarray, shape (n, readings)
        The squared scale of each reading's own error.
    nu : ndarray, shape (n,), or None
        Degrees of freedom of Student's t; None where errors are Gaussian.
    smooth : ndarray, shape (n, readings, readings), or None
        Covariance of what neighbouring readings have in common; None if there is no such.
    """

    mean: FloatArray
    variance: FloatArray
    nu: FloatArray | None = None
    smooth: FloatArray | None = None

    def of(self, which: IntArray) -> Foreseen:
        """Return some of the readings, by number; one that is there twice is read twice."""
        smooth = None if self.smooth is None else self.smooth[:, which[:, np.newaxis], which]
        return Foreseen(self.mean[:, which], self.variance[:, which], self.nu, smooth)

    def draw(self, rows: IntArray, rng: np.random.Generator) -> FloatArray:
        """Draw readings, one set from each of some draws' distributions: (rows, readings)."""
        shape = (len(rows), self.mean.shape[1])
        if self.nu is None:
            noise = rng.standard_normal(shape)
        else:
            noise = rng.standard_t(self.nu[rows][:, np.newaxis], size=shape)
        out = self.mean[rows] + np.sqrt(self.variance[rows]) * noise
        if self.smooth is not None:
            size, axes = np.linalg.eigh(self.smooth[rows])
            # A smooth process is nearly singular: eigenvalues that rounding makes negative are none.
            common = np.sqrt(np.clip(size, 0.0, None)) * rng.standard_normal(shape)
            out += np.einsum("nij,nj->ni", axes, common)
        return out

    def log_density(self, y: FloatArray) -> FloatArray:
        """Return the log-density of sets of readings (m, readings) under each draw, (m, n), but for a constant."""
        centre = self.mean.mean(axis=0)
        y, mean = y - centre, self.mean - centre
        if self.smooth is not None:
            return self._correlated(y, mean)
        if self.nu is not None:
            return self._heavy(y, mean)
        precision = 1.0 / self.variance
        constant = (mean**2 * precision).sum(axis=1) + np.log(self.variance).sum(axis=1)
        return np.asarray(y @ (mean * precision).T - 0.5 * (y**2 @ precision.T) - 0.5 * constant)

    def _heavy(self, y: FloatArray, mean: FloatArray) -> FloatArray:
        assert self.nu is not None
        constant = -betaln(0.5 * self.nu, 0.5) - 0.5 * np.log(self.nu)
        total = mean.shape[1] * constant - 0.5 * np.log(self.variance).sum(axis=1)
        out = np.tile(total, (len(y), 1))
        for i, column in enumerate(y.T):
            square = (column[:, np.newaxis] - mean[:, i]) ** 2 / (self.nu * self.variance[:, i])
            out -= 0.5 * (self.nu + 1.0) * np.log1p(square)
        return out

    def _correlated(self, y: FloatArray, mean: FloatArray) -> FloatArray:
        assert self.smooth is not None
        readings = mean.shape[1]
        covariance = self.smooth.copy()
        covariance[:, range(readings), range(readings)] += self.variance
        precision = np.linalg.inv(covariance)
        leaning = np.einsum("nij,nj->ni", precision, mean)
        constant = (leaning * mean).sum(axis=1) + np.linalg.slogdet(covariance)[1]
        square = np.einsum("mi,mj->mij", y, y).reshape(len(y), -1) @ precision.reshape(len(mean), -1).T
        return np.asarray(y @ leaning.T - 0.5 * square - 0.5 * constant)


def foresee(
    posterior: Posterior, test: LaxityTest, q: FloatArray, angles: FloatArray, *, own: bool, flexion: float | None
) -> Foreseen:
    """Foresee readings of a test.

    Parameters
    ----------
    posterior : Posterior
        The calibration.
    test : LaxityTest
        One of its tests.
    q : ndarray, shape (n, ndim)
        Draws of the free parameters.
    angles : ndarray, shape (readings,)
        In degrees as the test's file counts.
    own : bool
        Whether the angles are the test's own, and so each reading has the direction and sigma of that one. Elsewhere
        there is no direction, and a sigma that the file gives for each point is the median.
    flexion : float, optional
        Degrees, of another test by the same rig, whose discrepancy is its own; by default the test goes on.

    Raises
    ------
    ParameterError
        If the knee has no pose there.
    """
    hypothetical = _hypothetical(test, angles, own=own, flexion=flexion)
    full = posterior.full(q)
    try:
        mean = predicted(hypothetical, posterior.reference, posterior.table, full, None)
        variance = variance_of(hypothetical, full, law_of(hypothetical, posterior.reference, full))
    except GeometryError as error:
        raise ParameterError(f"candidates: the knee has no pose there: {error}") from None
    _, nu, _, amplitude, length = test.slots.errors.tolist()
    nothing = full.shape[1] - 2
    if amplitude < nothing:
        before = None if flexion is not None else test
        return _smoothly(posterior, before, full, full[:, amplitude], full[:, length], angles, mean, variance)
    return Foreseen(mean, variance, full[:, nu] if nu < nothing else None)


def _hypothetical(test: LaxityTest, angles: FloatArray, *, own: bool, flexion: float | None) -> LaxityTest:
    """Return the test as if it had been done at these angles."""
    measurement = test.measurement
    if not own:
        sigma = measurement.sigma
        at = angles if measurement.angle_unit == "deg" else np.deg2rad(angles)
        measurement = replace(
            measurement,
            angles=at,
            loads=np.zeros(at.size),
            sigma=None if sigma is None else np.full(at.size, float(np.median(sigma))),
            direction=None,
        )
    return replace(test, measurement=measurement, flexion=test.flexion if flexion is None else flexion)


def _smoothly(
    posterior: Posterior,
    before: LaxityTest | None,
    full: FloatArray,
    amplitude: FloatArray,
    length: FloatArray,
    angles: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
) -> Foreseen:
    """Return what is foreseen with a discrepancy, given what a test has already read; None for a test of its own."""

    def common(rows: slice, at: FloatArray, other: FloatArray) -> FloatArray:
        apart = (at[:, np.newaxis] - other) ** 2
        size, width = amplitude[rows, np.newaxis, np.newaxis], length[rows, np.newaxis, np.newaxis]
        return np.asarray(size**2 * np.exp(-apart / (2.0 * width**2)))

    smooth = common(slice(None), angles, angles)
    if before is None:
        return Foreseen(mean, variance, None, smooth)
    measurement = before.measurement
    read = measurement.in_degrees(measurement.angles)
    law = law_of(before, posterior.reference, full)
    residual = measurement.loads - predicted(before, posterior.reference, posterior.table, full, None)
    own = variance_of(before, full, law)
    mean = mean.copy()
    step = max(1, _ROOM // (read.size * (read.size + angles.size)))
    for first in range(0, len(full), step):
        rows = slice(first, first + step)
        covariance = common(rows, read, read)
        covariance[:, range(read.size), range(read.size)] += own[rows]
        across = common(rows, read, angles)
        gain = np.linalg.solve(covariance, across)
        mean[rows] += np.einsum("nij,ni->nj", gain, residual[rows])
        smooth[rows] -= np.einsum("nij,nik->njk", gain, across)
    return Foreseen(mean, variance, None, smooth)


def most_foreseen(readings: int) -> int:
    """Return of how many draws at the most correlated readings are foreseen at once."""
    return max(1, math.floor(10 * _ROOM / max(1, readings) ** 2))
