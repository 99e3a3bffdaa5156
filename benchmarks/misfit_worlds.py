"""Worlds: knees that are drawn, how they are tested, and what their readings have besides noise.

A test is what a file has: degrees and N·m, varus positive. Sizes are those of people and laboratories.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.misfit_knees import Fibre, Knee

FloatArray = NDArray[np.float64]

LIMIT = 10.0  # N·m: tests go from here to there, as laboratories do
READINGS = 33
ZERO = 2.0  # degrees: standard deviation of the rig's zero


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
