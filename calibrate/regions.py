"""Which regions of its law a strand's readings visit: slack, toe, linear. What none visits, only priors tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import GeometryError
from calibrate.posterior import Posterior
from calibrate.problem.laxity_test import LaxityTest

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SLACK, TOE, LINEAR, TAUT = range(4)
# Angles of a test that are looked at; of more, as many in even ranks, both ends included.
_ANGLES = 1000


def visited(posterior: Posterior, q: FloatArray) -> FloatArray:
    """Return in which share of the draws some reading lies in each region of each strand's law.

    Parameters
    ----------
    posterior : Posterior
        The calibration.
    q : ndarray, shape (n, ndim)
        Draws.

    Returns
    -------
    ndarray, shape (strands, 4)
        Slack, toe, linear, and taut, which is one of the two: any reading of any test. Draws whose knee has no pose
        visit nothing.
    """
    found = np.zeros((len(q), len(posterior.strands), 3), dtype=bool)
    for test in posterior.tests:
        found |= _in_test(posterior, test, q)
    taut = (found[:, :, TOE] | found[:, :, LINEAR])[:, :, np.newaxis]
    return np.asarray(np.concatenate([found, taut], axis=2).mean(axis=0))


def regions(lengths: FloatArray, law: FloatArray) -> BoolArray:
    """Return which regions lengths (n or 1, strands, points) lie in, (n, strands, 3), for laws (n, strands, 4)."""
    slack = law[:, :, 2, np.newaxis]
    strain, toe = lengths / slack - 1.0, law[:, :, 1, np.newaxis]
    inside: Sequence[BoolArray] = (strain <= 0.0, (strain > 0.0) & (strain <= toe), strain > toe)
    return np.stack([one.any(axis=2) for one in inside], axis=2)


def some_angles(test: LaxityTest) -> FloatArray | None:
    """Angles of the data to look at one by one: None for all, or of very many a share, both ends included."""
    angles = test.measurement.angles
    if angles.size <= _ANGLES:
        return None
    return np.asarray(np.sort(angles)[np.linspace(0, angles.size - 1, _ANGLES).round().astype(int)])


def _in_test(posterior: Posterior, test: LaxityTest, q: FloatArray) -> BoolArray:
    angles, law = some_angles(test), posterior.law(q, test.name)
    full = posterior.full(q)
    if not test.posed:
        return regions(test.knee(full[0], angles).kinematics.lengths[np.newaxis], law)
    out = np.zeros((*law.shape[:2], 3), dtype=bool)
    for row, one in enumerate(full):
        try:
            lengths = test.knee(one, angles).kinematics.lengths
        except GeometryError:
            continue
        out[row] = regions(lengths[np.newaxis], law[[row]])[0]
    return out
