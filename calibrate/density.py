"""The compiled posterior density: the one definition of prior and likelihood that everything fast calls.

`Posterior.log_prob` and the compiled moves both evaluate these functions on the same `Density`, so they can't differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from calibrate.knee.general import general_log_likelihood
from calibrate.knee.jit import compiled, inlined
from calibrate.knee.kernel import log_likelihood_one
from calibrate.knee.pair import Pair
from calibrate.knee.slots import General, Scratch, new_scratch
from calibrate.knee.sums import log_likelihood_of_sums
from calibrate.priors import LogNormal

if TYPE_CHECKING:
    from calibrate.problem.parameters import Parameter

FloatArray = NDArray[np.float64]

# Raised whenever the same parameters and data would get another log-probability: a chain is not resumed across that.
# Version 1 had uniform priors alone, and these not normalised.
MODEL_VERSION = 2


class PriorRows(NamedTuple):
    """The priors of the free parameters as compiled code takes them.

    Attributes
    ----------
    lower, upper : ndarray, shape (ndim,)
        Bounds; infinite where there are none.
    positive : ndarray of bool, shape (ndim,)
        Which parameters mean nothing at zero and below.
    weight : float
        Of the penalty outside the bounds; infinite for hard walls.
    constant : float
        What normalises all of them.
    shaped : ndarray of int, shape (m,)
        Which parameters are not uniform.
    log : ndarray of bool, shape (m,)
        Which of these are normal in their logarithm.
    centre, width : ndarray, shape (m,)
        Mean and standard deviation, of the logarithm where that is normal.
    """

    lower: FloatArray
    upper: FloatArray
    positive: NDArray[np.bool_]
    weight: float
    constant: float
    shaped: NDArray[np.int64]
    log: NDArray[np.bool_]
    centre: FloatArray
    width: FloatArray

    @classmethod
    def of(cls, free: Sequence[Parameter], weight: float, *, normalised: bool = True) -> PriorRows:
        """Put the priors of free parameters together."""
        priors = [parameter.prior for parameter in free if parameter.prior is not None]
        rows = [prior.row() for prior in priors]
        shaped = [i for i, row in enumerate(rows) if row[0] != 0]
        return cls(
            lower=np.array([prior.lower for prior in priors]),
            upper=np.array([prior.upper for prior in priors]),
            positive=np.array([p.quantity.positive or isinstance(p.prior, LogNormal) for p in free]),
            weight=weight,
            constant=math.fsum(row[3] for row in rows) if normalised else 0.0,
            shaped=np.array(shaped, dtype=np.int64),
            log=np.array([rows[i][0] == 2 for i in shaped], dtype=np.bool_),
            centre=np.array([rows[i][1] for i in shaped], dtype=float),
            width=np.array([rows[i][2] for i in shaped], dtype=float),
        )


class Density(NamedTuple):
    """A posterior as compiled code takes it.

    Attributes
    ----------
    prior : PriorRows
        The priors.
    template : ndarray
        All parameters that the likelihood takes, fixed ones filled in: for a `Pair` the laws' eight and the noise's
        scale, else the full vector.
    columns : ndarray of int, shape (ndim,)
        Where the free parameters go in the template.
    knee : Pair or General
        The knee and its data; its type says which likelihood it is that of.
    """

    prior: PriorRows
    template: FloatArray
    columns: NDArray[np.int64]
    knee: Pair | General


@inlined
def shape_of_prior(q: FloatArray, prior: PriorRows) -> float:
    """Log-density of what is not uniform, for one vector of free parameters, without its constant."""
    value = 0.0
    for m in range(prior.shaped.size):
        x = q[prior.shaped[m]]
        if prior.log[m]:
            if x <= 0.0:
                return -np.inf
            x = math.log(x)
            value -= x
        z = (x - prior.centre[m]) / prior.width[m]
        value -= 0.5 * z * z
    return value


@inlined
def log_prior_one(q: FloatArray, d: Density) -> float:
    """Log-prior of one vector of free parameters, with the penalty or a wall outside the bounds."""
    prior = d.prior
    violation = 0.0
    for i in range(q.size):
        if not abs(q[i]) < np.inf or (prior.positive[i] and q[i] <= 0.0):
            return -np.inf
        outside = max(0.0, prior.lower[i] - q[i], q[i] - prior.upper[i])
        violation += outside * outside
    value = prior.constant
    if violation > 0.0:
        value -= prior.weight * violation
    if prior.shaped.size:
        value += shape_of_prior(q, prior)
    return value


def _likelihood(p: FloatArray, knee: Pair | General, scratch: Any) -> float:
    """Log-likelihood of a filled-in template, in the way that the knee's type asks for."""
    raise NotImplementedError  # numba puts one of the functions below in its place; Python never calls it


def _of_points(p: FloatArray, knee: Pair, scratch: float) -> float:
    return log_likelihood_one(p, p[8], knee)


def _of_sums(p: FloatArray, knee: Pair, scratch: float) -> float:
    return log_likelihood_of_sums(p, p[8], knee)


def _of_general(p: FloatArray, knee: General, scratch: Scratch) -> float:
    return general_log_likelihood(p, knee, scratch)


@overload(_likelihood, inline="always")
def _typed_likelihood(p: FloatArray, knee: Pair | General, scratch: Any) -> Any:
    """Choose by the type, so that a pair costs neither a branch nor the time to compile what the general form needs."""
    kind: Any = knee  # here still numba's type of it
    if kind.instance_class is General:
        return _of_general
    return _of_sums if len(kind.types[kind.fields.index("sums")]) else _of_points


def _room(knee: Pair | General) -> Any:
    """Room for the likelihood to compute in; a pair needs none."""
    raise NotImplementedError  # as above


def _no_room(knee: Pair) -> float:
    return 0.0


def _general_room(knee: General) -> Scratch:
    return new_scratch(knee)


@overload(_room, inline="always")
def _typed_room(knee: Pair | General) -> Any:
    kind: Any = knee
    return _general_room if kind.instance_class is General else _no_room


@inlined
def room_of(d: Density) -> Any:
    """Return what `likelihood_one` needs: a copy of the template to fill in, and room to compute in."""
    return d.template.copy(), _room(d.knee)


@inlined
def likelihood_one(q: FloatArray, room: Any, d: Density) -> float:
    """Log-likelihood of one vector of free parameters."""
    p, scratch = room
    for i in range(q.size):
        p[d.columns[i]] = q[i]
    return _likelihood(p, d.knee, scratch)


@compiled
def evaluate(q: FloatArray, d: Density) -> FloatArray:
    """Return log-prior and log-likelihood, shape (2, n), of rows of free parameters (n, ndim)."""
    out = np.empty((2, q.shape[0]))
    room = room_of(d)
    for i in range(q.shape[0]):
        out[0, i] = log_prior_one(q[i], d)
        out[1, i] = likelihood_one(q[i], room, d)
    return out

