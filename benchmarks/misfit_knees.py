"""Simulators of knees in plain NumPy, with a geometry and statics of their own: none of calibrate's code is used.

The tibia's pose is written in plateau coordinates, and the moment is the derivative of the strands' strain energy by
the angle (virtual work), taken by a complex step, which is exact. What calibrate's model has not is switched on one at
a time; with all of it off, moments are those of calibrate's to rounding.

Units: mm, N, N·m for moments, radians, valgus positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

FloatArray = NDArray[np.float64]
Point3 = tuple[float, float, float]

_STEP = 1e-30  # of the complex derivative
_SLIDES_AT = math.radians(10.0)  # where `rolling` has its second value
_FARTHEST = math.radians(18.0)
_MOST_ROTATION = math.radians(40.0)
# Condyles of the bundled example: an MRI-based model of one adult's knee (Lenhart 2015).
_LATERAL, _MEDIAL = ((23.5, -6.0), 15.5), ((-20.4, -6.0), 17.5)


@dataclass(frozen=True)
class Fibre:
    """A straight strand: its side, attachments [mm] in extension, and law; `strain` is that at rest."""

    name: str
    side: str
    femur: Point3
    tibia: Point3
    k: float
    alpha: float
    strain: float


@dataclass(frozen=True, eq=False)
class Knee:
    """A simulator.

    Attributes
    ----------
    fibres : tuple of Fibre
        All that resists.
    rolling : tuple of two floats
        How much of a turn is rolling, at rest and 10 degrees from there, with a straight line between; 1 rolls, 0
        slides. The contact has no friction: what keeps the tibia from shifting does no work.
    torsion : float
        Stiffness [N·mm/rad] of what resists axial rotation besides the fibres; infinite for a tibia that cannot
        rotate. The tibia takes the rotation with the least energy, about the line along y through its origin; at rest
        it is nought.
    """

    fibres: tuple[Fibre, ...]
    rolling: tuple[float, float] = (1.0, 1.0)
    torsion: float = math.inf

    @cached_property
    def theta_0(self) -> float:
        """The angle at which the plateau touches both condyles: rest."""
        (lateral, r_l), (medial, r_m) = _LATERAL, _MEDIAL
        dx, dy = lateral[0] - medial[0], lateral[1] - medial[1]
        return float(brentq(lambda a: dx * math.sin(a) - dy * math.cos(a) - (r_m - r_l), -0.7, 0.7, xtol=1e-15))

    @cached_property
    def slack(self) -> FloatArray:
        """The fibres' slack lengths."""
        at_rest = self._lengths(np.array([self.theta_0]), np.zeros(1), np.array([True]))[:, 0].real
        return np.asarray(at_rest / (1.0 + np.array([fibre.strain for fibre in self.fibres])))

    def moment(self, theta: ArrayLike, lateral: ArrayLike | None = None) -> FloatArray:
        """Return the moments [N·m] that hold the tibia at angles, (n,), on the condyle that bears unless it is said."""
        angle = np.atleast_1d(np.asarray(theta, dtype=float))
        bears = angle > self.theta_0 if lateral is None else np.broadcast_to(np.asarray(lateral), angle.shape)
        rotation = self.rotation(angle, bears)
        return np.asarray(self._energy(angle + 1j * _STEP, rotation, bears).imag / _STEP / 1e3)

    def rotation(self, theta: FloatArray, lateral: NDArray[np.bool_]) -> FloatArray:
        """Return the axial rotation that costs the least energy at angles, (n,)."""
        low, high = np.full(theta.shape, -_MOST_ROTATION), np.full(theta.shape, _MOST_ROTATION)
        if math.isinf(self.torsion):
            return np.zeros(theta.shape)
        rest = self._torque(np.array([self.theta_0]), np.zeros(1), np.array([True]))
        for _ in range(42):
            middle = 0.5 * (low + high)
            beyond = self._torque(theta, middle, lateral) - rest + self.torsion * middle > 0.0
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.asarray(0.5 * (low + high))

    def reaches(self, moment: float) -> float:
        """Return the angle at which a moment [N·m] is reached, going out from rest; NaN if it is not within 18 degrees.

        NaN, too, where the moment at rest is already beyond it.
        """
        lateral = moment > 0.0
        grid = self.theta_0 + math.copysign(1.0, moment) * np.linspace(0.0, _FARTHEST, 37)
        beyond = np.abs(moment) <= math.copysign(1.0, moment) * self.moment(grid, lateral)
        first = int(np.argmax(beyond))
        if first == 0:
            return math.nan

        def missing(angle: float) -> float:
            return float(self.moment(angle, lateral)[0]) - moment

        return float(brentq(missing, grid[first - 1], grid[first], xtol=1e-13))

    def strains(self) -> dict[str, float]:
        """Return the reference strain of each side, as one strand in the main fibre's place would have it.

        The main fibre is the side's first. Fibres' elongations at rest, negative where slack, are averaged by what
        they do to the moment, stiffness times lever arm; a side of one fibre has that fibre's own strain.
        """
        rest, still = np.array([self.theta_0]), np.zeros(1)
        found = {}
        for side, lateral in (("mcl", True), ("lcl", False)):
            rows = [i for i, fibre in enumerate(self.fibres) if fibre.side == side]
            bears = np.array([lateral])
            arms = self._lengths(rest + 1j * _STEP, still, bears)[rows, 0].imag / _STEP
            k = np.array([self.fibres[i].k for i in rows])
            stretched = self.slack[rows] * np.array([self.fibres[i].strain for i in rows])
            mean = float((k * arms) @ stretched / (k @ arms**2) * arms[0])
            found[side] = mean / (float(self.slack[rows[0]] * (1.0 + self.fibres[rows[0]].strain)) - mean)
        return found

    def _lengths(self, theta: NDArray[Any], psi: NDArray[Any], lateral: NDArray[np.bool_]) -> NDArray[Any]:
        """Return the fibres' lengths, (fibres, n); `theta` or `psi` may be complex."""
        (c_l, r_l), (c_m, r_m) = _LATERAL, _MEDIAL
        centre = np.where(lateral, np.array(c_l)[:, None], np.array(c_m)[:, None])
        radius = np.where(lateral, r_l, r_m)
        along, out = np.stack([np.cos(theta), np.sin(theta)]), np.stack([np.sin(theta), -np.cos(theta)])
        rest = self.theta_0
        along_0, out_0 = np.array([math.cos(rest), math.sin(rest)]), np.array([math.sin(rest), -math.cos(rest)])
        turned = theta - rest
        near, far = self.rolling
        curved = np.sign(turned.real) * turned**2 / (2.0 * _SLIDES_AT)
        rolled = radius * (near * turned + (far - near) * curved)
        touches = centre + radius * out_0[:, None]
        lengths = []
        for fibre in self.fibres:
            x, y, z = fibre.tibia
            across, deep = x * np.cos(psi) + z * np.sin(psi), z * np.cos(psi) - x * np.sin(psi)
            place = np.stack([across * along_0[0] - y * along_0[1], across * along_0[1] + y * along_0[0]]) - touches
            a, b = along_0 @ place, out_0 @ place  # plateau coordinates from the contact at rest
            tibia = centre + radius * out + (a - rolled) * along + b * out
            apart = tibia - np.array(fibre.femur[:2])[:, None]
            lengths.append(np.sqrt(apart[0] ** 2 + apart[1] ** 2 + (deep - fibre.femur[2]) ** 2))
        return np.stack(lengths)

    def _energy(self, theta: NDArray[Any], psi: NDArray[Any], lateral: NDArray[np.bool_]) -> NDArray[Any]:
        """Return the fibres' strain energy [N·mm], (n,)."""
        e = self._lengths(theta, psi, lateral) - self.slack[:, None]
        k, t = (np.array(v)[:, None] for v in zip(*((f.k, f.alpha) for f in self.fibres), strict=True))
        t = t * self.slack[:, None]
        taut = np.where(e.real > t, k * (t**2 / 6.0 + (e - t) * e / 2.0), k * e**3 / (6.0 * t))
        return np.asarray(np.where(e.real > 0.0, taut, 0.0).sum(axis=0))

    def _torque(self, theta: FloatArray, psi: FloatArray, lateral: NDArray[np.bool_]) -> FloatArray:
        """Return the derivative of the energy by the axial rotation."""
        return np.asarray(self._energy(theta + 0j, psi + 1j * _STEP, lateral).imag / _STEP)
