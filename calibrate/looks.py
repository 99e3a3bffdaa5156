"""A test's residuals looked at: a loop, one arm worse, heavy tails, a reading that pulls, repeats that agree better.

Numbers only; `calibrate.findings` holds them against their thresholds and says it in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from calibrate.hat import Hat, against_others, explained_by, tails, unequal

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Readings of each direction, at the least, that have to lie among those of the other for the two to be compared.
_AMONG = 0.5
_FEWEST = 4


@dataclass(frozen=True)
class Loop:
    """Readings taken on the way up against those taken on the way down.

    Attributes
    ----------
    half : float
        Half of what the way up reads more than the way down at the same angle, in the load's unit.
    share : float
        The same in standard deviations of the residuals.
    probability : float
        Of as much in noise.
    """

    half: float
    share: float
    probability: float


@dataclass(frozen=True)
class Pull:
    """The reading that least agrees with the others.

    Attributes
    ----------
    row : int
        Which of the readings.
    far : float
        How many standard deviations it lies from what all others predict.
    probability : float
        That noise puts any of as many readings as far off.
    parameter : int
        What it pulls most.
    moves : float
        By how many standard deviations that would move without the reading.
    """

    row: int
    far: float
    probability: float
    parameter: int
    moves: float


@dataclass(frozen=True)
class Repeats:
    """Readings at the same angle against the fit.

    Attributes
    ----------
    scatter, misses : float
        Standard deviations of readings about their mean at an angle, and of residuals, in the load's unit.
    probability : float
        Of a fit as bad if the model held (the test of lack of fit; Draper & Smith 1998, Applied Regression, 2.1).
    """

    scatter: float
    misses: float
    probability: float


@dataclass(frozen=True)
class Looks:
    """What is seen in the residuals of one test.

    Attributes
    ----------
    loop : Loop, or None
        None where there is one direction only.
    arms : tuple of float
        How many times wider residuals scatter where valgus opens the knee than where varus does, and the probability.
    tails : tuple of float
        Excess kurtosis and its probability.
    pull : Pull, or None
        None where nothing can be said.
    repeats : Repeats, or None
        None where too few angles were read twice.
    straight : ndarray, shape (n,)
        The residuals less the loop, if that is no chance.
    """

    loop: Loop | None
    arms: tuple[float, float]
    tails: tuple[float, float]
    pull: Pull | None
    repeats: Repeats | None
    straight: FloatArray


def look(
    angles: FloatArray,
    direction: FloatArray | None,
    valgus: BoolArray,
    residuals: FloatArray,
    sigma: FloatArray,
    hat: Hat,
    chance: float,
) -> Looks:
    """Look at the residuals of a test.

    Parameters
    ----------
    angles : ndarray, shape (n,)
        In the order of the file.
    direction : ndarray, shape (n,), or None
        +1 on the way up, -1 on the way down; None to take it from the order of the angles.
    valgus : ndarray of bool, shape (n,)
        On which side of the pose in which both condyles touch.
    residuals, sigma : ndarray, shape (n,)
        Prediction less data in units of sigma, up to one factor for all; sigma in the load's unit.
    hat : Hat
        What the calibration takes of them.
    chance : float
        Below which probability a loop is no chance and is taken out.
    """
    ways = ways_of(angles) if direction is None else compared(angles, direction)
    loop = None
    if ways is not None:
        # Residuals are prediction less data.
        coefficient, probability = explained_by(ways / sigma, -residuals, hat)
        noise = math.sqrt(float(np.mean(residuals**2))) or math.inf
        share = abs(coefficient) * math.sqrt(float(np.mean((ways / sigma) ** 2))) / noise
        loop = Loop(coefficient, share, probability)
        if probability < chance:
            residuals = residuals + coefficient * hat.left(ways / sigma)
    return Looks(
        loop,
        unequal(residuals, valgus, hat),
        tails(residuals, hat),
        _pull(residuals, hat),
        repeats(angles, residuals, sigma, hat),
        residuals,
    )


def ways_of(angles: FloatArray) -> FloatArray | None:
    """Return +1 for readings on the way up and -1 on the way down, by the order of the file; None if there is one.

    A reading goes where its neighbours go; one that stays goes where the one before it went.
    """
    padded = np.concatenate([angles[:1], angles, angles[-1:]])
    steps = np.sign(padded[2:] - padded[:-2])
    moving = np.flatnonzero(steps)
    if not moving.size:
        return None
    last = np.searchsorted(moving, np.arange(angles.size), side="right") - 1
    return compared(angles, steps[moving[np.maximum(last, 0)]])


def compared(angles: FloatArray, ways: FloatArray) -> FloatArray | None:
    """Return the ways if readings of both lie among each other: else an effect of the angle looks the same."""
    up, down = angles[ways == 1.0], angles[ways == -1.0]
    if min(up.size, down.size) < _FEWEST:
        return None
    for one, other in ((up, down), (down, up)):
        if np.mean((one >= other.min()) & (one <= other.max())) < _AMONG:
            return None
    return ways


def repeats(angles: FloatArray, residuals: FloatArray, sigma: FloatArray, hat: Hat) -> Repeats | None:
    """Compare the scatter at repeated angles with that about the fit; None if fewer than four readings repeat one."""
    distinct, which, counts = np.unique(angles, return_inverse=True, return_counts=True)
    again = angles.size - distinct.size
    misfit = hat.free - again
    if again < _FEWEST or misfit < 1.0:
        return None
    means = np.bincount(which, residuals) / counts
    pure = float(((residuals - means[which]) ** 2).sum())
    lack = float(residuals @ residuals) - pure
    if not 0.0 < pure < math.inf:  # of none they are copies, which say nothing of noise
        return None
    size = math.sqrt(float(np.mean(sigma**2)))
    ratio = (lack / misfit) / (pure / again)
    return Repeats(
        size * math.sqrt(pure / again),
        size * math.sqrt((lack + pure) / (misfit + again)),
        float(fdtrc(misfit, again, max(ratio, 0.0))),
    )


def _pull(residuals: FloatArray, hat: Hat) -> Pull | None:
    if not hat.swing.size:
        return None
    far, probability, moves = against_others(residuals, hat)
    row = int(np.argmin(probability))
    parameter = int(np.argmax(np.abs(moves[row])))
    together = min(1.0, float(probability[row]) * residuals.size)
    return Pull(row, abs(float(far[row])), together, parameter, abs(float(moves[row, parameter])))
