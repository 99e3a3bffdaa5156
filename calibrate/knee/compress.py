"""Least squares over very many points, as nine rows that a fit can't tell from all of them.

The factors of `calibrate.knee.factors` give not only the sum of squares but also the residuals' derivatives by the
law's parameters, which are linear in the same functions of the angle. All of it, rotated, is one small triangle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.factors import BLOCK, TERMS, triangularise
from calibrate.knee.jit import compiled, merged
from calibrate.knee.pair import Pair
from calibrate.knee.sums import squares

FloatArray = NDArray[np.float64]

# The law's parameters, by which the residuals are derived, and the residuals themselves.
_COLUMNS = 9


@merged
def _add_node(work: FloatArray, node: FloatArray, p: FloatArray, region_0: int, region_1: int) -> None:
    """Add a factor's rows, derivatives and residuals, to the triangle on top of `work`."""
    # For each strand, tension and its derivatives by k, alpha, l_0 and f_ref as polynomials of x; then the load.
    terms = np.zeros((TERMS, _COLUMNS))
    for strand in range(2):
        k, alpha, l_0, tare = p[4 * strand], p[4 * strand + 1], p[4 * strand + 2], p[4 * strand + 3]
        region = region_0 if strand == 0 else region_1
        toe, d = alpha * l_0, node[node.size - 2 + strand] - l_0
        law = np.zeros((5, 3))
        law[0, 0], law[4, 0] = -tare, -1.0
        if region == 1:
            law[0, 2] = k / (2.0 * toe)
            law[1, 2] = 1.0 / (2.0 * toe)
            law[2, 2] = -k / (2.0 * toe * alpha)
            law[3, 1], law[3, 2] = -k / toe, -k / (2.0 * toe * l_0)
        elif region == 2:
            law[0, 0], law[0, 1] = -tare - 0.5 * k * toe, k
            law[1, 0], law[1, 1] = -0.5 * toe, 1.0
            law[2, 0] = -0.5 * k * l_0
            law[3, 0] = -k * (1.0 + 0.5 * alpha)
        for i in range(5):
            column = _COLUMNS - 1 if i == 0 else 4 * strand + i - 1
            terms[3 * strand, column] = law[i, 0] + d * (law[i, 1] + d * law[i, 2])
            terms[3 * strand + 1, column] = law[i, 1] + 2.0 * d * law[i, 2]
            terms[3 * strand + 2, column] = law[i, 2]
    terms[TERMS - 1, _COLUMNS - 1] = -1.0
    work[_COLUMNS : _COLUMNS + TERMS] = 0.0
    at = 0
    for row in range(TERMS):
        for term in range(row, TERMS):
            for column in range(_COLUMNS):
                work[_COLUMNS + row, column] += node[at] * terms[term, column]
            at += 1
    triangularise(work[: _COLUMNS + TERMS])


@merged
def _add_points(work: FloatArray, p: FloatArray, pair: Pair, first: int, end: int) -> None:
    """Add rows of the points [first, end) to the triangle on top of `work`."""
    for j in range(first, end):
        row = work[_COLUMNS + j - first]
        row[_COLUMNS - 1] = -pair.load[j]
        for strand in range(2):
            at = 4 * strand
            k, alpha, l_0 = p[at], p[at + 1], p[at + 2]
            toe, e, c = alpha * l_0, pair.lengths[strand, j] - l_0, pair.arms[strand, j]
            in_toe = min(max(e, 0.0), toe)
            by_k, half = in_toe * (2.0 * e - in_toe) / (2.0 * toe), in_toe * in_toe / (2.0 * toe)
            row[at] = c * by_k
            row[at + 1] = -c * k * half / alpha
            row[at + 2] = -c * k * (in_toe / toe + half / l_0)
            row[at + 3] = -c
            row[_COLUMNS - 1] += c * (k * by_k - p[at + 3])
    triangularise(work[: _COLUMNS + end - first])


@compiled
def _triangle(p: FloatArray, pair: Pair) -> FloatArray:
    """Return the triangular factor (9, 9) of the derivatives by `p` and, last, the residuals."""
    sums: Any = pair.sums
    pieces = np.empty((2 * sums.keys.shape[1] + 2, 3), dtype=np.int64)
    squares(p, pair, pieces)
    work = np.zeros((_COLUMNS + BLOCK, _COLUMNS))
    for i in range(1, pieces[0, 0] + 1):
        if pieces[i, 0] < 0:
            first = (-1 - pieces[i, 0]) * BLOCK
            _add_points(work, p, pair, first, min(first + BLOCK, pair.load.size))
        else:
            _add_node(work, sums.nodes[pieces[i, 0]], p, pieces[i, 1], pieces[i, 2])
    return work[:_COLUMNS]


def compress(p: FloatArray, pair: Pair) -> tuple[FloatArray, FloatArray]:
    """Return nine residuals and their derivatives that stand for all: a least-squares fit can't tell the difference.

    They are the triangular factor of the n_angles residuals `r` and their Jacobian `J`, so `r . r`, `J^T r` and
    `J^T J` are the same, and neither is squared on the way.

    Parameters
    ----------
    p, pair
        As in `calibrate.knee.sums.squares`.

    Returns
    -------
    residuals : ndarray, shape (9,)
        Prediction minus measurement, rotated.
    jacobian : ndarray, shape (9, 8)
        Their derivatives by `p`.
    """
    triangle = _triangle(p, pair)
    return triangle[:, _COLUMNS - 1].copy(), triangle[:, : _COLUMNS - 1].copy()
