"""What of a knee is normal over knees: components, and how they follow from a knee's parameters.

A component is a number whose natural support is the whole real line, or as good as that:

- `mcl.log_k`: the logarithm of the stiffness [ln N/mm];
- `mcl.log_alpha`, or `mcl.logit_alpha`: of the transition strain; its logit is that on (0, 1), beyond which a toe
  longer than the strand would begin;
- `mcl.reference_strain`: the strain at the reference pose. It has to be above -1, which is twenty of the usual
  standard deviations away. Where a knee's configuration has the slack length instead, `l_0 = L_ref / (1 + e)`.

Each has a scale on which "weakly informative" has a meaning; see `Scale`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.posterior import Posterior

FloatArray = NDArray[np.float64]

# How a component becomes a parameter, as compiled code is told: as it is, exp, logistic, slack length by strain.
SAME, LOG, LOGIT, SLACK = range(4)


class Scale(NamedTuple):
    """What is thought of a component before any knee has been seen.

    Attributes
    ----------
    centre, sd : float
        The mean over knees is normal with these.
    effect : float
        So is the effect of a covariate, about zero: of a group against the reference one, or of one standard
        deviation of a number.
    spread : float
        The standard deviation between knees is half-t with two degrees of freedom and this scale.
    """

    centre: float
    sd: float
    effect: float
    spread: float


class _Kind(NamedTuple):
    """The parameters that a component may follow from, how, and its scale."""

    parameters: tuple[str, ...]
    transform: int
    scale: Scale


_KINDS = {
    "log_k": _Kind(("k",), LOG, Scale(math.log(60.0), 1.0, 0.5, 0.5)),
    "log_alpha": _Kind(("alpha",), LOG, Scale(math.log(0.06), 1.0, 0.5, 0.5)),
    "logit_alpha": _Kind(("alpha",), LOGIT, Scale(math.log(0.06 / 0.94), 1.0, 0.5, 0.5)),
    "reference_strain": _Kind(("reference_strain", "l_0"), SAME, Scale(0.0, 0.1, 0.05, 0.05)),
}
_DEFAULT = ("log_k", "log_alpha", "reference_strain")


@dataclass(frozen=True)
class Component:
    """One number of a knee that is normal over knees.

    Attributes
    ----------
    name : str
        `mcl.log_k` and so on.
    """

    name: str

    def __post_init__(self) -> None:
        if self.key not in _KINDS or not self.strand:
            raise ConfigError(
                f"component '{self.name}': there is none of that name; write a strand, a dot, and one of "
                f"{', '.join(_KINDS)}: mcl.log_k"
            )

    @property
    def strand(self) -> str:
        """The strand's name."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """What of the strand: `log_k`, `log_alpha`, `logit_alpha` or `reference_strain`."""
        return self.name.rpartition(".")[2]

    @property
    def transform(self) -> int:
        """`LOG`, `LOGIT`, or `SAME` of a strain."""
        return _KINDS[self.key].transform

    @property
    def scale(self) -> Scale:
        """What is thought of it beforehand."""
        return _KINDS[self.key].scale

    def parameter(self, posterior: Posterior) -> str | None:
        """Return the free parameter of a knee that it follows from, like `mcl.l_0`; None if there is none."""
        names = (f"{self.strand}.{key}" for key in _KINDS[self.key].parameters)
        return next((name for name in names if name in posterior.names), None)


def default_components(posteriors: Sequence[Posterior]) -> tuple[Component, ...]:
    """Return stiffness, transition strain and reference strain of all strands, as far as they are free in all knees.

    Raises
    ------
    ConfigError
        If none is.
    """
    strands = dict.fromkeys(strand for posterior in posteriors for strand in posterior.strands)
    every = [Component(f"{strand}.{key}") for strand in strands for key in _DEFAULT]
    found = tuple(one for one in every if all(one.parameter(posterior) for posterior in posteriors))
    if not found:
        raise ConfigError("no strand's k, alpha, l_0 or reference_strain is free in all knees: nothing to compare")
    return found


def values(posterior: Posterior, components: Sequence[Component], q: FloatArray) -> FloatArray:
    """Return the components of a knee, (n, components), for rows of its free parameters, (n, ndim)."""
    full = posterior.full(q)
    lengths = posterior.reference_lengths(full)
    out = np.empty((len(full), len(components)))
    for column, one in zip(out.T, components, strict=True):
        name = one.parameter(posterior)
        assert name is not None
        value = full[:, posterior.table.index(name)]
        if one.transform == LOG:
            column[:] = np.log(value)
        elif one.transform == LOGIT:
            column[:] = np.log(value) - np.log1p(-value)
        elif name.endswith("l_0"):
            column[:] = lengths[:, posterior.strands.index(one.strand)] / value - 1.0
        else:
            column[:] = value
    return out


def parameters(
    posterior: Posterior, components: Sequence[Component], phi: FloatArray, others: FloatArray
) -> FloatArray:
    """Return rows of a knee's free parameters, (n, ndim), from its components and all its other free parameters.

    Parameters
    ----------
    posterior : Posterior
        The knee.
    components : sequence of Component
        What `phi` has in its columns.
    phi : ndarray, shape (n, components)
        The components.
    others : ndarray, shape (n, ndim - components)
        Other free parameters, in the posterior's order.
    """
    columns = columns_of(posterior, components)
    q = np.empty((len(phi), posterior.ndim))
    q[:, columns[: len(components)]] = phi
    q[:, columns[len(components) :]] = others
    lengths = posterior.reference_lengths(posterior.full(q))  # which no law changes
    for one, column in zip(components, columns, strict=False):
        if one.transform == LOG:
            q[:, column] = np.exp(q[:, column])
        elif one.transform == LOGIT:
            q[:, column] = 1.0 / (1.0 + np.exp(-q[:, column]))
        elif posterior.names[column].endswith("l_0"):
            q[:, column] = lengths[:, posterior.strands.index(one.strand)] / (1.0 + q[:, column])
    return q


def columns_of(posterior: Posterior, components: Sequence[Component]) -> list[int]:
    """Return the free parameters' columns: first those of the components, then all others."""
    first = []
    for one in components:
        name = one.parameter(posterior)
        assert name is not None
        first.append(posterior.names.index(name))
    return first + [i for i in range(posterior.ndim) if i not in first]
