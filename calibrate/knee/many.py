"""Many knees posed at once, each at angles of its own: one knee for each posterior draw whose geometry is its own.

The same pose as in `calibrate.knee.geometry`, said in the tibia frame as in `calibrate.knee.pose`, in NumPy and with
knees as an axis. Which condyle bears is the caller's to say, so that both sides of the jump at `theta_0` can be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.contact import Contact, rotate
from calibrate.knee.jit import compiled
from calibrate.knee.pose import within_toe

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_MM_PER_M = 1000.0
_LARGEST = np.pi / 4.0  # of theta_0, as in `Geometry`
_NONE = np.empty((0, 0, 0))


@dataclass(frozen=True)
class Knees:
    """The geometry of m knees with S strands [mm, radians]; m is 1 where all draws have the same.

    Attributes
    ----------
    theta_0 : ndarray, shape (m,)
        Where both condyles touch; NaN for a knee that has no pose.
    condyles : ndarray, shape (2, 3, m)
        Centre x and y and radius, of the medial condyle, then of the lateral one.
    rolling : ndarray, shape (m,)
        See `Geometry`.
    femur, tibia : ndarray, shape (3, m, S)
        Attachments x, y, z; the femoral ones where the flexion puts them.
    """

    theta_0: FloatArray
    condyles: FloatArray
    rolling: FloatArray
    femur: FloatArray
    tibia: FloatArray

    @classmethod
    @np.errstate(invalid="ignore", divide="ignore")
    def of(cls, shape: FloatArray, ends: FloatArray, flexion: float, *, axis_given: bool) -> Knees:
        """Take knees from their numbers.

        Parameters
        ----------
        shape : ndarray, shape (m, 11 or more)
            Lateral centre x, y and radius, the same of the medial condyle, rolling, application point x, y, and
            flexion axis y, z.
        ends : ndarray, shape (m, S, 6)
            Femoral x, y, z at flexion 0, then tibial x, y, z.
        flexion : float
            Radians.
        axis_given : bool
            Whether the flexion axis is; else it is midway between the femoral attachments of the first two strands.
        """
        lateral, medial = shape[:, :3].T, shape[:, 3:6].T
        dx, dy = lateral[0] - medial[0], lateral[1] - medial[1]
        theta_0 = np.arctan2(dy, dx) + np.arcsin((medial[2] - lateral[2]) / np.hypot(dx, dy))
        good = (dx > 0.0) & (lateral[2] > 0.0) & (medial[2] > 0.0) & (np.abs(theta_0) < _LARGEST)
        x, y, z = ends[:, :, :3].transpose(2, 0, 1)
        axis = shape[:, 9:11].T[..., np.newaxis] if axis_given else np.stack([y, z])[:, :, :2].mean(-1, keepdims=True)
        y, z = y - axis[0], z - axis[1]
        sine, cosine = np.sin(flexion), np.cos(flexion)
        femur = np.stack([x, axis[0] + y * cosine + z * sine, axis[1] - y * sine + z * cosine])
        return cls(
            np.where(good, theta_0, np.nan),
            np.stack([medial, lateral]),
            shape[:, 6],
            femur,
            ends[:, :, 3:].transpose(2, 0, 1),
        )

    def rows(self, part: slice) -> Knees:
        """Return some of the knees; the only one if it stands for all."""
        if self.theta_0.size == 1:
            return self
        return Knees(
            self.theta_0[part],
            self.condyles[..., part],
            self.rolling[part],
            self.femur[:, part],
            self.tibia[:, part],
        )

    def pose(self, theta: FloatArray, lateral: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return lengths [mm] and arms [N·mm that balance one newton of tension].

        Parameters
        ----------
        theta : ndarray, shape (m, n)
            Angles [rad], valgus positive.
        lateral : ndarray of bool, shape (m, n)
            Where the lateral condyle bears, else the medial one.

        Returns
        -------
        lengths, arms : ndarray, shape (m, S, n)
        """
        condyle = self.condyles[..., np.newaxis]
        x, y, r = np.where(lateral, condyle[1], condyle[0])[:, :, np.newaxis]
        theta_0 = self.theta_0[:, np.newaxis, np.newaxis]
        beyond = theta[:, np.newaxis] - theta_0
        f_x, f_y, f_z = self.femur[..., np.newaxis]
        t_x, t_y, t_z = self.tibia[..., np.newaxis]
        sine, cosine = np.sin(theta_0), np.cos(theta_0)
        a_x = t_x - (cosine * x + sine * y) - self.rolling[:, np.newaxis, np.newaxis] * r * beyond
        a_y = t_y - (cosine * y - sine * x - r)
        sine, cosine = np.sin(theta)[:, np.newaxis], np.cos(theta)[:, np.newaxis]
        w_x = cosine * (f_x - x) + sine * (f_y - y) - a_x
        w_y = cosine * (f_y - y) - sine * (f_x - x) + r - a_y
        lengths = np.sqrt(w_x * w_x + w_y * w_y + (f_z - t_z) ** 2)
        return lengths, (a_y * w_x - a_x * w_y) / lengths

    def contact(self, theta: FloatArray, lateral: BoolArray) -> Contact:
        """Return where the tibia rests at angles [rad] (m, n); places have the shape (2, m, n)."""
        condyle = self.condyles[..., np.newaxis]
        x, y, r = np.where(lateral, condyle[1], condyle[0])
        theta_0 = self.theta_0[:, np.newaxis]
        sine, cosine = np.sin(theta_0), np.cos(theta_0)
        rolled = self.rolling[:, np.newaxis] * r * (theta - theta_0)
        point = np.stack([x + r * np.sin(theta), y - r * np.cos(theta)])
        return Contact(lateral, r, point, np.stack([cosine * x + sine * y + rolled, cosine * y - sine * x - r]))

    def placed(self, theta: FloatArray, lateral: BoolArray, points: FloatArray) -> FloatArray:
        """Return where points of the tibia, (2, m, K) in its frame, lie in the femur's: (2, m, K, n)."""
        contact = self.contact(theta, lateral)
        point, on_tibia = contact.point[:, :, np.newaxis], contact.on_tibia[:, :, np.newaxis]
        return point + rotate(theta[:, np.newaxis], points[..., np.newaxis] - on_tibia)

    def reference_lengths(self) -> FloatArray:
        """Return the strands' lengths [mm] where both condyles touch, (m, S)."""
        return self.pose(self.theta_0[:, np.newaxis], np.array([[False]]))[0][:, :, 0]

    def moments(self, theta: FloatArray, lateral: BoolArray, law: FloatArray) -> FloatArray:
        """Return the pure moment [N·m], valgus positive, that holds each knee, (m, n), for laws (m, S, 4)."""
        lengths, arms = self.pose(theta, lateral) if len(theta) == 1 else (_NONE, _NONE)  # the same angles for all
        lateral = np.array(np.broadcast_to(lateral, theta.shape), order="C")
        out = np.empty((max(len(theta), len(law)), theta.shape[1]))
        # Each other way that arrays can lie in memory would be compiled for by itself.
        plain = np.ascontiguousarray
        _moments(
            plain(self.theta_0),
            plain(self.condyles),
            plain(self.rolling),
            plain(self.femur),
            plain(self.tibia),
            plain(theta),
            lateral,
            plain(law),
            plain(lengths),
            plain(arms),
            out,
        )
        return out

    def sides(self) -> FloatArray:
        """Return 1 for strands that valgus stretches at `theta_0`, -1 for those that varus does, shape (S,).

        By their arm there, the mean of that about the one contact and about the other, of the median knee; 1 if no
        knee has a pose.
        """
        theta = np.repeat(self.theta_0[:, np.newaxis], 2, axis=1)
        _, arms = self.pose(theta, np.array([[False, True]]))
        mean = arms.mean(axis=2)[np.isfinite(self.theta_0)]
        return np.where(np.median(mean, axis=0) >= 0.0, 1.0, -1.0) if len(mean) else np.ones(arms.shape[1])


