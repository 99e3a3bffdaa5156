"""Triangular factors of many points: what sums of squared residuals are put together from.

While each ligament stays in one region of the law, a residual is linear in seven functions of the angle:
`c_mcl (1, x, x^2)`, `c_lcl (1, x, x^2)` and the measured load, with `c` the load per newton and `x` the length less
that of an origin nearby. Any number of points is then worth the 7x7 triangular factor `R` of their rows (A = QR): their
sum of squares is `|R v|^2`, `v` the seven coefficients. Factors add like sums, by another QR (Golub & Van Loan, Matrix
Computations, 5.2), and nothing is ever subtracted, so nothing cancels, however small the residuals are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.kernel import compiled, merged

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Points in a block: few enough to be summed one by one where a border is, and so many that factors need less memory
# than the data.
BLOCK = 64
# Blocks in a group, as a power of two. Stored are the factors of each block, of its group up to it, and of its group
# from it on. Whole groups are joined in spans such that any stretch of them is two spans (a disjoint sparse table).
SHIFT = 4
MASK = (1 << SHIFT) - 1
TERMS = 7
# A factor's upper triangle row by row, then its two origins.
_TRIANGLE = TERMS * (TERMS + 1) // 2
WIDTH = _TRIANGLE + 2
# A turn of a length by less than this share of its range is rounding.
_TURN = 1e-9
# Both lengths together turn three or four times over the widest range of angles; more means that something is odd.
_MOST_RUNS = 16
# See `Sums.no_list`.
NO_LIST = np.empty((0, 3), dtype=np.int64)


class Sums(NamedTuple):
    """A data set sorted by angle, as compiled code takes it.

    Attributes
    ----------
    nodes : ndarray, shape (n_nodes, 30)
        Factors and their origins [mm]: of each block, of its group up to it, of its group from it on, then spans.
    keys : ndarray, shape (4, n_blocks)
        For the MCL and then the LCL, counted so that it grows along a run: the longest length in the run up to the
        end of this block, and the shortest from its beginning on.
    runs : ndarray of int, shape (n_runs, 4)
        First block and the one after the last; for MCL and LCL 1 if it lengthens along the run, -1 if it shortens.
    no_list : ndarray of int, shape (0, 3)
        Says that nobody asks what a sum was put together from, see `calibrate.knee.sums.squares`.
    """

    nodes: FloatArray
    keys: FloatArray
    runs: IntArray
    no_list: IntArray = NO_LIST


@merged
def triangularise(a: FloatArray) -> None:
    """Turn a matrix into its upper triangular factor by Householder reflections, in place."""
    rows, columns = a.shape
    dots = np.empty(columns)
    for j in range(min(rows - 1, columns)):
        norm = 0.0
        for i in range(j, rows):
            norm += a[i, j] * a[i, j]
        if norm == 0.0:
            continue
        diagonal = -math.copysign(math.sqrt(norm), a[j, j])
        head = a[j, j] - diagonal
        for k in range(j + 1, columns):
            dots[k] = head * a[j, k]
        for i in range(j + 1, rows):
            below = a[i, j]
            if below != 0.0:
                for k in range(j + 1, columns):
                    dots[k] += below * a[i, k]
        factor = 1.0 / (diagonal * head)
        for k in range(j + 1, columns):
            dots[k] *= factor
            a[j, k] += head * dots[k]
        for i in range(j + 1, rows):
            below = a[i, j]
            if below != 0.0:
                for k in range(j + 1, columns):
                    a[i, k] += below * dots[k]
                a[i, j] = 0.0
        a[j, j] = diagonal


@merged
def _store(a: FloatArray, mcl_origin: float, lcl_origin: float, node: FloatArray) -> None:
    """Pack the triangle on top of `a`."""
    at = 0
    for i in range(TERMS):
        for j in range(i, TERMS):
            node[at] = a[i, j]
            at += 1
    node[_TRIANGLE], node[_TRIANGLE + 1] = mcl_origin, lcl_origin


@merged
def _load(node: FloatArray, mcl_origin: float, lcl_origin: float, a: FloatArray) -> None:
    """Unpack a factor to the top of `a`, counted from another origin."""
    at = 0
    mcl, lcl = node[_TRIANGLE] - mcl_origin, node[_TRIANGLE + 1] - lcl_origin
    for i in range(TERMS):
        for j in range(TERMS):
            a[i, j] = 0.0
        for j in range(i, TERMS):
            a[i, j] = node[at]
            at += 1
        a[i, 2] += mcl * (2.0 * a[i, 1] + mcl * a[i, 0])
        a[i, 1] += mcl * a[i, 0]
        a[i, 5] += lcl * (2.0 * a[i, 4] + lcl * a[i, 3])
        a[i, 4] += lcl * a[i, 3]


@merged
def _accumulate(nodes: FloatArray, source: int, target: int, step: int, count: int) -> None:
    """Store the factors of the first, of the first two, ... of `count` nodes, all counted from the first's origin."""
    a = np.empty((2 * TERMS, TERMS))
    mcl, lcl = nodes[source, _TRIANGLE], nodes[source, _TRIANGLE + 1]
    for i in range(count):
        if i == 0:
            _load(nodes[source], mcl, lcl, a)
        else:
            _load(nodes[source + i * step], mcl, lcl, a[TERMS:])
            triangularise(a)
        _store(a, mcl, lcl, nodes[target + i * step])


