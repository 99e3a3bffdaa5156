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
from calibrate.knee.jit import borrowing, compiled, inlined
from calibrate.knee.kernel import log_likelihood_one
from calibrate.knee.pair import Pair
from calibrate.knee.slots import General, new_scratch
from calibrate.knee.sums import log_likelihood_of_sums
from calibrate.priors import LogNormal

if TYPE_CHECKING:
    from calibrate.problem.parameters import Parameter

FloatArray = NDArray[np.float64]

# Raised whenever the same parameters and data would get another log-probability: a chain is not resumed across that.
# Version 1 had uniform priors alone, and these not normalised.
MODEL_VERSION = 2


# Columns of a density's prior, a row for each free parameter; in the row below them stand whether any prior is not
# uniform, the penalty's weight, and what normalises all.
KIND, CENTRE, WIDTH, LOWER, UPPER, POSITIVE = range(6)
_SHAPED, _WEIGHT, _CONSTANT = range(3)
_LOG = 2.0


def prior_rows(free: Sequence[Parameter], weight: float, *, normalised: bool = True) -> FloatArray:
    """Put the priors of free parameters together as compiled code takes them: one array, which costs it least.

    Parameters
    ----------
    free : sequence of Parameter
        The free parameters.
    weight : float
        Of the penalty outside the bounds; infinite for hard walls.
    normalised : bool
        Whether the log-prior has its constant.

    Returns
    -------
    ndarray, shape (ndim + 1, 6)
        Kind, centre and width (of the logarithm where that is normal), bounds, and 1 for what has to be positive.
    """
    out = np.zeros((len(free) + 1, 6))
    constants = []
    for row, parameter in zip(out, free, strict=False):
        prior = parameter.prior
        assert prior is not None
        kind, centre, width, constant = prior.row()
        positive = parameter.quantity.positive or isinstance(prior, LogNormal)
        row[:] = kind, centre, width, prior.lower, prior.upper, positive
        constants.append(constant)
    out[-1, _SHAPED], out[-1, _WEIGHT] = out[:-1, KIND].any(), weight
    out[-1, _CONSTANT] = math.fsum(constants) if normalised else 0.0
    return out


class Density(NamedTuple):
    """A posterior as compiled code takes it.

    Attributes
    ----------
    prior : ndarray, shape (ndim + 1, 6)
        The priors, see `prior_rows`.
    template : ndarray
        All parameters that the likelihood takes, fixed ones filled in: for a `Pair` the laws' eight and the noise's
        scale, else the full vector.
    columns : ndarray of int, shape (ndim,)
        Where the free parameters go in the template.
    knee : Pair or General
        The knee and its data; its type says which likelihood it is that of.
    """

    prior: FloatArray
    template: FloatArray
    columns: NDArray[np.int64]
    knee: Pair | General


@inlined
def is_shaped(prior: FloatArray) -> bool:
    """Tell whether any prior is not uniform."""
    shaped: bool = prior[prior.shape[0] - 1, _SHAPED] != 0.0
    return shaped


@borrowing
def shape_of_prior(q: FloatArray, prior: FloatArray) -> float:
    """Log-density of what is not uniform, for one vector of free parameters, without its constant."""
    value = 0.0
    for i in range(q.size):
        kind, x = prior[i, KIND], q[i]
        if kind != 0.0:
            if kind == _LOG:
                if x <= 0.0:
                    return -np.inf
                x = math.log(x)
                value -= x
            z = (x - prior[i, CENTRE]) / prior[i, WIDTH]
            value -= 0.5 * z * z
    return value


@borrowing
def log_prior_one(q: FloatArray, prior: FloatArray) -> float:
    """Log-prior of one vector of free parameters, with the penalty or a wall outside the bounds."""
    violation = 0.0
    for i in range(q.size):
        if not abs(q[i]) < np.inf or (prior[i, POSITIVE] != 0.0 and q[i] <= 0.0):
            return -np.inf
        outside = max(0.0, prior[i, LOWER] - q[i], q[i] - prior[i, UPPER])
        violation += outside * outside
    value: float = prior[q.size, _CONSTANT]
    if violation > 0.0:
        value -= prior[q.size, _WEIGHT] * violation
    if prior[q.size, _SHAPED] != 0.0:
        value += shape_of_prior(q, prior)
    return value


def _likelihood(p: FloatArray, knee: Any, scratch: Any) -> float:
    """Log-likelihood of a filled-in template, in the way that the knee's type asks for."""
    raise NotImplementedError  # numba puts one of the functions below in its place; Python never calls it


def _of_points(p: FloatArray, knee: Any, scratch: Any) -> float:
    return log_likelihood_one(p, p[8], knee)


def _of_sums(p: FloatArray, knee: Any, scratch: Any) -> float:
    return float(log_likelihood_of_sums(p, p[8], knee))


def _of_general(p: FloatArray, knee: Any, scratch: Any) -> float:
    return float(general_log_likelihood(p, knee, scratch))


@overload(_likelihood, inline="always")
def _typed_likelihood(p: FloatArray, knee: Any, scratch: Any) -> Any:
    """Choose by the type, so that a pair costs neither a branch nor the time to compile what the general form needs."""
    kind = knee  # here still numba's type of it
    if kind.instance_class is General:
        return _of_general
    if kind.instance_class is Pair:
        return _of_sums if len(kind.types[kind.fields.index("sums")]) else _of_points
    return None  # numba then says that it knows no likelihood of this type


def _room(knee: Any) -> Any:
    """Room for the likelihood to compute in; a pair needs none."""
    raise NotImplementedError  # as above


def _no_room(knee: Any) -> Any:
    return 0.0


def _general_room(knee: Any) -> Any:
    return new_scratch(knee)


@overload(_room, inline="always")
def _typed_room(knee: Any) -> Any:
    return _general_room if knee.instance_class is General else _no_room


@inlined
def room_of(knee: Any) -> Any:
    """Return room for `likelihood_one` to compute in."""
    return _room(knee)


@inlined
def likelihood_one(q: FloatArray, p: FloatArray, columns: NDArray[np.int64], knee: Any, room: Any) -> float:
    """Log-likelihood of one vector of free parameters; `p` is a copy of the template to fill in.

    The parts of a density are taken out of it once, by the caller: each time costs more than the arithmetic of a knee.
    """
    for i in range(q.size):
        p[columns[i]] = q[i]
    return _likelihood(p, knee, room)


@compiled
def evaluate(q: FloatArray, d: Density) -> FloatArray:
    """Return log-prior and log-likelihood, shape (2, n), of rows of free parameters (n, ndim)."""
    out = np.empty((2, q.shape[0]))
    prior, p, columns, knee = d.prior, d.template.copy(), d.columns, d.knee
    room = room_of(knee)
    for i in range(q.shape[0]):
        out[0, i] = log_prior_one(q[i], prior)
        out[1, i] = likelihood_one(q[i], p, columns, knee, room)
    return out
