"""The compiled posterior density: the one definition of prior and likelihood that everything fast calls.

`Posterior.log_prob` and the compiled moves both evaluate these functions on the same `Density`, so they can't differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from calibrate.knee.factors import Sums
from calibrate.knee.kernel import compiled, inlined, log_likelihood_one
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
    mcl_length, lcl_length, mcl, lcl, load : ndarray, shape (n_angles,)
        See `calibrate.knee.kernel.log_likelihood`.
    constant : float
        See there.
    sums : Sums or empty tuple
        What `calibrate.knee.factors.build` made of the arrays, which are then sorted by angle; empty where points are
        few enough to be summed one by one.
    """

    lower: FloatArray
    upper: FloatArray
    positive: NDArray[np.bool_]
    weight: float
    template: FloatArray
    columns: NDArray[np.intp]
    mcl_length: FloatArray
    lcl_length: FloatArray
    mcl: FloatArray
    lcl: FloatArray
    load: FloatArray
    constant: float
    sums: Sums | tuple[()]


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


def _law_likelihood(p: FloatArray, d: Density) -> float:
    """Log-likelihood of the template's nine parameters, in the way that the density's kind of sums asks for."""
    raise NotImplementedError  # numba puts the function below in its place; Python never calls it


@overload(_law_likelihood, inline="always")
def _typed_law_likelihood(p: FloatArray, d: Density) -> Any:
    """Choose by the type, so that few points cost neither a branch nor the time to compile what many need."""

    def of_points(p: FloatArray, d: Density) -> float:
        return log_likelihood_one(p, p[8], d.mcl_length, d.lcl_length, d.mcl, d.lcl, d.load, d.constant)

    def of_sums(p: FloatArray, d: Density) -> float:
        sums: Any = d.sums
        return log_likelihood_of_sums(p, p[8], d.mcl_length, d.lcl_length, d.mcl, d.lcl, d.load, d.constant, sums)

    density: Any = d  # here still numba's type of it
    return of_sums if len(density.types[density.fields.index("sums")]) else of_points


@inlined
def likelihood_one(q: FloatArray, scratch: FloatArray, d: Density) -> float:
    """Log-likelihood of one vector of free parameters; `scratch` is a copy of the template to fill in."""
    for i in range(q.size):
        scratch[d.columns[i]] = q[i]
    return _law_likelihood(scratch, d)


@compiled
def evaluate(q: FloatArray, d: Density) -> FloatArray:
    """Return log-prior and log-likelihood, shape (2, n), of rows of free parameters (n, ndim)."""
    out = np.empty((2, q.shape[0]))
    scratch = d.template.copy()
    for i in range(q.shape[0]):
        out[0, i] = log_prior_one(q[i], d)
        out[1, i] = likelihood_one(q[i], scratch, d)
    return out
