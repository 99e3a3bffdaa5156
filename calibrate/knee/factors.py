"""Triangular factors of many points: what sums of squared residuals are put together from.

While each strand stays in one region of the law, a residual is linear in seven functions of the angle: `c (1, x, x^2)`
of either strand, with `c` the load per newton and `x` the length less that of an origin nearby, and the measured load.
Any number of points is then worth the 7x7 triangular factor `R` of their rows (A = QR): their sum of squares is
`|R v|^2`, `v` the seven coefficients. Factors add like sums, by another QR (Golub & Van Loan, Matrix Computations,
5.2), and nothing is ever subtracted, so nothing cancels, however small the residuals are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import compiled, merged
from calibrate.knee.pair import Pair, Sums

FloatArray = NDArray[np.float64]

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
def _store(a: FloatArray, origins: FloatArray, node: FloatArray) -> None:
    """Pack the triangle on top of `a`."""
    at = 0
    for i in range(TERMS):
        for j in range(i, TERMS):
            node[at] = a[i, j]
            at += 1
    node[_TRIANGLE], node[_TRIANGLE + 1] = origins[0], origins[1]


@merged
def _load(node: FloatArray, origins: FloatArray, a: FloatArray) -> None:
    """Unpack a factor to the top of `a`, counted from other origins."""
    at = 0
    for i in range(TERMS):
        for j in range(TERMS):
            a[i, j] = 0.0
        for j in range(i, TERMS):
            a[i, j] = node[at]
            at += 1
        for strand in range(2):
            shift, one = node[_TRIANGLE + strand] - origins[strand], 3 * strand
            a[i, one + 2] += shift * (2.0 * a[i, one + 1] + shift * a[i, one])
            a[i, one + 1] += shift * a[i, one]


@merged
def _accumulate(nodes: FloatArray, source: int, target: int, step: int, count: int) -> None:
    """Store the factors of the first, of the first two, ... of `count` nodes, all counted from the first's origins."""
    a = np.empty((2 * TERMS, TERMS))
    origins = nodes[source, _TRIANGLE:].copy()
    for i in range(count):
        if i == 0:
            _load(nodes[source], origins, a)
        else:
            _load(nodes[source + i * step], origins, a[TERMS:])
            triangularise(a)
        _store(a, origins, nodes[target + i * step])


@compiled
def _factors(pair: Pair, origins: FloatArray) -> FloatArray:
    """Return all nodes; `origins` (n_blocks, 2) are those of the blocks."""
    blocks = origins.shape[0]
    groups = ((blocks - 1) >> SHIFT) + 1
    levels = 0
    while groups - 1 >> levels:
        levels += 1
    whole = 3 * blocks + levels * groups  # the groups themselves, in order, needed while building only
    nodes = np.zeros((whole + groups, WIDTH))
    a = np.empty((BLOCK, TERMS))
    for b in range(blocks):
        a[:] = 0.0
        for i in range(min(BLOCK, pair.load.size - b * BLOCK)):
            j = b * BLOCK + i
            for strand in range(2):
                c, x, one = pair.arms[strand, j], pair.lengths[strand, j] - origins[b, strand], 3 * strand
                a[i, one], a[i, one + 1], a[i, one + 2] = c, c * x, c * x * x
            a[i, TERMS - 1] = pair.load[j]
        triangularise(a)
        _store(a, origins[b], nodes[b])
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


def build(pair: Pair) -> Sums | None:
    """Prepare a data set.

    Parameters
    ----------
    pair : Pair
        Sorted by angle: lengths that rise and fall often cost time, but any order gives the right sums. Sums that it
        has already are ignored.

    Returns
    -------
    Sums or None
        None if the lengths rise and fall so often, or the numbers are so extreme, that points are better summed one by
        one.
    """
    first = np.arange(0, pair.load.size, BLOCK)
    low, high = np.minimum.reduceat(pair.lengths, first, axis=1), np.maximum.reduceat(pair.lengths, first, axis=1)
    middle = 0.5 * (low + high)
    turns = [_turns(m) for m in middle]
    ends = sorted({end for strand in turns for end, _ in strand})
    if len(ends) > _MOST_RUNS:
        return None
    runs, keys = [], np.empty((4, first.size))
    for start, stop in zip([0, *ends[:-1]], ends, strict=True):
        part = slice(start, stop)
        signs = [next(sign for end, sign in strand if end >= stop) for strand in turns]
        for i, sign in enumerate(signs):
            bottom, top = (low[i][part], high[i][part]) if sign > 0 else (-high[i][part], -low[i][part])
            keys[2 * i, part] = np.maximum.accumulate(top)
            keys[2 * i + 1, part] = np.minimum.accumulate(bottom[::-1])[::-1]
        runs.append([start, stop, *signs])
    nodes = _factors(pair._replace(sums=()), np.ascontiguousarray(middle.T))
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
