"""The symbolic ligament law: Blankevoort's tension as a SymPy Piecewise, with its derivatives and its energy.

The NumPy form, which the sampler uses, is `calibrate.knee.ligament`; it is checked against this one.

Source: L. Blankevoort, R. Huiskes, J. Biomech. Eng. 113 (1991) 263, in the form of OpenSim's `Blankevoort1991Ligament`
without damping.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from calibrate.knee.parameters import QUANTITIES, law_parameters

FloatArray = NDArray[np.float64]

_DIGITS = 30
LENGTH = sp.Symbol("L", positive=True)
LAW_SYMBOLS = (*sp.symbols("k alpha l_0", positive=True), sp.Symbol("f_ref", real=True))


def law(length: Any, parameters: Sequence[Any]) -> Any:
    """Return the modelled tension `T - f_ref` as a SymPy Piecewise of anything that stands for length and parameters.

    Slack up to and including `e = 0`, toe up to and including `e = alpha l_0`; every derivative takes that side.
    """
    k, alpha, l_0, f_ref = parameters
    e, toe = length - l_0, alpha * l_0
    return sp.Piecewise((0, e <= 0), (k * e**2 / (2 * toe), e <= toe), (k * (e - toe / 2), True)) - f_ref


def exact(value: float) -> Any:
    """Take a double into SymPy as it is, with 30 digits."""
    return sp.Float(value, _DIGITS)


class BlankevoortFunction:
    """The Blankevoort law of one ligament: modelled tension `T - f_ref` [N] as a function of length [mm].

    Derivatives are SymPy's. At a kink they are those of the shorter side: slack at `e = 0`, toe at `e = alpha l_0`.

    Parameters
    ----------
    parameters : array_like, shape (4,)
        `[k, alpha, l_0, f_ref]` in N/mm, -, mm, N.

    Raises
    ------
    ParameterError
        If there are not four, one is not finite, or `k`, `alpha` or `l_0` is not positive.
    """

    def __init__(self, parameters: ArrayLike) -> None:
        self.parameters = law_parameters(parameters)

    @property
    def expression(self) -> Any:
        """The law as a SymPy Piecewise in the length `calibrate.knee.law.LENGTH`, numbers put in."""
        return self.of(LENGTH)

    def of(self, length: Any) -> Any:
        """Return the law of a length given as a SymPy expression."""
        return law(length, [exact(value) for value in self.parameters])

    def __call__(self, length: ArrayLike) -> Any:
        """Return the modelled tension `T - f_ref` [N]: a float for a number, else an array of the lengths' shape."""
        return self._evaluate("tension", length)

    def energy(self, length: ArrayLike) -> Any:
        """Return the strain energy [N·mm], the integral of `T`, not of `T - f_ref`. Shapes as a call."""
        return self._evaluate("energy", length)

    def stiffness(self, length: ArrayLike) -> Any:
        """Return the derivative of the tension with respect to the length [N/mm]. Shapes as a call."""
        return self._evaluate("stiffness", length)

    def jac(self, length: ArrayLike) -> FloatArray:
        """Return the derivatives with respect to `[k, alpha, l_0, f_ref]`, shape (..., 4) for lengths (...)."""
        return np.asarray(self._evaluate("jac", length))

    def hess(self, length: ArrayLike) -> FloatArray:
        """Return the second derivatives with respect to the parameters, shape (..., 4, 4) for lengths (...)."""
        rows = np.asarray(self._evaluate("hess", length))
        return rows.reshape(*rows.shape[:-1], len(QUANTITIES), len(QUANTITIES))

    def _evaluate(self, what: str, length: ArrayLike) -> Any:
        at = np.asarray(length, dtype=float)
        values = _law_functions()[what](at, *self.parameters)
        if isinstance(values, list):
            return np.stack([np.broadcast_to(value, at.shape) for value in values], axis=-1)
        out = np.array(np.broadcast_to(values, at.shape), dtype=float)
        return out if at.ndim else float(out)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:g}" for name, value in zip(QUANTITIES, self.parameters, strict=True))
        return f"BlankevoortFunction({values})"


def numpy_code(symbols: Sequence[Any], expressions: Any) -> Any:
    """Turn SymPy expressions into one NumPy function, common subexpressions computed once."""
    return sp.lambdify(symbols, expressions, [{"select": _select}, "numpy"], cse=True)


def _select(conditions: Sequence[Any], values: Sequence[Any], default: float) -> Any:
    """Do what `numpy.select` does, in a quarter of its time on the short arrays of a laxity test."""
    out: Any = default
    for condition, value in zip(reversed(conditions), reversed(values), strict=True):
        out = value if condition is True else np.where(condition, value, out)
    return out


@lru_cache(maxsize=1)
def _law_functions() -> dict[str, Any]:
    """Compile the law, its derivatives and its energy for NumPy, once per process."""
    k, alpha, l_0, _ = LAW_SYMBOLS
    tension = law(LENGTH, LAW_SYMBOLS)
    s, toe = sp.Symbol("s", positive=True), alpha * l_0
    in_toe = sp.integrate(k * s**2 / (2 * toe), (s, 0, LENGTH - l_0))
    to_the_end = sp.integrate(k * s**2 / (2 * toe), (s, 0, toe))
    beyond = to_the_end + sp.integrate(k * (s - toe / 2), (s, toe, LENGTH - l_0))
    energy = sp.Piecewise((0, LENGTH - l_0 <= 0), (in_toe, LENGTH - l_0 <= toe), (beyond, True))
    jac = [sp.diff(tension, p) for p in LAW_SYMBOLS]
    expressions = {
        "tension": tension,
        "energy": energy,
        "stiffness": sp.diff(tension, LENGTH),
        "jac": jac,
        "hess": [sp.diff(first, p) for first in jac for p in LAW_SYMBOLS],
    }
    return {name: sp.lambdify((LENGTH, *LAW_SYMBOLS), value, "numpy", cse=True) for name, value in expressions.items()}
