"""The curve of a calibrated knee with its discrepancy: what the readings say that the strands alone cannot do.

Of a model with a discrepancy the strands' own curve is only a part: data are the sum of both (Kennedy & O'Hagan 2001,
J R Stat Soc B 63:425), and what is known of the knee is the sum, given the readings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

# Of the process's variance: what keeps a covariance of close angles positive.
_NUGGET = 1e-8


def curves(posterior: Posterior, q: FloatArray, angles: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw curves of strands and discrepancy together, given the readings of the only test.

    Parameters
    ----------
    posterior : Posterior
        With `noise.discrepancy`, `noise.sigma`, and no errors of the angle.
    q : ndarray, shape (n, ndim)
        Draws.
    angles : ndarray, shape (m,)
        As the file counts them [degrees].
    rng : numpy.random.Generator
        Draws what the readings leave open.

    Returns
    -------
    ndarray, shape (n, m)
        Loads without noise and hysteresis, in the file's unit and sign.
    """
    test = posterior.measurement
    size, length, sigma = (
        posterior.values(q, f"noise.{key}")[:, np.newaxis, np.newaxis]
        for key in ("discrepancy.amplitude", "discrepancy.length", "sigma")
    )

    def covariance(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(size**2 * np.exp(-((a[:, np.newaxis] - b) ** 2) / (2.0 * length**2)))

    left = test.loads - posterior.predict(q)
    between = covariance(test.angles, angles)
    gain = np.linalg.solve(covariance(test.angles, test.angles) + sigma**2 * np.eye(left.shape[1]), between)
    spread = covariance(angles, angles) - between.swapaxes(1, 2) @ gain
    root = np.linalg.cholesky(spread + _NUGGET * size**2 * np.eye(angles.size))
    normal = rng.standard_normal((len(q), angles.size, 1))
    mean = posterior.predict(q, angles) + (left[:, np.newaxis] @ gain)[:, 0]
    return np.asarray(mean + (root @ normal)[:, :, 0])


def reached(angles: FloatArray, loads: FloatArray, load: float) -> FloatArray:
    """Return the angles at which rising curves reach a load, seen from its own end; infinite where they do not.

    Parameters
    ----------
    angles : ndarray, shape (m,)
        Rising.
    loads : ndarray, shape (n, m)
        The curves.
    load : float
        Looked for from the upper end if it is positive, from the lower one if it is negative.
    """
    way = 1.0 if load > 0.0 else -1.0
    x, y = (angles, loads) if load > 0.0 else (angles[::-1], loads[:, ::-1])
    short = way * y < way * load
    last = np.where(short.any(axis=1), y.shape[1] - 1 - np.argmax(short[:, ::-1], axis=1), 0)
    beyond = last == y.shape[1] - 1
    here = np.minimum(last, y.shape[1] - 2)
    rows = np.arange(len(y))
    below, above = y[rows, here], y[rows, here + 1]
    share = np.where(beyond, 0.0, (load - below) / np.where(beyond, 1.0, above - below))
    return np.where(beyond, way * np.inf, x[here] + share * (x[here + 1] - x[here]))
