"""What many trials say: whether the ranks of every quantity are those of a right program, and if not, in which way.

There are five checks of each quantity: its distribution function at all ranks, its mean rank, and the coverage of
three intervals. Each has the share of `ALARM` that all of them together leave it (Bonferroni), so a right program fails
with that chance at the most, whatever its quantities have to do with each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrate.texts import listed
from calibrate.validate.trial import Trial
from calibrate.validate.uniform import (
    DRAWS,
    INTERVALS,
    SEEN,
    Coverage,
    Sight,
    band,
    coverage,
    differences,
    distance_chance,
    mean_chance,
    offset,
    sight,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The chance that a right program fails, of all quantities and checks together.
ALARM = 0.05
CHECKS = 2 + len(INTERVALS)
# Fewer ranks than these say nothing.
FEWEST = 20
# Trials without an answer that a right program may have, as a share.
_LOST = 0.05
# Named at the most.
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Quantity:
    """One quantity's ranks, and what they say.

    Attributes
    ----------
    name, unit : str
        As in a summary.
    ranks : ndarray of int, shape (trials,)
        From 0 to `DRAWS`.
    missing : int
        In how many trials the true knee has no number for it.
    level : float
        The chance with which a right one may fail each of its checks.
    """

    name: str
    unit: str
    ranks: IntArray
    missing: int
    level: float

    @cached_property
    def differences(self) -> FloatArray:
        """The ranks' distribution function less the uniform one, shape (DRAWS,)."""
        return differences(self.ranks)

    @property
    def band(self) -> tuple[FloatArray, FloatArray]:
        """Between what the differences have to lie, all at once."""
        return band(len(self.ranks), self.level)

    @cached_property
    def coverages(self) -> tuple[Coverage, ...]:
        """How many truths the central intervals hold."""
        return tuple(coverage(self.ranks, percent, self.level) for percent in INTERVALS)

    @cached_property
    def chance(self) -> float:
        """The smallest chance of the checks: that uniform ranks would be as far off."""
        return min(distance_chance(self.ranks), mean_chance(self.ranks), *(each.chance for each in self.coverages))

    @property
    def passes(self) -> bool:
        """Whether all checks do."""
        return self.chance > self.level

    @property
    def fault(self) -> str:
        """In which way the posterior is off, if it is: the larger of the ranks' offset and of their spread's."""
        if self.passes:
            return ""
        u = (self.ranks + 0.5) / (DRAWS + 1) - 0.5
        # About their own mean: ranks that are all at one end are off, and not spread.
        spread = float(u.var() - 1.0 / 12.0) * math.sqrt(180.0 * len(u))
        if abs(offset(self.ranks)) >= abs(spread):
            return "estimates too low" if offset(self.ranks) > 0.0 else "estimates too high"
        return "intervals too narrow" if spread > 0.0 else "intervals too wide"

    def content(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        farthest = int(np.abs(self.differences).argmax())
        return {
            "name": self.name,
            "unit": self.unit,
            "passes": self.passes,
            "fault": self.fault,
            "chance": self.chance,
            "mean_rank": float(self.ranks.mean()) / DRAWS,
            "largest_difference": float(self.differences[farthest]),
            "coverage": {
                str(each.percent): {"share": each.share, "low": each.low, "high": each.high, "chance": each.chance}
                for each in self.coverages
            },
            "missing": self.missing,
            "ranks": self.ranks.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Validation:
    """The answer of all trials.

    Attributes
    ----------
    source : str
        The configuration or the run.
    over : {"prior", "posterior"}
        What truths are drawn from.
    seed : int
        Of all trials.
    trials : sequence of Trial
        By number.
    units : mapping of str to str
        Of the quantities, in the order of a summary.
    """

    source: str
    over: Literal["prior", "posterior"]
    seed: int
    trials: Sequence[Trial]
    units: dict[str, str]

    @cached_property
    def counted(self) -> list[Trial]:
        """The trials that have an answer."""
        return [trial for trial in self.trials if not trial.trouble]

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """All quantities, the worst first; none if no trial has an answer.

        What was known beforehand in every trial is none: a fixed stiffness is found again by anybody.
        """
        known = frozenset.intersection(*(trial.tied for trial in self.counted)) if self.counted else self.units.keys()
        units = {name: unit for name, unit in self.units.items() if name not in known}
        level = ALARM / (CHECKS * max(1, len(units)))

        def quantity(name: str, unit: str) -> Quantity:
            ranks = np.array([trial.ranks[name] for trial in self.counted], dtype=np.int64)
            return Quantity(name, unit, ranks, sum(name in trial.missing for trial in self.counted), level)

        return tuple(sorted((quantity(*item) for item in units.items()), key=lambda one: one.chance))

    @property
    def failing(self) -> list[Quantity]:
        """The quantities that are not as they should be."""
        return [one for one in self.quantities if not one.passes]

    @property
    def too_few(self) -> bool:
        """Whether too many trials have no answer for a verdict."""
        lost = len(self.trials) - len(self.counted)
        return len(self.counted) < FEWEST or lost > max(1.0, _LOST * len(self.trials))

    @property
    def passed(self) -> bool:
        """Whether there is a verdict, and it is a good one."""
        return not self.too_few and not self.failing

    @property
    def shown(self) -> Sight | None:
        """From where on so many knees show a fault; None if they are too few to show any."""
        return sight(len(self.counted), self.quantities[0].level) if len(self.counted) >= FEWEST else None

    @property
    def verdict(self) -> str:
        """The verdict in a sentence."""
        of = f"{len(self.counted)} knees from the {self.over}"
        if self.failing:
            named = listed([f"{one.name} ({one.fault})" for one in self.failing], _NAMED)
            return (
                f"not calibrated: of {len(self.quantities)} quantities {len(self.failing)} are not where {of} should "
                f"lie: {named}"
            )
        if self.too_few or self.shown is None:
            few = f"; with fewer than {FEWEST} nothing can be said" if len(self.counted) < FEWEST else ""
            return f"undecided: {len(self.counted)} of {len(self.trials)} fits have an answer{few}"
        return (
            f"no fault found: the ranks of all {len(self.quantities)} quantities are as even as those of {of} are by "
            f"chance; {len(self.counted)} knees show, in {10 * SEEN:.0f} of 10 cases or more, {_shows(self.shown)}, "
            f"and may miss less; a right program fails this check with a chance of {100 * ALARM:g} % at the most"
        )

    @property
    def lost(self) -> str:
        """Which trials have no answer, in words; empty if all have one."""
        reasons: dict[str, list[int]] = {}
        for trial in self.trials:
            if trial.trouble:
                reasons.setdefault(trial.trouble, []).append(trial.number)
        said = []
        for reason, numbers in reasons.items():
            more = ", ..." if len(numbers) > 2 * _NAMED else ""
            named = ", ".join(str(number) for number in numbers[: 2 * _NAMED])
            said.append(f"{reason} in {len(numbers)} of {len(self.trials)} (number {named}{more})")
        return "; ".join(said)

    def content(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "source": self.source,
            "over": self.over,
            "passed": self.passed,
            "verdict": self.verdict,
            "runs": len(self.trials),
            "counted": len(self.counted),
            "lost": [{"number": one.number, "reason": one.trouble} for one in self.trials if one.trouble],
            "draws": DRAWS,
            "seed": self.seed,
            "alarm": ALARM,
            "shown": None if self.shown is None else {"chance": SEEN, **asdict(self.shown)},
            "cpu_seconds": math.fsum(trial.seconds for trial in self.trials),
            "quantities": [one.content() for one in self.quantities],
        }


def _shows(seen: Sight) -> str:
    """Say which faults are found, each number rounded to the side of the larger fault."""
    wide = f"whose 50 % intervals hold more than {math.ceil(100 * seen.wide)} %, " if seen.wide < 1.0 else ""
    return (
        f"a quantity whose 90 % intervals hold fewer than {math.floor(100 * seen.narrow)} % of the truths, {wide}or "
        f"whose estimates are off by {math.ceil(100 * seen.shift) / 100:g} standard deviations of the posterior"
    )
