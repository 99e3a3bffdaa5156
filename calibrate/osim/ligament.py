"""A ligament as OpenSim counts it: metres and newtons, stiffness per strain; `transition_strain` is alpha."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

LIGAMENT = "Blankevoort1991Ligament"
METRES = 1e-3


def properties(parameters: ArrayLike) -> dict[str, float]:
    """Return a ligament's values as OpenSim counts them, from `[k, alpha, l_0, f_ref]`; the tare has no place there."""
    k, alpha, l_0, _ = np.asarray(parameters, dtype=float).tolist()
    return {"linear_stiffness": k * l_0, "transition_strain": alpha, "slack_length": l_0 * METRES}
