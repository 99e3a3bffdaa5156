"""What several findings say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrate.problem.build import errors_of

if TYPE_CHECKING:
    from calibrate.bestfit import BestFit
    from calibrate.draws import Draws
    from calibrate.problem.laxity_test import LaxityTest


def of(draws: Draws, fit: BestFit) -> str:
    """Return what a sentence about one of several tests begins with."""
    return f"test {fit.test.name}: " if len(draws.posterior.tests) > 1 else ""


def chance(probability: float) -> str:
    """Say how probable something is in noise; one in a thousand is the least for it to be a chance."""
    return f"in noise as much with a probability of {max(probability, 1e-99):.0e}; below 0.001 it is no chance"


def errors(draws: Draws, test: LaxityTest) -> int:
    """Return the kind of a test's errors."""
    return errors_of(test, len(draws.posterior.table.parameters))


def infers_sigma(draws: Draws, test: LaxityTest) -> bool:
    """Tell whether the standard deviation of a test's errors is a free parameter."""
    return test.measurement.sigma is None and int(test.slots.errors[0]) in draws.posterior.table.columns.tolist()
