"""What compiled code takes of one laxity test of a knee with two strands and a geometry that is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# See `Sums.no_list`.
NO_LIST = np.empty((0, 3), dtype=np.int64)


class Sums(NamedTuple):
    """A data set sorted by angle, as factors that sums of squares are put together from.

    Attributes
    ----------
    nodes : ndarray, shape (n_nodes, 30)
        Factors and their origins [mm]: of each block, of its group up to it, of its group from it on, then spans.
    keys : ndarray, shape (4, n_blocks)
        For the first strand and then the second, counted so that it grows along a run: the longest length in the run
        up to the end of this block, and the shortest from its beginning on.
    runs : ndarray of int, shape (n_runs, 4)
        First block and the one after the last; for either strand 1 if it lengthens along the run, -1 if it shortens.
    no_list : ndarray of int, shape (0, 3)
        Says that nobody asks what a sum was put together from, see `calibrate.knee.sums.squares`.
    """

    nodes: FloatArray
    keys: FloatArray
    runs: IntArray
    no_list: IntArray = NO_LIST


class Pair(NamedTuple):
    """A knee of two strands and its data, errors Gaussian and the poses worked out beforehand.

    Its parameters are rows (8,): `[k, alpha, l_0, f_ref]` of the first strand, then of the second.

    Attributes
    ----------
    lengths : ndarray, shape (2, n)
        The strands' lengths [mm] at the data's angles.
    arms : ndarray, shape (2, n)
        Load per newton of tension.
    load : ndarray, shape (n,)
        Measured loads. Where errors are known, arms and loads are divided by them.
    constant : float
        What the log-likelihood has that no parameter changes: `-n log(sqrt(2 pi))` less the logarithms of known errors.
    sums : Sums or empty tuple
        What `calibrate.knee.factors.build` made of the rest, which is then sorted by angle; empty where points are few
        enough to be summed one by one.
    """

    lengths: FloatArray
    arms: FloatArray
    load: FloatArray
    constant: float
    sums: Sums | tuple[()] = ()
