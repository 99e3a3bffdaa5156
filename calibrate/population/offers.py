"""Which of the draws that a knee is offered it takes: the compiled part of reweighting."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrate.knee.jit import compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@compiled
def chosen(
    offered: IntArray, u: FloatArray, z: FloatArray, log_interim: FloatArray, mean: FloatArray, root: FloatArray
) -> IntArray:
    """Return one of the draws that each knee is offered (N, W, O), by their weights and a uniform number (N, W)."""
    knees, walkers, many = offered.shape
    size = root.shape[1]
    out = np.empty((knees, walkers), dtype=np.int64)
    log_weights = np.empty(many)
    for i in range(knees):
        for w in range(walkers):
            largest = -np.inf
            for o in range(many):
                s = offered[i, w, o]
                value = -log_interim[i, s]
                for k in range(size):
                    white = 0.0
                    for j in range(k + 1):
                        white += root[w, k, j] * (z[i, s, j] - mean[i, w, j])
                    value -= 0.5 * white * white
                log_weights[o] = value
                largest = max(largest, value)
            total = 0.0
            for o in range(many):
                log_weights[o] = math.exp(log_weights[o] - largest)
                total += log_weights[o]
            rest, last = u[i, w] * total, many - 1
            for o in range(many):
                rest -= log_weights[o]
                if rest < 0.0:
                    last = o
                    break
            out[i, w] = offered[i, w, last]
    return out
