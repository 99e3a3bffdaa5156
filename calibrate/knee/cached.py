"""The cached knee: a data set's angles turned, once, into the arrays that every prediction needs.

Parameters are rows of eight, `[k, alpha, l_0, f_ref]` of the MCL, then of the LCL. Loads come out in the unit
and with the sign of the data file, because both are folded into the coefficients here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrate.errors import GeometryError
from calibrate.knee.geometry import Geometry, Kinematics, kinematics
from calibrate.knee.ligament import gradient, tension

FloatArray = NDArray[np.float64]

MM_PER_M = 1000.0
_BLOCK = 100_000  # numbers in a temporary


@dataclass(frozen=True)
class CachedKnee:
    """Lengths and signed load coefficients at a data set's angles.

    Attributes
    ----------
    kinematics : Kinematics
        The poses, valgus positive.
    mcl_coefficient, lcl_coefficient : ndarray, shape (n,)
        Load per newton of tension, in the data file's unit and sign.
    """

    kinematics: Kinematics
    mcl_coefficient: FloatArray
    lcl_coefficient: FloatArray

    @classmethod
    def build(
        cls,
        geometry: Geometry,
        angles: ArrayLike,
        load: Literal["force", "moment"],
        positive: Literal["valgus", "varus"],
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

        Raises
        ------
        GeometryError
            If the knee admits no load there.
        """
        if not np.isfinite(np.asarray(angles, dtype=float)).all():
            raise GeometryError("an angle is not finite, so the knee has no pose there")
        sign = 1.0 if positive == "valgus" else -1.0
        poses = kinematics(geometry, sign * np.asarray(angles, dtype=float))
        mcl, lcl = poses.coefficients(load)
        scale = sign if load == "force" else sign / MM_PER_M
        return cls(poses, np.ascontiguousarray(scale * mcl), np.ascontiguousarray(scale * lcl))

    def tensions(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the modelled tensions `T - f_ref` [N] of MCL and LCL, each (m, n), for parameters (m, 8)."""
        p = np.asarray(parameters, dtype=float)[:, :, np.newaxis]
        mcl = tension(self.kinematics.mcl_length, p[:, 0], p[:, 1], p[:, 2]) - p[:, 3]
        lcl = tension(self.kinematics.lcl_length, p[:, 4], p[:, 5], p[:, 6]) - p[:, 7]
        return mcl, lcl

    def loads(self, parameters: FloatArray) -> FloatArray:
        """Return the predicted loads (m, n), in the file's unit and sign, for parameters (m, 8)."""
        return self._sum(parameters, self.mcl_coefficient, self.lcl_coefficient)

    def jacobian(self, parameters: FloatArray) -> FloatArray:
        """Return the derivatives (m, n, 8) of `loads` with respect to the parameters (m, 8)."""
        p = np.asarray(parameters, dtype=float)[:, :, np.newaxis]
        columns = []
        for i, (length, coefficient) in enumerate(
            (
                (self.kinematics.mcl_length, self.mcl_coefficient),
                (self.kinematics.lcl_length, self.lcl_coefficient),
            )
        ):
            by_law = gradient(length, *(p[:, 4 * i + j] for j in range(3)))
            columns += [*(coefficient * by_law), np.broadcast_to(-coefficient, by_law[0].shape)]
        return np.stack(columns, axis=-1)

    def push(self, parameters: FloatArray) -> FloatArray:
        """Return the condyle's push `R . n` [N], (m, n), for parameters (m, 8); negative: it would have to pull."""
        # Force balance along the plateau's normal: the applied force is parallel to the plateau and drops out.
        return self._sum(parameters, -self.kinematics.mcl_distal, -self.kinematics.lcl_distal)

    def _sum(self, parameters: FloatArray, mcl_weight: FloatArray, lcl_weight: FloatArray) -> FloatArray:
        """Return weighted sums of the tensions, (m, n), in blocks of rows: no temporary as large as the result."""
        out = np.empty((len(parameters), mcl_weight.size))
        rows = max(1, _BLOCK // max(1, mcl_weight.size))
        for first in range(0, len(parameters), rows):
            mcl, lcl = self.tensions(parameters[first : first + rows])
            out[first : first + rows] = mcl_weight * mcl + lcl_weight * lcl
        return out
