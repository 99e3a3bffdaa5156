"""The pilot: where the prior has the posterior's mass, found before any walker starts.

Walkers leave a hill without mass only by luck, and neither its height nor a fit says how much mass it has. Nested
sampling (Skilling 2006) does: points that fill the bounds evenly climb a rising floor of the likelihood, and at each
level the share that is lost says what volume lies between two floors. A narrow hill far above a broad plain, which no
tempering finds its way between, costs it no more than any other.

Here a level takes the lower half of the points at once. Copies of the upper half take their place and all points move
above the floor, by differences of two others (ter Braak 2006) and by stretches (Goodman & Weare 2010).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrate.density import LOWER, UPPER, Density, is_shaped, likelihood_one, room_of, shape_of_prior
from calibrate.errors import ConfigError
from calibrate.knee.jit import compiled
from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Points of a pilot at the least, and how often each moves in a level. With these the evidence errs by 0.2 where there
# is one hill, and by a few where a hill is found among 100,000 times its volume of plain.
POINTS = 1024
_SWEEPS = 10
# The pilot ends when what is left above the floor can add no more than this share to the evidence.
_REST = 0.01
# A level halves the volume: the posterior is then narrower than any double can say.
_LEVELS = 1000
# A uniform number below the first means a stretch, below the second a jump by a whole difference, above the third a
# difference in some parameters only.
_STRETCH, _JUMP, _WHOLE = 0.15, 0.25, 0.6
# Uniform numbers of one move; one more where priors are not all uniform.
_NUMBERS = 5


@dataclass(frozen=True)
class Population:
    """Weighted draws of a posterior inside its bounds.

    Attributes
    ----------
    coords : ndarray, shape (n, ndim)
        Where they are.
    log_likelihood, log_prob : ndarray, shape (n,)
        Their log-likelihood, and log-posterior.
    weights : ndarray, shape (n,)
        Their shares of the posterior's mass; the sum is 1.
    log_evidence : float
        Logarithm of the likelihood's mean over the prior.
    """

    coords: FloatArray
    log_likelihood: FloatArray
    log_prob: FloatArray
    weights: FloatArray
    log_evidence: float


def explore(
    posterior: Posterior, rng: np.random.Generator, points: int = POINTS, net: FloatArray | None = None
) -> Population:
    """Find the posterior's mass by nested sampling.

    Parameters
    ----------
    posterior : Posterior
        What to explore, between its bounds as if they were walls.
    rng : numpy.random.Generator
        Draws the points and moves them.
    points : int
        How many, an even number.
    net : ndarray, shape (n, ndim), optional
        Draws of the prior to begin with, an even number and at least as many as points: they thin out level by level
        until so many points are left, which only then begin to climb. So broad hills are seen that few points would
        miss, at the cost of one evaluation each.

    Returns
    -------
    Population
        Some five times as many effective draws as there are points.

    Raises
    ------
    ConfigError
        If no point has a finite probability, or the posterior is too narrow for the computer's numbers.
    """
    x = posterior.prior_sample(rng, points) if net is None else net
    count = _NUMBERS + int(is_shaped(posterior.density.prior))
    value = np.array(posterior.log_likelihood(x))
    if not np.isfinite(value.max()):
        raise ConfigError(
            "no parameters within the bounds explain the data with a finite probability; check units, signs and sigma"
        )
    sweeps = max(_SWEEPS, posterior.ndim)
    volume, evidence = 0.0, -math.inf  # logarithms
    dead: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for _ in range(_LEVELS):
        order = np.argsort(value, kind="stable")
        x, value = x[order], value[order]
        now = len(x)
        floor = value[now // 2 - 1]
        lost = int(np.searchsorted(value, floor, side="right"))
        if lost == now or value[-1] + volume < evidence + math.log(_REST):
            break
        if now - lost > points:
            lost += (now - lost) % 2  # an even number goes on
        weight = value[:lost] + volume - math.log(now)
        dead.append((x[:lost].copy(), value[:lost].copy(), weight))
        evidence = float(np.logaddexp(evidence, np.logaddexp.reduce(weight)))
        volume += math.log1p(-lost / now)
        if now - lost >= points:
            x, value = x[lost:], value[lost:]
            continue
        source = rng.integers(lost, now, points - (now - lost))
        x, value = np.concatenate([x[source], x[lost:]]), np.concatenate([value[source], value[lost:]])
        numbers = rng.random((2 * sweeps, points // 2, count))
        _climb(x, value, floor, rng.permutation(points), numbers, posterior.density)
    else:
        raise ConfigError(
            "the posterior is too narrow for the computer's numbers; check the bounds, sigma and their units"
        )
    dead.append((x, value, value + volume - math.log(len(x))))
    coords, likelihood, weight = (np.concatenate(parts) for parts in zip(*dead, strict=True))
    evidence = float(np.logaddexp.reduce(weight))
    shares = np.exp(weight - weight.max())  # where likelihoods are huge, the evidence is rounded
    return Population(coords, likelihood, posterior.log_prob(coords), shares / shares.sum(), evidence)


def mass_below(pilots: Sequence[Population], levels: FloatArray) -> FloatArray:
    """Return what share of the posterior has a lower log-probability than each of `levels` (n,), by several pilots.

    A pilot is sure of the masses far down, and errs where it passes from a plain to a narrow hill; so masses and
    evidences are added up first and divided then.
    """
    evidence = np.array([pilot.log_evidence for pilot in pilots])
    scale = np.exp(evidence - evidence.max())
    total = np.zeros(len(levels))
    for pilot, factor in zip(pilots, scale, strict=True):
        order = np.argsort(pilot.log_prob)
        summed = np.concatenate([[0.0], np.cumsum(pilot.weights[order])])
        total += factor * summed[np.searchsorted(pilot.log_prob[order], levels)]
    return np.asarray(total / scale.sum())


@compiled
def _climb(
    x: FloatArray,
    value: FloatArray,
    floor: float,
    order: IntArray,
    numbers: FloatArray,
    d: Density,
) -> None:
    """Move `x` (points, ndim) and `value`, their log-likelihood, in place: as the prior is, above the floor.

    Halves are the first and second half of `order` and move by each other's positions in turn. `numbers` are uniform
    on [0, 1), shape (turns, points / 2, 5), or 6 where the prior is not uniform.
    """
    ndim, half = x.shape[1], numbers.shape[1]
    prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
    q, room = np.empty(ndim), room_of(knee)
    shaped = is_shaped(prior)
    gamma_0 = 2.38 / math.sqrt(2.0 * ndim)
    for turn in range(numbers.shape[0]):
        moving = order[:half] if turn % 2 == 0 else order[half:]
        others = order[half:] if turn % 2 == 0 else order[:half]
        for j in range(half):
            u = numbers[turn, j]
            me = moving[j]
            first = int(u[0] * half)
            second = int(u[1] * (half - 1))
            a, b = others[first], others[second if second < first else second + 1]
            inside = True
            if u[2] < _STRETCH:
                # z has density 1 / sqrt(z) on [1/2, 2].
                z = 0.5 * (u[3] + 1.0) ** 2
                inside = math.log(u[4]) < (ndim - 1.0) * math.log(z)
                for i in range(ndim):
                    q[i] = x[a, i] + z * (x[me, i] - x[a, i])
            else:
                gamma = 1.0 if u[2] < _JUMP else gamma_0 * (0.1 + 1.4 * u[3])
                bits = int(u[4] * 2.0**52) if u[2] > _WHOLE else 0
                for i in range(ndim):
                    kept = i < 52 and (bits >> i) & 1
                    q[i] = x[me, i] if kept else x[me, i] + gamma * (x[a, i] - x[b, i])
            for i in range(ndim):
                inside = inside and prior[i, LOWER] <= q[i] <= prior[i, UPPER]
            if inside and shaped:
                gain = shape_of_prior(q, prior) - shape_of_prior(x[me], prior)
                inside = math.log(u[5]) < gain
            if inside:
                there = likelihood_one(q, p, columns, knee, room)
                if there > floor:
                    value[me] = there
                    for i in range(ndim):
                        x[me, i] = q[i]
