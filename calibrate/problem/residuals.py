"""Residuals of the data and their derivatives: what a least-squares fit takes of a posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from calibrate.density import Density
from calibrate.knee.cached import CachedKnee
from calibrate.knee.compress import compress
from calibrate.knee.general import general_residuals
from calibrate.knee.pair import Pair
from calibrate.knee.slots import General
from calibrate.problem.laxity_test import LaxityTest
from calibrate.problem.parameters import ParameterTable

FloatArray = NDArray[np.float64]

# Of central differences, in standard deviations of the prior: their error is of its square, that of rounding 1e-10.
_STEP = 1e-5


@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals of all tests as functions of the free parameters.

    Attributes
    ----------
    tests : tuple of LaxityTest
        The tests.
    table : ParameterTable
        All parameters.
    density : Density
        The posterior as compiled code takes it.
    middle : ndarray
        All parameters, free ones in the middle of their priors.
    order : ndarray of int, or None
        What sorts the data by angle, where the density has them so.
    """

    tests: Sequence[LaxityTest]
    table: ParameterTable
    density: Density
    middle: FloatArray
    order: NDArray[np.intp] | None

    @cached_property
    def unit(self) -> FloatArray:
        """What `rows` are counted in, in the loads' unit, shape (points,): sigma where it is known, else 1."""
        free, units = set(self.table.columns.tolist()), []
        for test in self.tests:
            row, count = int(test.slots.errors[0]), test.measurement.angles.size
            known = 1.0 if row in free else float(self.middle[row])
            units.append(np.full(count, known) if test.measurement.sigma is None else test.measurement.sigma)
        return np.concatenate(units)

    def rows(self, q: FloatArray) -> FloatArray:
        """Return (prediction - data) / sigma, (n, points), for `q` (n, ndim); not divided where sigma is inferred.

        Biases and hysteresis count as prediction. NaN where the knee has no pose.
        """
        knee = self.density.knee
        if isinstance(knee, Pair):
            law = self._pair_law(q)
            tensions = self._as_posed.tensions(law)
            return self._as_in_file((knee.arms * tensions).sum(axis=1) - knee.load)
        return np.asarray(general_residuals(self._full(q), knee))

    def jacobian(self, q: FloatArray) -> FloatArray:
        """Return the derivatives of `rows`, (n, points, ndim): exact for a pair, else by central differences."""
        knee = self.density.knee
        if isinstance(knee, Pair):
            return self._columns(self._as_in_file(self._as_posed.jacobian(self._pair_law(q))))
        return self._differences(q, knee)

    def compressed(self, q: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return residuals at `q` (ndim,) and their derivatives (m, ndim): all, or nine that stand for very many.

        Nine numbers `r` and nine rows `J` have the sum of squares, `J^T r` and `J^T J` of all.
        """
        knee = self.density.knee
        if isinstance(knee, Pair) and knee.sums:
            rows, slopes = compress(self._pair_law(q[np.newaxis])[0], knee)
            return rows, self._columns(slopes)
        return self.rows(q[np.newaxis])[0], self.jacobian(q[np.newaxis])[0]

    def _full(self, q: FloatArray) -> FloatArray:
        out = np.empty((len(q), self.density.template.size))
        out[:] = self.density.template
        out[:, self.density.columns] = q
        return out

    def _pair_law(self, q: FloatArray) -> FloatArray:
        return self._full(q)[:, :8]

    @cached_property
    def _as_posed(self) -> CachedKnee:
        """A pair's knee as the density has it: loads in units of a known sigma, sorted where the density is."""
        knee = self.density.knee
        assert isinstance(knee, Pair)
        poses = self.tests[0].knee(self.middle).kinematics
        return CachedKnee(replace(poses, lengths=knee.lengths), knee.arms)

    def _as_in_file(self, values: FloatArray) -> FloatArray:
        """Put the second axis back into the file's order."""
        if self.order is None:
            return values
        out = np.empty_like(values)
        out[:, self.order] = values
        return out

    def _columns(self, by_law: FloatArray) -> FloatArray:
        """Pick the free parameters' columns out of derivatives by the law's eight; those by sigma are 0."""
        sigma = np.zeros((*by_law.shape[:-1], 1))
        return np.concatenate([by_law, sigma], axis=-1)[..., self.density.columns]

    def _differences(self, q: FloatArray, knee: General) -> FloatArray:
        steps = _STEP * np.array([parameter.prior.sd for parameter in self.table.free if parameter.prior is not None])
        ndim = q.shape[1]
        moved = q[:, np.newaxis, np.newaxis, :] + np.stack([np.diag(steps), -np.diag(steps)])
        found = general_residuals(self._full(moved.reshape(-1, ndim)), knee).reshape(len(q), 2, ndim, -1)
        slopes = (found[:, 0] - found[:, 1]) / (2.0 * steps[:, np.newaxis])
        return np.where(np.isfinite(slopes), slopes, 0.0).transpose(0, 2, 1)
