"""Least squares over very many points, as nine rows that a fit can't tell from all of them.

The factors of `calibrate.knee.factors` give not only the sum of squares but also the residuals' derivatives by the
law's parameters, which are linear in the same functions of the angle. All of it, rotated, is one small triangle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.factors import BLOCK, TERMS, Sums, triangularise
from calibrate.knee.kernel import compiled, merged
from calibrate.knee.sums import squares

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The law's parameters, by which the residuals are derived, and the residuals themselves.
_COLUMNS = 9


@merged
def _add_node(work: FloatArray, node: FloatArray, p: FloatArray, mcl_region: int, lcl_region: int) -> None:
    """Add a factor's rows, derivatives and residuals, to the triangle on top of `work`."""
    # For each ligament, tension and its derivatives by k, alpha, l_0 and f_ref as polynomials of x; then the load.
    terms = np.zeros((TERMS, _COLUMNS))
    for ligament in range(2):
        k, alpha, l_0, tare = p[4 * ligament], p[4 * ligament + 1], p[4 * ligament + 2], p[4 * ligament + 3]
        region = mcl_region if ligament == 0 else lcl_region
        toe, d = alpha * l_0, node[node.size - 2 + ligament] - l_0
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
            column = _COLUMNS - 1 if i == 0 else 4 * ligament + i - 1
            terms[3 * ligament, column] = law[i, 0] + d * (law[i, 1] + d * law[i, 2])
            terms[3 * ligament + 1, column] = law[i, 1] + 2.0 * d * law[i, 2]
            terms[3 * ligament + 2, column] = law[i, 2]
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
def _add_points(
    work: FloatArray,
    p: FloatArray,
    mcl_length: FloatArray,
    lcl_length: FloatArray,
    mcl: FloatArray,
    lcl: FloatArray,
    load: FloatArray,
    first: int,
    end: int,
) -> None:
    """Add rows of the points [first, end) to the triangle on top of `work`."""
    for j in range(first, end):
        row = work[_COLUMNS + j - first]
        row[_COLUMNS - 1] = -load[j]
        for ligament in range(2):
            at = 4 * ligament
            k, alpha, l_0 = p[at], p[at + 1], p[at + 2]
            length, c = (mcl_length[j], mcl[j]) if ligament == 0 else (lcl_length[j], lcl[j])
            toe, e = alpha * l_0, length - l_0
            in_toe = min(max(e, 0.0), toe)
            by_k, half = in_toe * (2.0 * e - in_toe) / (2.0 * toe), in_toe * in_toe / (2.0 * toe)
            row[at] = c * by_k
            row[at + 1] = -c * k * half / alpha
            row[at + 2] = -c * k * (in_toe / toe + half / l_0)
            row[at + 3] = -c
            row[_COLUMNS - 1] += c * (k * by_k - p[at + 3])
    triangularise(work[: _COLUMNS + end - first])


@compiled
def _triangle(
    p: FloatArray,
    mcl_length: FloatArray,
    lcl_length: FloatArray,
    mcl: FloatArray,
    lcl: FloatArray,
    load: FloatArray,
    sums: Sums,
) -> FloatArray:
    """Return the triangular factor (9, 9) of the derivatives by `p` and, last, the residuals."""
    pieces = np.empty((2 * sums.keys.shape[1] + 2, 3), dtype=np.int64)
    squares(p, mcl_length, lcl_length, mcl, lcl, load, sums, pieces)
    work = np.zeros((_COLUMNS + BLOCK, _COLUMNS))
    for i in range(1, pieces[0, 0] + 1):
        if pieces[i, 0] < 0:
            first = (-1 - pieces[i, 0]) * BLOCK
            _add_points(work, p, mcl_length, lcl_length, mcl, lcl, load, first, min(first + BLOCK, load.size))
        else:
            _add_node(work, sums.nodes[pieces[i, 0]], p, pieces[i, 1], pieces[i, 2])
    return work[:_COLUMNS]


def compress(
    p: FloatArray,
    mcl_length: FloatArray,
    lcl_length: FloatArray,
    mcl: FloatArray,
    lcl: FloatArray,
    load: FloatArray,
    sums: Sums,
) -> tuple[FloatArray, FloatArray]:
    """Return nine residuals and their derivatives that stand for all: a least-squares fit can't tell the difference.

    They are the triangular factor of the n_angles residuals `r` and their Jacobian `J`, so `r . r`, `J^T r` and
    `J^T J` are the same, and neither is squared on the way.

    Parameters
    ----------
    p, mcl_length, lcl_length, mcl, lcl, load, sums
        As in `calibrate.knee.sums.squares`.

    Returns
    -------
    residuals : ndarray, shape (9,)
        Prediction minus measurement, rotated.
    jacobian : ndarray, shape (9, 8)
        Their derivatives by `p`.
    """
    triangle = _triangle(p, mcl_length, lcl_length, mcl, lcl, load, sums)
    return triangle[:, _COLUMNS - 1].copy(), triangle[:, : _COLUMNS - 1].copy()
