"""Knees that our model is not: simulators in plain NumPy, with a geometry and statics of their own.

The tibia's pose is written in plateau coordinates, and the moment is the derivative of the strands' strain energy by
the angle (virtual work), taken by a complex step, which is exact. None of calibrate's code is used. What can be wrong
with the model is switched on one at a time; with all of it off, moments are those of calibrate's to rounding.

Units inside: mm, N, radians, valgus positive. A test is what a file has: degrees and N·m, varus positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

FloatArray = NDArray[np.float64]
Point3 = tuple[float, float, float]

LIMIT = 10.0  # N·m: tests go from here to there, as laboratories do
READINGS = 33
ZERO = 2.0  # degrees: standard deviation of the rig's zero
_STEP = 1e-30  # of the complex derivative
_SLIDES_AT = math.radians(10.0)  # where `rolling` has its second value
_FARTHEST = math.radians(18.0)
_MOST_ROTATION = math.radians(40.0)
# Condyles of the bundled example: an MRI-based model of one adult's knee (Lenhart 2015), and its attachments.
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
        for _ in range(50):
            middle = 0.5 * (low + high)
            beyond = self._torque(theta, middle, lateral) - rest + self.torsion * middle > 0.0
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.asarray(0.5 * (low + high))

    def reaches(self, moment: float) -> float:
        """Return the angle at which a moment [N·m] is reached, going out from rest; NaN if it is not within 18 degrees.

        NaN, too, where the moment at rest is already beyond it.
        """
        lateral = moment > 0.0
        grid = self.theta_0 + math.copysign(1.0, moment) * np.linspace(0.0, _FARTHEST, 73)
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


@dataclass(frozen=True, eq=False)
class Test:
    """A simulated laxity test and what is true of its knee; degrees and N·m, varus positive.

    Attributes
    ----------
    angles, loads, direction : ndarray, shape (n,)
        The readings, and 1 where the load goes up, -1 where it goes down.
    offset : float
        What the rig reads at zero of the knee's own angle.
    knee : Knee
        What was tested; its curve, without errors and friction, is the truth.
    """

    __test__ = False  # is no test of pytest's

    angles: FloatArray
    loads: FloatArray
    direction: FloatArray
    offset: float
    knee: Knee

    def laxity(self, moment: float) -> tuple[float, float]:
        """Return the angles, from the knee's own zero, of valgus and of varus at a moment, in the file's sign."""
        valgus, varus = self.knee.reaches(moment), self.knee.reaches(-moment)
        return -math.degrees(valgus), -math.degrees(varus)

    def load(self, angle: float) -> float:
        """Return the load of the true curve at an angle as the rig counts it."""
        return -float(self.knee.moment(-math.radians(angle - self.offset))[0])


# --- knees ---------------------------------------------------------------------------------------------------------

# Of one strand a side: an isolated ligament's stiffness [N/mm] (Cho & Kwak 2020). Strains are some 0.03 to 0.05 less
# than those of full extension (Smith 2016): laxity is tested a little flexed, where knees are laxer.
_MAIN = {
    "mcl": ("mcl", (-40.1, 12.2, 2.1), (-16.9, -64.9, 10.1), 72.0, 0.0),
    "lcl": ("lcl", (36.0, 4.7, -1.2), (45.1, -50.7, -12.9), 69.7, 0.01),
}
# Stiffness per strain [N] as Smith 2016 and Lenhart 2015 have it, over the length; attachments of the latter. The
# anterolateral ligament: from the epicondyle to the rim behind Gerdy's tubercle, 33 mm long and of 42 N/mm (Zens 2015;
# BMC Musculoskelet Disord 17:193); its attachments here are ours.
_THREE = {
    "mcl": ("mcl", (-40.1, 12.2, 2.1), (-16.9, -64.9, 10.1), 2600.0 / 78.0, 0.0),
    "dmcl": ("mcl", (-38.2, 1.7, 1.0), (-31.4, -32.3, 2.5), 2600.0 / 34.2, 0.0),
    "pmcl": ("mcl", (-34.8, -8.2, -6.4), (-25.8, -36.1, -15.1), 2200.0 / 29.7, 0.0),
    "lcl": ("lcl", (36.0, 4.7, -1.2), (45.1, -50.7, -12.9), 2100.0 / 54.1, 0.01),
    "pfl": ("lcl", (34.9, -4.5, 1.4), (37.0, -40.4, -22.4), 2200.0 / 46.8, 0.01),
    "all": ("lcl", (36.0, 2.0, -3.0), (36.5, -29.0, 8.0), 42.0, 0.01),
}


def _drawn(rng: np.random.Generator, table: Mapping[str, tuple[Any, ...]], error: float) -> tuple[Fibre, ...]:
    """Draw fibres: stiffness within a factor of 1.3, toes of 1.3 around 0.06, strains with an sd of 0.03."""
    found = []
    for name, (side, femur, tibia, k, strain) in table.items():
        size, toe, by = 1.3 ** rng.standard_normal(), 0.06 * 1.3 ** rng.standard_normal(), rng.standard_normal()
        moved = error * rng.standard_normal((2, 3))
        femur, tibia = (tuple(np.add(place, move).tolist()) for place, move in zip((femur, tibia), moved, strict=True))
        found.append(Fibre(name, side, femur, tibia, k * size, toe, strain + 0.03 * by))
    return tuple(found)


def _three(rng: np.random.Generator, error: float) -> Knee:
    return Knee(_drawn(rng, _THREE, error))


def _one(rng: np.random.Generator, error: float) -> Knee:
    return Knee(_drawn(rng, _MAIN, error))


def _partly(rng: np.random.Generator, error: float) -> Knee:
    """Roll by any share at rest, and by another, or less and less, 10 degrees on."""
    near, far = rng.uniform(0.0, 1.0, 2).tolist()
    return replace(_one(rng, error), rolling=(near, far))


def _twisting(rng: np.random.Generator, error: float) -> Knee:
    """Let the tibia rotate by 5 to 16 degrees at 10 N·m on the side on which it does so more."""
    while True:
        knee = replace(_one(rng, error), torsion=10.0 ** rng.uniform(3.0, 4.2))
        ends = np.array([knee.reaches(way * LIMIT) for way in (1.0, -1.0)])
        if np.isfinite(ends).all():
            most = np.degrees(np.abs(knee.rotation(ends, ends > knee.theta_0)).max())
            if 5.0 <= most <= 16.0:
                return knee


def possible(knee: Knee) -> bool:
    """Tell whether laxities at 5 and 10 N·m exist, and the one at 10 is 3 to 16 degrees, as in people."""
    ends = [knee.reaches(moment) for moment in (-LIMIT, -0.5 * LIMIT, 0.5 * LIMIT, LIMIT)]
    return bool(np.isfinite(ends).all()) and 3.0 <= math.degrees(ends[-1] - ends[0]) <= 16.0


# --- readings ------------------------------------------------------------------------------------------------------


def sweep(low: float, high: float) -> FloatArray:
    """Return angles from one end to the other."""
    return np.linspace(low, high, READINGS)


def loop(low: float, high: float) -> FloatArray:
    """Return angles from the middle to one end, to the other, and back."""
    share = np.linspace(0.0, 4.0, READINGS)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    return np.asarray(middle + half * np.interp(share, [0.0, 1.0, 3.0, 4.0], [0.0, 1.0, -1.0, 0.0]))


def friction(angles: FloatArray, curve: FloatArray, constant: float, share: float) -> FloatArray:
    """Return what friction adds [N·m] along a path: Dahl's law, which needs half a degree to turn round.

    Parameters
    ----------
    angles, curve : ndarray, shape (n,)
        The path [degrees], and the moment without friction there.
    constant, share : float
        Its size [N·m], and what it grows by with the moment.
    """
    state, states = 0.0, [0.0]
    for step in np.diff(angles):
        way = math.copysign(1.0, step)
        state = way + (state - way) * math.exp(-abs(step) / 0.5)
        states.append(state)
    return np.array(states) * (constant + share * np.abs(curve))


def drift(curve: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw smooth errors [N·m] of readings taken one after another: a wandering load cell, and relaxation.

    The cell wanders by 0.2 to 0.5 N·m over an eighth to a third of the test; the load relaxes by 2 to 8 % of itself,
    as ligaments do within minutes.
    """
    time = np.linspace(0.0, 1.0, curve.size)
    size, length = rng.uniform(0.2, 0.5), rng.uniform(0.125, 0.33)
    covariance = np.exp(-((time[:, None] - time) ** 2) / (2.0 * length**2))
    values, axes = np.linalg.eigh(covariance)
    wander = size * (axes @ (np.sqrt(np.clip(values, 0.0, None)) * rng.standard_normal(curve.size)))
    return np.asarray(wander - curve * rng.uniform(0.02, 0.08) * (1.0 - np.exp(-time / 0.3)))