@compiled
def _moments(
    theta_0: FloatArray,
    condyles: FloatArray,
    rolling: FloatArray,
    femur: FloatArray,
    tibia: FloatArray,
    theta: FloatArray,
    lateral: BoolArray,
    laws: FloatArray,
    lengths: FloatArray,
    arms: FloatArray,
    out: FloatArray,
) -> None:
    """Fill in the moments (m, n) [N·m]; lengths and arms (1, S, n) are given where angles are the same for all."""
    posed = lengths.size > 0
    for i in range(len(out)):
        knee, at = min(i, len(theta_0) - 1), min(i, len(theta) - 1)
        law = laws[min(i, len(laws) - 1)]
        s_0, c_0 = math.sin(theta_0[knee]), math.cos(theta_0[knee])
        for j in range(out.shape[1]):
            total = 0.0
            x, y, r = condyles[int(lateral[at, j]), :, knee]
            angle = theta[at, j]
            sine = cosine = 0.0
            if not posed:
                sine, cosine = math.sin(angle), math.cos(angle)
            for s in range(law.shape[0]):
                if posed:
                    length, arm = lengths[0, s, j], arms[0, s, j]
                else:
                    a_x = tibia[0, knee, s] - (c_0 * x + s_0 * y) - rolling[knee] * r * (angle - theta_0[knee])
                    a_y = tibia[1, knee, s] - (c_0 * y - s_0 * x - r)
                    w_x = cosine * (femur[0, knee, s] - x) + sine * (femur[1, knee, s] - y) - a_x
                    w_y = cosine * (femur[1, knee, s] - y) - sine * (femur[0, knee, s] - x) + r - a_y
                    away = femur[2, knee, s] - tibia[2, knee, s]
                    length = math.sqrt(w_x * w_x + w_y * w_y + away * away)
                    arm = (a_y * w_x - a_x * w_y) / length
                e, toe = length - law[s, 2], law[s, 1] * law[s, 2]
                m = within_toe(e, toe)
                total += arm * (law[s, 0] * m * (2.0 * e - m) / (2.0 * toe) - law[s, 3])
            out[i, j] = total / _MM_PER_M
