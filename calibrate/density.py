"""The compiled posterior density: the one definition of prior and likelihood that everything fast calls.

`Posterior.log_prob` and the compiled moves both evaluate these functions on the same `Density`, so they can't differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from calibrate.knee.jit import compiled, inlined
from calibrate.knee.kernel import log_likelihood_one
from calibrate.knee.pair import Pair
from calibrate.knee.sums import log_likelihood_of_sums

FloatArray = NDArray[np.float64]

# Raised whenever the same parameters and data would get another log-probability: a chain is not resumed across that.
MODEL_VERSION = 1


class Density(NamedTuple):
    """A posterior as compiled code takes it.

    Attributes
    ----------
    lower, upper : ndarray, shape (ndim,)
        Bounds of the free parameters.
    positive : ndarray of bool, shape (ndim,)
        Which free parameters have to be positive.
    weight : float
        Of the penalty outside the bounds; infinite for hard walls.
    template : ndarray, shape (9,)
        The law's eight parameters and the noise's scale, fixed ones filled in.
    columns : ndarray of int, shape (ndim,)
        Where the free parameters go in the template.
    knee : Pair
        The knee and its data; its type says which likelihood it is that of.
    """

    lower: FloatArray
    upper: FloatArray
    positive: NDArray[np.bool_]
    weight: float
    template: FloatArray
    columns: NDArray[np.intp]
    knee: Pair


@inlined
def log_prior_one(q: FloatArray, d: Density) -> float:
    """Log-prior of one vector of free parameters: 0 inside the bounds, minus the penalty or a wall outside."""
    violation = 0.0
    for i in range(q.size):
        if not abs(q[i]) < np.inf or (d.positive[i] and q[i] <= 0.0):
            return -np.inf
        outside = max(0.0, d.lower[i] - q[i], q[i] - d.upper[i])
        violation += outside * outside
    return -d.weight * violation if violation > 0.0 else 0.0


def _likelihood(p: FloatArray, knee: Pair) -> float:
    """Log-likelihood of a filled-in template, in the way that the knee's type asks for."""
    raise NotImplementedError  # numba puts one of the functions below in its place; Python never calls it


def _of_points(p: FloatArray, knee: Pair) -> float:
    return log_likelihood_one(p, p[8], knee)


def _of_sums(p: FloatArray, knee: Pair) -> float:
    return log_likelihood_of_sums(p, p[8], knee)


@overload(_likelihood, inline="always")
def _typed_likelihood(p: FloatArray, knee: Pair) -> Any:
    """Choose by the type, so that few points cost neither a branch nor the time to compile what many need."""
    kind: Any = knee  # here still numba's type of it
    if kind.instance_class is Pair:
        return _of_sums if len(kind.types[kind.fields.index("sums")]) else _of_points
    return None  # numba then says that it knows no likelihood of this type


@inlined
def likelihood_one(q: FloatArray, scratch: FloatArray, d: Density) -> float:
    """Log-likelihood of one vector of free parameters; `scratch` is a copy of the template to fill in."""
    for i in range(d.columns.shape[0]):
        scratch[d.columns[i]] = q[i]
    return _likelihood(scratch, d.knee)


@compiled
def evaluate(q: FloatArray, d: Density) -> FloatArray:
    """Return log-prior and log-likelihood, shape (2, n), of rows of free parameters (n, ndim)."""
    out = np.empty((2, q.shape[0]))
    scratch = d.template.copy()
    for i in range(q.shape[0]):
        out[0, i] = log_prior_one(q[i], d)
        out[1, i] = likelihood_one(q[i], scratch, d)
    return out