Errors = Callable[[FloatArray, FloatArray, np.random.Generator], FloatArray]


def _none(angles: FloatArray, curve: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.zeros(curve.size)


def _rubs(angles: FloatArray, curve: FloatArray, rng: np.random.Generator) -> FloatArray:
    return friction(angles, curve, rng.uniform(0.2, 0.8), rng.uniform(0.0, 0.06))


def _drifts(angles: FloatArray, curve: FloatArray, rng: np.random.Generator) -> FloatArray:
    return drift(curve, rng)


@dataclass(frozen=True)
class World:
    """How a knee is drawn, along which path it is tested, and what the readings have besides noise."""

    name: str
    knee: Callable[[np.random.Generator, float], Knee]
    path: Callable[[float, float], FloatArray] = sweep
    errors: Errors = _none

    def draw(self, rng: np.random.Generator, geometry_error: float = 0.0) -> Test:
        """Draw a knee and test it from -10 to 10 N·m; attachments are off by `geometry_error` [mm] a coordinate."""
        knee = self.knee(rng, geometry_error)
        while not possible(knee):
            knee = self.knee(rng, geometry_error)
        ends = [-math.degrees(knee.reaches(moment)) for moment in (LIMIT, -LIMIT)]
        angles = self.path(*ends)
        curve = -knee.moment(-np.radians(angles))
        sigma, offset = 0.2 * 1.3 ** rng.standard_normal(), ZERO * rng.standard_normal()
        loads = curve + self.errors(angles, curve, rng) + sigma * rng.standard_normal(angles.size)
        steps = np.diff(angles)
        way = np.sign(np.append(steps[0], steps))  # at a turn that of the way there
        return Test(angles + offset, loads, way, float(offset), knee)


WORLDS = {
    world.name: world
    for world in (
        World("the model's own", _one),
        World("three strands a side", _three),
        World("partial rolling", _partly),
        World("axial rotation", _twisting),
        World("hysteresis", _one, loop, _rubs),
        World("drift and creep", _one, errors=_drifts),
    )
}
