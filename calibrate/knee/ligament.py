"""The Blankevoort ligament law in NumPy: tension, its derivatives and strain energy at given lengths.

Source: L. Blankevoort, R. Huiskes, J. Biomech. Eng. 113 (1991) 263, in the form of OpenSim's
`Blankevoort1991Ligament` without damping: quadratic in the toe, then linear, with `alpha` the transition strain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def tension(length: ArrayLike, k: ArrayLike, alpha: ArrayLike, l_0: ArrayLike) -> FloatArray:
    """Tension of a ligament; all arguments broadcast.

    With `e = length - l_0` and toe length `t = alpha l_0`: 0 for `e <= 0`, `k e^2 / (2 t)` up to `e = t`, then
    `k (e - t/2)`.

    Parameters
    ----------
    length : array_like
        Length [mm].
    k : array_like
        Stiffness of the linear region [N/mm], positive.
    alpha : array_like
        Transition strain [-], positive.
    l_0 : array_like
        Slack length [mm], positive.

    Returns
    -------
    ndarray
        Tension [N]; `f_ref` is not subtracted.
    """
    k, l_0 = np.asarray(k, dtype=float), np.asarray(l_0, dtype=float)
    elongation = np.asarray(length, dtype=float) - l_0
    toe = np.asarray(alpha, dtype=float) * l_0
    in_toe = np.clip(elongation, 0.0, toe)
    # (e in the toe, t beyond it) * (2 e - that) is e^2 in the toe and 2 t (e - t/2) beyond: one branch-free form.
    # Adding zero turns a slack ligament's -0 into 0.
    return np.asarray(k * in_toe * (2.0 * elongation - in_toe) / (2.0 * toe) + 0.0, dtype=float)


def stiffness(length: ArrayLike, k: ArrayLike, alpha: ArrayLike, l_0: ArrayLike) -> FloatArray:
    """Return the derivative of `tension` by the length [N/mm]; all arguments broadcast. It is continuous."""
    l_0 = np.asarray(l_0, dtype=float)
    share = (np.asarray(length, dtype=float) - l_0) / (np.asarray(alpha, dtype=float) * l_0)
    return np.asarray(np.asarray(k, dtype=float) * np.clip(share, 0.0, 1.0))


def gradient(length: ArrayLike, k: ArrayLike, alpha: ArrayLike, l_0: ArrayLike) -> FloatArray:
    """Return the derivatives of `tension` by `k`, `alpha` and `l_0`; all arguments broadcast.

    They are continuous; `calibrate.knee.precomputed` derives the same from the symbolic law, and the tests compare.

    Returns
    -------
    ndarray, shape (3, ...)
        In mm, N and N/mm.
    """
    k, alpha, l_0 = (np.asarray(a, dtype=float) for a in (k, alpha, l_0))
    elongation = np.asarray(length, dtype=float) - l_0
    toe = alpha * l_0
    in_toe = np.clip(elongation, 0.0, toe)
    half = in_toe**2 / (2.0 * toe)
    by_k = in_toe * (2.0 * elongation - in_toe) / (2.0 * toe)
    return np.stack(np.broadcast_arrays(by_k, -k * half / alpha, -k * (in_toe / toe + half / l_0)))


def energy(length: ArrayLike, k: ArrayLike, alpha: ArrayLike, l_0: ArrayLike) -> FloatArray:
    """Strain energy of a ligament, the integral of `tension` over the length; all arguments broadcast.

    `k e^3 / (6 t)` in the toe and `k t^2 / 6 + k (e - t) e / 2` beyond it.

    Returns
    -------
    ndarray
        Energy [N·mm].
    """
    k, l_0 = np.asarray(k, dtype=float), np.asarray(l_0, dtype=float)
    elongation = np.asarray(length, dtype=float) - l_0
    toe = np.asarray(alpha, dtype=float) * l_0
    in_toe = np.clip(elongation, 0.0, toe)
    beyond = np.maximum(elongation - toe, 0.0)
    return np.asarray(k * (in_toe**3 / (6.0 * toe) + beyond * elongation / 2.0))
