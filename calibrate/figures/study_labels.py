"""What quantities of a study are called in its pictures: parameters as everywhere, and what follows from them."""

from __future__ import annotations

from calibrate.figures.labels import strand_label, symbol
from calibrate.study.table import Quantity

_UNITS = {"deg": "\N{DEGREE SIGN}", "": "-"}
_LAXITIES = {"total": "laxity at ±10 N·m", "valgus": "valgus at 10 N·m", "varus": "varus at 10 N·m"}


def label_of(quantity: Quantity) -> str:
    r"""Return a quantity's label with its unit.

    A parameter's is its symbol, like "MCL $k$ [N/mm]"; what follows from parameters has words, like
    "flex60: laxity at ±10 N·m [°]".
    """
    unit = f" [{_UNITS.get(quantity.unit, quantity.unit)}]"
    test = f"{quantity.test}: " if quantity.test else ""
    if quantity.key.startswith("laxity_"):
        return f"{test}{_LAXITIES[quantity.key.split('_')[1]]}{unit}"
    strand, _, key = quantity.key.rpartition(".")
    if key == "stiffness_per_strain":
        return f"{test}{strand_label(strand)} stiffness per strain{unit}"
    try:
        return f"{test}{symbol(quantity.key)}{unit}"
    except KeyError:  # none that this version knows
        return f"{quantity.name}{unit}"
