"""The sum of squared residuals of very many points, at a cost that hardly depends on how many there are.

Within a stretch of angles where each strand stays in one region of the law, slack, toe or linear, the residuals are
those of `calibrate.knee.factors`: linear in seven numbers, and their squares add up to `|R v|^2` with a stored `R`.
Where the regions end follows from the parameters, by bisection. A block of points that holds a border is summed point
by point, so borders are as exact as in `calibrate.knee.kernel`; what lies between them is put together from factors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.factors import BLOCK, MASK, SHIFT
from calibrate.knee.jit import index, inlined, merged
from calibrate.knee.kernel import has_meaning, sum_of_squares
from calibrate.knee.pair import Pair

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@inlined
def _border(keys: FloatArray, row: int, length: float, first: int, last: int) -> int:
    """Return the first block in [first, last) whose key exceeds a length, by bisection."""
    while first < last:
        middle = (first + last) >> 1
        if keys[row, middle] > length:
            last = middle
        else:
            first = middle + 1
    return first


@inlined
def _past(keys: FloatArray, row: int, length: float, first: int, last: int) -> int:
    """Return the first block in [first, last) that is all beyond a length: often the next one."""
    while first < last and keys[row, first] < length:
        first += 1
    return first


@inlined
def _within(begin: int, end: int, cursor: int, nearest: int) -> int:
    """Return the first block from the cursor on that a border's blocks [begin, end) hold, if before `nearest`."""
    if end > cursor:
        at = begin if begin > cursor else cursor
        if at < nearest:
            return at
    return nearest


@inlined
def _region(near_begin: int, far_begin: int, sign: int, cursor: int) -> int:
    """Return 0 slack, 1 toe or 2 linear, for a block that no border is in."""
    region = 0
    if (cursor >= near_begin) == (sign > 0):
        region += 1
    if (cursor >= far_begin) == (sign > 0):
        region += 1
    return region


@inlined
def _polynomial(k: float, toe: float, tare: float, region: int) -> tuple[float, float, float]:
    """Return the tension in a region as a polynomial of the elongation e: a_0 + a_1 e + a_2 e^2."""
    a_0 = -tare - (0.5 * k * toe if region == 2 else 0.0)
    a_1 = k if region == 2 else 0.0
    a_2 = k / (2.0 * toe) if region == 1 else 0.0
    return a_0, a_1, a_2


@inlined
def _shifted(a: tuple[float, float, float], d: float) -> tuple[float, float]:
    """Return the first two coefficients of a polynomial counted from `d` further on; the last stays."""
    return a[0] + d * (a[1] + d * a[2]), a[1] + 2.0 * d * a[2]


@inlined
def _of_node(
    n: FloatArray, i: int, a: tuple[float, float, float], b: tuple[float, float, float], slack_0: float, slack_1: float
) -> float:
    """Return `|R v|^2` of one node for two polynomials of elongations."""
    a_2, b_2 = a[2], b[2]
    v_0, v_1 = _shifted(a, n[i, 28] - slack_0)
    w_0, w_1 = _shifted(b, n[i, 29] - slack_1)
    r_0 = n[i, 0] * v_0 + n[i, 1] * v_1 + n[i, 2] * a_2 + n[i, 3] * w_0 + n[i, 4] * w_1 + n[i, 5] * b_2 - n[i, 6]
    r_1 = n[i, 7] * v_1 + n[i, 8] * a_2 + n[i, 9] * w_0 + n[i, 10] * w_1 + n[i, 11] * b_2 - n[i, 12]
    r_2 = n[i, 13] * a_2 + n[i, 14] * w_0 + n[i, 15] * w_1 + n[i, 16] * b_2 - n[i, 17]
    r_3 = n[i, 18] * w_0 + n[i, 19] * w_1 + n[i, 20] * b_2 - n[i, 21]
    r_4 = n[i, 22] * w_1 + n[i, 23] * b_2 - n[i, 24]
    r_5 = n[i, 25] * b_2 - n[i, 26]
    r_6 = n[i, 27]
    total: float = r_0 * r_0 + r_1 * r_1 + r_2 * r_2 + r_3 * r_3 + r_4 * r_4 + r_5 * r_5 + r_6 * r_6
    return total


@inlined
def _first_node(cursor: int, last: int, blocks: int) -> tuple[int, int]:
    """Return the first of the nodes that blocks [cursor, last] are put together from, and how many there are."""
    group, last_group = cursor >> SHIFT, last >> SHIFT
    if group != last_group:
        return 2 * blocks + cursor, min(last_group - group, 3) + 1
    if cursor & MASK == 0:
        return blocks + last, 1
    if last & MASK == MASK or last == blocks - 1:
        return 2 * blocks + cursor, 1
    return cursor, last - cursor + 1