@compiled
def _factors(
    mcl_length: FloatArray,
    lcl_length: FloatArray,
    mcl: FloatArray,
    lcl: FloatArray,
    load: FloatArray,
    origins: FloatArray,
) -> FloatArray:
    """Return all nodes; `origins` (2, n_blocks) are those of the blocks."""
    blocks = origins.shape[1]
    groups = ((blocks - 1) >> SHIFT) + 1
    levels = 0
    while groups - 1 >> levels:
        levels += 1
    whole = 3 * blocks + levels * groups  # the groups themselves, in order, needed while building only
    nodes = np.zeros((whole + groups, WIDTH))
    a = np.empty((BLOCK, TERMS))
    for b in range(blocks):
        a[:] = 0.0
        for i in range(min(BLOCK, load.size - b * BLOCK)):
            j = b * BLOCK + i
            x, y = mcl_length[j] - origins[0, b], lcl_length[j] - origins[1, b]
            a[i, 0], a[i, 1], a[i, 2] = mcl[j], mcl[j] * x, mcl[j] * x * x
            a[i, 3], a[i, 4], a[i, 5] = lcl[j], lcl[j] * y, lcl[j] * y * y
            a[i, 6] = load[j]
        triangularise(a)
        _store(a, origins[0, b], origins[1, b], nodes[b])
    for group in range(groups):
        first = group << SHIFT
        last = min(first + MASK, blocks - 1)
        _accumulate(nodes, first, blocks + first, 1, last - first + 1)
        _accumulate(nodes, last, 2 * blocks + last, -1, last - first + 1)
        nodes[whole + group] = nodes[blocks + last]
    for level in range(levels):
        half = 1 << level
        base = 3 * blocks + level * groups
        for first in range(0, groups, 2 * half):
            middle = min(first + half, groups)
            _accumulate(nodes, whole + middle - 1, base + middle - 1, -1, middle - first)
            end = min(middle + half, groups)
            if end > middle:
                _accumulate(nodes, whole + middle, base + middle, 1, end - middle)
    return nodes[:whole].copy()


def build(
    mcl_length: FloatArray, lcl_length: FloatArray, mcl: FloatArray, lcl: FloatArray, load: FloatArray
) -> Sums | None:
    """Prepare a data set.

    Parameters
    ----------
    mcl_length, lcl_length, mcl, lcl, load : ndarray, shape (n,)
        As in `calibrate.knee.kernel.log_likelihood`, sorted by angle: lengths that rise and fall often cost time, but
        any order gives the right sums.

    Returns
    -------
    Sums or None
        None if the lengths rise and fall so often, or the numbers are so extreme, that points are better summed one by
        one.
    """
    first = np.arange(0, load.size, BLOCK)
    low = [np.minimum.reduceat(length, first) for length in (mcl_length, lcl_length)]
    high = [np.maximum.reduceat(length, first) for length in (mcl_length, lcl_length)]
    middle = np.array([0.5 * (a + b) for a, b in zip(low, high, strict=True)])
    turns = [_turns(m) for m in middle]
    ends = sorted({end for ligament in turns for end, _ in ligament})
    if len(ends) > _MOST_RUNS:
        return None
    runs, keys = [], np.empty((4, first.size))
    for start, stop in zip([0, *ends[:-1]], ends, strict=True):
        part = slice(start, stop)
        signs = [next(sign for end, sign in ligament if end >= stop) for ligament in turns]
        for i, sign in enumerate(signs):
            bottom, top = (low[i][part], high[i][part]) if sign > 0 else (-high[i][part], -low[i][part])
            keys[2 * i, part] = np.maximum.accumulate(top)
            keys[2 * i + 1, part] = np.minimum.accumulate(bottom[::-1])[::-1]
        runs.append([start, stop, *signs])
    nodes = _factors(mcl_length, lcl_length, mcl, lcl, load, middle)
    if not np.isfinite(nodes).all():
        return None
    return Sums(nodes, keys, np.array(runs, dtype=np.int64))


def _turns(length: FloatArray) -> list[tuple[int, int]]:
    """Return where a length's rises and falls end (one past the last) and their signs."""
    tolerance = _TURN * float(np.ptp(length))
    found: list[tuple[int, int]] = []
    sign, at, extreme, lowest, highest = 0, 0, 0.0, float(length[0]), float(length[0])
    for i, value in enumerate(length.tolist()):
        if sign == 0:
            lowest, highest = min(lowest, value), max(highest, value)
            if highest - lowest > tolerance:
                sign, at, extreme = (1 if value == highest else -1), i, value
        elif sign * (value - extreme) >= 0.0:
            at, extreme = i, value
        elif sign * (extreme - value) > tolerance:
            found.append((at + 1, sign))
            if len(found) > _MOST_RUNS:
                break
            sign, at, extreme = -sign, i, value
    return [*found, (length.size, sign or 1)]
