"""The cached knee: a data set's angles turned, once, into the arrays that every prediction needs.

Parameters are rows of `[k, alpha, l_0, f_ref]` for each strand, shape (m, S, 4) or (m, 4 S). Loads come out in the
unit and with the sign of the data file, because both are folded into the coefficients here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.errors import GeometryError
from calibrate.knee.geometry import Geometry, Kinematics, kinematics
from calibrate.knee.ligament import gradient, stiffness, tension
from calibrate.knee.slopes import slopes as slopes_of

FloatArray = NDArray[np.float64]

MM_PER_M = 1000.0
_BLOCK = 100_000  # numbers in a temporary


@dataclass(frozen=True)
class CachedKnee:
    """Lengths and signed load coefficients of S strands at a data set's n angles.

    Attributes
    ----------
    kinematics : Kinematics
        The poses, valgus positive.
    coefficients : ndarray, shape (S, n)
        Load per newton of tension, in the data file's unit and sign.
    slopes : (ndarray, ndarray), each of shape (S, n), or None
        What lengths [mm] and coefficients change by per degree of the file's angle; see `slope`.
    """

    kinematics: Kinematics
    coefficients: FloatArray
    slopes: tuple[FloatArray, FloatArray] | None = None

    @classmethod
    def build(
        cls,
        geometry: Geometry,
        angles: ArrayLike,
        load: Literal["force", "moment"],
        positive: Literal["valgus", "varus"],
        *,
        slopes: bool = False,
    ) -> CachedKnee:
        """Pose the knee at the angles of a data file.

        Parameters
        ----------
        geometry : Geometry
            The knee.
        angles : array_like, shape (n,)
            Angles [rad], counted as the file counts them.
        load : {"force", "moment"}
            A force [N] at the application point, or a pure moment [N·m].
        positive : {"valgus", "varus"}
            What the file counts as positive, in angles and loads alike.
        slopes : bool
            Compute what `slope` needs.

        Raises
        ------
        GeometryError
            If the knee admits no load there.
        """
        if not np.isfinite(np.asarray(angles, dtype=float)).all():
            raise GeometryError("an angle is not finite, so the knee has no pose there")
        sign = 1.0 if positive == "valgus" else -1.0
        poses = kinematics(geometry, sign * np.asarray(angles, dtype=float))
        scale = sign if load == "force" else sign / MM_PER_M
        coefficients = scale * poses.coefficients(load)
        if not slopes:
            return cls(poses, coefficients)
        per_degree = sign * np.pi / 180.0
        lengths, arms = slopes_of(geometry, poses)
        per_arm = scale if load == "moment" or poses.force_arm is None else scale / poses.force_arm
        return cls(poses, coefficients, (per_degree * lengths, per_degree * per_arm * arms))

    def tensions(self, parameters: ArrayLike) -> FloatArray:
        """Return the modelled tensions `T - f_ref` [N], (m, S, n), for parameters (m, S, 4)."""
        k, alpha, l_0, f_ref = self._law(parameters)
        return np.asarray(tension(self.kinematics.lengths, k, alpha, l_0) - f_ref)

    def loads(self, parameters: ArrayLike) -> FloatArray:
        """Return the predicted loads (m, n), in the file's unit and sign, for parameters (m, S, 4)."""
        return self._sum(parameters, self.coefficients)

    def jacobian(self, parameters: ArrayLike) -> FloatArray:
        """Return the derivatives (m, n, 4 S) of `loads` with respect to the parameters (m, S, 4)."""
        k, alpha, l_0, _ = self._law(parameters)
        by_law = gradient(self.kinematics.lengths, k, alpha, l_0)
        by_each = self.coefficients * np.concatenate([by_law, np.full((1, *by_law.shape[1:]), -1.0)])
        m, strands, n = by_each.shape[1:]
        return np.asarray(by_each.transpose(1, 3, 2, 0).reshape(m, n, 4 * strands))

    def slope(self, parameters: ArrayLike) -> FloatArray:
        """Return what the loads change by per degree of the file's angle, (m, n), for parameters (m, S, 4).

        At `theta_0`, where the load jumps, it is the medial condyle's slope.

        Raises
        ------
        ValueError
            If the knee was built without slopes.
        """
        if self.slopes is None:
            raise ValueError("the knee has no slopes: build it with slopes=True")
        k, alpha, l_0, f_ref = self._law(parameters)
        length = self.kinematics.lengths
        by_length, by_angle = self.slopes
        stretched = self.coefficients * by_length * stiffness(length, k, alpha, l_0)
        return np.asarray((stretched + by_angle * (tension(length, k, alpha, l_0) - f_ref)).sum(axis=1))

    def push(self, parameters: ArrayLike) -> FloatArray:
        """Return the condyle's push `R . n` [N], (m, n), for parameters (m, S, 4); negative: it would have to pull."""
        # Force balance along the plateau's normal: the applied force is parallel to the plateau and drops out.
        return self._sum(parameters, -self.kinematics.distal)

    def _law(self, parameters: ArrayLike) -> FloatArray:
        """Put the law's four parameters first, (4, m, S, 1), to broadcast with lengths (S, n)."""
        rows = np.asarray(parameters, dtype=float)
        by_strand = rows.reshape(len(rows), len(self.coefficients), 4)
        return by_strand.transpose(2, 0, 1)[..., np.newaxis]

    def _sum(self, parameters: ArrayLike, weights: FloatArray) -> FloatArray:
        """Return weighted sums of the tensions, (m, n), in blocks of rows: no temporary as large as the result."""
        rows = np.asarray(parameters, dtype=float)
        out = np.empty((len(rows), weights.shape[1]))
        step = max(1, _BLOCK // max(1, weights.size))
        for first in range(0, len(rows), step):
            out[first : first + step] = (weights * self.tensions(rows[first : first + step])).sum(axis=1)
        return out
