"""The functions of a model's joints, at one place: how a coordinate turns or carries a body."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from calibrate.osim.tree import Node, UnreadableError

FloatArray = NDArray[np.float64]

_KINDS = ("Constant", "LinearFunction", "PolynomialFunction", "PiecewiseLinearFunction", "SimmSpline")
# Names of old formats, which OpenSim takes for the new one.
_OLD = {"NaturalCubicSpline": "SimmSpline", "natCubicSpline": "SimmSpline"}
# Scaled models have one function around another.
_DEEPEST = 10


def value_of(axis: Node, arguments: Sequence[float]) -> float:
    """Return the value of an axis's function.

    Parameters
    ----------
    axis : Node
        What holds the function, by itself or within <function>.
    arguments : sequence of float
        The coordinates, as many as the axis names.

    Returns
    -------
    float
        The value; 0 if there is no function.

    Raises
    ------
    UnreadableError
        If it is of a kind that is not supported, or says no numbers.
    """
    factor, holder = 1.0, axis
    for _ in range(_DEEPEST):
        wrapper = holder.first("function")
        if wrapper is not None and wrapper.children:
            holder = wrapper
        multiplier = holder.first("MultiplierFunction")
        if multiplier is None:
            return factor * _plain(axis, holder, arguments)
        factor *= multiplier.numbers("scale", 1, (1.0,))[0]
        holder = multiplier
    raise UnreadableError(f"{axis.shown} has functions within functions without an end")


def _plain(axis: Node, holder: Node, arguments: Sequence[float]) -> float:
    found = holder.first(*_KINDS, *_OLD)
    if found is None:
        others = [child for child in holder.children if child.tag not in ("coordinates", "axis", "scale", "function")]
        if others:
            raise UnreadableError(f"{axis.shown} has a {others[0].tag[:60]}; supported are {', '.join(_KINDS)}")
        return 0.0
    kind = _OLD.get(found.tag, found.tag)
    if kind == "Constant":
        return found.numbers("value", 1, (0.0,))[0]
    if kind in ("LinearFunction", "PolynomialFunction"):
        coefficients = found.numbers("coefficients", None)
        if kind == "LinearFunction" and len(coefficients) == len(arguments) + 1:
            return float(np.dot(coefficients[:-1], arguments)) + coefficients[-1]
        if kind == "PolynomialFunction" and len(arguments) == 1:
            return float(np.polyval(coefficients, arguments[0]))
    elif kind in ("SimmSpline", "PiecewiseLinearFunction") and len(arguments) == 1:
        x, y = (np.array(found.numbers(tag, None)) for tag in ("x", "y"))
        if x.size == y.size >= 2 and all(before < after for before, after in pairwise(x.tolist())):
            return spline(x, y, arguments[0]) if kind == "SimmSpline" else piecewise(x, y, arguments[0])
    raise UnreadableError(f"{axis.shown} has a {found.tag} that does not fit its {len(arguments)} coordinates")


def piecewise(x: FloatArray, y: FloatArray, at: float) -> float:
    """Return the line through points, which goes on beyond the first and last one."""
    i = int(np.clip(np.searchsorted(x, at) - 1, 0, x.size - 2))
    return float(y[i] + (at - x[i]) * (y[i + 1] - y[i]) / (x[i + 1] - x[i]))


def spline(x: FloatArray, y: FloatArray, at: float) -> float:
    """Return OpenSim's SimmSpline: cubic between points, straight beyond them.

    The curvature's slope at either end is that of the cubic through the four points there (Forsythe, Malcolm and
    Moler, Computer Methods for Mathematical Computations, 1977); with three points it is one parabola.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        The points, x rising, n at least 2.
    at : float
        Where.
    """
    h = np.diff(x)
    slopes = np.diff(y) / h
    c = np.zeros(x.size)  # a sixth of the second derivative at each point
    if x.size > 2:
        bands = np.zeros((3, x.size))
        bands[0, 1:], bands[2, :-1] = h, h
        bands[1, 0], bands[1, -1] = -h[0], -h[-1]
        bands[1, 1:-1] = 2.0 * (h[:-1] + h[1:])
        right = np.concatenate([[0.0], np.diff(slopes), [0.0]])
        if x.size > 3:
            second = np.diff(slopes) / (x[2:] - x[:-2])
            third = np.diff(second) / (x[3:] - x[:-3])
            right[0], right[-1] = third[0] * h[0] ** 2, -third[-1] * h[-1] ** 2
        c = solve_banded((1, 1), bands, right)
    first = slopes[0] - h[0] * (2.0 * c[0] + c[1])
    last = slopes[-1] + h[-1] * (c[-2] + 2.0 * c[-1])
    if at <= x[0]:
        return float(y[0] + (at - x[0]) * first)
    if at >= x[-1]:
        return float(y[-1] + (at - x[-1]) * last)
    i = int(np.searchsorted(x, at, side="right")) - 1
    d = at - x[i]
    slope = slopes[i] - h[i] * (2.0 * c[i] + c[i + 1])
    return float(y[i] + d * (slope + d * (3.0 * c[i] + d * (c[i + 1] - c[i]) / h[i])))
