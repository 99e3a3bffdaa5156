"""Where a turning knee's strands become taut, and where its moment reaches some others: compiled, knee by knee.

Searches go along a grid of angles outwards from where both condyles touch, then to the last digit between two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import borrowing, compiled
from calibrate.knee.many import Arrays, Knees, length_and_arm, moment_of, trigonometry

FloatArray = NDArray[np.float64]

_CLOSE = 1e-10  # mm or N·m


def reached(
    knees: Knees, law: FloatArray, theta: FloatArray, moments: FloatArray, targets: FloatArray, refinements: int
) -> FloatArray:
    """Return the angles at which knees' pure moments reach some others, each way.

    Going from `theta_0`, where the moment jumps, to the side where the moment lies; at `theta_0` itself if the jump
    passes it.

    Parameters
    ----------
    knees : Knees
        The geometry, of one knee for all or of each.
    law : ndarray, shape (n, strands, 4)
        The strands' laws.
    theta : ndarray, shape (m, 2 steps)
        Angles [rad] that rise, of one knee for all or of each; `theta_0` stands twice in the middle.
    moments : ndarray, shape (n, 2 steps)
        The moments there [N·m], valgus positive: about the medial condyle in the first half, the lateral in the second.
    targets : ndarray, shape (k,)
        Moments without a sign [N·m].
    refinements : int
        Of each angle, at the most; after one it is where a straight line between two of the grid says.

    Returns
    -------
    ndarray, shape (2, k, n)
        Radians, of valgus and of varus; NaN where a moment is not reached.
    """
    out = np.empty((2, len(targets), len(moments)))
    _reached(knees.arrays(), np.ascontiguousarray(law), theta, moments, targets, refinements, out)
    return out


def tightened(
    knees: Knees, slack: FloatArray, theta: FloatArray, lengths: FloatArray, ways: FloatArray, refinements: int
) -> FloatArray:
    """Return the angles at which strands become taut when turned the way that stretches them.

    Parameters
    ----------
    knees : Knees
        The geometry, of one knee for all or of each.
    slack : ndarray, shape (n, strands)
        Slack lengths [mm].
    theta : ndarray, shape (m, 2 steps)
        See `reached`.
    lengths : ndarray, shape (m, strands, 2 steps)
        The strands' lengths there [mm].
    ways : ndarray, shape (strands,)
        1 for strands that valgus stretches, -1 for the others.
    refinements : int
        See `reached`.

    Returns
    -------
    ndarray, shape (n, strands)
        Radians; NaN for a strand that is slack or taut all the way.
    """
    out = np.empty(slack.shape)
    _tightened(knees.arrays(), np.ascontiguousarray(slack), theta, lengths, ways, refinements, out)
    return out


@borrowing
def root(
    function: Callable[[float, Any], float], of: Any, a: float, b: float, f_a: float, f_b: float, refinements: int
) -> float:
    """Return where `function(x, of)` is zero between a and b, at whose ends it has other signs: the Illinois method."""
    for left in range(refinements - 1, -1, -1):
        c = b - f_b * (b - a) / (f_b - f_a)
        if not abs(c) < np.inf:
            c = b
        if left == 0:
            return c
        f_c = function(c, of)
        if np.sign(f_c) == np.sign(f_b):
            f_a *= 0.5
        else:
            a, f_a = b, f_b
        b, f_b = c, f_c
        if not abs(f_c) > _CLOSE:
            break
    return b


@borrowing
def _moment_beyond(angle: float, of: Any) -> float:
    k, i, law, lateral, way, target = of
    return float(way * moment_of(k, i, law, lateral, angle) - target)


@borrowing
def _length_beyond(angle: float, of: Any) -> float:
    k, i, s, lateral, slack = of
    length, _ = length_and_arm(k, i, s, lateral, angle, trigonometry(k, i, angle))
    return float(length - slack)


@compiled
def _reached(
    k: Arrays, laws: FloatArray, theta: FloatArray, moments: FloatArray, targets: FloatArray, refinements: int, out: Any
) -> None:
    steps = moments.shape[1] // 2
    for i in range(len(moments)):
        knee, at, law = min(i, len(k.theta_0) - 1), min(i, len(theta) - 1), laws[i]
        for side in range(2):
            # Outwards from the middle of the grid, and from there inwards.
            way, sign = (1, 1.0) if side == 0 else (-1, -1.0)
            first, back = (steps, steps - 1) if side == 0 else (steps - 1, steps)
            for t in range(len(targets)):
                target = targets[t]
                there, here = sign * moments[i, first], sign * moments[i, back]
                if there >= target and here <= target:
                    out[side, t, i] = theta[at, first]
                    continue
                goes_out = there < target
                start, step = (first, way) if goes_out else (back, -way)
                found = np.nan
                for j in range(1, steps):
                    value = sign * moments[i, start + j * step]
                    if value >= target if goes_out else value <= target:
                        before = start + (j - 1) * step
                        found = root(
                            _moment_beyond,
                            (k, knee, law, int(goes_out == (side == 0)), sign, target),
                            theta[at, before],
                            theta[at, before + step],
                            sign * moments[i, before] - target,
                            value - target,
                            refinements,
                        )
                        break
                out[side, t, i] = found


@compiled
def _tightened(
    k: Arrays, slack: FloatArray, theta: FloatArray, lengths: FloatArray, ways: FloatArray, refinements: int, out: Any
) -> None:
    n = theta.shape[1]
    for i in range(len(slack)):
        knee, at = min(i, len(k.theta_0) - 1), min(i, len(theta) - 1)
        for s in range(slack.shape[1]):
            first, step = (0, 1) if ways[s] > 0.0 else (n - 1, -1)
            found, loose = np.nan, slack[i, s]
            # It has to be slack at one end, and longer than that somewhere.
            if lengths[at, s, first] < loose and lengths[at, s].max() > loose:
                j = 1
                while not lengths[at, s, first + j * step] >= loose:
                    j += 1
                here = first + j * step
                found = root(
                    _length_beyond,
                    (k, knee, s, int(here >= n // 2), loose),
                    theta[at, here - step],
                    theta[at, here],
                    lengths[at, s, here - step] - loose,
                    lengths[at, s, here] - loose,
                    refinements,
                )
            out[i, s] = found
