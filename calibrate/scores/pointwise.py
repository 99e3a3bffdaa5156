"""What a posterior says of each reading by itself: where it lies, how far it scatters, and its log-likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, ndtr, stdtr

from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.noise import variance_of
from calibrate.problem.reading import law_of, predicted

FloatArray = NDArray[np.float64]

# Numbers of the covariances that are inverted at a time.
_AT_A_TIME = 2**21


@dataclass(frozen=True, eq=False)
class Foretold:
    """Distributions of readings, one for each row of parameters: Gaussian or Student's t.

    Attributes
    ----------
    location, scale : ndarray, shape (n, readings)
        In the file's unit and sign.
    nu : ndarray, shape (n, 1)
        Degrees of freedom; infinite where Gaussian.
    """

    location: FloatArray
    scale: FloatArray
    nu: FloatArray

    def log_density(self, loads: FloatArray) -> FloatArray:
        """Return the log-density of readings (readings,), shape (n, readings)."""
        z = (loads - self.location) / self.scale
        gaussian = -0.5 * (z**2 + math.log(2.0 * math.pi))
        if np.isinf(self.nu).all():
            return np.asarray(gaussian - np.log(self.scale))
        constant = -betaln(0.5 * self.nu, 0.5) - 0.5 * np.log(self.nu)
        return np.asarray(constant - 0.5 * (self.nu + 1.0) * np.log1p(z**2 / self.nu) - np.log(self.scale))

    def below(self, loads: FloatArray) -> FloatArray:
        """Return the probability of less than readings (readings,), shape (n, readings)."""
        z = (loads - self.location) / self.scale
        return np.asarray(ndtr(z) if np.isinf(self.nu).all() else stdtr(self.nu, z))


def foretold(posterior: Posterior, test: LaxityTest, q: FloatArray) -> Foretold:
    """Return what parameters alone say of a test's readings.

    Parameters
    ----------
    posterior : Posterior
        Of the test.
    test : LaxityTest
        One of its tests, or some readings of one.
    q : ndarray, shape (n, ndim)
        Free parameters with a log-probability that is finite.

    Returns
    -------
    Foretold
        A discrepancy counts as an error of every reading.
    """
    full = posterior.full(q)
    location = predicted(test, posterior.reference, posterior.table, full, None)
    variance = variance_of(test, full, law_of(test, posterior.reference, full))
    _, nu, _, amplitude, _ = test.slots.errors.tolist()
    nothing = full.shape[1] - 2
    if amplitude < nothing:
        variance = variance + full[:, [amplitude]] ** 2
    freedom = full[:, [nu]] if nu < nothing else np.full((len(full), 1), np.inf)
    return Foretold(location, np.sqrt(variance), freedom)


def foretold_by_others(posterior: Posterior, test: LaxityTest, q: FloatArray) -> Foretold:
    """Return what parameters and all other readings of a test say of each; they differ where errors are correlated.

    By the inverse of the residuals' covariance (Sundararajan & Keerthi 2001, Neural Computation 13:1103; Bürkner, Gabry
    & Vehtari 2021, Computational Statistics 36:1243). Parameters as for `foretold`.
    """
    alone = foretold(posterior, test, q)
    full = posterior.full(q)
    *_, amplitude, length = test.slots.errors.tolist()
    if amplitude >= full.shape[1] - 2:
        return alone
    loads, degrees = test.measurement.loads, test.measurement.in_degrees(test.measurement.angles)
    apart = (degrees[:, np.newaxis] - degrees) ** 2
    size = (full[:, amplitude] ** 2)[:, np.newaxis, np.newaxis]
    width = (2.0 * full[:, length] ** 2)[:, np.newaxis, np.newaxis]
    own = alone.scale**2 - size[:, 0]
    location, scale = np.empty_like(alone.location), np.empty_like(alone.scale)
    rows = max(1, _AT_A_TIME // apart.size)
    for first in range(0, len(full), rows):
        some = slice(first, first + rows)
        covariance = size[some] * np.exp(-apart / width[some])
        covariance[:, range(loads.size), range(loads.size)] += own[some]
        inverse = np.linalg.inv(covariance)
        diagonal = np.einsum("nii->ni", inverse)
        residual = loads - alone.location[some]
        location[some] = loads - np.einsum("nij,nj->ni", inverse, residual) / diagonal
        scale[some] = 1.0 / np.sqrt(diagonal)
    return Foretold(location, scale, alone.nu)


def pointwise(posterior: Posterior, q: ArrayLike) -> FloatArray:
    """Return the log-likelihood of each reading, given all others of its test where errors are correlated.

    Parameters
    ----------
    posterior : Posterior
        Of any errors.
    q : array_like, shape (n, ndim) or (ndim,)
        Free parameters.

    Returns
    -------
    ndarray, shape (n, readings)
        Of all tests one after another. Where errors are independent the sum is `posterior.log_likelihood`; rows where
        that is `-inf` are `-inf`.
    """
    rows = np.atleast_2d(np.asarray(q, dtype=float))
    meaning = np.isfinite(posterior.log_likelihood(rows))
    out = np.full((len(rows), sum(test.measurement.loads.size for test in posterior.tests)), -np.inf)
    if meaning.any():
        some = rows[meaning]
        parts = [
            foretold_by_others(posterior, test, some).log_density(test.measurement.loads) for test in posterior.tests
        ]
        out[meaning] = np.concatenate(parts, axis=1)
    return out
