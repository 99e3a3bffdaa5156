"""Outposts: kernels that stand for good where those of the walkers seldom do.

A kernel density of 32 walkers does not know of a corner that holds a thousandth of the mass. A walker that has got
there has a high probability for what the kernels think of it, so it is proposed nowhere that is worth more, and stays
for some ten thousand updates: standard deviations, which the farthest draws make, are then not known for minutes.
So some kernels stand at draws that a few others know least of, for how probable they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Kernels in the place of as many walkers', and how many evenly chosen draws tell what is known without them.
OUTPOSTS = 8
_KNOWN = 24


def outposts(
    draws: FloatArray, log_prob: FloatArray, groups: IntArray, sizes: IntArray, bandwidth: float
) -> FloatArray:
    """Choose draws for kernels to stand at.

    Each is the draw whose probability is highest against the density of the kernels so far.

    Parameters
    ----------
    draws : ndarray, shape (n, ndim)
        Draws of the posterior, like the first walkers of all ensembles. Any are right; good ones make a quick chain.
    log_prob : ndarray, shape (n,)
        Their log-posterior.
    groups : ndarray, shape (groups, ndim)
        Which parameters move together, in padded rows.
    sizes : ndarray, shape (groups,)
        How many these are.
    bandwidth : float
        Of the kernels, in standard deviations of the draws.

    Returns
    -------
    ndarray, shape (groups, at most 8, ndim)
        Their parameters, in the groups' order; the rest of a row is 0.
    """
    count = min(OUTPOSTS, len(draws))
    out = np.zeros((len(groups), count, draws.shape[1]))
    if not count:
        return out
    for row, group, size in zip(out, groups, sizes.tolist(), strict=True):
        own = draws[:, group[:size]]
        row[:, :size] = own[_unknown(own, log_prob, count, bandwidth)]
    return out


def _unknown(own: FloatArray, log_prob: FloatArray, count: int, bandwidth: float) -> list[int]:
    """Return which draws of one group's parameters, (n, size), kernels know least of."""
    away = own - own.mean(axis=0)
    # Without BLAS, whose sums may depend on its threads: the same draws have to give the same outposts for ever.
    covariance = np.einsum("ki,kj->ij", away, away) * (bandwidth**2 / max(len(own) - 1, 1))
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:  # the draws lie in a plane, and so will the walkers, which then have no kernels
        return list(range(count))
    at = np.linalg.solve(root, away.T).T
    known = np.zeros(len(at))
    for centre in at[:: max(1, len(at) // _KNOWN)][:_KNOWN]:
        known += _kernel(at, centre)
    chosen: list[int] = []
    for _ in range(count):
        chosen.append(int(np.argmax(log_prob - np.log(known))))
        known += _kernel(at, at[chosen[-1]])
    return chosen


def _kernel(at: FloatArray, centre: FloatArray) -> FloatArray:
    return np.asarray(np.prod(1.0 + np.abs(at - centre), axis=1) ** -3.0)
