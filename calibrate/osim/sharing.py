"""One strand of ours shared out over several of a model's: who gets how much of the stiffness, and which slack length.

Ours is one line that stands for a bundle; a model may draw the same ligament as several lines side by side. What is
ours and what is theirs is settled so that nothing is made up:

- The law is ours. All of a ligament's strands get our transition strain, and `k l_0` [N per strain], which is the
  stiffness of all of them together, is shared out in proportion to the stiffness that they have now.
- How their strands differ is theirs. Each slack length is multiplied by the same number, `l_0` over the mean of their
  slack lengths weighted by stiffness; so that mean becomes ours, and every strand's stretch `L / slack`, at any pose,
  is divided by one number: a strand that was tauter than its neighbour still is, by the same ratio.

At a small strain the bundle then pulls like our strand if its strands are, on average, as long as ours. How long they
are is a matter of their attachments, which an update leaves alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from calibrate.osim.ligament import METRES, properties

_NUMBER = re.compile(rb"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,4})?\s*")


def number(text: bytes) -> float | None:
    """Return the number that a property says, None if it is none."""
    return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else None


def shared(parameters: ArrayLike, stiffness: Sequence[float], slack: Sequence[float]) -> list[dict[str, float]]:
    """Share one strand of ours out over several of a model's.

    Parameters
    ----------
    parameters : array_like, shape (4,)
        Our `[k, alpha, l_0, f_ref]`.
    stiffness, slack : sequence of float
        Their `linear_stiffness` [N] and `slack_length` [m], all positive.

    Returns
    -------
    list of dict
        Their new properties, in their order.
    """
    whole = properties(parameters)
    shares = np.asarray(stiffness) / np.max(stiffness)
    shares /= shares.sum()
    factor = whole["slack_length"] / float(shares @ np.asarray(slack))
    return [
        {
            "linear_stiffness": whole["linear_stiffness"] * share,
            "transition_strain": whole["transition_strain"],
            "slack_length": factor * length,
        }
        for share, length in zip(shares.tolist(), slack, strict=True)
    ]


def account(ours: str, names: Sequence[str], new: Sequence[Mapping[str, float]], old: Sequence[float]) -> str:
    """Return one line on what a strand of ours has become in the model.

    Parameters
    ----------
    ours : str
        Our strand's name.
    names : sequence of str
        Theirs.
    new : sequence of mapping
        Their new properties.
    old : sequence of float
        Their slack lengths [m] before; of a single strand it does not matter.
    """
    strain = f"transition strain {new[0]['transition_strain']:.4g}"
    if len(new) == 1:
        stiffness, slack = new[0]["linear_stiffness"], new[0]["slack_length"] / METRES
        return f"{ours}: '{names[0]}' has {stiffness:.4g} N per strain, {strain}, slack length {slack:.4g} mm"
    whole = sum(values["linear_stiffness"] for values in new)
    parts = ", ".join(f"{values['linear_stiffness']:.4g} to '{name}'" for name, values in zip(names, new, strict=True))
    mean = sum(values["linear_stiffness"] / whole * values["slack_length"] for values in new) / METRES
    return (
        f"{ours}: {whole:.4g} N per strain shared out as their stiffness was, {parts}; {strain}; "
        f"slack lengths times {new[0]['slack_length'] / old[0]:.4g}, their mean now {mean:.4g} mm"
    )