@inlined
def _spans(group: int, last_group: int, blocks: int) -> int:
    """Return where the spans are that whole groups between two others are put together from."""
    level = 0
    difference = (group + 1) ^ (last_group - 1) if last_group - group > 2 else 0
    while difference > 1:
        difference >>= 1
        level += 1
    return 3 * blocks + level * (((blocks - 1) >> SHIFT) + 1)


@merged
def squares(p: FloatArray, pair: Pair, pieces: IntArray) -> float:
    """Sum of squared residuals for one parameter row (8,) whose law has a meaning.

    Parameters
    ----------
    p : ndarray, shape (8,)
        `[k, alpha, l_0, f_ref]` of the first strand, then of the second.
    pair : Pair
        The knee and its data, with `Sums`.
    pieces : ndarray of int, shape (m, 3)
        If it has rows, it is told what the sum was put together from: their number, then for each the node, or -1 less
        the number of a block whose points were summed, and the regions of both strands. `2 n_blocks` rows suffice.

    Returns
    -------
    float
        The same as `calibrate.knee.kernel.sum_of_squares`, up to rounding.
    """
    sums: Any = pair.sums
    n, keys, runs = sums.nodes, sums.keys, sums.runs
    blocks = keys.shape[1]
    toe_0, toe_1 = p[1] * p[2], p[5] * p[6]
    total, told = 0.0, 0
    for run in range(runs.shape[0]):
        start, stop, sign_0, sign_1 = runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3]
        # Borders 0 and 1, where the toe begins and ends, are the first strand's; 2 and 3 the second's.
        at_0, at_1 = sign_0 * p[2], sign_0 * (p[2] + toe_0)
        at_2, at_3 = sign_1 * p[6], sign_1 * (p[6] + toe_1)
        begin_0 = _border(keys, 0, at_0, start, stop)
        begin_1 = _border(keys, 0, at_1, start, stop)
        begin_2 = _border(keys, 2, at_2, start, stop)
        begin_3 = _border(keys, 2, at_3, start, stop)
        end_0 = _past(keys, 1, at_0, begin_0, stop)
        end_1 = _past(keys, 1, at_1, begin_1, stop)
        end_2 = _past(keys, 3, at_2, begin_2, stop)
        end_3 = _past(keys, 3, at_3, begin_3, stop)
        cursor = start
        while cursor < stop:
            at = _within(begin_0, end_0, cursor, stop)
            at = _within(begin_1, end_1, cursor, at)
            at = _within(begin_2, end_2, cursor, at)
            at = _within(begin_3, end_3, cursor, at)
            if at > cursor:
                region_0 = _region(begin_0, begin_1, sign_0, cursor)
                region_1 = _region(begin_2, begin_3, sign_1, cursor)
                a = _polynomial(p[0], toe_0, p[3], region_0)
                b = _polynomial(p[4], toe_1, p[7], region_1)
                last = at - 1
                group, last_group = cursor >> SHIFT, last >> SHIFT
                node, count = _first_node(cursor, last, blocks)
                base = _spans(group, last_group, blocks)
                for part in range(count):
                    i = node + part
                    if group != last_group:
                        if part == 1:
                            i = blocks + last
                        elif part == 2:
                            i = base + group + 1
                        elif part == 3:
                            i = base + last_group - 1
                    i = index(i)
                    total += _of_node(n, i, a, b, p[2], p[6])
                    if pieces.shape[0]:
                        told += 1
                        pieces[told, 0], pieces[told, 1], pieces[told, 2] = i, region_0, region_1
            if at < stop:
                one = at * BLOCK
                end = min(one + BLOCK, pair.load.size)
                total += sum_of_squares(p, pair, index(one), index(end))
                if pieces.shape[0]:
                    told += 1
                    pieces[told, 0] = -1 - at
            cursor = at + 1
    if pieces.shape[0]:
        pieces[0, 0] = told
    return total


@merged
def log_likelihood_of_sums(p: FloatArray, scale: float, pair: Pair) -> float:
    """Log-likelihood of one parameter row (8,), as `calibrate.knee.kernel.log_likelihood_one` gives it."""
    if not has_meaning(p) or scale <= 0.0 or not abs(scale) < np.inf:
        return -np.inf
    sums: Any = pair.sums
    value = pair.constant - pair.load.size * math.log(scale) - 0.5 * squares(p, pair, sums.no_list) / (scale * scale)
    return value if abs(value) < np.inf else -np.inf
