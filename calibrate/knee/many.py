"""Many knees posed at once, each at angles of its own: one knee for each posterior draw whose geometry is its own.

The same pose as in `calibrate.knee.geometry`, said in the tibia frame as in `calibrate.knee.pose`, in NumPy and with
knees as an axis. Which condyle bears is the caller's to say, so that both sides of the jump at `theta_0` can be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.contact import Contact, rotate
from calibrate.knee.jit import borrowing, compiled
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
        plain = np.ascontiguousarray
        _moments(self.arrays(), plain(theta), lateral, plain(law), plain(lengths), plain(arms), out)
        return out

    def arrays(self) -> Arrays:
        """Return the numbers one after another: each other way that arrays can lie in memory is compiled by itself."""
        parts = (self.theta_0, self.condyles, self.rolling, self.femur, self.tibia)
        return Arrays(*map(np.ascontiguousarray, parts))

    def sides(self) -> FloatArray:
        """Return 1 for strands that valgus stretches at `theta_0`, -1 for those that varus does, shape (S,).

        By their arm there, the mean of that about the one contact and about the other, of the median knee; 1 if no
        knee has a pose.
        """
        theta = np.repeat(self.theta_0[:, np.newaxis], 2, axis=1)
        _, arms = self.pose(theta, np.array([[False, True]]))
        mean = arms.mean(axis=2)[np.isfinite(self.theta_0)]
        return np.where(np.median(mean, axis=0) >= 0.0, 1.0, -1.0) if len(mean) else np.ones(arms.shape[1])


class Arrays(NamedTuple):
    """The numbers of `Knees` as compiled code takes them."""

    theta_0: FloatArray
    condyles: FloatArray
    rolling: FloatArray
    femur: FloatArray
    tibia: FloatArray


@borrowing
def trigonometry(k: Arrays, i: int, angle: float) -> tuple[float, float, float, float]:
    """Return sine and cosine of the plateau's angle, and of one that knee i is turned to."""
    return math.sin(k.theta_0[i]), math.cos(k.theta_0[i]), math.sin(angle), math.cos(angle)


@borrowing
def length_and_arm(
    k: Arrays, i: int, s: int, lateral: int, angle: float, of: tuple[float, float, float, float]
) -> tuple[float, float]:
    """Return length [mm] and arm [N·mm that balance one newton] of strand s of knee i, on the lateral condyle if 1."""
    s_0, c_0, sine, cosine = of
    x, y, r = k.condyles[lateral, 0, i], k.condyles[lateral, 1, i], k.condyles[lateral, 2, i]
    a_x = k.tibia[0, i, s] - (c_0 * x + s_0 * y) - k.rolling[i] * r * (angle - k.theta_0[i])
    a_y = k.tibia[1, i, s] - (c_0 * y - s_0 * x - r)
    w_x = cosine * (k.femur[0, i, s] - x) + sine * (k.femur[1, i, s] - y) - a_x
    w_y = cosine * (k.femur[1, i, s] - y) - sine * (k.femur[0, i, s] - x) + r - a_y
    away = k.femur[2, i, s] - k.tibia[2, i, s]
    length = math.sqrt(w_x * w_x + w_y * w_y + away * away)
    return length, (a_y * w_x - a_x * w_y) / length


@borrowing
def _pull(law: FloatArray, s: int, length: float) -> float:
    """Return tension less tare [N] of a strand of some length [mm]."""
    e, toe = length - law[s, 2], law[s, 1] * law[s, 2]
    m = within_toe(e, toe)
    return float(law[s, 0] * m * (2.0 * e - m) / (2.0 * toe) - law[s, 3])


@borrowing
def moment_of(k: Arrays, i: int, law: FloatArray, lateral: int, angle: float) -> float:
    """Return the pure moment [N·m], valgus positive, that holds knee i, for its laws (S, 4)."""
    total, of = 0.0, trigonometry(k, i, angle)
    for s in range(law.shape[0]):
        length, arm = length_and_arm(k, i, s, lateral, angle, of)
        total += arm * _pull(law, s, length)
    return total / _MM_PER_M


@compiled
def _moments(
    k: Arrays,
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
        knee, at = min(i, len(k.theta_0) - 1), min(i, len(theta) - 1)
        law = laws[min(i, len(laws) - 1)]
        for j in range(out.shape[1]):
            if posed:
                total = 0.0
                for s in range(law.shape[0]):
                    total += arms[0, s, j] * _pull(law, s, lengths[0, s, j])
                out[i, j] = total / _MM_PER_M
            else:
                out[i, j] = moment_of(k, knee, law, int(lateral[at, j]), theta[at, j])
